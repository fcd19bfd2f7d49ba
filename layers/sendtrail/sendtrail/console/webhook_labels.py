"""Words for webhooks: the events that they are told of, how they fare, and what became of a
delivery.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from sendtrail.console.labels import Tone
from sendtrail.domain.webhooks import PERSON_ERASED, TEST, DeliveryStatus, DisabledReason
from sendtrail.language import gettext, mark
from sendtrail.reading.webhooks import WebhookState

__all__ = [
    "GROUPS",
    "delivery_label",
    "disabled_label",
    "event_label",
    "short_url",
    "state_label",
    "webhook_name",
]

View = Mapping[str, Any]

_MAX_SHOWN: Final = 80

GROUPS: Final[Sequence[tuple[str, Mapping[str, str]]]] = (
    (
        mark("Messages"),
        {
            "message.accepted": mark("Accepted for sending"),
            "message.sent": mark("Sent"),
            "message.delivered": mark("Delivered"),
            "message.delayed": mark("Delayed"),
            "message.bounced": mark("Bounced"),
            "message.spammed": mark("Marked as spam"),
            "message.dropped": mark("Dropped"),
            "message.rejected": mark("Rejected by the mail service"),
            "message.failed": mark("Could not be made"),
            "message.opened": mark("Opened"),
            "message.clicked": mark("Clicked"),
            "message.unknown": mark("Something that Amazon SES tells and we do not know"),
        },
    ),
    (
        mark("Participants"),
        {
            "participant.unsubscribed": mark("Unsubscribed"),
            "participant.resubscribed": mark("Subscribed again"),
            "participant.interacted": mark("Did business"),
            "participant.named": mark("Got another name"),
            "participant.inactive": mark("Was found inactive"),
        },
    ),
    (
        mark("Addresses"),
        {
            "address.registered": mark("Registered for somebody"),
            "address.suppressed": mark("Suppressed"),
            "address.lifted": mark("Suppression lifted"),
        },
    ),
    (
        mark("Mailings"),
        {
            "communication.posted": mark("Posted"),
            "communication.stopped": mark("Stopped"),
        },
    ),
)
"""What events are about → their types as the outside knows them, each in words."""
_EVENTS: Final = {name: said for _, types in GROUPS for name, said in types.items()} | {
    TEST: mark("Test")
}
_STATES: Final = {
    WebhookState.DELIVERING: (mark("Delivering"), Tone.GOOD),
    WebhookState.FAILING: (mark("Failing"), Tone.WARN),
    WebhookState.SWITCHED_OFF: (mark("Switched off"), Tone.BAD),
}
_STATUSES: Final = {
    DeliveryStatus.DELIVERED: (mark("Taken"), Tone.GOOD),
    DeliveryStatus.WAITING: (mark("Is tried again"), Tone.WARN),
    DeliveryStatus.FAILED: (mark("Given up"), Tone.BAD),
    DeliveryStatus.DROPPED: (mark("Not sent: it was switched off"), Tone.BAD),
}
_NOT_SENT_OF_ERASED: Final = mark("Not sent: the person was erased")
_DISABLED: Final = {
    DisabledReason.FAILING: mark("Nothing was taken for a day."),
    DisabledReason.GONE: mark("The receiver answered that it is gone (410)."),
}


def event_label(name: str) -> str:
    """A type of event in words; of a later version, the type itself."""
    label = _EVENTS.get(name)
    return gettext(label) if label else name


def state_label(state: str) -> tuple[str, str]:
    """A `WebhookState` in a word, and how that is shown."""
    said, tone = _STATES[WebhookState(state)]
    return gettext(said), tone


def webhook_name(webhook: View) -> str:
    """What to call a webhook (`sendtrail.reading.webhooks.webhook_view`): as it is described, else
    by the host of its URL.
    """
    name = webhook["description"] or urlsplit(webhook["url"]).netloc
    return _cut(name)


def short_url(url: str) -> str:
    """A URL as far as there is room for it in a list."""
    return _cut(url)


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"


def delivery_label(delivery: View) -> tuple[str, str]:
    """What became of a delivery, in a few words, and how that is shown."""
    status, error = DeliveryStatus(delivery["status"]), delivery["error"]
    said, tone = _STATUSES[status]
    if status is DeliveryStatus.DROPPED and error == PERSON_ERASED:
        said, tone = _NOT_SENT_OF_ERASED, Tone.QUIET
    return gettext(said), tone


def disabled_label(reason: str) -> str:
    """Why a webhook was switched off, in a sentence."""
    return gettext(_DISABLED[DisabledReason(reason)])
