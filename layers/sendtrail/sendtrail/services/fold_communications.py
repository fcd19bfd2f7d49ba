"""fold_communications: changes of messages become the figures of communications."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.communication import About, Stats
from sendtrail.domain.events import Event
from sendtrail.domain.message import Message
from sendtrail.services.stream import Record
from sendtrail.storage.items import (
    ABOUT,
    MONTHS,
    MONTHS_ID,
    STATS_PREFIX,
    about_from_item,
    about_to_item,
    stats_from_item,
    stats_part,
    stats_to_item,
)
from sendtrail.storage.rows import Folded, Key, Rows

__all__ = ["FoldCommunications", "about_rows", "note_month", "stats_rows"]

Step = tuple[Record[Message], Message | None, Message]

_KEY = ("communication_id", "part")


def about_rows(db: DynamoDB, table: str) -> Rows[About]:
    """The rows that say what each communication is."""
    return Rows(
        db,
        table,
        key=_KEY,
        fresh=lambda key: About(communication_id=key[0], name=key[0]),
        to_item=about_to_item,
        from_item=about_from_item,
    )


def stats_rows(db: DynamoDB, table: str) -> Rows[Stats]:
    """The rows that keep the counters."""
    return Rows(
        db,
        table,
        key=_KEY,
        fresh=lambda _: Stats(),
        to_item=stats_to_item,
        from_item=stats_from_item,
    )


def note_month(db: DynamoDB, table: str, month: str) -> None:
    """Adds a month to those that have communications, so that a reader finds them without asking
    for every month there ever was.
    """
    key = {"communication_id": MONTHS_ID, "part": MONTHS}
    db.update(
        table,
        key,
        update="ADD #months :month SET #revision = if_not_exists(#revision, :one)",
        names={"#months": MONTHS, "#revision": "revision"},
        values={":month": {month}, ":one": 1},
    )


class FoldCommunications:
    """Folds batches of the Messages stream, each change once, however often it comes."""

    def __init__(
        self, stats: Rows[Stats], about: Rows[About], note_month: Callable[[str], None]
    ) -> None:
        self._stats = stats
        self._about = about
        self._note_month = note_month

    @classmethod
    def over(cls, db: DynamoDB, table: str) -> FoldCommunications:
        """The fold into that table Communications."""
        return cls(stats_rows(db, table), about_rows(db, table), partial(note_month, db, table))

    def post(self, posted: Event) -> None:
        """Keeps the definition of a communication, so that it can be read back at once.

        Raises:
            AwsError: it may have been kept; to do it again is harmless.
        """

        def defined(known: Folded[About]) -> Folded[About]:
            return Folded(known.state.as_posted(posted), known.marks)

        self._about.change(
            {(posted.communication_id or "", ABOUT): defined}, before_write=self._list
        )

    def take(self, records: Iterable[Record[Message]]) -> int:
        """Counts the new changes of a batch.

        Returns:
            how many communications the batch was about.

        Raises:
            AwsError: some rows may have been written; the batch may be taken again.
        """
        steps: dict[Key, list[Step]] = {}
        for record in records:
            if record.new is None:
                continue
            old, new = record.old, record.new
            part = stats_part(record.shard)
            if old and old.communication_id and old.communication_id != new.communication_id:
                # The least id given holds, so a message may move from one mailing to another.
                moved = steps.setdefault((old.communication_id, part), [])
                gone = Message(old.participant_id, old.message_id, generation=new.generation)
                moved.append((record, old, gone))
                old = None
            if new.communication_id:
                counted = old if old and old.communication_id else None
                steps.setdefault((new.communication_id, part), []).append((record, counted, new))
        self._stats.change(
            {key: partial(_counted, mine) for key, mine in steps.items()},
            before_write=self._describe,
        )
        return len(steps)

    def _describe(self, key: Key, old: Stats, new: Stats) -> None:
        """Keeps the definition in step, before the counters: after a crash in between, the counters
        are written again, and what the definition says is the same twice.
        """
        communication_id, part = key
        if (old.first_sent_at, old.kind) == (new.first_sent_at, new.kind):
            return
        first_sent_at = new.first_sent_at
        if first_sent_at is None:
            return
        row = part.removeprefix(STATS_PREFIX)

        def described(known: Folded[About]) -> Folded[About]:
            return Folded(known.state.with_messages(first_sent_at, new.kind, row), known.marks)

        self._about.change({(communication_id, ABOUT): described}, before_write=self._list)

    def _list(self, _key: Key, old: About, new: About) -> None:
        month = (new.created_at or "")[:7]
        if month and month != (old.created_at or "")[:7]:
            self._note_month(month)


def _counted(steps: list[Step], row: Folded[Stats]) -> Folded[Stats]:
    stats, marks = row.state, row.marks
    for record, old, new in steps:
        if not marks.has(record.shard, record.mark.sequence):
            stats = stats.changed(old, new)
            marks = marks.with_mark(record.shard, record.mark)
    return Folded(stats, marks)
