"""The parser of SES's notifications: from JSON to events, one for each recipient.

Field names and meanings are the SES developer guide's ("Contents of event data that Amazon SES
publishes to Amazon SNS", "Amazon SNS notification contents for Amazon SES"). Judgement calls:

* The message is identified by the tags that our own sending sets (`message_id`, `participant_id`,
  `communication_id`, `kind`, `tracked`), each validated by itself. The first two identify one
  recipient, so they are used only if the mail had one; SES's opens and clicks do not say which of
  several recipients acted.
* If the mail had one recipient, every event is about that one: the address in a bounce is the
  ``Final-Recipient`` of the delivery status notification, which after forwarding is another one,
  and is then kept as ``final_recipient``. If the mail had several, an address that it was not sent
  to identifies none of them.
* An event of one of several recipients that does not say which is attributed to a separate message
  without an address, so that nobody is credited or blamed for it.
* A field of an unexpected type is left out; only what the event's key is made of is required.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from sendtrail.domain.events import Event, EventType
from sendtrail.domain.ids import (
    bare_address,
    derived_message_id,
    digest,
    is_communication_id,
    is_message_id,
    is_participant_id,
    normal_address,
    participant_of_address,
    unattributed_participant,
)
from sendtrail.domain.times import Timestamp, parse
from sendtrail.errors import RejectedRecordError
from sendtrail.mail.addresses import MAX_ADDRESS

__all__ = ["UNKNOWN_FIELDS", "events_of"]

UNKNOWN_FIELDS: Final = "unknown_fields"
"""The name, among an event's facts, of what SES says in fields that are not known here."""

_Json = dict[str, Any]
_Detail = dict[str, Any]

_MAX_TEXT: Final = 1_000
_MAX_LINK: Final = 8_000
_MAX_SUBJECT: Final = 300
_MAX_ENCODED: Final = 4_000  # of a subject; decoding takes time quadratic in its length
_MAX_MESSAGE_ID: Final = 256
_MAX_ENTRIES: Final = 50
_MAX_UNKNOWN: Final = 5
_MAX_NAME: Final = 40
_MAX_SAID: Final = 60
_PRIVATE: Final = frozenset({"commonHeaders", "headers", "ipAddress", "sourceIp"})
_MAX_RAW: Final = 380_000  # bytes; an item may have 400 KB (DynamoDB, "Service quotas")


class _Mail(NamedTuple):
    """The part of the ``mail`` object that events need."""

    sent_at: Timestamp
    ses_message_id: str
    destination: tuple[str, ...]
    message_id: str | None
    participant_id: str | None
    communication_id: str | None
    kind: str | None
    tracked: bool
    subject: str | None


class _Finding(NamedTuple):
    """What a notification says about one recipient; no address if it does not say which."""

    address: str | None
    detail: _Detail


_Reader = Callable[[_Json, _Mail], list[_Finding]]


def events_of(notification: _Json) -> list[Event]:
    """The events in one SES notification, one for each recipient it concerns.

    Args:
        notification: an object with ``eventType`` (event publishing) or ``notificationType``
            (legacy) and ``mail``.

    Raises:
        RejectedRecordError: it lacks what every event needs: a type, and ``mail`` with
            ``messageId`` and ``timestamp``; and, for all but Send, Reject and Rendering Failure,
            the type's own object with a timestamp. Or it is larger than an item may be.
    """
    name = notification.get("eventType") or notification.get("notificationType")
    if not isinstance(name, str) or not name:
        raise RejectedRecordError("eventType (or notificationType) is not a text")
    mail = _read_mail(notification.get("mail"))
    form = _FORMS.get(name)
    if form is None:
        return [_unknown(name, notification, mail)]
    body = notification.get(form.body)
    if not isinstance(body, dict):
        if form.own_time:
            raise RejectedRecordError(f"a {name} without its object {form.body!r}")
        body = {}
    at = _time(body.get("timestamp"), f"{form.body}.timestamp") if form.own_time else mail.sent_at
    more = _unknown_fields(body, form)
    return [
        _event(
            form.type,
            mail,
            _Finding(finding.address, finding.detail | more),
            at,
            _identity(form.type, finding, at, body, mail),
        )
        for finding in form.read(body, mail)
    ]


