"""Bursts: links that were followed faster than a person can.

A gateway that scans mail follows its links one after another, and may claim to be any browser. In
836 measured bursts the median began 43 seconds after sending, so that no window after sending finds
them; but no person follows three different links within two seconds, or most of a mail's links
within ten. It is a pure function of the set of hits: their order and repetition change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sendtrail.domain.events import Event, EventType
from sendtrail.domain.hits import CLIENT, LINKS
from sendtrail.domain.times import epoch_ms

__all__ = ["burst_keys"]

LINKS_AT_LEAST: Final = 3
"""How many different links make a burst, at least."""
QUICK_MS: Final = 2_000
"""Within which so many are one."""
SLOW_MS: Final = 10_000
"""Within which most of a mail's links are one."""


def burst_keys(hits: Iterable[Event]) -> frozenset[str]:
    """The keys of those of a bucket's hits that are of a burst: clicks on different links faster
    than a person, and whatever the same client fetched from a little before the first of them to a
    little after the last.
    """
    ordered = sorted(hits, key=lambda hit: hit.key)
    clicks = [hit for hit in ordered if hit.type is EventType.CLICK and hit.detail.get("link")]
    times = [epoch_ms(hit.at) for hit in clicks]
    found: set[str] = set()
    for span in (QUICK_MS, SLOW_MS):
        last = 0
        for first, began in enumerate(times):
            last = max(last, first)
            while last + 1 < len(times) and times[last + 1] - began <= span:
                last += 1
            window = clicks[first : last + 1]
            if _is_burst(window, span):
                found |= {hit.key for hit in window}
                found |= _beside(ordered, window)
    return frozenset(found)


def _is_burst(window: Sequence[Event], span: int) -> bool:
    different = len({hit.detail["link"] for hit in window})
    if span == QUICK_MS:
        return different >= LINKS_AT_LEAST
    links = max((_whole(hit.detail.get(LINKS)) for hit in window), default=0)
    return different >= LINKS_AT_LEAST and different * 2 > links > 0


def _beside(hits: Sequence[Event], window: Sequence[Event]) -> set[str]:
    """The keys of the other hits by a client of a burst, while it lasts."""
    clients = {_client(hit) for hit in window}
    since, until = epoch_ms(window[0].at) - QUICK_MS, epoch_ms(window[-1].at) + QUICK_MS
    return {
        hit.key for hit in hits if since <= epoch_ms(hit.at) <= until and _client(hit) in clients
    }


def _client(hit: Event) -> tuple[object, object]:
    if CLIENT in hit.detail:  # of somebody who was erased
        return hit.detail[CLIENT], None
    return hit.detail.get("ip"), hit.detail.get("user_agent")


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
