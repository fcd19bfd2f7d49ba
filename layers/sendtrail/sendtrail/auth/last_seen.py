"""When each key was last seen, to within `PRECISION_SECONDS`: whoever asks for more often than that
is written about once, so that a busy key costs as little as an idle one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from sendtrail.auth.audit import FunctionLog
from sendtrail.auth.staff_store import KEYS
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.actors import KEY, Actor
from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms, now
from sendtrail.errors import AwsError, ConditionFailedError

__all__ = ["PRECISION_SECONDS", "KeysSeen"]

PRECISION_SECONDS: Final = 300
"""A key was last seen at the time that is told, or at most so much later."""
_DAY_SECONDS: Final = 24 * 3600


class KeysSeen:
    """Notes when keys are seen. A process writes at most once in `PRECISION_SECONDS` of a key, and
    only if no other has; a fault of the table is told to the log, and hinders nobody.
    """

    def __init__(
        self,
        db: DynamoDB,
        table: str,
        logger: FunctionLog,
        *,
        retention_days: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Notes nothing yet.

        Args:
            db: a client that gives up at once: requests wait for it.
            retention_days: for how long it is kept after a key was last seen.
            clock: seconds, from whenever.
        """
        self._db = db
        self._table = table
        self._logger = logger
        self._retention_days = retention_days
        self._clock = clock
        self._noted: dict[str, float] = {}

    def note(self, actor: Actor | None) -> None:
        """Notes that a key was seen, now; of who is no key, nothing. Raises nothing of AWS."""
        if actor is None or actor.kind != KEY:
            return
        at = self._clock()
        if at - self._noted.get(actor.id, -PRECISION_SECONDS) < PRECISION_SECONDS:
            return
        self._noted[actor.id] = at  # a failed attempt counts, too: the next waits as long
        fault = self._written(actor.id)
        if fault:
            self._logger.error("use of a key not noted", extra={"reason": fault.code})

    def _written(self, key_id: str) -> AwsError | None:
        """Why it could not be written; None if it was, or another process has."""
        try:
            self._write(key_id, now())
        except ConditionFailedError:
            return None
        except AwsError as error:
            return error
        return None

    def _write(self, key_id: str, at: Timestamp) -> None:
        self._db.update(
            self._table,
            {"part": KEYS, "sort": key_id},
            update="SET #at = :at, #expires = :expires",
            names={"#at": "last_seen_at", "#expires": "expires_at"},
            values={
                ":at": at,
                ":expires": epoch_ms(at) // 1000 + self._retention_days * _DAY_SECONDS,
                ":before": from_epoch_ms(epoch_ms(at) - PRECISION_SECONDS * 1000),
            },
            condition="attribute_not_exists(#at) OR #at <= :before",
        )
