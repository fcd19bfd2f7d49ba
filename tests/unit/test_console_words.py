"""What pages say: every code that there is has words, and drawings show what the figures say."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.console import charts, labels, templating
from sendtrail.domain.bounces import NEVER_TRIED
from sendtrail.domain.communication import Counters, figures
from sendtrail.domain.engagement import Reason
from sendtrail.domain.events import EventType, SuppressionReason
from sendtrail.domain.message import DropReason, Status

OF_A_MESSAGE = [
    each
    for each in EventType
    if each
    not in (
        EventType.COMMUNICATION_POSTED,
        EventType.COMMUNICATION_STOPPED,
        EventType.INTERACTION,
        EventType.ADDRESS_REGISTERED,
        EventType.NAMED,
        EventType.INACTIVATED,
        EventType.SUPPRESSED,
        EventType.SUPPRESSION_LIFTED,
    )
]


def event(event_type: str, **detail: Any) -> dict[str, Any]:
    """An event of a trail, as the services give it."""
    return {
        "type": event_type,
        "detail": detail,
        "actor": "human",
        "actor_reason": "mail_program_or_browser",
        "uncounted": False,
    }


def test_every_status_and_reason_has_words() -> None:
    """None is shown as its code."""
    assert all(labels.status_label(each.value)[0] != each.value for each in Status)
    assert all(labels.drop_label(each.value) != each.value for each in DropReason)
    assert all(labels.reason_label(each.value) != each.value for each in SuppressionReason)


@pytest.mark.parametrize("event_type", OF_A_MESSAGE)
def test_every_event_of_a_message_has_a_sentence(event_type: EventType) -> None:
    """Also one without any detail, as an old or odd notification leaves it."""
    said = labels.describe_event(event(event_type.value), delivered=False)
    assert said.what != event_type.value
    assert said.what[0].isupper()


def test_what_is_not_known_yet_is_shown_as_it_is() -> None:
    """A type or subtype that SES adds tomorrow."""
    assert labels.describe_event(event("Teleported"), delivered=False).what == "Teleported"
    said = labels.describe_event(
        event("Bounce", type="Transient", subtype="OnHoliday"), delivered=False
    )
    assert said.what == "Bounced: transient, OnHoliday"
    assert labels.describe_event(event("DeliveryDelay", delay_type="New"), delivered=False).what


@pytest.mark.parametrize("subtype", sorted(NEVER_TRIED))
def test_what_was_never_tried_is_said_to_be_dropped(subtype: str) -> None:
    """As its status says, too."""
    said = labels.describe_event(
        event("Bounce", type="Permanent", subtype=subtype), delivered=False
    )
    assert said.what == "Dropped, not sent"
    assert subtype not in said.more


def test_a_general_transient_bounce_is_a_reply_only_if_the_message_arrived() -> None:
    """Otherwise it is what it says: it could not be delivered for now."""
    bounce = event("Bounce", type="Transient", subtype="General")
    assert labels.describe_event(bounce, delivered=True).what == "Out-of-office reply"
    assert labels.describe_event(bounce, delivered=False).what == (
        "Bounced: could not be delivered for now"
    )


@pytest.mark.parametrize(
    ("status", "diagnostic", "cured"),
    [
        ("5.7.515", "550 5.7.515 Access denied, sending domain example.org", True),
        (
            None,
            "550-5.7.26 Your email has been blocked because the sender is unauthenticated",
            True,
        ),
        ("5.7.1", "550 5.7.1 we do not like you", False),
        ("5.1.1", "550 5.1.1 no such user 15.7.26.1", False),
        (None, None, False),
    ],
)
def test_a_bounce_for_missing_authentication_names_the_cure(
    status: str | None, diagnostic: str | None, cured: bool
) -> None:
    """By the codes of Google and Microsoft; the server's answer stays."""
    detail = {"subtype": "General", "status": status, "diagnostic": diagnostic}
    bounced = event("Bounce", **detail)
    said = labels.describe_event(bounced, delivered=False).more
    assert ("SPF, DKIM and DMARC" in said) == cured
    assert (diagnostic or "") in said


