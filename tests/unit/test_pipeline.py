"""The folds together, over a DynamoDB in memory: exact under replay, cuts and crashes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.notifications import Mail
from sendtrail.domain.communication import Tally, figures
from sendtrail.domain.events import Event
from sendtrail.domain.ids import participant_of_address
from sendtrail.errors import AwsError, ConfigurationError, RefusedError
from sendtrail.services.fold_communications import FoldCommunications
from sendtrail.services.fold_messages import FoldMessages
from sendtrail.services.fold_participants import FoldParticipants
from sendtrail.services.stream import EVERY_CHANGE, INSERTS, consume
from sendtrail.ses.parser import events_of
from sendtrail.storage.event_items import event_from_item
from sendtrail.storage.event_log import EventLog
from sendtrail.storage.items import (
    message_from_item,
    participant_from_item,
    stats_from_item,
    suppression_from_item,
)
from tests.memory import MemoryDynamoDB
from tests.oracle import expect
from tests.strategies import mails, notifications_about

Take = Callable[[dict[str, Any]], Any]


@dataclass
class Stack:
    """The log and its three folds over one database, and how far each shard has been delivered."""

    db: MemoryDynamoDB = field(default_factory=MemoryDynamoDB)
    done: dict[tuple[str, str, str], int] = field(default_factory=dict)
    aside: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        db: Any = self.db
        self.log = EventLog(db, "Events", retention_days=400)
        participants = FoldParticipants.over(db, "Participants", "Suppressions")
        self.consumers: list[tuple[str, str, Take]] = [
            (
                "Events",
                "messages",
                lambda event: consume(
                    event,
                    names=INSERTS,
                    decode=event_from_item,
                    take=FoldMessages.over(db, "Messages").take,
                    set_aside=self.aside.append,
                ),
            ),
            (
                "Events",
                "participants",
                lambda event: consume(
                    event,
                    names=INSERTS,
                    decode=event_from_item,
                    take=lambda records: participants.take(r.new for r in records if r.new),
                    set_aside=self.aside.append,
                ),
            ),
            (
                "Messages",
                "communications",
                lambda event: consume(
                    event,
                    names=EVERY_CHANGE,
                    decode=message_from_item,
                    take=FoldCommunications.over(db, "Communications").take,
                    set_aside=self.aside.append,
                ),
            ),
        ]

    def deliver(self, chance: random.Random | None = None) -> None:
        """Delivers all streams to their end; with `chance`, cut, replayed, broken off."""
        for table, name, take in self.consumers:
            for shard in sorted(self.db.records[table]):
                place = self.done.get((table, name, shard), 0)
                while place < len(self.db.records[table][shard]):
                    place = self._deliver_some(table, shard, place, take, chance)
                self.done[table, name, shard] = place

    def _deliver_some(
        self, table: str, shard: str, place: int, take: Take, chance: random.Random | None
    ) -> int:
        records = self.db.records[table][shard]
        start, end = place, len(records)
        if chance:
            start = max(0, place - chance.choice((0, 0, 1, 3, 50)))
            end = min(len(records), place + chance.randint(1, 6))
            self.db.fail_at = chance.choice((None, 0, 1, 2, 3))
            self.db.fails_after_writing = chance.random() < 0.5
        try:
            take({"Records": records[start:end], "shardId": shard})
        except AwsError:
            end = place  # the batch comes again
        finally:
            self.db.fail_at = None
        return end

    def tables(self) -> dict[str, Any]:
        """What readers see: everything but revisions and marks."""
        said: dict[str, Any] = {"months": set(), "communications": {}}
        for item in self.db.items("Communications"):
            if item["part"].startswith("stats#"):
                name = item["communication_id"]
                known = said["communications"].get(name, Tally())
                said["communications"][name] = known + stats_from_item(item).tally
        for table in ("Messages", "Participants", "Suppressions"):
            said[table] = [_plain(item) for item in self.db.items(table)]
        said["about"] = [
            _plain(item) for item in self.db.items("Communications") if item["part"] == "about"
        ]
        return said


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in ("revision", "marks")}


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
@settings(max_examples=150)
def test_any_cutting_replay_and_crash_leaves_the_same_tables(
    said: list[dict[str, Any]], chance: random.Random
) -> None:
    """Batches delivered once and in order, or shuffled, twice, cut anywhere, failing anywhere."""
    calm, storm = Stack(), Stack()
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
@settings(max_examples=100)
def test_the_tables_say_what_a_plain_count_says(
    said: list[dict[str, Any]], chance: random.Random
) -> None:
    """The figures equal the oracle's, however they were delivered."""
    stack = Stack()
    events = told(said)
    stack.log.append(events)
    stack.deliver(chance)
    truth = expect(events)
    tallies = stack.tables()["communications"]
    found = {name: figures(tally) for name, tally in tallies.items()}
    expected = {name: dict(counts) for name, counts in truth.communications.items()}
    assert {
        name: {counter: found.get(name, {}).get(counter, 0) for counter in counts}
        for name, counts in expected.items()
    } == expected
    suppressions = map(suppression_from_item, stack.db.items("Suppressions"))
    assert {each.address for each in suppressions if each.reason} == truth.suppressed
    profiles = [
        participant_from_item(item)
        for item in stack.db.items("Participants")
        if item["part"] == "profile"
    ]
    assert {
        each.participant_id: not each.subscribed for each in profiles if each.choice
    } == truth.unsubscribed


