"""A rebuild gives the rows that the log gives, whatever they were, while events arrive."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from local.notifications import Mail
from sendtrail.domain.events import Event
from sendtrail.domain.message import Message
from sendtrail.domain.times import epoch_ms, from_epoch_ms, now
from sendtrail.errors import AwsError
from sendtrail.intake.parser import events_of
from sendtrail.projections.items import message_from_item
from sendtrail.projections.rebuild import Rebuild, Tables
from tests.memory import MemoryDynamoDB
from tests.pipeline import Pipeline
from tests.strategies import mails, notifications_about

TABLES = Tables("Events", "Messages", "Communications", "Participants", "Suppressions")
RETENTION = 4000
"""Days: the mails of these tests are of a fixed date."""


@st.composite
def told(draw: st.DrawFn) -> list[Event]:
    """Events of a few mails, what staff recorded, and a mailing that was posted."""
    events: list[Event] = []
    for mail in draw(st.lists(mails(), min_size=1, max_size=8)):
        said = draw(st.lists(notifications_about(mail), max_size=5))
        events += [event for each in said for event in events_of(each)]
    at = "2026-11-20T12:00:00.000Z"
    events += [
        Event.address_registered("owner", at, "member.1@outlook.com"),
        Event.interaction("member-1", at, "invoice-7", "payment"),
        Event.subscription("member-2", at, subscribed=False),
        Event.suppressed("somebody@example.com", at, "asked by telephone"),
        Event.communication_posted("news-1", at, {"name": "News", "kind": "newsletter"}),
    ]
    return events


def calm(events: list[Event]) -> dict[str, Any]:
    """What the tables say of events that come once, and in order."""
    pipeline = Pipeline()
    take(pipeline, events)
    pipeline.deliver()
    return pipeline.tables()


def take(pipeline: Pipeline, events: list[Event]) -> None:
    """Writes events into the log, and a posted mailing where the API keeps it at once."""
    pipeline.log.append(events)
    for event in events:
        if event.type == "CommunicationPosted":
            pipeline.communications.post(event)


def begin(pipeline: Pipeline, **more: Any) -> Rebuild:
    """A new rebuild."""
    db: Any = pipeline.db
    return Rebuild.begin(db, TABLES, retention_days=RETENTION, **more)


def steps(pipeline: Pipeline, rebuild: Rebuild, chance: random.Random) -> Iterator[None]:
    """A rebuild, step by step: each may be broken off by the database, and is then done again."""
    for table, taking in (("Events", rebuild.apply_log), ("Messages", rebuild.apply_rest)):
        items = pipeline.db.items(table)
        while items:
            size = chance.randint(1, 5)
            pipeline.db.fail_at = chance.choice((None, None, 0, 1, 2))
            pipeline.db.fails_after_writing = chance.random() < 0.5
            try:
                taking(items[:size])
            except AwsError:
                continue
            finally:
                pipeline.db.fail_at = None
            del items[:size]
            yield


def spoil(pipeline: Pipeline, chance: random.Random) -> None:
    """Has rows say what no event ever said, as a mistake of an older version might have."""
    for table in ("Messages", "Communications"):
        for item in pipeline.db.items(table):
            if chance.random() < 0.3 and "status" in item:
                pipeline.db.put_all(table, [item | {"subject": "spoilt", "spammed_at": "2026"}])
            elif chance.random() < 0.3 and "counts" in item:
                counts = {name: number + 3 for name, number in item["counts"].items()}
                pipeline.db.put_all(table, [item | {"counts": counts}])


@given(told(), st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_live_the_rows_are_those_of_the_log(events: list[Event], chance: random.Random) -> None:
    """Events arrive before, during and after; streams are behind; shards end; all of it fails."""
    pipeline = Pipeline()
    waiting = events * 2
    chance.shuffle(waiting)
    posted = [event for event in events if event.type == "CommunicationPosted"]
    take(pipeline, posted)

    def some() -> list[Event]:
        size = chance.randint(0, len(waiting))
        found, waiting[:] = waiting[:size], waiting[size:]
        return found

    def happen() -> None:
        take(pipeline, some())
        if chance.random() < 0.4:
            pipeline.deliver(chance)
        if chance.random() < 0.2:
            pipeline.deliver(chance)  # a shard is read to its end before those that follow it
            pipeline.db.split()

    happen()
    spoil(pipeline, chance)
    for _ in range(chance.choice((1, 1, 2))):
        rebuild = begin(pipeline, resume=chance.random() < 0.2)
        for _step in steps(pipeline, rebuild, chance):
            if chance.random() < 0.3:
                happen()
    take(pipeline, waiting)
    pipeline.deliver(chance)
    assert pipeline.tables() == calm(events)
    assert pipeline.aside == []


@given(told(), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_after_all_was_dropped_the_rows_are_the_same(
    events: list[Event], chance: random.Random
) -> None:
    """From the log alone."""
    pipeline = Pipeline()
    take(pipeline, events)
    pipeline.deliver(chance)
    for table in ("Messages", "Communications", "Participants", "Suppressions"):
        pipeline.db.forget(table)
    for _ in steps(pipeline, begin(pipeline), chance):
        pass
    pipeline.deliver(chance)
    assert pipeline.tables() == calm(events)


@given(told(), st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_a_second_rebuild_may_begin_before_the_first_is_done(
    events: list[Event], chance: random.Random
) -> None:
    """Somebody gave up, and began anew."""
    pipeline = Pipeline()
    take(pipeline, events)
    pipeline.deliver(chance)
    for number, _ in enumerate(steps(pipeline, begin(pipeline), chance)):
        if number == 2:
            break
    pipeline.deliver(chance)
    for _ in steps(pipeline, begin(pipeline), chance):
        pass
    pipeline.deliver(chance)
    assert pipeline.tables() == calm(events)


def message_of(pipeline: Pipeline) -> Message:
    """The one message there is."""
    (item,) = (each for each in pipeline.db.items("Messages") if "address" in each)
    return message_from_item(item)


def rebuilt(pipeline: Pipeline, *, retention_days: int) -> Rebuild:
    """A whole rebuild, in calm."""
    db: Any = pipeline.db
    rebuild = Rebuild.begin(db, TABLES, retention_days=retention_days)
    rebuild.apply_log(pipeline.db.items("Events"))
    rebuild.apply_rest(pipeline.db.items("Messages"))
    pipeline.deliver()
    return rebuild


def of_a_mail(days_ago: int, *what: Callable[[Mail], dict[str, Any]]) -> tuple[Pipeline, Any]:
    """The tables once these notifications of a mail of so many days ago are folded."""
    at = from_epoch_ms(epoch_ms(now()) - days_ago * 24 * 3600 * 1000)
    mail = Mail("ses-1", at, ["a@example.com"], tags={"communication_id": "news"})
    pipeline = Pipeline(MemoryDynamoDB())
    pipeline.log.append(event for each in what for event in events_of(each(mail)))
    pipeline.deliver()
    return pipeline, at


def test_what_the_log_has_begun_to_forget_is_carried_over() -> None:
    """Its Send has expired, and its late click has not; the message keeps both."""
    pipeline, at = of_a_mail(
        399, Mail.send, lambda mail: mail.click(now(), "https://society.example/", "Firefox")
    )
    before = pipeline.tables()
    pipeline.db.forget("Events", "#Send#")
    done = rebuilt(pipeline, retention_days=400).done
    assert done == {"carried": 1}
    assert message_of(pipeline).sent_at == at
    assert pipeline.tables() == before


def test_what_the_log_has_forgotten_is_carried_over() -> None:
    """And is counted in its communication all the same."""
    pipeline, _ = of_a_mail(500, Mail.send, lambda mail: mail.delivery(now()))
    before = pipeline.tables()
    pipeline.db.forget("Events")
    assert rebuilt(pipeline, retention_days=400).done == {"carried": 1}
    assert pipeline.tables() == before
    assert message_of(pipeline).epoch is not None


def test_for_two_days_the_log_is_read_again_and_then_no_more() -> None:
    """Marks of the log go as those of shards do."""
    pipeline, _ = of_a_mail(1, Mail.send)
    rebuilt(pipeline, retention_days=400)
    (item,) = (each for each in pipeline.db.items("Messages") if "address" in each)
    assert list(item["checkpoints"]) == ["log"]
    address = item["address"]
    (sent,) = pipeline.db.items("Events")
    for days, checkpoints in ((1, 2), (3, 1)):
        pipeline.db.clock = epoch_ms(now()) // 1000 + days * 24 * 3600
        at = from_epoch_ms(epoch_ms(now()) + days * 1000)
        pipeline.db.put_all(
            "Events", [sent | {"event_key": f"{at}#Delivery#{days}", "address": address}]
        )
        pipeline.deliver()
        (item,) = (each for each in pipeline.db.items("Messages") if "address" in each)
        assert len(item["checkpoints"]) == checkpoints
    assert message_of(pipeline).delivered_at is not None


def test_an_item_that_is_no_event_is_counted_and_left() -> None:
    """The rest is folded."""
    pipeline, _ = of_a_mail(1, Mail.send)
    pipeline.db.put_all("Events", [{"message_id": "x", "event_key": "odd"}])
    assert rebuilt(pipeline, retention_days=400).done == {"folded": 1, "unreadable": 1}
