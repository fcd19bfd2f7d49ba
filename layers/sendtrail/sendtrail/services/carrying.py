"""Our own events as text: how one waits in the ingest queue, or in a line of a log, until it can be
written.
"""

from __future__ import annotations

import json
from typing import Final

from sendtrail.domain.events import Event
from sendtrail.errors import RejectedRecordError
from sendtrail.storage.event_items import event_from_item, event_to_item

__all__ = ["carried", "is_carried", "unpacked"]

_NAME: Final = "sendtrail_event"
_BEGINNING: Final = f'{{"{_NAME}":'


def carried(event: Event) -> str:
    """The event as text."""
    item = event_to_item(event, retention_days=0)
    item.pop("expires_at", None)  # whoever writes it knows how long it is kept
    return _BEGINNING + json.dumps(item) + "}"


def is_carried(text: object) -> bool:
    """Whether a text is an event of ours, and nothing that SES says."""
    return isinstance(text, str) and text.startswith(_BEGINNING)


def unpacked(text: str) -> Event:
    """The event that a text carries.

    Raises:
        RejectedRecordError: it is none that we wrote.
    """
    try:
        item = json.loads(text)[_NAME]
        event = event_from_item(item)
        if carried(event) != text:
            raise RejectedRecordError("an event of ours that is not as we write them")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RejectedRecordError(f"not an event of ours: {error!r:.200}") from None
    return event
