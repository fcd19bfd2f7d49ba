"""Cells of a CSV that no spreadsheet takes for formulas (OWASP, "CSV Injection")."""

from __future__ import annotations

import unicodedata
from typing import Final

__all__ = ["plain_cell", "safe_cell"]

_FORMULA: Final = frozenset("=+-@＝＋－＠﹦﹢﹣﹫")
"""What a formula begins with, also in the full-width and small forms that some spreadsheets take
for the ordinary ones."""
_SEPARATORS: Final = frozenset(",;|\t\r\n\v\f\x85\u2028\u2029")
"""What may begin a new cell. Which it is depends on the reader's region and not on the file: where
the list separator is a semicolon, quotes in the middle of a line do not hold a cell together."""
_QUOTES: Final = frozenset("\"'`’‘“”")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
"""Categories of characters that are not seen: spaces, control and format characters."""
_TAKEN_ALONE: Final = ("\t", "\r", "\n")


def safe_cell(text: str) -> str:
    """The text with an apostrophe before each character that a formula could begin with: at the
    beginning of the text, and after whatever could begin a new cell, quotes and what is not seen
    passed over. A text that begins with a tab or a line break gets one, too.
    """
    made = ["'"] if text.startswith(_TAKEN_ALONE) else []
    begins = True
    for character in text:
        if begins and character in _FORMULA:
            made.append("'")
        made.append(character)
        begins = _begins(character, begins)
    return "".join(made)


def plain_cell(cell: str) -> str:
    """The text of which `safe_cell` made a cell; without its first character, if that is an
    apostrophe before a tab or a line break: it is taken for one that `safe_cell` put there.
    """
    made: list[str] = []
    begins = True
    for character in cell:
        if begins and character in _FORMULA and made and made[-1] == "'":
            made.pop()
        made.append(character)
        begins = _begins(character, begins)
    text = "".join(made)
    return text[1:] if text[:1] == "'" and text[1:].startswith(_TAKEN_ALONE) else text


def _begins(character: str, begins: bool) -> bool:
    """Whether a formula could begin after this character, if one could before it."""
    if character in _SEPARATORS:
        return True
    return begins and (character in _QUOTES or unicodedata.category(character) in _UNSEEN)
