"""Postmark's records: lists and details of the Messages API, of the Bounce API, and webhooks.

The fields are those of Postmark's "Messages API", "Bounce API" and "Webhooks". Of a CSV the columns
are taken by the names of those fields. Judgement calls:

* Details of a message tell its delivery, delays and bounces. Its opens and clicks lack their
  client, so they are taken from lists of opens and clicks, or webhooks, and from nowhere else.
* A bounce in details does not say whether it is for good: it suppresses nobody. The Bounce API and
  webhooks do.
* A change of subscription that follows from a bounce or complaint is told by that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sendtrail.domain.events import EventType
from sendtrail.errors import IgnoredRecordError, RejectedRecordError
from sendtrail_cli.importing.fields import MAX_LINK, Fields, only, smtp_status, text_of
from sendtrail_cli.importing.told import (
    CHOSE_AGAIN,
    UNSUBSCRIBED,
    Naming,
    Told,
    address_of,
    dropped,
)

__all__ = ["read_postmark"]

_What = tuple[EventType, dict[str, Any]]
_BOUNCES: Final[Mapping[str, tuple[str, str]]] = {
    "hardbounce": ("Permanent", "General"),
    "bademailaddress": ("Permanent", "NoEmail"),
    "softbounce": ("Transient", "General"),
    "dnserror": ("Transient", "General"),
    "addresschange": ("Transient", "General"),
    "autoresponder": ("Transient", "General"),
    "challengeverification": ("Transient", "General"),
    "blocked": ("Transient", "General"),
    "dmarcpolicy": ("Transient", "General"),
    "spamnotification": ("Transient", "ContentRejected"),
    "virusnotification": ("Transient", "AttachmentRejected"),
}
"""Type of a bounce ("Bounce API", "Bounce types") → SES's type and subtype. Of others nothing is
known.
"""
_IN_DETAILS: Final = {"delivered", "bounced", "transient"}


def read_postmark(record: Any, naming: Naming) -> list[Told]:
    """What a record tells: a message of a list or with its details, a bounce, an open, a click, or
    what a webhook brings.

    Raises:
        RejectedRecordError: it is none of them; the message says what it lacks.
        IgnoredRecordError: it tells nothing that is kept.
    """
    if not isinstance(record, dict):
        raise RejectedRecordError(f"expected an object, got {type(record).__name__}")
    fields = Fields(record)
    message = fields.text("MessageID")
    if message is None:
        raise RejectedRecordError("no MessageID")
    if _is_message(fields):
        return list(_of_message(fields, message, naming))
    name, at = _recorded(fields)
    what, detail = _EVENTS[name](fields)
    address = fields.text("Recipient", "Email")
    return [_told(fields, message, address, (what, detail), fields.time(at), naming)]


def _is_message(fields: Fields) -> bool:
    """Whether it is an outbound message, of a list or with its details."""
    of_event = fields.get("RecordType", "BouncedAt") is not None
    return not of_event and fields.get("Status", "MessageEvents", "Recipients", "To") is not None


def _recorded(fields: Fields) -> tuple[str, str]:
    """What kind of record it is, and the field with its time.

    Raises:
        RejectedRecordError: of none that is known.
    """
    name = (fields.text("RecordType") or "").lower()
    if not name:  # of the lists of bounces, opens and clicks
        signs = {"BouncedAt": "bounce", "OriginalLink": "click", "FirstOpen": "open"}
        signs |= {"DeliveredAt": "delivery", "UserAgent": "open"}
        name = next((each for sign, each in signs.items() if fields.get(sign) is not None), "")
    if name not in _TIMES:
        raise RejectedRecordError(f"a record of the unknown type {fields.get('RecordType')!r:.60}")
    return name, _TIMES[name]


def _of_message(fields: Fields, message: str, naming: Naming) -> Iterator[Told]:
    """What a message of a list, or with its details, tells.

    Raises:
        IgnoredRecordError: it was not sent yet.
    """
    sent_at = fields.time("ReceivedAt")
    if (fields.text("Status") or "").lower() in ("queued", "scheduled"):
        raise IgnoredRecordError("a message that was not sent yet")
    addresses = dict.fromkeys(_recipients(fields))
    if not addresses:
        raise RejectedRecordError("a message without recipients")
    for address in addresses:
        yield _told(fields, message, address, (EventType.SEND, {}), sent_at, naming, sent_at)
    for event in fields.get("MessageEvents") or ():
        if isinstance(event, dict) and (text_of(event.get("Type")) or "").lower() in _IN_DETAILS:
            mine = Fields(event)
            who, at = mine.text("Recipient"), mine.time("ReceivedAt")
            yield _told(fields, message, who, _in_details(mine), at, naming, sent_at)


def _recipients(fields: Fields) -> Iterator[str]:
    found = fields.get("Recipients")
    if found is None:
        found = [each for name in ("To", "Cc", "Bcc") for each in _several(fields.get(name))]
    for each in _several(found):
        yield address_of(text_of(each.get("Email") if isinstance(each, dict) else each))


def _several(value: object) -> list[Any]:
    if isinstance(value, str):
        return [each for each in value.split(",") if each.strip()]
    return value if isinstance(value, list) else []


def _in_details(event: Fields) -> _What:
    said = event.text("Details.DeliveryMessage", "Details.Summary")
    server = event.text("Details.DestinationServer")
    kind = (event.text("Type") or "").lower()
    if kind == "delivered":
        return EventType.DELIVERY, only(smtp_response=said, reporting_mta=server)
    if kind == "transient":
        facts = only(delay_type="General", status=smtp_status(said), diagnostic=said)
        return EventType.DELIVERY_DELAY, facts
    return EventType.BOUNCE, only(
        type="Undetermined", subtype="Undetermined", status=smtp_status(said), diagnostic=said
    )


def _told(
    fields: Fields,
    message: str,
    address: str | None,
    what: _What,
    at: str,
    naming: Naming,
    sent_at: str | None = None,
) -> Told:
    metadata, tag = fields.object("Metadata"), fields.text("Tag")
    own = {"Tag": tag, "tag": tag}
    return Told(
        service="postmark",
        message=message.lower(),
        address=address_of(address),
        type=what[0],
        at=at,
        detail=what[1],
        sent_at=sent_at,
        subject=fields.text("Subject"),
        kind=tag,
        participant=naming.participant_in(metadata),
        communication=naming.communication_in(own, metadata),
    )


def _delivered(fields: Fields) -> _What:
    return EventType.DELIVERY, only(smtp_response=fields.text("Details"))


def _bounced(fields: Fields) -> _What:
    kind = (fields.text("Type") or "").lower()
    said = fields.text("Details", "Description")
    if kind == "spamcomplaint":
        return _complained(fields)
    if kind == "transient":  # "Message delayed"; it is tried again
        facts = only(delay_type="General", status=smtp_status(said), diagnostic=said)
        return EventType.DELIVERY_DELAY, facts
    if kind == "manuallydeactivated":
        return dropped(said or "deactivated", "OnAccountSuppressionList")
    if kind == "unsubscribe":
        return EventType.SUBSCRIPTION, {"source": "Postmark", **UNSUBSCRIBED}
    if kind == "subscribe":
        return EventType.SUBSCRIPTION, {"source": "Postmark", **CHOSE_AGAIN}
    if kind == "smtpapierror":
        return EventType.REJECT, only(reason=said)
    if kind == "templaterenderingfailed":
        return EventType.RENDERING_FAILURE, only(error=said)
    if kind == "inbounderror":
        raise IgnoredRecordError("a mail that came in")
    sort, subtype = _BOUNCES.get(kind, ("Undetermined", "Undetermined"))
    return EventType.BOUNCE, only(
        type=sort, subtype=subtype, status=smtp_status(said), diagnostic=said
    )


def _complained(fields: Fields) -> _What:
    feedback_id = fields.text("ID")
    return EventType.COMPLAINT, only(feedback_type="abuse", feedback_id=feedback_id)


def _opened(fields: Fields) -> _What:
    return EventType.OPEN, _client(fields)


def _clicked(fields: Fields) -> _What:
    return EventType.CLICK, _client(fields) | only(link=fields.text("OriginalLink", most=MAX_LINK))


def _client(fields: Fields) -> dict[str, Any]:
    return only(ip=fields.text("Geo.IP", most=64), user_agent=fields.text("UserAgent"))


def _subscription(fields: Fields) -> _What:
    suppressed = str(fields.get("SuppressSending")).lower() == "true"
    reason, origin = fields.text("SuppressionReason"), fields.text("Origin")
    if suppressed and reason in ("HardBounce", "SpamComplaint"):
        raise IgnoredRecordError("a suppression that a bounce or complaint tells")
    if not suppressed and origin != "Recipient":
        raise IgnoredRecordError("an address that was taken off the suppression list by the sender")
    facts = UNSUBSCRIBED if suppressed else CHOSE_AGAIN
    return EventType.SUBSCRIPTION, {"source": "Postmark", **facts}


_TIMES: Final = {
    "delivery": "DeliveredAt",
    "bounce": "BouncedAt",
    "spamcomplaint": "BouncedAt",
    "open": "ReceivedAt",
    "click": "ReceivedAt",
    "subscriptionchange": "ChangedAt",
}
_EVENTS: Final = {
    "delivery": _delivered,
    "bounce": _bounced,
    "spamcomplaint": _complained,
    "open": _opened,
    "click": _clicked,
    "subscriptionchange": _subscription,
}
