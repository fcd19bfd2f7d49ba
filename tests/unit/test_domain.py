"""The smaller rules of the domain."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.notifications import Mail
from sendtrail.domain.actors import Actor
from sendtrail.domain.bounces import Bounce, is_provider_refusal
from sendtrail.domain.communication import (
    COUNTER_NAMES,
    Counters,
    CounterShard,
    counters_of,
    figures,
)
from sendtrail.domain.events import Event, SuppressionReason
from sendtrail.domain.ids import (
    derived_message_id,
    is_message_id,
    is_participant_id,
    message_id_bounds,
    new_message_id,
    normal_address,
    sent_time,
)
from sendtrail.domain.judgement import judge
from sendtrail.domain.links import MAX_LINKS, link_key
from sendtrail.domain.message import Message
from sendtrail.domain.participant import (
    AddressUse,
    Inactivity,
    Participant,
    current_address,
    fold_address,
    fold_participant,
)
from sendtrail.domain.providers import provider_of
from sendtrail.domain.subscriptions import unsubscribes
from sendtrail.domain.suppression import Suppression, bears_on_suppression, fold_suppression
from sendtrail.domain.times import epoch_ms, from_epoch_ms, parse
from sendtrail.intake.parser import events_of
from sendtrail.projections.checkpoints import KEEP_SECONDS, Checkpoint, Checkpoints
from tests.messages import folded
from tests.strategies import message_events

SENT = "2026-11-20T09:30:00.000Z"
LATER = "2026-11-20T09:40:00.000Z"
times = st.integers(0, 253402300799999).map(from_epoch_ms)


@given(st.integers(0, 253402300799999))
def test_times_round_trip(milliseconds: int) -> None:
    """From milliseconds and back, and through the parser."""
    assert epoch_ms(from_epoch_ms(milliseconds)) == milliseconds
    assert parse(from_epoch_ms(milliseconds)) == from_epoch_ms(milliseconds)


@given(times, times)
def test_times_sort_as_text(one: str, other: str) -> None:
    """Which is why they may be in sort keys."""
    assert (one < other) == (epoch_ms(one) < epoch_ms(other))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2016-01-27T14:59:38.237Z", "2016-01-27T14:59:38.237Z"),
        ("2018-10-08T14:05:45 +0000", "2018-10-08T14:05:45.000Z"),
        ("2026-11-20T10:30:00+01:00", "2026-11-20T09:30:00.000Z"),
        ("2026-11-20T09:30:00.123456Z", "2026-11-20T09:30:00.123Z"),
    ],
)
def test_every_form_of_time_that_ses_writes_is_read(written: str, meant: str) -> None:
    """Also the developer guide's odd one."""
    assert parse(written) == meant


@pytest.mark.parametrize(
    "written", ["", "2026-11-20", "2026-11-20T09:30:00", "1969-12-31T23:59:59Z", 7, None, "x" * 99]
)
def test_what_is_no_time_is_refused(written: object) -> None:
    """With a ValueError, whatever it is."""
    with pytest.raises(ValueError, match=r"time|isoformat"):
        parse(written)


@given(times, st.text(), st.text())
def test_a_derived_message_id_is_a_ulid_of_its_time(at: str, ses_id: str, address: str) -> None:
    """And the same for the same mail and recipient."""
    found = derived_message_id(at, ses_id, address)
    assert is_message_id(found)
    assert sent_time(found) == at
    assert found == derived_message_id(at, ses_id, address)
    low, high = message_id_bounds(at, at)
    assert low <= found <= high


@given(times)
def test_new_message_ids_differ(at: str) -> None:
    """Two of the same millisecond."""
    assert new_message_id(at) != new_message_id(at)


@pytest.mark.parametrize(
    "value", ["", "8" * 26, "0" * 25, "0" * 27, "I" + "0" * 25, "7" + "Z" * 25, 3, None]
)
def test_what_is_no_message_id_is_told(value: object) -> None:
    """Wrong letters, wrong length, or a time after the year 9999."""
    assert not is_message_id(value)


