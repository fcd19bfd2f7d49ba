"""Parses requests on the public routes, as API Gateway's HTTP API delivers them (payload 2.0)."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from sendtrail.domain.times import from_epoch_ms
from sendtrail.tracking.hits import PublicRequest

__all__ = ["form_of", "public_request", "method_of", "token_of"]

Event = Mapping[str, Any]
_MAX_FORM: Final = 4_096
_MAX_FIELDS: Final = 20
_PURPOSES: Final = ("sec-purpose", "purpose", "x-purpose", "x-moz")


def token_of(event: Event) -> str:
    """The token in the path."""
    return str((event.get("pathParameters") or {}).get("token", ""))


def method_of(event: Event) -> str:
    """The request's method."""
    return str(event["requestContext"]["http"]["method"])


def public_request(event: Event) -> PublicRequest:
    """The request's id, time and client."""
    context = event["requestContext"]
    headers = event.get("headers") or {}
    return PublicRequest(
        request_id=context["requestId"],
        at=from_epoch_ms(int(context["timeEpoch"])),
        ip=context["http"].get("sourceIp") or "",
        user_agent=headers.get("user-agent") or headers.get("User-Agent") or "",
        how=_how(method_of(event), headers),
    )


def _how(method: str, headers: Mapping[str, str]) -> str:
    """How something was asked for, if it was no person's request: a browser says by Sec-Purpose
    (Fetch Metadata Request Headers), or older headers, that it fetches in advance.
    """
    if method == "HEAD":
        return "head"
    for name in _PURPOSES:
        if name in headers and "pre" in headers[name].lower():
            return "prefetch"
    return ""


def form_of(event: Event) -> dict[str, str]:
    """The fields of a form, in either encoding that RFC 8058 allows, without white space around
    them; none if the body is anything else, or larger than 4,096 characters. Mail programs end the
    body with a line end, and some send no content type, or another: what is not in parts is read as
    URL-encoded.
    """
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    content_type = headers.get("content-type", "")
    body = event.get("body") or ""
    if len(body) > _MAX_FORM:
        return {}
    kind = content_type.partition(";")[0].strip().lower()
    try:
        content = b64decode(body) if event.get("isBase64Encoded") else body.encode()
        if kind == "multipart/form-data":
            return _parts(content_type, content)
        pairs = parse_qsl(content.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except (LookupError, RecursionError, ValueError):
        return {}
    return {name.strip(): value.strip() for name, value in pairs}


def _parts(content_type: str, content: bytes) -> dict[str, str]:
    from email.parser import BytesParser  # slow to import; most mail programs use the other form
    from email.policy import HTTP

    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + content)
    parts = message.iter_parts() if message.is_multipart() else ()
    return {
        str(part.get_param("name", header="content-disposition")): str(part.get_payload()).strip()
        for part in parts
    }
