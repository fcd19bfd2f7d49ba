"""History: what a participant was sent and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sendtrail.domain.ids import message_id_bounds, participant_of_address
from sendtrail.domain.message import Message, Status
from sendtrail.domain.participant import AddressUse, Participant, current_address
from sendtrail.domain.times import Timestamp
from sendtrail.errors import NotFoundError
from sendtrail.reading import queries
from sendtrail.reading.views import (
    address_view,
    event_view,
    link_views,
    message_view,
    participant_view,
)

__all__ = [
    "MessageFilter",
    "address",
    "addresses",
    "find_message",
    "message",
    "messages",
    "participant",
    "partitions",
    "profile",
]

View = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which messages of a history are wanted.

    Attributes:
        since, until: the times of sending, both included; by the key, so that they cost nothing.
    """

    status: Status | None = None
    kind: str | None = None
    since: Timestamp | None = None
    until: Timestamp | None = None

    @property
    def looks_at_each(self) -> bool:
        """Whether messages have to be looked at one by one."""
        return self.status is not None or self.kind is not None

    def __call__(self, message: Message) -> bool:
        """Whether a message passes what has no key."""
        return (self.status is None or message.status is self.status) and (
            self.kind is None or message.kind == self.kind
        )


def profile(participant_id: str) -> View:
    """A participant, with the address to write to and what holds against it.

    Raises:
        NotFoundError: nothing is known of them.
    """
    known, uses = participant(participant_id)
    use = current_address(uses)
    suppression = queries.suppression(use.address) if use else None
    return participant_view(known, use, suppression)


def addresses(participant_id: str) -> list[View]:
    """The history of a participant's addresses, the latest used first.

    Raises:
        NotFoundError: nothing is known of the participant.
    """
    _, uses = participant(participant_id)
    current = current_address(uses)
    suppressions = queries.suppressions_of(use.address for use in uses)
    uses.sort(key=lambda use: use.last_used_at or use.registered_at or "", reverse=True)
    return [address_view(use, suppressions.get(use.normal), current=use is current) for use in uses]


def address(participant_id: str, address: str) -> View:
    """One address of a participant's history.

    Raises:
        NotFoundError: they never had it.
    """
    _, uses = queries.participant(participant_id)
    use = queries.address(participant_id, address)
    if use is None:
        raise NotFoundError(f"participant {participant_id} never had the address {address}")
    current = current_address([*uses, use])
    same = current is not None and current.normal == use.normal
    return address_view(use, queries.suppression(address), current=same)


def messages(
    participant_id: str, wanted: MessageFilter, *, place: Any, limit: int
) -> tuple[list[View], Any]:
    """A page of a participant's history, newest first, and where to go on.

    Their own partition merged with those of the addresses that were registered to them.
    """
    found = queries.messages(
        _partitions(participant_id),
        between=message_id_bounds(wanted.since, wanted.until),
        place=place,
        limit=limit,
        wanted=wanted if wanted.looks_at_each else None,
    )
    return [message_view(each) for each in found.items], found.place


def message(participant_id: str, message_id: str) -> View:
    """One message of a participant's history, with its links and its trail.

    Raises:
        NotFoundError: it is not in their history.
    """
    found = find_message(participant_id, message_id)
    events, more = queries.trail(message_id)
    return message_view(found) | {
        "links": link_views(found),
        "events": [event_view(event, found) for event in events],
        "events_truncated": more,
    }


def find_message(participant_id: str, message_id: str) -> Message:
    """One message of a participant's history.

    Raises:
        NotFoundError: it is not in their history.
    """
    found = queries.message(_partitions(participant_id), message_id)
    if found is None:
        raise NotFoundError(f"participant {participant_id} has no message {message_id}")
    return found


def participant(participant_id: str) -> tuple[Participant, list[AddressUse]]:
    """What is known of a participant, and their addresses.

    Raises:
        NotFoundError: nothing is.
    """
    known, uses = queries.participant(participant_id)
    if known is None and not uses:
        raise NotFoundError(f"nothing is known of participant {participant_id}")
    return known or Participant(participant_id), uses


def _partitions(participant_id: str) -> list[str]:
    _, uses = queries.participant(participant_id)
    return partitions(participant_id, uses)


def partitions(participant_id: str, uses: list[AddressUse]) -> list[str]:
    """Where a participant's history is: in their own partition, and in those of the addresses that
    were registered to them.
    """
    placeholders = [participant_of_address(use.address) for use in uses if use.registered_at]
    return list(dict.fromkeys([participant_id, *placeholders]))
