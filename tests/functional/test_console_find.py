"""Find: whatever one has at hand, and no address in a URL."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import unquote

import pytest

from local.notifications import Mail
from sendtrail.auth.api_keys import Scope
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.times import from_epoch_ms
from tests.functional.conftest import Backend
from tests.functional.test_console_messages import words
from tests.functional.test_direct_messages import DAY, NOON, direct, id_of
from tests.functional.visitor import Reads, Visitor, make_key
from tests.functional.world import World

FIND = "/console/find"
SES_ID = f"0108{NOON:012x}-3f1c5a7e-1111-2222-3333-444455556666-000000"


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


def ask(visitor: Visitor, word: str) -> str:
    """Where the box leads."""
    answer = visitor.post(FIND, q=word)
    assert answer["statusCode"] == 303
    return str(answer["headers"]["Location"])


def found(visitor: Visitor, word: str) -> dict[str, Any]:
    """The page of results."""
    to = ask(visitor, word)
    assert to.startswith(f"{FIND}?which=")
    return visitor.get(to)


def mailing(number: int, name: str, person: str = "ann") -> Mail:
    """A mailing that is known by events alone, so that its id is its name."""
    tags = {"participant_id": person, "communication_id": name, "kind": "newsletter"}
    at = from_epoch_ms(NOON - number * DAY)
    return Mail(f"m-{name}-{number}", at, [f"{person}@example.com"], "News", tags=tags)


def test_a_mailing_is_found_by_its_id_and_by_words_of_its_name(
    world: World, reader: Visitor
) -> None:
    """In any order and any capitals; also one among many."""
    names = ["autumn-festival-2026", "autumn-news", "spring-festival-2026"]
    world.ingest([mailing(number, name).send() for number, name in enumerate(names)])
    world.fold()
    assert ask(reader, "autumn-news") == "/console/communications/autumn-news"
    page = found(reader, "FESTIVAL autumn")
    assert page["statusCode"] == 200
    assert re.findall(r"/console/communications/([\w-]+)\"", page["body"]) == [names[0]]
    assert "newsletter" in page["body"]
    assert len(re.findall(r"communications/\w+-festival", found(reader, "festival")["body"])) == 2
    assert found(reader, "festival winter")["statusCode"] == 404


def test_what_is_a_participant_and_a_mailing_is_both(world: World, reader: Visitor) -> None:
    """Neither is gone to; both are shown."""
    world.ingest([mailing(1, "news", "news").send()])
    world.fold()
    page = found(reader, "news")
    assert "/console/participants/news" in page["body"]
    assert "/console/communications/news" in page["body"]


def test_mail_of_other_systems_is_found_by_sess_id(world: World, reader: Visitor) -> None:
    """As SES gives it, as the header Message-ID has it; of a mailing or of none; and a mail to
    several is as many messages.
    """
    at = from_epoch_ms(NOON)
    one = Mail(SES_ID, at, ["ann@example.com"], "One")
    other = SES_ID.replace("3f1c", "4f1c")
    several = Mail(other, at, ["bo@example.com", "cy@example.com"], "Several")
    third = SES_ID.replace("3f1c", "5f1c")
    tags = {"communication_id": "news", "participant_id": "ann"}
    world.ingest([one.send(), several.send(), mailing(1, "news").send()])
    world.ingest([Mail(third, at, ["ann@example.com"], "Of a mailing", tags=tags).send()])
    world.fold()
    message_id = derived_message_id(at, SES_ID, "ann@example.com")
    for word in (SES_ID, SES_ID.upper(), f"<{SES_ID}@eu-west-1.amazonses.com>"):
        assert ask(reader, word).endswith(f"/messages/{message_id}"), word
    page = found(reader, other)
    assert re.findall(r"<bdi>(\w\w@example.com)", page["body"]) == [
        "bo@example.com",
        "cy@example.com",
    ]
    assert ask(reader, third).startswith("/console/participants/ann/messages/")
    assert found(reader, SES_ID.replace("3f1c", "6f1c"))["statusCode"] == 404
    assert found(reader, "ffff" + SES_ID[4:16].replace("0", "f") + "-x")["statusCode"] == 404


def test_no_address_is_in_a_url(world: World, reader: Visitor) -> None:
    """Neither of the page of results, nor of the links on it; also if it was typed into a URL."""
    address = "nobody+x@where.example"
    for to in (
        ask(reader, address),
        reader.get(f"{FIND}?q=nobody%2Bx%40where.example")["headers"]["Location"],
        ask(reader, f"Somebody <{address}>"),
    ):
        assert "where" not in unquote(to)
        page = reader.get(to)
        assert page["statusCode"] == 404
        assert address in html.unescape(page["body"])
        for link in re.findall(r'(?:href|action|src)="([^"]*)"', page["body"]):
            assert "where" not in unquote(unquote(html.unescape(link))), link
    assert '<form class="find" method="post"' in reader.get(FIND)["body"]


def test_an_address_that_is_written_with_a_name_is_found(world: World, reader: Visitor) -> None:
    """As mail programs copy it."""
    world.ingest([direct(NOON).send()])
    world.fold()
    assert ask(reader, "Ann Example <Ann@Example.com>") == "/console/participants/ann"


def test_the_url_of_results_is_ours_alone(reader: Visitor) -> None:
    """One that was made up is refused, and so is the form of another session."""
    assert reader.get(f"{FIND}?which=abc")["statusCode"] == 400
    assert reader.post(FIND, q="ann", secret="x")["statusCode"] == 403
    assert ask(reader, "  ") == FIND
    assert reader.post(FIND, q="x" * 331)["statusCode"] == 422


@pytest.mark.parametrize(
    "word",
    ["x" * 330, "\N{FAMILY}" * 330, "<script>alert(1)</script>", "{{ 7 * 7 }}", "a@b@c", "\x00"],
)
def test_whatever_is_looked_for_is_text(reader: Visitor, word: str) -> None:
    """The page says it back, and that there is nothing."""
    page = found(reader, word)
    assert page["statusCode"] == 404
    assert html.escape(word, quote=False) in page["body"]
    assert "<script>alert" not in page["body"]


def test_looking_for_a_name_costs_the_same_among_very_many(world: World, reader: Visitor) -> None:
    """The newest hundred are looked at, and the page says so, with a way to the others."""
    world.ingest([mailing(number, f"mailing-{number:03}-x").send() for number in range(130)])
    world.fold()
    found(reader, "x y")
    with Reads() as cost:
        page = found(reader, "mailing 129")
    assert page["statusCode"] == 404
    assert cost.requests <= 2 * 20  # it is looked for by the form, and again by the page
    assert "newest 100" in words(page)
    older = reader.follow(page, "look at older ones")
    assert older["statusCode"] == 200


def test_a_message_is_found_by_its_id(world: World, reader: Visitor) -> None:
    """One of no mailing, in two or three requests."""
    mail = direct(NOON)
    world.ingest([mail.send()])
    world.fold()
    assert ask(reader, f" {id_of(mail).lower()} ") == (
        f"/console/participants/ann/messages/{id_of(mail)}"
    )