@pytest.mark.parametrize(
    ("value", "good"), [("a", True), ("A_z-9", True), ("x" * 128, True), ("x" * 129, False)]
)
def test_participant_ids_are_of_a_few_characters(value: str, good: bool) -> None:
    """1 to 128 of A-Z a-z 0-9 _ -."""
    assert is_participant_id(value) is good
    assert not is_participant_id(value + "é")
    assert not is_participant_id(value + "\n")


def test_addresses_are_compared_without_name_and_case() -> None:
    """The way SES and people write them."""
    assert normal_address(" Ann Jansen <Ann@Example.COM> ") == "ann@example.com"


@pytest.mark.parametrize(
    ("address", "provider"),
    [
        ("a@gmail.com", "gmail"),
        ("a@GoogleMail.com", "gmail"),
        ("a@hotmail.co.uk", "microsoft"),
        ("a@yahoo.co.jp", "yahoo"),
        ("a@yahoo.com.br", "yahoo"),
        ("a@live.nl", "microsoft"),
        ("a@live.example", "other"),
        ("a@yahoo.evil.com", "other"),
        ("a@example.org", "other"),
        ("nonsense", "other"),
        ("a@success.simulator.amazonses.com", "other"),
        ("bounce+1@simulator.amazonses.com", "ses-simulator"),
    ],
)
def test_mailbox_providers_are_told_by_domain(address: str, provider: str) -> None:
    """Country endings are the same provider; other domains are not."""
    assert provider_of(address) == provider


@pytest.mark.parametrize(
    ("bounce", "refused"),
    [
        (Bounce("Transient", "ContentRejected", SENT), True),
        (Bounce("Transient", "AttachmentRejected", SENT), True),
        (Bounce("Permanent", "General", SENT, status="5.7.1"), True),
        (Bounce("Permanent", "General", SENT, status="5.7.26"), True),
        (Bounce("Permanent", "General", SENT, status="5.1.1"), False),
        (Bounce("Permanent", "General", SENT, diagnostic="smtp; 550 5.7.1 no"), True),
        (Bounce("Permanent", "General", SENT, diagnostic="from 15.7.1.9"), False),
        (Bounce("Permanent", "General", SENT), False),
    ],
)
def test_a_refusal_of_the_provider_is_blocked(bounce: Bounce, refused: bool) -> None:
    """5.7.x, or content or attachment rejected."""
    assert is_provider_refusal(bounce) is refused


@pytest.mark.parametrize(
    ("detail", "unsubscribed"),
    [
        ({"subscribed": False}, True),
        ({"subscribed": True}, False),
        ({"new_preferences": {"unsubscribe_all": True}}, True),
        ({"new_preferences": {"unsubscribe_all": False, "topics": {"a": "OptOut"}}}, True),
        ({"new_preferences": {"unsubscribe_all": False, "topics": {"a": "OptOut", "b": "OptIn"}}}, False),
        ({"new_preferences": {"unsubscribe_all": False}}, False),
        ({}, False),
    ],
)  # fmt: skip
def test_opting_out_of_everything_unsubscribes(
    detail: dict[str, object], unsubscribed: bool
) -> None:
    """Be it at once or topic by topic; of some topics, it does not."""
    assert unsubscribes(detail) is unsubscribed


# --- marks -----------------------------------------------------------------------------------


def test_marks_know_what_a_row_has_had() -> None:
    """Per shard, and as numbers, not as text."""
    checkpoints = Checkpoints().with_checkpoint("a", Checkpoint(100, 0))
    assert checkpoints.has("a", 99)
    assert checkpoints.has("a", 100)
    assert not checkpoints.has("a", 1000)
    assert not checkpoints.has("b", 1)


