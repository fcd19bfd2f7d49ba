"""Figures are differences of rows' images; counters are packed; participants change rarely."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.memory_dynamodb import size_of
from local.notifications import Mail
from sendtrail.aws.dynamodb import to_attributes
from sendtrail.domain import judgement
from sendtrail.domain.communication import COUNTER_GROUPS, Counters, CounterShard, counters_of
from sendtrail.domain.engagement import Reason, Verdict
from sendtrail.domain.events import Event
from sendtrail.domain.links import link_key
from sendtrail.domain.time_since_send import TIME_BUCKETS
from sendtrail.domain.times import epoch_ms, from_epoch_ms
from sendtrail.errors import ThrottledError
from sendtrail.intake.parser import events_of
from sendtrail.projections.items import (
    LINK_PREFIX,
    PROBLEM_PREFIX,
    counters_from_item,
    counters_to_item,
    message_from_item,
    packed,
    unpacked,
)
from tests.memory import MemoryDynamoDB
from tests.pipeline import Pipeline, is_row
from tests.strategies import AGENTS

SENT = "2026-11-20T09:30:00.000Z"
MAIL = Mail("ses-1", SENT, ["ann@example.com"], tags={"communication_id": "news"})
LINK = "https://society.example/a?who=all"


def at(seconds: float) -> str:
    """A time so long after sending."""
    return from_epoch_ms(epoch_ms(SENT) + int(seconds * 1000))


def told(*said: Any) -> list[Event]:
    """The events in notifications."""
    return [event for each in said for event in events_of(each)]


def counts(pipeline: Pipeline) -> dict[str, int]:
    """The counters of the mailing."""
    return dict(pipeline.tables()["communications"]["news"].counts)


def sum_of_rows(pipeline: Pipeline) -> dict[str, int]:
    """What the messages' rows add up to."""
    rows = map(message_from_item, filter(is_row, pipeline.db.items("Trails")))
    return dict(Counters.sum(map(counters_of, rows)).counts)


# --- images ----------------------------------------------------------------------------------


def test_equal_images_are_no_change() -> None:
    """Some streams bring a record of a write that altered nothing. Counted by its new image
    alone, the message would be counted twice.
    """
    pipeline = Pipeline(MemoryDynamoDB(shards=1))
    pipeline.log.append(told(MAIL.send(), MAIL.open(at(20), AGENTS[0])))
    pipeline.deliver()
    before = counts(pipeline)
    ((shard, records),) = pipeline.db.records["Trails"].items()
    last = next(each for each in reversed(records) if each["dynamodb"]["NewImage"].get("hits"))
    change = last["dynamodb"]
    again = change | {
        "OldImage": change["NewImage"],
        "SequenceNumber": str(int(change["SequenceNumber"]) + 1_000),
    }
    pipeline.take({"Records": [last | {"dynamodb": again}], "shardId": shard})
    assert counts(pipeline) == before == sum_of_rows(pipeline)


