"""What was lost is put back from a copy, and all is as if nothing had been lost."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from local.notifications import Mail
from sendtrail.domain.events import Event, SuppressionReason
from sendtrail.domain.ids import participant_of_address
from sendtrail.domain.participant import Participant
from sendtrail.domain.times import epoch_ms, from_epoch_ms, now
from sendtrail.errors import AwsError
from sendtrail.intake.parser import events_of
from sendtrail.log.trails import PutBack
from sendtrail.projections.items import (
    PROFILE,
    SWEEP_ID,
    participant_from_item,
    suppression_from_item,
)
from sendtrail.projections.merging import Merged, merge_participants, merge_suppressions
from tests.examples import many
from tests.memory import MemoryDynamoDB
from tests.pipeline import Pipeline, is_row
from tests.rebuilding import begin, calm, steps, take, told

Item = dict[str, Any]
Copy = dict[str, list[Item]]

AT = "2026-11-20T12:00:00.000Z"
LATER = "2026-11-21T12:00:00.000Z"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
TABLES = ("Trails", "Participants", "Suppressions")


def copy_of(pipeline: Pipeline) -> Copy:
    """What a backup has of the tables."""
    return {table: pipeline.db.items(table) for table in TABLES}


def lose(pipeline: Pipeline, chance: random.Random) -> None:
    """Has the tables lose everything, or some rows, and some of what others hold."""
    for table in TABLES:
        kind = chance.choice(("nothing", "everything", "some"))
        if kind == "everything":
            pipeline.db.forget(table)
        for item in pipeline.db.items(table) if kind == "some" else ():
            key = "/".join(str(item[name]) for name in item if name in _KEYS[table])
            if chance.random() < 0.4:
                pipeline.db.forget(table, key)
            elif table == "Trails" and is_row(item) and chance.random() < 0.6:
                elements = sorted(item["events"])
                left = chance.sample(elements, len(elements) // 2) or elements[:1]
                pipeline.db.put_all(table, [item | {"events": frozenset(left)}])


_KEYS = {
    "Trails": ("trail", "entry"),
    "Participants": ("participant_id", "part"),
    "Suppressions": ("address",),
}


def putting_back(pipeline: Pipeline, copy: Copy, chance: random.Random) -> Iterator[None]:
    """Puts a copy back, step by step: each may be broken off by the database, and is then done
    again.
    """
    db: Any = pipeline.db
    put = {
        "Trails": lambda items: pipeline.log.put_back(without_epochs(items)),
        "Participants": lambda items: merge_participants(db, "Participants", items),
        "Suppressions": lambda items: merge_suppressions(db, "Suppressions", items),
    }
    left = [(table, item) for table in TABLES for item in copy[table]]
    chance.shuffle(left)
    while left:
        size = chance.randint(1, 6)
        pipeline.db.fail_at = chance.choice((None, None, 0, 1, 2))
        pipeline.db.fails_after_writing = chance.random() < 0.5
        try:
            for table in TABLES:
                put[table]([item for name, item in left[:size] if name == table])
        except AwsError:
            continue
        finally:
            pipeline.db.fail_at = None
        del left[:size]
        yield


def without_epochs(items: list[Item]) -> list[Item]:
    """Those that are of the log itself."""
    return [item for item in items if not item["trail"].startswith("#")]


@given(told(), st.randoms(use_true_random=False))
@many(60)
def test_with_a_rebuild_all_is_as_if_nothing_had_been_lost(
    events: list[Event], chance: random.Random
) -> None:
    """Events arrive before the copy, and from the loss on; the copy is put back once or twice, cut
    anywhere, while streams are behind and the database fails.
    """
    pipeline = Pipeline()
    chance.shuffle(events)
    size = chance.randint(0, len(events))
    before, waiting = events[:size], events[size:] * 2
    chance.shuffle(waiting)
    take(pipeline, before)
    pipeline.deliver(chance)
    copy = copy_of(pipeline)
    lose(pipeline, chance)
    pipeline.restart()

    def happen() -> None:
        some = chance.randint(0, len(waiting))
        take(pipeline, waiting[:some])
        del waiting[:some]
        if chance.random() < 0.5:
            pipeline.deliver(chance)

    happen()
    for _ in range(chance.choice((1, 1, 2))):
        for number, _step in enumerate(putting_back(pipeline, copy, chance)):
            if number == 2 and chance.random() < 0.3:  # interrupted; it is done again below
                break
            happen()
    for _ in putting_back(pipeline, copy, chance):
        happen()
    for _ in steps(pipeline, begin(pipeline), chance):
        happen()
    take(pipeline, waiting)
    pipeline.deliver(chance)
    assert pipeline.tables() == calm(events)
    assert pipeline.aside == []
    assert log_of(pipeline) == log_of(calm_log(events))


def calm_log(events: list[Event]) -> Pipeline:
    """The log of events that come once."""
    pipeline = Pipeline()
    take(pipeline, events)
    pipeline.deliver()
    return pipeline


def log_of(pipeline: Pipeline) -> list[Item]:
    """All of the log but for what depends on how often a row was written."""
    return [
        {name: value for name, value in item.items() if name not in ("revision", "epoch")}
        for item in without_epochs(pipeline.db.items("Trails"))
    ]


def of_a_mail(days_ago: int = 1, retention_days: int = 400) -> tuple[Pipeline, Copy]:
    """The tables once a mail of so many days ago was opened, and a copy of them."""
    at = from_epoch_ms(epoch_ms(now()) - days_ago * 24 * 3600 * 1000)
    mail = Mail("ses-1", at, ["a@example.com"], tags={"communication_id": "news"})
    pipeline = Pipeline(MemoryDynamoDB(), retention_days=retention_days)
    said = [mail.send(), mail.delivery(at), mail.open(at, FIREFOX)]
    said.append(mail.subscription(at, unsubscribed=True))
    pipeline.log.append(event for each in said for event in events_of(each))
    pipeline.log.append([Event.suppressed("a@example.com", at, "asked")])
    pipeline.deliver()
    return pipeline, copy_of(pipeline)


def test_what_was_put_back_is_counted_and_nothing_twice() -> None:
    """A message, a hit, a choice, and a decision of staff; then all of it is there."""
    pipeline, copy = of_a_mail()
    pipeline.db.forget("Trails")
    put = pipeline.log.put_back(copy["Trails"])
    assert put == Counter({PutBack.MESSAGES: 1, PutBack.HITS: 2, PutBack.EVENTS: 1})
    written = pipeline.db.writes["Trails"]
    assert pipeline.log.put_back(copy["Trails"]) == Counter({PutBack.THERE: 4})
    assert pipeline.db.writes["Trails"] == written


def test_a_row_that_was_put_back_is_listed_and_expires_as_before() -> None:
    """And nothing that was judged comes from the copy: it is judged anew."""
    pipeline, copy = of_a_mail()
    (before,) = filter(is_row, copy["Trails"])
    pipeline.db.forget("Trails")
    pipeline.log.put_back(copy["Trails"])
    (after,) = filter(is_row, pipeline.db.items("Trails"))
    names = ("trail", "entry", "events", "listed_in", "expires_at")
    assert after == {name: before[name] for name in names}
    assert {"hits", "choice"} <= before.keys()
    pipeline.deliver()
    (judged,) = filter(is_row, pipeline.db.items("Trails"))
    assert (judged["hits"], judged["choice"]) == (before["hits"], before["choice"])


def test_what_is_older_than_the_retention_is_left_alone() -> None:
    """But for choices, which do not expire; and what expires does so by the retention of today."""
    pipeline, copy = of_a_mail(days_ago=399)
    pipeline.db.forget("Trails")
    pipeline.retention_days = 398
    pipeline.__post_init__()
    put = pipeline.log.put_back(copy["Trails"])
    assert put == Counter({PutBack.EXPIRED: 2, PutBack.HITS: 1, PutBack.EVENTS: 1})
    pipeline.retention_days = 500
    pipeline.__post_init__()
    pipeline.log.put_back(copy["Trails"])
    ends = {item["expires_at"] for item in pipeline.db.items("Trails") if "expires_at" in item}
    assert len(ends) == 1
    assert ends != {item["expires_at"] for item in copy["Trails"] if "expires_at" in item}


def test_a_slot_holds_what_it_would_hold_of_both() -> None:
    """The earlier of two hits, wherever it is."""
    for first, second in ((":01.000Z", ":02.000Z"), (":02.000Z", ":01.000Z")):
        pipeline, other = Pipeline(), Pipeline()
        mail = Mail("ses-1", "2026-11-20T09:30:00.000Z", ["a@example.com"])
        for where, seconds in ((pipeline, first), (other, second)):
            where.log.append(events_of(mail.open(f"2026-11-20T09:31{seconds}", FIREFOX)))
        pipeline.log.put_back(other.db.items("Trails"))
        (item,) = pipeline.db.items("Trails")
        assert item["event"].startswith("2026-11-20T09:31:01.000Z")


def test_what_is_no_item_of_the_log_is_counted_and_left() -> None:
    """The rest is put back."""
    pipeline, copy = of_a_mail()
    pipeline.db.forget("Trails")
    odd = [
        {"trail": "message:x", "entry": "odd"},
        {"trail": "member-1", "entry": "no message"},
        {"trail": "member-1", "entry": "01M7W4MVNGEJ25ZWAADJKD75GA", "events": frozenset({"x|9|"})},
    ]
    put = pipeline.log.put_back([*odd, *copy["Trails"]])
    assert (put[PutBack.UNREADABLE], put[PutBack.MESSAGES]) == (3, 1)


def profile(pipeline: Pipeline, participant_id: str) -> Participant:
    """A participant's profile."""
    item = pipeline.db.get("Participants", {"participant_id": participant_id, "part": PROFILE})
    assert item
    return participant_from_item(item)


