"""The audience of an earlier mailing: whom it went to, by what happened to it since."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from sendtrail.domain.communication import Happened
from sendtrail.domain.message import Message
from sendtrail.errors import InvalidInputError, Problem
from sendtrail.reading import queries
from sendtrail.reading.recipient_filter import EVERYBODY

__all__ = ["MAX_LOOKED_AT", "Audience", "recipients_of"]

MAX_LOOKED_AT: Final = 2_000
"""Messages of a mailing, of which each hundred is two requests. One that was sent here has at most
1,000."""

_NEVER_SENT: Final = (Happened.DROPPED, Happened.REJECTED, Happened.FAILED)


class Audience(StrEnum):
    """Which recipients of a mailing. Opened and clicked are people's, as in the figures."""

    EVERYBODY = "everybody"
    OPENED = "opened"
    NOT_OPENED = "not_opened"
    """It arrived, and they neither opened it nor followed a link."""
    CLICKED = "clicked"
    OPENED_NOT_CLICKED = "opened_not_clicked"
    NOT_BOUNCED = "not_bounced"
    """It was sent, and did not come back."""
    NOT_REACHED = "not_reached"
    """It was never sent, or it came back."""

    def has(self, message: Message) -> bool:
        """Whether a message's recipient is one of them."""
        opened, clicked = Happened.OPENED.to(message), Happened.CLICKED.to(message)
        bounced = Happened.BOUNCED.to(message)
        unsent = any(each.to(message) for each in _NEVER_SENT)
        return {
            Audience.EVERYBODY: True,
            Audience.OPENED: opened,
            Audience.NOT_OPENED: message.arrived and not (opened or clicked or bounced or unsent),
            Audience.CLICKED: clicked,
            Audience.OPENED_NOT_CLICKED: opened and not clicked,
            Audience.NOT_BOUNCED: not (bounced or unsent),
            Audience.NOT_REACHED: bounced or unsent,
        }[self]


def recipients_of(communication_id: str, audience: Audience, *, most: int) -> list[Message]:
    """The messages of a mailing whose recipients are wanted, one for each participant, in two
    requests for each 100 messages.

    Raises:
        InvalidInputError: there are more than `most`, or the mailing has more than `MAX_LOOKED_AT`.
    """
    found: dict[str, Message] = {}
    place: Any = None
    for _ in range(MAX_LOOKED_AT // queries.LOOKED_AT):
        page = queries.recipients(
            communication_id, wanted=EVERYBODY, place=place, limit=queries.LOOKED_AT
        )
        for message in page.items:
            if audience.has(message):
                found.setdefault(message.participant_id, message)
        if len(found) > most:
            said = f"more than {most} recipients; at most {most} are allowed: choose fewer of them"
            raise InvalidInputError(Problem(said))
        place = page.place
        if place is None:
            return list(found.values())
    said = (
        f"this mailing has more than {MAX_LOOKED_AT:,} recipients, which are not read here; "
        "download its recipients, and choose the file"
    )
    raise InvalidInputError(Problem(said))
