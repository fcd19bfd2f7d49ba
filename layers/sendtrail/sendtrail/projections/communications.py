"""The projection of changes of messages into the figures of communications."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.communication import CommunicationDefinition, CounterShard
from sendtrail.domain.events import Event
from sendtrail.domain.message import PROBLEMS, Message
from sendtrail.domain.times import Timestamp, epoch_ms
from sendtrail.log.items import expires_at
from sendtrail.projections.items import (
    COUNTERS_PREFIX,
    DEFINITION,
    LINK_PREFIX,
    MONTHS,
    MONTHS_ID,
    counter_part,
    counters_from_item,
    counters_to_item,
    definition_from_item,
    definition_to_item,
    problem_part,
)
from sendtrail.projections.optimistic_rows import Key, OptimisticRows, RowState
from sendtrail.projections.stream import Record

__all__ = ["CommunicationProjection", "definition_rows", "note_month", "counter_rows"]

Step = tuple[Record[Message], Message | None, Message]

_KEY: Final = ("communication_id", "part")
_DAY_MS: Final = 24 * 3600 * 1000
_MAX_NOTED: Final = 10_000
"""How many links a process remembers to have noted."""


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
    """Counts changes of messages, each change exactly once, by checkpoints."""

    def __init__(self, db: DynamoDB, table: str, *, retention_days: int) -> None:
        """Projects into `table`; messages older than `retention_days` have left the log."""
        self._db = db
        self._table = table
        self._retention_days = retention_days
        self._counters = counter_rows(db, table)
        self._definitions = definition_rows(db, table)
        self._noted: dict[tuple[str, str], None] = {}

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

    def apply(self, records: Iterable[Record[Message]]) -> None:
        """Counts the changes of a batch that have not been counted yet, and lists problems.

        Raises:
            AwsError: some rows may have been written; the batch may be retried.
        """
        steps: dict[Key, list[Step]] = {}
        problems: dict[Key, Message] = {}
        for record in records:
            old, new = record.old, record.new
            if new is None:
                continue
            self._find_problem(problems, old, new)
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
        self._db.at_once(self._list_problem, list(problems.items()))
        self._counters.change(
            {key: partial(self._counted, key[0], mine) for key, mine in steps.items()},
            before_write=self._describe,
        )

    def note_link(self, communication_id: str, key: str, url: str) -> None:
        """Notes the URL of a link, in a row of its own, unless this process knows that it was.

        Raises:
            AwsError: it may have been written; noting it again is safe.
        """
        if (communication_id, key) in self._noted:
            return
        item = {"communication_id": communication_id, "part": LINK_PREFIX + key, "url": url}
        self._db.put_all(self._table, [item])
        self._noted[communication_id, key] = None
        while len(self._noted) > _MAX_NOTED:
            del self._noted[next(iter(self._noted))]

    def forgotten(self, communication_id: str, epoch: Timestamp) -> bool:
        """Whether the log may have forgotten messages of a communication when an epoch began."""
        key = (communication_id, DEFINITION)
        definition = self._definitions.read([key]).get(key)
        oldest = epoch_ms(epoch) - (self._retention_days - 1) * _DAY_MS
        created_at = definition.created_at if definition else None
        return created_at is not None and epoch_ms(created_at) < oldest

    def _counted(
        self, communication_id: str, steps: list[Step], row: RowState[CounterShard]
    ) -> RowState[CounterShard]:
        counted, checkpoints = row.state, row.checkpoints
        forgotten = partial(self.forgotten, communication_id)
        for record, old, new in steps:
            if not checkpoints.has(record.shard, record.checkpoint.sequence):
                counted = counted.changed(old, new, forgotten=forgotten)
                checkpoints = checkpoints.with_checkpoint(record.shard, record.checkpoint)
        return RowState(counted, checkpoints)

    @staticmethod
    def _find_problem(problems: dict[Key, Message], old: Message | None, new: Message) -> None:
        """Notes a problem that a message did not have before, or has in a new epoch.

        One that it has no more stays listed: were it taken off, an older record that comes again
        would take off one that the message has again. Readers look at the message.
        """
        place, before = (
            (each.communication_id, problem_part(each), each.epoch)
            if each and each.communication_id and each.address and each.status in PROBLEMS
            else None
            for each in (new, old)
        )
        if place and place != before:
            problems[place[:2]] = new

    def _list_problem(self, entry: tuple[Key, Message]) -> None:
        (communication_id, part), message = entry
        item = {
            "communication_id": communication_id,
            "part": part,
            "participant_id": message.participant_id,
            "expires_at": expires_at(message.message_id, self._retention_days),
        }
        self._db.put_all(self._table, [item])

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
            note_month(self._db, self._table, month)
