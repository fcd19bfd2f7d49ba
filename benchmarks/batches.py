"""How Lambda's event sources would have cut records into batches, at their times. By itself it
measures nothing.

The local stack delivers what is there at once; on AWS a batch is handed over when it is full, or
when its window is over. Times are seconds on a clock of the run's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

POLLERS: Final = 5
"""Each fills a batch of its own: "Lambda starts processing five batches at a time"
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html)."""
SHARDS: Final = 4
"""Of a stream: a new on-demand table has four partitions, and a shard for each
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html says
4,000 write units; a partition has 1,000)."""
WINDOWS: Final = 900
"""Seconds of a tumbling window in template.yaml, at whose end each shard calls once more."""


@dataclass(frozen=True, slots=True)
class Arrival(Generic[T]):
    """A record, when it arrives, and at which poller or in which shard."""

    at: float
    lane: int
    record: T


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """Records that are handed over together."""

    at: float
    lane: int
    records: list[T]


@dataclass(frozen=True, slots=True)
class Cut:
    """How an event source cuts.

    Attributes:
        size: records at most.
        window: seconds to wait for more after a first one.
    """

    size: int
    window: float

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> Cut:
        """As the properties of an event source mapping say."""
        return cls(
            int(properties["BatchSize"]), float(properties.get("MaximumBatchingWindowInSeconds", 0))
        )


def cut(arrivals: Iterable[Arrival[T]], how: Cut) -> list[Batch[T]]:
    """The batches of some records, in the order in which they are handed over."""
    done: list[Batch[T]] = []
    filling: dict[int, tuple[float, list[T]]] = {}
    for arrival in sorted(arrivals, key=lambda each: each.at):
        lane = arrival.lane
        if lane in filling and arrival.at > filling[lane][0] + how.window:
            first_at, records = filling.pop(lane)
            done.append(Batch(first_at + how.window, lane, records))
        first_at, records = filling.setdefault(lane, (arrival.at, []))
        records.append(arrival.record)
        if len(records) == how.size:
            done.append(Batch(arrival.at, lane, records))
            del filling[lane]
    done += [Batch(first + how.window, lane, rest) for lane, (first, rest) in filling.items()]
    return sorted(done, key=lambda batch: batch.at)
