"""`sendtrail import`: what it is told, and what it tells."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.ids import digest
from sendtrail.errors import InvalidInputError
from sendtrail.log.trails import Trails
from sendtrail_cli.importing.formats import Format
from sendtrail_cli.importing.importer import Importer
from sendtrail_cli.importing.sources import sources_of
from sendtrail_cli.importing.state import State
from sendtrail_cli.importing.tally import Tally
from sendtrail_cli.importing.told import Naming
from sendtrail_cli.progress import progress_bar
from sendtrail_cli.scan import PATIENT
from sendtrail_cli.target import Target

__all__ = ["REPORT", "WORKERS", "Options", "import_events"]

REPORT: Final = Path("sendtrail-import.jsonl")
WORKERS: Final = 2
"""Chunks that are appended at the same time, each over up to 8 connections: near DynamoDB more only
wait for the processor."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to import.

    Attributes:
        dry_run: whether nothing is written but a report.
        report: the file for what is not understood; the state is beside it, ``FILE.state``.
    """

    format: Format
    naming: Naming = field(default_factory=Naming)
    dry_run: bool = False
    report: Path = REPORT
    workers: int = WORKERS

    @property
    def rejects(self) -> Path:
        """The report; of a dry run another one, since an import may be under way."""
        dry = self.report.with_name(f"{self.report.stem}.dry-run{self.report.suffix}")
        return dry if self.dry_run else self.report

    @property
    def state(self) -> Path:
        """The file of the state."""
        return self.report.with_name(f"{self.report.name}.state")


def import_events(
    target: Target,
    paths: Sequence[str],
    options: Options,
    *,
    report: Callable[[str], None] = print,
) -> Tally:
    """Imports what paths hold, or goes on with an import that was broken off. To do it again
    changes nothing.

    Args:
        paths: files, folders, or prefixes in S3.
        report: is told what came of it, a line at a time.

    Returns:
        what came of it.

    Raises:
        InvalidInputError: there are no workers, or the report is among the files.
        NotFoundError: there is no such file.
        OSError: a file cannot be read, or the report not written.
        AwsError: DynamoDB does not take events. Done again, it goes on from there.
    """
    if options.workers < 1:
        raise InvalidInputError("at least one worker has to write")
    sources = sources_of(paths, target)
    if str(options.rejects.resolve()) in {str(Path(each.name).resolve()) for each in sources}:
        raise InvalidInputError(
            f"{options.rejects} is where the report is to be; give it another name to import it"
        )
    table = target.resource("TrailsTable")
    wanted = (table, options.format, options.naming.participant, options.naming.communication)
    run = digest(json.dumps(wanted), length=32)
    size = sum(source.size for source in sources) * (1 if options.format is Format.SES else 2)
    with (
        State(None if options.dry_run else options.state, run) as state,
        progress_bar(options.format, size) as advance,
        _opened(options.rejects, state.report_size) as lines,
    ):
        importer = Importer(
            options.format,
            options.naming,
            state,
            target.retention_days,
            target.parameters.get("WholeIpAddresses") == "yes",
            None if options.dry_run else lambda: _trails(target, table),
            lines,
            options.workers,
            advance,
        )
        tally = importer.run(sources)
        state.finish()
    for line in tally.lines(dry_run=options.dry_run, report=options.rejects):
        report(line)
    if not options.rejects.stat().st_size:
        options.rejects.unlink()
    return tally


def _opened(path: Path, size: int | None) -> BinaryIO:
    """The report: new, or that of an import that was broken off, as long as it was then."""
    if size is None or not path.exists():
        return path.open("wb")
    lines = path.open("r+b")
    lines.truncate(min(size, path.stat().st_size))
    lines.seek(0, os.SEEK_END)
    return lines


def _trails(target: Target, table: str) -> Trails:
    """A log to append to, over connections of its own."""
    db = DynamoDB(target.variables(), retry_policy=PATIENT)
    return Trails(db, table, retention_days=target.retention_days)
