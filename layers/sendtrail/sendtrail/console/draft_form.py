"""Drafting: the form of a mailing, read into a draft, or into what is wrong with it and where."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sendtrail.console.recipient_table import ListedRecipient, decoded, read_recipients
from sendtrail.console.request_context import RequestContext
from sendtrail.domain.ids import ID_RULE, is_participant_id
from sendtrail.domain.plan import Content
from sendtrail.errors import MAX_TOLD, InvalidInputError, NotFoundError, Problem, Problems
from sendtrail.mail.addresses import checked_address
from sendtrail.sending.submission import Draft

__all__ = ["FIELDS", "Drafted", "Fault", "drafted", "entered"]

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

_CONTENT: Final = ("template_id", "subject", "html", "text")
_MAX_NAME: Final = 200
_MAX_SUBJECT: Final = 1000
_MAX_COPIES: Final = 10
_KIND = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STAND_IN: Final = Content(subject="-", text="-")
"""What stands for a mail that cannot be one, so that the rest of its draft can be checked."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a field, in a sentence.

    Attributes:
        field: empty where it is no one field's.
        line: of the table of recipients, if it is in one; else 0.
    """

    field: str
    said: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Drafted:
    """What a form came to.

    Attributes:
        entered: the fields, as they were filled in.
        draft: what is sound of it. It may be sent only if there are no faults.
        lines: of each of its recipients, the line of the table.
        found: what is wrong with it.
        more: how many faults of lines there are besides.
    """

    entered: Mapping[str, str]
    draft: Draft
    lines: Sequence[int]
    found: Sequence[Fault] = ()
    more: int = 0

    @property
    def faults(self) -> dict[str, list[str]]:
        """Field → what is wrong with it; the lines of the table in order, and no more than
        `MAX_TOLD` of them.
        """
        faults: dict[str, list[str]] = {}
        lines = sorted((each for each in self.found if each.line), key=lambda each: each.line)
        for each in [each for each in self.found if not each.line] + lines[:MAX_TOLD]:
            faults.setdefault(each.field, []).append(each.said)
        more = self.more + len(lines[MAX_TOLD:])
        if more:
            faults["recipients"].append(f"And {more} more.")
        return faults

    def refused(self, error: InvalidInputError | NotFoundError) -> Drafted:
        """The same, with what else is wrong, as sending it would say.

        A field that has a fault already was left out of the draft, and gets no other for that.
        """
        if isinstance(error, NotFoundError):
            told, more = [Fault("template_id", _sentence(str(error)))], 0
        else:
            told, more = [self._fault(each) for each in error.problems], error.more
        known = {each.field for each in self.found}
        new = [each for each in told if each.line or each.field not in known]
        return replace(self, found=[*self.found, *new], more=self.more + more)

    def _fault(self, problem: Problem) -> Fault:
        if problem.field == "recipients" and problem.index is not None:
            line = self.lines[problem.index]
            who = f" ({problem.participant_id})" if problem.participant_id else ""
            return Fault("recipients", _sentence(f"line {line}{who}: {problem.message}"), line)
        position = f"{problem.position}: " if problem.position else ""
        return Fault(problem.field or "", _sentence(position + problem.message))


def entered(context: RequestContext) -> dict[str, str]:
    """The fields of a form that was sent; a file takes the place of the table.

    Raises:
        InvalidInputError: the file is no text.
    """
    found = _typed(context)
    if content := context.files.get("file"):
        found["recipients"] = decoded(content).replace("\r\n", "\n")
    return found


def _typed(context: RequestContext) -> dict[str, str]:
    return {name: context.form.get(name, "").strip() for name in FIELDS}


def drafted(context: RequestContext, *, most: int) -> Drafted:
    """The draft that a form makes, and what is wrong with the form.

    Args:
        most: how many recipients there may be.
    """
    listed: list[ListedRecipient] = []
    problems = Problems()
    try:
        form = entered(context)
        listed = read_recipients(form["recipients"], most=most, problems=problems)
    except InvalidInputError as error:
        form = _typed(context)
        for each in error.problems:
            problems.add(each)
    found = [Fault(name, said) for name, said in _faults(form)]
    content = _STAND_IN if any(each.field in _CONTENT for each in found) else _content(form)
    found += [
        Fault("recipients", _sentence(each.message), each.line or 0) for each in problems.told
    ]
    draft = Draft(
        content=content,
        kind=form["kind"],
        recipients=[each.addressee for each in listed],
        name=form["name"],
        tracked=form["tracking"] == "yes",
        allow_likely_spam=form["allow_likely_spam"] == "yes",
        reply_to=next(iter(_addresses("reply_to", [form["reply_to"]], found)), None),
        copy_to=_addresses("copy_to", re.split(r"[\s,;]+", form["copy_to"]), found),
    )
    return Drafted(form, draft, [each.line for each in listed], found, problems.more)


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


def _addresses(name: str, entries: Sequence[str], found: list[Fault]) -> list[str]:
    """The addresses of a field that can be ones; what is wrong with the others is added."""
    given = [each for each in entries if each]
    if len(given) > _MAX_COPIES:
        found.append(Fault(name, f"{len(given)} addresses; at most {_MAX_COPIES} are allowed."))
        return []
    addresses: list[str] = []
    for each in given:
        try:
            addresses.append(checked_address(each))
        except InvalidInputError as error:
            found.append(Fault(name, _sentence(str(error))))
    return addresses


def _sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:].rstrip('.')}."
