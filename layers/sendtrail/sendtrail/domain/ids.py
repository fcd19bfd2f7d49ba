"""Identifiers: message ids (ULIDs), participants, communications, addresses.

Every id here is a pure function of what it names, so that the same fact met twice has the same id.
"""

from __future__ import annotations

import re
from hashlib import sha256
from os import urandom
from typing import Final

from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms

__all__ = [
    "ADDRESS_PARTICIPANT",
    "ID_RULE",
    "UNATTRIBUTED",
    "address_trail",
    "bare_address",
    "communication_trail",
    "derived_message_id",
    "digest",
    "is_communication_id",
    "is_message_id",
    "is_participant_id",
    "message_id_bounds",
    "new_message_id",
    "normal_address",
    "participant_of_address",
    "participant_trail",
    "sent_time",
    "unattributed_participant",
]

ID_RULE: Final = "1 to 128 of the characters A-Z a-z 0-9 _ -"
ADDRESS_PARTICIPANT: Final = "address-"
"""How the participant begins that stands for an address nobody has told us the owner of."""

UNATTRIBUTED: Final = "mail-"
"""How the participant begins that stands for nobody in particular of a mail to several."""

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PAIRS: Final = [a + b for a in _ALPHABET for b in _ALPHABET]
_LATEST_ULID_TIME: Final = "76EZ91ZPZZ"  # the end of the year 9999; the alphabet is in order


def digest(*parts: str, length: int = 20) -> str:
    """`length` hex characters (4 bits each) of the SHA-256 of the parts, each told apart."""
    return sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:length]


def is_participant_id(value: object) -> bool:
    """Whether `value` may name a participant: `[A-Za-z0-9_-]{1,128}`."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def is_communication_id(value: object) -> bool:
    """Whether `value` may name a communication: the same rule as for participants."""
    return is_participant_id(value)


def is_message_id(value: object) -> bool:
    """Whether `value` is a ULID, in capitals, of a time up to the year 9999."""
    return (
        isinstance(value, str)
        and _ULID.fullmatch(value) is not None
        and value[:10] <= _LATEST_ULID_TIME
    )


def new_message_id(at: Timestamp) -> str:
    """A fresh message id for a message sent at `at`."""
    return _ulid(epoch_ms(at), urandom(10))


def derived_message_id(sent_at: Timestamp, ses_message_id: str, address: str) -> str:
    """The id of a message that something else sent: one for each recipient.

    Args:
        sent_at: SES's ``mail.timestamp``.
        ses_message_id: SES's ``mail.messageId``.
        address: the recipient; empty for what SES does not say the recipient of.
    """
    name = f"{ses_message_id}\x1f{normal_address(address)}".encode("utf-8", "surrogatepass")
    return _ulid(epoch_ms(sent_at), sha256(name).digest()[:10])


def sent_time(message_id: str) -> Timestamp:
    """The time of sending that a message id carries."""
    return from_epoch_ms(_ulid_ms(message_id))


def message_id_bounds(since: Timestamp | None, until: Timestamp | None) -> tuple[str, str]:
    """The smallest and the greatest message id sent from `since` to `until`, both included."""
    low = _ulid(epoch_ms(since), bytes(10)) if since else "0" * 26
    high = _ulid(epoch_ms(until), b"\xff" * 10) if until else "7" + "Z" * 25
    return low, high


def bare_address(text: str) -> str:
    """The address as written, without a display name around it."""
    text = text.strip()
    if text.endswith(">") and "<" in text:
        text = text[text.rindex("<") + 1 : -1].strip()
    return text


def normal_address(address: str) -> str:
    """The address as it is compared: without a display name, lower-cased."""
    return bare_address(address).lower()


def participant_of_address(address: str) -> str:
    """The participant that stands for an address: ``address-`` and 32 hex characters."""
    return ADDRESS_PARTICIPANT + digest(normal_address(address), length=32)


def unattributed_participant(ses_message_id: str) -> str:
    """The participant of what happened to a mail of several recipients, SES not saying to whom."""
    return UNATTRIBUTED + digest(ses_message_id, length=32)


def participant_trail(participant_id: str) -> str:
    """The partition of the log that holds what happened to a participant and to no message."""
    return f"participant:{participant_id}"


def communication_trail(communication_id: str) -> str:
    """The partition of the log that holds what a communication is."""
    return f"communication:{communication_id}"


def address_trail(address: str) -> str:
    """The partition of the log that holds what staff decided about an address."""
    return f"address:{normal_address(address)}"


def _ulid(milliseconds: int, randomness: bytes) -> str:
    number = (milliseconds << 80) | int.from_bytes(randomness)
    return "".join(_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10))


def _ulid_ms(value: str) -> int:
    number = 0
    for character in value[:10]:
        number = number << 5 | _ALPHABET.index(character)
    return number
