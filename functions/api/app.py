"""API: serves the private routes under /v1."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.api.app import create
from sendtrail.api.bodies import checked
from sendtrail.api.problems import PROBLEM_JSON
from sendtrail.wiring import Wiring

logger = Logger(use_rfc3339=True)  # or Lambda takes no level from its lines
wiring = Wiring(logger, for_programs=True)


@cache
def app() -> APIGatewayHttpResolver:
    """The resolver, built at the first request."""
    return create(wiring, logger)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers one request of the HTTP API (payload 2.0)."""
    refused = checked(event)
    if refused:
        return {
            "statusCode": refused.status_code,
            "headers": {"Content-Type": PROBLEM_JSON, **refused.headers},
            "body": refused.body,
        }
    return app().resolve(event, context)
