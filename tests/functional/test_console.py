"""The console, over the handler: who is let in, what pages show and refuse, and what they cost."""

from __future__ import annotations

import csv
import json
import re
import time
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest

from local.notifications import Mail
from sendtrail.auth import sessions
from sendtrail.auth.api_keys import Scope
from sendtrail.auth.sessions import Sessions
from sendtrail.auth.signing_keys import SigningKeyRing
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.times import from_epoch_ms
from sendtrail.reading.recipient_columns import RECIPIENT_COLUMNS
from sendtrail.reading.search import search
from tests.functional.conftest import Backend
from tests.functional.sending import NEWS, Post, people
from tests.functional.test_api import _row
from tests.functional.visitor import Reads, Visitor, make_key, revoke_keys
from tests.functional.world import Api, World
from tests.support import load_event

NOON = 1_795_170_600_000
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Thunderbird/128.0"
COOKIE = "__Host-sendtrail_session"
HOME = "/console/communications"
ANN = "/console/participants/ann"


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


@pytest.fixture
def visitor(world: World) -> Visitor:
    """Somebody who has not signed in."""
    return Visitor(world)


@pytest.fixture
def admin(world: World) -> Visitor:
    """Somebody signed in with a key that may do everything."""
    return signed_in(world, Scope.ADMIN)


def signed_in(world: World, scope: Scope) -> Visitor:
    """Somebody signed in with a key of this scope."""
    visitor = Visitor(world)
    assert visitor.sign_in(make_key(world, scope))["statusCode"] == 303
    return visitor


def mail(number: int, person: str = "ann", subject: str = "Number") -> Mail:
    """The mail of that number to a person, a minute after the one before."""
    sent_at, ses_id = from_epoch_ms(NOON + number * 60_000), f"ses-{person}-{number}"
    address = f"{person.capitalize()}@example.com"
    tags = {
        "participant_id": person,
        "message_id": derived_message_id(sent_at, ses_id, address),
        "communication_id": "news",
        "kind": "newsletter",
    }
    return Mail(ses_id, sent_at, [address], f"{subject} {number}", tags=tags)


def after(number: int, seconds: float) -> str:
    """A time after that mail was sent."""
    return from_epoch_ms(NOON + number * 60_000 + int(seconds * 1000))


