"""What is sent: templates, communications, direct messages, and what each looked like."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from sendtrail.api.bodies import JSON
from sendtrail.api.parameters import IdempotencyKey, MessageId, ParticipantId, TemplateId, answers
from sendtrail.api.schemas import (
    MAX_VERSIONS,
    AcceptedCommunication,
    AcceptedMessage,
    CommunicationDraft,
    CommunicationPreview,
    MessageDraft,
    Template,
    TemplateDraft,
    TemplateNames,
)
from sendtrail.api.scopes import Needs, actor_of
from sendtrail.auth.api_keys import Scope
from sendtrail.domain.plan import Content, Plan, SpamReport
from sendtrail.domain.times import now
from sendtrail.errors import InvalidInputError, NotFoundError
from sendtrail.mail.templates import Body, check
from sendtrail.reading.views import actor_view
from sendtrail.sending.submission import Addressee, Draft, Request
from sendtrail.sending.template_store import TemplateVersion
from sendtrail.wiring import Wiring

__all__ = ["add_routes"]

_TEMPLATES = ["Templates"]
_SENDING = ["Sending"]

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
        made = wiring.templates.add(
            template_id,
            subject=draft.subject,
            html=draft.html,
            text=draft.text,
            fields=check(Body(draft.subject, draft.html, draft.text)),
            at=now(),
            by=actor_of(app),
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
        tags=_SENDING,
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
            "recipients": len(plan.messages),
            **_told(plan, wiring),
        }
        return _accepted(AcceptedCommunication.model_validate(accepted))

    @app.post(
        "/v1/communications/preview",
        summary="What a mailing would be, and who would be dropped; nothing is sent",
        tags=_SENDING,
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
        "/v1/messages",
        summary="Send one direct message",
        description="It is part of the participant's history, and of no communication.",
        tags=_SENDING,
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
            **_told(plan, wiring),
        }
        return _accepted(AcceptedMessage.model_validate(accepted))

    @app.get(
        "/v1/participants/<participant_id>/messages/<message_id>/preview",
        summary="A message as it was sent, as HTML",
        description=(
            "With its original links and without a pixel, so that looking counts nothing. How it "
            "looked to a spam filter is in the header Sendtrail-Spam."
        ),
        tags=_SENDING,
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
    )


def _direct(draft: MessageDraft) -> Draft:
    return Draft(
        content=_content(draft),
        kind=draft.kind,
        recipients=[Addressee(draft.participant_id, draft.address, draft.data)],
        tracked=draft.tracking,
        reply_to=draft.reply_to,
        copy_to=draft.copy_to,
    )


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
