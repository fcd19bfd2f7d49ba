"""Addressees: recipients as a table, pasted or in a file.

CSV as spreadsheets write it: fields apart by comma, semicolon or tab, quoted where need be, UTF-8.
The first line names the columns.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from typing import Any, Final

from sendtrail.domain.ids import ID_RULE, is_participant_id
from sendtrail.errors import InvalidInputError, InvalidRequestError
from sendtrail.mail.addresses import MAX_ADDRESS
from sendtrail.sending.submission import Addressee

__all__ = ["ListedRecipient", "read_recipients", "decoded"]

_ID: Final = "participant_id"
_ADDRESS: Final = "address"
_SEPARATORS: Final = ",;\t"
_FIELD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*")
_MAX_COLUMNS: Final = 100


@dataclass(frozen=True, slots=True)
class ListedRecipient:
    """A recipient, and the line of the table where it begins, from 1."""

    line: int
    addressee: Addressee


def decoded(content: bytes) -> str:
    """The text of a file, without a byte order mark.

    Raises:
        InvalidInputError: it is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInputError(f"line {line} is not UTF-8; save the file as “CSV UTF-8”") from None


def read_recipients(text: str, *, most: int) -> list[ListedRecipient]:
    """The recipients of a table.

    Args:
        most: how many there may be.

    Raises:
        InvalidInputError: something in it is not allowed; the message names the line.
    """
    rows = _rows(text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n"))
    head = next(rows, None)
    if head is None:
        raise InvalidInputError("there is nobody yet; paste a table, or choose a file")
    columns = _columns(*head)
    found: list[ListedRecipient] = []
    problems: list[InvalidInputError] = []
    lines: dict[str, int] = {}
    for line, cells in rows:
        try:
            addressee = _addressee(line, columns, cells)
        except InvalidInputError as error:
            problems.append(error)
            continue
        before = lines.setdefault(addressee.participant_id, line)
        if before != line:
            said = f"line {line}: {addressee.participant_id} is in line {before} already"
            problems.append(InvalidInputError(said, line=line))
        found.append(ListedRecipient(line, addressee))
    InvalidRequestError.raise_if_any(problems)
    if not found:
        raise InvalidInputError("there is nobody below the line that names the columns")
    if len(found) > most:
        raise InvalidInputError(f"{len(found)} recipients; at most {most} are allowed")
    return found


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each line that is not blank, with its number; one with breaks in quotes is that of its
    beginning.
    """
    first = next((line for line in text.split("\n") if line.strip()), "")
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InvalidInputError(f"line {line}: {error}") from None
        if cells is None:
            return
        cells = [cell.strip() for cell in cells]
        if any(cells):
            yield line, cells


def _columns(line: int, cells: list[str]) -> list[str]:
    if len(cells) > _MAX_COLUMNS:
        raise InvalidInputError(f"line {line}: more than {_MAX_COLUMNS} columns")
    if _ID not in cells:
        raise InvalidInputError(
            f"line {line} names the columns, and there has to be one called {_ID}"
        )
    for number, name in enumerate(cells):
        if not _FIELD.fullmatch(name):
            raise InvalidInputError(
                f"line {line}: the column {name!r:.40} can be no merge field; those begin with a "
                "letter, and have only letters a-z, digits and _"
            )
        if name in cells[:number]:
            raise InvalidInputError(f"line {line}: there are two columns {name}")
        if any(other.startswith(f"{name}.") for other in cells):
            raise InvalidInputError(
                f"line {line}: {name} is a column of its own, and has others in it"
            )
    return cells


def _addressee(line: int, columns: list[str], cells: list[str]) -> Addressee:
    if len(cells) != len(columns):
        raise InvalidInputError(
            f"line {line} has {len(cells)} fields, and the first line names {len(columns)}",
            line=line,
        )
    row = dict(zip(columns, cells, strict=True))
    participant_id, address = row.pop(_ID), row.pop(_ADDRESS, "")
    if not is_participant_id(participant_id):
        raise InvalidInputError(
            f"line {line}: {participant_id!r:.40} is no participant’s id; one is {ID_RULE}",
            line=line,
        )
    if len(address) > MAX_ADDRESS:
        raise InvalidInputError(
            f"line {line}: an address of more than {MAX_ADDRESS} characters", line=line
        )
    return Addressee(participant_id, address or None, _data(row))


def _data(row: dict[str, str]) -> dict[str, Any]:
    """The merge fields; a column ``event.day`` is the field ``day`` of ``event``."""
    data: dict[str, Any] = {}
    for name, value in row.items():
        *outer, last = name.split(".")
        place = data
        for each in outer:
            place = place.setdefault(each, {})
        place[last] = value
    return data
