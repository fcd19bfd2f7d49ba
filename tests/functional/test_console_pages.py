"""What all pages of the console share, and whom a mailing's recipients are found by."""

from __future__ import annotations

import csv
import html
import re
from io import StringIO
from typing import Any

import pytest

from benchmarks.scale import pages
from local.notifications import Mail
from sendtrail.auth.api_keys import Scope
from sendtrail.domain.communication import Happened
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.times import from_epoch_ms
from tests.browser.pages import NOT_PAGES, PAGES
from tests.functional.conftest import Backend
from tests.functional.sending import Post
from tests.functional.visitor import Reads, Visitor, make_key
from tests.functional.world import Api, World

NOON = 1_795_170_600_000
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Thunderbird/128.0"
MACHINE = "Mozilla/5.0 (compatible; Barracuda Link Protection)"
ANN = "/console/participants/ann"
NEWS = "/console/communications/news"
RECIPIENTS = f"{NEWS}/recipients"
NOTICE = "__Host-sendtrail_notice"


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


@pytest.fixture
def admin(world: World) -> Visitor:
    """Somebody signed in with a key that may do everything."""
    return signed_in(world)


def signed_in(world: World) -> Visitor:
    """Somebody signed in with a key that may do everything."""
    visitor = Visitor(world)
    assert visitor.sign_in(make_key(world, Scope.ADMIN))["statusCode"] == 303
    return visitor


def mail(number: int, person: str = "ann", address: str = "", mailing: str = "news") -> Mail:
    """The mail of that number to a person, a minute after the one before."""
    sent_at, ses_id = from_epoch_ms(NOON + number * 60_000), f"ses-{person}-{number}"
    address = address or f"{person}@example.com"
    tags = {
        "participant_id": person,
        "message_id": derived_message_id(sent_at, ses_id, address),
        "communication_id": mailing,
    }
    return Mail(ses_id, sent_at, [address], f"Number {number}", tags=tags)


def after(number: int, seconds: float) -> str:
    """A time after that mail was sent."""
    return from_epoch_ms(NOON + number * 60_000 + int(seconds * 1000))


def shown(page: dict[str, Any]) -> list[str]:
    """The participants in a list of recipients."""
    found = re.findall(r'<th role="rowheader" scope="row"><a [^>]*><bdi>([^<]*)<', page["body"])
    return [html.unescape(each) for each in found]


# --- notices ---------------------------------------------------------------------------------


def test_what_a_form_did_is_said_once(world: World, admin: Visitor) -> None:
    """On the next page, and not when it is loaded again; no URL has it."""
    world.ingest([mail(1).send()])
    world.fold()
    done = admin.post(f"{ANN}/subscription", subscribed="no")
    assert done["headers"]["Location"] == ANN
    admin.get(f"{ANN}/messages/{mail(1).tags['message_id']}?part=1")  # has no room for it
    first, again = admin.get(ANN)["body"], admin.get(ANN)["body"]
    assert "Unsubscribed: they get no mailings" in first
    assert ">Undo<" in first
    assert "they get no mailings" not in again
    assert ">Undo<" not in again


@pytest.mark.parametrize("path", [ANN, f"{ANN}/addresses", "/console/suppressions"])
def test_no_url_makes_a_page_say_that_something_was_done(world: World, path: str) -> None:
    """Nor does a cookie that another session was given, or that is none of ours."""
    world.ingest([mail(1).send()])
    world.fold()
    key = make_key(world, Scope.ADMIN)
    admin, other = Visitor(world), Visitor(world)
    for each in (admin, other):
        each.sign_in(key)
    for word in ("unsubscribed", "subscribed", "interaction", "registered", "lifted"):
        assert 'class="notice"' not in admin.get(f"{path}?done={word}")["body"]
    other.post("/console/suppressions", address="somebody@example.com")
    for planted in (other.cookies[NOTICE], "x", other.cookies[NOTICE][:-2], "a" * 3_000):
        admin.cookies[NOTICE] = planted
        page = admin.get(path)
        assert page["statusCode"] == 200
        assert 'class="notice"' not in page["body"]


