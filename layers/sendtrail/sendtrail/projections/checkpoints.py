"""Checkpoints: up to which record of each stream shard a row has been projected.

A stream delivers at least once, and a failed batch is retried, possibly split anywhere. Sequence
numbers rise within a shard, so a row that stores the last one applied from each shard can skip what
it has seen. Numbers of different shards are not comparable (Amazon DynamoDB developer guide,
"Change data capture for DynamoDB Streams").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["KEEP_SECONDS", "Checkpoint", "Checkpoints"]

KEEP_SECONDS: Final = 2 * 24 * 3600
"""Stream records live for one day; a checkpoint twice that old can meet none of its shard again."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The last record applied from one shard.

    Attributes:
        sequence: its sequence number.
        at: when it was written to the stream, in seconds since 1970.
    """

    sequence: int
    at: int


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The last record applied from each shard, by shard id."""

    by_shard: Mapping[str, Checkpoint] = field(default_factory=dict)

    def has(self, shard: str, sequence: int) -> bool:
        """Whether the record has been applied."""
        checkpoint = self.by_shard.get(shard)
        return checkpoint is not None and sequence <= checkpoint.sequence

    def with_checkpoint(self, shard: str, checkpoint: Checkpoint) -> Checkpoints:
        """The checkpoints once that record has been applied, without those too old to matter."""
        kept = {
            name: other
            for name, other in self.by_shard.items()
            if checkpoint.at - other.at <= KEEP_SECONDS
        }
        return Checkpoints({**kept, shard: checkpoint})
