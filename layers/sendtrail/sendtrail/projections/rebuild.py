"""Rebuild: projects messages, participants and communications from the log again, while events
arrive.

Each rebuild is an *epoch*, named by the time at which it began. It is first written to the table
Messages, where project_messages reads it and puts every new message into it. Then each message
that is not in the epoch is projected from its whole trail, and enters it. Through the stream of the
table Messages, project_communications counts each message again as it enters the epoch
(`sendtrail.domain.communication.CounterShard`); figures need no rebuild of their own, and grow from
zero while a rebuild runs. Participants, addresses and suppressions are joins: applying the log only
adds what they lack (`sendtrail.projections.participants`).

A batch that project_messages began before the epoch was written may still add messages without it.
So the caller has to wait, after `begin`, for as long as that function may run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.events import Event, EventType
from sendtrail.domain.ids import sent_time
from sendtrail.domain.message import Message
from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms, now
from sendtrail.log.event_log import EventLog
from sendtrail.log.items import event_from_item
from sendtrail.projections.checkpoints import Checkpoints
from sendtrail.projections.communications import CommunicationProjection
from sendtrail.projections.items import EPOCH_ID
from sendtrail.projections.messages import EPOCH, fold_from_log, message_rows
from sendtrail.projections.optimistic_rows import Key, RowState
from sendtrail.projections.participants import ParticipantProjection

__all__ = ["Rebuild", "Tables"]

Item = Mapping[str, Any]

_DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Tables:
    """The physical names of the tables."""

    events: str
    messages: str
    communications: str
    participants: str
    suppressions: str


@dataclass(slots=True)
class Rebuild:
    """One rebuild; every step is idempotent.

    Attributes:
        epoch: of this rebuild.
        done: how many messages were ``folded`` from the log; how many were ``carried`` over
            unchanged, because events of theirs have expired; and how many items of the log were
            ``unreadable``.
    """

    epoch: Timestamp
    log: EventLog
    db: DynamoDB
    tables: Tables
    retention_days: int
    done: Counter[str] = field(default_factory=Counter)

    @classmethod
    def begin(
        cls, db: DynamoDB, tables: Tables, *, retention_days: int, resume: bool = False
    ) -> Rebuild:
        """Begins a new epoch.

        Args:
            retention_days: how long the log keeps the events of a message.
            resume: whether to resume the latest epoch instead, if there is one.
        """

        def named(row: RowState[Message]) -> RowState[Message]:
            epoch = (row.state.epoch if resume else None) or now()
            return RowState(replace(row.state, epoch=epoch), row.checkpoints)

        row = message_rows(db, tables.messages).change({EPOCH: named})[EPOCH]
        log = EventLog(db, tables.events, retention_days=retention_days)
        return cls(row.epoch or "", log, db, tables, retention_days)

    def apply_log(self, items: Iterable[Item]) -> None:
        """Applies a part of the log to participants and communications, and rebuilds the messages
        that it mentions from their whole trails.

        Args:
            items: of the table Events, in any order, split anywhere.

        Raises:
            AwsError: some of it may have been done; all of it may be repeated.
        """
        events = list(self._readable(items))
        ParticipantProjection.over(
            self.db, self.tables.participants, self.tables.suppressions
        ).apply(events)
        communications = CommunicationProjection.over(self.db, self.tables.communications)
        for event in events:
            if event.type is EventType.COMMUNICATION_POSTED:
                communications.post(event)
        self._rebuild({(e.participant_id, e.message_id) for e in events if e.is_of_message})

    def apply_rest(self, items: Iterable[Item]) -> None:
        """Carries messages that the log no longer has over into the epoch unchanged; only after all
        of the log has been applied.

        Args:
            items: of the table Messages, in any order, split anywhere.

        Raises:
            AwsError: some of it may have been done; all of it may be repeated.
        """
        rest = {
            (item["participant_id"], item["message_id"])
            for item in items
            if item["participant_id"] != EPOCH_ID and item.get("epoch", "") < self.epoch
        }
        rows = message_rows(self.db, self.tables.messages)
        rows.change(dict.fromkeys(rest, self._carried))

    def _readable(self, items: Iterable[Item]) -> Iterable[Event]:
        for item in items:
            try:
                yield event_from_item(item)
            except (KeyError, ValueError):
                self.done["unreadable"] += 1

    def _rebuild(self, keys: Iterable[Key]) -> None:
        rows = message_rows(self.db, self.tables.messages)
        rows.change({key: partial(self._from_log, key) for key in keys})

    def _from_log(self, key: Key, row: RowState[Message]) -> RowState[Message]:
        if (row.state.epoch or "") >= self.epoch:
            return row
        if row.state.last_changed_at is not None and self._may_have_expired(key[1]):
            return self._carried(row)
        self.done["folded"] += 1
        fresh = Message(key[0], key[1], epoch=self.epoch)
        return RowState(fold_from_log(self.log, fresh), Checkpoints.of_log(epoch_ms(now()) // 1000))

    def _carried(self, row: RowState[Message]) -> RowState[Message]:
        if (row.state.epoch or "") >= self.epoch:
            return row
        self.done["carried"] += 1
        return RowState(replace(row.state, epoch=self.epoch), row.checkpoints)

    def _may_have_expired(self, message_id: str) -> bool:
        """Whether events of the message may have expired: the first does when the retention is
        over, and DynamoDB deletes it some time after that.
        """
        oldest = epoch_ms(now()) - (self.retention_days - 1) * _DAY_MS
        return sent_time(message_id) < from_epoch_ms(oldest)
