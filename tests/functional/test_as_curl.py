"""What pages show as curl: run by a shell, each command gives what its page shows."""

from __future__ import annotations

import html
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import pytest

from local.notifications import Mail
from sendtrail.auth.api_keys import Scope
from sendtrail.console.as_curl import CALLS, WITHOUT, ApiCall, command
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.times import from_epoch_ms
from tests.browser.pages import PAGES
from tests.faults.hostile import NASTY, served
from tests.functional.conftest import Backend
from tests.functional.sending import Post
from tests.functional.visitor import Visitor, make_key
from tests.functional.world import Api, World
from tests.support import missing

NOON = 1_795_170_600_000
KEY = "stk_not-a-key"
HOST = "https://mail.society.example"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Thunderbird/128.0"

NOT_SHOWN: Final = {
    "/v1/suppressions/<address>": "an address is no part of a path here: the list is asked for it",
    "/v1/me": "whose key it is: who signed in stands at the head of each page",
}
"""GET routes of the API that no page has, and why."""

_CURL = """#!{python}
import json, sys
print(json.dumps(sys.argv[1:]))
"""


class Shell:
    """A POSIX shell whose `curl` says what it was told."""

    def __init__(self, folder: Path) -> None:
        self._path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        self._marker = folder / "ran"
        fake = folder / "curl"
        fake.write_text(_CURL.format(python=sys.executable))
        fake.chmod(0o700)

    def arguments(self, text: str) -> list[str]:
        """What curl is told by a command."""
        environment = {"PATH": self._path, "SENDTRAIL_KEY": KEY, "MARK": str(self._marker)}
        done = subprocess.run(
            ["sh", "-euc", text], env=environment, capture_output=True, text=True, check=True
        )
        assert not self._marker.exists()
        assert done.stderr == ""
        found: list[str] = json.loads(done.stdout)
        return found


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell of its own."""
    return Shell(tmp_path)


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, with something of each kind."""
    made = World(moto_backend, monkeypatch)
    made.ingest(_mail())
    made.fold()
    api = Api(made)
    for number in (1, 2):
        body = {"subject": f"Version {number}", "text": "Hello {{ name }}"}
        assert api("/v1/templates/evening", "PUT", body)["statusCode"] == 200
    return made


def _mail() -> list[Any]:
    """Thirty mailings to Ann, who has two addresses; one to thirty; and thirty direct messages."""
    said: list[Any] = []
    for number in range(30):
        said.append(_one(number, "ann", f"mailing-{number:02}").send())
        said.append(_one(100 + number, "bob", None).send())
        person = _one(200 + number, f"p{number:02}", "news")
        said += [person.send(), person.bounce(_at(201 + number))]
    opened = _one(29, "ann", "mailing-29")
    said += [opened.delivery(_at(30)), opened.open(_at(45), BROWSER)]
    said.append(_one(500, "ann", "news", "ann+work@example.com").send())
    return said


def _one(minute: int, person: str, mailing: str | None, address: str = "") -> Mail:
    ses_id, address = f"ses-{person}-{minute}", address or f"{person}@example.com"
    tags = {
        "participant_id": person,
        "message_id": derived_message_id(_at(minute), ses_id, address),
        "kind": "news" if mailing else "invoice",
    }
    tags |= {"communication_id": mailing} if mailing else {}
    return Mail(ses_id, _at(minute), [address], f"Number {minute}", tags=tags)


def _at(minute: int) -> str:
    return from_epoch_ms(NOON + minute * 60_000)


MESSAGE: Final = _one(29, "ann", "mailing-29").tags["message_id"]


@pytest.fixture
def admin(world: World) -> Visitor:
    """Somebody signed in with a key that may do everything."""
    visitor = Visitor(world)
    assert visitor.sign_in(make_key(world, Scope.ADMIN))["statusCode"] == 303
    return visitor


def commands(page: dict[str, Any]) -> list[str]:
    """The commands on a page."""
    found = re.findall(r'<div class="copied"><pre [^>]*>(.*?)</pre>', page["body"], re.DOTALL)
    return [html.unescape(each) for each in found]


