"""Pages that send a mailing: write it, look at it, send it.

The form brings all that was written with it; the same is kept as a draft, when somebody saves it,
at each preview, and by a script after a pause. A form of a session that has ended is kept too, and
nothing else is done with it.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import Scope
from sendtrail.console.draft_form import (
    FIELDS,
    Drafted,
    drafted,
    entered,
    faults_of,
    kept_files,
    with_files,
)
from sendtrail.console.labels import AUDIENCES, actor_name
from sendtrail.console.previews import framed, nothing_to_show
from sendtrail.console.request_context import (
    ROOT,
    SIGN_IN,
    AccessControl,
    Page,
    RequestContext,
    redirect,
)
from sendtrail.console.send_time import in_words
from sendtrail.console.templating import render
from sendtrail.console.writing import DraftEditor, Writing, number_of, request_of
from sendtrail.domain.ids import is_communication_id
from sendtrail.domain.times import now
from sendtrail.errors import InvalidInputError, NotFoundError
from sendtrail.language import gettext
from sendtrail.mail.attachments import (
    MAX_ATTACHMENTS,
    MAX_TOTAL_BYTES,
    size_label,
)
from sendtrail.reading import queries
from sendtrail.reading.views import actor_view
from sendtrail.sending.draft_store import (
    KEPT_DAYS,
    Conflict,
    new_draft_id,
)
from sendtrail.wiring import Wiring

__all__ = ["add_pages"]

_PATH: Final = f"{ROOT}/compose"
_MAX: Final = 5 * 1024 * 1024
"""Of a form, as the gateway hands it on: in base64. Lambda takes 6 MB of an event ("Lambda quotas",
invocation payload)."""
_ONCE = re.compile(r"[A-Za-z0-9_-]{24,64}")
_LATEST: Final = 25
"""How many mailings are offered, to send to the same recipients."""


def add_pages(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds the pages."""
    editor = DraftEditor(wiring.submission, wiring.drafts, wiring.plans)
    form = partial(_form, wiring)

    def lapsed(context: RequestContext) -> Response[Any]:
        """Saves the draft of a session that has ended, and leads to it by way of signing in."""
        kept = editor.kept_of_lapsed(context)
        if _is_by_script(context):
            return _told(kept, signed_out=True)
        back = quote(f"{_PATH}?draft={kept.draft_id}", safe="")
        return redirect(f"{SIGN_IN}?next={back}")

    needs_form = access.needs(Scope.SEND, max_bytes=_MAX, lapsed=lapsed)

    @app.get(_PATH)
    @access.needs(Scope.SEND)
    def write(context: RequestContext) -> Response[Any]:
        draft_id = context.query_value("draft")
        if draft_id:
            return form(context, editor.opened(draft_id))
        fields = FIELDS | {"same_as": context.query_value("same_as") or ""}
        return form(context, Writing(new_draft_id(now()), 0, fields))

    @app.post(_PATH)
    @needs_form
    def change(context: RequestContext) -> Response[Any]:
        return form(context, editor.received(context))

    @app.get(f"{_PATH}/<_step>")
    @access.needs(Scope.SEND)
    def again(context: RequestContext, _step: str) -> Response[Any]:  # noqa: ARG001 -- a form that is gone
        return redirect(_PATH)

    @app.post(f"{_PATH}/save")
    @needs_form
    def save(context: RequestContext) -> Response[Any]:
        writing = editor.received(context)
        kept = editor.keep(writing, context)
        if isinstance(kept, Conflict):
            if _is_by_script(context):
                return _as_json(409, said=_conflict_in_words(kept))
            return form(context, writing, conflict=kept, status=409)
        if _is_by_script(context):
            return _told(kept)
        if kept.found:
            return form(context, kept, status=422)
        return redirect(f"{_PATH}?draft={kept.draft_id}")

    @app.post(f"{_PATH}/recipients")
    @needs_form
    def take(context: RequestContext) -> Response[Any]:
        writing = editor.taken(editor.received(context))
        return form(context, writing, status=422 if writing.found else 200)

    _add_preview(app, access, needs_form, editor, wiring)


