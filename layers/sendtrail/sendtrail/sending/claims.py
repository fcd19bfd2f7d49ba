"""Claims: each message is sent at most once, by a row for each job, and by the log.

A worker claims a job before it calls SES, and records afterwards what came of each of its messages.
A worker that dies in between leaves a claim that nobody else may touch for the in-doubt time, which
is longer than a worker runs and than SES takes to publish a Send event. Whoever comes after that
finds the claim lapsed, and asks the log about each message that may have been sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.errors import AwsError, BusyError, ConditionFailedError
from sendtrail.sending.jobs import Job

__all__ = ["KEPT_DAYS", "STOP_PREFIX", "Claim", "Claims", "Mark"]

KEPT_DAYS: Final = 45
"""How long a claim is kept after its last change: two weeks in the queue, two in its dead-letter
queue, and time to redrive it. For older plans the log is asked."""


STOP_PREFIX: Final = "#stop#"
"""Begins the id of a row that is no claim, but has a plan not sent (`sendtrail.sending.stops`)."""


class Mark(StrEnum):
    """What a claim says of a message, in one character."""

    FREE = "-"  # not sent, and nobody is at it
    TRYING = "!"  # a worker is at it
    IN_DOUBT = "?"  # SES was called and did not answer
    SENT = "s"
    DROPPED = "d"
    REJECTED = "r"
    FAILED = "f"

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to do."""
        return self not in _OPEN


_OPEN: Final = frozenset({Mark.FREE, Mark.TRYING, Mark.IN_DOUBT})


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that this worker has claimed.

    Attributes:
        revision: of the row; it is changed only while it has this revision.
        until: seconds since 1970 until which nobody else may touch what is being tried.
        marks: of each message of the job, before this claim.
        trying: the places in `marks` of those that this worker may send.
        doubtful: those among them that somebody may have sent: the log knows.
    """

    id: str
    revision: int
    until: float
    marks: tuple[Mark, ...]
    trying: tuple[int, ...]
    doubtful: frozenset[int] = frozenset()


class Claims:
    """The claims of jobs.

    A row has ``id``; ``revision``; ``marks``, a character for each message of the job;
    ``until`` (milliseconds since 1970), while which what is tried or in doubt is let alone; and
    ``expiration`` (seconds since 1970).
    """

    def __init__(
        self,
        db: DynamoDB,
        table: str,
        *,
        in_doubt_seconds: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._table = table
        self._in_doubt_seconds = in_doubt_seconds
        self._clock = clock

    def take(self, job: Job) -> Claim:
        """Claims what is left of a job. If nothing is, the claim has nothing to try.

        Raises:
            BusyError: another worker is at it, or all that is left is in doubt.
        """
        try:
            return self._begin(job) or self._go_on(job)
        except BusyError:
            raise
        except AwsError as error:  # it may be ours, and nobody knows: it lapses
            raise BusyError("NoClaim", str(error)) from error

    def release(self, claim: Claim, marks: Mapping[int, Mark]) -> None:
        """Records what came of a claim.

        Args:
            marks: place → what came of the message; for those that are left out it is as it was.

        Raises:
            BusyError: the claim may be as it was, or another worker's: it had lapsed.
        """
        found = [marks.get(place, mark) for place, mark in enumerate(claim.marks)]
        try:
            self._change(claim.id, claim.revision, found, self._until())
        except AwsError as error:
            raise BusyError("NotRecorded", str(error)) from error

    def put_back(self, rows: Iterable[Mapping[str, Any]]) -> int:
        """Puts claims of another table into this one, unless there is one of the job; idempotent.

        Args:
            rows: of that table; those that are neither claims nor stops are passed over.

        Returns:
            how many were put.

        Raises:
            AwsError: some may have been put; all of it may be repeated.
        """
        return sum(self._put(row) for row in rows if "marks" in row or _is_stop(row))

    def _put(self, row: Mapping[str, Any]) -> bool:
        """Puts the row of a new claim; returns whether there was none."""
        try:
            self._db.put(
                self._table,
                dict(row),
                condition="attribute_not_exists(#id)",
                names={"#id": "id"},
            )
        except ConditionFailedError:
            return False
        return True

    def _begin(self, job: Job) -> Claim | None:
        """A new claim of the whole job; None if there is one."""
        until, marks = self._until(), [Mark.TRYING] * job.count
        row = {"id": _id(job), "revision": 1, **self._row(marks, until)}
        if not self._put(row):
            return None
        return Claim(row["id"], 1, until, (Mark.FREE,) * job.count, tuple(range(job.count)))

    def _go_on(self, job: Job) -> Claim:
        """A claim of what an earlier one has left."""
        row = self._db.get(self._table, {"id": _id(job)})
        if row is None:
            raise BusyError("NoClaim", "it has just expired")
        lapsed = row["until"] < self._clock() * 1000
        found = tuple(Mark(mark) for mark in row["marks"])
        if Mark.TRYING in found and not lapsed:
            raise BusyError("Claimed", "another worker is at it, or died")
        marks = tuple(Mark.IN_DOUBT if mark is Mark.TRYING else mark for mark in found)
        doubtful = {place for place, mark in enumerate(marks) if mark is Mark.IN_DOUBT and lapsed}
        free = {place for place, mark in enumerate(marks) if mark is Mark.FREE}
        trying = tuple(sorted(doubtful | free))
        claim = Claim(row["id"], row["revision"], 0, marks, trying, frozenset(doubtful))
        if all(mark.settled for mark in marks):
            return claim
        if not trying:
            raise BusyError("InDoubt", "SES was called and did not answer")
        return self._take_over(claim)

    def _take_over(self, claim: Claim) -> Claim:
        until, marks = self._until(), list(claim.marks)
        for place in claim.trying:
            marks[place] = Mark.TRYING
        try:
            self._change(claim.id, claim.revision, marks, until)
        except ConditionFailedError as error:
            raise BusyError("Claimed", "another worker was quicker") from error
        return Claim(claim.id, claim.revision + 1, until, claim.marks, claim.trying, claim.doubtful)

    def _change(self, claim_id: str, revision: int, marks: list[Mark], until: float) -> None:
        """Changes a claim that still has that revision, and gives it the next."""
        row = {"revision": revision + 1, **self._row(marks, until)}
        self._db.update(
            self._table,
            {"id": claim_id},
            update="SET " + ", ".join(f"#{name} = :{name}" for name in row),
            names={f"#{name}": name for name in row},
            values={f":{name}": value for name, value in row.items()} | {":read": revision},
            condition="#revision = :read",
        )

    def _row(self, marks: list[Mark], until: float) -> dict[str, Any]:
        return {
            "marks": "".join(marks),
            "until": int(until * 1000),
            "expiration": int(self._clock()) + KEPT_DAYS * 24 * 3600,
        }

    def _until(self) -> float:
        return self._clock() + self._in_doubt_seconds


def _is_stop(row: Mapping[str, Any]) -> bool:
    return str(row["id"]).startswith(STOP_PREFIX)


def _id(job: Job) -> str:
    """The id of a job's claim; a job of the same plan and messages has the same."""
    return f"{job.plan_id}#{job.first}+{job.count}"
