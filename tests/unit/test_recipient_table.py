"""Recipients as a table: whatever a spreadsheet writes is read, and what is wrong is said where."""

from __future__ import annotations

import csv
import re
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.console.recipient_table import ListedRecipient, decoded, read_recipients
from sendtrail.errors import MAX_TOLD, InvalidInputError, Problems
from sendtrail.sending.submission import Addressee

IDS = st.text(
    alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-",
    min_size=1,
    max_size=20,
)
CELLS = st.text(st.characters(exclude_characters="\r\0", codec="utf-8"), max_size=20).map(str.strip)


def read(text: str, *, most: int) -> list[ListedRecipient]:
    """The recipients of a table that is right as a whole."""
    problems = Problems()
    found = read_recipients(text, most=most, problems=problems)
    if problems:
        raise problems.error()
    return found


@given(
    people=st.dictionaries(IDS, st.tuples(CELLS, CELLS), min_size=1, max_size=12),
    separator=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    mark=st.booleans(),
)
def test_what_a_spreadsheet_writes_is_read_back(
    people: dict[str, tuple[str, str]], separator: str, end: str, quoting: int, mark: bool
) -> None:
    """Any separator, line end and quoting, with a byte order mark or without."""
    file = StringIO(newline="")
    writer = csv.writer(file, delimiter=separator, lineterminator=end, quoting=quoting)  # type: ignore[call-overload]
    writer.writerow(["participant_id", "first_name", "gift.what"])
    writer.writerows([name, *cells] for name, cells in people.items())
    content = file.getvalue().encode("utf-8-sig" if mark else "utf-8")
    found = read(decoded(content), most=12)
    assert [each.addressee for each in found] == [
        Addressee(name, None, {"first_name": first, "gift": {"what": what}})
        for name, (first, what) in people.items()
    ]


@given(st.text(max_size=200), st.integers(0, 5))
def test_anything_is_read_or_refused(text: str, most: int) -> None:
    """Nothing else can come of a text."""
    for given_text in (text, f"participant_id,a\n{text}", f'participant_id\n"{text}'):
        try:
            assert len(read(given_text, most=most)) <= most
        except InvalidInputError:
            continue


