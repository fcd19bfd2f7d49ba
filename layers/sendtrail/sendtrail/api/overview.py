"""/v1/overview: what became of all mail by the day, SES's limits, and what is wrong now."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.params import Query

from sendtrail.api.parameters import answers
from sendtrail.api.schemas import Overview
from sendtrail.api.scopes import Needs
from sendtrail.auth.api_keys import Scope
from sendtrail.domain.times import now
from sendtrail.reading.overview import Span, last_day, overview
from sendtrail.wiring import Wiring

__all__ = ["add_routes"]


def add_routes(app: APIGatewayHttpResolver, wiring: Wiring) -> None:
    """Adds the route."""

    @app.get(
        "/v1/overview",
        summary="All mail by the day, SES's limits, and what is wrong now",
        description=(
            "A message counts on the day, of UTC, on which it was sent; what happens to it later "
            "counts on that day too. Opened and clicked are people's. Clicks say more than opens, "
            "which privacy proxies cause unseen."
        ),
        tags=["Overview"],
        operation_id="getOverview",
        responses=answers(Overview),
        middlewares=[Needs(Scope.READ)],
    )
    def whole(
        days: Annotated[Span, Query(description="how many")] = Span.MONTH,
        until: Annotated[
            str | None,
            Query(max_length=10, description="the last of them, 2026-11-24; today, if left out"),
        ] = None,
    ) -> Overview:
        at = now()
        return Overview.model_validate(overview(wiring.health.look, days, last_day(until, at), at))
