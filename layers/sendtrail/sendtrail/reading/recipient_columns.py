"""The columns of a communication's recipients: the one list of them.

The API's JSON and schema, the CSV, the console's page and docs/console.md are made from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import Final

from sendtrail.domain.message import Message

__all__ = ["RECIPIENT_COLUMNS", "Column", "ValueType"]


class ValueType(StrEnum):
    """What a column's values are, and so how each output shows them."""

    ID = "id"
    ADDRESS = "address"  # None where it is not known
    STATUS = "status"
    REASON = "reason"  # a drop's or a bounce's; None where there is neither
    TEXT = "text"  # None where nothing was said
    COUNT = "count"
    TIME = "time"  # None where it has not happened


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        name: in JSON, CSV and schema.
        heading: on the page; empty where the page has it elsewhere, or files alone have it.
        explanation: what it means, in a sentence.
        value: what a message has in it, as JSON has it.
    """

    name: str
    type: ValueType
    heading: str
    explanation: str
    value: Callable[[Message], str | int | None]

    @property
    def title(self) -> str:
        """What it is called in a file that people read."""
        return self.heading or self.name.replace("_", " ").capitalize()


def reason_of(message: Message) -> str | None:
    """Why a message did not arrive: a reason to drop it, or a bounce's type and subtype."""
    if message.drop:
        return message.drop.reason
    if message.bounce and message.is_bounced:
        return f"{message.bounce.type}/{message.bounce.subtype}"
    return None


def _diagnostic_of(message: Message) -> str | None:
    return message.bounce.diagnostic if message.bounce and message.is_bounced else None


def _time(name: str, heading: str, explanation: str) -> Column:
    """A time that the message has by this name."""
    return Column(name, ValueType.TIME, heading, explanation, attrgetter(name))


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
        "reason",
        ValueType.REASON,
        "Why",
        "Why it was dropped or bounced, or empty.",
        reason_of,
    ),
    Column(
        "diagnostic",
        ValueType.TEXT,
        "",
        "What the receiving server said of a bounce.",
        _diagnostic_of,
    ),
    _time("sent_at", "Sent", "When the mail service took it."),
    _time("delivered_at", "Delivered", "When the recipient's mail server took it."),
    Column(
        "human_open_count",
        ValueType.COUNT,
        "Opens",
        "How often a person opened it.",
        lambda message: message.engagement.total.opens.human_count,
    ),
    Column(
        "human_click_count",
        ValueType.COUNT,
        "Clicks",
        "How often a person followed a link in it.",
        lambda message: message.engagement.total.clicks.human_count,
    ),
    Column(
        "bounced_at",
        ValueType.TIME,
        "",
        "When it bounced.",
        lambda message: message.bounce.at if message.bounce and message.is_bounced else None,
    ),
    Column(
        "dropped_at",
        ValueType.TIME,
        "",
        "When it was dropped.",
        lambda message: message.drop.at if message.drop else None,
    ),
    _time("spammed_at", "", "When the recipient marked it as spam."),
    _time("unsubscribed_at", "", "When the recipient unsubscribed by way of it."),
    _time("last_changed_at", "Last change", "When anything last happened to the message."),
)
