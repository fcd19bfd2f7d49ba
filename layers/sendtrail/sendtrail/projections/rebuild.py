"""Rebuild: makes everything that is read anew from the log, while events arrive.

Each rebuild is an *epoch*, named by a time some minutes ahead, by which every batch that is being
projected knows of it. Then each message's row is touched: its hits are judged again, and it enters
the epoch. Through the stream, communications count each message again as it enters
(`sendtrail.domain.communication.CounterShard`); so their figures need no rebuild of their own, and
grow from zero meanwhile. A message whose id is younger than the epoch is in it by its age; one that
is older, but whose row is born later, enters it when it is projected.

Participants, addresses and suppressions are joins: applying the log only adds what they lack, and
lists again what an earlier version listed otherwise, or not at all.

Of communications and days with messages so old that the log may have forgotten some, the counters
are carried over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.erasure import is_erased
from sendtrail.domain.events import Event, EventType
from sendtrail.domain.ids import sent_time
from sendtrail.domain.message import Message
from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms, now
from sendtrail.projections.activity import Activity
from sendtrail.projections.communications import CommunicationProjection
from sendtrail.projections.judge import Judge, RowKey, Task
from sendtrail.projections.participants import ParticipantProjection
from sendtrail.projections.project import (
    EPOCH_KEY,
    EPOCHS,
    OF_COMMUNICATIONS,
    RowImage,
    about_people,
    epochs_of,
    hits_of_people,
    image_of,
)
from sendtrail.projections.soft_bounces import SoftBounces

__all__ = ["LEAD", "Rebuild"]

Item = dict[str, Any]

LEAD: Final = timedelta(minutes=10)
"""How far ahead a rebuild begins: twice as long as `project` goes by the epochs it has read
(EPOCH_CACHE_SECONDS), which leaves 5 minutes to the batch that is under way then."""


@dataclass(slots=True)
class Rebuild:
    """One rebuild; every step is idempotent.

    Attributes:
        epoch: of this rebuild.
        done: how many messages were ``rebuilt``, of how many the communication's counters were
            carried over because the log may have ``forgotten`` others of it, and how many items of
            the log were ``unreadable``.
    """

    epoch: Timestamp
    activity: Activity
    participants: ParticipantProjection
    communications: CommunicationProjection
    judge: Judge
    soft_bounces: SoftBounces
    done: Counter[str] = field(default_factory=Counter)

    @classmethod
    def begin(
        cls,
        db: DynamoDB,
        table: str,
        *,
        activity: Activity,
        participants: ParticipantProjection,
        communications: CommunicationProjection,
        judge: Judge,
        soft_bounces: SoftBounces,
        lead: timedelta = LEAD,
        resume: bool = False,
    ) -> Rebuild:
        """Announces a new epoch.

        Args:
            table: of the log.
            lead: how far ahead it begins.
            resume: whether to resume the latest epoch instead, if there is one.
        """
        epochs = epochs_of(db, table) if resume else []
        if not epochs:
            epochs = [from_epoch_ms(epoch_ms(now()) + int(lead.total_seconds() * 1000))]
            db.update(
                table,
                EPOCH_KEY,
                update="ADD #epochs :epochs",
                names={"#epochs": EPOCHS},
                values={":epochs": set(epochs)},
            )
        return cls(epochs[-1], activity, participants, communications, judge, soft_bounces)

    def apply(self, items: Iterable[Item]) -> None:
        """Applies a part of the log; only once the epoch has begun.

        Args:
            items: of the table Trails, in any order, split anywhere.

        Raises:
            AwsError: some of it may have been done; all of it may be repeated.
        """
        forgotten = lru_cache(maxsize=None)(
            lambda communication_id: self.communications.forgotten(communication_id, self.epoch)
        )
        people: list[Event] = []
        messages: list[Message] = []
        tasks: dict[RowKey, Task] = {}
        for item in items:
            try:
                image = image_of(item)
            except (KeyError, ValueError, TypeError):
                self.done["unreadable"] += 1
                continue
            if isinstance(image, RowImage):
                people += about_people(None, image.message, image.events, image.elements)
                message = image.message
                messages.append(message)
                if sent_time(message.message_id) >= self.epoch:
                    continue
                key = (message.participant_id, message.message_id)
                task = tasks.setdefault(key, Task())
                # Of slots that are there each asks for itself; these are of those that were.
                task.all_buckets = True
                task.choices = task.choices or message.subscription_change is not None
                # It enters the epoch for its day's sake, though its mailing's counters are carried.
                task.epoch = self.epoch
                is_carried = message.communication_id and forgotten(message.communication_id)
                self.done["forgotten" if is_carried else "rebuilt"] += 1
            elif image is not None and image.is_of_message:
                tasks.setdefault((image.participant_id, image.message_id), Task()).add(image)
                mine = image.type is EventType.SUBSCRIPTION and not is_erased(image.participant_id)
                people += [image] if mine else []
            elif image is not None and image.type in OF_COMMUNICATIONS:
                self.communications.define(image)
            elif image is not None:
                people.append(image)
        if people:
            self.participants.apply(people, thorough=True)
        self.participants.apply_hits(hits_of_people(self.judge.judge(tasks)))
        self.soft_bounces.apply(messages)
        for event in people:
            if event.type is EventType.INACTIVATED and (active_at := self.activity.since(event)):
                self.participants.settle(event.participant_id, active_at)
