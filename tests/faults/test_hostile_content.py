"""Hostile content: bodies, addresses, subjects and names that are too large, too deep, or not what
they seem; and what becomes of them in mail, in CSV and on the console's pages.
"""

from __future__ import annotations

import csv
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from io import StringIO
from typing import Any, Final
from urllib.parse import quote

import pytest

from local.notifications import Mail
from sendtrail.auth.api_keys import Scope
from sendtrail.domain.ids import new_message_id, participant_of_address
from tests.faults.hostile import NASTY
from tests.functional import conftest as functional
from tests.functional.conftest import Backend
from tests.functional.sending import Post, outbox
from tests.functional.test_console import signed_in
from tests.functional.world import Api, World, sqs_event
from tests.support import load_event

moto_url = functional.moto_url
moto_backend = functional.moto_backend

MEBIBYTE: Final = 2**20
GOOD: Final = "success@simulator.amazonses.com"
SENT: Final = "2026-11-20T09:30:00.000Z"
LATER: Final = "2026-11-20T09:31:00.000Z"


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


def with_a_body(world: World) -> list[tuple[str, str]]:
    """Every route that takes a body: method and path."""
    described = json.loads(Api(world, None)("/v1/openapi.json")["body"])
    names = {
        "participant_id": "ann",
        "template_id": "news",
        "address": "a@example.com",
        "webhook_id": new_message_id("2026-11-20T09:30:00.000Z"),
    }
    return [
        (method.upper(), path.format(**names))
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        if "requestBody" in operation
    ]


# --- bodies ----------------------------------------------------------------------------------

