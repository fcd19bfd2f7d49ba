"""Export: lists as CSV (RFC 4180), for programs; and as workbooks, for people: a spreadsheet takes
007 in a CSV for 7, and letters of UTF-8 for others.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from io import BytesIO, StringIO
from typing import Any, Final, Protocol

from sendtrail.domain.message import Message
from sendtrail.reading import queries
from sendtrail.reading.csv_cells import safe_cell
from sendtrail.reading.direct_messages import direct_messages
from sendtrail.reading.message_columns import MESSAGE_COLUMNS
from sendtrail.reading.message_filter import MessageFilter
from sendtrail.reading.recipient_columns import RECIPIENT_COLUMNS, Column, ValueType
from sendtrail.reading.recipient_filter import RecipientFilter

__all__ = [
    "MAX_ROWS",
    "messages_csv",
    "messages_workbook",
    "recipients_csv",
    "recipients_workbook",
]

MAX_ROWS: Final = 10_000
"""How many rows one file has at most: a Lambda answer may have 6 MB."""

_MAX_PAGES: Final = 102
"""How many pages are read for it, also where a filter leaves little of each."""
_PAGE: Final = 99
_WIDTHS: Final = {
    ValueType.ID: 28,
    ValueType.ADDRESS: 34,
    ValueType.STATUS: 14,
    ValueType.REASON: 24,
    ValueType.TEXT: 44,
    ValueType.COUNT: 9,
    ValueType.TIME: 19,
}
"""How wide a column of a workbook is, in characters."""


class _Page(Protocol):
    """A part of a list, and where to go on after it."""

    @property
    def items(self) -> list[Any]: ...
    @property
    def place(self) -> Any: ...


def recipients_csv(
    communication_id: str, *, wanted: RecipientFilter, place: Any
) -> tuple[str, Any]:
    """The recipients of a communication from `place` on, and where to go on after them."""
    rows, place = _recipients(communication_id, wanted=wanted, place=place)
    return _csv(RECIPIENT_COLUMNS, rows), place


def recipients_workbook(
    communication_id: str, *, wanted: RecipientFilter, place: Any
) -> tuple[bytes, Any]:
    """The same as a workbook (.xlsx), in which ids are text and times are times, in UTC."""
    rows, place = _recipients(communication_id, wanted=wanted, place=place)
    return _workbook("Recipients", RECIPIENT_COLUMNS, rows), place


def messages_csv(*, wanted: MessageFilter, place: Any) -> tuple[str, Any]:
    """The messages of no communication from `place` on, and where to go on after them."""
    rows, place = _messages(wanted, place)
    return _csv(MESSAGE_COLUMNS, rows), place


def messages_workbook(*, wanted: MessageFilter, place: Any) -> tuple[bytes, Any]:
    """The same as a workbook."""
    rows, place = _messages(wanted, place)
    return _workbook("Messages", MESSAGE_COLUMNS, rows), place


def _csv(columns: Sequence[Column], rows: Iterable[Message]) -> str:
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(column.name for column in columns)
    for row in rows:
        writer.writerow(_cell(column.value(row)) for column in columns)
    return text.getvalue()


def _cell(value: str | int | None) -> str | int:
    return safe_cell(value or "") if not isinstance(value, int) else value


def _workbook(name: str, columns: Sequence[Column], rows: Sequence[Message]) -> bytes:
    from xlsxwriter import Workbook  # only where it is asked for

    content = BytesIO()
    as_they_are = {"strings_to_formulas": False, "strings_to_urls": False}
    with Workbook(content, {"in_memory": True, **as_they_are}) as book:
        sheet = book.add_worksheet(name)
        text = book.add_format({"num_format": "@"})
        heading = book.add_format({"bold": True, "bottom": 1, "text_wrap": True})
        time = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        for number, column in enumerate(columns):
            is_time = column.type is ValueType.TIME
            sheet.write_string(0, number, column.title + " (UTC)" * is_time, heading)
            sheet.set_column(number, number, _WIDTHS[column.type])
        for line, row in enumerate(rows, start=1):
            for number, column in enumerate(columns):
                value = column.value(row)
                if isinstance(value, int):
                    sheet.write_number(line, number, value)
                elif value and column.type is ValueType.TIME:
                    at = datetime.fromisoformat(value).replace(tzinfo=None)
                    sheet.write_datetime(line, number, at, time)
                else:
                    sheet.write_string(line, number, value or "", text)
        sheet.freeze_panes(1, 1)
        sheet.autofilter(0, 0, len(rows), len(columns) - 1)
    return content.getvalue()


def _recipients(
    communication_id: str, *, wanted: RecipientFilter, place: Any
) -> tuple[list[Message], Any]:
    """The recipients from `place` on, and where to go on after them."""
    return _all(
        lambda place: queries.recipients(communication_id, wanted=wanted, place=place, limit=_PAGE),
        place,
    )


def _messages(wanted: MessageFilter, place: Any) -> tuple[list[Message], Any]:
    """The messages of no communication from `place` on, and where to go on after them."""
    return _all(
        lambda place: direct_messages(wanted, place=place, limit=_PAGE),
        place,
    )


def _all(page: Callable[[Any], _Page], place: Any) -> tuple[list[Message], Any]:
    rows: list[Message] = []
    for _ in range(_MAX_PAGES):
        found = page(place)
        rows += found.items
        place = found.place
        if place is None or len(rows) > MAX_ROWS - _PAGE:
            break
    return rows, place
