"""People over HTTP: names, lists, search and timelines, and what they cost."""

from __future__ import annotations

from typing import Any

import pytest

from local.notifications import Mail
from sendtrail.domain.events import Event
from sendtrail.domain.ids import derived_message_id, participant_of_address
from sendtrail.domain.names import MAX_NAME
from sendtrail.reading.people import NEWEST
from sendtrail.reading.timeline import MAX_ADDRESSES
from tests.functional.conftest import Backend
from tests.functional.visitor import Reads
from tests.functional.world import Api, World

PEOPLE = "/v1/participants"
ANN = f"{PEOPLE}/ann"


@pytest.fixture
def moto(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Api:
    """A caller with an admin key, where it does not matter which DynamoDB it is."""
    return Api(World(moto_backend, monkeypatch))


def mail(person: str | None, address: str, day: int = 20, subject: str = "News") -> Mail:
    """A mail that something else sent; with an id of theirs, or to an address alone."""
    at, ses_id = f"2026-11-{day}T09:30:00.000Z", f"ses-{address}-{day}"
    tags = {"kind": "newsletter", "communication_id": "news"}
    if person:
        message_id = derived_message_id(at, ses_id, address)
        tags |= {"participant_id": person, "message_id": message_id}
    return Mail(ses_id, at, [address], subject, tags=tags if person else {})


def found(api: Api, **query: Any) -> list[str]:
    """Whom a list has, by cursors of two."""
    return [each["participant_id"] for each in api.everything(PEOPLE, limit=2, **query)]


def a_few(api: Api) -> None:
    """Some people: with and without ids, names and addresses."""
    for who, name in (("ann", "Anna M\u00fcller"), ("Bo-7", "Bo S\u00f6hne"), ("cy", None)):
        if name:
            assert api(f"{PEOPLE}/{who}", "PUT", {"name": name})["statusCode"] == 200
        api(f"{PEOPLE}/{who}/addresses/{who}@Example.com", "PUT")
    api.world.ingest([mail(None, "zoe@example.com").send(), mail("bob", "b@example.com").send()])
    api.world.fold()


# --- names ------------------------------------------------------------------------------------


def test_a_name_is_recorded_changed_and_removed(moto: Api) -> None:
    """By whom, too; the answer is the participant."""
    person = moto(ANN, "PUT", {"name": "  Anna   Doe "})["json"]
    assert (person["name"], person["named_by"]["name"]) == ("Anna Doe", "Front office")
    other = Api(moto.world, actor="key:ab12 Editors")
    person = other(ANN, "PUT", {"name": "Anna Roe"})["json"]
    assert person == moto(ANN)["json"]
    assert (person["name"], person["named_by"]["name"]) == ("Anna Roe", "Editors")
    moto.world.fold()
    assert moto(ANN)["json"] == person
    assert moto(ANN, "PUT", {"name": None})["json"]["name"] is None
    assert found(moto, q="anna") == found(moto, q="roe") == []


@pytest.mark.parametrize(
    "name", ["", "  ", "a\nb", "\u202ea", "W" * (MAX_NAME + 1), 7, ["Jo"], "\ud800"]
)
def test_what_is_no_name_is_refused(moto: Api, name: Any) -> None:
    """And nothing is recorded."""
    answer = moto(ANN, "PUT", {"name": name})
    assert answer["statusCode"] == 422
    assert "name" in answer["json"]["detail"]
    assert moto(ANN)["statusCode"] == 404
    assert moto(ANN, "PUT", {})["statusCode"] == 422


@pytest.mark.parametrize("scope", ["read", "send"])
def test_who_may_send_may_record_a_name(moto: Api, scope: str) -> None:
    """And who may only read may not."""
    answer = Api(moto.world, scope)(ANN, "PUT", {"name": "Anna"})
    assert answer["statusCode"] == (200 if scope == "send" else 403)


# --- lists ------------------------------------------------------------------------------------


def test_all_people_are_listed_by_id_and_then_by_address(api: Api) -> None:
    """Capitals do not matter; each once, whatever the size of a page."""
    a_few(api)
    zoe = participant_of_address("zoe@example.com")
    assert found(api) == ["ann", "Bo-7", "bob", "cy", zoe]
    page = api(PEOPLE, limit=3)["json"]
    assert [each["address"] for each in page["items"]] == [
        "ann@Example.com",
        "Bo-7@Example.com",
        "b@example.com",
    ]
    assert [each["name"] for each in page["items"]] == ["Anna M\u00fcller", "Bo S\u00f6hne", None]
    assert page["items"][0]["gets"]["communications"]


FOUND = [
    ("ANN", ["ann"]),
    ("bo", ["Bo-7", "bob"]),
    ("BO-", ["Bo-7"]),
    ("mull", ["ann"]),
    ("m\u00dcLL", ["ann"]),
    ("muller an", ["ann"]),
    ("so", ["Bo-7"]),
    ("b@ex", ["bob"]),
    ("Cy@EXAMPLE.com", ["cy"]),
    ("zoe", ["zoe"]),
    ("nna", []),
    ("anna x", []),
    ("x" * 330, []),
    ("%_*#", []),
    ("\u0301", []),
    ("\U0010ffff", []),
]
"""What is looked for, and whom it finds."""


def test_people_are_found_by_beginnings(moto: Api) -> None:
    """Of an id, an address, or words of a name; each once, though several begin so."""
    a_few(moto)
    ids = {"zoe": participant_of_address("zoe@example.com")}
    for word, who in FOUND:
        assert found(moto, q=word) == [ids.get(each, each) for each in who], word


def test_who_is_found_by_several_is_there_once_on_all_pages(api: Api) -> None:
    """By the first of them, also where the pages are of one."""
    for number in range(3):
        api(f"{PEOPLE}/jo-{number}", "PUT", {"name": "Jo Jordan Jones"})
        for address in ("jo@example.com", "jordan@example.com"):
            api(f"{PEOPLE}/jo-{number}/addresses/{number}.{address}", "PUT")
            api(f"{PEOPLE}/jo-{number}/addresses/{address}", "PUT")
    for word in ("jo", "jordan", "jo@", "jo j"):
        ids = [each["participant_id"] for each in api.everything(PEOPLE, limit=1, q=word)]
        assert ids == ["jo-0", "jo-1", "jo-2"], word


def test_a_name_that_was_changed_finds_nobody(moto: Api) -> None:
    """And the new one does; words that both have still do."""
    for name in ("Anna Doe", "Anna Roe"):
        moto(ANN, "PUT", {"name": name})
    assert [found(moto, q=word) for word in ("doe", "roe", "anna")] == [[], ["ann"], ["ann"]]


def test_an_address_that_gets_an_owner_is_listed_under_them(moto: Api) -> None:
    """Its placeholder participant no more."""
    a_few(moto)
    moto(f"{ANN}/addresses/zoe@example.com", "PUT")
    moto.world.fold()
    assert found(moto, q="zoe@") == ["ann"]
    assert found(moto) == ["ann", "Bo-7", "bob", "cy"]


def test_the_states_list_whom_they_concern(api: Api) -> None:
    """And with a word those of them whom it finds; who is no longer in one is not there."""
    a_few(api)
    api(f"{PEOPLE}/cy/subscription", "PUT", {"subscribed": False})
    api(f"{ANN}/subscription", "PUT", {"subscribed": False})
    api(f"{ANN}/subscription", "PUT", {"subscribed": True})
    api("/v1/suppressions/Ann@example.com", "PUT", {"note": "asked"})
    api("/v1/suppressions/nobody@example.com", "PUT", {"note": "asked"})
    sent, at = "2024-06-01T10:00:00.000Z", "2026-06-01T10:00:00.000Z"
    silent = Mail("ses-old", sent, ["dan@example.com"], tags={"participant_id": "dan"})
    api.world.ingest([silent.send()])
    api.world.fold()
    wiring = api.world.wiring
    wiring.participant_projection.apply_hits([("dan", sent, None)])
    found_at = Event.inactivated("dan", at, last_active_at=sent)
    wiring.participant_projection.apply([found_at])
    assert found(api, state="unsubscribed") == ["cy"]
    assert found(api, state="suppressed") == ["ann"]
    assert found(api, state="inactive") == ["dan"]
    assert found(api, state="inactive", q="dan@") == ["dan"]
    assert found(api, state="inactive", q="ann") == []
    assert found(api, state="suppressed", q="mul") == ["ann"]
    api("/v1/suppressions/ann@example.com", "DELETE")
    api(f"{PEOPLE}/dan/interactions", "POST", {})
    assert found(api, state="suppressed") == found(api, state="inactive") == []
    assert api(PEOPLE, state="nonsense")["statusCode"] == 422


def test_an_address_is_asked_for_alone(moto: Api) -> None:
    """As ever; beside a word it is refused, in words."""
    a_few(moto)
    (one,) = moto(PEOPLE, address="CY@example.com")["json"]["items"]
    assert (one["participant_id"], one["address"]) == ("cy", "cy@Example.com")
    answer = moto(PEOPLE, address="cy@example.com", q="cy")
    assert answer["statusCode"] == 422
    assert "address: give it alone" in answer["json"]["detail"]


def test_a_cursor_of_another_list_is_refused(moto: Api) -> None:
    """Of another word, or another state."""
    a_few(moto)
    cursor = moto(PEOPLE, limit=1)["json"]["next_cursor"]
    for query in ({"q": "ann"}, {"state": "unsubscribed"}):
        assert moto(PEOPLE, cursor=cursor, **query)["statusCode"] == 400


def test_a_page_costs_the_same_however_many_there_are(moto: Api) -> None:
    """Lists for their shards, and two requests for each on the page."""
    costs = []
    for size in (3, 30):
        for number in range(size):
            moto(f"{PEOPLE}/p{number:02}", "PUT", {"name": "Pat Doe"})
        with Reads() as reads:
            found_now = moto(PEOPLE, limit=3)["json"]["items"]
        costs.append(reads.requests)
        assert len(found_now) == 3
    assert costs[1] <= costs[0] <= 20 + 1 + 2 * 3
    with Reads() as reads:
        moto(PEOPLE, limit=3, q="nobody")
    assert reads.requests <= 20


# --- timelines --------------------------------------------------------------------------------


def lives(api: Api) -> None:
    """All sorts of things happen to Ann."""
    api(f"{ANN}/addresses/old@example.com", "PUT")
    one = mail("ann", "old@example.com", 20, "First")
    two = mail(None, "old@example.com", 21, "Second")
    api.world.ingest([one.send(), one.delivery("2026-11-20T09:31:00.000Z"), two.send()])
    api.world.ingest([two.bounce("2026-11-21T09:31:00.000Z")])
    api.world.fold()
    api(ANN, "PUT", {"name": "Anna Doe"})
    api(f"{ANN}/interactions", "POST", {"kind": "gift"})
    api(f"{ANN}/subscription", "PUT", {"subscribed": False})
    api("/v1/suppressions/old@example.com", "DELETE")
    api("/v1/suppressions/old@example.com", "PUT", {"note": "by phone"})
    api.world.fold()


TOLD = [
    ("Suppressed", "by phone"),
    ("SuppressionLifted", None),
    ("Subscription", False),
    ("Interaction", "gift"),
    ("Named", "Anna Doe"),
    ("AddressRegistered", "old@example.com"),
    ("Suppressed", "smtp; 550 5.1.1 user unknown"),
    ("Message", "Second"),
    ("Message", "First"),
    ("AddressUsed", "old@example.com"),
]


def told(entries: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    """What a timeline tells, in short."""
    return [
        (
            each["type"],
            each["message"]["subject"]
            if each["message"]
            else {
                "Suppressed": each["detail"].get("note"),
                "Subscription": each["detail"].get("subscribed"),
                "Interaction": each["detail"].get("kind"),
                "Named": each["detail"].get("name"),
                "AddressRegistered": each["address"],
                "AddressUsed": each["address"],
            }.get(each["type"]),
        )
        for each in entries
    ]


@pytest.mark.parametrize("limit", [1, 3, 25])
def test_a_timeline_tells_all_that_happened_newest_first(api: Api, limit: int) -> None:
    """Whatever the size of its pages; with the status of each message, and who recorded what."""
    lives(api)
    entries = api.everything(f"{ANN}/timeline", limit=limit)
    assert told(entries) == TOLD
    assert [each["at"] for each in entries] == sorted(
        (each["at"] for each in entries), reverse=True
    )
    by = {each["type"]: each["by"] and each["by"]["name"] for each in reversed(entries)}
    staff = ("Suppressed", "SuppressionLifted", "Subscription", "Interaction", "Named")
    assert {by[each] for each in staff} == {"Front office"}
    assert (by["Message"], by["AddressUsed"]) == (None, None)
    statuses = [each["message"]["status"] for each in entries if each["message"]]
    assert statuses == ["bounced", "delivered"]


def test_a_readers_choice_is_told_and_whose_it_was(moto: Api) -> None:
    """Their own, and another's at the same address."""
    for who in ("ann", "bob"):
        moto(f"{PEOPLE}/{who}/addresses/us@example.com", "PUT")
    one = mail("bob", "us@example.com")
    moto.world.ingest([one.send(), one.subscription("2026-11-22T10:00:00.000Z", unsubscribed=True)])
    moto.world.fold()
    for who, whose in (("bob", None), ("ann", "bob")):
        entries = moto.everything(f"{PEOPLE}/{who}/timeline")
        (choice,) = (each for each in entries if each["type"] == "Subscription")
        assert (choice["at"], choice["by"]) == ("2026-11-22T10:00:00.000Z", None)
        assert choice["detail"].get("participant_id") == whose


def test_inactivity_is_told(moto: Api) -> None:
    """As the sweep found it."""
    moto(ANN, "PUT", {"name": "Anna"})
    found_at = Event.inactivated(
        "ann", "2026-01-01T00:00:00.000Z", last_active_at="2024-01-01T00:00:00.000Z"
    )
    moto.world.wiring.trails.append([found_at])
    last = moto.everything(f"{ANN}/timeline")[-1]
    assert (last["type"], last["at"]) == ("Inactivated", "2026-01-01T00:00:00.000Z")


def test_nobody_has_no_timeline(moto: Api) -> None:
    """Nor a cursor of another's."""
    assert moto(f"{ANN}/timeline")["statusCode"] == 404
    lives(moto)
    cursor = moto(f"{ANN}/timeline", limit=1)["json"]["next_cursor"]
    assert moto(f"{PEOPLE}/bob/timeline", cursor=cursor)["statusCode"] == 400


def test_a_page_of_a_timeline_costs_the_same_however_long_it_is(moto: Api) -> None:
    """Two requests, two for each partition, and one for each address, of so many at most."""
    lives(moto)
    costs = []
    for more in (0, 30):
        for number in range(more):
            moto(f"{ANN}/interactions", "POST", {"kind": f"gift {number}"})
        with Reads() as reads:
            moto(f"{ANN}/timeline", limit=5)
        costs.append((reads.requests, reads.items <= 5 * (5 + 20) + 10))
    assert costs == [(2 + 2 * 2 + 1, True)] * 2
    assert (MAX_ADDRESSES, NEWEST) == (25, 10)
