"""Records: what a file holds, one by one, as JSON or as a table; never more of it in memory than a
record and what was read ahead.
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, BinaryIO, Final

from sendtrail_cli.importing.json_records import json_records
from sendtrail_cli.importing.sources import Source, unpacked
from sendtrail_cli.importing.table_records import table_records

__all__ = ["REPORTED", "Record", "read_records"]

REPORTED: Final = frozenset({"file", "record", "line", "why", "raw"})
"""The fields of a line of the report; such a line may be imported again."""

_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file.

    Attributes:
        number: its place in the file, from 1.
        line: where it begins, from 1; of a file with breaks of line.
        value: what it says, as JSON has it, or a row of a table by the names of its columns; None
            if it cannot be read.
        why: why it cannot.
        raw: its text as JSON; of what cannot be read as it is, or the beginning of that.
    """

    number: int
    line: int
    value: Any
    why: str = ""
    raw: str = ""


def read_records(source: Source, advance: Callable[[int], object]) -> Iterator[Record]:
    """The records of a file: JSON values after one another, in lists or in pages of a service's
    API; or the rows of a table. What cannot be read is a record without a value.

    Args:
        advance: is told how many bytes were read.
    """
    number, line = 0, 1
    with unpacked(source, advance) as stream:
        try:
            for line, value, why, raw in _read(stream):
                number += 1
                reported = isinstance(value, dict) and value.keys() == REPORTED
                if reported:
                    yield Record(number, line, value["raw"], why, json.dumps(value["raw"]))
                else:
                    yield Record(number, line, value, why, raw)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            yield Record(number + 1, line, None, f"the file ends before its end: {error}")


def _read(stream: BinaryIO) -> Iterator[tuple[int, Any, str, str]]:
    begin = stream.read(4)
    encoding = "utf-16" if begin.startswith(_UTF16) else "utf-8-sig"
    rest = _Joined(begin, stream)
    text = io.TextIOWrapper(io.BufferedReader(rest), encoding, _WINDOWS)
    first = ""
    while not first.strip() and (more := text.read(1 << 12)):
        first += more
    if _is_json(first):
        return json_records(chain([first], iter(lambda: text.read(1 << 18), "")))
    return table_records(_lines(first, text))


def _is_json(first: str) -> bool:
    """Whether a text that begins so is JSON, perhaps after a line that is none; a table may begin
    with a quote, too.
    """
    begin = first.lstrip()
    return begin.startswith(("{", "[", '"{')) or "\n{" in begin


def _lines(first: str, text: io.TextIOWrapper) -> Iterator[str]:
    """The lines of a text of which the first characters have been read."""
    *whole, rest = first.split("\n")
    yield from (f"{line}\n" for line in whole)
    yield rest + text.readline()
    yield from text


class _Joined(io.RawIOBase):
    """A stream with its first bytes before it."""

    def __init__(self, begin: bytes, stream: BinaryIO) -> None:
        self._begin = begin
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._begin or self._stream.read(len(buffer))
        self._begin = b""
        buffer[: len(content)] = content
        return len(content)


_WINDOWS: Final = "sendtrail-windows-1252"


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    """What is not UTF-8 as Windows-1252, which spreadsheets write where nothing else is asked."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error(_WINDOWS, _as_windows)
