"""The API: the private routes under /v1."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.api.app import create
from sendtrail.api.bodies import checked
from sendtrail.api.problems import PROBLEM_JSON
from sendtrail.api.services import Services
from sendtrail.config import Settings

logger = Logger()


@cache
def app() -> APIGatewayHttpResolver:
    """The resolver, made at the first request."""
    return create(Services.from_settings(Settings.from_environment()), logger)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers one request of the HTTP API (payload 2.0)."""
    refusal = checked(event)
    if refusal:
        return {
            "statusCode": refusal.status_code,
            "headers": {"Content-Type": PROBLEM_JSON, **refusal.headers},
            "body": refusal.body,
        }
    return app().resolve(event, context)
