"""SendGrid's events: the Event Webhook's JSON, and the CSV of the Email Activity Feed.

The fields are those of Twilio's "Event Webhook Reference" and "Request a CSV" (Email Activity API).
Judgement calls:

* A `bounce` of type ``blocked`` (in CSV ``soft``) is transient: SendGrid goes on sending to the
  address.
* What is `dropped` for an earlier bounce, complaint or choice was never tried, as what SES's
  suppression list holds back; for anything else it is rejected.
* Who leaves one suppression group is unsubscribed, since nobody tells which others there are.
* A late bounce has no message id. It is of a message of its own, so that its address is suppressed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from sendtrail.domain.events import EventType
from sendtrail.errors import IgnoredRecordError, RejectedRecordError
from sendtrail_cli.importing.fields import MAX_LINK, Fields, first_text, only, smtp_status
from sendtrail_cli.importing.told import (
    UNSUBSCRIBED,
    Naming,
    Told,
    address_of,
    dropped,
)

__all__ = ["read_sendgrid"]

_What = tuple[EventType, dict[str, Any]]
_NEVER_TRIED: Final = {
    "bounced address": "OnAccountSuppressionList",
    "unsubscribed address": "UnsubscribedRecipient",
    "invalid": "EmailValidationSuppressed",
}
"""Reasons of `dropped` ("Event Webhook Reference", "Dropped") → the subtype that means the same."""
_SPAMMED: Final = "spam reporting address"
_SUBTYPES: Final = {
    ("Permanent", "invalid address"): "NoEmail",
    ("Transient", "content"): "ContentRejected",
    ("Transient", "mailbox unavailable"): "MailboxFull",
}
"""Type of a bounce and SendGrid's `bounce_classification` → SES's subtype."""
_ACCOUNT: Final = frozenset({"accountstatuschange"})


def read_sendgrid(record: Any, naming: Naming) -> list[Told]:
    """What a record tells: an event of the webhook, or a row of the CSV.

    Raises:
        RejectedRecordError: it is neither; the message says what it lacks.
        IgnoredRecordError: it is of no message.
    """
    if not isinstance(record, dict):
        raise RejectedRecordError(f"expected an object, got {type(record).__name__}")
    fields = Fields(record)
    name = re.sub("[^a-z]", "", (fields.text("event") or "").lower())
    if name in _ACCOUNT:
        raise IgnoredRecordError("a change of the account, and of no message")
    if name not in _EVENTS:
        raise RejectedRecordError(f"an event of the unknown type {fields.get('event')!r:.60}")
    what, detail = _EVENTS[name](fields)
    arguments = fields.object("unique_args")
    message = fields.text("sg_message_id", "message_id", "smtp-id", "sg_event_id")
    if message is None:
        raise RejectedRecordError("no sg_message_id, message_id, smtp-id or sg_event_id")
    own = {"category": first_text(fields.get("category", "categories"))}
    return [
        Told(
            service="sendgrid",
            message=message.strip("<>"),
            address=address_of(fields.text("email")),
            type=what,
            at=fields.time("timestamp", "processed"),
            detail=detail,
            subject=fields.text("subject"),
            kind=own["category"],
            participant=naming.participant_in(record, arguments),
            communication=naming.communication_in(own, record, arguments),
        )
    ]


def _processed(_fields: Fields) -> _What:
    return EventType.SEND, {}


def _delivered(fields: Fields) -> _What:
    return EventType.DELIVERY, only(
        smtp_response=fields.text("response", "reason"), reporting_mta=fields.text("mx")
    )


def _deferred(fields: Fields) -> _What:
    said = fields.text("response", "reason")
    return EventType.DELIVERY_DELAY, only(
        delay_type="General", status=smtp_status(said), diagnostic=said
    )


def _bounced(fields: Fields) -> _What:
    said = fields.text("reason", "response")
    soft = (fields.text("type", "bounce_type") or "").lower() in ("blocked", "soft")
    kind = "Transient" if soft else "Permanent"
    why = (fields.text("bounce_classification") or "").lower()
    return EventType.BOUNCE, only(
        type=kind,
        subtype=_SUBTYPES.get((kind, why), "General"),
        status=smtp_status(fields.text("status"), said),
        diagnostic=said,
    )


def _dropped(fields: Fields) -> _What:
    why = fields.text("reason") or "dropped by SendGrid"
    if why.lower() == _SPAMMED:
        return EventType.COMPLAINT, {"subtype": "OnAccountSuppressionList"}
    subtype = _NEVER_TRIED.get(why.lower())
    return dropped(why, subtype) if subtype else (EventType.REJECT, {"reason": why})


def _complained(_fields: Fields) -> _What:
    return EventType.COMPLAINT, {"feedback_type": "abuse"}


def _opened(fields: Fields) -> _What:
    return EventType.OPEN, _client(fields)


def _clicked(fields: Fields) -> _What:
    link = fields.text("url", most=MAX_LINK)
    return EventType.CLICK, _client(fields) | only(link=link)


def _client(fields: Fields) -> dict[str, Any]:
    """Whose an open or click is. The CSV's `originating_ip` is the sender's, and not kept."""
    machine = str(fields.get("sg_machine_open")).lower() == "true"
    return only(
        ip=fields.text("ip"),
        user_agent=fields.text("useragent", "user_agent"),
        is_bot_event="Likely" if machine else None,
    )


def _unsubscribed(_fields: Fields) -> _What:
    return EventType.SUBSCRIPTION, {"source": "SendGrid", **UNSUBSCRIBED}


def _left_group(fields: Fields) -> _What:
    return EventType.SUBSCRIPTION, _of_group(fields, "OptOut")


def _joined_group(fields: Fields) -> _What:
    return EventType.SUBSCRIPTION, _of_group(fields, "OptIn")


def _of_group(fields: Fields, status: str) -> dict[str, Any]:
    group = fields.text("asm_group_id", most=100) or "group"
    return {
        "source": "SendGrid",
        "new_preferences": {"unsubscribe_all": False, "topics": {group: status}},
    }


_EVENTS: Final[Mapping[str, Callable[[Fields], _What]]] = {
    "processed": _processed,
    "delivered": _delivered,
    "deferred": _deferred,
    "bounce": _bounced,
    "bounced": _bounced,
    "blocked": _bounced,
    "dropped": _dropped,
    "drop": _dropped,
    "open": _opened,
    "opened": _opened,
    "click": _clicked,
    "clicked": _clicked,
    "spamreport": _complained,
    "unsubscribe": _unsubscribed,
    "groupunsubscribe": _left_group,
    "groupresubscribe": _joined_group,
}
"""By the names of the webhook, and of the CSV."""
