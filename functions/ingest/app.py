"""Ingest: appends SES's events, from SQS, SNS or EventBridge, to the log."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.domain.events import EventType
from sendtrail.intake.ingest import IngestResult
from sendtrail.wiring import Wiring

logger = Logger(use_rfc3339=True)  # or Lambda takes no level from its lines
metrics = Metrics()
wiring = Wiring(logger)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | None:
    """Ingests a batch from SQS, or one event from SNS or EventBridge.

    Returns:
        for an SQS batch, the records to redeliver.

    Raises:
        RejectedRecordError, AwsError: an event that was delivered directly could not be ingested;
            Lambda retries it, and then sends it to the function's dead-letter queue.
    """
    records = event.get("Records")
    if isinstance(records, list) and records and records[0].get("eventSource") == "aws:sqs":
        return ingest_batch(records)
    outcome = wiring.ingest.ingest([("", event)])
    report(outcome)
    for error in (*outcome.rejected.values(), *outcome.failed.values()):
        raise error
    return None


def ingest_batch(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Ingests a batch as a whole; returns the records that failed."""
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
    """Logs the result of a batch, and emits its metrics."""
    count = sum(outcome.events.values())
    metrics.add_metric(name="Events", unit=MetricUnit.Count, value=count)
    for record_id, error in outcome.rejected.items():
        logger.error("rejected", extra={"record_id": record_id, "why": str(error)})
    for record_id, ignored in outcome.ignored.items():
        logger.warning("ignored", extra={"record_id": record_id, "why": str(ignored)})
    if outcome.failed:
        why = str(next(iter(outcome.failed.values())))
        logger.error("not written", extra={"records": len(outcome.failed), "why": why})
    if outcome.acknowledged:
        logger.info("SES may publish to the topic")
    if unknown := outcome.events.get(EventType.UNKNOWN.value):
        metrics.add_metric(name="UnknownEvents", unit=MetricUnit.Count, value=unknown)
    if outcome.with_unknown_fields:
        count = outcome.with_unknown_fields
        metrics.add_metric(name="UnknownFields", unit=MetricUnit.Count, value=count)
    if outcome.rejected:
        metrics.add_metric(
            name="RejectedRecords", unit=MetricUnit.Count, value=len(outcome.rejected)
        )