def text_of(page: dict[str, Any]) -> str:
    """The words of a page, without its marks, and without the JSON beside them."""
    words = re.sub(r'<details class="json">.*?</details>', " ", page["body"], flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", words))


# --- who is let in ---------------------------------------------------------------------------


def test_who_has_not_signed_in_is_sent_there_and_back(world: World, visitor: Visitor) -> None:
    """To the very page that was asked for."""
    page = visitor.get(f"{HOME}?kind=a&month=2026-11")
    to = page["headers"]["Location"]
    assert (page["statusCode"], to.partition("?")[0]) == (303, "/console/sign-in")
    assert (
        'name="next" value="/console/communications?kind=a&amp;month=2026-11"'
        in (visitor.get(to)["body"])
    )
    done = visitor.sign_in(make_key(world, Scope.READ), f"{HOME}?kind=a&month=2026-11")
    assert done["headers"]["Location"] == f"{HOME}?kind=a&month=2026-11"
    assert visitor.get(HOME)["statusCode"] == 200


@pytest.mark.parametrize(
    "given", ["https://evil.example/", "//evil.example", "/console\\..\\x", "/v1/x", "/console/\nx"]
)
def test_signing_in_leads_nowhere_else(world: World, visitor: Visitor, given: str) -> None:
    """Whatever a link to the sign-in page says."""
    done = visitor.sign_in(make_key(world, Scope.READ), given)
    assert done["headers"]["Location"] == "/console"


def test_a_wrong_key_is_refused(visitor: Visitor) -> None:
    """And the page says so."""
    for key in ("", "nonsense", "Bearer x"):
        page = visitor.sign_in(key)
        assert page["statusCode"] == 403
        assert "This API key is not valid here" in page["body"]
    assert visitor.get(HOME)["statusCode"] == 303


def test_the_first_key_of_the_stack_signs_in(world: World, visitor: Visitor) -> None:
    """The one that the stack makes."""
    secret = world.backend.endpoints.client("secretsmanager").get_secret_value(
        SecretId=world.backend.resources.physical["FirstApiKey", ""]
    )["SecretString"]
    assert visitor.sign_in(json.loads(secret)["key"])["statusCode"] == 303
    assert "first" in text_of(visitor.get("/console"))


def test_the_session_is_for_the_console_alone_and_no_script_reads_it(
    world: World, visitor: Visitor
) -> None:
    """Secure but on a laptop; and it says nothing of the key but its hash."""
    key = make_key(world, Scope.READ)
    done = visitor.sign_in(key)
    (cookie,) = done["cookies"]
    attributes = set(cookie.split("; ")[1:])
    assert attributes == {
        "Path=/",  # as `__Host-` wants it
        "HttpOnly",
        "SameSite=Strict",
        f"Max-Age={28800 + 3 * 86400}",  # for three days more it keeps what was being written
        "Secure",
    }
    assert cookie.startswith("__Host-")
    assert key not in cookie
    (cookie,) = Visitor(world).get("/console/sign-in", scheme="http")["cookies"]
    assert "Secure" not in cookie


def test_a_session_lasts_eight_hours() -> None:
    """And not a second more; a token for something else is none."""
    clock = [1_000_000.0]
    made = Sessions(SigningKeyRing.of(["key"]), clock=lambda: clock[0])
    value = made.write(made.begin("fingerprint"))
    clock[0] += sessions.LIFETIME_SECONDS - 1
    assert made.read(value)
    clock[0] += 2
    assert made.read(value) is None
    assert Sessions(SigningKeyRing.of(["other"])).read(value) is None


def test_a_session_that_ended_is_known_for_three_days() -> None:
    """Only what somebody had signed in to, and neither before it ends nor after."""
    clock = [1_000_000.0]
    made = Sessions(SigningKeyRing.of(["key"]), clock=lambda: clock[0])
    value, strangers = made.write(made.begin("fingerprint")), made.write(made.begin())
    assert made.lapsed(value) is None
    clock[0] += sessions.LIFETIME_SECONDS
    ended = made.lapsed(value)
    assert ended
    assert ended.fingerprint == "fingerprint"
    assert made.lapsed(strangers) is None
    assert made.lapsed(value[:-1]) is None
    clock[0] += sessions.LAPSED_SECONDS - 1
    assert made.lapsed(value)
    clock[0] += 1
    assert made.lapsed(value) is None
    assert made.read(value) is None


@pytest.mark.parametrize(
    "spoil",
    [lambda v: v[:-1], lambda v: "x" + v, lambda v: v.swapcase(), lambda v: "", lambda v: "a.b"],
)
def test_a_spoilt_session_is_none(admin: Visitor, spoil: Any) -> None:
    """Whatever is done to it."""
    value = admin.cookies[COOKIE]
    admin.cookies[COOKIE] = spoil(value)
    assert admin.get(HOME)["statusCode"] == 303


def test_a_removed_key_ends_its_sessions_within_a_minute(world: World, admin: Visitor) -> None:
    """The keys are read anew when they are a minute old."""
    assert admin.get(HOME)["statusCode"] == 200
    revoke_keys(world)
    ring = world._functions["console"].console()._access._keys
    ring._read_at -= 60
    assert admin.get(HOME)["statusCode"] == 303


def test_signing_out_forgets_the_session(admin: Visitor) -> None:
    """In the browser, where it is."""
    done = admin.post("/console/sign-out")
    assert done["headers"]["Location"] == "/console/sign-in"
    assert admin.cookies[COOKIE] == ""
    assert admin.get(HOME)["statusCode"] == 303


NESTED = "".join(
    f"Content-Type: multipart/form-data; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(20_000)
)
PART = '--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nx\r\n--b--'
FLAT = '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n' * 20_000


@pytest.mark.parametrize("body", [NESTED, FLAT, "%" * 1_400_000], ids=["nested", "flat", "long"])
@pytest.mark.parametrize("path", ["look", "send", "preview"])
@pytest.mark.parametrize(("scope", "told"), [(None, 303), (Scope.READ, 403), (Scope.SEND, 422)])
def test_nothing_of_a_form_is_read_before_it_is_known_who_sends_it(
    world: World, path: str, body: str, scope: Scope | None, told: int
) -> None:
    """A stranger is sent to sign in, and who may not send is told so, whatever they send, in less
    than 50 ms of the processor: these are no forms, which is told only to who may.
    """
    anybody = signed_in(world, scope) if scope else Visitor(world)
    kind = "multipart/form-data; boundary=b"
    took = []
    for content in ("", body):
        began = time.process_time()
        answer = anybody.send(f"/console/compose/{path}", content, kind)
        took.append(time.process_time() - began)
    assert answer["statusCode"] == told
    assert told == 422 or took[-1] < 0.05


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (NESTED, "multipart/form-data; boundary=b0"),
        (FLAT, "multipart/form-data; boundary=b"),
        ("key=" + "x" * 2_048, "application/x-www-form-urlencoded"),
        (PART, "multipart/form-data; boundary=b"),
    ],
    ids=["nested", "flat", "long", "parts"],
)
def test_signing_in_takes_a_short_form_without_parts(
    visitor: Visitor, body: str, kind: str
) -> None:
    """Two kilobytes are enough for a key."""
    answer = visitor.send("/console/sign-in", body, kind)
    assert answer["statusCode"] in (403, 422)


