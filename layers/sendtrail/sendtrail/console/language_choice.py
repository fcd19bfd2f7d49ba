"""The reader's language: a form at the foot of each page."""

from __future__ import annotations

from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.console.request_context import HOME, ROOT, AccessControl, back_to, redirect
from sendtrail.errors import InvalidInputError
from sendtrail.language import LANGUAGES, gettext

__all__ = ["add_pages"]

_MAX_FORM: Final = 16 * 1024
"""Bytes: it has the address of a page, which may have a long way back in it."""


def add_pages(app: APIGatewayHttpResolver, access: AccessControl) -> None:
    """Adds what the form leads to; whoever signs in chooses, too."""

    @app.post(f"{ROOT}/language")
    def choose() -> Response[Any]:
        context = access.with_form(access.current(), max_bytes=_MAX_FORM, files=False)
        chosen = context.field("language", max_length=16)
        if chosen not in LANGUAGES:
            said = gettext("%(field)s: %(given)s is none; there are %(all)s")
            said %= {"field": "language", "given": repr(chosen), "all": ", ".join(LANGUAGES)}
            raise InvalidInputError(said)
        to = back_to(context.form.get("next", HOME))
        return redirect(to, [context.remember_language(chosen)])
