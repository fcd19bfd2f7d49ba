"""Pages that send a mailing: write it, look at it, send it.

The draft travels in the forms themselves; nothing is kept before it is sent.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import Scope
from sendtrail.console.draft_form import FIELDS, Drafted, drafted, entered
from sendtrail.console.previews import framed, nothing_to_show
from sendtrail.console.request_context import ROOT, AccessControl, RequestContext, redirect
from sendtrail.console.templating import render
from sendtrail.domain.times import now
from sendtrail.errors import InvalidInputError, NotFoundError
from sendtrail.reading.views import actor_view
from sendtrail.sending.submission import Request
from sendtrail.wiring import Wiring

__all__ = ["add_pages"]

_PATH: Final = f"{ROOT}/compose"
_MAX: Final = 2 * 1024 * 1024
"""Of a form, as the gateway hands it on: in base64."""
_ONCE = re.compile(r"[A-Za-z0-9_-]{24,64}")


def add_pages(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds the pages."""
    submission = wiring.submission

    @app.get(_PATH)
    @access.needs(Scope.SEND)
    def write(context: RequestContext) -> Response[Any]:
        return _form(context, FIELDS, {}, status=200)

    @app.post(_PATH)
    @access.needs(Scope.SEND, max_bytes=_MAX)
    def change(context: RequestContext) -> Response[Any]:
        return _form(context, entered(context), {}, status=200)

    @app.get(f"{_PATH}/<_step>")
    @access.needs(Scope.SEND)
    def again(context: RequestContext, _step: str) -> Response[Any]:  # noqa: ARG001 -- a form that is gone
        return redirect(_PATH)

    @app.post(f"{_PATH}/look")
    @access.needs(Scope.SEND, max_bytes=_MAX)
    def look(context: RequestContext) -> Response[Any]:
        made = _checked(context)
        if made.found:
            return _refused(context, made)
        number = _chosen(context, len(made.draft.recipients))
        try:
            prepared = submission.preview(made.draft, _request(context), number)
        except (InvalidInputError, NotFoundError) as error:
            return _refused(context, made.refused(error))
        plan, content = prepared.plan, prepared.plan.content
        saved = None
        if content.template_id:
            saved = wiring.templates.get(content.template_id, content.template_version)
        refused = [
            (message, ineligible)
            for message, ineligible in zip(plan.messages, prepared.ineligible, strict=True)
            if ineligible
        ]
        # What is sent is what was looked at, whatever becomes of the template meanwhile.
        version = content.template_version
        pinned = dict(made.entered) | {"template_version": str(version or "")}
        return render(
            "look",
            context,
            fields=pinned,
            once=secrets.token_urlsafe(24),
            plan=plan,
            saved_by=actor_view(saved.by) if saved else None,
            number=number,
            message=plan.messages[number],
            rendered=prepared.rendered[number],
            refused=refused,
            threshold=submission.spam_threshold,
            allowed=made.draft.allow_likely_spam,
        )

    @app.post(f"{_PATH}/preview")
    @access.needs(Scope.SEND, max_bytes=_MAX)
    def preview(context: RequestContext) -> Response[Any]:
        made = drafted(context, most=submission.max_recipients)
        if made.found:
            return nothing_to_show(context, "the draft is not whole")
        made = _only(made, context)
        try:
            prepared = submission.preview(made.draft, _request(context))
        except (InvalidInputError, NotFoundError) as error:
            said = made.refused(error).found[0].said
            return nothing_to_show(context, said.rstrip("."))
        (rendered,) = prepared.rendered
        return framed(rendered.html, rendered.text)

    @app.post(f"{_PATH}/send")
    @access.needs(Scope.SEND, max_bytes=_MAX)
    def send(context: RequestContext) -> Response[Any]:
        once = context.form.get("once", "")
        if not _ONCE.fullmatch(once):
            raise InvalidInputError("this form is not whole; go back, and look at the mail again")
        made = _checked(context)
        if made.found:
            return _refused(context, made)
        try:
            plan = submission.submit(made.draft, _request(context, f"console-{once}"))
        except (InvalidInputError, NotFoundError) as error:
            return _refused(context, made.refused(error))
        return redirect(f"{ROOT}/communications/{plan.communication_id}?done=sent")

    def _checked(context: RequestContext) -> Drafted:
        """The draft; where the form has faults, with those that sending the rest would have."""
        made = drafted(context, most=submission.max_recipients)
        if made.found:
            try:
                submission.preview(made.draft, _request(context))
            except (InvalidInputError, NotFoundError) as error:
                return made.refused(error)
        return made

    def _form(
        context: RequestContext,
        fields: Mapping[str, str],
        faults: Mapping[str, Sequence[str]],
        *,
        status: int,
    ) -> Response[Any]:
        return render(
            "compose",
            context,
            status=status,
            fields=fields,
            faults=faults,
            templates=wiring.templates.names(),
            most=submission.max_recipients,
        )

    def _refused(context: RequestContext, made: Drafted) -> Response[Any]:
        return _form(context, made.entered, made.faults, status=422)


def _request(context: RequestContext, idempotency_key: str | None = None) -> Request:
    return Request(context.actor, now(), idempotency_key)


def _chosen(context: RequestContext, count: int) -> int:
    """Which recipient is to be seen: the one of the button, else the one of the list, from 0."""
    for name in ("to", "at", "recipient"):
        given = context.form.get(name, "")
        if given.isdecimal() and len(given) < 10:
            return min(int(given), count - 1)
    return 0


def _only(made: Drafted, context: RequestContext) -> Drafted:
    """The draft, to the recipient alone who is to be seen."""
    given = context.form.get("recipient", "")
    number = int(given) if given.isdecimal() and len(given) < 10 else 0
    number = min(number, len(made.lines) - 1)
    draft = replace(made.draft, recipients=[made.draft.recipients[number]])
    return replace(made, draft=draft, lines=[made.lines[number]])
