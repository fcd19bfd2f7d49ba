"""Webhooks: the names that events have outside, the endpoints that get them, and what came of it.

Deliveries keep to Standard Webhooks (https://www.standardwebhooks.com). Names do not follow SES's:
they say what happened to whom, and a name that is told once stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sendtrail.domain.events import Event, EventType
from sendtrail.domain.subscriptions import unsubscribes
from sendtrail.domain.suppression import bears_on_suppression
from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms
from sendtrail.errors import InvalidInputError, Problem

__all__ = [
    "EVENT_TYPES",
    "KEPT_DAYS",
    "MAX_DESCRIPTION",
    "MAX_ENDPOINTS",
    "MAX_URL",
    "PERSON_ERASED",
    "TEST",
    "Delivery",
    "DeliveryStatus",
    "DisabledReason",
    "Endpoint",
    "RetrySchedule",
    "checked_description",
    "checked_types",
    "names_of",
]

MAX_ENDPOINTS: Final = 20
MAX_URL: Final = 2048
"""Characters of an endpoint's URL."""
MAX_DESCRIPTION: Final = 200
PERSON_ERASED: Final = "its person was erased"
"""The error of what is dropped for that."""
KEPT_DAYS: Final = 30
"""For how many days what came of a delivery is kept."""
TEST: Final = "webhook.test"
"""The name of what the test button sends, whatever types an endpoint asks for."""

_WAITS: Final = (5, 300, 1800, 2 * 3600, 5 * 3600, 8 * 3600)
"""Seconds after the first failure, the second, and so on; the last is repeated."""
_DAY: Final = 86_400

EVENT_TYPES: Final[Mapping[str, str]] = {
    "message.accepted": "a message was accepted for sending",
    "message.sent": "SES took a message",
    "message.delivered": "the recipient's server took it",
    "message.delayed": "the recipient's server does not take it yet",
    "message.bounced": "the recipient's server refused it, for now or for good",
    "message.spammed": "the recipient marked it as spam",
    "message.dropped": "it was not sent, for the reason in its detail",
    "message.rejected": "SES refused it",
    "message.failed": "it could not be rendered",
    "message.opened": "it was opened, by whom `actor` says",
    "message.clicked": "a link in it was followed, by whom `actor` says",
    "message.unknown": "SES says something that this version does not know",
    "participant.unsubscribed": "a participant wants no communications any more",
    "participant.resubscribed": "a participant wants communications again",
    "participant.interacted": "a transaction of a participant was recorded",
    "participant.named": "what a participant is called was recorded",
    "participant.inactive": "a participant has been silent for so long that they get none",
    "address.registered": "an address of a participant was registered",
    "address.suppressed": "an address is not mailed any more: a bounce, a complaint, or staff",
    "address.lifted": "staff took an address off the suppression list",
    "communication.posted": "a communication was posted",
    "communication.stopped": "a communication was stopped before all of it was sent",
}
"""Name → what it says."""

_NAMES: Final[Mapping[EventType, str]] = {
    EventType.ACCEPTED: "message.accepted",
    EventType.SEND: "message.sent",
    EventType.DELIVERY: "message.delivered",
    EventType.DELIVERY_DELAY: "message.delayed",
    EventType.BOUNCE: "message.bounced",
    EventType.COMPLAINT: "message.spammed",
    EventType.DROPPED: "message.dropped",
    EventType.REJECT: "message.rejected",
    EventType.RENDERING_FAILURE: "message.failed",
    EventType.OPEN: "message.opened",
    EventType.CLICK: "message.clicked",
    EventType.UNKNOWN: "message.unknown",
    EventType.INTERACTION: "participant.interacted",
    EventType.NAMED: "participant.named",
    EventType.INACTIVATED: "participant.inactive",
    EventType.ADDRESS_REGISTERED: "address.registered",
    EventType.SUPPRESSED: "address.suppressed",
    EventType.SUPPRESSION_LIFTED: "address.lifted",
    EventType.COMMUNICATION_POSTED: "communication.posted",
    EventType.COMMUNICATION_STOPPED: "communication.stopped",
}
_SUPPRESSED: Final = "address.suppressed"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """When what failed is tried again: after 5 seconds, 5 minutes, half an hour, 2, 5 and 8 hours,
    and a last time when a day is over.

    Attributes:
        day_seconds: how long the day is; all waits are in proportion to it.
    """

    day_seconds: int = _DAY

    def next_at(self, at: Timestamp, failures: int, since: Timestamp) -> Timestamp | None:
        """When to try again.

        Args:
            at: now, when it failed.
            failures: how often it has, this time included.
            since: when it failed first.

        Returns:
            None if that was the last time.
        """
        now, last = epoch_ms(at), epoch_ms(since) + self.day_seconds * 1000
        if now >= last:
            return None
        wait = _WAITS[min(failures, len(_WAITS)) - 1] * 1000 * self.day_seconds // _DAY
        return from_epoch_ms(min(now + wait, last))


