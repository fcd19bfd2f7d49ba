"""Checkpoints: how far a row has folded each shard of a stream.

A stream delivers at least once, and a batch that failed comes again, cut anywhere. Within a shard
records have rising sequence numbers, so a row that keeps the last number it folded of each shard
knows what it has had. Numbers of different shards do not compare (Amazon DynamoDB developer guide,
"Change data capture for DynamoDB Streams").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["KEEP_SECONDS", "Checkpoint", "Checkpoints"]

KEEP_SECONDS: Final = 2 * 24 * 3600
"""Stream records live for one day; a checkpoint twice that old can meet none of its shard again."""

_LOG: Final = "log"
"""No shard's id: where the log itself was read, and no stream."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The last record folded of one shard: its sequence number and its age.

    Attributes:
        at: seconds since 1970 at which the stream took the record.
    """

    sequence: int
    at: int


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The last record folded of each shard, by shard id."""

    by_shard: Mapping[str, Checkpoint] = field(default_factory=dict)

    @classmethod
    def of_log(cls, at: int) -> Checkpoints:
        """The checkpoints of a row folded from the log itself, at `at` seconds since 1970."""
        return cls({_LOG: Checkpoint(0, at)})

    @property
    def from_log(self) -> bool:
        """Whether the row was folded from the log itself, so lately that the stream may yet bring
        what it found there. Until that is over the row has to be folded from the log again.
        """
        return _LOG in self.by_shard

    def has(self, shard: str, sequence: int) -> bool:
        """Whether the record has been folded."""
        checkpoint = self.by_shard.get(shard)
        return checkpoint is not None and sequence <= checkpoint.sequence

    def with_checkpoint(self, shard: str, checkpoint: Checkpoint) -> Checkpoints:
        """The checkpoints once that record has been folded, without those too old to matter."""
        kept = {
            name: known
            for name, known in self.by_shard.items()
            if checkpoint.at - known.at <= KEEP_SECONDS
        }
        return Checkpoints({**kept, shard: checkpoint})
