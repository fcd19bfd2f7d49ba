"""Days, rates against SES's limits, what is wrong now, and how it is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.notifications import Mail
from local.paths import ROOT
from sendtrail.aws.sqs import QueueCounts
from sendtrail.console.charts import Series, days_chart, gauge
from sendtrail.console.labels import Tone, finding_label
from sendtrail.domain.communication import DAY_COUNTERS
from sendtrail.domain.days import (
    UNNAMED,
    by_provider,
    day_counters_of,
    day_figures,
    day_is_forgotten,
    days_until,
    told_by_ses,
)
from sendtrail.domain.message import Message, fold
from sendtrail.domain.reputation import (
    BOUNCES,
    COMPLAINTS,
    FEW,
    Rate,
    Standing,
    bounce_rate,
    complaint_rate,
    complaints_at,
)
from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms, now
from sendtrail.errors import UnreachableError
from sendtrail.intake.parser import events_of
from sendtrail.projections.items import DAYS_ID
from sendtrail.reading.health import (
    DEAD_LETTERS,
    Concern,
    Finding,
    Health,
    QueueName,
    Severity,
    State,
    findings,
)
from sendtrail.reading.health import Mail as MailOfDays
from tests.memory import MemoryDynamoDB
from tests.pipeline import Pipeline
from tests.rebuilding import begin

NOW = "2026-11-24T12:00:00.000Z"
SENT = "2026-11-20T23:59:59.999Z"
MAIL = Mail("ses-1", SENT, ["ann@gmail.com"])
EMPTY: Mapping[QueueName, QueueCounts] = dict.fromkeys(QueueName, QueueCounts(0, 0, 0))


# --- days ------------------------------------------------------------------------------------


def folded(*said: Any) -> Message:
    """The message after these notifications."""
    events = [event for each in said for event in events_of(each)]
    message = Message(events[0].participant_id, events[0].message_id)
    for event in events:
        message = fold(message, event)
    return message


def test_a_day_counts_each_message_once_by_its_provider() -> None:
    """Hard bounces and others apart."""
    soft = MAIL.bounce(NOW, "Transient", "MailboxFull")
    hard = MAIL.bounce(NOW)
    assert day_counters_of(None).counts == {}
    assert by_provider(day_counters_of(folded(MAIL.send(), soft)))["gmail"] == {
        **dict.fromkeys(DAY_COUNTERS, 0),
        "sent": 1,
        "bounced": 1,
    }
    figures = day_figures(day_counters_of(folded(MAIL.send(), soft, hard)))
    assert (figures["bounced"], figures["hard_bounced"]) == (1, 1)


def test_what_waits_is_accepted_and_neither_sent_nor_given_up() -> None:
    """Then it is no longer waiting."""
    at = "2026-11-20T10:00:00.000Z"
    message = Message("ann", "01K", address="ann@gmail.com", accepted_at=at)
    assert day_counters_of(message).counts == {"day/gmail/waiting": 1}
    sent = Message("ann", "01K", address="ann@gmail.com", accepted_at=at, sent_at=at)
    assert day_counters_of(sent).counts == {"day/gmail/sent": 1}
    assert told_by_ses(message, sent)
    assert not told_by_ses(None, message)


def test_hits_of_a_mail_to_several_belong_to_no_provider() -> None:
    """They are in the day's figures all the same."""
    several = Mail("x", SENT, ["a@gmail.com", "b@gmail.com"])
    (event,) = events_of(several.open(NOW, "Firefox"))
    pipeline = Pipeline(MemoryDynamoDB(shards=1))
    pipeline.log.append([event])
    pipeline.deliver()
    (counters,) = pipeline.tables()["days"].values()
    assert counters.counts
    assert all(name.startswith(f"day/{UNNAMED}/") for name in counters.counts)
    assert by_provider(counters) == {}


@given(st.dates(min_value=date(2011, 1, 1)), st.integers(1, 180))
def test_days_follow_one_another(last: Any, number: int) -> None:
    """So many, up to the last."""
    days = days_until(last.isoformat(), number)
    assert (len(days), days[-1]) == (number, last.isoformat())
    assert days == sorted(set(days))


def test_a_day_is_forgotten_when_its_first_message_may_have_expired() -> None:
    """As a mailing is that was created then."""
    epoch = "2026-11-24T12:00:00.000Z"
    assert not day_is_forgotten("2026-11-22", epoch, retention_days=4)
    assert day_is_forgotten("2026-11-21", epoch, retention_days=4)