def merged(pipeline: Pipeline, copy: Copy) -> Counter[Merged]:
    """Puts a copy of participants and suppressions back."""
    db: Any = pipeline.db
    found = merge_participants(db, "Participants", copy["Participants"])
    return found + merge_suppressions(db, "Suppressions", copy["Suppressions"])


def chosen(*choices: tuple[str, bool]) -> Pipeline:
    """What is known of somebody who made these choices."""
    pipeline = Pipeline()
    there = (participant_of_address("a@example.com"),)
    pipeline.log.append(
        Event.subscription("member-1", at, subscribed, there) for at, subscribed in choices
    )
    pipeline.deliver()
    return pipeline


def test_a_choice_comes_back_to_somebody_who_is_known_anew() -> None:
    """Whose row was lost, and born again of the next message, which knows nothing of the choice:
    both their own row and that of the address.
    """
    copy = copy_of(chosen((AT, False)))
    pipeline = Pipeline()
    mail = Mail("ses-1", LATER, ["a@example.com"], tags={"participant_id": "member-1"})
    pipeline.log.append(events_of(mail.send()))
    pipeline.deliver()
    assert profile(pipeline, "member-1").gets_communications_at(None)
    assert merged(pipeline, copy)[Merged.PROFILES] == 2
    mine = profile(pipeline, "member-1")
    there = profile(pipeline, participant_of_address("a@example.com"))
    assert not mine.gets_communications_at(None)
    assert not Participant("member-2").gets_communications_at(there)
    assert mine.first_seen_at == AT


