"""Requests of the public routes, as API Gateway's HTTP API hands them over (payload 2.0)."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from sendtrail.domain.times import from_epoch_ms
from sendtrail.services.tracking import Hit

__all__ = ["form_of", "hit_of", "method_of", "token_of"]

Event = Mapping[str, Any]


def token_of(event: Event) -> str:
    """The token in the path."""
    return str((event.get("pathParameters") or {}).get("token", ""))


def method_of(event: Event) -> str:
    """The request's method."""
    return str(event["requestContext"]["http"]["method"])


def hit_of(event: Event) -> Hit:
    """Who asked, and when."""
    context = event["requestContext"]
    headers = event.get("headers") or {}
    return Hit(
        request_id=context["requestId"],
        at=from_epoch_ms(int(context["timeEpoch"])),
        ip=context["http"].get("sourceIp") or "",
        user_agent=headers.get("user-agent") or headers.get("User-Agent") or "",
    )


def form_of(event: Event) -> dict[str, str]:
    """The fields of a form, of either encoding that RFC 8058 allows; nothing of anything else."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    content_type = headers.get("content-type", "")
    body = event.get("body") or ""
    content = b64decode(body) if event.get("isBase64Encoded") else body.encode("utf-8", "replace")
    if content_type.lower().startswith("multipart/form-data"):
        from email.parser import BytesParser  # mail programs send the other; it loads slowly
        from email.policy import HTTP

        head = f"Content-Type: {content_type}\r\n\r\n".encode("utf-8", "replace")
        message = BytesParser(policy=HTTP).parsebytes(head + content)
        parts = message.iter_parts() if message.is_multipart() else ()
        return {
            str(part.get_param("name", header="content-disposition")): (
                str(part.get_payload()).strip()
            )
            for part in parts
        }
    return dict(parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True))
