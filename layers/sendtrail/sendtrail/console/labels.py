"""Words: what codes mean, in the language of those who look.

Tables from SES's words and ours to what a page says. Anything that is not in them is shown as it
is, so that a type that SES adds tomorrow is still readable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sendtrail.domain.bounces import (
    complaint_is_a_drop,
    complaint_is_welcome,
    never_tried,
    wants_authentication,
)
from sendtrail.domain.communication import Happened
from sendtrail.domain.events import EventType, SuppressionReason
from sendtrail.domain.message import DropReason, Status
from sendtrail.domain.reputation import Standing
from sendtrail.domain.subscriptions import unsubscribes
from sendtrail.reading.audience import Audience
from sendtrail.reading.health import DEAD_LETTERS, Concern, Severity
from sendtrail.reading.waiting import SCHEDULED, TURN
from sendtrail.sending.holds import HoldReason

__all__ = [
    "AUDIENCES",
    "COLUMNS",
    "LABELS",
    "MONTHS",
    "EventDescription",
    "FindingDescription",
    "Tone",
    "because_label",
    "bounce_label",
    "drop_label",
    "evidence_label",
    "finding_label",
    "happened_label",
    "hold_label",
    "waiting_label",
    "why_label",
    "machine_label",
    "reason_label",
    "describe_event",
    "status_label",
]

View = Mapping[str, Any]


class Tone:
    """How a word is shown besides its letters; never by colour alone."""

    GOOD: Final = "good"
    QUIET: Final = "quiet"
    WARN: Final = "warn"
    BAD: Final = "bad"


MONTHS: Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)
COLUMNS: Final = {
    "created": ("Created", "When it was posted, or when its first message was sent."),
    "sent": ("Sent", "Messages that the mail service accepted for sending."),
    "opened": ("Open", "Messages opened at least once; below, by people rather than machines."),
    "open_rate": ("Open rate", "Opened messages as a share of those sent; below, by people."),
    "unsubscribed": ("Unsub.", "Recipients who unsubscribed by way of it, and did not undo it."),
    "blocked": ("Blocked", "Messages that a mailbox provider refused for what they are."),
    "spammed": ("Spam", "Recipients who marked it as spam; Gmail tells of none of its own."),
    "delivered": ("Delivered", "Messages that the recipient's mail server accepted."),
    "bounced": ("Bounced", "Messages that could not be delivered."),
    "dropped": ("Dropped", "Messages that were held back and never sent."),
    "opens": ("Opens", "How often it was opened; below, by people if machines did too."),
    "clicks": ("Clicks", "How often a link in it was followed; below, by people."),
    "human_clicks": ("By people", "Clicks that are not those of scanners and link previews."),
    "followed": ("People", "Recipients who followed it, as a share of the messages delivered."),
}
"""Column → its heading, and the line that explains it."""

LABELS: Final = {
    "name": "Name",
    "kind": "Kind",
    "template_id": "Template",
    "subject": "Subject",
    "html": "HTML",
    "text": "Text",
    "recipients": "Recipients",
    "same_as": "The same people as",
    "same_who": "Of those",
    "attachments": "Attachments",
    "send_on": "Day",
    "send_time": "Time",
    "zone": "Time zone",
    "reply_to": "Reply-to",
    "copy_to": "Send me a copy",
}
"""Field of a mailing's form → its label."""

AUDIENCES: Final = {
    Audience.EVERYBODY: "all of its recipients",
    Audience.OPENED: "those who opened it",
    Audience.NOT_OPENED: "those who got it and neither opened it nor clicked",
    Audience.CLICKED: "those who clicked",
    Audience.OPENED_NOT_CLICKED: "those who opened it and did not click",
    Audience.NOT_BOUNCED: "those to whom it was sent and did not bounce",
    Audience.NOT_REACHED: "those whom it did not reach: bounced, dropped, rejected or failed",
}
"""Which recipients of an earlier mailing, in words."""

