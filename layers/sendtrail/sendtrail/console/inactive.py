"""A page about who is about to be inactive."""

from __future__ import annotations

from dataclasses import astuple
from datetime import date
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import Scope
from sendtrail.console.pager import Pager
from sendtrail.console.request_context import ROOT, AccessControl, RequestContext
from sendtrail.console.templating import render
from sendtrail.domain.times import now
from sendtrail.errors import InvalidInputError
from sendtrail.language import gettext
from sendtrail.staff.inactivity import SweepPosition, next_sweep
from sendtrail.wiring import Wiring

__all__ = ["add_pages"]

_PAGE: Final = 25


def add_pages(
    app: APIGatewayHttpResolver,
    access: AccessControl,
    wiring: Wiring,
) -> None:
    """Adds the page."""

    @app.get(f"{ROOT}/inactive")
    @access.needs(Scope.READ)
    def due(context: RequestContext) -> Response[Any]:
        day = _day(context)
        pager = Pager.of(context, wiring.cursors, "inactive", day)
        place = SweepPosition(*pager.place) if pager.place else None
        at = next_sweep(now())
        due_page = wiring.inactivity.look(at, most=_PAGE, place=place, day=day)
        if not due_page.first_day:  # somebody had it swept since midnight; the next reads nothing
            at = next_sweep(at)
            due_page = wiring.inactivity.look(at, most=_PAGE, place=place, day=day)
        return render(
            "inactive",
            context,
            at=at,
            due_page=due_page,
            day=day,
            years=wiring.inactivity.years,
            pager=pager,
            following=pager.following(due_page.place and list(astuple(due_page.place))),
        )


def _day(context: RequestContext) -> str | None:
    day = context.query_value("day", max_length=16)
    try:
        return date.fromisoformat(day).isoformat() if day else None
    except ValueError:
        said = gettext("day: %(given)r is none; write 2024-11-24") % {"given": day}
        raise InvalidInputError(said) from None
