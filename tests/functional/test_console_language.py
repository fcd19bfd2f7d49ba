"""The console in the language of whoever reads it: which that is, and that no text is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from gettext import NullTranslations
from html.parser import HTMLParser
from typing import Any

import pytest

from docs.texts import TRANSLATED, collected
from local.notifications import Mail
from sendtrail.auth.api_keys import Scope
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.times import from_epoch_ms
from sendtrail.domain.webhooks import EVENT_TYPES, TEST, Delivery, DeliveryStatus
from sendtrail.language import LANGUAGES, ngettext, put_catalogue, use_language
from tests.browser.pages import NOT_PAGES
from tests.functional.conftest import Backend
from tests.functional.visitor import Visitor, make_key
from tests.functional.world import Api, World
from tests.support import load_event

NOON = 1_795_170_600_000
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Thunderbird/128.0"
MACHINE = "Mozilla/5.0 (compatible; Barracuda Link Protection)"
COOKIE = "__Host-sendtrail_language"
ANSWERS = ("smtp; 550 5.1.1 user unknown", "smtp; 452 4.2.2 mailbox full")
"""What servers say in `local.notifications`."""
MAILING = "xx-mailing"
MESSAGE = derived_message_id(from_epoch_ms(NOON), "ses-0", "xx0@example.com")


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


@pytest.fixture
def admin(world: World) -> Visitor:
    """Somebody signed in with a key that may do everything."""
    visitor = Visitor(world)
    assert visitor.sign_in(make_key(world, Scope.ADMIN, "xx-key"))["statusCode"] == 303
    return visitor


def reads(visitor: Visitor, language: str) -> None:
    """The visitor has chosen a language."""
    answer = visitor.post("/console/language", language=language, next="/console/people")
    assert answer["headers"]["Location"] == "/console/people"


def lang(page: dict[str, Any]) -> str:
    """The language that a page says it is in."""
    found = re.search(r'<html lang="(\w+)">', page["body"])
    assert found
    return found[1]


# --- which it is -----------------------------------------------------------------------------


def asked(world: World, **headers: str) -> dict[str, Any]:
    """The page of signing in, as a browser with these headers gets it."""
    event = load_event("http-console")
    event["rawPath"] = event["requestContext"]["http"]["path"] = "/console/sign-in"
    event["requestContext"]["http"]["method"] = "GET"
    event["rawQueryString"], event["cookies"] = "", []
    event["headers"] = {"x-forwarded-proto": "https", **headers}
    answer: dict[str, Any] = world.call("console", event)
    return answer


def test_a_page_is_in_the_best_language_that_its_readers_browser_takes(world: World) -> None:
    """And an instance that has just served a German request serves the next in English."""
    german = asked(world, **{"accept-language": "de-CH,de;q=0.9,en;q=0.5"})
    assert (lang(german), ">Anmelden</button>" in german["body"]) == ("de", True)
    english = asked(world)
    assert (lang(english), ">Sign in</button>" in english["body"]) == ("en", True)
    assert lang(asked(world, **{"accept-language": "tlh, fr;q=0.1"})) == "fr"
    assert lang(asked(world, **{"accept-language": "pt-BR"})) == "en"


def test_a_reader_chooses_and_it_is_kept(world: World) -> None:
    """Before signing in and after, in a cookie of this host; it leads back to the page."""
    visitor = Visitor(world)
    page = visitor.get("/console/sign-in?next=/console/people?q=a")
    for tag, name in LANGUAGES.items():
        button = f'<button class="plain" name="language" value="{tag}" lang="{tag}" aria-pressed='
        assert button in page["body"]
        assert f">{name}</button>" in page["body"]
    answer = visitor.post("/console/language", language="es", next="/console/sign-in?next=/x")
    assert answer["headers"]["Location"] == "/console/sign-in?next=/x"
    [cookie] = answer["cookies"]
    assert cookie.startswith(f"{COOKIE}=es; Path=/; Max-Age=31536000") or "31536000" in cookie
    assert {"Secure", "HttpOnly"} <= {part.strip() for part in cookie.split(";")}
    assert lang(visitor.get("/console/sign-in")) == "es"
    visitor.sign_in(make_key(world, Scope.READ))
    assert lang(visitor.get("/console/people")) == "es"
    assert "Personas" in visitor.get("/console/people")["body"]


def test_no_form_from_elsewhere_chooses_and_no_language_is_made_up(
    world: World, admin: Visitor
) -> None:
    """Nor does a choice lead anywhere but to the console."""
    assert admin.post("/console/language", secret="x", language="de")["statusCode"] == 403
    for language in ("tlh", "", "../de"):
        assert admin.post("/console/language", language=language)["statusCode"] == 422
    answer = admin.post("/console/language", language="de", next="https://elsewhere.example/")
    assert answer["headers"]["Location"] == "/console"
    admin.cookies[COOKIE] = "klingon"
    assert lang(admin.get("/console/people")) == "en"


# --- numbers, days and plurals ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "day", "rate"),
    [
        ("en", "20 Nov 2026", "50.0\u202f%"),
        ("de", "20. Nov. 2026", "50,0\xa0%"),
        ("fr", "20 nov. 2026", "50,0\xa0%"),
        ("es", "20 nov 2026", "50,0\xa0%"),
    ],
)
def test_days_and_numbers_are_as_the_reader_writes_them(
    world: World, admin: Visitor, language: str, day: str, rate: str
) -> None:
    """On the page, and in what its script is told to write them with."""
    fill(world)
    reads(admin, language)
    assert f">{day}</time>" in admin.get("/console/communications")["body"]
    assert rate in admin.get(f"/console/communications/{MAILING}")["body"]
    if language == "de":
        assert (
            'data-day="{day}. {short} {year}" data-time="{date}, {time}"'
            in (admin.get("/console")["body"])
        )


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ["0 recipients", "1 recipient", "2 recipients"]),
        ("de", ["0 Empfänger", "1 Empfänger", "2 Empfänger"]),
        ("fr", ["0 destinataire", "1 destinataire", "2 destinataires"]),
        ("es", ["0 destinatarios", "1 destinatario", "2 destinatarios"]),
    ],
)
def test_plurals_are_the_languages_own(language: str, said: list[str]) -> None:
    """In French nothing is singular, too."""
    use_language(language)
    forms = [ngettext("%(count)s recipient", "%(count)s recipients", n) for n in range(3)]
    use_language("en")
    assert [form % {"count": n} for n, form in enumerate(forms)] == said


# --- that no text is left out ------------------------------------------------------------------


class Marking(NullTranslations):
    """A catalogue that has every text of the pages, in brackets."""

    _texts = collected()

    def gettext(self, message: str) -> str:
        """A text, in brackets if a catalogue would have it."""
        return f"⟦{message}⟧" if message in self._texts else message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """The form of a number."""
        found = msgid1 if n == 1 else msgid2
        return f"⟦{found}⟧" if (msgid1, msgid2) in self._texts else found


@contextmanager
def in_brackets() -> Iterator[None]:
    """German is English in brackets."""
    put_catalogue("de", Marking())
    try:
        yield
    finally:
        put_catalogue("de", None)


class Words(HTMLParser):
    """What a page says: its text, but for what is data by its element, and what attributes say.

    Attributes:
        said: the text of the page, and each attribute.
    """

    DATA = ("bdi", "code", "pre", "q", "script", "textarea", "time")
    SHOWN = ("aria-label", "title", "placeholder", "data-label", "alt", "data-saved", "data-zone")
    VOID = ("input", "link", "meta", "br", "col")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.said: list[str] = []
        self._within: list[bool] = []
        self.feed(page)
        self.said.insert(0, self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins: whether it has data, and what its attributes say."""
        known = dict(attrs)
        is_data = tag in self.DATA or known.get("dir") == "auto" or "lang" in known
        is_data |= known.get("class") == "findings"  # of the spam check, in English
        if tag not in self.VOID:
            self._within.append((is_data and tag != "html") or any(self._within[-1:]))
        if tag != "time" and not known.get("placeholder", "x").startswith("participant_id"):
            self.said += [known[name] or "" for name in self.SHOWN if name in known]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element of a drawing, which has nothing in it."""

    def handle_endtag(self, tag: str) -> None:
        """An element ends."""
        if tag not in self.VOID:
            self._within.pop()

    def handle_data(self, data: str) -> None:
        """Text, if it is not data; brackets wherever they are."""
        said = re.sub("[^⟦⟧]", "", data) if any(self._within[-1:]) else data
        self.text += said


WORLD = re.compile(
    r"""\b(
        xx[\w@.+-]* | Xx\w* | [0-9a-f-]{36} | (address-)?[0-9a-f]{16,32} | (key:)?[0-9a-f]{16}
        | [0-9A-HJKMNP-TV-Z]{26} | key: | [0-9]+(st|nd|th|h)?
        | Sendtrail | HTML | HTTP | CSV | UTC | Excel | API | JSON | GET | POST | ID
        | Google | Other | admin | send | read | newsletter
        | \w+Queue | \w+Dlq
        | Jan|Feb|März|Apr|Mai|Juni|Juli|Aug|Sept|Okt|Nov|Dez
        | https?://\S+ | /console/\S*
    )""",
    re.VERBOSE,
)
"""What pages say that is nobody's text: data of this world, and names."""


