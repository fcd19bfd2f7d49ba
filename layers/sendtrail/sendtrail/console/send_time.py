"""A time to send: a day and a time of a clock somewhere, as a form has them, and in words."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from sendtrail.domain.times import Timestamp, parse
from sendtrail.errors import InvalidInputError, Problem
from sendtrail.language import gettext, long_day, mark

__all__ = ["UTC_ZONE", "in_words", "send_at_of"]

UTC_ZONE: Final = "UTC"
_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,31}){0,2}")
_DAYS: Final = (
    mark("Monday"),
    mark("Tuesday"),
    mark("Wednesday"),
    mark("Thursday"),
    mark("Friday"),
    mark("Saturday"),
    mark("Sunday"),
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
        said = gettext("a day and a time are needed, or neither to send it at once")
        problems.append(Problem(said, field="send_time" if day else "send_on"))
    if day and at_day is None:
        said = gettext("%(given)s is no day; write 2026-12-04") % {"given": f"{day!r:.40}"}
        problems.append(Problem(said, field="send_on"))
    if clock and at_time is None:
        said = gettext("%(given)s is no time; write 09:00") % {"given": f"{clock!r:.40}"}
        problems.append(Problem(said, field="send_time"))
    if at_zone is None:
        said = gettext("%(given)s is no time zone; one is Europe/Berlin, or UTC")
        problems.append(Problem(said % {"given": f"{zone!r:.40}"}, field="zone"))
    if problems or at_day is None or at_time is None or at_zone is None:
        raise InvalidInputError(*problems)
    local = datetime.combine(at_day, at_time, at_zone)
    try:
        moment = local.astimezone(UTC)
        back = moment.astimezone(at_zone)
        at = parse(moment.isoformat())
    except (ValueError, OverflowError):
        said = gettext("a year from 1970 to 9998")
        raise InvalidInputError(Problem(said, field="send_on")) from None
    if back.replace(tzinfo=None) != local.replace(tzinfo=None):
        said = gettext("there is no %(time)s on that day in %(zone)s: clocks go forward over it")
        said %= {"time": clock, "zone": zone}
        raise InvalidInputError(Problem(said, field="send_time"))
    return at


def in_words(at: Timestamp, zone: str) -> str:
    """``Friday 4 December 2026, 09:00 Europe/Berlin``, and in UTC beside that if it is another."""
    at_zone = _zone(zone)
    moment = datetime.fromisoformat(at)
    local = moment.astimezone(at_zone) if at_zone else moment
    said = gettext("%(weekday)s %(day)s, %(time)s %(zone)s") % {
        "weekday": gettext(_DAYS[local.weekday()]),
        "day": long_day(local.date().isoformat()),
        "time": f"{local:%H:%M}",
        "zone": zone if at_zone else UTC_ZONE,
    }
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
