"""Bounded, exact counts per link.

A mailing usually has a few links, but may have a different one for each recipient. At most
`MAX_LINKS` are counted individually, the rest together. The choice must not depend on the order in
which clicks arrive, so it is the links with the smallest keys: a link among the smallest of all is
among the smallest of any subset, is therefore never evicted, and its count is complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from sendtrail.domain.ids import digest

__all__ = [
    "LINK_KEY",
    "MAX_LINKS",
    "OTHER_LINKS",
    "countable",
    "counted_key",
    "counted_link",
    "kept",
    "link_key",
    "shown_url",
]

LINK_KEY: Final = "link_key"
"""The name, among the facts of a click of somebody who was erased, of the key it is counted by."""
MAX_LINKS: Final = 50
_MAX_SHOWN: Final = 1_000
OTHER_LINKS: Final = "~"
"""The key of all other links together; it sorts after every hex key."""

_T = TypeVar("_T")


def counted_link(detail: Mapping[str, Any]) -> str:
    """By what a click is counted: the link as the template has it, where each reader's URL is
    another; else its URL.

    Args:
        detail: of the click.
    """
    return str(detail.get("template_link") or detail.get("link") or "")


def counted_key(detail: Mapping[str, Any]) -> str:
    """The key by which a click is counted.

    Args:
        detail: of the click.
    """
    return str(detail.get(LINK_KEY) or link_key(counted_link(detail)))


def link_key(url: str) -> str:
    """The key of a URL: 16 hex characters."""
    return digest(url, length=16)


def shown_url(url: str) -> str:
    """The URL as figures show it: its first 1,000 bytes, so that a row with 50 links stays small.
    The key is that of the whole URL.
    """
    return url.encode("utf-8", "replace")[:_MAX_SHOWN].decode("utf-8", "ignore")


def countable(links: Iterable[str]) -> list[str]:
    """Those of a content's links that are noted before anybody follows one: short enough to be
    shown whole, and with the smallest keys.
    """
    short = {link_key(link): link for link in links if shown_url(link) == link}
    keep = kept(short)
    return [link for key, link in short.items() if key in keep]


def kept(keys: Iterable[str] | Mapping[str, _T]) -> set[str]:
    """The links that are counted individually: the `MAX_LINKS` smallest keys."""
    return set(sorted(key for key in keys if key != OTHER_LINKS)[:MAX_LINKS])
