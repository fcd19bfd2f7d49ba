"""Forms: what a browser sends of one, with files or without."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import HTTP
from typing import Any, Final, cast
from urllib.parse import parse_qsl

from sendtrail.errors import InvalidInputError

__all__ = ["Form", "read_form"]

_MAX_FIELDS: Final = 50
_MULTIPART: Final = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Form:
    """What was sent.

    Attributes:
        fields: their texts, lines ending in LF; of a name that comes twice, the last.
        files: their contents; of a field in which no file was chosen, nothing.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


def read_form(event: Mapping[str, Any], *, max_bytes: int) -> Form:
    """The form in an event of the HTTP API (payload 2.0).

    Args:
        max_bytes: how long its body may be, as the event holds it.

    Raises:
        InvalidInputError: it is none, or too large.
    """
    body = event.get("body") or ""
    if len(body) > max_bytes:
        raise InvalidInputError(f"a form of more than {max_bytes} bytes")
    headers = {name.lower(): text for name, text in (event.get("headers") or {}).items()}
    kind = headers.get("content-type", "")
    try:
        content = b64decode(body) if event.get("isBase64Encoded") else body.encode()
        form = _of_parts(kind, content) if kind.lower().startswith(_MULTIPART) else _of(content)
    except ValueError:  # no base64, no UTF-8, or too many fields
        raise InvalidInputError(f"no form, or one of more than {_MAX_FIELDS} fields") from None
    lines = {name: text.replace("\r\n", "\n") for name, text in form.fields.items()}
    return Form(lines, form.files)


def _of(content: bytes) -> Form:
    text = content.decode()
    return Form(dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS)))


def _of_parts(kind: str, content: bytes) -> Form:
    """RFC 7578; Python's own parser of MIME reads it, given the header that the gateway took off.

    Raises:
        ValueError: it is none.
    """
    head = f"Content-Type: {kind}\r\n\r\n".encode("ascii", "replace")
    message = message_from_bytes(head + content, policy=HTTP)
    if not message.is_multipart():
        raise ValueError(kind)
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    parts = cast("list[EmailMessage]", message.get_payload())
    if len(parts) > _MAX_FIELDS:
        raise ValueError(len(parts))
    for part in parts:
        name = part.get_param("name", header="content-disposition")
        value = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(value, bytes):
            raise ValueError(name)  # noqa: TRY004 -- the form is wrong, and not the program
        if part.get_param("filename", header="content-disposition") is None:
            fields[name] = value.decode()
        elif value:
            files[name] = value
    return Form(fields, files)
