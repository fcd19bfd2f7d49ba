"""fold_messages: events of the log become the state of messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.events import Event
from sendtrail.domain.message import Message, fold
from sendtrail.domain.times import Timestamp
from sendtrail.services.stream import Record
from sendtrail.storage.event_log import EventLog
from sendtrail.storage.items import GENERATION_ID, message_from_item, message_to_item
from sendtrail.storage.rows import Folded, Key, Rows

__all__ = ["GENERATION", "FoldMessages", "folded_from_log", "message_rows"]

Step = tuple[Record[Event], Event]

GENERATION: Key = (GENERATION_ID, GENERATION_ID)
"""The row that names the latest refold, by its attribute `generation`; it is no message's."""


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

    def __init__(self, rows: Rows[Message], log: EventLog) -> None:
        self._rows = rows
        self._log = log

    @classmethod
    def over(cls, db: DynamoDB, table: str, log: EventLog) -> FoldMessages:
        """The fold of that log into that table Messages."""
        return cls(message_rows(db, table), log)

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
        generation = cache(self._generation)  # asked for once, and only if there is a new message
        self._rows.change(
            {key: partial(self._folded, mine, generation) for key, mine in steps.items()}
        )
        return len(steps)

    def _folded(
        self, steps: list[Step], generation: Callable[[], Timestamp | None], row: Folded[Message]
    ) -> Folded[Message]:
        message, marks = row.state, row.marks
        new = [step for step in steps if not marks.has(step[0].shard, step[0].mark.sequence)]
        if not new:
            return row
        if message.last_changed_at is None:
            message = replace(message, generation=generation())
        if marks.from_log:
            message = folded_from_log(self._log, message)
        for record, event in new:
            if not row.marks.from_log:
                message = fold(message, event)
            marks = marks.with_mark(record.shard, record.mark)
        return Folded(message, marks)

    def _generation(self) -> Timestamp | None:
        """The latest refold."""
        found = self._rows.read([GENERATION]).get(GENERATION)
        return found.generation if found else None


def folded_from_log(log: EventLog, message: Message) -> Message:
    """The message as the whole of its trail in the log makes it."""
    whole = Message(message.participant_id, message.message_id, generation=message.generation)
    for event in log.trail(message.message_id):
        if event.participant_id == message.participant_id:
            whole = fold(whole, event)
    return whole
