"""How the benchmark of costs cuts batches: as Lambda would."""

from __future__ import annotations

from benchmarks.batches import Arrival, Batch, Cut, cut


def arrivals(*times: float, lane: int = 0) -> list[Arrival[float]]:
    """Records that are their own times."""
    return [Arrival(at, lane, at) for at in times]


def test_a_batch_is_handed_over_when_it_is_full_or_its_window_is_over() -> None:
    """At that time; and the next begins with the next record."""
    found = cut(arrivals(0.0, 0.5, 0.9, 1.0, 5.0, 6.5), Cut(size=3, window=1))
    assert found == [
        Batch(0.9, 0, [0.0, 0.5, 0.9]),
        Batch(2.0, 0, [1.0]),
        Batch(6.0, 0, [5.0]),
        Batch(7.5, 0, [6.5]),
    ]


def test_each_poller_and_shard_fills_batches_of_its_own() -> None:
    """In one line, by the time at which they are handed over."""
    found = cut([*arrivals(0.0, 0.4), *arrivals(0.1, 0.2, lane=1)], Cut(size=2, window=1))
    assert found == [Batch(0.2, 1, [0.1, 0.2]), Batch(0.4, 0, [0.0, 0.4])]


def test_without_a_window_only_what_comes_at_once_is_together() -> None:
    """As far as the clock tells."""
    found = cut(arrivals(1.0, 1.0, 1.001), Cut(size=10, window=0))
    assert [batch.records for batch in found] == [[1.0, 1.0], [1.001]]
