"""What benchmarks say of sizes and units, against AWS's own DynamoDB Local."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.units import Meter, item_bytes
from sendtrail.aws.dynamodb import DynamoDB
from tests.functional.conftest import Backend

ITEMS: dict[str, dict[str, Any]] = {
    "texts": {"name": "Grüße", "list": ["a", "bc", []]},
    "numbers": {f"n{number}": number * 37 for number in range(40)},
    "round numbers": {f"n{number}": -number * 1_000 for number in range(40)},
    "maps": {"counts": {"a": {"b": [1, 2, [3]]}, "c": 1_795_170_600}},
    "others": {"set": {"a", "bb", "16"}, "yes": True, "null": None},
}


@pytest.mark.parametrize("name", ITEMS)
def test_an_item_is_as_large_as_dynamodb_says(dynamodb_local_backend: Backend, name: str) -> None:
    """A write of exactly 1,024 bytes is one unit, and one byte more makes it two."""
    table = dynamodb_local_backend.table("Communications")
    with Meter(dynamodb_local_backend.endpoints.dynamodb) as meter:
        environment = dynamodb_local_backend.environment
        db = DynamoDB({**environment, "AWS_ENDPOINT_URL_DYNAMODB": meter.url})
        for size, units in ((1_024, 1), (1_025, 2)):
            item = {"communication_id": str(size), "part": "about", "pad": ""} | ITEMS[name]
            item["pad"] = "x" * (size - item_bytes(item))
            db.put_all(table, [item])
            cost = meter.spent()
            assert (cost.requests, cost.read_units, cost.write_units) == (1, 0, units)
