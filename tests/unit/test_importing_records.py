"""Files of an import, read record by record."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Iterator
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ResponseStreamingError
from hypothesis import given
from hypothesis import strategies as st

from sendtrail_cli.importing.json_records import MAX_RECORD, json_records
from sendtrail_cli.importing.records import Record, read_records
from sendtrail_cli.importing.sources import Source, sources_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=4), max_size=6)


def records(content: bytes) -> list[Record]:
    """The records of a file with this content."""
    source = Source("file", len(content), "", lambda: BytesIO(content))
    return list(read_records(source, lambda _count: None))


def values(content: bytes) -> list[Any]:
    """What they say; all can be read."""
    found = records(content)
    assert all(not each.why for each in found), found
    assert [each.number for each in found] == list(range(1, len(found) + 1))
    return [each.value for each in found]


def pieces(text: str, size: int) -> Iterator[str]:
    """A text in pieces of a size."""
    yield from (text[start : start + size] for start in range(0, len(text), size))


@given(OBJECTS, st.integers(1, 40), st.sampled_from(["", "\n", "\r\n", " \n\n"]), st.booleans())
def test_values_after_one_another_are_read_wherever_the_text_is_cut(
    objects: list[Any], size: int, between: str, spread: bool
) -> None:
    """With a delimiter or without, on one line each or over several."""
    text = between.join(json.dumps(each, indent=2 if spread else None) for each in objects)
    assert [value for _, value, _, _ in json_records(pieces(text, size))] == objects


@given(OBJECTS, st.integers(1, 40), st.sampled_from(["items", "Messages", "Bounces", "Opens"]))
def test_lists_and_pages_are_read_member_by_member(
    objects: list[Any], size: int, name: str
) -> None:
    """Several of them after one another, and what follows a page's list is passed over."""
    page = {"TotalCount": 3, "start": "Mon", name: objects, "paging": {"next": [{"a": 1}]}}
    text = json.dumps(objects) + json.dumps(page, indent=1) + "\n" + json.dumps({name: []})
    text += json.dumps([objects])
    found = [value for _, value, _, _ in json_records(pieces(text, size))]
    assert found == objects * 3


@given(OBJECTS, st.sampled_from(['{"a": 1', '{"a": oops}', "nonsense", '{"a": "x', "{'a': 1}"]))
def test_what_cannot_be_read_costs_no_other_record(objects: list[Any], broken: str) -> None:
    """Each is told once, by its line, with its text."""
    lines = [json.dumps(each) for each in objects]
    text = "\n".join(["{}", *lines, broken, "{}", *lines, broken, '{"last": 1}'])
    found = records(text.encode())
    assert [each.value for each in found if not each.why] == [
        {},
        *objects,
        {},
        *objects,
        {"last": 1},
    ]
    told = [each for each in found if each.why]
    assert [each.line for each in told] == [len(objects) + 2, 2 * len(objects) + 4]
    assert {each.raw for each in told} == {broken}


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_file_is_read_to_its_end(content: bytes) -> None:
    """Whatever is in it: each record has a value, or a reason why not."""
    for record in records(content):
        assert record.why or json.loads(record.raw) == record.value or record.value != record.value