def _unknown_fields(body: _Json, form: _Form) -> _Detail:
    """What SES says in fields that are not known here, by their names: as much as an element of the
    log bears. AWS adds fields without notice.
    """
    names = sorted(name for name in body if name and name not in form.fields)
    found: dict[str, str] = {}
    for name in names[:_MAX_UNKNOWN]:
        try:
            said = json.dumps(_without_private(body[name]), sort_keys=True, separators=(",", ":"))
        except RecursionError:
            continue
        found[_clean(name[:_MAX_NAME])] = said[:_MAX_SAID]
    return {UNKNOWN_FIELDS: found} if found else {}


def _event(
    event_type: EventType, mail: _Mail, finding: _Finding, at: Timestamp, identity: str
) -> Event:
    address = finding.address
    shared = len(mail.destination) > 1
    message_id = None if shared else mail.message_id
    participant_id = None if shared else mail.participant_id
    if participant_id is None:
        participant_id = (
            participant_of_address(address)
            if address
            else unattributed_participant(mail.ses_message_id)
        )
    return Event(
        message_id=message_id
        or derived_message_id(mail.sent_at, mail.ses_message_id, address or ""),
        type=event_type,
        at=at,
        identity=identity,
        participant_id=participant_id,
        communication_id=mail.communication_id,
        address=address,
        kind=mail.kind,
        subject=None if event_type in _SUBJECTLESS else mail.subject,
        sent_at=mail.sent_at,
        detail=finding.detail,
    )


def _identity(
    event_type: EventType, finding: _Finding, at: Timestamp, body: _Json, mail: _Mail
) -> str:
    if event_type in _HITS:
        detail = finding.detail
        return digest(
            mail.ses_message_id,
            detail.get("ip", ""),
            detail.get("user_agent", ""),
            detail.get("link", ""),
        )
    recipient = normal_address(finding.address or "")
    if event_type is EventType.SUBSCRIPTION:  # two opposite choices may have one time
        chosen = json.dumps(finding.detail.get("new_preferences"), sort_keys=True)
        return digest(mail.ses_message_id, recipient, at, chosen)
    return digest(mail.ses_message_id, recipient, _text(body.get("feedbackId")) or at)


def _unknown(name: str, notification: _Json, mail: _Mail) -> Event:
    try:
        raw = json.dumps(_without_private(notification), sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise RejectedRecordError("JSON nested too deeply") from None
    if len(raw) > _MAX_RAW:
        raise RejectedRecordError(
            f"an event of the unknown type {name!r:.60} of {len(raw)} bytes; "
            f"at most {_MAX_RAW} can be kept"
        )
    address = mail.destination[0] if len(mail.destination) == 1 else None
    detail = {"event_type": _text(name), "raw": raw}
    return _event(EventType.UNKNOWN, mail, _Finding(address, detail), mail.sent_at, digest(raw))


def _without_private(value: Any) -> Any:
    """JSON without the mail's headers and the addresses of clients, of which no more is kept than
    of other events.
    """
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if name not in _PRIVATE}
        return {name: _without_private(each) for name, each in kept.items()}
    return list(map(_without_private, value)) if isinstance(value, list) else value


# --- mail ------------------------------------------------------------------------------------