def test_a_change_that_is_none_of_the_days_figures_writes_no_row() -> None:
    """Another open, a machine's open, a delay: most that is told of old mail."""
    pipeline = Pipeline(MemoryDynamoDB(shards=1))
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"

    def rows() -> list[dict[str, Any]]:
        items = pipeline.db.items("Communications")
        return [item for item in items if item["communication_id"] == DAYS_ID]

    pipeline.log.append(
        event
        for each in (MAIL.send(), MAIL.open("2026-11-21T08:00:00.000Z", firefox))
        for event in events_of(each)
    )
    pipeline.deliver()
    (before,) = rows()
    assert (before["part"][:10], before["counts"]) == ("2026-11-20", "day/gmail 1,,1")
    for said in (
        MAIL.open("2026-11-22T08:00:00.000Z", firefox),
        MAIL.open("2026-11-22T09:00:00.000Z", "Mozilla/5.0"),
        MAIL.delay("2026-11-21T00:00:00.000Z"),
    ):
        pipeline.log.append(events_of(said))
        pipeline.deliver()
    assert rows() == [before]


def test_a_days_row_expires_after_all_its_messages() -> None:
    """The stream may be a day behind, and a late change must find it."""
    pipeline = Pipeline(MemoryDynamoDB(shards=1), retention_days=40_000)
    pipeline.log.append(events_of(MAIL.send()))
    pipeline.deliver()
    (row,) = (each for each in pipeline.db.items("Communications") if "counts" in each)
    (message,) = (item for item in pipeline.db.items("Trails") if "events" in item)
    assert row["expires_at"] - message["expires_at"] >= 3 * 24 * 3600
    assert "name" not in row  # so no index lists it
    assert row["communication_id"] == "#days"  # which is no communication's id


def test_of_a_mailing_that_is_left_alone_the_days_are_still_rebuilt() -> None:
    """A series that goes on for years has messages as old as the retention, and young ones: of
    those, the day's counters begin anew, and have to count them.
    """
    pipeline = Pipeline(MemoryDynamoDB(), retention_days=400)
    today = epoch_ms(now())
    tags = {"communication_id": "welcome"}
    ages = {"old": 399, "young": 20}
    for name, days in ages.items():
        at = from_epoch_ms(today - days * 24 * 3_600_000)
        for mail in (
            Mail(name, at, ["a@gmail.com"], tags=tags),
            Mail(f"{name}-2", at, ["b@x.org"]),
        ):
            pipeline.log.append(events_of(mail.send()))
    pipeline.deliver()
    before = pipeline.tables()["days"]
    rebuild = begin(pipeline)
    rebuild.apply(pipeline.db.items("Trails"))
    pipeline.deliver()
    assert rebuild.done == {"forgotten": 2, "rebuilt": 2}
    assert pipeline.tables()["days"] == before
    assert sum(each["sent"] for each in map(day_figures, before.values())) == 4


# --- rates -----------------------------------------------------------------------------------


def sent(number: int, **figures: int) -> dict[str, int]:
    """Figures."""
    return {**dict.fromkeys(DAY_COUNTERS, 0), "sent": number, **figures}


@pytest.mark.parametrize(
    ("rate", "standing"),
    [
        (Rate(0, 0, BOUNCES), None),
        (Rate(49, 1000, BOUNCES), Standing.WITHIN),
        (Rate(50, 1000, BOUNCES), Standing.REVIEW),
        (Rate(99, 1000, BOUNCES), Standing.REVIEW),
        (Rate(100, 1000, BOUNCES), Standing.PAUSE),
        (Rate(0, 1000, COMPLAINTS), Standing.WITHIN),
        (Rate(1, 1000, COMPLAINTS), Standing.REVIEW),
        (Rate(5, 1000, COMPLAINTS), Standing.PAUSE),
    ],
)
def test_a_limit_is_met_from_itself_on(rate: Rate, standing: Standing | None) -> None:
    """As SES says: "or greater"."""
    assert rate.standing is standing


def test_complaints_are_of_mail_to_those_who_tell() -> None:
    """Neither Gmail's recipients nor the simulator's make the rate look better."""
    providers = {
        "gmail": sent(9_000),
        "yahoo": sent(1_000, spammed=2, hard_bounced=10),
        "ses-simulator": sent(500, spammed=100, hard_bounced=100),
    }
    assert complaint_rate(providers).fraction == 0.002
    assert bounce_rate(providers).fraction == 0.001
    assert complaints_at("gmail", providers["gmail"]) is None
    assert complaints_at("gmail", sent(1, spammed=1)) == 1
    assert complaints_at("other", sent(1)) == 0


