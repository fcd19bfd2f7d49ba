"""Exports, in parts: what is spilled, digested, noted and written is what is read."""

from __future__ import annotations

import json
import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.domain.communication import COUNTER_NAMES
from sendtrail.domain.times import from_epoch_ms
from sendtrail.errors import InvalidInputError
from sendtrail_cli.exporting.digests import Digest
from sendtrail_cli.exporting.manifest import Manifest, Partition, Written
from sendtrail_cli.exporting.part_files import FileFormat, PartFiles, pyarrow, read
from sendtrail_cli.exporting.places import Folder
from sendtrail_cli.exporting.schema import DATASETS, Column, Dataset, Kind
from sendtrail_cli.exporting.spill import Spill
from tests.examples import many

FORMATS = pytest.mark.parametrize("file_format", list(FileFormat))
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)
LINES = st.lists(st.binary(max_size=60).map(bytes.hex).map(str.encode), max_size=30)


def digest(lines: list[bytes]) -> str:
    """The digest of lines."""
    found = Digest()
    for line in lines:
        found.add(line)
    return found.text


@given(LINES, st.randoms())
def test_a_digest_is_of_the_lines_and_not_of_their_order(
    lines: list[bytes], chance: random.Random
) -> None:
    """Another line, one less, or one twice gives another."""
    shuffled = list(lines)
    chance.shuffle(shuffled)
    assert digest(shuffled) == digest(lines)
    assert digest([*lines, b"more"]) != digest(lines)
    if lines:
        assert digest(lines[1:]) != digest(lines)
        assert digest([*lines, lines[0]]) != digest(lines)
        assert digest([*lines[1:], lines[0] + b"."]) != digest(lines)


@many()
@given(
    st.lists(st.tuples(st.sampled_from(["one", "two", "three"]), st.integers(0, 5), TEXT)),
    st.integers(1, 400),
    st.integers(1, 400),
)
def test_what_is_spilled_comes_back_by_key_and_group(
    added: list[tuple[str, int, str]], buffer_bytes: int, bucket_bytes: int
) -> None:
    """Each line once, whatever fits into memory; all of a group in one bucket."""
    with TemporaryDirectory() as name:
        spill = Spill(Path(name) / "s", buffer_bytes=buffer_bytes, bucket_bytes=bucket_bytes)
        for key, group, text in added:
            spill.add(key, group, json.dumps([group, text]).encode())
        for key, mine in spill.digests.items():
            buckets = [[tuple(json.loads(line)) for line in each] for each in spill.buckets(key)]
            wanted = [(group, text) for other, group, text in added if other == key]
            assert sorted(line for bucket in buckets for line in bucket) == sorted(wanted)
            assert mine.count == len(wanted)
            groups = [{group for group, _ in bucket} for bucket in buckets]
            assert sum(map(len, groups)) == len(set[Any]().union(*groups))
        assert [file for file in (Path(name) / "s").rglob("*") if file.is_file()] == []


def test_a_spill_holds_no_more_than_it_may(tmp_path: Path) -> None:
    """Lines of many keys are on disk once the buffers are full, and no file is open."""
    spill = Spill(tmp_path / "s", buffer_bytes=10_000)
    for number in range(1_000):
        spill.add(f"2026-{number % 300:03}", number, b"x" * 91)
    written = sum(file.stat().st_size for file in (tmp_path / "s").iterdir())
    assert 1_000 * 100 - 10_000 <= written <= 1_000 * 100


def value_of(column: Column) -> st.SearchStrategy[Any]:
    """What a column may hold."""
    of_kind: dict[Kind, st.SearchStrategy[Any]] = {
        Kind.TEXT: TEXT.filter(lambda text: not text.startswith(("'\t", "'\r", "'\n"))),
        Kind.JSON: st.dictionaries(TEXT, TEXT, max_size=2).map(json.dumps),
        Kind.TEXTS: st.lists(TEXT, max_size=3),
        Kind.TIME: st.integers(0, 4_102_444_800_000).map(from_epoch_ms),
        Kind.COUNT: st.integers(0, 2**40),
        Kind.FLAG: st.booleans(),
    }
    return st.none() | of_kind[column.kind]


ROWS = {
    dataset: st.lists(
        st.fixed_dictionaries({column.name: value_of(column) for column in columns}),
        min_size=1,
        max_size=5,
    )
    for dataset, columns in DATASETS.items()
}


