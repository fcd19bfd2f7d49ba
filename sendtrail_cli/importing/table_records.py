"""Rows of a table: CSV as spreadsheets and services write it.

Fields are apart by comma, semicolon or tab, after a line ``sep=;`` or none. The first line names
the columns.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Final

__all__ = ["table_records"]

_SEPARATORS: Final = ",;\t"
_SEP: Final = re.compile(r"sep=([,;\t])", re.IGNORECASE)
_MAX_CELL: Final = 1 << 20


def table_records(lines: Iterable[str]) -> Iterator[tuple[int, Any, str, str]]:
    """The rows of a table, by the names of its columns, without what is empty.

    Yields:
        the line of each, and the row; None for what cannot be read, with why and its text.
    """
    numbered = iter(lines)
    before = 0
    first = next((line for line in numbered if line.strip()), "")
    said = _SEP.fullmatch(first.strip())
    if said:
        before, first = 1, next(numbered, "")
    separator = said[1] if said else max(_SEPARATORS, key=first.count)
    csv.field_size_limit(_MAX_CELL)
    reader = csv.reader(chain([first], numbered), delimiter=separator)
    try:
        names = [name.strip() for name in next(reader, [])]
    except csv.Error:
        names = []
    while names and not names[-1]:
        names.pop()
    if len(names) < 2 or len(set(names)) < len(names):
        yield before + 1, None, "the first line does not name the columns of a table", first.strip()
        return
    while True:
        line = before + reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield line, None, f"not CSV: {error}", ""
            continue
        if cells is None:
            return
        cells = [cell.strip() for cell in cells]
        while len(cells) > len(names) and not cells[-1]:
            cells.pop()
        if not any(cells):
            continue
        if len(cells) != len(names):
            why = f"{len(cells)} fields, and the first line names {len(names)} columns"
            yield line, None, why, separator.join(cells)
            continue
        row = {name: cell for name, cell in zip(names, cells, strict=True) if cell}
        yield line, row, "", json.dumps(row, ensure_ascii=False)
