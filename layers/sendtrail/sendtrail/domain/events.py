"""Events: the immutable facts of the log.

An event's key and content are a pure function of what happened, without arrival time or random
part. Writing an event is therefore idempotent, by whichever route it arrives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from sendtrail.domain.actors import Actor
from sendtrail.domain.ids import (
    address_trail,
    communication_trail,
    digest,
    is_message_id,
    normal_address,
    participant_trail,
)
from sendtrail.domain.times import Timestamp

__all__ = ["Event", "EventType", "Recipient", "Source", "SuppressionReason", "event_key"]


class EventType(StrEnum):
    """The event types: SES's first, then our own."""

    SEND = "Send"
    RENDERING_FAILURE = "RenderingFailure"
    REJECT = "Reject"
    DELIVERY = "Delivery"
    BOUNCE = "Bounce"
    COMPLAINT = "Complaint"
    DELIVERY_DELAY = "DeliveryDelay"
    SUBSCRIPTION = "Subscription"
    OPEN = "Open"
    CLICK = "Click"

    ACCEPTED = "Accepted"
    """We accepted the message for sending."""
    DROPPED = "Dropped"
    """We decided not to send it."""
    UNKNOWN = "Unknown"
    """SES sent a type that this version does not know; kept whole in ``detail["raw"]``."""

    COMMUNICATION_POSTED = "CommunicationPosted"
    """The organisation posted a communication."""
    COMMUNICATION_STOPPED = "CommunicationStopped"
    """Staff stopped a communication before all of it was sent."""
    INTERACTION = "Interaction"
    """The organisation recorded a transaction of a participant."""
    ADDRESS_REGISTERED = "AddressRegistered"
    """The organisation registered an address of a participant."""
    NAMED = "Named"
    """The organisation recorded what a participant is called."""
    INACTIVATED = "Inactivated"
    """A participant was silent for so long that they get no more communications."""
    SUPPRESSED = "Suppressed"
    """Staff put an address on the suppression list."""
    SUPPRESSION_LIFTED = "SuppressionLifted"
    """Staff took an address off the suppression list."""


class SuppressionReason(StrEnum):
    """The reasons not to mail an address, the most severe first."""

    SPAMMED = "spammed"
    BOUNCED = "bounced"
    MANUAL = "manual"


