"""The form in which a template is written: read, checked, and tried with sample data."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sendtrail.console.request_context import RequestContext
from sendtrail.domain.ids import ID_RULE, is_participant_id
from sendtrail.errors import InvalidInputError, InvalidTemplateError, Problem
from sendtrail.language import gettext, mark
from sendtrail.mail.spam import SpamScore, score
from sendtrail.mail.templates import Body, Rendered, Template
from sendtrail.sending.rendering import NO_UNSUBSCRIBING
from sendtrail.sending.template_store import TemplateVersion

__all__ = ["LABELS", "MAX_SAMPLES", "Fault", "Tried", "Written", "blank", "of_version", "written"]

LABELS: Final = {
    "template_id": mark("Name"),
    "description": mark("What it is for"),
    "subject": mark("Subject"),
    "html": mark("HTML"),
    "text": mark("Text"),
    "address": mark("Your address"),
    "samples": mark("Sample data"),
}
"""Field → its label."""

MAX_SAMPLES: Final = 30
"""How many fields can be given sample data; the others are made up."""
_SAMPLE: Final = "sample."
_FIELDS: Final = ("template_id", "description", "subject", "html", "text", "address")
_MAX_DESCRIPTION: Final = 300
_MAX_SUBJECT: Final = 1000
_MAX_SAMPLE: Final = 16_384
_MAX_SHOWN: Final = 160  # characters of a faulty line
_BASE = re.compile(r"[0-9]{1,9}")
_LIKE_JSON = re.compile(r"[\[{].*|-?(0|[1-9]\d{0,14})(\.\d{1,10})?|true|false|null", re.DOTALL)
_READER: Final = {
    "participant_id": "sample-reader",
    "address": "reader@example.org",
    "unsubscribe_url": NO_UNSUBSCRIBING,
}
"""Of whoever reads a preview, what a template can always name."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a field, in a sentence.

    Attributes:
        field: a key of `LABELS`.
        line: in which it is, from 1; 0 where it is in none.
        shown: that line, or the part of it around the fault.
    """

    field: str
    said: str
    line: int = 0
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """What a template comes to with sample data.

    Attributes:
        data: the samples: those that were given, and made-up ones for the others.
        rendered: None if it cannot be rendered with them.
        spam: of what was rendered.
        found: why it cannot be rendered.
    """

    data: Mapping[str, Any]
    rendered: Rendered | None = None
    spam: SpamScore | None = None
    found: Sequence[Fault] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """What a form came to.

    Attributes:
        entered: the fields, as they were filled in.
        samples: merge field → its sample, as it was filled in or made up; of the first
            `MAX_SAMPLES`.
        made_up: how many fields more are made up.
        base: the version that was changed; 0 for a new template.
        body: the sources.
        template: None if they are none.
        found: what is wrong with it. Nothing is saved unless that is nothing.
        tried: None if there is no template.
    """

    entered: Mapping[str, str]
    samples: Mapping[str, str]
    made_up: int
    base: int
    body: Body
    template: Template | None = None
    found: Sequence[Fault] = ()
    tried: Tried | None = None

    @property
    def template_id(self) -> str:
        """The template's id, if it is one."""
        return self.entered["template_id"]

    @property
    def description(self) -> str | None:
        """What it is for."""
        return self.entered["description"] or None

    @property
    def all_found(self) -> list[Fault]:
        """All that is wrong, with the sample data too."""
        return [*self.found, *(self.tried.found if self.tried else ())]


def blank() -> Written:
    """The form of a new template."""
    return Written(dict.fromkeys(_FIELDS, ""), {}, 0, 0, Body("", None, None))


def of_version(version: TemplateVersion) -> Written:
    """The form in which a version is changed."""
    entered = {
        "template_id": version.template_id,
        "description": version.description or "",
        "subject": version.subject,
        "html": version.html or "",
        "text": version.text or "",
        "address": "",
    }
    return _tried(entered, {}, version.version)


def written(context: RequestContext) -> Written:
    """What somebody sent of the form.

    Raises:
        InvalidInputError: the form is not whole.
    """
    base = context.form.get("base", "")
    if not _BASE.fullmatch(base):
        raise InvalidInputError(gettext("this form is not whole; go back, and load the page again"))
    entered = {name: context.form.get(name, "") for name in _FIELDS}
    entered |= {name: entered[name].strip() for name in _FIELDS if name not in ("html", "text")}
    given = {
        name.removeprefix(_SAMPLE): text.strip()
        for name, text in context.form.items()
        if name.startswith(_SAMPLE)
    }
    return _tried(entered, given, int(base))