def test_marks_that_are_too_old_to_matter_are_pruned() -> None:
    """Twice as old as any stream record."""
    checkpoints = (
        Checkpoints()
        .with_checkpoint("a", Checkpoint(1, 0))
        .with_checkpoint("b", Checkpoint(1, KEEP_SECONDS))
    )
    assert set(checkpoints.by_shard) == {"a", "b"}
    assert set(checkpoints.with_checkpoint("b", Checkpoint(2, KEEP_SECONDS + 1)).by_shard) == {"b"}


# --- figures ---------------------------------------------------------------------------------


def never(_epoch: str) -> bool:
    """The log has forgotten nothing."""
    return False


@given(st.lists(message_events(), max_size=5), st.randoms(use_true_random=False))
def test_deltas_add_up_to_the_whole(histories: list[list[Event]], chance: random.Random) -> None:
    """Counting every change of every message, in any order, is counting the messages at the end."""
    changes: list[tuple[Message | None, Message]] = []
    finals: list[Message] = []
    for number, events in enumerate(histories):
        old: Message | None = None
        for count in range(1, len(events) + 1):
            new = folded(events[:count], f"p{number}")
            changes.append((old, new))
            old = new
        if old:
            finals.append(old)
    chance.shuffle(changes)
    rows = [CounterShard(), CounterShard(), CounterShard()]
    for number, (old, new) in enumerate(changes):
        rows[number % 3] = rows[number % 3].changed(old, new, forgotten=never)
    assert Counters.sum(row.counters for row in rows) == Counters.sum(map(counters_of, finals))


def test_figures_have_every_counter_and_rates_over_sent() -> None:
    """Also when nothing happened."""
    empty = figures(Counters())
    assert {name: empty[name] for name in COUNTER_NAMES} == dict.fromkeys(COUNTER_NAMES, 0)
    assert empty["open_rate"] is None
    assert figures(Counters({"sent": 3, "opened": 2}))["open_rate"] == 0.6667


@given(st.permutations(range(MAX_LINKS * 2)))
def test_links_of_a_mailing_are_bounded_and_exact(order: list[int]) -> None:
    """The rows may see different links in different order, and sum to the same figures."""
    mail = Mail("x", SENT, ["a@example.com"])
    rows = [CounterShard(), CounterShard()]
    links = {number: f"https://a.example/{number}" for number in order}
    for number in order:
        (event,) = events_of(mail.click(LATER, links[number], "Firefox"))
        message = folded([event], "p")
        rows[number % 2] = rows[number % 2].changed(None, message, forgotten=never)
    urls = {link_key(link): link for link in links.values()}
    found = figures(Counters.sum(row.counters for row in rows), urls)["links"]
    assert len(found) == MAX_LINKS + 1
    others = {"url": None, "clicks": MAX_LINKS, "human_clicks": MAX_LINKS, "human_clicked": None}
    assert found[-1] == others


def test_links_that_nobody_followed_are_told_where_that_is_known() -> None:
    """Each with its zeros; of those past the limit nobody knows, so they are not told of."""
    urls = {link_key(link): link for link in ("https://a.example/", "https://b.example/")}
    first, last = sorted(urls)
    assert [each["clicks"] for each in figures(Counters(), urls)["links"]] == [0, 0]
    counted = Counters({f"link/{first}/clicks": 2, "link/~/clicks": 3})
    found = figures(counted, urls)["links"]
    assert [(each["url"], each["clicks"]) for each in found] == [(urls[first], 2), (None, 3)]
    counted = Counters({f"link/{last}/clicks": 2, "link/~/clicks": 3})
    found = figures(counted, urls)["links"]
    assert [each["url"] for each in found] == [urls[last], urls[first], None]


# --- participants and suppressions: joins ----------------------------------------------------


