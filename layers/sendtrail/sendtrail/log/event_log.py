"""The log: a set of events, appended and never changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.events import Event
from sendtrail.errors import ConditionFailedError
from sendtrail.log.items import event_from_item, event_to_item

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

    def append_once(self, event: Event) -> bool:
        """Writes an event whose content could come out otherwise if it were made again.

        Returns:
            whether it was written; an event of its key that is there already stays as it is.

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
        """All events of a message, as the log has them now, page by page."""
        start: dict[str, Any] | None = None
        while True:
            items, start = self._db.query(self._table, ("message_id", message_id), start=start)
            yield from (event_from_item(item) for item in items)
            if start is None:
                return

    def beginning(self, message_id: str) -> list[Event]:
        """The first events of a message, one page of them, as the log has them now."""
        items, _ = self._db.query(self._table, ("message_id", message_id))
        return [event_from_item(item) for item in items]
