"""Forms: what a browser sends of one, with files or without."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from multipart import (
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from sendtrail.errors import InvalidInputError
from sendtrail.language import gettext

__all__ = ["Form", "Upload", "read_form"]

_MAX_FIELDS: Final = 50
_MULTIPART: Final = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was sent.

    Attributes:
        field: by whose field it came; several may come by one.
        name: what the browser says that it is called, without folders.
        content_type: what the browser says that it is.
    """

    field: str
    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """What was sent.

    Attributes:
        fields: their texts, lines ending in LF; of a name that comes twice, the last.
        files: their contents; of a field in which no file was chosen, nothing.
        uploads: all files, in their order.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    uploads: Sequence[Upload] = ()


def read_form(event: Mapping[str, Any], *, max_bytes: int, files: bool = True) -> Form:
    """The form in an event of the HTTP API (payload 2.0).

    Args:
        max_bytes: how long its body may be, as the event holds it.
        files: whether it may have files, and so be in parts.

    Raises:
        InvalidInputError: it is none, or too large.
    """
    body = event.get("body") or ""
    if len(body) > max_bytes:
        raise InvalidInputError(gettext("a form of more than %(most)s bytes") % {"most": max_bytes})
    headers = {name.lower(): text for name, text in (event.get("headers") or {}).items()}
    kind = headers.get("content-type", "")
    in_parts = files and kind.lower().startswith(_MULTIPART)
    try:
        content = b64decode(body) if event.get("isBase64Encoded") else body.encode()
        form = _of_parts(kind, content) if in_parts else _of(content)
    except (ValueError, MultipartError):  # no base64, no UTF-8, or too many fields
        said = gettext("no form, or one of more than %(most)s fields") % {"most": _MAX_FIELDS}
        raise InvalidInputError(said) from None
    lines = {name: text.replace("\r\n", "\n") for name, text in form.fields.items()}
    return Form(lines, form.files, form.uploads)


def _of(content: bytes) -> Form:
    text = content.decode()
    return Form(dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS)))


def _of_parts(kind: str, content: bytes) -> Form:
    """RFC 7578.

    Raises:
        ValueError, MultipartError: it is none, or has too many parts.
    """
    _, options = parse_options_header(kind)
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    uploads: list[Upload] = []
    part: MultipartSegment | None = None
    value = bytearray()
    with PushMultipartParser(
        options.get("boundary", ""),
        content_length=len(content),
        max_segment_count=_MAX_FIELDS,
        strict=True,
    ) as parser:
        for event in parser.parse(content):
            if isinstance(event, MultipartSegment):
                part, value = event, bytearray()
            elif event:
                value += event
            elif part is not None and part.name is not None:
                if part.filename is None:
                    fields[part.name] = value.decode()
                elif value or part.filename:
                    name = part.filename.replace("\\", "/").rpartition("/")[2]
                    content_type = part.content_type or ""
                    uploads.append(Upload(part.name, name, content_type, bytes(value)))
                    if value:
                        files[part.name] = bytes(value)
    return Form(fields, files, uploads)
