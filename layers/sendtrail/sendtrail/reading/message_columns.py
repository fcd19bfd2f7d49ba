"""The columns of direct messages: those of recipients, and what each message is about.

The console's CSV and workbook are made from it.
"""

from __future__ import annotations

from typing import Final

from sendtrail.domain.ids import sent_time
from sendtrail.reading.recipient_columns import RECIPIENT_COLUMNS, Column, ValueType

__all__ = ["MESSAGE_COLUMNS"]

_WHO: Final = 3

MESSAGE_COLUMNS: Final = (
    Column(
        "at",
        ValueType.TIME,
        "Date",
        "When it was accepted for sending; if something else sent it, when it was sent.",
        lambda message: sent_time(message.message_id),
    ),
    *RECIPIENT_COLUMNS[:_WHO],
    Column("kind", ValueType.TEXT, "Kind", "What kind of mail it is.", lambda each: each.kind),
    Column("subject", ValueType.TEXT, "Subject", "Its subject.", lambda each: each.subject),
    *RECIPIENT_COLUMNS[_WHO:],
)
