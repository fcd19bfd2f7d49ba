"""The items of the table Trails, which is the log.

| trail (partition key) | entry (sort key) | is |
| --- | --- | --- |
| `<participant>` | `<message>` | a message's row: the elements of its trail, in a set |
| `message:<message>` | a slot's key (`domain.hits`) | the hit or choice that it holds |
| `message:<message>` | `event#<event's key>` | an event that is too long for the row |
| `participant:<id>`, `address:<address>`, `communication:<id>` | `<event's key>` | an event |

They are apart from the read models' items because functions that only write to the log start faster
without those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sendtrail.domain.events import Event, EventType
from sendtrail.domain.hits import is_slotted, slot_of
from sendtrail.domain.ids import is_participant_id, sent_time
from sendtrail.domain.times import epoch_ms
from sendtrail.log.elements import SHARED, VERSION, decode, event_of, facts_of

__all__ = [
    "EVENT_PREFIX",
    "OF_NO_COMMUNICATION",
    "TrailRow",
    "entry_of",
    "event_from_item",
    "event_to_item",
    "expires",
    "expires_at",
    "is_message_row",
    "listed_in",
    "message_partition",
]

Item = dict[str, Any]

EVENT_PREFIX: Final = "event#"
"""Begins the sort key of an event that is kept whole beside its message's row."""
_SHARED: Final = "shared"
"""The name, among a slot's facts, of what its event shares with others of its message."""
OF_NO_COMMUNICATION: Final = "~"
"""Begins what the index lists messages of no communication under, before their month."""
_DAY: Final = 24 * 3600


def message_partition(message_id: str) -> str:
    """The partition of what is kept of a message beside its row."""
    return f"message:{message_id}"


def expires_at(message_id: str, retention_days: int) -> int:
    """When all that is kept of a message expires, in seconds since 1970: a function of its id, so
    that all of it expires together.
    """
    return epoch_ms(sent_time(message_id)) // 1000 + retention_days * _DAY


def listed_in(communication_id: str | None, message_id: str) -> str:
    """Under what the index ``by_communication`` lists a message: its communication; or, if it is of
    none, ``~`` and the month of its id, which sorts after every communication.
    """
    return communication_id or OF_NO_COMMUNICATION + sent_time(message_id)[:7]


def expires(event: Event) -> bool:
    """Whether an event expires with its message. A reader's choice holds for longer than that."""
    return event.is_of_message and event.type is not EventType.SUBSCRIPTION


def is_message_row(item: Mapping[str, Any]) -> bool:
    """Whether an item is the row of a message."""
    return is_participant_id(item["trail"])


@dataclass(frozen=True, slots=True)
class TrailRow:
    """A message's row, as far as the log writes it."""

    participant_id: str
    message_id: str
    elements: frozenset[str]

    @classmethod
    def of_item(cls, item: Mapping[str, Any]) -> TrailRow:
        """The row in an item."""
        return cls(item["trail"], item["entry"], frozenset(item.get("events") or ()))

    def decoded(self) -> tuple[dict[str, Any], list[Event]]:
        """What its events agree on (attribute of events → value), and the events, oldest first.

        Raises:
            ValueError, KeyError: an element is not one.
        """
        return decode(self.participant_id, self.message_id, self.elements)


def entry_of(event: Event) -> str:
    """The sort key of an event that is an item of its own."""
    if not event.is_of_message:
        return event.key
    if is_slotted(event):
        return slot_of(event)
    return EVENT_PREFIX + event.key


def event_to_item(event: Event, retention_days: int) -> Item:
    """An event as an item of its own."""
    of_message = event.is_of_message
    shared = {name: value for name in SHARED.values() if (value := getattr(event, name))}
    detail = {**event.detail, _SHARED: shared} if shared else event.detail
    item: Item = {
        "trail": message_partition(event.message_id) if of_message else event.message_id,
        "entry": entry_of(event),
        "event": f"{event.key}|{VERSION}|{facts_of(replace(event, detail=detail))}",
    }
    if event.participant_id and not (of_message and is_slotted(event)):  # or its key ends with it
        item["participant_id"] = event.participant_id
    if expires(event):
        item["expires_at"] = expires_at(event.message_id, retention_days)
    return item


def event_from_item(item: Mapping[str, Any]) -> Event:
    """The event in an item of its own.

    Raises:
        KeyError, ValueError: the item is not a valid event.
    """
    identity, version, facts = item["event"].split("|", 2)
    if not 1 <= int(version) <= VERSION:
        raise ValueError(f"an event of the unknown version {version[:20]}")
    trail = item["trail"].removeprefix("message:")
    participant_id = item.get("participant_id")
    if participant_id is None and trail != item["trail"]:
        participant_id = item["entry"].rpartition("#")[2]
    found = event_of(identity, facts, trail, participant_id or "", {})
    detail = dict(found.detail)
    shared = detail.pop(_SHARED, {})
    return replace(found, detail=detail, **shared)
