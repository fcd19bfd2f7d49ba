"""The projection of changes of messages into the figures of communications, and of days."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.communication import CommunicationDefinition, CounterShard
from sendtrail.domain.days import (
    Day,
    day_counters_of,
    day_is_forgotten,
    day_of,
    told_by_ses,
)
from sendtrail.domain.events import Event
from sendtrail.domain.ids import sent_time
from sendtrail.domain.links import link_key, shown_url
from sendtrail.domain.message import Message
from sendtrail.domain.times import Timestamp, epoch_ms
from sendtrail.errors import ConditionFailedError
from sendtrail.log.items import expires_at, listed_in
from sendtrail.projections.items import (
    COUNTERS_PREFIX,
    DAYS_ID,
    DEFINITION,
    DIRECT,
    LINK_PREFIX,
    MONTHS,
    MONTHS_ID,
    counter_part,
    counters_from_item,
    counters_to_item,
    day_part,
    definition_from_item,
    definition_to_item,
    problem_parts,
    template_use_to_item,
)
from sendtrail.projections.optimistic_rows import Key, OptimisticRows, RowState
from sendtrail.projections.stream import Record

__all__ = [
    "CommunicationProjection",
    "counter_rows",
    "definition_rows",
    "note_direct",
    "note_month",
]

Step = tuple[Record[Message], Message | None, Message]

_KEY: Final = ("communication_id", "part")
_DAY_MS: Final = 24 * 3600 * 1000
_DAY_EXPIRES_LATER: Final = 3
"""How many days a day's row outlives the last of its messages: the stream may be one behind."""
_MAX_NOTED: Final = 10_000
"""How many links a process remembers to have noted; and how many kinds of direct messages."""
_MAX_KINDS: Final = 100
"""How many kinds of direct messages are listed, to be suggested."""
_MAX_KIND: Final = 64


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
    """The rows with the counters of communications and days, one for each shard."""
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


def note_direct(db: DynamoDB, table: str, month: str, kind: str | None) -> None:
    """Adds a month to the list of those with messages of no communication, and their kind to the
    list of kinds, unless that is full or the kind is longer than can be asked for; idempotent.
    """
    key = {"communication_id": MONTHS_ID, "part": DIRECT}
    names = {"#months": MONTHS, "#revision": "revision"}
    values: dict[str, Any] = {":month": {month}, ":one": 1}
    revised = "SET #revision = if_not_exists(#revision, :one)"
    if kind and len(kind) <= _MAX_KIND:
        with suppress(ConditionFailedError):
            db.update(
                table,
                key,
                update=f"ADD #months :month, #kinds :kind {revised}",
                names=names | {"#kinds": "kinds"},
                values=values | {":kind": {kind}, ":most": _MAX_KINDS},
                condition="attribute_not_exists(#kinds) OR size(#kinds) < :most",
            )
            return
    db.update(table, key, update=f"ADD #months :month {revised}", names=names, values=values)


