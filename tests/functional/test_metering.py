"""What benchmarks say of units, against AWS's own DynamoDB Local."""

from __future__ import annotations

from benchmarks.units import Meter
from sendtrail.aws.dynamodb import DynamoDB
from tests.functional.conftest import Backend


def test_a_write_is_counted_by_the_units_that_dynamodb_says(
    dynamodb_local_backend: Backend,
) -> None:
    """A write of exactly 1,024 bytes is one unit, and one byte more makes it two."""
    table = dynamodb_local_backend.table("Communications")
    with Meter(dynamodb_local_backend.endpoints.dynamodb) as meter:
        environment = dynamodb_local_backend.environment
        db = DynamoDB({**environment, "AWS_ENDPOINT_URL_DYNAMODB": meter.url})
        for size, units in ((1_024, 1), (1_025, 2)):
            item = {"communication_id": str(size), "part": "about", "pad": ""}
            taken = sum(len(name) + len(text) for name, text in item.items())
            db.put_all(table, [item | {"pad": "x" * (size - taken)}])
            cost = meter.spent()
            assert (cost.requests, cost.read_units, cost.write_units) == (1, 0, units)
