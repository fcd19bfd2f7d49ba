"""How long after its sending a message was opened or clicked: 54 classes, and no more.

A plot of hits over time wants a count for each stretch of time. Stretches of the calendar would be
as many as there are days on which anybody opens an old mail; stretches of a message's *age* are
fixed. Each hit falls into one by its own time and its message's time of sending, and by nothing
else, so that counts of them are free of order, exact, and of a bounded size. They also mean the
same for a mailing sent in a minute and for one sent over weeks.
"""

from __future__ import annotations

from typing import Final

from sendtrail.domain.times import Timestamp, epoch_ms

__all__ = ["TIME_BUCKETS", "DAYS", "HOURS", "LATER", "time_since_send", "hours_of"]

HOURS: Final = 24
"""The first day is counted by the hour."""
DAYS: Final = 30
"""After it, days are counted up to this one."""
LATER: Final = "later"
"""Everything from then on."""

_HOUR_MS: Final = 3_600_000

TIME_BUCKETS: Final = (
    *(f"h{hour:02}" for hour in range(HOURS)),
    *(f"d{day:02}" for day in range(1, DAYS)),
    LATER,
)
"""Every age, youngest first: hours ``h00`` to ``h23``, days ``d01`` to ``d29``, ``later``."""


def time_since_send(at: Timestamp, sent_at: Timestamp) -> str:
    """The age at which something happened: one of `AGES`.

    What seems to have happened before the sending (clocks differ) is of the first hour.
    """
    hours = max(0, (epoch_ms(at) - epoch_ms(sent_at)) // _HOUR_MS)
    if hours < HOURS:
        return f"h{hours:02}"
    return f"d{hours // 24:02}" if hours < DAYS * 24 else LATER


def hours_of(age: str) -> tuple[int, int | None]:
    """From how many hours after sending an age is, and until how many; None: for ever."""
    if age == LATER:
        return DAYS * 24, None
    number = int(age[1:])
    return (number, number + 1) if age.startswith("h") else (number * 24, number * 24 + 24)