def test_figures_are_not_drawn_from_verdicts_that_are_judged_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Better rules came while rows' changes were on their way. Judged again, a hit would be taken
    from the figures as a machine's, to which it had been added as a person's.
    """
    pipeline = Pipeline(MemoryDynamoDB(shards=1))
    pipeline.log.append(told(MAIL.send(), MAIL.open(at(20), AGENTS[0])))
    records = pipeline.db.records["Trails"]
    (shard,) = records
    pipeline.take({"Records": records[shard][:2], "shardId": shard})  # the hit, judged
    pipeline.done[shard] = 2
    machine = Verdict(Reason.ROBOT)
    monkeypatch.setattr(judgement, "classify", lambda _hit, in_burst: machine)
    pipeline.deliver()
    assert counts(pipeline) == sum_of_rows(pipeline)
    assert counts(pipeline)["human_opens"] == 1
    pipeline.log.append(told(MAIL.open(at(90), AGENTS[0])))
    pipeline.deliver()
    assert counts(pipeline) == sum_of_rows(pipeline)
    assert "human_opens" not in counts(pipeline)
    assert counts(pipeline)["opens"] == 2


@pytest.mark.parametrize("stale", [False, True])
def test_a_batch_that_comes_again_is_not_counted_again(stale: bool) -> None:
    """Each row of counters knows how far of each shard it has counted, and a row that is read as
    it was before is refused when it is written.
    """
    pipeline = Pipeline(MemoryDynamoDB(shards=1))
    pipeline.db.stale = lambda: stale
    pipeline.log.append(told(MAIL.send(), MAIL.delivery(at(3)), MAIL.open(at(20), AGENTS[0])))
    for _ in range(3):
        pipeline.done.clear()
        pipeline.deliver()
    assert counts(pipeline) == sum_of_rows(pipeline)


def test_a_counter_that_cannot_be_written_holds_up_no_suppression_and_no_participant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They come first. After the counters, mail would go on to an address that has complained for
    as long as a busy mailing's counters are throttled.
    """
    pipeline = Pipeline(MemoryDynamoDB(shards=1))
    put = pipeline.db.put

    def throttled(table: str, item: dict[str, Any], **more: Any) -> None:
        if table == "Communications":
            raise ThrottledError("ThrottlingException", "too much")
        put(table, item, **more)

    off = Event.subscription("member-1", at(50), subscribed=False)
    pipeline.log.append([*told(MAIL.send(), MAIL.complaint(at(40))), off])
    ((shard, records),) = pipeline.db.records["Trails"].items()
    with monkeypatch.context() as patch:
        patch.setattr(pipeline.db, "put", throttled)
        with pytest.raises(ThrottledError):
            pipeline.take({"Records": records, "shardId": shard})
    (suppressed,) = pipeline.db.items("Suppressions")
    assert suppressed["reason"] == "spammed"
    people = {item["participant_id"] for item in pipeline.db.items("Participants")}
    assert "member-1" in people
    assert len(people) == 2
    assert pipeline.tables()["communications"] == {}
    pipeline.deliver()
    assert counts(pipeline) == sum_of_rows(pipeline)


# --- problems --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(15))
def test_each_problem_of_a_message_is_listed_once(seed: int) -> None:
    """Whatever came first, and though batches come again: so that the list behind each figure has
    all that the figure counts.
    """
    chance = random.Random(seed)
    pipeline = Pipeline()
    said = [MAIL.send(), MAIL.bounce(at(5)), MAIL.complaint(at(9)), MAIL.delivery(at(4))]
    said += [MAIL.complaint(at(10))]
    said += [MAIL.subscription(at(7), unsubscribed=True), MAIL.open(at(20), AGENTS[0])]
    chance.shuffle(said)
    for each in said:
        pipeline.log.append(told(each))
        if chance.random() < 0.5:
            pipeline.deliver(chance)
    pipeline.deliver(chance)
    message_id = told(MAIL.send())[0].message_id
    assert problems(pipeline) == [
        f"problem#{each}#{message_id}" for each in ("bounced", "spammed", "unsubscribed")
    ]


def test_a_problem_that_is_undone_is_listed_no_more() -> None:
    """Who changed their mind has unsubscribed from nothing."""
    pipeline = Pipeline()
    for seconds, unsubscribed, listed in ((7, True, 1), (90, False, 0), (200, True, 1)):
        pipeline.log.append(
            told(MAIL.send(), MAIL.subscription(at(seconds), unsubscribed=unsubscribed))
        )
        pipeline.deliver()
        assert len(problems(pipeline)) == listed


def problems(pipeline: Pipeline) -> list[str]:
    """The sort keys of listed problems, as readers see them: of messages that still have them."""
    parts = [item["part"] for item in pipeline.tables()["about"]]
    return [part for part in parts if part.startswith(PROBLEM_PREFIX)]


# --- counters --------------------------------------------------------------------------------

_groups = st.one_of(
    st.just(("", COUNTER_GROUPS[""])),
    st.sampled_from(("gmail", "other", "ses-simulator")).map(
        lambda name: (f"provider/{name}", COUNTER_GROUPS["provider"])
    ),
    st.sampled_from((link_key(LINK), "~")).map(lambda key: (f"link/{key}", COUNTER_GROUPS["link"])),
    st.sampled_from(TIME_BUCKETS).map(lambda age: (f"age/{age}", COUNTER_GROUPS["age"])),
    st.just(("dropped", ("manual", "likely_spam", "provider_suppressed"))),
)


