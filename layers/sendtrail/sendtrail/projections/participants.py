"""The projection of the log's events into participants, addresses and suppressions.

All of these are joins (see the domain's modules): applying events is commutative and idempotent,
so no checkpoints are needed. What staff record is applied at once through the same code, and again
when the stream delivers it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.events import Event, EventType
from sendtrail.domain.ids import UNATTRIBUTED, normal_address, participant_of_address
from sendtrail.domain.participant import (
    AddressUse,
    Participant,
    fold_address,
    fold_participant,
)
from sendtrail.domain.subscriptions import change_of
from sendtrail.domain.suppression import Suppression, bears_on_suppression, fold_suppression
from sendtrail.domain.times import Timestamp
from sendtrail.projections.items import (
    PROFILE,
    address_part,
    address_use_from_item,
    address_use_to_item,
    participant_from_item,
    participant_to_item,
    suppression_from_item,
    suppression_to_item,
    word_items,
)
from sendtrail.projections.optimistic_rows import Change, Key, OptimisticRows, RowState

__all__ = ["ParticipantProjection", "address_rows", "participant_rows", "suppression_rows"]

S = TypeVar("S")

_KEY = ("participant_id", "part")
_REMEMBERED_SECONDS = 60.0


def participant_rows(db: DynamoDB, table: str) -> OptimisticRows[Participant]:
    """The participants' profiles."""
    return OptimisticRows(
        db,
        table,
        key=_KEY,
        fresh=lambda key: Participant(participant_id=key[0]),
        to_item=participant_to_item,
        from_item=participant_from_item,
        index_keys=("activity_day", "terms", "term"),
    )


def address_rows(db: DynamoDB, table: str) -> OptimisticRows[AddressUse]:
    """The participants' address histories."""
    return OptimisticRows(
        db,
        table,
        key=_KEY,
        fresh=lambda key: AddressUse(key[0], ""),
        to_item=address_use_to_item,
        from_item=address_use_from_item,
        index_keys=("address", "terms", "term"),
    )


def suppression_rows(db: DynamoDB, table: str) -> OptimisticRows[Suppression]:
    """The suppressions."""
    return OptimisticRows(
        db,
        table,
        key=("address",),
        fresh=lambda key: Suppression(address=key[0]),
        to_item=suppression_to_item,
        from_item=suppression_from_item,
    )


