"""/v1/suppressions: the addresses that are not to be mailed, and why."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.params import Query

from sendtrail.api.parameters import (
    AddressPath,
    AddressQuery,
    Cursor,
    Limit,
    address_of,
    answers,
)
from sendtrail.api.schemas import LiftedSuppression, Page, Suppress, Suppression
from sendtrail.api.scopes import Needs, actor_of
from sendtrail.auth.api_keys import Scope
from sendtrail.domain.events import SuppressionReason
from sendtrail.domain.times import now
from sendtrail.errors import NotFoundError
from sendtrail.mail.addresses import checked_address
from sendtrail.reading import queries
from sendtrail.reading.views import suppression_view
from sendtrail.wiring import Wiring

__all__ = ["add_routes"]

_TAG = ["Suppressions"]


def add_routes(app: APIGatewayHttpResolver, wiring: Wiring) -> None:
    """Adds the routes."""

    @app.get(
        "/v1/suppressions",
        summary="Suppressed addresses: by reason, the gravest first, each newest first",
        tags=_TAG,
        operation_id="listSuppressions",
        responses=answers(Page[Suppression], 400),
        middlewares=[Needs(Scope.READ)],
    )
    def several(
        reason: Annotated[SuppressionReason | None, Query()] = None,
        address: Annotated[
            str | None, Query(max_length=1000, description="this one alone, if it is suppressed")
        ] = None,
        limit: Limit = 25,
        cursor: Cursor = None,
    ) -> Page[Suppression]:
        if address is not None:
            standing = wiring.directory.suppression(checked_address(address))
            items = [suppression_view(standing)] if standing else []
            kept = [each for each in items if reason in (None, each["reason"])]
            return Page[Suppression].of(kept, None)
        place = wiring.cursors.read(cursor, "suppressions", reason)
        found = queries.suppressions(reason, place, limit)
        return Page[Suppression].of(
            [suppression_view(each) for each in found.items],
            wiring.cursors.write(found.place, "suppressions", reason),
        )

    @app.get(
        "/v1/suppressions/<address>",
        summary="Why an address is suppressed",
        tags=_TAG,
        operation_id="getSuppression",
        responses=answers(Suppression),
        middlewares=[Needs(Scope.READ)],
    )
    def one(address: AddressPath) -> Suppression:
        return _standing(wiring, address_of(address))

    @app.put(
        "/v1/suppressions/<address>",
        summary="Suppress an address by hand",
        tags=_TAG,
        operation_id="suppressAddress",
        responses=answers(Suppression),
        middlewares=[Needs(Scope.ADMIN)],
    )
    def suppress(address: AddressPath, suppress: Suppress) -> Suppression:
        return _suppress(address_of(address), suppress)

    @app.put(
        "/v1/suppressions",
        summary="Suppress an address by hand, named in the query",
        tags=_TAG,
        operation_id="suppressAddressInQuery",
        responses=answers(Suppression),
        middlewares=[Needs(Scope.ADMIN)],
    )
    def suppress_in_query(address: AddressQuery, suppress: Suppress) -> Suppression:
        return _suppress(checked_address(address), suppress)

    def _suppress(address: str, suppress: Suppress) -> Suppression:
        wiring.staff.suppress(address, now(), note=suppress.note, by=actor_of(app))
        return _standing(wiring, address)

    @app.delete(
        "/v1/suppressions/<address>",
        summary="Lift a suppression, whatever its reason",
        description=(
            "What happened until now is kept, and no longer holds against the address. It is taken "
            "off SES's suppression list of the account, too; the answer says which lists it was on."
        ),
        tags=_TAG,
        operation_id="liftSuppression",
        responses=answers(LiftedSuppression),
        middlewares=[Needs(Scope.ADMIN)],
    )
    def lift(address: AddressPath) -> LiftedSuppression:
        return _lift(address_of(address))

    @app.delete(
        "/v1/suppressions",
        summary="Lift a suppression, of an address in the query",
        tags=_TAG,
        operation_id="liftSuppressionInQuery",
        responses=answers(LiftedSuppression),
        middlewares=[Needs(Scope.ADMIN)],
    )
    def lift_in_query(address: AddressQuery) -> LiftedSuppression:
        return _lift(checked_address(address))

    def _lift(address: str) -> LiftedSuppression:
        result = wiring.staff.lift(address, now(), by=actor_of(app))
        return LiftedSuppression.model_validate({"address": address, **asdict(result)})


def _standing(wiring: Wiring, address: str) -> Suppression:
    found = wiring.directory.suppression(address)
    if found is None:
        raise NotFoundError(f"{address} is not suppressed")
    return Suppression.model_validate(suppression_view(found))
