"""The console's pages of a person's rights: the file of what is kept, and having them erased."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64decode
from typing import Any

import pytest

from sendtrail.auth.api_keys import Scope
from sendtrail.console import rights
from sendtrail.domain.times import from_epoch_ms
from sendtrail.reading import person_export
from tests.functional.conftest import Backend
from tests.functional.erasing import ADDRESS, PERSON, erased, lived, work
from tests.functional.test_console import signed_in, text_of
from tests.functional.visitor import Visitor, make_keys
from tests.functional.world import Api, World

JANE = f"/console/participants/{PERSON}"
SHARES = {"participant_id": "bo", "address": ADDRESS, "data": {"name": "Bo"}}


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything; Jane and Bo were written to, at an address that both have."""
    made = World(moto_backend, monkeypatch)
    lived(made, SHARES)
    return made


@pytest.fixture
def admin(world: World) -> Visitor:
    """Somebody who may do everything."""
    return signed_in(world, Scope.ADMIN)


def asked(admin: Visitor) -> str:
    """Has Jane erased; where the page of that is."""
    answer = admin.post(f"{JANE}/erase", confirmation=PERSON)
    assert answer["statusCode"] == 303
    return str(answer["headers"]["Location"])


def content(answer: dict[str, Any]) -> dict[str, Any]:
    """A file's JSON."""
    body = b64decode(answer["body"]) if answer.get("isBase64Encoded") else answer["body"].encode()
    if answer["headers"].get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    found: dict[str, Any] = json.loads(body)
    return found


def test_an_admin_alone_sees_and_may(world: World, admin: Visitor) -> None:
    """Who may read or send is shown neither, and is refused."""
    for path in (f"{JANE}/export.json", f"{JANE}/erase"):
        assert path in admin.get(JANE)["body"]
    world.restart("console")
    for key in make_keys(world, ("reads", Scope.READ), ("sends", Scope.SEND)):
        other = Visitor(world)
        assert other.sign_in(key)["statusCode"] == 303
        page = other.get(JANE)["body"]
        assert f"{JANE}/export.json" not in page
        assert f"{JANE}/erase" not in page
        for answer in (
            other.get(f"{JANE}/export.json"),
            other.get(f"{JANE}/erase"),
            other.post(f"{JANE}/erase", confirmation=PERSON),
            other.get(f"/console/erasures/erased-{'0' * 26}"),
        ):
            assert answer["statusCode"] == 403
    assert work(world) == 0


def test_the_file_is_what_the_api_tells(world: World, admin: Visitor) -> None:
    """To be saved, called by their id; that it was had is among what staff did."""
    answer = admin.get(f"{JANE}/export.json")
    assert f'filename="{PERSON}-' in answer["headers"]["Content-Disposition"]
    assert answer["headers"]["Cache-Control"] == "no-store"
    found = content(answer)
    told = Api(world)(f"/v1/participants/{PERSON}/export")["json"]
    assert found.pop("next") is None
    assert told.pop("next_cursor") is None
    told["acts"] = [each for each in told["acts"] if each["action"] != "export_person"]
    assert found | {"exported_at": ""} == told | {"exported_at": ""}
    acts = text_of(admin.get("/console/staff/acts"))
    assert "Exported what is kept of somebody" in acts


