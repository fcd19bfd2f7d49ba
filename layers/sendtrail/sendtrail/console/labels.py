"""Words: what codes mean, in the language of those who look.

Tables from SES's words and ours to what a page says. Anything that is not in them is shown as it
is, so that a type that SES adds tomorrow is still readable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sendtrail.domain.actors import KEY, OPERATOR, PERSON
from sendtrail.domain.bounces import (
    complaint_is_a_drop,
    complaint_is_welcome,
    never_tried,
    wants_authentication,
)
from sendtrail.domain.communication import Happened
from sendtrail.domain.events import EventType, SuppressionReason
from sendtrail.domain.message import DropReason, Status
from sendtrail.domain.providers import OTHER
from sendtrail.domain.reputation import Standing
from sendtrail.domain.subscriptions import unsubscribes
from sendtrail.language import current_language, gettext, mark, ngettext
from sendtrail.reading.audience import Audience
from sendtrail.reading.health import Concern, QueueName, Severity
from sendtrail.reading.waiting import SCHEDULED, TURN
from sendtrail.sending.holds import HoldReason

__all__ = [
    "AUDIENCES",
    "COLUMNS",
    "LABELS",
    "EventDescription",
    "FindingDescription",
    "Tone",
    "actor_name",
    "actor_title",
    "because_label",
    "bounce_label",
    "by_whom",
    "drop_label",
    "evidence_label",
    "finding_label",
    "happened_label",
    "hold_label",
    "waiting_label",
    "why_label",
    "machine_label",
    "provider_label",
    "reason_label",
    "describe_event",
    "status_label",
    "within",
]

View = Mapping[str, Any]


class Tone:
    """How a word is shown besides its letters; never by colour alone."""

    GOOD: Final = "good"
    QUIET: Final = "quiet"
    WARN: Final = "warn"
    BAD: Final = "bad"


COLUMNS: Final = {
    "created": (mark("Created"), mark("When it was posted, or when its first message was sent.")),
    "sent": (mark("Sent"), mark("Messages that the mail service accepted for sending.")),
    "opened": (
        mark("Open"),
        mark("Messages opened at least once; below, by people rather than machines."),
    ),
    "open_rate": (
        mark("Open rate"),
        mark("Opened messages as a share of those sent; below, by people."),
    ),
    "unsubscribed": (
        mark("Unsub."),
        mark("Recipients who unsubscribed by way of it, and did not undo it."),
    ),
    "blocked": (
        mark("Blocked"),
        mark("Messages that a mailbox provider refused for what they are."),
    ),
    "spammed": (
        mark("Spam"),
        mark("Recipients who marked it as spam; Gmail tells of none of its own."),
    ),
    "delivered": (mark("Delivered"), mark("Messages that the recipient's mail server accepted.")),
    "bounced": (mark("Bounced"), mark("Messages that could not be delivered.")),
    "dropped": (mark("Dropped"), mark("Messages that were held back and never sent.")),
    "opens": (
        mark("Opens"),
        mark("How often it was opened; below, by people if machines did too."),
    ),
    "clicks": (mark("Clicks"), mark("How often a link in it was followed; below, by people.")),
    "human_clicks": (
        mark("By people"),
        mark("Clicks that are not those of scanners and link previews."),
    ),
    "followed": (
        mark("People"),
        mark("Recipients who followed it, as a share of the messages delivered."),
    ),
}
"""Column → its heading, and the line that explains it."""

LABELS: Final = {
    "name": mark("Name"),
    "kind": mark("Kind"),
    "template_id": mark("Template"),
    "subject": mark("Subject"),
    "html": mark("HTML"),
    "text": mark("Text"),
    "recipients": mark("Recipients"),
    "same_as": mark("The same people as"),
    "same_who": mark("Of those"),
    "attachments": mark("Attachments"),
    "send_on": mark("Day"),
    "send_time": mark("Time"),
    "zone": mark("Time zone"),
    "reply_to": mark("Reply-to"),
    "copy_to": mark("Send me a copy"),
}
"""Field of a mailing's form → its label."""

