"""The console's pages of messages of no mailing, and the filter of a participant's messages."""

from __future__ import annotations

import csv
import html
import re
from io import StringIO
from typing import Any

import pytest

from local.notifications import Mail
from sendtrail.auth.api_keys import Scope
from sendtrail.domain.times import from_epoch_ms
from sendtrail.reading.message_columns import MESSAGE_COLUMNS
from tests.functional.conftest import Backend
from tests.functional.test_direct_messages import DAY, MINUTE, NOON, direct, id_of, soon
from tests.functional.visitor import Reads, Visitor, make_key
from tests.functional.world import Api, World

MESSAGES = "/console/messages"


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


@pytest.fixture
def reader(world: World) -> Visitor:
    """Somebody signed in who may read."""
    visitor = Visitor(world)
    assert visitor.sign_in(make_key(world, Scope.READ))["statusCode"] == 303
    return visitor


def rows(page: dict[str, Any]) -> list[str]:
    """The words of each row of a page's table."""
    found = re.findall(r'<tr role="row">\s*<th role="rowheader".*?</tr>', page["body"], re.DOTALL)
    return [
        re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", row))).strip() for row in found
    ]


def words(page: dict[str, Any]) -> str:
    """The words of a page."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page["body"])))


def test_a_row_says_when_to_whom_what_and_why_not(world: World, reader: Visitor) -> None:
    """And leads to the message's own page."""
    invoice, letter = direct(NOON), Mail("l", from_epoch_ms(NOON - DAY), ["zoe@example.com"], "Hi")
    world.ingest([invoice.send(), letter.send(), invoice.bounce(soon(invoice))])
    world.fold()
    page = reader.get(MESSAGES)
    first, second = rows(page)
    assert first == (
        "Yours 20 Nov 2026 12:00 ann ann@example.com invoice Bounced The address does not work, for "
        "good"
    )
    assert "zoe@example.com" in second
    assert "address-" not in second
    message = reader.follow(page, r"<bdi>Yours</bdi>")
    assert message["statusCode"] == 200
    assert id_of(invoice) in message["body"]
    assert 'aria-current="page">Messages' in page["body"]


def test_last_weeks_bounced_invoices_are_found(world: World, reader: Visitor) -> None:
    """By kind, what happened and days; the filter is kept on the next page, and in the files."""
    many = [direct(NOON + number * MINUTE, f"p{number:02}") for number in range(60)]
    letter, old = direct(NOON, "x", "letter"), direct(NOON - 30 * DAY, "y")
    world.ingest([each.send() for each in (*many, letter, old)])
    world.ingest([each.bounce(soon(each)) for each in (*many[:30], letter, old)])
    world.fold()
    query = "kind=invoice&did=bounced&from=2026-11-16&to=2026-11-22"
    first = reader.get(f"{MESSAGES}?{query}")
    assert len(rows(first)) == 25
    second = reader.follow(first, "Next")
    assert len(rows(second)) == 5
    assert rows(reader.follow(second, "Previous")) == rows(first)
    for page in (first, second):
        for field in ('value="invoice"', 'value="2026-11-16"', 'value="2026-11-22"'):
            assert field in page["body"]
        assert re.search(r'value="bounced" selected', page["body"])
        assert '<option value="letter">' in page["body"]
    (link,) = re.findall(r'href="([^"]+)" download>Download CSV', first["body"])
    answer = reader.get(html.unescape(link))
    assert 'filename="messages-bounced.csv"' in answer["headers"]["Content-Disposition"]
    file = csv.DictReader(StringIO(answer["body"]))
    assert file.fieldnames == [column.name for column in MESSAGE_COLUMNS]
    found = list(file)
    assert [row["participant_id"] for row in found] == [f"p{29 - n:02}" for n in range(30)]
    assert {(row["kind"], row["subject"], row["at"][:10]) for row in found} == {
        ("invoice", "Yours", "2026-11-20")
    }
    workbook = reader.get(html.unescape(link).replace(".csv", ".xlsx"))
    assert workbook["isBase64Encoded"]
    assert reader.get(f"{MESSAGES}?status=bounced")["body"].count('scope="row"') == 25


