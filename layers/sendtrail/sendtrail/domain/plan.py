"""A plan: what is to be sent to whom, as it was taken. It is written once and never changed; all
that is sent, dropped and shown of it follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.times import Timestamp

__all__ = ["COPY", "Content", "PlannedMessage", "Plan", "SpamReport"]

COPY: Final = "copy"
"""The kind of a sender's own confirmation copy."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is sent: a version of a template by its name, or a body of its own.

    Attributes:
        subject, html, text: sources in Liquid; all None where a template is named.
    """

    template_id: str | None = None
    template_version: int | None = None
    subject: str | None = None
    html: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class SpamReport:
    """How it looks to a spam filter.

    Attributes:
        findings: of each rule that found something: ``rule``, ``points``, ``what``.
        likely: whether it is not sent for that.
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
    """

    message_id: str
    participant_id: str
    address: str
    subject: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What was taken for sending by one request.

    Attributes:
        plan_id: also the communication's id, if it is one.
        accepted_at: when it was taken: the time in the ids of its messages.
        request: a digest of the request, by which the same one told again is known.
        communication_id: None for a direct message.
        tracked: whether it has a pixel and links of ours.
        messages: the messages, in the order of the request.
        copies: the sender's own copies, sent without tracking, in no figure.
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

    @property
    def all_messages(self) -> list[PlannedMessage]:
        """The messages and then the copies: what a number in the queue counts."""
        return [*self.messages, *self.copies]

    def message(self, number: int) -> PlannedMessage:
        """The message of that number."""
        among_copies = number - len(self.messages)
        return self.messages[number] if among_copies < 0 else self.copies[among_copies]

    def is_copy(self, number: int) -> bool:
        """Whether the message of that number is a copy."""
        return number >= len(self.messages)

    def recipient(self, number: int) -> Recipient:
        """Whom a message is for, as its events name them; a copy belongs to no communication."""
        message = self.message(number)
        return Recipient(
            message.message_id,
            message.participant_id,
            None if self.is_copy(number) else self.communication_id,
            message.address,
        )

    def event(self, event_type: EventType, number: int, detail: Mapping[str, Any]) -> Event:
        """What we did about a message."""
        return Event.of_sending(
            event_type,
            self.recipient(number),
            self.accepted_at,
            kind=self.kind_of(number),
            subject=self.message(number).subject,
            detail=detail,
        )

    def kind_of(self, number: int) -> str:
        """The kind of a message."""
        return COPY if self.is_copy(number) else self.kind

    def accepted(self) -> list[Event]:
        """That each message was taken for sending."""
        told = self._with_template(plan_id=self.plan_id)
        return [
            self.event(EventType.ACCEPTED, number, told)
            for number in range(len(self.messages) + len(self.copies))
        ]

    def posted(self) -> Event | None:
        """The definition of the communication, if it is one."""
        if self.communication_id is None:
            return None
        told = self._with_template(name=self.name, kind=self.kind)
        return Event.communication_posted(self.communication_id, self.accepted_at, told)

    def _with_template(self, **detail: Any) -> dict[str, Any]:
        """A detail that also names the template, if it is one."""
        detail["template_id"] = self.content.template_id
        detail["template_version"] = self.content.template_version
        return {name: value for name, value in detail.items() if value is not None}

    def to_json(self) -> dict[str, Any]:
        """The plan as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Plan:
        """The plan that `to_json` gave."""
        return cls(
            **{
                **value,
                "content": Content(**value["content"]),
                "spam": SpamReport(**value["spam"]),
                "messages": tuple(PlannedMessage(**message) for message in value["messages"]),
                "copies": tuple(PlannedMessage(**message) for message in value["copies"]),
            }
        )
