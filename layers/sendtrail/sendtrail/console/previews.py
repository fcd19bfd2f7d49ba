"""The preview of a message: what stands in the frame of a message's page.

The frame is sandboxed, and so is the answer itself: nothing in it runs, submits or leads anywhere,
also when it is opened by itself.
"""

from __future__ import annotations

from typing import Any, Final

from aws_lambda_powertools.event_handler import Response

from sendtrail.console.request_context import RequestContext
from sendtrail.console.templating import HTML, render
from sendtrail.domain.erasure import is_erased
from sendtrail.errors import NotFoundError
from sendtrail.language import gettext
from sendtrail.reading.preview import Preview

__all__ = ["framed", "nothing_to_show", "preview"]

_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'self' 'unsafe-inline'; img-src https: http: data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""Styles and pictures are what a mail is made of; everything else is forbidden."""


def preview(
    context: RequestContext, previews: Preview, participant_id: str, message_id: str
) -> Response[Any]:
    """The message as it was sent, with its original links and no pixel; or why there is none."""
    if is_erased(participant_id):
        return nothing_to_show(
            context, gettext("what this message said was erased, with the person it was for")
        )
    try:
        rendered, _ = previews.of(participant_id, message_id)
    except NotFoundError as error:
        return nothing_to_show(context, str(error))
    return framed(rendered.html, rendered.text)


def framed(html: str | None, text: str) -> Response[Any]:
    """A message for the frame."""
    return Response(
        status_code=200,
        content_type="text/plain; charset=utf-8" if html is None else HTML,
        body=text if html is None else html,
        headers={"Content-Security-Policy": _POLICY},
    )


def nothing_to_show(context: RequestContext, why: str) -> Response[Any]:
    """For the frame: why there is no message."""
    answer: Response[Any] = render("preview_none", context, why=why)
    answer.headers["Content-Security-Policy"] = _POLICY
    return answer
