"""URLs in HTTP headers."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

__all__ = ["in_a_header"]

_VISIBLE: Final = "".join(map(chr, range(0x21, 0x7F)))


def in_a_header(url: str) -> str:
    """The URL, with what a header cannot hold percent-encoded as browsers do (WHATWG URL standard,
    "percent-encode sets").
    """
    return quote(url, safe=_VISIBLE)
