"""Drafting: the form of a mailing, read into a draft, or into what is wrong with it and where."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sendtrail.console.recipient_table import ListedRecipient, decoded, read_recipients
from sendtrail.console.request_context import RequestContext
from sendtrail.domain.ids import ID_RULE, is_participant_id
from sendtrail.domain.plan import Content
from sendtrail.errors import (
    InvalidInputError,
    InvalidTemplateError,
    NotFoundError,
)
from sendtrail.mail.addresses import checked_address
from sendtrail.sending.submission import Draft

__all__ = ["FIELDS", "Drafted", "drafted", "entered", "faults_of"]

FIELDS: Final = {
    "name": "",
    "kind": "newsletter",
    "template_id": "",
    "template_version": "",
    "subject": "",
    "html": "",
    "text": "",
    "recipients": "",
    "reply_to": "",
    "copy_to": "",
    "tracking": "yes",
    "allow_likely_spam": "",
}
"""Field → what it holds in a new form."""

_MAX_NAME: Final = 200
_MAX_SUBJECT: Final = 1000
_MAX_COPIES: Final = 10
_KIND = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Drafted:
    """What a form came to.

    Attributes:
        entered: the fields, as they were filled in.
        faults: field → what is wrong with it; of the empty field, with the whole.
        draft: None if something is wrong.
        lines: of each of its recipients, the line of the table.
    """

    entered: Mapping[str, str]
    faults: Mapping[str, Sequence[str]]
    draft: Draft | None = None
    lines: Sequence[int] = field(default_factory=list)


def entered(context: RequestContext) -> dict[str, str]:
    """The fields of a form that was sent; a file takes the place of the table.

    Raises:
        InvalidInputError: the file is no text.
    """
    found = {name: context.form.get(name, "").strip() for name in FIELDS}
    if content := context.files.get("file"):
        found["recipients"] = decoded(content).replace("\r\n", "\n")
    return found


def drafted(context: RequestContext, *, most: int) -> Drafted:
    """The draft that a form makes.

    Args:
        most: how many recipients there may be.
    """
    faults: dict[str, list[str]] = defaultdict(list)
    try:
        found = entered(context)
    except InvalidInputError as error:
        found = {name: context.form.get(name, "").strip() for name in FIELDS}
        return Drafted(found, {"recipients": [_sentence(error)]})
    for name, fault in _faults(found):
        faults[name].append(fault)
    listed: list[ListedRecipient] = []
    copies: list[str] = []

    def tried(name: str, do: Callable[[], None]) -> None:
        try:
            do()
        except InvalidInputError as error:
            faults[name] += map(_sentence, error.problems)

    tried("recipients", lambda: listed.extend(read_recipients(found["recipients"], most=most)))
    tried("copy_to", lambda: copies.extend(_copies(found["copy_to"])))
    if found["reply_to"]:
        tried("reply_to", lambda: _check_address(found["reply_to"]))
    if faults:
        return Drafted(found, faults)
    draft = Draft(
        content=_content(found),
        kind=found["kind"],
        recipients=[each.addressee for each in listed],
        name=found["name"],
        tracked=found["tracking"] == "yes",
        allow_likely_spam=found["allow_likely_spam"] == "yes",
        reply_to=found["reply_to"] or None,
        copy_to=copies,
    )
    return Drafted(found, {}, draft, [each.line for each in listed])


def faults_of(error: InvalidInputError | NotFoundError, made: Drafted) -> dict[str, list[str]]:
    """Which fields are at fault where a draft cannot be taken, and why; the field is empty where it
    is none of them.
    """
    if isinstance(error, NotFoundError):
        return {"template_id": [_sentence(error)]}
    faults: dict[str, list[str]] = defaultdict(list)
    for each in error.problems:
        if isinstance(each, InvalidTemplateError):
            of_template = bool(made.entered["template_id"])
            faults["template_id" if of_template else each.part].append(_sentence(each))
        elif each.index is not None:
            who = f" ({each.who})" if each.who else ""
            faults["recipients"].append(f"Line {made.lines[each.index]}{who}: {each.message}.")
        else:
            faults[each.field].append(_sentence(each.message))
    return faults


def _faults(found: Mapping[str, str]) -> list[tuple[str, str]]:
    own = found["subject"] or found["html"] or found["text"]
    alone = bool(own) and not found["template_id"]
    wrong = [
        ("name", "Give it a name: it is listed by that.", not found["name"]),
        ("name", f"At most {_MAX_NAME} characters.", len(found["name"]) > _MAX_NAME),
        (
            "kind",
            "One word of letters a-z, digits, - and _, at most 64.",
            not _KIND.fullmatch(found["kind"]),
        ),
        (
            "template_id",
            "Choose a template, or write the mail below.",
            not found["template_id"] and not own,
        ),
        (
            "template_id",
            "There is a template and a mail of its own below; only one of them can be sent.",
            bool(found["template_id"] and own),
        ),
        (
            "template_id",
            f"That is no template’s id; one is {ID_RULE}.",
            bool(found["template_id"]) and not is_participant_id(found["template_id"]),
        ),
        ("subject", "It needs a subject.", alone and not found["subject"]),
        ("subject", f"At most {_MAX_SUBJECT} characters.", len(found["subject"]) > _MAX_SUBJECT),
        (
            "html",
            "It needs HTML, or text, or both.",
            alone and not found["html"] and not found["text"],
        ),
    ]
    return [(name, fault) for name, fault, is_wrong in wrong if is_wrong]


def _content(found: Mapping[str, str]) -> Content:
    version = found["template_version"]
    return Content(
        template_id=found["template_id"] or None,
        template_version=int(version) if version.isdecimal() and len(version) < 10 else None,
        subject=found["subject"] or None,
        html=found["html"] or None,
        text=found["text"] or None,
    )


def _check_address(address: str) -> None:
    checked_address(address)


def _copies(text: str) -> list[str]:
    found = [each for each in re.split(r"[\s,;]+", text) if each]
    if len(found) > _MAX_COPIES:
        raise InvalidInputError(f"{len(found)} addresses; at most {_MAX_COPIES} are allowed")
    return [checked_address(each) for each in found]


def _sentence(said: object) -> str:
    text = str(said).rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."