def test_complaints_are_told_apart() -> None:
    """Spam, the opposite of it, and what was never sent because of it."""
    spam = labels.describe_event(event("Complaint", feedback_type="abuse"), delivered=True)
    welcome = labels.describe_event(event("Complaint", feedback_type="not-spam"), delivered=True)
    drop = labels.describe_event(
        event("Complaint", subtype="OnAccountSuppressionList"), delivered=False
    )
    assert [each.what for each in (spam, welcome, drop)] == [
        "Marked as spam",
        "Said not to be spam",
        "Dropped, not sent",
    ]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_for_a_verdict_has_words(reason: Reason) -> None:
    """None is shown as its code."""
    said = labels.describe_event(event("Open") | {"actor_reason": reason.value}, delivered=True)
    assert "_" not in said.what


def drawn(chart: charts.Funnel | charts.Plot) -> str:
    """A chart as a page has it."""
    macros: Any = templating.environment().get_template("_charts.html").module
    return str(macros.funnel(chart) if isinstance(chart, charts.Funnel) else macros.plot(chart))


def widths(drawing: str, kind: str) -> list[float]:
    """How wide the bars of a kind are in a funnel."""
    found = re.findall(rf'class="{kind}"[^>]*? width="([\d.]+)"', drawing)
    return [float(each) for each in found]


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_a_funnel_is_as_wide_as_its_figures(sent: int, less: int, opened: int, people: int) -> None:
    """Each bar its part of what was sent; people's never wider than everyone's."""
    delivered = max(sent - less, 0)
    counts = {"sent": sent, "delivered": delivered, "opened": min(opened, delivered)}
    counts["human_opened"] = min(people, counts["opened"])
    totals = figures(Counters({name: n for name, n in counts.items() if n}))
    drawing = drawn(charts.funnel(totals))
    found = widths(drawing, "all")
    share = [count / sent if sent else 0 for count in (sent, delivered, counts["opened"], 0)]
    assert found == pytest.approx([360 * each for each in share], abs=0.01)
    opened_by_people, _ = widths(drawing, "people")
    assert opened_by_people <= found[2]


@given(st.dictionaries(st.sampled_from(range(24)), st.integers(1, 10_000), min_size=1))
def test_a_plot_reaches_its_highest_value_and_not_beyond(opens: dict[int, int]) -> None:
    """The scale is at least the most, and less than five times it."""
    counts = {f"age/h{hour:02}/opens": number for hour, number in opens.items()}
    by_age = figures(Counters(counts))["hits_by_age"]
    drawing = drawn(charts.hits_over_hours(by_age, "opens"))
    heights = re.findall(r'class="all"[^>]*? height="([\d.]+)"', drawing)
    assert len(heights) == len(opens)
    assert 92 / 5 <= max(map(float, heights)) <= 92
    assert f": {sum(opens.values()):,}".replace(",", "\u202f") in drawing


def test_the_first_day_is_one_bar_among_the_days() -> None:
    """So that the month has everything in it, the day by the hour included."""
    counts = {"age/h00/clicks": 2, "age/h23/clicks": 3, "age/d01/clicks": 4, "age/later/clicks": 5}
    by_age = figures(Counters(counts))["hits_by_age"]
    drawing = drawn(charts.hits_over_days(by_age, "clicks"))
    titles = re.findall(r"<title>([^<]*)</title>", drawing)
    assert titles == [
        "day 1 after sending: 5, 0 by people",
        "day 2 after sending: 4, 0 by people",
        "later than 30 days after sending: 5, 0 by people",
    ]
    assert "Clicks in the first 24 hours: 5, 0 by people" in drawn(
        charts.hits_over_hours(by_age, "clicks")
    )


@pytest.mark.parametrize(
    ("reason", "diagnostic", "said"),
    [
        ("spammed", "abuse", ""),
        ("spammed", "fraud", "Reported as fraud"),
        ("bounced", "smtp; 550 5.1.1 user unknown", "smtp; 550 5.1.1 user unknown"),
        ("manual", None, ""),
    ],
)
def test_evidence_says_more_than_the_reason_or_nothing(
    reason: str, diagnostic: str | None, said: str
) -> None:
    """A server's answer is shown as it is."""
    assert labels.evidence_label({"reason": reason, "diagnostic": diagnostic}) == said
