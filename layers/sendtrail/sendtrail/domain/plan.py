"""A plan: an accepted send job, immutable once written. What is sent, dropped and shown of it is
derived from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.times import Timestamp

__all__ = ["COPY", "Content", "Plan", "PlannedAttachment", "PlannedMessage", "SpamReport"]

COPY: Final = "copy"
"""The kind of a sender's own confirmation copy."""


@dataclass(frozen=True, slots=True)
class Content:
    """The content to send: a reference to a version of a template, or inline sources.

    Attributes:
        subject, html, text: sources in Liquid; all None where a template is referenced.
    """

    template_id: str | None = None
    template_version: int | None = None
    subject: str | None = None
    html: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class SpamReport:
    """The content's spam score.

    Attributes:
        findings: for each rule that matched: ``rule``, ``points``, ``what``.
        likely: whether it is likely spam and therefore not sent.
    """

    points: float
    findings: Sequence[Mapping[str, Any]] = ()
    likely: bool = False


@dataclass(frozen=True, slots=True)
class PlannedMessage:
    """One message of a plan.

    Attributes:
        subject: as rendered.
        data: the merge fields; of a copy, those of the first recipient.
        provider: the mailbox provider of somebody who was erased, of whom nothing else is left.
    """

    message_id: str
    participant_id: str
    address: str
    subject: str
    data: Mapping[str, Any] = field(default_factory=dict)
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedAttachment:
    """A file that goes with each message of a plan.

    Attributes:
        name, content_type: as readers' mail programs are told.
        size: in bytes.
        digest: the SHA-256 of its content, in hexadecimal, by which that is kept.
    """

    name: str
    content_type: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What one request asked to send, as accepted.

    Attributes:
        plan_id: also the communication's id, if it is a communication.
        accepted_at: when it was accepted.
        request: a digest of the request, by which a repeated request is recognised.
        communication_id: None for a direct message.
        tracked: whether its messages have our pixel and links.
        messages: the messages, in the order of the request.
        copies: the sender's confirmation copies: not tracked, and not in the figures.
        job_size: how many messages a job of the dispatch queue sends.
        by: who asked for it, as an `Actor`'s text; None in plans that do not say.
        send_at: when it is to be sent; None if at once.
        attachments: what goes with each message, and each copy.
    """

    plan_id: str
    accepted_at: Timestamp
    request: str
    kind: str
    content: Content
    spam: SpamReport
    messages: Sequence[PlannedMessage]
    communication_id: str | None = None
    name: str | None = None
    tracked: bool = True
    reply_to: str | None = None
    copies: Sequence[PlannedMessage] = ()
    job_size: int = 1
    by: str | None = None
    send_at: Timestamp | None = None
    attachments: Sequence[PlannedAttachment] = ()

    @property
    def begins_at(self) -> Timestamp:
        """When it is to be sent: the time in the ids of its messages."""
        return self.send_at or self.accepted_at

    @property
    def all_messages(self) -> list[PlannedMessage]:
        """The messages, then the copies; a message's number is its position here."""
        return [*self.messages, *self.copies]

    def message(self, number: int) -> PlannedMessage:
        """The message with that number (see `all_messages`)."""
        among_copies = number - len(self.messages)
        return self.messages[number] if among_copies < 0 else self.copies[among_copies]

    def is_copy(self, number: int) -> bool:
        """Whether the message with that number is a copy."""
        return number >= len(self.messages)

    def recipient(self, number: int) -> Recipient:
        """A message's recipient, as its events identify it; a copy belongs to no communication."""
        message = self.message(number)
        return Recipient(
            message.message_id,
            message.participant_id,
            None if self.is_copy(number) else self.communication_id,
            message.address,
            message.provider,
        )

    def event(
        self,
        event_type: EventType,
        number: int,
        detail: Mapping[str, Any],
        at: Timestamp | None = None,
    ) -> Event:
        """An event about what we did with a message.

        Args:
            at: when; the plan's own time, if None, so that a retry writes the same event.
        """
        return Event.of_sending(
            event_type,
            self.recipient(number),
            at or self.begins_at,
            kind=self.kind_of(number),
            subject=self.message(number).subject,
            detail=detail,
        )

    def kind_of(self, number: int) -> str:
        """The kind of a message."""
        return COPY if self.is_copy(number) else self.kind

    def accepted(self) -> list[Event]:
        """An Accepted event for each message and copy."""
        detail = self._with_template(
            plan_id=self.plan_id,
            by=self.by,
            send_at=self.send_at,
            attachments=len(self.attachments) or None,
        )
        of_copy = detail | {"copy": True}
        return [
            self.event(
                EventType.ACCEPTED,
                number,
                of_copy if self.is_copy(number) else detail,
                self.accepted_at,
            )
            for number in range(len(self.messages) + len(self.copies))
        ]

    def posted(self, links: Sequence[str] = ()) -> Event | None:
        """The CommunicationPosted event; None for a direct message.

        Args:
            links: those of its content that are counted.
        """
        if self.communication_id is None:
            return None
        definition = self._with_template(
            name=self.name,
            kind=self.kind,
            by=self.by,
            recipients=len(self.messages),
            send_at=self.send_at,
            links=list(links) or None,
        )
        return Event.communication_posted(self.communication_id, self.accepted_at, definition)

    def _with_template(self, **detail: Any) -> dict[str, Any]:
        """The detail, with the template if one is referenced; without what is None."""
        detail["template_id"] = self.content.template_id
        detail["template_version"] = self.content.template_version
        return {name: value for name, value in detail.items() if value is not None}

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Plan:
        """The plan that `to_json` turned into `value`."""
        return cls(
            **{
                **value,
                "content": Content(**value["content"]),
                "spam": SpamReport(**value["spam"]),
                "messages": tuple(PlannedMessage(**message) for message in value["messages"]),
                "copies": tuple(PlannedMessage(**message) for message in value["copies"]),
                "attachments": tuple(
                    PlannedAttachment(**each) for each in value.get("attachments", ())
                ),
            }
        )
