"""Timestamps: ISO 8601 text in UTC with milliseconds and Z, such as ``2026-11-24T09:30:00.000Z``.

They always have 24 characters, so that they sort as text and can be part of a sort key.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

__all__ = [
    "Timestamp",
    "earliest",
    "epoch_ms",
    "from_epoch_ms",
    "latest",
    "now",
    "parse",
    "years_after",
]

Timestamp: TypeAlias = str
"""``YYYY-MM-DDTHH:MM:SS.mmmZ``."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_WRITTEN = re.compile(r"\d{4}-\d\d-\d\dT(?!24)\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_LONGEST = 40


def parse(value: object) -> Timestamp:
    """Parses a time in any format that SES is known to use.

    SES writes ``2016-01-27T14:59:38.237Z``; legacy notifications also ``2018-10-08T14:05:45 +0000``
    (the developer guide's own example), and EventBridge ``2016-01-27T14:59:38Z``.

    Raises:
        ValueError: the value is not text, or not a time with an offset, or not within the years
            1970 to 9999 of UTC.
    """
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise ValueError(f"not a time: {value!r:.60}")
    if " " in value:
        value = value.replace(" +", "+").replace(" -", "-")
    moment = datetime.fromisoformat(value)
    if _WRITTEN.fullmatch(value) and moment.year >= 1970:
        return value  # already in our format, as nearly all are
    if moment.tzinfo is None:
        raise ValueError(f"a time without an offset from UTC: {value!r}")
    try:
        return _write(moment.astimezone(UTC))
    except OverflowError:
        raise ValueError(f"a time out of range: {value!r}") from None


def from_epoch_ms(milliseconds: int) -> Timestamp:
    """The time `milliseconds` after 1970-01-01T00:00:00Z.

    Raises:
        ValueError: before 1970 or after the year 9999.
    """
    try:
        return _write(_EPOCH + timedelta(milliseconds=milliseconds))
    except OverflowError:
        raise ValueError(f"a time out of range: {milliseconds} ms") from None


def epoch_ms(at: Timestamp) -> int:
    """Milliseconds from 1970-01-01T00:00:00Z to `at`."""
    return (datetime.fromisoformat(at) - _EPOCH) // _MILLISECOND


def now() -> Timestamp:
    """The current time. It never becomes part of an event from SES."""
    return _write(datetime.now(UTC))


def years_after(at: Timestamp, years: int) -> Timestamp:
    """The same day and time `years` years later (earlier, if negative); for 29 February, 28
    February where the year has no 29th.

    Raises:
        ValueError: before 1970 or after the year 9999.
    """
    moment = datetime.fromisoformat(at)
    year = moment.year + years
    try:
        return _write(moment.replace(year=year))
    except ValueError:
        return _write(moment.replace(year=year, day=28))


def earliest(one: Timestamp | None, other: Timestamp | None) -> Timestamp | None:
    """The earlier of the two; None means "not yet"."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def latest(one: Timestamp | None, other: Timestamp | None) -> Timestamp | None:
    """The later of the two; None means "not yet"."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def _write(moment: datetime) -> Timestamp:
    if moment.year < 1970:
        raise ValueError("a time before 1970")
    return moment.isoformat(timespec="milliseconds")[:23] + "Z"
