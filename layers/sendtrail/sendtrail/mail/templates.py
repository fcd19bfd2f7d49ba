"""The templates of a mail: subject, HTML and text, in Liquid, so that anybody may write one.

``docs/templates.md`` says what a template may hold. Data are plain JSON, and a dotted name is a
key of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sendtrail.errors import InvalidInputError, InvalidTemplateError, Problem
from sendtrail.mail import markup
from sendtrail.mail.template_links import TemplateLinks

__all__ = ["BUILT_IN", "Body", "Rendered", "Template", "check"]

BUILT_IN: Final = frozenset({"participant_id", "address", "unsubscribe_url"})
"""Fields that every mail is given, whatever its data."""

_MAX_SOURCE: Final = 300_000
_MAX_SUBJECT: Final = 300

_CONTROL = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Body:
    """The sources of a mail's parts.

    Attributes:
        html: a page; None or blank where the mail is text alone.
        text: None or blank where it is to be made of the page.
    """

    subject: str
    html: str | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail's parts for one recipient; the subject is one line."""

    subject: str
    html: str | None
    text: str


class Template:
    """A mail's parts, read and checked.

    Attributes:
        fields: the names that a mail's data have to hold, or the template has to do without;
            the built-in ones are not among them.

    Raises:
        InvalidTemplateError: parts are not well formed, do what they may not, or are missing; or
            the parts are larger than 300,000 bytes together.
    """

    __slots__ = ("_html", "_links", "_subject", "_text", "fields")

    def __init__(self, body: Body) -> None:
        from sendtrail.mail.dialect import Part  # only where it is needed: it takes some 0.1 s

        sources = {"subject": body.subject, "html": body.html or "", "text": body.text or ""}
        problems = _problems_of(sources)
        unfit = {problem.field for problem in problems}
        parts: dict[str, Part] = {}
        for name, source in sources.items():
            if source.strip() and name not in unfit:
                try:
                    parts[name] = Part(name, source)
                except InvalidTemplateError as error:
                    problems += error.problems
        if problems:
            raise InvalidTemplateError(*problems)
        self._subject = parts["subject"]
        self._html = parts.get("html")
        self._text = parts.get("text")
        self._links = TemplateLinks(sources["html"])
        self.fields: Final = frozenset().union(*(part.names for part in parts.values())) - BUILT_IN

    def sample_data(self) -> dict[str, Any]:
        """Data that are made up, so that the template can be looked at before there is anybody."""
        from sendtrail.mail.sample_data import sample_data

        parts = filter(None, (self._subject, self._html, self._text))
        uses = [use for part in parts for use in part.uses()]
        made_up = sample_data(use for use in uses if use.path[0] in self.fields)
        return dict.fromkeys(self.fields, "text") | made_up

    @property
    def has_text(self) -> bool:
        """Whether the mail's text is its author's own, and not made of the page."""
        return self._text is not None

    def link_of(self, url: str) -> str | None:
        """The link, as it is written here, that became a URL; None if the URL is."""
        return self._links.of(url)

    @property
    def links(self) -> Sequence[str]:
        """Its links, as clicks on them are counted; which of them a mail has, its data decide."""
        return self._links.counted

    def render(self, data: Mapping[str, Any], *, make_text: bool = True) -> Rendered:
        """The mail for one recipient.

        Args:
            data: plain JSON by the names of `fields`, and all of `BUILT_IN`.
            make_text: whether to make the text of the page, where there is none; else it is empty.

        Raises:
            MissingFieldError: the template needs a field that the data have not.
            InvalidInputError: the subject comes out empty or longer than 300 characters, a part
                larger than 500,000 bytes, or the data do not suit what the template does to them.
        """
        subject = _CONTROL.sub(" ", self._subject.render(data)).strip()
        if not subject:
            raise InvalidInputError("the subject is empty")
        if len(subject) > _MAX_SUBJECT:
            raise InvalidInputError(
                f"the subject has {len(subject)} characters; the most is {_MAX_SUBJECT}"
            )
        html = self._html.render(data) if self._html else None
        if self._text:
            text = self._text.render(data)
        else:
            text = markup.as_text(html or "") if make_text else ""
        return Rendered(subject, html, text)


def check(body: Body) -> frozenset[str]:
    """The fields of a template, as `Template.fields`.

    Raises:
        InvalidTemplateError: as `Template` does.
    """
    return Template(body).fields


def _problems_of(sources: Mapping[str, str]) -> list[Problem]:
    """What is wrong with sources before they are read.

    Raises:
        InvalidTemplateError: they are too large to be.
    """
    sizes = {part: len(source.encode("utf-8", "surrogatepass")) for part, source in sources.items()}
    if sum(sizes.values()) > _MAX_SOURCE:
        largest = max(sizes, key=lambda part: sizes[part])
        said = f"all parts together have {sum(sizes.values())} bytes; the most is {_MAX_SOURCE}"
        raise InvalidTemplateError(Problem(said, field=largest))
    problems = [
        Problem("half of a surrogate pair is no character", field=part)
        for part, source in sources.items()
        if _SURROGATE.search(source)
    ]
    if not sources["subject"].strip():
        problems.append(Problem("it is empty", field="subject"))
    if not sources["html"].strip() and not sources["text"].strip():
        problems.append(Problem("there is neither html nor text", field="text"))
    return problems
