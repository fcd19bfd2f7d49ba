"""What another service tells of a message, and the event of ours that it is.

A message is known by the service's id and the recipient; its own id is the ULID of the time at
which it was sent and a hash of those, as for mail of SES that others send. So the same telling is
the same event, whenever and in whatever order it is imported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

from sendtrail.domain.events import Event, EventType
from sendtrail.domain.hits import HITS
from sendtrail.domain.ids import (
    ID_RULE,
    bare_address,
    derived_message_id,
    digest,
    is_communication_id,
    is_participant_id,
    normal_address,
    participant_of_address,
)
from sendtrail.domain.times import Timestamp
from sendtrail.errors import InvalidInputError, RejectedRecordError
from sendtrail.mail.addresses import checked_address

__all__ = [
    "CHOSE_AGAIN",
    "UNSUBSCRIBED",
    "Naming",
    "Told",
    "address_of",
    "communication_of",
    "dropped",
]

UNSUBSCRIBED: Final = {"new_preferences": {"unsubscribe_all": True}}
"""The facts of a choice to get no more, as SES has them."""
CHOSE_AGAIN: Final = {"new_preferences": {"unsubscribe_all": False}}

_MAX_SUBJECT: Final = 300
_NOT_OF_AN_ID: Final = re.compile(r"[^A-Za-z0-9_-]+")
_SUBJECTLESS: Final = HITS | {EventType.SUBSCRIPTION}


@dataclass(frozen=True, slots=True)
class Naming:
    """Which fields of a message's own data name whom it is to, and what it belongs to.

    Attributes:
        participant: the name of the field with the participant's id; None where nobody put it.
        communication: … with the communication.
    """

    participant: str | None = None
    communication: str | None = None

    def participant_in(self, *data: Mapping[str, Any]) -> str | None:
        """The participant that data name; None if they name none.

        Raises:
            RejectedRecordError: what they name is no participant's id.
        """
        value = _named(self.participant, data)
        if value is not None and not is_participant_id(value):
            raise RejectedRecordError(
                f"{self.participant} is {value!r:.60}, which is no participant's id: {ID_RULE}"
            )
        return value

    def communication_in(self, *data: Mapping[str, Any]) -> str | None:
        """The id of the communication that data name; None if they name none."""
        value = _named(self.communication, data)
        return communication_of(value) if value else None


def _named(name: str | None, data: tuple[Mapping[str, Any], ...]) -> str | None:
    if name is None:
        return None
    for each in data:
        value = each.get(name)
        if isinstance(value, list):
            value = value[0] if value else None
        if value is not None and value != "":
            return str(value)
    return None


def communication_of(name: str) -> str:
    """The id of a communication by what a service calls it: the name itself, if it can be one."""
    if is_communication_id(name):
        return name
    return f"{_NOT_OF_AN_ID.sub('-', name).strip('-')[:100]}-{digest(name, length=8)}".lstrip("-")


@dataclass(frozen=True, slots=True)
class Told:
    """What a service tells of one recipient of a message.

    Attributes:
        service: which.
        message: its id of the message.
        address: the recipient, as written.
        sent_at: when the message was sent, if it says so.
        participant: by the message's own data; None for whoever has the address.
        told_by: what tells it from others of one type and time, besides the recipient.
    """

    service: str
    message: str
    address: str
    type: EventType
    at: Timestamp
    detail: Mapping[str, Any] = field(default_factory=dict)
    sent_at: Timestamp | None = None
    subject: str | None = None
    kind: str | None = None
    participant: str | None = None
    communication: str | None = None
    told_by: str = ""

    @property
    def key(self) -> bytes:
        """What the message is known by."""
        names = (self.service, self.message, normal_address(self.address))
        return sha256("\x1f".join(names).encode()).digest()[:16]

    def event(self, sent_at: Timestamp) -> Event:
        """The event.

        Args:
            sent_at: when the message was sent, by all that is told of it.
        """
        message = f"{self.service}:{self.message}"
        return Event(
            message_id=derived_message_id(sent_at, message, self.address),
            type=self.type,
            at=self.at,
            identity=self._identity(message),
            participant_id=self.participant or participant_of_address(self.address),
            communication_id=self.communication,
            address=self.address,
            kind=self.kind[:64] if self.kind else None,
            subject=self.subject[:_MAX_SUBJECT]
            if self.subject and self.type not in _SUBJECTLESS
            else None,
            sent_at=sent_at,
            detail=self.detail,
        )

    def _identity(self, message: str) -> str:
        if self.type in HITS:
            facts = (self.detail.get(name, "") for name in ("ip", "user_agent", "link"))
            return digest(message, *facts)
        recipient = normal_address(self.address)
        if self.type is EventType.SUBSCRIPTION:
            chosen = json.dumps(self.detail.get("new_preferences"), sort_keys=True)
            return digest(message, recipient, chosen)
        return digest(message, recipient, self.told_by or self.at)


@lru_cache(maxsize=4_096)
def address_of(text: str | None) -> str:
    """The address in a text, without a name around it.

    Raises:
        RejectedRecordError: there is none.
    """
    try:
        return checked_address(bare_address(text or ""))
    except InvalidInputError as error:
        raise RejectedRecordError(f"the recipient is {error}") from None


def dropped(why: str, subtype: str) -> tuple[EventType, dict[str, Any]]:
    """What a service did not try to send, as SES tells that: a bounce of one of the subtypes which
    mean that, and no reason to suppress an address.
    """
    return EventType.BOUNCE, {"type": "Permanent", "subtype": subtype, "diagnostic": why}
