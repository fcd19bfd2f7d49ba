"""Sending at most once: a record of each sending, and the log where it cannot tell.

A record is made before SES is called and completed after it has answered. A worker that dies in
between leaves it in progress, and so does one that gets no answer. Then the record holds for the
seconds of doubt, longer than any worker lives and than SES takes to tell of a Send; whoever comes
later looks into the log, where the Send is, or is not.

Records are as Powertools' idempotency utility writes them, which is not used here because it brings
boto3 with it (docs/decisions/0018).
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
"""No record, or one whose time is over: of what was done, or of doubt."""


class IdempotentSender:
    """Does something at most once for each message.

    A record has ``id``, ``status``, ``expiration`` (seconds since 1970), and
    ``in_progress_expiration`` (milliseconds), until which nobody else does it while it is in
    progress; when it is completed, ``data``, what came of it, as JSON.
    """

    def __init__(
        self, do: Callable[[str, int], str], db: DynamoDB, table: str, *, in_doubt_seconds: int
    ) -> None:
        """Takes what is to be done, and where records are kept.

        Args:
            do: sends the message of that number of a plan, and says what came of it. A `BusyError`
                of it leaves the matter in doubt; after any other error it may be tried again at
                once.
        """
        self._do = do
        self._db = db
        self._table = table
        self._in_doubt_seconds = in_doubt_seconds

    def send(self, message_id: str, plan_id: str, number: int) -> str:
        """What came of a message, now or the first time.

        Raises:
            BusyError: another worker is at it, or it is in doubt.
            Exception: whatever `do` raises.
        """
        key = _key(message_id)
        known = self._recorded(self._begin, key)
        if known is not None:
            return known
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
        """Makes a record; or, if there is one, what came of the message."""
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
        """Does something with a record. If that fails, before SES was called or after, the record
        tells the next, if there is one.
        """
        try:
            return do(*arguments, **named)
        except BusyError:
            raise
        except AwsError as error:
            raise BusyError("NoRecord", str(error)) from error


def _key(message_id: str) -> dict[str, str]:
    """The key of a message's record."""
    return {"id": f"dispatch#{sha256(json.dumps(message_id).encode()).hexdigest()}"}