AUDIENCES: Final = {
    Audience.EVERYBODY: mark("all of its recipients"),
    Audience.OPENED: mark("those who opened it"),
    Audience.NOT_OPENED: mark("those who got it and neither opened it nor clicked"),
    Audience.CLICKED: mark("those who clicked"),
    Audience.OPENED_NOT_CLICKED: mark("those who opened it and did not click"),
    Audience.NOT_BOUNCED: mark("those to whom it was sent and did not bounce"),
    Audience.NOT_REACHED: mark("those whom it did not reach: bounced, dropped, rejected or failed"),
}
"""Which recipients of an earlier mailing, in words."""

_HEADINGS: Final = (mark("Address used"), mark("Last change"))
"""Headings of `sendtrail.reading.recipient_columns` that no page has besides."""

_STATUS: Final[dict[str, tuple[str, str]]] = {
    Status.SPAMMED: (mark("Marked as spam"), Tone.BAD),
    Status.UNSUBSCRIBED: (mark("Unsubscribed"), Tone.WARN),
    Status.BOUNCED: (mark("Bounced"), Tone.BAD),
    Status.REJECTED: (mark("Rejected"), Tone.BAD),
    Status.FAILED: (mark("Failed"), Tone.BAD),
    Status.DROPPED: (mark("Dropped"), Tone.WARN),
    Status.CLICKED: (mark("Clicked"), Tone.GOOD),
    Status.OPENED: (mark("Opened"), Tone.GOOD),
    Status.DELIVERED: (mark("Delivered"), Tone.GOOD),
    Status.DELAYED: (mark("Delayed"), Tone.WARN),
    Status.SENT: (mark("Sent"), Tone.QUIET),
    Status.QUEUED: (mark("Waiting"), Tone.QUIET),
    Status.UNKNOWN: (mark("Not known"), Tone.QUIET),
}

_DROPS: Final = {
    "previously_bounced": mark("An earlier message to this address bounced"),
    "previously_spammed": mark("They marked an earlier message as spam"),
    "unsubscribed": mark("They had unsubscribed"),
    "inactive": mark("They had been inactive for too long"),
    "invalid_address": mark("The address is not valid"),
    "manual": mark("Staff had suppressed the address"),
    "provider_suppressed": mark("The mail service keeps this address on its own list"),
    "likely_spam": mark("The mailing looked like spam, and was not sent"),
    "stopped": mark("Staff stopped it before it was sent"),
}

_REASONS: Final[dict[str, str]] = {
    SuppressionReason.SPAMMED: mark("Marked as spam"),
    SuppressionReason.BOUNCED: mark("Bounced for good"),
    SuppressionReason.MANUAL: mark("Suppressed by staff"),
}

