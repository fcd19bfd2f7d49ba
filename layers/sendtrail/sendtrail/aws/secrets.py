"""A thin Secrets Manager client: reads secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sendtrail.aws.service import RetryPolicy, Service

__all__ = ["Secrets"]

_CURRENT: Final = "AWSCURRENT"
"""AWS takes this where nothing is said; moto takes what was the first."""


class Secrets:
    """A client of Secrets Manager's JSON protocol."""

    def __init__(
        self, environment: Mapping[str, str], *, retry_policy: RetryPolicy | None = None
    ) -> None:
        self._service = Service(
            name="secretsmanager",
            target_prefix="secretsmanager",
            version="1.1",
            environment=environment,
            retry_policy=retry_policy,
        )

    def value(self, secret_id: str) -> str:
        """The value of a secret's current version, as text.

        Raises:
            AwsError: it cannot be read.
        """
        request = {"SecretId": secret_id, "VersionStage": _CURRENT}
        return str(self._service.call("GetSecretValue", request)["SecretString"])