@given(mailings(), st.integers(0, 40), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_an_owner_is_credited_whenever_the_address_is_registered(
    said: list[dict[str, Any]], place: int, chance: random.Random
) -> None:
    """Before, between or after what happens at the address; with crashes."""
    events = told(said)
    registered = Event.address_registered("owner", "2026-11-20T00:00:00.000Z", "member.0@GMAIL.com")
    first, last = Stack(), Stack()
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
    assert (owner.last_interaction_at, owner.choice) == (there.last_interaction_at, there.choice)


def test_a_batch_that_names_no_shard_is_refused() -> None:
    """Without a tumbling window, counting exactly is not possible, and must not be tried."""
    with pytest.raises(ConfigurationError, match="TumblingWindowInSeconds"):
        consume(
            {"Records": [{"eventName": "INSERT"}]},
            names=INSERTS,
            decode=event_from_item,
            take=lambda records: len(list(records)),
            set_aside=lambda text: None,
        )


def test_a_record_that_cannot_be_read_is_set_aside_whole() -> None:
    """Alone; the rest of its batch is folded."""
    stack = Stack()
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
    (shard,) = stack.db.records["Events"]
    odd = {"eventName": "INSERT", "dynamodb": {"NewImage": {"message_id": {"S": "odd"}}}}
    batch = {"Records": [odd, *stack.db.records["Events"][shard]], "shardId": shard}
    stack.consumers[0][2](batch)
    assert [json.loads(text)["record"] for text in stack.aside] == [odd]
    assert len(stack.db.items("Messages")) == 1


def test_a_record_whose_row_is_refused_is_set_aside_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be refused for ever, and must not hold up its shard."""
    stack = Stack(MemoryDynamoDB(shards=1))
    mails = [Mail(f"s{n}", "2026-11-20T09:30:00Z", [f"a{n}@example.com"]) for n in range(5)]
    stack.log.append(told([mail.send() for mail in mails]))
    put = stack.db.put

    def picky(table: str, item: dict[str, Any], **more: Any) -> None:
        if item.get("address") == "a3@example.com":
            raise RefusedError("ValidationException", "too large", 400)
        put(table, item, **more)

    monkeypatch.setattr(stack.db, "put", picky)
    stack.deliver()
    kept = {item["address"] for item in stack.db.items("Messages")}
    assert kept == {f"a{n}@example.com" for n in (0, 1, 2, 4)}
    assert {json.loads(text)["why"] for text in stack.aside} == {"ValidationException: too large"}


def test_counter_rows_are_at_most_sixteen_and_spread_by_shard() -> None:
    """Whatever the number of shards."""
    stack = Stack(MemoryDynamoDB(shards=40))
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
    counted = [part for part in parts if part.startswith("stats#")]
    assert 8 < len(counted) <= 16
    assert stack.tables()["communications"]["news"].counts["sent"] == 300