_BOUNCES: Final = {
    ("Permanent", "NoEmail"): mark("There is no such address"),
    ("Permanent", "General"): mark("The address does not work, for good"),
    ("Transient", "General"): mark("Could not be delivered for now"),
    ("Transient", "MailboxFull"): mark("Mailbox full"),
    ("Transient", "MessageTooLarge"): mark("Message too large for the mailbox"),
    ("Transient", "ContentRejected"): mark("Refused for its content"),
    ("Transient", "AttachmentRejected"): mark("Refused for its attachment"),
    ("Transient", "CustomTimeoutExceeded"): mark("Not delivered in the time allowed"),
    ("Undetermined", "Undetermined"): mark("Bounced, for a reason that is not clear"),
}
_NEVER_TRIED: Final = {
    "Suppressed": mark("It bounced elsewhere before, and the mail service did not try"),
    "OnAccountSuppressionList": mark(
        "On the account's suppression list; the mail service did not try"
    ),
    "OnTenantSuppressionList": mark(
        "On the tenant's suppression list; the mail service did not try"
    ),
    "EmailValidationSuppressed": mark("The address did not pass validation, and was not tried"),
    "UnsubscribedRecipient": mark("Unsubscribed with the mail service, and not tried"),
}
_COMPLAINTS: Final = {
    "abuse": mark("Marked as spam"),
    "auth-failure": mark("Reported: the sender could not be authenticated"),
    "fraud": mark("Reported as fraud"),
    "virus": mark("Reported as carrying a virus"),
    "other": mark("Reported, for no reason that was given"),
}
_DELAYS: Final = {
    "InternalFailure": mark("Delayed by a fault in the mail service"),
    "General": mark("Delayed; it is tried again"),
    "MailboxFull": mark("Delayed: the mailbox is full"),
    "SpamDetected": mark("Delayed: taken for spam for now"),
    "RecipientServerError": mark("Delayed by a fault of the recipient's server"),
    "IPFailure": mark("Delayed: the sending server was turned away for now"),
    "TransientCommunicationFailure": mark("Delayed: the recipient's server did not answer"),
    "BYOIPHostNameLookupUnavailable": mark(
        "Delayed: the sending server's name could not be looked up"
    ),
    "SendingDeferral": mark("Delayed by the mail service itself"),
    "Undetermined": mark("Delayed, for a reason that is not clear"),
}
_HOLDS: Final = {
    HoldReason.DAILY_QUOTA: mark(
        "Mail waits: Amazon SES takes no more until the quota of 24 hours frees. It goes out by "
        "itself then."
    ),
    HoldReason.SENDER_NOT_VERIFIED: mark(
        "Mail waits: the sender’s address or domain is not verified with Amazon SES in this "
        "region. It goes out by itself after that, within two weeks."
    ),
    HoldReason.RECIPIENT_NOT_VERIFIED: mark(
        "Some mail waits: the account is in Amazon SES’s sandbox, where each recipient’s address "
        "must be verified. It goes out by itself once the account is out of it, within two weeks."
    ),
    HoldReason.SENDING_PAUSED: mark(
        "Mail waits: the account’s sending is paused by Amazon SES or in it. It goes out by itself "
        "after that, within two weeks."
    ),
}
_CONCERNS: Final[dict[str, tuple[str, str, str]]] = {
    Concern.SILENCE: (
        mark("Mail was handed to Amazon SES, and SES has told nothing of it."),
        mark("Its events do not arrive, or figures are behind. sendtrail doctor says where."),
        "SilenceAlarm",
    ),
    Concern.INGEST_BEHIND: (
        mark("SES’s events wait to be taken: %(count)s."),
        mark("Figures and histories are late; nothing is lost. The log of ingest says why."),
        "IngestLateAlarm",
    ),
    Concern.HITS_BEHIND: (
        mark("Opens, clicks and choices wait: the database did not take them at once: %(count)s."),
        mark("They are taken by themselves."),
        "HitsLateAlarm",
    ),
    Concern.WAITING_MAIL: (
        mark("Messages wait to be sent: %(count)s."),
        mark("They go out by themselves, as fast as the account may send."),
        "DispatchLateAlarm",
    ),
    Concern.BOUNCE_RATE: (
        mark("More mail bounces for good than Amazon SES allows."),
        mark("Addresses that do not exist come from old or bought lists. Lift none of them."),
        "BounceRateAlarm",
    ),
    Concern.COMPLAINT_RATE: (
        mark("More people mark mail as spam than Amazon SES allows."),
        mark("Who got it without having asked for it? Is the way to unsubscribe plain?"),
        "ComplaintRateAlarm",
    ),
}
"""What is wrong → a sentence, what to do, and the section of the runbook."""
_STANDINGS: Final[dict[str, str]] = {
    Standing.REVIEW: mark("SES reviews accounts from this rate on."),
    Standing.PAUSE: mark("From this rate on SES may pause the account’s sending."),
}
_UNAUTHENTICATED: Final = mark(
    "The provider takes mail only where SPF, DKIM and DMARC of the sender’s domain hold; sendtrail "
    "doctor says what is missing. It answered:"
)
_BECAUSE: Final = {
    DropReason.PREVIOUSLY_SPAMMED: mark("they marked a message as spam"),
    DropReason.PREVIOUSLY_BOUNCED: mark("mail to their address bounced"),
    DropReason.MANUAL: mark("their address was suppressed by hand"),
    DropReason.UNSUBSCRIBED: mark("they unsubscribed"),
    DropReason.INACTIVE: mark("they were found inactive"),
}
_HAPPENED: Final = {
    Happened.DELIVERED: mark("Delivered"),
    Happened.OPENED: mark("Opened by a person"),
    Happened.CLICKED: mark("Clicked by a person"),
    Happened.BOUNCED: mark("Bounced"),
    Happened.BLOCKED: mark("Blocked by the provider"),
    Happened.DELAYED: mark("Delayed"),
    Happened.DROPPED: mark("Dropped"),
    Happened.SPAMMED: mark("Marked as spam"),
    Happened.UNSUBSCRIBED: mark("Unsubscribed"),
    Happened.REJECTED: mark("Rejected by the mail service"),
    Happened.FAILED: mark("Could not be made"),
}
_TURN: Final = mark(
    "This message waits for its turn: mail is sent one after another, as fast as the account may."
)
_SCHEDULED: Final = mark("This message waits for its time.")
_ACTORS: Final = {
    "ses_says_bot": mark("by a bot, says Amazon SES"),
    "head_request": mark("by a program that asked for the headers alone"),
    "prefetch": mark("by a program that fetches in advance"),
    "scanner_network": mark("from the network of a service that scans mail"),
    "faster_than_a_person": mark("faster than a person can: a gateway that scans mail"),
    "within_5_seconds_of_sending": mark("within seconds of sending: a gateway that scans mail"),
    "no_user_agent": mark("by a program that does not say what it is"),
    "gmail_image_proxy": mark("by a person, through Gmail"),
    "yahoo_image_proxy": mark("by a person, through Yahoo Mail"),
    "apple_privacy_proxy": mark("by Apple's privacy proxy, which fetches all mail unseen"),
    "robot": mark("by a robot"),
    "mail_program_or_browser": mark("by a person"),
}


