"""Time since send: how long after sending a message was opened or clicked, in 54 buckets.

Buckets of calendar time would grow without bound, since old mail is still opened; the number of
buckets of a message's *age* is fixed. A hit's bucket depends only on its own time and its message's
time of sending, so that counts by bucket are exact, bounded and independent of order. They also
mean the same for a mailing sent within a minute and for one sent over weeks.
"""

from __future__ import annotations

from typing import Final

from sendtrail.domain.times import Timestamp, epoch_ms

__all__ = ["TIME_BUCKETS", "DAYS", "HOURS", "LATER", "time_since_send", "hours_of"]

HOURS: Final = 24
"""The first day is divided into hours."""
DAYS: Final = 30
"""After it there are days, up to this one."""
LATER: Final = "later"
"""The bucket of everything later."""

_HOUR_MS: Final = 3_600_000

TIME_BUCKETS: Final = (
    *(f"h{hour:02}" for hour in range(HOURS)),
    *(f"d{day:02}" for day in range(1, DAYS)),
    LATER,
)
"""Every bucket, youngest first: hours ``h00`` to ``h23``, days ``d01`` to ``d29``, ``later``."""


def time_since_send(at: Timestamp, sent_at: Timestamp) -> str:
    """The bucket of a hit at `at`: one of `TIME_BUCKETS`.

    A hit that seems to precede the sending (clocks differ) belongs to the first hour.
    """
    hours = max(0, (epoch_ms(at) - epoch_ms(sent_at)) // _HOUR_MS)
    if hours < HOURS:
        return f"h{hours:02}"
    return f"d{hours // 24:02}" if hours < DAYS * 24 else LATER


def hours_of(age: str) -> tuple[int, int | None]:
    """The hours after sending at which a bucket begins and ends; None for the open end."""
    if age == LATER:
        return DAYS * 24, None
    number = int(age[1:])
    return (number, number + 1) if age.startswith("h") else (number * 24, number * 24 + 24)