def left_out(page: str) -> list[str]:
    """What a page says outside of brackets, but for data."""
    found = []
    for said in Words(page).said:
        rest, before = said, ""
        while before != rest:
            before, rest = rest, re.sub("⟦[^⟦⟧]*⟧", " ", rest)
        assert "⟦" not in rest, said
        for known in (BROWSER, MACHINE, *ANSWERS):
            rest = rest.replace(known, " ")
        rest = WORLD.sub(" ", rest)
        found += [line.strip() for line in rest.splitlines() if re.search(r"[^\W\d_]{2}", line)]
    return found


def mail(number: int) -> Mail:
    """The mail of that number, each to somebody else but for the first two."""
    sent_at, address = from_epoch_ms(NOON + number * 60_000), f"xx{number}@example.com"
    tags = {
        "participant_id": f"xx-person-{number}",
        "message_id": derived_message_id(sent_at, f"ses-{number}", address),
        **({"communication_id": MAILING} if number < 12 else {}),
    }
    return Mail(f"ses-{number}", sent_at, [address], f"Xx{number}", tags=tags)


def after(number: int, seconds: float) -> str:
    """A time after that mail was sent."""
    return from_epoch_ms(NOON + number * 60_000 + int(seconds * 1000))


def fill(world: World) -> None:
    """A mailing and messages beside it, to which all sorts of things happen; a template."""
    said: list[Any] = []
    for number in range(14):
        one = mail(number)
        said += [one.send()]
        if number % 2 == 0:
            said += [one.delivery(after(number, 3))]
            said += [one.open(after(number, 900), BROWSER), one.open(after(number, 1), MACHINE)]
            said += [one.click(after(number, 4_000), "https://xx.example/", BROWSER)]
    said += [
        mail(0).complaint(after(0, 9_000)),
        mail(1).bounce(after(1, 5), "Permanent", "General"),
        mail(2).subscription(after(2, 9_000), unsubscribed=True),
        mail(3).reject("xx"),
        mail(5).rendering_failure("xx"),
        mail(7).delay(after(7, 9)),
        mail(9).bounce(after(9, 5), "Permanent", "OnAccountSuppressionList"),
        mail(11).bounce(after(11, 5), "Transient", "MailboxFull"),
    ]
    world.ingest(said)
    world.fold()
    api = Api(world)
    _hooks(world, api)
    for number in (1, 2):
        body = {"subject": "Xx {{ xxname }}", "html": f"<p>xx{number}</p>", "text": "xx"}
        assert api("/v1/templates/xx-template", "PUT", body)["statusCode"] == 200