def _read_mail(mail: object) -> _Mail:
    if not isinstance(mail, dict):
        raise RejectedRecordError("mail is not an object")
    ses_message_id = mail.get("messageId")
    if not isinstance(ses_message_id, str) or not 0 < len(ses_message_id) <= _MAX_MESSAGE_ID:
        raise RejectedRecordError(
            f"mail.messageId is not a text of 1 to {_MAX_MESSAGE_ID} characters"
        )
    tags = mail.get("tags")
    if not isinstance(tags, dict):
        tags = {}
    message_id = _tag(tags, "message_id")
    message_id = message_id.upper() if message_id else None
    participant_id = _tag(tags, "participant_id")
    communication_id = _tag(tags, "communication_id")
    kind = _tag(tags, "kind")
    return _Mail(
        sent_at=_time(mail.get("timestamp"), "mail.timestamp"),
        ses_message_id=_clean(ses_message_id),
        destination=_addresses(mail.get("destination")),
        message_id=message_id if is_message_id(message_id) else None,
        participant_id=participant_id if is_participant_id(participant_id) else None,
        communication_id=communication_id if is_communication_id(communication_id) else None,
        kind=_text(kind, 64),
        tracked=_tag(tags, "tracked") == "yes",
        subject=_subject(mail),
    )


def _tag(tags: _Json, name: str) -> str | None:
    value = tags.get(name)
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, str) and value else None


def _subject(mail: _Json) -> str | None:
    headers = mail.get("commonHeaders")
    subject = headers.get("subject") if isinstance(headers, dict) else None
    if not isinstance(subject, str):
        subject = next(
            (
                header.get("value")
                for header in _entries(mail.get("headers"))
                if str(header.get("name", "")).lower() == "subject"
            ),
            None,
        )
    if isinstance(subject, str) and "=?" in subject:
        subject = _decoded(subject[:_MAX_ENCODED])
    return _text(subject, _MAX_SUBJECT)


def _decoded(subject: str) -> str:
    """The text of a header in RFC 2047 encoding."""
    from email.errors import MessageError
    from email.header import decode_header, make_header

    try:
        return str(make_header(decode_header(subject)))
    except (LookupError, MessageError, ValueError):
        return subject


# --- one reader per event type ---------------------------------------------------------------


def _sent(_body: _Json, mail: _Mail) -> list[_Finding]:
    return _for_every_recipient(mail, {"tracked": True} if mail.tracked else {})


def _rejected(body: _Json, mail: _Mail) -> list[_Finding]:
    return _for_every_recipient(mail, _only(reason=_text(body.get("reason"))))


def _failed(body: _Json, mail: _Mail) -> list[_Finding]:
    detail = _only(
        template_name=_text(body.get("templateName")), error=_text(body.get("errorMessage"))
    )
    return _for_every_recipient(mail, detail)


def _for_every_recipient(mail: _Mail, detail: _Detail) -> list[_Finding]:
    found = [_Finding(address, dict(detail)) for address in mail.destination]
    return found or [_Finding(None, detail)]


def _delivered(body: _Json, mail: _Mail) -> list[_Finding]:
    detail = _only(
        processing_ms=_whole(body.get("processingTimeMillis")),
        smtp_response=_text(body.get("smtpResponse")),
        reporting_mta=_text(body.get("reportingMTA")),
        remote_mta_ip=_text(body.get("remoteMtaIp")),
    )
    reported = [{"emailAddress": address} for address in _texts(body.get("recipients"))]
    return _for_reported(mail, reported, detail, {})


def _bounced(body: _Json, mail: _Mail) -> list[_Finding]:
    detail = _only(
        type=_text(body.get("bounceType")),
        subtype=_text(body.get("bounceSubType")),
        feedback_id=_text(body.get("feedbackId")),
        reporting_mta=_text(body.get("reportingMTA")),
        remote_mta_ip=_text(body.get("remoteMtaIp")),
    )
    names = {"action": "action", "status": "status", "diagnosticCode": "diagnostic"}
    return _for_reported(mail, _entries(body.get("bouncedRecipients")), detail, names)


def _complained(body: _Json, mail: _Mail) -> list[_Finding]:
    detail = _only(
        subtype=_text(body.get("complaintSubType")),
        feedback_type=_text(body.get("complaintFeedbackType")),
        feedback_id=_text(body.get("feedbackId")),
        user_agent=_text(body.get("userAgent")),
        arrival_date=_text(body.get("arrivalDate")),
    )
    return _for_reported(mail, _entries(body.get("complainedRecipients")), detail, {})


