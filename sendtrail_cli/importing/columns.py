"""Our own table of events, for services that none is written for: a row for each event.

`COLUMNS` says what each column is, from which docs/importing.md is written. Capitals, blanks and
dashes in their names do not matter, and other columns are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from sendtrail.domain.events import EventType
from sendtrail.domain.ids import digest, is_participant_id
from sendtrail.errors import RejectedRecordError
from sendtrail_cli.importing.fields import MAX_LINK, Fields, only, smtp_status
from sendtrail_cli.importing.told import (
    CHOSE_AGAIN,
    UNSUBSCRIBED,
    Naming,
    Told,
    address_of,
    communication_of,
    dropped,
)

__all__ = ["COLUMNS", "EVENTS", "read_row"]

COLUMNS: Final[Mapping[str, str]] = {
    "event": "what happened, as below; needed",
    "at": "when; ISO 8601, of UTC if it has no offset, or seconds since 1970; needed",
    "address": "whom the message was to; needed",
    "message_id": "the message's id elsewhere, the same in all of its rows; needed, unless "
    "`communication` or `sent_at` tells its messages to one address apart",
    "sent_at": "when the message was sent; if no row says so, the earliest time of its rows",
    "participant_id": "who has the address, if that is known",
    "communication": "the mailing that it belongs to, by its id or name",
    "kind": "what kind of message it is: newsletter, invoice, …",
    "subject": "its subject",
    "reason": "what the recipient's server said, or why it was not sent",
    "status": "the enhanced status code, such as 5.1.1",
    "url": "of a click, the link that was followed",
    "user_agent": "of an open or click, the program; without one it counts as a machine's",
    "ip": "of an open or click, where it came from",
    "machine": "of an open or click, `yes` if a machine did it",
}
"""Name → what it is."""

_What = tuple[EventType, dict[str, Any]]

EVENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "sent": ("send", "processed", "accepted"),
    "delivered": ("delivery",),
    "delayed": ("deferred", "deliverydelay"),
    "bounced": ("bounce", "hardbounce", "hardbounced"),
    "soft bounced": ("softbounce",),
    "spammed": ("complaint", "complained", "spam", "spamreport", "spamcomplaint"),
    "opened": ("open",),
    "clicked": ("click",),
    "unsubscribed": ("unsubscribe", "optout"),
    "resubscribed": ("subscribe", "subscribed", "resubscribe", "optin"),
    "dropped": ("drop", "suppressed"),
    "rejected": ("reject",),
}
"""What `event` may say → other words for it."""

_BY_WORD: Final = {
    re.sub("[^a-z]", "", word): name for name, words in EVENTS.items() for word in (name, *words)
}


def read_row(record: Any, naming: Naming) -> list[Told]:
    """What a row tells.

    Raises:
        RejectedRecordError: it lacks something, or says what none of the columns may say.
    """
    if not isinstance(record, dict):
        raise RejectedRecordError(f"expected a row, got {type(record).__name__}")
    fields = Fields(record)
    word = re.sub("[^a-z]", "", (fields.text("event") or "").lower())
    if word not in _BY_WORD:
        raise RejectedRecordError(
            f"event is {fields.get('event')!r:.60}, none of {', '.join(EVENTS)}"
        )
    what, detail = _what(_BY_WORD[word], fields)
    address = address_of(fields.text("address", "email"))
    at = fields.time("at", "time", "timestamp")
    sent_at = fields.time("sent_at") if fields.get("sent_at") is not None else None
    name = fields.text("communication", "communication_id")
    communication = communication_of(name) if name else naming.communication_in(record)
    message = fields.text("message_id")
    if message is None:
        if not (communication or sent_at):
            raise RejectedRecordError("no message_id, and neither communication nor sent_at")
        message = digest(communication or "", sent_at or "", length=32)
    return [
        Told(
            service="csv",
            message=message,
            address=address,
            type=what,
            at=at,
            detail=detail,
            sent_at=sent_at,
            subject=fields.text("subject"),
            kind=fields.text("kind"),
            participant=_participant(fields) or naming.participant_in(record),
            communication=communication,
        )
    ]


def _participant(fields: Fields) -> str | None:
    value = fields.text("participant_id")
    if value is not None and not is_participant_id(value):
        raise RejectedRecordError(f"participant_id is {value!r:.60}, which is no participant's id")
    return value


def _what(name: str, fields: Fields) -> _What:
    said = fields.text("reason")
    status = smtp_status(fields.text("status"), said)
    match name:
        case "sent":
            return EventType.SEND, {}
        case "delivered":
            return EventType.DELIVERY, only(smtp_response=said)
        case "delayed":
            facts = only(delay_type="General", status=status, diagnostic=said)
            return EventType.DELIVERY_DELAY, facts
        case "bounced" | "soft bounced":
            kind = "Transient" if name == "soft bounced" else "Permanent"
            facts = only(type=kind, subtype="General", status=status, diagnostic=said)
            return EventType.BOUNCE, facts
        case "spammed":
            return EventType.COMPLAINT, {"feedback_type": "abuse"}
        case "opened":
            return EventType.OPEN, _client(fields)
        case "clicked":
            return EventType.CLICK, _client(fields) | only(link=fields.text("url", most=MAX_LINK))
        case "unsubscribed":
            return EventType.SUBSCRIPTION, dict(UNSUBSCRIBED)
        case "resubscribed":
            return EventType.SUBSCRIPTION, dict(CHOSE_AGAIN)
        case "dropped":
            return dropped(said or "dropped", "OnAccountSuppressionList")
        case _:
            return EventType.REJECT, only(reason=said)


def _client(fields: Fields) -> dict[str, Any]:
    machine = (fields.text("machine") or "").lower() in ("yes", "true", "1")
    return only(
        ip=fields.text("ip", most=64),
        user_agent=fields.text("user_agent"),
        is_bot_event="Likely" if machine else None,
    )
