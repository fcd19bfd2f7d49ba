"""deliver: runs the jobs of the queue of deliveries: to webhooks, to the event bus, and replays."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.wiring import Wiring

logger = Logger(use_rfc3339=True)  # or Lambda takes no level from its lines
metrics = Metrics()
wiring = Wiring(logger)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Runs a batch of jobs; returns the messages to redeliver."""
    records = {record["messageId"]: record["body"] for record in event["Records"]}
    report = wiring.deliverer.run(records)
    if report.delivered:
        metrics.add_metric(name="Delivered", unit=MetricUnit.Count, value=report.delivered)
    if report.failed:
        metrics.add_metric(name="NotDelivered", unit=MetricUnit.Count, value=report.failed)
    if report.given_up:
        metrics.add_metric(name="GivenUp", unit=MetricUnit.Count, value=report.given_up)
    if off := len(report.switched_off):
        metrics.add_metric(name="WebhooksSwitchedOff", unit=MetricUnit.Count, value=off)
    return {"batchItemFailures": [{"itemIdentifier": record_id} for record_id in report.again]}
