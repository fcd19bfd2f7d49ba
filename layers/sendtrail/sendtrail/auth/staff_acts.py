"""What staff did, kept to be listed: a row of the staff table for each act, beside the line in the
function's log (docs/decisions/0045).

What programs do by the thousand has no row each: there is one for each key, action and hour, with
a count that a process writes when it has doubled, so that ten thousand messages are some fourteen
writes. What the last process of the hour had counted and not written is missing from it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sendtrail.auth.audit import FunctionLog, StaffAction
from sendtrail.auth.staff_store import ACTS, actor_key
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.actors import Actor
from sendtrail.domain.times import Timestamp, epoch_ms, now
from sendtrail.errors import AwsError

__all__ = ["OF_PROGRAMS", "ActRecorder"]

OF_PROGRAMS: Final = frozenset(
    {
        StaffAction.SEND_MESSAGE,
        StaffAction.STOP_MESSAGE,
        StaffAction.RECORD_INTERACTION,
        StaffAction.SUBSCRIBE,
        StaffAction.UNSUBSCRIBE,
        StaffAction.REGISTER_ADDRESS,
        StaffAction.NAME,
        StaffAction.SUPPRESS,
    }
)
"""What the API counts by the hour, and the console keeps one by one. All of it is told elsewhere,
too: in the participant's timeline, and by the message or the suppression."""
_BY_ANYBODY: Final = frozenset({StaffAction.SIGN_IN_REFUSED})
"""What is counted wherever it happens: whoever tries keys fills no list."""
_DAY_SECONDS: Final = 24 * 3600


@dataclass(slots=True)
class _Count:
    """How often something was done, how often that is written, and from how often it is anew."""

    seen: int = 0
    written: int = 0
    due: int = 1


_Kind = tuple[Timestamp, StaffAction, str | None]
"""What is counted together: of an hour, by its beginning, an action, and an actor's text."""


class ActRecorder:
    """Writes the rows. What cannot be written is told to the function's log, and hinders nobody."""

    def __init__(
        self,
        db: DynamoDB,
        table: str,
        logger: FunctionLog,
        *,
        retention_days: int,
        for_programs: bool,
        clock: Callable[[], Timestamp] = now,
    ) -> None:
        """Writes nothing yet.

        Args:
            db: a client that gives up soon: somebody waits.
            retention_days: for how long rows are kept.
            for_programs: whether programs call this function, so that `OF_PROGRAMS` are counted.
        """
        self._db = db
        self._table = table
        self._logger = logger
        self._retention_days = retention_days
        self._counted = _BY_ANYBODY | (OF_PROGRAMS if for_programs else frozenset())
        self._clock = clock
        self._counts: dict[_Kind, _Count] = {}

    def record(self, by: Actor | None, action: StaffAction, object_id: str | None) -> None:
        """Records an act, now; raises nothing that AWS does."""
        at = self._clock()
        fault = self._written(at, by, action, object_id)
        if fault:
            fields = {"action": action.value, "reason": fault.code}
            self._logger.error("act of staff not kept", extra=fields)

    def _written(
        self, at: Timestamp, by: Actor | None, action: StaffAction, object_id: str | None
    ) -> AwsError | None:
        """Why something could not be written; None if it was."""
        try:
            self._write_rest(before=_hour_of(at))
            if action in self._counted:
                self._count((_hour_of(at), action, by.text if by else None))
            else:
                self._put(at, by, action, object_id)
        except AwsError as error:
            return error
        return None

    def _put(
        self, at: Timestamp, by: Actor | None, action: StaffAction, object_id: str | None
    ) -> None:
        row = {
            **self._row(at, f"{at}#{secrets.token_hex(6)}"),
            "action": action.value,
            "by": by.text if by else None,
            "actor": actor_key(by) if by else None,
            "object": object_id,
        }
        # One row: PutItem. To try again is harmless.
        self._db.put_all(
            self._table, [{name: each for name, each in row.items() if each is not None}]
        )

    def _count(self, kind: _Kind) -> None:
        count = self._counts.setdefault(kind, _Count())
        count.seen += 1
        if count.seen >= count.due:
            count.due = 2 * count.seen  # also if it cannot be written: nobody waits for each
            self._add(kind, count)

    def _write_rest(self, before: Timestamp) -> None:
        """Writes what was counted in hours that are over, and forgets it."""
        for kind in [each for each in self._counts if each[0] < before]:
            count = self._counts.pop(kind)
            if count.seen > count.written:
                self._add(kind, count)

    def _add(self, kind: _Kind, count: _Count) -> None:
        hour, action, text = kind
        by = Actor.parse(text)
        row = self._row(hour, f"{hour}#{action.value}#{actor_key(by) if by else ''}")
        key = {name: row.pop(name) for name in ("part", "sort")}
        row |= {"action": action.value}
        row |= {"by": text, "actor": actor_key(by)} if by else {}
        self._db.update(
            self._table,
            key,
            update="SET " + ", ".join(f"#{name} = :{name}" for name in row) + " ADD #count :more",
            names={f"#{name}": name for name in (*row, "count")},
            values={f":{name}": each for name, each in row.items()}
            | {":more": count.seen - count.written},
        )
        count.written = count.seen

    def _row(self, at: Timestamp, sort: str) -> dict[str, Any]:
        expires_at = epoch_ms(at) // 1000 + self._retention_days * _DAY_SECONDS
        return {"part": ACTS, "sort": sort, "at": at, "expires_at": expires_at}


def _hour_of(at: Timestamp) -> Timestamp:
    return f"{at[:13]}:00:00.000Z"
