"""Sweep: daily marks participants who have been silent for years as inactive."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Final

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.domain.times import now
from sendtrail.staff.inactivity import SweepPosition, SweepResult
from sendtrail.wiring import Wiring

logger = Logger(use_rfc3339=True)  # or Lambda takes no level from its lines
metrics = Metrics()
wiring = Wiring(logger)

_RESERVE_MS: Final = 10_000
"""A page, and queueing the continuation, take less."""
_MAX_LISTED: Final = 1_000


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Sweeps the days that are due; continues by way of a queue when its time is over.

    Args:
        event: from the schedule; or from the queue, with the place where an earlier invocation
            stopped; or by hand, with ``{"dry_run": true}`` to list who would be marked, or
            ``{"since": "2024-11-24"}`` to begin with that day.

    Raises:
        InvalidInputError: `since` is not a day.
        AwsError: the sweep could not be finished; the next one resumes it.
    """
    orders = [json.loads(record["body"]) for record in event.get("Records", [])] or [event]
    return [run(order, context) for order in orders][-1]


def run(order: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Runs one sweep, or a part of it; returns its result as plain values."""
    dry = order.get("dry_run") is True
    place = order.get("place")
    swept = wiring.sweep.run(
        now(),
        has_time=lambda: context.get_remaining_time_in_millis() > _RESERVE_MS,
        place=SweepPosition(**place) if place else None,
        since=order.get("since"),
        dry=dry,
        most=_MAX_LISTED,
    )
    if swept.place and not dry:
        go_on(swept.place)
    report(swept, dry=dry)
    return asdict(swept)


def go_on(place: SweepPosition) -> None:
    """Queues the continuation of the sweep for another invocation."""
    wiring.send_to(wiring.settings.sweep_queue_url)(json.dumps({"place": asdict(place)}))


def report(swept: SweepResult, *, dry: bool) -> None:
    """Logs the result of a sweep, and emits its metric."""
    logger.info(
        "swept",
        extra={
            "first_day": swept.first_day,
            "last_day": swept.last_day,
            "due": swept.count,
            "dry_run": dry,
            "finished": swept.place is None,
        },
    )
    if not dry:
        metrics.add_metric(name="Inactivated", unit=MetricUnit.Count, value=swept.count)
