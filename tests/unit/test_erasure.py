"""Erasure: what is left of events counts as they did, in any order of what happens around it."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, given
from hypothesis import strategies as st

from local.notifications import Mail
from sendtrail.auth.audit import Audit
from sendtrail.aws.s3 import Bucket
from sendtrail.domain.actors import Actor
from sendtrail.domain.bounces import is_provider_refusal
from sendtrail.domain.erasure import KeyedHash, anonymised, is_erased, new_pseudonym
from sendtrail.domain.events import Event, EventType
from sendtrail.domain.hits import HITS, slot_of
from sendtrail.domain.ids import participant_of_address
from sendtrail.domain.judgement import judge
from sendtrail.errors import AwsError
from sendtrail.intake.parser import events_of
from sendtrail.log.erasures import Erasures
from sendtrail.projections.directory import Directory
from sendtrail.rights.erasing import Erasing, ErasureState
from sendtrail.rights.steps import Steps, Tables
from sendtrail.rights.written import WrittenContent
from sendtrail.sending.draft_store import DraftStore
from tests.examples import many
from tests.memory import MemoryDynamoDB
from tests.messages import folded
from tests.pipeline import Pipeline
from tests.rebuilding import begin, steps
from tests.strategies import PEOPLE, mails, message_events, notifications_about
from tests.traces import forms_of

BY = Actor("key", "0f3a", "Front office")
JANE = PEOPLE[1]
KEYED = KeyedHash(b"a key")
NO_SHRINK = (Phase.explicit, Phase.reuse, Phase.generate)
"""A pseudonym is random: what fails may not fail again."""
NOBODY = new_pseudonym()
TAGS = {"participant_id": JANE.participant_id}
PATIENCE = 1_000
"""Goes, each of which may do no more than a part of a pass, and may fail."""
FORMS = forms_of(JANE.participant_id, addresses=[JANE.address])


def erasing(pipeline: Pipeline) -> Erasing:
    """Erasures over a pipeline, in a process of its own; there are no plans."""
    db: Any = pipeline.db
    directory = Directory(db, "Participants", "Suppressions", "Trails")
    bucket = Bucket({"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "plans")
    audit = Audit(logging.getLogger())
    names = Tables("Trails", "Communications", "Participants", "Suppressions", "Staff")
    drafts = DraftStore(db, "Communications", bucket, audit)
    made = Steps(
        db,
        names,
        erasures=pipeline.erasures,
        mover=pipeline.mover,
        directory=directory,
        written=WrittenContent(bucket, drafts, lambda _prefix, _after: iter(())),
    )
    return Erasing(
        db,
        "Erasures",
        erasures=pipeline.erasures,
        directory=directory,
        steps=lambda: made,
        enqueue=lambda _erasure, _seconds: None,
        audit=audit,
        log_days=lambda: 30,
        pass_seconds=lambda: 0,  # whoever goes on lets what is between passes go by (`go_on`)
    )


def figures(pipeline: Pipeline) -> dict[str, Any]:
    """All that is counted."""
    tables = pipeline.tables()
    return {name: tables[name] for name in ("communications", "days")}


def traces_of(pipeline: Pipeline) -> list[str]:
    """Where something is written of the person."""
    tables = ("Trails", "Participants", "Suppressions", "Communications", "Staff", "Erasures")
    texts = [f"{table}: {item!r}" for table in tables for item in pipeline.db.items(table)]
    return [text for text in texts if any(form in text.lower() for form in FORMS)]


@st.composite
def told(draw: st.DrawFn) -> list[Event]:
    """Events of a few mails to a few people, Jane among them."""
    chosen = draw(st.lists(mails(), min_size=1, max_size=6))
    said = [event for mail in chosen for event in events_of(mail.send())]
    for mail in chosen:
        for each in draw(st.lists(notifications_about(mail), max_size=5)):
            said += events_of(each)
    return said


FIRST = Event.named(JANE.participant_id, "2026-11-19T12:00:00.000Z", "Jane")
REGISTERED = Event.address_registered(JANE.participant_id, "2026-11-19T12:00:00.000Z", JANE.address)


@given(told(), st.integers(0, 2**32))
@many(60, phases=NO_SHRINK)
def test_no_order_of_events_around_an_erasure_changes_a_figure_or_leaves_a_trace(
    events: list[Event], seed: int
) -> None:
    """Events that come before, while and after it runs, twice, in any order; batches that fail, come
    again or late; parts that are broken off; and a rebuild thereafter.
    """
    chance = random.Random(
        seed
    )  # a pseudonym is random, too: Hypothesis may not count what is drawn
    calm = Pipeline()
    calm.log.append(events)
    calm.deliver()

    storm = Pipeline()
    storm.log.append([FIRST, REGISTERED])
    storm.deliver()
    left = events * 2
    chance.shuffle(left)
    early, late = left[: len(left) // 3], left[len(left) // 3 :]
    storm.log.append(early)
    if chance.random() < 0.5:
        storm.deliver(chance)
    erasure_id = erasing(storm).request(JANE.participant_id, by=BY).erasure_id
    while late:
        some, late = late[:4], late[4:]
        storm.log.append(some)
        go_on(storm, erasure_id, chance)
        if chance.random() < 0.7:
            storm.deliver(chance)
    for _ in range(PATIENCE):
        if go_on(storm, erasure_id, chance) is ErasureState.DONE:
            break
        storm.deliver(chance)
    else:
        pytest.fail("it does not come to an end")
    storm.log.append(chance.sample(events, min(3, len(events))))  # SES says it once more
    storm.deliver(chance)

    assert traces_of(storm) == []
    assert figures(storm) == figures(calm)
    for _ in steps(storm, begin(storm), chance):
        storm.deliver(chance)
    storm.deliver()
    assert figures(storm) == figures(calm)
    assert traces_of(storm) == []
    assert storm.aside == []


def go_on(pipeline: Pipeline, erasure_id: str, chance: random.Random) -> ErasureState:
    """Goes on with an erasure for a while, which the database may break off."""
    pipeline.db.fail_at = chance.choice((None, None, 1, 2, 5))
    pipeline.db.fails_after_writing = chance.random() < 0.5
    left = chance.choice((0, 1, 3, 1_000))

    def has_time() -> bool:
        nonlocal left
        left -= 1
        return left > 0

    passes = erasing(pipeline).status(erasure_id).passes
    try:
        return erasing(pipeline).run(erasure_id, has_time).state
    except AwsError:
        return ErasureState.RUNNING
    finally:
        pipeline.db.fail_at = None
        # Between passes is a quarter of an hour, also if nobody was told that one has ended.
        if erasing(pipeline).status(erasure_id).passes > passes:
            pipeline.db.catch_up()


def finish(
    pipeline: Pipeline, erasure_id: str, *, between: Callable[[], object] = lambda: None
) -> None:
    """Goes on with an erasure to its end; `between` is called after each run but the last."""
    for _ in range(PATIENCE):
        if erasing(pipeline).run(erasure_id).state is ErasureState.DONE:
            return
        between()
    pytest.fail("it does not come to an end")


@given(message_events())
def test_what_is_left_of_hits_is_judged_as_they_were(events: list[Event]) -> None:
    """Each bucket, and each slot."""
    hits = [event for event in events if event.type in HITS]
    left = [anonymised(hit, NOBODY, KEYED) for hit in hits]
    assert judge(left) == judge(hits)
    for hit, other in zip(hits, left, strict=True):
        *place, what, number, _ = slot_of(hit).split("#")
        *there, _, same, name = slot_of(other).split("#")
        assert (place, number, name) == (there, same, NOBODY)
        assert what == "open" or "open" not in slot_of(other)


@given(message_events())
def test_what_is_left_of_a_message_counts_as_it_did(events: list[Event]) -> None:
    """Status, dates, provider, and whether a provider refused it."""
    if not events:
        return
    before = folded(events)
    after = folded([anonymised(event, NOBODY, KEYED) for event in events])
    assert (after.address, after.subject) == (None, None)
    assert after.mailbox_provider == before.mailbox_provider
    for name in ("status", "problems", "sent_at", "delivered_at", "drop", "own", "ses", "kind"):
        assert getattr(after, name) == getattr(before, name), name
    if before.bounce and after.bounce:
        assert is_provider_refusal(after.bounce) == is_provider_refusal(before.bounce)


@given(message_events())
def test_anonymising_twice_is_as_once(events: list[Event]) -> None:
    """So what is moved may be moved again."""
    for event in events:
        once = anonymised(event, NOBODY, KEYED)
        assert anonymised(once, new_pseudonym(), KEYED) == once
        texts = repr(once).lower()
        assert not any(form in texts for form in FORMS)


def test_a_pseudonym_is_nobodys_id() -> None:
    """Other ids that begin so are people's."""
    assert is_erased(new_pseudonym())
    assert not is_erased("erased-jane")
    assert not is_erased(JANE.participant_id)


