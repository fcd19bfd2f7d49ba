"""The preview of a message: what stands in the frame of a message's page.

The frame is sandboxed, and so is the answer itself: nothing in it runs, submits or leads anywhere,
also when it is opened by itself.
"""

from __future__ import annotations

from typing import Any, Final

from aws_lambda_powertools.event_handler import Response

from sendtrail.console.rendering import HTML, render
from sendtrail.console.visits import Visit
from sendtrail.errors import NotFoundError
from sendtrail.services.preview import Preview

__all__ = ["preview"]

_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'self' 'unsafe-inline'; img-src https: http: data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""Styles and pictures are what a mail is made of; everything else is forbidden."""


def preview(visit: Visit, previews: Preview, participant_id: str, message_id: str) -> Response[Any]:
    """The message as it was sent, with its original links and no pixel; or why there is none."""
    try:
        rendered, _ = previews.of(participant_id, message_id)
    except NotFoundError as error:
        answer: Response[Any] = render("preview_none", visit, why=str(error))
    else:
        html = rendered.html is not None
        answer = Response(
            status_code=200,
            content_type=HTML if html else "text/plain; charset=utf-8",
            body=rendered.html if html else rendered.text,
        )
    answer.headers["Content-Security-Policy"] = _POLICY
    return answer
