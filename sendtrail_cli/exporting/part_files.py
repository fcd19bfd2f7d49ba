"""Part files: rows written as Parquet, JSON lines or CSV, and read back.

| | Parquet | JSON lines, gzip | CSV, gzip |
| --- | --- | --- | --- |
| time | timestamp, UTC, ms | ISO 8601 text | ISO 8601 text |
| list of texts | list | list | a JSON list, as text |
| None | null | null | empty |
| text | as it is | as it is | safe for spreadsheets (`sendtrail.reading.csv_cells`) |

`read` gives the same rows of each: a CSV's texts are taken back to what they were.
"""

from __future__ import annotations

import csv
import gzip
import importlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Final, Protocol

from sendtrail.domain.times import epoch_ms
from sendtrail.errors import ConfigurationError
from sendtrail.reading.csv_cells import plain_cell, safe_cell
from sendtrail_cli.exporting.schema import DATASETS, Column, Dataset, Kind, Row

__all__ = ["MAX_ROWS", "FileFormat", "PartFiles", "pyarrow", "read"]

MAX_ROWS: Final = 1_000_000
"""Of a file; a partition with more has several."""
_ROW_GROUP: Final = 50_000
_BATCH: Final = 2_000
"""Rows that are kept as Python's objects before they become Arrow's, which take a tenth."""
_CSV_FIELD: Final = 16 << 20


class FileFormat(StrEnum):
    """How files are written."""

    PARQUET = "parquet"
    JSONL = "jsonl"
    CSV = "csv"

    @property
    def suffix(self) -> str:
        """Of a file's name."""
        return f".{self.value}" if self is FileFormat.PARQUET else f".{self.value}.gz"

    def check(self) -> None:
        """Checks that what it needs is installed.

        Raises:
            ConfigurationError: it is not.
        """
        if self is FileFormat.PARQUET:
            pyarrow()


def pyarrow(module: str = "pyarrow") -> Any:
    """PyArrow, which is imported only here: it is large, and nothing else needs it.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ConfigurationError(
            'Parquet needs pyarrow, which is not installed: pip install "sendtrail[operators]"; '
            "or choose --format jsonl, or csv"
        ) from None


class _Writer(Protocol):
    def write(self, row: Row) -> None: ...

    def close(self) -> None: ...


class PartFiles:
    """The part files of one partition of a dataset: ``part-0``, ``part-1`` and so on.

    Attributes:
        rows: how many were written.
        files: in order; whole once `close` was called.
    """

    def __init__(
        self,
        folder: Path,
        dataset: Dataset,
        file_format: FileFormat,
        *,
        max_rows: int = MAX_ROWS,
    ) -> None:
        """Writes into a folder, which is made; nothing is there before the first row."""
        self._folder = folder
        self._columns = DATASETS[dataset]
        self._format = file_format
        self._max_rows = max_rows
        self._writer: _Writer | None = None
        self.rows = 0
        self.files: list[Path] = []

    def write(self, row: Row) -> None:
        """Writes a row."""
        if self._writer is None or self.rows % self._max_rows == 0:
            self.close()
            self._folder.mkdir(parents=True, exist_ok=True)
            file = self._folder / f"part-{len(self.files)}{self._format.suffix}"
            self._writer = _WRITERS[self._format](file, self._columns)
            self.files.append(file)
        self._writer.write(row)
        self.rows += 1

    def close(self) -> None:
        """Ends the last file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class _ParquetWriter:
    def __init__(self, file: Path, columns: Sequence[Column]) -> None:
        arrow = pyarrow()
        types = {
            Kind.TEXT: arrow.string(),
            Kind.JSON: arrow.string(),
            Kind.TEXTS: arrow.list_(arrow.string()),
            Kind.TIME: arrow.timestamp("ms", tz="UTC"),
            Kind.COUNT: arrow.int64(),
            Kind.FLAG: arrow.bool_(),
        }
        self._arrow = arrow
        self._columns = columns
        self._schema = arrow.schema([(column.name, types[column.kind]) for column in columns])
        parquet = pyarrow("pyarrow.parquet")
        self._file = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[Row] = []
        self._batches: list[Any] = []

    def write(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) == _BATCH:
            self._make_batch()

    def _make_batch(self) -> None:
        arrays = []
        for column, of in zip(self._columns, self._schema, strict=True):
            values = [row.get(column.name) for row in self._rows]
            if column.kind is Kind.TIME:
                values = [None if value is None else epoch_ms(value) for value in values]
            arrays.append(self._arrow.array(values, type=of.type))
        self._batches.append(self._arrow.record_batch(arrays, schema=self._schema))
        self._rows.clear()
        if len(self._batches) * _BATCH >= _ROW_GROUP:
            self._write_group()

    def _write_group(self) -> None:
        table = self._arrow.Table.from_batches(self._batches, schema=self._schema)
        self._file.write_table(table, row_group_size=table.num_rows)
        self._batches.clear()

    def close(self) -> None:
        if self._rows:
            self._make_batch()
        if self._batches:
            self._write_group()
        self._file.close()


