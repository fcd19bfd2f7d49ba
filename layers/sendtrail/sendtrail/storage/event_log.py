"""The log: a set of events, appended and never changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.events import Event
from sendtrail.storage.items import event_to_item

__all__ = ["EventLog"]


class EventLog:
    """Appends events. To append an event that is there already changes nothing."""

    def __init__(self, db: DynamoDB, table: str, *, retention_days: int) -> None:
        self._db = db
        self._table = table
        self._retention_days = retention_days

    def append(self, events: Iterable[Event]) -> None:
        """Writes events, in any order and any number.

        Raises:
            AwsError: some may have been written; to append them again is harmless.
        """
        items: dict[tuple[str, str], dict[str, Any]] = {}
        for event in events:
            item = event_to_item(event, self._retention_days)
            items[item["message_id"], item["event_key"]] = item
        self._db.put_all(self._table, list(items.values()))
