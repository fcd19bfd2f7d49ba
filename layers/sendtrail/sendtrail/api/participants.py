"""/v1/participants: who they are, and what they were sent."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.params import Query

from sendtrail.api.parameters import (
    AddressPath,
    AddressQuery,
    Cursor,
    Limit,
    MessageId,
    ParticipantId,
    address_of,
    answers,
    past_time,
    time_bound,
)
from sendtrail.api.schemas import (
    EMAIL,
    Address,
    Interaction,
    Message,
    MessageWithTrail,
    Page,
    Participant,
    ParticipantOfAddress,
    Subscription,
)
from sendtrail.api.scopes import Needs, actor_of
from sendtrail.auth.api_keys import Scope
from sendtrail.domain.ids import normal_address
from sendtrail.domain.message import Status
from sendtrail.domain.times import now
from sendtrail.errors import InvalidInputError
from sendtrail.mail.addresses import MAX_ADDRESS, checked_address
from sendtrail.reading.history import MessageFilter
from sendtrail.reading.waiting import waiting_of
from sendtrail.wiring import Wiring

__all__ = ["add_routes"]

_TAG = ["Participants"]


def add_routes(app: APIGatewayHttpResolver, wiring: Wiring) -> None:
    """Adds the routes."""

    @app.get(
        "/v1/participants",
        summary="Who has, or had, an address",
        tags=_TAG,
        operation_id="findParticipants",
        responses=answers(Page[ParticipantOfAddress], 400),
        middlewares=[Needs(Scope.READ)],
    )
    def of_address(
        address: Annotated[str, Query(max_length=MAX_ADDRESS, json_schema_extra=EMAIL)],
        limit: Limit = 25,
        cursor: Cursor = None,
    ) -> Page[ParticipantOfAddress]:
        normal = normal_address(checked_address(address.replace(" ", "+")))
        place = wiring.cursors.read(cursor, "participants", normal)
        found, place = wiring.directory.owners_of(normal, place, limit)
        return Page[ParticipantOfAddress].of(
            [
                {
                    "participant_id": use.participant_id,
                    "address": use.address,
                    "first_used_at": use.first_used_at,
                    "last_used_at": use.last_used_at,
                    "registered_at": use.registered_at,
                }
                for use in found
            ],
            wiring.cursors.write(place, "participants", normal),
        )

    @app.get(
        "/v1/participants/<participant_id>",
        summary="A participant",
        tags=_TAG,
        operation_id="getParticipant",
        responses=answers(Participant),
        middlewares=[Needs(Scope.READ)],
    )
    def one(participant_id: ParticipantId) -> Participant:
        return Participant.model_validate(wiring.history.profile(participant_id))

    @app.get(
        "/v1/participants/<participant_id>/messages",
        summary="What a participant was sent, newest first",
        description=(
            "Filtering by status or kind looks at up to 100 messages at a time, and may answer "
            "fewer than limit, with a cursor to go on."
        ),
        tags=_TAG,
        operation_id="listMessages",
        responses=answers(Page[Message], 400),
        middlewares=[Needs(Scope.READ)],
    )
    def messages(
        participant_id: ParticipantId,
        status: Annotated[Status | None, Query()] = None,
        kind: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
        since: Annotated[
            str | None, Query(alias="from", max_length=40, description="sent then or later")
        ] = None,
        until: Annotated[
            str | None, Query(alias="to", max_length=40, description="sent then or earlier")
        ] = None,
        limit: Limit = 25,
        cursor: Cursor = None,
    ) -> Page[Message]:
        wanted = MessageFilter(
            status,
            kind,
            time_bound(since, "from", end=False),
            time_bound(until, "to", end=True),
        )
        if wanted.since and wanted.until and wanted.since > wanted.until:
            raise InvalidInputError("from is later than to")
        name = ("messages", participant_id, status, kind, wanted.since, wanted.until)
        place = wiring.cursors.read(cursor, *name)
        items, place = wiring.history.messages(participant_id, wanted, place=place, limit=limit)
        return Page[Message].of(items, wiring.cursors.write(place, *name))

    @app.get(
        "/v1/participants/<participant_id>/messages/<message_id>",
        summary="A message, with its links and its trail",
        tags=_TAG,
        operation_id="getMessage",
        responses=answers(MessageWithTrail),
        middlewares=[Needs(Scope.READ)],
    )
    def message(participant_id: ParticipantId, message_id: MessageId) -> MessageWithTrail:
        found = wiring.history.message(participant_id, message_id)
        waiting = waiting_of(wiring.holds, found)
        return MessageWithTrail.model_validate(found | {"waiting": waiting})

    @app.get(
        "/v1/participants/<participant_id>/addresses",
        summary="The history of a participant's addresses",
        tags=_TAG,
        operation_id="listAddresses",
        responses=answers(Page[Address]),
        middlewares=[Needs(Scope.READ)],
    )
    def addresses(participant_id: ParticipantId) -> Page[Address]:
        return Page[Address].of(wiring.history.addresses(participant_id)[1], None)

    @app.put(
        "/v1/participants/<participant_id>/addresses/<address>",
        summary="Register an address",
        description=(
            "It is then the address to write to. Mail that something else sent to it, before or "
            "later, is part of the participant's history."
        ),
        tags=_TAG,
        operation_id="registerAddress",
        responses=answers(Address),
        middlewares=[Needs(Scope.SEND)],
    )
    def register(participant_id: ParticipantId, address: AddressPath) -> Address:
        return _register(participant_id, address_of(address))

    @app.put(
        "/v1/participants/<participant_id>/addresses",
        summary="Register an address, named in the query",
        tags=_TAG,
        operation_id="registerAddressInQuery",
        responses=answers(Address),
        middlewares=[Needs(Scope.SEND)],
    )
    def register_in_query(participant_id: ParticipantId, address: AddressQuery) -> Address:
        return _register(participant_id, checked_address(address))

    def _register(participant_id: str, address: str) -> Address:
        wiring.staff.address(participant_id, now(), address, by=actor_of(app))
        return Address.model_validate(wiring.history.address(participant_id, address))

    @app.post(
        "/v1/participants/<participant_id>/interactions",
        summary="Record a transaction, which ends inactivity",
        tags=_TAG,
        operation_id="recordInteraction",
        responses=answers(Participant),
        middlewares=[Needs(Scope.SEND)],
    )
    def interact(participant_id: ParticipantId, interaction: Interaction) -> Participant:
        if interaction.reference and not interaction.at:
            raise InvalidInputError(
                "at: needed with a reference, so that the same one told again is the same event"
            )
        wiring.staff.interaction(
            participant_id,
            kind=interaction.kind,
            at=past_time(interaction.at, "at"),
            reference=interaction.reference,
            by=actor_of(app),
        )
        return Participant.model_validate(wiring.history.profile(participant_id))

    @app.put(
        "/v1/participants/<participant_id>/subscription",
        summary="Record whether a participant wants communications",
        tags=_TAG,
        operation_id="setSubscription",
        responses=answers(Participant),
        middlewares=[Needs(Scope.SEND)],
    )
    def subscribe(participant_id: ParticipantId, subscription: Subscription) -> Participant:
        wiring.staff.subscription(
            participant_id, now(), subscribed=subscription.subscribed, by=actor_of(app)
        )
        return Participant.model_validate(wiring.history.profile(participant_id))
