"""The secret of further API keys: what is in it, and how keys come into it and out of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from sendtrail.auth.api_keys import Entry, Scope, caller_of_entry, entries_of, new_key
from sendtrail.auth.secret_changes import Content, change_secret
from sendtrail.aws.secrets import Secrets
from sendtrail.domain.actors import Actor, checked_name
from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms, now, parse
from sendtrail.errors import InvalidInputError, NotFoundError

__all__ = ["KeySecret", "StoredKey", "check_new_key", "end_of_day"]

_TWIN_MS: Final = 60_000
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key in the secret.

    Attributes:
        key_id: empty if its entry is malformed, as `scope` is then; the name says so.
        created_at: empty where nobody wrote it down.
        created_by: who made it, as the text of an actor; None where it is not known, as of those
            that operators make.
        expires_at: from when it lets nobody in; None if it does not expire.
    """

    key_id: str
    name: str
    scope: str
    created_at: Timestamp
    created_by: str | None = None
    expires_at: Timestamp | None = None


class KeySecret:
    """Lists, adds and removes keys."""

    def __init__(self, client: Secrets, secret_id: str) -> None:
        self._client = client
        self._secret_id = secret_id

    def listed(self) -> list[StoredKey]:
        """All keys, oldest first. A malformed entry lets nobody in, and is told of by its place.

        Raises:
            AwsError, ConfigurationError: the secret cannot be read, or is malformed as a whole.
        """
        entries = entries_of(self._client.value(self._secret_id))
        return [_stored(position, entry) for position, entry in enumerate(entries, 1)]

    def add(
        self,
        scope: Scope,
        name: str,
        *,
        by: Actor | None = None,
        expires_at: Timestamp | None = None,
    ) -> tuple[str, StoredKey]:
        """Makes a key and keeps its hash.

        Args:
            by: who makes it, on a page: to load its answer again sends the form again, and must not
                make another key. None where that is not known.
            expires_at: None if it does not expire.

        Returns:
            the key, which nothing tells again, and what is stored of it.

        Raises:
            InvalidInputError: the name or the time is not allowed, or there is no more room.
            AwsError: as of `change_secret`.
        """
        check_new_key(name, expires_at)
        key, entry = new_key(scope, name, now(), by=by, expires_at=expires_at)

        def with_it(content: Content) -> Content:
            if by and any(_is_twin(each, entry) for each in content["keys"]):
                raise InvalidInputError(
                    "name: you made a key of this name a moment ago; remove that first, or wait "
                    "for a minute"
                )
            # It may be there already: the answer to an earlier attempt can be lost.
            others = [each for each in content["keys"] if each != entry]
            return {**content, "keys": [*others, entry]}

        change_secret(self._client, self._secret_id, with_it)
        return key, _stored(1, entry)

    def remove(self, unwanted: str) -> None:
        """Removes a key; it stops working within a minute, and whatever API Gateway caches.

        Raises:
            NotFoundError: no key has this id.
            AwsError: as of `change_secret`.
        """

        def without(content: Content) -> Content:
            left = [entry for entry in content["keys"] if _id_of(entry) != unwanted]
            if len(left) == len(content["keys"]):
                raise NotFoundError(f"no key has the id {unwanted}")
            return {**content, "keys": left}

        change_secret(self._client, self._secret_id, without)


def check_new_key(name: str, expires_at: Timestamp | None) -> None:
    """Checks what a key is to have.

    Raises:
        InvalidInputError: no actor may have this name, or the time has passed; its message begins
            with ``name`` or ``expires``.
    """
    checked_name(name)
    if expires_at is not None and expires_at <= now():
        raise InvalidInputError("expires: that has passed; a later day is allowed")


def end_of_day(day: str) -> Timestamp:
    """When a day of UTC, ``YYYY-MM-DD``, ends: a key whose last day it is expires then.

    Raises:
        ValueError: it is none.
    """
    if not _DAY.fullmatch(day):
        raise ValueError(f"not a day: {day!r:.60}")
    try:
        return from_epoch_ms(epoch_ms(f"{day}T00:00:00.000Z") + 24 * 3600 * 1000)
    except OverflowError:
        raise ValueError(f"a day out of range: {day}") from None


def _stored(position: int, entry: Entry) -> StoredKey:
    caller = caller_of_entry(entry)
    if caller is None:
        malformed = f"entry {position} of the secret is malformed, and lets nobody in"
        return StoredKey("", malformed, "", "")
    by = Actor.parse(entry.get("created_by"))
    return StoredKey(
        caller.key_id,
        caller.name,
        caller.scope.value,
        _text(entry.get("created_at")),
        by.text if by else None,
        caller.expires_at,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _is_twin(other: Entry, entry: Entry) -> bool:
    """Whether an entry is another of the same name, made by the same a moment before."""
    same = isinstance(other, dict) and all(
        other.get(name) == entry[name] for name in ("name", "created_by")
    )
    if not same or other.get("sha256") == entry["sha256"]:
        return False
    try:
        age = epoch_ms(entry["created_at"]) - epoch_ms(parse(other.get("created_at")))
    except ValueError:
        return False
    return age < _TWIN_MS


def _id_of(entry: Entry) -> str | None:
    """The id of an entry's key; None if it is malformed."""
    caller = caller_of_entry(entry)
    return caller.key_id if caller else None
