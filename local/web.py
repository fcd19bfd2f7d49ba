"""HTTP requests of the demo: one at a time, and no redirect is followed."""

from __future__ import annotations

from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Final, NamedTuple
from urllib.parse import urlsplit

__all__ = ["Answer", "ask"]

_TIMEOUT: Final = 120.0
"""Seconds. A function takes one request at a time, and others may be waiting."""


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    location: str | None
    body: bytes


def ask(
    method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> Answer:
    """Sends a request.

    Raises:
        OSError, HTTPException: there is no answer.
    """
    place = urlsplit(url)
    connection = HTTPConnection(place.netloc, timeout=_TIMEOUT)
    try:
        path = f"{place.path}?{place.query}" if place.query else place.path
        connection.request(method, path, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, response.getheader("Location"), response.read())
    finally:
        connection.close()
