"""Errors as problem details (RFC 9457), each kind of error mapped in one place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from pynamodb.exceptions import PynamoDBException

from sendtrail.api.scopes import check_scope
from sendtrail.errors import (
    MAX_TOLD,
    AwsError,
    ConflictError,
    ForbiddenError,
    InvalidCursorError,
    InvalidInputError,
    InvalidTemplateError,
    MissingFieldError,
    NotFoundError,
    Problem,
)

__all__ = ["PROBLEM_JSON", "problem", "register"]

PROBLEM_JSON: Final = "application/problem+json"
_RETRY_SECONDS: Final = "1"

_STATUS: Final[dict[type[Exception], HTTPStatus]] = {
    InvalidCursorError: HTTPStatus.BAD_REQUEST,
    InvalidInputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidTemplateError: HTTPStatus.UNPROCESSABLE_ENTITY,
    MissingFieldError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
}


def problem(
    status: HTTPStatus,
    detail: str,
    *,
    errors: Sequence[dict[str, Any]] = (),
    headers: dict[str, str] | None = None,
) -> Response[str]:
    """A problem in JSON.

    Args:
        errors: of a request that is not valid: where (`in`, `name`) and what (`message`).
    """
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
    }
    if errors:
        body["errors"] = list(errors)
    return Response(
        status_code=status.value,
        content_type=PROBLEM_JSON,
        body=json.dumps(body),
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def register(app: APIGatewayHttpResolver, logger: Logger) -> None:
    """Has the app answer every error with a problem."""

    def ours(error: Exception) -> Response[str]:
        problems = error.problems if isinstance(error, InvalidInputError) else ()
        errors = [_named(each) for each in problems if each.field is not None]
        return problem(_STATUS[type(error)], str(error), errors=errors)

    for kind in _STATUS:
        app.exception_handler(kind)(ours)

    @app.exception_handler(RequestValidationError)
    def not_valid(error: RequestValidationError) -> Response[str]:
        try:
            check_scope(app)  # what is wrong with a request is told to those who may make it
        except ForbiddenError as forbidden:
            return ours(forbidden)
        entries = error.errors()
        errors = [_error(entry) for entry in entries[:MAX_TOLD]]
        said = [f"{each['name']}: {each['message']}" for each in errors]
        if len(entries) > MAX_TOLD:
            said.append(f"and {len(entries) - MAX_TOLD} more")
        return problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "; ".join(said) or "the request is not valid",
            errors=errors,
        )

    @app.exception_handler([AwsError, PynamoDBException])
    def unavailable(error: Exception) -> Response[str]:
        logger.exception("AWS did not do as asked", exc_info=error)
        return problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "a service behind this one did not answer; try again",
            headers={"Retry-After": _RETRY_SECONDS},
        )

    @app.not_found
    def not_found(_error: Exception) -> Response[str]:
        event = app.current_event
        said = f"there is no {event.http_method} {event.path}"
        allowed = _methods(app, event.path)
        if not allowed:
            return problem(HTTPStatus.NOT_FOUND, said)
        allow = {"Allow": ", ".join(allowed)}
        return problem(HTTPStatus.METHOD_NOT_ALLOWED, said, headers=allow)

    @app.exception_handler(Exception)
    def unexpected(error: Exception) -> Response[str]:
        logger.exception("unexpected", exc_info=error)
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong here; it is logged")


def _methods(app: APIGatewayHttpResolver, path: str) -> list[str]:
    """The methods of the routes of a path."""
    routes = (*app._static_routes, *app._dynamic_routes)  # noqa: SLF001  # Powertools names no other
    return sorted({route.method for route in routes if route.rule.match(path)})


def _named(found: Problem) -> dict[str, Any]:
    """A problem of our own finding, named as those that `_error` tells."""
    names = [found.field, found.index, found.subfield]
    name = ".".join(str(each) for each in names if each is not None)
    position = f"{found.position}: " if found.position else ""
    return {"in": "body", "name": name, "message": position + found.message}


def _error(entry: dict[str, Any]) -> dict[str, Any]:
    place, *names = [str(part) for part in entry.get("loc", ())] or ["request"]
    message = str(entry.get("msg", "is not valid"))
    if entry.get("type") == "json_invalid":
        names, message = [], f"not JSON, at character {'.'.join(names)}"
    allowed = (entry.get("ctx") or {}).get("expected")
    if allowed and str(allowed) not in message:
        message += f" (allowed: {allowed})"
    return {"in": place, "name": ".".join(names) or place, "message": message}
