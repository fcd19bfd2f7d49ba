"""The API's routes of a person's rights: what is kept of them, and having them erased."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sendtrail.auth.api_keys import Scope
from sendtrail.reading import person_export
from tests.functional.conftest import Backend
from tests.functional.erasing import ADDRESS, PERSON, erased, lived, work
from tests.functional.sending import Post
from tests.functional.world import Api, World

JANE = f"/v1/participants/{PERSON}"
BO = {"participant_id": "bo", "address": "bo@else.example", "data": {"name": "Bo"}}


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


@pytest.fixture
def desk(world: World) -> Api:
    """The API, asked by the front office; Jane and Bo were written to."""
    lived(world, BO)
    return Api(world)


def acts(api: Api, action: str) -> list[tuple[str, Any]]:
    """To whom staff did something, and who did; newest first."""
    return [
        (act["object_id"], act["by"] and act["by"]["name"])
        for act in api("/v1/staff/acts", limit=100)["json"]["items"]
        if act["action"] == action
    ]


def test_an_export_has_what_is_kept(desk: Api) -> None:
    """Profile, addresses, and each message with its events and what was merged into it."""
    found = desk(f"{JANE}/export")["json"]
    assert found["participant_id"] == PERSON
    assert found["next_cursor"] is None
    assert found["profile"]["name_change"]["name"] == "Jane Quibbleworth"
    assert [each["address"] for each in found["addresses"]] == [ADDRESS]
    assert {each["planned"]["subject"] for each in found["messages"]} == {
        "News for Jane Quibbleworth",
        "Dear Jane Quibbleworth",
    }
    assert all(each["events"] for each in found["messages"])
    assert {each["type"] for each in found["events"]} >= {"Named", "Subscription"}
    assert "bo@else.example" not in json.dumps(found)


def test_an_export_comes_in_parts(desk: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a cursor, if it is long; together they are the whole, and it is one act of staff."""
    whole = desk(f"{JANE}/export")["json"]["messages"]
    monkeypatch.setattr(person_export, "MAX_BYTES", 1)
    first = desk(f"{JANE}/export")["json"]
    second = desk(f"{JANE}/export", cursor=first["next_cursor"])["json"]
    assert [each["message_id"] for each in first["messages"] + second["messages"]] == [
        each["message_id"] for each in whole
    ]
    assert second["next_cursor"] is None
    assert second["profile"] is None
    assert acts(desk, "export_person") == [(PERSON, "Front office")] * 2


