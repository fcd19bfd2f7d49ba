"""The reader's language: which it is, and texts, numbers and dates in it."""

from sendtrail.language.choice import LANGUAGES, choose_language, current_language, use_language
from sendtrail.language.formats import (
    day,
    joined,
    long_day,
    month,
    number,
    percent,
    short_months,
    when,
)
from sendtrail.language.texts import gettext, mark, ngettext, put_catalogue

__all__ = [
    "LANGUAGES",
    "choose_language",
    "current_language",
    "day",
    "gettext",
    "joined",
    "long_day",
    "mark",
    "month",
    "ngettext",
    "number",
    "percent",
    "put_catalogue",
    "short_months",
    "use_language",
    "when",
]
