"""Which recipients of a communication are wanted."""

from __future__ import annotations

from dataclasses import dataclass

from sendtrail.domain.communication import Happened
from sendtrail.domain.message import PROBLEMS, Message, Status

__all__ = ["EVERYBODY", "RecipientFilter"]


@dataclass(frozen=True, slots=True)
class RecipientFilter:
    """A filter of recipients.

    Attributes:
        status: what became of the message, which is one thing.
        did: what happened to it, as the figures count it; a message may have several.
    """

    status: Status | None = None
    did: Happened | None = None

    def wants(self, message: Message) -> bool:
        """Whether a message's recipient is wanted."""
        return (self.status is None or message.status is self.status) and (
            self.did is None or self.did.to(message)
        )

    @property
    def listed_as(self) -> Status | None:
        """The problem by which the wanted are listed; None where messages are looked at one by one.
        Who was blocked has bounced.
        """
        name = self.status or self.did
        listed = "bounced" if name is Happened.BLOCKED else name
        return next((each for each in PROBLEMS if each.value == listed), None)

    @property
    def query(self) -> dict[str, str]:
        """As parameters of a URL."""
        given = {"status": self.status, "did": self.did}
        return {name: value.value for name, value in given.items() if value}


EVERYBODY = RecipientFilter()
