"""/v1/communications: how each mailing did."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import urlencode

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from sendtrail.api.parameters import CommunicationId, Cursor, Limit, answers
from sendtrail.api.schemas import Communication, CommunicationSummary, Page, Recipient
from sendtrail.api.scopes import Needs
from sendtrail.auth.api_keys import Scope
from sendtrail.domain.communication import CommunicationDefinition, Happened
from sendtrail.domain.message import Status
from sendtrail.errors import NotFoundError
from sendtrail.reading import queries
from sendtrail.reading.export import recipients_csv
from sendtrail.reading.recipient_filter import RecipientFilter
from sendtrail.reading.views import communication_view, recipient_view
from sendtrail.reading.waiting import held, held_of, is_waiting, with_hold
from sendtrail.wiring import Wiring

__all__ = ["add_routes"]

_TAG = ["Communications"]
_CSV: Final = "text/csv"
_RECIPIENTS: Final = answers(Page[Recipient], 400)
_RECIPIENTS[200]["content"][_CSV] = {"schema": {"type": "string"}}


def add_routes(app: APIGatewayHttpResolver, wiring: Wiring) -> None:
    """Adds the routes."""

    @app.get(
        "/v1/communications",
        summary="Mailings and their figures, newest first",
        tags=_TAG,
        operation_id="listCommunications",
        responses=answers(Page[CommunicationSummary], 400),
        middlewares=[Needs(Scope.READ)],
    )
    def several(
        month: Annotated[
            str | None, Query(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="2026-11: only that")
        ] = None,
        kind: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
        name: Annotated[
            str | None, Query(min_length=1, max_length=128, description="a part of the name")
        ] = None,
        limit: Limit = 25,
        cursor: Cursor = None,
    ) -> Page[CommunicationSummary]:
        def wanted(definition: CommunicationDefinition) -> bool:
            return (kind is None or definition.kind == kind) and (
                name is None or name.lower() in definition.name.lower()
            )

        list_name = ("communications", month, kind, name)
        found = queries.communications(
            wiring.cursors.read(cursor, *list_name),
            limit,
            month=month,
            wanted=wanted if kind or name else None,
        )
        items = [
            communication_view(definition, counters, whole=False)
            for definition, counters in found.items
        ]
        hold = held(wiring.holds) if any(map(is_waiting, items)) else None
        items = [with_hold(each, hold) for each in items]
        return Page[CommunicationSummary].of(items, wiring.cursors.write(found.place, *list_name))

    @app.get(
        "/v1/communications/<communication_id>",
        summary="A mailing: all figures, per link, per mailbox provider",
        tags=_TAG,
        operation_id="getCommunication",
        responses=answers(Communication),
        middlewares=[Needs(Scope.READ)],
    )
    def one(communication_id: CommunicationId) -> Communication:
        found = queries.communication(communication_id)
        if found is None:
            raise NotFoundError(f"there is no communication {communication_id}")
        view = communication_view(found.definition, found.counters, whole=True, urls=found.urls)
        hold = held_of(wiring.holds, view)
        return Communication.model_validate(with_hold(view, hold) | {"held": hold})

    @app.get(
        "/v1/communications/<communication_id>/recipients",
        summary="Who a mailing went to",
        description=(
            "With `Accept: text/csv`, up to 10,000 at once, and a Link header to go on. Filtering "
            "by a status that is no problem looks at up to 100 at a time, and may answer fewer "
            "than limit, with a cursor to go on."
        ),
        tags=_TAG,
        operation_id="listRecipients",
        responses=_RECIPIENTS,
        middlewares=[Needs(Scope.READ)],
    )
    def recipients(
        communication_id: CommunicationId,
        status: Annotated[Status | None, Query()] = None,
        did: Annotated[
            Happened | None,
            Query(description="what happened to it, as the figures count it; opened, by people"),
        ] = None,
        limit: Limit = 25,
        cursor: Cursor = None,
    ) -> Any:
        wanted = RecipientFilter(status, did)
        list_name = ("recipients", communication_id, status, did)
        place = wiring.cursors.read(cursor, *list_name)
        if _CSV in (app.current_event.headers.get("accept") or ""):
            text, place = recipients_csv(communication_id, wanted=wanted, place=place)
            following = wiring.cursors.write(place, *list_name)
            return _csv(text, app.current_event.path, wanted, following)
        found = queries.recipients(communication_id, wanted=wanted, place=place, limit=limit)
        items = [recipient_view(each) for each in found.items]
        return Page[Recipient].of(items, wiring.cursors.write(found.place, *list_name))


def _csv(text: str, path: str, wanted: RecipientFilter, following: str | None) -> Any:
    headers = {"Content-Disposition": 'attachment; filename="recipients.csv"'}
    if following:
        query = urlencode({"cursor": following, **wanted.query})
        headers["Link"] = f'<{path}?{query}>; rel="next"'
    return Response(
        status_code=200,
        content_type="text/csv; charset=utf-8",
        body=text,
        headers=headers,
    )
