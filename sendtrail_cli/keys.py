"""`sendtrail key`: API keys, made, listed and removed."""

from __future__ import annotations

import json
from typing import Any

from sendtrail.auth.api_keys import Scope, key_id, new_key
from sendtrail.domain.times import now
from sendtrail.errors import NotFoundError
from sendtrail_cli.target import Target

__all__ = ["list_keys", "make_key", "remove_key"]


def make_key(target: Target, scope: str, name: str) -> str:
    """Makes an API key, keeps its hash in the stack's secret, and returns the key: once."""
    key, entry = new_key(Scope(scope), name, now())
    content = _read(target)
    _write(target, {**content, "keys": [*content["keys"], entry]})
    return key


def list_keys(target: Target) -> list[dict[str, str]]:
    """The keys that were made by `make_key`, oldest first: ``id``, ``name``, ``scope`` and
    ``created_at`` of each. The key that the stack made for itself is not among them.
    """
    return [
        {
            "id": key_id(entry["sha256"]),
            "name": entry["name"],
            "scope": entry["scope"],
            "created_at": entry["created_at"],
        }
        for entry in _read(target)["keys"]
    ]


def remove_key(target: Target, unwanted: str) -> None:
    """Removes a key; it stops working within a minute, and whatever API Gateway caches.

    Raises:
        NotFoundError: no key has this id.
    """
    content = _read(target)
    left = [entry for entry in content["keys"] if key_id(entry["sha256"]) != unwanted]
    if len(left) == len(content["keys"]):
        raise NotFoundError(f"no key has the id {unwanted}; `sendtrail key list` shows them")
    _write(target, {**content, "keys": left})


def _read(target: Target) -> dict[str, Any]:
    secret = target.client("secretsmanager").get_secret_value(SecretId=target.resource("ApiKeys"))
    content: dict[str, Any] = json.loads(secret["SecretString"])
    return content


def _write(target: Target, content: dict[str, Any]) -> None:
    target.client("secretsmanager").put_secret_value(
        SecretId=target.resource("ApiKeys"), SecretString=json.dumps(content)
    )
