"""Unwraps the envelopes in which SES's notifications arrive.

Accepted are: raw SES JSON, an SNS notification in SQS, an SNS event as Lambda gets it directly, an
EventBridge event, and any of these inside an SQS record again, as after a redrive from a function's
dead-letter queue.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from sendtrail.errors import IgnoredRecordError, RejectedRecordError

__all__ = ["EVENTBRIDGE_TYPES", "is_acknowledgement", "notifications"]

EVENTBRIDGE_TYPES: Final = {
    "Email Sent": "Send",
    "Email Delivered": "Delivery",
    "Email Bounced": "Bounce",
    "Email Complaint Received": "Complaint",
    "Email Rejected": "Reject",
    "Email Opened": "Open",
    "Email Clicked": "Click",
    "Email Rendering Failed": "Rendering Failure",
    "Email Delivery Delayed": "DeliveryDelay",
    "Email Subscribed": "Subscription",
}
"""EventBridge's ``detail-type`` → SES's ``eventType`` (SES developer guide, "Monitoring SES events
using Amazon EventBridge")."""

_VALIDATION_TEXT: Final = "Successfully validated SNS topic"
_SUBSCRIBED: Final = "AmazonSnsSubscriptionSucceeded"
_INBOUND: Final = "Received"
"""The type of a mail that came in (SES developer guide, "Contents of notifications for Amazon SES
email receiving")."""
_CONFIRMATIONS: Final = frozenset({"SubscriptionConfirmation", "UnsubscribeConfirmation"})
_MAX_LAYERS: Final = 6

Notification = dict[str, Any]


def is_acknowledgement(text: str) -> bool:
    """Whether a text is SES's confirmation that it may publish to the topic, rather than an event.

    Event publishing sends the plain text "Successfully validated SNS topic for Amazon SES event
    publishing."; legacy notifications send JSON of the type ``AmazonSnsSubscriptionSucceeded``.
    """
    return text.lstrip().startswith(_VALIDATION_TEXT) or (
        _SUBSCRIBED in text[:200] and "notificationType" in text[:200]
    )


def notifications(payload: str | dict[str, Any]) -> Iterator[Notification]:
    """The SES notifications in a payload, without any envelopes.

    Args:
        payload: the body of an SQS record, or an event as Lambda gets it from SNS or EventBridge.

    Yields:
        objects with ``eventType`` or ``notificationType`` and ``mail``; nothing for an
        acknowledgement.

    Raises:
        RejectedRecordError: it has none of the accepted forms; the message says what it is instead.
        IgnoredRecordError: it is a mail that SES received, with all that is in it.
    """
    yield from _unwrapped(payload, _MAX_LAYERS)


def _unwrapped(payload: object, layers: int) -> Iterator[Notification]:
    if layers == 0:
        raise RejectedRecordError(f"more than {_MAX_LAYERS} envelopes around one notification")
    if isinstance(payload, str):
        if is_acknowledgement(payload):
            return
        yield from _unwrapped(_json(payload), layers - 1)
    elif not isinstance(payload, dict):
        raise RejectedRecordError(f"expected a JSON object, got {type(payload).__name__}")
    elif "mail" in payload and ("eventType" in payload or "notificationType" in payload):
        yield _outbound(payload)
    elif payload.get("Type") in _CONFIRMATIONS:
        raise RejectedRecordError(
            f"SNS's {payload['Type']} of {payload.get('TopicArn')!r:.200}: the subscription of the "
            "queue is not confirmed; open the SubscribeURL in it, or subscribe the queue from the "
            "topic's own account"
        )
    elif "Message" in payload and isinstance(payload["Message"], str):
        yield from _unwrapped(payload["Message"], layers - 1)
    elif "detail" in payload and "detail-type" in payload:
        yield _from_eventbridge(payload)
    elif isinstance(payload.get("Records"), list):
        for record in payload["Records"]:
            yield from _unwrapped(_in_record(record), layers - 1)
    else:
        names = ", ".join(sorted(map(str, payload))[:8]) or "none"
        raise RejectedRecordError(
            "neither an SES notification (mail, and eventType or notificationType), nor an SNS or "
            f"EventBridge envelope around one; its fields: {names[:200]}"
        )


def _in_record(record: object) -> object:
    if not isinstance(record, dict):
        raise RejectedRecordError("a record that is not a JSON object")
    return record.get("Sns") or record.get("body")


def _outbound(notification: Notification) -> Notification:
    """A notification of a mail that was sent.

    Raises:
        IgnoredRecordError: it is of a mail that came in.
    """
    if notification.get("notificationType") == _INBOUND:
        raise IgnoredRecordError(
            "a mail that SES received, which is nobody's trail: let the receipt rule publish to "
            "another topic"
        )
    return notification


def _from_eventbridge(envelope: dict[str, Any]) -> Notification:
    detail = envelope["detail"]
    if envelope.get("source") != "aws.ses":
        raise RejectedRecordError(
            f"an EventBridge event of {envelope.get('source')!r:.60}, not of aws.ses"
        )
    if not isinstance(detail, dict) or "mail" not in detail:
        raise RejectedRecordError("an EventBridge event whose detail has no mail")
    if "eventType" in detail:
        return detail
    name = envelope["detail-type"]
    known = EVENTBRIDGE_TYPES.get(name) if isinstance(name, str) else None
    return {**detail, "eventType": known or name}


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except RecursionError:
        raise RejectedRecordError("JSON nested too deeply") from None
    except ValueError as error:
        raise RejectedRecordError(f"not JSON: {error}") from None
