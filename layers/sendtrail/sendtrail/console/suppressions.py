"""Pages about suppressions: all, and adding and lifting one."""

from __future__ import annotations

from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import Scope
from sendtrail.console.pager import Pager
from sendtrail.console.request_context import ROOT, AccessControl, RequestContext
from sendtrail.console.templating import render
from sendtrail.domain.events import SuppressionReason
from sendtrail.domain.times import now
from sendtrail.errors import InvalidInputError, NotFoundError
from sendtrail.language import gettext, mark
from sendtrail.mail.addresses import checked_address
from sendtrail.reading import queries
from sendtrail.reading.views import suppression_view
from sendtrail.wiring import Wiring

__all__ = ["add_pages"]

_PATH: Final = f"{ROOT}/suppressions"
_PAGE: Final = 25
_DONE: Final = {
    "suppressed": mark("%(address)s is suppressed: it gets no more mail."),
    "lifted": mark("%(address)s may be mailed again."),
}


def add_pages(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds the pages."""

    @app.get(_PATH)
    @access.needs(Scope.READ)
    def several(context: RequestContext) -> Response[Any]:
        reason = _reason(context)
        pager = Pager.of(context, wiring.cursors, "suppressions", reason)
        found = queries.suppressions(reason, pager.place, _PAGE)
        return render(
            "suppressions",
            context,
            items=[suppression_view(each) for each in found.items],
            reason=reason,
            reasons=list(SuppressionReason),
            pager=pager,
            following=pager.following(found.place),
        )

    @app.post(_PATH)
    @access.needs(Scope.ADMIN)
    def suppress(context: RequestContext) -> Response[Any]:
        address = checked_address(context.field("address"))
        note = context.field("note", max_length=500)
        wiring.staff.suppress(address, now(), note=note, by=context.actor)
        return _done(context, "suppressed", address)

    @app.get(f"{_PATH}/lift")
    @access.needs(Scope.ADMIN)
    def confirm(context: RequestContext) -> Response[Any]:
        address = context.address_in_url() or ""
        found = wiring.directory.suppression(address) if address else None
        if found is None:
            said = gettext("%(address)s is not suppressed") % {"address": address}
            raise NotFoundError(said if address else gettext("this address is not suppressed"))
        return render("lift", context, suppression=suppression_view(found))

    @app.post(f"{_PATH}/lift")
    @access.needs(Scope.ADMIN)
    def lift(context: RequestContext) -> Response[Any]:
        address = checked_address(context.field("address"))
        wiring.staff.lift(address, now(), by=context.actor)
        return _done(context, "lifted", address)


def _done(context: RequestContext, what: str, address: str) -> Response[Any]:
    return context.done(_PATH, gettext(_DONE[what]) % {"address": address})


def _reason(context: RequestContext) -> SuppressionReason | None:
    reason = context.query_value("reason", max_length=32)
    try:
        return SuppressionReason(reason) if reason else None
    except ValueError:
        said = gettext("%(field)s: %(given)s is none; there are %(all)s")
        said %= {"field": "reason", "given": repr(reason), "all": ", ".join(SuppressionReason)}
        raise InvalidInputError(said) from None