_STATUS: Final[dict[str, tuple[str, str]]] = {
    Status.SPAMMED: ("Marked as spam", Tone.BAD),
    Status.UNSUBSCRIBED: ("Unsubscribed", Tone.WARN),
    Status.BOUNCED: ("Bounced", Tone.BAD),
    Status.REJECTED: ("Rejected", Tone.BAD),
    Status.FAILED: ("Failed", Tone.BAD),
    Status.DROPPED: ("Dropped", Tone.WARN),
    Status.CLICKED: ("Clicked", Tone.GOOD),
    Status.OPENED: ("Opened", Tone.GOOD),
    Status.DELIVERED: ("Delivered", Tone.GOOD),
    Status.DELAYED: ("Delayed", Tone.WARN),
    Status.SENT: ("Sent", Tone.QUIET),
    Status.QUEUED: ("Waiting", Tone.QUIET),
    Status.UNKNOWN: ("Not known", Tone.QUIET),
}

_DROPS: Final = {
    "previously_bounced": "An earlier message to this address bounced",
    "previously_spammed": "They marked an earlier message as spam",
    "unsubscribed": "They had unsubscribed",
    "inactive": "They had been inactive for too long",
    "invalid_address": "The address is not valid",
    "manual": "Staff had suppressed the address",
    "provider_suppressed": "The mail service keeps this address on its own list",
    "likely_spam": "The mailing looked like spam, and was not sent",
    "stopped": "Staff stopped it before it was sent",
}

_REASONS: Final[dict[str, str]] = {
    SuppressionReason.SPAMMED: "Marked as spam",
    SuppressionReason.BOUNCED: "Bounced for good",
    SuppressionReason.MANUAL: "Suppressed by staff",
}

