"""Signed tokens: cursors of lists, and the links in mail."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sendtrail.auth.signing_keys import Purpose, SigningKeyRing
from sendtrail.domain.events import Recipient
from sendtrail.domain.ids import digest, participant_of_address
from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms
from sendtrail.errors import InvalidCursorError, InvalidTokenError

__all__ = ["ClickedLink", "Cursors", "LinkTokens", "LoadedPixel", "Reader"]


class Cursors:
    """Where to go on in a list: opaque, signed, and good for that very list only."""

    def __init__(self, ring: SigningKeyRing) -> None:
        self._signer = ring.signer(Purpose.CURSOR)

    def write(self, place: Any, *list_name: object) -> str | None:
        """A cursor for a place in a list.

        Args:
            place: any JSON; None at the list's end, where there is no cursor.
            list_name: what the list is of, with every filter on it.
        """
        if place is None:
            return None
        return self._signer.sign([_name(list_name), place])

    def read(self, cursor: str | None, *list_name: object) -> Any:
        """The place that a cursor stands for; None for none.

        Raises:
            InvalidCursorError: we did not sign it, or for another list.
        """
        if not cursor:
            return None
        try:
            name, place = self._signer.verify(cursor)
        except (InvalidTokenError, ValueError, TypeError):
            raise InvalidCursorError(
                "the cursor is not one of ours; take it whole from next_cursor"
            ) from None
        if name != _name(list_name):
            raise InvalidCursorError(
                "the cursor is of another list; begin without one when anything else changes"
            )
        return place


@dataclass(frozen=True, slots=True)
class LoadedPixel:
    """What an open token carries.

    Attributes:
        sent_at: when the message was made, right before it was sent.
    """

    recipient: Recipient
    sent_at: Timestamp


@dataclass(frozen=True, slots=True)
class Reader:
    """What an unsubscribe token carries.

    Attributes:
        stand_in: the participant that stands for the address that the message was sent to.
    """

    recipient: Recipient
    placeholder: str


@dataclass(frozen=True, slots=True)
class ClickedLink:
    """What a click token carries.

    Attributes:
        sent_at: when the message was made, right before it was sent.
        position: which link of the message it is, from 0.
    """

    recipient: Recipient
    sent_at: Timestamp
    position: int
    url: str


class LinkTokens:
    """The tokens in a message's links. Each carries all that its event needs, so that nothing has
    to be read when it comes back, and none expires: mail is kept for years.
    """

    def __init__(self, ring: SigningKeyRing) -> None:
        self._open = ring.signer(Purpose.OPEN)
        self._click = ring.signer(Purpose.CLICK)
        self._unsubscribe = ring.signer(Purpose.UNSUBSCRIBE)

    def open(self, recipient: Recipient, sent_at: Timestamp) -> str:
        """For the pixel."""
        return self._open.sign([*_ids(recipient), epoch_ms(sent_at)])

    def click(self, recipient: Recipient, sent_at: Timestamp, position: int, url: str) -> str:
        """For a link to `url`."""
        return self._click.sign([*_ids(recipient), epoch_ms(sent_at), position, url])

    def unsubscribe(self, recipient: Recipient) -> str:
        """For the preferences page of who is written to at the recipient's address."""
        placeholder = participant_of_address(recipient.address or "")
        return self._unsubscribe.sign([*_ids(recipient), placeholder])

    def read_open(self, token: str) -> LoadedPixel:
        """Whose pixel it is.

        Raises:
            InvalidTokenError: we did not sign it for this.
        """
        *ids, sent_ms = self._open.verify(token)
        return LoadedPixel(Recipient(*ids), from_epoch_ms(sent_ms))

    def read_click(self, token: str) -> ClickedLink:
        """Whose link it is, and where to.

        Raises:
            InvalidTokenError: we did not sign it for this.
        """
        *ids, sent_ms, position, url = self._click.verify(token)
        return ClickedLink(Recipient(*ids), from_epoch_ms(sent_ms), position, url)

    def read_unsubscribe(self, token: str) -> Reader:
        """Whose page it is.

        Raises:
            InvalidTokenError: we did not sign it for this.
        """
        *ids, placeholder = self._unsubscribe.verify(token)
        return Reader(Recipient(*ids), placeholder)


def _ids(recipient: Recipient) -> list[str | None]:
    return [recipient.message_id, recipient.participant_id, recipient.communication_id]


def _name(list_name: tuple[object, ...]) -> str:
    return digest(json.dumps([part and str(part) for part in list_name]), length=16)