def _delayed(body: _Json, mail: _Mail) -> list[_Finding]:
    detail = _only(
        delay_type=_text(body.get("delayType")),
        expiration_time=_text(body.get("expirationTime")),
        reporting_mta=_text(body.get("reportingMTA")),
    )
    names = {"status": "status", "diagnosticCode": "diagnostic"}
    return _for_reported(mail, _entries(body.get("delayedRecipients")), detail, names)


def _opened(body: _Json, mail: _Mail) -> list[_Finding]:
    return _for_one_or_unattributed(mail, _client(body))


def _clicked(body: _Json, mail: _Mail) -> list[_Finding]:
    detail = _client(body) | _only(
        link=_text(body.get("link"), _MAX_LINK), link_tags=_lists(body.get("linkTags"))
    )
    return _for_one_or_unattributed(mail, detail)


def _subscribed(body: _Json, mail: _Mail) -> list[_Finding]:
    detail = _only(
        contact_list=_text(body.get("contactList")),
        source=_text(body.get("source")),
        new_preferences=_preferences(body.get("newTopicPreferences")),
        old_preferences=_preferences(body.get("oldTopicPreferences")),
    )
    return _for_one_or_unattributed(mail, detail)


def _for_one_or_unattributed(mail: _Mail, detail: _Detail) -> list[_Finding]:
    """SES names no recipient: it is the only one, or else unattributed."""
    return [_Finding(mail.destination[0] if len(mail.destination) == 1 else None, detail)]


def _for_reported(
    mail: _Mail, reported: Iterable[_Json], detail: _Detail, names: Mapping[str, str]
) -> list[_Finding]:
    findings: dict[str, _Finding] = {}
    destination = {normal_address(address) for address in mail.destination}
    entries = [(_address(entry.get("emailAddress")), entry) for entry in reported]
    # A recipient's own entry tells of it, before that of an address to which it was forwarded.
    entries.sort(key=lambda each: normal_address(each[0] or "") not in destination)
    for reported_address, entry in entries:
        if reported_address is None:
            continue
        own = {ours: _text(entry.get(theirs)) for theirs, ours in names.items()}
        found = detail | _only(**own)
        address: str | None = reported_address
        if mail.destination and normal_address(reported_address) not in destination:
            found["final_recipient"] = reported_address
            address = mail.destination[0] if len(mail.destination) == 1 else None
        findings.setdefault(normal_address(address or ""), _Finding(address, found))
    return list(findings.values()) or _for_one_or_unattributed(mail, detail)


# --- fields ----------------------------------------------------------------------------------


def _time(value: object, name: str) -> Timestamp:
    try:
        return parse(value)
    except ValueError as error:
        raise RejectedRecordError(f"{name}: {error}") from None


