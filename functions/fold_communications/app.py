"""fold_communications: the stream of messages, folded into the figures of communications."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.config import Settings
from sendtrail.runtime import database, set_aside
from sendtrail.services.fold_communications import FoldCommunications
from sendtrail.services.stream import EVERY_CHANGE, consume
from sendtrail.storage.items import message_from_item

logger = Logger()
metrics = Metrics()


@cache
def fold() -> FoldCommunications:
    """The service, made at the first batch."""
    return FoldCommunications.over(database(), Settings.from_environment().communications_table)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Folds one batch; the tumbling window, which is there for the shard's name, has no state."""
    rows, unreadable = consume(
        event, names=EVERY_CHANGE, decode=message_from_item, take=fold().take, set_aside=set_aside
    )
    metrics.add_metric(name="FoldedCommunications", unit=MetricUnit.Count, value=rows)
    if unreadable:
        logger.error("set aside", extra={"records": unreadable})
    return {"state": {}, "batchItemFailures": []}
