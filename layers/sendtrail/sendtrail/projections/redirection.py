"""Redirection: late news of somebody who was erased, led to where it belongs.

Events that come late, or come again, and whatever a copy of the log brings back, name the person.
The stream tells of each, so this is the one place where they are caught: what they made is moved
under the pseudonym, or deleted, and nothing else is told of the person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sendtrail.domain.bounces import complaint_is_a_drop
from sendtrail.domain.erasure import is_erased
from sendtrail.domain.events import Event, EventType
from sendtrail.domain.ids import participant_of_address
from sendtrail.domain.subscriptions import change_of
from sendtrail.domain.suppression import bears_on_suppression
from sendtrail.domain.times import Timestamp
from sendtrail.log.erasures import Erasures, RefusalReason
from sendtrail.log.moving import TrailMover

__all__ = ["Redirection"]

RowKey = tuple[str, str]


class Redirection:
    """Finds and moves it."""

    def __init__(self, erasures: Erasures, mover: TrailMover) -> None:
        self._erasures = erasures
        self._mover = mover

    def of(self, rows: Iterable[RowKey], events: Sequence[Event]) -> Mapping[RowKey, str]:
        """Where messages belong that are of people who were erased, by participant and id.

        One request, if one of them is older than the latest erasure, and it is not known yet that
        nobody was erased.

        Args:
            rows: of messages, which are new or have changed.
            events: in items of their own, which are new.
        """
        keys = {*rows, *((e.participant_id, e.message_id) for e in events if e.is_of_message)}
        return self._erasures.of_messages(key for key in keys if not is_erased(key[0]))

    def forgotten(self, events: Sequence[Event]) -> set[tuple[str, str]]:
        """Which records of people and addresses are of before their erasure, by trail and key."""
        return self._erasures.forgotten(event for event in events if not event.is_of_message)

    def move(self, names: Mapping[RowKey, str], events: Iterable[Event]) -> None:
        """Moves messages with their hits and choices; what refuses mail holds on by a hash.

        Args:
            names: as `of` gave it.
            events: of those messages, which are new.

        Raises:
            AwsError: some may have been moved; it may be repeated.
        """
        for event in events:
            key = (event.participant_id, event.message_id)
            if key in names:
                self._refuse(event)
        for (participant_id, message_id), pseudonym in sorted(names.items()):
            self._mover.move(participant_id, message_id, pseudonym)

    def forget(self, events: Iterable[Event]) -> None:
        """Deletes records of people and addresses."""
        for event in events:
            self._mover.forget(event)

    def _refuse(self, event: Event) -> None:
        """Has a complaint, a bounce or a choice hold that came after its person was erased."""
        at: Timestamp = event.at
        change = change_of(event)
        if change:
            for placeholder in change.placeholders:
                if change.unsubscribed:
                    self._erasures.refuse_late(placeholder, RefusalReason.UNSUBSCRIBED, at)
                else:
                    self._erasures.lift(placeholder, [RefusalReason.UNSUBSCRIBED])
        if event.address and bears_on_suppression(event) and not complaint_is_a_drop(event.detail):
            spammed = event.type is EventType.COMPLAINT
            reason = RefusalReason.SPAMMED if spammed else RefusalReason.BOUNCED
            self._erasures.refuse_late(participant_of_address(event.address), reason, at)