def test_a_choice_that_was_made_since_stays() -> None:
    """They have subscribed again; the copy knows only that they had not."""
    pipeline, copy = chosen((LATER, True)), copy_of(chosen((AT, False)))
    merged(pipeline, copy)
    there = profile(pipeline, participant_of_address("a@example.com"))
    assert profile(pipeline, "member-1").gets_communications_at(there)


def test_a_suppression_that_was_lifted_since_stays_lifted() -> None:
    """And one that is lost comes back."""
    pipeline = Pipeline()
    suppressed = [Event.suppressed(f"{name}@example.com", AT, "asked") for name in "ab"]
    pipeline.log.append(suppressed)
    pipeline.deliver()
    copy = copy_of(pipeline)
    pipeline.db.forget("Suppressions")
    pipeline.log.append([Event.suppression_lifted("a@example.com", LATER)])
    pipeline.deliver()
    assert merged(pipeline, copy)[Merged.SUPPRESSIONS] == 2
    found = {
        each.address: each.reason
        for each in map(suppression_from_item, pipeline.db.items("Suppressions"))
    }
    assert found == {"a@example.com": None, "b@example.com": SuppressionReason.MANUAL}


def test_owners_addresses_and_the_day_of_the_sweep_come_back() -> None:
    """Whoever an address is registered to, with both registrations; and a second time nothing."""
    pipeline = Pipeline()
    pipeline.log.append([Event.address_registered("member-1", AT, "a@example.com")])
    pipeline.db.put_all(
        "Participants", [{"participant_id": SWEEP_ID, "part": "state", "day": "2026-11-19"}]
    )
    pipeline.deliver()
    copy = copy_of(pipeline)
    pipeline.db.forget("Participants")
    pipeline.log.append([Event.address_registered("member-2", LATER, "a@example.com")])
    pipeline.deliver()
    put = merged(pipeline, copy)
    assert (put[Merged.ADDRESSES], put[Merged.OTHERS]) == (1, 1)
    there = profile(pipeline, participant_of_address("a@example.com"))
    assert there.linked_to == {"member-1", "member-2"}
    written = pipeline.db.writes["Participants"]
    assert set(merged(pipeline, copy)) == {Merged.THERE}
    assert pipeline.db.writes["Participants"] <= written + 1  # the sweep's, which is refused


def test_soft_bounces_are_judged_anew_where_something_is_known() -> None:
    """What the copy says of them holds only for an address of which nothing is known here."""
    soft = {"at": AT, "message_id": "m", "participant_id": "member-1"}
    known = {"address": "a@example.com", "evidence": {}, "lifted_at": AT, "revision": 1}
    pipeline = Pipeline()
    pipeline.db.put_all("Suppressions", [known])
    copy: Copy = {
        "Participants": [],
        "Suppressions": [
            {"address": f"{name}@example.com", "soft": soft, "evidence": {}} for name in "ab"
        ],
    }
    merged(pipeline, copy)
    found = {item["address"]: "soft" in item for item in pipeline.db.items("Suppressions")}
    assert found == {"a@example.com": False, "b@example.com": True}
