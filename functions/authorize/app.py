"""Authorize: API Gateway's Lambda authorizer (payload 2.0, simple responses)."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.wiring import Wiring

logger = Logger(use_rfc3339=True)  # or Lambda takes no level from its lines
wiring = Wiring(logger)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Authorizes a request by its API key; the context has its scope, and its actor's text."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    authorization = headers.get("authorization")
    caller = (
        wiring.api_keys.find(lambda keys: keys.caller(authorization)) if authorization else None
    )
    if caller is None:
        return {"isAuthorized": False}
    identity = {"scope": caller.scope.value, "actor": caller.actor.text}
    return {"isAuthorized": True, "context": identity}
