"""The fields of ``detail``, by source and type of event.

docs/events.md is generated from these tables, and a test compares the events written with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sendtrail.domain.events import EventType

__all__ = ["BY_OURSELVES", "BY_SES", "Details"]

Details = Mapping[str, str]
"""Name of a detail → what it is, and in brackets SES's own name for it."""

_MTA: Final = {
    "reporting_mta": "the server that reports it (`reportingMTA`)",
    "remote_mta_ip": "the address of the recipient's server (`remoteMtaIp`)",
}
_CLIENT: Final = {
    "ip": "where the request came from: the network, or the whole address",
    "user_agent": "the header of that name",
}
_BOT: Final = "whether SES takes it for a bot's: `Likely` or `Unlikely` (`isBotEvent`)"
_REQUEST: Final = {
    "network": "the network of a service that scans mail, by name, if it came from one",
    "request": "`head` or `prefetch`, if it was no person's request",
}
_ERASED: Final = {
    "client": "of somebody erased: the client, as the number of its slot and a keyed hash",
    "verdict": "of somebody erased: the rule that told who acted, but for that of bursts",
}
_ERASED_CLICK: Final = {
    **_ERASED,
    "link_key": "of somebody erased: the key by which the link is counted, if not the template's",
}
_TEMPLATE: Final = {
    "template_id": "the template, if it was one",
    "template_version": "its version",
}
_ACTOR: Final = "as `key:ID NAME`, the ID as `sendtrail key list` shows it"
_BY: Final = {"by": f"by whom, {_ACTOR}"}

BY_SES: Final[Mapping[EventType, Details]] = {
    EventType.SEND: {"tracked": "whether the tag of that name says that the mail has our pixel"},
    EventType.RENDERING_FAILURE: {
        "template_name": "SES's template (`templateName`)",
        "error": "what was wrong with it (`errorMessage`)",
    },
    EventType.REJECT: {"reason": "why SES refused the mail"},
    EventType.DELIVERY: {
        "processing_ms": "milliseconds from acceptance to delivery (`processingTimeMillis`)",
        "smtp_response": "what the recipient's server answered (`smtpResponse`)",
        **_MTA,
    },
    EventType.BOUNCE: {
        "type": "Permanent, Transient or Undetermined (`bounceType`)",
        "subtype": "why, in SES's words (`bounceSubType`)",
        "action": "what the server did, as in RFC 3464",
        "status": "the enhanced status code, such as 5.1.1 (RFC 3463)",
        "diagnostic": "the server's own words (`diagnosticCode`)",
        "feedback_id": "SES's id of the bounce (`feedbackId`)",
        "final_recipient": "the address that bounced, where the mail was sent to another",
        **_MTA,
    },
    EventType.COMPLAINT: {
        "feedback_type": "abuse, fraud, virus, … (`complaintFeedbackType`)",
        "subtype": "OnAccountSuppressionList where SES did not try (`complaintSubType`)",
        "feedback_id": "SES's id of the complaint (`feedbackId`)",
        "user_agent": "the program that reports (`userAgent`)",
        "arrival_date": "when the report came (`arrivalDate`)",
        "final_recipient": "the address that complained, where the mail was sent to another",
    },
    EventType.DELIVERY_DELAY: {
        "delay_type": "why, in SES's words (`delayType`)",
        "status": "the enhanced status code",
        "diagnostic": "the server's own words (`diagnosticCode`)",
        "expiration_time": "when SES gives up (`expirationTime`)",
        "reporting_mta": _MTA["reporting_mta"],
        "final_recipient": "the delayed address, where the mail was sent to another",
    },
    EventType.SUBSCRIPTION: {
        "contact_list": "SES's contact list (`contactList`)",
        "source": "how the choice was made, such as `UnsubscribeHeader`",
        "new_preferences": "`unsubscribe_all`, `topics` and `topic_defaults` after it",
        "old_preferences": "the same before it",
        "subscribed": "of somebody erased, in place of those: whether they want communications",
        "client": _ERASED["client"],
    },
    EventType.OPEN: {**_CLIENT, "is_bot_event": _BOT, **_ERASED},
    EventType.CLICK: {
        **_CLIENT,
        "is_bot_event": _BOT,
        "link": "the URL that was followed",
        "link_tags": "its `ses:tags`, name → values (`linkTags`)",
        **_ERASED_CLICK,
    },
    EventType.UNKNOWN: {
        "event_type": "SES's name of a type that this version does not know",
        "raw": "the whole notification, as JSON",
    },
}
"""By SES's notifications."""

BY_OURSELVES: Final[Mapping[EventType, Details]] = {
    EventType.ACCEPTED: {
        "plan_id": "the plan that the message is of",
        **_TEMPLATE,
        "by": f"who sent it, {_ACTOR}",
        "send_at": "when it is to be sent, if not at once",
        "copy": "true: a sender's own copy, in no figure",
        "attachments": "how many files go with it, if any",
    },
    EventType.DROPPED: {
        "reason": "why it was not sent",
        "evidence": "what shows that: of a suppression its time, message and diagnostic; …",
        "by": f"who stopped it, if somebody did, {_ACTOR}",
    },
    EventType.REJECT: {"reason": "what SES answered when it was asked to send"},
    EventType.RENDERING_FAILURE: {"error": "why the template could not be rendered"},
    EventType.OPEN: {
        "sent_at": "when the message was sent, by the pixel's token",
        **_CLIENT,
        **_REQUEST,
        **_ERASED,
    },
    EventType.CLICK: {
        "sent_at": "when the message was sent, by the link's token",
        "link": "the URL that was followed",
        "template_link": "the link as the template has it, if that has merge fields",
        "position": "which link of the message, from 0",
        "links": "of how many that we track",
        **_CLIENT,
        **_REQUEST,
        **_ERASED_CLICK,
    },
    EventType.COMMUNICATION_POSTED: {
        "name": "the mailing's name",
        "kind": "the sender's word for it",
        **_TEMPLATE,
        "links": "of its content, as they are counted: at most 50, of at most 1,000 bytes",
        "by": f"who sent it, {_ACTOR}",
        "recipients": "for how many it is, without copies",
        "send_at": "when it is to be sent, if not at once",
    },
    EventType.COMMUNICATION_STOPPED: _BY,
    EventType.INTERACTION: {
        "kind": "the organisation's word for the transaction",
        "reference": "what tells it from others",
        **_BY,
    },
    EventType.SUBSCRIPTION: {
        "subscribed": "whether they want communications",
        "by": f"`one-click` or `page`, where a reader chose; else by whom, {_ACTOR}",
        "placeholders": "of the addresses that it concerns, their placeholder participants",
        "client": _ERASED["client"],
    },
    EventType.INACTIVATED: {"last_active_at": "from when the years of silence are counted"},
    EventType.ADDRESS_REGISTERED: _BY,
    EventType.NAMED: {"name": "what they are called; none, if it was removed", **_BY},
    EventType.SUPPRESSED: {"note": "why, in the words of staff", **_BY},
    EventType.SUPPRESSION_LIFTED: _BY,
}
"""By Sendtrail itself: its own sending and routes, and staff."""