def test_a_late_complaint_is_a_refusal(capsys: pytest.CaptureFixture[str]) -> None:
    """Of an address that was erased; nothing else is known of it."""
    pipeline = Pipeline()
    pipeline.log.append([FIRST, REGISTERED])
    pipeline.deliver()
    erasure_id = erasing(pipeline).request(JANE.participant_id, by=BY).erasure_id
    finish(pipeline, erasure_id, between=pipeline.deliver)
    assert pipeline.erasures.refusals([JANE.address]) == {}
    at = "2026-11-20T12:00:00.000Z"
    event = Event(
        message_id="01M7W83120VA77F8B88KYNEGC8",
        type=EventType.COMPLAINT,
        at=at,
        identity="x",
        participant_id=JANE.participant_id,
        address=JANE.address,
    )
    pipeline.log.append([event])
    pipeline.deliver()
    assert pipeline.erasures.refusals([JANE.address]) == {JANE.address.lower(): {"spammed": at}}
    assert traces_of(pipeline) == []
    assert pipeline.erasures.lift(participant_of_address(JANE.address))
    assert pipeline.erasures.refusals([JANE.address]) == {}


def test_whoever_comes_back_is_somebody_new() -> None:
    """What happens after the erasure stays under the id; what was before does not."""
    pipeline = Pipeline()
    pipeline.log.append([FIRST, REGISTERED])
    pipeline.deliver()
    erasure_id = erasing(pipeline).request(JANE.participant_id, by=BY).erasure_id
    erasing(pipeline).run(erasure_id)
    again = replace(FIRST, at="2036-11-20T12:00:00.000Z")
    assert pipeline.erasures.forgotten([FIRST, again]) == {(FIRST.message_id, FIRST.key)}


