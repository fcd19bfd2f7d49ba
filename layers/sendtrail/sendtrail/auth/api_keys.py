"""API keys: who may call the private routes, and with what scope.

A key has 256 random bits, so that its plain SHA-256 cannot be reversed and needs no salt. Only the
hash is stored; the first key, which the stack generates, is a secret of its own.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

from sendtrail.domain.actors import KEY, PERSON, Actor, checked_name, legible_name
from sendtrail.domain.times import Timestamp, now, parse
from sendtrail.errors import ConfigurationError

__all__ = [
    "EXPIRES_SOON_DAYS",
    "Entry",
    "ApiKeys",
    "Caller",
    "Scope",
    "caller_of_entry",
    "entries_of",
    "fingerprint",
    "first_entry_of",
    "key_id",
    "new_key",
]

EXPIRES_SOON_DAYS: Final = 14
"""For how many days before a key expires its owner is warned."""

_PREFIX: Final = "st_"
_ID_LENGTH: Final = 16
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")

Entry = Any
"""Of a key, what is in a secret: ``{"name", "scope", "sha256", "created_at"}``, and ``created_by``
(an actor's text) and ``expires_at`` of some, if it is as it should be. Operators may have changed
it by hand."""


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
    """The owner and scope of a key; or somebody who signed in by their own name.

    Attributes:
        name: as `checked_name` allows it; may be empty.
        key_id: the beginning of the key's fingerprint; unlike the name it identifies the key. Empty
            if there is none.
        person_id: what identifies who signed in by their own name; empty if nobody did.
        expires_at: from when the key lets nobody in; None if it does not expire.
    """

    name: str
    scope: Scope
    key_id: str = ""
    person_id: str = ""
    expires_at: Timestamp | None = None

    @property
    def actor(self) -> Actor:
        """Who they are, in what they do."""
        if self.person_id:
            return Actor(PERSON, self.person_id, self.name)
        return Actor(KEY, self.key_id, self.name)

    @property
    def label(self) -> str:
        """What to call them: by name, or by what identifies them."""
        return self.name or self.person_id or self.key_id


class ApiKeys:
    """The valid keys."""

    def __init__(self, callers: Mapping[str, Caller]) -> None:
        """Holds the given keys.

        Args:
            callers: fingerprint → whose key it is.
        """
        self._callers = dict(callers)

    @classmethod
    def of(
        cls, entries: Iterable[Entry], *, passed_over: Callable[[int], None] = lambda _: None
    ) -> ApiKeys:
        """The keys of entries. One that is malformed is passed over: it locks nobody else out.

        Args:
            passed_over: called with the position of each malformed entry, from 1.
        """
        callers: dict[str, Caller] = {}
        for position, entry in enumerate(entries, 1):
            caller = caller_of_entry(entry)
            if caller:
                callers[entry["sha256"]] = caller
            else:
                passed_over(position)
        return cls(callers)

    def __or__(self, others: ApiKeys) -> ApiKeys:
        """These keys, and others."""
        return ApiKeys(self._callers | others._callers)

    def expiring(self, at: Timestamp, until: Timestamp) -> list[Caller]:
        """Whose keys hold at a time and expire until another; who is first is first."""
        ending = [(each.expires_at, each) for each in self._callers.values() if each.expires_at]
        soon = [(when, each) for when, each in ending if at < when <= until]
        return [each for _, each in sorted(soon, key=lambda pair: (pair[0], pair[1].key_id))]

    def caller(self, authorization: str | None) -> Caller | None:
        """The caller with this ``Authorization`` header (``Bearer <API key>``); None if unknown."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            return None
        return self.of_fingerprint(fingerprint(key.strip()))

    def of_fingerprint(self, hashed: str) -> Caller | None:
        """The caller whose key has this fingerprint; None if there is no such key, or it has
        expired.
        """
        found: Caller | None = None
        for candidate, caller in self._callers.items():  # all of them, in constant time
            if hmac.compare_digest(candidate, hashed):
                found = caller
        if found and found.expires_at and found.expires_at <= now():
            return None
        return found


def first_entry_of(secret: str) -> list[Entry]:
    """The entry of the first key, from its secret: ``{"name", "scope", "key"}``.

    Raises:
        ConfigurationError: the secret is malformed.
    """
    content = _content(secret)
    key = content.get("key")
    if not isinstance(key, str) or not key:
        raise ConfigurationError("the secret of the first API key is malformed")
    return [content | {"sha256": fingerprint(key)}]


def entries_of(secret: str) -> list[Entry]:
    """The entries of all further keys, from their secret: ``{"keys": [entry, …]}``.

    Raises:
        ConfigurationError: the secret is malformed as a whole.
    """
    entries = _content(secret).get("keys")
    if not isinstance(entries, list):
        raise ConfigurationError("the secret of the API keys is malformed")
    return entries


def _content(secret: str) -> dict[str, Any]:
    """The JSON object in a secret; the error does not quote it."""
    try:
        content = json.loads(secret)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise ConfigurationError("a secret of API keys is not a JSON object")
    return content


def caller_of_entry(entry: Entry) -> Caller | None:
    """Whose key an entry is of; None if it is malformed. A name that none may have is shown as far
    as it is legible.
    """
    if not isinstance(entry, dict):
        return None
    name, scope, hashed = (entry.get(field) for field in ("name", "scope", "sha256"))
    if not (isinstance(name, str) and isinstance(hashed, str) and _FINGERPRINT.fullmatch(hashed)):
        return None
    if scope not in [each.value for each in Scope]:
        return None
    expires_at = entry.get("expires_at")
    if expires_at is not None:
        try:
            expires_at = parse(expires_at)
        except ValueError:
            return None  # the key was to end, and nobody knows when
    return Caller(legible_name(name), Scope(scope), key_id(hashed), expires_at=expires_at)


def new_key(
    scope: Scope,
    name: str,
    at: Timestamp,
    *,
    by: Actor | None = None,
    expires_at: Timestamp | None = None,
) -> tuple[str, dict[str, Any]]:
    """A new key, and the entry that is stored for it.

    Args:
        by: who makes it, where that is known.
        expires_at: from when it lets nobody in.

    Raises:
        InvalidInputError: no actor may have this name.
    """
    key = _PREFIX + secrets.token_urlsafe(32)
    entry = {
        "name": checked_name(name),
        "scope": scope.value,
        "sha256": fingerprint(key),
        "created_at": at,
    }
    entry |= {"created_by": by.text} if by else {}
    entry |= {"expires_at": expires_at} if expires_at else {}
    return key, entry


def fingerprint(key: str) -> str:
    """The SHA-256 of a key, in hex: what is stored of it, and identifies it."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def key_id(fingerprint: str) -> str:
    """What tells a key from others, and may be shown: the beginning of its fingerprint."""
    return fingerprint[:_ID_LENGTH]
