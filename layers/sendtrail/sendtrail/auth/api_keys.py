"""API keys: who may call the private routes, and with what scope.

A key has 256 random bits, so that its plain SHA-256 cannot be reversed and needs no salt. Only the
hash is stored; the first key, which the stack generates, is a secret of its own.
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
    """What a key may do; each scope includes those before it."""

    READ = "read"
    """Read."""
    SEND = "send"
    """Send, and record what participants do."""
    ADMIN = "admin"
    """Everything, including suppressions and erasure."""

    def allows(self, needed: Scope) -> bool:
        """Whether this scope includes `needed`."""
        order = list(Scope)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Caller:
    """The owner and scope of a key.

    Attributes:
        key_id: the beginning of the key's fingerprint; unlike the name it identifies the key.
    """

    name: str
    scope: Scope
    key_id: str


class ApiKeys:
    """The valid keys."""

    def __init__(self, callers: Mapping[str, Caller]) -> None:
        """Holds the given keys.

        Args:
            callers: fingerprint → whose key it is.
        """
        self._callers = dict(callers)

    @classmethod
    def from_secrets(cls, first: str, further: str) -> ApiKeys:
        """The keys in the two secrets of the stack.

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
        """The caller with this ``Authorization`` header (``Bearer <API key>``); None if unknown."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            return None
        return self.of_fingerprint(fingerprint(key.strip()))

    def of_fingerprint(self, hashed: str) -> Caller | None:
        """The caller whose key has this fingerprint; None if there is no such key."""
        found: Caller | None = None
        for candidate, caller in self._callers.items():  # all of them, in constant time
            if hmac.compare_digest(candidate, hashed):
                found = caller
        return found


def new_key(scope: Scope, name: str, at: Timestamp) -> tuple[str, dict[str, Any]]:
    """A new key, and the entry that is stored for it."""
    key = _PREFIX + secrets.token_urlsafe(32)
    entry = {"name": name, "scope": scope.value, "sha256": fingerprint(key), "created_at": at}
    return key, entry


def fingerprint(key: str) -> str:
    """The SHA-256 of a key, in hex: what is stored of it, and identifies it."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def key_id(fingerprint: str) -> str:
    """What tells a key from others, and may be shown: the beginning of its fingerprint."""
    return fingerprint[:_ID_LENGTH]