@st.composite
def some_counts(draw: st.DrawFn) -> dict[str, int]:
    """Counters of any group."""
    found: dict[str, int] = {}
    for group, names in draw(st.lists(_groups, max_size=12)):
        name = draw(st.sampled_from(names))
        found[f"{group}/{name}" if group else name] = draw(
            st.integers(-(10**12), 10**12).filter(bool)
        )
    return found


@given(some_counts())
def test_packed_counters_round_trip(counted: dict[str, int]) -> None:
    """Whatever was counted, also below zero: a shard may see a message leave that another saw."""
    assert unpacked(packed(counted) or "") == counted
    shard = CounterShard(Counters(counted), SENT, "newsletter", at(1), carried=True)
    assert counters_from_item(counters_to_item(shard)) == shard


DOMAINS = (
    "gmail.com",
    "outlook.com",
    "yahoo.com",
    "icloud.com",
    "aol.com",
    "gmx.net",
    "proton.me",
    "example.org",
)


def mailing(links: int, hits: int, days: int) -> Pipeline:
    """A mailing to 400 at eight providers, as one row of counters sees it: of each recipient so
    many hits, on these links, over days of which the first are the busiest.
    """
    chance = random.Random(3)
    pipeline = Pipeline(MemoryDynamoDB(shards=1))
    pipeline.db.page = 100
    events: list[Event] = []
    for number in range(400):
        address = f"member.{number}@{DOMAINS[number % len(DOMAINS)]}"
        mail = Mail(f"ses-{number}", SENT, [address], tags={"communication_id": "news"})
        events += told(mail.send(), mail.delivery(at(4)) if number % 50 else mail.bounce(at(4)))
        for _ in range(hits):
            when = at(20 + (chance.random() ** 4) * days * 24 * 3_600)
            link = f"{LINK}&link={chance.randrange(links)}"
            agent = chance.choice(AGENTS)
            clicked = chance.random() < 0.3
            events += told(mail.click(when, link, agent) if clicked else mail.open(when, agent))
    pipeline.log.append(events)
    pipeline.deliver()
    assert counts(pipeline) == sum_of_rows(pipeline)
    return pipeline


def counter_items(pipeline: Pipeline) -> list[int]:
    """The sizes of the rows of counters."""
    items = pipeline.db.items("Communications")
    return [size_of(to_attributes(each)) for each in items if each["part"].startswith("counters#")]


@pytest.mark.parametrize(("links", "days", "units"), [(3, 1, 1), (6, 30, 2)])
def test_counters_of_an_ordinary_mailing_are_written_for_a_unit_and_of_a_month_for_two(
    links: int, days: int, units: int
) -> None:
    """Eight providers, its links, and its ages. As a map of names they would be some four times
    as long, and each change of each message pays for all of it.
    """
    pipeline = mailing(links, 2, days)
    (size,) = counter_items(pipeline)
    assert size <= units * 1_024


def test_links_are_counted_by_key_and_their_urls_noted_once_apart() -> None:
    """In the row of counters, URLs would be most of it, written anew with each count."""
    pipeline = mailing(6, 1, 3)
    parts = {item["part"]: item for item in pipeline.db.items("Communications")}
    urls = {part: item["url"] for part, item in parts.items() if part.startswith(LINK_PREFIX)}
    assert len(urls) == 6
    assert all(part == LINK_PREFIX + link_key(url) for part, url in urls.items())
    before = pipeline.db.writes["Communications"]
    pipeline.restart()
    mail = Mail("ses-1", SENT, [f"member.1@{DOMAINS[1]}"], tags={"communication_id": "news"})
    pipeline.log.append(told(mail.click(at(600_000), f"{LINK}&link=1", AGENTS[0])))
    pipeline.deliver()
    # Its URL at most once, and a count of its mailing and of its day.
    assert pipeline.db.writes["Communications"] - before <= 3


