"""Event serialization: our own events as text, for the hits queue and for log lines, where they
wait until they can be written to the log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from sendtrail.domain.events import Event, EventType, Source
from sendtrail.domain.ids import is_communication_id, is_message_id, is_participant_id
from sendtrail.domain.times import parse
from sendtrail.errors import RejectedRecordError
from sendtrail.log.items import event_from_item, event_to_item

__all__ = ["serialize", "is_serialized_event", "deserialize"]

_NAME: Final = "sendtrail_event"
_BEGINNING: Final = f'{{"{_NAME}":'
_MAX_TEXT: Final = 100_000  # bytes; no header or URL is longer
_OF_REQUESTS: Final = frozenset({EventType.OPEN, EventType.CLICK, EventType.SUBSCRIPTION})
_IDENTITY: Final = re.compile(r"[0-9a-f]{12}")


def serialize(event: Event) -> str:
    """The event as text; `deserialize` reads it."""
    item = event_to_item(event, retention_days=0)
    item.pop("expires_at", None)  # set by whoever writes it to the log
    return _BEGINNING + json.dumps(item) + "}"


def is_serialized_event(text: object) -> bool:
    """Whether the text is an event serialized by us, rather than an SES notification."""
    return isinstance(text, str) and text.startswith(_BEGINNING)


def deserialize(text: str) -> Event:
    """The event in a text that `serialize` made.

    Raises:
        RejectedRecordError: the text is not one that `serialize` makes of an event of a request.
    """
    try:
        item = json.loads(text)[_NAME]
        event = event_from_item(item)
        if serialize(event) != text or not _is_of_a_request(event):
            raise RejectedRecordError("an event of ours that is not as we write them")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RejectedRecordError(f"not an event of ours: {error!r:.200}") from None
    return event


def _is_of_a_request(event: Event) -> bool:
    """Whether `Event.of_request` could have made the event, so that it can be projected.

    Raises:
        ValueError, TypeError: it could not.
    """
    made = Event(
        message_id=event.message_id,
        type=event.type,
        at=parse(event.at),
        identity=event.identity,
        participant_id=event.participant_id,
        communication_id=event.communication_id,
        source=Source.OWN,
        detail=event.detail,
    )
    return (
        made == event
        and event.type in _OF_REQUESTS
        and is_message_id(event.message_id)
        and is_participant_id(event.participant_id)
        and (event.communication_id is None or is_communication_id(event.communication_id))
        and _IDENTITY.fullmatch(event.identity) is not None
        and isinstance(event.detail, Mapping)
        and all(_is_fact(name, value) for name, value in event.detail.items())
    )


def _is_fact(name: str, value: Any) -> bool:
    """Whether an event's detail may have this name and value; most values are text.

    Raises:
        ValueError, TypeError: it may not.
    """
    if name == "sent_at":
        return bool(parse(value) == value)
    if name in ("position", "links"):
        return type(value) is int and 0 <= value < 10**9
    if name == "placeholders":
        return isinstance(value, list) and all(map(is_participant_id, value))
    if name == "subscribed":
        return isinstance(value, bool)
    return bool(name) and isinstance(value, str) and len(value.encode()) <= _MAX_TEXT
