"""Hits and choices: bounded by slots, judged by one judge, and what they mean for activity."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.memory_dynamodb import size_of
from local.notifications import Mail
from sendtrail.aws.dynamodb import to_attributes
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.hits import SLOTS, slot_of
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.judgement import MAX_JUDGED
from sendtrail.domain.message import Message
from sendtrail.domain.participant import Participant
from sendtrail.domain.time_since_send import TIME_BUCKETS
from sendtrail.domain.times import epoch_ms, from_epoch_ms
from sendtrail.errors import ThrottledError
from sendtrail.intake.parser import events_of
from sendtrail.projections.items import PROFILE, message_from_item, participant_from_item
from sendtrail.projections.judge import Task
from tests.memory import MemoryDynamoDB
from tests.messages import folded
from tests.pipeline import Pipeline, is_row
from tests.strategies import AGENTS

SENT = "2026-11-20T09:30:00.000Z"
WHO = "member-1"
ID = derived_message_id(SENT, "ses-1", "ann@example.com")
MAIL = Mail(
    "ses-1",
    SENT,
    ["ann@example.com"],
    tags={"communication_id": "news", "participant_id": WHO, "message_id": ID},
)
PERSON = AGENTS[0]
LINK = "https://society.example/a"


def at(seconds: float) -> str:
    """A time so long after sending."""
    return from_epoch_ms(epoch_ms(SENT) + int(seconds * 1000))


def opened(seconds: float, agent: str = PERSON, ip: str = "192.0.2.1") -> Event:
    """An open of the mail."""
    (event,) = events_of(MAIL.open(at(seconds), agent, ip))
    return event


def chosen(seconds: float, *, subscribed: bool) -> Event:
    """A reader's choice, on the page of preferences."""
    whom = Recipient(ID, WHO, "news")
    detail = {"subscribed": subscribed, "by": "page"}
    return Event.of_request(EventType.SUBSCRIPTION, whom, at(seconds), f"r-{seconds}", detail)


def sent(shards: int = 3) -> Pipeline:
    """The tables once the mail was sent."""
    pipeline = Pipeline(MemoryDynamoDB(shards))
    pipeline.db.page = 100
    pipeline.log.append(events_of(MAIL.send()))
    pipeline.deliver()
    return pipeline


def message_of(pipeline: Pipeline) -> Message:
    """The one message there is."""
    (item,) = filter(is_row, pipeline.db.items("Trails"))
    return message_from_item(item)


def profile(pipeline: Pipeline) -> Participant:
    """Whose the message is."""
    item = pipeline.db.get("Participants", {"participant_id": WHO, "part": PROFILE})
    assert item
    return participant_from_item(item)


