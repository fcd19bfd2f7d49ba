"""Bodies of requests: JSON or nothing, looked at before anything else does."""

from __future__ import annotations

import json
from base64 import b64decode
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.event_handler import Response

from sendtrail.api.problems import problem

__all__ = ["JSON", "checked"]

JSON: Final = "application/json"
_MAX: Final = 5 * 1024 * 1024
"""Attachments of 3 MB are 4 in base64; Lambda takes 6 with all that is around the body."""


def _refused(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON")


def checked(event: dict[str, Any]) -> Response[str] | None:
    """Makes an event's body plain JSON text, or says why it cannot be taken.

    Args:
        event: of the HTTP API, payload 2.0; its body and content type are written anew.

    Returns:
        the problem to answer, or None.
    """
    body = event.get("body")
    if not body:
        return None
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    given = headers.get("content-type", "").partition(";")[0].strip()
    if given.lower() != JSON:
        return problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body is {given or 'of no type'}, not {JSON}"
        )
    if len(body) > _MAX:
        return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {_MAX} bytes")
    try:
        text = b64decode(body).decode() if event.get("isBase64Encoded") else body
        json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"the body is not JSON: {error}")
    event |= {
        "body": text,
        "isBase64Encoded": False,
        "headers": headers | {"content-type": JSON},
    }
    return None
