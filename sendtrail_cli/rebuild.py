"""`sendtrail rebuild`: the projections made anew from the log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from sendtrail.aws.dynamodb import DynamoDB, from_attributes
from sendtrail.aws.service import RetryPolicy
from sendtrail.projections.rebuild import Rebuild, Tables
from sendtrail_cli.progress import progress_bar
from sendtrail_cli.target import Target

__all__ = ["WAIT_SECONDS", "rebuild"]

Page = list[dict[str, Any]]

WAIT_SECONDS: Final = 65.0
"""ProjectMessagesFunction's timeout in template.yaml, and a little more."""

_SEGMENTS: Final = 8
"""Into how many segments a table is cut, which are scanned at the same time."""
_LONG: Final = RetryPolicy(attempts=20)
"""Half a minute or so: nobody waits for an answer, and to begin again would cost more."""
_TABLES: Final = ("Events", "Messages", "Communications", "Participants", "Suppressions")


def rebuild(
    target: Target,
    *,
    resume: bool = False,
    wait: float = WAIT_SECONDS,
    database: DynamoDB | None = None,
    report: Callable[[str], None] = print,
) -> Rebuild:
    """Does a whole rebuild, while events arrive.

    Args:
        resume: goes on with the latest rebuild, which was broken off.
        wait: seconds that a batch of project_messages which is under way may take.
        database: what rows are written with, if not a client of the target's own.
        report: is told how far it is, a line at a time.
    """
    tables = Tables(*(target.resource(f"{name}Table") for name in _TABLES))
    run = Rebuild.begin(
        database or DynamoDB(target.variables(), retry_policy=_LONG),
        tables,
        retention_days=target.retention_days,
        resume=resume,
    )
    report(f"epoch {run.epoch}: waiting {wait:.0f} s for batches that are under way")
    _wait(wait)
    scanner = target.client("dynamodb")
    for table, apply in ((tables.events, run.apply_log), (tables.messages, run.apply_rest)):
        _scan(scanner, table, apply)
        counts = ", ".join(f"{number:,} {what}" for what, number in sorted(run.done.items()))
        report(f"read {table}: {counts or 'nothing'}")
    return run


def _wait(seconds: float) -> None:
    with progress_bar("waiting", seconds) as advance:
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            time.sleep(min(left, 1.0))
            advance(min(left, 1.0))


def _scan(scanner: Any, table: str, apply: Callable[[Page], None]) -> None:
    """Applies all items of a table, page by page, its segments at the same time. If a page fails,
    or somebody interrupts, no further pages are read.
    """
    stopping = threading.Event()
    total = scanner.describe_table(TableName=table)["Table"]["ItemCount"]  # of some hours ago
    with progress_bar(table, total) as advance:

        def take(segment: int) -> None:
            try:
                for page in _pages(scanner, table, segment):
                    if stopping.is_set():
                        return
                    apply(page)
                    advance(len(page))
            except BaseException:
                stopping.set()
                raise

        with ThreadPoolExecutor(max_workers=_SEGMENTS) as workers:
            try:
                list(workers.map(take, range(_SEGMENTS)))
            except BaseException:
                stopping.set()
                raise


def _pages(scanner: Any, table: str, segment: int) -> Iterator[Page]:
    """The items of one segment of a table, page by page."""
    scan = scanner.get_paginator("scan").paginate(
        TableName=table, Segment=segment, TotalSegments=_SEGMENTS, ConsistentRead=True
    )
    for page in scan:
        yield [from_attributes(item) for item in page["Items"]]
