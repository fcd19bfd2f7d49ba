"""Numbers, dates and lists as the reader's language writes them, in the language of this request.

Times are ISO 8601 in UTC (``2026-11-26T22:41:00.000Z``), of which a day is the first ten
characters. The rules are Unicode's CLDR, by `sendtrail.language.conventions`: Babel itself takes
longer to import than a page to make.
"""

from __future__ import annotations

from collections.abc import Sequence

from sendtrail.language.choice import current_language
from sendtrail.language.conventions import CONVENTIONS

__all__ = [
    "day",
    "forms",
    "joined",
    "long_day",
    "month",
    "number",
    "percent",
    "short_months",
    "when",
]


def number(value: float, digits: int = 0) -> str:
    """A number, with a mark between thousands: ``1.234,5``.

    Args:
        digits: how many there are after the decimal point.
    """
    ours = CONVENTIONS[current_language()]
    whole, _, fraction = f"{value:,.{digits}f}".partition(".")
    whole = whole.replace(",", ours["group"])
    return f"{whole}{ours['decimal']}{fraction}" if fraction else whole


def percent(fraction: float, digits: int = 1, *, trim: bool = False) -> str:
    """A fraction of one as a percentage: 0.123 is ``12,3 %``.

    Args:
        digits: how many there are after the decimal point.
        trim: leaves out those at the end that are 0.
    """
    digits = len(_trimmed(fraction, digits)) if trim else digits
    return CONVENTIONS[current_language()]["percent"].format(number(fraction * 100, digits))


def _trimmed(fraction: float, digits: int) -> str:
    """The digits after the decimal point, without zeros at their end."""
    return f"{fraction * 100:.{digits}f}".partition(".")[2].rstrip("0")


def day(at: str) -> str:
    """A day, as in tables: ``26. Nov. 2026``."""
    return _date("date", at)


def long_day(at: str) -> str:
    """A day, as in a sentence: ``26. November 2026``."""
    return _date("long_date", at)


def month(at: str) -> str:
    """A month of a year: ``November 2026``, of a time, a day or ``2026-11``."""
    return _date("month_of_year", at)


def when(at: str) -> str:
    """A time to the minute, in UTC: ``26. Nov. 2026, 22:41``."""
    return CONVENTIONS[current_language()]["time"].format(date=day(at), time=at[11:16])


def short_months() -> list[str]:
    """The names of the twelve months, as in tables."""
    return CONVENTIONS[current_language()]["short_months"].split(" ")


def forms() -> dict[str, str]:
    """What a script needs to write times as `day` and `when` do: the forms of a ``day`` and of a
    ``time``, and the short names of the ``months``, a blank between them.
    """
    ours = CONVENTIONS[current_language()]
    return {"day": ours["date"], "time": ours["time"], "months": ours["short_months"]}


def joined(items: Sequence[str]) -> str:
    """Several things: ``a, b und c``; empty if there is none."""
    if not items:
        return ""
    ours, text = CONVENTIONS[current_language()], items[0]
    for item in items[1:-1]:
        text = ours["items"].format(text, item)
    return ours["last_items"].format(text, items[-1]) if len(items) > 1 else text


def _date(pattern: str, at: str) -> str:
    ours, index = CONVENTIONS[current_language()], int(at[5:7]) - 1
    return ours[pattern].format(
        day=int(at[8:10] or 1),
        month=ours["months"].split(" ")[index],
        short=ours["short_months"].split(" ")[index],
        year=at[:4],
    )
