"""The rate limiter: at most so many calls of SES in any one second, by all workers together."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.times import Timestamp, from_epoch_ms
from sendtrail.errors import ConditionFailedError, ThrottledError

__all__ = ["LATENESS", "RateLimiter", "last_slot"]

LATENESS: Final = 0.05
"""Seconds after its slot until which a call may begin."""

_SECOND: Final = 1_000_000  # slots are in microseconds: DynamoDB adds integers exactly
_LATENESS: Final = int(LATENESS * _SECOND)
_RESERVED: Final = 10
_ROWS: Final = ("#rate", "#rate-direct")


class RateLimiter:
    """Hands out slots, from a row that says which is the next.

    Slots are (1 + `LATENESS`) / rate seconds apart, and a call begins at its slot or up to
    `LATENESS` later. So between a call and the `rate`-th after it lies at least a second, whoever
    makes them, however many workers there are, and whatever they did before.

    A tenth of the rate, rounded down, is a row of its own: slots for direct messages, which do not
    wait for a mailing's. The two rates add up to the whole, so both together keep it. If that row
    is used up, or too small to be, a direct message takes a mailing's next slot; a mailing takes
    none that is more than about a second off, so that it waits no longer than that.
    """

    def __init__(
        self,
        db: DynamoDB,
        table: str,
        *,
        rate: int,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Keeps its rows in `table`.

        Args:
            rate: calls per second.
            clock: the time in seconds since 1970; workers' clocks differ by less than `LATENESS`.
        """
        self._db = db
        self._table = table
        self._clock = clock
        self._sleep = sleep
        self._next: dict[str, int] = {}
        reserved = rate // _RESERVED
        self._rows = {"#rate": _apart(rate - reserved)}
        if reserved:
            self._rows["#rate-direct"] = _apart(reserved)

    def take(self, count: int, *, direct: bool = False) -> list[float]:
        """Takes the next slots.

        Args:
            direct: whether they are for direct messages.

        Returns:
            the times of `count` slots, in seconds since 1970, ascending.

        Raises:
            ThrottledError: they are too far off, by more than a second or two such jobs.
            AwsError: nobody knows whether they were taken; they are not used.
        """
        within = {"#rate": max(_SECOND, 2 * count * self._rows["#rate"])}
        if direct:
            within = {"#rate-direct": _SECOND, "#rate": 3 * within["#rate"]}
        for row, farthest in within.items():
            if row in self._rows:
                found = self._take(row, count, farthest)
                if found is not None:
                    return found
        raise ThrottledError("NoSlot", "all of the next second's slots are taken")

    def wait_for(self, slot: float) -> bool:
        """Waits for a slot.

        Returns:
            whether it may be used: False if it is missed.
        """
        left = slot - self._clock()
        if left > 0:
            self._sleep(left)
        return self._clock() - slot <= LATENESS

    def _take(self, row: str, count: int, farthest: int) -> list[float] | None:
        apart = self._rows[row]
        # A row whose next slot is in the future goes on from there; another begins anew, now. Most
        # often nobody else has taken any since.
        likely = self._next.get(row, 0) >= int(self._clock() * _SECOND)
        for in_use in (likely, not likely, likely):
            now = int(self._clock() * _SECOND)
            try:
                after = self._db.update(
                    self._table,
                    {"id": row},
                    update="SET #next = #next + :taken" if in_use else "SET #next = :end",
                    condition="#next BETWEEN :now AND :farthest"
                    if in_use
                    else "attribute_not_exists(#next) OR #next < :now",
                    names={"#next": "next"},
                    values={":taken": count * apart, ":now": now, ":farthest": now + farthest}
                    if in_use
                    else {":end": now + count * apart, ":now": now},
                    returned=True,
                )["next"]
            except ConditionFailedError:
                continue
            self._next[row] = after
            first = after - count * apart
            return [(first + number * apart) / _SECOND for number in range(count)]
        return None


def last_slot(db: DynamoDB, table: str) -> Timestamp | None:
    """When the slots that are taken end: about when SES was last called; None if it never was.

    Raises:
        AwsError: nobody knows.
    """
    rows = db.get_all(table, [{"id": name} for name in _ROWS], consistent=False)
    ends = [int(row["next"]) for row in rows if "next" in row]
    return from_epoch_ms(max(ends) * 1000 // _SECOND) if ends else None


def _apart(rate: int) -> int:
    """Microseconds from a slot to the next, rounded up."""
    return -(-(_SECOND + _LATENESS) // rate)
