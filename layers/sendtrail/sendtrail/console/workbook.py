"""Workbooks: the first sheet of an .xlsx as a table of text.

Cells are what a reader of the sheet takes them for: dates and times in ISO 8601, whole numbers
without a fraction, numbers whose format has leading zeros (``00000``) with them, of a formula its
last value.

A workbook is a ZIP archive of XML, and comes from anywhere: how much it unpacks to is looked at
before anything is read, the sheet is read row by row and no further than a mailing can need, and
`defusedxml`, which openpyxl uses where it is installed, refuses entities.
"""

from __future__ import annotations

import csv
import re
import warnings
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from io import BytesIO, StringIO
from lzma import LZMAError
from typing import Any, Final, NamedTuple
from zipfile import BadZipFile, ZipFile

from sendtrail.errors import InvalidInputError, Problem, Problems
from sendtrail.language import gettext, mark, ngettext

__all__ = ["MAX_LINES", "Sheet", "is_workbook", "read_sheet"]

MAX_LINES: Final = 5_000
"""With anything in them; a mailing has at most 1,000 recipients."""
_MAX_GAP: Final = 1_000
"""Empty lines, after which nothing more is looked for: sheets may be formatted to their end."""
_MAX_LOOKED_AT: Final = 20_000
_MAX_COLUMNS: Final = 101
_MAX_CELLS: Final = 200_000
_MAX_TEXT: Final = 1024 * 1024
"""Characters of the table."""
_MAX_PARTS: Final = 1_000
_MAX_UNPACKED: Final = 8 * 1024 * 1024
"""Of all parts that are XML: openpyxl goes through each sheet once; pictures are not read."""
_MAX_PART: Final = 4 * 1024 * 1024
"""Of one: openpyxl reads some as a whole, and of a sheet a row, however long it is."""
_SHEETS: Final = "xl/worksheets/"
_PICTURES: Final = "xl/media/"
_BEGINS: Final = b"PK\x03\x04"
_FORMULA: Final = re.compile(rb"<(?:\w+:)?f[ />]")
_ZEROS: Final = re.compile(r"0{2,}")
_BROKEN: Final = mark(
    "this workbook cannot be read: it is damaged, or no .xlsx; save the sheet as “CSV UTF-8”, and "
    "choose that"
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet as a table.

    Attributes:
        text: as CSV, lines and their numbers as in the sheet.
        said: what whoever chose the file should know of how it was read; empty if nothing.
    """

    text: str
    said: str = ""


class _Cell(NamedTuple):
    """A cell's text, and where it is; what is wrong with it, in words, if anything is."""

    place: str
    text: str
    fault: str = ""


def is_workbook(content: bytes) -> bool:
    """Whether a file may be an .xlsx: it is a ZIP archive."""
    return content.startswith(_BEGINS)


def read_sheet(content: bytes) -> Sheet:
    """The first visible sheet of a workbook.

    Raises:
        InvalidInputError: it cannot be read, is larger than any list of recipients, or has cells
            without a value: all of those, each with its place.
    """
    has_formulas = _has_formulas(content)
    with warnings.catch_warnings():  # of what openpyxl passes over: styles, rules, pictures
        warnings.simplefilter("ignore")
        try:
            return _read(content, has_formulas=has_formulas)
        except InvalidInputError:
            raise
        except Exception as error:  # a file can be broken in more ways than openpyxl has errors for
            raise InvalidInputError(Problem(gettext(_BROKEN))) from error


_BROKEN_ARCHIVE: Final = (
    BadZipFile,
    zlib.error,
    LZMAError,
    NotImplementedError,
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
)
"""What `zipfile` and its decompressors raise for an archive that is broken or of another kind."""


def _has_formulas(content: bytes) -> bool:
    """Looks at what the archive says of itself, and whether any sheet has a formula.

    `zipfile` reads no more of a part than its entry says that it has.

    Raises:
        InvalidInputError: it is too large, or no workbook.
    """
    try:
        with ZipFile(BytesIO(content)) as archive:
            parts = archive.infolist()
            if "xl/workbook.xml" not in archive.namelist():
                said = gettext(
                    "this is a ZIP archive and no workbook (.xlsx); choose a workbook, or CSV"
                )
                raise InvalidInputError(Problem(said))
            sizes = [each.file_size for each in parts if not each.filename.startswith(_PICTURES)]
            if len(parts) > _MAX_PARTS or sum(sizes) > _MAX_UNPACKED or max(sizes) > _MAX_PART:
                said = gettext(
                    "this workbook is too large; put the recipients into one of their own, or save "
                    "the sheet as “CSV UTF-8”, and choose that"
                )
                raise InvalidInputError(Problem(said))
            sheets = [part for part in parts if part.filename.startswith(_SHEETS)]
            return any(_FORMULA.search(archive.read(part)) for part in sheets)
    except _BROKEN_ARCHIVE as error:
        raise InvalidInputError(Problem(gettext(_BROKEN))) from error


def _read(content: bytes, *, has_formulas: bool) -> Sheet:
    # Slow to import, and few forms bring a workbook.
    from openpyxl import load_workbook

    def opened(*, values: bool) -> Any:
        return load_workbook(BytesIO(content), read_only=True, data_only=values, keep_links=False)

    workbook = opened(values=True)
    shown = [sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
    if not shown:
        raise InvalidInputError(Problem(gettext("this workbook has no sheet that is shown")))
    title = shown[0].title
    rows = _rows(shown[0])
    lines = list(_lines(rows, _rows(opened(values=False)[title]) if has_formulas else None))
    problems = Problems()
    for number, line in enumerate(lines, 1):
        for cell in line:
            if cell.fault:
                problems.add(Problem(cell.fault, line=number))
    if problems:
        raise problems.error()
    others = len(shown) - 1
    said = ""
    if others:
        said = ngettext(
            "The first sheet, “%(title)s”, was read; another sheet was not.",
            "The first sheet, “%(title)s”, was read; %(count)s other sheets were not.",
            others,
        ) % {"title": title, "count": others}
    return Sheet(_as_csv(lines), said)


def _rows(sheet: Any) -> Iterator[Sequence[Any]]:
    sheet.reset_dimensions()  # what the file says of its own size may be wrong
    rows: Iterator[Sequence[Any]] = sheet.iter_rows(max_col=_MAX_COLUMNS)
    return rows


def _lines(
    rows: Iterator[Sequence[Any]], formulas: Iterator[Sequence[Any]] | None
) -> Iterator[list[_Cell]]:
    """The lines of a sheet, as far as there is anything in them, without empty cells at their ends.

    Args:
        formulas: the same rows with formulas in the place of their values.

    Raises:
        InvalidInputError: there is more than any list of recipients has.
    """
    waiting = lines = cells = length = 0
    for number, row in enumerate(rows, 1):
        beside = next(formulas, ()) if formulas else ()
        line = [
            _cell(cell, beside[place] if place < len(beside) else None, number, place)
            for place, cell in enumerate(row)
        ]
        while line and not line[-1].text and not line[-1].fault:
            line.pop()
        if not line:
            waiting += 1
            if waiting > _MAX_GAP:
                return
            continue
        lines += 1
        cells += len(line)
        length += sum(len(cell.text) for cell in line)
        if lines > MAX_LINES or number > _MAX_LOOKED_AT or cells > _MAX_CELLS or length > _MAX_TEXT:
            said = gettext(
                "this sheet is too large; at most %(most)s lines and 1 MB of text are read"
            )
            raise InvalidInputError(Problem(said % {"most": f"{MAX_LINES:,}"}))
        yield from ([] for _ in range(waiting))
        waiting = 0
        yield line


def _cell(cell: Any, beside: Any, line: int, place: int) -> _Cell:
    """A cell in words.

    Args:
        beside: the same cell, with its formula if it has one.
    """
    name = f"{_letters(place)}{line}"
    value = cell.value
    if value is None:
        if beside is not None and beside.data_type == "f":
            said = gettext(
                "cell %(cell)s has a formula without a value; open the file in a spreadsheet "
                "program and save it"
            )
            return _Cell(name, "", said % {"cell": name})
        return _Cell(name, "")
    if cell.data_type == "e":
        said = gettext("cell %(cell)s has the error %(error)s")
        return _Cell(name, "", said % {"cell": name, "error": value})
    return _Cell(name, _text(value, cell.number_format))


def _text(value: Any, number_format: str | None) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, int):
        text = str(value)
        zeros = number_format if number_format and _ZEROS.fullmatch(number_format) else ""
        return text.zfill(len(zeros)) if value >= 0 else text
    if isinstance(value, datetime):
        midnight = value.time() == time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.isoformat("minutes")
    return str(value).replace("\r\n", "\n").replace("\r", "\n").strip()


def _letters(place: int) -> str:
    """The name of a column, counted from 0: A, …, Z, AA."""
    name, rest = "", place + 1
    while rest:
        rest, digit = divmod(rest - 1, 26)
        name = chr(ord("A") + digit) + name
    return name


def _as_csv(lines: Sequence[Sequence[_Cell]]) -> str:
    file = StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    for line in lines:
        if line:
            writer.writerow([cell.text for cell in line])
        else:
            file.write("\n")
    return file.getvalue()
