"""Find: one box for a participant, an address or a message."""

from __future__ import annotations

from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import Scope
from sendtrail.console.request_context import ROOT, AccessControl, RequestContext, redirect
from sendtrail.console.templating import render
from sendtrail.errors import InvalidInputError
from sendtrail.reading.search import search
from sendtrail.wiring import Wiring

__all__ = ["add_pages"]

_MAX: Final = 330
_PARTICIPANTS: Final = f"{ROOT}/participants"


def add_pages(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds the page."""

    @app.get(f"{ROOT}/find")
    @access.needs(Scope.READ)
    def find(context: RequestContext) -> Response[Any]:
        word = context.query_value("q", max_length=_MAX)
        if word is None:
            return render("find", context, word="", answer=None, refused="")
        try:
            answer = search(wiring.directory, word)
        except InvalidInputError as error:
            return render("find", context, status=422, word=word, answer=None, refused=str(error))
        if answer.participant_id:
            message = f"/messages/{answer.message_id}" if answer.message_id else ""
            return redirect(f"{_PARTICIPANTS}/{answer.participant_id}{message}")
        status = 200 if answer.owners or answer.suppression else 404
        return render("find", context, status=status, word=word, answer=answer, refused="")