def test_a_cursor_that_is_not_ours_leads_back_to_the_list(admin: Visitor) -> None:
    """In the console's own words: nobody there knows what next_cursor is."""
    page = admin.get("/console/suppressions?at=spoilt")
    assert page["statusCode"] == 400
    assert "This link does not work any more" in page["body"]
    assert "Begin the list again." in page["body"]
    assert 'href="/console/suppressions"' in page["body"]
    assert "next_cursor" not in page["body"]


# --- recipients ------------------------------------------------------------------------------


def many_things() -> list[Any]:
    """A mailing of 130 to whom all sorts of things happen, several at once to some."""
    said: list[Any] = []
    for number in range(130):
        one = mail(number, f"p{number:03}")
        say = [one.send()]
        if number % 11 == 0:
            hard = number % 22 == 0
            say += [one.bounce(after(number, 3), "Permanent" if hard else "Transient", "General")]
        else:
            say += [one.delivery(after(number, 3))]
        if number % 10 == 3:
            say += [one.delay(after(number, 2))]
        if number % 4 == 1:
            say += [one.open(after(number, 900), BROWSER)]
        if number % 4 == 2:
            say += [one.open(after(number, 900), MACHINE)]
        if number % 6 == 1:
            say += [one.click(after(number, 960), "https://a.example/", BROWSER)]
        if number % 13 == 1:
            say += [one.complaint(after(number, 1_000))]
        if number % 13 in (1, 2):
            say += [one.subscription(after(number, 990), unsubscribed=True)]
        if number % 33 == 0:
            say += [one.reject()]
        if number % 39 == 1:
            say += [one.bounce(after(number, 5), "Permanent", "OnAccountSuppressionList")]
        said += say
    return said


def test_each_figure_is_the_length_of_the_list_behind_it(world: World, admin: Visitor) -> None:
    """Over all of its pages, on the page and in the API; and what has several problems is in the
    list of each, however it was told of them.
    """
    world.ingest(many_things(), size=37)
    world.fold()
    api = Api(world)
    figures = api("/v1/communications/news")["json"]
    listed, of_api, counted = {}, {}, {}
    for what in Happened:
        by_people = what in (Happened.OPENED, Happened.CLICKED)
        counted[what] = figures[f"human_{what}" if by_people else what.value]
        pages = [admin.get(f"{RECIPIENTS}?did={what}")]
        while 'rel="next"' in pages[-1]["body"]:
            pages.append(admin.follow(pages[-1], "Next"))
        listed[what] = sum(len(shown(page)) for page in pages)
        of_api[what] = len(api.everything("/v1/communications/news/recipients", did=what))
    assert listed == counted
    assert of_api == counted
    without = {what for what, number in counted.items() if not number}
    assert without <= {Happened.BLOCKED, Happened.FAILED}
    assert figures["recipients"] == len(api.everything("/v1/communications/news/recipients"))


def test_a_problem_is_listed_at_the_price_of_a_page(world: World, admin: Visitor) -> None:
    """Three who bounced of hundreds are one page, in the requests of any other."""
    said: list[Any] = [mail(number, f"p{number:03}").send() for number in range(230)]
    said += [mail(number, f"p{number:03}").bounce(after(number, 3)) for number in (5, 120, 229)]
    world.ingest(said)
    world.fold()
    admin.get(RECIPIENTS)  # ties the models to the tables
    with Reads() as cost:
        page = admin.get(f"{RECIPIENTS}?did=bounced")
    assert shown(page) == ["p005", "p120", "p229"]
    assert 'rel="next"' not in page["body"]
    assert cost.requests <= 5


