"""project: projects the log's stream into all that is read."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.projections.project import image_of
from sendtrail.projections.stream import WITH_REMOVALS, consume
from sendtrail.wiring import Wiring

logger = Logger(use_rfc3339=True)  # or Lambda takes no level from its lines
wiring = Wiring(logger)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Projects one batch. The tumbling window only serves to name the shard; it has no state."""
    unreadable = consume(
        event,
        names=WITH_REMOVALS,
        decode=image_of,
        apply=wiring.projection.apply,
        quarantine=wiring.quarantine,
    )
    if unreadable:
        logger.error("quarantined", extra={"records": unreadable})
    return {"state": {}, "batchItemFailures": []}
