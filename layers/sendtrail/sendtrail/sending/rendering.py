"""Rendering: a plan's message as it is read."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from sendtrail.domain.plan import Content, PlannedMessage
from sendtrail.errors import NotFoundError
from sendtrail.mail.templates import Body, Rendered, Template
from sendtrail.sending.template_store import TemplateStore

__all__ = ["NO_UNSUBSCRIBING", "MessageRenderer", "merge_fields"]

_MAX_COMPILED: Final = 16

NO_UNSUBSCRIBING: Final = "#unsubscribe"
"""Where the unsubscribe link leads in what is not the recipient's: previews and copies."""

_SOMEWHERE: Final = "https://unsubscribe.invalid/here"
"""The unsubscribe link of a message that is only checked. A template can do nothing but show it, so
that what was checked is what is sent."""


def merge_fields(message: PlannedMessage, unsubscribe_url: str = _SOMEWHERE) -> dict[str, Any]:
    """What a message's template can name: its data, and what every template can."""
    built_in = {
        "participant_id": message.participant_id,
        "address": message.address,
        "unsubscribe_url": unsubscribe_url,
    }
    return {**message.data, **built_in}


class MessageRenderer:
    """Renders messages. What was compiled is kept for a while: contents never change."""

    def __init__(self, templates: TemplateStore) -> None:
        self._templates = templates
        self._compiled = lru_cache(maxsize=_MAX_COMPILED)(self._compile)

    def template(self, content: Content) -> Template:
        """The template of a content.

        Raises:
            NotFoundError: there is no such version.
            InvalidTemplateError: its own body is none.
            AwsError: the template cannot be read.
        """
        return self._compiled(content)

    def checked(self, content: Content, message: PlannedMessage, *, make_text: bool) -> Rendered:
        """A message as it is looked at before it is sent; nobody can unsubscribe by it.

        Args:
            make_text: whether to make the text part, where none is given.

        Raises:
            MissingFieldError, InvalidInputError, NotFoundError, AwsError: as `render` does.
        """
        return self.template(content).render(merge_fields(message), make_text=make_text)

    def render(
        self,
        content: Content,
        message: PlannedMessage,
        unsubscribe_url: str,
        *,
        make_text: bool = True,
    ) -> Rendered:
        """A message as it is read, with its links as they were written.

        Args:
            make_text: as of `checked`.

        Raises:
            MissingFieldError: its data lacks a field.
            InvalidInputError: it cannot be rendered with its data.
            NotFoundError, AwsError: as `template` does.
        """
        data = merge_fields(message, unsubscribe_url)
        return self.template(content).render(data, make_text=make_text)

    def _compile(self, content: Content) -> Template:
        if content.template_id is None:
            return Template(Body(content.subject or "", content.html, content.text))
        found = self._templates.get(content.template_id, content.template_version)
        if found is None:
            version = f" version {content.template_version}" if content.template_version else ""
            raise NotFoundError(f"there is no template {content.template_id}{version}")
        return Template(Body(found.subject, found.html, found.text))
