"""A person's timeline: their messages, and what was recorded or found of them, newest first.

It merges the partitions of their messages with the trails of the same participants, and those of
their addresses. Each is read backwards from the place where the page begins, as many items of each
as the page has; the merged list is complete as far as the shortest of them reaches. What no trail
tells by itself is taken from rows: when an address was first written to, for what it is suppressed,
and the choice that holds, where a reader made it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from sendtrail.domain.events import Event, EventType, SuppressionReason
from sendtrail.domain.ids import (
    address_trail,
    message_id_bounds,
    participant_of_address,
    participant_trail,
    sent_time,
)
from sendtrail.domain.participant import AddressUse, Participant
from sendtrail.domain.suppression import Suppression
from sendtrail.domain.times import Timestamp
from sendtrail.errors import NotFoundError
from sendtrail.log.items import event_from_item, is_message_row
from sendtrail.projections.directory import Directory
from sendtrail.projections.items import message_from_item
from sendtrail.reading.history import partitions_of
from sendtrail.reading.views import actor_view, message_view

__all__ = ["MAX_ADDRESSES", "EntryType", "Timeline"]

View = dict[str, Any]
Place = Any

MAX_ADDRESSES: Final = 25
"""Of how many addresses the trails are read: those registered or used last."""


class EntryType(StrEnum):
    """What a timeline has."""

    MESSAGE = "Message"
    NAMED = "Named"
    ADDRESS_REGISTERED = "AddressRegistered"
    ADDRESS_USED = "AddressUsed"
    """The first message to an address."""
    INTERACTION = "Interaction"
    SUBSCRIPTION = "Subscription"
    INACTIVATED = "Inactivated"
    SUPPRESSED = "Suppressed"
    """An address: by staff, or since mail to it bounced or was marked as spam."""
    SUPPRESSION_LIFTED = "SuppressionLifted"


_OF_ONE_TIME: Final = 20
"""How many lines of one source and one millisecond may be on the page before."""
_TOLD: Final = {
    EventType.NAMED: EntryType.NAMED,
    EventType.ADDRESS_REGISTERED: EntryType.ADDRESS_REGISTERED,
    EventType.INTERACTION: EntryType.INTERACTION,
    EventType.SUBSCRIPTION: EntryType.SUBSCRIPTION,
    EventType.INACTIVATED: EntryType.INACTIVATED,
    EventType.SUPPRESSED: EntryType.SUPPRESSED,
    EventType.SUPPRESSION_LIFTED: EntryType.SUPPRESSION_LIFTED,
}


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line.

    Attributes:
        key: tells it from all others of the time.
    """

    at: Timestamp
    key: str
    type: EntryType
    message: View | None = None
    address: str | None = None
    detail: View = field(default_factory=dict)
    by: str | None = None

    @property
    def order(self) -> str:
        """The least is the oldest."""
        return f"{self.at}#{self.key}"

    def view(self) -> View:
        """As it looks from outside."""
        return {
            "at": self.at,
            "type": self.type.value,
            "message": self.message,
            "address": self.address,
            "detail": self.detail,
            "by": actor_view(self.by),
        }