# --- what is wrong ---------------------------------------------------------------------------


def state(**changed: Any) -> State:
    """All is well, but for these."""
    queues = {**EMPTY, **changed.pop("queues", {})}
    well: dict[str, Any] = {
        "held": None,
        "held_is_known": True,
        "called_at": None,
        "called_is_known": True,
    }
    return State(queues=queues, **well | changed)


def before(minutes: float) -> Timestamp:
    """A time so long before now."""
    return from_epoch_ms(epoch_ms(NOW) - int(minutes * 60_000))


def found(
    state: State, told_at: Timestamp | None = None, waiting: Mapping[str, int] | None = None
) -> list[tuple[Concern, Severity]]:
    """What is wrong then."""
    mail = MailOfDays(told_at, waiting or {})
    return [(each.concern, each.severity) for each in findings(state, mail, {}, NOW)]


def test_nothing_is_wrong_where_nothing_is() -> None:
    """Of an account that has never sent."""
    assert found(state()) == []


@pytest.mark.parametrize(
    ("called", "told", "is_silent"),
    [
        (None, None, False),
        (5, None, False),
        (16, None, True),
        (16, 30, True),
        (16, 16.5, False),
        (16, 2, False),
        (600, 601.5, True),
    ],
)
def test_ses_is_silent_if_it_was_called_and_told_nothing_since(
    called: float | None, told: float | None, is_silent: bool
) -> None:
    """For a quarter of an hour."""
    at = before(called) if called is not None else None
    told_at = before(told) if told is not None else None
    wrong = [(Concern.SILENCE, Severity.WRONG)] if is_silent else []
    assert found(state(called_at=at), told_at) == wrong


@pytest.mark.parametrize(
    ("waiting", "told", "severity"),
    [
        (0, None, None),
        (3, 1, None),
        (3, 11, Severity.NOTE),
        (1_000, 1, Severity.NOTE),
        (1_000, 11, Severity.WRONG),
    ],
)
def test_ingest_is_behind_if_much_waits_or_none_is_taken(
    waiting: int, told: float | None, severity: Severity | None
) -> None:
    """A few that wait while others are taken are on their way."""
    queues = {QueueName.INGEST: QueueCounts(waiting, 0, 0)}
    expected = [(Concern.INGEST_BEHIND, severity)] if severity else []
    assert found(state(queues=queues), before(told) if told else None) == expected


def test_what_has_waited_for_days_is_wrong_unless_ses_takes_nothing() -> None:
    """It says so itself then."""
    assert found(state(), waiting={"2026-11-24": 3, "2026-11-20": 0}) == [
        (Concern.WAITING_MAIL, Severity.NOTE)
    ]
    queues = {QueueName.DISPATCH: QueueCounts(0, 1, 0)}
    assert found(state(queues=queues), waiting={"2026-11-24": 3}) == []  # it is on its way
    assert found(state(), waiting={"2026-11-22": 3}) == [(Concern.WAITING_MAIL, Severity.WRONG)]
    held = {"since": NOW, "reason": "daily_quota"}
    assert found(state(held=held), waiting={"2026-11-22": 3}) == [
        (Concern.HELD, Severity.WRONG),
        (Concern.WAITING_MAIL, Severity.NOTE),
    ]


def test_rates_are_wrong_beyond_a_limit_and_a_note_of_few() -> None:
    """Of fewer than a thousand a single complaint is too many."""
    mail = MailOfDays(None, {})
    for number, severity in ((FEW, Severity.WRONG), (FEW - 1, Severity.NOTE)):
        rates = {
            Concern.BOUNCE_RATE: Rate(0, number, BOUNCES),
            Concern.COMPLAINT_RATE: Rate(5, number, COMPLAINTS),
        }
        (only,) = findings(state(), mail, rates, NOW)
        assert (only.concern, only.severity, only.reason) == (
            Concern.COMPLAINT_RATE,
            severity,
            Standing.PAUSE,
        )


