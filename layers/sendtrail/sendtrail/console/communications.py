"""Pages about communications: all, one, and whom it went to."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import Scope
from sendtrail.console import charts
from sendtrail.console.pager import Pager
from sendtrail.console.request_context import ROOT, AccessControl, RequestContext
from sendtrail.console.templating import render
from sendtrail.domain.communication import CommunicationDefinition
from sendtrail.domain.ids import is_communication_id
from sendtrail.domain.message import Status
from sendtrail.errors import InvalidInputError, NotFoundError
from sendtrail.reading import queries
from sendtrail.reading.export import MAX_ROWS, recipients_csv, recipients_workbook
from sendtrail.reading.recipient_columns import RECIPIENT_COLUMNS
from sendtrail.reading.views import communication_view, recipient_view
from sendtrail.reading.waiting import held, held_of
from sendtrail.wiring import Wiring

__all__ = ["add_pages"]

_PATH: Final = f"{ROOT}/communications"
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_PAGE: Final = 25
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def add_pages(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds the pages."""

    @app.get(_PATH)
    @access.needs(Scope.READ)
    def several(context: RequestContext) -> Response[Any]:
        name, kind, month = (
            context.query_value("name"),
            context.query_value("kind", max_length=64),
            _month(context),
        )
        pager = Pager.of(context, wiring.cursors, "communications", month, kind, name)

        def wanted(definition: CommunicationDefinition) -> bool:
            return (kind is None or definition.kind == kind) and (
                name is None or name.lower() in definition.name.lower()
            )

        found = queries.communications(
            pager.place, _PAGE, month=month, wanted=wanted if kind or name else None
        )
        items = [communication_view(*each, whole=False) for each in found.items]
        return render(
            "communications",
            context,
            items=items,
            held=held(wiring.holds),
            kinds=sorted({each["kind"] for each in items if each["kind"]}),
            filters={"name": name, "kind": kind, "month": month},
            pager=pager,
            following=pager.following(found.place),
        )

    @app.get(f"{_PATH}/<communication_id>")
    @access.needs(Scope.READ)
    def one(context: RequestContext, communication_id: str) -> Response[Any]:
        figures = _communication(communication_id)
        just_sent = context.query.get("done") == "sent"
        return render(
            "communication",
            context,
            figures=figures,
            held=held_of(wiring.holds, figures),
            just_sent=just_sent,
            **_shown(figures),
        )

    @app.get(f"{_PATH}/<communication_id>/figures")
    @access.needs(Scope.READ)
    def outcome(context: RequestContext, communication_id: str) -> Response[Any]:
        figures = _communication(communication_id)
        return render("figures", context, figures=figures, funnel=charts.funnel(figures))

    @app.get(f"{_PATH}/<communication_id>/recipients")
    @access.needs(Scope.READ)
    def recipients(context: RequestContext, communication_id: str) -> Response[Any]:
        figures, status = _communication(communication_id), _status(context)
        pager = Pager.of(context, wiring.cursors, "recipients", communication_id, status)
        found = queries.recipients(communication_id, status=status, place=pager.place, limit=_PAGE)
        return render(
            "recipients",
            context,
            figures=figures,
            items=[recipient_view(each) for each in found.items],
            chosen=status,
            recipient_columns=RECIPIENT_COLUMNS,
            statuses=list(Status),
            most_rows=MAX_ROWS,
            pager=pager,
            following=pager.following(found.place),
        )

    @app.get(f"{_PATH}/<communication_id>/recipients.csv")
    @access.needs(Scope.READ)
    def csv_file(context: RequestContext, communication_id: str) -> Response[Any]:
        return download(context, communication_id, "csv", "text/csv; charset=utf-8", recipients_csv)

    @app.get(f"{_PATH}/<communication_id>/recipients.xlsx")
    @access.needs(Scope.READ)
    def workbook(context: RequestContext, communication_id: str) -> Response[Any]:
        return download(context, communication_id, "xlsx", _XLSX, recipients_workbook)

    def download(
        context: RequestContext,
        communication_id: str,
        ending: str,
        content_type: str,
        export: Callable[..., tuple[str | bytes, Any]],
    ) -> Response[Any]:
        status = _status(context)
        if not is_communication_id(communication_id):
            raise NotFoundError(f"there is no communication {communication_id}")
        list_name = f"recipients.{ending}"
        pager = Pager.of(context, wiring.cursors, list_name, communication_id, status)
        content, place = export(communication_id, status=status, place=pager.place)
        name = f"{communication_id}-{status or 'recipients'}.{ending}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        following = pager.following(place)
        if following:
            headers["Link"] = f'<{following}>; rel="next"'
        return Response(status_code=200, content_type=content_type, body=content, headers=headers)


def _communication(communication_id: str) -> dict[str, Any]:
    known = is_communication_id(communication_id)
    found = queries.communication(communication_id) if known else None
    if found is None:
        raise NotFoundError(f"there is no communication {communication_id}")
    return communication_view(found.definition, found.counters, whole=True, urls=found.urls)


def _shown(figures: dict[str, Any]) -> dict[str, Any]:
    """The charts, and the providers, worst first."""
    hits = figures["hits_by_age"]
    return {
        "funnel": charts.funnel(figures),
        "plots": [
            (f"{what.capitalize()}, {stretch}", measure(hits, what))
            for what in ("opens", "clicks")
            for stretch, measure in (
                ("first day", charts.hits_over_hours),
                ("first month", charts.hits_over_days),
            )
        ],
        "providers": sorted(figures["providers"], key=_badness),
    }


def _badness(provider: dict[str, Any]) -> tuple[float, float, int]:
    """The greatest share bounced first, then the smallest opened by people, then the largest."""
    sent = provider["sent"]
    if not sent:
        return (0.0, 2.0, 0)
    return (-provider["bounced"] / sent, provider["human_opened"] / sent, -sent)


def _month(context: RequestContext) -> str | None:
    month = context.query_value("month", max_length=16)
    if month and not _MONTH.fullmatch(month):
        raise InvalidInputError(f"month: {month!r} is none; write 2026-11")
    return month


def _status(context: RequestContext) -> Status | None:
    status = context.query_value("status", max_length=32)
    try:
        return Status(status) if status else None
    except ValueError:
        raise InvalidInputError(
            f"status: {status!r} is none; there are {', '.join(Status)}"
        ) from None
