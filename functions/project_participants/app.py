"""project_participants: projects the stream of the log into participants and suppressions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.domain.events import Event
from sendtrail.log.items import event_from_item
from sendtrail.projections.stream import INSERTS, Record, consume
from sendtrail.wiring import Wiring

logger = Logger()
metrics = Metrics()
wiring = Wiring(logger)


def apply(records: Iterable[Record[Event]]) -> int:
    """Applies the events that the records added to the log."""
    return wiring.participant_projection.apply(record.new for record in records if record.new)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Projects one batch. The tumbling window only serves to name the shard; it has no state."""
    participants, unreadable = consume(
        event, names=INSERTS, decode=event_from_item, apply=apply, quarantine=wiring.quarantine
    )
    metrics.add_metric(name="ProjectedParticipants", unit=MetricUnit.Count, value=participants)
    if unreadable:
        logger.error("quarantined", extra={"records": unreadable})
    return {"state": {}, "batchItemFailures": []}
