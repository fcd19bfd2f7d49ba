"""What Sendtrail signs and hands out, and takes back only as it was.

itsdangerous with SHA-256, a salt for each purpose, and a list of keys: the newest signs, and older
ones still verify.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from itsdangerous import BadData, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode

from sendtrail.domain.events import Recipient
from sendtrail.domain.ids import digest, participant_of_address
from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms
from sendtrail.errors import ConfigurationError, InvalidCursorError, InvalidTokenError

__all__ = [
    "ClickedLink",
    "Cursors",
    "LinkTokens",
    "LoadedPixel",
    "Purpose",
    "Reader",
    "serializer",
    "signing_keys",
    "verified",
]


class Purpose(StrEnum):
    """What a token is for; a token for one purpose is none for another."""

    CURSOR = "cursor"
    OPEN = "open"
    CLICK = "click"
    UNSUBSCRIBE = "unsubscribe"
    SESSION = "session"


def signing_keys(secret: str) -> list[str]:
    """The keys in the secret, oldest first.

    Args:
        secret: ``{"newest": key, "older": [keys, oldest first]}``.

    Raises:
        ConfigurationError: it is something else.
    """
    try:
        content = json.loads(secret)
        return [*content["older"], content["newest"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"the signing keys are not as they should be: {error!r}") from None


def serializer(keys: list[str], purpose: Purpose) -> URLSafeSerializer:
    """Signs and verifies for one purpose."""
    return URLSafeSerializer(
        keys, salt=f"sendtrail.{purpose.value}", signer_kwargs={"digest_method": sha256}
    )


class Cursors:
    """Where to go on in a list: opaque, signed, and good for that very list only."""

    def __init__(self, keys: list[str]) -> None:
        self._serializer = serializer(keys, Purpose.CURSOR)

    def write(self, place: Any, *list_name: object) -> str | None:
        """A cursor for a place in a list.

        Args:
            place: any JSON; None at the list's end, where there is no cursor.
            list_name: what the list is of, with every filter on it.
        """
        if place is None:
            return None
        return _signed(self._serializer, [_name(list_name), place])

    def read(self, cursor: str | None, *list_name: object) -> Any:
        """The place that a cursor stands for; None for none.

        Raises:
            InvalidCursorError: we did not sign it, or for another list.
        """
        if not cursor:
            return None
        try:
            name, place = verified(self._serializer, cursor)
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

    def __init__(self, keys: list[str]) -> None:
        self._open = serializer(keys, Purpose.OPEN)
        self._click = serializer(keys, Purpose.CLICK)
        self._unsubscribe = serializer(keys, Purpose.UNSUBSCRIBE)

    def open(self, recipient: Recipient, sent_at: Timestamp) -> str:
        """For the pixel."""
        return _signed(self._open, [*_ids(recipient), epoch_ms(sent_at)])

    def click(self, recipient: Recipient, sent_at: Timestamp, position: int, url: str) -> str:
        """For a link to `url`."""
        return _signed(self._click, [*_ids(recipient), epoch_ms(sent_at), position, url])

    def unsubscribe(self, recipient: Recipient) -> str:
        """For the preferences page of who is written to at the recipient's address."""
        placeholder = participant_of_address(recipient.address or "")
        return _signed(self._unsubscribe, [*_ids(recipient), placeholder])

    def read_open(self, token: str) -> LoadedPixel:
        """Whose pixel it is.

        Raises:
            InvalidTokenError: we did not sign it for this.
        """
        *ids, sent_ms = verified(self._open, token)
        return LoadedPixel(Recipient(*ids), from_epoch_ms(sent_ms))

    def read_click(self, token: str) -> ClickedLink:
        """Whose link it is, and where to.

        Raises:
            InvalidTokenError: we did not sign it for this.
        """
        *ids, sent_ms, position, url = verified(self._click, token)
        return ClickedLink(Recipient(*ids), from_epoch_ms(sent_ms), position, url)

    def read_unsubscribe(self, token: str) -> Reader:
        """Whose page it is.

        Raises:
            InvalidTokenError: we did not sign it for this.
        """
        *ids, placeholder = verified(self._unsubscribe, token)
        return Reader(Recipient(*ids), placeholder)


def _ids(recipient: Recipient) -> list[str | None]:
    return [recipient.message_id, recipient.participant_id, recipient.communication_id]


def _signed(by: URLSafeSerializer, value: Any) -> str:
    text = by.dumps(value)
    return text if isinstance(text, str) else text.decode()


def verified(by: URLSafeSerializer, token: str) -> Any:
    """What a token says.

    The signature has to be written as we write it, too: base64's last character has bits to spare,
    and Python's decoder passes over what is no base64, so that a changed token could verify.

    Raises:
        InvalidTokenError: it was not signed by this, or not in these letters.
    """
    signature = token.rpartition(".")[2].encode("ascii", "replace")
    try:
        if base64_encode(base64_decode(signature)) != signature:
            raise InvalidTokenError("a signature that is not written as ours are")
        return by.loads(token)
    except (BadData, ValueError, UnicodeError):
        raise InvalidTokenError("not a token of ours") from None


def _name(list_name: tuple[object, ...]) -> str:
    return digest(json.dumps([part and str(part) for part in list_name]), length=16)
