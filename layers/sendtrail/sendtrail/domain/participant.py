"""A participant: whether they want mail, when they last interacted, and their addresses.

Everything here is a join (dates are minima or maxima, and the latest choice holds): applying events
is commutative *and* idempotent, and two partial states can be merged at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from sendtrail.domain.actors import Act, latest_act
from sendtrail.domain.events import Event, EventType
from sendtrail.domain.ids import normal_address, sent_time
from sendtrail.domain.names import NameChange, later_name
from sendtrail.domain.subscriptions import SubscriptionChange, change_of
from sendtrail.domain.times import Timestamp, earliest, latest

__all__ = [
    "MAX_OWNERS",
    "AddressUse",
    "Inactivity",
    "Participant",
    "current_address",
    "fold_address",
    "fold_participant",
]


@dataclass(frozen=True, slots=True)
class Inactivity:
    """The sweep's finding that a participant has been silent for long enough to be inactive.

    Attributes:
        since: when that time was over.
        last_active_at: the activity from which it was counted; later activity ends the
            inactivity, even if it becomes known only afterwards.
    """

    since: Timestamp
    last_active_at: Timestamp

    @property
    def rank(self) -> tuple[str, str]:
        """Orders findings; the greatest, the latest, is kept."""
        return (self.last_active_at, self.since)


@dataclass(frozen=True, slots=True)
class Participant:
    """What is known of a participant.

    Attributes:
        first_seen_at: when the first message to them was accepted, by its id, or something was
            recorded of them.
        measured_since: when they were first sent a message whose opens and clicks can be observed
            (it was tracked, or a hit was observed); without one, their silence means nothing.
        last_interaction_at: the last transaction or change of subscription, or open or click by a
            person that mattered: it ended an inactivity, or the sweep found it.
        last_interaction_by: who recorded that, as an `Actor`'s text; None where nobody did.
        subscription_change: their latest choice.
        choice_there: of a placeholder participant, the latest choice at its address, by anyone.
        inactivity: the sweep's latest finding; holds only until the next interaction.
        linked_to: of a placeholder participant, the participants to whom its address is
            registered; they are credited with what happens there.
        name_change: the latest record of their name.
    """

    participant_id: str
    first_seen_at: Timestamp | None = None
    measured_since: Timestamp | None = None
    last_interaction_at: Timestamp | None = None
    subscription_change: SubscriptionChange | None = None
    choice_there: SubscriptionChange | None = None
    inactivity: Inactivity | None = None
    linked_to: frozenset[str] = field(default_factory=frozenset)
    last_interaction_by: str | None = None
    name_change: NameChange | None = None

    @property
    def name(self) -> str | None:
        """What they are called; None if nobody recorded it."""
        return self.name_change.name if self.name_change else None

    def choice_at(self, placeholder: Participant | None) -> SubscriptionChange | None:
        """The choice by which they get communications at an address, or do not; None if nobody
        made one.

        Their own and that of the address are the same person's, or about the same address: then
        the later one holds. Otherwise either keeps communications away.

        Args:
            placeholder: the address's; None if nothing is known of it.
        """
        own, there = self.subscription_change, placeholder.choice_there if placeholder else None
        if own is None or placeholder is None or there is None:
            return own or there
        related = there.participant_id == self.participant_id
        if related or placeholder.participant_id in own.placeholders:
            return max(own, there, key=lambda change: change.rank)
        return max(own, there, key=lambda change: (change.unsubscribed, change.rank))

    def gets_communications_at(self, placeholder: Participant | None) -> bool:
        """Whether they want communications at an address: yes, unless a choice says otherwise.

        Args:
            placeholder: as of `choice_at`.
        """
        choice = self.choice_at(placeholder)
        return not (choice and choice.unsubscribed)

    @property
    def inactive_since(self) -> Timestamp | None:
        """Since when they are inactive; None if they are not, or have interacted since."""
        inactivity = self.inactivity
        if inactivity is None or (self.active_at or "") > inactivity.last_active_at:
            return None
        return inactivity.since

    @property
    def active_at(self) -> Timestamp | None:
        """The time from which silence is counted; None where silence means nothing."""
        if self.measured_since is None:
            return None
        return latest(self.measured_since, self.last_interaction_at)

    def with_owners(self, owners: frozenset[str]) -> Participant:
        """This placeholder participant, its address registered to these participants too."""
        return replace(self, linked_to=frozenset(sorted(self.linked_to | owners)[:MAX_OWNERS]))

    def hit(self, sent_at: Timestamp, last_human_at: Timestamp | None) -> Participant:
        """This participant, a message of theirs having been opened or clicked.

        A hit shows that silence would mean something. Who caused it counts only where it ends an
        inactivity: otherwise the sweep asks the messages when it has to know.

        Args:
            sent_at: when the message was sent.
            last_human_at: the last hit by a person.
        """
        changed = replace(self, measured_since=earliest(self.measured_since, sent_at))
        return changed.active(last_human_at) if changed.inactivity else changed

    def active(self, at: Timestamp | None) -> Participant:
        """This participant, having interacted at that time."""
        return self._with_interaction((at, None))

    def interacted(self, event: Event) -> Participant:
        """This participant, having interacted by an event, which staff may have recorded."""
        by = None if event.is_of_message else event.detail.get("by")
        return self._with_interaction((event.at, by))

    def _with_interaction(self, act: Act) -> Participant:
        at, by = latest_act((self.last_interaction_at, self.last_interaction_by), act)
        return replace(self, last_interaction_at=at, last_interaction_by=by)

    def joined(self, other: Participant) -> Participant:
        """This participant, merged with what is known of `other`, but for `choice_there`, which is
        of an address, and the name.
        """
        return replace(
            self._with_interaction((other.last_interaction_at, other.last_interaction_by)),
            first_seen_at=earliest(self.first_seen_at, other.first_seen_at),
            measured_since=earliest(self.measured_since, other.measured_since),
            subscription_change=_later(self.subscription_change, other.subscription_change),
            inactivity=_greater(self.inactivity, other.inactivity),
        )

    def merged(self, other: Participant) -> Participant:
        """This participant, merged with another state of the same one: of two, of which each may
        know what the other does not.
        """
        merged = replace(
            self.joined(other),
            choice_there=_later(self.choice_there, other.choice_there),
            name_change=later_name(self.name_change, other.name_change),
        )
        return merged.with_owners(other.linked_to)


@dataclass(frozen=True, slots=True)
class AddressUse:
    """One address in a participant's history.

    Attributes:
        address: as written; of several ways the least, whatever the order in which they come.
        first_used_at: when the first message was sent to it.
        last_used_at: when the last one was, as far as the participant's newest messages show it;
            not stored.
        registered_at: when the organisation last registered it to the participant.
        registered_by: who did, as an `Actor`'s text.
        first_seen_at, measured_since: what the participant's messages to this address contribute to
            their profile, which has it if it stands here.
    """

    participant_id: str
    address: str
    first_used_at: Timestamp | None = None
    last_used_at: Timestamp | None = None
    registered_at: Timestamp | None = None
    first_seen_at: Timestamp | None = None
    measured_since: Timestamp | None = None
    registered_by: str | None = None

    def joined(self, other: AddressUse) -> AddressUse:
        """This use, merged with another participant's use of the same address."""
        return replace(
            self,
            address=min(filter(None, (self.address, other.address)), default=""),
            first_used_at=earliest(self.first_used_at, other.first_used_at),
        )

    def merged(self, other: AddressUse) -> AddressUse:
        """This use, merged with another state of the same one."""
        at, by = latest_act(
            (self.registered_at, self.registered_by), (other.registered_at, other.registered_by)
        )
        return replace(
            self.joined(other),
            registered_at=at,
            registered_by=by,
            first_seen_at=earliest(self.first_seen_at, other.first_seen_at),
            measured_since=earliest(self.measured_since, other.measured_since),
        )

    def has(self, use: Event) -> bool:
        """Whether a message's use of this address is in it already, and in the profile."""
        return fold_address(self, use) == self

    @property
    def normal(self) -> str:
        """The normalised address."""
        return normal_address(self.address)


