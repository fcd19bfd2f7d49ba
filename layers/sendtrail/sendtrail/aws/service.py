"""One AWS service that speaks AWS's JSON protocol: signing, sending, retrying, errors."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import SplitResult, urlsplit

from sendtrail.aws.connection import Connection
from sendtrail.aws.credentials import Credentials
from sendtrail.aws.signing import Signer
from sendtrail.errors import (
    AwsError,
    ConditionFailedError,
    ConfigurationError,
    RefusedError,
    ThrottledError,
    UnreachableError,
)

__all__ = ["INTERACTIVE", "RetryPolicy", "Service", "error_of"]

T = TypeVar("T")

_THROTTLES: Final = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_REFUSALS: Final = frozenset({"ValidationException", "ItemCollectionSizeLimitExceededException"})
_CONDITION: Final = "ConditionalCheckFailedException"
_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException"})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to try.

    Attributes:
        attempts: how often at most.
        timeout: seconds for one attempt's connection, and for each wait on its answer.
        first_wait: seconds before the second attempt at most; doubled for each further one, of
            which a random part is waited ("full jitter", AWS Builders' Library).
        within: seconds for all attempts together, if there is somebody who waits for them.
    """

    attempts: int = 5
    timeout: float = 5.0
    first_wait: float = 0.05
    longest_wait: float = 2.0
    within: float | None = None

    def wait(self, attempt: int) -> float:
        """Seconds to wait after the `attempt`-th attempt (from 1) failed."""
        jitter = random.random()  # noqa: S311 -- no secret
        return jitter * min(self.first_wait * 2.0 ** (attempt - 1), self.longest_wait)


INTERACTIVE: Final = RetryPolicy(
    attempts=3, timeout=0.2, first_wait=0.01, longest_wait=0.02, within=0.3
)
"""For calls that a reader waits for: with the ingest queue after it, an answer within 400 ms."""


class Service:
    """A client of one service. Threads may share it: each has a connection of its own."""

    def __init__(
        self,
        *,
        name: str,
        target_prefix: str,
        version: str,
        environment: Mapping[str, str],
        retry_policy: RetryPolicy | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepares a client; connects only when it is first used.

        Args:
            name: the service's name in hosts and signatures: ``dynamodb``.
            target_prefix: what ``X-Amz-Target`` begins with: ``DynamoDB_20120810``.
            version: of the JSON protocol: ``1.0`` or ``1.1``.
            environment: with ``AWS_REGION``, credentials, and where set ``AWS_ENDPOINT_URL`` or
                ``AWS_ENDPOINT_URL_<NAME>``, which have the SDKs' meaning.
        """
        self._name = name
        self._target_prefix = target_prefix
        self._content_type = f"application/x-amz-json-{version}"
        self._region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or ""
        if not self._region:
            raise ConfigurationError("AWS_REGION is not set")
        self._endpoint = self._find_endpoint(environment)
        self._credentials = Credentials(environment)
        self._retry_policy = retry_policy or RetryPolicy()
        self._sleep = sleep
        self._path = self._endpoint.path or "/"
        self._signer = Signer(service=name, region=self._region, path=self._path)
        self._local = threading.local()

    def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Calls one operation and returns its answer.

        Raises:
            ConditionFailedError: a conditional write's condition did not hold.
            ThrottledError: still too fast after all attempts.
            UnreachableError: no answer, or a server's error, after all attempts.
            RefusedError: the request can never be taken.
            AwsError: any other error, such as a missing permission.
        """
        body = json.dumps(request, separators=(",", ":")).encode()
        return self._patiently(lambda ends: self._attempt(operation, body, ends))

    def _patiently(self, attempt: Callable[[float | None], T]) -> T:
        """What an attempt comes to, which is repeated while that may help.

        Args:
            attempt: does it, by the given time of `time.monotonic` if there is one.
        """
        retry_policy = self._retry_policy
        ends = None if retry_policy.within is None else time.monotonic() + retry_policy.within
        for number in range(1, retry_policy.attempts + 1):
            try:
                return attempt(ends)
            except (ThrottledError, UnreachableError):
                wait = retry_policy.wait(number)
                if number == retry_policy.attempts or (ends and time.monotonic() + wait >= ends):
                    raise
            self._sleep(wait)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def pause(self, seconds: float) -> None:
        """Waits as between two attempts."""
        self._sleep(seconds)

    def close(self) -> None:
        """Closes this thread's connection."""
        self._connection().close()

    def sign(self, operation: str, body: bytes, date: str | None = None) -> dict[str, str]:
        """The headers of a signed request (AWS Signature Version 4).

        Args:
            date: ``YYYYMMDDTHHMMSSZ``; now, if None.
        """
        headers = {
            "Host": self._endpoint.netloc,
            "Content-Type": self._content_type,
            "X-Amz-Target": f"{self._target_prefix}.{operation}",
        }
        return self._signer.sign(headers, body, self._credentials.identity(), date)

    def _attempt(self, operation: str, body: bytes, ends: float | None) -> dict[str, Any]:
        headers = self.sign(operation, body)
        status, content = self._exchange(
            operation, "POST", self._path, body=body, headers=headers, ends=ends
        )
        try:
            answer: dict[str, Any] = json.loads(content) if content else {}
        except ValueError:
            raise UnreachableError(
                "BrokenAnswer", f"{self._name} {operation}: not JSON", status
            ) from None
        if status == 200:
            return answer
        raise error_of(answer, status)

    def _exchange(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        ends: float | None,
    ) -> tuple[int, bytes]:
        """Sends one request; the status and the body of its answer.

        Raises:
            UnreachableError: there was no whole answer.
        """
        try:
            return self._connection().request(method, path, headers, body, ends)
        except OSError as error:
            raise UnreachableError("NoAnswer", f"{self._name} {operation}: {error!r}") from error

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = Connection(self._endpoint, timeout=self._retry_policy.timeout)
            self._local.connection = connection
        return connection

    def _find_endpoint(self, environment: Mapping[str, str]) -> SplitResult:
        variable = f"AWS_ENDPOINT_URL_{self._name.upper()}"
        url = environment.get(variable) or environment.get("AWS_ENDPOINT_URL")
        if not url:
            suffix = "amazonaws.com.cn" if self._region.startswith("cn-") else "amazonaws.com"
            url = f"https://{self._name}.{self._region}.{suffix}"
        return urlsplit(url)


def error_of(answer: Mapping[str, Any], status: int) -> AwsError:
    """The error that a service's answer tells of, with its ``code`` or ``__type``."""
    code = str(answer.get("__type") or answer.get("code") or f"HTTP{status}").rpartition("#")[2]
    message = str(answer.get("message") or answer.get("Message") or "")
    if code == _CONDITION:
        return ConditionFailedError(code, message, status)
    if code in _THROTTLES:
        return ThrottledError(code, message, status)
    if code in _REFUSALS:
        return RefusedError(code, message, status)
    if status >= 500 or code in _EXPIRED:
        return UnreachableError(code, message, status)
    return AwsError(code, message, status)
