"""Pages about suppressions: all, and adding and lifting one."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.api.services import Services
from sendtrail.console.pager import Pager
from sendtrail.console.rendering import render
from sendtrail.console.visits import ROOT, Visit, Visits, redirect
from sendtrail.domain.events import SuppressionReason
from sendtrail.domain.times import now
from sendtrail.errors import InvalidInputError, NotFoundError
from sendtrail.keys import Scope
from sendtrail.services.addresses import checked_address
from sendtrail.services.views import suppression_view
from sendtrail.storage import queries

__all__ = ["add_pages"]

_PATH: Final = f"{ROOT}/suppressions"
_PAGE: Final = 25
_DONE: Final = {
    "suppressed": "is suppressed: it gets no more mail.",
    "lifted": "may be mailed again.",
}


def add_pages(app: APIGatewayHttpResolver, visits: Visits, services: Services) -> None:
    """Adds the pages."""

    @app.get(_PATH)
    @visits.needs(Scope.READ)
    def several(visit: Visit) -> Response[Any]:
        reason = _reason(visit)
        pager = Pager.of(visit, services.cursors, "suppressions", reason)
        found = queries.suppressions(reason, pager.place, _PAGE)
        done = _DONE.get(visit.query.get("done", ""))
        return render(
            "suppressions",
            visit,
            items=[suppression_view(each) for each in found.items],
            reason=reason,
            reasons=list(SuppressionReason),
            done=done and f"{visit.asked('address', most=320) or 'The address'} {done}",
            pager=pager,
            following=pager.following(found.place),
        )

    @app.post(_PATH)
    @visits.needs(Scope.ADMIN)
    def suppress(visit: Visit) -> Response[Any]:
        address = checked_address(visit.field("address"))
        services.recording.suppress(address, now(), note=visit.field("note", most=500))
        return _done("suppressed", address)

    @app.get(f"{_PATH}/lift")
    @visits.needs(Scope.ADMIN)
    def confirm(visit: Visit) -> Response[Any]:
        address = checked_address(visit.query.get("address", ""))
        found = queries.suppression(address)
        if found is None:
            raise NotFoundError(f"{address} is not suppressed")
        return render("lift", visit, suppression=suppression_view(found))

    @app.post(f"{_PATH}/lift")
    @visits.needs(Scope.ADMIN)
    def lift(visit: Visit) -> Response[Any]:
        address = checked_address(visit.field("address"))
        services.recording.lift(address, now())
        return _done("lifted", address)


def _done(what: str, address: str) -> Response[Any]:
    return redirect(f"{_PATH}?{urlencode({'done': what, 'address': address})}")


def _reason(visit: Visit) -> SuppressionReason | None:
    reason = visit.asked("reason", most=32)
    try:
        return SuppressionReason(reason) if reason else None
    except ValueError:
        raise InvalidInputError(
            f"reason: {reason!r} is none; there are {', '.join(SuppressionReason)}"
        ) from None
