"""The function `track` as the libraries' own pages show how to write it.

Powertools' resolver for the HTTP API, Logger, Tracer and Metrics; itsdangerous for the token; a
boto3 client for the signing keys, read once at start-up; `put_item` of a `boto3.resource` table for
each hit. All of it is imported and made when the process starts.
"""

from __future__ import annotations

import ipaddress
import json
import os
from base64 import b64decode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.metrics import MetricUnit
from itsdangerous import URLSafeSerializer

__all__ = ["handler"]

logger = Logger()
tracer = Tracer()
metrics = Metrics()
app = APIGatewayHttpResolver()
table: Any = boto3.resource("dynamodb").Table(os.environ["EVENTS_TABLE"])
retention_seconds = int(os.environ["RETENTION_DAYS"]) * 24 * 3600
secrets: Any = boto3.client("secretsmanager")
secret = secrets.get_secret_value(SecretId=os.environ["SIGNING_KEYS_SECRET"])
keys = json.loads(secret["SecretString"])
opens, clicks = (
    URLSafeSerializer(
        [*keys["older"], keys["newest"]],
        salt=f"sendtrail.{purpose}",
        signer_kwargs={"digest_method": sha256},
    )
    for purpose in ("open", "click")
)
gif = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


@app.get("/o/<token>")
@tracer.capture_method
def open_pixel(token: str) -> Response[Any]:
    """The pixel."""
    *recipient, sent_ms = opens.loads(token.removesuffix(".gif"))
    keep("Open", recipient, {"sent_at": iso(sent_ms)})
    metrics.add_metric(name="Opens", unit=MetricUnit.Count, value=1)
    return Response(
        status_code=200,
        content_type="image/gif",
        headers={"Cache-Control": "no-store, no-cache, must-revalidate, max-age=0"},
        body=gif,
    )


@app.get("/c/<token>")
@tracer.capture_method
def follow_link(token: str) -> Response[Any]:
    """A link."""
    *recipient, sent_ms, position, url = clicks.loads(token)
    keep("Click", recipient, {"sent_at": iso(sent_ms), "link": url, "position": position})
    metrics.add_metric(name="Clicks", unit=MetricUnit.Count, value=1)
    return Response(status_code=302, headers={"Location": url, "Cache-Control": "no-store"})


def iso(milliseconds: int) -> str:
    """A time as ours are written."""
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def keep(event_type: str, recipient: list[str], detail: dict[str, Any]) -> None:
    """Writes the item that ours writes."""
    message_id, participant_id, communication_id = recipient
    context = app.current_event.request_context
    address = ipaddress.ip_address(context.http.source_ip)
    bits = 24 if address.version == 4 else 48
    network = ipaddress.ip_network(f"{address}/{bits}", strict=False)
    written = iso(context.time_epoch)
    identity = sha256(context.request_id.encode()).hexdigest()[:20]
    table.put_item(
        Item={
            "message_id": message_id,
            "event_key": f"{written}#{event_type}#{identity}",
            "source": "own",
            "participant_id": participant_id,
            "communication_id": communication_id,
            "detail": {
                **detail,
                "ip": str(network.network_address),
                "user_agent": app.current_event.headers["user-agent"],
            },
            "expires_at": context.time_epoch // 1000 + retention_seconds,
        }
    )


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Hands the request to its route."""
    return app.resolve(event, context)