def _hooks(world: World, api: Api) -> None:
    """A webhook in each state, with a delivery of each outcome."""
    states: list[dict[str, str]] = [
        {},
        {"failing_since": after(0, 0), "retry_at": after(0, 9)},
        {"disabled_at": after(0, 0), "disabled_reason": "failing"},
        {"disabled_at": after(0, 0), "disabled_reason": "gone"},
    ]
    store = world.wiring.webhooks
    for number, state in enumerate(states):
        types = ["message.bounced"] * (number % 2)
        body = {"url": f"https://xx.example/{number}", "event_types": types, "full": bool(types)}
        made = api("/v1/webhooks", "POST", body)["json"]["webhook_id"]
        if state:
            world.wiring.database.update(
                world.backend.table("Webhooks"),
                {"webhook": "endpoints", "entry": made},
                update="SET " + ", ".join(f"#{name} = :{name}" for name in state),
                names={f"#{name}": name for name in state},
                values={f":{name}": value for name, value in state.items()},
            )
        store.note(
            Delivery(
                made, f"msg_{status}{http_status}", name, after(0, 0), "xx", MESSAGE, status, 1,
                after(0, 0), after(0, 1), http_status, "xx no answer", 17, replayed=True,
            )
            for status in DeliveryStatus
            for http_status in (None, 302)
            for name in (*EVENT_TYPES, TEST)
        )  # fmt: skip


