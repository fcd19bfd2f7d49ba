"""Addressees: recipients as a table, pasted or in a file.

A workbook, of which the first sheet is read, or CSV as spreadsheets write it: fields apart by
comma, semicolon or tab, quoted where need be; in UTF-8, UTF-16 or Windows-1252, after a line
``sep=;`` or none. The first line names the columns.
"""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any, Final

from sendtrail.console.workbook import Sheet, is_workbook, read_sheet
from sendtrail.domain.ids import ID_RULE, bare_address, is_participant_id
from sendtrail.errors import InvalidInputError, Problem, Problems
from sendtrail.language import gettext
from sendtrail.mail.addresses import MAX_ADDRESS, sendable_address
from sendtrail.sending.submission import Addressee

__all__ = ["FIELD_NAME", "ListedRecipient", "decoded", "read_file", "read_recipients"]

_ID: Final = "participant_id"
_ADDRESS: Final = "address"
_SEPARATORS: Final = ",;\t"
FIELD_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*")
_MAX_COLUMNS: Final = 100
_OLD_WORKBOOK: Final = b"\xd0\xcf\x11\xe0"
_INVISIBLE: Final = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_SEP: Final = re.compile(r"sep=([,;\t])", re.IGNORECASE)
_LIKE_ADDRESS: Final = re.compile(r"(e?mail)?(addresse?|adresse?)|e?mails?(id)?")
"""A column's name, in small letters alone, that means an address."""


@dataclass(frozen=True, slots=True)
class ListedRecipient:
    """A recipient, and the line of the table where it begins, from 1."""

    line: int
    addressee: Addressee


def read_file(content: bytes) -> Sheet:
    """The table in a file: a workbook (.xlsx), or else text.

    Raises:
        InvalidInputError: it is neither, or cannot be read.
    """
    return read_sheet(content) if is_workbook(content) else Sheet(decoded(content))


def decoded(content: bytes) -> str:
    """The text of a file, without a byte order mark: of UTF-8, of UTF-16 that has such a mark, or
    else of Windows-1252, which spreadsheets write where nothing else is asked for.

    Raises:
        InvalidInputError: it is none of them, or a workbook of the old form.
    """
    if content.startswith(_OLD_WORKBOOK):
        said = gettext(
            "this is an old workbook (.xls), or one with a password; save it as .xlsx without one, "
            "or as “CSV UTF-8”, and choose that"
        )
        raise InvalidInputError(Problem(said))
    marked = content.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError as error:
            place = error.start
    line = content.count(b"\n", 0, place) + 1
    said = gettext("line %(line)s is neither UTF-8 nor Windows-1252; save the file as “CSV UTF-8”")
    raise InvalidInputError(Problem(said % {"line": line}, line=line))