_MACHINES: Final = {
    "ses_says_bot": mark("A bot, says Amazon SES"),
    "head_request": mark("A program that asked for the headers alone"),
    "prefetch": mark("A program that fetches in advance"),
    "scanner_network": mark("From the network of a service that scans mail"),
    "faster_than_a_person": mark("Faster than a person can: a gateway that scans mail"),
    "within_5_seconds_of_sending": mark("Within seconds of sending: a gateway that scans mail"),
    "no_user_agent": mark("A program that does not say what it is"),
    "gmail_image_proxy": mark("A person, through Gmail"),
    "yahoo_image_proxy": mark("A person, through Yahoo Mail"),
    "apple_privacy_proxy": mark("Apple's privacy proxy, which fetches all mail unseen"),
    "robot": mark("A robot"),
    "mail_program_or_browser": mark("A person"),
}
"""By what it was told who opened or followed something, as the heading of a row."""
_DEEDS: Final = {
    "": mark("by %(name)s"),
    "named": mark("named by %(name)s"),
    "recorded": mark("recorded by %(name)s"),
    "registered": mark("registered by %(name)s"),
    "saved": mark("saved by %(name)s"),
    "sent": mark("sent by %(name)s"),
    "suppressed": mark("suppressed by %(name)s"),
}
"""What one of staff did → that they did it, as part of a line."""
_ACTOR_NAMES: Final = {
    KEY: mark("key %(id)s"),
    PERSON: mark("person %(id)s"),
    OPERATOR: mark("operator %(id)s"),
}
_ACTOR_TITLES: Final = {
    KEY: mark("API key %(id)s"),
    PERSON: mark("signed in by name, %(id)s"),
    OPERATOR: mark("by credentials of AWS, %(id)s"),
}
"""Kind of an actor → what it is called by its id; of another kind, as it is."""


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
    word, tone = _STATUS.get(status, (status, Tone.QUIET))
    return gettext(word), tone


def within(text: str) -> str:
    """A text that has a line of its own, as part of a line: without its capital, but for German,
    where nouns have one wherever they stand.
    """
    return text if current_language() == "de" else text[:1].lower() + text[1:]


def by_whom(actor: View, did: str = "") -> str:
    """Who of staff did something, as `sendtrail.reading.views.actor_view` gives them.

    Args:
        did: a key of `_DEEDS`; empty if that is said before.
    """
    return gettext(_DEEDS[did]) % {"name": actor_name(actor)}


def actor_name(actor: View) -> str:
    """What somebody of staff is called."""
    return actor["name"] or _actor(actor, _ACTOR_NAMES)


def actor_title(actor: View) -> str:
    """What identifies them."""
    return _actor(actor, _ACTOR_TITLES)


def _actor(actor: View, names: Mapping[str, str]) -> str:
    return gettext(names.get(actor["kind"], "%(kind)s %(id)s")) % {
        "kind": actor["kind"],
        "id": actor["id"],
    }


def machine_label(reason: str) -> str:
    """By what a machine's opens and clicks were told, as the heading of a row."""
    return gettext(_MACHINES[reason])


def provider_label(provider: str) -> str:
    """A mailbox provider's name; of all that have none here, what they are together."""
    return gettext("other") if provider == OTHER else provider


