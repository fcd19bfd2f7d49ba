"""Signing in by one's own name, at the organisation's provider; and the page of one's account.

The session's cookie is not sent along when another site leads here (`SameSite=Strict`), and a form
may lead to no other site (`form-action`). So both ways, to the provider and back, go over a small
page that leads on by itself.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.shared.cookies import Cookie

from sendtrail.auth.api_keys import Scope
from sendtrail.auth.audit import Audit, StaffAction
from sendtrail.auth.sign_in import ATTEMPT_SECONDS, Arrival, SignIn
from sendtrail.console.forms import read_form
from sendtrail.console.request_context import (
    HOME,
    ROOT,
    SIGN_IN,
    AccessControl,
    RequestContext,
    back_to,
    redirect,
)
from sendtrail.console.templating import render
from sendtrail.domain.times import from_epoch_ms
from sendtrail.errors import ConfigurationError, InvalidInputError, ProviderError, SignInError
from sendtrail.language import gettext as _

__all__ = ["add_account", "add_pages", "signed_out"]

_TO_PROVIDER: Final = f"{SIGN_IN}/provider"
_BACK: Final = f"{SIGN_IN}/back"
_EVERYWHERE: Final = f"{ROOT}/sign-out/everywhere"
_BACK_CHANNEL: Final = f"{ROOT}/back-channel-logout"
_ATTEMPT: Final = "sendtrail_attempt"
_MAX_FORM: Final = 4 * 1024
_MAX_LOGOUT_TOKEN: Final = 32 * 1024
_MAX_NEXT: Final = 1_500
"""Characters of the page asked for: the attempt's cookie takes some 4 KB in browsers."""