def test_signing_in_begins_a_session_of_its_own(world: World, visitor: Visitor) -> None:
    """What was planted before it is of no use after it."""
    planted = visitor.secret()
    visitor.sign_in(make_key(world, Scope.ADMIN))
    assert visitor.secret() != planted
    assert visitor.post("/console/sign-out", secret=planted)["statusCode"] == 403


FORMS = [
    ("/console/sign-out", {}, Scope.READ),
    (f"{ANN}/subscription", {"subscribed": "no"}, Scope.SEND),
    (f"{ANN}/interactions", {"kind": "gift"}, Scope.SEND),
    (f"{ANN}/addresses", {"address": "ann@example.com"}, Scope.SEND),
    ("/console/suppressions", {"address": "ann@example.com"}, Scope.ADMIN),
    ("/console/suppressions/lift", {"address": "ann@example.com"}, Scope.ADMIN),
]


@pytest.mark.parametrize(("path", "fields", "_scope"), FORMS, ids=str)
def test_every_form_needs_the_secret_of_its_session(
    world: World, admin: Visitor, path: str, fields: dict[str, str], _scope: Scope
) -> None:
    """Another session's is none, and no form is taken from a stranger."""
    for secret in ("", "x", Visitor(world).secret()):
        assert admin.post(path, secret=secret, **fields)["statusCode"] == 403
    stranger = Visitor(world)
    assert stranger.post(path, **fields)["headers"]["Location"] == "/console/sign-in"


@pytest.mark.parametrize(("path", "fields", "needed"), FORMS, ids=str)
@pytest.mark.parametrize("scope", list(Scope))
def test_what_a_scope_does_not_allow_is_not_accepted(
    world: World, scope: Scope, path: str, fields: dict[str, str], needed: Scope
) -> None:
    """For every form and every scope."""
    visitor = signed_in(world, scope)
    status = visitor.post(path, **fields)["statusCode"]
    assert (status == 403) == (not scope.allows(needed))


@pytest.mark.parametrize("scope", list(Scope))
def test_what_a_scope_does_not_allow_is_not_shown(world: World, scope: Scope) -> None:
    """No form and no link that would be refused."""
    one = mail(1)
    world.ingest([one.send(), one.bounce(after(1, 3))])
    world.fold()
    visitor = signed_in(world, scope)
    person, listed = visitor.get(ANN)["body"], visitor.get("/console/suppressions")["body"]
    addresses = visitor.get(f"{ANN}/addresses")["body"]
    assert ("Record an interaction" in person) == scope.allows(Scope.SEND)
    assert ("Register an address" in addresses) == scope.allows(Scope.SEND)
    assert ("/suppressions/lift" in person + listed + addresses) == scope.allows(Scope.ADMIN)
    assert ("Suppress an address" in listed) == scope.allows(Scope.ADMIN)


