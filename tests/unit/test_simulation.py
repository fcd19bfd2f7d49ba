"""How the benchmark of costs hands over batches and reads expressions: as Lambda and DynamoDB do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from benchmarks.expressions import Item, condition, update
from benchmarks.simulation import Clock, Lane, matches

Handed = list[tuple[float, int, list[float]]]


def handed_over(
    arrivals: Mapping[int, list[float]], size: int, window: float, takes: float = 0
) -> Handed:
    """When, by which lane, and what is handed over of records that are their own times.

    Args:
        takes: seconds that each call lasts.
    """
    clock, found = Clock(), list[tuple[float, int, list[float]]]()
    properties = {"BatchSize": size, "MaximumBatchingWindowInSeconds": window}

    def lane(number: int) -> Lane[float]:
        def deliver(batch: list[float], at: float) -> float:
            found.append((at, number, batch))
            return takes

        return Lane(clock, properties, deliver)

    for number, times in arrivals.items():
        made = lane(number)
        for at in times:
            clock.at(at, lambda now, made=made: made.add(now, now))  # type: ignore[misc]
    clock.run()
    return found


def test_a_batch_is_handed_over_when_it_is_full_or_its_window_is_over() -> None:
    """At that time; and the next begins with the next record."""
    found = handed_over({0: [0.0, 0.5, 0.9, 1.0, 5.0, 6.5]}, size=3, window=1)
    assert found == [
        (0.9, 0, [0.0, 0.5, 0.9]),
        (2.0, 0, [1.0]),
        (6.0, 0, [5.0]),
        (7.5, 0, [6.5]),
    ]


def test_each_poller_and_shard_fills_batches_of_its_own() -> None:
    """In one line, by the time at which they are handed over."""
    found = handed_over({0: [0.0, 0.4], 1: [0.1, 0.2]}, size=2, window=1)
    assert found == [(0.2, 1, [0.1, 0.2]), (0.4, 0, [0.0, 0.4])]


def test_without_a_window_only_what_comes_at_once_is_together() -> None:
    """As far as the clock tells."""
    found = handed_over({0: [1.0, 1.0, 1.001]}, size=10, window=0)
    assert [batch for _, _, batch in found] == [[1.0, 1.0], [1.001]]


def test_what_comes_during_a_call_waits_for_its_end_and_is_together() -> None:
    """A poller and a shard have one call at a time."""
    found = handed_over({0: [0.0, 0.5, 1.0, 2.5]}, size=10, window=0, takes=2)
    assert found == [(0.0, 0, [0.0]), (2.0, 0, [0.5, 1.0]), (4.0, 0, [2.5])]


@pytest.mark.parametrize(
    ("pattern", "through"),
    [
        ({"eventName": ["INSERT"]}, True),
        ({"eventName": ["MODIFY", "REMOVE"]}, False),
        ({"dynamodb": {"Keys": {"id": {"S": [{"prefix": "m"}]}}}}, True),
        ({"dynamodb": {"Keys": {"id": {"S": [{"anything-but": {"prefix": "m"}}]}}}}, False),
        ({"dynamodb": {"NewImage": {"gone": {"S": [{"exists": False}]}}}}, True),
    ],
)
def test_a_filter_lets_through_what_lambda_would(pattern: dict[str, Any], *, through: bool) -> None:
    """By names, prefixes and what is there."""
    record = {"eventName": "INSERT", "dynamodb": {"Keys": {"id": {"S": "m1"}}, "NewImage": {}}}
    assert matches(pattern, record) is through


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("#n = :three AND begins_with(t, :b)", True),
        ("NOT (#n < :three OR attribute_exists(gone))", True),
        ("#n BETWEEN :two AND :three AND m.k = :two", True),
        ("(#n BETWEEN :two AND :two) OR gone > :two", False),
        ("attribute_not_exists(gone) AND gone <> :two", True),
        ("attribute_not_exists(t) OR t > :b", True),
        ("t < :two", False),
    ],
)
def test_a_condition_says_what_dynamodb_says(text: str, *, holds: bool) -> None:
    """What is not there compares to nothing, nor does a text to a number."""
    item: Item = {"n": {"N": "3"}, "t": {"S": "bc"}, "m": {"M": {"k": {"N": "2"}}}}
    values: Item = {":two": {"N": "2"}, ":three": {"N": "3.0"}, ":b": {"S": "b"}}
    assert bool(condition(text)(item, {"#n": "n"}, values)) is holds


def test_an_update_leaves_the_old_item_as_it_was() -> None:
    """Each operand is of the old item, and sets and numbers that are not there begin empty."""
    old: Item = {
        "n": {"N": "3"},
        "t": {"S": "b"},
        "m": {"M": {"k": {"N": "1"}}},
        "s": {"SS": ["a"]},
    }
    text = "SET #n = #n + :one, o = if_not_exists(o, :one), m.k = #n REMOVE t ADD c :one, s :b"
    values: Item = {":one": {"N": "1"}, ":b": {"SS": ["b"]}}
    new = update(text + " DELETE u :b")(old | {"u": {"SS": ["b"]}}, {"#n": "n"}, values)
    assert new == {
        "n": {"N": "4"},
        "o": {"N": "1"},
        "m": {"M": {"k": {"N": "3"}}},
        "c": {"N": "1"},
        "s": {"SS": ["a", "b"]},
    }
    assert old["m"] == {"M": {"k": {"N": "1"}}}
