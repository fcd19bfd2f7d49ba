"""Who did it: what the log says of the organisation's side, and that no identity depends on it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.domain.actors import (
    KEY,
    MAX_NAME,
    Actor,
    checked_name,
    latest_act,
    legible_name,
)
from sendtrail.domain.events import Event, EventType, Source
from sendtrail.domain.message import Message, fold
from sendtrail.domain.participant import (
    AddressUse,
    Participant,
    fold_address,
    fold_participant,
)
from sendtrail.domain.plan import Content, Plan, PlannedMessage, SpamReport
from sendtrail.domain.suppression import Suppression, fold_suppression
from sendtrail.errors import InvalidInputError
from sendtrail.log.elements import MAX_BYTES, encode
from sendtrail.log.items import event_from_item, event_to_item
from sendtrail.reading.views import actor_view, event_view
from tests.pipeline import Pipeline

AT = "2026-11-20T09:30:00.000Z"
LATER = "2026-11-20T09:31:00.000Z"
DESK = Actor(KEY, "0f3a5c7e9b1d2f40", "Front office")
EDITORS = Actor(KEY, "ab3a5c7e9b1d2f40", "Editors")

names = st.text(max_size=MAX_NAME).map(legible_name)
actors = st.builds(
    Actor,
    st.from_regex(r"[a-z]{1,16}", fullmatch=True),
    st.from_regex(r"[!-~]{1,64}", fullmatch=True),
    names,
)


@given(actors)
def test_an_actors_text_is_read_back(actor: Actor) -> None:
    """Also one of a kind that this version does not know, or without a name."""
    assert Actor.parse(actor.text) == actor
    assert actor.text.isprintable()


@given(st.one_of(st.none(), st.integers(), st.text(), st.from_regex(r"[a-z]*:[!-~]* ?.*")))
def test_any_text_is_an_actors_or_none(text: object) -> None:
    """Nothing in the log keeps a page from being shown."""
    actor = Actor.parse(text)
    assert actor is None or Actor.parse(actor.text) == actor


@pytest.mark.parametrize("text", ["one-click", "page", "", "key:", "key: name", "Key:1 x", None, 7])
def test_what_is_no_actor_is_none(text: object) -> None:
    """A reader's own choice says `one-click` or `page`, and never looks like staff's."""
    assert Actor.parse(text) is None
    assert actor_view(text) is None  # type: ignore[arg-type]


def test_a_text_that_was_cut_still_says_which_key() -> None:
    """Or was written by hand; what is not legible of the name is left out."""
    assert Actor.parse("key:0f3a Front of") == Actor(KEY, "0f3a", "Front of")
    assert Actor.parse("key:0f3a") == Actor.parse("key:0f3a  ") == Actor(KEY, "0f3a")
    assert Actor.parse("key:0f3a a\nb\u202e" + "x" * 99) == Actor(KEY, "0f3a", "ab" + "x" * 58)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("x" * 61, "at most 60"),
        ("a\nb", "printable"),
        ("a\x00", "printable"),
        ("\u202eeciffo", "printable"),
        ("a\u200bb", "printable"),
        ("\ud800", "printable"),
        (" a", "no space"),
        ("a ", "no space"),
    ],
)
def test_a_name_that_could_deceive_is_refused(name: str, said: str) -> None:
    """It stands in log lines and on pages."""
    with pytest.raises(InvalidInputError, match=said):
        checked_name(name)
    with pytest.raises(InvalidInputError, match=said):
        Actor(KEY, "0f3a", name)


@pytest.mark.parametrize(
    ("kind", "identifier"), [("", "a"), ("KEY", "a"), ("key", ""), ("key", "a b")]
)
def test_an_actor_has_a_kind_and_an_id(kind: str, identifier: str) -> None:
    """Or its text could not be read back."""
    with pytest.raises(InvalidInputError):
        Actor(kind, identifier)


def test_names_of_any_script_are_allowed() -> None:
    """Of 60 characters, however many bytes those are."""
    for name in ("", "x" * 60, "Zoë & Söhne <b>", "事務局", "📮" * 60):
        assert checked_name(name) == name


def recorded(by: Actor | None) -> list[Event]:
    """An event of each type that staff record."""
    return [
        Event.interaction("p", AT, "order 7", "order", by),
        Event.subscription("p", AT, False, ["address-1"], by),
        Event.address_registered("p", AT, "a@example.com", by),
        Event.suppressed("a@example.com", AT, "asked by phone", by),
        Event.suppression_lifted("a@example.com", AT, by),
        plan(by).posted() or Event.inactivated("p", AT, last_active_at=AT),
        *plan(by).accepted(),
    ]


def plan(by: Actor | None) -> Plan:
    """A plan of one message."""
    return Plan(
        plan_id="plan-7",
        accepted_at=AT,
        request="",
        kind="news",
        content=Content("evening", 3),
        spam=SpamReport(0),
        messages=[PlannedMessage("01KAG2M3MWAAAAAAAAAAAAAAAA", "p", "a@example.com", "News")],
        communication_id="news",
        name="News",
        by=by.text if by else None,
    )


@given(actors, actors)
def test_who_did_it_is_no_part_of_what_was_done(one: Actor, other: Actor) -> None:
    """The same thing recorded by two is one event; and one of before says nothing of it."""
    for mine, theirs, nobodys in zip(recorded(one), recorded(other), recorded(None), strict=True):
        assert mine.key == theirs.key == nobodys.key
        assert (mine.message_id, mine.identity) == (nobodys.message_id, nobodys.identity)
        assert mine.detail == {**nobodys.detail, "by": one.text}
        assert "by" not in nobodys.detail


@given(actors)
def test_an_event_of_staff_is_read_back_with_who_did_it(by: Actor) -> None:
    """From its item, or its element, which stays within its size."""
    for event in recorded(by):
        if event.is_of_message:
            assert all(len(element.encode()) <= MAX_BYTES for element in encode(event))
            assert by.text in encode(event)[0].replace('\\"', '"').replace("\\\\", "\\")
        else:
            assert event_from_item(event_to_item(event, 9)).detail == event.detail


def test_a_transaction_that_two_record_is_one_event() -> None:
    """Whoever's record is written last; the log and what is folded from it name the same one."""
    told = [Event.interaction("p", AT, "order 7", "order", by) for by in (DESK, EDITORS, None)]
    for order in itertools.permutations(told):
        pipeline = Pipeline()
        for event in order:
            pipeline.log.append([event])
        (kept,) = pipeline.log.events("participant:p")
        assert kept.detail["by"] == DESK.text
        folded = reduce(fold_participant, order, Participant("p"))
        assert folded.last_interaction_by == kept.detail["by"]


