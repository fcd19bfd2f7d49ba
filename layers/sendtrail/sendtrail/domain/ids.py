"""Identifiers: message ids (ULIDs), participants, communications, addresses.

All but fresh message ids are pure functions of what they name, so that the same fact always has
the same id.
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
    "masked",
    "message_id_bounds",
    "new_message_id",
    "normal_address",
    "participant_of_address",
    "participant_trail",
    "sent_time",
    "ses_id_bounds",
    "unattributed_participant",
]

ID_RULE: Final = "1 to 128 of the characters A-Z a-z 0-9 _ -"
ADDRESS_PARTICIPANT: Final = "address-"
"""Prefix of a placeholder participant: it stands for an address whose owner is not known."""

UNATTRIBUTED: Final = "mail-"
"""Prefix of the participant that stands for an unnamed recipient of a mail to several."""

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SES_ID: Final = re.compile(r"[0-9a-f]{4}([0-9a-f]{12})-")
_FIRST_OF_SES, _LAST_OF_SES = 1_293_840_000_000, 4_102_444_800_000
"""2011, when SES began, and 2100."""
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PAIRS: Final = [a + b for a in _ALPHABET for b in _ALPHABET]
_LATEST_ULID_TIME: Final = "76EZ91ZPZZ"  # the end of the year 9999; the alphabet is in order


def digest(*parts: str, length: int = 12) -> str:
    """`length` hex characters (4 bits each) of the SHA-256 of the parts, joined by a separator: by
    default as many as tell apart what happened to one message in one millisecond.
    """
    return sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:length]


def is_participant_id(value: object) -> bool:
    """Whether `value` is a valid participant id: `[A-Za-z0-9_-]{1,128}`."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def is_communication_id(value: object) -> bool:
    """Whether `value` is a valid communication id: the same rule as for participants."""
    return is_participant_id(value)


def is_message_id(value: object) -> bool:
    """Whether `value` is a ULID in upper case whose time is not after the year 9999."""
    return (
        isinstance(value, str)
        and _ULID.fullmatch(value) is not None
        and value[:10] <= _LATEST_ULID_TIME
    )


def new_message_id(at: Timestamp) -> str:
    """A fresh message id (ULID) for a message accepted at `at`."""
    return _ulid(epoch_ms(at), urandom(10))


def derived_message_id(sent_at: Timestamp, ses_message_id: str, address: str) -> str:
    """The id of a message that was not sent by Sendtrail: one for each recipient, whatever else SES
    says of it.

    Args:
        sent_at: SES's ``mail.timestamp``, which differs from event to event where a bounce comes
            late; used only if the SES id does not hold its time.
        ses_message_id: SES's ``mail.messageId``.
        address: the recipient; empty where SES does not name one.
    """
    name = f"{ses_message_id}\x1f{normal_address(address)}".encode("utf-8", "surrogatepass")
    at = _time_in(ses_message_id)
    return _ulid(epoch_ms(sent_at) if at is None else at, sha256(name).digest()[:10])


def ses_id_bounds(ses_message_id: str) -> tuple[str, str] | None:
    """The least and the greatest id that a message of this SES id may have, if it was not sent by
    Sendtrail; None for an id that does not hold its time.
    """
    at = _time_in(ses_message_id)
    return None if at is None else (_ulid(at, bytes(10)), _ulid(at, b"\xff" * 10))


def _time_in(ses_message_id: str) -> int | None:
    """When SES took a mail, by its id: in milliseconds since 1970, digits 5 to 16 in hexadecimal
    (``0108017f71202927-…`` is 2022-03-10T00:00:07.463Z). None for an id of another form.
    """
    found = _SES_ID.match(ses_message_id)
    at = int(found[1], 16) if found else 0
    return at if _FIRST_OF_SES <= at <= _LAST_OF_SES else None


def sent_time(message_id: str) -> Timestamp:
    """The time encoded in a message id: of acceptance, or of sending for others' mail."""
    return from_epoch_ms(_ulid_ms(message_id))


def message_id_bounds(since: Timestamp | None, until: Timestamp | None) -> tuple[str, str]:
    """The least and the greatest message id of the times from `since` to `until`, inclusive."""
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
    """The normalised address, for comparison: without a display name, lower-cased."""
    return bare_address(address).lower()


def masked(address: str) -> str:
    """An address as its owner knows it again and others cannot use it: the first character and the
    domain (``j…@example.com``). Empty if it is no address.
    """
    local, _, domain = bare_address(address).rpartition("@")
    first = local.lstrip('"')[:1]
    return f"{first}…@{domain}" if local and domain else ""


def participant_of_address(address: str) -> str:
    """The placeholder participant of an address: ``address-`` and 32 hex characters."""
    return ADDRESS_PARTICIPANT + digest(normal_address(address), length=32)


def unattributed_participant(ses_message_id: str) -> str:
    """The participant of events of a mail to several recipients where SES does not name one."""
    return UNATTRIBUTED + digest(ses_message_id, length=32)


def participant_trail(participant_id: str) -> str:
    """The trail of what concerns a participant and no message."""
    return f"participant:{participant_id}"


def communication_trail(communication_id: str) -> str:
    """The trail of a communication's definition."""
    return f"communication:{communication_id}"


def address_trail(address: str) -> str:
    """The trail of staff's decisions about an address."""
    return f"address:{normal_address(address)}"


def _ulid(milliseconds: int, randomness: bytes) -> str:
    number = (milliseconds << 80) | int.from_bytes(randomness)
    return "".join(_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10))


def _ulid_ms(value: str) -> int:
    number = 0
    for character in value[:10]:
        number = number << 5 | _ALPHABET.index(character)
    return number