class CommunicationProjection:
    """Counts changes of messages, each change exactly once, by checkpoints."""

    def __init__(self, db: DynamoDB, table: str, *, retention_days: int) -> None:
        """Projects into `table`; messages older than `retention_days` have left the log."""
        self._db = db
        self._table = table
        self._retention_days = retention_days
        self._counters = counter_rows(db, table)
        self._definitions = definition_rows(db, table)
        self._noted: dict[tuple[str, ...], None] = {}

    def define(self, event: Event) -> None:
        """Applies an event of a communication's own trail to its definition, when it comes by the
        stream or at once, so that it can be read back; notes the links that it names, and lists the
        mailing under the template that it was made of;
        idempotent.

        Raises:
            AwsError: it may have been written; applying it again is safe.
        """

        def defined(row: RowState[CommunicationDefinition]) -> RowState[CommunicationDefinition]:
            return RowState(row.state.with_event(event), row.checkpoints)

        self._definitions.change(
            {(event.communication_id or "", DEFINITION): defined}, before_write=self._list
        )
        for link in event.detail.get("links", ()):
            self.note_link(event.communication_id or "", link_key(link), shown_url(link))
        use = template_use_to_item(event)
        if use:
            self._db.put_all(self._table, [use])

    def apply(self, records: Iterable[Record[Message]]) -> None:
        """Counts the changes of a batch that have not been counted yet, and lists problems.

        All that a batch tells of a mailing is one write, and so is all that it tells of a day.

        Raises:
            AwsError: some rows may have been written; the batch may be retried.
        """
        steps: dict[Key, list[Step]] = {}
        days: dict[Key, list[Step]] = {}
        problems: dict[Key, Message] = {}
        directs: dict[tuple[str, ...], Message] = {}
        for record in records:
            old, new = record.old, record.new
            if new is None:
                continue
            self._find_problem(problems, old, new)
            if _concerns_day(old, new):
                place = (DAYS_ID, day_part(day_of(new.message_id), record.shard))
                days.setdefault(place, []).append((record, old, new))
            self._find_direct(directs, old, new)
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
        for key, direct in directs.items():
            note_direct(self._db, self._table, sent_time(direct.message_id)[:7], direct.kind)
            self._remember(key)
        self._counters.change(
            {key: partial(self._counted, key[0], mine) for key, mine in steps.items()}
            | {key: partial(self._counted_by_day, key[1], mine) for key, mine in days.items()},
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
        self._remember((communication_id, key))

    def _remember(self, key: tuple[str, ...]) -> None:
        self._noted[key] = None
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

    def _counted_by_day(
        self, part: str, steps: list[Step], row: RowState[CounterShard]
    ) -> RowState[CounterShard]:
        counted, checkpoints, day = row.state, row.checkpoints, part.partition("#")[0]
        told_at = counted.told_at or 0
        forgotten = partial(day_is_forgotten, day, retention_days=self._retention_days)
        for record, old, new in steps:
            if not checkpoints.has(record.shard, record.checkpoint.sequence):
                counted = counted.changed(old, new, forgotten=forgotten, count=day_counters_of)
                if told_by_ses(old, new):
                    told_at = max(told_at, record.checkpoint.at)
                checkpoints = checkpoints.with_checkpoint(record.shard, record.checkpoint)
        counted = replace(
            counted,
            first_sent_at=None,  # the day says it
            kind=None,
            told_at=told_at or None,
            expires_at=self._day_expires_at(day),
        )
        return RowState(counted, checkpoints)

    def _day_expires_at(self, day: Day) -> int:
        """When a day's row expires, in seconds since 1970."""
        days = 1 + self._retention_days + _DAY_EXPIRES_LATER
        return (epoch_ms(f"{day}T00:00:00.000Z") + days * _DAY_MS) // 1000

    @staticmethod
    def _find_problem(problems: dict[Key, Message], old: Message | None, new: Message) -> None:
        """Notes the problems that a message did not have before, or has in a new epoch: under its
        communication; or, if it is of none, under what the log's index lists it.

        One that it has no more stays listed: were it taken off, an older record that comes again
        would take off one that the message has again. Readers look at the message.
        """
        has, had = (
            {
                (listed_in(each.communication_id, each.message_id), part, each.epoch)
                for part in problem_parts(each)
            }
            if each and each.has_recipient
            else set()
            for each in (new, old)
        )
        for place, part, _ in has - had:
            problems[place, part] = new

    def _find_direct(
        self, directs: dict[tuple[str, ...], Message], old: Message | None, new: Message
    ) -> None:
        """Notes a message of no communication that is new, or of another kind than before, or in a
        new epoch; unless this process has noted one of its month and kind.
        """
        key, before = (
            (listed_in(None, each.message_id), each.kind or "", each.epoch or "")
            if each and each.has_recipient and not each.communication_id
            else None
            for each in (new, old)
        )
        if key and key != before and key not in self._noted:
            directs[key] = new

    def _list_problem(self, entry: tuple[Key, Message]) -> None:
        (place, part), message = entry
        item = {
            "communication_id": place,
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
        if communication_id == DAYS_ID:
            return
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
        month = (new.listed_at or "")[:7]
        if month and month != (old.listed_at or "")[:7]:
            note_month(self._db, self._table, month)


def _concerns_day(old: Message | None, new: Message) -> bool:
    """Whether a change of a message is one of its day's figures, or brings it into an epoch.

    Most are neither: another open, a machine's click, a delay. Whether one is does not depend on
    the row, so a change that comes again is passed over again, and needs no checkpoint.
    """
    if old is not None and old.epoch != new.epoch:
        return True
    return day_counters_of(old) != day_counters_of(new)
