"""Export: lists as CSV (RFC 4180), for programs; and as workbooks, for people: a spreadsheet takes
007 in a CSV for 7, and letters of UTF-8 for others.
"""

from __future__ import annotations

import csv
from datetime import datetime
from io import BytesIO, StringIO
from typing import Any, Final

from sendtrail.domain.message import Message, Status
from sendtrail.reading import queries
from sendtrail.reading.csv_cells import safe_cell
from sendtrail.reading.recipient_columns import RECIPIENT_COLUMNS, ValueType

__all__ = ["MAX_ROWS", "recipients_csv", "recipients_workbook"]

MAX_ROWS: Final = 10_000
"""How many rows one file has at most: a Lambda answer may have 6 MB."""

_MAX_PAGES: Final = 102
"""How many pages are read for it, also where a filter leaves little of each."""
_PAGE: Final = 99


def recipients_csv(communication_id: str, *, status: Status | None, place: Any) -> tuple[str, Any]:
    """The recipients of a communication from `place` on, and where to go on after them."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(column.name for column in RECIPIENT_COLUMNS)
    rows, place = _recipients(communication_id, status=status, place=place)
    for row in rows:
        writer.writerow(safe_cell(column.value(row) or "") for column in RECIPIENT_COLUMNS)
    return text.getvalue(), place


def recipients_workbook(
    communication_id: str, *, status: Status | None, place: Any
) -> tuple[bytes, Any]:
    """The same as a workbook (.xlsx), in which ids are text and times are times, in UTC."""
    from xlsxwriter import Workbook  # only where it is asked for

    content = BytesIO()
    as_they_are = {"strings_to_formulas": False, "strings_to_urls": False}
    with Workbook(content, {"in_memory": True, **as_they_are}) as book:
        sheet = book.add_worksheet("Recipients")
        text, heading = book.add_format({"num_format": "@"}), book.add_format({"bold": True})
        time = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        for number, column in enumerate(RECIPIENT_COLUMNS):
            is_time = column.type is ValueType.TIME
            sheet.write_string(0, number, column.name + " (UTC)" * is_time, heading)
            sheet.set_column(number, number, 32)
        rows, place = _recipients(communication_id, status=status, place=place)
        for line, row in enumerate(rows, start=1):
            for number, column in enumerate(RECIPIENT_COLUMNS):
                value = column.value(row)
                if value and column.type is ValueType.TIME:
                    at = datetime.fromisoformat(value).replace(tzinfo=None)
                    sheet.write_datetime(line, number, at, time)
                else:
                    sheet.write_string(line, number, value or "", text)
        sheet.freeze_panes(1, 0)
    return content.getvalue(), place


def _recipients(
    communication_id: str, *, status: Status | None, place: Any
) -> tuple[list[Message], Any]:
    """The recipients from `place` on, and where to go on after them."""
    rows: list[Message] = []
    for _ in range(_MAX_PAGES):
        found = queries.recipients(communication_id, status=status, place=place, limit=_PAGE)
        rows += found.items
        place = found.place
        if place is None or len(rows) > MAX_ROWS - _PAGE:
            break
    return rows, place
