"""/v1/participants: who they are, and what they were sent."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.params import Query

from sendtrail.api.parameters import (
    DID,
    AddressPath,
    AddressQuery,
    Cursor,
    Limit,
    MessageId,
    ParticipantId,
    address_of,
    answers,
    past_time,
)
from sendtrail.api.schemas import (
    EMAIL,
    Address,
    FoundParticipants,
    Interaction,
    Message,
    MessageWithTrail,
    Page,
    Participant,
    ParticipantName,
    Subscription,
    TimelineEntry,
)
from sendtrail.api.scopes import Needs, actor_of
from sendtrail.auth.api_keys import Scope
from sendtrail.domain.communication import Happened
from sendtrail.domain.ids import normal_address
from sendtrail.domain.message import Status
from sendtrail.domain.times import now
from sendtrail.errors import InvalidInputError
from sendtrail.mail.addresses import MAX_ADDRESS, checked_address
from sendtrail.reading.message_filter import MessageFilter
from sendtrail.reading.people import MAX_WORD, PeopleFilter, PeopleState
from sendtrail.reading.waiting import waiting_of
from sendtrail.wiring import Wiring

__all__ = ["add_routes"]

_TAG = ["Participants"]
_MESSAGES = ["Messages"]


def add_routes(app: APIGatewayHttpResolver, wiring: Wiring) -> None:
    """Adds the routes."""

    @app.get(
        "/v1/participants",
        summary="Participants: all, those whom a word finds, or who has, or had, an address",
        description=(
            "By a word: whose id begins with it, then whose name, then whose address. With a state "
            "alone, those in it. Each participant is looked at, and left out if they are not, or "
            "no longer, in the list: so an answer may have fewer than limit, with a cursor to go "
            "on. last_interaction_at is told by the newest 10 messages."
        ),
        tags=_TAG,
        operation_id="findParticipants",
        responses=answers(FoundParticipants, 400),
        middlewares=[Needs(Scope.READ)],
    )
    def several(
        q: Annotated[
            str | None,
            Query(
                max_length=MAX_WORD,
                description="the beginning of an id or an address, or the beginnings of words of "
                "a name; capitals and accents do not matter",
            ),
        ] = None,
        state: Annotated[PeopleState | None, Query()] = None,
        address: Annotated[
            str | None,
            Query(
                max_length=MAX_ADDRESS,
                json_schema_extra=EMAIL,
                description="this very one; without q and state",
            ),
        ] = None,
        limit: Limit = 25,
        cursor: Cursor = None,
    ) -> FoundParticipants:
        if address is not None:
            if q is not None or state is not None:
                raise InvalidInputError("address: give it alone, or q and state")
            return _of_address(address, limit, cursor)
        wanted = PeopleFilter(q, state)
        name = ("people", q, state)
        place = wiring.cursors.read(cursor, *name)
        items, place = wiring.people.page(wanted, place=place, limit=limit)
        return FoundParticipants.of(items, wiring.cursors.write(place, *name))

    def _of_address(address: str, limit: int, cursor: str | None) -> FoundParticipants:
        normal = normal_address(checked_address(address.replace(" ", "+")))
        place = wiring.cursors.read(cursor, "participants", normal)
        found, place = wiring.directory.owners_of(normal, place, limit)
        return FoundParticipants.of(
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

    @app.put(
        "/v1/participants/<participant_id>",
        summary="Record what a participant is called",
        description="The latest record holds. A participant need not be known before.",
        tags=_TAG,
        operation_id="nameParticipant",
        responses=answers(Participant),
        middlewares=[Needs(Scope.SEND)],
    )
    def name(participant_id: ParticipantId, name: ParticipantName) -> Participant:
        wiring.staff.name(participant_id, now(), name.name, by=actor_of(app))
        return Participant.model_validate(wiring.history.profile(participant_id))

    @app.get(
        "/v1/participants/<participant_id>/timeline",
        summary="All that happened to a participant, newest first",
        description=(
            "Their messages, each as one line; changes of name, addresses and subscription; "
            "transactions, suppressions of their addresses and lifts, and when they were found "
            "inactive; and who of the staff recorded it."
        ),
        tags=_TAG,
        operation_id="getTimeline",
        responses=answers(Page[TimelineEntry], 400),
        middlewares=[Needs(Scope.READ)],
    )
    def timeline(
        participant_id: ParticipantId, limit: Limit = 25, cursor: Cursor = None
    ) -> Page[TimelineEntry]:
        place = wiring.cursors.read(cursor, "timeline", participant_id)
        items, place = wiring.timeline.page(participant_id, place=place, limit=limit)
        return Page[TimelineEntry].of(
            items, wiring.cursors.write(place, "timeline", participant_id)
        )

    @app.get(
        "/v1/participants/<participant_id>/messages",
        summary="What a participant was sent, newest first",
        description=(
            "Filtering by status, did or kind looks at up to 100 messages at a time, and may "
            "answer fewer than limit, with a cursor to go on."
        ),
        tags=_MESSAGES,
        operation_id="listMessages",
        responses=answers(Page[Message], 400),
        middlewares=[Needs(Scope.READ)],
    )
    def messages(
        participant_id: ParticipantId,
        status: Annotated[Status | None, Query()] = None,
        did: Annotated[Happened | None, Query(description=DID)] = None,
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
        wanted = MessageFilter.of(status=status, did=did, kind=kind, since=since, until=until)
        name = ("messages", participant_id, *wanted.name)
        place = wiring.cursors.read(cursor, *name)
        items, place = wiring.history.messages(participant_id, wanted, place=place, limit=limit)
        return Page[Message].of(items, wiring.cursors.write(place, *name))

    @app.get(
        "/v1/participants/<participant_id>/messages/<message_id>",
        summary="A message, with its links and its trail",
        tags=_MESSAGES,
        operation_id="getMessage",
        responses=answers(MessageWithTrail),
        middlewares=[Needs(Scope.READ)],
    )
    def message(participant_id: ParticipantId, message_id: MessageId) -> MessageWithTrail:
        found = wiring.history.message(participant_id, message_id)
        waiting = waiting_of(wiring.holds, found)
        attachments = wiring.preview.attachments(found)
        return MessageWithTrail.model_validate(
            found | {"waiting": waiting, "attachments": attachments}
        )

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
