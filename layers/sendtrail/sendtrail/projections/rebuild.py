"""Rebuild: messages, participants and communications made anew from the log alone, while events
arrive.

Each rebuild is an *epoch*, named by the time at which it began. It is first noted in the table
Messages, where the fold of the stream finds it and gives it to every message that is new. Then
each message that is not of the epoch is folded from its whole trail and comes into it. The
stream of the table Messages tells project_communications, which counts each message anew as it
comes into the epoch (`sendtrail.domain.communication.CounterShard`), so that figures need no
rebuilding of their own, and climb from nothing while a rebuild goes on. Participants, addresses and
suppressions join: they only take what they lack (`sendtrail.projections.participants`).

A batch that project_messages had begun before the epoch was noted may still write new messages
without it. So one has to wait, after `begin`, for as long as that function may run.
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
    """The names of the tables."""

    events: str
    messages: str
    communications: str
    participants: str
    suppressions: str


@dataclass(slots=True)
class Rebuild:
    """One rebuild. Whatever is taken twice has the effect of once.

    Attributes:
        epoch: this one.
        done: how many messages were ``folded`` from the log; how many were ``carried`` over,
            because the log has begun to forget them; and how many items of the log were
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
        """Notes a new epoch.

        Args:
            retention_days: how long the log keeps what happened to a message.
            resume: whether to go on with the latest one instead, if there is any.
        """

        def named(row: RowState[Message]) -> RowState[Message]:
            epoch = (row.state.epoch if resume else None) or now()
            return RowState(replace(row.state, epoch=epoch), row.checkpoints)

        noted = message_rows(db, tables.messages).change({EPOCH: named})[EPOCH]
        log = EventLog(db, tables.events, retention_days=retention_days)
        return cls(noted.epoch or "", log, db, tables, retention_days)

    def apply_log(self, items: Iterable[Item]) -> None:
        """Takes some of the log: what it tells of participants and communications, and the
        messages that it is about, whole.

        Args:
            items: of the table Events, in any order, cut anywhere.

        Raises:
            AwsError: some of it may have been done, and all may be done again.
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
        """Takes some of the table Messages, after all of the log: what the log no longer has comes
        into the epoch as it is.

        Raises:
            AwsError: some of it may have been done, and all may be done again.
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
        if row.state.last_changed_at is not None and self._is_forgotten(key[1]):
            return self._carried(row)
        self.done["folded"] += 1
        fresh = Message(key[0], key[1], epoch=self.epoch)
        return RowState(fold_from_log(self.log, fresh), Checkpoints.of_log(epoch_ms(now()) // 1000))

    def _carried(self, row: RowState[Message]) -> RowState[Message]:
        if (row.state.epoch or "") >= self.epoch:
            return row
        self.done["carried"] += 1
        return RowState(replace(row.state, epoch=self.epoch), row.checkpoints)

    def _is_forgotten(self, message_id: str) -> bool:
        """Whether the log may have begun to forget a message: its first event expires when the
        retention is over, and DynamoDB deletes it some time after that.
        """
        oldest = epoch_ms(now()) - (self.retention_days - 1) * _DAY_MS
        return sent_time(message_id) < from_epoch_ms(oldest)
