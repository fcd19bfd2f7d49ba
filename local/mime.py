"""A request of SendEmail as the mail that SES makes of it: MIME, and the files in it."""

from __future__ import annotations

import base64
import email
import email.policy
from collections.abc import Mapping
from email.message import EmailMessage
from typing import Any, Final

__all__ = ["attachments", "source"]

_ANY: Final = "application/octet-stream"


def source(mail: Mapping[str, Any], request: Mapping[str, Any]) -> bytes:
    """A mail's source: as it was given, or as SES would write it.

    Args:
        mail: of the outbox.
        request: of SendEmail, by which it was sent.
    """
    content = request["Content"]
    if "Raw" in content:
        return base64.b64decode(content["Raw"]["Data"])
    made = EmailMessage(email.policy.SMTP)
    made["From"] = mail["from"] or ""
    made["To"] = ", ".join(mail["destination"])
    made["Subject"] = " ".join(mail["subject"].splitlines())
    made["Date"] = mail["taken_at"]
    made["Message-ID"] = f"<{mail['message_id']}@eu-west-1.amazonses.com>"
    if mail["reply_to"]:
        made["Reply-To"] = ", ".join(mail["reply_to"])
    for header in mail["headers"]:
        made[header["name"]] = header["value"]
    if mail["text"] is not None:
        made.set_content(mail["text"])
    if mail["html"] is not None:
        if mail["text"] is None:
            made.set_content(mail["html"], subtype="html")
        else:
            made.add_alternative(mail["html"], subtype="html")
    for name, kind, data in attachments(request):
        main, _, sub = kind.partition("/")
        made.add_attachment(data, maintype=main, subtype=sub or "octet-stream", filename=name)
    return made.as_bytes()


def attachments(request: Mapping[str, Any]) -> list[tuple[str, str, bytes]]:
    """The name, type and content of each file of a request of SendEmail."""
    content = request["Content"]
    if "Raw" in content:
        raw = email.message_from_bytes(
            base64.b64decode(content["Raw"]["Data"]), policy=email.policy.default
        )
        return [
            (part.get_filename() or "file", part.get_content_type(), part.get_payload(decode=True))  # type: ignore[misc]
            for part in raw.iter_attachments()
        ]
    return [
        (each["FileName"], each.get("ContentType") or _ANY, base64.b64decode(each["RawContent"]))
        for each in content["Simple"].get("Attachments", ())
    ]
