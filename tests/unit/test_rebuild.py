"""A rebuild gives the rows that the log gives, whatever they were, while events arrive."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.notifications import Mail
from sendtrail.domain.events import Event, Source
from sendtrail.domain.hits import Bucket
from sendtrail.domain.ids import sent_time
from sendtrail.domain.message import Message
from sendtrail.domain.participant import Participant
from sendtrail.domain.times import epoch_ms, from_epoch_ms, now
from sendtrail.intake.parser import events_of
from sendtrail.projections.items import (
    PROFILE,
    counters_from_item,
    counters_to_item,
    message_from_item,
    participant_from_item,
)
from sendtrail.projections.rebuild import Rebuild
from tests.examples import many
from tests.memory import MemoryDynamoDB
from tests.pipeline import Pipeline, is_row
from tests.rebuilding import begin, calm, steps, take, told

PROJECTIONS = ("Communications", "Participants", "Suppressions")
YOUNG = "2026-11-20T10:30:12.000Z"
"""An epoch that some of the mails are younger than, and some older."""
FIRST, SECOND = "2026-11-20T13:00:00.000Z", "2026-11-20T14:00:00.000Z"
"""Epochs that all mails are older than."""


def of_ages(events: list[Event]) -> tuple[list[Event], list[Event]]:
    """Those of messages that are older than the epoch `YOUNG`, or of none; and the others."""
    young = [each for each in events if each.is_of_message and sent_time(each.message_id) >= YOUNG]
    return [event for event in events if event not in young], young


def spoil(pipeline: Pipeline, chance: random.Random) -> None:
    """Has rows say what no event ever said, as a mistake of an older version might have."""
    for item in pipeline.db.items("Communications"):
        if chance.random() < 0.3 and "counts" in item:
            shard = counters_from_item(item)
            wrong = replace(shard, counters=shard.counters + shard.counters + shard.counters)
            pipeline.db.put_all("Communications", [item | counters_to_item(wrong)])
    for item in filter(is_row, pipeline.db.items("Trails")):
        if chance.random() < 0.5:
            spoil_row(pipeline, item, chance)


def spoil_row(pipeline: Pipeline, item: dict[str, Any], chance: random.Random) -> None:
    """Has a message's row tell of hits and choices what was not so."""
    hits = dict(item.get("hits") or {})
    kind = chance.choice(("counts", "missing", "more", "choice"))
    if kind == "counts":
        hits = {prefix: [[7, 7, 1, 1, 1, 1], [], {}] for prefix in hits}
    elif kind == "missing":
        hits = {}
    elif kind == "more":
        for source in Source:
            hits[Bucket(source, "h09").prefix] = [[1, 0, 1, 1, 0, 0], [], {}]
    else:
        item |= {"choice": ["2027-01-01T00:00:00.000Z", True]}
    pipeline.db.put_all("Trails", [item | {"hits": hits}])


@given(told(), st.randoms(use_true_random=False))
@many(150)
def test_live_the_rows_are_those_of_the_log(events: list[Event], chance: random.Random) -> None:
    """Events arrive before, during and after; streams are behind; shards end; all of it fails."""
    pipeline = Pipeline()
    epochs = chance.choice(([FIRST], [FIRST, SECOND], [YOUNG], [YOUNG, FIRST]))
    old, young = of_ages(events) if YOUNG in epochs else (events, [])
    waiting = old * 2
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
    for epoch in epochs:
        resume = epoch == SECOND and chance.random() < 0.3
        rebuild = begin(pipeline, epoch=None if resume else epoch, resume=resume)
        if epoch == YOUNG:
            waiting += young * 2
            chance.shuffle(waiting)
        for _step in steps(pipeline, rebuild, chance):
            if chance.random() < 0.3:
                happen()
    take(pipeline, waiting)
    pipeline.deliver(chance)
    assert pipeline.tables() == calm(events)
    assert pipeline.aside == []