def test_what_cannot_be_asked_is_unknown_and_the_rest_is_known() -> None:
    """No error comes out."""

    def refuses(*_: Any) -> Any:
        raise UnreachableError("Unreachable", "no answer")

    def counts(url: str) -> QueueCounts:
        return refuses() if url.startswith("bad") else QueueCounts(1, 2, 3)

    queues = {name: f"bad{name}" for name in QueueName} | {QueueName.HITS: "good"}
    seen = Health(counts=counts, queues=queues, held=refuses, called_at=refuses).look()
    assert seen.queues[QueueName.HITS] == (1, 2, 3)
    assert (seen.held_is_known, seen.called_is_known) == (False, False)
    said = findings(seen, MailOfDays(None, {}), {}, NOW)
    unknown = {each.concern for each in said if each.severity is Severity.UNKNOWN}
    assert unknown == {
        Concern.DEAD_LETTERS,
        Concern.HELD,
        Concern.SILENCE,
        Concern.INGEST_BEHIND,
        Concern.WAITING_MAIL,
    }


def every_finding() -> list[Finding]:
    """One of each kind."""
    return [
        *(
            Finding(Concern.DEAD_LETTERS, Severity.WRONG, QueueName(name), 3)
            for name in DEAD_LETTERS
        ),
        Finding(Concern.HELD, Severity.WRONG, since=NOW, reason="sending_paused"),
        Finding(Concern.SILENCE, Severity.WRONG, since=NOW),
        Finding(Concern.INGEST_BEHIND, Severity.NOTE, QueueName.INGEST, 3),
        Finding(Concern.HITS_BEHIND, Severity.NOTE, QueueName.HITS, 3),
        Finding(Concern.WAITING_MAIL, Severity.NOTE, count=3, since=NOW),
        Finding(Concern.BOUNCE_RATE, Severity.WRONG, count=3, reason="review"),
        Finding(Concern.COMPLAINT_RATE, Severity.NOTE, count=3, reason="pause"),
        *(Finding(concern, Severity.UNKNOWN) for concern in Concern),
        *(Finding(Concern.DEAD_LETTERS, Severity.UNKNOWN, name) for name in QueueName),
    ]


@pytest.mark.parametrize("finding", every_finding(), ids=str)
def test_every_finding_has_words_and_says_what_to_do(finding: Finding, runbook: str) -> None:
    """A section of the runbook that is named is there."""
    said = finding_label(
        {
            "concern": finding.concern,
            "severity": finding.severity,
            "queue": finding.queue,
            "count": finding.count,
            "since": finding.since,
            "reason": finding.reason,
        }
    )
    assert said.text.endswith(".")
    assert said.to_do or said.page
    assert said.tone in (Tone.BAD, Tone.WARN, Tone.QUIET)
    if said.runbook:
        assert f"## {said.runbook}\n" in runbook


@pytest.fixture(scope="module")
def runbook() -> str:
    """The runbook."""
    return (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")


# --- drawings --------------------------------------------------------------------------------

TWO = (Series("sent", "sent", "all"), Series("human_opened", "opened", "people"))


@pytest.mark.parametrize(("number", "first"), [(7, "Wed 18"), (30, "26 Oct"), (90, "1 Sep")])
def test_a_chart_of_days_has_a_calendar(number: int, first: str) -> None:
    """Each day of a week, Mondays of a month, firsts of months."""
    days = [{"day": day, **sent(3, human_opened=1)} for day in days_until("2026-11-24", number)]
    chart = days_chart(days, "Sent", TWO)
    assert chart.ticks[0].label == first
    assert len(chart.slots) == number
    assert chart.sums == {"sent": 3 * number, "opened": number}
    assert all(0 <= tick.x <= chart.width for tick in chart.ticks)


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)), min_size=7, max_size=7))
def test_bars_stay_within_the_chart(numbers: list[tuple[int, int]]) -> None:
    """Stacked or not; and of nothing there is none."""
    days = [
        {"day": day, **sent(one, human_opened=other)}
        for day, (one, other) in zip(days_until("2026-11-24", 7), numbers, strict=True)
    ]
    for stacked in (False, True):
        chart = days_chart(days, "x", TWO, stacked=stacked)
        for _, bar in (bar for slot in chart.slots for bar in slot.bars):
            assert bar.y >= -0.1
            assert bar.y + bar.height <= chart.ground + 0.1
            assert bar.x + bar.width <= chart.width
        assert len(chart.slots) == sum(any(each) for each in numbers)


@pytest.mark.parametrize("rate", [None, 0.0, 0.04, 0.1, 0.9])
def test_a_gauge_has_both_limits_and_never_leaves_its_line(rate: float | None) -> None:
    """However bad it is."""
    drawn = gauge({"rate": rate, "review_at": 0.05, "pause_at": 0.1})
    assert [mark.label for mark in drawn.marks] == ["5 %", "10 %"]
    assert (drawn.bar is None) == (rate is None)
    assert drawn.bar is None or drawn.bar.width <= drawn.width
