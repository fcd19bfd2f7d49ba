"""A time to send: a day and a time of a clock somewhere, as a form has them, and in words."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from sendtrail.domain.times import Timestamp, parse
from sendtrail.errors import InvalidInputError, Problem

__all__ = ["UTC_ZONE", "in_words", "send_at_of"]

UTC_ZONE: Final = "UTC"
_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,31}){0,2}")
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def send_at_of(day: str, clock: str, zone: str) -> Timestamp | None:
    """The time that a form names; None if it names none.

    Of a time that comes twice, when clocks go back, the first is meant.

    Args:
        day: ``2026-12-04``.
        clock: ``09:00``, with seconds or without.
        zone: a name of the IANA time zone database, such as ``Europe/Berlin``.

    Raises:
        InvalidInputError: it is no time, with the fields ``send_on``, ``send_time`` or ``zone``.
    """
    if not day and not clock:
        return None
    problems = []
    at_day, at_time, at_zone = _day(day), _time(clock), _zone(zone)
    if not day or not clock:
        said = "a day and a time are needed, or neither to send it at once"
        problems.append(Problem(said, field="send_time" if day else "send_on"))
    if day and at_day is None:
        problems.append(Problem(f"{day!r:.40} is no day; write 2026-12-04", field="send_on"))
    if clock and at_time is None:
        problems.append(Problem(f"{clock!r:.40} is no time; write 09:00", field="send_time"))
    if at_zone is None:
        said = f"{zone!r:.40} is no time zone; one is Europe/Berlin, or UTC"
        problems.append(Problem(said, field="zone"))
    if problems or at_day is None or at_time is None or at_zone is None:
        raise InvalidInputError(*problems)
    local = datetime.combine(at_day, at_time, at_zone)
    try:
        moment = local.astimezone(UTC)
        back = moment.astimezone(at_zone)
        at = parse(moment.isoformat())
    except (ValueError, OverflowError):
        raise InvalidInputError(Problem("a year from 1970 to 9998", field="send_on")) from None
    if back.replace(tzinfo=None) != local.replace(tzinfo=None):
        said = f"there is no {clock} on that day in {zone}: clocks go forward over it"
        raise InvalidInputError(Problem(said, field="send_time"))
    return at


def in_words(at: Timestamp, zone: str) -> str:
    """``Friday 4 December 2026, 09:00 Europe/Berlin``, and in UTC beside that if it is another."""
    at_zone = _zone(zone)
    moment = datetime.fromisoformat(at)
    local = moment.astimezone(at_zone) if at_zone else moment
    day = f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year}"
    said = f"{day}, {local:%H:%M} {zone if at_zone else UTC_ZONE}"
    return said if local.utcoffset() == moment.utcoffset() else f"{said} ({moment:%H:%M} UTC)"


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _time(text: str) -> time | None:
    try:
        found = time.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is None else None


def _zone(name: str) -> ZoneInfo | None:
    if not _ZONE.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; a folder of the database; or no zone's file
        return None
