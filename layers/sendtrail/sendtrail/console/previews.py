"""The preview of a message: what stands in the frame of a message's page.

The frame is sandboxed, and so is the answer itself: nothing in it runs, submits or leads anywhere,
also when it is opened by itself.
"""

from __future__ import annotations

from typing import Any, Final

from aws_lambda_powertools.event_handler import Response

from sendtrail.console.rendering import render
from sendtrail.console.visits import Visit

__all__ = ["preview"]

_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'self' 'unsafe-inline'; img-src https: data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def preview(visit: Visit, participant_id: str, message_id: str) -> Response[Any]:  # noqa: ARG001 -- whose body to show, once bodies are kept
    """The message as it was sent; or why it cannot be shown."""
    answer = render("preview_none", visit)
    answer.headers["Content-Security-Policy"] = _POLICY
    return answer
