"""A message as a fold of its events."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.notifications import Mail
from sendtrail.domain.communication import counters_of
from sendtrail.domain.events import Event, EventType, Source
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.links import MAX_LINKS, OTHER_LINKS, link_key
from sendtrail.domain.message import Message, Status
from sendtrail.intake.parser import events_of
from sendtrail.projections.items import message_from_item
from tests.messages import folded
from tests.pipeline import Pipeline, is_row
from tests.strategies import AGENTS, message_events

SENT = "2026-11-20T09:30:00.412Z"
MAIL = Mail("ses-1", SENT, ["ann@example.com"], tags={"communication_id": "news"})
HUMAN = AGENTS[0]


def at(seconds: float) -> str:
    """A time that many seconds after 09:30."""
    whole = int(seconds)
    return f"2026-11-20T09:{30 + whole // 60:02}:{whole % 60:02}.500Z"


def of(*notifications: object) -> Message:
    """A message of what these notifications say."""
    return folded(event for each in notifications for event in events_of(each))  # type: ignore[arg-type]


def kept(events: list[Event]) -> Message:
    """The message once these events are in the log, and its hits are judged."""
    pipeline = Pipeline()
    pipeline.log.append(events)
    pipeline.deliver()
    (item,) = filter(is_row, pipeline.db.items("Trails"))
    return message_from_item(item)


@given(message_events(), st.randoms(use_true_random=False))
def test_order_does_not_matter(events: list[Event], chance: random.Random) -> None:
    """Any shuffle of a message's events folds to the same state."""
    if not events:
        return
    shuffled = list(events)
    chance.shuffle(shuffled)
    assert folded(shuffled) == folded(events)


@given(message_events())
def test_a_message_survives_its_item(events: list[Event]) -> None:
    """What is written is what is read back."""
    if events:
        assert kept(events) == folded(events)


STATUSES = {
    Status.SENT: MAIL.send(),
    Status.DELAYED: MAIL.delay(at(1)),
    Status.BOUNCED: MAIL.bounce(at(2), "Transient", "MailboxFull"),
    Status.DELIVERED: MAIL.delivery(at(3)),
    Status.OPENED: MAIL.open(at(20), HUMAN),
    Status.CLICKED: MAIL.click(at(30), "https://a.example/", HUMAN),
    Status.DROPPED: MAIL.bounce(at(4), "Permanent", "OnAccountSuppressionList"),
    Status.FAILED: MAIL.rendering_failure("no name"),
    Status.REJECTED: MAIL.reject(),
    "bounced for good": MAIL.bounce(at(5)),
    Status.UNSUBSCRIBED: MAIL.subscription(at(40), unsubscribed=True),
    Status.SPAMMED: MAIL.complaint(at(50)),
}


@pytest.mark.parametrize(("lower", "higher"), list(itertools.combinations(STATUSES, 2)))
def test_the_highest_fact_is_the_status(lower: str, higher: str) -> None:
    """Of any two facts the higher decides, whichever came first."""
    expected = Status.BOUNCED if higher == "bounced for good" else higher
    assert of(STATUSES[lower], STATUSES[higher]).status == expected
    assert of(STATUSES[higher], STATUSES[lower]).status == expected


def test_a_type_that_is_not_known_makes_nobody_a_recipient() -> None:
    """Nor does it say that a message waits, or that it was sent: only that something was told."""
    strange = MAIL.send() | {"eventType": "Renamed", "renamed": {}}
    message = of(strange)
    assert message.status is Status.UNKNOWN
    assert counters_of(message).counts == {}
    assert of(strange, MAIL.send()).status is Status.SENT
    assert counters_of(of(strange, MAIL.send())).counts["recipients"] == 1
    assert of(MAIL.reject(), strange).status is Status.REJECTED


def test_an_out_of_office_reply_does_not_make_a_delivered_message_bounce() -> None:
    """It is a Transient/General bounce of a message that arrived."""
    message = of(MAIL.delivery(at(3)), MAIL.bounce(at(9), "Transient", "General"))
    assert message.status is Status.DELIVERED
    assert not message.is_bounced
    assert counters_of(message).counts.get("bounced") is None


