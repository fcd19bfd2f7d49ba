"""`sendtrail key`: API keys, made, listed and removed; and the keys that sign, rotated."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from sendtrail.auth.api_keys import Scope, caller_of_entry, new_key
from sendtrail.domain.times import epoch_ms, now
from sendtrail.errors import NotFoundError
from sendtrail_cli.secrets import change_secret, read_secret
from sendtrail_cli.target import Target

__all__ = ["SIGNS_AFTER_SECONDS", "Ring", "list_keys", "make_key", "remove_key", "rotate_keys"]

SIGNS_AFTER_SECONDS: Final = 120
"""A new key signs so long after it was added: every function verifies by it before that."""

Content = dict[str, Any]


class Ring(StrEnum):
    """What is signed by keys of its own."""

    LINKS = "links"
    SESSIONS = "sessions"

    @property
    def secret(self) -> str:
        """The logical id of its secret."""
        return "SigningKeys" if self is Ring.LINKS else "SessionKeys"


def make_key(target: Target, scope: str, name: str) -> str:
    """Makes an API key, keeps its hash in the stack's secret, and returns the key: once.

    Raises:
        InvalidInputError: the name is too long, or not printable.
    """
    key, entry = new_key(Scope(scope), name, now())
    _change(target, "ApiKeys", lambda content: {**content, "keys": [*content["keys"], entry]})
    return key


def list_keys(target: Target) -> list[dict[str, str]]:
    """The keys that were made by `make_key`, oldest first: ``id``, ``name``, ``scope`` and
    ``created_at`` of each. The key that the stack made for itself is not among them.

    Of a malformed entry, which lets nobody in, id and scope are empty, and the name says so.
    """
    content = read_secret(target.client("secretsmanager"), target.resource("ApiKeys"))
    listed = []
    for position, entry in enumerate(content["keys"], 1):
        caller = caller_of_entry(entry)
        if caller is None:
            malformed = f"entry {position} of the secret is malformed, and lets nobody in"
            listed.append({"id": "", "name": malformed, "scope": "", "created_at": ""})
            continue
        listed.append(
            {
                "id": caller.key_id,
                "name": caller.name,
                "scope": caller.scope.value,
                "created_at": str(entry.get("created_at", "")),
            }
        )
    return listed


def remove_key(target: Target, unwanted: str) -> None:
    """Removes a key; it stops working within a minute, and whatever API Gateway caches.

    Raises:
        NotFoundError: no key has this id.
    """

    def without(content: Content) -> Content:
        left = [entry for entry in content["keys"] if _id_of(entry) != unwanted]
        if len(left) == len(content["keys"]):
            raise NotFoundError(f"no key has the id {unwanted}; `sendtrail key list` shows them")
        return {**content, "keys": left}

    _change(target, "ApiKeys", without)


def _id_of(entry: Any) -> str | None:
    """The id of an entry's key; None if it is malformed."""
    caller = caller_of_entry(entry)
    return caller.key_id if caller else None


def rotate_keys(target: Target, ring: Ring, *, retire: bool = False) -> int:
    """Adds a key to a ring, which signs two minutes later; the others go on verifying.

    Args:
        retire: adds none, and removes all but the one that signs: what they signed is void within a
            minute.

    Returns:
        how many keys there are now.

    Raises:
        NotFoundError: the key that is to sign does not yet.
    """
    at = epoch_ms(now()) // 1000
    counts: list[int] = []

    def rotated(content: Content) -> Content:
        if retire:
            if content.get("signs_from", 0) > at:
                raise NotFoundError("the newest key does not sign yet; wait for two minutes")
            counts.append(1)
            return {"newest": content["newest"], "older": []}
        older = [*content["older"], content["newest"]]
        counts.append(len(older) + 1)
        newest = secrets.token_urlsafe(48)
        return {"newest": newest, "older": older, "signs_from": at + SIGNS_AFTER_SECONDS}

    _change(target, ring.secret, rotated)
    return counts[-1]


def _change(target: Target, name: str, change: Callable[[Content], Content]) -> None:
    change_secret(target.client("secretsmanager"), target.resource(name), change)
