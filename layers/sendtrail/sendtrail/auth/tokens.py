"""Signed tokens: list cursors, and the links in mail."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sendtrail.auth.signing_keys import Purpose, SigningKeyRing
from sendtrail.domain.events import Recipient
from sendtrail.domain.ids import digest, masked, participant_of_address
from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms
from sendtrail.errors import InvalidCursorError, InvalidTokenError

__all__ = ["ClickedLink", "Cursors", "LinkTokens", "LoadedPixel", "Reader"]


class Cursors:
    """List cursors: opaque, signed, and valid only for the list they were issued for."""

    def __init__(self, ring: SigningKeyRing) -> None:
        self._cipher = ring.cipher(Purpose.CURSOR)

    def write(self, place: Any, *list_name: object) -> str | None:
        """A cursor for a place in a list; None at its end.

        Args:
            place: any JSON; None at the list's end.
            list_name: what identifies the list, including every filter.
        """
        if place is None:
            return None
        return self._cipher.encrypt([_name(list_name), place])

    def read(self, cursor: str | None, *list_name: object) -> Any:
        """The place that a cursor encodes; None if there is no cursor.

        Raises:
            InvalidCursorError: it is not validly signed, or was issued for another list.
        """
        if not cursor:
            return None
        try:
            name, place = self._cipher.decrypt(cursor)
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
    """The content of an open token.

    Attributes:
        sent_at: when the message was rendered, right before it was sent.
    """

    recipient: Recipient
    sent_at: Timestamp


@dataclass(frozen=True, slots=True)
class Reader:
    """The content of an unsubscribe token.

    Attributes:
        placeholder: the placeholder participant of the address that the message was sent to.
        shown_address: that address as far as a page shows it (`masked`); None in tokens that were
            made before these had it.
    """

    recipient: Recipient
    placeholder: str
    shown_address: str | None = None


@dataclass(frozen=True, slots=True)
class ClickedLink:
    """The content of a click token.

    Attributes:
        sent_at: when the message was rendered, right before it was sent.
        position: the link's position in the message, from 0.
        links: how many links the message has that are tracked.
        template_link: as it is written in the template, if it has merge fields.
    """

    recipient: Recipient
    sent_at: Timestamp
    position: int
    links: int
    url: str
    template_link: str | None = None


class LinkTokens:
    """The tokens in a message's links. A token has all that its event needs, so that recording a
    hit reads nothing. Tokens do not expire: mail is kept for years.
    """

    def __init__(self, ring: SigningKeyRing) -> None:
        self._open = ring.cipher(Purpose.OPEN)
        self._click = ring.cipher(Purpose.CLICK)
        self._unsubscribe = ring.cipher(Purpose.UNSUBSCRIBE)

    def open(self, recipient: Recipient, sent_at: Timestamp) -> str:
        """The token for the pixel."""
        return self._open.encrypt([*_ids(recipient), epoch_ms(sent_at)])

    def click(self, link: ClickedLink) -> str:
        """The token for a link."""
        place: list[Any] = [link.position, link.links, link.url]
        if link.template_link is not None:
            place.append(link.template_link)
        return self._click.encrypt([*_ids(link.recipient), epoch_ms(link.sent_at), *place])

    def unsubscribe(self, recipient: Recipient) -> str:
        """The token for the recipient's preferences page."""
        address = recipient.address or ""
        content = [*_ids(recipient), masked(address) or None, participant_of_address(address)]
        return self._unsubscribe.encrypt(content)

    def read_open(self, token: str) -> LoadedPixel:
        """The content of an open token.

        Raises:
            InvalidTokenError: it is not validly signed for this purpose.
        """
        *ids, sent_ms = self._open.decrypt(token)
        return LoadedPixel(Recipient(*ids), from_epoch_ms(sent_ms))

    def read_click(self, token: str) -> ClickedLink:
        """The content of a click token.

        Raises:
            InvalidTokenError: it is not validly signed for this purpose.
        """
        message_id, participant_id, communication_id, sent_ms, *place = self._click.decrypt(token)
        recipient = Recipient(message_id, participant_id, communication_id)
        return ClickedLink(recipient, from_epoch_ms(sent_ms), *place)

    def read_unsubscribe(self, token: str) -> Reader:
        """The content of an unsubscribe token.

        Raises:
            InvalidTokenError: it is not validly signed for this purpose.
        """
        message_id, participant_id, communication_id, *shown, placeholder = (
            self._unsubscribe.decrypt(token)
        )
        recipient = Recipient(message_id, participant_id, communication_id)
        return Reader(recipient, placeholder, *shown)


def _ids(recipient: Recipient) -> list[str | None]:
    return [recipient.message_id, recipient.participant_id, recipient.communication_id]


def _name(list_name: tuple[object, ...]) -> str:
    return digest(json.dumps([part and str(part) for part in list_name]), length=16)
