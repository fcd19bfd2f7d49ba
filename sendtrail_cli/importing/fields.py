"""Fields of what other services say: by names in any spelling, as texts and times of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from sendtrail.domain.times import Timestamp, from_epoch_ms, parse
from sendtrail.errors import RejectedRecordError

__all__ = ["MAX_LINK", "Fields", "first_text", "moment", "only", "smtp_status", "text_of"]

MAX_TEXT: Final = 1_000
MAX_LINK: Final = 8_000
"""Characters that are kept of a text, or a link, as of SES's events."""

_STATUS: Final = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.])")
_NUMBER: Final = re.compile(r"\d{9,13}(\.\d+)?")
_SECONDS_BELOW: Final = 100_000_000_000
"""A number of at least this many is milliseconds since 1970."""


class Fields:
    """The fields of a record, whatever capitals, blanks, dashes and dots their names have: exports
    as CSV spell them otherwise than APIs do.
    """

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._record = record
        self._by_name = {_plain(name): value for name, value in record.items()}

    def get(self, *names: str) -> Any:
        """The first of these fields that says something; ``a.b`` is field b of object a, or a field
        of that name. None if none does.
        """
        for name in names:
            value = self._by_name.get(_plain(name))
            if value is None and "." in name:
                value = self._within(name)
            if value is not None and value != "":
                return value
        return None

    def text(self, *names: str, most: int = MAX_TEXT) -> str | None:
        """The same as text."""
        return text_of(self.get(*names), most)

    def time(self, *names: str) -> Timestamp:
        """The same as a time.

        Raises:
            RejectedRecordError: there is none, or it is no time.
        """
        return moment(self.get(*names), names[0])

    def object(self, *names: str) -> Mapping[str, Any]:
        """The same as an object, which CSV has as JSON; empty if it is none."""
        value = self.get(*names)
        if isinstance(value, str) and value.startswith("{"):
            try:
                value = json.loads(value)
            except ValueError:
                return {}
        return value if isinstance(value, Mapping) else {}

    def _within(self, name: str) -> Any:
        outer, *inner = name.split(".")
        value = self._by_name.get(_plain(outer))
        for each in inner:
            value = value.get(each) if isinstance(value, Mapping) else None
        return value


@lru_cache(maxsize=1_024)
def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


def text_of(value: object, most: int = MAX_TEXT) -> str | None:
    """A value as text, without what UTF-8 cannot encode; None for none, and for what is neither
    text nor a number.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        return None
    text = value.strip()[:most]
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def first_text(value: object) -> str | None:
    """A text, or the first of several: in a list, or JSON of one, as CSV has it."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            return text_of(value)
    if isinstance(value, Iterable) and not isinstance(value, str | Mapping):
        value = next(iter(value), None)
    return text_of(value)


def moment(value: object, name: str) -> Timestamp:
    """A time: ISO 8601, of UTC if it has no offset; or seconds, or milliseconds, since 1970.

    Raises:
        RejectedRecordError: it is none.
    """
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return from_epoch_ms(round(value if value >= _SECONDS_BELOW else value * 1000))
        if isinstance(value, str):
            return _written(value.strip().removesuffix(" UTC"))
    except (ValueError, OverflowError) as error:
        raise RejectedRecordError(f"{name}: {error}") from None
    raise RejectedRecordError(f"{name} is no time: {value!r:.60}")


def _written(text: str) -> Timestamp:
    try:
        return parse(text)
    except ValueError:
        return parse(f"{text}Z")


def smtp_status(*texts: str | None) -> str | None:
    """The first enhanced status code (RFC 3463) in texts, such as 5.1.1."""
    for text in texts:
        if text and (found := _STATUS.search(text)):
            return found[0]
    return None


def only(**facts: Any) -> dict[str, Any]:
    """The facts that are known."""
    return {name: value for name, value in facts.items() if value is not None}