def of_her_address() -> list[Event]:
    """A mail of others to her address, of whom nobody knows whose it is; opened."""
    mail = Mail("ses-1", "2026-11-20T09:30:00.000Z", [JANE.address])
    return [
        event
        for said in (mail.send(), mail.open("2026-11-20T12:00:00.000Z", "Firefox/140.0"))
        for event in events_of(said)
    ]


@pytest.mark.parametrize("write", range(12))
def test_who_is_erased_is_known_still_after_a_run_that_was_broken_off(write: int) -> None:
    """At any of its writes: also once all by which their addresses were found is deleted."""
    pipeline = Pipeline()
    pipeline.log.append([FIRST, REGISTERED, *of_her_address()])
    pipeline.deliver()
    erasure_id = erasing(pipeline).request(JANE.participant_id, by=BY).erasure_id
    pipeline.db.fail_at = write
    with suppress(AwsError):
        erasing(pipeline).run(erasure_id)
    pipeline.db.fail_at = None
    pipeline.log.append(of_her_address())  # which SES says once more
    finish(pipeline, erasure_id)
    assert traces_of(pipeline) == []


def test_a_hit_of_a_message_that_was_moved_is_found_by_the_next_pass() -> None:
    """Though the stream has not told of it, or told those who did not know yet."""
    pipeline = Pipeline()
    pipeline.log.append([FIRST, REGISTERED])
    pipeline.log.append(of_her_address())
    pipeline.deliver()
    erasure_id = erasing(pipeline).request(JANE.participant_id, by=BY).erasure_id
    assert erasing(pipeline).run(erasure_id).passes == 1
    pipeline.log.append([each for each in of_her_address() if each.type is EventType.OPEN])
    assert any(each.startswith("Trails") for each in traces_of(pipeline))
    finish(pipeline, erasure_id)
    assert traces_of(pipeline) == []


def test_a_stream_that_is_far_behind_brings_nobody_back() -> None:
    """A change of a row that was there before, and has been moved since."""
    pipeline = Pipeline()
    pipeline.log.append([FIRST, REGISTERED])
    mail = Mail("ses-1", "2026-11-20T09:30:00.000Z", [JANE.address], tags=TAGS)
    pipeline.log.append(events_of(mail.send()))
    pipeline.deliver()
    pipeline.log.append(events_of(mail.bounce("2026-11-20T09:30:05.000Z")))
    erasure_id = erasing(pipeline).request(JANE.participant_id, by=BY).erasure_id
    finish(pipeline, erasure_id)
    pipeline.deliver()
    assert traces_of(pipeline) == []
    assert pipeline.erasures.refusals([JANE.address]).keys() == {JANE.address.lower()}


@pytest.mark.parametrize("announced", ["2026-11-20T12:00:00.000Z", "2099-01-01T00:00:00.000Z"])
def test_whoever_asked_between_two_parts_of_what_is_told_asks_again(announced: str) -> None:
    """A person is told of when their erasure is asked for, and their addresses when it begins, as
    of the same time; and a clock may be behind another.
    """
    db: Any = MemoryDynamoDB()
    db.put_all("Erasures", [{"hash": "#latest", "at": announced}])
    here, there = (Erasures(db, "Erasures", lambda: "a key", cache_seconds=0) for _ in range(2))
    at, placeholder = "2026-11-20T12:00:00.000Z", "address-" + "0" * 32
    here.remember({"member-1": NOBODY}, at)
    assert there.of_people(["member-1", placeholder]).keys() == {"member-1"}
    here.remember({"member-1": NOBODY, placeholder: new_pseudonym()}, at)
    assert there.of_people(["member-1", placeholder]).keys() == {"member-1", placeholder}
    copied = db.items("Erasures")
    elsewhere: Any = MemoryDynamoDB()
    elsewhere.put_all("Erasures", [{"hash": "#latest", "at": announced}])
    moved = Erasures(elsewhere, "Erasures", lambda: "a key", cache_seconds=0)
    assert moved.of_people([placeholder]) == {}
    again = Erasures(elsewhere, "Erasures", lambda: "a key", cache_seconds=0)
    assert again.put_back(copied) == 2
    assert moved.of_people([placeholder]).keys() == {placeholder}
