"""`sendtrail rebuild`: the projections made anew from the log."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.times import epoch_ms, now
from sendtrail.log.trails import Trails
from sendtrail.projections.activity import Activity
from sendtrail.projections.communications import CommunicationProjection
from sendtrail.projections.judge import Judge
from sendtrail.projections.participants import ParticipantProjection
from sendtrail.projections.rebuild import LEAD, Rebuild
from sendtrail.projections.soft_bounces import SoftBounces
from sendtrail_cli.progress import progress_bar
from sendtrail_cli.scan import PATIENT, scan
from sendtrail_cli.target import Target

__all__ = ["WAIT_SECONDS", "rebuild"]

WAIT_SECONDS: Final = LEAD.total_seconds()


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
    db = database or DynamoDB(target.variables(), retry_policy=PATIENT)
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
    scan(target.client("dynamodb"), table, run.apply)
    counts = ", ".join(f"{number:,} {what}" for what, number in sorted(run.done.items()))
    report(f"read {table}: {counts or 'nothing'}")
    return run


def _wait(seconds: float) -> None:
    with progress_bar("waiting", seconds) as advance:
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            time.sleep(min(left, 1.0))
            advance(min(left, 1.0))
