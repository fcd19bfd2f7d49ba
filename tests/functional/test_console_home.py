"""The home page, over the handler: what it shows, refuses, and costs."""

from __future__ import annotations

import re

import pytest

from local.notifications import Mail
from sendtrail.auth.api_keys import Scope
from sendtrail.domain.times import epoch_ms, from_epoch_ms, now
from sendtrail.reading.health import QueueName
from tests.functional.conftest import Backend
from tests.functional.test_console import signed_in, text_of
from tests.functional.visitor import Reads, Visitor, make_keys
from tests.functional.world import Api, World

HOME = "/console"
BEGAN = now()
MARKUP = "<script>alert(1)</script> & \u202eSöhne 🎉" + "x" * 150


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


def mail(number: int, days_ago: int, domain: str = "gmx.de") -> Mail:
    """A mail of some days ago."""
    at = from_epoch_ms(epoch_ms(BEGAN) - days_ago * 24 * 3_600_000)
    return Mail(f"ses-{number}", at, [f"p{number}@{domain}"], tags={"communication_id": "news"})


def test_an_empty_account_is_told_what_to_do_first(world: World) -> None:
    """By what the key may do."""
    reader, sender = (Visitor(world), Visitor(world))
    keys = make_keys(world, ("reader", Scope.READ), ("sender", Scope.SEND))
    for visitor, key in zip((reader, sender), keys, strict=True):
        assert visitor.sign_in(key)["statusCode"] == 303
    page = text_of(reader.get(HOME))
    assert "Nothing was sent yet" in page
    assert "yours may read" in page
    assert "All is well" not in page
    assert 'href="/console/compose"' in sender.get(HOME)["body"]


def test_good_news_and_bad_stand_on_it(world: World) -> None:
    """Rates and limits in words beside the drawing, days as a table, and nothing breaks out."""
    world.ingest([mail(number, 2).send() for number in range(4)])
    world.ingest([mail(0, 2).delivery(now()), mail(7, 2, "gmail.com").send()])
    world.fold()
    admin = signed_in(world, Scope.ADMIN)
    page = text_of(admin.get(HOME))
    assert "All is well" in page
    assert "Clicks say more than opens" in page
    assert re.search(r"gmail 1 0\.0.% 0\.0.% unknown", page)
    assert "0 of 5 bounced for good" in page
    assert "0 of 4 marked as spam, without Gmail" in page
    world.ingest([mail(1, 2).bounce(now())])
    world.fold()
    api = Api(world)
    body = {"name": MARKUP, "subject": "S", "text": "Good evening to all of you."}
    to = {"participant_id": "x", "address": "x@gmx.de"}
    assert api("/v1/communications", "POST", body | {"recipients": [to]})["statusCode"] == 202
    answer = admin.get(HOME)
    page = text_of(answer)
    assert "What needs attention" in page
    assert "More mail bounces for good than Amazon SES allows." in page
    assert "1 of 5 bounced for good" in page
    assert "<script>alert" not in answer["body"]
    assert "&lt;script&gt;alert(1)" in answer["body"]
    assert answer["body"].count("<tr role=") >= 30


def test_what_cannot_be_told_takes_no_page_down(world: World) -> None:
    """It says so, of each."""
    sqs = world.backend.endpoints.client("sqs")
    for name in (QueueName.INGEST_DLQ, QueueName.DISPATCH):
        sqs.delete_queue(QueueUrl=world.backend.resources.physical[name.value, ""])
    answer = signed_in(world, Scope.READ).get(HOME)
    assert answer["statusCode"] == 200
    page = text_of(answer)
    assert "It could not be told how much is in IngestDlq." in page
    assert page.count("It could not be told.") == 2


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("days=7", 200),
        ("days=90&until=2026-03-01", 200),
        ("until=9999-01-01", 200),
        ("until=", 200),
        ("days=8", 422),
        ("days=%00", 422),
        ("until=spring", 422),
        ("until=2026-02-30", 422),
        ("until=" + "9" * 500, 422),
    ],
)
def test_days_are_those_that_there_are(world: World, query: str, status: int) -> None:
    """Any other is refused in words."""
    answer = signed_in(world, Scope.READ).get(f"{HOME}?{query}")
    assert answer["statusCode"] == status
    if status == 422:
        assert re.search(r"(Days|Until): .*(there are 7, 30, 90|write|at most)", text_of(answer))


def test_it_costs_an_overview_and_a_page_of_communications(world: World) -> None:
    """However much there is."""
    api, reader = Api(world), signed_in(world, Scope.READ)
    costs = []
    for count in (2, 60):
        world.ingest([mail(number, number % 25).send() for number in range(count)])
        world.fold()
        for ready in (api, reader.get):  # the models are tied to the tables
            ready("/v1/overview" if ready is api else HOME)
        with Reads() as of_page:
            assert reader.get(f"{HOME}?days=90")["statusCode"] == 200
        with Reads() as of_routes:
            api("/v1/overview", days=90)
            api("/v1/communications", limit=5)
        assert of_page.requests <= of_routes.requests
        costs.append(of_page.requests)
    assert costs[0] == costs[1] <= 7


def test_signing_in_leads_to_it_and_so_back_with_its_query(world: World) -> None:
    """The page that was asked for."""
    visitor = signed_in(world, Scope.READ)
    assert visitor.get("/console/sign-in")["headers"]["Location"] == HOME
    visitor.cookies.clear()
    to = visitor.get(f"{HOME}?days=7")["headers"]["Location"]
    assert to == "/console/sign-in?next=%2Fconsole%3Fdays%3D7"
