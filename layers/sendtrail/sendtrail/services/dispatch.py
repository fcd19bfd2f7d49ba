"""Dispatch: each letter of a plan is sent, or dropped with its reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sendtrail.domain.events import EventType
from sendtrail.domain.plan import Plan
from sendtrail.domain.times import Timestamp, now
from sendtrail.domain.urls import in_a_header
from sendtrail.errors import InvalidInputError, RefusedError
from sendtrail.mail.markup import with_links, with_pixel
from sendtrail.mail.templates import Rendered
from sendtrail.services.addresses import sendable_address
from sendtrail.services.expanding import Outcome
from sendtrail.services.postman import Mail, Postman
from sendtrail.services.refusals import Refusals
from sendtrail.services.rendering import NO_UNSUBSCRIBING, Rendering
from sendtrail.storage.event_log import EventLog
from sendtrail.storage.plans import Plans
from sendtrail.tokens import LinkTokens

__all__ = ["Dispatch", "PublicLinks"]

MOST_TRACKED_URL: Final = 6_000
"""Links that come to more bytes in a token or a header stay as they are: API Gateway takes 10,240
of request line and headers."""


@dataclass(frozen=True, slots=True)
class PublicLinks:
    """The links that our mail carries.

    Attributes:
        url: what they begin with.
    """

    url: str
    tokens: LinkTokens

    def unsubscribe(self, plan: Plan, number: int) -> str:
        """Where a reader unsubscribes."""
        if plan.is_copy(number):
            return NO_UNSUBSCRIBING
        return f"{self.url}/u/{self.tokens.unsubscribe(plan.recipient(number))}"

    def tracked(self, html: str, plan: Plan, number: int, sent_at: Timestamp) -> str:
        """The HTML with our pixel, and our links in the place of its own."""
        recipient, ours = plan.recipient(number), f"{self.url}/"

        def link(position: int, url: str) -> str | None:
            if url.startswith(ours):
                return None
            token = self.tokens.click(recipient, sent_at, position, url)
            longest = max(len(token), len(in_a_header(url)))
            return None if longest > MOST_TRACKED_URL else f"{ours}c/{token}"

        pixel = f"{ours}o/{self.tokens.open(recipient, sent_at)}.gif"
        return with_pixel(with_links(html, link), pixel)


class Dispatch:
    """Sends letters. What is done twice has the effect of once, wherever the log tells of it."""

    def __init__(
        self,
        *,
        plans: Plans,
        rendering: Rendering,
        log: EventLog,
        refusals: Refusals,
        postman: Postman,
        links: Callable[[], PublicLinks],
    ) -> None:
        self._plans = plans
        self._rendering = rendering
        self._log = log
        self._refusals = refusals
        self._postman = postman
        self._links = links

    def send(self, plan_id: str, number: int) -> Outcome:
        """Sends one letter, unless the log says that it was sent, or there is a reason not to.

        Raises:
            ThrottledError, AwsError: it was not sent, and may be later.
            BusyError: nobody knows whether it was sent.
        """
        plan = self._plans.get(plan_id)
        letter = plan.letter(number)
        done = self._done(letter.message_id)
        if done:
            return done
        (refusal,) = self._refusals.of(
            [(letter.participant_id, letter.address)],
            of_communication=plan.recipient(number).communication_id is not None,
        )
        if refusal:
            self._log.append_once(plan.event(EventType.DROPPED, number, refusal.detail()))
            return Outcome.DROPPED
        try:
            mail = self._mail(plan, number)
        except InvalidInputError as error:
            self._log.append_once(
                plan.event(EventType.RENDERING_FAILURE, number, {"error": str(error)})
            )
            return Outcome.FAILED
        try:
            self._postman.send(mail)
        except RefusedError as error:
            self._log.append_once(plan.event(EventType.REJECT, number, {"reason": str(error)}))
            return Outcome.REJECTED
        return Outcome.SENT

    def _done(self, message_id: str) -> Outcome | None:
        """What the log says has come of a message, if anything has."""
        for event in self._log.beginning(message_id):
            outcome = _OUTCOMES.get(event.type)
            if outcome:
                return outcome
        return None

    def _mail(self, plan: Plan, number: int) -> Mail:
        letter, links, recipient = plan.letter(number), self._links(), plan.recipient(number)
        unsubscribe = links.unsubscribe(plan, number)
        rendered: Rendered = self._rendering.letter(plan.content, letter, unsubscribe)
        html, tracked = rendered.html, plan.tracked and not plan.is_copy(number)
        if tracked and html is not None:
            html = links.tracked(html, plan, number, now())
        tags = {
            "message_id": recipient.message_id,
            "participant_id": recipient.participant_id,
            "communication_id": recipient.communication_id,
            "kind": plan.kind_of(number),
            "tracked": "yes" if tracked and html is not None else "no",
        }
        headers: Mapping[str, Any] = {}
        if recipient.communication_id:
            headers = {
                "List-Unsubscribe": f"<{unsubscribe}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            }
        return Mail(
            to=sendable_address(letter.address),
            subject=rendered.subject,
            html=html,
            text=rendered.text,
            reply_to=[plan.reply_to] if plan.reply_to else [],
            headers=headers,
            tags={name: value for name, value in tags.items() if value},
        )


_OUTCOMES: Final[Mapping[EventType, Outcome]] = {
    EventType.DROPPED: Outcome.DROPPED,
    EventType.REJECT: Outcome.REJECTED,
    EventType.RENDERING_FAILURE: Outcome.FAILED,
} | dict.fromkeys(
    (
        EventType.SEND,
        EventType.DELIVERY,
        EventType.BOUNCE,
        EventType.COMPLAINT,
        EventType.DELIVERY_DELAY,
    ),
    Outcome.SENT,
)
"""What an event says has come of a message. Only SES tells of the last five, and of no mail that it
did not take."""
