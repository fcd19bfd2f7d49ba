"""`sendtrail export`: messages, events, mailings and suppressions as files, for analysis elsewhere.

The tables are scanned once, and what they hold goes to disk by day. A day's digest tells whether
anything in it has changed since the last run; only then are its items folded into rows, some
thousand at a time, and its files replaced. So memory is flat however much there is, a run that
finds nothing new writes nothing, and what changed late (an open after a year, somebody erased) is
written anew, without a note of when anything was written.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from sendtrail import __version__
from sendtrail.domain.days import Day, day_of
from sendtrail.domain.ids import is_communication_id
from sendtrail.domain.times import now
from sendtrail.errors import InvalidInputError
from sendtrail.log.items import is_message_row
from sendtrail.projections.items import EPOCH_ID, PROBLEM_PREFIX
from sendtrail_cli.exporting.manifest import NAME, Manifest, Partition, Written
from sendtrail_cli.exporting.part_files import FileFormat, PartFiles
from sendtrail_cli.exporting.places import Place, place_of
from sendtrail_cli.exporting.rows import Trail, mailing_row, suppression_row, trail_rows
from sendtrail_cli.exporting.schema import VERSION, Dataset, Row
from sendtrail_cli.exporting.spill import Spill
from sendtrail_cli.progress import progress_bar
from sendtrail_cli.scan import Page, scan
from sendtrail_cli.target import Target

__all__ = ["Summary", "export", "manifest_of"]

Item = dict[str, Any]
Report = Callable[[str], None]

_NOT_ITEMS: Final = (KeyError, ValueError, TypeError, IndexError, AttributeError)
"""What folding something raises that is not as the product writes it."""
_TRAIL: Final = ("trail", "entry", "events", "event", "participant_id", "hits", "choice")
"""What rows are made of. A rebuild changes the rest, and nothing that is exported."""


@dataclass(slots=True)
class Summary:
    """What a run came to.

    Attributes:
        rows: dataset → how many rows were written.
        bytes: of the files that were written.
        written, unchanged, removed: partitions.
        units: read units, as DynamoDB tells them.
        unreadable: items of which no row could be made.
    """

    rows: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    written: int = 0
    unchanged: int = 0
    removed: int = 0
    units: float = 0.0
    unreadable: int = 0


def export(
    target: Target,
    to: str,
    file_format: FileFormat,
    *,
    since: Day | None = None,
    keep_expired: bool = False,
    report: Report = print,
) -> Summary:
    """Writes an export, or brings one up to date. To do it again changes nothing.

    Args:
        to: a folder, or ``s3://bucket/prefix``.
        since: leave days before this one as they are there.
        keep_expired: leave days as they are there of which the log has forgotten messages.
        report: is told what it came to, a line at a time.

    Raises:
        InvalidInputError: it is no place for this export.
        ConfigurationError: pyarrow is needed, and not installed.
        ClientError: a table cannot be read, or S3 does not take a file.
        OSError: a file cannot be written.
    """
    file_format.check()
    place = place_of(to, target)
    first = since or ""
    if keep_expired:
        forgotten = date.fromisoformat(now()[:10]) - timedelta(days=target.retention_days)
        first = max(first, (forgotten + timedelta(days=1)).isoformat())
    with place.scratch() as scratch:
        manifest = _begun(place, target, file_format)
        run = _Run(place, scratch, manifest, file_format)
        run.scan(target, first)
        run.bring_up_to_date(first)
    _tell(report, run.summary, manifest)
    return run.summary


def manifest_of(place: Place, name: str) -> Manifest:
    """The manifest of an export.

    Args:
        name: the place's, for the error.

    Raises:
        InvalidInputError: there is none.
    """
    content = place.content(NAME)
    if content is None:
        raise InvalidInputError(f"{name} is no export of Sendtrail: there is no {NAME}")
    return Manifest.parse(content)


def _begun(place: Place, target: Target, file_format: FileFormat) -> Manifest:
    """The manifest to go on with.

    Raises:
        InvalidInputError: what is there is something else.
    """
    table = target.resource("TrailsTable")
    content = place.content(NAME)
    if content is None:
        if not place.is_empty():
            raise InvalidInputError(f"there is something else already, and no {NAME}")
        return Manifest(table, file_format.value)
    known = Manifest.parse(content)
    if known.table != table:
        raise InvalidInputError(
            f"there is an export of {known.table} already; choose another place"
        )
    if known.file_format != file_format.value:
        raise InvalidInputError(f"there is an export as {known.file_format}; choose another place")
    return known


class _Run:
    """One run."""

    def __init__(
        self, place: Place, scratch: Path, manifest: Manifest, file_format: FileFormat
    ) -> None:
        self._place = place
        self._scratch = scratch
        self._manifest = manifest
        self._format = file_format
        self._spill = Spill(scratch / "spill")
        self._lock = threading.Lock()
        self.summary = Summary()

    def scan(self, target: Target, first: Day) -> None:
        """Reads the tables, and spills what is of days from `first` on."""
        client = target.client("dynamodb")
        tables: Mapping[str, Callable[[Item, Day], None]] = {
            "TrailsTable": self._spill_trail,
            "CommunicationsTable": self._spill_mailing,
            "SuppressionsTable": self._spill_suppression,
        }
        for resource, spill in tables.items():

            def take(page: Page, spill: Callable[[Item, Day], None] = spill) -> None:
                for item in page:
                    try:
                        spill(item, first)
                    except _NOT_ITEMS:
                        with self._lock:
                            self.summary.unreadable += 1

            # Eventually: what a page misses of the last second comes by the next run.
            name = target.resource(resource)
            scan(client, name, take, consistent=False, spent=self._spent)

    def _spent(self, units: float) -> None:
        with self._lock:
            self.summary.units += units

    def _spill_trail(self, item: Item, first: Day) -> None:
        trail, entry = item["trail"], item["entry"]
        if trail == EPOCH_ID:
            return
        name = entry if is_message_row(item) else trail.removeprefix("message:")
        of_message = name is entry or name != trail
        day = day_of(name) if of_message else str(date.fromisoformat(entry[:10]))
        if day >= first:
            self._add(day, name, {each: item[each] for each in _TRAIL if each in item})

    def _spill_mailing(self, item: Item, _first: Day) -> None:
        name = item["communication_id"]
        if is_communication_id(name) and not item["part"].startswith(PROBLEM_PREFIX):
            self._add(Dataset.MAILINGS, name, item)

    def _spill_suppression(self, item: Item, _first: Day) -> None:
        self._add(Dataset.SUPPRESSIONS, item["address"], item)

    def _add(self, key: str, group: str, item: Item) -> None:
        line = json.dumps(item, default=sorted, sort_keys=True, separators=(",", ":"))
        self._spill.add(key, crc32(group.encode()), line.encode())

    def bring_up_to_date(self, first: Day) -> None:
        """Replaces the partitions that have changed, and removes those that are no more; days
        before `first` it leaves alone.
        """
        # Another release may fold the same items into other rows.
        made_by = f"{VERSION}-{__version__}"
        digests = {key: f"{made_by}-{digest.text}" for key, digest in self._spill.digests.items()}
        changed = self._manifest.changed(digests)
        gone = [
            key
            for key in self._manifest.partitions
            if key not in digests and (key in {*Dataset} or key >= first)
        ]
        self.summary.unchanged = len(digests) - len(changed)
        self._manifest.begin([*changed, *gone])
        self._note(self._manifest)
        try:
            with progress_bar("days", len(changed) + len(gone)) as advance:
                for key in gone:
                    for dataset in _datasets_of(key):
                        self._place.replace(_partition(dataset, key), [])
                    del self._manifest.partitions[key]
                    self.summary.removed += 1
                    advance(1)
                for key in changed:
                    self._manifest.partitions[key] = self._written(key, digests[key])
                    self.summary.written += 1
                    advance(1)
        except BaseException:
            self._note(self._manifest)  # what is whole is not written again
            raise
        self._note(replace(self._manifest, exported_at=now()))

    def _note(self, manifest: Manifest) -> None:
        self._place.write(NAME, manifest.content)

    def _written(self, key: str, digest: str) -> Partition:
        """Writes the files of a partition."""
        made = {
            dataset: PartFiles(self._scratch / _partition(dataset, key), dataset, self._format)
            for dataset in _datasets_of(key)
        }
        for lines in self._spill.buckets(key):
            for dataset, row in self._rows(key, map(json.loads, lines)):
                made[dataset].write(row)
        found: dict[str, Written] = {}
        for dataset, parts in made.items():
            parts.close()
            size = sum(file.stat().st_size for file in parts.files)
            names = self._place.replace(_partition(dataset, key), parts.files)
            if parts.rows:
                found[dataset.value] = Written(parts.rows, tuple(names), size)
            self.summary.rows[dataset.value] += parts.rows
            self.summary.bytes += size
        return Partition(digest, found)

    def _rows(self, key: str, items: Iterable[Item]) -> Iterator[tuple[Dataset, Row]]:
        """The rows of items, of which none belongs with others than these; in order."""
        if key == Dataset.SUPPRESSIONS:
            yield from self._each(sorted(items, key=itemgetter("address")), _of_suppression)
        elif key == Dataset.MAILINGS:
            name = itemgetter("communication_id")
            mailings = (list(each) for _, each in groupby(sorted(items, key=name), name))
            yield from self._each(mailings, _of_mailing)
        else:
            yield from self._each(Trail.all_in(items), lambda trail: list(trail_rows(trail)))

    def _each(
        self, things: Iterable[Any], rows: Callable[[Any], list[tuple[Dataset, Row]]]
    ) -> Iterator[tuple[Dataset, Row]]:
        for thing in things:
            try:
                yield from rows(thing)
            except _NOT_ITEMS:
                self.summary.unreadable += 1


def _of_suppression(item: Item) -> list[tuple[Dataset, Row]]:
    return [(Dataset.SUPPRESSIONS, suppression_row(item))]


def _of_mailing(items: list[Item]) -> list[tuple[Dataset, Row]]:
    row = mailing_row(items)
    return [(Dataset.MAILINGS, row)] if row else []


def _datasets_of(key: str) -> list[Dataset]:
    """The datasets that a partition has files of."""
    if key in {*Dataset}:
        return [Dataset(key)]
    return [dataset for dataset in Dataset if dataset.by_day]


def _partition(dataset: Dataset, key: str) -> str:
    return f"{dataset.value}/day={key}" if dataset.by_day else dataset.value


def _tell(report: Report, summary: Summary, manifest: Manifest) -> None:
    for dataset in Dataset:
        written, there = summary.rows[dataset.value], manifest.rows(dataset.value)
        report(f"{dataset.value}: {written:,} rows written, {there:,} there")
    report(
        f"partitions: {summary.written:,} written, {summary.unchanged:,} unchanged, "
        f"{summary.removed:,} removed"
    )
    report(f"{summary.bytes / 1e6:,.1f} MB written, {summary.units:,.0f} read units")
    if summary.unreadable:
        report(f"{summary.unreadable:,} items are not as Sendtrail writes them, and left out")