def request_of(arguments: list[str]) -> tuple[str, str, list[tuple[str, str]], list[str]]:
    """Method, path, query and headers, as curl makes them of its arguments."""
    method, url, query, headers = "GET", "", [], []
    given = iter(arguments)
    for each in given:
        if each == "--request":
            method = next(given)
        elif each == "-H":
            headers.append(next(given))
        elif each == "--data-urlencode":
            name, _, value = next(given).partition("=")
            query.append((name, value))
        elif each == "--data":
            query += parse_qsl(next(given))
        elif each != "--get":
            url = each
    return method, url, query, headers


# --- the table ---------------------------------------------------------------------------------


def test_every_page_has_its_calls_or_a_reason_for_none() -> None:
    """A new page is put into the one or the other."""
    routes = {shown.route for shown in PAGES.values() if shown.route}
    assert {*CALLS, *WITHOUT} == routes
    assert not {*CALLS} & {*WITHOUT}


def test_every_route_that_reads_is_shown_on_some_page(world: World) -> None:
    """Each GET route of the API, but for those with a reason."""
    app = world.function("api").app()
    described = json.loads(Api(world, None)("/v1/openapi.json")["body"])["paths"]
    reads = {path for path, methods in described.items() if "get" in methods}
    shown = {
        re.sub(r"<open>", "<message_id>", call.route)
        for calls in CALLS.values()
        for call in calls
        if call.method == "GET"
    }
    named = {re.sub(r"\{(\w+)\}", r"<\1>", path) for path in reads}
    assert app is not None
    assert named - {*NOT_SHOWN} == shown
    assert {*NOT_SHOWN} <= named


# --- each page -----------------------------------------------------------------------------------

ANN: Final = "/console/participants/ann"
NEWS: Final = "/console/communications/news"
PATHS: Final = (
    "/console?days=7&until=2026-11-21",
    "/console/people",
    "/console/people?q=p&state=suppressed",
    "/console/communications",
    "/console/communications?kind=news&name=news&month=2026-11",
    NEWS,
    f"{NEWS}/recipients",
    f"{NEWS}/recipients?did=bounced",
    "/console/messages",
    "/console/messages?kind=invoice&from=2026-11-20&to=2026-11-21",
    ANN,
    f"{ANN}?kind=news&open={MESSAGE}",
    f"{ANN}/timeline",
    f"{ANN}/addresses",
    "/console/suppressions",
    "/console/suppressions?reason=bounced",
    "/console/templates",
    "/console/templates/evening",
    "/console/templates/evening?version=1",
    "/console/templates/evening/edit",
    "/console/templates/evening/compare?from=1&to=2",
    "/console/staff/acts",
    "/console/webhooks",
)


def test_a_command_gives_what_its_page_shows(world: World, admin: Visitor, shell: Shell) -> None:
    """Run by a shell: 200, and the same things, on the first page and on the next."""
    later = 0
    body = {"participant_id": "cara", "subject": "Hello", "text": "Dear Cara"}
    sent = Api(world)("/v1/messages", "POST", body | {"address": "cara@example.com"})["json"]
    Post(world).run()
    world.fold()
    own = f"/console/participants/cara/messages/{sent['message_id']}"  # one that has a preview
    hook = Api(world)("/v1/webhooks", "POST", {"url": "https://crm.example.org/"})["json"]
    for path in (*PATHS, own, f"/console/webhooks/{hook['webhook_id']}"):
        page = admin.get(path)
        assert page["statusCode"] == 200, path
        seen = _compared(world, shell, page)
        following = re.search(r'<a href="([^"]+)" rel="next"', page["body"])
        if following:
            next_page = admin.get(html.unescape(following[1]))
            assert next_page["statusCode"] == 200, path
            assert _compared(world, shell, next_page) != seen, path
            later += 1
    assert later >= 8


def _compared(world: World, shell: Shell, page: dict[str, Any]) -> list[str]:
    """The things that the commands of a page give, each of which it shows."""
    things: list[str] = []
    asked = commands(page)
    assert asked
    for text in asked:
        answer = _answered(world, shell, text)
        assert answer["statusCode"] == 200, text
        if "json" in answer:
            things += _named(answer["json"])
    shown = html.unescape(page["body"])
    assert [each for each in things if each not in shown] == []
    return things


