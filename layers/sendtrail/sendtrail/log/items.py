"""Events as items of the log.

They are apart from the other items because functions that only write to the log start faster
without those.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sendtrail.domain.events import Event, EventType, Source
from sendtrail.domain.times import epoch_ms

__all__ = ["event_from_item", "event_to_item"]

Item = dict[str, Any]


def event_to_item(event: Event, retention_days: int) -> Item:
    """The event as an item of the log.

    Args:
        retention_days: how long after it happened an event of a message expires; others do not.
    """
    item: Item = {
        "message_id": event.message_id,
        "event_key": event.key,
        "source": event.source.value,
    }
    for name in _EVENT_TEXTS:
        value = getattr(event, name)
        if value:
            item[name] = value
    if event.detail:
        item["detail"] = dict(event.detail)
    if event.is_of_message:
        item["expires_at"] = epoch_ms(event.at) // 1000 + retention_days * 24 * 3600
    return item


def event_from_item(item: Mapping[str, Any]) -> Event:
    """The event in an item of the log.

    Raises:
        KeyError, ValueError: the item is not a valid event.
    """
    key = item["event_key"]
    at, event_type, identity = key.split("#", 2)
    return Event(
        message_id=item["message_id"],
        type=EventType(event_type),
        at=at,
        identity=identity,
        participant_id=item.get("participant_id", ""),
        communication_id=item.get("communication_id"),
        address=item.get("address"),
        kind=item.get("kind"),
        subject=item.get("subject"),
        sent_at=item.get("sent_at"),
        source=Source(item["source"]),
        detail=item.get("detail", {}),
    )


_EVENT_TEXTS: Final = (
    "participant_id",
    "communication_id",
    "address",
    "kind",
    "subject",
    "sent_at",
)