TEXTS: Final = {
    "not a number": '{"kind": NaN}',
    "infinite": '{"at": -Infinity}',
    "too large a number": '{"kind": 1e400}',
    "a number of 10,000 digits": '{"kind": %s}' % ("9" * 10_000),
    "a thousand levels": "[" * 1_000 + "]" * 1_000,
    "a thousand levels of objects": '{"a":' * 1_000 + "1" + "}" * 1_000,
    "a hundred thousand levels": "[" * 100_000 + "]" * 100_000,
    "a hundred thousand levels of objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "a prototype": '{"__proto__": {"admin": true}, "constructor": {"prototype": 1}}',
    "a mebibyte of text": json.dumps({"note": "x" * MEBIBYTE}),
    "a mebibyte of blanks": " " * MEBIBYTE + "{}x",
    "a mebibyte of members": "[" + "0," * (MEBIBYTE // 2) + "0]",
    "too large": json.dumps({"note": "x" * 2 * MEBIBYTE}),
    "a list": "[]",
    "a text": '"x"',
    "nothing": "null",
    "a byte order mark": '\ufeff{"subscribed": true}',
    "half a pair": '{"subject": "\\ud800", "kind": "\\udfff"}',
    "cut off": '{"subscribed": tru',
    "two": "{} {}",
}


def test_no_body_is_too_much_for_any_route(world: World) -> None:
    """Each is refused as a problem that says why: too large, too deep, of no such number."""
    api = Api(world)
    for method, path in with_a_body(world):
        for name, text in TEXTS.items():
            answer = api(path, method, text)
            where = (method, path, name)
            assert answer["statusCode"] in (413, 422), (where, answer["statusCode"])
            assert answer["headers"]["Content-Type"] == "application/problem+json", where
            assert answer["json"]["status"] == answer["statusCode"], where
            assert len(answer["body"]) < 100_000, where
        spoilt = {"body": b64encode(b'{"kind": "\xff\xfe"}').decode(), "isBase64Encoded": True}
        event = load_event("http-communication") | spoilt
        event["rawPath"] = event["requestContext"]["http"]["path"] = path
        event["requestContext"]["http"]["method"] = method
        event["headers"] |= {"content-type": "application/json"}
        event["requestContext"]["authorizer"]["lambda"]["scope"] = "admin"
        assert world.call("api", event)["statusCode"] == 422, (method, path)


def test_of_a_field_that_comes_twice_the_last_holds(world: World) -> None:
    """As Python's JSON has it, and whoever looked at the same text before would read it too."""
    answer = Api(world)(
        "/v1/participants/ann/subscription", "PUT", '{"subscribed": true, "subscribed": false}'
    )
    assert answer["json"]["subscribed"] is False


def test_merge_fields_may_be_named_as_anything(world: World) -> None:
    """A name of JavaScript's or Python's is a field like any other, and reaches into nothing."""
    data = {"__proto__": "p", "constructor": {"prototype": "c"}, "items": [1], "n": 1e308}
    draft = {
        "participant_id": "ann",
        "address": GOOD,
        "subject": "{{ constructor.prototype }} {{ items[0] }}",
        "text": "{{ n }}",
        "data": data,
    }
    assert Api(world)("/v1/messages", "POST", draft)["statusCode"] == 202
    for source in ("{{ __proto__ }}", "{{ items.append }}", "{{ ''.__class__ }}"):
        answer = Api(world)("/v1/messages", "POST", draft | {"text": source})
        assert answer["statusCode"] == 422, source


def test_public_forms_of_any_size_and_shape_change_nothing(world: World) -> None:
    """And no token of any letters is an error."""
    for token in (*NASTY, "x" * MEBIBYTE, "a.b" * 100_000, "\ud800"):
        for name, function in (
            ("http-open", "track"),
            ("http-click", "track"),
            ("http-preferences", "preferences"),
        ):
            event = load_event(name) | {"pathParameters": {"token": token}}
            answer = world.call(function, event)
            assert answer["statusCode"] == (200 if name == "http-open" else 404), (name, token[:40])
            assert "Location" not in answer["headers"]
    visitor = signed_in(world, Scope.ADMIN)
    for body in ("x" * MEBIBYTE, "a=b&" * 200_000, "%", "=", "&&&", "a" * 60 + "=%ff"):
        for path in (
            "/console/sign-in",
            "/console/compose/look",
            "/console/suppressions",
            "/console/template/save",
            "/console/template/check",
        ):
            answer = visitor._call("POST", path, body, "https")
            assert answer["statusCode"] < 500, (path, body[:40])


# --- events ----------------------------------------------------------------------------------


def log(world: World) -> set[str]:
    """The keys of the events in the log."""
    return {event.key for event in world.backend.logged()}


def test_large_and_deep_events_are_kept_or_fail_alone(world: World) -> None:
    """A mebibyte, fields of 50,000 characters, a hundred thousand levels."""
    mail = Mail("ses-1", SENT, ["a@example.com"], "S" * 50_000)
    click = mail.click(LATER, "https://society.example/" + "é" * 50_000, "A" * 50_000)
    bounce = mail.bounce(LATER, diagnostic="語" * 50_000)
    padded = mail.delivery(LATER) | {"padding": "x" * (MEBIBYTE - 10_000)}
    deep = '{"eventType": "Send", "mail": ' + "[" * 100_000 + "]" * 100_000 + "}"
    new = json.dumps({"eventType": "New", "mail": mail.send()["mail"], "new": 0})
    bodies = {
        "click": json.dumps(click),
        "bounce": json.dumps(bounce, ensure_ascii=False),
        "padded": json.dumps(padded),
        "deep": deep,
        "large of a new type": new.replace('"new": 0', f'"new": "{"x" * MEBIBYTE}"'),
        "a number of 10,000 digits": new.replace('"new": 0', '"new": ' + "9" * 10_000),
        "infinite": new.replace('"new": 0', '"new": 1e400'),
        "the same field twice": new.replace('"new": 0', '"eventType": "Send"'),
    }
    answer = world.call("ingest", sqs_event(list(bodies.values())))
    failed = [int(each["itemIdentifier"]) for each in answer["batchItemFailures"]]
    assert [list(bodies)[number] for number in failed] == [
        "deep",
        "large of a new type",
        "a number of 10,000 digits",
    ]
    assert len(log(world)) == 5
    world.fold()
    (item,) = Api(world)(f"/v1/participants/{participant_of_address('a@example.com')}/messages")[
        "json"
    ]["items"]
    assert len(item["subject"]) == 300
    whole = Api(world)(f"/v1/participants/{item['participant_id']}/messages/{item['message_id']}")
    assert whole["statusCode"] == 200
    assert len(whole["json"]["events"]) == 5


# --- addresses -------------------------------------------------------------------------------

ADDRESSES: Final = {
    "müller@example.com": "outside ASCII before the @",
    "jane@bücher.example": "",
    "jane@xn--bcher-kva.example": "",
    "jane@例え.テスト": "",
    "e\u0301@example.com": "a combining mark",
    "\u202emoc.elpmaxe@enaj": "turned round",
    "jane\u202e@example.com": "turned round",
    "ja\x00ne@example.com": "a NUL",
    "jane@exam\x00ple.com": "a NUL",
    "jane\ud800@example.com": "half a pair",
    "x" * 65 + "@example.com": "too long before the @",
    "x" * 300 + "@example.com": "far too long",
    '"jane doe"@example.com': "a blank",
    '"jane"@example.com': "quoted",
    '"a@b"@example.com': "an @ in quotes",
    "a@b@example.com": "two",
    "@example.com": "nothing before",
    "jane@": "nothing after",
    "jane@localhost": "no dot",
    "jane@[127.0.0.1]": "a literal",
    "jane@-example.com": "a hyphen first",
    "jane@" + "a." * 150 + "com": "a long domain",
    "jane\r\nBcc: all@evil.example": "a header",
    "jane@example.com\r\nBcc: all@evil.example": "a header",
    "jane@example.com, all@evil.example": "a list",
    "Jane <jane@example.com>": "a name",
    "jane@example.com>": "a bracket",
    "ｊａｎｅ@ｅｘａｍｐｌｅ.ｃｏｍ": "full width",
    "=1+1@example.com": "a formula",
    "'or'1'='1@example.com": "SQL",
    "<script>@example.com": "a tag",
    "%00@example.com": "an escape",
    "a/../b@example.com": "a path",
}


def test_odd_addresses_are_taken_under_one_spelling_or_refused(world: World) -> None:
    """What is registered or suppressed is found again under the same spelling, and nothing of it
    ends in an error of ours; what is sent, is sent to that one address.
    """
    api, post = Api(world), Post(world)
    visitor = signed_in(world, Scope.SEND)
    sent = 0
    for number, address in enumerate(ADDRESSES):
        text = address.encode("utf-8", "replace").decode()  # HTTP brings no half of a pair
        for path in (text, quote(text, safe="")):
            for route, body in (
                (f"/v1/participants/p{number}/addresses/{path}", None),
                (f"/v1/suppressions/{path}", {"note": "n"}),
            ):
                answer = api(route, "PUT", body)
                assert answer["statusCode"] in (200, 404, 405, 422), (route, answer)
                if answer["statusCode"] == 200:
                    kept = quote(answer["json"]["address"], safe="")
                    again = api(f"/v1/suppressions/{kept}", "PUT", {"note": "n"})
                    assert quote(again["json"]["address"], safe="").lower() == kept.lower()
                    assert api(f"/v1/suppressions/{kept}", "DELETE")["statusCode"] == 200
        assert api("/v1/participants", address=text)["statusCode"] in (200, 422), address
        draft = {"participant_id": f"q{number}", "subject": "s", "text": "t"}
        for more in ({"address": address}, {"address": GOOD, "reply_to": address}):
            answer = api("/v1/messages", "POST", {**draft, **more})
            assert answer["statusCode"] in (202, 422), (more, answer)
            sent += answer["statusCode"] == 202
        table = f'participant_id,address\np{number},"{address.replace(chr(34), chr(34) * 2)}"'
        page = visitor.post(
            "/console/compose/look",
            name="n",
            kind="k",
            template_id="",
            subject="s",
            text="t",
            recipients=table.encode("utf-8", "replace").decode(),
            tracking="yes",
        )
        assert page["statusCode"] in (200, 422), address
    post.run()
    mails = outbox(world)
    assert 0 < len(mails) <= sent
    for mail in mails:
        for text in (*mail["destination"], *mail["reply_to"]):
            assert text.count("@") == 1
            assert text.isascii()
            assert text.isprintable()


# --- mail ------------------------------------------------------------------------------------

HEADERS: Final = {"List-Unsubscribe", "List-Unsubscribe-Post"}
BREAKS: Final = (
    *("\r\nBcc: all@evil.example", "\nBcc: all@evil.example", "\rBcc: all@evil.example"),
    *("\r\n\r\n<script>alert(1)</script>", "\u2028Bcc: x", "\u0085Bcc: x", "\x0bBcc: x", "\x00"),
    *("=?utf-8?q?=0d=0aBcc:_all@evil.example?=", "=?utf-8?b?DQpCY2M6IHg=?=", "x" * 2_000),
)


def test_nothing_that_is_merged_adds_a_header(world: World) -> None:
    """Names, subjects, kinds, data and ids with line ends, plain or encoded; what SES is given has
    the headers that it always has, and each is one line.
    """
    post = Post(world)
    post.api("/v1/templates/news", "PUT", {"subject": "Dear {{ name }}", "text": "{{ name }}"})
    post.api("/v1/templates/raw", "PUT", {"subject": "S", "html": "<p>{{ name }}</p>"})
    for number, text in enumerate(BREAKS):
        drafts: list[dict[str, Any]] = [
            {"template_id": "news", "data": {"name": text}},
            {"template_id": "raw", "data": {"name": text}},
            {"subject": f"Dear{text}", "text": "t"},
            {"subject": "s", "text": "t", "kind": f"k{text}"},
            {"template_id": f"news{text}"},
            {"subject": "s", "text": "t", "reply_to": f"a@example.com{text}"},
            {"subject": "s", "text": "t", "copy_to": [f"a@example.com{text}"]},
        ]
        for place, draft in enumerate(drafts):
            whole = {"participant_id": f"p{number}-{place}", "address": GOOD, **draft}
            status = post.api("/v1/messages", "POST", whole)["statusCode"]
            assert status in (202, 404, 422), (text, draft)
            assert status == 202 or place > 1 or len(text) > 300, (text, draft)
        mailing = {
            "name": f"News{text}"[:200],
            "template_id": "news",
            "allow_likely_spam": True,
            "recipients": [{"participant_id": "ann", "address": GOOD, "data": {"name": text}}],
        }
        status = post.api("/v1/communications", "POST", mailing)["statusCode"]
        assert status == 202 or len(text) > 300, text
    post.run()
    mails = outbox(world)
    assert len(mails) >= 3 * len(BREAKS)
    for mail in mails:
        assert {header["name"] for header in mail["headers"]} <= HEADERS
        assert mail["destination"] == [GOOD]
        lines = [mail["subject"], mail["from"], *mail["reply_to"], *mail["tags"].values()]
        lines += [header["value"] for header in mail["headers"]]
        for line in lines:
            assert len(line.splitlines()) == 1
            assert line.isprintable()
            assert len(line) <= 1_000
        assert "<script>" not in (mail["html"] or "")
        assert "{{" not in mail["subject"]


# --- spreadsheets ----------------------------------------------------------------------------


def test_no_cell_of_a_csv_is_a_formula(world: World) -> None:
    """Not in a spreadsheet, whatever an address or an id begins with (OWASP, "CSV Injection")."""
    begins = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
    begins += ('"=', ",=", ";=", "';\"=", "\r\n=", "\u200b=", "\u00a0;\ufeff=")
    for number, begin in enumerate(begins):
        tags = {"participant_id": f"-p{number}", "communication_id": "news"}
        world.ingest([Mail(f"ses-{number}", SENT, [f"x{begin}1+1"], tags=tags).send()])
        world.ingest([Mail(f"ses-b{number}", SENT, [f"{begin}1+1@a.example"], tags=tags).send()])
    world.fold()
    answer = Api(world)("/v1/communications/news/recipients", accept="text/csv")
    rows = list(csv.reader(StringIO(answer["body"], newline="")))
    assert len(rows) == 1 + 2 * len(begins)
    for cell in (cell for row in rows for cell in row):
        for part in re.split(r"[;,]", cell):  # where the list separator is a semicolon, too
            seen = part.lstrip('" \u200b\u00a0\ufeff')
            assert not seen.startswith(tuple("=+-@\t\r\n＝＋－＠")), cell
    assert len({row[0] for row in rows}) == 1 + len(begins)
    assert answer["headers"]["Content-Type"].startswith("text/csv")


# --- pages -----------------------------------------------------------------------------------

MARKUP: Final = (
    "\"'></textarea></title><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"
)


def pages(world: World) -> Iterator[str]:
    """Every page that shows what somebody else wrote."""
    yield "/console/communications"
    yield f"/console/communications?name={quote(MARKUP)}"
    yield f"/console/find?q={quote(MARKUP)}"
    yield "/console/messages"
    yield f"/console/messages?kind={quote(MARKUP[:64])}&from={quote(MARKUP)}&did={quote(MARKUP)}"
    yield f"/console/{quote(MARKUP, safe='')}"
    yield f"/console/participants/{quote(MARKUP, safe='')}"
    yield f"/console/sign-in?next={quote(MARKUP, safe='')}"
    yield "/console/suppressions"
    yield "/console/compose"
    yield "/console/templates"
    yield f"/console/templates?name={quote(MARKUP)}"
    for page in ("", "/edit", "/versions", "/compare?from=1&to=2"):
        yield f"/console/templates/marked{page}"
        yield f"/console/templates/{quote(MARKUP, safe='')}{page}"
    for participant in ("ann", participant_of_address(f"{MARKUP}@a.example")):
        yield f"/console/participants/{participant}"
        for item in Api(world).everything(f"/v1/participants/{participant}/messages"):
            yield f"/console/participants/{participant}/messages/{item['message_id']}"
    for item in Api(world).everything("/v1/communications"):
        yield f"/console/communications/{item['communication_id']}"
        yield f"/console/communications/{item['communication_id']}/recipients"


def test_markup_in_what_others_wrote_is_text_on_every_page(world: World) -> None:
    """Subjects, names, addresses, links, notes, user agents and diagnostics; and no page runs what
    is in it, should any get through.
    """
    post = Post(world)
    mailing = {
        "name": MARKUP,
        "subject": "{{ name }}",
        "text": "{{ name }}",
        "allow_likely_spam": True,
        "recipients": [{"participant_id": "ann", "address": GOOD, "data": {"name": MARKUP}}],
    }
    assert post.api("/v1/communications", "POST", mailing)["statusCode"] == 202
    for number in (1, 2):
        raw = f"{{% raw %}}{number} {MARKUP}{{% endraw %}}"
        template = {"subject": raw, "text": raw, "description": f"{number} {MARKUP}"}
        assert post.api("/v1/templates/marked", "PUT", template)["statusCode"] == 200
    post.run()
    tags = {"participant_id": "ann", "communication_id": "news", "kind": MARKUP}
    for number, mail in enumerate(
        (
            Mail("ses-1", SENT, [f"{MARKUP}@a.example"], MARKUP, tags=tags),
            Mail(f"ses-2{MARKUP}", SENT, [f"{MARKUP}@a.example"], MARKUP),
        )
    ):
        world.ingest(
            [
                mail.send(),
                mail.bounce(LATER, diagnostic=MARKUP, status=MARKUP),
                mail.bounce(SENT, MARKUP, MARKUP),
                mail.complaint(LATER, MARKUP),
                mail.delay(LATER, MARKUP),
                mail.open(LATER, MARKUP, MARKUP),
                mail.click(LATER, f"javascript:alert({number})//{MARKUP}", MARKUP),
                mail.click(LATER, MARKUP, MARKUP),
                mail.reject(MARKUP),
                mail.rendering_failure(MARKUP),
                mail.send() | {"eventType": MARKUP},
            ]
        )
    note = {"note": MARKUP}
    assert post.api("/v1/suppressions/b@example.com", "PUT", note)["statusCode"] == 200
    world.fold()
    visitor = signed_in(world, Scope.ADMIN)
    shown = 0
    for path in pages(world):
        page = visitor.get(path)
        if page["statusCode"] == 303:
            page = visitor.get(page["headers"]["Location"])
        assert page["statusCode"] < 500, (path, page["statusCode"])
        policy = page["headers"]["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert page["headers"]["X-Content-Type-Options"] == "nosniff"
        body = page["body"] or ""
        shown += "&lt;script&gt;alert(1)" in body
        for raw in ("<script>alert", "<img src=x", "onerror=alert(1)>{", "49}"):
            assert raw not in body, (path, raw)
        assert not re.search(
            r"""href=["']?\s*(javascript|data|vbscript):""", body, re.IGNORECASE
        ), path
    assert shown >= 8
