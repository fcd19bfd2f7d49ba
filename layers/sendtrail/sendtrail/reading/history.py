"""Participants' histories: their messages, with status and trail, and their addresses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sendtrail.domain.erasure import is_erased
from sendtrail.domain.events import Event, EventType
from sendtrail.domain.hits import HITS
from sendtrail.domain.ids import message_id_bounds, participant_of_address
from sendtrail.domain.judgement import verdicts
from sendtrail.domain.links import counted_link, link_key, shown_url
from sendtrail.domain.message import Message
from sendtrail.domain.participant import AddressUse, Participant, current_address
from sendtrail.domain.suppression import Suppression
from sendtrail.errors import NotFoundError
from sendtrail.projections.directory import Directory, address_of
from sendtrail.reading import queries
from sendtrail.reading.message_filter import ALL_MESSAGES, MessageFilter
from sendtrail.reading.views import (
    address_view,
    event_view,
    link_views,
    message_view,
    participant_view,
)

__all__ = ["History", "partitions_of", "seen_active"]

View = dict[str, Any]


class History:
    """Histories of participants. Each method reads once what its parts have in common."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def profile(self, participant_id: str) -> View:
        """A participant, with their current address and its suppression.

        Raises:
            NotFoundError: nothing is known of them.
        """
        known, uses = self._participant(participant_id)
        return self._profile(known, uses, self._newest(participant_id, uses))

    def addresses(self, participant_id: str) -> tuple[View, list[View]]:
        """A participant, and the history of their addresses, latest used first; three requests, and
        one for each partition of their messages.

        Raises:
            NotFoundError: nothing is known of the participant.
        """
        known, uses = self._participant(participant_id)
        newest = self._newest(participant_id, uses)
        uses = self._directory.with_last_use(uses, newest)
        current = current_address(uses)
        suppressions = self._directory.suppressions_of(use.address for use in uses)
        uses.sort(key=lambda use: use.last_used_at or use.registered_at or "", reverse=True)
        views = [
            address_view(use, suppressions.get(use.normal), current=use is current) for use in uses
        ]
        suppression = suppressions.get(current.normal) if current else None
        address = current.address if current else address_of(newest)
        found = self._directory.profiles([participant_of_address(address)] if address else [])
        placeholder = found[0] if found else None
        return participant_view(
            seen_active(known, newest), current, placeholder, suppression
        ), views

    def address(self, participant_id: str, address: str) -> View:
        """One address of a participant's history.

        Raises:
            NotFoundError: they never had it.
        """
        _, uses = self._directory.participant(participant_id)
        use = self._directory.address(participant_id, address)
        if use is None:
            raise NotFoundError(f"participant {participant_id} never had the address {address}")
        uses = self._directory.with_last_use([*uses, use])
        current, use = current_address(uses), uses[-1]
        same = current is not None and current.normal == use.normal
        return address_view(use, self._directory.suppression(address), current=same)

    def messages(
        self, participant_id: str, wanted: MessageFilter, *, place: Any, limit: int
    ) -> tuple[list[View], Any]:
        """A page of a participant's messages, newest first, and the place to continue from.

        It merges their own partition with those of the placeholder participants of the addresses
        that are registered to them.
        """
        found = queries.messages(
            self._partitions(participant_id),
            between=message_id_bounds(wanted.since, wanted.until),
            place=place,
            limit=limit,
            wanted=wanted.wants if wanted.looks_at_each else None,
        )
        return [message_view(message) for message, _ in found.items], found.place

    def profile_and_messages(
        self,
        participant_id: str,
        *,
        place: Any,
        limit: int,
        opened: str | None,
        wanted: MessageFilter = ALL_MESSAGES,
    ) -> tuple[View, list[View], Any]:
        """A participant, a page of their messages, and the place to continue from.

        Three requests, one for each further address that is registered to them, one for each
        partition of their messages on a later page or with a filter, and one for the message that
        is opened.

        Args:
            place, limit: of the page.
            wanted: which messages.
            opened: the id of a message of this page whose view has links and trail, as in
                `message`.

        Raises:
            NotFoundError: nothing is known of the participant.
        """
        known, uses = self._participant(participant_id)
        found = queries.messages(
            partitions_of(participant_id, uses),
            between=message_id_bounds(wanted.since, wanted.until),
            place=place,
            limit=limit,
            wanted=wanted.wants if wanted.looks_at_each else None,
        )
        views = [
            _with_trail(message, events) if message.message_id == opened else message_view(message)
            for message, events in found.items
        ]
        newest = [message for message, _ in found.items]
        if place is not None or wanted != ALL_MESSAGES:
            newest = self._newest(participant_id, uses)
        return self._profile(known, uses, newest), views, found.place

    def message(self, participant_id: str, message_id: str) -> View:
        """One message of a participant's history, with its links and its trail.

        Raises:
            NotFoundError: it is not in their history.
        """
        return _with_trail(*self._find(participant_id, message_id))

    def find(self, participant_id: str, message_id: str) -> Message:
        """One message of a participant's history.

        Raises:
            NotFoundError: it is not in their history.
        """
        return self._find(participant_id, message_id)[0]

    def _find(self, participant_id: str, message_id: str) -> tuple[Message, list[Event]]:
        found = queries.message(self._partitions(participant_id), message_id)
        if found is None:
            raise NotFoundError(f"participant {participant_id} has no message {message_id}")
        return found

    def _was_erased(self, participant_id: str) -> bool:
        """Whether it is the pseudonym of somebody of whom there are messages, and nothing else."""
        newest = self._directory.newest_messages
        return is_erased(participant_id) and bool(newest(participant_id, 1))

    def _participant(self, participant_id: str) -> tuple[Participant, list[AddressUse]]:
        known, uses = self._directory.participant(participant_id)
        if known is None and not uses and not self._was_erased(participant_id):
            raise NotFoundError(f"nothing is known of participant {participant_id}")
        return known or Participant(participant_id), uses

    def _profile(self, known: Participant, uses: list[AddressUse], newest: list[Message]) -> View:
        use = current_address(self._directory.with_last_use(uses, newest))
        return participant_view(seen_active(known, newest), use, *self._at(use, newest))

    def _at(
        self, use: AddressUse | None, newest: list[Message]
    ) -> tuple[Participant | None, Suppression | None]:
        """What is known of the address to write to, or else of that of the newest message."""
        address = use.address if use else address_of(newest)
        if address is None:
            return None, None
        placeholder, suppression = self._directory.at_address(address)
        return placeholder, suppression if use else None

    def _newest(self, participant_id: str, uses: list[AddressUse]) -> list[Message]:
        return [
            message
            for partition in partitions_of(participant_id, uses)
            for message in self._directory.newest_messages(partition)
        ]

    def _partitions(self, participant_id: str) -> list[str]:
        _, uses = self._directory.participant(participant_id)
        return partitions_of(participant_id, uses)


