"""The folds together, over a DynamoDB in memory: exact under replay, cuts and crashes."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.notifications import Mail
from sendtrail.domain.communication import DAY_COUNTERS, figures
from sendtrail.domain.days import day_figures
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.ids import participant_of_address
from sendtrail.domain.links import link_key
from sendtrail.errors import ConfigurationError, RefusedError
from sendtrail.intake.parser import events_of
from sendtrail.log.items import event_from_item
from sendtrail.projections.activity import Activity
from sendtrail.projections.items import (
    message_from_item,
    participant_from_item,
    suppression_from_item,
)
from sendtrail.projections.stream import EVERY_CHANGE, consume
from sendtrail.reading.views import message_view
from tests.examples import many
from tests.memory import MemoryDynamoDB
from tests.oracle import expect
from tests.pipeline import Pipeline, is_row
from tests.strategies import LINKS, mails, notifications_about


@st.composite
def mailings(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Notifications about a few mails."""
    chosen = draw(st.lists(mails(), min_size=1, max_size=8))
    said: list[dict[str, Any]] = []
    for mail in chosen:
        said += draw(st.lists(notifications_about(mail), max_size=5))
    return said


def told(said: list[dict[str, Any]]) -> list[Event]:
    """All events in these notifications."""
    return [event for each in said for event in events_of(each)]


@given(mailings(), st.randoms(use_true_random=False))
@many(150)
def test_any_cutting_replay_and_crash_leaves_the_same_tables(
    said: list[dict[str, Any]], chance: random.Random
) -> None:
    """Batches delivered once and in order, or shuffled, twice, cut anywhere, failing anywhere."""
    calm, storm = Pipeline(), Pipeline()
    calm.log.append(told(said))
    calm.deliver()
    shuffled = told(said) * 2
    chance.shuffle(shuffled)
    while shuffled:
        some, shuffled = shuffled[:5], shuffled[5:]
        storm.log.append(some)
        storm.deliver(chance)
    assert storm.tables() == calm.tables()
    assert storm.aside == []


@given(mailings(), st.randoms(use_true_random=False))
@many(100)
def test_the_tables_say_what_a_plain_count_says(
    said: list[dict[str, Any]], chance: random.Random
) -> None:
    """The figures equal the oracle's, however they were delivered."""
    stack = Pipeline()
    events = told(said)
    stack.log.append(events)
    stack.deliver(chance)
    truth = expect(events)
    tables = stack.tables()
    days = {day: day_figures(counters) for day, counters in tables["days"].items()}
    nothing = dict.fromkeys(DAY_COUNTERS, 0)
    assert {day: days.get(day, nothing) for day in truth.days} == truth.days
    assert days.keys() <= truth.days.keys()
    all_counters = tables["communications"]
    found = {name: figures(counters) for name, counters in all_counters.items()}
    expected = {name: dict(counts) for name, counts in truth.communications.items()}
    assert {
        name: {counter: found.get(name, {}).get(counter, 0) for counter in counts}
        for name, counts in expected.items()
    } == expected
    suppressions = map(suppression_from_item, stack.db.items("Suppressions"))
    assert {
        each.address: (each.reason, each.standing.at) for each in suppressions if each.standing
    } == truth.suppressed
    profiles = [
        participant_from_item(item)
        for item in stack.db.items("Participants")
        if item["part"] == "profile"
    ]
    assert {
        each.participant_id: not each.gets_communications_at(None)
        for each in profiles
        if each.subscription_change
    } == truth.unsubscribed
    assert {
        each.participant_id: each.last_interaction_at
        for each in profiles
        if each.last_interaction_at
    } == truth.interactions
    for who in {event.participant_id for event in events}:
        activity: Any = Activity(stack.db, "Trails", "Participants")  # type: ignore[arg-type]
        if not who.startswith("mail-"):
            assert activity.last(who, enough="~") == truth.hits.get(who)
    for item in filter(is_row, stack.db.items("Trails")):
        message = message_from_item(item)
        urls = {link_key(link): link for link in LINKS}
        links = message.engagement.total.links
        said_of_it = message_view(message) | {
            "is_bounced": message.is_bounced,
            "links": {urls[key]: totals.count for key, totals in links.items()},
        }
        expected_of_it = truth.messages[message.participant_id, message.message_id]
        assert {name: said_of_it[name] for name in expected_of_it} == expected_of_it


@given(mailings(), st.integers(0, 40), st.randoms(use_true_random=False))
@many(60)
def test_an_owner_is_credited_whenever_the_address_is_registered(
    said: list[dict[str, Any]], place: int, chance: random.Random
) -> None:
    """Before, between or after what happens at the address; with crashes."""
    events = told(said)
    registered = Event.address_registered("owner", "2026-11-20T00:00:00.000Z", "member.0@GMAIL.com")
    first, last = Pipeline(), Pipeline()
    first.log.append([registered, *events])
    first.deliver()
    place = min(place, len(events))
    for part in (events[:place], [registered], events[place:]):
        last.log.append(part)
        last.deliver(chance)
    assert last.tables() == first.tables()
    profiles = {
        item["participant_id"]: participant_from_item(item)
        for item in last.db.items("Participants")
        if item["part"] == "profile"
    }
    there = profiles[participant_of_address("member.0@gmail.com")]
    owner = profiles["owner"]
    assert (owner.last_interaction_at, owner.subscription_change) == (
        there.last_interaction_at,
        there.subscription_change,
    )