def hold_label(reason: str) -> str:
    """Why mail waits, in a sentence or two."""
    return gettext(_HOLDS[HoldReason(reason)])


def waiting_label(reason: str) -> str:
    """What a message waits for, in a sentence or two: its time, a hold, or its turn."""
    if reason == SCHEDULED:
        return gettext(_SCHEDULED)
    return gettext(_TURN) if reason == TURN else hold_label(reason)


def drop_label(reason: str) -> str:
    """Why a message was kept back."""
    return gettext(_DROPS.get(reason, reason))


def because_label(reason: str) -> str:
    """Why somebody gets no mail, as the end of a sentence."""
    return gettext(_BECAUSE[DropReason(reason)])


def happened_label(what: str) -> str:
    """What happened to a message, as a filter of recipients names it."""
    return gettext(_HAPPENED[Happened(what)])


def why_label(reason: str) -> str:
    """Why a message did not arrive, as `sendtrail.reading.recipient_columns.reason_of` gives it."""
    kind, _, subtype = reason.partition("/")
    if subtype:
        return bounce_label({"type": kind, "subtype": subtype}, delivered=False)
    return drop_label(reason)


def reason_label(reason: str) -> str:
    """Why an address is suppressed."""
    return gettext(_REASONS.get(reason, reason))


def evidence_label(suppression: View) -> str:
    """What shows that an address must not be mailed: a type of complaint in words; a server's
    answer and staff's note as they are. Empty where it says no more than the reason does.
    """
    said = suppression["diagnostic"] or ""
    labels = gettext(_COMPLAINTS[said]) if said in _COMPLAINTS else said
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
        return gettext(_NEVER_TRIED[subtype])
    if _is_automatic_reply(kind, subtype, delivered=delivered):
        return gettext("Out-of-office reply")
    return gettext(_BOUNCES.get((kind, subtype), "")) or f"{kind}, {subtype}"


def _is_automatic_reply(kind: str | None, subtype: str | None, *, delivered: bool) -> bool:
    return (kind, subtype) == ("Transient", "General") and delivered


def describe_event(event: View, *, delivered: bool) -> EventDescription:
    """An event of a trail, as `sendtrail.reading.views.event_view` gives it, in words.

    Args:
        delivered: whether the trail has evidence that the message arrived.
    """
    detail: View = event["detail"]
    found = _SENTENCES.get(event["type"])
    if found:
        return EventDescription(gettext(found.what), found.tone)
    match event["type"]:
        case EventType.BOUNCE:
            return _bounce(detail, delivered=delivered)
        case EventType.COMPLAINT:
            return _complaint(detail)
        case EventType.DELIVERY_DELAY:
            what = _DELAYS.get(detail.get("delay_type") or "Undetermined", mark("Delayed"))
            return EventDescription(gettext(what), Tone.WARN, detail.get("diagnostic") or "")
        case EventType.REJECT:
            return EventDescription(
                gettext("Rejected by the mail service"), Tone.BAD, detail.get("reason") or ""
            )
        case EventType.RENDERING_FAILURE:
            said = detail.get("error") or ""
            return EventDescription(gettext("Could not be made from its template"), Tone.BAD, said)
        case EventType.DROPPED:
            said = drop_label(detail.get("reason") or "manual")
            return EventDescription(gettext("Dropped, not sent"), Tone.WARN, said)
        case EventType.SUBSCRIPTION:
            if unsubscribes(detail):
                return EventDescription(gettext("Unsubscribed"), Tone.WARN)
            return EventDescription(
                gettext("Subscribed again, or changed what they subscribe to"), Tone.GOOD
            )
        case EventType.OPEN | EventType.CLICK:
            return _hit(event)
        case EventType.UNKNOWN:
            said = str(detail.get("event_type") or "")
            return EventDescription(gettext("Unknown event"), Tone.QUIET, said)
    return EventDescription(str(event["type"]))


_SENTENCES: Final[dict[str, EventDescription]] = {
    EventType.ACCEPTED: EventDescription(mark("Accepted for sending")),
    EventType.SEND: EventDescription(mark("Sent")),
    EventType.DELIVERY: EventDescription(
        mark("Delivered to the recipient's mail server"), Tone.GOOD
    ),
}


