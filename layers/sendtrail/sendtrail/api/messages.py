"""/v1/messages: what was sent that belongs to no mailing."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.params import Query

from sendtrail.api.parameters import DID, Cursor, Limit, answers
from sendtrail.api.schemas import Message, Page
from sendtrail.api.scopes import Needs
from sendtrail.auth.api_keys import Scope
from sendtrail.domain.communication import Happened
from sendtrail.domain.message import Status
from sendtrail.reading.direct_messages import direct_messages
from sendtrail.reading.message_filter import MessageFilter
from sendtrail.reading.views import message_view
from sendtrail.wiring import Wiring

__all__ = ["add_routes"]


def add_routes(app: APIGatewayHttpResolver, wiring: Wiring) -> None:
    """Adds the route."""

    @app.get(
        "/v1/messages",
        summary="What was sent that belongs to no mailing, newest first",
        description=(
            "Invoices, contracts, letters. From and to are of when a message was accepted, or, if "
            "something else sent it, when it was sent. Filtering by a problem (bounced, dropped, "
            "spammed, unsubscribed, rejected, failed) reads those that had it alone. Any filter "
            "looks at up to 200 messages and up to 12 months at a time, and may answer fewer than "
            "limit, with a cursor to go on."
        ),
        tags=["Messages"],
        operation_id="listDirectMessages",
        responses=answers(Page[Message], 400),
        middlewares=[Needs(Scope.READ)],
    )
    def several(
        kind: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
        status: Annotated[Status | None, Query()] = None,
        did: Annotated[Happened | None, Query(description=DID)] = None,
        since: Annotated[
            str | None,
            Query(alias="from", max_length=40, description="a time, or the beginning of a day"),
        ] = None,
        until: Annotated[
            str | None,
            Query(alias="to", max_length=40, description="a time, or the end of a day; inclusive"),
        ] = None,
        limit: Limit = 25,
        cursor: Cursor = None,
    ) -> Page[Message]:
        wanted = MessageFilter.of(status=status, did=did, kind=kind, since=since, until=until)
        name = ("direct messages", *wanted.name)
        found = direct_messages(wanted, place=wiring.cursors.read(cursor, *name), limit=limit)
        items = [message_view(each) for each in found.items]
        return Page[Message].of(items, wiring.cursors.write(found.place, *name))
