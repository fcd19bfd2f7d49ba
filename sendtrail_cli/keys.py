"""`sendtrail key`: API keys, made, listed and removed; and the keys that sign, rotated."""

from __future__ import annotations

import secrets
from enum import StrEnum
from typing import Any, Final

from sendtrail.auth.api_keys import Scope
from sendtrail.auth.key_secret import KeySecret, StoredKey, check_new_key
from sendtrail.auth.secret_changes import change_secret
from sendtrail.domain.times import Timestamp, epoch_ms, now
from sendtrail.errors import NotFoundError
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


def make_key(target: Target, scope: str, name: str, *, expires_at: Timestamp | None = None) -> str:
    """Makes an API key, keeps its hash in the stack's secret, and returns the key: once.

    Args:
        expires_at: from when it lets nobody in; None if it does not expire.

    Raises:
        InvalidInputError: the name is too long, or not printable; or the time has passed.
    """
    check_new_key(name, expires_at)
    return _keys(target).add(Scope(scope), name, expires_at=expires_at)[0]


def list_keys(target: Target) -> list[StoredKey]:
    """The keys that were made by `make_key` or in the console, oldest first. The key that the stack
    made for itself is not among them.
    """
    return _keys(target).listed()


def remove_key(target: Target, unwanted: str) -> None:
    """Removes a key; it stops working within a minute, and whatever API Gateway caches.

    Raises:
        NotFoundError: no key has this id.
    """
    try:
        _keys(target).remove(unwanted)
    except NotFoundError as error:
        raise NotFoundError(f"{error}; `sendtrail key list` shows them") from None


def _keys(target: Target) -> KeySecret:
    return KeySecret(target.secrets(), target.resource("ApiKeys"))


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

    change_secret(target.secrets(), target.resource(ring.secret), rotated)
    return counts[-1]
