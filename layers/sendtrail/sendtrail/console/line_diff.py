"""What differs between two texts, line by line, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

__all__ = ["MAX_LINES", "Row", "compare"]

MAX_LINES: Final = 3_000
"""How many lines of a text are compared: difflib takes quadratic time for what repeats itself."""
_CONTEXT: Final = 3


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the one text beside the line of the other that takes its place.

    Attributes:
        kind: ``same``, ``changed``, ``removed``, ``added``, or ``skipped`` for lines that are the
            same and far from all that differs.
        old, new: the lines; None where there is none.
        old_number, new_number: of the lines, from 1. Of skipped ones, those of the first.
        skipped: how many lines were.
    """

    kind: str
    old: str | None = None
    new: str | None = None
    old_number: int | None = None
    new_number: int | None = None
    skipped: int = 0


def compare(old: str, new: str) -> list[Row] | None:
    """The rows that show what differs; none if nothing does, and None if a text has more than
    `MAX_LINES` lines and they differ.
    """
    if old == new:
        return []
    before, after = _lines(old), _lines(new)
    if max(len(before), len(after)) > MAX_LINES:
        return None
    matcher = SequenceMatcher(None, before, after)
    rows: list[Row] = []
    blocks = matcher.get_opcodes()
    for number, (what, i, i_end, j, j_end) in enumerate(blocks):
        if what == "equal":
            keep_first = _CONTEXT if number else 0
            keep_last = _CONTEXT if number + 1 < len(blocks) else 0
            rows += _same(before[i:i_end], i, j, keep_first, keep_last)
        else:
            rows += _changed(before[i:i_end], after[j:j_end], i, j)
    return rows


def _lines(text: str) -> list[str]:
    return text.split("\n") if text else []


def _same(lines: Sequence[str], i: int, j: int, first: int, last: int) -> Iterator[Row]:
    """Lines that are the same, those far from others left out."""
    left_out = len(lines) - first - last
    for number, line in enumerate(lines):
        if left_out > 1 and first <= number < first + left_out:
            if number == first:
                at = (i + number + 1, j + number + 1)
                yield Row("skipped", None, None, *at, skipped=left_out)
            continue
        yield Row("same", line, line, i + number + 1, j + number + 1)


def _changed(before: Sequence[str], after: Sequence[str], i: int, j: int) -> Iterator[Row]:
    for number in range(max(len(before), len(after))):
        old = before[number] if number < len(before) else None
        new = after[number] if number < len(after) else None
        kind = "removed" if new is None else "added" if old is None else "changed"
        yield Row(
            kind,
            old,
            new,
            None if old is None else i + number + 1,
            None if new is None else j + number + 1,
        )