def _tried(entered: Mapping[str, str], given: Mapping[str, str], base: int) -> Written:
    body = Body(entered["subject"], entered["html"] or None, entered["text"] or None)
    found = _faults(entered)
    template = None
    try:
        template = Template(body)
    except InvalidTemplateError as error:
        known = {fault.field for fault in found}
        known |= {"text"} if "html" in known else set()  # what is said of both is said once
        found += [_fault(each, body) for each in error.problems if each.field not in known]
    if template is None:
        return Written(entered, given, 0, base, body, None, found)
    made_up = template.sample_data()
    data, wrong = _data(made_up, given)
    tried = _rendered(template, body, data) if not wrong else Tried(data, found=wrong)
    names = sorted(template.fields)[:MAX_SAMPLES]
    samples = {name: given.get(name) or _text_of(made_up.get(name, name)) for name in names}
    left_out = len(template.fields) - len(names)
    return Written(entered, samples, left_out, base, body, template, found, tried)


def _faults(entered: Mapping[str, str]) -> list[Fault]:
    name, description, subject = (
        entered[each] for each in ("template_id", "description", "subject")
    )
    too_long = gettext("%(count)s characters; at most %(most)s are allowed.")
    wrong = [
        ("template_id", gettext("Give it a name: it is called by that."), not name),
        (
            "template_id",
            gettext("That can be no template’s name; one is %(rule)s.") % {"rule": ID_RULE},
            bool(name) and not is_participant_id(name),
        ),
        (
            "description",
            too_long % {"count": len(description), "most": _MAX_DESCRIPTION},
            len(description) > _MAX_DESCRIPTION,
        ),
        ("subject", gettext("It needs a subject."), not subject),
        (
            "subject",
            too_long % {"count": len(subject), "most": _MAX_SUBJECT},
            len(subject) > _MAX_SUBJECT,
        ),
        (
            "html",
            gettext("It needs HTML, or text, or both."),
            not (entered["html"] + entered["text"]).strip(),
        ),
    ]
    return [Fault(field, said) for field, said, is_wrong in wrong if is_wrong]


def _fault(problem: Problem, body: Body) -> Fault:
    field = problem.field or "html"
    source = {"subject": body.subject, "html": body.html, "text": body.text}.get(field) or ""
    position = f"{problem.position}: " if problem.position else ""
    said = f"{position}{problem.message}"
    sentence = f"{said[:1].upper()}{said[1:].rstrip('.')}."
    return Fault(field, sentence, problem.line or 0, _shown(source, problem))


def _shown(source: str, problem: Problem) -> str:
    """The line that a problem is in, cut around the problem where it is long."""
    if problem.line is None:
        return ""
    lines = source.split("\n")
    line = lines[problem.line - 1] if problem.line <= len(lines) else ""
    begin = max(0, (problem.column or 1) - 1 - _MAX_SHOWN // 2)
    return line[begin : begin + _MAX_SHOWN].strip()


def _data(
    made_up: Mapping[str, Any], given: Mapping[str, str]
) -> tuple[dict[str, Any], list[Fault]]:
    """Sample data: what was given, else what is made up; and what is wrong with them."""
    data, wrong = dict(made_up), []
    for name in made_up:
        text = given.get(name)
        if not text:
            continue
        if len(text) > _MAX_SAMPLE:
            said = gettext("%(name)s: %(count)s characters; at most %(most)s are allowed.")
            said %= {"name": name, "count": len(text), "most": _MAX_SAMPLE}
            wrong.append(Fault("samples", said))
        elif _LIKE_JSON.fullmatch(text):
            try:
                data[name] = json.loads(text)
            except (ValueError, RecursionError):
                said = gettext(
                    "%(name)s: what begins with a bracket or a brace is JSON, and this is none."
                )
                wrong.append(Fault("samples", said % {"name": name}))
        else:
            data[name] = text
    return data, wrong


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _rendered(template: Template, body: Body, data: Mapping[str, Any]) -> Tried:
    try:
        rendered = template.render({**data, **_READER})
    except InvalidInputError as error:
        found = [_fault(_of_subject(each), body) for each in error.problems]
        return Tried(data, found=found)
    spam = score(
        rendered.subject,
        rendered.html,
        rendered.text,
        text_was_given=template.has_text,
        html_bytes=len((rendered.html or "").encode()),
    )
    return Tried(data, rendered, spam)


def _of_subject(problem: Problem) -> Problem:
    """A problem with its field: what has none is of the subject as it comes out."""
    return problem if problem.field else Problem(problem.message, field="subject")
