"""A thin Secrets Manager client: reads secrets."""

from __future__ import annotations

from collections.abc import Mapping

from sendtrail.aws.service import RetryPolicy, Service

__all__ = ["Secrets"]


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
        """The value of a secret, as text.

        Raises:
            AwsError: it cannot be read.
        """
        return str(self._service.call("GetSecretValue", {"SecretId": secret_id})["SecretString"])
