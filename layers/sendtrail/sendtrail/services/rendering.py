"""Rendering: a plan's letter as it is read."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from sendtrail.domain.plan import Content, Letter
from sendtrail.errors import NotFoundError
from sendtrail.mail.templates import Body, Rendered, Template
from sendtrail.storage.templates import Templates

__all__ = ["NO_UNSUBSCRIBING", "Rendering", "merge_fields"]

_MOST_COMPILED: Final = 16

NO_UNSUBSCRIBING: Final = "#unsubscribe"
"""Where the unsubscribe link leads in what is not the recipient's: previews and copies."""

_SOMEWHERE: Final = "https://unsubscribe.invalid/here"
"""What templates are told is the unsubscribe link: the same whenever they are rendered, so that
what was checked is what is sent. The link takes its place in what comes out."""


def merge_fields(letter: Letter) -> dict[str, Any]:
    """What a letter's template can name: its data, and what every template can."""
    built_in = {
        "participant_id": letter.participant_id,
        "address": letter.address,
        "unsubscribe_url": _SOMEWHERE,
    }
    return {**letter.data, **built_in}


class Rendering:
    """Renders letters. What was compiled is kept for a while: contents never change."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._compiled = lru_cache(maxsize=_MOST_COMPILED)(self._compile)

    def template(self, content: Content) -> Template:
        """The template of a content.

        Raises:
            NotFoundError: there is no such version.
            InvalidTemplateError: its own body is none.
            AwsError: the template cannot be read.
        """
        return self._compiled(content)

    def checked(self, content: Content, letter: Letter, *, make_text: bool) -> Rendered:
        """A letter as it is looked at before it is sent; nobody can unsubscribe by it.

        Args:
            make_text: whether to make the text part, where none is given.

        Raises:
            MissingFieldError, InvalidInputError, NotFoundError, AwsError: as `letter` does.
        """
        return self.template(content).render(merge_fields(letter), make_text=make_text)

    def letter(self, content: Content, letter: Letter, unsubscribe_url: str) -> Rendered:
        """A letter as it is read, with its links as they were written.

        Raises:
            MissingFieldError: its data lacks a field.
            InvalidInputError: it cannot be rendered with its data.
            NotFoundError, AwsError: as `template` does.
        """
        rendered = self.checked(content, letter, make_text=True)
        html = rendered.html
        return Rendered(
            rendered.subject.replace(_SOMEWHERE, unsubscribe_url),
            html.replace(_SOMEWHERE, unsubscribe_url) if html is not None else None,
            rendered.text.replace(_SOMEWHERE, unsubscribe_url),
        )

    def _compile(self, content: Content) -> Template:
        if content.template_id is None:
            return Template(Body(content.subject or "", content.html, content.text))
        found = self._templates.get(content.template_id, content.template_version)
        if found is None:
            version = f" version {content.template_version}" if content.template_version else ""
            raise NotFoundError(f"there is no template {content.template_id}{version}")
        return Template(Body(found.subject, found.html, found.text))
