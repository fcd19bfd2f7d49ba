"""project_messages: projects the stream of the log into messages."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.log.items import event_from_item
from sendtrail.projections.stream import INSERTS, consume
from sendtrail.wiring import Wiring

logger = Logger()
metrics = Metrics()
wiring = Wiring(logger)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Projects one batch. The tumbling window only serves to name the shard; it has no state."""
    messages, unreadable = consume(
        event,
        names=INSERTS,
        decode=event_from_item,
        apply=wiring.message_projection.apply,
        quarantine=wiring.quarantine,
    )
    metrics.add_metric(name="ProjectedMessages", unit=MetricUnit.Count, value=messages)
    if unreadable:
        logger.error("quarantined", extra={"records": unreadable})
    return {"state": {}, "batchItemFailures": []}