MAX_OWNERS: Final = 50
"""How many participants an address may be registered to; each is credited with all that happens
there. Of more, those with the least ids are kept, whatever the order of registration."""

_INTERACTIONS: Final = frozenset({EventType.INTERACTION, EventType.SUBSCRIPTION})


def fold_participant(participant: Participant, event: Event) -> Participant:
    """The participant with `event` applied: theirs, or a choice at their address, if they are a
    placeholder participant.
    """
    change = change_of(event)
    if change and participant.participant_id in change.placeholders:
        there = _later(participant.choice_there, change)
        participant = replace(participant, choice_there=there)
    if participant.participant_id != event.participant_id:
        return participant
    changed = replace(
        participant,
        first_seen_at=earliest(participant.first_seen_at, _seen_at(event)),
        measured_since=earliest(participant.measured_since, _measured_since(event)),
    )
    if change:
        changed = replace(changed, subscription_change=_later(changed.subscription_change, change))
    if event.type is EventType.NAMED:
        named = NameChange(event.at, event.detail.get("name"), event.detail.get("by"))
        changed = replace(changed, name_change=later_name(changed.name_change, named))
    if event.type is EventType.INACTIVATED:
        found = Inactivity(event.at, event.detail["last_active_at"])
        changed = replace(changed, inactivity=_greater(changed.inactivity, found))
    if event.type in _INTERACTIONS:
        changed = changed.interacted(event)
    return changed


def fold_address(use: AddressUse, event: Event) -> AddressUse:
    """The address use with `event`, which names the address, applied."""
    written = min(use.address, event.address) if event.address else use.address
    if event.type is EventType.ADDRESS_REGISTERED:
        registered = (event.at, event.detail.get("by"))
        at, by = latest_act((use.registered_at, use.registered_by), registered)
        return replace(use, address=written, registered_at=at, registered_by=by)
    return replace(
        use,
        address=written,
        first_used_at=earliest(use.first_used_at, event.sent_at),
        first_seen_at=earliest(use.first_seen_at, _seen_at(event)),
        measured_since=earliest(use.measured_since, _measured_since(event)),
    )


def _seen_at(event: Event) -> Timestamp:
    """When the participant of an event was seen, at the latest."""
    seen_at = sent_time(event.message_id) if event.is_of_message else event.at
    return min(seen_at, event.sent_at or seen_at)


def _measured_since(event: Event) -> Timestamp | None:
    """Since when silence would mean something, if an event tells of a tracked message."""
    tracked = event.type is EventType.SEND and event.detail.get("tracked")
    return (event.sent_at or event.at) if tracked else None


def current_address(uses: list[AddressUse]) -> AddressUse | None:
    """The address to write to: the last one registered, else the last one used."""
    return max(
        uses,
        key=lambda use: (
            use.registered_at or "",
            use.last_used_at or use.first_used_at or "",
            use.normal,
        ),
        default=None,
    )


def _greater(one: Inactivity | None, other: Inactivity | None) -> Inactivity | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other, key=lambda found: found.rank)


def _later(
    one: SubscriptionChange | None, other: SubscriptionChange | None
) -> SubscriptionChange | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other, key=lambda subscription_change: subscription_change.rank)
