"""What is listed of messages of no communication: problems one by one, months and kinds once."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.notifications import Mail
from sendtrail.domain.communication import Happened
from sendtrail.domain.events import Event
from sendtrail.domain.ids import derived_message_id, ses_id_bounds
from sendtrail.domain.message import PROBLEMS, Message, Status
from sendtrail.domain.times import from_epoch_ms
from sendtrail.intake.parser import events_of
from sendtrail.log.items import listed_in
from sendtrail.projections.items import DAYS_ID, MONTHS_ID, PROBLEM_PREFIX, message_from_item
from sendtrail.reading.message_filter import MessageFilter
from tests.examples import many
from tests.pipeline import Pipeline, is_row
from tests.rebuilding import begin, steps, told

NOON = 1_795_170_600_000  # 2026-11-20T10:30:00Z
DAY = 86_400_000


def mail(number: int, kind: str = "invoice", **tags: str) -> Mail:
    """A mail of no mailing, unless the tags say so."""
    at = from_epoch_ms(NOON + number * 60_000)
    named = {"participant_id": "ann", "kind": kind} | tags
    return Mail(f"ses-{number}", at, ["ann@example.com"], tags=named)


def listed(pipeline: Pipeline) -> set[tuple[str, str]]:
    """Where problems are listed: partition and sort key."""
    return {
        (item["communication_id"], item["part"])
        for item in pipeline.db.items("Communications")
        if item["part"].startswith(PROBLEM_PREFIX)
    }


def rows(pipeline: Pipeline) -> list[Any]:
    """All of the table, but for the counters of days."""
    items = pipeline.db.items("Communications")
    return [each for each in items if each["communication_id"] != DAYS_ID]


def noted(pipeline: Pipeline) -> Any:
    """The row with months and kinds."""
    return pipeline.db.get("Communications", {"communication_id": MONTHS_ID, "part": "direct"})


def taken(pipeline: Pipeline, *said: Any) -> None:
    """Notifications, recorded and projected."""
    pipeline.log.append([event for each in said for event in events_of(each)])
    pipeline.deliver()


@given(told(), st.randoms(use_true_random=False))
@many(60)
def test_whatever_happened_is_found_in_the_list_that_is_read_for_it(
    events: list[Event], chance: random.Random
) -> None:
    """In whatever order it became known: so a filter that reads that list alone is exact."""
    pipeline = Pipeline()
    chance.shuffle(events)
    for event in events:
        pipeline.log.append([event])
        if chance.random() < 0.5:
            pipeline.deliver(chance)
    pipeline.deliver(chance)
    places = listed(pipeline)
    for item in filter(is_row, pipeline.db.items("Trails")):
        message = message_from_item(item)
        if message.address is None:
            continue
        place = listed_in(message.communication_id, message.message_id)
        for wanted in (
            *(MessageFilter(status=status) for status in Status),
            *(MessageFilter(did=did) for did in Happened),
        ):
            if wanted.listed_as and wanted.wants(message):
                part = f"{PROBLEM_PREFIX}{wanted.listed_as}#{message.message_id}"
                assert (place, part) in places, wanted


def test_every_problem_has_a_list_and_nothing_else_has() -> None:
    """What may have happened to a message without a problem is looked for among all."""
    for did in Happened:
        listed_as = MessageFilter(did=did).listed_as
        assert (listed_as is not None) == (did is Happened.BLOCKED or did.value in PROBLEMS), did
    for status in Status:
        assert MessageFilter(status=status).listed_as == (status if status in PROBLEMS else None)


def test_a_soft_bounce_is_found_though_everything_outranks_it() -> None:
    """SES bounced it softly, and then failed to render it: it did bounce, and is failed."""
    pipeline, one = Pipeline(), mail(1)
    at = from_epoch_ms(NOON + DAY)
    taken(pipeline, one.send(), one.rendering_failure("x"), one.bounce(at, "Transient", "General"))
    (message,) = map(message_from_item, filter(is_row, pipeline.db.items("Trails")))
    wanted = MessageFilter(did=Happened.BOUNCED)
    assert (message.status, wanted.wants(message)) == (Status.FAILED, True)
    assert wanted.listed_as is Status.BOUNCED
    place = listed_in(None, message.message_id)
    assert (place, f"{PROBLEM_PREFIX}bounced#{message.message_id}") in listed(pipeline)


def test_a_message_without_a_problem_writes_nothing_more() -> None:
    """Its month and kind are noted once, by each process that sees one."""
    pipeline = Pipeline()
    taken(pipeline, mail(1).send())
    assert (noted(pipeline)["months"], noted(pipeline)["kinds"]) == ({"2026-11"}, {"invoice"})
    before = rows(pipeline)
    taken(pipeline, mail(2).send(), mail(2).delivery(from_epoch_ms(NOON + DAY)), mail(3).send())
    assert rows(pipeline) == before
    taken(pipeline, mail(3).bounce(from_epoch_ms(NOON + DAY)))
    assert len(rows(pipeline)) == len(before) + 1
    taken(pipeline, mail(4, "letter").send())
    assert noted(pipeline)["kinds"] == {"invoice", "letter"}


def test_a_mailings_message_is_noted_nowhere_else() -> None:
    """Neither its month nor its problem."""
    pipeline = Pipeline()
    one = mail(1, communication_id="news")
    taken(pipeline, one.send(), one.bounce(from_epoch_ms(NOON + DAY)))
    assert noted(pipeline) is None
    assert {place for place, _ in listed(pipeline)} == {"news"}


def test_a_problem_expires_with_its_message() -> None:
    """So do those of a mailing."""
    pipeline = Pipeline()
    taken(pipeline, mail(1).send(), mail(1).bounce(from_epoch_ms(NOON + DAY)))
    (row,) = filter(is_row, pipeline.db.items("Trails"))
    (problem,) = (
        item
        for item in pipeline.db.items("Communications")
        if item["part"].startswith(PROBLEM_PREFIX)
    )
    assert problem["expires_at"] == row["expires_at"]
    assert problem["communication_id"] == "~2026-11"
    assert problem["participant_id"] == "ann"


def test_a_rebuild_lists_anew_what_was_lost() -> None:
    """Problems, months and kinds; also by a process that remembers to have noted them."""
    pipeline = Pipeline()
    taken(pipeline, mail(1).send(), mail(1).bounce(from_epoch_ms(NOON + DAY)), mail(2).send())
    before = (noted(pipeline)["months"], noted(pipeline)["kinds"], listed(pipeline))
    assert before[2]
    warm = pipeline.projection
    pipeline.db.forget("Communications")
    rebuild = begin(pipeline)
    pipeline.projection = warm
    for _ in steps(pipeline, rebuild, random.Random(1)):
        pass
    pipeline.deliver()
    assert (noted(pipeline)["months"], noted(pipeline)["kinds"], listed(pipeline)) == before


@pytest.mark.parametrize(
    "ses_id", ["", "x", "ses-1", "ffffffffffffffff-x", "0108", "0108017F71202927-x", "é" * 100]
)
def test_an_id_that_holds_no_time_has_no_bounds(ses_id: str) -> None:
    """Whatever it is."""
    assert ses_id_bounds(ses_id) is None


def test_the_bounds_of_an_ses_id_hold_all_its_messages() -> None:
    """Whoever it went to, and whatever time its events tell."""
    ses_id = "0108017f71202927-1b2c3d4e-0000-1111-2222-333344445555-000000"
    bounds = ses_id_bounds(ses_id)
    assert bounds is not None
    low, high = bounds
    for number in range(50):
        at = from_epoch_ms(NOON + number * DAY)
        assert low <= derived_message_id(at, ses_id, f"{number}@example.com") <= high
    assert Message("ann", low).message_id[:10] == high[:10]
