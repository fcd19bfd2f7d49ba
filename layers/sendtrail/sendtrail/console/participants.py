"""Pages about a participant: what they were sent, at which addresses, and what staff record."""

from __future__ import annotations

from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import Scope
from sendtrail.console.pager import Pager
from sendtrail.console.previews import preview
from sendtrail.console.request_context import ROOT, AccessControl, RequestContext, redirect
from sendtrail.console.templating import render
from sendtrail.domain.ids import is_message_id, is_participant_id
from sendtrail.domain.times import now
from sendtrail.errors import NotFoundError
from sendtrail.reading.waiting import waiting_of
from sendtrail.wiring import Wiring

__all__ = ["add_pages"]

_PATH: Final = f"{ROOT}/participants/<participant_id>"
_PAGE: Final = 25

_DONE: Final = {
    "unsubscribed": "Unsubscribed: they get no communications; direct messages still reach them.",
    "subscribed": "Subscribed again: they get communications.",
    "interaction": "Recorded. They count as active from now on.",
    "registered": "Registered. It is now the address to write to.",
}
"""What a page says after a form did its work, by the word in its address."""


def add_pages(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds the pages."""

    @app.get(_PATH)
    @access.needs(Scope.READ)
    def messages(context: RequestContext, participant_id: str) -> Response[Any]:
        _check(participant_id)
        pager = Pager.of(context, wiring.cursors, "messages", participant_id)
        opened = context.query_value("open")
        person, items, place = wiring.history.profile_and_messages(
            participant_id, place=pager.place, limit=_PAGE, opened=opened
        )
        return render(
            "messages",
            context,
            person=person,
            items=[_with_waiting(item) if item["message_id"] == opened else item for item in items],
            opened=opened,
            done=_DONE.get(context.query.get("done", "")),
            undo=context.query.get("done") == "unsubscribed",
            pager=pager,
            following=pager.following(place),
        )

    def _with_waiting(found: dict[str, Any]) -> dict[str, Any]:
        return found | {"waiting": waiting_of(wiring.holds, found)}

    @app.get(f"{_PATH}/addresses")
    @access.needs(Scope.READ)
    def addresses(context: RequestContext, participant_id: str) -> Response[Any]:
        _check(participant_id)
        person, items = wiring.history.addresses(participant_id)
        done = _DONE.get(context.query.get("done", ""))
        return render("addresses", context, person=person, items=items, done=done, undo=False)

    @app.get(f"{_PATH}/messages/<message_id>")
    @access.needs(Scope.READ)
    def message(context: RequestContext, participant_id: str, message_id: str) -> Response[Any]:
        found = wiring.history.message(*_checked(participant_id, message_id))
        template = "message_part" if "part" in context.query else "message"
        return render(template, context, message=_with_waiting(found))

    @app.get(f"{_PATH}/messages/<message_id>/preview")
    @access.needs(Scope.READ)
    def message_preview(
        context: RequestContext, participant_id: str, message_id: str
    ) -> Response[Any]:
        return preview(context, wiring.preview, *_checked(participant_id, message_id))

    @app.post(f"{_PATH}/subscription")
    @access.needs(Scope.SEND)
    def subscribe(context: RequestContext, participant_id: str) -> Response[Any]:
        _check(participant_id)
        subscribed = context.field("subscribed") == "yes"
        wiring.staff.subscription(participant_id, now(), subscribed=subscribed, by=context.actor)
        return _done(participant_id, "subscribed" if subscribed else "unsubscribed")

    @app.post(f"{_PATH}/interactions")
    @access.needs(Scope.SEND)
    def interact(context: RequestContext, participant_id: str) -> Response[Any]:
        _check(participant_id)
        kind = context.field("kind", max_length=64) or "transaction"
        wiring.staff.interaction(
            participant_id, kind=kind, at=now(), reference=None, by=context.actor
        )
        return _done(participant_id, "interaction")

    @app.post(f"{_PATH}/addresses")
    @access.needs(Scope.SEND)
    def register(context: RequestContext, participant_id: str) -> Response[Any]:
        _check(participant_id)
        wiring.staff.address(participant_id, now(), context.field("address"), by=context.actor)
        return _done(f"{participant_id}/addresses", "registered")


def _done(page: str, what: str) -> Response[Any]:
    return redirect(f"{ROOT}/participants/{page}?done={what}")


def _check(participant_id: str) -> None:
    if not is_participant_id(participant_id):
        raise NotFoundError(f"{participant_id} is no participant's id")


def _checked(participant_id: str, message_id: str) -> tuple[str, str]:
    _check(participant_id)
    if not is_message_id(message_id):
        raise NotFoundError(f"{message_id} is no message's id")
    return participant_id, message_id
