"""Pages about messages that belong to no communication: invoices, contracts, letters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import Scope
from sendtrail.console.downloads import FileFormat, download
from sendtrail.console.filters import read_filter
from sendtrail.console.pager import Pager
from sendtrail.console.request_context import ROOT, AccessControl, RequestContext
from sendtrail.console.templating import render
from sendtrail.domain.communication import Happened
from sendtrail.errors import InvalidInputError
from sendtrail.reading.direct_messages import DIRECT_LOOKED_AT, direct_messages
from sendtrail.reading.export import MAX_ROWS, messages_csv, messages_workbook
from sendtrail.reading.views import direct_message_view
from sendtrail.wiring import Wiring

__all__ = ["add_pages"]

_PATH: Final = f"{ROOT}/messages"
_PAGE: Final = 25


def add_pages(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds the pages."""

    @app.get(_PATH)
    @access.needs(Scope.READ)
    def several(context: RequestContext) -> Response[Any]:
        asked = read_filter(context)
        pager = Pager.of(context, wiring.cursors, "direct messages", *asked.wanted.name)
        found = direct_messages(asked.wanted, place=pager.place, limit=_PAGE)
        items = [] if asked.faults else [direct_message_view(each) for each in found.items]
        return render(
            "direct_messages",
            context,
            status=422 if asked.faults else 200,
            items=items,
            asked=asked,
            kinds=sorted({*found.kinds, *(each["kind"] for each in items if each["kind"])}),
            happenings=list(Happened),
            looked_at=DIRECT_LOOKED_AT,
            most_rows=MAX_ROWS,
            pager=pager,
            following=None if asked.faults else pager.following(found.place),
        )

    @app.get(f"{_PATH}.csv")
    @access.needs(Scope.READ)
    def csv_file(context: RequestContext) -> Response[Any]:
        return as_file(context, FileFormat.CSV, messages_csv)

    @app.get(f"{_PATH}.xlsx")
    @access.needs(Scope.READ)
    def workbook(context: RequestContext) -> Response[Any]:
        return as_file(context, FileFormat.WORKBOOK, messages_workbook)

    def as_file(
        context: RequestContext,
        file_format: FileFormat,
        export: Callable[..., tuple[str | bytes, Any]],
    ) -> Response[Any]:
        asked = read_filter(context)
        if asked.faults:
            raise InvalidInputError("; ".join(asked.faults.values()))
        wanted = asked.wanted
        pager = Pager.of(context, wiring.cursors, f"messages.{file_format}", *wanted.name)
        content, place = export(wanted=wanted, place=pager.place)
        name = f"messages-{wanted.did or wanted.status or 'all'}"
        return download(content, name, file_format, pager.following(place))