def test_a_batch_that_names_no_shard_is_refused() -> None:
    """Without a tumbling window, counting exactly is not possible, and must not be tried."""
    with pytest.raises(ConfigurationError, match="TumblingWindowInSeconds"):
        consume(
            {"Records": [{"eventName": "INSERT"}]},
            names=EVERY_CHANGE,
            decode=event_from_item,
            apply=lambda records: len(list(records)),
            quarantine=lambda text: None,
        )


def test_a_record_that_cannot_be_read_is_set_aside_whole() -> None:
    """Alone; the rest of its batch is folded."""
    stack = Pipeline()
    stack.log.append(
        told(
            [
                {
                    "eventType": "Send",
                    "mail": {
                        "messageId": "x",
                        "timestamp": "2026-11-20T09:30:00Z",
                        "destination": ["a@example.com"],
                    },
                }
            ]
        )
    )
    (shard,) = stack.db.records["Trails"]
    odd = {"eventName": "INSERT", "dynamodb": {"NewImage": {"trail": {"S": "odd"}}}}
    batch = {"Records": [odd, *stack.db.records["Trails"][shard]], "shardId": shard}
    stack.take(batch)
    assert [json.loads(text)["record"] for text in stack.aside] == [odd]
    assert len([item for item in stack.db.items("Participants") if item["part"] == "profile"]) == 1


def test_a_record_whose_row_is_refused_is_set_aside_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be refused for ever, and must not hold up its shard."""
    stack = Pipeline(MemoryDynamoDB(shards=1))
    mails = [Mail(f"s{n}", "2026-11-20T09:30:00Z", [f"a{n}@example.com"]) for n in range(5)]
    stack.log.append(told([mail.send() for mail in mails]))
    put = stack.db.put

    def picky(table: str, item: dict[str, Any], **more: Any) -> None:
        if item.get("address") == "a3@example.com":
            raise RefusedError("ValidationException", "too large", 400)
        put(table, item, **more)

    monkeypatch.setattr(stack.db, "put", picky)
    stack.deliver()
    kept = {item["address"] for item in stack.db.items("Participants") if "address" in item}
    assert kept == {f"a{n}@example.com" for n in (0, 1, 2, 4)}
    assert {json.loads(text)["why"] for text in stack.aside} == {"ValidationException: too large"}


def test_counter_rows_are_at_most_sixteen_and_spread_by_shard() -> None:
    """Whatever the number of shards."""
    stack = Pipeline(MemoryDynamoDB(shards=40))
    chance = random.Random(1)
    events = [
        event
        for number in range(300)
        for event in events_of(
            {
                "eventType": "Send",
                "mail": {
                    "messageId": f"m{number}",
                    "timestamp": "2026-11-20T09:30:00Z",
                    "destination": [f"a{chance.random()}@example.com"],
                    "tags": {"communication_id": ["news"]},
                },
            }
        )
    ]
    stack.log.append(events)
    stack.deliver()
    parts = [item["part"] for item in stack.db.items("Communications")]
    counted = [part for part in parts if part.startswith("counters#")]
    assert 8 < len(counted) <= 16
    assert stack.tables()["communications"]["news"].counts["sent"] == 300


def test_a_problem_is_listed_however_often_older_records_come_again() -> None:
    """Unsubscribed, subscribed, unsubscribed; then the stream tells of the second once more."""
    stack = Pipeline(MemoryDynamoDB(shards=1))
    mail = Mail("s", "2026-11-20T09:30:00Z", ["a@example.com"], tags={"communication_id": "news"})
    stack.log.append(told([mail.send()]))
    for minute, unsubscribed in enumerate((True, False, True)):
        at = f"2026-11-20T10:0{minute}:00.000Z"
        stack.log.append(told([mail.subscription(at, unsubscribed=unsubscribed)]))
        stack.deliver()
    before = stack.tables()
    assert sum(item["part"].startswith("problem#") for item in before["about"]) == 1
    ((shard, records),) = stack.db.records["Trails"].items()
    for record in records[:-1]:
        stack.take({"Records": [record], "shardId": shard})
    assert stack.tables() == before


def test_a_person_was_first_seen_when_the_id_of_their_first_message_says() -> None:
    """Whether its acceptance and its Send came one after the other or together."""
    message_id = "01M7W4N5E0NPXWGFZZWQ4CMKNX"
    who = Recipient(message_id, "jane", "news", "jane@example.com")
    mail = Mail(
        "s",
        "2026-11-20T09:31:00Z",
        ["jane@example.com"],
        tags={"participant_id": "jane", "message_id": message_id},
    )
    accepted = Event.of_sending(
        EventType.ACCEPTED, who, "2026-11-20T09:30:00.000Z", kind=None, subject=None, detail={}
    )
    apart, together = Pipeline(), Pipeline()
    for event in (accepted, *told([mail.send()])):
        apart.log.append([event])
        apart.deliver()
    together.log.append([accepted, *told([mail.send()])])
    together.deliver()
    assert together.tables() == apart.tables()