@st.composite
def told(draw: st.DrawFn) -> list[Event]:
    """Events of messages, and what staff or a program recorded of the same participant at one of
    two times.
    """
    at = st.sampled_from((SENT, LATER))
    by = st.sampled_from((None, Actor("key", "crm"), Actor("person", "ada")))
    address = st.sampled_from(("a@example.com", "A@example.com", "A@Example.com"))
    person, yes = st.just("p"), st.booleans()
    own: list[st.SearchStrategy[Event]] = [
        st.builds(Event.address_registered, person, at, address, by),
        st.builds(Event.named, person, at, st.sampled_from((None, "Jo", "Jo Roe")), by),
        st.builds(Event.interaction, person, at, st.just("7"), st.just("gift"), by),
        st.builds(Event.subscription, person, at, yes, by=by),
        st.builds(Event.inactivated, person, at, last_active_at=at),
        st.builds(Event.suppressed, address, at, st.sampled_from(("asked", "moved")), by),
        st.builds(Event.suppression_lifted, address, at, by),
    ]
    theirs = [replace(event, participant_id="p") for event in draw(message_events())]
    return theirs + draw(st.lists(st.one_of(own), max_size=6))


@given(told(), st.randoms(use_true_random=False))
def test_participants_and_suppressions_do_not_mind_order_or_repetition(
    events: list[Event], chance: random.Random
) -> None:
    """Which is why they need no marks."""
    twice = events * 2
    chance.shuffle(twice)
    start = Participant("p")
    assert reduce(fold_participant, twice, start) == reduce(fold_participant, events, start)
    named = [event for event in events if event.address]
    fresh = AddressUse("p", named[0].address or "") if named else AddressUse("p", "")
    assert reduce(fold_address, twice, fresh) == reduce(fold_address, events, fresh)
    nothing = Suppression("a@example.com")
    assert reduce(fold_suppression, twice, nothing) == reduce(fold_suppression, events, nothing)


@given(told(), told())
def test_two_halves_of_what_is_known_can_be_put_together(
    one: list[Event], other: list[Event]
) -> None:
    """Merging states is folding all events: nothing that a row knows is lost in it."""
    start, nothing = Participant("p"), Suppression("a@example.com")
    merged = reduce(fold_participant, one, start).merged(reduce(fold_participant, other, start))
    assert merged == reduce(fold_participant, [*one, *other], start)
    uses, others = ([each for each in half if each.address] for half in (one, other))
    if uses and others:
        mine, theirs = (AddressUse("p", half[0].address or "") for half in (uses, others))
        merged_use = reduce(fold_address, uses, mine).merged(reduce(fold_address, others, theirs))
        assert merged_use == reduce(fold_address, [*uses, *others], mine)
    held = reduce(fold_suppression, one, nothing).merged(reduce(fold_suppression, other, nothing))
    assert held == reduce(fold_suppression, [*one, *other], nothing)


def test_an_address_is_written_in_one_way_whoever_comes_first() -> None:
    """Of what is known of one use of it, and of another participant's."""
    lower, upper = AddressUse("p", "a@example.com"), AddressUse("q", "A@example.com")
    unknown = AddressUse("p", "")
    assert lower.joined(upper).address == upper.joined(lower).address == "A@example.com"
    assert unknown.joined(lower).address == lower.joined(unknown).address == "a@example.com"


MAIL = Mail("ses-1", SENT, ["ann@example.com"])


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (MAIL.bounce(LATER), SuppressionReason.BOUNCED),
        (MAIL.bounce(LATER, "Permanent", "NoEmail"), SuppressionReason.BOUNCED),
        (MAIL.bounce(LATER, "Permanent", "OnAccountSuppressionList"), None),
        (MAIL.bounce(LATER, "Transient", "General"), None),
        (MAIL.bounce(LATER, "Undetermined", "Undetermined"), None),
        (MAIL.complaint(LATER), SuppressionReason.SPAMMED),
        (MAIL.complaint(LATER, None), SuppressionReason.SPAMMED),
        (MAIL.complaint(LATER, "not-spam"), None),
        (MAIL.complaint(LATER, None, subtype="OnAccountSuppressionList"), None),
        (MAIL.delivery(LATER), None),
    ],
)
def test_only_permanent_bounces_and_complaints_suppress(
    said: dict[str, object], reason: SuppressionReason | None
) -> None:
    """Not what SES never tried, nor an out-of-office reply."""
    (event,) = events_of(said)
    assert bears_on_suppression(event) is (reason is not None)
    assert fold_suppression(Suppression("ann@example.com"), event).reason is reason


