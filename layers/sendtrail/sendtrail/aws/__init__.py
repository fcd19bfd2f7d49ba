"""The few calls to AWS that functions in a hurry make, without an SDK.

botocore costs several times as much, at start-up and per call (docs/decisions/0003). Requests are
signed by AWS's own `aws-sdk-signers` and sent over one kept-alive connection per thread; a test
holds them against botocore's, byte for byte.
"""