def test_what_is_wrong_with_a_filter_is_said_at_once_and_kept(reader: Visitor) -> None:
    """Both days, the kind, and what happened; and nothing is listed."""
    page = reader.get(f"{MESSAGES}?from=soon&to=2026-13-40&kind={'k' * 65}&did=glad&status=sad")
    assert page["statusCode"] == 422
    said = words(page)
    for name in ("From:", "To:", "Kind:", "What happened:", "Status:"):
        assert name in said, name
    assert 'value="soon"' in page["body"]
    assert page["body"].count('aria-invalid="true"') == 4
    page = reader.get(f"{MESSAGES}?from=2026-11-21&to=2026-11-20")
    assert page["statusCode"] == 422
    assert "To: it is before From" in words(page)
    assert reader.get(f"{MESSAGES}.csv?from=soon")["statusCode"] == 422


def test_empty_lists_say_what_to_do(world: World, reader: Visitor) -> None:
    """Where there is nothing yet, nothing that matches, and nothing among those looked at."""
    assert "No message yet" in words(reader.get(MESSAGES))
    world.ingest([direct(NOON + number * MINUTE, f"p{number}").send() for number in range(202)])
    world.fold()
    page = reader.get(f"{MESSAGES}?kind=none&from=2026-11-20&to=2026-11-20")
    assert "None of those that were looked at" in words(page)
    last = reader.follow(page, "Look at older ones")
    assert "No message is older" in words(last)
    page = reader.get(f"{MESSAGES}?did=spammed")
    assert "No message matches" in words(page)
    assert 'href="/console/messages">Show all' in page["body"]


def test_a_page_costs_what_its_route_does(world: World, reader: Visitor) -> None:
    """In requests to DynamoDB."""
    world.ingest([direct(NOON + number * MINUTE, f"p{number}").send() for number in range(60)])
    world.fold()
    api = Api(world)
    api("/v1/messages")  # ties the models to the tables
    for query in ("", "?kind=invoice", "?did=bounced", "?status=bounced"):
        reader.get(MESSAGES + query)
        with Reads() as shown:
            assert reader.get(MESSAGES + query)["statusCode"] == 200
        with Reads() as route:
            assert api(f"/v1/messages{query}")["statusCode"] == 200
        assert shown.requests <= 1.5 * route.requests


HOSTILE = (
    "x" * 300,
    "\N{RIGHT-TO-LEFT OVERRIDE}\N{HEBREW LETTER ALEF}" * 100,
    "\N{FAMILY}" * 300,
    "</bdi><script>alert(1)</script>",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_others_wrote_is_text(world: World, reader: Visitor, text: str) -> None:
    """Subjects and kinds; also where they are suggested, and asked for."""
    at = from_epoch_ms(NOON)
    tags = {"participant_id": "ann", "kind": text[:60]}
    world.ingest([Mail("h", at, ["ann@example.com"], text, tags=tags).send()])
    world.fold()
    page = reader.get(MESSAGES)
    assert html.escape(text, quote=False)[:60] in page["body"]
    assert "<script>alert" not in page["body"]
    assert len(rows(page)) == 1


def test_a_participants_messages_are_filtered(world: World, reader: Visitor) -> None:
    """By kind and by what happened, page by page; each row says its kind; and the page tells when
    they were last active, whatever is shown.
    """
    many = [
        direct(NOON + number * MINUTE, kind="invoice" if number % 2 else "letter")
        for number in range(70)
    ]
    world.ingest([each.send() for each in many])
    world.ingest([each.bounce(soon(each), "Transient", "General") for each in many[:3]])
    world.ingest([many[-2].open(soon(many[-2]), "Mozilla/5.0 Thunderbird/128.0")])
    world.fold()
    path = "/console/participants/ann"
    first = reader.get(f"{path}?kind=invoice")
    second = reader.follow(first, "Next")
    assert (first["body"].count('scope="row"'), second["body"].count('scope="row"')) == (25, 10)
    assert 'value="invoice"' in second["body"]
    assert "letter" not in "".join(rows(first))
    bounced = reader.get(f"{path}?did=bounced&kind=letter")
    assert bounced["body"].count('scope="row"') == 2
    assert "Active" in words(bounced)
    nothing = reader.get(f"{path}?kind=contract")
    assert "No message matches" in words(nothing)
    assert reader.get(f"{path}?did=glad")["statusCode"] == 422
