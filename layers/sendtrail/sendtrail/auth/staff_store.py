"""The table of staff: who signs in by name, when each key was last seen, and what staff did.

By ``part`` and ``sort``:

- ``people``, a person's id: ``name``, ``email``, ``scope``, ``first_seen_at``, ``last_seen_at``.
- ``person#<id>``, ``session#<hash>``: one session (`sendtrail.auth.staff_sessions`); it ends when
  it is deleted, or at ``until``, and is kept for three days after that.
- ``once#<kind>``, a hash: what may be used once, and was.
- ``keys``, a key's id: ``last_seen_at``.
- ``acts``, a time, and what tells acts of one time apart: ``at``, ``action``, ``by``, ``object``;
  ``count`` of what is counted; ``actor``, by which the index lists them.

``expires_at`` is in seconds since 1970, as DynamoDB's expiry has it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.actors import Actor
from sendtrail.domain.times import Timestamp
from sendtrail.errors import ConditionFailedError

__all__ = [
    "ACTS",
    "BY_ACTOR",
    "KEYS",
    "PEOPLE",
    "Person",
    "PutBackStaff",
    "StaffAct",
    "StaffStore",
    "actor_key",
    "sessions_of",
]

PEOPLE: Final = "people"
KEYS: Final = "keys"
ACTS: Final = "acts"
BY_ACTOR: Final = "by_actor"
"""The index of acts by who did them: ``actor``, an actor's kind and id, and `sort`."""

_SESSIONS: Final = "person#"
_ABSENT: Final = "attribute_not_exists(#part)"


def sessions_of(person_id: str) -> str:
    """The part that holds a person's sessions."""
    return f"{_SESSIONS}{person_id}"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has signed in by name.

    Attributes:
        scope: as it was when they were last seen.
    """

    person_id: str
    name: str
    email: str
    scope: str
    first_seen_at: Timestamp | None
    last_seen_at: Timestamp | None


@dataclass(frozen=True, slots=True)
class StaffAct:
    """Something that was done.

    Attributes:
        at: when; the beginning of an hour, if `count` tells how often it was done in that.
        action: one of `sendtrail.auth.audit.StaffAction`, or of a later version.
        by: who, as the text of an actor; None where nobody was recognised.
        object_id: what it was done to; None of what was counted.
        count: about how often; None of a single act.
    """

    at: Timestamp
    action: str
    by: str | None
    object_id: str | None
    count: int | None


class PutBackStaff(StrEnum):
    """What became of a row of a copy."""

    ROWS = "rows"
    THERE = "there already"
    SESSIONS = "sessions, which stay ended"


class StaffStore:
    """Reads and writes the table."""

    def __init__(self, db: DynamoDB, table: str) -> None:
        self._db = db
        self._table = table

    def people(
        self, *, start: str | None = None, limit: int = 100
    ) -> tuple[list[Person], str | None]:
        """People, by their ids.

        Args:
            start: the id after which to begin.

        Returns:
            the people, and the id after which the next begin; None at the end.

        Raises:
            AwsError: they cannot be read.
        """
        rows, last = self._db.query(
            self._table,
            ("part", PEOPLE),
            start={"part": PEOPLE, "sort": start} if start else None,
            limit=limit,
            consistent=False,
        )
        return [_person_of(row) for row in rows], last["sort"] if last else None

    def person(self, person_id: str) -> Person | None:
        """Somebody; None if there is nobody of this id."""
        rows = self._db.get_all(self._table, [{"part": PEOPLE, "sort": person_id}])
        return _person_of(rows[0]) if rows else None

    def keys_seen(self) -> dict[str, Timestamp]:
        """Key id → when it was last seen, of at most some ten thousand keys: one query.

        Raises:
            AwsError: it cannot be read.
        """
        rows, _ = self._db.query(self._table, ("part", KEYS), consistent=False)
        return {row["sort"]: row["last_seen_at"] for row in rows}

    def acts(
        self, *, actor: str | None = None, place: str | None = None, limit: int = 25
    ) -> tuple[list[StaffAct], str | None]:
        """What staff did, newest first: one query.

        Args:
            actor: of one person or key alone, by `actor_key`.
            place: what this returned for the part before; None for the first.

        Returns:
            the acts, and the place at which the next begin; None at the end.

        Raises:
            AwsError: they cannot be read.
        """
        start: dict[str, Any] | None = {"part": ACTS, "sort": place} if place else None
        if start and actor:
            start["actor"] = actor
        rows, last = self._db.query(
            self._table,
            ("actor", actor) if actor else ("part", ACTS),
            index=BY_ACTOR if actor else None,
            start=start,
            limit=limit,
            newest_first=True,
            consistent=False,
        )
        return [_act_of(row) for row in rows], last["sort"] if last else None

    def put_back(self, rows: Iterable[Mapping[str, Any]]) -> Counter[PutBackStaff]:
        """Puts rows of a copy back that are not there; idempotent. Sessions are not: one that was
        ended stays ended.

        Returns:
            how many came to what.

        Raises:
            AwsError: some may have been put back; all of it may be repeated.
        """
        found: Counter[PutBackStaff] = Counter()
        for row in rows:
            if row["part"].startswith(_SESSIONS):
                found[PutBackStaff.SESSIONS] += 1
                continue
            try:
                self._db.put(self._table, dict(row), condition=_ABSENT, names={"#part": "part"})
            except ConditionFailedError:
                found[PutBackStaff.THERE] += 1
            else:
                found[PutBackStaff.ROWS] += 1
        return found


def _person_of(row: Mapping[str, Any]) -> Person:
    name, email, scope = (str(row.get(name, "")) for name in ("name", "email", "scope"))
    first, last = row.get("first_seen_at"), row.get("last_seen_at")
    return Person(row["sort"], name, email, scope, first, last)


def _act_of(row: Mapping[str, Any]) -> StaffAct:
    by, thing, count = (row.get(name) for name in ("by", "object", "count"))
    return StaffAct(row["at"], row["action"], by, thing, count)


def actor_key(actor: Actor) -> str:
    """What tells an actor from all others: kind and id, without the name."""
    return f"{actor.kind}:{actor.id}"