def paths(admin: Visitor) -> dict[str, list[str]]:
    """Route of a page → where it is in this world, with what makes it say more."""
    person, mailing = "/console/participants/xx-person-0", f"/console/communications/{MAILING}"
    template = "/console/templates/xx-template"
    listed = admin.get("/console/suppressions")["body"]
    lift = re.findall(r'"(/console/suppressions/lift\?which=[^"]+)"', listed)
    staff = admin.get("/console/staff")["body"]
    keys = re.findall(r"/console/staff/keys/([^/]+)/remove", staff)
    acting = set(re.findall(r"/console/staff/acts\?by=(key:\w+)", staff))
    mailings, people = "/console/communications", "/console/people"
    hooks = re.findall(r'"(/console/webhooks/\w+)"', admin.get("/console/webhooks")["body"])
    erasures = set(
        re.findall(r"/console/erasures/[^\"]+", admin.get("/console/staff/acts")["body"])
    )
    messages = f"{person.removesuffix('xx-person-0')}<participant_id>"
    return {
        "/console": ["/console", "/console?days=90", "/console?days=1&until=2019-03-01"],
        "/console/sign-in": [],  # whoever is signed in is led on
        "/console/people": [
            people,
            *(f"{people}?state={each}" for each in ("inactive", "unsubscribed", "suppressed")),
            *(f"{people}?q=qqqq&state={each}" for each in ("inactive", "unsubscribed", "")),
            f"{people}?state=nothing",
        ],
        mailings: [mailings, f"{mailings}?kind=qqqq", f"{mailings}?month=2026"],
        f"{mailings}/<communication_id>": [mailing, f"{mailings}/qqqq"],
        f"{mailings}/<communication_id>/stop": [f"{mailing}/stop"],
        f"{mailings}/<communication_id>/recipients": [
            f"{mailing}/recipients",
            f"{mailing}/recipients?order=latest&did=bounced",
            f"{mailing}/recipients?q=qqqq",
            f"{mailing}/recipients?did=nothing",
        ],
        "/console/messages": [
            "/console/messages",
            "/console/messages?kind=qqqq&from=2026-11-01",
            "/console/messages?from=2026-12-01&to=2026-11-01",
        ],
        messages: [
            *(f"/console/participants/xx-person-{number}" for number in range(13)),
            "/console/participants/qqqq",
        ],
        f"{messages}/timeline": [
            f"/console/participants/xx-person-{number}/timeline" for number in range(13)
        ],
        f"{messages}/addresses": [f"{person}/addresses", f"{person[:-1]}2/addresses"],
        f"{messages}/erase": [f"{person}/erase", f"{person[:-1]}4/erase"],
        "/console/erasures/<erasure_id>": ["/console/erasures/erased-x", *erasures],
        f"{messages}/messages/<message_id>": [
            f"/console/participants/xx-person-{number}/messages/{mail(number).tags['message_id']}"
            for number in range(13)
        ]
        + [f"{person}/messages/qqqq"],
        f"{messages}/messages/<message_id>/stop": [f"{person}/messages/{MESSAGE}/stop"],
        "/console/templates": ["/console/templates", "/console/templates?name=qqqq"],
        "/console/templates/<template_id>": [template, f"{template}?version=1"],
        "/console/templates/<template_id>/versions": [f"{template}/versions"],
        "/console/templates/<template_id>/compare": [
            f"{template}/compare?from=1&to=2",
            f"{template}/compare?from=1&to=1",
            f"{template}/compare",
        ],
        "/console/templates/<template_id>/edit": [f"{template}/edit"],
        "/console/template": ["/console/template"],
        "/console/suppressions": [
            "/console/suppressions",
            "/console/suppressions?reason=manual",
            "/console/suppressions?at=spoilt",
        ],
        "/console/suppressions/lift": [*lift, "/console/suppressions/lift"],
        "/console/compose": ["/console/compose", "/console/compose?draft=qqqq"],
        "/console/drafts": ["/console/drafts"],
        "/console/inactive": ["/console/inactive", "/console/inactive?day=x"],
        "/console/find": ["/console/find", "/console/find?q=xx-person", "/console/find?q=qqqq"],
        "/console/account": ["/console/account"],
        "/console/staff": ["/console/staff"],
        "/console/staff/acts": [
            "/console/staff/acts",
            "/console/staff/acts?by=key:0123456789abcdef",
            *(f"/console/staff/acts?by={each}" for each in acting),
        ],
        "/console/staff/keys/<key_id>/remove": [
            f"/console/staff/keys/{each}/remove" for each in keys
        ],
        "/console/webhooks": ["/console/webhooks"],
        "/console/webhook": ["/console/webhook"],
        "/console/webhooks/<webhook_id>": [*hooks, "/console/webhooks/qqqq"],
        **{
            f"/console/webhooks/<webhook_id>/{each}": [f"{hook}/{each}" for hook in hooks]
            for each in ("edit", "secret", "remove")
        },
        "": ["/console/nothing"],
    }


