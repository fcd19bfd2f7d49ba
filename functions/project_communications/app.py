"""project_communications: projects the stream of Messages into the figures of communications."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.projections.items import message_from_item
from sendtrail.projections.stream import EVERY_CHANGE, consume
from sendtrail.wiring import Wiring

logger = Logger()
metrics = Metrics()
wiring = Wiring(logger)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Projects one batch. The tumbling window only serves to name the shard; it has no state."""
    rows, unreadable = consume(
        event,
        names=EVERY_CHANGE,
        decode=message_from_item,
        apply=wiring.communication_projection.apply,
        quarantine=wiring.quarantine,
    )
    metrics.add_metric(name="ProjectedCommunications", unit=MetricUnit.Count, value=rows)
    if unreadable:
        logger.error("quarantined", extra={"records": unreadable})
    return {"state": {}, "batchItemFailures": []}
