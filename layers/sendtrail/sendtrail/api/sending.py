"""What is sent: templates, communications, direct messages, and what each looked like."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import asdict
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from sendtrail.api.bodies import JSON
from sendtrail.api.parameters import (
    CommunicationId,
    IdempotencyKey,
    MessageId,
    ParticipantId,
    TemplateId,
    answers,
)
from sendtrail.api.schemas import (
    MAX_VERSIONS,
    AcceptedCommunication,
    AcceptedMessage,
    CommunicationDraft,
    CommunicationPreview,
    CommunicationSummary,
    Message,
    MessageDraft,
    Template,
    TemplateDraft,
    TemplateNames,
)
from sendtrail.api.scopes import Needs, actor_of
from sendtrail.auth.api_keys import Scope
from sendtrail.domain.plan import Content, Plan, SpamReport
from sendtrail.domain.times import now, parse
from sendtrail.errors import InvalidInputError, NotFoundError, Problem, Problems
from sendtrail.mail.attachments import Attachment
from sendtrail.mail.templates import Body, check
from sendtrail.reading import queries
from sendtrail.reading.views import actor_view, attachment_view, communication_view, message_view
from sendtrail.sending.submission import Addressee, Draft, Request
from sendtrail.sending.template_store import TemplateVersion
from sendtrail.wiring import Wiring

__all__ = ["add_routes"]

_TEMPLATES = ["Templates"]
_COMMUNICATIONS = ["Communications"]
_MESSAGES = ["Messages"]

_PREVIEW_HEADERS: Final = {
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline'; "
        "font-src https: data:; base-uri 'none'; form-action 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""The message as it was, and nothing in it that does anything: no script, no form."""