class _TextWriter:
    """Writes text, compressed; the same rows make the same bytes."""

    def __init__(self, file: Path, columns: Sequence[Column]) -> None:
        self._columns = columns
        with ExitStack() as opened:
            raw = opened.enter_context(file.open("wb"))
            packed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0, compresslevel=6)
            opened.enter_context(packed)
            self._text: IO[str] = opened.enter_context(
                io.TextIOWrapper(packed, "utf-8", newline="")
            )
            self._opened = opened.pop_all()

    def close(self) -> None:
        self._opened.close()


class _JsonWriter(_TextWriter):
    def write(self, row: Row) -> None:
        values = {column.name: row.get(column.name) for column in self._columns}
        self._text.write(json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n")


class _CsvWriter(_TextWriter):
    def __init__(self, file: Path, columns: Sequence[Column]) -> None:
        super().__init__(file, columns)
        self._csv = csv.writer(self._text)
        self._csv.writerow([column.name for column in columns])

    def write(self, row: Row) -> None:
        self._csv.writerow([_cell(column, row.get(column.name)) for column in self._columns])


_WRITERS: Final[Mapping[FileFormat, Callable[[Path, Sequence[Column]], _Writer]]] = {
    FileFormat.PARQUET: _ParquetWriter,
    FileFormat.JSONL: _JsonWriter,
    FileFormat.CSV: _CsvWriter,
}


def _cell(column: Column, value: Any) -> str:
    if value is None:
        return ""
    if column.kind is Kind.TEXTS:
        value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, bool):
        return str(value).lower()
    return safe_cell(value) if isinstance(value, str) else str(value)


def read(file: Path, dataset: Dataset, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of a part file, some columns of them; times as ISO 8601 text.

    Raises:
        ConfigurationError: Parquet cannot be read, since pyarrow is not installed.
        ValueError, KeyError: it is not such a file.
    """
    columns = [column for column in DATASETS[dataset] if column.name in names]
    if file.name.endswith(FileFormat.PARQUET.suffix):
        batches = pyarrow("pyarrow.parquet").ParquetFile(file)
        for batch in batches.iter_batches(_BATCH, columns=list(names)):
            for row in batch.to_pylist():
                yield {column.name: _value(row[column.name]) for column in columns}
        return
    with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
        if file.name.endswith(FileFormat.JSONL.suffix):
            for line in text:
                found = json.loads(line)
                yield {column.name: found[column.name] for column in columns}
            return
        csv.field_size_limit(_CSV_FIELD)
        for cells in csv.DictReader(text):
            yield {column.name: _of_cell(column, cells[column.name]) for column in columns}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"
    return value


def _of_cell(column: Column, cell: str) -> Any:
    if not cell:
        return None
    if column.kind is Kind.COUNT:
        return int(cell)
    if column.kind is Kind.FLAG:
        return cell == "true"
    text = plain_cell(cell)
    return json.loads(text) if column.kind is Kind.TEXTS else text
