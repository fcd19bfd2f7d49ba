"""The projection of changes of messages into the figures of communications."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.communication import CommunicationDefinition, CounterShard
from sendtrail.domain.events import Event
from sendtrail.domain.message import Message
from sendtrail.projections.items import (
    COUNTERS_PREFIX,
    DEFINITION,
    MONTHS,
    MONTHS_ID,
    counter_part,
    counters_from_item,
    counters_to_item,
    definition_from_item,
    definition_to_item,
)
from sendtrail.projections.optimistic_rows import Key, OptimisticRows, RowState
from sendtrail.projections.stream import Record

__all__ = ["CommunicationProjection", "definition_rows", "note_month", "counter_rows"]

Step = tuple[Record[Message], Message | None, Message]

_KEY = ("communication_id", "part")


def definition_rows(db: DynamoDB, table: str) -> OptimisticRows[CommunicationDefinition]:
    """The rows with the communications' definitions."""
    return OptimisticRows(
        db,
        table,
        key=_KEY,
        fresh=lambda key: CommunicationDefinition(communication_id=key[0], name=key[0]),
        to_item=definition_to_item,
        from_item=definition_from_item,
    )


def counter_rows(db: DynamoDB, table: str) -> OptimisticRows[CounterShard]:
    """The rows with the communications' counters, one for each shard."""
    return OptimisticRows(
        db,
        table,
        key=_KEY,
        fresh=lambda _: CounterShard(),
        to_item=counters_to_item,
        from_item=counters_from_item,
    )


def note_month(db: DynamoDB, table: str, month: str) -> None:
    """Adds a month to the list of months with communications, so that readers need not query every
    month there ever was; idempotent.
    """
    key = {"communication_id": MONTHS_ID, "part": MONTHS}
    db.update(
        table,
        key,
        update="ADD #months :month SET #revision = if_not_exists(#revision, :one)",
        names={"#months": MONTHS, "#revision": "revision"},
        values={":month": {month}, ":one": 1},
    )


class CommunicationProjection:
    """Applies batches of the Messages stream, each change exactly once, by checkpoints."""

    def __init__(
        self,
        counters: OptimisticRows[CounterShard],
        definitions: OptimisticRows[CommunicationDefinition],
        note_month: Callable[[str], None],
    ) -> None:
        self._counters = counters
        self._definitions = definitions
        self._note_month = note_month

    @classmethod
    def over(cls, db: DynamoDB, table: str) -> CommunicationProjection:
        """The projection into the table of that name."""
        return cls(
            counter_rows(db, table), definition_rows(db, table), partial(note_month, db, table)
        )

    def post(self, posted: Event) -> None:
        """Applies a CommunicationPosted event at once, so that the definition can be read back;
        idempotent.

        Raises:
            AwsError: it may have been written; applying it again is safe.
        """

        def defined(row: RowState[CommunicationDefinition]) -> RowState[CommunicationDefinition]:
            return RowState(row.state.as_posted(posted), row.checkpoints)

        self._definitions.change(
            {(posted.communication_id or "", DEFINITION): defined}, before_write=self._list
        )

    def apply(self, records: Iterable[Record[Message]]) -> int:
        """Counts the changes of a batch that have not been counted yet.

        Returns:
            how many communications the batch was about.

        Raises:
            AwsError: some rows may have been written; the batch may be retried.
        """
        steps: dict[Key, list[Step]] = {}
        for record in records:
            if record.new is None:
                continue
            old, new = record.old, record.new
            part = counter_part(record.shard)
            if old and old.communication_id and old.communication_id != new.communication_id:
                # Where events disagree the least id holds, so a message may change its mailing.
                moved = steps.setdefault((old.communication_id, part), [])
                gone = Message(old.participant_id, old.message_id, epoch=new.epoch)
                moved.append((record, old, gone))
                old = None
            if new.communication_id:
                counted = old if old and old.communication_id else None
                steps.setdefault((new.communication_id, part), []).append((record, counted, new))
        self._counters.change(
            {key: partial(_counted, mine) for key, mine in steps.items()},
            before_write=self._describe,
        )
        return len(steps)

    def _describe(self, key: Key, old: CounterShard, new: CounterShard) -> None:
        """Updates the definition before the counters are written: after a crash in between both are
        written again, and updating the definition is idempotent.
        """
        communication_id, part = key
        if (old.first_sent_at, old.kind) == (new.first_sent_at, new.kind):
            return
        first_sent_at = new.first_sent_at
        if first_sent_at is None:
            return
        shard = part.removeprefix(COUNTERS_PREFIX)

        def described(row: RowState[CommunicationDefinition]) -> RowState[CommunicationDefinition]:
            return RowState(
                row.state.with_messages(first_sent_at, new.kind, shard), row.checkpoints
            )

        self._definitions.change(
            {(communication_id, DEFINITION): described}, before_write=self._list
        )

    def _list(self, _key: Key, old: CommunicationDefinition, new: CommunicationDefinition) -> None:
        month = (new.created_at or "")[:7]
        if month and month != (old.created_at or "")[:7]:
            self._note_month(month)


def _counted(steps: list[Step], row: RowState[CounterShard]) -> RowState[CounterShard]:
    counted, checkpoints = row.state, row.checkpoints
    for record, old, new in steps:
        if not checkpoints.has(record.shard, record.checkpoint.sequence):
            counted = counted.changed(old, new)
            checkpoints = checkpoints.with_checkpoint(record.shard, record.checkpoint)
    return RowState(counted, checkpoints)
