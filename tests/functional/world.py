"""The whole data path over a backend: ingest, and the folds fed by real streams."""

from __future__ import annotations

import json
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import pytest

from local.sources import _lambda_record
from tests.functional.conftest import Backend
from tests.support import load_function

__all__ = ["Context", "World"]


class Context:
    """What Lambda hands a handler besides the event."""

    function_name = "function"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:function"
    aws_request_id = "00000000-0000-4000-8000-000000000000"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        """Enough."""
        return 30_000


class World:
    """Handlers as Lambda would call them, on one backend."""

    def __init__(self, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
        self.backend = backend
        for function in backend.resources.functions():
            for name, value in backend.variables(function).items():
                monkeypatch.setenv(name, value)
        from sendtrail import runtime

        for made in (runtime.database, runtime.event_log, runtime._set_aside):
            made.cache_clear()
        self._functions: dict[str, ModuleType] = {}
        self._iterators: dict[tuple[str, str], str] = {}

    def call(self, function: str, event: dict[str, Any]) -> Any:
        """Calls a handler."""
        module = self._functions.setdefault(function, load_function(function))
        return module.handler(event, Context())

    def ingest(self, notifications: Iterable[Any], size: int = 100) -> list[Any]:
        """Hands ingest batches of notifications, as SQS brings them; its answers."""
        said = list(notifications)
        answers = []
        for start in range(0, len(said), size):
            batch = [
                each if isinstance(each, str) else json.dumps(each)
                for each in said[start : start + size]
            ]
            answers.append(self.call("ingest", sqs_event(batch)))
        return answers

    def fold(self) -> None:
        """Delivers all streams to their end."""
        for table, functions in (
            ("Events", ("fold_messages", "fold_participants")),
            ("Messages", ("fold_communications",)),
        ):
            for function in functions:
                self._deliver(table, function)

    def _deliver(self, table: str, function: str) -> None:
        streams = self.backend.endpoints.client("dynamodbstreams")
        arn = self.backend.resources.physical[f"{table}Table", "StreamArn"]
        for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            place = (function, shard["ShardId"])
            if place not in self._iterators:
                self._iterators[place] = streams.get_shard_iterator(
                    StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
                )["ShardIterator"]
            while True:
                answer = streams.get_records(ShardIterator=self._iterators[place], Limit=100)
                if not answer["Records"]:
                    break
                self._iterators[place] = answer["NextShardIterator"]
                records = [_lambda_record(record, arn) for record in answer["Records"]]
                event = {"Records": records, "shardId": shard["ShardId"]}
                assert self.call(function, event) == {"state": {}, "batchItemFailures": []}


def sqs_event(bodies: list[str]) -> dict[str, Any]:
    """What Lambda hands a function for SQS messages with these bodies."""
    return {
        "Records": [
            {
                "messageId": str(number),
                "receiptHandle": "",
                "body": body,
                "attributes": {},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:queue",
                "awsRegion": "eu-west-1",
            }
            for number, body in enumerate(bodies)
        ]
    }
