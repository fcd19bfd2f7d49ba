"""Pages of drafts: all that are kept, and deleting one."""

from __future__ import annotations

from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import Scope
from sendtrail.console.pager import Pager
from sendtrail.console.request_context import ROOT, AccessControl, RequestContext, redirect
from sendtrail.console.templating import render
from sendtrail.errors import NotFoundError
from sendtrail.language import gettext
from sendtrail.reading.views import actor_view
from sendtrail.sending.draft_store import KEPT_DAYS, is_draft_id
from sendtrail.wiring import Wiring

__all__ = ["add_pages"]

_PATH: Final = f"{ROOT}/drafts"
_PAGE: Final = 25


def add_pages(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds the pages."""

    @app.get(_PATH)
    @access.needs(Scope.SEND)
    def several(context: RequestContext) -> Response[Any]:
        pager = Pager.of(context, wiring.cursors, "drafts")
        found = wiring.drafts.page(pager.place, _PAGE)
        return render(
            "drafts",
            context,
            items=[(row, actor_view(row.by)) for row in found.rows],
            kept_days=KEPT_DAYS,
            pager=pager,
            following=pager.following(found.place),
        )

    @app.post(f"{_PATH}/<draft_id>/delete")
    @access.needs(Scope.SEND)
    def delete(context: RequestContext, draft_id: str) -> Response[Any]:
        if not is_draft_id(draft_id):
            raise NotFoundError(gettext("there is no such draft"))
        wiring.drafts.delete(draft_id, context.actor)
        return redirect(_PATH)
