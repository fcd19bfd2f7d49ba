"""What something costs in DynamoDB, counted in front of it: the product is measured as it is.

Units are those that DynamoDB Local reports, by AWS's rules, an index's included; only for a Query
that finds nothing it reports none, where AWS has a minimum of half a unit.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from local.between import Answer, Between, Forward, Request

__all__ = ["Cost", "Meter", "item_bytes"]

_READS: Final = frozenset({"GetItem", "BatchGetItem", "Query", "Scan"})


@dataclass(frozen=True, slots=True)
class Cost:
    """What something cost, by DynamoDB's operation."""

    by_operation: Mapping[str, int] = field(default_factory=dict)
    units: Mapping[str, float] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """All of them."""
        return sum(self.by_operation.values())

    @property
    def read_units(self) -> float:
        """Of all that read."""
        return sum(units for operation, units in self.units.items() if operation in _READS)

    @property
    def write_units(self) -> float:
        """Of all that wrote."""
        return sum(units for operation, units in self.units.items() if operation not in _READS)


class Meter(Between):
    """A proxy that has each request tell what it consumed, and adds it up."""

    def __init__(self, endpoint: str) -> None:
        """Stands before the DynamoDB at that URL, once started."""
        super().__init__(endpoint, self._count)
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self._units: Counter[str] = Counter()

    def spent(self) -> Cost:
        """What was spent since the last time this was asked."""
        with self._lock:
            cost = Cost(dict(self._requests), dict(self._units))
            self._requests.clear()
            self._units.clear()
        return cost

    def _count(self, request: Request, forward: Forward) -> Answer:
        asked = request.json() | {"ReturnConsumedCapacity": "TOTAL"}
        answer = forward(request.with_json(asked))
        consumed: Any = answer.json().get("ConsumedCapacity", [])
        entries = consumed if isinstance(consumed, list) else [consumed]
        with self._lock:
            self._requests[request.operation] += 1
            self._units[request.operation] += sum(entry["CapacityUnits"] for entry in entries)
        return answer


def item_bytes(item: Mapping[str, Any]) -> int:
    """How large DynamoDB says an item is (developer guide, "DynamoDB item sizes and formats")."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if value is None or isinstance(value, bool):
        return 1
    if isinstance(value, int):  # a byte for two digits, but for pairs of zeros at the end
        digits = str(abs(value)) if value else ""
        zeros = len(digits) - len(digits.rstrip("0"))
        return (len(digits) - zeros // 2 * 2 + 1) // 2 + 1 + (value < 0)
    if isinstance(value, Mapping):
        return 3 + len(value) + item_bytes(value)
    if isinstance(value, set | frozenset):
        return sum(map(_value_bytes, value))
    return 3 + sum(1 + _value_bytes(entry) for entry in value)
