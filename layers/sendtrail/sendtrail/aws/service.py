"""A client of one service that speaks AWS's JSON protocol: signing, sending, retries, errors."""

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
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_REFUSALS: Final = frozenset({"ValidationException", "ItemCollectionSizeLimitExceededException"})
_CANCELED: Final = "TransactionCanceledException"
_CONDITION: Final = "ConditionalCheckFailedException"
_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException"})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long to retry: exponential backoff with "full jitter" (AWS Builders'
    Library).

    Attributes:
        attempts: the maximum number of attempts.
        timeout: seconds for an attempt to connect, and for each wait for its response.
        first_wait: the upper bound, in seconds, of the wait before the second attempt; it doubles
            with each further one. The wait itself is a random part of the bound.
        longest_wait: the greatest upper bound of a wait, in seconds.
        within: seconds for all attempts together; None for no such limit.
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
"""For calls that a reader waits for: with the hits queue as fallback, done within 400 ms."""


class Service:
    """A client of one service. Thread-safe: each thread has its own connection."""

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
        """Prepares a client; it connects on first use.

        Args:
            name: the service's name in hosts and signatures: ``dynamodb``.
            target_prefix: the prefix of ``X-Amz-Target``: ``DynamoDB_20120810``.
            version: of the JSON protocol: ``1.0`` or ``1.1``.
            environment: ``AWS_REGION``, credentials, and optionally ``AWS_ENDPOINT_URL`` or
                ``AWS_ENDPOINT_URL_<NAME>``, with the SDKs' meaning.

        Raises:
            ConfigurationError: no region is set.
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
        """Calls one operation and returns its response.

        Raises:
            ConditionFailedError: a conditional write's condition did not hold.
            ThrottledError: still throttled after all attempts.
            UnreachableError: no response, or a server error, after all attempts.
            RefusedError: the request can never succeed.
            AwsError: any other error, such as a missing permission.
        """
        body = json.dumps(request, separators=(",", ":")).encode()
        return self._with_retries(lambda ends: self._attempt(operation, body, ends))

    def _with_retries(self, attempt: Callable[[float | None], T]) -> T:
        """The result of `attempt`, retried by the retry policy while the error is transient.

        Args:
            attempt: called with its deadline (of `time.monotonic`), or None.
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
        """Sleeps, as between two attempts."""
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
        """Sends one request and returns the status and body of the response.

        Raises:
            UnreachableError: there was no complete response.
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
    """The error that a service's response reports, by its ``__type`` or ``code``."""
    code = str(answer.get("__type") or answer.get("code") or f"HTTP{status}").rpartition("#")[2]
    message = str(answer.get("message") or answer.get("Message") or "")
    if code == _CANCELED:
        codes = {each.get("Code") for each in answer.get("CancellationReasons") or ()}
        # Of several reasons that which no repetition mends (API reference, TransactWriteItems).
        failed = "ConditionalCheckFailed" in codes or "ConditionalCheckFailed" in message
        code = _CONDITION if failed else "TransactionConflictException"
    if code == _CONDITION:
        return ConditionFailedError(code, message, status)
    if code in _THROTTLES:
        return ThrottledError(code, message, status)
    if code in _REFUSALS:
        return RefusedError(code, message, status)
    if status >= 500 or code in _EXPIRED:
        return UnreachableError(code, message, status)
    return AwsError(code, message, status)
