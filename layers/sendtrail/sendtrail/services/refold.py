"""Refold: messages, participants and communications made anew from the log alone, while events
arrive.

Each refold is a *generation*, named by the time at which it began. It is first noted in the table
Messages, where the fold of the stream finds it and gives it to every message that is new. Then
each message that is not of the generation is folded from its whole trail and comes into it. The
stream of the table Messages tells fold_communications, which counts each message anew as it comes
into the generation (`sendtrail.domain.communication.Stats`); so figures need no rebuilding of their
own, and climb from nothing while a refold goes on. Participants, addresses and suppressions join:
they only take what they lack (`sendtrail.services.fold_participants`).

A batch that fold_messages had begun before the generation was noted may still write new messages
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
from sendtrail.domain.marks import Marks
from sendtrail.domain.message import Message
from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms, now
from sendtrail.services.fold_communications import FoldCommunications
from sendtrail.services.fold_messages import GENERATION, folded_from_log, message_rows
from sendtrail.services.fold_participants import FoldParticipants
from sendtrail.storage.event_items import event_from_item
from sendtrail.storage.event_log import EventLog
from sendtrail.storage.items import GENERATION_ID
from sendtrail.storage.rows import Folded, Key

__all__ = ["Refold", "Tables"]

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
class Refold:
    """One refold. Whatever is taken twice has the effect of once.

    Attributes:
        generation: this one.
        done: how many messages were ``folded`` from the log; how many were ``carried`` over,
            because the log has begun to forget them; and how many items of the log were
            ``unreadable``.
    """

    generation: Timestamp
    log: EventLog
    db: DynamoDB
    tables: Tables
    retention_days: int
    done: Counter[str] = field(default_factory=Counter)

    @classmethod
    def begin(
        cls, db: DynamoDB, tables: Tables, *, retention_days: int, go_on: bool = False
    ) -> Refold:
        """Notes a new generation.

        Args:
            retention_days: how long the log keeps what happened to a message.
            go_on: whether to go on with the latest one instead, if there is any.
        """

        def named(row: Folded[Message]) -> Folded[Message]:
            generation = (row.state.generation if go_on else None) or now()
            return Folded(replace(row.state, generation=generation), row.marks)

        noted = message_rows(db, tables.messages).change({GENERATION: named})[GENERATION]
        log = EventLog(db, tables.events, retention_days=retention_days)
        return cls(noted.generation or "", log, db, tables, retention_days)

    def take_log(self, items: Iterable[Item]) -> None:
        """Takes some of the log: what it tells of participants and communications, and the
        messages that it is about, whole.

        Args:
            items: of the table Events, in any order, cut anywhere.

        Raises:
            AwsError: some of it may have been done, and all may be done again.
        """
        events = list(self._readable(items))
        FoldParticipants.over(self.db, self.tables.participants, self.tables.suppressions).take(
            events
        )
        communications = FoldCommunications.over(self.db, self.tables.communications)
        for event in events:
            if event.type is EventType.COMMUNICATION_POSTED:
                communications.post(event)
        self._refold({(e.participant_id, e.message_id) for e in events if e.is_of_message})

    def take_rest(self, items: Iterable[Item]) -> None:
        """Takes some of the table Messages, after all of the log: what the log no longer has comes
        into the generation as it is.

        Raises:
            AwsError: some of it may have been done, and all may be done again.
        """
        rest = {
            (item["participant_id"], item["message_id"])
            for item in items
            if item["participant_id"] != GENERATION_ID
            and item.get("generation", "") < self.generation
        }
        rows = message_rows(self.db, self.tables.messages)
        rows.change(dict.fromkeys(rest, self._carried))

    def _readable(self, items: Iterable[Item]) -> Iterable[Event]:
        for item in items:
            try:
                yield event_from_item(item)
            except (KeyError, ValueError):
                self.done["unreadable"] += 1

    def _refold(self, keys: Iterable[Key]) -> None:
        rows = message_rows(self.db, self.tables.messages)
        rows.change({key: partial(self._from_log, key) for key in keys})

    def _from_log(self, key: Key, row: Folded[Message]) -> Folded[Message]:
        if (row.state.generation or "") >= self.generation:
            return row
        if row.state.last_changed_at is not None and self._is_forgotten(key[1]):
            return self._carried(row)
        self.done["folded"] += 1
        fresh = Message(key[0], key[1], generation=self.generation)
        return Folded(folded_from_log(self.log, fresh), Marks.of_log(epoch_ms(now()) // 1000))

    def _carried(self, row: Folded[Message]) -> Folded[Message]:
        if (row.state.generation or "") >= self.generation:
            return row
        self.done["carried"] += 1
        return Folded(replace(row.state, generation=self.generation), row.marks)

    def _is_forgotten(self, message_id: str) -> bool:
        """Whether the log may have begun to forget a message: its first event expires when the
        retention is over, and DynamoDB deletes it some time after that.
        """
        oldest = epoch_ms(now()) - (self.retention_days - 1) * _DAY_MS
        return sent_time(message_id) < from_epoch_ms(oldest)