class Timeline:
    """Reads timelines."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def page(self, participant_id: str, *, place: Place, limit: int) -> tuple[list[View], Place]:
        """A page of a participant's timeline, and the place to go on from; None at the end.

        Two requests; two for each partition of their messages, and one for each of at most
        `MAX_ADDRESSES` addresses.

        Raises:
            NotFoundError: nothing is known of them.
        """
        known, uses = self._directory.participant(participant_id)
        if known is None and not uses:
            raise NotFoundError(f"nothing is known of participant {participant_id}")
        person = known or Participant(participant_id)
        partitions = partitions_of(participant_id, uses)
        uses = sorted(uses, key=lambda use: use.registered_at or use.first_used_at or "")
        uses = uses[-MAX_ADDRESSES:]
        placeholders, suppressions = self._at(uses)
        until = place.partition("#")[0] if place else None
        high = f"{until}~" if until else "~"
        window = limit + _OF_ONE_TIME
        sources = self._directory.newest(
            {
                **dict.fromkeys(partitions, message_id_bounds(None, until)[1]),
                **dict.fromkeys(map(participant_trail, partitions), high),
                **dict.fromkeys((address_trail(use.address) for use in uses), high),
            },
            window,
        )
        found: dict[str, _Entry] = {}
        reach = ""
        for items in sources:
            part = [entry for item in items if (entry := _of_item(item))]
            if len(items) == window and part:
                reach = max(reach, part[-1].order)
            found |= {entry.order: entry for entry in part}
        for entry in _of_rows(person, uses, placeholders, suppressions):
            found.setdefault(entry.order, entry)
        orders = [order for order in sorted(found, reverse=True) if not place or order < place]
        page = [order for order in orders if order >= reach][:limit]
        more = len(orders) > len(page) or bool(reach)
        return [found[order].view() for order in page], page[-1] if more and page else None

    def _at(
        self, uses: Iterable[AddressUse]
    ) -> tuple[dict[str, Participant], dict[str, Suppression]]:
        addresses = [use.address for use in uses]
        if not addresses:
            return {}, {}
        return self._directory.lookup(
            map(participant_of_address, addresses), addresses, consistent=True
        )


def _of_item(item: dict[str, Any]) -> _Entry | None:
    """The line of an item of the log: a message's row, or an event; None if there is none of it."""
    if is_message_row(item):
        message = message_from_item(item)
        at, view = sent_time(message.message_id), message_view(message)
        return _Entry(at, f"1#{message.message_id}", EntryType.MESSAGE, view, message.address)
    event = event_from_item(item)
    kind = _TOLD.get(event.type)
    return _of_event(event, kind) if kind else None


def _of_event(event: Event, kind: EntryType) -> _Entry:
    detail = {name: value for name, value in event.detail.items() if name != "by"}
    if kind is EntryType.SUPPRESSED:
        detail["reason"] = SuppressionReason.MANUAL.value
    detail.pop("placeholders", None)
    by = event.detail.get("by")
    return _Entry(event.at, f"2#{event.key}", kind, None, event.address, detail, by)


def _of_rows(
    person: Participant,
    uses: Iterable[AddressUse],
    placeholders: dict[str, Participant],
    suppressions: dict[str, Suppression],
) -> Iterator[_Entry]:
    """What no trail of theirs tells."""
    choices = [person.subscription_change, *(each.choice_there for each in placeholders.values())]
    seen = set()
    for choice in choices:
        if choice and choice.by is None and choice.rank not in seen:
            seen.add(choice.rank)
            detail: View = {"subscribed": not choice.unsubscribed}
            if choice.participant_id not in (person.participant_id, ""):
                detail["participant_id"] = choice.participant_id
            key = f"0#choice#{choice.participant_id}"
            yield _Entry(choice.at, key, EntryType.SUBSCRIPTION, detail=detail)
    for use in uses:
        if use.first_used_at:
            key = f"0#used#{use.normal}"
            yield _Entry(use.first_used_at, key, EntryType.ADDRESS_USED, address=use.address)
    for suppression in suppressions.values():
        evidence = {**suppression.evidence}
        found = [(reason, each) for reason, each in evidence.items() if each.message_id]
        if suppression.soft:
            found.append((SuppressionReason.BOUNCED, suppression.soft))
        for reason, each in found:
            facts: View = {
                "reason": reason.value,
                "message_id": each.message_id,
                "participant_id": each.participant_id,
                "note": each.diagnostic,
            }
            key = f"3#suppressed#{reason.value}#{suppression.address}"
            address = suppression.address
            yield _Entry(each.at, key, EntryType.SUPPRESSED, address=address, detail=facts)
