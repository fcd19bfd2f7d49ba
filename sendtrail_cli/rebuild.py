"""`sendtrail rebuild`: the projections made anew from the log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Final

from sendtrail.aws.dynamodb import DynamoDB, from_attributes
from sendtrail.aws.service import RetryPolicy
from sendtrail.domain.times import epoch_ms, now
from sendtrail.log.trails import Trails
from sendtrail.projections.activity import Activity
from sendtrail.projections.communications import CommunicationProjection
from sendtrail.projections.judge import Judge
from sendtrail.projections.participants import ParticipantProjection
from sendtrail.projections.rebuild import LEAD, Rebuild
from sendtrail.projections.soft_bounces import SoftBounces
from sendtrail_cli.progress import progress_bar
from sendtrail_cli.target import Target

__all__ = ["WAIT_SECONDS", "rebuild"]

Page = list[dict[str, Any]]

WAIT_SECONDS: Final = LEAD.total_seconds()

_SEGMENTS: Final = 8
"""Into how many segments a table is cut, which are scanned at the same time."""
_LONG: Final = RetryPolicy(attempts=20)
"""Half a minute or so: nobody waits for an answer, and to begin again would cost more."""


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
        wait: how many seconds ahead the epoch begins: longer than a batch under way may take.
        database: what rows are written with, if not a client of the target's own.
        report: is told how far it is, a line at a time.
    """
    db = database or DynamoDB(target.variables(), retry_policy=_LONG)
    table, days = target.resource("TrailsTable"), target.retention_days
    communications = CommunicationProjection(
        db, target.resource("CommunicationsTable"), retention_days=days
    )
    run = Rebuild.begin(
        db,
        table,
        activity=Activity(db, table, target.resource("ParticipantsTable")),
        participants=ParticipantProjection.over(
            db, target.resource("ParticipantsTable"), target.resource("SuppressionsTable")
        ),
        communications=communications,
        judge=Judge(
            db,
            table,
            Trails(db, table, retention_days=days),
            note_link=communications.note_link,
            retention_days=days,
        ),
        soft_bounces=SoftBounces(
            db, table, target.resource("SuppressionsTable"), target.soft_bounce_policy
        ),
        lead=timedelta(seconds=wait),
        resume=resume,
    )
    left = (epoch_ms(run.epoch) - epoch_ms(now())) / 1000
    report(f"epoch {run.epoch}: begins in {max(0, left):.0f} s, when every batch knows of it")
    _wait(left)
    _scan(target.client("dynamodb"), table, run.apply)
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
