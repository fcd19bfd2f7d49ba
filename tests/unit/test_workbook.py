"""Workbooks as tables: whatever a spreadsheet program writes, and whatever somebody makes of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from sendtrail.console.recipient_table import read_file, read_recipients
from sendtrail.console.workbook import MAX_LINES, read_sheet
from sendtrail.errors import InvalidInputError, Problems
from tests.examples import many

NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHEET = "xl/worksheets/sheet1.xml"
HEAD = ["participant_id", "address", "name"]


def made(*rows: list[Any], change: Callable[[Workbook], None] = lambda _: None) -> bytes:
    """A workbook with these rows in its first sheet."""
    book = Workbook()
    for row in rows:
        book.active.append(row)
    change(book)
    content = BytesIO()
    book.save(content)
    return content.getvalue()


def changed(parts: dict[str, bytes]) -> bytes:
    """A workbook with other parts, or more."""
    content = BytesIO()
    with ZipFile(BytesIO(made(HEAD))) as old, ZipFile(content, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, part in parts.items():
            new.writestr(name, part)
    return content.getvalue()


def sheet(inside: str, before: str = "") -> bytes:
    """A workbook whose sheet is this XML."""
    text = f'{before}<worksheet xmlns="{NAMESPACE}"><sheetData>{inside}</sheetData></worksheet>'
    return changed({SHEET: text.encode()})


_at = datetime.fromisoformat


def test_cells_are_what_a_reader_of_the_sheet_takes_them_for() -> None:
    """Ids with leading zeros as text or by their format; dates, times, numbers, truth."""

    def zeros(book: Workbook) -> None:
        book.active["B1"].number_format = "00000"

    row = ["007", 123, 4.0, 2.5, _at("2026-12-04"), _at("2026-12-04T09:30")]
    row += [date(2026, 12, 4), time(9), True, " Zoë\r\nB. ", 1e20, -3]
    said = read_sheet(made(row, change=zeros)).text
    assert said == (
        '007,00123,4,2.5,2026-12-04,2026-12-04 09:30,2026-12-04,09:00,TRUE,"Zoë\nB.",1e+20,-3\n'
    )


@many(25)
@given(
    st.lists(
        st.lists(
            st.one_of(
                st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=9),
                st.integers(-(10**9), 10**9),
            ),
            max_size=5,
        ),
        max_size=8,
    )
)
def test_texts_and_numbers_come_as_they_are_and_lines_keep_their_numbers(
    rows: list[list[Any]],
) -> None:
    """Empty lines in between, too."""
    found = read_sheet(made(["first"], *rows, ["last"])).text.split("\n")
    wanted = [[str(cell) for cell in row] for row in [["first"], *rows, ["last"]]]
    for row in wanted:
        while row and not row[-1]:
            row.pop()
    assert [line.split(",") if line else [] for line in found[:-1]] == wanted


def test_the_first_sheet_that_is_shown_is_read_and_that_is_said() -> None:
    """A workbook of one says nothing."""

    def more(book: Workbook) -> None:
        book.active.sheet_state = "hidden"
        book.create_sheet("Members").append(HEAD)
        book.create_sheet("Others").append(["x"])

    found = read_sheet(made(["secret"], change=more))
    assert found.text == "participant_id,address,name\n"
    assert found.said == "The first sheet, “Members”, was read; another sheet was not."
    assert read_sheet(made(HEAD)).said == ""


def test_cells_without_a_value_are_told_all_at_once() -> None:
    """Errors, and formulas that nobody has computed; those with a value have it."""
    inside = (
        '<row r="1"><c r="A1" t="inlineStr"><is><t>participant_id</t></is></c></row>'
        '<row r="2"><c r="A2"><f>1+1</f><v>2</v></c><c r="B2"><f>A2</f></c></row>'
        '<row r="3"><c r="A3" t="e"><v>#N/A</v></c></row>'
    )
    with pytest.raises(InvalidInputError) as refused:
        read_sheet(sheet(inside))
    assert [str(each) for each in refused.value.problems] == [
        "cell B2 has a formula without a value; open the file in a spreadsheet program and save it",
        "cell A3 has the error #N/A",
    ]
    good = inside.replace('<c r="B2"><f>A2</f></c>', "").replace('t="e"', 't="str"')
    assert read_sheet(sheet(good)).text == "participant_id\n2\n#N/A\n"


def test_merged_headers_are_told_in_words() -> None:
    """The first of the cells has the name."""
    content = made(
        ["participant_id", "name", "", "city"],
        ["ann", "Ann", "A.", "Bonn"],
        change=lambda book: book.active.merge_cells("B1:C1"),
    )
    problems = Problems()
    assert read_recipients(read_file(content).text, most=9, problems=problems) == []
    assert "column 3 has no name; of cells that were merged, the first alone has one" in (
        problems.told[0].message
    )


def test_what_a_sheet_says_of_its_own_size_is_not_believed() -> None:
    """Writers get it wrong."""
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in (1, 2, 3))
    text = (
        f'<worksheet xmlns="{NAMESPACE}"><dimension ref="A1:A1"/><sheetData>{rows}</sheetData>'
        "</worksheet>"
    )
    assert read_sheet(changed({SHEET: text.encode()})).text == "1\n2\n3\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04", "cannot be read"),
        (made(HEAD)[:-40], "cannot be read"),
        (made(HEAD)[:900] + b"x" * 40 + made(HEAD)[940:], "cannot be read"),
        (changed({SHEET: b"<worksheet"}), "cannot be read"),
        (changed({SHEET: b""}), "cannot be read"),
        (changed({"xl/workbook.xml": b"<x/>"}), "no sheet that is shown"),
        (changed({"xl/styles.xml": b"\x00"}), "cannot be read"),
        (
            sheet(
                '<row><c t="inlineStr"><is><t>&b;</t></is></c></row>',
                '<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>',
            ),
            "cannot be read",
        ),
        (
            sheet(
                '<row><c t="inlineStr"><is><t>&a;</t></is></c></row>',
                '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
            ),
            "cannot be read",
        ),
        (sheet('<row><c t="s"><v>99</v></c></row>'), "cannot be read"),
        (changed({"xl/media/a.xml": b" "} | {f"x{n}": b"" for n in range(1000)}), "too large"),
        (changed({SHEET: b" " * (4 * 1024 * 1024 + 1)}), "too large"),
        (changed({"xl/sharedStrings.xml": b" " * (4 * 1024 * 1024 + 1)}), "too large"),
        (changed({f"xl/x{n}.xml": b" " * 3_000_000 for n in range(3)}), "too large"),
        (sheet("<row><c><v>1</v></c></row>" * (MAX_LINES + 1)), "this sheet is too large"),
        (
            sheet("".join(f'<row r="{n}"><c><v>1</v></c></row>' for n in range(1, 30_000, 900))),
            "this sheet is too large",
        ),
        (
            sheet('<row><c t="str"><v>' + "x" * 1_100_000 + "</v></c></row>"),
            "this sheet is too large",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_hostile_workbook_is_refused_in_words(content: bytes, said: str) -> None:
    """Broken, huge when unpacked, full of entities or of lines."""
    with pytest.raises(InvalidInputError, match=said):
        read_sheet(content)


def test_an_archive_of_something_else_is_told_from_a_workbook() -> None:
    """With what may be chosen."""
    content = BytesIO()
    with ZipFile(content, "w") as archive:
        archive.writestr("holiday.jpg", b"x")
    with pytest.raises(
        InvalidInputError, match=r"no workbook \(.xlsx\); choose a workbook, or CSV"
    ):
        read_file(content.getvalue())


def test_a_sheet_that_is_formatted_to_its_end_is_read_as_far_as_it_has_anything() -> None:
    """A cell in the last row and column of all is not looked for."""
    inside = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
    assert read_sheet(sheet(inside)).text == "1\n"
    wide = '<row r="1">' + "<c><v>1</v></c>" * 20_000 + "</row>"
    assert read_sheet(sheet(wide)).text.count(",") == 100


@many(50)
@given(st.binary(max_size=60), st.integers(0, 8_000))
def test_a_spoilt_workbook_is_read_or_refused(noise: bytes, place: int) -> None:
    """And nothing else comes of it."""
    whole = made(HEAD, ["ann", "ann@example.com", "Ann"])
    place %= len(whole)
    content = b"PK\x03\x04" + (whole[:place] + noise + whole[place + len(noise) :])[4:]
    try:
        read_file(content)
    except InvalidInputError as error:
        assert str(error)