def test_recipients_are_found_by_the_beginning_of_their_id(world: World, admin: Visitor) -> None:
    """The very one first; other mailings' recipients are not among them."""
    said = [mail(number, f"p{number:03}").send() for number in range(40)]
    said += [mail(50, "p01").send(), mail(51, "p012", mailing="other").send()]
    world.ingest(said)
    world.fold()
    found = sent(admin, q="p01")
    assert shown(found) == ["p01", *(f"p01{number}" for number in range(10))]
    assert shown(sent(admin, q="p012")) == ["p012"]
    first = sent(admin, q="p0")
    second = admin.follow(first, "Next")
    assert shown(first) + shown(second) == [f"p{number:03}" for number in range(40)] + ["p01"]
    nobody = sent(admin, q="<b>")
    assert "Nobody whose id begins with “<bdi>&lt;b&gt;</bdi>”" in nobody["body"]


def test_recipients_are_found_by_address(world: World, admin: Visitor) -> None:
    """However it is written, and whoever they are; it stands in no URL."""
    said = [
        mail(1, "ann", "Shared@Example.com").send(),
        mail(2, "bob", "shared@example.com").send(),
    ]
    said += [mail(3, "ann", "other@example.com").send(), mail(4, "eve").send()]
    world.ingest(said)
    world.fold()
    asked = admin.post(RECIPIENTS, q="SHARED@example.com", did="")
    assert asked["statusCode"] == 303
    assert "hared" not in asked["headers"]["Location"]
    found = admin.get(asked["headers"]["Location"])
    assert sorted(shown(found)) == ["ann", "bob"]
    assert 'value="SHARED@example.com"' in found["body"]
    assert shown(sent(admin, q="shared@example.com", did="bounced")) == []
    assert admin.post(RECIPIENTS, q="no address@")["statusCode"] == 422


def test_recipients_are_listed_from_either_end(world: World, admin: Visitor) -> None:
    """In order of sending, or the last sent first, with a filter or without."""
    said: list[Any] = []
    for number in range(30):
        said += [mail(number, f"p{number:03}").send()]
        said += [mail(number, f"p{number:03}").bounce(after(number, 3))] if number % 2 else []
    world.ingest(said)
    world.fold()
    last = sent(admin, order="latest")
    assert shown(last)[:2] == ["p029", "p028"]
    assert shown(admin.follow(last, "Next"))[-1] == "p000"
    assert shown(sent(admin, order="latest", did="bounced"))[:2] == ["p029", "p027"]


def test_a_search_among_recipients_costs_the_same_in_any_mailing(
    world: World, admin: Visitor
) -> None:
    """A request or two more than a page without one."""
    world.ingest([mail(number, f"p{number:03}").send() for number in range(300)])
    world.ingest([mail(number, f"q{number:03}", mailing="few").send() for number in range(3)])
    world.fold()
    costs = {}
    for mailing, word in (("news", "p1"), ("few", "q0")):
        path = f"/console/communications/{mailing}/recipients"
        admin.get(f"{path}?q={word}")
        with Reads() as cost:
            assert shown(admin.get(f"{path}?q={word}"))
        costs[mailing] = cost.requests
    assert costs["news"] == costs["few"] <= 5


def test_files_are_named_by_the_mailing(world: World, admin: Visitor) -> None:
    """In letters that any system takes, and in its own beside them."""
    api = Api(world)
    body = {
        "name": 'Réunion "d’été" / 夏 \r\n' + "x" * 80,
        "kind": "news",
        "subject": "Hello",
        "text": "Hello.",
        "recipients": [{"participant_id": "ann", "address": "success@simulator.amazonses.com"}],
    }
    posted = api("/v1/communications", method="POST", body=body)
    found = posted["json"]["communication_id"]
    for ending in ("csv", "xlsx"):
        answer = admin.get(f"/console/communications/{found}/recipients.{ending}")
        said = answer["headers"]["Content-Disposition"]
        assert re.search(rf'filename="R-union-d-t-x+-[0-9-]+-recipients\.{ending}";', said)
        assert "filename*=UTF-8''R%C3%A9union%20%22d%E2%80%99%C3%A9t%C3%A9%22" in said
        assert "\r" not in said


