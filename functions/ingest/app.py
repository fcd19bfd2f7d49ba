"""Ingest: SES's events, by SQS, SNS or EventBridge, into the log."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.intake.ingest import IngestResult
from sendtrail.wiring import Wiring

logger = Logger()
metrics = Metrics()
wiring = Wiring(logger)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | None:
    """Takes a batch of SQS, or one event of SNS or EventBridge.

    Returns:
        of an SQS batch, which records to bring again.

    Raises:
        RejectedRecordError, AwsError: what came directly could not be taken; Lambda tries again
            and then hands it to the function's dead-letter queue.
    """
    records = event.get("Records")
    if isinstance(records, list) and records and records[0].get("eventSource") == "aws:sqs":
        return take_batch(records)
    outcome = wiring.ingest.ingest([("", event)])
    report(outcome)
    for error in (*outcome.rejected.values(), *outcome.failed.values()):
        raise error
    return None


def take_batch(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Writes all of a batch together, and says which records could not be taken."""
    outcome = wiring.ingest.ingest([(record["messageId"], record["body"]) for record in records])
    report(outcome)
    failures = outcome.rejected.keys() | outcome.failed.keys()
    return {
        "batchItemFailures": [
            {"itemIdentifier": record["messageId"]}
            for record in records
            if record["messageId"] in failures
        ]
    }


def report(outcome: IngestResult) -> None:
    """Logs and counts what became of a batch."""
    count = sum(outcome.events.values())
    metrics.add_metric(name="Events", unit=MetricUnit.Count, value=count)
    for record_id, error in outcome.rejected.items():
        logger.error("rejected", extra={"record_id": record_id, "why": str(error)})
    if outcome.failed:
        why = str(next(iter(outcome.failed.values())))
        logger.error("not written", extra={"records": len(outcome.failed), "why": why})
    if outcome.acknowledged:
        logger.info("SES may publish to the topic")
    for event_type, count in outcome.events.items():
        metrics.add_metric(name=f"{event_type}Events", unit=MetricUnit.Count, value=count)
    if outcome.rejected:
        metrics.add_metric(
            name="RejectedRecords", unit=MetricUnit.Count, value=len(outcome.rejected)
        )
