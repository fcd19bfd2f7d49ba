"""Webhooks as they look from outside: plain JSON, the same for the API and the console."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sendtrail.domain.webhooks import Delivery, Endpoint
from sendtrail.reading.views import actor_view

__all__ = ["WebhookState", "delivery_view", "state_of", "webhook_view"]

View = dict[str, Any]


class WebhookState(StrEnum):
    """How an endpoint fares."""

    DELIVERING = "delivering"
    """Its last delivery was taken, or there was none yet."""
    FAILING = "failing"
    """Nothing was taken since `failing_since`; deliveries wait, and are tried again."""
    SWITCHED_OFF = "switched_off"
    """It gets nothing until somebody enables it."""


def state_of(endpoint: Endpoint) -> WebhookState:
    """How an endpoint fares."""
    if endpoint.disabled_at:
        return WebhookState.SWITCHED_OFF
    return WebhookState.FAILING if endpoint.failing_since else WebhookState.DELIVERING


def webhook_view(endpoint: Endpoint) -> View:
    """An endpoint; without its secret, which nothing tells again."""
    return {
        "webhook_id": endpoint.endpoint_id,
        "url": endpoint.url,
        "event_types": sorted(endpoint.event_types),
        "full": endpoint.full,
        "description": endpoint.description or None,
        "state": state_of(endpoint).value,
        "created_at": endpoint.created_at,
        "by": actor_view(endpoint.by),
        "secret_made_at": endpoint.secret_made_at,
        "last_success_at": endpoint.last_success_at,
        "failing_since": endpoint.failing_since,
        "retry_at": endpoint.retry_at,
        "disabled_at": endpoint.disabled_at,
        "disabled_reason": endpoint.disabled_reason,
    }


def delivery_view(delivery: Delivery) -> View:
    """What became of an event that an endpoint was to be told of."""
    return {
        "delivery_id": delivery.webhook_id,
        "type": delivery.type,
        "at": delivery.at,
        "event_id": delivery.event_id,
        "message_id": delivery.message_id,
        "status": delivery.status.value,
        "attempts": delivery.attempts,
        "first_at": delivery.first_at,
        "last_at": delivery.last_at,
        "http_status": delivery.http_status,
        "error": delivery.error,
        "duration_ms": delivery.duration_ms,
        "replayed": delivery.replayed,
    }
