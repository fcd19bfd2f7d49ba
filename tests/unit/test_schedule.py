"""Which times to send are allowed, how long a job waits, and what a mailing's state is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.domain.communication import CommunicationDefinition, Counters
from sendtrail.domain.events import Event
from sendtrail.domain.progress import MailingState, progress_of
from sendtrail.domain.times import epoch_ms, from_epoch_ms
from sendtrail.sending.schedule import (
    HOP_SECONDS,
    MAX_DAYS_AHEAD,
    days_ahead,
    delay_of,
    schedule_problem,
)

AT = "2026-11-27T19:00:00.000Z"
DAY = 24 * 3600


def after(seconds: float) -> str:
    """A time so many seconds after `AT`."""
    return from_epoch_ms(epoch_ms(AT) + round(seconds * 1000))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "is past"),
        (0, "is past"),
        (0.001, None),
        (90 * DAY, None),
        (90 * DAY + 0.001, "more than 90 days ahead"),
    ],
)
def test_a_time_is_in_the_future_and_not_too_far(seconds: float, said: str | None) -> None:
    """Both bounds; the latest that is allowed is told."""
    found = schedule_problem(after(seconds), AT, 90)
    assert (found is None) if said is None else (found is not None and said in found)


@pytest.mark.parametrize(("kept", "days"), [(60, 45), (104, 89), (105, 90), (36_500, 90)])
def test_a_plan_is_kept_until_two_weeks_after_its_time(kept: int, days: int) -> None:
    """It expires so many days after it was written."""
    assert days_ahead(kept) == days <= min(MAX_DAYS_AHEAD, kept - 15)


@given(st.integers(1, 90 * DAY * 1000))
def test_hops_end_at_the_time_and_never_before(left_ms: int) -> None:
    """A job is looked at within a second of its time, whatever is left of the wait."""
    at, hops = 0, 0
    while at < left_ms:
        delay = delay_of(from_epoch_ms(left_ms), from_epoch_ms(at))
        assert 0 < delay <= HOP_SECONDS
        at, hops = at + delay * 1000, hops + 1
    assert at < left_ms + 1000
    assert hops <= left_ms / (HOP_SECONDS * 1000) + 1


def test_what_is_due_or_has_no_time_waits_for_nothing() -> None:
    """At once."""
    assert delay_of(None, AT) == delay_of(AT, AT) == delay_of(after(-DAY), AT) == 0


def posted(**detail: object) -> CommunicationDefinition:
    """The definition of a mailing that was posted to 10."""
    event = Event.communication_posted("c", AT, {"name": "News", "recipients": 10, **detail})
    return CommunicationDefinition("c", "c").with_event(event)


STOPPED = Event.communication_stopped("c", after(60), "key:1 Desk")
DROPPED_BY_SES = {"dropped": 1, "dropped/provider_suppressed": 1}


@pytest.mark.parametrize(
    ("definition", "counts", "state", "done"),
    [
        (posted(), {}, MailingState.RUNNING, 0),
        (posted(), {"recipients": 10, "sent": 9}, MailingState.RUNNING, 9),
        (posted(), {"recipients": 10, "sent": 10}, MailingState.FINISHED, 10),
        (posted(), {"recipients": 10, "sent": 9, "dropped": 1}, MailingState.FINISHED, 10),
        (posted(), {"recipients": 10, "sent": 9, **DROPPED_BY_SES}, MailingState.RUNNING, 9),
        (
            posted(),
            {"recipients": 10, "sent": 7, "dropped": 1, "rejected": 1, "failed": 1},
            MailingState.FINISHED,
            10,
        ),
        (posted(), {"recipients": 4, "sent": 4}, MailingState.RUNNING, 4),
        (posted(send_at=after(DAY)), {}, MailingState.SCHEDULED, 0),
        (posted(send_at=after(-DAY)), {}, MailingState.RUNNING, 0),
        (posted(send_at=after(DAY)).with_event(STOPPED), {}, MailingState.STOPPED, 0),
        (posted().with_event(STOPPED), {"recipients": 10, "sent": 3}, MailingState.STOPPED, 3),
        (CommunicationDefinition("c", "c"), {"recipients": 3, "sent": 3}, "recorded", 3),
    ],
)
def test_the_state_of_a_mailing(
    definition: CommunicationDefinition, counts: dict[str, int], state: str, done: int
) -> None:
    """By what was planned, and what is told of it; what SES did not try was sent to it."""
    found = progress_of(definition, Counters(counts), after(120))
    assert (found.state, found.done) == (state, done)


def test_a_definition_is_the_same_in_whichever_order_its_events_come() -> None:
    """And with a second stop, of which the earliest holds."""
    event = Event.communication_posted("c", AT, {"name": "News", "recipients": 10})
    later = Event.communication_stopped("c", after(90), "key:2 Editors")
    made = set()
    for order in (
        (event, STOPPED, later),
        (later, STOPPED, event, STOPPED),
        (STOPPED, later, event),
    ):
        definition = CommunicationDefinition("c", "c")
        for each in order:
            definition = definition.with_event(each)
        made.add(definition)
    (found,) = made
    assert (found.stopped_at, found.stopped_by, found.name) == (after(60), "key:1 Desk", "News")
