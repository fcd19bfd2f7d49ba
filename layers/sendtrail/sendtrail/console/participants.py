"""Pages about a participant: what they were sent, at which addresses, all that happened to them,
and what staff record.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import Scope
from sendtrail.console.filters import read_filter
from sendtrail.console.pager import Pager
from sendtrail.console.previews import preview
from sendtrail.console.request_context import ROOT, AccessControl, RequestContext
from sendtrail.console.templating import render
from sendtrail.domain.communication import Happened
from sendtrail.domain.ids import is_message_id, is_participant_id
from sendtrail.domain.times import now
from sendtrail.errors import InvalidInputError, NotFoundError
from sendtrail.language import gettext, mark
from sendtrail.reading import queries
from sendtrail.reading.waiting import waiting_of
from sendtrail.wiring import Wiring

__all__ = ["add_pages"]

_PATH: Final = f"{ROOT}/participants/<participant_id>"
_PAGE: Final = 25

Page = Callable[..., Response[Any]]

_DONE: Final = {
    "unsubscribed": mark("Unsubscribed: they get no mailings; direct messages still reach them."),
    "subscribed": mark("Subscribed again: they get mailings."),
    "interaction": mark("Recorded. They count as active from now on."),
    "registered": mark("Registered. It is now the address to write to."),
    "named": mark("The name is recorded."),
    "unnamed": mark("The name is removed."),
}
"""What the next page says after a form did its work."""


def add_pages(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds the pages."""

    @app.get(_PATH)
    @access.needs(Scope.READ)
    @_or_nobody
    def messages(context: RequestContext, participant_id: str) -> Response[Any]:
        asked = read_filter(context)
        if asked.faults:
            raise InvalidInputError("; ".join(asked.faults.values()))
        pager = Pager.of(context, wiring.cursors, "messages", participant_id, *asked.wanted.name)
        opened = context.query_value("open")
        person, items, place = wiring.history.profile_and_messages(
            participant_id, place=pager.place, limit=_PAGE, opened=opened, wanted=asked.wanted
        )
        return render(
            "messages",
            context,
            person=person,
            items=[_whole(item) if item["message_id"] == opened else item for item in items],
            opened=opened,
            asked=asked,
            kinds=sorted({each["kind"] for each in items if each["kind"]}),
            happenings=list(Happened),
            pager=pager,
            following=pager.following(place),
        )

    def _whole(found: dict[str, Any]) -> dict[str, Any]:
        """A message with what it waits for, its attachments, and the name of its mailing."""
        mailing = found["communication_id"]
        known = queries.communication_definition(mailing) if mailing else None
        return found | {
            "waiting": waiting_of(wiring.holds, found),
            "attachments": wiring.preview.attachments(found),
            "communication_name": known.name if known else None,
        }

    @app.get(f"{_PATH}/timeline")
    @access.needs(Scope.READ)
    @_or_nobody
    def timeline(context: RequestContext, participant_id: str) -> Response[Any]:
        pager = Pager.of(context, wiring.cursors, "timeline", participant_id)
        items, place = wiring.timeline.page(participant_id, place=pager.place, limit=_PAGE)
        return render(
            "timeline",
            context,
            person=wiring.history.profile(participant_id),
            items=items,
            pager=pager,
            following=pager.following(place),
        )

    @app.get(f"{_PATH}/addresses")
    @access.needs(Scope.READ)
    @_or_nobody
    def addresses(context: RequestContext, participant_id: str) -> Response[Any]:
        person, items = wiring.history.addresses(participant_id)
        return render("addresses", context, person=person, items=items)

    @app.get(f"{_PATH}/messages/<message_id>")
    @access.needs(Scope.READ)
    def message(context: RequestContext, participant_id: str, message_id: str) -> Response[Any]:
        found = wiring.history.message(*_checked(participant_id, message_id))
        template = "message_part" if "part" in context.query else "message"
        return render(template, context, message=_whole(found))

    @app.get(f"{_PATH}/messages/<message_id>/preview")
    @access.needs(Scope.READ)
    def message_preview(
        context: RequestContext, participant_id: str, message_id: str
    ) -> Response[Any]:
        return preview(context, wiring.preview, *_checked(participant_id, message_id))

    @app.post(f"{_PATH}/name")
    @access.needs(Scope.SEND)
    def rename(context: RequestContext, participant_id: str) -> Response[Any]:
        _check(participant_id)
        name = context.form.get("name", "")
        try:
            wiring.staff.name(participant_id, now(), name.strip() or None, by=context.actor)
        except InvalidInputError as error:
            return render(
                "name", context, status=422, participant_id=participant_id, name=name, fault=error
            )
        return _done(context, participant_id, "named" if name.strip() else "unnamed")

    @app.post(f"{_PATH}/subscription")
    @access.needs(Scope.SEND)
    def subscribe(context: RequestContext, participant_id: str) -> Response[Any]:
        _check(participant_id)
        subscribed = context.field("subscribed") == "yes"
        wiring.staff.subscription(participant_id, now(), subscribed=subscribed, by=context.actor)
        return _done(context, participant_id, "subscribed" if subscribed else "unsubscribed")

    @app.post(f"{_PATH}/interactions")
    @access.needs(Scope.SEND)
    def interact(context: RequestContext, participant_id: str) -> Response[Any]:
        _check(participant_id)
        kind = context.field("kind", max_length=64) or "transaction"
        wiring.staff.interaction(
            participant_id, kind=kind, at=now(), reference=None, by=context.actor
        )
        return _done(context, participant_id, "interaction")

    @app.post(f"{_PATH}/addresses")
    @access.needs(Scope.SEND)
    def register(context: RequestContext, participant_id: str) -> Response[Any]:
        _check(participant_id)
        wiring.staff.address(participant_id, now(), context.field("address"), by=context.actor)
        return _done(context, f"{participant_id}/addresses", "registered")


def _done(context: RequestContext, page: str, what: str) -> Response[Any]:
    to = f"{ROOT}/participants/{page}"
    return context.done(to, gettext(_DONE[what]), may_undo=what == "unsubscribed")


def _or_nobody(page: Page) -> Page:
    """Has a page say that nobody is known by an id, and lead on to search."""

    @wraps(page)
    def checked(context: RequestContext, participant_id: str) -> Response[Any]:
        try:
            _check(participant_id)
            return page(context, participant_id)
        except NotFoundError:
            return render("nobody", context, status=404, participant_id=participant_id)

    return checked


def _check(participant_id: str) -> None:
    if not is_participant_id(participant_id):
        raise NotFoundError(f"nothing is known of {participant_id}: it is no participant’s id")


def _checked(participant_id: str, message_id: str) -> tuple[str, str]:
    _check(participant_id)
    if not is_message_id(message_id):
        raise NotFoundError(gettext("there is no message %(id)s") % {"id": message_id})
    return participant_id, message_id
