"""Trails: the event log, an append-only set of events.

Appending is idempotent and free of order, and reads nothing: a message's events join the set in its
row, and hits and choices meet in their slots.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.events import Event, EventType
from sendtrail.domain.hits import is_slotted
from sendtrail.errors import AwsError, ConditionFailedError
from sendtrail.log.elements import encode, is_whole, least
from sendtrail.log.items import (
    TrailRow,
    event_from_item,
    event_to_item,
    expires,
    expires_at,
    is_message_row,
    listed_in,
    message_partition,
)

__all__ = ["PutBack", "Trails"]

Item = dict[str, Any]
Key = tuple[str, str]

_ADD_NAMES: Final = {"#events": "events", "#expires": "expires_at", "#listed": "listed_in"}
_ADD: Final = (
    "ADD #events :events SET #expires = :expires, #listed = if_not_exists(#listed, :listed)"
)
_EARLIER: Final = "attribute_not_exists(#event) OR #event > :event"
_LATER: Final = "attribute_not_exists(#event) OR #event < :event"
_ABSENT: Final = "attribute_not_exists(#event)"


class PutBack(StrEnum):
    """What came of an item of a copy that was to be put back."""

    MESSAGES = "messages"
    """A message's row: it was not there, or lacked elements."""
    HITS = "hits and choices"
    EVENTS = "other events"
    THERE = "there already"
    EXPIRED = "expired"
    UNREADABLE = "unreadable"


@dataclass(slots=True)
class _Write:
    """One item to write, and the numbers of the events that it is of."""

    do: Callable[[], None]
    events: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Row:
    """What is to be added to a message's row."""

    elements: set[str] = field(default_factory=set)
    communication_id: str | None = None
    events: list[int] = field(default_factory=list)


