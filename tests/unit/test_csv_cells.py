"""Cells of a CSV: none is a formula, in whatever spreadsheet, of whatever region."""

from __future__ import annotations

import csv
import re
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.reading.csv_cells import plain_cell, safe_cell


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1", "'＝1"),
        ("＋1", "'＋1"),
        ("－1", "'－1"),
        ("＠x", "'＠x"),
        ("﹦1", "'﹦1"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("\nx", "'\nx"),
        ("\t=1", "'\t'=1"),
        (";=1", ";'=1"),
        (",=1", ",'=1"),
        ('"=1', "\"'=1"),
        ("'=1", "''=1"),
        ('";"=1', '";"\'=1'),
        (" =1", " '=1"),
        ("\u200b=1", "\u200b'=1"),
        ("\ufeff\u00a0=1", "\ufeff\u00a0'=1"),
        ("\x00=1", "\x00'=1"),
        ("a;=1", "a;'=1"),
        ('a"; "=cmd|x', 'a"; "\'=cmd|x'),
        ("a\r\n=1", "a\r\n'=1"),
        ("==1", "'==1"),
    ],
)
def test_what_would_be_a_formula_is_text(text: str, cell: str) -> None:
    """At its beginning, or where a list separator begins another cell."""
    assert safe_cell(text) == cell


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann@example.com",
        "a+b@example.com",
        "member-0042",
        "2026-11-20T09:30:00.000Z",
        "a=b",
        "a; b",
    ],
)
def test_what_is_none_stays_as_it_is(text: str) -> None:
    """Ids, addresses, times."""
    assert safe_cell(text) == text


tricky = st.text(st.sampled_from("=+-@＝\t\r\n;,|\"' \u200b\ufeffa1"), max_size=12)


@given(st.lists(st.one_of(tricky, st.text(max_size=12)), min_size=1, max_size=4))
def test_no_cell_of_a_line_is_a_formula_however_it_is_split(texts: list[str]) -> None:
    """By commas as it is written; or by semicolons or tabs, without regard to quotes."""
    line = StringIO(newline="")
    csv.writer(line).writerow([safe_cell(text) for text in texts])
    (read,) = csv.reader(StringIO(line.getvalue(), newline=""))
    for cell in [*read, *re.split(r"[;,\t\r\n]", line.getvalue())]:
        assert not cell.strip(' "\u200b\ufeff').startswith(tuple("=+-@＝＋－＠")), cell


@given(st.text(st.characters() | st.sampled_from("=+-@\t\r\n,;|'\"“ \u200b")))
def test_a_cell_is_taken_back_to_its_text(text: str) -> None:
    """Of every text but one that begins as if `safe_cell` had put an apostrophe there."""
    if not text.startswith(("'\t", "'\r", "'\n")):
        assert plain_cell(safe_cell(text)) == text