_BOUNCES: Final = {
    ("Permanent", "NoEmail"): "There is no such address",
    ("Permanent", "General"): "The address does not work, for good",
    ("Transient", "General"): "Could not be delivered for now",
    ("Transient", "MailboxFull"): "Mailbox full",
    ("Transient", "MessageTooLarge"): "Message too large for the mailbox",
    ("Transient", "ContentRejected"): "Refused for its content",
    ("Transient", "AttachmentRejected"): "Refused for its attachment",
    ("Transient", "CustomTimeoutExceeded"): "Not delivered in the time allowed",
    ("Undetermined", "Undetermined"): "Bounced, for a reason that is not clear",
}
_NEVER_TRIED: Final = {
    "Suppressed": "It bounced elsewhere before, and the mail service did not try",
    "OnAccountSuppressionList": "On the account's suppression list; the mail service did not try",
    "OnTenantSuppressionList": "On the tenant's suppression list; the mail service did not try",
    "EmailValidationSuppressed": "The address did not pass validation, and was not tried",
    "UnsubscribedRecipient": "Unsubscribed with the mail service, and not tried",
}
_COMPLAINTS: Final = {
    "abuse": "Marked as spam",
    "auth-failure": "Reported: the sender could not be authenticated",
    "fraud": "Reported as fraud",
    "virus": "Reported as carrying a virus",
    "other": "Reported, for no reason that was given",
}
_DELAYS: Final = {
    "InternalFailure": "Delayed by a fault in the mail service",
    "General": "Delayed; it is tried again",
    "MailboxFull": "Delayed: the mailbox is full",
    "SpamDetected": "Delayed: taken for spam for now",
    "RecipientServerError": "Delayed by a fault of the recipient's server",
    "IPFailure": "Delayed: the sending server was turned away for now",
    "TransientCommunicationFailure": "Delayed: the recipient's server did not answer",
    "BYOIPHostNameLookupUnavailable": "Delayed: the sending server's name could not be looked up",
    "SendingDeferral": "Delayed by the mail service itself",
    "Undetermined": "Delayed, for a reason that is not clear",
}
_HOLDS: Final = {
    HoldReason.DAILY_QUOTA: (
        "Mail waits: Amazon SES takes no more until the quota of 24 hours frees. It goes out by "
        "itself then."
    ),
    HoldReason.SENDER_NOT_VERIFIED: (
        "Mail waits: the sender’s address or domain is not verified with Amazon SES in this "
        "region. It goes out by itself after that, within two weeks."
    ),
    HoldReason.RECIPIENT_NOT_VERIFIED: (
        "Some mail waits: the account is in Amazon SES’s sandbox, where each recipient’s address "
        "must be verified. It goes out by itself once the account is out of it, within two weeks."
    ),
    HoldReason.SENDING_PAUSED: (
        "Mail waits: the account’s sending is paused by Amazon SES or in it. It goes out by itself "
        "after that, within two weeks."
    ),
}
_CONCERNS: Final[dict[str, tuple[str, str, str]]] = {
    Concern.SILENCE: (
        "Mail was handed to Amazon SES, and SES has told nothing of it.",
        "Its events do not arrive, or figures are behind. sendtrail doctor says where.",
        "SilenceAlarm",
    ),
    Concern.INGEST_BEHIND: (
        "SES’s events wait to be taken.",
        "Figures and histories are late; nothing is lost. The log of ingest says why.",
        "IngestLateAlarm",
    ),
    Concern.HITS_BEHIND: (
        "Opens, clicks and choices wait: the database did not take them at once.",
        "They are taken by themselves.",
        "HitsLateAlarm",
    ),
    Concern.WAITING_MAIL: (
        "Messages wait to be sent.",
        "They go out by themselves, as fast as the account may send.",
        "DispatchLateAlarm",
    ),
    Concern.BOUNCE_RATE: (
        "More mail bounces for good than Amazon SES allows.",
        "Addresses that do not exist come from old or bought lists. Lift none of them.",
        "BounceRateAlarm",
    ),
    Concern.COMPLAINT_RATE: (
        "More people mark mail as spam than Amazon SES allows.",
        "Who got it without having asked for it? Is the way to unsubscribe plain?",
        "ComplaintRateAlarm",
    ),
}
"""What is wrong → a sentence, what to do, and the section of the runbook."""
_STANDINGS: Final[dict[str, str]] = {
    Standing.REVIEW: "SES reviews accounts from this rate on.",
    Standing.PAUSE: "From this rate on SES may pause the account’s sending.",
}
_UNAUTHENTICATED: Final = (
    "The provider takes mail only where SPF, DKIM and DMARC of the sender’s domain hold; sendtrail "
    "doctor says what is missing. It answered:"
)
_BECAUSE: Final = {
    DropReason.PREVIOUSLY_SPAMMED: "they marked a message as spam",
    DropReason.PREVIOUSLY_BOUNCED: "mail to their address bounced",
    DropReason.MANUAL: "their address was suppressed by hand",
    DropReason.UNSUBSCRIBED: "they unsubscribed",
    DropReason.INACTIVE: "they were found inactive",
}
_HAPPENED: Final = {
    Happened.DELIVERED: "Delivered",
    Happened.OPENED: "Opened by a person",
    Happened.CLICKED: "Clicked by a person",
    Happened.BOUNCED: "Bounced",
    Happened.BLOCKED: "Blocked by the provider",
    Happened.DELAYED: "Delayed",
    Happened.DROPPED: "Dropped",
    Happened.SPAMMED: "Marked as spam",
    Happened.UNSUBSCRIBED: "Unsubscribed",
    Happened.REJECTED: "Rejected by the mail service",
    Happened.FAILED: "Could not be made",
}
_TURN: Final = (
    "This message waits for its turn: mail is sent one after another, as fast as the account may."
)
_SCHEDULED: Final = "This message waits for its time."
_ACTORS: Final = {
    "ses_says_bot": "by a bot, says Amazon SES",
    "head_request": "by a program that asked for the headers alone",
    "prefetch": "by a program that fetches in advance",
    "scanner_network": "from the network of a service that scans mail",
    "faster_than_a_person": "faster than a person can: a gateway that scans mail",
    "within_5_seconds_of_sending": "within seconds of sending: a gateway that scans mail",
    "no_user_agent": "by a program that does not say what it is",
    "gmail_image_proxy": "by a person, through Gmail",
    "yahoo_image_proxy": "by a person, through Yahoo Mail",
    "apple_privacy_proxy": "by Apple's privacy proxy, which fetches all mail unseen",
    "robot": "by a robot",
    "mail_program_or_browser": "by a person",
}


@dataclass(frozen=True, slots=True)
class EventDescription:
    """What happened, in words.

    Attributes:
        what: in a few words.
        more: what was said or done exactly, where there is more to say; a server's own words.
        url: the link that was followed.
        tone: one of `Tone`.
    """

    what: str
    tone: str = Tone.QUIET
    more: str = ""
    url: str = ""


def status_label(status: str) -> tuple[str, str]:
    """A status's word and tone."""
    return _STATUS.get(status, (status, Tone.QUIET))