def _add_preview(
    app: APIGatewayHttpResolver,
    access: AccessControl,
    needs_form: Callable[[Page], Page],
    editor: DraftEditor,
    wiring: Wiring,
) -> None:
    """Adds the page before sending, and what follows from it."""
    submission = wiring.submission
    form = partial(_form, wiring)

    @app.post(f"{_PATH}/look")
    @needs_form
    def look(context: RequestContext) -> Response[Any]:
        writing = editor.received(context)
        kept = editor.keep(editor.taken(writing), context)
        if isinstance(kept, Conflict):
            return form(context, writing, conflict=kept, status=409)
        made = editor.checked(kept, context)
        if made.found:
            return form(context, kept, made, status=422)
        number = _chosen(context, len(made.draft.recipients))
        try:
            prepared = submission.preview(made.draft, request_of(context), number)
        except (InvalidInputError, NotFoundError) as error:
            return form(context, kept, made.refused(error), status=422)
        plan, content = prepared.plan, prepared.plan.content
        template = None
        if content.template_id:
            template = wiring.templates.get(content.template_id, content.template_version)
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
            fields=pinned | {"draft": kept.draft_id, "revision": kept.revision},
            once=secrets.token_urlsafe(24),
            plan=plan,
            saved_by=actor_view(template.by) if template else None,
            number=number,
            message=plan.messages[number],
            rendered=prepared.rendered[number],
            refused=refused,
            threshold=submission.spam_threshold,
            allowed=made.draft.allow_likely_spam,
            said=kept.said,
            send_at=_when(made),
            files=kept_files(made.entered),
        )

    @app.post(f"{_PATH}/preview")
    @access.needs(Scope.SEND, max_bytes=_MAX)
    def preview(context: RequestContext) -> Response[Any]:
        fields = with_files(entered(context).fields, [])
        fields |= {"send_on": "", "send_time": ""}
        made = drafted(fields, most=submission.max_recipients, content_of=lambda _: None)
        if made.found:
            return nothing_to_show(context, gettext("the draft is not whole"))
        made = _only(made, context)
        try:
            prepared = submission.preview(made.draft, request_of(context))
        except (InvalidInputError, NotFoundError) as error:
            said = made.refused(error).found[0].said
            return nothing_to_show(context, said.rstrip("."))
        (rendered,) = prepared.rendered
        return framed(rendered.html, rendered.text)

    @app.post(f"{_PATH}/send")
    @needs_form
    def send(context: RequestContext) -> Response[Any]:
        once = context.form.get("once", "")
        if not _ONCE.fullmatch(once):
            said = gettext("this form is not whole; go back, and look at the mail again")
            raise InvalidInputError(said)
        writing = editor.received(context)
        made = editor.checked(writing, context)
        if made.found:
            return form(context, writing, made, status=422)
        try:
            plan = submission.submit(made.draft, request_of(context, f"console-{once}"))
        except (InvalidInputError, NotFoundError) as error:
            return form(context, writing, made.refused(error), status=422)
        wiring.drafts.finish(writing.draft_id, writing.revision)
        return redirect(f"{ROOT}/communications/{plan.communication_id}")


def _form(
    wiring: Wiring,
    context: RequestContext,
    writing: Writing,
    made: Drafted | None = None,
    *,
    conflict: Conflict | None = None,
    status: int = 200,
) -> Response[Any]:
    """The form, with what is wrong with it."""
    submission = wiring.submission
    found = queries.communications(None, _LATEST, month=None, wanted=None)
    earlier = {each.communication_id: each for each, _ in found.items}
    chosen = writing.fields["same_as"]
    if chosen not in earlier and is_communication_id(chosen):
        known = queries.communication(chosen)
        earlier |= {chosen: known.definition} if known else {}
    return render(
        "compose",
        context,
        status=status,
        writing=writing,
        fields=writing.fields,
        faults=made.faults if made else faults_of(writing.found),
        templates=wiring.templates.names(),
        most=submission.max_recipients,
        saved_by=actor_view(writing.saved.by) if writing.saved else None,
        conflict=conflict,
        conflict_said=_conflict_in_words(conflict) if conflict else "",
        another=new_draft_id(now()),
        earlier=earlier.values(),
        audiences=AUDIENCES,
        files=kept_files(writing.fields),
        max_files=MAX_ATTACHMENTS,
        max_size=size_label(MAX_TOTAL_BYTES),
        max_days=submission.max_days_ahead,
        retention_days=wiring.settings.retention_days,
        kept_days=KEPT_DAYS,
    )


def _when(made: Drafted) -> str:
    """When it is to be sent, in words; empty for at once."""
    at = made.draft.send_at
    return in_words(at, made.entered["zone"]) if at else ""


def _conflict_in_words(conflict: Conflict) -> str:
    if conflict.row is None:
        return gettext("This draft was sent or deleted meanwhile; what you wrote is not saved.")
    who = actor_view(conflict.by)
    name = actor_name(who) if who else gettext("Somebody")
    said = gettext("%(name)s saved this draft after you opened it; what you wrote is not saved.")
    return said % {"name": name}


def _is_by_script(context: RequestContext) -> bool:
    return context.form.get("auto") == "yes"


def _told(kept: Writing, *, signed_out: bool = False) -> Response[Any]:
    """For the script that saves: where it is kept."""
    at = kept.saved.at if kept.saved else ""
    return _as_json(200, draft=kept.draft_id, revision=kept.revision, at=at, signed_out=signed_out)


def _as_json(status: int, **values: object) -> Response[Any]:
    return Response(status_code=status, content_type="application/json", body=json.dumps(values))


def _chosen(context: RequestContext, count: int) -> int:
    """Which recipient is to be seen: the one of the button, else the one of the list, from 0."""
    for name in ("to", "at", "recipient"):
        given = context.form.get(name, "")
        if given.isdecimal() and len(given) < 10:
            return min(int(given), count - 1)
    return 0


def _only(made: Drafted, context: RequestContext) -> Drafted:
    """The draft, to the recipient alone who is to be seen."""
    number = min(number_of(context, "recipient"), len(made.lines) - 1)
    draft = replace(made.draft, recipients=[made.draft.recipients[number]])
    return replace(made, draft=draft, lines=[made.lines[number]])
