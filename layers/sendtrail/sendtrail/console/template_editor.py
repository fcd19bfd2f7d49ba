"""The editor of templates: write, look, send oneself a test, save.

What is written travels in the form: looking at it, and sending oneself a test, save nothing.
"""

from __future__ import annotations

import dataclasses
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import Scope
from sendtrail.console import template_form
from sendtrail.console.labels import drop_label
from sendtrail.console.line_diff import MAX_LINES
from sendtrail.console.request_context import ROOT, AccessControl, RequestContext, redirect
from sendtrail.console.template_form import LABELS, Fault, Written
from sendtrail.console.template_pages import (
    PATH,
    differences_between,
    in_frame,
    version_of,
)
from sendtrail.console.templating import render
from sendtrail.domain.ids import digest, participant_of_address
from sendtrail.domain.plan import Content, Plan
from sendtrail.domain.times import now
from sendtrail.errors import InvalidInputError
from sendtrail.language import gettext
from sendtrail.mail.addresses import checked_address
from sendtrail.reading.views import actor_view
from sendtrail.reading.waiting import held
from sendtrail.sending.submission import Addressee, Draft, Request
from sendtrail.sending.template_store import Saving, TemplateVersion
from sendtrail.wiring import Wiring

__all__ = ["add_pages"]

_EDITOR: Final = f"{ROOT}/template"
_MAX: Final = 2 * 1024 * 1024
"""Of a form, as the gateway hands it on: in base64."""
_TEST: Final = "test"
"""The kind of a test to oneself."""
_TEST_SUBJECT: Final = "[Test] "
_ONCE = re.compile(r"[A-Za-z0-9_-]{24,64}")


@dataclass(frozen=True, slots=True)
class _Test:
    """A test that was sent: to whom, where it can be followed, and why mail waits, if it does."""

    address: str
    path: str
    held: dict[str, Any] | None