def machine_label(reason: str) -> str:
    """By what a machine's opens and clicks were told, as the heading of a row."""
    said = _ACTORS[reason].removeprefix("by ")
    return said[:1].upper() + said[1:]


def hold_label(reason: str) -> str:
    """Why mail waits, in a sentence or two."""
    return _HOLDS[HoldReason(reason)]


def waiting_label(reason: str) -> str:
    """What a message waits for, in a sentence or two: its time, a hold, or its turn."""
    if reason == SCHEDULED:
        return _SCHEDULED
    return _TURN if reason == TURN else hold_label(reason)


def drop_label(reason: str) -> str:
    """Why a message was kept back."""
    return _DROPS.get(reason, reason)


def because_label(reason: str) -> str:
    """Why somebody gets no mail, as the end of a sentence."""
    return _BECAUSE[DropReason(reason)]


def happened_label(what: str) -> str:
    """What happened to a message, as a filter of recipients names it."""
    return _HAPPENED[Happened(what)]


def why_label(reason: str) -> str:
    """Why a message did not arrive, as `sendtrail.reading.recipient_columns.reason_of` gives it."""
    kind, _, subtype = reason.partition("/")
    if subtype:
        return bounce_label({"type": kind, "subtype": subtype}, delivered=False)
    return drop_label(reason)


def reason_label(reason: str) -> str:
    """Why an address is suppressed."""
    return _REASONS.get(reason, reason)


def evidence_label(suppression: View) -> str:
    """What shows that an address must not be mailed: a type of complaint in words; a server's
    answer and staff's note as they are. Empty where it says no more than the reason does.
    """
    said = suppression["diagnostic"] or ""
    labels = _COMPLAINTS.get(said, said)
    return "" if labels == reason_label(suppression["reason"]) else labels


def bounce_label(bounce: View, *, delivered: bool) -> str:
    """What a bounce means.

    Args:
        bounce: with its ``type`` and ``subtype``.
        delivered: whether the message arrived nevertheless: then a Transient/General bounce is an
            out-of-office reply or another automatic one (SES developer guide, "Contents of event
            data that Amazon SES publishes to Amazon SNS").
    """
    kind, subtype = bounce.get("type") or "Undetermined", bounce.get("subtype") or "Undetermined"
    if subtype in _NEVER_TRIED:
        return _NEVER_TRIED[subtype]
    if (kind, subtype) == ("Transient", "General") and delivered:
        return "Out-of-office reply"
    return _BOUNCES.get((kind, subtype)) or f"{kind}, {subtype}"


def describe_event(event: View, *, delivered: bool) -> EventDescription:
    """An event of a trail, as `sendtrail.reading.views.event_view` gives it, in words.

    Args:
        delivered: whether the trail has evidence that the message arrived.
    """
    detail: View = event["detail"]
    found = _SENTENCES.get(event["type"])
    if found:
        return found
    match event["type"]:
        case EventType.BOUNCE:
            return _bounce(detail, delivered=delivered)
        case EventType.COMPLAINT:
            return _complaint(detail)
        case EventType.DELIVERY_DELAY:
            what = _DELAYS.get(detail.get("delay_type") or "Undetermined", "Delayed")
            return EventDescription(what, Tone.WARN, detail.get("diagnostic") or "")
        case EventType.REJECT:
            return EventDescription(
                "Rejected by the mail service", Tone.BAD, detail.get("reason") or ""
            )
        case EventType.RENDERING_FAILURE:
            said = detail.get("error") or ""
            return EventDescription("Could not be made from its template", Tone.BAD, said)
        case EventType.DROPPED:
            said = drop_label(detail.get("reason") or "manual")
            return EventDescription("Dropped, not sent", Tone.WARN, said)
        case EventType.SUBSCRIPTION:
            if unsubscribes(detail):
                return EventDescription("Unsubscribed", Tone.WARN)
            return EventDescription(
                "Subscribed again, or changed what they subscribe to", Tone.GOOD
            )
        case EventType.OPEN | EventType.CLICK:
            return _hit(event)
        case EventType.UNKNOWN:
            said = str(detail.get("event_type") or "")
            return EventDescription("Unknown event", Tone.QUIET, said)
    return EventDescription(str(event["type"]))


