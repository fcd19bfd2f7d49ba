"""API keys: who may call the private routes, and what for.

A key is random, of 256 bits, so that a plain SHA-256 of it cannot be turned back and needs no salt.
Only the hash is kept; the first key, which the stack makes, is a secret of its own.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

from sendtrail.domain.times import Timestamp

__all__ = ["ApiKeys", "Caller", "Scope", "fingerprint", "key_id", "new_key"]

_PREFIX: Final = "st_"
_ID_LENGTH: Final = 16


class Scope(StrEnum):
    """What a key may do; each may also do what those before it may."""

    READ = "read"
    """Look."""
    SEND = "send"
    """Send, and record what participants do."""
    ADMIN = "admin"
    """Everything, with suppressions and erasure."""

    def allows(self, needed: Scope) -> bool:
        """Whether a key of this scope may do what needs `needed`."""
        order = list(Scope)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a key belongs to, and its scope.

    Attributes:
        key_id: what tells it from others, whose names may be the same: the beginning of its
            fingerprint.
    """

    name: str
    scope: Scope
    key_id: str


class ApiKeys:
    """The keys that are valid."""

    def __init__(self, callers: Mapping[str, Caller]) -> None:
        """Takes callers by the SHA-256 of their keys, in hex."""
        self._callers = dict(callers)

    @classmethod
    def from_secrets(cls, first: str, further: str) -> ApiKeys:
        """Reads the two secrets of the stack.

        Args:
            first: ``{"name", "scope", "key"}``.
            further: ``{"keys": [{"name", "scope", "sha256", "created_at"}]}``.
        """
        one = json.loads(first)
        entries = [one | {"sha256": fingerprint(one["key"])}, *json.loads(further)["keys"]]
        return cls(
            {
                entry["sha256"]: Caller(
                    entry["name"], Scope(entry["scope"]), key_id(entry["sha256"])
                )
                for entry in entries
            }
        )

    def caller(self, authorization: str | None) -> Caller | None:
        """Who sends this ``Authorization`` header: ``Bearer <API key>``; None if nobody we know."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            return None
        return self.of_fingerprint(fingerprint(key.strip()))

    def of_fingerprint(self, hashed: str) -> Caller | None:
        """Whose key has this fingerprint; None if it is none of ours, or not any more."""
        found: Caller | None = None
        for known, caller in self._callers.items():  # all of them, in the same time
            if hmac.compare_digest(known, hashed):
                found = caller
        return found


def new_key(scope: Scope, name: str, at: Timestamp) -> tuple[str, dict[str, Any]]:
    """A new key, and what is kept of it."""
    key = _PREFIX + secrets.token_urlsafe(32)
    entry = {"name": name, "scope": scope.value, "sha256": fingerprint(key), "created_at": at}
    return key, entry


def fingerprint(key: str) -> str:
    """What is kept of a key, and names it: its SHA-256, in hex."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def key_id(fingerprint: str) -> str:
    """What tells a key from others, and may be shown: the beginning of its fingerprint."""
    return fingerprint[:_ID_LENGTH]
