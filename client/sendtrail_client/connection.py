"""A client that knows how long to wait, and what may be tried again."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import httpx

from .client import AuthenticatedClient

__all__ = ["connect"]

_SECONDS = 35.0
"""API Gateway gives up after 30."""
_TRIED_AGAIN = frozenset({429, 502, 503, 504})
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""Methods that may be sent twice (RFC 9110, section 9.2.2)."""
_LONGEST_WAIT = 20.0


def connect(
    url: str, api_key: str, *, retries: int = 3, timeout: float = _SECONDS
) -> AuthenticatedClient:
    """A client of the API there.

    A request that met too many others (429), an API that is not there for a moment (502, 503, 504)
    or a connection that broke is tried again, after half a second, one, two, …, or as long as the
    answer says; a POST only if it was given an idempotency key, or was certainly not taken.

    Args:
        url: of the API, without the path: the output `ApiUrl` of the stack.
        api_key: as `sendtrail key make` printed it.
        retries: how often a request is tried again; 0 for never.
        timeout: for how many seconds each answer is waited.
    """
    url, headers = url.rstrip("/"), {"Authorization": f"Bearer {api_key}"}
    trusted = httpx.create_ssl_context()  # which takes a while, and both may share
    client = AuthenticatedClient(base_url=url, token=api_key)
    client.set_httpx_client(
        _Client(retries, base_url=url, headers=headers, timeout=timeout, verify=trusted)
    )
    client.set_async_httpx_client(
        _AsyncClient(retries, base_url=url, headers=headers, timeout=timeout, verify=trusted)
    )
    return client


class _Client(httpx.Client):
    """Tries again."""

    def __init__(self, retries: int, **given: Any) -> None:
        super().__init__(**given)
        self._retries = retries

    def send(self, request: httpx.Request, **given: Any) -> httpx.Response:
        for attempt in range(self._retries):
            try:
                response = super().send(request, **given)
            except httpx.TransportError as error:
                if not _may_repeat(request, error):
                    raise
                wait = _backoff(attempt)
            else:
                if not _is_to_be_repeated(request, response):
                    return response
                wait = _wait(response, attempt)
                response.close()
            time.sleep(wait)
        return super().send(request, **given)


class _AsyncClient(httpx.AsyncClient):
    """The same, for asyncio."""

    def __init__(self, retries: int, **given: Any) -> None:
        super().__init__(**given)
        self._retries = retries

    async def send(self, request: httpx.Request, **given: Any) -> httpx.Response:
        for attempt in range(self._retries):
            try:
                response = await super().send(request, **given)
            except httpx.TransportError as error:
                if not _may_repeat(request, error):
                    raise
                wait = _backoff(attempt)
            else:
                if not _is_to_be_repeated(request, response):
                    return response
                wait = _wait(response, attempt)
                await response.aclose()
            await asyncio.sleep(wait)
        return await super().send(request, **given)


def _is_repeatable(request: httpx.Request) -> bool:
    return request.method in _REPEATABLE or "idempotency-key" in request.headers


def _may_repeat(request: httpx.Request, error: httpx.TransportError) -> bool:
    """Whether a request may be sent again: what was never connected has done nothing."""
    never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    return never_sent or _is_repeatable(request)


def _is_to_be_repeated(request: httpx.Request, response: httpx.Response) -> bool:
    """By the status; 429 is API Gateway's, before the function is asked."""
    if response.status_code not in _TRIED_AGAIN:
        return False
    return response.status_code == 429 or _is_repeatable(request)


def _wait(response: httpx.Response, attempt: int) -> float:
    """For how many seconds: as many as the answer says, if it says so in seconds."""
    said = response.headers.get("retry-after", "")
    return min(float(said), _LONGEST_WAIT) if said.isdecimal() else _backoff(attempt)


def _backoff(attempt: int) -> float:
    spread = random.uniform(0.75, 1.25)  # noqa: S311 -- so that callers do not come all at once
    return min(0.5 * 2.0**attempt, _LONGEST_WAIT) * spread