@given(told(), st.randoms(use_true_random=False))
@many(60)
def test_after_all_was_dropped_the_rows_are_the_same(
    events: list[Event], chance: random.Random
) -> None:
    """From the log alone."""
    pipeline = Pipeline()
    take(pipeline, events)
    pipeline.deliver(chance)
    for table in PROJECTIONS:
        pipeline.db.forget(table)
    for _ in steps(pipeline, begin(pipeline), chance):
        pass
    pipeline.deliver(chance)
    assert pipeline.tables() == calm(events)


@given(told(), st.randoms(use_true_random=False))
@many(30)
def test_a_second_rebuild_may_begin_before_the_first_is_done(
    events: list[Event], chance: random.Random
) -> None:
    """Somebody gave up, and began anew."""
    pipeline = Pipeline()
    take(pipeline, events)
    pipeline.deliver(chance)
    spoil(pipeline, chance)
    for number, _ in enumerate(steps(pipeline, begin(pipeline, epoch=FIRST), chance)):
        if number == 2:
            break
    pipeline.deliver(chance)
    for _ in steps(pipeline, begin(pipeline), chance):
        pass
    pipeline.deliver(chance)
    assert pipeline.tables() == calm(events)


def message_of(pipeline: Pipeline) -> Message:
    """The one message there is."""
    (item,) = filter(is_row, pipeline.db.items("Trails"))
    return message_from_item(item)


def rebuilt(pipeline: Pipeline) -> Rebuild:
    """A whole rebuild, in calm."""
    rebuild = begin(pipeline)
    rebuild.apply(pipeline.db.items("Trails"))
    pipeline.deliver()
    return rebuild


def of_a_mail(
    days_ago: int, *what: Callable[[Mail], dict[str, Any]], retention_days: int = 400
) -> tuple[Pipeline, str]:
    """The tables once these notifications of a mail of so many days ago are projected."""
    at = days_before_now(days_ago)
    mail = Mail("ses-1", at, ["a@example.com"], tags={"communication_id": "news"})
    pipeline = Pipeline(MemoryDynamoDB(), retention_days=retention_days)
    pipeline.log.append(event for each in what for event in events_of(each(mail)))
    pipeline.deliver()
    return pipeline, at


def days_before_now(days: int) -> str:
    """A time."""
    return from_epoch_ms(epoch_ms(now()) - days * 24 * 3600 * 1000)


def counters(pipeline: Pipeline) -> Mapping[str, int]:
    """The counters of the one communication there is."""
    found: Mapping[str, int] = pipeline.tables()["communications"]["news"].counts
    return found


def test_a_mailing_with_messages_as_old_as_the_retention_is_left_alone() -> None:
    """Others of its messages may have expired, and are counted only in its figures."""
    pipeline, at = of_a_mail(399, Mail.send, lambda mail: mail.delivery(now()))
    before = pipeline.tables()
    gone = Mail("ses-2", at, ["b@example.com"], tags={"communication_id": "news"})
    pipeline.log.append(events_of(gone.send()))
    pipeline.deliver()
    pipeline.db.forget("Trails", events_of(gone.send())[0].message_id)
    both = {name: pipeline.tables()[name] for name in ("communications", "days")}
    assert both["communications"]["news"].counts["sent"] == 2
    assert both["days"][at[:10]].counts["day/other/sent"] == 2
    assert rebuilt(pipeline).done == {"forgotten": 1}
    assert pipeline.tables() == before | {
        **both,
        "Participants": pipeline.tables()["Participants"],
    }


def test_a_mailing_that_is_left_alone_is_counted_on() -> None:
    """What is told of its old messages, and what is sent after."""
    pipeline, at = of_a_mail(399, Mail.send)
    rebuilt(pipeline)
    mail = Mail("ses-1", at, ["a@example.com"], tags={"communication_id": "news"})
    pipeline.log.append(events_of(mail.delivery(now())))
    young = Mail("ses-3", now(), ["c@example.com"], tags={"communication_id": "news"})
    pipeline.log.append(events_of(young.send()))
    pipeline.deliver()
    pipeline.log.append(events_of(mail.complaint(now())))
    pipeline.deliver()
    assert {name: counters(pipeline)[name] for name in ("sent", "delivered", "spammed")} == {
        "sent": 2,
        "delivered": 1,
        "spammed": 1,
    }