def test_a_lifted_suppression_stays_lifted_when_its_evidence_comes_again() -> None:
    """And returns with new evidence."""
    (bounce,) = events_of(MAIL.bounce(LATER))
    lift = Event.suppression_lifted("ann@example.com", "2026-11-21T00:00:00.000Z")
    (again,) = events_of(MAIL.bounce("2026-11-22T00:00:00.000Z"))
    for order in itertools.permutations([bounce, lift, bounce]):
        lifted = reduce(fold_suppression, order, Suppression("ann@example.com"))
        assert lifted.reason is None
        assert fold_suppression(lifted, again).reason is SuppressionReason.BOUNCED


def test_the_gravest_reason_is_the_one_shown() -> None:
    """Spammed before bounced before manual."""
    (bounce,), (complaint,) = events_of(MAIL.bounce(LATER)), events_of(MAIL.complaint(SENT))
    manual = Event.suppressed("ann@example.com", LATER, "asked by phone")
    found = reduce(fold_suppression, [manual, bounce, complaint], Suppression("ann@example.com"))
    assert found.reason is SuppressionReason.SPAMMED
    assert found.evidence[SuppressionReason.MANUAL].diagnostic == "asked by phone"


def test_only_people_interact() -> None:
    """A machine's open does not end inactivity, a person's does."""
    machine, person = (
        judge(events_of(MAIL.open(LATER, "Mozilla/5.0"))),
        judge(events_of(MAIL.open(LATER, "Thunderbird"))),
    )
    silent = Participant("p", measured_since=SENT, inactivity=Inactivity(LATER, SENT))
    by_machine, by_person = (silent.hit(SENT, each.last_human_at) for each in (machine, person))
    assert by_machine.last_interaction_at is None
    assert by_machine.inactive_since == LATER
    assert by_person.last_interaction_at == LATER
    assert by_person.inactive_since is None


def test_inactive_until_the_next_interaction() -> None:
    """What the sweep marks holds until then."""
    silent = Participant("p", measured_since=SENT, last_interaction_at=SENT)
    marked = fold_participant(silent, Event.inactivated("p", LATER, last_active_at=SENT))
    assert marked.inactive_since == LATER
    event = Event.interaction("p", "2026-12-01T00:00:00.000Z", "order 7", "order")
    assert fold_participant(marked, event).inactive_since is None


def test_word_of_an_earlier_interaction_ends_inactivity_too() -> None:
    """It comes after the sweep, and happened before it: the sweep had counted from too early."""
    silent = Participant("p", measured_since=SENT, last_interaction_at=SENT)
    found = Event.inactivated("p", LATER, last_active_at=SENT)
    late = Event.interaction("p", SENT[:-2] + "9Z", "order 7", "order")
    assert SENT < late.at < LATER
    for order in ((found, late), (late, found)):
        assert reduce(fold_participant, order, silent).inactive_since is None


def test_an_owner_of_an_address_that_fell_silent_is_inactive_too() -> None:
    """What was found of the address is credited with what happened there."""
    silent = Participant("address-x", measured_since=SENT, last_interaction_at=SENT)
    found = fold_participant(silent, Event.inactivated("address-x", LATER, last_active_at=SENT))
    assert Participant("p").joined(found).inactive_since == LATER
    active = Participant("p", last_interaction_at=LATER)
    assert active.joined(found).inactive_since is None


def test_the_address_to_write_to_is_the_last_registered_else_the_last_used() -> None:
    """Registered wins over used."""
    used = AddressUse("p", "a@example.com", SENT, LATER)
    older = AddressUse("p", "b@example.com", SENT, SENT)
    registered = AddressUse("p", "c@example.com", registered_at=SENT)
    assert current_address([older, used]) is used
    assert current_address([used, registered, older]) is registered
    assert current_address([]) is None
