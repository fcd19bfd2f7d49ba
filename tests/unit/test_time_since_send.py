"""Opens and clicks over time: exact, free of order, and of a bounded number of counters."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.notifications import Mail
from sendtrail.domain.communication import Counters, CounterShard, counters_of, figures
from sendtrail.domain.events import Event
from sendtrail.domain.message import Message
from sendtrail.domain.time_since_send import TIME_BUCKETS, hours_of, time_since_send
from sendtrail.domain.times import epoch_ms, from_epoch_ms
from sendtrail.intake.parser import events_of
from tests.messages import folded
from tests.strategies import AGENTS, message_events

SENT = "2026-11-20T09:30:00.000Z"
HOUR_MS = 3_600_000


def never(_epoch: str) -> bool:
    """The log has forgotten nothing."""
    return False


def later(milliseconds: int) -> str:
    """A time that long after sending."""
    return from_epoch_ms(epoch_ms(SENT) + milliseconds)


@pytest.mark.parametrize(
    ("milliseconds", "age"),
    [
        (-HOUR_MS, "h00"),
        (0, "h00"),
        (HOUR_MS - 1, "h00"),
        (HOUR_MS, "h01"),
        (24 * HOUR_MS - 1, "h23"),
        (24 * HOUR_MS, "d01"),
        (48 * HOUR_MS - 1, "d01"),
        (30 * 24 * HOUR_MS - 1, "d29"),
        (30 * 24 * HOUR_MS, "later"),
        (900 * 24 * HOUR_MS, "later"),
    ],
)
def test_the_first_day_is_counted_by_the_hour_and_a_month_by_the_day(
    milliseconds: int, age: str
) -> None:
    """Each bound belongs to the age that begins there."""
    assert time_since_send(later(milliseconds), SENT) == age


def test_ages_follow_one_another_without_a_gap() -> None:
    """From the sending, for ever."""
    bounds = [hours_of(age) for age in TIME_BUCKETS]
    assert bounds[0][0] == 0
    assert bounds[-1][1] is None
    assert [until for _, until in bounds[:-1]] == [since for since, _ in bounds[1:]]


@given(st.integers(0, 2_000 * 24 * HOUR_MS))
def test_every_hit_is_within_the_bounds_of_its_age(milliseconds: int) -> None:
    """Whenever it comes, there is one age for it."""
    since, until = hours_of(time_since_send(later(milliseconds), SENT))
    assert since * HOUR_MS <= milliseconds
    assert until is None or milliseconds < until * HOUR_MS


@given(st.lists(message_events(), max_size=5), st.randoms(use_true_random=False))
def test_hits_over_time_sum_to_the_figures(
    histories: list[list[Event]], chance: random.Random
) -> None:
    """Whatever the order of events and of changes, every hit that counts has exactly one age."""
    rows = [CounterShard(), CounterShard()]
    messages: list[Message] = []
    for number, events in enumerate(histories):
        chance.shuffle(events)
        old: Message | None = None
        for count in range(1, len(events) + 1):
            new = folded(events[:count], f"p{number}")
            place = chance.randrange(2)
            rows[place] = rows[place].changed(old, new, forgotten=never)
            old = new
        if old:
            messages.append(old)
    total = Counters.sum(row.counters for row in rows)
    assert total == Counters.sum(map(counters_of, messages))
    found = figures(total)
    for name in ("opens", "human_opens", "clicks", "human_clicks"):
        assert sum(entry[name] for entry in found["hits_by_age"]) == found[name]


def test_counters_over_time_are_bounded_however_long_a_mail_is_opened() -> None:
    """Nine years of opens of one mail and of clicks in another, each hour of a day, and weekly."""
    times = [
        *(HOUR_MS * hour + 1 for hour in range(40)),
        *(168 * HOUR_MS * week for week in range(500)),
    ]
    opened, clicked = (Mail(name, SENT, ["ann@example.com"]) for name in ("ses-1", "ses-2"))
    opens = [opened.open(later(ms + 10_000), AGENTS[0], f"192.0.2.{ms % 7}") for ms in times]
    clicks = [clicked.click(later(ms + 10_000), "https://a.example/", AGENTS[0]) for ms in times]
    messages = [
        folded(event for each in said for event in events_of(each)) for said in (opens, clicks)
    ]
    assert all(len(message.engagement.by_age) <= len(TIME_BUCKETS) for message in messages)
    by_age = figures(Counters.sum(map(counters_of, messages)))["hits_by_age"]
    assert sum(entry["opens"] for entry in by_age) == 540
    assert by_age[0] | {"opens": 0} == {
        "from_hours": 0,
        "until_hours": 1,
        "opens": 0,
        "human_opens": 2,
        "clicks": 1,
        "human_clicks": 1,
    }
