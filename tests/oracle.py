"""What the tables should say, counted in plain Python from the notifications themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sendtrail.domain.events import Event

__all__ = ["Expected", "expect"]


class Expected:
    """The truth: sets of facts per message, and the figures that follow."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.communications: dict[str, dict[str, int]] = {}
        self.suppressed: set[str] = set()
        self.unsubscribed: dict[str, bool] = {}


def expect(events: Iterable[Event]) -> Expected:
    """Counts events; each key once."""
    known = {(event.message_id, event.key): event for event in events}
    truth = Expected()
    facts: dict[tuple[str, str], dict[str, Any]] = defaultdict(lambda: defaultdict(list))
    for event in sorted(known.values(), key=lambda event: event.key):
        message = (event.participant_id, event.message_id)
        truth.events[message].add(event.key)
        detail, fact = event.detail, facts[message]
        fact["communication"] = event.communication_id or fact["communication"]
        if event.type not in ("Reject", "RenderingFailure"):
            fact["sent"].append(event.sent_at)
        never_tried = "SuppressionList" in (detail.get("subtype") or "")
        if event.type == "Bounce" and not never_tried:
            fact["hard" if detail["type"] == "Permanent" else "soft"].append(event.at)
        elif (
            event.type == "Complaint"
            and not never_tried
            and detail.get("feedback_type") != "not-spam"
        ):
            fact["spam"].append(event.at)
        elif event.type in ("Bounce", "Complaint") and never_tried:
            fact["dropped"].append(event.at)
        elif event.type == "Subscription":
            fact["chosen"].append(event.at)
            fact["off"] = [event.at] if detail["new_preferences"]["unsubscribe_all"] else []
            truth.unsubscribed[event.participant_id] = bool(fact["off"])
        else:
            fact[event.type.value].append(event.at)
        if event.address and (fact["hard"] or fact["spam"]):
            truth.suppressed.add(event.address.lower())
    for fact in facts.values():
        if not fact["communication"]:
            continue
        arrived = any(fact[name] for name in ("Delivery", "Open", "Click", "spam", "chosen"))
        figures = truth.communications.setdefault(fact["communication"], defaultdict(int))
        figures["sent"] += bool(fact["sent"])
        figures["delivered"] += bool(fact["Delivery"])
        figures["opened"] += bool(fact["Open"])
        figures["opens"] += len(fact["Open"])
        figures["clicked"] += bool(fact["Click"])
        figures["clicks"] += len(fact["Click"])
        figures["bounced"] += bool(fact["hard"] or (fact["soft"] and not arrived))
        figures["dropped"] += bool(fact["dropped"])
        figures["spammed"] += bool(fact["spam"])
        figures["unsubscribed"] += bool(fact["off"])
        figures["delayed"] += bool(fact["DeliveryDelay"])
        figures["rejected"] += bool(fact["Reject"])
        figures["failed"] += bool(fact["RenderingFailure"])
    return truth
