"""Trails: any multiset of events, in any order, gives what a plain fold of them gives."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from local.notifications import Mail
from sendtrail.domain.communication import Counters, counters_of
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.hits import HITS, is_slotted, sent_at_of
from sendtrail.domain.ids import normal_address, sent_time
from sendtrail.domain.message import Message
from sendtrail.domain.subscriptions import SubscriptionChange, change_of
from sendtrail.domain.suppression import Suppression, fold_suppression
from sendtrail.domain.times import epoch_ms, from_epoch_ms
from sendtrail.errors import AwsError
from sendtrail.intake.parser import events_of
from sendtrail.log.elements import VERSION
from sendtrail.projections.items import (
    address_use_from_item,
    message_from_item,
    participant_from_item,
    suppression_from_item,
)
from tests.examples import many
from tests.messages import in_slots, messages_of
from tests.pipeline import Pipeline, is_row
from tests.strategies import AGENTS, LINKS, PEOPLE, mails, notifications_about
from tests.versions import LATER, later_version_is_known, written_by

OTHERS = {
    "address": ("other@example.org", "Zoe@gmail.com"),
    "subject": ("Another subject", "zebra"),
    "communication_id": ("another", "zoo"),
}


@st.composite
def histories(draw: st.DrawFn, *, disagreeing: bool = False) -> list[Event]:
    """Events of a few messages, of our own and of others' mail."""
    found: list[Event] = []
    for mail in draw(st.lists(mails(), min_size=1, max_size=5)):
        said = draw(st.lists(notifications_about(mail), max_size=6))
        events = [event for each in said for event in events_of(each)]
        sent_by_us = draw(st.booleans())
        if events and sent_by_us:
            events += draw(own_events(events[0]))
        found += events
    if disagreeing:
        found = [draw(disagreed(event)) for event in unique(found)]
    return found


@st.composite
def own_events(draw: st.DrawFn, of: Event) -> list[Event]:
    """What Sendtrail itself says of a message that it sent."""
    sent_at = sent_time(of.message_id)
    whom = Recipient(of.message_id, of.participant_id, of.communication_id, of.address)
    accepted = Event.of_sending(
        EventType.ACCEPTED, whom, sent_at, kind="news", subject="News", detail={"plan_id": "p"}
    )
    found = [accepted]
    for number in range(draw(st.integers(0, 6))):
        at = from_epoch_ms(epoch_ms(sent_at) + draw(st.integers(0, 9_000_000)))
        detail: dict[str, Any] = {
            "sent_at": sent_at,
            "ip": draw(st.sampled_from(("192.0.2.0", "198.51.100.0"))),
            "user_agent": draw(st.sampled_from(AGENTS)),
        }
        kind = draw(st.sampled_from((EventType.OPEN, EventType.CLICK, EventType.SUBSCRIPTION)))
        if kind is EventType.CLICK:
            detail |= {"link": draw(st.sampled_from(LINKS)), "position": 0}
        if kind is EventType.SUBSCRIPTION:
            detail = {"subscribed": draw(st.booleans()), "by": "page"}
        found.append(Event.of_request(kind, whom, at, f"request-{number}", detail))
    return found


@st.composite
def disagreed(draw: st.DrawFn, event: Event) -> Event:
    """An event that may say otherwise what others of its message say. Hits do not: where several
    meet in one slot, only what the first of them says is kept.
    """
    if draw(st.integers(0, 5)) == 0:
        event = replace(event, participant_id=draw(st.sampled_from(PEOPLE)).participant_id)
    for name, values in OTHERS.items():
        if not is_slotted(event) and draw(st.integers(0, 3)) == 0:
            changed: dict[str, Any] = {name: draw(st.sampled_from(values))}
            event = replace(event, **changed)
    return event


def unique(events: list[Event]) -> list[Event]:
    """Each event once, by its message and key."""
    return list({(event.message_id, event.key): event for event in events}.values())


def stormy(events: list[Event], chance: random.Random) -> Pipeline:
    """All of it, twice, shuffled, cut, encoded by two versions; writes fail, batches come again."""
    pipeline = Pipeline()
    waiting = events * 2
    chance.shuffle(waiting)
    while waiting:
        size = chance.randint(1, 7)
        pipeline.db.fail_at = chance.choice((None, None, 0, 1, 2))
        pipeline.db.fails_after_writing = chance.random() < 0.5
        try:
            with written_by(chance.choice((VERSION, LATER))):
                pipeline.log.append(waiting[:size])
        except AwsError:
            continue
        finally:
            pipeline.db.fail_at = None
        del waiting[:size]
        if chance.random() < 0.5:
            pipeline.deliver(chance)
        if chance.random() < 0.1:
            pipeline.db.split()
    pipeline.deliver(chance)
    assert pipeline.aside == []
    return pipeline


