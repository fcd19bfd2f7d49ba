"""Trails: what makes an element, what an item, and when nothing is written."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.memory_dynamodb import size_of
from local.notifications import Mail, eventbridge, sns_envelope
from sendtrail.aws.dynamodb import to_attributes
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.ids import derived_message_id, new_message_id
from sendtrail.domain.times import epoch_ms, from_epoch_ms, now
from sendtrail.intake.envelopes import notifications
from sendtrail.intake.parser import events_of
from sendtrail.log.elements import MAX_BYTES, SHARED, VERSION, decode, encode, is_whole, least
from sendtrail.log.items import TrailRow
from sendtrail.projections.items import message_from_item
from tests.messages import folded
from tests.pipeline import Pipeline, is_row
from tests.support import ROOT
from tests.versions import LATER, later_version_is_known, written_by

SENT = "2026-11-20T09:30:00.412Z"
DELIVERED = "2026-11-20T09:30:04.512Z"
MAIL = Mail(
    "0102018c-0000-ses-1",
    SENT,
    ["ann.jansen@example.com"],
    subject="Invitation to the members' evening",
    tags={"communication_id": "invitation-2026-11", "kind": "invitation"},
)


def told(*said: Any) -> list[Event]:
    """The events in notifications."""
    return [event for each in said for event in events_of(each)]


def rows(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The messages' rows."""
    return list(filter(is_row, pipeline.db.items("Trails")))


def days_ago(days: int) -> str:
    """A time."""
    return from_epoch_ms(epoch_ms(now()) - days * 24 * 3600 * 1000)


# --- elements: identity, version, facts ------------------------------------------------------


def test_one_event_by_two_routes_is_one_element() -> None:
    """An identity made of what was received, not of what it means, would make it two: EventBridge
    writes times otherwise, and leaves out what is empty.
    """
    said = MAIL.bounce(DELIVERED)
    pipeline = Pipeline()
    for payload in (sns_envelope(json.dumps(said)), eventbridge(said)):
        pipeline.log.append(told(*notifications(payload)))
    (row,) = rows(pipeline)
    assert sum("#Bounce#" in element for element in row["events"]) == 1


@pytest.mark.parametrize("versions", [(VERSION, LATER), (LATER, VERSION)])
def test_an_event_that_a_later_version_writes_again_is_one_event(versions: tuple[int, int]) -> None:
    """Without the least of each identity it would be two: one of before a deploy, one of after."""
    with later_version_is_known():
        pipeline = Pipeline()
        for version in versions:
            with written_by(version):
                pipeline.log.append(told(MAIL.send(), MAIL.delivery(DELIVERED)))
            pipeline.deliver()
        (row,) = rows(pipeline)
        assert sum("#Delivery#" in element for element in row["events"]) == 2
        _, events = TrailRow.of_item(row).decoded()
        assert [event.type for event in events] == [EventType.SEND, EventType.DELIVERY]
        counts = pipeline.tables()["communications"]["invitation-2026-11"].counts
        assert (counts["sent"], counts["delivered"]) == (1, 1)


def test_of_one_identity_the_least_element_holds_in_any_order() -> None:
    """Were it the last or the first that came, readers would disagree."""
    elements = ["a|1|ses", 'a|1|ses{"x":1}', "subject|1|Zebra", "subject|1|Apple"]
    for order in itertools.permutations(elements):
        assert least(order) == {"a": "ses", "subject": "Apple"}


def test_of_what_events_share_the_least_value_holds_whatever_its_version() -> None:
    """A version's number would decide otherwise, and differently from a fold of the events."""
    with later_version_is_known():
        assert least([f"subject|{VERSION}|Zebra", f"subject|{LATER}|Apple"]) == {"subject": "Apple"}


def test_an_element_of_an_unknown_version_is_refused() -> None:
    """A reader that is older than a writer must not guess."""
    with pytest.raises(ValueError, match="unknown version"):
        least([f"a|{LATER}|ses"])


def frozen() -> list[tuple[str, dict[str, Any]]]:
    """The elements of tests/data/elements.txt, with what they give."""
    text = (ROOT / "tests" / "data" / "elements.txt").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return [
        (element, json.loads(gives)) for element, gives in zip(lines[::2], lines[1::2], strict=True)
    ]


@pytest.mark.parametrize(("element", "gives"), frozen(), ids=lambda value: str(value)[:50])
def test_elements_of_every_version_are_read_for_ever(element: str, gives: dict[str, Any]) -> None:
    """Trails are kept for years, and nobody rewrites them."""
    common, events = decode("member-1", "01KAG2M3MWAAAAAAAAAAAAAAAA", [element])
    if element.partition("|")[0] in SHARED:
        assert (common, events) == (gives, [])
        return
    (event,) = events
    names = ("type", "at", "identity", "source", "address", "detail")
    assert {name: getattr(event, name) for name in names} == gives