class Trails:
    """Appends and reads events."""

    def __init__(self, db: DynamoDB, table: str, *, retention_days: int) -> None:
        """Writes to `table`; events of a message expire `retention_days` after its id's time."""
        self._db = db
        self._table = table
        self._retention_days = retention_days

    def append(self, events: Iterable[Event]) -> None:
        """Appends any number of events, in any order; idempotent.

        Raises:
            AwsError: some may have been written; appending them again is safe.
        """
        for error in self.append_each(list(events)):
            if error:
                raise error

    def append_each(self, events: Sequence[Event]) -> list[AwsError | None]:
        """Appends events, each on its own: one that cannot be written holds up no other.

        Nothing is written of messages that have expired, lest a late event makes their row anew.

        Returns:
            for each event why it may not have been written; None if it was.
        """
        writes = self._writes(events)
        found: list[AwsError | None] = [None] * len(events)

        def write(each: _Write) -> AwsError | None:
            try:
                each.do()
            except ConditionFailedError:
                pass  # the key holds an earlier hit, a later choice, or the same event
            except AwsError as error:
                return error
            return None

        for each, error in zip(writes, self._db.at_once(write, writes), strict=True):
            for number in each.events:
                found[number] = found[number] or error
        return found

    def put_back(self, items: Sequence[Item]) -> Counter[PutBack]:
        """Puts what is missing back from a copy of the log, while events are appended; idempotent.

        A row gets the elements that it lacks, a slot the hit or choice that it would hold had it
        got both, and an event of its own is written if it is not there. Only events are taken from
        the copy: what was judged, listed and counted follows from them. What has expired is left.

        Args:
            items: of the copy, of distinct keys, in any order, split anywhere.

        Returns:
            how many items came to what.

        Raises:
            AwsError: some may have been put back; all of it may be repeated.
        """
        found: Counter[PutBack] = Counter()
        events: dict[Key, tuple[Item, Event | None]] = {}
        now = time.time()
        for item in items:
            try:
                event = None if is_message_row(item) else event_from_item(item)
                message_id = event.message_id if event else item["entry"]
                of_message = event is None or expires(event)
                if of_message and expires_at(message_id, self._retention_days) <= now:
                    found[PutBack.EXPIRED] += 1
                    continue
                least(item.get("events") or ())
            except (KeyError, ValueError, TypeError, IndexError):
                found[PutBack.UNREADABLE] += 1
                continue
            events[item["trail"], item["entry"]] = item, event
        keys = [{"trail": trail, "entry": entry} for trail, entry in events]
        known = {
            (item["trail"], item["entry"]): item for item in self._db.get_all(self._table, keys)
        }

        def put(key: Key) -> PutBack:
            item, event = events[key]
            if event is None:
                return self._put_back_row(item, known.get(key, {}))
            return self._put_back_event(item, event, known.get(key))

        found.update(self._db.at_once(put, list(events)))
        return found

    def _put_back_row(self, item: Item, known: Item) -> PutBack:
        """Adds to a message's row what it lacks of that in the copy."""
        elements = TrailRow.of_item(item).elements
        missing = elements - (known.get("events") or frozenset())
        if not missing:
            return PutBack.THERE
        row = _Row(set(missing), least(elements).get("communication"))
        self._add((item["trail"], item["entry"]), row)
        return PutBack.MESSAGES

    def _put_back_event(self, item: Item, event: Event, known: Item | None) -> PutBack:
        """Writes an item of the copy, unless there is one that stays."""
        only = _condition(event) or _ABSENT
        if known and (only == _ABSENT or _stays(only, item, known) is known):
            return PutBack.THERE
        item = {name: value for name, value in item.items() if name != "expires_at"}
        if expires(event):
            item["expires_at"] = expires_at(event.message_id, self._retention_days)
        try:
            self._put(item, only)
        except ConditionFailedError:
            return PutBack.THERE
        return PutBack.HITS if event.is_of_message and only != _ABSENT else PutBack.EVENTS

    def in_row(self, participant_id: str, message_id: str) -> list[Event]:
        """The events in a message's row, oldest first, strongly consistently."""
        item = self._db.get(self._table, {"trail": participant_id, "entry": message_id})
        return TrailRow.of_item(item).decoded()[1] if item else []

    def slots(self, message_id: str, prefix: str, limit: int) -> list[Event]:
        """The hits or choices in a message's slots whose keys begin with `prefix`, in order of the
        keys, strongly consistently; the first `limit`.
        """
        items: list[Item] = []
        start: Item | None = None
        while len(items) < limit:
            page, start = self._db.query(
                self._table,
                ("trail", message_partition(message_id)),
                begins=("entry", prefix),
                start=start,
                limit=limit - len(items),
            )
            items += page
            if start is None:
                break
        return [event_from_item(item) for item in items]

    def events(self, trail: str) -> Iterator[Event]:
        """The events of a participant's, address's or communication's trail, oldest first, strongly
        consistently, page by page.
        """
        start: Item | None = None
        while True:
            items, start = self._db.query(self._table, ("trail", trail), start=start)
            yield from (event_from_item(item) for item in items)
            if start is None:
                return

    def _writes(self, events: Sequence[Event]) -> list[_Write]:
        rows: dict[Key, _Row] = {}
        items: dict[tuple[str, str], tuple[Item, str | None, list[int]]] = {}
        now = time.time()
        for number, event in enumerate(events):
            if expires(event) and expires_at(event.message_id, self._retention_days) <= now:
                continue
            if event.is_of_message and not is_slotted(event):
                row = rows.setdefault((event.participant_id, event.message_id), _Row())
                row.elements.update(encode(event))
                row.communication_id = row.communication_id or event.communication_id
                row.events.append(number)
                if is_whole(event):
                    continue
            self._collect(items, event, number)
        return [
            *(_Write(partial(self._add, key, row), row.events) for key, row in rows.items()),
            *(
                _Write(partial(self._put, item, only), numbers)
                for item, only, numbers in items.values()
            ),
        ]

    def _collect(
        self,
        items: dict[Key, tuple[Item, str | None, list[int]]],
        event: Event,
        number: int,
    ) -> None:
        """Adds the item of an event; of several for one key, that which holds it is kept: in a slot
        the earliest hit, or the latest choice; else the least, as of elements. So one transaction
        that two record is one event, whoever's record comes first.
        """
        item = event_to_item(event, self._retention_days)
        only = _condition(event)
        key = item["trail"], item["entry"]
        known, _, numbers = items.get(key, (item, only, []))
        numbers.append(number)
        items[key] = _stays(only, item, known), only, numbers

    def _add(self, key: Key, row: _Row) -> None:
        """Adds elements to a message's row."""
        participant_id, message_id = key
        self._db.update(
            self._table,
            {"trail": participant_id, "entry": message_id},
            update=_ADD,
            names=_ADD_NAMES,
            values={
                ":events": row.elements,
                ":expires": expires_at(message_id, self._retention_days),
                ":listed": listed_in(row.communication_id, message_id),
            },
        )

    def _put(self, item: Item, only: str | None) -> None:
        """Writes an item; with a condition only if its key holds nothing that stays.

        Raises:
            ConditionFailedError: the key holds something that stays.
        """
        if only is None:
            self._db.put_all(self._table, [item])
        else:
            self._db.put(
                self._table,
                item,
                condition=only,
                names={"#event": "event"},
                values={":event": item["event"]} if ":event" in only else None,
            )


def _condition(event: Event) -> str | None:
    """On what an event that is an item of its own is written; None if it always is. Of a message
    those in slots: the earliest hit, or the latest choice. Of no message all: the least.
    """
    if event.is_of_message and not is_slotted(event):
        return None
    later = event.is_of_message and event.type is EventType.SUBSCRIPTION
    return _LATER if later else _EARLIER


def _stays(only: str | None, item: Item, known: Item) -> Item:
    """Which of two items of one key stays, of those that are written on this condition: the one
    that is known, if they are the same.
    """
    better = max if only == _LATER else min
    return better(known, item, key=lambda each: str(each["event"]))
