"""fold_messages: events of the log become the state of messages."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.events import Event
from sendtrail.domain.message import Message, fold
from sendtrail.services.stream import Record
from sendtrail.storage.items import message_from_item, message_to_item
from sendtrail.storage.rows import Folded, Key, Rows

__all__ = ["FoldMessages", "message_rows"]

Step = tuple[Record[Event], Event]


def message_rows(db: DynamoDB, table: str) -> Rows[Message]:
    """The rows of the table Messages."""
    return Rows(
        db,
        table,
        key=("participant_id", "message_id"),
        fresh=lambda key: Message(participant_id=key[0], message_id=key[1]),
        to_item=message_to_item,
        from_item=message_from_item,
    )


class FoldMessages:
    """Folds batches of the Events stream, each event once, however often it comes."""

    def __init__(self, rows: Rows[Message]) -> None:
        self._rows = rows

    @classmethod
    def over(cls, db: DynamoDB, table: str) -> FoldMessages:
        """The fold into that table Messages."""
        return cls(message_rows(db, table))

    def take(self, records: Iterable[Record[Event]]) -> int:
        """Folds the new events of a batch.

        Returns:
            how many messages the batch was about.

        Raises:
            AwsError: some rows may have been written; the batch may be taken again.
        """
        steps: dict[Key, list[Step]] = {}
        for record in records:
            if record.new is None:
                continue
            event = record.new
            if event.is_of_message:
                steps.setdefault((event.participant_id, event.message_id), []).append(
                    (record, event)
                )
        self._rows.change({key: partial(_folded, mine) for key, mine in steps.items()})
        return len(steps)


def _folded(steps: list[Step], row: Folded[Message]) -> Folded[Message]:
    message, marks = row.state, row.marks
    for record, event in steps:
        if not marks.has(record.shard, record.mark.sequence):
            message = fold(message, event)
            marks = marks.with_mark(record.shard, record.mark)
    return Folded(message, marks)