def test_choices_that_two_observers_tell_of_do_not_take_each_others_place() -> None:
    """Of several in a slot the latest is kept, and what an earlier one said of its mail would be
    gone: here, when it was sent.
    """
    mail = Mail("ses-1", "2026-11-20T10:30:01.000Z", ["ann@example.com"])
    (by_ses,) = events_of(mail.subscription("2026-11-20T10:30:02.000Z", unsubscribed=False))
    whom = Recipient(by_ses.message_id, by_ses.participant_id)
    by_us = Event.of_request(
        EventType.SUBSCRIPTION, whom, "2026-11-20T10:30:03.000Z", "r", {"subscribed": True}
    )
    events = [by_ses, by_us]
    with later_version_is_known():
        check(stormy(events, random.Random(0)), events)


def check(pipeline: Pipeline, events: list[Event]) -> None:
    """The tables say what a plain fold says."""
    messages = messages_of(events)
    rows = map(message_from_item, filter(is_row, pipeline.db.items("Trails")))
    found = {(row.participant_id, row.message_id): row for row in rows}
    assert found == messages
    assert shown_figures(pipeline) == figures_of(messages.values())
    people, addresses = people_of(events, messages)
    items = pipeline.db.items("Participants")
    profiles = [participant_from_item(item) for item in items if item["part"] == "profile"]
    assert {
        each.participant_id: (
            each.first_seen_at,
            each.measured_since,
            each.subscription_change,
            each.choice_there,
        )
        for each in profiles
    } == people
    uses = [address_use_from_item(item) for item in items if item["part"] != "profile"]
    assert {(use.participant_id, use.normal): use.first_used_at for use in uses} == addresses
    suppressions = map(suppression_from_item, pipeline.db.items("Suppressions"))
    assert {each.address: each for each in suppressions} == suppressions_of(events)


def shown_figures(pipeline: Pipeline) -> dict[str, Any]:
    """The counters of communications that have any."""
    counters = pipeline.tables()["communications"].items()
    return {name: each.counts for name, each in counters if each.counts}


def figures_of(messages: Any) -> dict[str, Any]:
    """What the messages of each communication add up to."""
    found: dict[str, Counters] = defaultdict(Counters)
    for message in messages:
        if message.communication_id:
            found[message.communication_id] += counters_of(message)
    return {name: each.counts for name, each in found.items() if each.counts}


def people_of(
    events: list[Event], messages: dict[tuple[str, str], Message]
) -> tuple[dict[str, Any], dict[tuple[str, str], str]]:
    """Profiles, in part, and when addresses were first used."""
    seen: dict[str, list[str]] = defaultdict(list)
    measured: dict[str, list[str]] = defaultdict(list)
    chosen: dict[str, list[SubscriptionChange]] = defaultdict(list)
    there: dict[str, list[SubscriptionChange]] = defaultdict(list)
    used: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (who, message_id), message in messages.items():
        if message.address:
            seen[who] += [sent_time(message_id), message.sent_at or "~"]
    for event in in_slots(events):
        who = event.participant_id
        if event.address and (sent_at := messages[who, event.message_id].sent_at):
            used[who, normal_address(event.address)].append(sent_at)
        if change := change_of(event):
            seen[who] += [sent_time(event.message_id)]
            chosen[who].append(change)
            for placeholder in change.placeholders:
                there[placeholder].append(change)
        if event.type in HITS:
            measured[who].append(sent_at_of(event))
    profiles = {
        who: (
            min(seen[who], default=None),
            min(measured[who], default=None),
            max(chosen[who], key=lambda each: each.rank, default=None),
            max(there[who], key=lambda each: each.rank, default=None),
        )
        for who in seen.keys() | measured.keys() | there.keys()
    }
    return profiles, {key: min(times) for key, times in used.items()}


def suppressions_of(events: list[Event]) -> dict[str, Suppression]:
    """What each address is suppressed for."""
    found: dict[str, Suppression] = {}
    for event in events:
        if event.address:
            address = normal_address(event.address)
            found[address] = fold_suppression(found.get(address, Suppression(address)), event)
    return {address: each for address, each in found.items() if each.evidence}


@given(histories(), st.randoms(use_true_random=False))
@many(60)
def test_rows_say_what_a_plain_fold_says(events: list[Event], chance: random.Random) -> None:
    """In any order, cut, repeated and broken off anywhere, and encoded by two versions."""
    with later_version_is_known():
        check(stormy(events, chance), events)


@given(histories(disagreeing=True), st.randoms(use_true_random=False))
@many(60)
def test_rows_say_what_a_plain_fold_says_also_where_events_disagree(
    events: list[Event], chance: random.Random
) -> None:
    """Of one message's participant, address, subject or communication."""
    with later_version_is_known():
        check(stormy(events, chance), events)


@given(histories(disagreeing=True))
def test_a_fold_minds_neither_order_nor_repetition(events: list[Event]) -> None:
    """So that it may be called plain."""
    assert messages_of([*reversed(events), *events]) == messages_of(events)