@FORMATS
@pytest.mark.parametrize("dataset", list(Dataset))
@many(15)
@given(st.data())
def test_rows_are_read_back_as_they_were_written(
    dataset: Dataset, file_format: FileFormat, data: st.DataObject
) -> None:
    """Whatever texts they hold, in each format, over several files."""
    rows = data.draw(ROWS[dataset])
    names = [column.name for column in DATASETS[dataset]]
    with TemporaryDirectory() as folder:
        parts = PartFiles(Path(folder) / "p", dataset, file_format, max_rows=2)
        for row in rows:
            parts.write(row)
        parts.close()
        assert len(parts.files) == (len(rows) + 1) // 2
        assert [row for file in parts.files for row in read(file, dataset, names)] == rows
        some = names[::3]
        (first, *_) = read(parts.files[0], dataset, some)
        assert first == {name: rows[0][name] for name in some}


def test_parquet_has_bounded_row_groups_and_types(tmp_path: Path) -> None:
    """Of 120,000 rows, in three groups; times are in milliseconds of UTC."""
    parts = PartFiles(tmp_path, Dataset.SUPPRESSIONS, FileFormat.PARQUET)
    for number in range(120_000):
        parts.write({"address": f"{number}@example.com", "since": "2026-11-20T09:30:00.001Z"})
    parts.close()
    (file,) = parts.files
    found = pyarrow("pyarrow.parquet").ParquetFile(file)
    assert found.metadata.num_rows == parts.rows == 120_000
    assert found.num_row_groups == 3
    assert str(found.schema_arrow.field("since").type) == "timestamp[ms, tz=UTC]"


@given(
    st.dictionaries(
        TEXT,
        st.builds(
            Partition,
            st.none() | TEXT,
            st.dictionaries(
                st.sampled_from([each.value for each in Dataset]),
                st.builds(Written, st.integers(0), st.lists(TEXT).map(tuple), st.integers(0)),
            ),
        ),
    )
)
def test_a_manifest_is_read_as_it_was_written(partitions: dict[str, Partition]) -> None:
    """And says which partitions have changed, and which are not whole."""
    manifest = Manifest("Trails", "parquet", "2026-11-20T09:30:00.000Z", partitions)
    assert Manifest.parse(manifest.content) == manifest
    digests = {key: each.digest or "new" for key, each in partitions.items()}
    unfinished = sorted(key for key, each in partitions.items() if each.digest is None)
    assert manifest.changed(digests) == manifest.unfinished == unfinished
    manifest.begin(digests)
    assert manifest.unfinished == sorted(partitions)
    assert manifest.changed(digests) == sorted(partitions)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"partitions": {}}', b'{"partitions": {"a": {"digest": null}}}', b"\xff"],
)
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    """By an error that names the file."""
    with pytest.raises(InvalidInputError, match=r"manifest\.json is no manifest"):
        Manifest.parse(content)


def made(folder: Path, *names: str) -> list[Path]:
    """Files of these names, with their names in them."""
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(f"{folder.name} {name}")
    return [folder / name for name in names]


def test_a_partition_of_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    """By one file, by several, by fewer, by none; nothing is left over."""
    place = Folder(tmp_path / "out")
    with place.scratch() as scratch:
        day = tmp_path / "out/messages/day=2026-11-20"
        runs = [("part-0",), ("part-0",), ("part-0", "part-1"), ("part-0",), (), ("part-0",)]
        for number, names in enumerate(runs):
            files = made(scratch / str(number), *names)
            told = place.replace("messages/day=2026-11-20", files)
            assert told == [f"messages/day=2026-11-20/{name}" for name in names]
            there = {file.name: file.read_text() for file in day.glob("*")}
            assert there == {name: f"{number} {name}" for name in names}
            assert day.exists() == bool(names)
        with pytest.raises(InvalidInputError, match="another export"), place.scratch():
            pass
    (tmp_path / "out/_sendtrail/scratch-left").mkdir()
    with place.scratch() as scratch:
        assert list((tmp_path / "out/_sendtrail").glob("scratch-*")) == [scratch]


def test_columns_are_named_once_and_said() -> None:
    """In each dataset; a message has every counter of its mailing's figures."""
    for columns in DATASETS.values():
        names = [column.name for column in columns]
        assert len(names) == len(set(names))
        assert all(column.explanation for column in columns)
    messages = {column.name for column in DATASETS[Dataset.MESSAGES]}
    assert messages >= {*COUNTER_NAMES}
