"""Pages about a participant: what they were sent, at which addresses, and what staff record."""

from __future__ import annotations

from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.api.services import Services
from sendtrail.console.pager import Pager
from sendtrail.console.previews import preview
from sendtrail.console.rendering import render
from sendtrail.console.visits import ROOT, Visit, Visits, redirect
from sendtrail.domain.ids import is_message_id, is_participant_id
from sendtrail.domain.times import now
from sendtrail.errors import NotFoundError
from sendtrail.keys import Scope
from sendtrail.services import desk, history

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


def add_pages(app: APIGatewayHttpResolver, visits: Visits, services: Services) -> None:
    """Adds the pages."""

    @app.get(_PATH)
    @visits.needs(Scope.READ)
    def messages(visit: Visit, participant_id: str) -> Response[Any]:
        _check(participant_id)
        pager = Pager.of(visit, services.cursors, "messages", participant_id)
        opened = visit.asked("open")
        person, items, place = desk.participant_with_messages(
            participant_id, place=pager.place, limit=_PAGE, opened=opened
        )
        return render(
            "messages",
            visit,
            person=person,
            items=items,
            opened=opened,
            done=_DONE.get(visit.query.get("done", "")),
            undo=visit.query.get("done") == "unsubscribed",
            pager=pager,
            following=pager.following(place),
        )

    @app.get(f"{_PATH}/addresses")
    @visits.needs(Scope.READ)
    def addresses(visit: Visit, participant_id: str) -> Response[Any]:
        _check(participant_id)
        person, items = desk.participant_with_addresses(participant_id)
        done = _DONE.get(visit.query.get("done", ""))
        return render("addresses", visit, person=person, items=items, done=done, undo=False)

    @app.get(f"{_PATH}/messages/<message_id>")
    @visits.needs(Scope.READ)
    def message(visit: Visit, participant_id: str, message_id: str) -> Response[Any]:
        found = history.message(*_checked(participant_id, message_id))
        template = "message_part" if "part" in visit.query else "message"
        return render(template, visit, message=found)

    @app.get(f"{_PATH}/messages/<message_id>/preview")
    @visits.needs(Scope.READ)
    def message_preview(visit: Visit, participant_id: str, message_id: str) -> Response[Any]:
        return preview(visit, services.preview, *_checked(participant_id, message_id))

    @app.post(f"{_PATH}/subscription")
    @visits.needs(Scope.SEND)
    def subscribe(visit: Visit, participant_id: str) -> Response[Any]:
        _check(participant_id)
        subscribed = visit.field("subscribed") == "yes"
        services.recording.subscription(participant_id, now(), subscribed=subscribed)
        return _done(participant_id, "subscribed" if subscribed else "unsubscribed")

    @app.post(f"{_PATH}/interactions")
    @visits.needs(Scope.SEND)
    def interact(visit: Visit, participant_id: str) -> Response[Any]:
        _check(participant_id)
        kind = visit.field("kind", most=64) or "transaction"
        services.recording.interaction(participant_id, kind=kind, at=now(), reference=None)
        return _done(participant_id, "interaction")

    @app.post(f"{_PATH}/addresses")
    @visits.needs(Scope.SEND)
    def register(visit: Visit, participant_id: str) -> Response[Any]:
        _check(participant_id)
        services.recording.address(participant_id, now(), visit.field("address"))
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