def test_elements_of_every_version_and_type_are_frozen() -> None:
    """A version that nobody reads any more would be noticed only when it is needed."""
    parts = [element.split("|", 2) for element, _ in frozen()]
    assert {int(version) for _, version, _ in parts} == set(range(1, VERSION + 1))
    names = {identity.split("#")[1] if "#" in identity else identity for identity, _, _ in parts}
    in_slots = {"Open", "Click", "Subscription"}
    in_rows = {each.value for each in EventType} - in_slots - OF_NO_MESSAGE
    assert names == in_rows | SHARED.keys()


OF_NO_MESSAGE = {
    "CommunicationPosted",
    "CommunicationStopped",
    "Interaction",
    "AddressRegistered",
    "Named",
    "Inactivated",
    "Suppressed",
    "SuppressionLifted",
}


def test_a_bar_in_a_text_does_not_end_it() -> None:
    """Elements are cut at their first two bars."""
    events = told(Mail("x", SENT, ["a@example.com"], subject="a|b|c").send())
    common, _ = decode("p", events[0].message_id, encode(events[0]))
    assert common["subject"] == "a|b|c"


long_texts = st.text(min_size=200, max_size=3_000) | st.sampled_from(
    ("\x01" * 1_000, "\N{PILE OF POO}" * 1_000, '"' * 1_000, "\\" * 900)
)


@given(long_texts, long_texts, st.sampled_from((EventType.BOUNCE, EventType.DELIVERY)))
def test_an_element_is_never_longer_than_a_kilobyte(
    text: str, subject: str, event_type: EventType
) -> None:
    """Else a row would grow with what a stranger's mail server answers."""
    names = (
        "diagnostic",
        "smtp_response",
        "reporting_mta",
        "remote_mta_ip",
        "feedback_id",
        "action",
    )
    event = Event(
        derived_message_id(SENT, "x", "y"),
        event_type,
        SENT,
        "0" * 20,
        "p",
        address="a" * 240 + "@example.com",
        subject=subject,
        detail={"type": "Permanent", "subtype": "General", **dict.fromkeys(names, text)},
    )
    elements = encode(event)
    assert max(len(element.encode()) for element in elements) <= MAX_BYTES
    _, (again,) = decode("p", event.message_id, elements)
    assert (again.type, again.address) == (event.type, event.address)
    assert (again.detail["type"], again.detail["subtype"]) == ("Permanent", "General")


def test_what_is_too_long_for_a_row_is_kept_whole_beside_it() -> None:
    """And counts once: the row has it too, shortened."""
    said = MAIL.bounce(DELIVERED, diagnostic="smtp; 550 " + "no such user. " * 60)
    (bounce,) = told(said)
    assert not is_whole(bounce)
    pipeline = Pipeline()
    pipeline.log.append([bounce, *told(MAIL.send())])
    pipeline.deliver()
    assert list(pipeline.log.slots(bounce.message_id, "event#", 10)) == [bounce]
    counts = pipeline.tables()["communications"]["invitation-2026-11"].counts
    assert counts["bounced"] == 1
    (row,) = rows(pipeline)
    assert message_from_item(row).address == "ann.jansen@example.com"
    (suppressed,) = pipeline.db.items("Suppressions")
    assert suppressed["address"] == "ann.jansen@example.com"


def ours() -> tuple[Pipeline, list[Event]]:
    """An ordinary message that we sent: delivered, opened twice and clicked."""
    message_id = new_message_id(days_ago(0))
    tags = {**MAIL.tags, "participant_id": "member-00042", "message_id": message_id}
    mail = Mail(MAIL.ses_id, SENT, MAIL.to, subject=MAIL.subject, tags=tags)
    whom = Recipient(message_id, "member-00042", MAIL.tags["communication_id"], MAIL.to[0])
    detail = {"sent_at": SENT, "ip": "192.0.2.0", "user_agent": "Mozilla/5.0 (Macintosh) Firefox"}
    accepted = Event.of_sending(
        EventType.ACCEPTED,
        whom,
        SENT,
        kind="invitation",
        subject=MAIL.subject,
        detail={
            "plan_id": "01KAG2M3MWAAAAAAAAAAAAAAAA",
            "template_id": "evening",
            "template_version": 3,
        },
    )
    click = {**detail, "link": "https://society.example/evening", "position": 1}
    events = [
        accepted,
        *told(mail.send(), mail.delivery(DELIVERED)),
        Event.of_request(EventType.OPEN, whom, "2026-11-20T10:02:00.000Z", "r1", detail),
        Event.of_request(EventType.OPEN, whom, "2026-11-21T10:02:00.000Z", "r2", detail),
        Event.of_request(EventType.CLICK, whom, "2026-11-20T10:03:00.000Z", "r3", click),
    ]
    pipeline = Pipeline()
    pipeline.log.append(events)
    pipeline.deliver()
    return pipeline, events


