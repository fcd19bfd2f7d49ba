"""The event log: an append-only set of events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.events import Event
from sendtrail.errors import ConditionFailedError
from sendtrail.log.items import event_from_item, event_to_item

__all__ = ["EventLog"]


class EventLog:
    """Appends and reads events. Appending is idempotent."""

    def __init__(self, db: DynamoDB, table: str, *, retention_days: int) -> None:
        self._db = db
        self._table = table
        self._retention_days = retention_days

    def append(self, events: Iterable[Event]) -> None:
        """Appends any number of events, in any order; idempotent.

        Raises:
            AwsError: some may have been written; appending them again is safe.
        """
        items: dict[tuple[str, str], dict[str, Any]] = {}
        for event in events:
            item = event_to_item(event, self._retention_days)
            items[item["message_id"], item["event_key"]] = item
        self._db.put_all(self._table, list(items.values()))

    def append_once(self, event: Event) -> bool:
        """Appends an event whose content may differ between attempts, unless one with its key
        exists.

        Returns:
            whether it was written; an existing event is not overwritten.

        Raises:
            AwsError: it may have been written.
        """
        try:
            self._db.put(
                self._table,
                event_to_item(event, self._retention_days),
                condition="attribute_not_exists(#key)",
                names={"#key": "message_id"},
            )
        except ConditionFailedError:
            return False
        return True

    def trail(self, message_id: str) -> Iterator[Event]:
        """All events of a trail, oldest first, strongly consistently, page by page."""
        start: dict[str, Any] | None = None
        while True:
            items, start = self._db.query(self._table, ("message_id", message_id), start=start)
            yield from (event_from_item(item) for item in items)
            if start is None:
                return

    def beginning(self, message_id: str) -> list[Event]:
        """The first page of a trail's events, oldest first, strongly consistently."""
        items, _ = self._db.query(self._table, ("message_id", message_id))
        return [event_from_item(item) for item in items]
