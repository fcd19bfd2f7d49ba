"""Mailgun's events: pages of the Events and Logs APIs, webhooks as archived, and CSV of them.

The fields are those of Mailgun's "Event structure", "Event types" and "Webhook payloads". Of a CSV
the columns are taken by the names of those fields, with or without the objects that they are in.
Judgement calls:

* `failed` that is temporary is a delay. What is permanent because Mailgun stopped trying (`old`),
  or says itself that it is soft, is a transient bounce.
* What is held back for an earlier bounce, complaint or choice was never tried.
* A bot named in `client-info` is a machine, but for Gmail's image proxy, which acts for a person.
"""

from __future__ import annotations

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

__all__ = ["read_mailgun"]

_What = tuple[EventType, dict[str, Any]]
_OF_PEOPLE: Final = frozenset({"", "gmail", "false", "none"})
_GAVE_UP: Final = frozenset({"old", "espblock", "greylisted"})
_NOT_OF_MAIL: Final = frozenset({"stored", "list_member_uploaded", "list_member_upload_error"})
_PERMANENT: Final = range(500, 600)


def read_mailgun(record: Any, naming: Naming) -> list[Told]:
    """What a record tells: an event, as APIs and webhooks have it, or as a row.

    Raises:
        RejectedRecordError: it is none; the message says what it lacks.
        IgnoredRecordError: it is of no mail that was sent.
    """
    if isinstance(record, dict) and isinstance(record.get("event-data"), dict):
        record = record["event-data"]
    if not isinstance(record, dict):
        raise RejectedRecordError(f"expected an object, got {type(record).__name__}")
    fields = Fields(record)
    name = (fields.text("event") or "").lower()
    if name in _NOT_OF_MAIL or name.startswith("list_"):
        raise IgnoredRecordError(f"{name}: of no mail that was sent")
    if str(fields.get("flags.is-routed")).lower() == "true":
        raise IgnoredRecordError("a mail that came in, and was routed")
    if name not in _EVENTS:
        raise RejectedRecordError(f"an event of the unknown type {fields.get('event')!r:.60}")
    message = fields.text("message.headers.message-id", "message-id")
    if message is None:
        raise RejectedRecordError("no message.headers.message-id")
    what, detail = _EVENTS[name](fields)
    recipient = fields.text("recipient", "envelope.targets", "message.headers.to", "to")
    variables = fields.object("user-variables")
    tag = first_text(fields.get("tags"))
    own = {"tag": tag, "tags": tag, "campaign": _campaign(fields)}
    return [
        Told(
            service="mailgun",
            message=message.strip("<>"),
            address=address_of(recipient),
            type=what,
            at=fields.time("timestamp", "@timestamp"),
            detail=detail,
            subject=fields.text("message.headers.subject", "subject"),
            kind=tag,
            participant=naming.participant_in(variables, record),
            communication=naming.communication_in(own, variables, record),
        )
    ]


def _campaign(fields: Fields) -> str | None:
    campaigns = fields.get("campaigns")
    if isinstance(campaigns, list) and campaigns and isinstance(campaigns[0], dict):
        return first_text(campaigns[0].get("name") or campaigns[0].get("id"))
    return first_text(campaigns)


def _accepted(_fields: Fields) -> _What:
    return EventType.SEND, {}


def _delivered(fields: Fields) -> _What:
    said = " ".join(filter(None, (_code(fields), _said(fields))))
    return EventType.DELIVERY, only(
        smtp_response=said or None,
        reporting_mta=fields.text("delivery-status.mx-host", "mx-host"),
    )


def _failed(fields: Fields) -> _What:
    said, code = _said(fields), _code(fields) or ""
    reason = (fields.text("reason") or "").lower()
    if reason == "suppress-complaint" or code == "607":
        return EventType.COMPLAINT, {"subtype": "OnAccountSuppressionList"}
    if reason == "suppress-unsubscribe" or code == "606":
        return dropped(said or reason, "UnsubscribedRecipient")
    if reason == "suppress-bounce" or code == "605":
        return dropped(said or reason, "OnAccountSuppressionList")
    status = smtp_status(fields.text("delivery-status.enhanced-code", "enhanced-code"), code, said)
    if (fields.text("severity") or "").lower() == "temporary":
        return EventType.DELIVERY_DELAY, only(delay_type="General", status=status, diagnostic=said)
    hard = fields.text("delivery-status.bounce-type", "bounce-type")
    if hard:
        permanent = hard.lower() == "hard"
    else:
        refused = code.isdigit() and int(code) in _PERMANENT
        permanent = reason not in _GAVE_UP and (refused or (status or "").startswith("5."))
    return EventType.BOUNCE, only(
        type="Permanent" if permanent else "Transient",
        subtype="General",
        status=status,
        diagnostic=said,
        reporting_mta=fields.text("delivery-status.mx-host", "mx-host"),
    )


def _code(fields: Fields) -> str | None:
    return fields.text("delivery-status.code", "code")


def _said(fields: Fields) -> str | None:
    """What the recipient's server said, or Mailgun."""
    of_status = fields.text("delivery-status.message", "delivery-status.description")
    return of_status or fields.text("description", "error", "message")


def _rejected(fields: Fields) -> _What:
    return EventType.REJECT, only(reason=fields.text("reject.reason", "reason"))


def _complained(_fields: Fields) -> _What:
    return EventType.COMPLAINT, {"feedback_type": "abuse"}


def _unsubscribed(_fields: Fields) -> _What:
    return EventType.SUBSCRIPTION, {"source": "Mailgun", **UNSUBSCRIBED}


def _opened(fields: Fields) -> _What:
    return EventType.OPEN, _client(fields)


def _clicked(fields: Fields) -> _What:
    return EventType.CLICK, _client(fields) | only(link=fields.text("url", most=MAX_LINK))


def _client(fields: Fields) -> dict[str, Any]:
    bot = str(fields.get("client-info.bot", "bot") or "").lower()
    return only(
        ip=fields.text("ip", most=64),
        user_agent=fields.text("client-info.user-agent", "user-agent"),
        is_bot_event=None if bot in _OF_PEOPLE else "Likely",
    )


_EVENTS: Final[Mapping[str, Callable[[Fields], _What]]] = {
    "accepted": _accepted,
    "delivered": _delivered,
    "failed": _failed,
    "rejected": _rejected,
    "opened": _opened,
    "clicked": _clicked,
    "unsubscribed": _unsubscribed,
    "complained": _complained,
}
