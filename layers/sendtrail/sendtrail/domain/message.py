"""A message: one email to one participant, the fold of its events.

`fold` is a join: first dates are minima, last dates are maxima, and of facts that a message can
have only one of, the one of greatest rank is kept. So neither the order of events nor their
repetition matters. Hits are not folded one by one, but judged by the bucket
(`sendtrail.domain.judgement`). What is shown (the status, which source's hits count) is derived
from those facts when it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from sendtrail.domain.bounces import (
    Bounce,
    complaint_is_a_drop,
    complaint_is_welcome,
    never_tried,
)
from sendtrail.domain.events import Event, EventType, Source
from sendtrail.domain.judgement import Judgement
from sendtrail.domain.providers import provider_of
from sendtrail.domain.subscriptions import SubscriptionChange, unsubscribes
from sendtrail.domain.times import Timestamp, earliest, latest

__all__ = [
    "PROBLEMS",
    "Drop",
    "DropReason",
    "Engagement",
    "Message",
    "Status",
    "fold",
]


class Status(StrEnum):
    """A message's status: the highest-ranking fact present; highest first."""

    SPAMMED = "spammed"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    REJECTED = "rejected"
    FAILED = "failed"
    DROPPED = "dropped"
    CLICKED = "clicked"
    OPENED = "opened"
    DELIVERED = "delivered"
    DELAYED = "delayed"
    SENT = "sent"
    QUEUED = "queued"
    UNKNOWN = "unknown"
    """All that SES told of it is of types that this version does not know."""


PROBLEMS: Final = frozenset(
    {
        Status.SPAMMED,
        Status.UNSUBSCRIBED,
        Status.BOUNCED,
        Status.REJECTED,
        Status.FAILED,
        Status.DROPPED,
    }
)
"""What a communication's problems are listed by."""


class DropReason(StrEnum):
    """Why a message was not sent."""

    PREVIOUSLY_BOUNCED = "previously_bounced"
    PREVIOUSLY_SPAMMED = "previously_spammed"
    UNSUBSCRIBED = "unsubscribed"
    INACTIVE = "inactive"
    INVALID_ADDRESS = "invalid_address"
    MANUAL = "manual"
    PROVIDER_SUPPRESSED = "provider_suppressed"
    LIKELY_SPAM = "likely_spam"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Drop:
    """Why and when a message was not sent, by our decision or by SES's."""

    reason: str
    at: Timestamp

    @property
    def rank(self) -> tuple[str, str]:
        """Orders drops; the least, the earliest, is kept."""
        return (self.at, self.reason)


@dataclass(frozen=True, slots=True)
class Engagement:
    """The opens and clicks of one message, as observed by one source.

    Attributes:
        by_age: time since send (one of `sendtrail.domain.time_since_send.TIME_BUCKETS`) → what was
            judged of the hits of that age.
        total: what is told of all of them together.
    """

    by_age: Mapping[str, Judgement] = field(default_factory=dict)
    total: Judgement = field(default_factory=Judgement)

    @classmethod
    def of(cls, by_age: Mapping[str, Judgement]) -> Engagement:
        """That of these buckets."""
        total = Judgement()
        for judged in by_age.values():
            total += judged
        return cls(by_age, total)


NO_ENGAGEMENT: Final = Engagement()