# --- participants ----------------------------------------------------------------------------


def writes_of_people(pipeline: Pipeline, *events: Event) -> tuple[int, int]:
    """How often a participant's row, and a suppression's, are written for these events."""
    before = pipeline.db.writes.copy()
    pipeline.log.append(events)
    pipeline.deliver()
    return tuple(
        pipeline.db.writes[name] - before[name] for name in ("Participants", "Suppressions")
    )  # type: ignore[return-value]


def test_participants_are_written_only_for_what_is_new() -> None:
    """A member's second mail, deliveries, hits: nothing of it is news of a person. Written for
    each, they would be a quarter of what a message costs.
    """
    pipeline = Pipeline()
    second = Mail("ses-2", at(9_000), MAIL.to, tags=MAIL.tags)
    ((moved,),) = (told(Mail("ses-3", at(9_500), ["ann@example.org"], tags=tags(MAIL)).send()),)
    assert writes_of_people(pipeline, *told(MAIL.send())) == (2, 0)  # a profile, an address
    assert writes_of_people(pipeline, *told(MAIL.send(), MAIL.delivery(at(4)))) == (0, 0)
    assert writes_of_people(pipeline, *told(MAIL.open(at(20), AGENTS[0]))) == (1, 0)  # measured
    hits = [MAIL.open(at(90), AGENTS[1]), MAIL.click(at(200), LINK, AGENTS[0])]
    assert writes_of_people(pipeline, *told(*hits)) == (0, 0)
    more = [second.send(), second.delivery(at(9_004)), second.open(at(9_050), AGENTS[0])]
    assert writes_of_people(pipeline, *told(*more)) == (0, 0)
    assert writes_of_people(pipeline, *told(second.bounce(at(9_100), "Transient", "General"))) == (
        0,
        0,
    )
    assert writes_of_people(pipeline, *told(second.bounce(at(9_100)))) == (0, 1)
    off = told(second.subscription(at(9_200), unsubscribed=True))
    assert writes_of_people(pipeline, *off) == (1, 0)
    assert writes_of_people(pipeline, *off) == (0, 0)
    assert writes_of_people(pipeline, moved)[0] >= 1


def test_an_address_that_is_known_is_of_a_participant_whose_profile_is_known() -> None:
    """Whoever finds a use in the address's row reads no profile. Were that row written first, and
    the function ended before the profile was, the batch that comes again would leave it so.
    """
    mail = Mail("ses-1", SENT, MAIL.to, tags={"participant_id": "member-1"})
    for fails_at in range(2):
        pipeline = Pipeline()
        pipeline.log.append(told(mail.send()))
        pipeline.db.fail_at = fails_at
        pipeline.deliver()  # the batch comes again
        address, profile = pipeline.db.items("Participants")
        assert address["part"] == "address#ann@example.com"
        assert (profile["part"], profile["first_seen_at"]) == ("profile", SENT)
        pipeline.restart()
        for number, reads in ((2, 1), (3, 0)):
            before = pipeline.db.reads["Participants"]
            later = replace(mail, ses_id=f"ses-{number}", sent_at=at(9_000 * number))
            pipeline.log.append(told(later.send()))
            pipeline.deliver()
            assert pipeline.db.reads["Participants"] == before + reads


def tags(mail: Mail) -> dict[str, str]:
    """A mail's tags, with whose it is."""
    (event,) = told(mail.send())
    return {**mail.tags, "participant_id": event.participant_id}


def test_last_use_of_an_address_is_read_from_the_newest_messages() -> None:
    """Kept in its row, each mail would write it."""
    pipeline = Pipeline()
    second = Mail("ses-2", at(9_000), MAIL.to, tags=MAIL.tags)
    pipeline.log.append(told(MAIL.send(), second.send()))
    pipeline.deliver()
    uses = [each for each in pipeline.db.items("Participants") if each["part"] != "profile"]
    assert [each["first_used_at"] for each in uses] == [SENT]
    assert not any("last_used_at" in each for each in uses)