def add_routes(app: APIGatewayHttpResolver, wiring: Wiring) -> None:
    """Adds the routes."""

    @app.put(
        "/v1/templates/<template_id>",
        summary="A new version of a template",
        description=(
            "Sources in Liquid: merge fields, conditions, loops, filters (see docs/templates.md). "
            "`participant_id`, `address` and `unsubscribe_url` can always be named. A version "
            "never changes."
        ),
        tags=_TEMPLATES,
        operation_id="putTemplate",
        responses=answers(Template),
        middlewares=[Needs(Scope.SEND)],
    )
    def put(template_id: TemplateId, draft: TemplateDraft) -> Template:
        body = Body(draft.subject, draft.html, draft.text)
        made = wiring.templates.add(
            template_id,
            body,
            fields=check(body),
            at=now(),
            by=actor_of(app),
            description=draft.description,
        )
        return _template(made)

    @app.get(
        "/v1/templates",
        summary="Which templates there are",
        tags=_TEMPLATES,
        operation_id="listTemplates",
        responses=answers(TemplateNames),
        middlewares=[Needs(Scope.READ)],
    )
    def names() -> TemplateNames:
        return TemplateNames(template_ids=wiring.templates.names())

    @app.get(
        "/v1/templates/<template_id>",
        summary="A template: its newest version, or the one named",
        tags=_TEMPLATES,
        operation_id="getTemplate",
        responses=answers(Template),
        middlewares=[Needs(Scope.READ)],
    )
    def get(
        template_id: TemplateId,
        version: Annotated[int | None, Query(ge=1, le=MAX_VERSIONS)] = None,
    ) -> Template:
        found = wiring.templates.get(template_id, version)
        if found is None:
            which = f" version {version}" if version else ""
            raise NotFoundError(f"there is no template {template_id}{which}")
        return _template(found)

    @app.post(
        "/v1/communications",
        summary="Send a mailing",
        description=(
            "Everything is checked before anything is sent. Messages go out at the configured "
            "rate; whoever may not be mailed by then is dropped, with the reason in their history."
        ),
        tags=_COMMUNICATIONS,
        operation_id="sendCommunication",
        responses=answers(AcceptedCommunication, good=202),
        middlewares=[Needs(Scope.SEND)],
    )
    def send(
        draft: CommunicationDraft, idempotency_key: IdempotencyKey = None
    ) -> Response[AcceptedCommunication]:
        plan = wiring.submission.submit(_draft(draft), _request(app, idempotency_key))
        accepted = {
            "communication_id": plan.communication_id,
            "created_at": plan.accepted_at,
            "send_at": plan.send_at,
            "recipients": len(plan.messages),
            **_told(plan, wiring),
        }
        return _accepted(AcceptedCommunication.model_validate(accepted))

    @app.post(
        "/v1/communications/preview",
        summary="What a mailing would be, and who would be dropped; nothing is sent",
        tags=_COMMUNICATIONS,
        operation_id="previewCommunication",
        responses=answers(CommunicationPreview),
        middlewares=[Needs(Scope.SEND)],
    )
    def look(
        draft: CommunicationDraft,
        recipient: Annotated[int, Query(ge=0, description="as which recipient reads it")] = 0,
    ) -> CommunicationPreview:
        if recipient >= len(draft.recipients):
            raise InvalidInputError(
                f"recipient: {recipient}; there are {len(draft.recipients)}, counted from 0"
            )
        prepared = wiring.submission.preview(_draft(draft), _request(app, None), recipient)
        messages, rendered = prepared.plan.messages, prepared.rendered[recipient]
        return CommunicationPreview.model_validate(
            {
                "participant_id": messages[recipient].participant_id,
                "address": messages[recipient].address,
                "subject": rendered.subject,
                "html": rendered.html,
                "text": rendered.text,
                "attachments": [attachment_view(each) for each in prepared.plan.attachments],
                "recipients": len(messages),
                "would_be_dropped": [
                    {
                        "participant_id": message.participant_id,
                        "address": message.address,
                        "drop_reason": ineligible.reason,
                        "evidence": dict(ineligible.evidence),
                    }
                    for message, ineligible in zip(messages, prepared.ineligible, strict=True)
                    if ineligible
                ],
                "spam": _spam(prepared.plan.spam, wiring),
            }
        )

    @app.post(
        "/v1/communications/<communication_id>/stop",
        summary="Stop a mailing: what of it has not gone out is not sent",
        description=(
            "Before its time nothing of it is sent, and nobody's history has it; later, what has "
            "not gone out is dropped, with the reason `stopped`. What Amazon SES was called for "
            "already goes. To stop it again changes nothing, nor does stopping what is finished: "
            "the answer says how far it went."
        ),
        tags=_COMMUNICATIONS,
        operation_id="stopCommunication",
        responses=answers(CommunicationSummary),
        middlewares=[Needs(Scope.SEND)],
    )
    def stop(communication_id: CommunicationId) -> CommunicationSummary:
        found = queries.communication(communication_id)
        if found is None:
            raise NotFoundError(f"there is no communication {communication_id}")
        stopped = wiring.stopping.communication(
            found.definition, found.counters, now(), by=actor_of(app)
        )
        view = communication_view(stopped, found.counters, whole=False)
        return CommunicationSummary.model_validate(view)

    @app.post(
        "/v1/messages",
        summary="Send one direct message",
        description="It is part of the participant's history, and of no communication.",
        tags=_MESSAGES,
        operation_id="sendMessage",
        responses=answers(AcceptedMessage, good=202),
        middlewares=[Needs(Scope.SEND)],
    )
    def send_one(
        draft: MessageDraft, idempotency_key: IdempotencyKey = None
    ) -> Response[AcceptedMessage]:
        plan = wiring.submission.submit(_direct(draft), _request(app, idempotency_key))
        (message,) = plan.messages
        accepted = {
            "message_id": message.message_id,
            "participant_id": message.participant_id,
            "address": message.address,
            "send_at": plan.send_at,
            **_told(plan, wiring),
        }
        return _accepted(AcceptedMessage.model_validate(accepted))

    @app.post(
        "/v1/participants/<participant_id>/messages/<message_id>/stop",
        summary="Stop a direct message that waits",
        description=(
            "It is dropped, with the reason `stopped`: at once if its time is more than a minute "
            "ahead, or else by its job, unless Amazon SES was called before. One that does not "
            "wait stays as it is. One of a mailing is stopped with that."
        ),
        tags=_MESSAGES,
        operation_id="stopMessage",
        responses=answers(Message),
        middlewares=[Needs(Scope.SEND)],
    )
    def stop_one(participant_id: ParticipantId, message_id: MessageId) -> Message:
        found = wiring.history.find(participant_id, message_id)
        wiring.stopping.message(found, now(), by=actor_of(app))
        found = wiring.history.find(participant_id, message_id)
        return Message.model_validate(message_view(found))

    @app.get(
        "/v1/participants/<participant_id>/messages/<message_id>/preview",
        summary="A message as it was sent, as HTML",
        description=(
            "With its original links and without a pixel, so that looking counts nothing. How it "
            "looked to a spam filter is in the header Sendtrail-Spam."
        ),
        tags=_MESSAGES,
        operation_id="previewMessage",
        responses=_preview_answers(),
        middlewares=[Needs(Scope.READ)],
    )
    def preview(participant_id: ParticipantId, message_id: MessageId) -> Any:
        rendered, spam = wiring.preview.of(participant_id, message_id)
        is_html = rendered.html is not None
        return Response(
            status_code=200,
            content_type=f"text/{'html' if is_html else 'plain'}; charset=utf-8",
            body=rendered.html if rendered.html is not None else rendered.text,
            headers=_PREVIEW_HEADERS | {"Sendtrail-Spam": _spam_header(spam)},
        )