def test_a_cursor_is_of_one_person(desk: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """With another's, none of ours, it is refused."""
    monkeypatch.setattr(person_export, "MAX_BYTES", 1)
    cursor = desk(f"{JANE}/export")["json"]["next_cursor"]
    assert desk("/v1/participants/bo/export", cursor=cursor)["statusCode"] == 400
    assert desk(f"{JANE}/export", cursor="spoilt")["statusCode"] == 400


def test_a_person_is_erased(world: World, desk: Api) -> None:
    """Asked, under way, done, with its report; by then nobody is known by their id, and the act of
    staff is of the pseudonym.
    """
    answer = desk(JANE, "DELETE")
    assert answer["statusCode"] == 202
    asked = answer["json"]
    assert (asked["state"], asked["by"]["name"]) == ("asked", "Front office")
    place = f"/v1/erasures/{asked['erasure_id']}"
    assert PERSON not in json.dumps(asked)
    assert work(world) == 1
    running = desk(place)["json"]
    assert (running["state"], running["traces"]) == ("running", [])
    erased(world, asked["erasure_id"])

    done = desk(place)["json"]
    assert done["state"] == "done"
    assert done["counts"]["messages"] == 2
    assert done["counts"]["refusals"] == 1
    assert [each["where"] for each in done["traces"]] == ["stream", "queues", "logs", "backups"]
    assert all(each["until"] > done["done_at"] for each in done["traces"])
    assert desk(JANE)["statusCode"] == 404
    assert desk(f"{JANE}/export")["statusCode"] == 404
    assert acts(desk, "erase") == [(asked["erasure_id"], "Front office")]
    kept = desk("/v1/staff/acts", limit=100)["body"]
    assert PERSON not in kept


def test_asked_again_it_is_the_same_erasure(world: World, desk: Api) -> None:
    """Before it begins, while it is under way, and once it is done."""
    first = desk(JANE, "DELETE")["json"]
    assert desk(JANE, "DELETE")["json"] == first
    work(world)
    again = desk(JANE, "DELETE")["json"]
    assert (again["erasure_id"], again["state"]) == (first["erasure_id"], "running")
    erased(world, first["erasure_id"])
    done = desk(JANE, "DELETE")
    assert (done["statusCode"], done["json"]["state"]) == (202, "done")
    assert acts(desk, "erase") == [(first["erasure_id"], "Front office")]


def test_brought_twice_a_pass_follows_no_sooner(
    world: World, desk: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or one that comes at once would find nothing, and the erasure be done, while workers still go
    by what they have read before.
    """
    monkeypatch.setenv("ERASURE_PASS_SECONDS", "900")
    asked = desk(JANE, "DELETE")["json"]
    while work(world):  # until nothing waits but what is delayed
        pass
    queue = world.backend.resources.physical["EraseQueue", ""]
    for _ in range(2):
        world.wiring.send_to(queue)(asked["erasure_id"])
        assert work(world) == 1
    found = desk(f"/v1/erasures/{asked['erasure_id']}")["json"]
    assert (found["state"], found["passes"]) == ("running", 1)
    assert work(world) == 0


def test_what_stays_names_nobody(world: World, desk: Api) -> None:
    """Their message is among the recipients, under the pseudonym; what it said is no more."""
    (mailing,) = desk("/v1/communications")["json"]["items"]
    before = desk(f"/v1/communications/{mailing['communication_id']}")["json"]
    asked = desk(JANE, "DELETE")["json"]
    erased(world, asked["erasure_id"])
    place = f"/v1/communications/{mailing['communication_id']}"
    assert desk(place)["json"] == before
    listed = desk(f"{place}/recipients")["json"]["items"]
    (theirs,) = [each for each in listed if each["participant_id"] == asked["erasure_id"]]
    assert theirs["address"] is None
    path = f"/v1/participants/{asked['erasure_id']}/messages/{theirs['message_id']}"
    assert desk(path)["json"]["subject"] is None
    preview = desk(f"{path}/preview")
    assert preview["statusCode"] == 404
    assert "was erased" in preview["json"]["detail"]


def test_who_unsubscribed_stays_so(world: World, desk: Api) -> None:
    """A mailing to the address that was theirs is dropped, whoever it is to now."""
    erased(world, desk(JANE, "DELETE")["json"]["erasure_id"])
    again = [{"participant_id": "new", "address": ADDRESS.lower(), "data": {"name": "New"}}, BO]
    draft = {"name": "More", "template_id": "news", "kind": "newsletter", "recipients": again}
    would = desk("/v1/communications/preview", "POST", draft)["json"]["would_be_dropped"]
    assert [(each["participant_id"], each["drop_reason"]) for each in would] == [
        ("new", "unsubscribed")
    ]


@pytest.mark.parametrize("path", ["/v1/participants/nobody", f"{JANE}x", "/v1/participants/%20"])
def test_nobody_is_told_in_words(desk: Api, path: str) -> None:
    """Of whom nothing is known."""
    for answer in (desk(path, "DELETE"), desk(f"{path}/export")):
        assert answer["statusCode"] in (404, 422)
        assert answer["json"]["detail"]


def test_an_erasure_is_found_by_its_own_id_alone(world: World, desk: Api) -> None:
    """Not by that of the person, which has no business in a URL from then on."""
    erased(world, desk(JANE, "DELETE")["json"]["erasure_id"])
    assert desk(f"/v1/erasures/{PERSON}")["statusCode"] == 422
    unknown = desk(f"/v1/erasures/erased-{'0' * 26}")
    assert unknown["statusCode"] == 404
    assert "no erasure" in unknown["json"]["detail"]


@pytest.mark.parametrize("scope", [Scope.READ, Scope.SEND])
def test_only_an_admin_may(world: World, desk: Api, scope: Scope) -> None:
    """Whoever may read, or send, may neither take it all away nor delete it."""
    other = Api(world, scope)
    erasure = desk(JANE, "DELETE")["json"]["erasure_id"]
    for answer in (
        other(f"{JANE}/export"),
        other("/v1/participants/bo", "DELETE"),
        other(f"/v1/erasures/{erasure}"),
    ):
        assert answer["statusCode"] == 403
    assert Post(world).received(world.backend.resources.physical["EraseQueue", ""])
