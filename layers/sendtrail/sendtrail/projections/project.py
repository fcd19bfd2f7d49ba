"""The projection of the log's stream into everything that is read: the one reader of the stream.

A batch's records are handled in this order, each step idempotent:

1. Suppressions and participants: what is new of them in messages' rows, and in trails of their own.
2. Hits and choices are judged, and what is told of them is written into their messages' rows. The
   stream then brings those rows.
3. Communications: the differences between old and new images of messages' rows, and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.erasure import is_erased
from sendtrail.domain.events import Event, EventType
from sendtrail.domain.hits import sent_at_of
from sendtrail.domain.ids import sent_time
from sendtrail.domain.message import Message
from sendtrail.domain.suppression import bears_on_suppression
from sendtrail.domain.times import Timestamp, now
from sendtrail.errors import ConditionFailedError
from sendtrail.log.elements import addresses_in
from sendtrail.log.items import TrailRow, event_from_item, is_message_row, listed_in
from sendtrail.log.moving import MOVING
from sendtrail.projections.activity import Activity
from sendtrail.projections.communications import CommunicationProjection
from sendtrail.projections.items import EPOCH_ID, message_of
from sendtrail.projections.judge import Judge, Judged, RowKey, Task
from sendtrail.projections.participants import ParticipantProjection
from sendtrail.projections.redirection import Redirection
from sendtrail.projections.soft_bounces import SoftBounces
from sendtrail.projections.stream import Record

__all__ = [
    "EPOCHS",
    "EPOCH_KEY",
    "OF_COMMUNICATIONS",
    "Image",
    "Projection",
    "RowImage",
    "about_people",
    "epochs_of",
    "hits_of_people",
    "image_of",
]

EPOCH_KEY: Final = {"trail": EPOCH_ID, "entry": EPOCH_ID}
"""Not a message: the row whose attribute `EPOCHS` names all rebuilds there were."""
EPOCHS: Final = "epochs"
OF_COMMUNICATIONS: Final = frozenset(
    {EventType.COMMUNICATION_POSTED, EventType.COMMUNICATION_STOPPED}
)
"""The events of communications' own trails."""


@dataclass(frozen=True, slots=True)
class RowImage:
    """A message's row as the stream shows it.

    Attributes:
        elements: of its trail.
        events: in those.
        listed_in: under what the index lists the message.
        moving: whether it is about to be moved under a pseudonym.
    """

    message: Message
    elements: frozenset[str]
    events: tuple[Event, ...]
    listed_in: str | None
    moving: bool = False


Image = RowImage | Event | None
"""What an item of the log's stream is: a message's row, an event, or neither."""


def image_of(item: dict[str, Any]) -> Image:
    """The image of an item.

    Raises:
        KeyError, ValueError: the item is not one of the log's.
    """
    if item["trail"] == EPOCH_ID:
        return None
    if not is_message_row(item):
        return event_from_item(item)
    row = TrailRow.of_item(item)
    agreed, events = row.decoded()
    message = message_of(item, agreed, events)
    moving = bool(item.get(MOVING))
    return RowImage(message, row.elements, tuple(events), item.get("listed_in"), moving)


def epochs_of(db: DynamoDB, table: str) -> list[Timestamp]:
    """The epochs of all rebuilds, in order."""
    found = db.get_all(table, [EPOCH_KEY], consistent=False)
    return sorted(found[0][EPOCHS]) if found else []


