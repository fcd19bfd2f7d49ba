"""A person's rights: what is kept of them, and having them erased."""

from __future__ import annotations

from http import HTTPStatus

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types

from sendtrail.api.parameters import Cursor, ErasureId, ParticipantId, answers
from sendtrail.api.schemas import Erasure, PersonExport
from sendtrail.api.scopes import Needs, actor_of
from sendtrail.auth.api_keys import Scope
from sendtrail.auth.audit import StaffAction
from sendtrail.rights.views import erasure_view
from sendtrail.wiring import Wiring

__all__ = ["add_routes"]

_TAG = ["Participants"]


def add_routes(app: APIGatewayHttpResolver, wiring: Wiring) -> None:
    """Adds the routes."""

    @app.get(
        "/v1/participants/<participant_id>/export",
        summary="All that is kept of a participant",
        description=(
            "As it is stored, with every event whole; for a copy of their personal data. The first "
            "part has all but the rest of their messages, which are as many as some 3 MB take. "
            "Events have what they say under `detail`. That it was asked for is among what staff "
            "did."
        ),
        tags=_TAG,
        operation_id="exportParticipant",
        responses=answers(PersonExport, 400),
        middlewares=[Needs(Scope.ADMIN)],
    )
    def export(participant_id: ParticipantId, cursor: Cursor = None) -> PersonExport:
        place = wiring.cursors.read(cursor, "export", participant_id)
        found, following = wiring.person_export.page(participant_id, place)
        if place is None:
            wiring.audit(actor_of(app), StaffAction.EXPORT_PERSON, participant_id)
        following = wiring.cursors.write(following, "export", participant_id)
        return PersonExport.model_validate(found | {"next_cursor": following})

    @app.delete(
        "/v1/participants/<participant_id>",
        summary="Erase a participant",
        description=(
            "Their name, addresses, subjects, merge data, IP addresses and clients are deleted, "
            "wherever they are kept; their messages stay, under a pseudonym of nobody, so that all "
            "figures stay as they are. That an address refused mail is kept as a keyed hash of it. "
            "It cannot be undone. The work goes on after the answer: ask for it by `erasure_id`, "
            "as the participant's own id leads nowhere then. Asked again, it is the same erasure; "
            "of somebody who has come back since, it begins again."
        ),
        tags=_TAG,
        operation_id="eraseParticipant",
        responses=answers(Erasure, good=202),
        middlewares=[Needs(Scope.ADMIN)],
    )
    def erase(participant_id: ParticipantId) -> Response[Erasure]:
        asked = wiring.erasing.request(participant_id, by=actor_of(app))
        told = Erasure.model_validate(erasure_view(asked))
        return Response(HTTPStatus.ACCEPTED, content_types.APPLICATION_JSON, told)

    @app.get(
        "/v1/erasures/<erasure_id>",
        summary="How far an erasure is, and its report",
        tags=_TAG,
        operation_id="getErasure",
        responses=answers(Erasure),
        middlewares=[Needs(Scope.ADMIN)],
    )
    def erasure(erasure_id: ErasureId) -> Erasure:
        return Erasure.model_validate(erasure_view(wiring.erasing.status(erasure_id)))
