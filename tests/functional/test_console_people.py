"""The console's pages of people: the list, search, a person's name, timeline, and nobody's page."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from markupsafe import escape

from local.notifications import Mail
from sendtrail.auth.api_keys import Scope
from sendtrail.domain.ids import participant_of_address
from tests.functional.conftest import Backend
from tests.functional.test_console import signed_in, text_of
from tests.functional.visitor import Visitor
from tests.functional.world import Api, World

PEOPLE = "/console/people"
ANN = "/console/participants/ann"
HOSTILE = '<b onclick="x">O\'Neil</b> & \u0645\u0631\u062d\u0628\u0627 \U0001f389'


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


@pytest.fixture
def api(world: World) -> Api:
    """The front office, at the API."""
    return Api(world)


@pytest.fixture
def staff(world: World) -> Visitor:
    """Somebody who may send."""
    return signed_in(world, Scope.SEND)


def names(page: dict[str, Any]) -> list[str]:
    """Whom a page lists."""
    found = re.findall(
        r'scope="row"><a href="/console/participants/[^"]+"><bdi>([^<]*)</bdi>', page["body"]
    )
    return [html.unescape(each) for each in found]


def links(page: dict[str, Any]) -> list[str]:
    """All links and redirections of a page."""
    found = re.findall(r'(?:href|action)="([^"]*)"', page["body"])
    return [html.unescape(each) for each in found] + [page["headers"].get("Location", "")]


def test_people_are_listed_with_one_verdict_each(staff: Visitor, api: Api) -> None:
    """Who gets what, and why not; page by page, there and back."""
    for number in range(30):
        api(f"/v1/participants/p{number:02}", "PUT", {"name": f"Person {number}"})
    api("/v1/participants/p00/addresses/p@example.com", "PUT")
    api("/v1/participants/p00/subscription", "PUT", {"subscribed": False})
    page = staff.get(PEOPLE)
    assert names(page) == [f"Person {number}" for number in range(25)]
    text = text_of(page)
    assert "Person 0 p00 p@example.com Gets direct messages, and no mailings" in text.replace(
        " ,", ","
    )
    assert "because no address of theirs is known" in text
    following = staff.follow(page, "Next")
    assert names(following) == [f"Person {number}" for number in range(25, 30)]
    assert names(staff.follow(following, "Previous")) == names(page)


def test_people_are_searched_without_scripts(staff: Visitor, api: Api) -> None:
    """What was typed is kept, and leads to all again; nobody is said in words."""
    api("/v1/participants/ann", "PUT", {"name": "Anna M\u00fcller"})
    page = staff.get(f"{PEOPLE}?q=MULL")
    assert names(page) == ["Anna M\u00fcller"]
    assert 'value="MULL"' in page["body"]
    page = staff.get(f"{PEOPLE}?{urlencode({'q': '<b>x'})}")
    assert page["statusCode"] == 200
    assert "Nobody has a name, an id or an address that begins with" in text_of(page)
    assert "<b>x" not in page["body"]
    page = staff.get(f"{PEOPLE}?q=mull&state=unsubscribed")
    assert "Nobody unsubscribed has a name" in text_of(page)
    assert names(staff.follow(page, "Search all people")) == ["Anna M\u00fcller"]
    assert staff.get(f"{PEOPLE}?state=x")["statusCode"] == 422
    assert staff.get(f"{PEOPLE}?q={'x' * 331}")["statusCode"] == 422


def test_an_address_stands_in_no_link(staff: Visitor, api: Api) -> None:
    """That a page makes: it is sent on, and the pages after it know what was looked for."""
    for number in range(30):
        api(f"/v1/participants/p{number:02}/addresses/jo.{number:02}@example.com", "PUT")
        api(f"/v1/participants/p{number:02}/addresses/jo@example.com", "PUT")
    done = staff.get(f"{PEOPLE}?q={quote('jo@ex')}&state=")
    assert done["statusCode"] == 303
    page = staff.get(done["headers"]["Location"])
    following = staff.follow(page, "Next")
    assert (len(names(page)), len(names(following))) == (25, 5)
    assert 'value="jo@ex"' in following["body"]
    tab = staff.follow(following, "Suppressed")
    for each in (done, page, following, tab):
        assert not any("@" in link or "%40" in link for link in links(each))
    assert staff.get(f"{PEOPLE}?which=forged")["statusCode"] == 400


def test_the_tabs_show_who_gets_no_mailings(staff: Visitor, api: Api) -> None:
    """And lead to the pages about suppressions and about who is about to be inactive."""
    api("/v1/participants/ann/addresses/ann@example.com", "PUT")
    api("/v1/participants/bo", "PUT", {"name": "Bo"})
    api("/v1/participants/bo/subscription", "PUT", {"subscribed": False})
    api("/v1/suppressions/ann@example.com", "PUT", {"note": "asked"})
    page = staff.get(PEOPLE)
    suppressed = staff.follow(page, "Suppressed")
    assert names(suppressed) == ["ann"]
    assert staff.follow(suppressed, "All suppressed addresses")["statusCode"] == 200
    assert names(staff.follow(page, "Unsubscribed")) == ["Bo"]
    inactive = staff.follow(page, "Inactive")
    assert "Nobody is inactive" in text_of(staff.get(f"{PEOPLE}?state=inactive"))
    assert inactive["statusCode"] == 200


def test_find_takes_beginnings(staff: Visitor, api: Api) -> None:
    """The only one at once, several as a list; what is found whole, as ever."""
    for who, name in (("ann", "Anna Doe"), ("anton", "Anton Roe")):
        api(f"/v1/participants/{who}", "PUT", {"name": name})
        api(f"/v1/participants/{who}/addresses/{who}@example.com", "PUT")
    to = {
        "roe": "/console/participants/anton",
        "anton r": "/console/participants/anton",
        "ann": "/console/participants/ann",
        "anton@e": "/console/participants/anton",
    }
    for word, where in to.items():
        found = staff.get(f"/console/find?{urlencode({'q': word})}")
        assert (found["statusCode"], found["headers"].get("Location")) == (303, where), word
    several = staff.get(staff.get("/console/find?q=an")["headers"]["Location"])
    assert (several["statusCode"], names(several)) == (200, ["Anna Doe", "Anton Roe"])
    for word in ("an@", "zz"):
        asked = staff.get(f"/console/find?{urlencode({'q': word})}")
        assert staff.get(asked["headers"]["Location"])["statusCode"] == 404


@pytest.mark.parametrize("name", ["Anna Doe", HOSTILE, "W" * 300])
def test_a_name_is_recorded_on_the_persons_page(world: World, staff: Visitor, name: str) -> None:
    """And is its heading, with the id; nothing in it is markup."""
    done = staff.post(f"{ANN}/name", name=name)
    assert done["statusCode"] == 303
    page = staff.get(done["headers"]["Location"])
    assert f"<h1><bdi>{escape(name)}</bdi></h1>" in page["body"]
    assert "<code>ann</code>" in page["body"]
    assert "named by send" in text_of(page)
    for path in (ANN, f"{ANN}/timeline", f"{ANN}/addresses", PEOPLE):
        body = staff.get(path)["body"]
        assert str(escape(name)) in body
        assert "<b onclick" not in body
    assert staff.post(f"{ANN}/name", name=" ")["statusCode"] == 303
    assert "<h1><bdi>ann</bdi></h1>" in staff.get(ANN)["body"]


def test_what_is_no_name_is_said_and_kept(staff: Visitor) -> None:
    """In the form, to be mended; nothing is recorded."""
    page = staff.post(f"{ANN}/name", name="a\x00<i>b")
    assert page["statusCode"] == 422
    assert "no control characters" in text_of(page)
    assert 'role="alert"' in page["body"]
    assert "&lt;i&gt;b" in page["body"]
    assert staff.get(ANN)["statusCode"] == 404
    long = staff.post(f"{ANN}/name", name="W" * 301)
    assert "at most 300 are allowed" in text_of(long)
    assert staff.post(f"{ANN}/name", secret="forged", name="Ann")["statusCode"] == 403


def test_who_may_only_read_records_no_name(world: World) -> None:
    """Nor sees the form."""
    Api(world)("/v1/participants/ann", "PUT", {"name": "Ann"})
    reader = signed_in(world, Scope.READ)
    assert 'action="/console/participants/ann/name"' not in reader.get(ANN)["body"]
    assert reader.post(f"{ANN}/name", name="Bo")["statusCode"] == 403


@pytest.mark.parametrize("page", ["", "/timeline", "/addresses"])
def test_nobodys_page_leads_on(staff: Visitor, page: str) -> None:
    """To a search, with the id that was tried."""
    found = staff.get(f"/console/participants/m-10{page}")
    assert found["statusCode"] == 404
    assert "Nobody is known by this id" in text_of(found)
    assert 'name="q"' in found["body"]
    assert 'value="m-10"' in found["body"]
    assert staff.get(f"/console/participants/{quote('no id')}{page}")["statusCode"] == 404


def test_a_timeline_is_in_words(staff: Visitor, api: Api) -> None:
    """Each line; with the status of a message and why it did not arrive, and who did what."""
    api("/v1/participants/ann", "PUT", {"name": "Anna Doe"})
    api("/v1/participants/ann/addresses/a@example.com", "PUT")
    api("/v1/participants/ann/interactions", "POST", {"kind": "gift"})
    staff.post(f"{ANN}/subscription", subscribed="no")
    mail = Mail("ses-1", "2026-11-20T09:30:00.000Z", ["a@example.com"], "Autumn")
    api.world.ingest([mail.send(), mail.bounce("2026-11-20T09:31:00.000Z")])
    api.world.fold()
    api("/v1/suppressions/a@example.com", "DELETE")
    api("/v1/suppressions/a@example.com", "PUT", {"note": "by phone"})
    text = text_of(staff.get(f"{ANN}/timeline"))
    said = (
        "Address suppressed by Front office a@example.com: by phone",
        "Suppression lifted by Front office a@example.com",
        "Unsubscribed from mailings by send",
        "Transaction recorded by Front office gift",
        "Address registered by Front office a@example.com",
        "Name recorded by Front office Anna Doe",
        "Address suppressed: bounced for good a@example.com: smtp; 550 5.1.1 user unknown",
        "Bounced Autumn The address does not work, for good: smtp; 550 5.1.1 user unknown",
        "First message to an address a@example.com",
    )
    places = [text.find(each) for each in said]
    assert -1 not in places, [each for each in said if each not in text]
    assert places == sorted(places)


def test_a_timeline_is_leafed_through(staff: Visitor, api: Api) -> None:
    """There and back."""
    for number in range(30):
        api("/v1/participants/ann/interactions", "POST", {"kind": f"gift {number}"})
    page = staff.get(f"{ANN}/timeline")
    assert "gift 29" in text_of(page)
    following = staff.follow(page, "Next")
    assert "gift 4 " in text_of(following)
    assert "gift 5 " not in text_of(following)
    assert "gift 29" in text_of(staff.follow(following, "Newest"))


def test_a_placeholder_is_called_by_its_address(staff: Visitor, api: Api) -> None:
    """Its id tells nobody anything."""
    mail = Mail("ses-1", "2026-11-20T09:30:00.000Z", ["zoe@example.com"], tags={})
    api.world.ingest([mail.send()])
    api.world.fold()
    page = staff.get(PEOPLE)
    assert names(page) == ["zoe@example.com"]
    assert "no id is known" in text_of(page)
    who = participant_of_address("zoe@example.com")
    body = staff.get(f"/console/participants/{who}")["body"]
    assert "<h1><bdi>zoe@example.com</bdi></h1>" in body
