"""When something is to be sent: which times are allowed, and how its job waits until then.

A plan whose time has not come waits as a job of a queue, which is put into it anew each time that
it is received (docs/decisions/0040).
"""

from __future__ import annotations

from typing import Final

from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms

__all__ = ["HOP_SECONDS", "MAX_DAYS_AHEAD", "days_ahead", "delay_of", "schedule_problem"]

MAX_DAYS_AHEAD: Final = 90
"""How many days ahead something may be scheduled, where plans are kept for long enough."""
HOP_SECONDS: Final = 600
"""For how long a job waits at most before it is looked at again. SQS delays a message for up to 900
seconds; the alarm `DirectLateAlarm` rings when one is older than that."""

_DAY_MS: Final = 24 * 3_600_000
_HELD_DAYS: Final = 15
"""For how long after its time a plan may be needed: two weeks, if SES takes no mail, and a day."""


def days_ahead(retention_days: int) -> int:
    """How many days ahead something may be scheduled: a plan expires as long after it was written
    as messages do after they were sent.
    """
    return min(MAX_DAYS_AHEAD, retention_days - _HELD_DAYS)


def schedule_problem(send_at: Timestamp, at: Timestamp, max_days: int) -> str | None:
    """What is wrong with a time to send, in words; None if it is allowed.

    Args:
        at: the time now.
        max_days: how many days ahead it may be.
    """
    if send_at <= at:
        return f"{send_at} is past; it is {at} now"
    latest = from_epoch_ms(epoch_ms(at) + max_days * _DAY_MS)
    if send_at > latest:
        return f"{send_at} is more than {max_days} days ahead; until {latest} is allowed"
    return None


def delay_of(send_at: Timestamp | None, at: Timestamp) -> int:
    """For how many seconds a job waits before it is looked at, so that it is there at its time."""
    left_ms = epoch_ms(send_at) - epoch_ms(at) if send_at else 0
    return max(0, min(HOP_SECONDS, -(-left_ms // 1000)))