def _answered(world: World, shell: Shell, text: str) -> dict[str, Any]:
    method, url, query, headers = request_of(shell.arguments(text))
    assert f"Authorization: Bearer {KEY}" in headers
    assert method == "GET"
    place = urlsplit(url)
    return Api(world)(unquote(place.path), headers={}, **{f"{each}_": v for each, v in query})


def _named(found: dict[str, Any]) -> list[str]:
    """What names the things of an answer."""
    names = (
        "webhook_id",
        "reason",
        "message_id",
        "participant_id",
        "communication_id",
        "template_id",
    )
    listed = []
    for item in found.get("items", [found]):
        name = next((each for each in names if item.get(each)), "address")
        listed += [item["address" if name == "reason" else name]] if name in item else []
    return [*listed, *found.get("template_ids", ())]


def test_a_page_of_the_last_place_is_the_same_page(world: World, admin: Visitor) -> None:
    """The cursor is the API's own: the whole list by it is the whole list without it."""
    first = admin.get("/console/messages")
    second = admin.follow(first, "Next")
    [text] = commands(second)
    assert "--data-urlencode 'cursor=" in text or "--data-urlencode cursor=" in text
    whole = [each["message_id"] for each in Api(world).everything("/v1/messages")]
    query = dict(request_of(_split(text))[2])
    found = Api(world)("/v1/messages", **query)["json"]["items"]
    assert [each["message_id"] for each in found] == whole[25:]


def _split(text: str) -> list[str]:
    return shlex.split(text.replace("\\\n", " "))[1:]


def test_what_the_api_has_not_is_not_shown_as_if_it_had(admin: Visitor) -> None:
    """A search among recipients, and their other order."""
    assert commands(admin.get(f"{NEWS}/recipients?q=p0")) == []
    assert commands(admin.get(f"{NEWS}/recipients?order=latest")) == []
    assert commands(admin.get("/console/templates?name=eve")) == []
    assert commands(admin.get("/console/messages?status=nonsense")) == []


def test_an_address_is_data_and_no_key_is_told(world: World, admin: Visitor, shell: Shell) -> None:
    """In people, in find and where a suppression is lifted."""
    found = admin.post("/console/find", q="@example.com")["headers"]["Location"]
    people = admin.get("/console/people?q=p01%40example.com")["headers"]["Location"]
    held = html.unescape(
        re.findall(r'href="(/console/suppressions/lift[^"]+)"', _suppressions(admin))[0]
    )
    for path, name in ((found, "q"), (people, "q"), (held, "address")):
        page = admin.get(path)
        for text in commands(page):
            method, url, query, headers = request_of(shell.arguments(text))
            assert "@" not in unquote(url)
            assert "@" in dict(query)[name]
            assert headers == [f"Authorization: Bearer {KEY}"]
            assert "$SENDTRAIL_KEY" in text
            assert method == "GET"
    [text] = commands(admin.get(people))
    assert [each["participant_id"] for each in _answered(world, shell, text)["json"]["items"]] == [
        "p01"
    ]


def _suppressions(admin: Visitor) -> str:
    return str(admin.get("/console/suppressions")["body"])


def test_the_foot_of_a_page_leads_to_what_is_there(admin: Visitor) -> None:
    """To the API's description; to an outbox in the local stack alone, which has no HTTPS."""
    page = admin.get("/console/compose")["body"]
    assert '<a href="/v1/docs">' in page
    assert "/outbox" not in page


def test_what_a_form_does_is_a_post(admin: Visitor, shell: Shell) -> None:
    """Composing, with the mailing in a file; stopping."""
    checked, sent = commands(admin.get("/console/compose"))
    arguments = shell.arguments(checked)
    assert arguments[:2] == ["--request", "POST"]
    assert arguments[2].endswith("/v1/communications/preview")
    assert arguments[-2:] == ["--data", "@mailing.json"]
    assert "Content-Type: application/json" in arguments
    assert shell.arguments(sent)[2].endswith("/v1/communications")
    [stops] = commands(admin.get(f"{NEWS}/stop"))
    assert shell.arguments(stops)[1:3] == ["POST", f"{_origin(stops)}/v1/communications/news/stop"]


