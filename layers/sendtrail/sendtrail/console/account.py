"""Signing in, with an API key, and out."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.console.rendering import render
from sendtrail.console.visits import HOME, ROOT, SIGN_IN, Visit, Visits, back_to, redirect
from sendtrail.keyring import KeyRing
from sendtrail.keys import Scope, fingerprint

__all__ = ["add_pages"]


def add_pages(app: APIGatewayHttpResolver, visits: Visits, keys: KeyRing) -> None:
    """Adds the pages."""

    @app.get(SIGN_IN)
    def form() -> Response[Any]:
        visit = visits.current()
        if visit.caller:
            return redirect(back_to(visit.query.get("next", HOME)))
        return _form(visit, back_to(visit.query.get("next", HOME)))

    @app.post(SIGN_IN)
    def sign_in() -> Response[Any]:
        visit = visits.current()
        visits.check_form(visit)
        to = back_to(visit.form.get("next", HOME))
        named = fingerprint(visit.field("key", most=256))
        if keys.find(lambda known: known.of_fingerprint(named)) is None:
            return _form(visit, to, wrong=True)
        return redirect(to, [visits.begin(named)])

    @app.post(f"{ROOT}/sign-out")
    @visits.needs(Scope.READ)
    def sign_out(visit: Visit) -> Response[Any]:  # noqa: ARG001 -- the form has been checked
        return redirect(SIGN_IN, [visits.end()])

    def _form(visit: Visit, to: str, *, wrong: bool = False) -> Response[Any]:
        """The form, with a session that holds nothing but its secret."""
        status = 403 if wrong else 200
        cookies = [visits.cookie(visit.session)]
        return render("sign_in", visit, status=status, cookies=cookies, to=to, wrong=wrong)
