"""Idempotent sending: each message is sent at most once, by a record for each, and by the log.

A record is written before SES is called, and completed after it has answered. A worker that dies in
between, or gets no answer, leaves it in progress. The record then blocks other attempts for the
in-doubt time, which is longer than a worker runs and than SES takes to publish a Send event. An
attempt after that finds in the log whether there was one.

Records have the format of Powertools' idempotency utility, which is not used itself because it
imports boto3 (docs/decisions/0018).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Final, ParamSpec, TypeVar

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.errors import AwsError, BusyError, ConditionFailedError

__all__ = ["IdempotentSender"]

P = ParamSpec("P")
T = TypeVar("T")

_KEPT_SECONDS: Final = 15 * 24 * 3600  # a queue keeps a message for 14 days
_IN_PROGRESS: Final = "INPROGRESS"
_COMPLETED: Final = "COMPLETED"

_FREE: Final = (
    "attribute_not_exists(#id) OR #expiration < :now"
    " OR (#status = :in_progress AND #until < :now_ms)"
)
"""There is no record, or it has expired, or its in-doubt time is over."""


class IdempotentSender:
    """Sends each message at most once.

    A record has ``id``, ``status``, ``expiration`` (seconds since 1970), and
    ``in_progress_expiration`` (milliseconds), until which a record in progress blocks other
    attempts; once completed, ``data``, the outcome as JSON.
    """

    def __init__(
        self, do: Callable[[str, int], str], db: DynamoDB, table: str, *, in_doubt_seconds: int
    ) -> None:
        """Sends by `do`, and keeps records in `table`.

        Args:
            do: sends a message, by plan id and number, and returns the outcome. If it raises
                `BusyError`, the message is in doubt; after any other error it may be retried at
                once.
            db: where the table is.
            table: of the idempotency records.
            in_doubt_seconds: for how long a record in progress blocks other attempts.
        """
        self._do = do
        self._db = db
        self._table = table
        self._in_doubt_seconds = in_doubt_seconds

    def send(self, message_id: str, plan_id: str, number: int) -> str:
        """Sends a message unless it was sent, and returns the outcome, of now or of then.

        Raises:
            BusyError: another worker is sending it, or it is in doubt.
            Exception: whatever `do` raises.
        """
        key = _key(message_id)
        recorded = self._recorded(self._begin, key)
        if recorded is not None:
            return recorded
        try:
            outcome = self._do(plan_id, number)
        except BusyError:
            raise
        except Exception:
            self._recorded(self._db.delete, self._table, key)
            raise
        self._recorded(self._complete, key, outcome)
        return outcome

    def _begin(self, key: dict[str, str]) -> str | None:
        """Writes a record in progress; returns the outcome if there is a completed one."""
        now = time.time()
        values = {":now": int(now), ":now_ms": int(now * 1000), ":in_progress": _IN_PROGRESS}
        record = {
            **key,
            "status": _IN_PROGRESS,
            "expiration": int(now) + _KEPT_SECONDS,
            "in_progress_expiration": int((now + self._in_doubt_seconds) * 1000),
        }
        names = {
            "#id": "id",
            "#expiration": "expiration",
            "#status": "status",
            "#until": "in_progress_expiration",
        }
        try:
            self._db.put(self._table, record, condition=_FREE, names=names, values=values)
        except ConditionFailedError as error:
            found = self._db.get(self._table, key)
            if found is None or found["status"] != _COMPLETED:
                raise BusyError("InProgress", "another worker is at it, or nobody knows") from error
            return str(json.loads(found["data"]))
        return None

    def _complete(self, key: dict[str, str], outcome: str) -> None:
        self._db.update(
            self._table,
            key,
            update="SET #data = :data, #expiration = :expiration, #status = :status",
            names={"#data": "data", "#expiration": "expiration", "#status": "status"},
            values={
                ":data": json.dumps(outcome),
                ":expiration": int(time.time()) + _KEPT_SECONDS,
                ":status": _COMPLETED,
            },
        )

    @staticmethod
    def _recorded(do: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Reads or writes a record. If that fails, the message is in doubt: the next attempt finds
        out by the record, if there is one, and by the log.
        """
        try:
            return do(*arguments, **named)
        except BusyError:
            raise
        except AwsError as error:
            raise BusyError("NoRecord", str(error)) from error


def _key(message_id: str) -> dict[str, str]:
    """The key of the message's record."""
    return {"id": f"dispatch#{sha256(json.dumps(message_id).encode()).hexdigest()}"}
