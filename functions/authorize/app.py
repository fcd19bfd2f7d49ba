"""Authorize: the API gateway's Lambda authorizer (payload 2.0, simple responses)."""

from __future__ import annotations

import time
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.aws.secrets import Secrets
from sendtrail.config import Settings, environment
from sendtrail.keys import ApiKeys

logger = Logger()

KEEP_SECONDS = 60.0
"""A new key works, and a removed one does not, after at most this and the gateway's own cache."""


class Keys:
    """The keys, read again when they are older than `KEEP_SECONDS`."""

    def __init__(self) -> None:
        self._keys: ApiKeys | None = None
        self._read_at = 0.0

    def current(self, *, at_least_from: float = 0.0) -> ApiKeys:
        """The keys as they were read at `at_least_from` (of `time.monotonic`) or later."""
        if self._keys is None or self._read_at < max(
            at_least_from, time.monotonic() - KEEP_SECONDS
        ):
            settings, secrets = Settings.from_environment(), Secrets(environment())
            self._keys = ApiKeys.from_secrets(
                secrets.value(settings.first_api_key_secret),
                secrets.value(settings.api_keys_secret),
            )
            self._read_at = time.monotonic()
        return self._keys


keys = Keys()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers whether the caller is known, and with what name and scope."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    authorization = headers.get("authorization")
    caller = keys.current().caller(authorization)
    if caller is None and authorization:  # perhaps a key made since the last look
        caller = keys.current(at_least_from=time.monotonic() - 2).caller(authorization)
    if caller is None:
        return {"isAuthorized": False}
    return {"isAuthorized": True, "context": {"name": caller.name, "scope": caller.scope.value}}