def read_recipients(text: str, *, most: int, problems: Problems) -> list[ListedRecipient]:
    """The recipients of a table, but for the lines at fault.

    Args:
        most: how many there may be; if there are more, none are returned.
        problems: takes what is wrong; each message names its line.
    """
    rows = _rows(text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n"), problems)
    head = next(rows, None)
    if head is None:
        if not problems:
            problems.add(Problem(gettext("there is nobody yet; paste a table, or choose a file")))
        return []
    columns = _named(head[1])
    if not _are_columns(head[0], columns, problems):
        return []
    found: list[ListedRecipient] = []
    lines: dict[str, int] = {}
    addresses: list[int] = [0] * len(columns)
    for line, cells in rows:
        while len(cells) > len(columns) and not cells[-1]:  # of columns without a name
            cells.pop()
        if len(cells) != len(columns):
            said = gettext(
                "line %(line)s has %(count)s fields, and the first line names %(columns)s"
            )
            said %= {"line": line, "count": len(cells), "columns": len(columns)}
            problems.add(Problem(said, line=line))
            continue
        for number, cell in enumerate(cells):
            addresses[number] += _is_like_address(cell)
        row = dict(zip(columns, cells, strict=True))
        participant_id = _visible(row.pop(_ID))
        address = bare_address(_visible(row.pop(_ADDRESS, "")))
        fault = _fault(participant_id, address, line, lines)
        if fault:
            said = _of_line(line, fault)
            problems.add(Problem(said, line=line, participant_id=participant_id))
        else:
            addressee = Addressee(participant_id, address or None, _data(row))
            found.append(ListedRecipient(line, addressee))
    _ask_for_addresses(head[0], columns, addresses, len(found), problems)
    if not found and not problems:
        said = gettext("there is nobody below the line that names the columns")
        problems.add(Problem(said))
    if len(found) > most:
        said = gettext("%(count)s recipients; at most %(most)s are allowed")
        problems.add(Problem(said % {"count": len(found), "most": most}))
        return []
    return found


def _rows(text: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """Each line that is not blank, with its number; one with breaks in quotes is that of its
    beginning. Ends where quotes are wrong: nobody knows what belongs together after that.
    """
    begin, _, rest = text.partition("\n")
    said = _SEP.fullmatch(begin.strip())
    before = 1 if said else 0
    text = rest if said else text
    first = next((line for line in text.split("\n") if line.strip()), "")
    separator = said[1] if said else max(_SEPARATORS, key=first.count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1 + before
        try:
            cells = next(reader, None)
        except csv.Error as error:
            problems.add(Problem(_of_line(line, str(error)), line=line))
            return
        if cells is None:
            return
        cells = [cell.strip() for cell in cells]
        if any(cells):
            yield line, cells


def _named(cells: Sequence[str]) -> list[str]:
    """The columns' names, without empty ones at the end; the two that are ours in any capitals."""
    names = [_visible(cell) for cell in cells]
    names = [name.lower() if name.lower() in (_ID, _ADDRESS) else name for name in names]
    while names and not names[-1]:
        names.pop()
    return names


def _visible(cell: str) -> str:
    return cell.translate(_INVISIBLE).strip()


def _is_like_address(cell: str) -> bool:
    try:
        sendable_address(bare_address(cell))
    except ValueError:
        return False
    return True


def _ask_for_addresses(
    line: int, columns: Sequence[str], addresses: Sequence[int], rows: int, problems: Problems
) -> None:
    """Asks which column has the addresses, if none is called so and one seems to have them: mail
    would go to where each was last written to.

    Args:
        addresses: in how many rows each column has one.
    """
    if _ADDRESS in columns:
        return
    for name, count in zip(columns, addresses, strict=True):
        folded = re.sub(r"[^a-z]", "", name.lower())
        if _LIKE_ADDRESS.fullmatch(folded) or (rows and count * 2 > rows):
            said = gettext(
                "the column %(name)s seems to have the addresses; call it %(address)s, or leave it "
                "out to write to each one's current address"
            )
            said %= {"name": f"{name!r:.40}", "address": _ADDRESS}
            problems.add(Problem(_of_line(line, said), line=line))


def _are_columns(line: int, cells: list[str], problems: Problems) -> bool:
    """Whether a line can name the columns; if not, it is among the problems why."""
    faults: list[str] = []
    if len(cells) > _MAX_COLUMNS:
        faults.append(gettext("more than %(most)s columns") % {"most": _MAX_COLUMNS})
    elif _ID not in cells:
        said = gettext("line %(line)s names the columns, and there has to be one called %(name)s")
        problems.add(Problem(said % {"line": line, "name": _ID}, line=line))
        return False
    else:
        for number, name in enumerate(cells):
            if not name:
                said = gettext(
                    "column %(number)s has no name; of cells that were merged, the first alone has "
                    "one"
                )
                faults.append(said % {"number": number + 1})
            elif not FIELD_NAME.fullmatch(name):
                said = gettext(
                    "the column %(name)s can be no merge field; those begin with a letter, and "
                    "have only letters a-z, digits and _"
                )
                faults.append(said % {"name": f"{name!r:.40}"})
            elif name in cells[:number]:
                faults.append(gettext("there are two columns %(name)s") % {"name": name})
            elif any(other.startswith(f"{name}.") for other in cells):
                said = gettext("%(name)s is a column of its own, and has others in it")
                faults.append(said % {"name": name})
    for fault in faults:
        problems.add(Problem(_of_line(line, fault), line=line))
    return not faults


def _of_line(line: int, fault: str) -> str:
    return gettext("line %(line)s: %(what)s") % {"line": line, "what": fault}


def _fault(participant_id: str, address: str, line: int, lines: dict[str, int]) -> str | None:
    """What is wrong with a line, if anything is.

    Args:
        lines: participant → the line where they are; takes this one.
    """
    if not is_participant_id(participant_id):
        said = gettext("%(given)s is no participant’s id; one is %(rule)s")
        return said % {"given": f"{participant_id!r:.40}", "rule": ID_RULE}
    if len(address) > MAX_ADDRESS:
        return gettext("an address of more than %(most)s characters") % {"most": MAX_ADDRESS}
    before = lines.setdefault(participant_id, line)
    if before == line:
        return None
    said = gettext("%(id)s is in line %(line)s already")
    return said % {"id": participant_id, "line": before}


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
