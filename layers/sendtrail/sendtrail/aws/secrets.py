"""A thin Secrets Manager client: reads secrets, and makes new versions of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import uuid4

from sendtrail.aws.service import RetryPolicy, Service

__all__ = ["CURRENT", "Secrets"]

CURRENT: Final = "AWSCURRENT"
"""The staging label of the version that is read by default."""


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

    def current(self, secret_id: str) -> tuple[str, str]:
        """The value of a secret, and the id of the version that it is of.

        Raises:
            AwsError: it cannot be read.
        """
        found = self._service.call(
            "GetSecretValue", {"SecretId": secret_id, "VersionStage": CURRENT}
        )
        return str(found["SecretString"]), str(found["VersionId"])

    def put(self, secret_id: str, value: str, stage: str) -> str:
        """Makes a version that has one staging label, and returns its id.

        The token makes the call idempotent; who signs requests without an SDK has to give one
        (Secrets Manager API reference, PutSecretValue).

        Raises:
            AwsError: it may have been made; nothing reads it.
        """
        token = str(uuid4())
        request = {
            "SecretId": secret_id,
            "SecretString": value,
            "VersionStages": [stage],
            "ClientRequestToken": token,
        }
        return str(self._service.call("PutSecretValue", request)["VersionId"])

    def move_stage(
        self, secret_id: str, stage: str, *, source: str, target: str | None = None
    ) -> None:
        """Takes a staging label off the version `source`, and attaches it to `target` if given.

        Raises:
            AwsError: `source` has it no more, or it cannot be told.
        """
        request = {"SecretId": secret_id, "VersionStage": stage, "RemoveFromVersionId": source}
        if target:
            request["MoveToVersionId"] = target
        self._service.call("UpdateSecretVersionStage", request)
