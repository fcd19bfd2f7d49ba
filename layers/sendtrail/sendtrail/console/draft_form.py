"""Drafting: the form of a mailing, read into a draft, or into what is wrong with it and where."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Final

from sendtrail.console.recipient_table import ListedRecipient, read_file, read_recipients
from sendtrail.console.request_context import RequestContext
from sendtrail.console.send_time import UTC_ZONE, send_at_of
from sendtrail.domain.ids import ID_RULE, is_participant_id
from sendtrail.domain.plan import Content
from sendtrail.errors import MAX_TOLD, InvalidInputError, NotFoundError, Problem, Problems
from sendtrail.language import gettext
from sendtrail.mail.addresses import checked_address
from sendtrail.mail.attachments import MAX_ATTACHMENTS, Attachment
from sendtrail.sending.submission import Draft

__all__ = [
    "FIELDS",
    "Drafted",
    "Entered",
    "Fault",
    "KeptFile",
    "drafted",
    "entered",
    "faults_of",
    "kept_files",
    "with_files",
]

FIELDS: Final = {
    "name": "",
    "kind": "newsletter",
    "template_id": "",
    "template_version": "",
    "subject": "",
    "html": "",
    "text": "",
    "recipients": "",
    "same_as": "",
    "same_who": "",
    "attachments": "",
    "send_on": "",
    "send_time": "",
    "zone": UTC_ZONE,
    "reply_to": "",
    "copy_to": "",
    "tracking": "yes",
    "allow_likely_spam": "",
}
"""Field → what it holds in a new form. ``attachments`` has those that are kept (`with_files`)."""

_CONTENT: Final = ("template_id", "subject", "html", "text")
_MAX_NAME: Final = 200
_MAX_SUBJECT: Final = 1000
_MAX_COPIES: Final = 10
_KIND = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FIELD_OF: Final = {"send_at": "send_on"}
"""Field of a draft → the field of the form, where it is another."""
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
class KeptFile:
    """An attachment whose content is kept with the draft, by its digest.

    Attributes:
        size: in bytes.
        digest: the SHA-256 of its content, in hexadecimal.
    """

    name: str
    content_type: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Entered:
    """A form as it was filled in.

    Attributes:
        fields: a file that was chosen has taken the place of the table.
        said: what is to be known of how that was read; empty if nothing.
        found: why it could not be read.
    """

    fields: dict[str, str]
    said: str = ""
    found: Sequence[Fault] = ()


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
        return faults_of(self.found, self.more)

    def refused(self, error: InvalidInputError | NotFoundError) -> Drafted:
        """The same, with what else is wrong, as sending it would say.

        A field that has a fault already was left out of the draft, and gets no other for that.
        """
        if isinstance(error, NotFoundError):
            told, more = [Fault("template_id", _sentence(str(error)))], 0
        else:
            told, more = [self._fault(each) for each in error.problems], error.more
        known = {each.field for each in self.found}
        if "same_as" in known:
            known.add("recipients")
        new = [each for each in told if each.line or each.field not in known]
        return replace(self, found=[*self.found, *new], more=self.more + more)

    def _fault(self, problem: Problem) -> Fault:
        if problem.field == "recipients" and problem.index is not None:
            line = self.lines[problem.index]
            said = gettext("line %(line)s: %(what)s")
            if problem.participant_id:
                said = gettext("line %(line)s (%(who)s): %(what)s")
            said %= {"line": line, "who": problem.participant_id, "what": problem.message}
            return Fault("recipients", _sentence(said), line)
        if problem.field == "attachments" and problem.index is not None:
            name = self.draft.attachments[problem.index].name
            return Fault("attachments", _sentence(f"“{name:.80}”: {problem.message}"))
        position = f"{problem.position}: " if problem.position else ""
        field = _FIELD_OF.get(problem.field or "", problem.field or "")
        return Fault(field, _sentence(position + problem.message))


def faults_of(found: Sequence[Fault], more: int = 0) -> dict[str, list[str]]:
    """Field → what is wrong with it, in the order of the form; the lines of the table in order, and
    no more than `MAX_TOLD` of them.

    Args:
        more: how many there are besides, of lines.
    """
    faults: dict[str, list[str]] = {}
    lines = sorted((each for each in found if each.line), key=lambda each: each.line)
    for each in [each for each in found if not each.line] + lines[:MAX_TOLD]:
        faults.setdefault(each.field, []).append(each.said)
    more += len(lines[MAX_TOLD:])
    if more:
        faults["recipients"].append(gettext("And %(count)s more.") % {"count": more})
    place = {name: number for number, name in enumerate(FIELDS)}
    return dict(sorted(faults.items(), key=lambda told: place.get(told[0], -1)))


def entered(context: RequestContext) -> Entered:
    """The form that was sent."""
    fields = {name: context.form.get(name, "").strip() for name in FIELDS}
    content = context.files.get("file")
    if not content:
        return Entered(fields)
    try:
        sheet = read_file(content)
    except InvalidInputError as error:
        found = [Fault("recipients", _sentence(each.message)) for each in error.problems]
        return Entered(fields, found=found)
    fields |= {"recipients": sheet.text.replace("\r\n", "\n").strip("\ufeff"), "same_as": ""}
    return Entered(fields, sheet.said)


def kept_files(fields: Mapping[str, str]) -> list[KeptFile]:
    """The attachments that are kept with a draft.

    Raises:
        InvalidInputError: the field is not as `with_files` writes it.
    """
    try:
        given = json.loads(fields["attachments"] or "[]")
        found = [KeptFile(*each) for each in given]
        if (
            isinstance(given, list)
            and len(found) <= MAX_ATTACHMENTS
            and all(_is_kept_file(each) for each in found)
        ):
            return found
    except (ValueError, TypeError, RecursionError):
        pass
    raise InvalidInputError(gettext("this form is not whole; go back, and load the page anew"))


def _is_kept_file(file: KeptFile) -> bool:
    return (
        isinstance(file.name, str)
        and isinstance(file.content_type, str)
        and isinstance(file.size, int)
        and isinstance(file.digest, str)
        and _DIGEST.fullmatch(file.digest) is not None
    )


def with_files(fields: Mapping[str, str], files: Sequence[KeptFile]) -> dict[str, str]:
    """The fields, with these attachments."""
    kept = json.dumps([astuple(each) for each in files]) if files else ""
    return {**fields, "attachments": kept}


def drafted(
    form: Mapping[str, str],
    begun: Sequence[Fault] = (),
    *,
    most: int,
    content_of: Callable[[KeptFile], bytes | None],
) -> Drafted:
    """The draft that a form makes, and what is wrong with the form.

    Args:
        begun: what was found wrong already; of a table that could not be read, nothing else is.
        most: how many recipients there may be.
        content_of: of an attachment; None if it is not kept any more.

    Raises:
        InvalidInputError: the form is not one of ours.
    """
    listed: list[ListedRecipient] = []
    problems = Problems()
    if not any(each.field in ("recipients", "same_as") for each in begun):
        listed = read_recipients(form["recipients"], most=most, problems=problems)
    found = [*begun, *(Fault(name, said) for name, said in _faults(form))]
    content = _STAND_IN if any(each.field in _CONTENT for each in found) else _content(form)
    found += [
        Fault("recipients", _sentence(each.message), each.line or 0) for each in problems.told
    ]
    attachments = []
    for file in kept_files(form):
        held = content_of(file)
        if held is None:
            said = gettext("“%(name)s” is not kept any more; remove it, and add it again.")
            found.append(Fault("attachments", said % {"name": f"{file.name:.80}"}))
        else:
            attachments.append(Attachment(file.name, file.content_type, held))
    send_at = None
    try:
        send_at = send_at_of(form["send_on"], form["send_time"], form["zone"])
    except InvalidInputError as error:
        found += [Fault(each.field or "", _sentence(each.message)) for each in error.problems]
    draft = Draft(
        content=content,
        kind=form["kind"],
        recipients=[each.addressee for each in listed],
        name=form["name"],
        tracked=form["tracking"] == "yes",
        allow_likely_spam=form["allow_likely_spam"] == "yes",
        reply_to=next(iter(_addresses("reply_to", [form["reply_to"]], found)), None),
        copy_to=_addresses("copy_to", re.split(r"[\s,;]+", form["copy_to"]), found),
        send_at=send_at,
        attachments=attachments,
    )
    return Drafted(form, draft, [each.line for each in listed], found, problems.more)


def _faults(found: Mapping[str, str]) -> list[tuple[str, str]]:
    own = found["subject"] or found["html"] or found["text"]
    alone = bool(own) and not found["template_id"]
    at_most = gettext("At most %(most)s characters.")
    wrong = [
        ("name", gettext("Give it a name: it is listed by that."), not found["name"]),
        ("name", at_most % {"most": _MAX_NAME}, len(found["name"]) > _MAX_NAME),
        (
            "kind",
            gettext("One word of letters a-z, digits, - and _, at most 64."),
            not _KIND.fullmatch(found["kind"]),
        ),
        (
            "template_id",
            gettext("Choose a template, or write the mail below."),
            not found["template_id"] and not own,
        ),
        (
            "template_id",
            gettext(
                "There is a template and a mail of its own below; only one of them can be sent."
            ),
            bool(found["template_id"] and own),
        ),
        (
            "template_id",
            gettext("That is no template’s id; one is %(rule)s.") % {"rule": ID_RULE},
            bool(found["template_id"]) and not is_participant_id(found["template_id"]),
        ),
        ("subject", gettext("It needs a subject."), alone and not found["subject"]),
        ("subject", at_most % {"most": _MAX_SUBJECT}, len(found["subject"]) > _MAX_SUBJECT),
        (
            "html",
            gettext("It needs HTML, or text, or both."),
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
        said = gettext("%(count)s addresses; at most %(most)s are allowed.")
        found.append(Fault(name, said % {"count": len(given), "most": _MAX_COPIES}))
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
