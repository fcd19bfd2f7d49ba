"""publish: the second reader of the log's stream; hands on what is new to webhooks and a bus."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.projections.stream import EVERY_CHANGE, consume
from sendtrail.publishing.changes import image_of
from sendtrail.wiring import Wiring

logger = Logger(use_rfc3339=True)  # or Lambda takes no level from its lines
metrics = Metrics()
wiring = Wiring(logger)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Publishes one batch; it keeps no state."""
    publisher = wiring.publisher
    published, refused = publisher.published, publisher.refused
    unreadable = consume(
        event,
        names=EVERY_CHANGE,
        decode=image_of,
        apply=publisher.apply,
        quarantine=wiring.send_to(wiring.settings.deliveries_dlq_url),
    )
    if sent := publisher.published - published:
        metrics.add_metric(name="Published", unit=MetricUnit.Count, value=sent)
    if left := publisher.refused - refused:
        metrics.add_metric(name="BusRefused", unit=MetricUnit.Count, value=left)
    if unreadable:
        logger.error("quarantined", extra={"records": unreadable})
    return {"state": {}, "batchItemFailures": []}