def add_pages(
    app: APIGatewayHttpResolver,
    access: AccessControl,
    sign_in: SignIn,
    audit: Audit,
    console_url: str | None,
    logger: Logger,
) -> None:
    """Adds the pages of who signs in at the provider.

    Args:
        console_url: as the provider knows it; None if that is the one that the console is asked by.
    """

    def url(path: str) -> str:
        return f"{console_url or access.url}{path}"

    @app.post(_TO_PROVIDER)
    def to_provider() -> Response[Any]:
        context = access.with_form(access.current(), max_bytes=_MAX_FORM, files=False)
        to = back_to(context.form.get("next", HOME)[:_MAX_NEXT])
        anew = context.form.get("as") == "somebody-else"
        try:
            leads, attempt = sign_in.begin(to, url(_BACK), as_somebody_else=anew)
        except (ProviderError, ConfigurationError) as error:
            return _unavailable(context, to, error)
        cookies = [access.own_cookie(_ATTEMPT, attempt, ATTEMPT_SECONDS, lax=True)]
        return go_on(context, leads, _("Going on to your organisation’s sign-in"), cookies)

    @app.get(_BACK)
    def back() -> Response[Any]:
        context = access.current()
        said = dict(parse_qsl(app.current_event.raw_event.get("rawQueryString") or ""))
        used = access.own_cookie(_ATTEMPT, "", 0, lax=True)
        try:
            arrival = sign_in.finish(said, access.cookie_sent(_ATTEMPT), url(_BACK))
        except SignInError as error:
            logger.warning("sign-in refused", extra={"reason": str(error)})
            audit(None, StaffAction.SIGN_IN_REFUSED)
            return _not_signed_in(context, str(error), [used])
        except (ProviderError, ConfigurationError) as error:
            return _unavailable(context, HOME, error, [used])
        if arrival.session is None:
            return _refused(context, arrival, [used])
        cookies = [used, access.cookie(arrival.session)]
        return go_on(context, arrival.to, _("You are signed in"), cookies)

    @app.post(_BACK_CHANNEL)
    def back_channel() -> Response[Any]:
        """The provider's server asks, not a browser (Back-Channel Logout 1.0, sections 2.5 on)."""
        event = app.current_event.raw_event
        try:
            form = read_form(event, max_bytes=_MAX_LOGOUT_TOKEN, files=False)
            sign_in.end_by_provider(form.fields.get("logout_token", ""))
        except (SignInError, InvalidInputError) as error:
            logger.warning("logout token refused", extra={"reason": str(error)})
            return _told(HTTPStatus.BAD_REQUEST, '{"error": "invalid_request"}')
        except ProviderError as error:
            logger.exception("the provider does not answer", exc_info=error)
            return _told(HTTPStatus.SERVICE_UNAVAILABLE, '{"error": "temporarily_unavailable"}')
        return _told(HTTPStatus.OK, "")

    @app.post(_EVERYWHERE)
    @access.needs(Scope.READ)
    def everywhere(context: RequestContext) -> Response[Any]:
        person_id = context.actor.id if context.session.person_id else ""
        if person_id:
            sign_in.end_all(person_id)
            audit(context.actor, StaffAction.END_SESSIONS, person_id)
        return redirect(SIGN_IN, [access.end()])

    def _refused(context: RequestContext, found: Arrival, used: list[Cookie]) -> Response[Any]:
        return render(
            "no_access",
            context,
            status=HTTPStatus.FORBIDDEN.value,
            cookies=[*used, access.cookie(context.session)],
            who=found,
            rules=sign_in.rules.rules,
            to=found.to,
        )

    def _not_signed_in(context: RequestContext, said: str, used: list[Cookie]) -> Response[Any]:
        """What came back was no answer to this browser's attempt. An earlier session goes on."""
        return render(
            "problem",
            context,
            status=HTTPStatus.BAD_REQUEST.value,
            cookies=used,
            title=_("You were not signed in"),
            said=_("The sign-in cannot be trusted: %s. Begin it again.") % said,
            way=(_("Sign in"), SIGN_IN),
        )

    def _unavailable(
        context: RequestContext, to: str, error: Exception, used: list[Cookie] | None = None
    ) -> Response[Any]:
        logger.error("the provider does not answer", extra={"reason": str(error)})
        return render(
            "sign_in",
            context,
            status=HTTPStatus.SERVICE_UNAVAILABLE.value,
            cookies=[*(used or ()), access.cookie(context.session)],
            to=to,
            wrong=False,
            ended=False,
            by_name=True,
            provider_down=True,
            is_set_wrongly=False,
        )


def add_account(app: APIGatewayHttpResolver, access: AccessControl, sign_in: SignIn | None) -> None:
    """Adds the page of who one is here, and where one is signed in."""

    @app.get(f"{ROOT}/account")
    @access.needs(Scope.READ)
    def account(context: RequestContext) -> Response[Any]:
        person_id = context.session.person_id
        rows = sign_in.sessions_of(person_id) if sign_in and person_id else []
        sessions = [
            {
                "since": from_epoch_ms(row.began_at * 1000),
                "until": from_epoch_ms(row.until * 1000),
                "is_here": row.is_of(context.session.session_id),
            }
            for row in rows
        ]
        return render("account", context, sessions=sessions)


def go_on(context: RequestContext, to: str, said: str, cookies: list[Cookie]) -> Response[Any]:
    """A small page that leads on by itself, and by a link."""
    return render("go_on", context, cookies=cookies, to=to, said=said)


def signed_out(
    access: AccessControl, sign_in: SignIn, context: RequestContext, console_url: str | None
) -> Response[Any]:
    """Signs out who signed in by name: here, and at the provider, if it has a page for that."""
    after = f"{console_url or access.url}{SIGN_IN}"
    leads = sign_in.end(context.session, after)
    if leads is None:
        return redirect(SIGN_IN, [access.end()])
    return go_on(access.nobody(context), leads, _("You are signed out here"), [access.end()])


def _told(status: HTTPStatus, body: str) -> Response[Any]:
    return Response(status_code=status.value, content_type="application/json", body=body)