def test_a_message_that_is_left_alone_stays_in_the_rebuild_before() -> None:
    """Its mailing was rebuilt while it was young; a year later it is too old, and still counted."""
    pipeline, at = of_a_mail(399, Mail.send)
    begin(pipeline, epoch=days_before_now(390))
    between = Mail(
        "ses-2", days_before_now(300), ["b@example.com"], tags={"communication_id": "news"}
    )
    pipeline.log.append(events_of(between.send()))
    pipeline.deliver()
    assert counters(pipeline)["sent"] == 1  # the older one has yet to enter that rebuild
    pipeline.retention_days = 4_000
    pipeline.restart()
    begin(pipeline, resume=True).apply(pipeline.db.items("Trails"))
    pipeline.deliver()
    assert counters(pipeline)["sent"] == 2
    pipeline.retention_days = 400
    pipeline.restart()
    assert rebuilt(pipeline).done == {"forgotten": 2}
    for mail in (between, Mail("ses-1", at, ["a@example.com"], tags=between.tags)):
        pipeline.log.append(events_of(mail.delivery(now())))
        pipeline.deliver()
    assert counters(pipeline)["delivered"] == 2


def test_an_expired_message_is_not_made_anew() -> None:
    """Its row expired before its hit did, which the rebuild still finds."""
    pipeline, _ = of_a_mail(
        399, Mail.send, lambda mail: mail.click(now(), "https://society.example/", "Firefox")
    )
    before = counters(pipeline)
    for item in filter(is_row, pipeline.db.items("Trails")):
        pipeline.db.forget("Trails", f"{item['trail']}/{item['entry']}")
    pipeline.retention_days = 398
    pipeline.restart()
    rebuilt(pipeline)
    assert not list(filter(is_row, pipeline.db.items("Trails")))
    assert counters(pipeline) == before


@pytest.mark.parametrize("seed", range(20))
def test_who_opened_after_they_were_found_silent_is_not_inactive_again(seed: int) -> None:
    """In whatever order a rebuild finds that, and the open, and though both had been dropped."""
    chance = random.Random(seed)
    pipeline, at = of_a_mail(300, Mail.send, lambda mail: mail.open(mail.sent_at, ""))
    who = message_of(pipeline).participant_id
    mail = Mail("ses-1", at, ["a@example.com"], tags={"communication_id": "news"})
    pipeline.log.append([Event.inactivated(who, days_before_now(100), last_active_at=at)])
    pipeline.deliver()
    assert profile(pipeline, who).inactive_since
    pipeline.log.append(events_of(mail.open(days_before_now(50), "Firefox")))
    pipeline.deliver()
    assert not profile(pipeline, who).inactive_since
    pipeline.db.forget("Participants")
    for _ in steps(pipeline, begin(pipeline), chance):
        pass
    pipeline.deliver(chance)
    assert not profile(pipeline, who).inactive_since


def profile(pipeline: Pipeline, participant_id: str) -> Participant:
    """A participant's profile."""
    item = pipeline.db.get("Participants", {"participant_id": participant_id, "part": PROFILE})
    assert item
    return participant_from_item(item)


def test_an_item_that_is_no_event_is_counted_and_left() -> None:
    """The rest is rebuilt."""
    pipeline, _ = of_a_mail(1, Mail.send)
    pipeline.db.put_all("Trails", [{"trail": "message:x", "entry": "odd"}])
    rebuild = begin(pipeline)
    rebuild.apply(pipeline.db.items("Trails"))
    assert rebuild.done == {"rebuilt": 1, "unreadable": 1}
    assert message_of(pipeline).epoch == rebuild.epoch
