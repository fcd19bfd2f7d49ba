"""/v1/webhooks: the endpoints that are told of events, and what became of each delivery.

All of it needs the scope admin: many a URL of an endpoint is a secret by itself.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from sendtrail.api.bodies import JSON
from sendtrail.api.parameters import Cursor, Limit, answers
from sendtrail.api.schemas import (
    ID,
    Page,
    Replay,
    Webhook,
    WebhookDelivery,
    WebhookDraft,
    WebhookList,
    WebhookWithSecret,
)
from sendtrail.api.scopes import Needs, actor_of
from sendtrail.auth.api_keys import Scope
from sendtrail.domain.times import Timestamp, parse
from sendtrail.domain.webhooks import EVENT_TYPES, Endpoint
from sendtrail.errors import ConditionFailedError, ConflictError, InvalidInputError, Problem
from sendtrail.reading.webhooks import delivery_view, webhook_view
from sendtrail.wiring import Wiring

__all__ = ["add_routes"]

_TAG: Final = ["Webhooks"]
_OFF: Final = (
    "webhooks are switched off in this stack; an operator switches them on by deploying it with "
    "the parameter Webhooks=yes"
)
WebhookId = Annotated[str, Path(pattern=ID)]


def add_routes(app: APIGatewayHttpResolver, wiring: Wiring) -> None:
    """Adds the routes."""
    admins: list[Any] = [Needs(Scope.ADMIN)]

    @app.get(
        "/v1/webhooks",
        summary="All webhooks, and the types of events that they can be told of",
        tags=_TAG,
        operation_id="listWebhooks",
        responses=answers(WebhookList),
        middlewares=admins,
    )
    def several() -> WebhookList:
        return WebhookList.model_validate(
            {
                "switched_on": wiring.webhooks.is_on,
                "items": [webhook_view(each) for each in wiring.webhooks.endpoints()],
                "event_types": [
                    {"type": name, "description": said} for name, said in EVENT_TYPES.items()
                ],
            }
        )

    @app.post(
        "/v1/webhooks",
        summary="Have an endpoint told of events",
        description=(
            "Each event is a POST by Standard Webhooks (https://www.standardwebhooks.com), signed "
            "by the secret that is answered, which nothing tells again. It comes at least once and "
            "in no order; what is not taken (2xx) is tried again for a day. See docs/webhooks.md."
        ),
        tags=_TAG,
        operation_id="addWebhook",
        responses=answers(WebhookWithSecret, 409, good=201),
        middlewares=admins,
    )
    def add(draft: WebhookDraft) -> Response[WebhookWithSecret]:
        _check_on()
        made, secret = wiring.webhooks.create(
            url=draft.url,
            event_types=draft.event_types,
            full=draft.full,
            description=draft.description or "",
            by=actor_of(app),
        )
        return Response(201, JSON, _with_secret(made, secret))

    @app.get(
        "/v1/webhooks/<webhook_id>",
        summary="A webhook, and how it fares",
        tags=_TAG,
        operation_id="getWebhook",
        responses=answers(Webhook),
        middlewares=admins,
    )
    def one(webhook_id: WebhookId) -> Webhook:
        return _shown(wiring.webhooks.endpoint(webhook_id))

    @app.put(
        "/v1/webhooks/<webhook_id>",
        summary="Change a webhook: its URL, what it is told of, and how",
        description=(
            "What is left out gets its default. The secret stays, and what waits goes to the new "
            "URL."
        ),
        tags=_TAG,
        operation_id="changeWebhook",
        responses=answers(Webhook),
        middlewares=admins,
    )
    def change(webhook_id: WebhookId, draft: WebhookDraft) -> Webhook:
        changed = wiring.webhooks.change(
            webhook_id,
            url=draft.url,
            event_types=draft.event_types,
            full=draft.full,
            description=draft.description or "",
            by=actor_of(app),
        )
        return _shown(changed)

    @app.delete(
        "/v1/webhooks/<webhook_id>",
        summary="Remove a webhook; what waits for it is not delivered",
        tags=_TAG,
        operation_id="removeWebhook",
        responses=answers(Webhook),
        middlewares=admins,
    )
    def remove(webhook_id: WebhookId) -> Webhook:
        found = wiring.webhooks.endpoint(webhook_id)
        wiring.webhooks.delete(webhook_id, by=actor_of(app))
        return _shown(found)

    @app.post(
        "/v1/webhooks/<webhook_id>/rotate",
        summary="Replace a webhook's secret",
        description=(
            "For 24 hours requests are signed by the old secret and the new one, which nothing "
            "tells again."
        ),
        tags=_TAG,
        operation_id="rotateWebhookSecret",
        responses=answers(WebhookWithSecret, 409),
        middlewares=admins,
    )
    def rotate(webhook_id: WebhookId) -> WebhookWithSecret:
        try:
            secret = wiring.webhooks.rotate(webhook_id, by=actor_of(app))
        except ConditionFailedError:
            raise ConflictError("somebody else has just replaced it") from None
        return _with_secret(wiring.webhooks.endpoint(webhook_id), secret)

    @app.post(
        "/v1/webhooks/<webhook_id>/enable",
        summary="Switch a webhook on again",
        description="What happened while it was off is not told; replay it.",
        tags=_TAG,
        operation_id="enableWebhook",
        responses=answers(Webhook),
        middlewares=admins,
    )
    def enable(webhook_id: WebhookId) -> Webhook:
        return _shown(wiring.webhooks.enable(webhook_id, by=actor_of(app)))

    @app.post(
        "/v1/webhooks/<webhook_id>/test",
        summary="Have a webhook told of a test event, webhook.test",
        description=(
            "It is tried once, also if the webhook is switched off. Its deliveries say what came "
            "of it."
        ),
        tags=_TAG,
        operation_id="testWebhook",
        responses=answers(Webhook, 409, good=202),
        middlewares=admins,
    )
    def test(webhook_id: WebhookId) -> Response[Webhook]:
        _check_on()
        found = wiring.webhooks.endpoint(webhook_id)
        wiring.webhooks.test(webhook_id, by=actor_of(app))
        return Response(202, JSON, _shown(found))

    @app.post(
        "/v1/webhooks/<webhook_id>/replay",
        summary="Have a webhook told once more of what happened in a span of time",
        description=(
            "From the trails, by the time of the events themselves, with the ids that they had. "
            "It takes a while, for new events go before."
        ),
        tags=_TAG,
        operation_id="replayWebhook",
        responses=answers(Webhook, 409, good=202),
        middlewares=admins,
    )
    def replay(webhook_id: WebhookId, span: Replay) -> Response[Webhook]:
        _check_on()
        found = wiring.webhooks.endpoint(webhook_id)
        if not found.is_enabled:
            raise ConflictError("the webhook is switched off; enable it first")
        since, until = _moment(span.from_, "from"), _moment(span.to, "to")
        wiring.webhooks.replay(webhook_id, since, until, by=actor_of(app))
        return Response(202, JSON, _shown(found))

    @app.get(
        "/v1/webhooks/<webhook_id>/deliveries",
        summary="A webhook's deliveries of the last 30 days: of the latest events first",
        tags=_TAG,
        operation_id="listWebhookDeliveries",
        responses=answers(Page[WebhookDelivery], 400),
        middlewares=admins,
    )
    def deliveries(
        webhook_id: WebhookId, limit: Limit = 25, cursor: Cursor = None
    ) -> Page[WebhookDelivery]:
        wiring.webhooks.endpoint(webhook_id)
        place = wiring.cursors.read(cursor, "webhook-deliveries", webhook_id)
        found, following = wiring.webhooks.deliveries(webhook_id, place, limit)
        return Page[WebhookDelivery].of(
            [delivery_view(each) for each in found],
            wiring.cursors.write(following, "webhook-deliveries", webhook_id),
        )

    def _check_on() -> None:
        if not wiring.webhooks.is_on:
            raise ConflictError(_OFF)


def _moment(value: str, name: str) -> Timestamp:
    try:
        return parse(value)
    except ValueError:
        said = f"{value!r} is no time with an offset; write 2026-12-04T09:00:00+01:00"
        raise InvalidInputError(Problem(said, name)) from None


def _shown(endpoint: Endpoint) -> Webhook:
    return Webhook.model_validate(webhook_view(endpoint))


def _with_secret(endpoint: Endpoint, secret: str) -> WebhookWithSecret:
    return WebhookWithSecret.model_validate({**webhook_view(endpoint), "secret": secret})
