"""The authorizer: who is let in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sendtrail.auth.api_keys import ApiKeys, Scope, fingerprint, new_key
from sendtrail.domain.times import now
from sendtrail.errors import ConfigurationError
from tests.functional.conftest import Backend
from tests.functional.world import World
from tests.support import load_event


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


def secret(world: World, name: str) -> Any:
    """A secret's content."""
    client = world.backend.endpoints.client("secretsmanager")
    arn = world.backend.resources.physical[name, ""]
    return json.loads(client.get_secret_value(SecretId=arn)["SecretString"])


def ask(world: World, authorization: str | None) -> Any:
    """The authorizer's answer to a header."""
    event = load_event("authorizer-request")
    event["headers"] = {"Authorization": authorization} if authorization is not None else {}
    return world.call("authorize", event)


def test_the_first_key_is_an_admins(world: World) -> None:
    """It is the one secret that the stack makes."""
    key = secret(world, "FirstApiKey")["key"]
    assert ask(world, f"Bearer {key}") == {
        "isAuthorized": True,
        "context": {"scope": "admin", "actor": f"key:{fingerprint(key)[:16]} first"},
    }


def test_nobody_else_is_let_in(world: World) -> None:
    """No key, a wrong one, a part of one, another scheme."""
    key = secret(world, "FirstApiKey")["key"]
    for authorization in (None, "", "Bearer", "Bearer ", "Bearer nonsense", f"Bearer {key[:-1]}"):
        assert ask(world, authorization) == {"isAuthorized": False}
    for authorization in (key, f"Basic {key}", f"Bearer {key} x", f"Bearer {key}\ud800"):
        assert ask(world, authorization) == {"isAuthorized": False}


def test_a_new_key_works_soon_and_only_its_hash_is_kept(world: World) -> None:
    """Also when the keys were read before it was made."""
    ask(world, "Bearer nonsense")
    key, entry = new_key(Scope.READ, "report", now())
    client = world.backend.endpoints.client("secretsmanager")
    arn = world.backend.resources.physical["ApiKeys", ""]
    client.put_secret_value(SecretId=arn, SecretString=json.dumps({"keys": [entry]}))
    assert key not in json.dumps(secret(world, "ApiKeys"))
    world.function("authorize").wiring.api_keys._read_at -= 3
    context = ask(world, f"Bearer {key}")["context"]
    assert context == {"scope": "read", "actor": f"key:{entry['sha256'][:16]} report"}


def test_a_malformed_key_locks_out_nobody_else(world: World) -> None:
    """And where the secret is malformed as a whole, the first key still works."""
    first = secret(world, "FirstApiKey")["key"]
    key, entry = new_key(Scope.SEND, "Front office", now())
    client = world.backend.endpoints.client("secretsmanager")
    arn = world.backend.resources.physical["ApiKeys", ""]
    bad = [None, {**entry, "sha256": "é"}, {**entry, "scope": "root"}]
    client.put_secret_value(SecretId=arn, SecretString=json.dumps({"keys": [*bad, entry]}))
    assert ask(world, f"Bearer {key}")["context"]["scope"] == "send"
    assert ask(world, f"Bearer {first}")["isAuthorized"]
    assert ask(world, "Bearer nonsense") == {"isAuthorized": False}
    client.put_secret_value(SecretId=arn, SecretString="{")
    world.restart("authorize")
    assert ask(world, f"Bearer {first}")["isAuthorized"]
    with pytest.raises(ConfigurationError):  # API Gateway answers 500, and keeps no answer
        ask(world, f"Bearer {key}")


def test_scopes_include_those_before_them() -> None:
    """Read < send < admin."""
    allowed = {(has, needs) for has in Scope for needs in Scope if has.allows(needs)}
    assert allowed == {
        (Scope.READ, Scope.READ),
        (Scope.SEND, Scope.READ),
        (Scope.SEND, Scope.SEND),
        (Scope.ADMIN, Scope.READ),
        (Scope.ADMIN, Scope.SEND),
        (Scope.ADMIN, Scope.ADMIN),
    }


def test_keys_are_random() -> None:
    """256 bits of it."""
    keys = {new_key(Scope.READ, "", now())[0] for _ in range(100)}
    assert len(keys) == 100
    assert all(len(key) >= 43 for key in keys)
    assert ApiKeys({}).caller("Bearer x") is None
