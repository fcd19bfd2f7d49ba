"""DynamoDB stream batches, as Lambda delivers them.

Only with a tumbling window does Lambda name the shard of a batch (AWS Lambda developer guide,
"Implementing stateful DynamoDB stream processing in Lambda"), without which sequence numbers have
no meaning. The window's state is not used: Lambda discards it when a function fails.
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
    "WITH_REMOVALS",
    "Batch",
    "Record",
    "QuarantinedRecord",
    "consume",
    "read_batch",
]

T = TypeVar("T")
Item = dict[str, Any]

EVERY_CHANGE: Final = frozenset({"INSERT", "MODIFY"})
"""Not REMOVE: what expires or is erased has happened nonetheless."""


WITH_REMOVALS: Final = EVERY_CHANGE | {"REMOVE"}
"""For who tells rows that are moved (`sendtrail.log.moving`) from those that expire."""


@dataclass(frozen=True, slots=True)
class Record(Generic[T]):
    """One change of one item.

    Attributes:
        old, new: the item before and after; None where it did not exist, or the stream does not
            include it.
        raw: the record as Lambda delivered it.
    """

    shard: str
    checkpoint: Checkpoint
    old: T | None
    new: T | None
    raw: Mapping[str, Any]

    @property
    def expired(self) -> bool:
        """Whether DynamoDB itself deleted the item, as it does what expires (developer guide,
        "DynamoDB Streams and Time to Live").
        """
        who = self.raw.get("userIdentity") or {}
        return who.get("principalId") == "dynamodb.amazonaws.com"


@dataclass(frozen=True, slots=True)
class QuarantinedRecord:
    """A record that cannot be projected, to be quarantined whole."""

    record: Mapping[str, Any]
    why: str

    def to_json(self) -> str:
        """The record and the reason, as text for a queue."""
        return json.dumps({"why": self.why, "record": self.record}, default=str)


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """The records of one shard, in order; those that cannot be decoded are apart."""

    records: tuple[Record[T], ...]
    unreadable: tuple[QuarantinedRecord, ...]


def read_batch(
    event: Mapping[str, Any], *, names: frozenset[str], decode: Callable[[Item], T]
) -> Batch[T]:
    """Decodes the event that Lambda passes to a stream's consumer.

    Args:
        event: with ``Records`` and ``shardId``.
        names: the wanted changes, of INSERT, MODIFY and REMOVE.
        decode: from an item to what it represents; raises KeyError, TypeError or ValueError if the
            item is invalid.

    Raises:
        ConfigurationError: the event source mapping has no tumbling window, so that the shard of
            the records is unknown and they cannot be applied exactly once.
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
    apply: Callable[[Iterable[Record[T]]], None],
    quarantine: Callable[[str], None],
) -> int:
    """Applies a stream batch, and quarantines the records that cannot be projected.

    A record that cannot be decoded, or whose row DynamoDB refuses (too large), never will be, so it
    must not block its shard. An unavailable database is temporary, so that error is raised to
    Lambda, which retries the batch.

    Args:
        event, names, decode: as for `read_batch`.
        apply: projects records.
        quarantine: keeps a text where it can be inspected and replayed.

    Returns:
        how many records were quarantined.

    Raises:
        ConfigurationError: as for `read_batch`.
        AwsError: as `apply` and `quarantine` raise it.
    """
    batch = read_batch(event, names=names, decode=decode)
    quarantined = list(batch.unreadable)
    try:
        apply(batch.records)
    except RefusedError:
        for record in batch.records:
            try:
                apply([record])
            except RefusedError as error:
                quarantined.append(QuarantinedRecord(record.raw, str(error)))
    for each in quarantined:
        quarantine(each.to_json())
    return len(quarantined)
