"""The private routes under hostile requests: through the template's gateway and its authorizer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.hostile import measured, served
from tests.functional import conftest as functional
from tests.functional.conftest import Backend
from tests.functional.sending import Post
from tests.functional.world import World
from tests.support import HOSTILE_INPUTS

moto_url = functional.moto_url
moto_backend = functional.moto_backend

MAIL = "success@simulator.amazonses.com"


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    monkeypatch.setenv("SAM_CLI_TELEMETRY", "0")
    return World(moto_backend, monkeypatch)


def first_key(world: World) -> str:
    """The key that the stack makes, which may do everything."""
    backend = world.backend
    secret = backend.endpoints.client("secretsmanager").get_secret_value(
        SecretId=backend.resources.physical["FirstApiKey", ""]
    )
    key: str = json.loads(secret["SecretString"])["key"]
    return key


def something_there(world: World) -> dict[str, list[str]]:
    """A world with a little of everything in it; parameter → what there is."""
    post = Post(world)
    assert post.api("/v1/templates/news", "PUT", {"subject": "s", "text": "t"})["statusCode"] == 200
    draft = {"participant_id": "jo", "address": MAIL, "subject": "s", "text": "t"}
    message = post.api("/v1/messages", "POST", draft)["json"]["message_id"]
    mailing = post.send(
        template_id="news",
        recipients=[
            {"participant_id": who, "address": MAIL.replace("@", f"+{who}@")}
            for who in ("jo", "bo", "mo")
        ],
    )["communication_id"]
    post.run()
    page = post.api(f"/v1/communications/{mailing}/recipients", limit=1)["json"]
    assert page["next_cursor"]
    return {
        "path.participant_id": ["jo", "bo"],
        "path.message_id": [message],
        "path.communication_id": [mailing],
        "path.template_id": ["news"],
        "path.address": [MAIL, "jo@example.com"],
        "query.address": [MAIL],
        "query.from": ["2026-11-20", "2026-11-20T09:30:00Z"],
        "query.to": ["2036-11-20", "2036-11-20T09:30:00Z"],
        "query.cursor": [page["next_cursor"]],
        "body.template_id": ["news"],
        "body.address": [MAIL],
        "body.recipients.[*].address": [MAIL],
    }


def test_every_operation_keeps_to_its_description(
    world: World, record_property: Callable[[str, Any], None]
) -> None:
    """Whatever it is asked: no 5xx, no status, type or body that is not described, no wrong input
    taken, no method that is not there, and nothing for who has no key; and each of them also works.
    """
    known = something_there(world)
    with served(world) as url:
        found = measured(url, first_key(world), known, examples=25)
    record_property(HOSTILE_INPUTS, found.cases)
    assert not found.failures, "\n\n".join(found.failures.values())
    assert len(found.statuses) == 22
    for operation, statuses in found.statuses.items():
        assert {status for status in statuses if 200 <= status < 300}, (operation, statuses)
        assert statuses[401], (operation, statuses)
