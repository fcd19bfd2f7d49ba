"""Find: one box for a participant, an address or a message."""

from __future__ import annotations

from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.console.rendering import render
from sendtrail.console.visits import ROOT, Visit, Visits, redirect
from sendtrail.errors import InvalidInputError
from sendtrail.keys import Scope
from sendtrail.services import desk

__all__ = ["add_pages"]

_MOST: Final = 330
_PARTICIPANTS: Final = f"{ROOT}/participants"


def add_pages(app: APIGatewayHttpResolver, visits: Visits) -> None:
    """Adds the page."""

    @app.get(f"{ROOT}/find")
    @visits.needs(Scope.READ)
    def find(visit: Visit) -> Response[Any]:
        word = visit.asked("q", most=_MOST)
        if word is None:
            return render("find", visit, word="", answer=None, refused="")
        try:
            answer = desk.find(word)
        except InvalidInputError as error:
            return render("find", visit, status=422, word=word, answer=None, refused=str(error))
        if answer.participant_id:
            message = f"/messages/{answer.message_id}" if answer.message_id else ""
            return redirect(f"{_PARTICIPANTS}/{answer.participant_id}{message}")
        status = 200 if answer.owners or answer.suppression else 404
        return render("find", visit, status=status, word=word, answer=answer, refused="")
