"""/v1/staff: what staff did, and programs by API keys; and /v1/me, whose key this is."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.params import Query

from sendtrail.api.parameters import Cursor, Limit, answers
from sendtrail.api.schemas import Caller, Page, StaffAct
from sendtrail.api.scopes import Needs, actor_of, scope_of
from sendtrail.auth.api_keys import Scope
from sendtrail.reading.views import act_view, actor_view
from sendtrail.wiring import Wiring

__all__ = ["add_routes"]


def add_routes(app: APIGatewayHttpResolver, wiring: Wiring) -> None:
    """Adds the routes."""

    @app.get(
        "/v1/me",
        summary="Whose API key this is, and its scope",
        tags=["Staff"],
        operation_id="getCaller",
        responses=answers(Caller),
        middlewares=[Needs(Scope.READ)],
    )
    def me() -> Caller:
        return Caller.model_validate({"by": actor_view(actor_of(app).text), "scope": scope_of(app)})

    @app.get(
        "/v1/staff/acts",
        summary="What staff did, newest first",
        description=(
            "Also who signed in, and how often somebody tried with a key that is none. What "
            "programs do by the thousand, such as sending direct messages, is counted by key, "
            "action and hour. Kept as long as messages."
        ),
        tags=["Staff"],
        operation_id="listStaffActs",
        responses=answers(Page[StaffAct], 400),
        middlewares=[Needs(Scope.ADMIN)],
    )
    def acts(
        by: Annotated[
            str | None,
            Query(
                pattern=r"^[a-z]{1,16}:[!-~]{1,64}$",
                description="only of this key or person: kind and id, key:0f3a5c7e9b1d2f40",
            ),
        ] = None,
        limit: Limit = 25,
        cursor: Cursor = None,
    ) -> Page[StaffAct]:
        place = wiring.cursors.read(cursor, "acts", by)
        found, following = wiring.staff_store.acts(actor=by, place=place, limit=limit)
        items = [act_view(act) for act in found]
        return Page[StaffAct].of(items, wiring.cursors.write(following, "acts", by))
