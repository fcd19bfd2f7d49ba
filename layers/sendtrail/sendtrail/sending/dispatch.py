"""Dispatch: sends a message of a plan, or drops it with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sendtrail.auth.tokens import LinkTokens
from sendtrail.domain.events import EventType
from sendtrail.domain.plan import Plan
from sendtrail.domain.times import Timestamp, now
from sendtrail.domain.urls import in_a_header
from sendtrail.errors import InvalidInputError, RefusedError
from sendtrail.log.trails import Trails
from sendtrail.mail.addresses import sendable_address
from sendtrail.mail.markup import with_links, with_pixel
from sendtrail.mail.templates import Rendered
from sendtrail.sending.eligibility import Eligibility
from sendtrail.sending.fan_out import DispatchOutcome
from sendtrail.sending.plan_store import PlanStore
from sendtrail.sending.rendering import NO_UNSUBSCRIBING, MessageRenderer
from sendtrail.sending.ses_sender import OutgoingMail, SesSender

__all__ = ["Dispatch", "PublicLinks"]

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

    def tracked(self, html: str, plan: Plan, number: int, sent_at: Timestamp) -> str:
        """The HTML with our pixel, and with its links replaced by tracked ones."""
        recipient, ours = plan.recipient(number), f"{self.url}/"

        def link(position: int, url: str) -> str | None:
            if url.startswith(ours):
                return None
            token = self.tokens.click(recipient, sent_at, position, url)
            longest = max(len(token), len(in_a_header(url)))
            return None if longest > MAX_TRACKED_URL else f"{ours}c/{token}"

        pixel = f"{ours}o/{self.tokens.open(recipient, sent_at)}.gif"
        return with_pixel(with_links(html, link), pixel)


class Dispatch:
    """Sends messages. Idempotent once the log has the outcome; `IdempotentSender` covers the time
    before.
    """

    def __init__(
        self,
        *,
        plans: PlanStore,
        renderer: MessageRenderer,
        log: Trails,
        eligibility: Eligibility,
        ses_sender: SesSender,
        links: PublicLinks,
    ) -> None:
        self._plans = plans
        self._renderer = renderer
        self._log = log
        self._eligibility = eligibility
        self._ses_sender = ses_sender
        self._links = links

    def send(self, plan_id: str, number: int) -> DispatchOutcome:
        """Sends one message, unless the log has its outcome or the recipient is not eligible.

        Args:
            number: the message's, in the plan.

        Raises:
            ThrottledError, AwsError: it was not sent; it may be retried.
            BusyError: it is not known whether it was sent.
        """
        plan = self._plans.get(plan_id)
        message = plan.message(number)
        done = self._done(message.participant_id, message.message_id)
        if done:
            return done
        (ineligible,) = self._eligibility.of(
            [(message.participant_id, message.address)],
            of_communication=plan.recipient(number).communication_id is not None,
        )
        if ineligible:
            self._log.append([plan.event(EventType.DROPPED, number, ineligible.detail())])
            return DispatchOutcome.DROPPED
        try:
            mail = self._mail(plan, number)
        except InvalidInputError as error:
            detail = {"error": str(error)}
            self._log.append([plan.event(EventType.RENDERING_FAILURE, number, detail)])
            return DispatchOutcome.FAILED
        try:
            self._ses_sender.send(mail)
        except RefusedError as error:
            self._log.append([plan.event(EventType.REJECT, number, {"reason": str(error)})])
            return DispatchOutcome.REJECTED
        return DispatchOutcome.SENT

    def _done(self, participant_id: str, message_id: str) -> DispatchOutcome | None:
        """The outcome of the message by the log; None if it has none."""
        row = self._log.row(participant_id, message_id)
        for event in row.decoded()[1] if row else ():
            outcome = _OUTCOMES.get(event.type)
            if outcome:
                return outcome
        return None

    def _mail(self, plan: Plan, number: int) -> OutgoingMail:
        message, links, recipient = plan.message(number), self._links, plan.recipient(number)
        unsubscribe = links.unsubscribe(plan, number)
        rendered: Rendered = self._renderer.render(plan.content, message, unsubscribe)
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
        return OutgoingMail(
            to=sendable_address(message.address),
            subject=rendered.subject,
            html=html,
            text=rendered.text,
            reply_to=[plan.reply_to] if plan.reply_to else [],
            headers=headers,
            tags={name: value for name, value in tags.items() if value},
        )


_OUTCOMES: Final[Mapping[EventType, DispatchOutcome]] = {
    EventType.DROPPED: DispatchOutcome.DROPPED,
    EventType.REJECT: DispatchOutcome.REJECTED,
    EventType.RENDERING_FAILURE: DispatchOutcome.FAILED,
} | dict.fromkeys(
    (
        EventType.SEND,
        EventType.DELIVERY,
        EventType.BOUNCE,
        EventType.COMPLAINT,
        EventType.DELIVERY_DELAY,
    ),
    DispatchOutcome.SENT,
)
"""The outcome that an event implies. The last five are SES's alone, and imply that it accepted the
message."""
