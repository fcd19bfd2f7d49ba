"""Activity: when participants last opened or clicked, as their messages tell.

Nobody writes this when it happens. It is asked of the messages when it matters: before somebody is
marked as inactive, and on their page.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.events import Event
from sendtrail.domain.ids import participant_of_address
from sendtrail.domain.times import Timestamp, latest
from sendtrail.log.items import is_message_row
from sendtrail.projections.items import ADDRESS_PREFIX, address_use_from_item, message_from_item

__all__ = ["Activity"]


class Activity:
    """Reads participants' messages, in their own partition and those of the addresses that are
    registered to them.
    """

    def __init__(self, db: DynamoDB, trails: str, participants: str) -> None:
        """Reads the tables of these names."""
        self._db = db
        self._trails = trails
        self._participants = participants

    def last(self, participant_id: str, *, enough: Timestamp) -> Timestamp | None:
        """When a participant last opened or clicked; None if no message of theirs tells of it.

        Args:
            enough: if they did so after this, the newest messages that tell of it decide. So one
                page is read of those who are active, and all pages only of those who are not.
        """
        found: Timestamp | None = None
        for partition in self._partitions(participant_id):
            found = latest(found, self._in_partition(partition, enough))
            if found and found > enough:
                break
        return found

    def since(self, inactivated: Event) -> Timestamp | None:
        """When the participant of an Inactivated event opened or clicked after all; None if no
        message of theirs tells of it.
        """
        silent_since: Timestamp = inactivated.detail["last_active_at"]
        found = self.last(inactivated.participant_id, enough=silent_since)
        return found if found and found > silent_since else None

    def _in_partition(self, partition: str, enough: Timestamp) -> Timestamp | None:
        found: Timestamp | None = None
        start: dict[str, Any] | None = None
        while True:
            items, start = self._db.query(
                self._trails, ("trail", partition), start=start, newest_first=True, limit=100
            )
            found = latest(found, _last_human_at(items))
            if start is None or (found and found > enough):
                return found

    def _partitions(self, participant_id: str) -> list[str]:
        items, _ = self._db.query(
            self._participants,
            ("participant_id", participant_id),
            begins=("part", ADDRESS_PREFIX),
        )
        uses = map(address_use_from_item, items)
        registered = (participant_of_address(use.address) for use in uses if use.registered_at)
        return list(dict.fromkeys([participant_id, *registered]))


def _last_human_at(items: Iterable[dict[str, Any]]) -> Timestamp | None:
    found: Timestamp | None = None
    for item in filter(is_message_row, items):
        found = latest(found, message_from_item(item).engagement.total.last_human_at)
    return found
