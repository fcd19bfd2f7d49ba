"""The projection of the log's events into messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.events import Event
from sendtrail.domain.message import Message, fold
from sendtrail.domain.times import Timestamp
from sendtrail.log.event_log import EventLog
from sendtrail.projections.items import EPOCH_ID, message_from_item, message_to_item
from sendtrail.projections.optimistic_rows import Key, OptimisticRows, RowState
from sendtrail.projections.stream import Record

__all__ = ["EPOCH", "MessageProjection", "fold_from_log", "message_rows"]

Step = tuple[Record[Event], Event]

EPOCH: Key = (EPOCH_ID, EPOCH_ID)
"""Not a message: the row whose attribute `epoch` names the latest rebuild."""


def message_rows(db: DynamoDB, table: str) -> OptimisticRows[Message]:
    """The rows of the table Messages."""
    return OptimisticRows(
        db,
        table,
        key=("participant_id", "message_id"),
        fresh=lambda key: Message(participant_id=key[0], message_id=key[1]),
        to_item=message_to_item,
        from_item=message_from_item,
    )


class MessageProjection:
    """Applies batches of the Events stream, each event exactly once, by checkpoints."""

    def __init__(self, rows: OptimisticRows[Message], log: EventLog) -> None:
        self._rows = rows
        self._log = log

    @classmethod
    def over(cls, db: DynamoDB, table: str, log: EventLog) -> MessageProjection:
        """The projection of the log into the table of that name."""
        return cls(message_rows(db, table), log)

    def apply(self, records: Iterable[Record[Event]]) -> int:
        """Applies the events of a batch that have not been applied yet.

        Returns:
            how many messages the batch was about.

        Raises:
            AwsError: some rows may have been written; the batch may be retried.
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
        epoch = cache(self._epoch)  # read once, and only if there is a new message
        self._rows.change({key: partial(self._apply, mine, epoch) for key, mine in steps.items()})
        return len(steps)

    def _apply(
        self, steps: list[Step], epoch: Callable[[], Timestamp | None], row: RowState[Message]
    ) -> RowState[Message]:
        message, checkpoints = row.state, row.checkpoints
        new = [
            step
            for step in steps
            if not checkpoints.has(step[0].shard, step[0].checkpoint.sequence)
        ]
        if not new:
            return row
        if message.last_changed_at is None:
            message = replace(message, epoch=epoch())
        if checkpoints.from_log:
            message = fold_from_log(self._log, message)
        for record, event in new:
            if not row.checkpoints.from_log:
                message = fold(message, event)
            checkpoints = checkpoints.with_checkpoint(record.shard, record.checkpoint)
        return RowState(message, checkpoints)

    def _epoch(self) -> Timestamp | None:
        """The epoch of the latest rebuild."""
        row = self._rows.read([EPOCH]).get(EPOCH)
        return row.epoch if row else None


def fold_from_log(log: EventLog, message: Message) -> Message:
    """The message, projected from its whole trail in the log."""
    whole = Message(message.participant_id, message.message_id, epoch=message.epoch)
    for event in log.trail(message.message_id):
        if event.participant_id == message.participant_id:
            whole = fold(whole, event)
    return whole
