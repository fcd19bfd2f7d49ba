"""Console: serves the pages under /console."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.console.app import Console
from sendtrail.wiring import Wiring

logger = Logger(use_rfc3339=True)  # or Lambda takes no level from its lines
wiring = Wiring(logger)


@cache
def console() -> Console:
    """The console, built at the first request."""
    return Console(wiring, logger)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers one request of the HTTP API (payload 2.0)."""
    return console().answer(event, context)