def test_a_file_has_the_filter_of_the_page(world: World, admin: Visitor) -> None:
    """What happened, as its links say."""
    world.ingest(many_things())
    world.fold()
    page = admin.get(f"{RECIPIENTS}?did=dropped")
    [link] = re.findall(r'href="([^"]+\.csv[^"]*)"', page["body"])
    rows = list(csv.DictReader(StringIO(admin.get(html.unescape(link))["body"])))
    assert [row["participant_id"] for row in rows] == shown(page)
    assert {row["reason"] for row in rows} == {"provider_suppressed"}


def sent(admin: Visitor, **fields: str) -> dict[str, Any]:
    """The page that the form above a list of recipients leads to."""
    answer = admin.post(RECIPIENTS, **fields)
    assert answer["statusCode"] == 303
    return admin.get(answer["headers"]["Location"])


# --- the table of pages ------------------------------------------------------------------------


def test_every_page_is_in_the_table_that_a_browser_walks(world: World) -> None:
    """And the table has no page that is not there."""
    app = world.function("console").console()._app
    routes = {
        route.path for route in (*app._static_routes, *app._dynamic_routes) if "GET" in route.method
    }
    assert routes - NOT_PAGES == {shown.route for shown in PAGES.values() if shown.route}
    assert routes >= NOT_PAGES


# --- a mailing's page ----------------------------------------------------------------------------


def test_links_that_nobody_followed_are_listed(world: World, admin: Visitor) -> None:
    """From the moment that it is posted; by the link as the template has it, and not the one by
    which one unsubscribes.
    """
    api = Api(world)
    page = (
        '<p><a href="https://a.example/?x=1&amp;y=2">One</a> '
        '<a href="https://b.example/{{ name }}">Two</a> <a href="mailto:us@a.example">Mail</a> '
        '<a href="https://c.example/" data-track="off">Three</a> '
        '<a href="{{ unsubscribe_url }}">Unsubscribe</a></p>'
    )
    body = {
        "name": "Links",
        "kind": "news",
        "subject": "Hello",
        "html": page,
        "recipients": [
            {
                "participant_id": "ann",
                "address": "success@simulator.amazonses.com",
                "data": {"name": "Ann"},
            }
        ],
    }
    posted = api("/v1/communications", method="POST", body=body)
    found = posted["json"]["communication_id"]
    links = api(f"/v1/communications/{found}")["json"]["links"]
    assert {(each["url"], each["clicks"], each["human_clicked"]) for each in links} == {
        ("https://a.example/?x=1&y=2", 0, 0),
        ("https://b.example/{{ name }}", 0, 0),
    }
    shown_page = admin.get(f"/console/communications/{found}")["body"]
    assert shown_page.count("nobody followed it") == 2
    world.fold()  # the stream tells of it once more
    assert api(f"/v1/communications/{found}")["json"]["links"] == links
    untracked = api("/v1/communications", method="POST", body=body | {"tracking": False})
    found = untracked["json"]["communication_id"]
    assert api(f"/v1/communications/{found}")["json"]["links"] == []


def test_who_followed_a_link_is_told_as_a_share_of_the_delivered(
    world: World, admin: Visitor
) -> None:
    """People, each once; who followed it five times is one of them."""
    said: list[Any] = []
    for number in range(4):
        one = mail(number, f"p{number}")
        said += [one.send(), one.delivery(after(number, 3))]
        said += [one.click(after(number, 2), "https://a.example/", MACHINE)]
    for minute in range(5):
        said += [mail(0, "p0").click(after(0, 900 + 60 * minute), "https://a.example/", BROWSER)]
    world.ingest(said)
    world.fold()
    page = admin.get(NEWS)["body"]
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))
    assert re.search(r"https://a.example/ 1 25.0.% 9 5 ", text)
    assert "Clicks say more than opens" in text
    assert "Opens, first day" not in text


