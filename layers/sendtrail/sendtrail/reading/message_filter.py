"""Which messages are wanted, of a participant or of those that belong to no communication."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from sendtrail.domain.communication import Happened
from sendtrail.domain.message import Message, Status
from sendtrail.domain.times import Timestamp, parse
from sendtrail.errors import InvalidInputError
from sendtrail.reading.recipient_filter import RecipientFilter

__all__ = ["ALL_MESSAGES", "MessageFilter", "time_bound"]


@dataclass(frozen=True, slots=True)
class MessageFilter(RecipientFilter):
    """A filter of messages.

    Attributes:
        kind: compared one by one, as status and did are: no index has them.
        since, until: the range of times in the messages' ids, inclusive; a key condition.
    """

    kind: str | None = None
    since: Timestamp | None = None
    until: Timestamp | None = None

    @classmethod
    def of(
        cls,
        *,
        status: Status | None = None,
        did: Happened | None = None,
        kind: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> Self:
        """The filter of what somebody asks for, with times or days as bounds.

        Raises:
            InvalidInputError: a bound is neither, or they are the wrong way round.
        """
        first = time_bound(since, "from", end=False)
        last = time_bound(until, "to", end=True)
        if first and last and first > last:
            raise InvalidInputError("from is later than to")
        return cls(status, did, kind, first, last)

    @property
    def name(self) -> tuple[str | None, ...]:
        """What names a list of what is wanted, for its cursors."""
        return (self.status, self.did, self.kind, self.since, self.until)

    @property
    def looks_at_each(self) -> bool:
        """Whether messages have to be compared one by one."""
        return not (self.status is None and self.did is None and self.kind is None)

    def wants(self, message: Message) -> bool:
        """Whether a message of the wanted time is wanted."""
        return RecipientFilter.wants(self, message) and self.kind in (None, message.kind)

    @property
    def query(self) -> dict[str, str]:
        """As parameters of a URL."""
        names = ("status", "did", "kind", "from", "to")
        return {name: value for name, value in zip(names, self.name, strict=True) if value}


ALL_MESSAGES: Final = MessageFilter()


def time_bound(value: str | None, name: str, *, end: bool) -> Timestamp | None:
    """A bound of a range of times: a time, or a day, which is meant whole.

    Args:
        end: whether a day stands for its last millisecond and not its first.

    Raises:
        InvalidInputError: it is neither.
    """
    if value is None:
        return None
    text = value.replace(" ", "+")  # a plus sign that was not encoded
    if len(text) == 10:
        text += "T23:59:59.999Z" if end else "T00:00:00.000Z"
    try:
        return parse(text)
    except ValueError:
        raise InvalidInputError(
            f"{name}: {value!r:.60} is no time; write 2026-11-24, or 2026-11-24T09:30:00Z"
        ) from None