def test_every_answer_has_a_strict_policy(admin: Visitor) -> None:
    """Pages, files, redirects and errors: nothing inline, nothing from elsewhere, in no frame."""
    for path in (HOME, "/console", "/console/nothing", "/console/static/console.css"):
        policy = admin.get(path)["headers"]["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
    page = admin.get(HOME)
    assert page["headers"]["Cache-Control"] == "no-store"
    assert " style=" not in page["body"]
    assert re.findall(r"<script(?![^>]*src=)", page["body"]) == []


def test_files_are_kept_by_browsers_until_they_change(admin: Visitor) -> None:
    """Their address has a digest of their content."""
    found = re.findall(r'"(/console/static/[^"]+)"', admin.get(HOME)["body"])
    assert len(found) == 3
    for path in found:
        answer = admin.get(path)
        assert (answer["statusCode"], len(path.partition("?v=")[2])) == (200, 12)
        assert "immutable" in answer["headers"]["Cache-Control"]
    assert admin.get("/console/static/app.py")["statusCode"] == 404


@pytest.mark.parametrize("body", ["x", "/w==", "YT1i" * 30_000])
def test_what_is_no_form_is_refused(world: World, body: str) -> None:
    """No base64, no UTF-8, too large."""
    event = load_event("http-console")
    event["requestContext"]["http"]["method"] = "POST"
    event["rawPath"] = event["requestContext"]["http"]["path"] = "/console/sign-in"
    event |= {"body": body, "isBase64Encoded": True}
    assert world.call("console", event)["statusCode"] == 422


# --- communications --------------------------------------------------------------------------


def test_an_empty_console_says_what_to_do(admin: Visitor) -> None:
    """On every page that can be empty."""
    assert "Nothing was sent yet" in text_of(admin.get("/console"))
    assert "No mailing yet" in text_of(admin.get(HOME))
    assert "No address is suppressed" in text_of(admin.get("/console/suppressions"))
    assert "No mailing matches" in text_of(admin.get(f"{HOME}?kind=x"))


def test_communications_are_found_and_leafed_through(world: World, admin: Visitor) -> None:
    """By a part of the name, kind and month; forward, and back again."""
    said = []
    for number in range(60):
        one = mail(number * 60 * 24)
        one.tags["communication_id"] = f"{'spring' if number % 2 else 'autumn'}-{number:02}"  # type: ignore[index]
        said.append(one.send())
    world.ingest(said)
    world.fold()

    def names(page: dict[str, Any]) -> list[str]:
        return re.findall(r'href="/console/communications/([a-z]+-\d+)"', page["body"])

    pages = [admin.get(HOME)]
    while 'rel="next"' in pages[-1]["body"]:
        pages.append(admin.follow(pages[-1], "Next"))
    found = [names(page) for page in pages]
    assert [len(each) for each in found] == [25, 25, 10]
    assert [int(name[-2:]) for each in found for name in each] == list(range(59, -1, -1))
    back = pages[-1]
    for expected in reversed(found[:-1]):
        back = admin.follow(back, "Previous")
        assert names(back) == expected
    assert names(admin.follow(pages[-1], "Newest")) == found[0]
    spring = names(admin.get(f"{HOME}?name=SPRING"))
    assert len(spring) == 25
    assert all(name.startswith("spring") for name in spring)
    month = re.search(r"datetime=\"(\d{4}-\d\d)", pages[0]["body"])
    assert month
    assert names(admin.get(f"{HOME}?month={month[1]}")) == [
        name
        for each in found
        for name in each
        if name in names(admin.get(f"{HOME}?month={month[1]}"))
    ]
    assert admin.get(f"{HOME}?month=tomorrow")["statusCode"] == 422
    assert admin.get(f"{HOME}?at=spoilt")["statusCode"] == 400


def test_a_communication_tells_people_from_machines(world: World, admin: Visitor) -> None:
    """In the funnel, over time, by link and by provider; all of it as text too."""
    said: list[Any] = []
    for number in range(8):
        one = mail(number, f"p{number}")
        said += [one.send(), one.delivery(after(number, 2))]
        said += [one.open(after(number, 30), "Mozilla/5.0")]
        if number < 3:
            said += [one.open(after(number, 7200), BROWSER)]
            said += [one.click(after(number, 86_400 * 2), "https://a.example/?x=<b>", BROWSER)]
    said += [mail(9, "gone").send(), mail(9, "gone").bounce(after(9, 3))]
    world.ingest(said)
    world.fold()
    page = admin.get(f"{HOME}/news")
    assert (
        "Funnel: sent 9; delivered 8; opened 8, 3 by people; clicked 3, 3 by people"
        in (page["body"])
    )
    assert "mail privacy proxies" in page["body"]
    labels = text_of(page)
    assert "hour 1 8 0 0 0" in labels
    assert "hour 3 3 3 0 0" in labels
    assert "day 3 0 0 3 3" in labels
    assert "https://a.example/?x=&lt;b&gt;" in page["body"]
    assert labels.index("Bounced 1 11.1") < labels.index("Marked as spam 0 0.0")
    assert "Dropped, not sent 0 0.0" in labels
    assert admin.get(f"{HOME}/none")["statusCode"] == 404


def test_providers_are_listed_worst_first(world: World, admin: Visitor) -> None:
    """By the share that bounced, then by how few were opened."""
    said: list[Any] = []
    for number, domain in enumerate(["gmail.com"] * 4 + ["gmx.de"] * 2 + ["yahoo.com"] * 2):
        at = from_epoch_ms(NOON + number)
        one = Mail(f"s{number}", at, [f"p{number}@{domain}"], tags={"communication_id": "news"})
        said += [one.send()]
        said += [one.bounce(after(0, 60))] if number in (0, 4) else [one.delivery(after(0, 60))]
        said += [one.open(after(0, 90), BROWSER)] if number == 1 else []
    world.ingest(said)
    world.fold()
    page = admin.get(f"{HOME}/news")["body"]
    rows = re.findall(r'scope="row">(gmail|gmx|yahoo)<', page)
    assert rows == ["gmx", "gmail", "yahoo"]


def test_recipients_are_filtered_and_downloaded(world: World, admin: Visitor) -> None:
    """The same rows, on the page and in the file."""
    said: list[Any] = []
    for number in range(30):
        one = mail(number, f"p{number:02}")
        said += [one.send()]
        said += [one.bounce(after(number, 3))] if number % 10 == 0 else []
    world.ingest(said)
    world.fold()
    path = f"{HOME}/news/recipients"
    first = admin.get(path)
    second = admin.follow(first, "Next")
    assert first["body"].count('scope="row"') == 25
    assert second["body"].count('scope="row"') == 5
    bounced = admin.get(f"{path}?status=bounced")
    assert bounced["body"].count('scope="row"') == 3
    answer = admin.get(f"{path}.csv?status=bounced")
    assert answer["headers"]["Content-Disposition"] == (
        'attachment; filename="news-2026-11-20-bounced.csv"; '
        "filename*=UTF-8''news%202026-11-20%20bounced.csv"
    )
    rows = list(csv.DictReader(StringIO(answer["body"])))
    assert [row["participant_id"] for row in rows] == ["p00", "p10", "p20"]
    assert admin.get(f"{path}?status=glad")["statusCode"] == 422


def test_every_column_of_recipients_is_shown_everywhere(
    world: World, admin: Visitor, api: Api
) -> None:
    """On the page, in the file, and in the API's answer and description."""
    world.ingest([mail(1).send()])
    world.fold()
    page = admin.get(f"{HOME}/news/recipients")["body"]
    file = csv.DictReader(StringIO(admin.get(f"{HOME}/news/recipients.csv")["body"]))
    [item] = api("/v1/communications/news/recipients")["json"]["items"]
    described = api("/v1/openapi.json")["json"]["components"]["schemas"]["Recipient"]
    names = [column.name for column in RECIPIENT_COLUMNS]
    assert list(item) == list(described["properties"]) == described["required"] == names
    assert file.fieldnames == names
    assert list(file) == [
        {name: "" if value is None else str(value) for name, value in item.items()}
    ]
    for column in RECIPIENT_COLUMNS:
        assert not column.heading or f">{column.heading}</th>" in page, column.name
    headings = re.findall(r'role="columnheader"[^>]*>([^<]+)<', page)
    assert re.findall(r'data-label="([^"]+)"', page) == headings[1:]


def test_the_workbook_has_ids_as_text_and_letters_as_they_are(world: World, admin: Visitor) -> None:
    """A spreadsheet would make 7 of 007, and a formula of what begins like one."""
    at = "2026-11-20T09:30:00.000Z"
    for number, (who, address) in enumerate(
        {"007": "zoë@example.com", "1e5": "=1@a.example"}.items()
    ):
        tags = {"participant_id": who, "communication_id": "excel"}
        world.ingest([Mail(f"m-{number}", at, [address], tags=tags).send()])
    world.fold()
    answer = admin.get(f"{HOME}/excel/recipients.xlsx")
    assert answer["isBase64Encoded"]
    assert 'filename="excel-2026-11-20-recipients.xlsx"' in answer["headers"]["Content-Disposition"]
    with ZipFile(BytesIO(b64decode(answer["body"]))) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314 -- ours
        strings = ElementTree.fromstring(book.read("xl/sharedStrings.xml"))  # noqa: S314
    texts = ["".join(each.itertext()) for each in strings.iterfind("{*}si")]
    rows = [
        [(cell.get("t"), cell.findtext("{*}v") or "") for cell in row.iterfind("{*}c")]
        for row in sheet.iterfind("{*}sheetData/{*}row")
    ]
    cells = [[texts[int(value)] if kind == "s" else value for kind, value in row] for row in rows]
    assert [cell.removesuffix(" (UTC)") for cell in cells[0]] == [
        each.title for each in RECIPIENT_COLUMNS
    ]
    assert sheet.find("{*}sheetViews/{*}sheetView/{*}pane").get("state") == "frozen"
    assert sheet.find("{*}autoFilter").get("ref") == "A1:O3"
    assert {(row[0], row[2]) for row in cells[1:]} == {
        ("007", "zoë@example.com"),
        ("1e5", "=1@a.example"),
    }
    types = [column.type for column in RECIPIENT_COLUMNS]
    for row in rows[1:]:
        kinds = dict(zip(types, (kind for kind, _ in row), strict=True))
        assert (kinds["id"], kinds["address"], kinds["count"], kinds["time"]) == (
            *("s", "s"),
            *(None, None),
        )
    changed = datetime(1899, 12, 30, tzinfo=UTC) + timedelta(days=float(cells[1][-1]))
    assert abs(changed - datetime(2026, 11, 20, 9, 30, tzinfo=UTC)) < timedelta(seconds=1)


# --- participants ----------------------------------------------------------------------------


def test_the_trail_is_told_in_words(world: World, admin: Visitor) -> None:
    """An out-of-office reply is called that; a click without an open is called normal."""
    one, two = mail(1, subject="<script>alert(1)</script>"), mail(2)
    reply: dict[str, Any] = {"status": None, "diagnostic": None}
    world.ingest(
        [
            one.send(),
            one.delivery(after(1, 3)),
            one.bounce(after(1, 60), "Transient", "General", **reply),
            one.click(after(1, 90), "javascript:alert(1)", BROWSER),
            one.click(after(1, 2), "https://a.example/", BROWSER),
            one.click(after(1, 75), "https://a.example/", "Barracuda"),
            two.send(),
            two.bounce(after(2, 60), "Transient", "MailboxFull", **reply),
        ]
    )
    world.fold()
    page = admin.get(ANN)
    assert "Mailbox full" in text_of(page)
    assert "Out-of-office" not in text_of(page)
    message_id = one.tags["message_id"]
    for path in (f"{ANN}?open={message_id}", f"{ANN}/messages/{message_id}"):
        page = admin.get(path)
        labels = text_of(page)
        assert "Out-of-office reply" in labels
        assert "Transient" not in labels
        assert "A click without an open is normal" in labels
        assert "Clicked within seconds of sending: a gateway that scans mail" in labels
        assert "Clicked by a robot" in labels
        assert "<script>alert" not in page["body"]
        assert 'href="javascript:' not in page["body"]
        assert (
            f'<iframe sandbox title="The message, as it was sent" loading="lazy" src="{ANN}/messages/{message_id}/preview"'
            in page["body"]
        )
    part = admin.get(f"{ANN}/messages/{message_id}?part=1")["body"]
    assert "<html" not in part
    assert "Out-of-office reply" in part


def test_a_preview_shows_what_was_sent_and_can_do_nothing(world: World, admin: Visitor) -> None:
    """It may stand in our own frame; and it is sandboxed wherever it stands."""
    post = Post(world)
    post.send(recipients=people("success@simulator.amazonses.com"), kind="news", **NEWS)
    post.run()
    found = post.api("/v1/participants/p0/messages")["json"]["items"][0]["message_id"]
    page = admin.get(f"/console/participants/p0/messages/{found}/preview")
    assert 'href="https://society.example/a?x=1&amp;y=2"' in page["body"]
    assert "Dear N0" in page["body"]
    other = admin.get(f"{ANN}/messages/{mail(1).tags['message_id']}/preview")
    assert "There is nothing to show" in text_of(other)
    assert (
        other["headers"]["Content-Security-Policy"] == (page["headers"]["Content-Security-Policy"])
    )
    policy = page["headers"]["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy


def test_staff_unsubscribe_and_undo(world: World, admin: Visitor) -> None:
    """And see at once that they did."""
    world.ingest([mail(1).send()])
    world.fold()
    done = admin.post(f"{ANN}/subscription", subscribed="no")
    page = admin.get(done["headers"]["Location"])
    assert "Unsubscribed: they get no mailings" in text_of(page)
    assert ">Undo<" in page["body"]
    done = admin.post(f"{ANN}/subscription", subscribed="yes")
    page = admin.get(done["headers"]["Location"])
    assert "Subscribed again" in text_of(page)
    assert ">Undo<" not in page["body"]


def test_staff_record_an_interaction_and_an_address(world: World, admin: Visitor) -> None:
    """Also of somebody who was never mailed."""
    done = admin.post("/console/participants/new/interactions", kind="gift")
    assert "Recorded" in text_of(admin.get(done["headers"]["Location"]))
    done = admin.post("/console/participants/new/addresses", address="New+Tag@Example.com")
    labels = text_of(admin.get(done["headers"]["Location"]))
    assert "New+Tag@Example.com the one to write to" in labels
    refused = admin.post("/console/participants/new/addresses", address="no address")
    assert refused["statusCode"] == 422


def test_suppressions_are_added_and_lifted_with_a_confirmation(
    world: World, admin: Visitor
) -> None:
    """Which says what it does; nothing is lifted by a GET."""
    world.ingest([mail(1).send(), mail(1).bounce(after(1, 3))])
    world.fold()
    done = admin.post("/console/suppressions", address="Odd+one@example.com", note="asked us to")
    assert "Odd+one@example.com is suppressed" in text_of(admin.get(done["headers"]["Location"]))
    listed = admin.get("/console/suppressions")["body"]
    assert listed.index("ann@example.com") < listed.index("odd+one@example.com")
    only = admin.get("/console/suppressions?reason=manual")["body"]
    assert "ann@example.com" not in only
    name = r'Lift<span class="unseen"> the suppression of odd\+one@example.com</span> …'
    assert "odd%2Bone" not in listed  # no address in a URL
    confirm = admin.follow(admin.get("/console/suppressions"), name)
    assert "mail is sent to this address again" in text_of(confirm)
    assert "odd+one@example.com" in admin.get("/console/suppressions")["body"]
    done = admin.post("/console/suppressions/lift", address="odd+one@example.com")
    assert "may be mailed again" in text_of(admin.get(done["headers"]["Location"]))
    assert "asked us to" not in admin.get("/console/suppressions")["body"]
    again = admin.post("/console/suppressions/lift", address="odd+one@example.com")
    assert again["statusCode"] == 404


def test_anything_is_found_by_one_word(world: World, admin: Visitor) -> None:
    """A participant, an address, a message; and what is nowhere is said to be."""
    one = mail(1)
    world.ingest([one.send(), mail(2, "bob").send()])
    world.fold()
    message = f"{ANN}/messages/{one.tags['message_id']}"
    for word, to in (
        ("ann", ANN),
        (" ann ", ANN),
        ("ANN@example.com", ANN),
        (one.tags["message_id"], message),
        (one.tags["message_id"].lower(), message),
    ):
        page = admin.post("/console/find", q=word)
        assert (page["statusCode"], page["headers"].get("Location")) == (303, to)
    admin.post("/console/participants/bob/addresses", address="Ann@example.com")
    both = admin.get(admin.post("/console/find", q="ann@example.com")["headers"]["Location"])
    assert re.findall(r'participants/(ann|bob)"', both["body"]) == ["ann", "bob"]
    for word in ("nobody", "no@where.example", "é"):
        page = admin.get(admin.post("/console/find", q=word)["headers"]["Location"])
        assert page["statusCode"] == 404
    assert admin.get("/console/find")["statusCode"] == 200
    assert search(admin.world.wiring.directory, "nobody").participant_id is None


def test_what_is_nowhere_is_a_page_too(admin: Visitor) -> None:
    """It is called by its name, with a way on; never a stack trace."""
    for path, said, way in (
        ("/console/nothing", "There is no such page", "Home"),
        ("/console/participants/nobody", "Nobody is known by this id", "All people"),
        ("/console/participants/n%C3%B6", "Nobody is known by this id", "All people"),
        (f"{ANN}/messages/short", "There is no message short", "Find"),
        (f"{HOME}/none", "There is no mailing none", "Mailings"),
        (f"{HOME}/none/recipients", "There is no mailing none", "Mailings"),
        (f"{HOME}/none/recipients.csv", "There is no mailing none", "Mailings"),
    ):
        page = admin.get(path)
        assert page["statusCode"] == 404
        main = text_of(page).rpartition("Sign out")[2]
        assert said in main
        assert way in main


def test_a_database_that_does_not_answer_is_a_page_too(
    world: World, admin: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says to try again, and not what is the matter."""
    directory = world.function("console").wiring.directory
    monkeypatch.setattr(directory, "_participants", "no-such-table")
    page = admin.get(ANN)
    assert page["statusCode"] == 503
    assert "no-such-table" not in page["body"]


# --- what pages cost -------------------------------------------------------------------------

NEWEST = NOON + 2 * 86_400_000


@pytest.fixture
def large(world: World) -> World:
    """A participant and a communication of a few and of many messages, in the same tables."""
    said: list[Any] = []
    for person, count in (("few", 40), ("many", 1500)):
        rows = [_row(person, number) for number in range(count)]
        for row in rows:
            row["listed_in"] = f"c-{person}"
        world.backend.database().put_all(world.backend.table("Trails"), rows)
        for number in range(count // 40):
            at = from_epoch_ms(NEWEST - number * 86_400_000)
            tags = {"communication_id": f"c-{person}", "participant_id": person}
            said += [Mail(f"{person}-{number}", at, [f"{person}{number}@example.com"], tags=tags)]
    for one in list(said):
        said += [one.send(), one.bounce(from_epoch_ms(NEWEST + 9_000))]
    world.ingest([each for each in said if not isinstance(each, Mail)])
    world.fold()
    return world


CSV = "csv"
PAGES = {
    "/communications": "/communications",
    "/communications?name=c-": "/communications?name=c-",
    "/communications/c-many": "/communications/c-many",
    "/communications/c-many/recipients": "/communications/c-many/recipients",
    "/communications/c-many/recipients?status=delivered": (
        "/communications/c-many/recipients?status=delivered"
    ),
    "/communications/c-many/recipients?status=bounced": (
        "/communications/c-many/recipients?status=bounced"
    ),
    "/communications/c-many/recipients.csv": CSV,
    "/participants/many": "/participants/many/messages",
    "/participants/many/addresses": "/participants/many/addresses",
    "/participants/many?open={message}": (
        "/participants/many/messages + /participants/many/messages/{message}"
    ),
    "/participants/many/messages/{message}": "/participants/many/messages/{message}",
    "/suppressions": "/suppressions",
    "/suppressions?reason=bounced": "/suppressions?reason=bounced",
    "/suppressions/lift?which={which}": "/suppressions/many1@example.com",
    "/find?q=many": "/participants/many",
    "/find?q=many1%40example.com": "/participants?address=many1@example.com",
}
"""Page under /console → the route under /v1 that it shows, or the two."""


def test_no_page_costs_more_than_its_route_and_a_half(large: World) -> None:
    """In requests to DynamoDB, with much in the tables."""
    api, admin = Api(large), signed_in(large, Scope.ADMIN)
    message = derived_message_id(from_epoch_ms(NEWEST), "many-0", "many0@example.com")
    for tie in (admin.get, api):  # the models to the tables
        tie(HOME)
    (which, *_) = re.findall(r"lift\?which=([^\"]+)", admin.get("/console/suppressions")["body"])
    costs = {}
    for page, route in PAGES.items():
        shown_at = "/console" + page.format(message=message, which=which)
        with Reads() as shown:
            assert admin.get(shown_at)["statusCode"] in (200, 303)
        with Reads() as query_value:
            if route is CSV:
                answers = [api("/v1/communications/c-many/recipients", accept="text/csv")]
            else:
                answers = [api("/v1" + each.format(message=message)) for each in route.split(" + ")]
            assert {answer["statusCode"] for answer in answers} == {200}
        costs[page] = (shown.requests, query_value.requests)
    assert all(query_value for _, query_value in costs.values())
    assert {page: cost for page, cost in costs.items() if cost[0] > 1.5 * cost[1]} == {}


def test_a_message_is_found_by_its_id_alone(world: World) -> None:
    """In 6 requests if its communication is one of the newest; and also if 30 others have begun
    since that one did.
    """
    monthly = [f"2026-{month:02}-01T08:00:00.000Z" for month in range(3, 9)]
    tags = {"communication_id": "welcome"}
    welcomes = [Mail(f"w-{at}", at, ["ann@example.com"], tags=tags) for at in monthly]
    mailings = [
        Mail(
            f"n-{day}",
            f"2026-08-{day:02}T07:00:00.000Z",
            ["bo@example.com"],
            tags={"communication_id": f"news-{day}"},
        )
        for day in range(1, 31)
    ]
    late = Mail("late", "2026-08-31T08:00:00.000Z", ["ann@example.com"], tags=tags)
    world.ingest([mail.send() for mail in (*welcomes, *mailings, late)])
    world.fold()
    admin = signed_in(world, Scope.ADMIN)
    admin.get(HOME)  # ties the models to the tables
    for mail, address, most in (
        (mailings[-1], "bo@example.com", 6),
        (late, "ann@example.com", 50),
        (welcomes[0], "ann@example.com", 6),
    ):
        message_id = derived_message_id(mail.sent_at, mail.ses_id, address)
        with Reads() as cost:
            page = admin.get(f"/console/find?q={message_id}")
        assert page["headers"]["Location"].endswith(message_id)
        assert cost.requests <= most


def test_a_page_costs_the_same_however_large_the_tables_are(large: World) -> None:
    """The same requests for a few messages and for many, and at most two pages of items."""
    admin = signed_in(large, Scope.ADMIN)
    admin.get(HOME)  # ties the models to the tables
    for path in ("/console/participants/{}", "/console/communications/c-{}/recipients"):
        costs = []
        for size in ("few", "many"):
            with Reads() as cost:
                page = admin.get(path.format(size))
            assert page["body"].count('scope="row"') >= 25
            costs.append(cost)
        assert costs[0].requests == costs[1].requests
        assert all(cost.items <= 2 * 25 + 20 for cost in costs), [cost.items for cost in costs]
