"""Events as JSON beside the words of a trail and a timeline."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest

from local.notifications import Mail
from sendtrail.auth.api_keys import Scope
from sendtrail.console.templating import environment
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.times import from_epoch_ms
from tests.browser.pages import bad_mail
from tests.functional.conftest import Backend
from tests.functional.visitor import Visitor, make_key
from tests.functional.world import Api, World

NOON = 1_795_170_600_000
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Thunderbird/128.0"


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


@pytest.fixture
def reader(world: World) -> Visitor:
    """Somebody signed in who may only read."""
    visitor = Visitor(world)
    assert visitor.sign_in(make_key(world, Scope.READ))["statusCode"] == 303
    return visitor


def shown(page: dict[str, Any]) -> list[Any]:
    """What of a page is JSON."""
    assert page["statusCode"] == 200
    texts = re.findall(
        r'<pre tabindex="0" role="group" aria-label="JSON">(.*?)</pre>', page["body"], re.DOTALL
    )
    return [json.loads(html.unescape(each)) for each in texts]


def test_events_are_shown_as_the_api_serves_them(world: World, reader: Visitor) -> None:
    """Of each message, whatever is in it, on its page and in its row; times to the millisecond."""
    world.ingest(bad_mail())
    world.fold()
    api = Api(world)
    [person] = api("/v1/participants")["json"]["items"]
    path = f"/v1/participants/{person['participant_id']}"
    messages = api(f"{path}/messages")["json"]["items"]
    assert len(messages) > 10
    for message in messages:
        here = f"{path}/messages/{message['message_id']}"
        served = api(here)["json"]["events"]
        page = reader.get(here.replace("/v1", "/console"))
        assert shown(page) == served
        assert shown(reader.get(f"{here.replace('/v1', '/console')}?part=1")) == served
        assert all(re.fullmatch(r"[-\dT:]{19}\.\d{3}Z", event["at"]) for event in served)
        assert "<b>unauthenticated" not in page["body"]


def test_a_timeline_is_shown_as_the_api_serves_it(world: World, reader: Visitor) -> None:
    """Messages as one line, and what staff recorded."""
    world.ingest([_mail(number).send() for number in range(3)])
    world.fold()
    api = Api(world)
    api("/v1/participants/ann", "PUT", {"name": "<b>Ann</b> 🎉"})
    api("/v1/participants/ann/addresses/ann@example.org", "PUT")
    world.fold()
    served = api("/v1/participants/ann/timeline")["json"]["items"]
    assert {each["type"] for each in served} >= {"Message", "Named", "AddressRegistered"}
    assert shown(reader.get("/console/participants/ann/timeline")) == served


def test_a_long_trail_has_json_beside_the_first_hundred(world: World, reader: Visitor) -> None:
    """The page stays light: of the rest the API has it, and the page says so."""
    one = _mail(1)
    hits = [
        one.click(from_epoch_ms(NOON + 600_000 * number), f"https://a.example/{number}", BROWSER)
        for number in range(1, 160)
    ]
    world.ingest([one.send(), *hits])
    world.fold()
    path = f"/participants/ann/messages/{one.tags['message_id']}"
    served = Api(world)(f"/v1{path}")["json"]["events"]
    page = reader.get(f"/console{path}")
    assert len(served) > 100
    assert shown(page) == served[:100]
    assert "JSON is beside the first 100 events" in page["body"]
    assert len(page["body"]) < 300_000


def test_what_is_too_long_for_a_page_is_left_to_the_api() -> None:
    """Nothing is cut in the middle."""
    as_json = environment().filters["json"]
    assert json.loads(as_json({"a": "é" * 7_000})) == {"a": "é" * 7_000}
    assert as_json({"a": "é" * 8_000}) is None


def _mail(number: int) -> Mail:
    sent_at, ses_id, address = from_epoch_ms(NOON + number), f"ses-{number}", "ann@example.com"
    tags = {
        "participant_id": "ann",
        "message_id": derived_message_id(sent_at, ses_id, address),
        "communication_id": "news",
    }
    return Mail(ses_id, sent_at, [address], f"Number {number}", tags=tags)
