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


def requests(table: str) -> Iterator[tuple[str, Json]]:
    """Requests of every kind, on a table with a sort key and an index; also of what is not there."""
    keys = [{"participant_id": {"S": "p"}, "part": {"S": f"a{n}"}} for n in range(6)]
    first: Json = {"TableName": table, "Key": keys[0]}
    values = {":v": {"S": "2026-01"}, ":one": {"N": "1"}, ":s": {"SS": ["x", "y"]}}
    union = "ADD #s :s, n :one SET #v = if_not_exists(#v, :v)"
    about = {
        "ExpressionAttributeNames": {"#s": "set", "#v": "value"},
        "ExpressionAttributeValues": values,
    }
    for returned in ("ALL_NEW", "ALL_OLD", "UPDATED_NEW", "UPDATED_OLD"):
        yield "UpdateItem", first | about | {"UpdateExpression": union, "ReturnValues": returned}
    for bound in ("2026-02", "2025-12", "2025-11"):
        hit = {"S": bound}
        yield (
            "PutItem",
            {
                "TableName": table,
                "Item": keys[0] | {"value": hit, "address": {"S": f"{bound}@x"}, "n": {"N": "12"}},
                "ConditionExpression": "attribute_not_exists(#v) OR (NOT #v <= :v)",
                "ExpressionAttributeNames": {"#v": "value"},
                "ExpressionAttributeValues": {":v": hit},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            },
        )
    items = [
        key | {"address": {"S": "b@x"}, "m": {"M": {"k": {"N": str(n)}}}}
        for n, key in enumerate(keys)
    ]
    puts = [
        {"PutRequest": {"Item": item | {"pad": {"S": "x" * 900 * n}}}}
        for n, item in enumerate(items)
    ]
    yield "BatchWriteItem", {"RequestItems": {table: puts}}
    change: Json = {"UpdateExpression": "SET m.k = m.k - :n, #p = :p REMOVE address"}
    change |= {"ExpressionAttributeNames": {"#p": "pad"}}
    change |= {"ExpressionAttributeValues": {":n": {"N": "2.5"}, ":p": {"S": "y" * 3000}}}
    yield "UpdateItem", {"TableName": table, "Key": keys[1]} | change
    part = {"ExpressionAttributeValues": {":p": {"S": "p"}, ":a": {"S": "a1"}, ":b": {"S": "a4"}}}
    query = {
        "TableName": table,
        **part,
        "KeyConditionExpression": "participant_id = :p AND part BETWEEN :a AND :b",
    }
    yield "Query", query
    yield "Query", query | {"Limit": 2, "ScanIndexForward": False, "ConsistentRead": True}
    yield "Query", query | {"ExclusiveStartKey": keys[2], "ProjectionExpression": "part, m"}
    yield (
        "Query",
        query | {"ExclusiveStartKey": keys[3], "ScanIndexForward": False, "Select": "COUNT"},
    )
    listed = {":a": {"S": "b@x"}, ":n": {"N": "3"}}
    by_address = {
        "TableName": table,
        "IndexName": "by_address",
        "KeyConditionExpression": "address = :a",
    }
    yield "Query", by_address | {"ExpressionAttributeValues": {":a": listed[":a"]}}
    yield "Query", by_address | {"ExpressionAttributeValues": {":a": {"S": "nobody"}}}
    begins = {"KeyConditionExpression": "participant_id = :p AND begins_with(part, :a)"}
    filtered = {"FilterExpression": "m.k >= :n AND attribute_exists(address) AND address <> :a"}
    yield "Scan", {"TableName": table, **filtered, "ExpressionAttributeValues": listed}
    yield (
        "Query",
        query | begins | {"ExpressionAttributeValues": {":p": {"S": "p"}, ":a": {"S": "a"}}},
    )
    yield "GetItem", first | {"ConsistentRead": True}
    yield "DeleteItem", first | {"ReturnValues": "ALL_OLD"}
    yield "DeleteItem", first | {"ConditionExpression": "attribute_exists(part)"}
    yield "GetItem", first
    yield "GetItem", first | {"ConsistentRead": True}
    transaction = [{"Delete": {"TableName": table, "Key": key}} for key in keys[2:4]]
    yield "TransactWriteItems", {"TransactItems": transaction}


def compare(client: Any, twin: MemoryAws, operation: str, asked: Json) -> None:
    """Asks both the same."""
    try:
        said = client._make_api_call(operation, asked | {"ReturnConsumedCapacity": "INDEXES"})
    except client.exceptions.ConditionalCheckFailedException as error:
        with pytest.raises(RefusedError, match="ConditionalCheckFailed") as refused:
            twin.database.handle(operation, asked)
        assert refused.value.answer.get("Item") == error.response.get("Item"), asked
        twin.spent()
        return
    ours, theirs = plain(twin.database.handle(operation, asked)), plain(said)
    if operation == "Scan" or asked.get("IndexName") == "by_address":  # in no order that is said
        for answer in (ours, theirs):
            answer["Items"] = sorted(answer.get("Items", ()), key=json.dumps)
    assert ours == theirs, asked
    if operation != "TransactWriteItems":  # whose indexes DynamoDB Local charges twice as well
        assert twin.spent().cost.units == units_of(operation, asked, said), asked


def test_requests_of_every_kind_have_the_same_answers_and_units(
    dynamodb_local_backend: Backend,
) -> None:
    """Also those of which the product makes no use today."""
    twin = MemoryAws(load())
    for operation, asked in requests(dynamodb_local_backend.table("Participants")):
        compare(dynamodb_local_backend.endpoints.client("dynamodb"), twin, operation, asked)


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
        compare(client, twin, operation, asked)
    streams = dynamodb_local_backend.endpoints.client("dynamodbstreams")
    for name, table in twin.database.tables.items():
        described = client.describe_table(TableName=name)["Table"]
        size = table.views[""].size, len(table.views[""].items)
        assert size == (described["TableSizeBytes"], described["ItemCount"]), name
        if "LatestStreamArn" in described:
            ours = (record for each, _, record in twin.database.changes if each == name)
            assert changes(ours) == changes(told_by(streams, described["LatestStreamArn"]))
