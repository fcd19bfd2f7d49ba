"""Names: which there may be, by what somebody is found, and what rows say of that."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.domain.events import Event
from sendtrail.domain.ids import participant_of_address
from sendtrail.domain.names import (
    MAX_NAME,
    MAX_TERMS,
    NameChange,
    folded,
    folded_words,
    is_named,
    later_name,
    person_name,
    terms_of_name,
)
from sendtrail.domain.participant import AddressUse, Participant, fold_participant
from sendtrail.errors import InvalidInputError
from sendtrail.projections.items import (
    INACTIVE,
    TermList,
    activity_day,
    address_use_to_item,
    participant_from_item,
    participant_to_item,
    word_items,
)
from sendtrail.projections.merging import merge_participants
from sendtrail.projections.participants import ParticipantProjection
from tests.memory import MemoryDynamoDB

EARLY, AT, LATER = (f"2026-11-{day}T12:00:00.000Z" for day in (19, 20, 21))
ARABIC = "\u0645\u0631\u062d\u0628\u0627"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("Jo", "Jo"),
        ("  Jo   Doe ", "Jo Doe"),
        ("Zoe\u0308", "Zo\u00eb"),
        (ARABIC, ARABIC),
        (FAMILY, FAMILY),
        ("<b>Jo</b>", "<b>Jo</b>"),
        ("W" * MAX_NAME, "W" * MAX_NAME),
    ],
)
def test_a_name_is_kept_composed_and_with_single_spaces(given_: str, kept: str) -> None:
    """Whatever its script; emoji that are joined stay so."""
    assert person_name(given_) == kept


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "   ",
        "\u200d",
        "a\nb",
        "a\tb",
        "a\x00b",
        "a\u2028b",
        "\u202eevil",
        "\u2066x",
        "\ud800",
        "W" * (MAX_NAME + 1),
        " " * 100_000,
    ],
)
def test_what_is_no_name_is_refused(wrong: str) -> None:
    """Controls, line breaks, marks that turn the direction of text; the empty and the long."""
    with pytest.raises(InvalidInputError, match="name: "):
        person_name(wrong)


@given(st.text(max_size=400))
def test_a_name_that_is_taken_is_a_fixed_point_and_can_be_found(text: str) -> None:
    """Recorded again it is the same; and by each of its words, which fit into a key."""
    try:
        name = person_name(text)
    except InvalidInputError:
        return
    assert person_name(name) == name
    terms = terms_of_name(name)
    assert len(terms) <= MAX_TERMS
    assert all(0 < len(term.encode()) <= 500 for term in terms)
    assert is_named(name, " ".join(terms))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("M\u00fcller", "muller"),
        ("MU\u0308LLER", "muller"),
        ("Stra\u00dfe", "strasse"),
        ("\u0141ukasz \u00d8ster", "lukasz oster"),
        ("\u00c6r\u00f8", "aero"),
        ("\ufb01n", "fin"),
    ],
)
def test_capitals_and_accents_do_not_matter(text: str, said: str) -> None:
    """Nor how they are encoded."""
    assert folded(text) == said


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("Anna M\u00fcller-L\u00fcdenscheidt", ["anna", "muller", "ludenscheidt"]),
        ("O\u2019Neil, J.", ["oneil", "j"]),
        ("Jo Jo", ["jo"]),
        ("---", ["---"]),
        ("\U0001f389", ["\U0001f389"]),
        (None, []),
    ],
)
def test_a_name_is_found_by_its_words(name: str | None, terms: list[str]) -> None:
    """Without apostrophes; other punctuation parts words."""
    assert terms_of_name(name) == terms


@pytest.mark.parametrize(
    ("words", "found"),
    [("ann", True), ("MUL", True), ("m\u00fcller a", True), ("ann ann", True), ("nna", False)],
)
def test_every_word_that_is_looked_for_begins_one(words: str, found: bool) -> None:
    """In any order."""
    assert is_named("Anna Maria M\u00fcller", folded_words(words)) is found


# --- the fold -----------------------------------------------------------------------------------

NAMED = [
    Event.named("jo", EARLY, "Jo Doe"),
    Event.named("jo", AT, "Jo Roe"),
    Event.named("jo", AT, "Jo Poe"),
    Event.named("jo", LATER, None),
]


@pytest.mark.parametrize("last", [2, 3, 4])
def test_the_latest_name_holds_in_any_order_and_however_often(last: int) -> None:
    """Of simultaneous ones the greatest; a removal is one of them."""
    for order in itertools.permutations(NAMED[:last]):
        state = Participant("jo")
        for event in (*order, *order):
            state = fold_participant(state, event)
        assert state.name == [None, None, "Jo Roe", "Jo Roe", None][last]
        assert state.first_seen_at == EARLY


@given(st.permutations(range(6)), st.data())
def test_changes_of_names_are_a_join(order: list[int], data: st.DataObject) -> None:
    """Associative, commutative, idempotent."""
    times, names = st.sampled_from([EARLY, AT]), st.sampled_from([None, "a", "b"])
    made = st.builds(NameChange, times, names, st.sampled_from([None, "key:0f3a x"]))
    changes = data.draw(st.lists(made, min_size=6, max_size=6))
    one: NameChange | None = None
    other: NameChange | None = None
    for number in range(6):
        one = later_name(one, changes[number])
        other = later_name(later_name(changes[order[number]], other), changes[order[number]])
    assert one == other


def test_a_placeholders_name_is_not_its_owners() -> None:
    """Who is credited with what happens at an address is called as they are."""
    owner = fold_participant(Participant("jo"), Event.named("jo", AT, "Jo Doe"))
    who = participant_of_address("a@example.com")
    there = fold_participant(Participant(who), Event.named(who, LATER, "Reception"))
    assert owner.joined(there).name == "Jo Doe"
    assert owner.merged(Participant("jo")).name == Participant("jo").merged(owner).name == "Jo Doe"


# --- rows ---------------------------------------------------------------------------------------


def test_a_profile_is_listed_by_its_id_or_among_the_unsubscribed() -> None:
    """Whatever its letters; and not before somebody was seen."""
    assert "terms" not in participant_to_item(Participant("Jo"))
    state = fold_participant(Participant("Jo"), Event.named("Jo", AT, "Jo Doe"))
    item = participant_to_item(state)
    assert (item["terms"].split("#")[0], item["term"]) == (TermList.IDS, "jo Jo")
    assert participant_from_item({**item, "participant_id": "Jo"}) == state
    state = fold_participant(state, Event.subscription("Jo", AT, False))
    assert participant_to_item(state)["terms"].startswith(TermList.UNSUBSCRIBED)
    state = fold_participant(state, Event.subscription("Jo", LATER, True))
    assert participant_to_item(state)["terms"].startswith(TermList.IDS)


def test_a_placeholder_is_listed_by_its_address() -> None:
    """And not by an id that nobody knows."""
    who = participant_of_address("a@example.com")
    state = fold_participant(Participant(who), Event.interaction(who, AT, "7", "gift"))
    assert "terms" not in participant_to_item(state)
    item = address_use_to_item(AddressUse(who, "A@Example.com"))
    assert item["terms"].startswith(TermList.PLACEHOLDERS)
    assert item["term"] == f"a@example.com {who}"
    item = address_use_to_item(AddressUse("jo", "\u00c4@Example.com"))
    assert item["terms"].startswith(TermList.ADDRESSES)
    assert item["term"] == "a@example.com jo"


def test_who_is_inactive_is_listed_where_no_sweep_looks() -> None:
    """Until they interact."""
    state = Participant("jo", first_seen_at=EARLY, measured_since=EARLY)
    state = fold_participant(state, Event.inactivated("jo", AT, last_active_at=EARLY))
    assert participant_to_item(state)["activity_day"] == activity_day(INACTIVE, "jo")
    state = fold_participant(state, Event.interaction("jo", LATER, "7", "gift"))
    assert participant_to_item(state)["activity_day"] == activity_day(LATER, "jo")


def over(db: MemoryDynamoDB) -> ParticipantProjection:
    """The projection, in memory."""
    given_: Any = db
    return ParticipantProjection.over(given_, "Participants", "Suppressions")


def words(db: MemoryDynamoDB) -> set[str]:
    """The words by which somebody is found."""
    return {each["term"] for each in db.items("Participants") if each["part"].startswith("#word#")}


def test_whatever_the_order_the_name_that_holds_has_its_words() -> None:
    """Those of an earlier one may be left over."""
    for order in itertools.permutations(NAMED[:2]):
        db = MemoryDynamoDB()
        for event in order:
            over(db).apply([event])
        assert {"jo jo", "roe jo"} <= words(db)


def test_names_come_back_from_a_copy() -> None:
    """With their words; and a second time nothing is written."""
    db = MemoryDynamoDB()
    over(db).apply([Event.named("jo", AT, "Jo Doe")])
    copy, other = db.items("Participants"), MemoryDynamoDB()
    there: Any = other
    merge_participants(there, "Participants", copy)
    assert words(other) == {"jo jo", "doe jo"}
    (profile,) = (each for each in other.items("Participants") if each["part"] == "profile")
    assert participant_from_item(profile).name == "Jo Doe"
    assert set(merge_participants(there, "Participants", copy)) == {"there already"}


def test_a_rebuild_lists_what_an_earlier_version_did_not() -> None:
    """Though the log tells nothing new of it; and a second time writes nothing."""
    who, at = "jo", AT
    events = [
        Event.address_registered(who, at, "jo@example.com"),
        Event.named(who, at, "Jo Doe"),
    ]
    db = MemoryDynamoDB()
    over(db).apply(events)
    whole = db.items("Participants")
    for item in whole:
        if not item["part"].startswith("#"):
            kept = {name: item[name] for name in item if name not in ("terms", "term")}
            db.put_all("Participants", [kept])
    over(db).apply(events, thorough=True)
    listed = [each for each in db.items("Participants") if "term" in each]
    assert len(listed) == len([each for each in whole if "term" in each]) == 4
    before = db.writes["Participants"]
    over(db).apply(events, thorough=True)
    assert db.writes["Participants"] == before + len(word_items(Participant(who))) + 2


def test_an_ordinary_message_of_somebody_known_writes_nothing_more() -> None:
    """Of a person, address or name that is known."""
    db = MemoryDynamoDB()
    projection = over(db)
    projection.apply([Event.named("jo", AT, "Jo Doe")])
    use = Event.address_registered("jo", AT, "jo@example.com")
    projection.apply([use])
    before = db.writes["Participants"]
    projection.apply([use])
    assert db.writes["Participants"] == before
