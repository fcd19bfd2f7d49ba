"""Where a template is used: the latest mailings and direct messages that were made of it.

Mailings are listed under their template when they are posted. Direct messages are not, since that
would be another write for each: the newest of all of them are looked at instead.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.ids import new_message_id
from sendtrail.domain.message import Message
from sendtrail.domain.times import Timestamp
from sendtrail.log.items import listed_in
from sendtrail.projections.items import TEMPLATE_PREFIX, message_from_item
from sendtrail.reading.models import TrailItem, item_of

__all__ = ["LOOKED_AT", "MailingUse", "direct_messages_of", "mailings_of"]

LOOKED_AT: Final = 100
"""How many direct messages are looked at, the newest of this month and the last."""


@dataclass(frozen=True, slots=True)
class MailingUse:
    """A mailing that was made of a template.

    Attributes:
        version: of the template; None if the event does not say.
    """

    communication_id: str
    name: str
    created_at: Timestamp
    version: int | None


class _Listed(NamedTuple):
    participant_id: str
    message_id: str


def mailings_of(db: DynamoDB, table: str, template_id: str, *, limit: int) -> list[MailingUse]:
    """The latest mailings that were made of a template, newest first; one request.

    Args:
        table: the communications'.
    """
    items, _ = db.query(
        table,
        ("communication_id", TEMPLATE_PREFIX + template_id),
        limit=limit,
        newest_first=True,
        consistent=False,
    )
    return [
        MailingUse(
            communication_id=item["part"].partition("#")[2],
            name=item["name"],
            created_at=item["part"].partition("#")[0],
            version=int(item["version"]) if item.get("version") else None,
        )
        for item in items
    ]


def direct_messages_of(template_id: str, at: Timestamp, *, limit: int) -> list[Message]:
    """The latest direct messages that were made of a template, newest first, among the newest
    `LOOKED_AT` of all; at most three requests.
    """
    keys = list(itertools.islice(_direct_messages(at), LOOKED_AT))
    found = [message_from_item(item_of(row)) for row in (TrailItem.batch_get(keys) if keys else ())]
    mine = [message for message in found if message.template_id == template_id]
    mine.sort(key=lambda message: message.message_id, reverse=True)
    return mine[:limit]


def _direct_messages(at: Timestamp) -> Iterator[_Listed]:
    """The keys of direct messages of the month of a time and the one before, newest first."""
    this = listed_in(None, new_message_id(at))
    year, month = int(at[:4]), int(at[5:7])
    before = f"{year - (month == 1):04}-{(month - 2) % 12 + 1:02}"
    last = listed_in(None, new_message_id(f"{before}-01T00:00:00.000Z"))
    for place in (this, last):
        rows = TrailItem.by_communication.query(place, scan_index_forward=False, limit=LOOKED_AT)
        for row in rows:
            yield _Listed(row.trail, row.entry)
