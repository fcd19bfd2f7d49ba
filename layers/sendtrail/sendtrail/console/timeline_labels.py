"""Words for the lines of a person's timeline, but for their messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sendtrail.console.labels import (
    EventDescription,
    Tone,
    evidence_label,
    reason_label,
    within,
)
from sendtrail.domain.events import SuppressionReason
from sendtrail.language import gettext
from sendtrail.reading.timeline import EntryType

__all__ = ["describe_entry"]

View = Mapping[str, Any]


def describe_entry(entry: View) -> EventDescription:
    """A line of a timeline, as `sendtrail.reading.timeline` gives it, in words; of a message none,
    since it is shown as in a list.
    """
    detail: View = entry["detail"]
    match entry["type"]:
        case EntryType.NAMED:
            name = detail.get("name")
            said = gettext("Name recorded") if name else gettext("Name removed")
            return EventDescription(said, more=name or "")
        case EntryType.ADDRESS_REGISTERED:
            return EventDescription(gettext("Address registered"), more=entry["address"] or "")
        case EntryType.ADDRESS_USED:
            return EventDescription(
                gettext("First message to an address"), more=entry["address"] or ""
            )
        case EntryType.INTERACTION:
            kind = detail.get("kind") or ""
            return EventDescription(gettext("Transaction recorded"), Tone.GOOD, more=kind)
        case EntryType.SUBSCRIPTION:
            return _subscription(detail)
        case EntryType.INACTIVATED:
            said = gettext("Found inactive: no open, click or transaction for years")
            return EventDescription(said, Tone.WARN)
        case EntryType.SUPPRESSED:
            return _suppressed(entry)
        case EntryType.SUPPRESSION_LIFTED:
            return EventDescription(
                gettext("Suppression lifted"), Tone.GOOD, entry["address"] or ""
            )
    return EventDescription(str(entry["type"]))


def _subscription(detail: View) -> EventDescription:
    subscribed, is_other = detail.get("subscribed"), detail.get("participant_id")
    if subscribed and is_other:
        said = gettext("Subscribed again (another participant, at the same address)")
    elif subscribed:
        said = gettext("Subscribed again")
    elif is_other:
        said = gettext("Unsubscribed from mailings (another participant, at the same address)")
    else:
        said = gettext("Unsubscribed from mailings")
    return EventDescription(said, Tone.GOOD if subscribed else Tone.WARN)


def _suppressed(entry: View) -> EventDescription:
    detail: View = entry["detail"]
    reason = detail.get("reason") or ""
    said = evidence_label({"reason": reason, "diagnostic": detail.get("note")})
    more = ": ".join(filter(None, (entry["address"], said)))
    if reason == SuppressionReason.MANUAL:
        return EventDescription(gettext("Address suppressed"), Tone.BAD, more)
    what = gettext("Address suppressed: %(why)s") % {"why": within(reason_label(reason))}
    return EventDescription(what, Tone.BAD, more)
