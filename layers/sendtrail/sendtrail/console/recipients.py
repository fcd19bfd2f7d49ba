"""Pages about whom a communication went to, and the same as files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, urlencode

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import Scope
from sendtrail.console.downloads import FileFormat, download
from sendtrail.console.filters import one_of
from sendtrail.console.mailings import known_mailing, whole_view
from sendtrail.console.pager import Pager
from sendtrail.console.request_context import ROOT, AccessControl, RequestContext, redirect
from sendtrail.console.templating import render
from sendtrail.domain.communication import CommunicationDefinition, Happened
from sendtrail.domain.ids import is_communication_id, normal_address, participant_of_address
from sendtrail.domain.message import Message, Status
from sendtrail.errors import NotFoundError
from sendtrail.language import gettext
from sendtrail.mail.addresses import checked_address
from sendtrail.reading import queries
from sendtrail.reading.export import MAX_ROWS, recipients_csv, recipients_workbook
from sendtrail.reading.recipient_columns import RECIPIENT_COLUMNS
from sendtrail.reading.recipient_filter import RecipientFilter
from sendtrail.reading.views import recipient_view
from sendtrail.wiring import Wiring

__all__ = ["add_pages"]

_PATH: Final = f"{ROOT}/communications/<communication_id>/recipients"
_PAGE: Final = 25
_MAX_OWNERS: Final = 20
"""How many who have or had an address are looked at, in a mailing."""
_LATEST: Final = "latest"


def add_pages(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds the pages."""

    @app.get(_PATH)
    @access.needs(Scope.READ)
    def recipients(context: RequestContext, communication_id: str) -> Response[Any]:
        known, wanted = known_mailing(communication_id), _wanted(context)
        address, begins = context.address_in_url(), context.query_value("q")
        newest_first = context.query_value("order", max_length=16) == _LATEST
        # Without what the API has not, the list is named as the API's, whose cursor a page tells.
        ours = (begins, newest_first) if begins or newest_first else ()
        kept = (communication_id, wanted.status, wanted.did, *ours)
        pager = Pager.of(context, wiring.cursors, "recipients", *kept)
        if address:
            found = queries.Found(at_address(known.definition, address, wanted), None)
        elif begins:
            found = queries.recipients_like(
                known.definition, begins, wanted=wanted, place=pager.place, limit=_PAGE
            )
        else:
            found = queries.recipients(
                communication_id,
                wanted=wanted,
                place=pager.place,
                limit=_PAGE,
                newest_first=newest_first,
            )
        return render(
            "recipients",
            context,
            figures=whole_view(known),
            items=[recipient_view(each) for each in found.items],
            wanted=wanted,
            word=address or begins or "",
            latest=_LATEST if newest_first else "",
            recipient_columns=RECIPIENT_COLUMNS,
            happenings=list(Happened),
            most_rows=MAX_ROWS,
            pager=pager,
            following=pager.following(found.place),
        )

    def at_address(
        definition: CommunicationDefinition, address: str, wanted: RecipientFilter
    ) -> list[Message]:
        """The messages of a mailing that went to an address: a request for who has or had it, and
        one for each of them.
        """
        (owners,) = wiring.directory.ids_at([address], _MAX_OWNERS)
        owners = list(dict.fromkeys([participant_of_address(address), *owners]))
        return [
            message
            for message in queries.recipients_of(definition, owners, wanted=wanted)
            if message.address and normal_address(message.address) == normal_address(address)
        ]

    @app.post(_PATH)
    @access.needs(Scope.READ)
    def look_for(context: RequestContext, communication_id: str) -> Response[Any]:
        """Whom to show: by a form that is sent, so that no address stands in a URL."""
        word = context.field("q", max_length=330)
        chosen = {
            "did": context.field("did", max_length=32),
            "status": context.field("status", max_length=32),
            "order": context.field("order", max_length=16),
            "q": "" if "@" in word else word,
            "which": context.for_url(checked_address(word)) if "@" in word else "",
        }
        query = urlencode({name: value for name, value in chosen.items() if value})
        where = quote(f"{ROOT}/communications/{communication_id}/recipients")
        return redirect(f"{where}?{query}" if query else where)

    @app.get(f"{_PATH}.csv")
    @access.needs(Scope.READ)
    def csv_file(context: RequestContext, communication_id: str) -> Response[Any]:
        return as_file(context, communication_id, FileFormat.CSV, recipients_csv)

    @app.get(f"{_PATH}.xlsx")
    @access.needs(Scope.READ)
    def workbook(context: RequestContext, communication_id: str) -> Response[Any]:
        return as_file(context, communication_id, FileFormat.WORKBOOK, recipients_workbook)

    def as_file(
        context: RequestContext,
        communication_id: str,
        file_format: FileFormat,
        export: Callable[..., tuple[str | bytes, Any]],
    ) -> Response[Any]:
        wanted = _wanted(context)
        is_id = is_communication_id(communication_id)
        definition = queries.communication_definition(communication_id) if is_id else None
        if definition is None:
            raise NotFoundError(gettext("there is no mailing %(id)s") % {"id": communication_id})
        kept = (communication_id, wanted.status, wanted.did)
        pager = Pager.of(context, wiring.cursors, f"recipients.{file_format}", *kept)
        content, place = export(communication_id, wanted=wanted, place=pager.place)
        day = f" {definition.created_at[:10]}" if definition.created_at else ""
        name = f"{definition.name[:100]}{day} {wanted.did or wanted.status or 'recipients'}"
        return download(content, name, file_format, pager.following(place))


def _wanted(context: RequestContext) -> RecipientFilter:
    status, did = (context.query_value(name, max_length=32) for name in ("status", "did"))
    return RecipientFilter(
        one_of(status, "status", Status) if status else None,
        one_of(did, "did", Happened) if did else None,
    )
