"""The benchmarks' DynamoDB in memory, against AWS's own DynamoDB Local."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.cost import PARAMETERS, Run
from benchmarks.memory_aws import MemoryAws
from benchmarks.memory_dynamodb import RefusedError
from benchmarks.units import units_of
from local.paths import ROOT
from local.sources import lambda_record
from local.template import load
from tests.functional.conftest import Backend

Json = dict[str, Any]


def plain(answer: Json) -> Json:
    """An answer without what only one of the two has, and with sets and batches in one order."""
    told = {name: value for name, value in answer.items() if name not in _TOLD}
    if "Responses" in told:
        told["Responses"] = {
            table: sorted(map(_sorted, items), key=json.dumps)
            for table, items in told["Responses"].items()
        }
    return {name: value for name, value in _sorted(told).items() if value}


_TOLD = ("ConsumedCapacity", "ResponseMetadata", "ItemCollectionMetrics")


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: sorted(value[name]) if name == "SS" else _sorted(value[name])
            for name in sorted(value)
        }
    return [_sorted(each) for each in value] if isinstance(value, list) else value


def changes(records: Iterator[Json]) -> dict[str, list[Json]]:
    """What a stream says of each item, in order."""
    found = defaultdict(list)
    for record in records:
        change = record["dynamodb"]
        images = {name: change.get(name) for name in ("OldImage", "NewImage")}
        told = {"eventName": record["eventName"], **images}
        found[json.dumps(change["Keys"], sort_keys=True)].append(_sorted(told))
    return found


def told_by(client: Any, arn: str) -> Iterator[Json]:
    """The records of a stream of DynamoDB Local."""
    for shard in client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = client.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            answer = client.get_records(ShardIterator=iterator)
            if not answer["Records"]:
                break
            yield from (lambda_record(record, arn) for record in answer["Records"])
            iterator = answer.get("NextShardIterator")


@pytest.mark.parametrize("mode", ["sent", "recorded"])
def test_the_same_requests_have_the_same_answers_units_streams_and_sizes(
    dynamodb_local_backend: Backend, mode: str
) -> None:
    """Each request of a small honest load is asked of both, in the same order."""
    client = dynamodb_local_backend.endpoints.client("dynamodb")
    resources = load(PARAMETERS)
    with MemoryAws(resources, keep=True) as memory:
        assert getattr(Run(ROOT, 80, memory, resources), mode)().wrong == []
    twin = MemoryAws(resources)
    for operation, asked in memory.asked or ():
        try:
            said = client._make_api_call(operation, asked | {"ReturnConsumedCapacity": "INDEXES"})
        except client.exceptions.ConditionalCheckFailedException:
            with pytest.raises(RefusedError, match="ConditionalCheckFailed"):
                twin.database.handle(operation, asked)
            twin.spent()
            continue
        assert plain(twin.database.handle(operation, asked)) == plain(said), asked
        assert twin.spent().cost.units == units_of(operation, asked, said), asked
    streams = dynamodb_local_backend.endpoints.client("dynamodbstreams")
    for name, table in twin.database.tables.items():
        described = client.describe_table(TableName=name)["Table"]
        size = table.views[""].size, len(table.views[""].items)
        assert size == (described["TableSizeBytes"], described["ItemCount"]), name
        if "LatestStreamArn" in described:
            ours = (record for each, _, record in twin.database.changes if each == name)
            assert changes(ours) == changes(told_by(streams, described["LatestStreamArn"]))
