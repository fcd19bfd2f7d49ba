"""Attachments: what may go with a mail, and why not.

API Gateway hands a request to Lambda whole, and Lambda takes 6 MB of it ("Lambda quotas"): base64
makes a third more of a file, and the recipients are in the request, too. SES takes 40 MB a message,
and throttles sending of those above 10 MB ("Service quotas in Amazon SES"), which is never reached.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from sendtrail.domain.plan import PlannedAttachment
from sendtrail.errors import Problem, Problems

__all__ = [
    "MAX_ATTACHMENTS",
    "MAX_FILE_NAME",
    "MAX_TOTAL_BYTES",
    "MAX_TYPE",
    "UNSUPPORTED_ENDINGS",
    "Attachment",
    "check_attachments",
    "planned_attachments",
    "size_label",
]

MAX_ATTACHMENTS: Final = 10
"""Of a mail."""
MAX_TOTAL_BYTES: Final = 3 * 1024 * 1024
"""Of all attachments of a mail together, before base64."""
MAX_FILE_NAME: Final = 255
"""Characters ("Attachment", FileName, in SES's API reference, version 2)."""
MAX_TYPE: Final = 78
"""Characters (the same, ContentType)."""

_ENDINGS: Final = (
    "ade adp app asp bas bat cer chm cmd com cpl crt csh der exe fxp gadget hlp hta inf ins isp "
    "its js jse ksh lib lnk mad maf mag mam maq mar mas mat mau mav maw mda mdb mde mdt mdw mdz "
    "msc msh msh1 msh1xml msh2 msh2xml mshxml msi msp mst ops pcd pif plg prf prg ps1 ps1xml ps2 "
    "ps2xml psc1 psc2 reg scf scr sct shb shs sys tmp url vb vbe vbs vps vsmacros vss vst vsw "
    "vxd ws wsc wsf wsh xnk"
)
UNSUPPORTED_ENDINGS: Final = frozenset(_ENDINGS.split())
"""The file name extensions that SES refuses ("Amazon SES unsupported attachment types")."""

_TYPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*")
"""RFC 6838, section 4.2, without parameters."""
_NOT_IN_A_NAME: Final = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff/\\"<>:|?*]')
"""Controls, and what file systems or a header of a mail give a meaning to."""
_TURNS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Turn the direction of text, so that ``gpj.exe`` reads as ``exe.jpg``."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail.

    Attributes:
        name: of the file, as readers see it; with an extension.
        content_type: its media type, such as ``application/pdf``.
    """

    name: str
    content_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """The SHA-256 of its content, in hexadecimal: by which it is kept."""
        return sha256(self.content).hexdigest()


def check_attachments(attachments: Sequence[Attachment], problems: Problems) -> None:
    """Looks whether a mail may have these attachments.

    Args:
        problems: is given what is wrong, of the field ``attachments``; of one of them by its index.
    """
    if len(attachments) > MAX_ATTACHMENTS:
        said = f"{len(attachments)}; at most {MAX_ATTACHMENTS} are allowed"
        problems.add(Problem(said, field="attachments"))
    total = sum(len(each.content) for each in attachments)
    if total > MAX_TOTAL_BYTES:
        said = f"{size_label(total)} together; at most {size_label(MAX_TOTAL_BYTES)} are allowed"
        problems.add(Problem(said, field="attachments"))
    first: dict[str, int] = {}
    for number, each in enumerate(attachments):
        for subfield, said in _faults(each):
            problems.add(Problem(said, field="attachments", index=number, subfield=subfield))
        same = first.setdefault(each.name.casefold(), number)
        if same != number:
            said = f"attachments[{same}] has this name already"
            problems.add(Problem(said, field="attachments", index=number, subfield="name"))


def _faults(attachment: Attachment) -> list[tuple[str, str]]:
    """What is wrong with one: field of it, and why in words."""
    found: list[tuple[str, str]] = []
    name = attachment.name
    ending = name.rpartition(".")[2].strip().lower()
    if not name.strip() or len(name) > MAX_FILE_NAME:
        found.append(("name", f"{len(name)} characters; 1 to {MAX_FILE_NAME} are allowed"))
    elif _NOT_IN_A_NAME.search(name) or _TURNS.search(name):
        said = 'a control character, or one of / \\ " < > : | ? *, which no name may have'
        found.append(("name", said))
    elif "." not in name.strip(".") or not ending:
        found.append(("name", f"{name!r:.80} has no extension, such as .pdf; SES needs one"))
    elif ending in UNSUPPORTED_ENDINGS:
        said = f"SES sends no files that end in .{ending}; put it into an archive, or send a link"
        found.append(("name", said))
    content_type = attachment.content_type
    if len(content_type) > MAX_TYPE or not _TYPE.fullmatch(content_type):
        said = f"{content_type!r:.80} is no media type, such as application/pdf"
        found.append(("content_type", said))
    if not attachment.content:
        found.append(("content", "the file is empty"))
    return found


def planned_attachments(attachments: Sequence[Attachment]) -> list[PlannedAttachment]:
    """What a plan has of attachments: everything but their content."""
    return [
        PlannedAttachment(each.name, each.content_type, len(each.content), each.digest)
        for each in attachments
    ]


def size_label(size: int) -> str:
    """A number of bytes in words: ``512 bytes``, ``1.5 KB``, ``3 MB``."""
    for unit, name in ((1024 * 1024, "MB"), (1024, "KB")):
        if size >= unit:
            return f"{size / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{size} bytes"
