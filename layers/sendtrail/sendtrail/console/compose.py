"""Pages that send a mailing: write it, look at it, send it.

The draft travels in the forms themselves; nothing is kept before it is sent.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.api.services import Services
from sendtrail.console.drafting import FIELDS, Drafted, drafted, entered, fault_of
from sendtrail.console.previews import framed, nothing_to_show
from sendtrail.console.rendering import render
from sendtrail.console.visits import ROOT, Visit, Visits, redirect
from sendtrail.domain.times import now
from sendtrail.errors import InvalidInputError, NotFoundError
from sendtrail.keys import Scope
from sendtrail.services.composing import Draft, Request

__all__ = ["add_pages"]

_PATH: Final = f"{ROOT}/compose"
_MOST: Final = 2 * 1024 * 1024
"""Of a form, as the gateway hands it on: in base64."""
_ONCE = re.compile(r"[A-Za-z0-9_-]{24,64}")


def add_pages(app: APIGatewayHttpResolver, visits: Visits, services: Services) -> None:
    """Adds the pages."""
    composing = services.composing

    @app.get(_PATH)
    @visits.needs(Scope.SEND)
    def write(visit: Visit) -> Response[Any]:
        return _form(visit, Drafted(FIELDS, {}), status=200)

    @app.post(_PATH)
    @visits.needs(Scope.SEND, most=_MOST)
    def change(visit: Visit) -> Response[Any]:
        return _form(visit, Drafted(entered(visit), {}), status=200)

    @app.get(f"{_PATH}/<_step>")
    @visits.needs(Scope.SEND)
    def again(visit: Visit, _step: str) -> Response[Any]:  # noqa: ARG001 -- a form that is gone
        return redirect(_PATH)

    @app.post(f"{_PATH}/look")
    @visits.needs(Scope.SEND, most=_MOST)
    def look(visit: Visit) -> Response[Any]:
        made = drafted(visit, most=composing.most_recipients)
        if made.draft is None:
            return _form(visit, made)
        number = _chosen(visit, len(made.draft.recipients))
        try:
            prepared = composing.preview(made.draft, _request(visit), number)
        except (InvalidInputError, NotFoundError) as error:
            return _refused(visit, made, error)
        plan = prepared.plan
        refused = [
            (letter, refusal)
            for letter, refusal in zip(plan.letters, prepared.refusals, strict=True)
            if refusal
        ]
        # What is sent is what was looked at, whatever becomes of the template meanwhile.
        version = plan.content.template_version
        pinned = dict(made.entered) | {"template_version": str(version or "")}
        return render(
            "look",
            visit,
            fields=pinned,
            once=secrets.token_urlsafe(24),
            plan=plan,
            number=number,
            letter=plan.letters[number],
            rendered=prepared.rendered[number],
            refused=refused,
            threshold=composing.spam_threshold,
            allowed=made.draft.allow_likely_spam,
        )

    @app.post(f"{_PATH}/preview")
    @visits.needs(Scope.SEND, most=_MOST)
    def preview(visit: Visit) -> Response[Any]:
        made = drafted(visit, most=composing.most_recipients)
        if made.draft is None:
            return nothing_to_show(visit, "the draft is not whole")
        try:
            prepared = composing.preview(_only(made.draft, visit), _request(visit))
        except (InvalidInputError, NotFoundError) as error:
            return nothing_to_show(visit, fault_of(error, made)[1].rstrip("."))
        (rendered,) = prepared.rendered
        return framed(rendered.html, rendered.text)

    @app.post(f"{_PATH}/send")
    @visits.needs(Scope.SEND, most=_MOST)
    def send(visit: Visit) -> Response[Any]:
        once = visit.form.get("once", "")
        if not _ONCE.fullmatch(once):
            raise InvalidInputError("this form is not whole; go back, and look at the mail again")
        made = drafted(visit, most=composing.most_recipients)
        if made.draft is None:
            return _form(visit, made)
        try:
            plan = composing.take(made.draft, _request(visit, f"console-{once}"))
        except (InvalidInputError, NotFoundError) as error:
            return _refused(visit, made, error)
        return redirect(f"{ROOT}/communications/{plan.communication_id}?done=sent")

    def _form(visit: Visit, made: Drafted, *, status: int = 422) -> Response[Any]:
        return render(
            "compose",
            visit,
            status=status,
            fields=made.entered,
            faults=made.faults,
            templates=services.templates.names(),
            most=composing.most_recipients,
        )

    def _refused(visit: Visit, made: Drafted, error: Any) -> Response[Any]:
        field, fault = fault_of(error, made)
        return _form(visit, replace(made, faults={field: fault}))


def _request(visit: Visit, idempotency_key: str | None = None) -> Request:
    caller = visit.caller.key_id if visit.caller else ""
    return Request(caller, now(), idempotency_key)


def _chosen(visit: Visit, count: int) -> int:
    """Which recipient is to be seen: the one of the button, else the one of the list, from 0."""
    for name in ("to", "at", "recipient"):
        given = visit.form.get(name, "")
        if given.isdecimal() and len(given) < 10:
            return min(int(given), count - 1)
    return 0


def _only(draft: Draft, visit: Visit) -> Draft:
    """The draft, to the recipient alone who is to be seen."""
    given = visit.form.get("recipient", "")
    number = int(given) if given.isdecimal() and len(given) < 10 else 0
    chosen = draft.recipients[min(number, len(draft.recipients) - 1)]
    return replace(draft, recipients=[chosen])