def test_a_list_of_any_length_takes_no_more_memory_than_its_members() -> None:
    """40 MB of one list, in pieces."""
    member = json.dumps({"event": "open", "padding": "x" * 1_000})

    def text() -> Iterator[str]:
        yield "["
        for _ in range(40_000):
            yield member + ","
        yield "{}]"

    tracemalloc.start()
    count = sum(1 for _ in json_records(text()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 40_001
    assert peak < 1 << 20


def test_a_value_without_end_is_given_up() -> None:
    """And its text is told from its beginning alone."""
    found = list(json_records(pieces('{"a": "' + "x" * (MAX_RECORD + 10) + '\n{"b": 1}', 1 << 16)))
    assert [value for _, value, _, _ in found] == [None, {"b": 1}]
    assert len(found[0][3]) <= 1 << 17


def test_a_line_of_the_report_is_the_record_in_it() -> None:
    """So that it can be mended, and imported again."""
    raw = {"event": "open"}
    line = {"file": "x", "record": 3, "line": 4, "why": "…", "raw": raw}
    assert values(json.dumps(line).encode()) == [raw]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("packed", [False, True])
def test_tables_are_read_as_spreadsheets_write_them(
    encoding: str, separator: str, packed: bool
) -> None:
    """In any of their encodings, with any of their separators, compressed or not."""
    rows = [["event", "subject", "reason"], ["sent", "Grüße", '"so"\nit is'], ["sent", "é", ""]]
    quoted = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row] for row in rows]
    text = "\r\n".join(separator.join(row) for row in quoted) + "\r\n\r\n"
    content = text.encode(encoding)
    found = values(gzip.compress(content) if packed else content)
    assert found == [
        {"event": "sent", "subject": "Grüße", "reason": '"so"\nit is'},
        {"event": "sent", "subject": "é"},
    ]


def test_rows_at_fault_are_told_by_their_lines() -> None:
    """One that has too few fields or too many; not empty ones at its end."""
    found = records(b"sep=;\nevent;at\nsent;1;;\nsent\n\nsent;2;3\nsent;4\n")
    assert [(each.line, each.value, each.why) for each in found] == [
        (3, {"event": "sent", "at": "1"}, ""),
        (4, None, "1 fields, and the first line names 2 columns"),
        (6, None, "3 fields, and the first line names 2 columns"),
        (7, {"event": "sent", "at": "4"}, ""),
    ]
    (only,) = records(b"hello\nworld\n")
    assert only.why == "the first line does not name the columns of a table"


class FlakyBucket:
    """A client of S3 whose connections break after some bytes."""

    def __init__(self, content: bytes, after: int) -> None:
        self._content = content
        self._after = after
        self.asked: list[str] = []

    def get_paginator(self, _name: str) -> Any:
        """Lists one object."""
        about = {"Key": "a/b", "ETag": '"1"', "Size": len(self._content)}
        pages = [{"Contents": [about]}, {}]
        return SimpleNamespace(paginate=lambda **_wanted: pages)

    def get_object(self, **wanted: str) -> Any:
        """A stream that breaks."""
        self.asked.append(wanted["Range"])
        start = int(wanted["Range"][6:-1])
        left = BytesIO(self._content[start:][: self._after])
        whole = start + self._after >= len(self._content)

        def read(count: int) -> bytes:
            content = left.read(min(count, 1_000))
            if content or whole:
                return content
            raise ResponseStreamingError(error="broken")

        return {"Body": SimpleNamespace(read=read)}


def test_an_object_in_s3_is_read_on_where_its_connection_broke() -> None:
    """And not without end, if it gives nothing."""
    content = b"".join(b'{"n":%d}' % number for number in range(2_000))
    bucket = FlakyBucket(content, 5_000)
    target: Any = SimpleNamespace(client=lambda _service: bucket)
    (source,) = sources_of(["s3://bucket/a"], target)
    found = [record.value for record in read_records(source, lambda _count: None)]
    assert found == [{"n": number} for number in range(2_000)]
    assert bucket.asked == [f"bytes={start}-" for start in range(0, len(content), 5_000)]
    bucket = FlakyBucket(content, 0)
    (source,) = sources_of(["s3://bucket/a"], target)
    with pytest.raises(ResponseStreamingError):
        list(read_records(source, lambda _count: None))
    assert len(bucket.asked) == 5


def test_a_compressed_file_that_breaks_off_is_read_as_far_as_it_goes() -> None:
    """And then told."""
    lines = b"".join(json.dumps({"number": n, "more": "y" * n}).encode() for n in range(3_000))
    *whole, last = records(gzip.compress(lines)[:-2_000])
    assert len(whole) > 100
    assert not any(each.why for each in whole[:-1])
    assert "the file ends before its end" in last.why
