"""Marks: how far a row has folded each shard of a stream.

A stream delivers at least once, and a batch that failed comes again, cut anywhere. Within a shard
records have rising sequence numbers, so a row that keeps the last number it folded of each shard
knows what it has had. Numbers of different shards do not compare (Amazon DynamoDB developer guide,
"Change data capture for DynamoDB Streams").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["KEEP_SECONDS", "Mark", "Marks"]

KEEP_SECONDS: Final = 2 * 24 * 3600
"""Stream records live for one day; a mark twice that old can meet none of its shard again."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The last record folded of one shard: its sequence number and its age.

    Attributes:
        at: seconds since 1970 at which the stream took the record.
    """

    sequence: int
    at: int


@dataclass(frozen=True, slots=True)
class Marks:
    """The last record folded of each shard, by shard id."""

    by_shard: Mapping[str, Mark] = field(default_factory=dict)

    def has(self, shard: str, sequence: int) -> bool:
        """Whether the record has been folded."""
        mark = self.by_shard.get(shard)
        return mark is not None and sequence <= mark.sequence

    def with_mark(self, shard: str, mark: Mark) -> Marks:
        """The marks once that record has been folded, without those too old to matter."""
        kept = {
            name: known
            for name, known in self.by_shard.items()
            if mark.at - known.at <= KEEP_SECONDS
        }
        return Marks({**kept, shard: mark})