class Projection:
    """Applies batches of the log's stream."""

    def __init__(
        self,
        db: DynamoDB,
        table: str,
        *,
        participants: ParticipantProjection,
        communications: CommunicationProjection,
        judge: Judge,
        activity: Activity,
        soft_bounces: SoftBounces,
        epoch_cache_seconds: int,
        redirection: Redirection,
    ) -> None:
        """Projects the stream of `table`.

        Args:
            epoch_cache_seconds: for how long it goes by the epochs that it has read. A rebuild
                begins later than that after it was announced.
            redirection: what leads late news of people who were erased to where it belongs.
        """
        self._db = db
        self._table = table
        self._participants = participants
        self._communications = communications
        self._judge = judge
        self._activity = activity
        self._soft_bounces = soft_bounces
        self._epoch_cache_seconds = epoch_cache_seconds
        self._redirection = redirection
        self._epochs: list[Timestamp] = []
        self._epochs_read_at: float | None = None

    def apply(self, records: Iterable[Record[Image]]) -> None:
        """Applies a batch.

        Raises:
            AwsError: some rows may have been written; the batch may be retried.
        """
        batch = list(records)
        of_rows = any(isinstance(record.new or record.old, RowImage) for record in batch)
        epochs = self._known_epochs() if of_rows else []
        rows = [
            _row_change(record, record.new, epochs)
            for record in batch
            if isinstance(record.new, RowImage)
        ]
        events = [record.new for record in batch if isinstance(record.new, Event)]
        names = self._redirect(rows, events)
        changes = [
            each for record in batch if (each := _counted_change(record, epochs, names)) is not None
        ]
        mine = [row for row in rows if not row.moving and _key_of(row.new) not in names]
        events = [event for event in events if _key_of(event) not in names]
        forgotten = self._redirection.forgotten(events)
        if forgotten:
            self._redirection.forget(e for e in events if (e.message_id, e.key) in forgotten)
            events = [e for e in events if (e.message_id, e.key) not in forgotten]
        self._apply_to_people(mine, events)
        self._soft_bounces.apply(row.new for row in mine)
        self._judge_hits(mine, events, epochs[-1] if epochs else None)
        for row in mine:
            self._correct_index(row)
        self._communications.apply(changes)

    def _redirect(self, rows: list[_RowChange], events: list[Event]) -> Mapping[RowKey, str]:
        """Moves what is told of people who were erased; where, by participant and message. Changes
        of rows that have been moved since are among it, if the stream is that far behind.
        """
        changed = [row for row in rows if not row.moving]
        names = self._redirection.of(map(_key_of, (row.new for row in changed)), events)
        if names:
            said = [event for row in changed for event in row.events]
            self._redirection.move(names, [*said, *events])
        return names

    def _known_epochs(self) -> list[Timestamp]:
        at = time.time()
        read_at = self._epochs_read_at
        if read_at is None or not read_at <= at < read_at + self._epoch_cache_seconds:
            self._epochs = epochs_of(self._db, self._table)
            self._epochs_read_at = at
        return self._epochs

    def _apply_to_people(self, rows: list[_RowChange], events: list[Event]) -> None:
        """Applies what concerns participants, addresses and communications' definitions."""
        people = [
            event
            for row in rows
            for event in about_people(row.old, row.new, row.events, row.elements, row.known)
        ]
        for event in events:
            if event.type in OF_COMMUNICATIONS:
                self._communications.define(event)
            elif not event.is_of_message or event.type is EventType.SUBSCRIPTION:
                people.append(event)
        people = [event for event in people if not is_erased(event.participant_id)]
        if people:
            self._participants.apply(people)
        for event in people:
            if event.type is EventType.INACTIVATED:
                self._settle(event)

    def _settle(self, event: Event) -> None:
        """Ends an inactivity that a hit contradicts which was judged while the sweep ran."""
        active_at = self._activity.since(event)
        if active_at:
            self._participants.settle(event.participant_id, active_at)

    def _judge_hits(
        self, rows: list[_RowChange], events: list[Event], epoch: Timestamp | None
    ) -> None:
        tasks: dict[RowKey, Task] = {}
        for event in events:
            if event.is_of_message and event.type in _SLOTTED:
                key = (event.participant_id, event.message_id)
                tasks.setdefault(key, Task()).add(event)
        if epoch and epoch <= now():
            for row in rows:
                if row.old is None and (row.new.epoch or "") < epoch:  # born late
                    key = (row.new.participant_id, row.new.message_id)
                    tasks.setdefault(key, Task()).epoch = epoch
        self._participants.apply_hits(hits_of_people(self._judge.judge(tasks)))

    def _correct_index(self, row: _RowChange) -> None:
        """Lists a message under the communication on which its events agree: where they do not,
        the one that came first stands in the index until then.
        """
        agreed = listed_in(row.new.communication_id, row.new.message_id)
        if row.listed_in is None or row.listed_in <= agreed:
            return
        with suppress(ConditionFailedError):
            self._db.update(
                self._table,
                {"trail": row.new.participant_id, "entry": row.new.message_id},
                update="SET #listed = :agreed",
                names={"#listed": "listed_in"},
                values={":agreed": agreed},
                condition="#listed > :agreed",
            )


