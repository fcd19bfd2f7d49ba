"""Signing in, with an API key or by one's own name (`sendtrail.console.by_name`), and out."""

from __future__ import annotations

from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_key_ring import ApiKeyRing
from sendtrail.auth.api_keys import Scope, fingerprint
from sendtrail.auth.audit import Audit, StaffAction
from sendtrail.auth.sign_in import SignIn
from sendtrail.console import by_name
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

__all__ = ["add_pages"]

_MAX_SIGN_IN: Final = 2 * 1024


def add_pages(
    app: APIGatewayHttpResolver,
    access: AccessControl,
    keys: ApiKeyRing,
    audit: Audit,
    *,
    sign_in_by_name: SignIn | None = None,
    is_set_wrongly: bool = False,
    console_url: str | None = None,
) -> None:
    """Adds the pages.

    Args:
        sign_in_by_name: None where no provider is set.
        is_set_wrongly: whether one is, but not as it must be.
        console_url: as the provider knows it; None if that is the one that the console is asked by.
    """

    @app.get(SIGN_IN)
    def form() -> Response[Any]:
        context = access.current()
        if context.caller:
            return redirect(back_to(context.query.get("next", HOME)))
        ended = access.lapsed() is not None
        return _form(context, back_to(context.query.get("next", HOME)), ended=ended)

    @app.post(SIGN_IN)
    def sign_in() -> Response[Any]:
        context = access.with_form(access.current(), max_bytes=_MAX_SIGN_IN, files=False)
        to = back_to(context.form.get("next", HOME))
        named = fingerprint(context.field("key", max_length=256))
        caller = keys.find(lambda known: known.of_fingerprint(named))
        if caller is None:
            audit(None, StaffAction.SIGN_IN_REFUSED)
            return _form(context, to, wrong=True)
        audit(caller.actor, StaffAction.SIGN_IN)
        return redirect(to, [access.begin(named)])

    @app.post(f"{ROOT}/sign-out")
    @access.needs(Scope.READ)
    def sign_out(context: RequestContext) -> Response[Any]:
        audit(context.actor, StaffAction.SIGN_OUT)
        if sign_in_by_name and context.session.person_id:
            return by_name.signed_out(access, sign_in_by_name, context, console_url)
        return redirect(SIGN_IN, [access.end()])

    def _form(
        context: RequestContext, to: str, *, wrong: bool = False, ended: bool = False
    ) -> Response[Any]:
        """The form, with a session that holds nothing but its secret."""
        status = 403 if wrong else 200
        cookies = [access.cookie(context.session)]
        said: dict[str, Any] = {"to": to, "wrong": wrong, "ended": ended, "provider_down": False}
        said |= {"by_name": sign_in_by_name is not None, "is_set_wrongly": is_set_wrongly}
        return render("sign_in", context, status=status, cookies=cookies, **said)
