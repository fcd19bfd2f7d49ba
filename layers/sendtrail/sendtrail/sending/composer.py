"""The composer: a plan's message as it is sent, with our pixel, links and headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sendtrail.auth.tokens import ClickedLink, LinkTokens
from sendtrail.domain.events import Recipient
from sendtrail.domain.links import shown_url
from sendtrail.domain.plan import Plan
from sendtrail.domain.times import Timestamp
from sendtrail.domain.urls import in_a_header
from sendtrail.mail.addresses import sendable_address
from sendtrail.mail.markup import Link, with_links, with_pixel
from sendtrail.mail.templates import Rendered
from sendtrail.sending.rendering import NO_UNSUBSCRIBING, MessageRenderer
from sendtrail.sending.ses_sender import OutgoingMail

__all__ = ["Composer", "PublicLinks"]

MAX_TRACKED_URL: Final = 6_000
"""Links that take more bytes than this in a token or a header are not tracked: API Gateway allows
10,240 for request line and headers."""


@dataclass(frozen=True, slots=True)
class PublicLinks:
    """Makes the links in our mail to the public routes.

    Attributes:
        url: the base URL of the public routes.
    """

    url: str
    tokens: LinkTokens

    def unsubscribe(self, plan: Plan, number: int) -> str:
        """The URL at which the message's reader unsubscribes; a placeholder for copies."""
        if plan.is_copy(number):
            return NO_UNSUBSCRIBING
        return f"{self.url}/u/{self.tokens.unsubscribe(plan.recipient(number))}"

    def tracked(
        self,
        html: str,
        recipient: Recipient,
        sent_at: Timestamp,
        written: Callable[[str], str | None],
    ) -> str:
        """The HTML with our pixel, and with its links replaced by tracked ones.

        Args:
            written: a URL → the link as the template has it, if that is another.
        """
        ours = f"{self.url}/"

        def tracked(links: Sequence[Link]) -> list[str | None]:
            count = sum(not link.url.startswith(ours) for link in links)
            return [track(link, count) for link in links]

        def track(link: Link, count: int) -> str | None:
            if link.url.startswith(ours):
                return None
            shown = written(link.url)
            clicked = ClickedLink(
                recipient, sent_at, link.position, count, link.url, shown and shown_url(shown)
            )
            token = self.tokens.click(clicked)
            longest = max(len(token), len(in_a_header(link.url)))
            return None if longest > MAX_TRACKED_URL else f"{ours}c/{token}"

        pixel = f"{ours}o/{self.tokens.open(recipient, sent_at)}.gif"
        return with_pixel(with_links(html, tracked), pixel)


class Composer:
    """Composes the mails of plans."""

    def __init__(self, renderer: MessageRenderer, links: PublicLinks) -> None:
        self._renderer = renderer
        self._links = links

    def rendered(
        self, plan: Plan, number: int, sent_at: Timestamp, *, make_text: bool = True
    ) -> Rendered:
        """A message's parts.

        Args:
            make_text: whether to make the text part, where none is given.

        Raises:
            MissingFieldError, InvalidInputError, NotFoundError, AwsError: as
                `MessageRenderer.render` does.
            AwsError: the signing keys cannot be read.
        """
        content, unsubscribe = plan.content, self._links.unsubscribe(plan, number)
        message = plan.message(number)
        found = self._renderer.render(content, message, unsubscribe, make_text=make_text)
        if found.html is None or not self._tracks(plan, number):
            return found
        written = self._renderer.template(content).link_of
        html = self._links.tracked(found.html, plan.recipient(number), sent_at, written)
        return replace(found, html=html)

    def mail(self, plan: Plan, number: int, sent_at: Timestamp) -> OutgoingMail:
        """A message.

        Raises:
            as `rendered` does.
        """
        message, recipient = plan.message(number), plan.recipient(number)
        rendered = self.rendered(plan, number, sent_at)
        tracked = rendered.html is not None and self._tracks(plan, number)
        tags = {
            "message_id": recipient.message_id,
            "participant_id": recipient.participant_id,
            "communication_id": recipient.communication_id,
            "kind": plan.kind_of(number),
            "tracked": "yes" if tracked else "no",
        }
        headers: Mapping[str, Any] = {}
        if recipient.communication_id:
            headers = {
                "List-Unsubscribe": f"<{self._links.unsubscribe(plan, number)}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            }
        return OutgoingMail(
            to=sendable_address(message.address),
            subject=rendered.subject,
            html=rendered.html,
            text=rendered.text,
            reply_to=[plan.reply_to] if plan.reply_to else [],
            headers=headers,
            tags={name: value for name, value in tags.items() if value},
        )

    def _tracks(self, plan: Plan, number: int) -> bool:
        return plan.tracked and not plan.is_copy(number)
