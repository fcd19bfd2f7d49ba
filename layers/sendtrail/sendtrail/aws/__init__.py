"""Thin AWS clients, without an SDK, for latency-sensitive functions.

botocore costs several times as much, at start-up and per call (docs/decisions/0003). Requests are
signed here and sent over one kept-alive connection per thread (docs/decisions/0015); tests compare
them with botocore's, byte for byte.
"""