@dataclass(frozen=True, slots=True)
class Message:
    """The state of one message, projected from its events.

    Attributes:
        accepted_at: when we accepted it for sending; None for mail not sent by Sendtrail.
        plan_id: the plan that holds its content; None for mail not sent by Sendtrail.
        by: who sent it, as an `Actor`'s text; None for mail not sent by Sendtrail.
        copy: whether it is a sender's own copy, which is in no figure.
        attachments: how many files go with it, as far as we sent it.
        sent_at: when SES accepted it, or None.
        epoch: the rebuild that the row belongs to, named by the time at which it began; None if
            there has been none.
        provider: the mailbox provider of a recipient who was erased, who has no address.
        moved: whether the row was moved here, from under the id of somebody who was erased.
        own, ses: the hits on our own routes, and those that SES published.
    """

    participant_id: str
    message_id: str
    communication_id: str | None = None
    kind: str | None = None
    template_id: str | None = None
    template_version: int | None = None
    subject: str | None = None
    address: str | None = None
    last_changed_at: Timestamp | None = None
    accepted_at: Timestamp | None = None
    plan_id: str | None = None
    by: str | None = None
    copy: bool = False
    attachments: int = 0
    sent_at: Timestamp | None = None
    delivered_at: Timestamp | None = None
    delayed_at: Timestamp | None = None
    bounce: Bounce | None = None
    drop: Drop | None = None
    spammed_at: Timestamp | None = None
    rejected_at: Timestamp | None = None
    failed_at: Timestamp | None = None
    subscription_change: SubscriptionChange | None = None
    epoch: Timestamp | None = None
    own: Engagement = NO_ENGAGEMENT
    ses: Engagement = NO_ENGAGEMENT
    provider: str | None = None
    moved: bool = False

    def judged(self, source: Source, age: str, judgement: Judgement) -> Message:
        """The message with what was judged of one bucket of its hits."""
        name = source.value
        engagement: Engagement = getattr(self, name)
        changed: dict[str, Any] = {name: Engagement.of({**engagement.by_age, age: judgement})}
        last_changed_at = latest(self.last_changed_at, judgement.last_at)
        return replace(self, last_changed_at=last_changed_at, **changed)

    @property
    def engagement(self) -> Engagement:
        """The hits that count: those on our routes if we sent the message, else SES's."""
        return self.own if self.accepted_at else self.ses

    def counts(self, source: Source) -> bool:
        """Whether opens and clicks observed by `source` count in this message's figures."""
        return (source is Source.OWN) == (self.accepted_at is not None)

    @property
    def unsubscribed_at(self) -> Timestamp | None:
        """When the participant unsubscribed through this message, unless they undid it."""
        return (
            self.subscription_change.at
            if self.subscription_change and self.subscription_change.unsubscribed
            else None
        )

    @property
    def has_recipient(self) -> bool:
        """Whether it is a mail to somebody, and not what SES told of one to several."""
        return self.mailbox_provider is not None

    @property
    def mailbox_provider(self) -> str | None:
        """The mailbox provider of its recipient; None if it has none."""
        return provider_of(self.address) if self.address is not None else self.provider

    @property
    def arrived(self) -> bool:
        """Whether there is evidence that the message reached a mailbox."""
        total = self.engagement.total
        return bool(
            self.delivered_at
            or total.opens.count
            or total.clicks.count
            or self.spammed_at
            or self.subscription_change
        )

    @property
    def is_bounced(self) -> bool:
        """Whether it bounced: permanently, or without evidence of arrival.

        An out-of-office reply is a Transient bounce of a message that was delivered.
        """
        return self.bounce is not None and (self.bounce.is_permanent or not self.arrived)

    @property
    def problems(self) -> frozenset[Status]:
        """All of `PROBLEMS` that the message has: its status is the gravest."""
        facts: tuple[tuple[object, Status], ...] = (
            (self.spammed_at, Status.SPAMMED),
            (self.unsubscribed_at, Status.UNSUBSCRIBED),
            (self.is_bounced, Status.BOUNCED),
            (self.rejected_at, Status.REJECTED),
            (self.failed_at, Status.FAILED),
            (self.drop, Status.DROPPED),
        )
        return frozenset(problem for fact, problem in facts if fact) | ({self.status} & PROBLEMS)

    @property
    def status(self) -> Status:
        """The status of the highest-ranking fact present. Opened and clicked are people's: what
        machines alone did is no status.
        """
        total = self.engagement.total
        facts: tuple[tuple[object, Status], ...] = (
            (self.spammed_at, Status.SPAMMED),
            (self.unsubscribed_at, Status.UNSUBSCRIBED),
            (self.bounce and self.bounce.is_permanent, Status.BOUNCED),
            (self.rejected_at, Status.REJECTED),
            (self.failed_at, Status.FAILED),
            (self.drop, Status.DROPPED),
            (total.clicks.human_count, Status.CLICKED),
            (total.opens.human_count, Status.OPENED),
            (self.delivered_at, Status.DELIVERED),
            (self.bounce, Status.BOUNCED),
            (self.delayed_at, Status.DELAYED),
            (self.sent_at, Status.SENT),
            (self.accepted_at, Status.QUEUED),
        )
        return next((status for fact, status in facts if fact), Status.UNKNOWN)