@given(st.binary(max_size=100))
def test_any_file_is_text_or_refused(content: bytes) -> None:
    """UTF-8 where it can be; else with the reason."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = ""
    try:
        found = decoded(content)
    except InvalidInputError as error:
        assert re.search(r"neither UTF-8 nor Windows-1252|is an old workbook", str(error))
    else:
        assert found == text or not text


HEAD = "participant_id,address,name\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is nobody yet"),
        (" \n\n", "there is nobody yet"),
        (HEAD, "nobody below the line"),
        ("address,name\na@example.com,A", "line 1 names the columns, and there has to be one"),
        ("ada,ada@example.com,Ada", "line 1 names the columns"),
        ("participant_id,First name\na,b", "line 1: the column 'First name' can be no merge field"),
        ("participant_id,_x\na,b", "line 1: the column '_x'"),
        ("participant_id,,x\na,b,c", "line 1: column 2 has no name; of cells that were merged"),
        ("participant_id,\na,b", "line 2 has 2 fields, and the first line names 1"),
        ("participant_id,a,a\nx,y,z", "line 1: there are two columns a"),
        ("participant_id,a,a.b\nx,y,z", "line 1: a is a column of its own"),
        ("participant_id," + ",".join(f"c{n}" for n in range(100)), "more than 100 columns"),
        (HEAD + "a,a@example.com", "line 2 has 2 fields, and the first line names 3"),
        (HEAD + "a,b,c,d", "line 2 has 4 fields"),
        (HEAD + "\n\na,,A\nb c,,B", "line 5: 'b c' is no participant’s id"),
        (HEAD + 'a,,"A\nA"\n,b@example.com,B', "line 4: '' is no participant’s id"),
        (HEAD + "a,,A\nb,,B\na,,C", "line 4: a is in line 2 already"),
        (HEAD + 'a,,"A"x', "line 2: ',' expected after '\"'"),
        (HEAD + 'a,,A\nb,,"B', "line 3: unexpected end of data"),
        (HEAD + "a," + "x" * 321 + ",A", "line 2: an address of more than 320"),
        (HEAD + "a,,A\nb,,B\nc,,C\nd,,D", "4 recipients; at most 3 are allowed"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, said: str) -> None:
    """Counted as a spreadsheet or an editor does."""
    with pytest.raises(InvalidInputError) as refused:
        read(text, most=3)
    assert said in str(refused.value)


def test_every_bad_line_is_told_at_once_and_the_others_are_read() -> None:
    """In their order, each with its number."""
    problems = Problems()
    text = HEAD + "a,,A\nb c,,B\nd,,D,too many\ne,,E\na,,A"
    found = read_recipients(text, most=3, problems=problems)
    assert [(each.line, each.addressee.participant_id) for each in found] == [(2, "a"), (5, "e")]
    assert [each.line for each in problems.told] == [3, 4, 6]
    assert [each.message.partition(" ")[2][:1] for each in problems.told] == ["3", "4", "6"]


def test_every_bad_column_is_told_at_once() -> None:
    """Without them no line can be read."""
    with pytest.raises(InvalidInputError) as refused:
        read("participant_id,First name,a,a,b,b.c\nx,y", most=3)
    assert [each.line for each in refused.value.problems] == [1, 1, 1]


def test_of_very_many_bad_lines_the_first_are_told_and_the_others_counted() -> None:
    """So that neither memory nor the page gets as long as the table."""
    with pytest.raises(InvalidInputError) as refused:
        read(HEAD + "no id,,\n" * (MAX_TOLD + 7), most=3)
    assert [each.line for each in refused.value.problems] == list(range(2, MAX_TOLD + 2))
    assert refused.value.more == 7
    assert str(refused.value).endswith("; and 7 more")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_files_are_read_in_the_encodings_of_spreadsheets(encoding: str) -> None:
    """With their letters."""
    text = f"{HEAD}a,,Gr\u00fc\u00dfe \u20ac"
    assert decoded(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEAD.encode() + b"a,,\x81\x8d", "line 2 is neither UTF-8 nor Windows-1252; save the file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "this is an old workbook"),
    ],
)
def test_a_file_of_another_form_is_refused(content: bytes, said: str) -> None:
    """With the line, and what to do."""
    with pytest.raises(InvalidInputError, match=said):
        decoded(content)


def test_what_spreadsheets_add_is_passed_over() -> None:
    """A line that names the separator, columns without a name at the end, other capitals, a display
    name around an address, and characters that nobody sees.
    """
    text = (
        "sep=;\r\nParticipant_ID;Address;name;;\r\n"
        "\u200ba\ufeff;Ada <ada@example.com>;A;;\r\n"
        "b;\u00a0bo@example.com\u200b;B\r\n"
    )
    found = read(text, most=3)
    assert [each.addressee for each in found] == [
        Addressee("a", "ada@example.com", {"name": "A"}),
        Addressee("b", "bo@example.com", {"name": "B"}),
    ]
    assert [each.line for each in found] == [3, 4]


@pytest.mark.parametrize("name", ["email", "E_Mail", "mail", "Emailaddress", "eMailAdresse", "to"])
def test_a_column_that_seems_to_have_the_addresses_is_asked_about(name: str) -> None:
    """By its name, or by its cells: the mail would go to where each was last written to."""
    text = f"participant_id,{name},name\na,ada@example.com,Ada\nb,bo@example.com,Bo"
    with pytest.raises(InvalidInputError, match=f"the column '{name}' seems to have the addresses"):
        read(text, most=3)
    both = f"participant_id,address,{name}\na,ada@example.com,second@example.com"
    assert read(both, most=3)[0].addressee.address == "ada@example.com"


def test_an_address_may_be_left_out() -> None:
    """By the column, or by its cell: they are written to at the one that is known."""
    found = read(f"{HEAD}a,a@example.com,A\nb, ,B", most=3)
    assert [each.addressee.address for each in found] == ["a@example.com", None]
    assert [each.line for each in found] == [2, 3]
    assert read("participant_id\na", most=3)[0].addressee == Addressee("a")
