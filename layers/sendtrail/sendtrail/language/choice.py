"""Which language a page is in: what its reader chose, or the best that their browser takes."""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import Final

__all__ = ["DEFAULT", "LANGUAGES", "choose_language", "current_language", "use_language"]

LANGUAGES: Final = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español"}
"""Tag (BCP 47) → its name in itself, as a reader looks for it."""
DEFAULT: Final = "en"

_RANGE: Final = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=([0-9.]{1,5}))?\s*")
_MAX_ACCEPTED: Final = 512
_current: ContextVar[str] = ContextVar("language", default=DEFAULT)


def choose_language(accepted: str | None, chosen: str | None = None) -> str:
    """The language of a page: one of `LANGUAGES`.

    Args:
        accepted: the ``Accept-Language`` header (RFC 9110, section 12.5.4); what cannot be read of
            it is passed over.
        chosen: what the reader asked for on a page; passed over if it is none of ours.
    """
    if chosen in LANGUAGES:
        return chosen
    best, weight = DEFAULT, 0.0
    for part in (accepted or "")[:_MAX_ACCEPTED].split(","):
        found = _RANGE.fullmatch(part)
        if found is None or found[1].lower() not in LANGUAGES:
            continue
        try:
            given = float(found[2] or 1)
        except ValueError:
            continue
        if given > weight:
            best, weight = found[1].lower(), given
    return best


def use_language(language: str) -> None:
    """What texts, numbers and dates are in from now on, in this request."""
    _current.set(language if language in LANGUAGES else DEFAULT)


def current_language() -> str:
    """The language of this request."""
    return _current.get()
