"""The resolver: all pages, the errors, and the headers that every answer has."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from pynamodb.exceptions import PynamoDBException

from sendtrail.console import (
    account,
    by_name,
    communications,
    compose,
    drafts,
    home,
    inactive,
    language_choice,
    messages,
    participants,
    people,
    recipients,
    rights,
    search,
    staff,
    stopping,
    suppressions,
    template_editor,
    template_pages,
    webhooks,
)
from sendtrail.console.request_context import (
    ROOT,
    AccessControl,
    RequestContext,
    language_of,
)
from sendtrail.console.templating import NAVIGATION, render, static_file
from sendtrail.errors import (
    AwsError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidCursorError,
    InvalidInputError,
    NotFoundError,
)
from sendtrail.language import gettext, mark, use_language
from sendtrail.wiring import Wiring

__all__ = ["Console"]

_HEADERS: Final = {
    "Cache-Control": "no-store",
    # Everything from here and nothing inline; the pages can be put into no frame.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
}
"""What every answer says unless it says something else itself."""

_STATUS: Final[dict[type[Exception], tuple[HTTPStatus, str]]] = {
    InvalidCursorError: (HTTPStatus.BAD_REQUEST, mark("This link does not work any more")),
    InvalidInputError: (HTTPStatus.UNPROCESSABLE_ENTITY, mark("This is not valid")),
    ForbiddenError: (HTTPStatus.FORBIDDEN, mark("This is not allowed")),
    ConflictError: (HTTPStatus.CONFLICT, mark("This cannot be done now")),
}
_NOWHERE: Final = mark("it may be misspelt, or older than what is kept")


class Console:
    """Answers the requests under /console."""

    def __init__(
        self,
        wiring: Wiring,
        logger: Logger,
    ) -> None:
        wiring.bind_models()
        self._app = APIGatewayHttpResolver()
        sign_in, is_set_wrongly = None, False
        try:
            sign_in = wiring.sign_in
        except ConfigurationError:  # keys are the way in then
            logger.exception("sign-in by name is off")
            is_set_wrongly = True
        self._access = AccessControl(
            self._app,
            wiring.sessions,
            wiring.api_keys,
            wiring.cursors,
            wiring.settings.environment,
            sign_in=sign_in,
            seen=wiring.keys_seen.note,
        )
        self._register_errors(logger)
        console_url = wiring.settings.console_url
        account.add_pages(
            self._app,
            self._access,
            wiring.api_keys,
            wiring.audit,
            sign_in_by_name=sign_in,
            is_set_wrongly=is_set_wrongly,
            console_url=console_url,
        )
        by_name.add_account(self._app, self._access, sign_in)
        if sign_in:
            by_name.add_pages(self._app, self._access, sign_in, wiring.audit, console_url, logger)
        language_choice.add_pages(self._app, self._access)
        home.add_pages(self._app, self._access, wiring)
        compose.add_pages(self._app, self._access, wiring)
        drafts.add_pages(self._app, self._access, wiring)
        communications.add_pages(self._app, self._access, wiring)
        recipients.add_pages(self._app, self._access, wiring)
        people.add_pages(self._app, self._access, wiring)
        messages.add_pages(self._app, self._access, wiring)
        participants.add_pages(self._app, self._access, wiring)
        rights.add_pages(self._app, self._access, wiring)
        suppressions.add_pages(self._app, self._access, wiring)
        inactive.add_pages(self._app, self._access, wiring)
        search.add_pages(self._app, self._access, wiring)
        stopping.add_pages(self._app, self._access, wiring)
        staff.add_pages(self._app, self._access, wiring)
        webhooks.add_pages(self._app, self._access, wiring)
        template_pages.add_pages(self._app, self._access, wiring)
        template_editor.add_pages(self._app, self._access, wiring)

        @self._app.get(f"{ROOT}/static/<name>")
        def static(name: str) -> Response[str]:
            found = static_file(name)
            if found is None:
                raise NotFoundError(f"there is no file {name}")
            content, kind = found
            forever = {"Cache-Control": "public, max-age=31536000, immutable"}
            return Response(status_code=200, content_type=kind, body=content, headers=forever)

    def answer(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Answers one request of the HTTP API (payload 2.0), in the language of its reader."""
        use_language(language_of(event))
        answer: dict[str, Any] = self._app.resolve(event, context)
        answer["headers"] = _HEADERS | (answer.get("headers") or {})
        return answer

    def _register_errors(self, logger: Logger) -> None:
        app = self._app

        def ours(error: Exception) -> Response[str]:
            kind = next(kind for kind in _STATUS if isinstance(error, kind))  # the closest is first
            again = gettext("begin the list again")
            status, title = _STATUS[kind]
            said = again if kind is InvalidCursorError else str(error)
            return self._problem(status, gettext(title), said)

        for kind in _STATUS:
            app.exception_handler(kind)(ours)

        @app.exception_handler(NotFoundError)
        def unknown(error: Exception) -> Response[str]:
            """What is not there is called by its name."""
            said = str(error)
            title = f"{said[:1].upper()}{said[1:]}"
            return self._problem(HTTPStatus.NOT_FOUND, title, gettext(_NOWHERE))

        @app.exception_handler([AwsError, PynamoDBException])
        def unavailable(error: Exception) -> Response[str]:
            logger.exception("AWS did not do as asked", exc_info=error)
            return self._problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                gettext("Something behind this page did not answer"),
                gettext("nothing is lost; load the page again in a moment"),
            )

        @app.not_found
        def not_found(_error: Exception) -> Response[str]:
            said = gettext("nothing is at %(path)s") % {"path": app.current_event.path}
            return self._problem(HTTPStatus.NOT_FOUND, gettext("There is no such page"), said)

        @app.exception_handler(Exception)
        def unexpected(error: Exception) -> Response[str]:
            logger.exception("unexpected", exc_info=error)
            return self._problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                gettext("Something went wrong here"),
                gettext("it is in the log"),
            )

    def _problem(self, status: HTTPStatus, title: str, said: str) -> Response[str]:
        said = f"{said[:1].upper()}{said[1:]}."
        context = self._visitor()
        return render(
            "problem", context, status=status.value, title=title, said=said, way=_way_on(context)
        )

    def _visitor(self) -> RequestContext | None:
        """The context of the request; None where not even that can be told."""
        try:
            return self._access.current()
        except (AwsError, ConfigurationError, InvalidInputError):
            return None


def _way_on(context: RequestContext | None) -> tuple[str, str]:
    """Where to go from a page that is not there: the label and path of what lists its like."""
    path = context.path if context else ""
    for _, label, listed, _ in NAVIGATION:
        if listed != ROOT and path.startswith(f"{listed}/"):
            return gettext(label), listed
    if "/participants/" in path:
        return gettext("Find somebody else"), f"{ROOT}/find"
    return gettext("Home"), ROOT
