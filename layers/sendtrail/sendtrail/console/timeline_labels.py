"""Words for the lines of a person's timeline, but for their messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sendtrail.console.labels import EventDescription, Tone, evidence_label, reason_label
from sendtrail.domain.events import SuppressionReason
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
            return EventDescription("Name recorded" if name else "Name removed", more=name or "")
        case EntryType.ADDRESS_REGISTERED:
            return EventDescription("Address registered", more=entry["address"] or "")
        case EntryType.ADDRESS_USED:
            return EventDescription("First message to an address", more=entry["address"] or "")
        case EntryType.INTERACTION:
            kind = detail.get("kind") or ""
            return EventDescription("Transaction recorded", Tone.GOOD, more=kind)
        case EntryType.SUBSCRIPTION:
            return _subscription(detail)
        case EntryType.INACTIVATED:
            said = "Found inactive: no open, click or transaction for years"
            return EventDescription(said, Tone.WARN)
        case EntryType.SUPPRESSED:
            return _suppressed(entry)
        case EntryType.SUPPRESSION_LIFTED:
            return EventDescription("Suppression lifted", Tone.GOOD, entry["address"] or "")
    return EventDescription(str(entry["type"]))


def _subscription(detail: View) -> EventDescription:
    other = " (another participant, at the same address)" if detail.get("participant_id") else ""
    if detail.get("subscribed"):
        return EventDescription(f"Subscribed again{other}", Tone.GOOD)
    return EventDescription(f"Unsubscribed from mailings{other}", Tone.WARN)


def _suppressed(entry: View) -> EventDescription:
    detail: View = entry["detail"]
    reason = detail.get("reason") or ""
    said = evidence_label({"reason": reason, "diagnostic": detail.get("note")})
    more = ": ".join(filter(None, (entry["address"], said)))
    if reason == SuppressionReason.MANUAL:
        return EventDescription("Address suppressed", Tone.BAD, more)
    return EventDescription(f"Address suppressed: {_lower(reason_label(reason))}", Tone.BAD, more)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
