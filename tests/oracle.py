"""What the tables should say, counted in plain Python from the events themselves.

Nothing of the folds is used: facts are collected and looked at once all are there. Of the domain,
only what events mean by themselves is asked: whether a person is behind each of a message's hits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sendtrail.domain.events import Event
from sendtrail.domain.hits import is_slotted, slot_of
from sendtrail.domain.ids import sent_time
from sendtrail.domain.judgement import verdicts
from sendtrail.log.items import event_to_item

__all__ = ["Expected", "expect"]

Facts = dict[str, list[Any]]


class Expected:
    """The truth: sets of facts per message, and the figures that follow.

    Attributes:
        events: (participant, message) → the keys of its events.
        messages: (participant, message) → what is answered of it over HTTP, in part.
        communications: communication → counter → number.
        days: day of sending → counter → number, of all messages.
        suppressed: address → the reason and since when.
        unsubscribed: participant → whether, for those who said so or otherwise.
        interactions: participant → the last change of their subscription.
        hits: participant → the last open or click by a person.
    """

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.messages: dict[tuple[str, str], dict[str, Any]] = {}
        self.communications: dict[str, dict[str, int]] = {}
        self.days: dict[str, dict[str, int]] = {}
        self.suppressed: dict[str, tuple[str, str]] = {}
        self.unsubscribed: dict[str, bool] = {}
        self.interactions: dict[str, str] = {}
        self.hits: dict[str, str] = {}


def expect(events: Iterable[Event]) -> Expected:
    """Counts events of mail that something else sent; each key once, and of the hits that fall into
    one slot, the first.
    """
    known: dict[tuple[str, ...], Event] = {}
    for event in sorted(events, key=lambda each: str(event_to_item(each, 0)["event"])):
        slot = slot_of(event) if is_slotted(event) and event.type != "Subscription" else ""
        key = (event.participant_id, event.message_id, slot or event.key)
        known.setdefault(key, event)
    hits: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in known.values():
        if event.type in ("Open", "Click"):
            hits[event.participant_id, event.message_id].append(event)
    human = {
        (*message, key)
        for message, mine in hits.items()
        for key, verdict in verdicts(mine).items()
        if verdict.is_human
    }
    truth = Expected()
    found: dict[tuple[str, str], Facts] = defaultdict(lambda: defaultdict(list))
    for event in sorted(known.values(), key=lambda event: event.key):
        message = (event.participant_id, event.message_id)
        truth.events[message].add(event.key)
        by_person = (*message, event.key) in human
        _note(event, found[message], by_person=by_person)
        _note_person(event, truth, by_person=by_person)
    for message, facts in found.items():
        truth.messages[message] = _message(facts)
        day = truth.days.setdefault(sent_time(message[1])[:10], defaultdict(int))
        _count_by_day(truth.messages[message], facts, day)
        if facts["communication"]:
            figures = truth.communications.setdefault(min(facts["communication"]), defaultdict(int))
            _count(truth.messages[message], facts, figures)
    return truth


def _never_tried(event: Event) -> bool:
    """Whether SES kept it back: its suppression lists, by their subtypes."""
    subtype = event.detail.get("subtype") or ""
    return "SuppressionList" in subtype or subtype == "Suppressed"


def _note(event: Event, facts: Facts, *, by_person: bool) -> None:
    """Adds an event to the facts of its message."""
    detail = event.detail
    facts["at"].append(event.at)
    facts["communication"] += [event.communication_id] if event.communication_id else []
    facts["address"] += [event.address] if event.address else []
    if event.sent_at and event.type not in ("Reject", "RenderingFailure", "Unknown"):
        facts["sent"].append(event.sent_at)
    if event.type in ("Bounce", "Complaint") and _never_tried(event):
        facts["dropped"].append(event.at)
    elif event.type == "Bounce":
        facts["hard" if detail["type"] == "Permanent" else "soft"].append(event.at)
    elif event.type == "Complaint" and detail.get("feedback_type") != "not-spam":
        facts["spam"].append(event.at)
    elif event.type == "Subscription":
        facts["chosen"].append((event.at, detail["new_preferences"]["unsubscribe_all"]))
    elif event.type in ("Open", "Click"):
        facts[event.type.value].append(event.at)
        facts[f"human {event.type.value}"] += [event.at] if by_person else []
        facts["links"] += [detail["link"]] if event.type == "Click" else []
    else:
        facts[event.type.value].append(event.at)


def _note_person(event: Event, truth: Expected, *, by_person: bool) -> None:
    """Adds an event to what is known of its participant and address; events come in order."""
    who, detail = event.participant_id, event.detail
    if event.address and not _never_tried(event):
        address = event.address.lower()
        if event.type == "Complaint" and detail.get("feedback_type") != "not-spam":
            truth.suppressed[address] = ("spammed", event.at)
        if event.type == "Bounce" and detail["type"] == "Permanent":
            reason, _ = truth.suppressed.get(address, ("", ""))
            if reason != "spammed":
                truth.suppressed[address] = ("bounced", event.at)
    if event.address is None and who.startswith("mail-"):
        return  # one of several recipients: nobody knows who
    if event.type == "Subscription":
        truth.unsubscribed[who] = detail["new_preferences"]["unsubscribe_all"]
        truth.interactions[who] = event.at
    if event.type in ("Open", "Click") and by_person:
        truth.hits[who] = event.at


def _message(facts: Facts) -> dict[str, Any]:
    """What is answered of a message."""
    off = [at for at, unsubscribed in facts["chosen"] if unsubscribed]
    last_choice = max(facts["chosen"], default=("", False))
    unsubscribed_at = last_choice[0] if last_choice[1] and off else None
    arrived = any(facts[name] for name in ("Delivery", "Open", "Click", "spam", "chosen"))
    ladder = (
        ("spammed", facts["spam"]),
        ("unsubscribed", unsubscribed_at),
        ("bounced", facts["hard"]),
        ("rejected", facts["Reject"]),
        ("failed", facts["RenderingFailure"]),
        ("dropped", facts["dropped"]),
        ("clicked", facts["human Click"]),
        ("opened", facts["human Open"]),
        ("delivered", facts["Delivery"]),
        ("bounced", facts["soft"]),
        ("delayed", facts["DeliveryDelay"]),
        ("sent", facts["sent"]),
        ("unknown", True),
    )
    return {
        "status": next(status for status, fact in ladder if fact),
        "is_bounced": bool(facts["hard"] or (facts["soft"] and not arrived)),
        "communication_id": min(facts["communication"], default=None),
        "address": min(facts["address"], default=None),
        "last_changed_at": max(facts["at"]),
        "sent_at": min(facts["sent"], default=None),
        "delivered_at": min(facts["Delivery"], default=None),
        "first_opened_at": min(facts["Open"], default=None),
        "last_opened_at": max(facts["Open"], default=None),
        "open_count": len(facts["Open"]),
        "human_open_count": len(facts["human Open"]),
        "first_clicked_at": min(facts["Click"], default=None),
        "last_clicked_at": max(facts["Click"], default=None),
        "click_count": len(facts["Click"]),
        "human_click_count": len(facts["human Click"]),
        "links": {link: facts["links"].count(link) for link in facts["links"]},
        "bounced_at": max(facts["hard"] or facts["soft"], default=None),
        "dropped_at": min(facts["dropped"], default=None),
        "spammed_at": min(facts["spam"], default=None),
        "rejected_at": min(facts["Reject"], default=None),
        "failed_at": min(facts["RenderingFailure"], default=None),
        "delayed_at": min(facts["DeliveryDelay"], default=None),
        "unsubscribed_at": unsubscribed_at,
    }


def _count(message: dict[str, Any], facts: Facts, figures: dict[str, int]) -> None:
    """Adds a message to the figures of its communication. What happened to one of several
    recipients, without SES saying to whom, is a hit, and no further recipient.
    """
    known = message["address"] is not None
    figures["recipients"] += known and message["status"] != "unknown"
    figures["sent"] += known and bool(message["sent_at"])
    figures["delivered"] += bool(facts["Delivery"])
    figures["opened"] += bool(facts["Open"])
    figures["opens"] += len(facts["Open"])
    figures["human_opened"] += bool(facts["human Open"])
    figures["human_opens"] += len(facts["human Open"])
    figures["clicked"] += bool(facts["Click"])
    figures["clicks"] += len(facts["Click"])
    figures["human_clicked"] += bool(facts["human Click"])
    figures["human_clicks"] += len(facts["human Click"])
    figures["bounced"] += message["is_bounced"]
    figures["dropped"] += bool(facts["dropped"])
    figures["spammed"] += bool(facts["spam"])
    figures["unsubscribed"] += bool(message["unsubscribed_at"])
    figures["delayed"] += bool(facts["DeliveryDelay"])
    figures["rejected"] += bool(facts["Reject"])
    figures["failed"] += bool(facts["RenderingFailure"])


def _count_by_day(message: dict[str, Any], facts: Facts, figures: dict[str, int]) -> None:
    """Adds a message to the figures of its day. None waits: something else sent them all."""
    figures["sent"] += message["address"] is not None and bool(message["sent_at"])
    figures["delivered"] += bool(facts["Delivery"])
    figures["human_opened"] += bool(facts["human Open"])
    figures["human_clicked"] += bool(facts["human Click"])
    figures["bounced"] += message["is_bounced"]
    figures["hard_bounced"] += bool(facts["hard"])
    figures["spammed"] += bool(facts["spam"])
    figures["unsubscribed"] += bool(message["unsubscribed_at"])
    figures["dropped"] += bool(facts["dropped"])
    figures["waiting"] += 0