def test_what_is_done_with_a_webhook_is_a_call_of_its_own(
    world: World, admin: Visitor, shell: Shell
) -> None:
    """By the method that does it, with what it is to be in a file."""
    made = Api(world)("/v1/webhooks", "POST", {"url": "https://crm.example.org/"})["json"]
    page, route = (f"/{each}/webhooks/{made['webhook_id']}" for each in ("console", "v1"))
    for path, method, called, body in (
        ("/console/webhook", "POST", "/v1/webhooks", True),
        (f"{page}/edit", "PUT", route, True),
        (f"{page}/secret", "POST", f"{route}/rotate", False),
        (f"{page}/remove", "DELETE", route, False),
    ):
        [text] = commands(admin.get(path))
        arguments = shell.arguments(text)
        assert arguments[:2] == ["--request", method]
        assert urlsplit(arguments[2]).path == called
        assert (arguments[-2:] == ["--data", "@webhook.json"]) is body


def _origin(text: str) -> str:
    found = re.search(r"https://[^/' ]+", text)
    assert found
    return found[0]


# --- quoting ----------------------------------------------------------------------------------------

HOSTILE: Final = (
    *NASTY,
    *("'", "''", "'\"'\"'", '"', "\\", "\\'", "$(touch $MARK)", "`touch $MARK`", "$SENDTRAIL_KEY"),
    *("'; touch $MARK; '", "a\nb", "a\n'; touch $MARK #", "!!", "* ?", "~", "-x", "@/etc/passwd"),
    *("=x", "a=b&c=d", "\x15\x1b[A", "🎉👩‍👩‍👧‍👦", "שלום\u202e", "a\r\nHost: evil"),
)


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: ascii(value)[:30])
def test_no_value_gets_out_of_its_quotes(shell: Shell, value: str) -> None:
    """The shell hands curl exactly the value, runs nothing, and a terminal sees no control code."""
    text = command(HOST, "GET", "/v1/participants", [("q", value)])
    assert all(each.isprintable() or each == "\n" for each in text)
    method, url, query, _ = request_of(shell.arguments(text))
    assert (method, url) == ("GET", f"{HOST}/v1/participants")
    assert query == ([("q", value)] if value or "--data-urlencode" in text else [])


def test_no_host_gets_out_of_its_quotes(shell: Shell) -> None:
    """Whatever a browser said it asks for."""
    text = command("https://a'; touch $MARK; '", "GET", "/v1/overview")
    assert shell.arguments(text)[0] == "https://a'; touch $MARK; '/v1/overview"


def test_curl_itself_asks_for_the_same(world: World) -> None:
    """The program, over HTTP, through a gateway: with values that are hard to write."""
    if shutil.which("curl") is None:
        missing("curl")
    key = make_key(world, Scope.READ)
    with served(world) as url:
        for name, value in (
            ("q", "p0"),
            ("q", "p\n0'\"$(x)🎉"),
            ("address", "ann+work@example.com"),
        ):
            text = command(url, "GET", "/v1/participants", [(name, value)])
            done = subprocess.run(
                ["sh", "-euc", text.replace("curl ", "curl --silent ", 1)],
                env={"PATH": os.environ["PATH"], "SENDTRAIL_KEY": key},
                capture_output=True,
                text=True,
                check=True,
            )
            query = urlencode({name: value})
            assert json.loads(done.stdout) == Api(world)(f"/v1/participants?{query}")["json"]


def test_the_table_is_of_routes_alone() -> None:
    """A parameter in a path is the page's own, or of its query."""
    for page, calls in CALLS.items():
        for call in calls:
            assert isinstance(call, ApiCall)
            own = set(re.findall(r"<(\w+)>", page)) | {call.needs}
            assert set(re.findall(r"<(\w+)>", call.route)) <= own