def _clean(text: str) -> str:
    """The text without lone surrogates, which JSON may contain but UTF-8 cannot encode."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _text(value: object, most: int = _MAX_TEXT) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    return _clean(value[:most])


def _texts(value: object) -> list[str]:
    if not isinstance(value, list):
        return []
    return [entry for entry in value if isinstance(entry, str)]


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 10**15:
        return None
    return value


def _entries(value: object) -> list[_Json]:
    if not isinstance(value, list):
        return []
    return [entry for entry in value if isinstance(entry, dict)]


def _addresses(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [value]
    texts = _texts(value)
    found: dict[str, str] = {}
    for text in texts:
        if address := _address(text):
            found.setdefault(address.lower(), address)
    if any(bare_address(_clean(text)) for text in texts) and not found:
        raise RejectedRecordError(f"no address of at most {MAX_ADDRESS} characters")
    return tuple(found.values())


def _address(value: object) -> str | None:
    """An address, without a display name; None for none, and for one that is too long."""
    address = bare_address(_clean(value)) if isinstance(value, str) else ""
    if len(address) > MAX_ADDRESS or len(address.encode()) > 2 * MAX_ADDRESS:
        return None
    return address or None


def _client(body: _Json) -> _Detail:
    return _only(
        ip=_text(body.get("ipAddress"), 64),
        user_agent=_text(body.get("userAgent")),
        is_bot_event=_text(body.get("isBotEvent"), 20),
    )


def _lists(value: object) -> dict[str, list[str]] | None:
    if not isinstance(value, dict):
        return None
    return {
        _clean(name[:_MAX_TEXT]): [_clean(text[:_MAX_TEXT]) for text in _texts(texts)[:10]]
        for name, texts in list(value.items())[:_MAX_ENTRIES]
        if name  # DynamoDB rejects empty attribute names
    }


def _preferences(value: object) -> _Detail | None:
    if not isinstance(value, dict):
        return None
    topics = _statuses(value.get("topicSubscriptionStatus"))
    defaults = _statuses(value.get("topicDefaultSubscriptionStatus"))
    return {"unsubscribe_all": value.get("unsubscribeAll") is True} | _only(
        topics=topics or None, topic_defaults=defaults or None
    )


def _statuses(value: object) -> dict[str, str]:
    return {
        name: status
        for entry in _entries(value)[:_MAX_ENTRIES]
        if (name := _text(entry.get("topicName")))
        and (status := _text(entry.get("subscriptionStatus")))
    }


def _only(**fields: Any) -> _Detail:
    return {name: value for name, value in fields.items() if value is not None}


class _Form(NamedTuple):
    """The form of a type: its object's name, whether that has a timestamp, its reader, and the
    fields that are known.
    """

    type: EventType
    body: str
    own_time: bool
    read: _Reader
    fields: frozenset[str]


_MTA: Final = "reportingMTA remoteMtaIp"
_CLIENT: Final = "ipAddress userAgent isBotEvent"
_REPORT: Final = "feedbackId complaintSubType userAgent complaintFeedbackType arrivalDate"
_FORMS: Final = {
    name: _Form(event_type, body, own_time, read, frozenset(fields.split()) | {"timestamp"})
    for name, event_type, body, own_time, read, fields in (
        ("Send", EventType.SEND, "send", False, _sent, ""),
        ("Reject", EventType.REJECT, "reject", False, _rejected, "reason"),
        (
            "Rendering Failure",
            EventType.RENDERING_FAILURE,
            "failure",
            False,
            _failed,
            "templateName errorMessage",
        ),
        (
            "Delivery",
            EventType.DELIVERY,
            "delivery",
            True,
            _delivered,
            f"processingTimeMillis recipients smtpResponse {_MTA}",
        ),
        (
            "Bounce",
            EventType.BOUNCE,
            "bounce",
            True,
            _bounced,
            f"bounceType bounceSubType bouncedRecipients feedbackId {_MTA}",
        ),
        (
            "Complaint",
            EventType.COMPLAINT,
            "complaint",
            True,
            _complained,
            f"complainedRecipients {_REPORT}",
        ),
        (
            "DeliveryDelay",
            EventType.DELIVERY_DELAY,
            "deliveryDelay",
            True,
            _delayed,
            f"delayType delayedRecipients expirationTime {_MTA}",
        ),
        ("Open", EventType.OPEN, "open", True, _opened, _CLIENT),
        ("Click", EventType.CLICK, "click", True, _clicked, f"{_CLIENT} link linkTags"),
        (
            "Subscription",
            EventType.SUBSCRIPTION,
            "subscription",
            True,
            _subscribed,
            "contactList source newTopicPreferences oldTopicPreferences",
        ),
    )
}
_FORMS["RenderingFailure"] = _FORMS["Rendering Failure"]

_HITS: Final = frozenset({EventType.OPEN, EventType.CLICK})
_SUBJECTLESS: Final = _HITS | {EventType.SUBSCRIPTION}
