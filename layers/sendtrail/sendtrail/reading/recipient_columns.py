"""The columns of a communication's recipients: the one list of them.

The API's JSON and schema, the CSV, the console's page and docs/console.md are made from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sendtrail.domain.message import Message

__all__ = ["RECIPIENT_COLUMNS", "Column", "ValueType"]


class ValueType(StrEnum):
    """What a column's values are, and so how each output shows them."""

    ID = "id"
    ADDRESS = "address"  # None where it is not known
    STATUS = "status"
    TIME = "time"  # None where it has not happened


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        name: in JSON, CSV and schema.
        heading: on the page; empty where the page has the value in a link, not in a column.
        explanation: what it means, in a sentence.
        value: what a message has in it, as JSON has it.
    """

    name: str
    type: ValueType
    heading: str
    explanation: str
    value: Callable[[Message], str | None]


RECIPIENT_COLUMNS: Final = (
    Column(
        "participant_id",
        ValueType.ID,
        "Participant",
        "Who it went to.",
        lambda message: message.participant_id,
    ),
    Column(
        "message_id",
        ValueType.ID,
        "",
        "Their message; on the page, where the participant’s link leads.",
        lambda message: message.message_id,
    ),
    Column(
        "address",
        ValueType.ADDRESS,
        "Address used",
        "Where the message was sent, as it was written.",
        lambda message: message.address,
    ),
    Column(
        "status",
        ValueType.STATUS,
        "Status",
        "What has become of the message so far.",
        lambda message: message.status.value,
    ),
    Column(
        "last_changed_at",
        ValueType.TIME,
        "Last change",
        "When anything last happened to the message.",
        lambda message: message.last_changed_at,
    ),
)
