"""Pages that stop what has not gone out: a mailing, or one message."""

from __future__ import annotations

from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import Scope
from sendtrail.console.mailings import known_mailing, whole_view
from sendtrail.console.request_context import ROOT, AccessControl, RequestContext, redirect
from sendtrail.console.templating import render
from sendtrail.domain.ids import is_message_id, is_participant_id
from sendtrail.domain.message import Message
from sendtrail.domain.times import now
from sendtrail.errors import NotFoundError
from sendtrail.language import gettext
from sendtrail.reading.views import message_view
from sendtrail.wiring import Wiring

__all__ = ["add_pages"]

_COMMUNICATION: Final = f"{ROOT}/communications/<communication_id>"
_MESSAGE: Final = f"{ROOT}/participants/<participant_id>/messages/<message_id>"


def add_pages(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds the pages."""

    @app.get(f"{_COMMUNICATION}/stop")
    @access.needs(Scope.SEND)
    def confirm_mailing(context: RequestContext, communication_id: str) -> Response[Any]:
        return render("stop", context, figures=whole_view(known_mailing(communication_id)))

    @app.post(f"{_COMMUNICATION}/stop")
    @access.needs(Scope.SEND)
    def stop_mailing(context: RequestContext, communication_id: str) -> Response[Any]:
        known = known_mailing(communication_id)
        wiring.stopping.communication(known.definition, known.counters, now(), by=context.actor)
        return redirect(f"{ROOT}/communications/{communication_id}")

    @app.get(f"{_MESSAGE}/stop")
    @access.needs(Scope.SEND)
    def confirm_message(
        context: RequestContext, participant_id: str, message_id: str
    ) -> Response[Any]:
        message = message_view(find(participant_id, message_id))
        return render("stop_message", context, message=message)

    @app.post(f"{_MESSAGE}/stop")
    @access.needs(Scope.SEND)
    def stop_message(
        context: RequestContext, participant_id: str, message_id: str
    ) -> Response[Any]:
        wiring.stopping.message(find(participant_id, message_id), now(), by=context.actor)
        return redirect(f"{ROOT}/participants/{participant_id}/messages/{message_id}")

    def find(participant_id: str, message_id: str) -> Message:
        if not (is_participant_id(participant_id) and is_message_id(message_id)):
            said = gettext("there is no message %(id)s of %(person)s")
            raise NotFoundError(said % {"id": message_id, "person": participant_id})
        return wiring.history.find(participant_id, message_id)