def test_a_chart_of_one_bar_is_a_sentence(world: World, admin: Visitor) -> None:
    """And two bars are a chart."""
    one = mail(1)
    said = [one.send(), one.delivery(after(1, 3)), one.open(after(1, 4_000), BROWSER)]
    world.ingest(said)
    world.fold()
    page = admin.get(NEWS)["body"]
    assert "Opens, first day: 1, all in hour 2 after sending." in page
    assert 'class="drawing plot"' not in page
    world.ingest([one.open(after(1, 9_000), BROWSER)])
    world.fold()
    assert admin.get(NEWS)["body"].count('class="drawing plot"') == 1


def test_a_message_names_its_mailing(world: World, admin: Visitor) -> None:
    """By its name, and not by its id."""
    api = Api(world)
    body = {
        "name": "Good news <b>",
        "kind": "news",
        "subject": "Hello",
        "text": "Hello.",
        "recipients": [{"participant_id": "ann", "address": "success@simulator.amazonses.com"}],
    }
    found = api("/v1/communications", method="POST", body=body)["json"]["communication_id"]
    Post(world).run()
    [message] = api("/v1/participants/ann/messages")["json"]["items"]
    path = f"{ANN}/messages/{message['message_id']}"
    for shown_at in (path, f"{path}?part=1", f"{ANN}?open={message['message_id']}"):
        page = admin.get(shown_at)["body"]
        assert f'href="/console/communications/{found}">Good news &lt;b&gt;</a>' in page


@pytest.mark.parametrize(
    ("said", "shows"),
    [
        (lambda one: one.reject(), r"Rejected</span>\s+20 Nov 2026"),
        (lambda one: one.rendering_failure("no name"), r"Failed</span>\s+20 Nov 2026"),
        (lambda one: one.delay(after(1, 9)), r"Delayed</span>\s+20 Nov 2026"),
        (lambda one: one.bounce(after(1, 9)), r'data-label="Bounced">.*20 Nov 2026'),
        (
            lambda one: one.bounce(after(1, 9), "Permanent", "OnAccountSuppressionList"),
            r'data-label="Dropped">.*20 Nov 2026',
        ),
    ],
    ids=["rejected", "failed", "delayed", "bounced", "dropped"],
)
def test_what_went_wrong_stands_on_the_row_with_its_day(
    world: World, admin: Visitor, said: Any, shows: str
) -> None:
    """Whatever it was, without opening the message."""
    world.ingest([mail(1).send(), said(mail(1))])
    world.fold()
    page = re.sub(r"</?time[^>]*>", "", admin.get(ANN)["body"])
    assert re.search(shows, page)


def test_what_machines_alone_did_is_no_click(world: World, admin: Visitor) -> None:
    """The badge says delivered; the figure says that machines did it."""
    one = mail(1)
    said = [one.send(), one.delivery(after(1, 1)), one.click(after(1, 2), "https://a.b/", MACHINE)]
    world.ingest(said)
    world.fold()
    page = admin.get(ANN)["body"]
    assert re.findall(r'class="badge (\w+)">(\w+)', page) == [("good", "Delivered")]
    assert '<span class="cell">1<small>0 by people</small>' in page


def test_what_every_page_costs_is_measured() -> None:
    """Those that show what there may be much of; forms and confirmations show one thing."""
    of_one_thing = {
        f"/console/{each}"
        for each in (
            "sign-in",
            "account",
            "compose",
            "suppressions/lift",
            "participants/<participant_id>/erase",
            "erasures/<erasure_id>",
            "staff/keys/<key_id>/remove",
            "webhook",
            "webhooks/<webhook_id>",  # its deliveries cost as in `test_console_webhooks`
            "webhooks/<webhook_id>/edit",
            "webhooks/<webhook_id>/secret",
            "webhooks/<webhook_id>/remove",
        )
    }
    measured = [route.path for route in pages().values()]
    for route in {shown.route for shown in PAGES.values() if shown.route} - of_one_thing:
        rule = re.sub(r"<[^>]+>", "[^/]+", route)
        assert any(re.fullmatch(rule, path) for path in measured), route