def _bounce(detail: View, *, delivered: bool) -> EventDescription:
    what = bounce_label(detail, delivered=delivered)
    said = detail.get("diagnostic") or ""
    if wants_authentication(detail):
        said = f"{gettext(_UNAUTHENTICATED)} {said}"
    if never_tried(detail):
        return EventDescription(gettext("Dropped, not sent"), Tone.WARN, what)
    if _is_automatic_reply(detail.get("type"), detail.get("subtype"), delivered=delivered):
        return EventDescription(
            what, Tone.QUIET, said or gettext("An automatic answer; the message had arrived")
        )
    bounced = gettext("Bounced: %(why)s") % {"why": within(what)}
    return EventDescription(bounced, Tone.BAD, said)


def _complaint(detail: View) -> EventDescription:
    if complaint_is_a_drop(detail):
        return EventDescription(
            gettext("Dropped, not sent"),
            Tone.WARN,
            gettext("They complained before, and the mail service did not try"),
        )
    if complaint_is_welcome(detail):
        return EventDescription(gettext("Said not to be spam"), Tone.GOOD)
    said = _COMPLAINTS.get(detail.get("feedback_type") or "abuse", mark("Reported"))
    return EventDescription(gettext(said), Tone.BAD)


def _hit(event: View) -> EventDescription:
    opened = event["type"] == EventType.OPEN
    reason = event.get("actor_reason") or ""
    if not reason:
        what = gettext("Opened") if opened else gettext("Clicked")
    else:
        what = gettext("Opened %(by)s") if opened else gettext("Clicked %(by)s")
        what %= {"by": gettext(_ACTORS.get(reason, reason))}
    if event.get("uncounted"):
        twice = gettext("%(what)s (seen by the mail service too; counted once)")
        what = twice % {"what": what}
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
    Concern.HELD: mark("It could not be told whether SES takes mail."),
    Concern.SILENCE: mark("It could not be told when SES was last called."),
}
_UNTOLD_OTHERWISE: Final = mark("It could not be told whether all is well.")
_UNREAD: Final = {
    QueueName.INGEST_DLQ: mark(
        "Ingest could not take them. Its log says why; then sendtrail redrive."
    ),
    QueueName.DISPATCH_DLQ: mark(
        "They were not sent. The log of dispatch says why; then sendtrail redrive."
    ),
    QueueName.PROJECTIONS_DLQ: mark(
        "Figures may lack them. Run sendtrail rebuild, then purge the queue."
    ),
    QueueName.SWEEP_DLQ: mark(
        "A sweep was not continued. The next one goes on there; purge the queue."
    ),
    QueueName.ERASE_DLQ: mark(
        "Somebody was not erased. The log of erase says why; then run sendtrail redrive."
    ),
}
"""Queue of what nobody could take → what to do, as `sendtrail doctor` says it too."""


def finding_label(finding: View) -> FindingDescription:
    """A finding of an overview (`sendtrail.reading.health.Finding`) in words."""
    concern, queue, count = finding["concern"], finding["queue"], finding["count"]
    tone = _TONES[finding["severity"]]
    if finding["severity"] == Severity.UNKNOWN:
        told = gettext("It could not be told how much is in %(queue)s.") % {"queue": queue}
        text = told if queue else gettext(_UNTOLD.get(concern, _UNTOLD_OTHERWISE))
        return FindingDescription(text, tone, gettext("Load the page again."))
    page = _PAGES.get(concern, "")
    if concern == Concern.DEAD_LETTERS:
        text = ngettext(
            "%(count)s in %(queue)s: nobody could take it.",
            "%(count)s in %(queue)s: nobody could take them.",
            count,
        ) % {"count": count, "queue": queue}
        return FindingDescription(text, tone, gettext(_UNREAD[queue]), f"{queue}Alarm")
    if concern == Concern.HELD:
        return FindingDescription(hold_label(finding["reason"]), tone, page=page)
    said, to_do, runbook = _CONCERNS[concern]
    text = gettext(said)
    if concern in (Concern.INGEST_BEHIND, Concern.HITS_BEHIND, Concern.WAITING_MAIL):
        text %= {"count": count}
    if concern in (Concern.BOUNCE_RATE, Concern.COMPLAINT_RATE):
        text = f"{text} {gettext(_STANDINGS[finding['reason']])}"
    return FindingDescription(text, tone, gettext(to_do), runbook, page)
