"""AWS credentials, from the environment or the container endpoint.

The environment holds them for the life of a Lambda execution environment (AWS Lambda developer
guide, "Defined runtime environment variables"). With SnapStart, and in containers, a local endpoint
returns them instead and they expire (AWS SDKs reference guide, "Container credential provider").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from sendtrail.aws.signing import Identity
from sendtrail.errors import ConfigurationError, UnreachableError

__all__ = ["Credentials"]

_REFRESH_BEFORE = timedelta(minutes=5)
_CONTAINER_HOST = "169.254.170.2"
_TIMEOUT = 2.0


class Credentials:
    """Provides the credentials to sign with, and refreshes them before they expire."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._given = _given(environment)
        self._fetched: Identity | None = None

    def identity(self) -> Identity:
        """The current credentials.

        Raises:
            ConfigurationError: the environment has neither credentials nor an endpoint for them.
            UnreachableError: the container endpoint gave no valid response.
        """
        if self._given is not None:
            return self._given
        environment = self._environment
        url = environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        path = environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        if not url and path:
            url = f"http://{_CONTAINER_HOST}{path}"
        if not url:
            raise ConfigurationError(
                "no AWS credentials: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY nor "
                "AWS_CONTAINER_CREDENTIALS_FULL_URI (or _RELATIVE_URI) is set"
            )
        if self._fetched is None or _expires_soon(self._fetched):
            self._fetched = self._fetch(url)
        return self._fetched

    def _fetch(self, url: str) -> Identity:
        parts = urlsplit(url)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("GET", target or "/", headers=self._authorization())
            answer = json.loads(connection.getresponse().read())
            return Identity(
                access_key_id=answer["AccessKeyId"],
                secret_access_key=answer["SecretAccessKey"],
                session_token=answer.get("Token"),
                expiration=datetime.fromisoformat(answer["Expiration"]).astimezone(UTC),
            )
        except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
            raise UnreachableError("NoCredentials", f"the container endpoint: {error!r}") from error
        finally:
            connection.close()

    def _authorization(self) -> dict[str, str]:
        token = self._environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
        file = self._environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        if file:
            token = Path(file).read_text(encoding="utf-8").strip()
        return {"Authorization": token} if token else {}


def _given(environment: Mapping[str, str]) -> Identity | None:
    """The credentials in the environment itself, if there are any."""
    key, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret:
        return None
    return Identity(key, secret, environment.get("AWS_SESSION_TOKEN") or None)


def _expires_soon(identity: Identity) -> bool:
    expiration = identity.expiration
    return expiration is not None and expiration - datetime.now(UTC) < _REFRESH_BEFORE
