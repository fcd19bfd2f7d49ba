"""Direct messages: those that belong to no communication (invoices, contracts, letters).

The log's index lists them by the month of their ids. Their problems are listed in the same way in
the table Communications, one by one, so that a filter for a problem reads nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, Final, NamedTuple

from sendtrail.domain.ids import message_id_bounds, sent_time
from sendtrail.domain.message import Message, Status
from sendtrail.domain.times import now
from sendtrail.log.items import OF_NO_COMMUNICATION
from sendtrail.projections.items import DIRECT, MONTHS_ID, PROBLEM_PREFIX, message_from_item
from sendtrail.reading.message_filter import MessageFilter
from sendtrail.reading.models import CommunicationRow, TrailItem, item_of

__all__ = ["DIRECT_LOOKED_AT", "DirectMessages", "direct_messages"]

Key = tuple[str, str]
"""A participant, and their message."""

DIRECT_LOOKED_AT: Final = 200
"""How many messages a filter without an index examines for one page, and how many problems."""
_MAX_MONTHS: Final = 12
"""How many months are walked for one page, with a request for each."""
_BATCH: Final = 100


class DirectMessages(NamedTuple):
    """A page of direct messages.

    Attributes:
        items: newest first.
        place: the id below which to continue; None at the end.
        kinds: that direct messages have had, the first hundred that there were.
    """

    items: list[Message]
    place: str | None
    kinds: list[str]


def direct_messages(wanted: MessageFilter, *, place: Any, limit: int) -> DirectMessages:
    """A page of the messages of no communication, newest first.

    One request for the months that have any, one for each of at most `_MAX_MONTHS` that are walked,
    and one for each hundred messages looked at: as many as the page has, or, with a filter, at most
    `DIRECT_LOOKED_AT`. So a page with a filter may come back short, with a place to continue from.
    """
    noted = next(iter(CommunicationRow.batch_get([(MONTHS_ID, DIRECT)])), None)
    kinds = sorted(noted.kinds or ()) if noted else []
    months = _months((noted.months or ()) if noted else (), wanted, place)
    walked = months[:_MAX_MONTHS]
    after = _beginning(walked[-1]) if len(months) > len(walked) else None

    low, high = message_id_bounds(wanted.since, wanted.until)
    high = min(high, place or high)
    window = DIRECT_LOOKED_AT if wanted.looks_at_each else limit
    listed = (_listed(month, wanted.listed_as, low, high, window + 2) for month in walked)
    keys = list(islice((key for key in chain.from_iterable(listed) if key[1] != place), window + 1))
    if len(keys) > window:
        after = keys[window - 1][1]
    items: list[Message] = []
    for message in _read(keys[:window]):
        if len(items) == limit:
            return DirectMessages(items, items[-1].message_id, kinds)
        if (
            message
            and message.has_recipient
            and not message.communication_id
            and wanted.wants(message)
        ):
            items.append(message)
    return DirectMessages(items, after, kinds)


def _months(noted: Iterable[str], wanted: MessageFilter, place: str | None) -> list[str]:
    """The months to walk, newest first: those that have any, and this one, which may have its
    first.
    """
    since = (wanted.since or "")[:7]
    until = min((wanted.until or "~")[:7], sent_time(place)[:7] if place else "~")
    return [each for each in sorted({*noted, now()[:7]}, reverse=True) if since <= each <= until]


def _beginning(month: str) -> str:
    """The least message id of a month."""
    return message_id_bounds(f"{month}-01T00:00:00.000Z", None)[0]


def _listed(month: str, problem: Status | None, low: str, high: str, limit: int) -> Iterator[Key]:
    """What is listed of a month between two ids, newest first.

    Args:
        problem: whose list is read; None for that of all messages.
        limit: how much of it is read.
    """
    place = OF_NO_COMMUNICATION + month
    if problem is None:
        rows = TrailItem.by_communication.query(
            place, TrailItem.entry.between(low, high), scan_index_forward=False, limit=limit
        )
        yield from ((row.trail, row.entry) for row in rows)
        return
    listed = f"{PROBLEM_PREFIX}{problem}#"
    problems = CommunicationRow.query(
        place,
        CommunicationRow.part.between(listed + low, listed + high),
        scan_index_forward=False,
        limit=limit,
    )
    yield from ((row.participant_id, row.part.rpartition("#")[2]) for row in problems)


def _read(keys: Sequence[Key]) -> Iterator[Message | None]:
    """The messages of keys, in their order; a hundred are read at a time, as they are needed."""
    for start in range(0, len(keys), _BATCH):
        some = keys[start : start + _BATCH]
        found = {
            (row.trail, row.entry): message_from_item(item_of(row))
            for row in TrailItem.batch_get(some)
        }
        yield from (found.get(key) for key in some)
