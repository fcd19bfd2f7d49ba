"""Erase: replaces people by pseudonyms, wherever something of them is kept."""

from __future__ import annotations

from typing import Any, Final

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.rights.erasing import Erasure, ErasureState
from sendtrail.wiring import Wiring

logger = Logger(use_rfc3339=True)  # or Lambda takes no level from its lines
metrics = Metrics()
wiring = Wiring(logger)

_RESERVE_MS: Final = 30_000
"""What one message with its hits, or a page of drafts, may take."""


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Goes on with an erasure; what is left is queued.

    Args:
        event: from the queue: one record, whose body is the id of an erasure.

    Raises:
        NotFoundError: there is no such erasure.
        AwsError: it could not go on, and is tried again.
    """
    for record in event["Records"]:
        report(
            wiring.erasing.run(
                record["body"],
                has_time=lambda: context.get_remaining_time_in_millis() > _RESERVE_MS,
            )
        )


def report(erasure: Erasure) -> None:
    """Logs how far an erasure is, and counts those that are done."""
    fields = {"erasure": erasure.erasure_id, "state": erasure.state.value, "pass": erasure.passes}
    logger.info("erasing", extra=fields | {"counts": dict(erasure.counts)})
    if erasure.state is ErasureState.DONE:
        metrics.add_metric(name="Erased", unit=MetricUnit.Count, value=1)