class ParticipantProjection:
    """Applies events, in any order and any number of times."""

    def __init__(
        self,
        participants: OptimisticRows[Participant],
        addresses: OptimisticRows[AddressUse],
        suppressions: OptimisticRows[Suppression],
        put_words: Callable[[list[dict[str, Any]]], object],
    ) -> None:
        """Projects into these rows.

        Args:
            put_words: writes items of `word_items`.
        """
        self._put_words = put_words
        self._participants = participants
        self._addresses = addresses
        self._suppressions = suppressions
        self._applied: dict[Key, tuple[float, AddressUse]] = {}

    @classmethod
    def over(cls, db: DynamoDB, participants: str, suppressions: str) -> ParticipantProjection:
        """The projection into the tables of these names."""
        return cls(
            participant_rows(db, participants),
            address_rows(db, participants),
            suppression_rows(db, suppressions),
            partial(db.at_once, lambda item: db.put_all(participants, [item])),
        )

    def apply(self, events: Iterable[Event], *, thorough: bool = False) -> None:
        """Applies a batch.

        Args:
            thorough: whether rows of which it tells nothing new are looked at too.

        Raises:
            AwsError: some rows may have been written; the batch may be retried.
        """
        batch = list(events) if thorough else self._news(list(events))
        uses = [event for event in batch if _is_use(event)]
        # Addresses first: what `_credit` reads of a placeholder's addresses, in this batch or a
        # concurrent one, must be written before its profile. But what a use contributes to an
        # address is how `_news` knows that the profile has it.
        self._apply_to_addresses(event for event in batch if not _is_use(event))
        placeholders = self._apply_to_profiles(batch)
        self._apply_to_addresses(uses)
        self._credit(
            placeholders,
            {participant_of_address(each.address): each.address for each in batch if each.address},
        )
        self._apply_to_suppressions(batch)
        self._remember(uses)

    def apply_hits(self, hits: Iterable[tuple[str, Timestamp, Timestamp | None]]) -> None:
        """Applies opens and clicks of messages, as far as they matter to participants.

        Args:
            hits: participant, when the message was sent, and its last hit by a person.

        Raises:
            AwsError: some rows may have been written; it may be repeated.
        """
        changes: dict[Key, list[tuple[Timestamp, Timestamp | None]]] = {}
        for participant_id, sent_at, last_human_at in hits:
            if not participant_id.startswith(UNATTRIBUTED):
                changes.setdefault((participant_id, PROFILE), []).append((sent_at, last_human_at))
        if not changes:
            return
        # Whether a hit matters depends on whether an inactivity was found before.
        states = self._participants.change(
            {key: partial(_hit, mine) for key, mine in changes.items()}, consistent=True
        )
        owners: dict[Key, list[tuple[Timestamp, Timestamp | None]]] = {}
        for key, state in states.items():
            for owner in state.linked_to:
                owners.setdefault((owner, PROFILE), []).extend(changes[key])
        if owners:
            self._participants.change(
                {key: partial(_hit, mine) for key, mine in owners.items()}, consistent=True
            )

    def settle(self, participant_id: str, active_at: Timestamp) -> None:
        """Records that a participant interacted at a time, as their messages show.

        Raises:
            AwsError: it may have been written; it may be repeated.
        """

        def active(row: RowState[Participant]) -> RowState[Participant]:
            return RowState(row.state.active(active_at), row.checkpoints)

        self._participants.change({(participant_id, PROFILE): active})

    def _news(self, events: list[Event]) -> list[Event]:
        """The events without uses of addresses that are known: nearly all of an ordinary mailing's.

        A message's use is asked for twice within seconds, when it is accepted and when it is sent,
        so what was applied is remembered for a while; otherwise the row of the address tells.
        """
        at = time.time()
        while self._applied and next(iter(self._applied.values()))[0] < at:
            del self._applied[next(iter(self._applied))]
        uses = {_key_of_use(event) for event in events if _is_use(event)}
        known = {key: self._applied[key][1] for key in uses & self._applied.keys()}
        known |= self._addresses.read(uses - known.keys(), consistent=False)
        news = []
        for event in events:
            use = known.get(_key_of_use(event)) if _is_use(event) else None
            if use is None or not use.has(event):
                news.append(event)
            else:
                self._keep(_key_of_use(event), use)
        return news

    def _remember(self, events: Sequence[Event]) -> None:
        """Remembers uses that have been applied."""
        for event in events:
            key = _key_of_use(event)
            fresh = AddressUse(event.participant_id, event.address or "")
            _, use = self._applied.get(key, (0.0, fresh))
            self._keep(key, fold_address(use, event))

    def _keep(self, key: Key, use: AddressUse) -> None:
        """Remembers a use until a minute from now; what is to be forgotten first stands first."""
        self._applied.pop(key, None)
        self._applied[key] = (time.time() + _REMEMBERED_SECONDS, use)

    def _apply_to_profiles(self, events: Sequence[Event]) -> list[Participant]:
        """Applies events to the profiles.

        Returns:
            the placeholder participants whose addresses are registered to somebody.

        An address's registration and its events meet in the row of its placeholder participant.
        Writes of the row are serialized, so either the registration finds the events there, or an
        event finds the registration.
        """
        mine: dict[str, list[Event]] = {}
        owners: dict[str, set[str]] = {}
        for event in events:
            if _is_somebodys(event):
                mine.setdefault(event.participant_id, []).append(event)
            change = change_of(event)
            for placeholder in change.placeholders if change else ():
                if placeholder != event.participant_id:
                    mine.setdefault(placeholder, []).append(event)
            if event.type is EventType.ADDRESS_REGISTERED and event.address:
                placeholder = participant_of_address(event.address)
                if placeholder != event.participant_id:
                    owners.setdefault(placeholder, set()).add(event.participant_id)
        changes: dict[Key, Change[Participant]] = {
            (participant_id, PROFILE): partial(
                _profile, mine.get(participant_id, []), frozenset(owners.get(participant_id, ()))
            )
            for participant_id in mine.keys() | owners.keys()
        }
        states = self._participants.change(changes) if changes else {}
        # After the profile: of two names that are recorded at once, that which holds has its words.
        renamed = {event.participant_id for event in events if event.type is EventType.NAMED}
        words = [item for who in renamed for item in word_items(states[who, PROFILE])]
        if words:
            self._put_words(words)
        return [state for state in states.values() if state.linked_to]

    def _credit(self, placeholders: Sequence[Participant], addresses: Mapping[str, str]) -> None:
        """Credits the owners of addresses with what happened there, and when they were used.

        Args:
            placeholders: the placeholder participants to credit from.
            addresses: the events' addresses, by placeholder participant.
        """
        profiles: dict[Key, list[Participant]] = {}
        for state in placeholders:
            for owner in state.linked_to:
                profiles.setdefault((owner, PROFILE), []).append(state)
        if not profiles:
            return
        self._participants.change(
            {key: partial(_credited, states) for key, states in profiles.items()}
        )
        owners = {state.participant_id: state.linked_to for state in placeholders}
        uses = self._addresses.read(
            (placeholder, address_part(address))
            for placeholder, address in addresses.items()
            if placeholder in owners
        )
        self._addresses.change(
            {
                (owner, part): partial(_used, use)
                for (placeholder, part), use in uses.items()
                for owner in owners[placeholder]
            }
        )

    def _apply_to_addresses(self, events: Iterable[Event]) -> None:
        uses = [
            event
            for event in events
            if event.address
            and event.participant_id
            and (event.sent_at or event.type is EventType.ADDRESS_REGISTERED)
        ]
        self._change(
            self._addresses,
            [((event.participant_id, address_part(event.address or "")), event) for event in uses],
            _address,
        )

    def _apply_to_suppressions(self, events: Sequence[Event]) -> None:
        bearing = [event for event in events if event.address and bears_on_suppression(event)]
        self._change(
            self._suppressions,
            [((normal_address(event.address or ""),), event) for event in bearing],
            fold_suppression,
        )

    def _change(
        self, rows: OptimisticRows[S], steps: list[tuple[Key, Event]], fold: Callable[[S, Event], S]
    ) -> None:
        grouped: dict[Key, list[Event]] = {}
        for key, event in steps:
            grouped.setdefault(key, []).append(event)
        if grouped:
            rows.change({key: partial(_all, fold, mine) for key, mine in grouped.items()})


