"""What a change of the log tells that is new: the events of the item as it is now that it did not
have before.

An event is new by its identity: who writes the same event anew, in another version of an element,
tells nothing. An earlier hit that takes a slot is new, and so is a later choice.
"""

from __future__ import annotations

from typing import Any

from sendtrail.domain.erasure import is_erased
from sendtrail.domain.events import Event
from sendtrail.log.items import EVENT_PREFIX, TrailRow, event_from_item, is_message_row
from sendtrail.projections.items import EPOCH_ID
from sendtrail.projections.stream import Record

__all__ = ["Image", "image_of", "new_events"]

Image = TrailRow | Event | None
"""What an item of the log is to those outside: a message's row, an event, or nothing."""


def image_of(item: dict[str, Any]) -> Image:
    """The image of an item.

    Nothing is what was moved under a pseudonym, by erasing a person: it was told when it happened;
    and an event that is kept whole beside its row, which has it too.

    Raises:
        KeyError, ValueError: the item is not one of the log's.
    """
    if item["trail"] == EPOCH_ID or item["entry"].startswith(EVENT_PREFIX):
        return None
    found = TrailRow.of_item(item) if is_message_row(item) else event_from_item(item)
    return None if is_erased(found.participant_id) else found


def new_events(record: Record[Image]) -> list[Event]:
    """The events that a change added.

    Raises:
        KeyError, ValueError: an element is not one.
    """
    old, new = record.old, record.new
    if isinstance(new, Event):
        return [] if isinstance(old, Event) and old.key == new.key else [new]
    if new is None:
        return []
    known = old.elements if isinstance(old, TrailRow) else frozenset()
    added = _identities(new.elements - known) - _identities(known)
    return [event for event in new.decoded()[1] if event.key in added] if added else []


def _identities(elements: frozenset[str]) -> set[str]:
    return {element.partition("|")[0] for element in elements}