def fold(message: Message, event: Event) -> Message:
    """The message with an event applied that is no hit; commutative and idempotent."""
    changed = replace(
        message,
        communication_id=_agreed(message.communication_id, event.communication_id),
        kind=_agreed(message.kind, event.kind),
        subject=_agreed(message.subject, event.subject),
        address=_agreed(message.address, event.address),
        provider=_agreed(message.provider, event.provider),
        last_changed_at=latest(message.last_changed_at, event.at),
    )
    if event.sent_at and event.type not in _NOT_EVIDENCE_OF_SENDING:
        changed = replace(changed, sent_at=earliest(changed.sent_at, event.sent_at))
    effect = _EFFECTS.get(event.type)
    return effect(changed, event) if effect else changed


def _accepted(message: Message, event: Event) -> Message:
    return replace(
        message,
        accepted_at=earliest(message.accepted_at, event.at),
        template_id=_agreed(message.template_id, event.detail.get("template_id")),
        template_version=_agreed(message.template_version, event.detail.get("template_version")),
        plan_id=_agreed(message.plan_id, event.detail.get("plan_id")),
        by=_agreed(message.by, event.detail.get("by")),
        copy=message.copy or event.detail.get("copy") is True,
        attachments=max(message.attachments, event.detail.get("attachments", 0)),
    )


def _delivered(message: Message, event: Event) -> Message:
    return replace(message, delivered_at=earliest(message.delivered_at, event.at))


def _delayed(message: Message, event: Event) -> Message:
    return replace(message, delayed_at=earliest(message.delayed_at, event.at))


def _rejected(message: Message, event: Event) -> Message:
    return replace(message, rejected_at=earliest(message.rejected_at, event.at))


def _failed(message: Message, event: Event) -> Message:
    return replace(message, failed_at=earliest(message.failed_at, event.at))


def _bounced(message: Message, event: Event) -> Message:
    if never_tried(event.detail):
        return _with_drop(message, Drop(DropReason.PROVIDER_SUPPRESSED, event.at))
    bounce = Bounce.of_detail(event.detail, event.at)
    if message.bounce and message.bounce.rank >= bounce.rank:
        return message
    return replace(message, bounce=bounce)


def _complained(message: Message, event: Event) -> Message:
    if complaint_is_a_drop(event.detail):
        return _with_drop(message, Drop(DropReason.PROVIDER_SUPPRESSED, event.at))
    if complaint_is_welcome(event.detail):
        return message
    return replace(message, spammed_at=earliest(message.spammed_at, event.at))


def _dropped(message: Message, event: Event) -> Message:
    return _with_drop(message, Drop(event.detail.get("reason") or DropReason.MANUAL, event.at))


def _subscription_changed(message: Message, event: Event) -> Message:
    subscription_change = SubscriptionChange(event.at, unsubscribes(event.detail))
    if message.subscription_change and message.subscription_change.rank >= subscription_change.rank:
        return message
    return replace(message, subscription_change=subscription_change)


_EFFECTS: Final[dict[EventType, Callable[[Message, Event], Message]]] = {
    EventType.ACCEPTED: _accepted,
    EventType.DROPPED: _dropped,
    EventType.DELIVERY: _delivered,
    EventType.DELIVERY_DELAY: _delayed,
    EventType.REJECT: _rejected,
    EventType.RENDERING_FAILURE: _failed,
    EventType.BOUNCE: _bounced,
    EventType.COMPLAINT: _complained,
    EventType.SUBSCRIPTION: _subscription_changed,
}

_NOT_EVIDENCE_OF_SENDING: Final = frozenset(
    {EventType.REJECT, EventType.RENDERING_FAILURE, EventType.UNKNOWN}
)
"""Every other event of SES implies that SES accepted the message: legacy notifications have no
Send, and a Send may come last."""


def _with_drop(message: Message, drop: Drop) -> Message:
    if message.drop and message.drop.rank <= drop.rank:
        return message
    return replace(message, drop=drop)


def _agreed(current: Any, incoming: Any) -> Any:
    """The value on which a message's events ought to agree; if they do not, the least of them."""
    if incoming is None or incoming == "":
        return current
    return incoming if current is None else min(current, incoming)