def test_an_ordinary_row_is_below_one_write_unit() -> None:
    """What was judged of its hits included; each write of it would cost two units else."""
    pipeline, events = ours()
    (row,) = rows(pipeline)
    assert message_from_item(row) == folded(events)
    assert size_of(to_attributes(row)) < 1_024


# --- expiry ----------------------------------------------------------------------------------


def test_a_late_event_of_an_expired_message_writes_nothing() -> None:
    """Else its row, which has expired, would be made anew, and the message be counted again."""
    pipeline = Pipeline(retention_days=400)
    old, young = (Mail("s", days_ago(days), ["a@example.com"]) for days in (401, 399))
    said = [old.send(), old.bounce(now()), old.open(now(), "Firefox")]
    assert pipeline.log.append_each(told(*said)) == [None] * 3
    assert pipeline.db.items("Trails") == []
    pipeline.log.append(told(*said, young.send()))
    assert len(rows(pipeline)) == 1


def test_a_hit_that_is_judged_after_its_message_expired_makes_no_row() -> None:
    """It was written in time, the stream was behind, and the row had gone meanwhile."""
    pipeline = Pipeline(retention_days=400)
    mail = Mail("s", days_ago(399), ["a@example.com"], tags={"communication_id": "news"})
    pipeline.log.append(told(mail.send()))
    pipeline.deliver()
    pipeline.log.append(told(mail.open(now(), "Firefox")))
    (row,) = rows(pipeline)
    pipeline.db.forget("Trails", f"{row['trail']}/{row['entry']}")
    pipeline.retention_days = 398
    pipeline.restart()
    pipeline.deliver()
    assert rows(pipeline) == []
    assert pipeline.tables()["communications"]["news"].counts["recipients"] == 1


def test_all_that_is_kept_of_a_message_expires_at_once_and_choices_of_people_never() -> None:
    """The time is a function of the message's id; staff's decisions and participants have none."""
    pipeline, _ = ours()
    of_message = [each for each in pipeline.db.items("Trails") if "expires_at" in each]
    assert len(of_message) == 4
    assert len({each["expires_at"] for each in of_message}) == 1
    pipeline.log.append([Event.suppressed("a@example.com", SENT, "asked by telephone")])
    pipeline.deliver()
    lasting = [*pipeline.db.items("Participants"), *pipeline.db.items("Suppressions")]
    lasting += [
        each for each in pipeline.db.items("Trails") if each["trail"].startswith("address:")
    ]
    assert lasting
    assert not any("expires_at" in each for each in lasting)


# --- the index by communication --------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_where_events_disagree_the_index_lists_what_they_agree_on(seed: int) -> None:
    """It is set once, by whichever comes first; uncorrected, the list would depend on that."""
    chance = random.Random(seed)
    message_id = derived_message_id(SENT, "s", "a@example.com")
    mails = [
        Mail(
            "s",
            SENT,
            ["a@example.com"],
            tags={"communication_id": name, "message_id": message_id, "participant_id": "p"},
        )
        for name in ("b", "a", "c")
    ]
    events = told(mails[0].send(), mails[1].delivery(DELIVERED), mails[2].delay(DELIVERED))
    chance.shuffle(events)
    pipeline = Pipeline()
    for event in events:
        pipeline.log.append([event])
        if chance.random() < 0.5:
            pipeline.deliver(chance)
    pipeline.deliver(chance)
    (row,) = rows(pipeline)
    assert row["listed_in"] == "a"


def test_the_index_attribute_is_set_once() -> None:
    """Each change of it would be a write of the index."""
    pipeline = Pipeline()
    for name in ("b", "c", "b"):
        mail = Mail("s", SENT, ["a@example.com"], tags={"communication_id": name})
        pipeline.log.append(told(mail.delivery(DELIVERED)))
    (row,) = rows(pipeline)
    assert row["listed_in"] == "b"


def test_what_is_of_no_mailing_is_listed_by_its_month() -> None:
    """After all mailings, so that a mailing that becomes known takes its place."""
    pipeline = Pipeline()
    pipeline.log.append(told(Mail("s", SENT, ["a@example.com"]).send()))
    (row,) = rows(pipeline)
    assert row["listed_in"] == "~2026-11"
    with_tag = Mail("s", SENT, ["a@example.com"], tags={"communication_id": "zzz"})
    pipeline.log.append(told(with_tag.delivery(DELIVERED)))
    pipeline.deliver()
    (row,) = rows(pipeline)
    assert row["listed_in"] == "zzz"
