"""The private routes under hostile requests: through the template's gateway and its authorizer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from sendtrail.auth.api_keys import Scope, new_key
from sendtrail.domain.times import now
from tests.faults.hostile import measured, served
from tests.functional import conftest as functional
from tests.functional.conftest import Backend
from tests.functional.sending import Post
from tests.functional.world import Api, World
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
    hooks = [
        post.api("/v1/webhooks", "POST", {"url": f"https://crm.example.org/{number}"})["json"]
        for number in range(10)
    ]
    return {
        "path.webhook_id": [each["webhook_id"] for each in hooks],
        "body.url": ["https://crm.example.org/"],
        "body.event_types.[*]": ["message.bounced"],
        "body.from": ["2026-11-20T09:30:00Z"],
        "body.to": ["2026-11-21T09:30:00Z"],
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
        found = measured(url, first_key(world), examples=20, known=known)
    record_property(HOSTILE_INPUTS, found.cases)
    assert not found.failures, "\n\n".join(found.failures.values())
    assert len(found.statuses) == 46
    for operation, statuses in found.statuses.items():
        assert {status for status in statuses if 200 <= status < 300}, (operation, statuses)
        assert statuses[401], (operation, statuses)


# --- who may not -----------------------------------------------------------------------------

SAMPLES = {
    "participant_id": "ann",
    "message_id": "01M7W83218E4FCTJMT16DEPK3N",
    "communication_id": "news",
    "erasure_id": f"erased-{'0' * 26}",
    "template_id": "news",
    "address": "a@example.com",
    "webhook_id": "01M7W83218E4FCTJMT16DEPK3N",
}
BODIES: dict[str, Any] = {
    "registerAddress": None,
    "nameParticipant": {"name": "Jo"},
    "recordInteraction": {},
    "setSubscription": {"subscribed": True},
    "suppressAddress": {"note": "x"},
    "suppressAddressInQuery": {"note": "x"},
    "liftSuppression": None,
    "putTemplate": {"subject": "s", "text": "t"},
}


def operations(world: World) -> Iterator[tuple[str, str, Any, Scope]]:
    """Every operation that is described: method, path, a good body, and the scope that it needs.

    Looking needs `read`; what stands for or against an address, deleting, and having all that is
    kept of somebody, `admin`; all else, `send`. A route
    that is otherwise has to be thought about here.
    """
    described = json.loads(Api(world, None)("/v1/openapi.json")["body"])
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            body = BODIES.get(operation["operationId"])
            if body is None and "requestBody" in operation:
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                name = schema["$ref"].rpartition("/")[2]
                (body,) = described["components"]["schemas"][name]["examples"]
            needed = Scope.READ if method == "get" else Scope.SEND
            if method == "delete" or (method != "get" and "/suppressions" in path):
                needed = Scope.ADMIN
            if path.startswith(("/v1/staff/", "/v1/webhooks", "/v1/erasures/")) or path.endswith(
                "/export"
            ):
                needed = Scope.ADMIN
            wanted = [
                each["name"]
                for each in operation.get("parameters", ())
                if each["in"] == "query" and each.get("required")
            ]
            query = "".join(f"?{name}={SAMPLES[name]}" for name in wanted)
            yield method.upper(), path.format(**SAMPLES) + query, body, needed


def state(world: World) -> str:
    """Everything in the tables, and how much waits to be sent; but not when keys were last seen,
    which they are also where they may not.
    """
    dynamodb = world.backend.endpoints.client("dynamodb")
    tables = {
        name: [
            item
            for item in dynamodb.scan(TableName=name)["Items"]
            if item.get("part") != {"S": "keys"}
        ]
        for name in sorted(dynamodb.list_tables()["TableNames"])
    }
    return json.dumps([tables, len(Post(world).jobs())], default=sorted, sort_keys=True)


def asked(url: str, method: str, path: str, body: Any, key: str | None) -> tuple[int, str, Any]:
    """The status, content type and JSON of a route's answer through the gateway."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
    headers = {"Content-Type": "application/json"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, path, body=text, headers=headers)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        return answer.status, answer.headers["Content-Type"], content
    finally:
        connection.close()


def test_who_may_not_is_refused_on_every_route_and_nothing_is_done(world: World) -> None:
    """No key, a wrong one, one of too small a scope; a new route cannot be forgotten, since they
    are those of the description.
    """
    backend = world.backend
    keys: dict[Scope, str] = {}
    entries = []
    for scope in Scope:
        keys[scope], entry = new_key(scope, scope.value, now())
        entries.append(entry)
    backend.endpoints.client("secretsmanager").put_secret_value(
        SecretId=backend.resources.physical["ApiKeys", ""],
        SecretString=json.dumps({"keys": entries}),
    )
    every = list(operations(world))
    before = state(world)
    small = 0
    with served(world) as url:
        for method, path, body, needed in every:
            where = (method, path)
            assert asked(url, method, path, body, None)[0] == 401, where
            for wrong in ("", "nonsense", keys[Scope.READ][:-1], keys[Scope.READ] + "x"):
                assert asked(url, method, path, body, wrong)[0] == 403, where
            for scope, key in keys.items():
                if not scope.allows(needed):
                    small += 1
                    status, kind, said = asked(url, method, path, body, key)
                    assert (status, kind) == (403, "application/problem+json"), where
                    assert needed.value in said["detail"], where
        assert state(world) == before
        for method, path, body, needed in every:
            status = asked(url, method, path, body, keys[needed])[0]
            assert status not in (401, 403, 405, 422), (method, path, status)
    assert small > 10


@pytest.mark.parametrize("scope", [None, "", "root"])
def test_a_request_that_the_authorizer_did_not_see_is_refused_on_every_route(
    world: World, scope: str | None
) -> None:
    """By the function itself, should a route ever be without one; so is a scope that is none."""
    before = state(world)
    for method, path, body, _ in operations(world):
        answer = Api(world, scope)(path, method, body)
        assert (answer["statusCode"], answer["json"]["status"]) == (403, 403), (method, path)
    assert state(world) == before
