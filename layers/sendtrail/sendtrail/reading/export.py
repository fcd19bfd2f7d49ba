"""Export: lists as CSV (RFC 4180), for spreadsheets."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any, Final

from sendtrail.domain.message import Status
from sendtrail.reading import queries
from sendtrail.reading.recipient_columns import RECIPIENT_COLUMNS

__all__ = ["MAX_ROWS", "recipients_csv"]

MAX_ROWS: Final = 10_000
"""How many rows one file has at most: a Lambda answer may have 6 MB."""

_MAX_PAGES: Final = 102
"""How many pages are read for it, also where a filter leaves little of each."""
_PAGE: Final = 99
_FORMULAS: Final = (*"=+-@\t\r\n", *"＝＋－＠")
"""How begins what is a formula, also where full-width letters are written."""


def recipients_csv(communication_id: str, *, status: Status | None, place: Any) -> tuple[str, Any]:
    """The recipients of a communication from `place` on, and where to go on after them."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(column.name for column in RECIPIENT_COLUMNS)
    rows = 0
    for _ in range(_MAX_PAGES):
        found = queries.recipients(communication_id, status=status, place=place, limit=_PAGE)
        for message in found.items:
            writer.writerow(_cell(column.value(message)) for column in RECIPIENT_COLUMNS)
        rows += len(found.items)
        place = found.place
        if place is None or rows > MAX_ROWS - _PAGE:
            break
    return text.getvalue(), place


def _cell(value: str | None) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, "CSV Injection")."""
    text = value or ""
    return f"'{text}" if text.startswith(_FORMULAS) else text