def slots(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The items of the message's hits."""
    return [each for each in pipeline.db.items("Trails") if each["trail"] == f"message:{ID}"]


# --- slots -----------------------------------------------------------------------------------


@pytest.mark.parametrize("clients", [1, 5_000])
def test_a_pixel_replayed_500_times_a_second_adds_at_most_8_hits_a_minute(clients: int) -> None:
    """By one client or by many. Were each an item, the log, a partition and each judgement would
    grow without a bound.
    """
    pipeline = sent()
    chance = random.Random(1)
    one = opened(10)
    for second in range(10, 130):
        flood = [
            replace(
                one,
                at=at(second + number / 500),
                identity=f"{second}-{number}",
                detail={"user_agent": PERSON, "ip": f"client-{chance.randrange(clients)}"},
            )
            for number in range(500)
        ]
        assert pipeline.log.append_each(flood) == [None] * 500
    minutes = Counter(item["event"][: len("2026-11-20T09:30")] for item in slots(pipeline))
    assert set(minutes) == {f"2026-11-20T09:{minute}" for minute in (30, 31, 32)}
    assert max(minutes.values()) <= min(SLOTS, clients)
    pipeline.deliver()
    opens = message_of(pipeline).engagement.total.opens
    assert opens.count == len(slots(pipeline)) <= SLOTS * len(minutes)


def test_a_slot_holds_the_earliest_hit_in_any_order() -> None:
    """Else what is told of a message would depend on the order of its hits."""
    hits = [opened(seconds) for seconds in (61, 62.5, 62.001)]
    kept = []
    for order in itertools.permutations(hits):
        pipeline = sent()
        for hit in order:
            pipeline.log.append([hit])
        kept.append(slots(pipeline))
        pipeline.deliver()
        assert message_of(pipeline).engagement.total.opens.first_at == at(61)
    assert all(each == kept[0] for each in kept)
    assert len(kept[0]) == 1


def test_a_refused_write_is_done_and_costs_nobody_anything() -> None:
    """The slot was taken. Were it an error, a flood would have its batch come again for ever."""
    pipeline = sent()
    pipeline.log.append([opened(61)])
    delivery = events_of(MAIL.delivery(at(3)))
    assert pipeline.log.append_each([opened(62), *delivery, opened(61)]) == [None] * 3
    pipeline.deliver()
    assert message_of(pipeline).delivered_at == at(3)


def test_what_cannot_be_written_holds_up_no_other_event_of_its_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The partition of a message under fire is throttled; everybody's bounces are not."""
    pipeline = sent()
    bounce = events_of(MAIL.bounce(at(3)))
    with monkeypatch.context() as patch:
        patch.setattr(pipeline.db, "put", _throttled)
        first, second, third = pipeline.log.append_each([opened(61), *bounce, opened(130)])
    assert (type(first), second, type(third)) == (ThrottledError, None, ThrottledError)
    pipeline.deliver()
    assert message_of(pipeline).is_bounced


def _throttled(*_: Any, **__: Any) -> None:
    raise ThrottledError("ThrottlingException", "too much")


CHOICES = (
    chosen(600, subscribed=False),
    chosen(610, subscribed=True),
    chosen(620, subscribed=False),
)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("each", [True, False])
def test_who_unsubscribes_undoes_it_and_unsubscribes_within_a_minute_is_unsubscribed(
    order: tuple[int, ...], each: bool
) -> None:
    """Did a slot hold the first choice, as that of a hit does, the last would be lost."""
    assert len({choice.at[:16] for choice in CHOICES}) == 1
    pipeline = sent()
    for number in order:
        pipeline.log.append([CHOICES[number]])
        if each:
            pipeline.deliver()
    pipeline.deliver()
    assert message_of(pipeline).unsubscribed_at == at(620)
    assert not profile(pipeline).gets_communications_at(None)
    counts = pipeline.tables()["communications"]["news"].counts
    assert counts["unsubscribed"] == 1


def test_choices_cannot_fill_the_log_either() -> None:
    """A thousand clicks on the button, in one minute."""
    pipeline = sent()
    for number in range(1_000):
        pipeline.log.append([chosen(600 + number / 20, subscribed=bool(number % 2))])
    assert len(slots(pipeline)) == 2
    pipeline.deliver()
    assert profile(pipeline).gets_communications_at(None)
    assert message_of(pipeline).unsubscribed_at is None


# --- one judge -------------------------------------------------------------------------------

POINTS = ("before the row is read", "before the query", "before the write")


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("stale", [False, True])
def test_of_two_judges_at_once_the_one_who_saw_less_judges_again(
    monkeypatch: pytest.MonkeyPatch, point: str, stale: bool
) -> None:
    """Another judge runs from end to end within this one. Without the revision, or with one that
    is read after the query, the row would tell of one hit.
    """
    pipeline = sent()
    db = pipeline.db
    interrupted: list[str] = []

    def interrupt(place: str) -> None:
        if place == point and not interrupted:
            interrupted.append(place)
            judged(pipeline, opened(130))

    _before(
        monkeypatch, db, "get_all", lambda _table, keys, **_: keys == [ROW], interrupt, POINTS[0]
    )
    _before(monkeypatch, db, "query", lambda *_, **__: True, interrupt, POINTS[1])
    _before(
        monkeypatch,
        db,
        "update",
        lambda *_, **more: "revision" in more["names"].values(),
        interrupt,
        POINTS[2],
    )
    db.stale = lambda: stale
    judged(pipeline, opened(61))
    assert interrupted
    assert message_of(pipeline).engagement.total.opens.count == 2
    pipeline.deliver()
    assert pipeline.tables()["communications"]["news"].counts["opens"] == 2


def judged(pipeline: Pipeline, hit: Event) -> None:
    """Writes a hit, and has it judged."""
    pipeline.log.append([hit])
    task = Task()
    task.add(hit)
    pipeline.judge.judge({(WHO, ID): task})


ROW = {"trail": WHO, "entry": ID}


def _before(
    monkeypatch: pytest.MonkeyPatch,
    db: MemoryDynamoDB,
    name: str,
    when: Callable[..., bool],
    interrupt: Callable[[str], None],
    point: str,
) -> None:
    do = getattr(db, name)

    def interrupted(*arguments: Any, **more: Any) -> Any:
        if when(*arguments, **more):
            interrupt(point)
        return do(*arguments, **more)

    monkeypatch.setattr(db, name, interrupted)


def test_the_bucket_is_read_strongly_consistently() -> None:
    """A query that misses the hit that it is about tells that there was none, and nobody judges
    again. Queries are consistent, unless they go through an index.
    """
    asked: list[bool] = []

    class Watched(MemoryDynamoDB):
        def query(self, *arguments: Any, **more: Any) -> Any:
            asked.append("index" in more)
            return super().query(*arguments, **more)

    pipeline = Pipeline(Watched())
    pipeline.log.append([*events_of(MAIL.send()), opened(61)])
    pipeline.deliver()
    assert asked
    assert not any(asked)


def many_hits(number: int) -> list[Event]:
    """So many hits on one message, on several links and over a month; half of them in an hour."""
    chance = random.Random(5)
    found = []
    for count in range(number):
        seconds = 10 + chance.random() * (3_500 if count % 2 else 30 * 24 * 3_600)
        when, agent = at(seconds), chance.choice(AGENTS)
        ip = f"192.0.2.{chance.randrange(256)}"
        link = f"{LINK}/{chance.randrange(6)}"
        said = MAIL.open(when, agent, ip) if count % 3 else MAIL.click(when, link, agent, ip)
        found += events_of(said)
    return found


def test_5000_hits_on_one_message_stay_bounded_and_are_equal_in_any_order() -> None:
    """No more of a bucket is judged than its first 500, by their slots; so a page, a figure and a
    judgement cost the same as with one hit, or ten times as many.
    """
    hits = many_hits(5_000)
    expected = folded([*events_of(MAIL.send()), *hits])
    assert len({slot_of(hit) for hit in hits}) > 3_000
    for seed in range(2):
        pipeline = sent(shards=1)
        order = list(hits)
        random.Random(seed).shuffle(order)
        for start in range(0, len(order), 2_500):
            pipeline.log.append(order[start : start + 2_500])
            pipeline.deliver()
        message = message_of(pipeline)
        assert message == expected
        (row,) = filter(is_row, pipeline.db.items("Trails"))
        assert size_of(to_attributes(row)) < 400 * len(TIME_BUCKETS)
    judged = expected.engagement.by_age["h00"]
    assert judged.opens.count + judged.clicks.count == MAX_JUDGED


# --- activity --------------------------------------------------------------------------------


def test_the_first_hit_of_a_burst_credits_nobody() -> None:
    """A person's, as long as it is alone; then an earlier one comes, and a scanner is told by it.
    To credit each hit at once would have the scanner keep somebody active for years.
    """
    pipeline = sent()
    for seconds in (6, 2):
        pipeline.log.append([opened(seconds)])
        pipeline.deliver()
        assert profile(pipeline).last_interaction_at is None
    assert pipeline.activity.last(WHO, enough="~") is None
    assert profile(pipeline).measured_since == SENT


def test_a_hit_of_a_person_is_found_when_it_matters() -> None:
    """Nobody wrote it; their messages tell."""
    pipeline = sent()
    pipeline.log.append([opened(6), opened(60, "Mozilla/5.0")])
    pipeline.deliver()
    assert profile(pipeline).last_interaction_at is None
    assert pipeline.activity.last(WHO, enough=SENT) == at(6)


SILENT = Event.inactivated(WHO, at(9_000), last_active_at=SENT)


@pytest.mark.parametrize(("agent", "ends"), [(PERSON, True), ("Mozilla/5.0", False)])
@pytest.mark.parametrize("stale", [False, True])
def test_only_a_hit_of_a_person_ends_an_inactivity(agent: str, ends: bool, stale: bool) -> None:
    """Though the profile that is read first may be that of before the sweep: a hit that matters
    only in the later one would be lost.
    """
    pipeline = sent()
    pipeline.log.append([opened(3)])
    pipeline.deliver()
    pipeline.log.append([SILENT])
    pipeline.deliver()
    assert profile(pipeline).inactive_since
    pipeline.log.append([opened(10_000, agent)])
    pipeline.db.stale = lambda: stale
    pipeline.deliver()
    assert (profile(pipeline).inactive_since is None) is ends


@pytest.mark.parametrize("hit_first", [True, False])
def test_a_hit_that_the_sweep_did_not_see_ends_the_inactivity(hit_first: bool) -> None:
    """Judged between the sweep's reading and its writing, or while its finding was on its way.
    The hit found no inactivity, and the sweep no hit; without a second look nobody ends it.
    """
    pipeline = sent()
    pipeline.log.append([opened(3)])
    pipeline.deliver()
    raced = opened(8_000)
    if hit_first:
        pipeline.log.append([raced])
        pipeline.deliver()
        pipeline.log.append([SILENT])
    else:
        pipeline.log.append([SILENT])
        pipeline.log.append([raced])
    pipeline.participants.apply([SILENT])
    assert profile(pipeline).inactive_since
    pipeline.deliver()
    assert profile(pipeline).inactive_since is None
    assert profile(pipeline).last_interaction_at == at(8_000)


def test_hits_are_of_the_participant_in_whose_name_they_came() -> None:
    """A message's partition may hold hits of two, where events disagree on whose it is."""
    pipeline = sent()
    other = Mail("ses-1", SENT, MAIL.to, tags={**MAIL.tags, "participant_id": "member-2"})
    pipeline.log.append([opened(61), *events_of(other.open(at(61.5), PERSON))])
    pipeline.deliver()
    rows = map(message_from_item, filter(is_row, pipeline.db.items("Trails")))
    assert {each.participant_id: each.engagement.total.opens.first_at for each in rows} == {
        WHO: at(61),
        "member-2": at(61.5),
    }