def test_every_page_is_translated(world: World, admin: Visitor) -> None:
    """Every text that is seen or heard on a page comes from the catalogue; the rest is data."""
    fill(world)
    admin.post("/console/participants/xx-person-4/name", name="Xxname")
    admin.post("/console/suppressions", address="xx4@example.com", note="xx")
    admin.post(
        "/console/compose/save", draft="", revision="0", name="Xxdraft", kind="xx", zone="UTC"
    )
    for who in ("xx-gone", "xx-going"):
        admin.post(f"/console/participants/{who}/name", name="Xxname")
        asked = admin.post(f"/console/participants/{who}/erase", confirmation=who)
        erasure_id = asked["headers"]["Location"].rpartition("/")[2]
        if who == "xx-gone":
            world.wiring.erasing.run_to_end(erasure_id, wait=lambda _: world.fold())
    reads(admin, "de")
    app = world.function("console").console()._app
    routes = {
        route.path for route in (*app._static_routes, *app._dynamic_routes) if "GET" in route.method
    }
    with in_brackets():
        known = paths(admin)
        assert routes - NOT_PAGES <= set(known)
        missing = {}
        for path in [path for several in known.values() for path in several]:
            page = admin.get(path)
            if page["statusCode"] == 303:
                page = admin.get(page["headers"]["Location"])
            assert lang(page) == "de", path
            missing[path] = left_out(page["body"])
    assert {path: found for path, found in missing.items() if found} == {}


