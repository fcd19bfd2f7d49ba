"""All that is kept of a person, for them to have: a copy of their personal data (Regulation (EU)
2016/679, article 15(3)), as plain JSON (article 20).

It is what is stored, and not what pages show: every event with all its details, verdicts beside it.
What there may be much of, messages, comes by pages.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any, Final

from sendtrail.auth.staff_store import StaffStore
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.events import Event
from sendtrail.domain.hits import HITS
from sendtrail.domain.ids import (
    address_trail,
    message_id_bounds,
    participant_of_address,
    participant_trail,
)
from sendtrail.domain.judgement import verdicts
from sendtrail.domain.message import Message
from sendtrail.domain.participant import AddressUse, Participant
from sendtrail.domain.suppression import Suppression
from sendtrail.domain.times import now
from sendtrail.errors import NotFoundError
from sendtrail.log.items import event_from_item, message_partition
from sendtrail.log.trails import Trails
from sendtrail.projections.directory import Directory
from sendtrail.reading import queries
from sendtrail.reading.history import partitions_of
from sendtrail.reading.views import act_view, attachment_view, message_view
from sendtrail.sending.plan_store import PlanStore

__all__ = ["PersonExport"]

View = dict[str, Any]
Place = Any

FORMAT: Final = "sendtrail-person/1"
MAX_BYTES: Final = 3_000_000
"""From how many bytes on a page takes no further message: Lambda answers with 6 MB at most."""
_AT_ONCE: Final = 25


class PersonExport:
    """Reads all that is kept of people."""

    def __init__(
        self,
        db: DynamoDB,
        trails_table: str,
        *,
        trails: Trails,
        directory: Directory,
        plans: PlanStore,
        staff: StaffStore,
    ) -> None:
        """Reads the log, the directory, plans and acts of staff."""
        self._db = db
        self._table = trails_table
        self._trails = trails
        self._directory = directory
        self._plans = plans
        self._staff = staff

    def page(self, participant_id: str, place: Place = None) -> tuple[View, Place]:
        """A part of what is kept of a person, and the place to go on from; None at the end.

        Args:
            place: what this returned for the part before; None for the first, which has all that is
                kept of them but the rest of their messages.

        Returns:
            ``format``, ``exported_at``, ``participant_id`` and ``messages``, newest first; and in
            the first part ``profile``, ``addresses``, ``suppressions``, ``placeholders`` (what is
            known of those addresses by themselves), ``events`` (what was recorded of the person and
            their addresses) and ``acts`` (what staff did to them).

        Raises:
            NotFoundError: nothing is known of them.
        """
        known, uses = self._directory.participant(participant_id)
        partitions = partitions_of(participant_id, uses)
        messages, following = self._messages(partitions, place)
        if known is None and not uses and not messages and place is None:
            raise NotFoundError(f"nothing is known of participant {participant_id}")
        found: View = {
            "format": FORMAT,
            "exported_at": now(),
            "participant_id": participant_id,
        }
        if place is None:
            found |= self._first(participant_id, known, uses, partitions)
        return found | {"messages": messages}, following

    def whole(self, participant_id: str) -> View:
        """All that is kept of a person, however much that is.

        Raises:
            NotFoundError: nothing is known of them.
        """
        found, place = self.page(participant_id)
        while place is not None:
            more, place = self.page(participant_id, place)
            found["messages"] += more["messages"]
        return found

    def _first(
        self,
        participant_id: str,
        known: Participant | None,
        uses: list[AddressUse],
        partitions: list[str],
    ) -> View:
        addresses = sorted({use.normal for use in uses})
        ids = dict.fromkeys([*partitions, *map(participant_of_address, addresses)])
        suppressions = self._suppressions(addresses)
        trails = [participant_trail(each) for each in ids] + [address_trail(a) for a in addresses]
        return {
            "profile": _plain(known or Participant(participant_id)),
            "addresses": [_plain(use) for use in self._directory.with_last_use(uses)],
            "suppressions": [_plain(each) for each in suppressions],
            "placeholders": [
                _plain(each)
                for each in self._directory.profiles(each for each in ids if each != participant_id)
            ],
            "events": [_event(event) for trail in trails for event in self._trails.events(trail)],
            "acts": list(self._acts(set(ids))),
        }

    def _suppressions(self, addresses: list[str]) -> list[Suppression]:
        """Also those that were lifted."""
        found: list[Suppression] = []
        for start in range(0, len(addresses), 50):
            part = addresses[start : start + 50]
            _, known = self._directory.lookup(
                map(participant_of_address, part), part, consistent=True
            )
            found += known.values()
        return found

    def _acts(self, ids: set[str]) -> Iterator[View]:
        """What staff did to a person, newest first: all that staff did is looked through."""
        place: str | None = None
        while True:
            acts, place = self._staff.acts(place=place, limit=1_000)
            yield from (act_view(act) for act in acts if act.object_id in ids)
            if place is None:
                return

    def _messages(self, partitions: list[str], place: Place) -> tuple[list[View], Place]:
        found: list[View] = []
        size = 0
        page = queries.messages(
            partitions,
            between=message_id_bounds(None, None),
            place=place,
            limit=_AT_ONCE,
            wanted=None,
        )
        for message, in_row in page.items:
            view = self._message(message, in_row)
            found.append(view)
            size += len(json.dumps(view))
            if size > MAX_BYTES and message is not page.items[-1][0]:
                return found, message.message_id
        return found, page.place

    def _message(self, message: Message, in_row: Iterable[Event]) -> View:
        beside = list(self._beside(message))
        trail = {event.key: event for event in [*in_row, *beside]}
        judged = verdicts(event for event in beside if event.type in HITS)
        events = []
        for key in sorted(trail):
            view = _event(trail[key])
            if verdict := judged.get(key):
                view |= {"actor": verdict.actor.value, "actor_reason": verdict.reason.value}
            events.append(view)
        return message_view(message) | {"events": events, "planned": self._planned(message)}

    def _beside(self, message: Message) -> Iterator[Event]:
        start: dict[str, Any] | None = None
        while True:
            items, start = self._db.query(
                self._table, ("trail", message_partition(message.message_id)), start=start
            )
            for item in items:
                event = event_from_item(item)
                if event.participant_id == message.participant_id:
                    yield event
            if start is None:
                return

    def _planned(self, message: Message) -> View | None:
        """What was asked to be sent of a message: its content, and what was merged into it; None if
        that is not kept, or no more.
        """
        plan = self._plans.find(message.plan_id) if message.plan_id else None
        if plan is None:
            return None
        mine = (each for each in plan.all_messages if each.message_id == message.message_id)
        planned = next(mine, None)
        if planned is None:
            return None
        return {
            "address": planned.address,
            "subject": planned.subject,
            "data": dict(planned.data),
            "content": asdict(plan.content),
            "attachments": [attachment_view(each) for each in plan.attachments],
        }


def _event(event: Event) -> View:
    """An event, whole."""
    found = {
        "at": event.at,
        "type": event.type.value,
        "source": event.source.value,
        "participant_id": event.participant_id or None,
        "communication_id": event.communication_id,
        "address": event.address,
        "kind": event.kind,
        "subject": event.subject,
        "sent_at": event.sent_at,
        "detail": dict(event.detail),
    }
    return {name: value for name, value in found.items() if value not in (None, {})}


def _plain(value: Any) -> View:
    """A value of the domain as plain JSON; what is not known is left out."""
    plain: View = json.loads(json.dumps(asdict(value), default=sorted))
    return {name: each for name, each in plain.items() if each not in (None, {}, [])}