def add_pages(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds the pages."""
    store, threshold = wiring.templates, wiring.submission.spam_threshold

    @app.get(_EDITOR)
    @access.needs(Scope.SEND)
    def new(context: RequestContext) -> Response[Any]:
        return _form(context, template_form.blank())

    @app.get(f"{PATH}/<template_id>/edit")
    @access.needs(Scope.SEND)
    def edit(context: RequestContext, template_id: str) -> Response[Any]:
        return _form(context, template_form.of_version(version_of(store, template_id)), shows=True)

    @app.get(f"{_EDITOR}/<_step>")
    @access.needs(Scope.SEND)
    def again(context: RequestContext, _step: str) -> Response[Any]:  # noqa: ARG001 -- a form that is gone
        return redirect(PATH)

    @app.post(f"{_EDITOR}/look")
    @access.needs(Scope.SEND, max_bytes=_MAX)
    def look(context: RequestContext) -> Response[Any]:
        made = template_form.written(context)
        return _form(context, made, status=422 if made.all_found else 200, shows=True)

    @app.post(f"{_EDITOR}/check")
    @access.needs(Scope.SEND, max_bytes=_MAX)
    def check(context: RequestContext) -> Response[Any]:
        made = template_form.written(context)
        return render("template_check", context, **_shown(made, threshold))

    @app.post(f"{_EDITOR}/preview")
    @access.needs(Scope.SEND, max_bytes=_MAX)
    def preview(context: RequestContext) -> Response[Any]:
        return in_frame(context, template_form.written(context))

    @app.post(f"{_EDITOR}/save")
    @access.needs(Scope.SEND, max_bytes=_MAX)
    def save(context: RequestContext) -> Response[Any]:
        made = template_form.written(context)
        if made.found or made.template is None:
            return _form(context, made, status=422)
        saved = store.add_after(
            made.template_id,
            made.base,
            made.body,
            fields=made.template.fields,
            at=now(),
            by=context.actor,
            description=made.description,
        )
        if saved.what is Saving.OVERTAKEN:
            return _overtaken(context, made, saved.newest)
        number = saved.newest.version if saved.newest else 0
        said = (
            gettext("Saved as version %(number)s.")
            if saved.what is Saving.SAVED
            else gettext("Version %(number)s says this already; there is no other.")
        )
        return context.done(f"{PATH}/{made.template_id}", said % {"number": number})

    @app.post(f"{_EDITOR}/test")
    @access.needs(Scope.SEND, max_bytes=_MAX)
    def test(context: RequestContext) -> Response[Any]:
        made = template_form.written(context)
        once = context.form.get("once", "")
        if not _ONCE.fullmatch(once):
            said = gettext("this form is not whole; go back, and load the page again")
            raise InvalidInputError(said)
        refused, draft = _test_draft(made)
        if draft is None:
            return _form(context, made, status=422, more=refused)
        # Whoever sends the same form twice sends one test; a form that was changed is another.
        key = f"test-{digest(once, repr(draft), length=32)}"
        request = Request(context.actor, now(), key)
        try:
            (ineligible,) = wiring.submission.preview(draft, request).ineligible
            if ineligible:
                said = gettext("%(why)s: it gets no mail, and no test either.")
                said %= {"why": drop_label(ineligible.reason)}
                return _form(context, made, status=422, more=[Fault("address", said)])
            plan = wiring.submission.submit(draft, request)
        except InvalidInputError as error:
            refused = [Fault("samples", _sentence(str(each))) for each in error.problems]
            return _form(context, made, status=422, more=refused)
        answer = _form(context, made, shows=True, test=_sent(plan))
        answer.cookies.append(context.remember_own_address(made.entered["address"]))
        return answer

    def _overtaken(
        context: RequestContext, made: Written, newest: TemplateVersion | None
    ) -> Response[Any]:
        """The editor again, with what was written, once somebody else has saved."""
        if newest and made.base:
            return _form(context, made, status=409, shows=True, standing=newest)
        said = gettext("There is no such template any more; give it another name.")
        if newest:
            said = gettext(
                "There is a template of this name already; choose another, or edit that one."
            )
        written = dataclasses.replace(made, base=0)
        return _form(context, written, status=409, more=[Fault("template_id", said)])

    def _sent(plan: Plan) -> _Test:
        (message,) = plan.messages
        path = f"{ROOT}/participants/{message.participant_id}/messages/{message.message_id}"
        return _Test(message.address, path, held(wiring.holds))

    def _form(
        context: RequestContext,
        made: Written,
        *,
        status: int = 200,
        shows: bool = False,
        more: Sequence[Fault] = (),
        standing: TemplateVersion | None = None,
        test: _Test | None = None,
    ) -> Response[Any]:
        """The editor.

        Args:
            shows: whether the mail is shown at once.
            more: what is wrong besides what is wrong with the template.
            standing: the version that was saved meanwhile.
            test: the test that was sent.
        """
        return render(
            "template_edit",
            context,
            status=status,
            refused=status != 200,
            shows=shows,
            # Who was told of the other version may save over it.
            base=standing.version if standing else made.base,
            standing=standing,
            standing_by=actor_view(standing.by) if standing else None,
            differences=differences_between(standing, made) if standing else (),
            most=MAX_LINES,
            test=test,
            own_address=made.entered["address"] or context.own_address or "",
            once=secrets.token_urlsafe(24),
            **_shown(made, threshold, more),
        )


def _shown(made: Written, threshold: float, more: Sequence[Fault] = ()) -> dict[str, Any]:
    """What the editor and its check both show.

    Args:
        threshold: the spam score from which on a mailing is not sent.
        more: what is wrong besides what is wrong with the template.
    """
    faults: dict[str, list[Fault]] = {}
    for each in [*made.all_found, *more]:
        faults.setdefault(each.field, []).append(each)
    return {"made": made, "faults": faults, "labels": LABELS, "threshold": threshold}


def _test_draft(made: Written) -> tuple[list[Fault], Draft | None]:
    """A test of what was written, as a draft; or why there can be none."""
    refused: list[Fault] = []
    address = ""
    try:
        address = checked_address(made.entered["address"])
    except InvalidInputError as error:
        refused.append(Fault("address", _sentence(str(error))))
    if refused or made.all_found or made.tried is None:
        return refused, None
    draft = Draft(
        content=Content(
            subject=_TEST_SUBJECT + made.body.subject, html=made.body.html, text=made.body.text
        ),
        kind=_TEST,
        recipients=[Addressee(participant_of_address(address), address, made.tried.data)],
    )
    return refused, draft


def _sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:].rstrip('.')}."