def partitions_of(participant_id: str, uses: list[AddressUse]) -> list[str]:
    """The partitions of a participant's history: their own, and those of the placeholder
    participants of the addresses that are registered to them.
    """
    placeholders = [participant_of_address(use.address) for use in uses if use.registered_at]
    return list(dict.fromkeys([participant_id, *placeholders]))


def seen_active(known: Participant, newest: Iterable[Message]) -> Participant:
    """The participant, with the last open or click by a person that their newest messages show."""
    for message in newest:
        known = known.active(message.engagement.total.last_human_at)
    return known


def _with_trail(message: Message, in_row: list[Event]) -> View:
    """A message with its links and its trail, oldest first.

    Args:
        in_row: the events in its row.
    """
    beside, more = queries.beside(message)
    # An event that is too long for the row is shortened there, and whole beside it.
    trail = {event.key: event for event in in_row} | {event.key: event for event in beside}
    urls = {
        link_key(url): shown_url(url)
        for event in beside
        if event.type is EventType.CLICK and (url := counted_link(event.detail))
    }
    judged = verdicts(event for event in beside if event.type in HITS)
    return message_view(message) | {
        "links": link_views(message, urls),
        "events": [event_view(trail[key], message, judged.get(key)) for key in sorted(trail)],
        "events_truncated": more,
    }