def test_every_answer_of_a_form_is_translated(world: World, admin: Visitor) -> None:
    """What is wrong with it, what it did, and what comes before something is sent."""
    fill(world)
    reads(admin, "de")
    bad = {
        "kind": "??",
        "recipients": "id\nx",
        "send_on": "2026-13-01",
        "send_time": "",
        "zone": "x",
    }
    good = {
        "name": "Xx",
        "kind": "xx",
        "subject": "Xx {{ xxname }}",
        "html": "<p>xx</p>",
        "recipients": "participant_id,address,xxname\nxx1,xx1@example.com,xx\n"
        "xx-person-1,xx1@example.com,xx",
        "zone": "UTC",
        "tracking": "yes",
    }
    person = "/console/participants/xx-person-4"
    (hook, *_) = re.findall(r'"(/console/webhooks/\w+)"', admin.get("/console/webhooks")["body"])
    sent: list[tuple[str, dict[str, str]]] = [
        ("/console/compose/look", bad),
        ("/console/compose/look", good),
        ("/console/compose/recipients", good | {"same_as": MAILING, "same_who": "opened"}),
        ("/console/template/look", {"base": "0", "template_id": "??", "sample.xx": "["}),
        (
            "/console/template/save",
            {"base": "1", "template_id": "xx-template", "subject": "Xx", "text": "xx"},
        ),
        (
            "/console/template/check",
            {"base": "0", "template_id": "xx", "subject": "Xx", "html": "FREE!!! $$$"},
        ),
        (f"{person}/subscription", {"subscribed": "no"}),
        (f"{person}/interactions", {}),
        (f"{person}/name", {"name": "Xx"}),
        ("/console/suppressions", {"address": "xx9@example.com"}),
        (f"{person}/erase", {"confirmation": "xx"}),
        (f"{person}/erase", {"confirmation": "xx-person-4"}),
        ("/console/language", {"language": "xx"}),
        ("/console/webhook", {"url": "", "which": "some"}),
        ("/console/webhook", {"url": "xx", "which": "all"}),
        ("/console/webhook", {"url": "https://xx.example/", "description": "x" * 999}),
        ("/console/webhook", {"url": "https://xx.example/"}),
        ("/console/webhook", {"url": "https://xx.example/"}),
        (f"{hook}/test", {}),
        (f"{hook}/replay", {"from": "xx", "to": "2026-11-24T09:30"}),
        (f"{hook}/replay", {"from": "2026-11-25T09:30", "to": "2026-11-24T09:30"}),
        (f"{hook}/replay", {"from": "2026-11-23T09:30", "to": "2026-11-24T09:30"}),
        (f"{hook}/enable", {}),
        (f"{hook}/secret", {"made_at": "xx"}),
        (f"{hook}/edit", {"url": "https://xx.example/2"}),
        (f"{hook}/remove", {}),
        (f"{hook}/remove", {}),
    ]
    with in_brackets():
        missing = {}
        for path, fields in sent:
            page = admin.post(path, **fields)
            if page["statusCode"] == 303:
                page = admin.get(page["headers"]["Location"])
            missing[path, fields.get("name", "")] = left_out(page["body"])
    assert {path: found for path, found in missing.items() if found} == {}


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_english_is_left_in_a_language(world: World, admin: Visitor, language: str) -> None:
    """By words that no other of the languages has."""
    fill(world)
    reads(admin, language)
    english = re.compile(r"\b(the|and|which|were|with|they|their)\b")
    for path in ("/console", "/console/people", f"/console/communications/{MAILING}"):
        text = Words(admin.get(path)["body"]).text
        assert english.findall(text) == [], path
