"""Counts per link, of a bounded size and yet exact.

A mailing has a few links, but nothing stops it from having one of its own for each recipient. At
most `MAX_LINKS` are kept apart, and the rest are counted together. Which ones must not depend on
the order in which clicks arrive, so it is those with the smallest keys: a link among the smallest
of all is among the smallest of any part, so it is never pushed out, and its count is whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from sendtrail.domain.ids import digest

__all__ = ["MAX_LINKS", "OTHER_LINKS", "kept", "link_key", "shown_url"]

MAX_LINKS: Final = 50
_MAX_SHOWN: Final = 1_000
OTHER_LINKS: Final = "~"
"""The key of all other links together: greater than every hex key, and so never pushed out."""

_T = TypeVar("_T")


def link_key(url: str) -> str:
    """16 hex characters that stand for a URL."""
    return digest(url, length=16)


def shown_url(url: str) -> str:
    """The URL as figures show it: its first 1,000 bytes, so that a row of 50 stays small. The key
    is of the whole, and the log keeps more.
    """
    return url.encode("utf-8", "replace")[:_MAX_SHOWN].decode("utf-8", "ignore")


def kept(keys: Iterable[str] | Mapping[str, _T]) -> set[str]:
    """Which of these links are kept apart: the `MAX_LINKS` smallest keys, without the rest's."""
    return set(sorted(key for key in keys if key != OTHER_LINKS)[:MAX_LINKS])