_SENTENCES: Final[dict[str, EventDescription]] = {
    EventType.ACCEPTED: EventDescription("Accepted for sending"),
    EventType.SEND: EventDescription("Sent"),
    EventType.DELIVERY: EventDescription("Delivered to the recipient's mail server", Tone.GOOD),
}


def _bounce(detail: View, *, delivered: bool) -> EventDescription:
    what = bounce_label(detail, delivered=delivered)
    said = detail.get("diagnostic") or ""
    if wants_authentication(detail):
        said = f"{_UNAUTHENTICATED} {said}"
    if never_tried(detail):
        return EventDescription("Dropped, not sent", Tone.WARN, what)
    if what == "Out-of-office reply":
        return EventDescription(
            what, Tone.QUIET, said or "An automatic answer; the message had arrived"
        )
    return EventDescription(f"Bounced: {what[0].lower()}{what[1:]}", Tone.BAD, said)


def _complaint(detail: View) -> EventDescription:
    if complaint_is_a_drop(detail):
        return EventDescription(
            "Dropped, not sent",
            Tone.WARN,
            "They complained before, and the mail service did not try",
        )
    if complaint_is_welcome(detail):
        return EventDescription("Said not to be spam", Tone.GOOD)
    return EventDescription(
        _COMPLAINTS.get(detail.get("feedback_type") or "abuse", "Reported"), Tone.BAD
    )


def _hit(event: View) -> EventDescription:
    opened = event["type"] == EventType.OPEN
    verb = "Opened" if opened else "Clicked"
    reason = event.get("actor_reason") or ""
    what = f"{verb} {_ACTORS.get(reason, reason)}".strip()
    if event.get("uncounted"):
        what += " (seen by the mail service too; counted once)"
    tone = Tone.GOOD if event.get("actor") == "human" else Tone.QUIET
    detail: View = event["detail"]
    url = "" if opened else detail.get("link") or ""
    return EventDescription(what, tone, detail.get("user_agent") or "", url)


@dataclass(frozen=True, slots=True)
class FindingDescription:
    """Something that is wrong, in words.

    Attributes:
        to_do: what to do, or what happens by itself.
        runbook: the section of docs/runbook.md that says more; empty if none does.
        page: where in the console one sees more; empty if nowhere.
    """

    text: str
    tone: str
    to_do: str = ""
    runbook: str = ""
    page: str = ""


_TONES: Final[dict[str, str]] = {
    Severity.WRONG: Tone.BAD,
    Severity.NOTE: Tone.WARN,
    Severity.UNKNOWN: Tone.QUIET,
}
_PAGES: Final[dict[str, str]] = {
    Concern.BOUNCE_RATE: "/communications",
    Concern.COMPLAINT_RATE: "/communications",
    Concern.HELD: "/communications",
    Concern.WAITING_MAIL: "/communications",
}
_UNTOLD: Final[dict[str, str]] = {
    Concern.HELD: "whether SES takes mail",
    Concern.SILENCE: "when SES was last called",
}


def finding_label(finding: View) -> FindingDescription:
    """A finding of an overview (`sendtrail.reading.health.Finding`) in words."""
    concern, queue, count = finding["concern"], finding["queue"], finding["count"]
    tone = _TONES[finding["severity"]]
    if finding["severity"] == Severity.UNKNOWN:
        what = f"how much is in {queue}" if queue else _UNTOLD.get(concern, concern)
        return FindingDescription(f"It could not be told {what}.", tone, "Load the page again.")
    page = _PAGES.get(concern, "")
    if concern == Concern.DEAD_LETTERS:
        text = f"{count} in {queue}: nobody could take {'it' if count == 1 else 'them'}."
        to_do = DEAD_LETTERS[queue]
        return FindingDescription(text, tone, f"{to_do[0].upper()}{to_do[1:]}.", f"{queue}Alarm")
    if concern == Concern.HELD:
        return FindingDescription(hold_label(finding["reason"]), tone, page=page)
    text, to_do, runbook = _CONCERNS[concern]
    if concern in (Concern.INGEST_BEHIND, Concern.HITS_BEHIND, Concern.WAITING_MAIL):
        text = f"{text.removesuffix('.')}: {count}."
    if concern in (Concern.BOUNCE_RATE, Concern.COMPLAINT_RATE):
        text = f"{text} {_STANDINGS[finding['reason']]}"
    return FindingDescription(text, tone, to_do, runbook, page)
