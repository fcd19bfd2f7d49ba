"""A page about who is about to be inactive."""

from __future__ import annotations

from dataclasses import astuple
from datetime import date
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.api.services import Services
from sendtrail.console.pager import Pager
from sendtrail.console.rendering import render
from sendtrail.console.visits import ROOT, Visit, Visits
from sendtrail.domain.times import now
from sendtrail.errors import InvalidInputError
from sendtrail.keys import Scope
from sendtrail.services.sweep import Place, Silent, next_sweep

__all__ = ["add_pages"]

_PAGE: Final = 25


def add_pages(
    app: APIGatewayHttpResolver, visits: Visits, services: Services, silent: Silent
) -> None:
    """Adds the page."""

    @app.get(f"{ROOT}/inactive")
    @visits.needs(Scope.READ)
    def due(visit: Visit) -> Response[Any]:
        day = _day(visit)
        pager = Pager.of(visit, services.cursors, "inactive", day)
        place = Place(*pager.place) if pager.place else None
        at = next_sweep(now())
        outlook = silent.look(at, most=_PAGE, place=place, day=day)
        if not outlook.first_day:  # somebody had it swept since midnight; the next reads nothing
            at = next_sweep(at)
            outlook = silent.look(at, most=_PAGE, place=place, day=day)
        return render(
            "inactive",
            visit,
            at=at,
            outlook=outlook,
            day=day,
            years=silent.years,
            pager=pager,
            following=pager.following(outlook.place and list(astuple(outlook.place))),
        )


def _day(visit: Visit) -> str | None:
    day = visit.asked("day", most=16)
    try:
        return date.fromisoformat(day).isoformat() if day else None
    except ValueError:
        raise InvalidInputError(f"day: {day!r} is none; write 2024-11-24") from None