def _is_of_placeholder(event: Event) -> bool:
    return event.address is not None and event.participant_id == participant_of_address(
        event.address
    )


def _is_use(event: Event) -> bool:
    """Whether an event says no more than that a message used an address, which is not that of a
    placeholder participant.
    """
    return (
        event.type is EventType.SEND and event.address is not None and not _is_of_placeholder(event)
    )


def _key_of_use(event: Event) -> Key:
    return (event.participant_id, address_part(event.address or ""))


def _is_somebodys(event: Event) -> bool:
    """Whether the event is about a participant, rather than about an address, or about one of
    several recipients without SES saying which.
    """
    if event.is_of_message:
        return event.address is not None or not event.participant_id.startswith(UNATTRIBUTED)
    return bool(event.participant_id)


def _all(fold: Callable[[S, Event], S], events: list[Event], row: RowState[S]) -> RowState[S]:
    state = row.state
    for event in events:
        state = fold(state, event)
    return RowState(state, row.checkpoints)


def _profile(
    events: list[Event], owners: frozenset[str], row: RowState[Participant]
) -> RowState[Participant]:
    state = _all(fold_participant, events, row).state
    return RowState(state.with_owners(owners), row.checkpoints)


def _hit(
    hits: list[tuple[Timestamp, Timestamp | None]], row: RowState[Participant]
) -> RowState[Participant]:
    state = row.state
    for sent_at, last_human_at in hits:
        state = state.hit(sent_at, last_human_at)
    return RowState(state, row.checkpoints)


def _credited(states: list[Participant], row: RowState[Participant]) -> RowState[Participant]:
    state = row.state
    for other in states:
        state = state.joined(other)
    return RowState(state, row.checkpoints)


def _used(other: AddressUse, row: RowState[AddressUse]) -> RowState[AddressUse]:
    return RowState(row.state.joined(other), row.checkpoints)


def _address(use: AddressUse, event: Event) -> AddressUse:
    return fold_address(use if use.address else replace(use, address=event.address or ""), event)