@pytest.mark.parametrize(
    "subtype",
    [
        "Suppressed",
        "OnAccountSuppressionList",
        "OnTenantSuppressionList",
        "EmailValidationSuppressed",
        "UnsubscribedRecipient",
    ],
)
def test_what_ses_never_tried_is_dropped(subtype: str) -> None:
    """These bounce subtypes are drops with the reason provider_suppressed."""
    message = of(MAIL.send(), MAIL.bounce(at(1), "Permanent", subtype))
    assert message.status is Status.DROPPED
    assert message.bounce is None
    assert counters_of(message).counts["dropped/provider_suppressed"] == 1


def test_word_that_it_is_not_spam_is_no_complaint() -> None:
    """The feedback type not-spam is the opposite."""
    assert of(MAIL.delivery(at(1)), MAIL.complaint(at(2), "not-spam")).status is Status.DELIVERED


def test_undoing_unsubscribes_no_more() -> None:
    """The latest choice holds, in whatever order they arrive."""
    off, on = (
        MAIL.subscription(at(40), unsubscribed=True),
        MAIL.subscription(at(50), unsubscribed=False),
    )
    assert of(off, on).unsubscribed_at is None
    assert of(on, off).unsubscribed_at is None
    assert of(off).unsubscribed_at == at(40)


def test_a_message_is_sent_if_anything_presupposes_it() -> None:
    """Legacy notifications have no Send, and a Send may come last."""
    assert of(MAIL.delivery(at(3))).sent_at == SENT
    assert of(MAIL.rendering_failure("no name")).sent_at is None


def test_dates_are_the_first_and_the_last() -> None:
    """Of several opens and clicks."""
    message = of(
        MAIL.open(at(60), HUMAN),
        MAIL.open(at(30), AGENTS[1]),
        MAIL.click(at(90), "https://a.example/", HUMAN),
        MAIL.click(at(70), "https://b.example/", HUMAN),
    )
    hits = message.engagement.total
    assert (hits.opens.first_at, hits.opens.last_at) == (at(30), at(60))
    assert (hits.opens.count, hits.opens.human_count) == (2, 1)
    assert (hits.clicks.first_at, hits.clicks.last_at) == (at(70), at(90))
    assert message.last_changed_at == at(90)
    assert hits.links.keys() == {
        link_key("https://a.example/"),
        link_key("https://b.example/"),
    }


def test_where_we_sent_the_message_our_own_hits_count() -> None:
    """SES's opens of it are logged and not counted, whichever came first."""
    message_id = derived_message_id(SENT, "x", "y")
    events = [
        Event(message_id, EventType.OPEN, at(60), "1", "p", source=Source.SES),
        Event(message_id, EventType.ACCEPTED, SENT, "2", "p", source=Source.OWN),
        Event(
            message_id,
            EventType.OPEN,
            at(61),
            "3",
            "p",
            source=Source.OWN,
            detail={"user_agent": HUMAN},
        ),
    ]
    for order in itertools.permutations(events):
        message = folded(order)
        assert message.engagement.total.opens.count == 1
        assert message.engagement.total.opens.first_at == at(61)
        assert message.counts(Source.OWN)
        assert not message.counts(Source.SES)
    assert folded(events[:1]).engagement.total.opens.count == 1


@given(st.permutations(range(MAX_LINKS + 30)))
def test_links_are_bounded_and_their_sum_is_whole(order: list[int]) -> None:
    """Which links are kept apart does not depend on the order of clicks."""
    clicks = [MAIL.click(at(60), f"https://a.example/{number}", HUMAN) for number in order]
    message = of(*clicks)
    total = message.engagement.total
    assert len(total.links) == MAX_LINKS + 1
    assert total.links[OTHER_LINKS].count == 30
    assert total.clicks.count == MAX_LINKS + 30
    assert message == of(*sorted(clicks, key=str))