acts = st.tuples(
    st.sampled_from([None, AT, LATER]), st.sampled_from([None, DESK.text, EDITORS.text])
).map(lambda act: act if act[0] else (None, None))


@given(acts, acts, acts)
def test_the_later_of_acts_is_a_join(one: Any, two: Any, three: Any) -> None:
    """In any order, any number of times."""
    assert latest_act(one, two) == latest_act(two, one)
    assert latest_act(one, latest_act(two, three)) == latest_act(latest_act(one, two), three)
    assert latest_act(one, one) == one


@given(st.permutations([*recorded(DESK), *recorded(EDITORS), *recorded(None)]))
def test_states_say_who_did_it_whatever_the_order(events: list[Event]) -> None:
    """Of each fact the actor of the event that it comes from."""
    person = reduce(fold_participant, events, Participant("p"))
    assert person.last_interaction_by == DESK.text
    assert person.subscription_change is not None
    assert person.subscription_change.by == EDITORS.text
    use = AddressUse("p", "a@example.com")
    for event in events:
        if event.type is EventType.ADDRESS_REGISTERED:
            use = fold_address(use, event)
    assert use.registered_by == DESK.text
    suppressed = reduce(fold_suppression, events, Suppression("a@example.com"))
    assert next(iter(suppressed.evidence.values())).by == EDITORS.text


def test_what_a_person_does_after_that_is_nobodys_record() -> None:
    """A click is not recorded by staff; and what was recorded of an earlier day does not count."""
    told = fold_participant(Participant("p"), recorded(DESK)[0])
    assert told.last_interaction_by == DESK.text
    assert told.active(LATER).last_interaction_by is None
    assert told.active(AT).last_interaction_by == DESK.text
    other = Participant("p", last_interaction_at=LATER)
    assert told.joined(other) == other.joined(told)
    assert told.joined(other).last_interaction_by is None


def test_a_readers_choice_is_nobodys_record() -> None:
    """Its `by` says how they chose, and is shown as it is."""
    (accepted,) = plan(DESK).accepted()
    for by in ("one-click", "page", DESK.text):
        detail = {"subscribed": False, "by": by}
        choice = replace(accepted, type=EventType.SUBSCRIPTION, detail=detail)
        person = fold_participant(Participant("p"), choice)
        assert person.subscription_change is not None
        assert person.subscription_change.by is None
        assert person.last_interaction_by is None
    choice = replace(choice, detail={"subscribed": False, "by": "page"})
    shown = event_view(choice, Message("p", choice.message_id))
    assert (shown["by"], shown["detail"]["by"]) == (None, "page")


def test_what_ses_tells_is_nobodys_doing() -> None:
    """Whatever fields it adds."""
    (accepted,) = plan(DESK).accepted()
    told = replace(accepted, source=Source.SES, type=EventType.SEND)
    assert event_view(told, Message("p", told.message_id))["by"] is None


def test_a_message_says_who_sent_it() -> None:
    """As its trail does, where it is said once."""
    (accepted,) = plan(DESK).accepted()
    message = fold(Message("p", accepted.message_id), accepted)
    view = {"kind": "key", "id": DESK.id, "name": "Front office"}
    assert actor_view(message.by) == view
    shown = event_view(accepted, message)
    assert shown["by"] == view
    assert "by" not in shown["detail"]
    assert actor_view(Actor(KEY, "0f3a").text) == {"kind": "key", "id": "0f3a", "name": None}


def test_a_plan_of_before_is_read_and_names_nobody() -> None:
    """It was stored without `by`."""
    stored = plan(DESK).to_json()
    assert Plan.from_json(stored).by == DESK.text
    del stored["by"]
    assert Plan.from_json(stored).by is None
    assert [event.detail.get("by") for event in Plan.from_json(stored).accepted()] == [None]