def test_a_very_long_file_goes_on(admin: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says where, and that has the rest."""
    whole = [each["message_id"] for each in content(admin.get(f"{JANE}/export.json"))["messages"]]
    monkeypatch.setattr(person_export, "MAX_BYTES", 1)
    joined = content(admin.get(f"{JANE}/export.json"))["messages"]
    assert [each["message_id"] for each in joined] == whole
    monkeypatch.setattr(rights, "_MAX_FILE", 1)
    first = content(admin.get(f"{JANE}/export.json"))
    second = content(admin.get("/console" + first["next"].partition("/console")[2]))
    messages = first["messages"] + second["messages"]
    assert [each["message_id"] for each in messages] == whole
    assert second["next"] is None


def test_the_page_says_what_will_happen(admin: Visitor) -> None:
    """Of each address whether others have it; what stays; until when there may be traces."""
    page = text_of(admin.get(f"{JANE}/erase"))
    assert "Erase Jane Quibbleworth ?" in page
    assert re.search(rf"{ADDRESS} others have it too", page)
    assert "keyed hash" in page
    assert "cannot be undone" in page
    assert re.search(r"logs for \d+ days, and backups for 35 days", page)


@pytest.mark.parametrize("written", ["", "jane", PERSON.upper(), f"{PERSON}x", ADDRESS, "<b>"])
def test_a_wrong_confirmation_does_nothing(world: World, admin: Visitor, written: str) -> None:
    """It says so, and what was written stays to be mended."""
    answer = admin.post(f"{JANE}/erase", confirmation=written)
    assert answer["statusCode"] == 422
    assert "Nothing was done" in text_of(answer)
    assert 'aria-invalid="true"' in answer["body"]
    assert "<b>" not in answer["body"].partition('name="confirmation"')[2].partition(">")[0]
    assert work(world) == 0
    assert admin.get(JANE)["statusCode"] == 200


def test_the_page_of_an_erasure_tells_how_far_it_is(
    world: World, admin: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked, under way, overdue, done with its report; whom it was of, it never says."""
    place = asked(admin)
    begun = text_of(admin.get(place))
    assert "for the first time" in begun
    assert "Nothing yet." in begun
    world.wiring.erasing.run(place.rpartition("/")[2])
    under_way = text_of(admin.get(place))
    assert "Under way : everything was gone through 1 time." in under_way
    assert re.search(r"Messages put under the pseudonym 2\b", under_way)
    with monkeypatch.context() as later:
        later.setattr(rights, "now", lambda: from_epoch_ms(4_000_000_000_000))
        assert "EraseDlq" in text_of(admin.get(place))
    erased(world, place.rpartition("/")[2])
    done = text_of(admin.get(place))
    assert "found nothing more of them" in done
    assert "1 address of theirs is others’ too" in done
    assert "Backups of the tables" in done
    for page in (begun, under_way, done):
        assert PERSON not in page
        assert "Quibbleworth" not in page


def test_the_page_of_somebody_who_never_got_a_message(world: World, admin: Visitor) -> None:
    """Nothing is under the pseudonym, and no link leads there."""
    assert Api(world)("/v1/participants/kim", "PUT", {"name": "Kim"})["statusCode"] < 300
    world.fold()
    answer = admin.post("/console/participants/kim/erase", confirmation="kim")
    place = str(answer["headers"]["Location"])
    erased(world, place.rpartition("/")[2])
    page = admin.get(place)
    assert page["statusCode"] == 200
    assert "found nothing more of them" in text_of(page)
    assert "What stays of their messages" not in text_of(page)


def test_pages_show_an_erased_person(world: World, admin: Visitor) -> None:
    """Among recipients and messages, on their page and on a message's: by no id, and with what is
    left; forms are gone, and what it said is not shown.
    """
    place = asked(admin)
    pseudonym = place.rpartition("/")[2]
    erased(world, pseudonym)
    (mailing,) = Api(world)("/v1/communications")["json"]["items"]
    listed = admin.get(f"/console/communications/{mailing['communication_id']}/recipients")
    assert "Erased person" in text_of(listed)
    assert "Erased person" in text_of(admin.get("/console/messages"))
    assert admin.get(JANE)["statusCode"] == 404

    page = admin.get(f"/console/participants/{pseudonym}")
    assert "Whoever this was has been erased" in text_of(page)
    assert "/subscription" not in page["body"]
    assert f"{pseudonym}/erase" not in page["body"]
    (path,) = set(
        re.findall(rf'href="(/console/participants/{pseudonym}/messages/[^"?]+)"', listed["body"])
    )
    message = admin.get(path)
    assert "Erased, with the person it was for" in text_of(message)
    assert "to an erased person" in text_of(message)
    assert "was erased" in text_of(admin.get(f"{path}/preview"))
    for answer in (
        admin.get(f"/console/participants/{pseudonym}/erase"),
        admin.get(f"/console/participants/{pseudonym}/export.json"),
        admin.post(f"/console/participants/{pseudonym}/erase", confirmation=pseudonym),
    ):
        assert answer["statusCode"] == 404


def test_what_staff_did_leads_to_the_erasure(world: World, admin: Visitor) -> None:
    """And names nobody."""
    place = asked(admin)
    erased(world, place.rpartition("/")[2])
    acts = admin.get("/console/staff/acts")
    assert f'href="{place}"' in acts["body"]
    assert "Had somebody erased" in text_of(acts)
    assert PERSON not in acts["body"]


@pytest.mark.parametrize("path", ["participants/nobody/erase", "participants/nobody/export.json"])
def test_of_nobody_there_is_no_page(admin: Visitor, path: str) -> None:
    """It says that nothing is known of them."""
    assert admin.get(f"/console/{path}")["statusCode"] == 404


@pytest.mark.parametrize("erasure_id", ["x", PERSON, f"erased-{'0' * 26}"])
def test_of_no_erasure_there_is_no_page(admin: Visitor, erasure_id: str) -> None:
    """Neither by the person's id."""
    page = admin.get(f"/console/erasures/{erasure_id}")
    assert page["statusCode"] == 404
    assert "There is no erasure" in text_of(page)
