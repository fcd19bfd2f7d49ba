"""The few calls to AWS that functions in a hurry make, without an SDK.

botocore costs several times as much, at start-up and per call (docs/decisions/0003). Requests are
signed here and sent over one kept-alive connection per thread (docs/decisions/0015); tests hold
them against botocore's, byte for byte.
"""
