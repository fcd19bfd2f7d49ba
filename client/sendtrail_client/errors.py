"""What is raised when the API does not do as asked."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import httpx

__all__ = ["ApiError"]


class ApiError(Exception):
    """An answer that is an error: a problem (RFC 9457), or API Gateway's own message.

    Attributes:
        status: of the answer.
        detail: what is wrong, in words.
        errors: of a request that is not valid (422), each thing that is wrong with it: `in`, `name`
            and `message`.
        headers: of the answer, such as Retry-After.
    """

    def __init__(self, response: httpx.Response) -> None:
        """Reads the answer; one that is not JSON is told by its status."""
        try:
            told: Any = response.json()
        except ValueError:
            told = None
        body: dict[str, Any] = told if isinstance(told, dict) else {}
        self.status = response.status_code
        self.detail = str(body.get("detail") or body.get("message") or _phrase(self.status))
        self.errors: list[dict[str, Any]] = body.get("errors") or []
        self.headers = dict(response.headers)
        super().__init__(f"{self.status}: {self.detail}")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "an answer that is not described"
