"""URLs as they travel."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

__all__ = ["in_a_header"]

_VISIBLE: Final = "".join(map(chr, range(0x21, 0x7F)))


def in_a_header(url: str) -> str:
    """The URL as it is, but for what a header cannot hold: that is percent-encoded, as a browser
    does (WHATWG URL standard, "percent-encode sets").
    """
    return quote(url, safe=_VISIBLE)
