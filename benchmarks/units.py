"""Requests and units of DynamoDB, and a proxy that counts them: by itself it measures nothing.

Units are those that DynamoDB Local reports, by AWS's rules, with an index's, and corrected where it
departs from them. So what is counted is what passes, and the product is measured as it is.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Self

from local.between import Answer, Between, Forward, Request

Json = dict[str, Any]

_READS: Final = frozenset({"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"})
_REPORTED_TWICE: Final = 0.5
"""DynamoDB Local says 4 units of an update in a transaction, of an item within 1 KB; it costs 2
(developer guide, "Amazon DynamoDB Transactions: How it works", "Capacity management")."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What something took of DynamoDB.

    Attributes:
        by_operation: operation (``PutItem``) → requests.
        units: table, index (empty for the table itself) and ``read`` or ``write`` → units.
    """

    by_operation: Counter[str] = field(default_factory=Counter)
    units: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        """All of them."""
        return self.by_operation.total()

    @property
    def read_units(self) -> float:
        """Of all that read."""
        return sum(units for (*_, kind), units in self.units.items() if kind == "read")

    @property
    def write_units(self) -> float:
        """Of all that wrote."""
        return sum(units for (*_, kind), units in self.units.items() if kind == "write")


class Meter:
    """A proxy before DynamoDB, which counts.

    Attributes:
        url: its own.
    """

    def __init__(self, dynamodb: str) -> None:
        self._lock = threading.Lock()
        self._cost = Cost()
        self._proxy = Between(dynamodb, self._count)
        self.url = self._proxy.url

    def __enter__(self) -> Self:
        self._proxy.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._proxy.__exit__()

    def spent(self) -> Cost:
        """What was spent since this was last asked."""
        with self._lock:
            spent, self._cost = self._cost, Cost()
        return spent

    def _count(self, request: Request, forward: Forward) -> Answer:
        asked = request.json() | {"ReturnConsumedCapacity": "INDEXES"}
        answer = forward(request.with_json(asked))
        operation, said = request.operation, answer.json()
        with self._lock:
            self._cost.by_operation[operation] += 1
            if answer.status != 200:
                return answer
            self._cost.units.update(units_of(operation, asked, said))
        return answer


def units_of(operation: str, asked: Json, said: Json) -> Any:
    """The units of a request as a Counter, by what DynamoDB Local says of it."""
    consumed = said.get("ConsumedCapacity", [])
    kind = "read" if operation in _READS else "write"
    share = _REPORTED_TWICE if operation == "TransactWriteItems" else 1
    units: Any = Counter()  # whose counts are not whole here
    for entry in consumed if isinstance(consumed, list) else [consumed]:
        table = logical_name(entry["TableName"])
        units[table, "", kind] += entry["Table"]["CapacityUnits"] * share
        for index, each in entry.get("GlobalSecondaryIndexes", {}).items():
            units[table, index, kind] += each["CapacityUnits"] * share
    for table, index, number in _unreported(operation, asked, said):
        units[table, index, "read"] += number
    return +units


def _unreported(operation: str, asked: Json, said: Json) -> Iterator[tuple[str, str, float]]:
    """The units of what was looked for and is not there: for each item one, of a consistent read,
    or half a one (developer guide, "DynamoDB read and write operations"). DynamoDB Local has them
    for GetItem alone.
    """
    if operation == "BatchGetItem":
        for table, wanted in asked["RequestItems"].items():
            missing = len(wanted["Keys"]) - len(said["Responses"].get(table, ()))
            yield logical_name(table), "", missing * (1 if wanted.get("ConsistentRead") else 0.5)
    elif operation == "Query" and not said["ScannedCount"]:
        index = asked.get("IndexName", "")
        yield logical_name(asked["TableName"]), index, 1 if asked.get("ConsistentRead") else 0.5


def logical_name(table: str) -> str:
    """A table's logical name."""
    return table.removeprefix("sendtrail-").removesuffix("Table")
