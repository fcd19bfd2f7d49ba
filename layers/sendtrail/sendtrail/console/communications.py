"""Pages about communications: all, one, and whom it went to."""

from __future__ import annotations

import re
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.api.services import Services
from sendtrail.console import drawings
from sendtrail.console.pager import Pager
from sendtrail.console.rendering import render
from sendtrail.console.visits import ROOT, Visit, Visits
from sendtrail.domain.communication import About
from sendtrail.domain.ids import is_communication_id
from sendtrail.domain.message import Status
from sendtrail.errors import InvalidInputError, NotFoundError
from sendtrail.keys import Scope
from sendtrail.services.export import MOST_ROWS, recipients_csv
from sendtrail.services.views import communication_view, recipient_view
from sendtrail.storage import queries

__all__ = ["add_pages"]

_PATH: Final = f"{ROOT}/communications"
_PAGE: Final = 25
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def add_pages(app: APIGatewayHttpResolver, visits: Visits, services: Services) -> None:
    """Adds the pages."""

    @app.get(_PATH)
    @visits.needs(Scope.READ)
    def several(visit: Visit) -> Response[Any]:
        name, kind, month = visit.asked("name"), visit.asked("kind", most=64), _month(visit)
        pager = Pager.of(visit, services.cursors, "communications", month, kind, name)

        def wanted(about: About) -> bool:
            return (kind is None or about.kind == kind) and (
                name is None or name.lower() in about.name.lower()
            )

        found = queries.communications(
            pager.place, _PAGE, month=month, wanted=wanted if kind or name else None
        )
        items = [communication_view(*each, whole=False) for each in found.items]
        return render(
            "communications",
            visit,
            items=items,
            kinds=sorted({each["kind"] for each in items if each["kind"]}),
            filters={"name": name, "kind": kind, "month": month},
            pager=pager,
            following=pager.following(found.place),
        )

    @app.get(f"{_PATH}/<communication_id>")
    @visits.needs(Scope.READ)
    def one(visit: Visit, communication_id: str) -> Response[Any]:
        figures = _communication(communication_id)
        just_sent = visit.query.get("done") == "sent"
        return render(
            "communication", visit, figures=figures, just_sent=just_sent, **_shown(figures)
        )

    @app.get(f"{_PATH}/<communication_id>/figures")
    @visits.needs(Scope.READ)
    def outcome(visit: Visit, communication_id: str) -> Response[Any]:
        figures = _communication(communication_id)
        return render("figures", visit, figures=figures, funnel=drawings.funnel(figures))

    @app.get(f"{_PATH}/<communication_id>/recipients")
    @visits.needs(Scope.READ)
    def recipients(visit: Visit, communication_id: str) -> Response[Any]:
        figures, status = _communication(communication_id), _status(visit)
        pager = Pager.of(visit, services.cursors, "recipients", communication_id, status)
        found = queries.recipients(communication_id, status=status, place=pager.place, limit=_PAGE)
        return render(
            "recipients",
            visit,
            figures=figures,
            items=[recipient_view(each) for each in found.items],
            chosen=status,
            statuses=list(Status),
            most_rows=MOST_ROWS,
            pager=pager,
            following=pager.following(found.place),
        )

    @app.get(f"{_PATH}/<communication_id>/recipients.csv")
    @visits.needs(Scope.READ)
    def download(visit: Visit, communication_id: str) -> Response[Any]:
        status = _status(visit)
        if not is_communication_id(communication_id):
            raise NotFoundError(f"there is no communication {communication_id}")
        pager = Pager.of(visit, services.cursors, "recipients.csv", communication_id, status)
        text, place = recipients_csv(communication_id, status=status, place=pager.place)
        name = f"{communication_id}-{status or 'recipients'}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        following = pager.following(place)
        if following:
            headers["Link"] = f'<{following}>; rel="next"'
        return Response(
            status_code=200, content_type="text/csv; charset=utf-8", body=text, headers=headers
        )


def _communication(communication_id: str) -> dict[str, Any]:
    known = is_communication_id(communication_id)
    found = queries.communication(communication_id) if known else None
    if found is None:
        raise NotFoundError(f"there is no communication {communication_id}")
    return communication_view(*found, whole=True)


def _shown(figures: dict[str, Any]) -> dict[str, Any]:
    """The drawings, and the providers, worst first."""
    hits = figures["hits_by_age"]
    return {
        "funnel": drawings.funnel(figures),
        "plots": [
            (f"{what.capitalize()}, {stretch}", draw(hits, what))
            for what in ("opens", "clicks")
            for stretch, draw in (
                ("first day", drawings.hits_over_hours),
                ("first month", drawings.hits_over_days),
            )
        ],
        "providers": sorted(figures["providers"], key=_badness),
    }


def _badness(provider: dict[str, Any]) -> tuple[float, float, int]:
    """The greatest share bounced first, then the smallest opened, then the largest provider."""
    sent = provider["sent"]
    if not sent:
        return (0.0, 2.0, 0)
    return (-provider["bounced"] / sent, provider["opened"] / sent, -sent)


def _month(visit: Visit) -> str | None:
    month = visit.asked("month", most=16)
    if month and not _MONTH.fullmatch(month):
        raise InvalidInputError(f"month: {month!r} is none; write 2026-11")
    return month


def _status(visit: Visit) -> Status | None:
    status = visit.asked("status", most=32)
    try:
        return Status(status) if status else None
    except ValueError:
        raise InvalidInputError(
            f"status: {status!r} is none; there are {', '.join(Status)}"
        ) from None