_SLOTTED: Final = frozenset({EventType.OPEN, EventType.CLICK, EventType.SUBSCRIPTION})


@dataclass(frozen=True, slots=True)
class _RowChange:
    """A change of a message's row.

    Attributes:
        listed_in: under what the index lists the message.
        events: that the change added.
        elements, known: the row's, and those that it had before.
        moving: whether it is about to be moved under a pseudonym.
    """

    change: Record[Message]
    old: Message | None
    new: Message
    listed_in: str | None
    events: tuple[Event, ...]
    elements: frozenset[str]
    known: frozenset[str]
    moving: bool


def _key_of(what: Message | Event) -> RowKey:
    return (what.participant_id, what.message_id)


def _counted_change(
    record: Record[Image], epochs: list[Timestamp], names: Mapping[RowKey, str]
) -> Record[Message] | None:
    """What a record changes of the figures; None if nothing.

    A row that is moved away is taken off, as it was; under its pseudonym it is counted as it is
    born there, or changes. One that expires has been counted for good.

    Args:
        names: of messages that have just been led elsewhere.
    """
    old, new = record.old, record.new
    if isinstance(new, RowImage):
        change = _row_change(record, new, epochs).change
        name = names.get(_key_of(new.message))
        if name and change.new:  # what lists it leads to where it is now
            return replace(change, new=replace(change.new, participant_id=name))
        return change
    if isinstance(old, RowImage) and old.moving and not record.expired:
        before = _in_epoch(old.message, epochs)
        gone = Message(before.participant_id, before.message_id, epoch=before.epoch, moved=True)
        return Record(record.shard, record.checkpoint, before, gone, record.raw)
    return None


def hits_of_people(
    judged: Mapping[RowKey, Judged],
) -> Iterator[tuple[str, Timestamp, Timestamp | None]]:
    """What was judged of messages' hits, as `ParticipantProjection.apply_hits` takes it."""
    for (participant_id, _), found in judged.items():
        if found.hits and not is_erased(participant_id):
            yield participant_id, min(map(sent_at_of, found.hits)), found.last_human_at


def about_people(
    old: Message | None,
    new: Message,
    events: Iterable[Event],
    elements: frozenset[str],
    known: frozenset[str] = frozenset(),
) -> list[Event]:
    """What a change of a message's row tells of its participant, addresses and suppressions.

    Args:
        events: that the change added.
        elements, known: the row's, and those that it had before.
    """
    if is_erased(new.participant_id):
        return []
    found = [event for event in events if event.address and bears_on_suppression(event)]
    sends = [event for event in events if event.type is EventType.SEND]
    before = (old.sent_at, old.accepted_at) if old else None
    again = bool(sends) or before != (new.sent_at, new.accepted_at)
    # Where events disagree, each of their addresses was used.
    used = addresses_in(elements if again else elements - known)
    at = new.sent_at or new.accepted_at or new.last_changed_at or now()
    tracked = any(event.detail.get("tracked") for event in sends)
    for address in sorted(used):
        use = Event(
            message_id=new.message_id,
            type=EventType.SEND,
            at=at,
            identity="",
            participant_id=new.participant_id,
            address=address,
            sent_at=new.sent_at,
            detail={"tracked": True} if tracked else {},
        )
        found.append(use)
    return found


def _row_change(record: Record[Image], new: RowImage, epochs: list[Timestamp]) -> _RowChange:
    old = record.old
    known: frozenset[str] = frozenset()
    before: Message | None = None
    if isinstance(old, RowImage):
        known, before = old.elements, _in_epoch(old.message, epochs)
    after = _in_epoch(new.message, epochs)
    added = {element.partition("|")[0] for element in new.elements - known}
    return _RowChange(
        Record(record.shard, record.checkpoint, before, after, record.raw),
        before,
        after,
        new.listed_in,
        tuple(event for event in new.events if event.key in added),
        new.elements,
        known,
        new.moving,
    )


def _in_epoch(message: Message, epochs: list[Timestamp]) -> Message:
    """The message, in the latest rebuild that its row entered or than which it is younger."""
    born_at = sent_time(message.message_id)
    found = max((epoch for epoch in epochs if epoch <= born_at), default="")
    return replace(message, epoch=found) if found > (message.epoch or "") else message