def _template(found: TemplateVersion) -> Template:
    return Template.model_validate(
        asdict(found) | {"fields": list(found.fields), "by": actor_view(found.by)}
    )


def _content(draft: CommunicationDraft | MessageDraft) -> Content:
    return Content(draft.template_id, draft.template_version, draft.subject, draft.html, draft.text)


def _draft(draft: CommunicationDraft) -> Draft:
    return Draft(
        content=_content(draft),
        kind=draft.kind,
        recipients=[
            Addressee(each.participant_id, each.address, each.data) for each in draft.recipients
        ],
        name=draft.name,
        tracked=draft.tracking,
        allow_likely_spam=draft.allow_likely_spam,
        reply_to=draft.reply_to,
        copy_to=draft.copy_to,
        **_when_and_with(draft),
    )


def _direct(draft: MessageDraft) -> Draft:
    return Draft(
        content=_content(draft),
        kind=draft.kind,
        recipients=[Addressee(draft.participant_id, draft.address, draft.data)],
        tracked=draft.tracking,
        reply_to=draft.reply_to,
        copy_to=draft.copy_to,
        **_when_and_with(draft),
    )


def _when_and_with(draft: CommunicationDraft | MessageDraft) -> dict[str, Any]:
    """The time to send, and the attachments.

    Raises:
        InvalidInputError: it is no time, or a content is not in base64: all of that.
    """
    problems = Problems()
    send_at, attachments = None, []
    if draft.send_at is not None:
        try:
            send_at = parse(draft.send_at)
        except ValueError:
            said = f"{draft.send_at!r} is no time with an offset; write 2026-12-04T09:00:00+01:00"
            problems.add(Problem(said, field="send_at"))
    for number, each in enumerate(draft.attachments):
        try:
            content = b64decode(each.content, validate=True)
        except ValueError:
            said = "this is not base64 (RFC 4648, section 4)"
            problems.add(Problem(said, field="attachments", index=number, subfield="content"))
            continue
        attachments.append(Attachment(each.name, each.content_type, content))
    if problems:
        raise problems.error()
    return {"send_at": send_at, "attachments": attachments}


def _request(app: APIGatewayHttpResolver, idempotency_key: str | None) -> Request:
    return Request(actor_of(app), now(), idempotency_key)


def _told(plan: Plan, wiring: Wiring) -> dict[str, Any]:
    return {
        "template_id": plan.content.template_id,
        "template_version": plan.content.template_version,
        "spam": _spam(plan.spam, wiring),
    }


def _spam(report: SpamReport, wiring: Wiring) -> dict[str, Any]:
    return {
        "points": report.points,
        "threshold": wiring.submission.spam_threshold,
        "likely_spam": report.likely,
        "findings": list(report.findings),
    }


def _spam_header(report: SpamReport) -> str:
    rules = ", ".join(finding["rule"] for finding in report.findings)
    return f"{report.points:g}" + (f"; {rules}" if rules else "")


def _accepted(model: Any) -> Response[Any]:
    return Response(status_code=202, content_type=JSON, body=model)


def _preview_answers() -> dict[int, Any]:
    said = answers(None)
    text = {"schema": {"type": "string"}}
    said[200]["content"] = {"text/html": text, "text/plain": text}
    return said
