"""The parameters that routes share, and what they may answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final
from urllib.parse import unquote

from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query

from sendtrail.api.schemas import EMAIL, ERASURE, ID, GatewayMessage, Problem
from sendtrail.domain.times import Timestamp, epoch_ms, now
from sendtrail.errors import InvalidInputError
from sendtrail.mail.addresses import checked_address
from sendtrail.reading.message_filter import time_bound

__all__ = [
    "AddressPath",
    "AddressQuery",
    "CommunicationId",
    "Cursor",
    "DID",
    "ErasureId",
    "Limit",
    "MessageId",
    "IdempotencyKey",
    "ParticipantId",
    "TemplateId",
    "address_of",
    "answers",
    "past_time",
]

Limit = Annotated[int, Query(ge=1, le=100, description="how many at most")]
Cursor = Annotated[str | None, Query(max_length=4096, description="next_cursor of the part before")]
ParticipantId = Annotated[str, Path(pattern=ID)]
ErasureId = Annotated[str, Path(pattern=ERASURE, description="as asking to erase answers it")]
CommunicationId = Annotated[str, Path(pattern=ID)]
TemplateId = Annotated[str, Path(pattern=ID)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="idempotency-key",
        min_length=1,
        max_length=255,
        description="the same key with the same body is the same request, and answered as that was",
    ),
]
DID: Final = "what happened to it, as the figures count it; opened and clicked, by people"
MessageId = Annotated[str, Path(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$", description="a ULID")]
AddressPath = Annotated[
    str, Path(max_length=1000, description="an email address", json_schema_extra=EMAIL)
]
AddressQuery = Annotated[
    str, Query(max_length=1000, description="an email address", json_schema_extra=EMAIL)
]
"""Where an address has a ``?``, a ``/`` or a ``%``: API Gateway decodes paths before it routes."""

_CLOCK_SKEW_MS: Final = int(timedelta(minutes=5) / timedelta(milliseconds=1))


def answers(model: Any, *statuses: int, good: int = 200) -> dict[int, Any]:
    """What a route may answer with, for its OpenAPI description.

    Args:
        model: of the answer when all is well; None for one without a body.
        statuses: of the problems beyond those that any route has.
        good: the status when all is well.
    """
    said = {
        400: "The cursor is not one of ours, or of another list",
        401: "No API key",
        403: "The API key is not known, or its scope does not allow this",
        404: "There is no such thing",
        409: "It cannot be done as things stand; detail says what has to change",
        413: "The body is too large",
        415: "The body is not JSON",
        422: "The request is not valid; errors says what is allowed",
        429: "Too many requests at once",
        503: "A service behind this one did not answer",
    }
    problem = {"application/problem+json": {"model": Problem}}
    done: dict[int, Any] = {good: {"description": "Done"}}
    if model:
        done[good]["content"] = {"application/json": {"model": model}}
    # API Gateway's own answers, before the function is asked, are {"message"}.
    gateway = {"application/json": {"model": GatewayMessage}}
    either = gateway | problem
    contents = {401: gateway, 403: either, 413: either, 429: gateway, 503: either}
    return done | {
        status: {"description": said[status], "content": contents.get(status, problem)}
        for status in sorted({*said} - {400, 409} | {*statuses})
    }


def address_of(path: str) -> str:
    """The address in a path; gateways differ in whether they have decoded it."""
    return checked_address(path if "@" in path else unquote(path))


def past_time(value: str | None, name: str) -> Timestamp:
    """When something happened: now if not given, and not in the future.

    Raises:
        InvalidInputError: it is no time, or more than 5 minutes from now.
    """
    current = now()
    if value is None:
        return current
    given = time_bound(value, name, end=False) or current
    if epoch_ms(given) > epoch_ms(current) + _CLOCK_SKEW_MS:
        raise InvalidInputError(f"{name}: {value} is in the future")
    return given