class Source(StrEnum):
    """Who observed an event: SES, or Sendtrail itself."""

    SES = "ses"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Recipient:
    """A message and its recipient, as events identify them.

    Attributes:
        address: as written; None where only a token in the message's links is known.
        provider: the mailbox provider of somebody who was erased.
    """

    message_id: str
    participant_id: str
    communication_id: str | None = None
    address: str | None = None
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one message (or one participant, or one address).

    Attributes:
        message_id: the trail: a message's ULID, ``participant:<id>`` for
            what concerns a participant and no message, ``address:<address>``, or
            ``communication:<id>``.
        type: what happened.
        at: when it happened.
        identity: the digest that distinguishes events of the same message, time and type.
        participant_id: whom it concerns; empty for a decision about an address, and for the
            definition of a communication.
        communication_id: the mailing it belongs to, if any.
        address: the recipient, as written.
        kind: the sender's name for the kind of message (newsletter, invoice, …).
        subject: the message's subject, where the event has it.
        sent_at: SES's ``mail.timestamp``; None for events that are not SES's.
        provider: of a recipient who was erased, the mailbox provider.
        source: who observed it.
        detail: the facts particular to the type; `docs/events.md` lists them.
    """

    message_id: str
    type: EventType
    at: Timestamp
    identity: str
    participant_id: str = ""
    communication_id: str | None = None
    address: str | None = None
    kind: str | None = None
    subject: str | None = None
    sent_at: Timestamp | None = None
    source: Source = Source.SES
    detail: Mapping[str, Any] = field(default_factory=dict)
    provider: str | None = None

    @property
    def key(self) -> str:
        """The event's sort key: ``<time>#<type>#<digest>``."""
        return event_key(self.at, self.type, self.identity)

    @property
    def is_of_message(self) -> bool:
        """Whether it belongs to the trail of a message."""
        return is_message_id(self.message_id)

    @classmethod
    def of_sending(
        cls,
        event_type: EventType,
        recipient: Recipient,
        at: Timestamp,
        *,
        kind: str | None,
        subject: str | None,
        detail: Mapping[str, Any],
    ) -> Event:
        """What we did with one message: accepted it, dropped it, or failed to send it.

        Args:
            at: the time of acceptance, also for what happened later, so that a retry writes the
                same event.
        """
        return cls(
            message_id=recipient.message_id,
            type=event_type,
            at=at,
            identity=digest(recipient.message_id, event_type.value),
            participant_id=recipient.participant_id,
            communication_id=recipient.communication_id,
            address=recipient.address or None,
            provider=recipient.provider,
            kind=kind,
            subject=subject or None,
            source=Source.OWN,
            detail=detail,
        )

    @classmethod
    def of_request(
        cls,
        event_type: EventType,
        recipient: Recipient,
        at: Timestamp,
        request_id: str,
        detail: Mapping[str, Any],
    ) -> Event:
        """What a recipient did through one of our public routes.

        Args:
            request_id: API Gateway's; it identifies the event.
        """
        return cls(
            message_id=recipient.message_id,
            type=event_type,
            at=at,
            identity=digest(request_id),
            participant_id=recipient.participant_id,
            communication_id=recipient.communication_id,
            source=Source.OWN,
            detail=detail,
        )

    @classmethod
    def communication_posted(
        cls, communication_id: str, at: Timestamp, detail: Mapping[str, Any]
    ) -> Event:
        """A communication was posted; `detail` is its definition."""
        return cls(
            message_id=communication_trail(communication_id),
            type=EventType.COMMUNICATION_POSTED,
            at=at,
            identity=digest(communication_id),
            communication_id=communication_id,
            source=Source.OWN,
            detail=detail,
        )

    @classmethod
    def communication_stopped(cls, communication_id: str, at: Timestamp, by: str) -> Event:
        """Staff stopped a communication; `by` is an `Actor`'s text."""
        return cls(
            message_id=communication_trail(communication_id),
            type=EventType.COMMUNICATION_STOPPED,
            at=at,
            identity=digest(communication_id, "stopped"),
            communication_id=communication_id,
            source=Source.OWN,
            detail={"by": by},
        )

    @classmethod
    def inactivated(cls, participant_id: str, at: Timestamp, *, last_active_at: Timestamp) -> Event:
        """A participant has been silent from `last_active_at` until `at`."""
        return cls(
            message_id=participant_trail(participant_id),
            type=EventType.INACTIVATED,
            at=at,
            identity=digest(participant_id, last_active_at),
            participant_id=participant_id,
            source=Source.OWN,
            detail={"last_active_at": last_active_at},
        )

    @classmethod
    def interaction(
        cls,
        participant_id: str,
        at: Timestamp,
        reference: str,
        kind: str,
        by: Actor | None = None,
    ) -> Event:
        """The organisation recorded a transaction; kind and reference identify it, whoever records
        it.
        """
        return cls(
            message_id=participant_trail(participant_id),
            type=EventType.INTERACTION,
            at=at,
            identity=digest(participant_id, kind, reference),
            participant_id=participant_id,
            source=Source.OWN,
            detail={"kind": kind, "reference": reference, **_by(by)},
        )

    @classmethod
    def subscription(
        cls,
        participant_id: str,
        at: Timestamp,
        subscribed: bool,
        placeholders: Sequence[str] = (),
        by: Actor | None = None,
    ) -> Event:
        """Staff recorded whether a participant wants communications.

        Args:
            placeholders: the placeholder participants of the addresses that it concerns.
        """
        return cls(
            message_id=participant_trail(participant_id),
            type=EventType.SUBSCRIPTION,
            at=at,
            identity=digest(participant_id, str(subscribed)),
            participant_id=participant_id,
            source=Source.OWN,
            detail={"subscribed": subscribed, "placeholders": list(placeholders), **_by(by)},
        )

    @classmethod
    def address_registered(
        cls, participant_id: str, at: Timestamp, address: str, by: Actor | None = None
    ) -> Event:
        """The organisation registered an address of a participant."""
        return cls(
            message_id=participant_trail(participant_id),
            type=EventType.ADDRESS_REGISTERED,
            at=at,
            identity=digest(participant_id, normal_address(address)),
            participant_id=participant_id,
            address=address,
            source=Source.OWN,
            detail=_by(by),
        )

    @classmethod
    def named(
        cls, participant_id: str, at: Timestamp, name: str | None, by: Actor | None = None
    ) -> Event:
        """Staff recorded a participant's name; None removes it."""
        return cls(
            message_id=participant_trail(participant_id),
            type=EventType.NAMED,
            at=at,
            identity=digest(participant_id, name or ""),
            participant_id=participant_id,
            source=Source.OWN,
            detail={**({"name": name} if name else {}), **_by(by)},
        )

    @classmethod
    def suppressed(cls, address: str, at: Timestamp, note: str, by: Actor | None = None) -> Event:
        """Staff put an address on the suppression list; `note` says why."""
        return cls(
            message_id=address_trail(address),
            type=EventType.SUPPRESSED,
            at=at,
            identity=digest(normal_address(address)),
            address=address,
            source=Source.OWN,
            detail={"note": note, **_by(by)},
        )

    @classmethod
    def suppression_lifted(cls, address: str, at: Timestamp, by: Actor | None = None) -> Event:
        """Staff took an address off the suppression list."""
        return cls(
            message_id=address_trail(address),
            type=EventType.SUPPRESSION_LIFTED,
            at=at,
            identity=digest(normal_address(address)),
            address=address,
            source=Source.OWN,
            detail=_by(by),
        )


def _by(actor: Actor | None) -> dict[str, str]:
    """Who on the organisation's side did it, among the facts of an event, and in no identity."""
    return {"by": actor.text} if actor else {}


_SEPARATOR: Final = "#"


def event_key(at: Timestamp, event_type: str, identity: str) -> str:
    """The sort key of an event: ``<time>#<type>#<digest>``."""
    return f"{at}{_SEPARATOR}{event_type}{_SEPARATOR}{identity}"
