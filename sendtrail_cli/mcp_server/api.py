"""The API of a stack, asked and never told anything: GET alone, by a key that may only read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from sendtrail import __version__
from sendtrail.auth.api_keys import Scope
from sendtrail.errors import ForbiddenError, InvalidInputError, SendtrailError

__all__ = ["Api", "ApiError"]

_HERE: Final = ("127.0.0.1", "::1", "localhost")
_SECONDS: Final = 30
_AGAIN: Final = urllib3.Retry(
    total=2, redirect=0, status_forcelist=(429, 502, 503, 504), backoff_factor=0.5
)


class ApiError(SendtrailError):
    """The API did not answer what was asked; the message says why, for people.

    Attributes:
        status: of its answer; None if there was none.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """The API at a URL, with a key."""

    def __init__(self, url: str, key: str) -> None:
        """Asks nothing yet.

        Raises:
            InvalidInputError: the URL is none, or the key would go over a network in the clear.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidInputError(f"{url!r} is no URL of an API: https://…")
        if parts.scheme == "http" and parts.hostname not in _HERE:
            raise InvalidInputError(f"{url} would have the API key readable on its way: use https")
        self._url = url.rstrip("/").removesuffix("/v1")
        self._pool = urllib3.PoolManager(
            retries=_AGAIN,
            timeout=urllib3.Timeout(_SECONDS),
            headers={
                "Authorization": f"Bearer {key}",
                "Accept": "application/json",
                "User-Agent": f"sendtrail-mcp/{__version__}",
            },
        )

    def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What a route answers.

        Args:
            path: from `/v1` on, encoded.

        Raises:
            ApiError: it answers otherwise, or not at all.
        """
        asked = f"{self._url}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            response = self._pool.request("GET", asked)
        except HTTPError as error:
            raise ApiError(f"the API at {self._url} does not answer: {error}") from error
        try:
            answer = json.loads(response.data)
        except ValueError:
            answer = None
        if response.status != 200:
            raise ApiError(_in_words(response.status, answer), response.status)
        if not isinstance(answer, dict):
            raise ApiError(f"{self._url} does not answer as an API of Sendtrail does", 200)
        return answer

    def check_key(self) -> None:
        """Checks that the key may read, and no more.

        Raises:
            ForbiddenError: it may do more, or is none.
            ApiError: the API cannot say.
        """
        try:
            scope = self.get("/v1/me").get("scope")
        except ApiError as error:
            if error.status in {401, 403}:
                raise ForbiddenError(
                    f"the API does not know the key in SENDTRAIL_API_KEY ({error}), or not yet: a "
                    f"new one works within a minute; {_MAKE}"
                ) from error
            if error.status == 404:
                raise ApiError(
                    "this stack cannot say what a key may do: update it to this version", 404
                ) from error
            raise
        if scope != Scope.READ:
            raise ForbiddenError(
                f"the key in SENDTRAIL_API_KEY has the scope {scope}, and a language model gets "
                f"one that can only read; {_MAKE}"
            )


_MAKE: Final = (
    "make one by `sendtrail key make read --name mcp`, or in the console under Keys and people"
)


def _in_words(status: int, answer: Any) -> str:
    """A problem (RFC 9457), or API Gateway's `{"message"}`, as a sentence."""
    said = answer if isinstance(answer, dict) else {}
    detail = said.get("detail") or said.get("message") or said.get("title") or "no reason given"
    errors = [f"{each['name']}: {each['message']}" for each in said.get("errors", ())]
    return f"{status}: {'; '.join([str(detail), *errors])}"
