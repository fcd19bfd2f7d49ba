"""Stream batches as Lambda delivers them.

With a tumbling window, and only then, Lambda names the shard of a batch (AWS Lambda developer
guide, "Implementing stateful DynamoDB stream processing in Lambda"); without it, sequence numbers
mean nothing. The window's state is not used: Lambda forgets it when a function fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sendtrail.aws.dynamodb import from_attributes
from sendtrail.errors import ConfigurationError, RefusedError
from sendtrail.projections.checkpoints import Checkpoint

__all__ = [
    "EVERY_CHANGE",
    "INSERTS",
    "Batch",
    "Record",
    "QuarantinedRecord",
    "consume",
    "read_batch",
]

T = TypeVar("T")
Item = dict[str, Any]

INSERTS: Final = frozenset({"INSERT"})
EVERY_CHANGE: Final = frozenset({"INSERT", "MODIFY"})
"""Not REMOVE: what expires or is erased has happened all the same."""


@dataclass(frozen=True, slots=True)
class Record(Generic[T]):
    """One change of one item.

    Attributes:
        old, new: what the item was before and is now; None where it was not there, or is not in
            the stream.
        raw: the record as Lambda gave it.
    """

    shard: str
    checkpoint: Checkpoint
    old: T | None
    new: T | None
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class QuarantinedRecord:
    """A record that cannot be folded, to be quarantined whole."""

    record: Mapping[str, Any]
    why: str

    def to_json(self) -> str:
        """The record and the reason, as text for a queue."""
        return json.dumps({"why": self.why, "record": self.record}, default=str)


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """The records of one shard, in order."""

    records: tuple[Record[T], ...]
    unreadable: tuple[QuarantinedRecord, ...]


def read_batch(
    event: Mapping[str, Any], *, names: frozenset[str], decode: Callable[[Item], T]
) -> Batch[T]:
    """Reads the event that Lambda hands to a stream's consumer.

    Args:
        event: with ``Records`` and ``shardId``.
        names: which changes are wanted: INSERT, MODIFY.
        decode: from an item to what it is; KeyError, TypeError or ValueError if it is none.

    Raises:
        ConfigurationError: the event source mapping has no tumbling window, so that the shard of
            the records is not known and counting them exactly is not possible.
    """
    records: list[Record[T]] = []
    unreadable: list[QuarantinedRecord] = []
    raw = event.get("Records") or []
    shard = event.get("shardId")
    if raw and not shard:
        raise ConfigurationError(
            "the stream batch names no shard; the event source mapping needs "
            "TumblingWindowInSeconds"
        )
    for entry in raw:
        if entry.get("eventName") not in names:
            continue
        try:
            change = entry["dynamodb"]
            checkpoint = Checkpoint(
                int(change["SequenceNumber"]), int(change["ApproximateCreationDateTime"])
            )
            old, new = change.get("OldImage"), change.get("NewImage")
            records.append(
                Record(
                    shard=str(shard),
                    checkpoint=checkpoint,
                    old=decode(from_attributes(old)) if old else None,
                    new=decode(from_attributes(new)) if new else None,
                    raw=entry,
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            unreadable.append(QuarantinedRecord(entry, repr(error)))
    return Batch(tuple(records), tuple(unreadable))


def consume(
    event: Mapping[str, Any],
    *,
    names: frozenset[str],
    decode: Callable[[Item], T],
    apply: Callable[[Iterable[Record[T]]], int],
    quarantine: Callable[[str], None],
) -> tuple[int, int]:
    """Takes a stream batch: what cannot be folded is quarantined whole, and the rest is folded.

    A record that cannot be read, or whose row DynamoDB refuses (too large), never will be, so it
    must not hold up its shard. A database that does not answer will, so that error goes to Lambda,
    which brings the batch again.

    Args:
        names, decode: as for `read_batch`.
        apply: projects records; returns how many rows they were about.
        quarantine: keeps a text where someone can look at it and replay it.

    Returns:
        what `apply` returned, and how many records were quarantined.

    Raises:
        ConfigurationError: as for `read_batch`.
        AwsError: as `apply` and `quarantine` raise it.
    """
    batch = read_batch(event, names=names, decode=decode)
    aside = list(batch.unreadable)
    try:
        rows = apply(batch.records)
    except RefusedError:
        rows = 0
        for record in batch.records:
            try:
                rows += apply([record])
            except RefusedError as error:
                aside.append(QuarantinedRecord(record.raw, str(error)))
    for each in aside:
        quarantine(each.to_json())
    return rows, len(aside)