class DeliveryStatus(StrEnum):
    """What came of a delivery."""

    DELIVERED = "delivered"
    WAITING = "waiting"
    """It failed, and is tried again."""
    FAILED = "failed"
    """It failed for a day, and is not tried again."""
    DROPPED = "dropped"
    """It was not tried any more: the endpoint was switched off, or its person erased."""


class DisabledReason(StrEnum):
    """Why an endpoint is switched off."""

    FAILING = "failing"
    """For a day nothing succeeded."""
    GONE = "gone"
    """It answered 410, by which a receiver says that it wants nothing more."""
    RESTORED = "restored"
    """It came back with a copy of the table, or from another stack."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who gets events, and how it goes.

    Attributes:
        event_types: names of `EVENT_TYPES`; empty for all.
        full: whether it gets events whole, and not ids alone.
        by: who made it, as an `Actor`'s text.
        secret_made_at: when its newest secret was made.
        old_secret_until: until when the secret before that signs too; None if none does.
        disabled_at, disabled_reason: since when and why it gets nothing; None while it does.
        failing_since: the first failure since its last success; None if there is none.
        failures: how many there have been since, one after another.
        retry_at: before when nothing is tried; None while it does not fail.
    """

    endpoint_id: str
    url: str
    event_types: frozenset[str]
    full: bool
    description: str
    created_at: Timestamp
    by: str
    secret_made_at: Timestamp
    old_secret_until: Timestamp | None = None
    disabled_at: Timestamp | None = None
    disabled_reason: DisabledReason | None = None
    failing_since: Timestamp | None = None
    failures: int = 0
    retry_at: Timestamp | None = None
    last_success_at: Timestamp | None = None

    @property
    def is_enabled(self) -> bool:
        """Whether events are sent to it."""
        return self.disabled_at is None

    def wants(self, name: str) -> bool:
        """Whether it gets events of a name."""
        return self.is_enabled and (not self.event_types or name in self.event_types)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of sending one event to one endpoint.

    Attributes:
        webhook_id: the message's id, the same however often it is tried.
        type: the event's name.
        at: when the event happened.
        message_id: the message that it is of, if it is of one.
        first_at, last_at: of the attempts; None if it was never tried.
        http_status: of the last answer; None if there was none.
        error: why the last attempt failed, in words.
        duration_ms: of the last attempt.
        replayed: whether somebody asked for it again.
    """

    endpoint_id: str
    webhook_id: str
    type: str
    at: Timestamp
    event_id: str
    message_id: str | None
    status: DeliveryStatus
    attempts: int
    first_at: Timestamp | None = None
    last_at: Timestamp | None = None
    http_status: int | None = None
    error: str | None = None
    duration_ms: int | None = None
    replayed: bool = False


def names_of(event: Event) -> list[str]:
    """The names of `EVENT_TYPES` by which an event is told: one; and of a bounce or complaint that
    suppresses its address a second.
    """
    if event.type is EventType.SUBSCRIPTION:
        no = unsubscribes(event.detail)
        return ["participant.unsubscribed" if no else "participant.resubscribed"]
    name = _NAMES[event.type]
    if event.is_of_message and event.address and bears_on_suppression(event):
        return [name, _SUPPRESSED]
    return [name]


def checked_types(names: Iterable[str]) -> frozenset[str]:
    """The event types of an endpoint.

    Raises:
        InvalidInputError: one is none of `EVENT_TYPES`.
    """
    given = frozenset(names)
    unknown = sorted(given - EVENT_TYPES.keys())
    if unknown:
        raise InvalidInputError(
            Problem(
                f"{unknown[0]!r:.60} is no event type; allowed are {', '.join(EVENT_TYPES)}",
                "event_types",
            )
        )
    return given


def checked_description(text: str) -> str:
    """What staff say an endpoint is for.

    Raises:
        InvalidInputError: it is too long, or has control characters.
    """
    text = text.strip()
    if len(text) > MAX_DESCRIPTION or _CONTROL.search(text):
        allowed = f"allowed are up to {MAX_DESCRIPTION} characters, on one line"
        raise InvalidInputError(Problem(allowed, "description"))
    return text
