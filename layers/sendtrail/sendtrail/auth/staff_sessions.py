"""Sessions of people who signed in by their own names: rows of the table of staff
(`sendtrail.auth.staff_store`).

A cookie names a session, and each page reads its row, consistently: a session whose row is gone is
over at once, wherever its cookie is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

from sendtrail.auth.sessions import LAPSED_SECONDS
from sendtrail.auth.staff_store import PEOPLE, sessions_of
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.times import from_epoch_ms
from sendtrail.errors import ConditionFailedError

__all__ = ["SessionRow", "StaffSessions"]

_SESSION: Final = "session#"
_FIELDS: Final = (
    "subject",
    "name",
    "email",
    "scope",
    "until",
    "began_at",
    "checked_at",
    "good_at",
    "by_userinfo",
    "provider_session",
    "tokens",
)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session. Times are in seconds since 1970.

    Attributes:
        person_id: whose it is.
        session_id: as the cookie has it; the table has its hash. Empty in a list of sessions.
        subject: the person, as the provider knows them (``sub``).
        scope: what they may do.
        until: when it ends.
        began_at: when they signed in.
        checked_at: when the provider was asked last, or is being asked.
        good_at: when it last said that they may.
        by_userinfo: whether userinfo alone says what they may do; else it takes an ID token.
        provider_session: the provider's id of its own session; empty if it has none.
        tokens: the provider's, encrypted.
        hashed: the session id's hash.
    """

    person_id: str
    session_id: str
    subject: str
    name: str
    email: str
    scope: str
    until: int
    began_at: int
    checked_at: float
    good_at: float
    by_userinfo: bool
    provider_session: str = ""
    tokens: str = ""
    hashed: str = ""

    @property
    def sort(self) -> str:
        """The row's sort key."""
        return _SESSION + (self.hashed or _hashed(self.session_id))

    def is_of(self, session_id: str) -> bool:
        """Whether it is the session of a cookie."""
        return self.sort == _SESSION + _hashed(session_id)

    @property
    def key(self) -> dict[str, str]:
        """The row's key."""
        return {"part": sessions_of(self.person_id), "sort": self.sort}


class StaffSessions:
    """Reads and writes the rows."""

    def __init__(
        self, database: DynamoDB, table: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._table = table
        self._clock = clock

    def add(self, row: SessionRow, issuer: str) -> None:
        """Adds a session, and notes its person.

        Raises:
            AwsError: as for any call.
        """
        self._note(row, issuer)
        item = row.key | {name: getattr(row, name) for name in _FIELDS}
        item |= {"person_id": row.person_id, "expires_at": row.until + LAPSED_SECONDS}
        self._database.put_all(self._table, [item])

    def read(self, person_id: str, session_id: str) -> SessionRow | None:
        """A session; None if it was ended.

        Raises:
            AwsError: as for any call.
        """
        key = {"part": sessions_of(person_id), "sort": _SESSION + _hashed(session_id)}
        item = self._database.get(self._table, key)
        return _row(item, session_id) if item else None

    def sessions_of(self, person_id: str) -> list[SessionRow]:
        """All sessions of a person, in no order; those that have lapsed, too."""
        return [_row(item) for item in self._items(person_id)]

    def count(self, people: Sequence[str]) -> dict[str, int]:
        """Person id → how many sessions they have that have not lapsed: a query each, several at a
        time.
        """
        at = self._clock()
        items = self._database.at_once(lambda person_id: list(self._items(person_id)), people)
        return {
            person_id: sum(item["until"] > at for item in found)
            for person_id, found in zip(people, items, strict=True)
        }

    def _items(self, person_id: str) -> Iterator[dict[str, Any]]:
        start: dict[str, Any] | None = None
        while True:
            items, start = self._database.query(
                self._table,
                ("part", sessions_of(person_id)),
                begins=("sort", _SESSION),
                start=start,
            )
            yield from items
            if start is None:
                return

    def claim_check(self, row: SessionRow, at: float) -> SessionRow | None:
        """Has one request alone ask the provider anew: the row as of `at`; None if another request
        is at it, or the session was ended.
        """
        claimed = replace(row, checked_at=at)
        changed = {"checked_at": at}
        return claimed if self._change(row, row.checked_at, changed) else None

    def renew(self, row: SessionRow) -> bool:
        """Writes what the provider said; False if the session was ended meanwhile."""
        names = ("name", "email", "scope", "good_at", "tokens")
        changed = {name: getattr(row, name) for name in names}
        if not self._change(row, row.checked_at, changed):
            return False
        self._note(row)
        return True

    def _change(self, row: SessionRow, checked_at: float, changed: dict[str, Any]) -> bool:
        """Changes a session's row if it was checked at a time, and is still there."""
        try:
            self._database.update(
                self._table,
                row.key,
                update="SET " + ", ".join(f"#{name} = :{name}" for name in changed),
                names={"#was": "checked_at"} | {f"#{name}": name for name in changed},
                values={":was": checked_at}
                | {f":{name}": value for name, value in changed.items()},
                condition="#was = :was",
            )
        except ConditionFailedError:
            return False
        return True

    def end(self, person_id: str, session_id: str) -> None:
        """Ends a session, if it was not ended before."""
        self._delete({"part": sessions_of(person_id), "sort": _SESSION + _hashed(session_id)})

    def remove(self, row: SessionRow) -> None:
        """Ends a session of a list."""
        self._delete(row.key)

    def end_all(self, person_id: str) -> int:
        """Ends all sessions of a person; returns how many."""
        keys = [{"part": item["part"], "sort": item["sort"]} for item in self._items(person_id)]
        for key in keys:
            self._delete(key)
        return len(keys)

    def _delete(self, key: dict[str, str]) -> None:
        try:
            self._database.delete(
                self._table,
                key,
                condition="#sort = :sort",
                names={"#sort": "sort"},
                values={":sort": key["sort"]},
            )
        except ConditionFailedError:
            return

    def use_once(self, kind: str, what: str, until: int) -> bool:
        """Notes that something was used; False if it was before.

        Args:
            until: from when on it is worth nothing anyhow, in seconds since 1970.
        """
        try:
            self._database.put(
                self._table,
                {"part": f"once#{kind}", "sort": _hashed(what), "expires_at": until + 3600},
                condition="attribute_not_exists(#sort)",
                names={"#sort": "sort"},
            )
        except ConditionFailedError:
            return False
        return True

    def _note(self, row: SessionRow, issuer: str = "") -> None:
        """Notes who a person is, and that they were seen."""
        at = from_epoch_ms(int(self._clock() * 1000))
        said = {"name": row.name, "email": row.email, "scope": row.scope, "last_seen_at": at}
        said |= {"subject": row.subject} | ({"issuer": issuer} if issuer else {})
        changes = [f"#{name} = :{name}" for name in said]
        changes.append("#first_seen_at = if_not_exists(#first_seen_at, :last_seen_at)")
        self._database.update(
            self._table,
            {"part": PEOPLE, "sort": row.person_id},
            update="SET " + ", ".join(changes),
            names={f"#{name}": name for name in (*said, "first_seen_at")},
            values={f":{name}": value for name, value in said.items()},
        )


def _row(item: dict[str, Any], session_id: str = "") -> SessionRow:
    hashed = item["sort"].removeprefix(_SESSION)
    fields = {name: item[name] for name in _FIELDS}
    return SessionRow(item["person_id"], session_id, **fields, hashed=hashed)


def _hashed(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
