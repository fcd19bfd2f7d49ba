"""Rebuilds as tests drive them: step by step, and what they should come to."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from sendtrail.domain.actors import Actor
from sendtrail.domain.events import Event
from sendtrail.errors import AwsError
from sendtrail.intake.parser import events_of
from sendtrail.projections.project import EPOCH_KEY, EPOCHS
from sendtrail.projections.rebuild import Rebuild
from tests.pipeline import Pipeline
from tests.strategies import mails, notifications_about

__all__ = ["begin", "calm", "steps", "take", "told"]

_WRITTEN = ("member.1@outlook.com", "Member.1@outlook.com", "MEMBER.1@Outlook.com")


@st.composite
def told(draw: st.DrawFn) -> list[Event]:
    """Events of a few mails, what staff recorded, and a mailing that was posted."""
    events: list[Event] = []
    for mail in draw(st.lists(mails(), min_size=1, max_size=8)):
        said = draw(st.lists(notifications_about(mail), max_size=5))
        events += [event for each in said for event in events_of(each)]
    at = "2026-11-20T12:00:00.000Z"
    by = draw(st.sampled_from((None, Actor("key", "crm"), Actor("person", "ada"))))
    events += [
        Event.address_registered("owner", at, draw(st.sampled_from(_WRITTEN)), by=by),
        Event.named("member-1", "2026-11-19T12:00:00.000Z", "Jo Doe"),
        Event.named("member-1", at, "Jo Roe", by=by),
        Event.named("owner", at, None),
        Event.interaction("member-1", at, "invoice-7", "payment", by=by),
        Event.subscription("member-2", at, subscribed=False, by=by),
        Event.suppressed("somebody@example.com", at, "asked by telephone", by=by),
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
            pipeline.communications.define(event)


def begin(pipeline: Pipeline, *, epoch: str | None = None, resume: bool = False) -> Rebuild:
    """A new rebuild, in a process of its own, once its epoch has begun: all batches know of it.

    Args:
        epoch: its epoch, if not now.
    """
    db: Any = pipeline.db
    if epoch:
        known = (pipeline.db.get("Trails", EPOCH_KEY) or {}).get(EPOCHS, frozenset())
        pipeline.db.put_all("Trails", [{**EPOCH_KEY, EPOCHS: frozenset([*known, epoch])}])
    pipeline.restart()
    rebuild = Rebuild.begin(
        db,
        "Trails",
        activity=pipeline.activity,
        participants=pipeline.participants,
        communications=pipeline.communications,
        judge=pipeline.judge,
        soft_bounces=pipeline.soft_bounces,
        lead=timedelta(0),
        resume=resume or epoch is not None,
    )
    pipeline.db.catch_up()
    pipeline.restart()
    return rebuild


def steps(pipeline: Pipeline, rebuild: Rebuild, chance: random.Random) -> Iterator[None]:
    """A rebuild, step by step: each may be broken off by the database, and is then done again."""
    items = pipeline.db.items("Trails")
    chance.shuffle(items)
    while items:
        size = chance.randint(1, 5)
        pipeline.db.fail_at = chance.choice((None, None, 0, 1, 2))
        pipeline.db.fails_after_writing = chance.random() < 0.5
        pipeline.db.stale = lambda: chance.random() < 0.3
        try:
            rebuild.apply(items[:size])
        except AwsError:
            continue
        finally:
            pipeline.db.fail_at = pipeline.db.stale = None
        del items[:size]
        yield
