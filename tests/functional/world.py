"""The whole data path over a backend: ingest, and the folds fed by real streams."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import boto3
import pytest

from local.sources import lambda_record
from sendtrail.wiring import Wiring
from tests.support import load_event, load_function

if TYPE_CHECKING:
    from tests.functional.conftest import Backend

__all__ = ["Api", "Context", "World", "sqs_event"]


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
        self._environment = monkeypatch
        for function in backend.resources.functions():
            for name, value in backend.variables(function).items():
                monkeypatch.setenv(name, value)
        monkeypatch.setenv("SEND_RATE", "400")  # as fast as it goes
        monkeypatch.setenv("ERASURE_PASS_SECONDS", "0")  # nobody waits a quarter of an hour
        self.wiring = Wiring(logging.getLogger())
        self._functions: dict[str, ModuleType] = {}
        self._iterators: dict[tuple[str, str], str] = {}

    def call(self, function: str, event: dict[str, Any], context: Any = None) -> Any:
        """Calls a handler, by the policies of its function."""
        with self._environment.context() as environment:
            environment.setenv("AWS_ACCESS_KEY_ID", f"{function.capitalize()}Function")
            environment.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps whose it was first
            return self.function(function).handler(event, context or Context())

    def function(self, name: str) -> ModuleType:
        """A function's module, loaded once for this world."""
        if name not in self._functions:
            self._functions[name] = load_function(name)
        return self._functions[name]

    def restart(self, name: str) -> None:
        """A function's next call is a cold start."""
        self._functions.pop(name, None)

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
        """Delivers the log's stream to its end, with what projecting it adds."""
        while self._deliver("project"):
            pass

    def publish(self) -> None:
        """Delivers the log's stream to its other reader, to its end."""
        while self._deliver("publish"):
            pass

    def deliver(self, context: Any = None) -> int:
        """Hands deliver what can be received of its queue, in batches of ten, as Lambda does;
        returns how many messages that was.
        """
        sqs, url = self.backend.endpoints.client("sqs"), self.wiring.settings.deliveries_queue_url
        delivered = 0
        while True:
            found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            if not found:
                return delivered
            event = sqs_event([message["Body"] for message in found])
            answer = self.call("deliver", event, context)
            failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
            for number, message in enumerate(found):
                if str(number) not in failed:
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            delivered += len(found)

    def _deliver(self, function: str) -> int:
        """Delivers what the stream has; returns how many records that was."""
        streams = self.backend.endpoints.client("dynamodbstreams")
        arn = self.backend.resources.physical["TrailsTable", "StreamArn"]
        delivered = 0
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
                records = [lambda_record(record, arn) for record in answer["Records"]]
                event = {"Records": records, "shardId": shard["ShardId"]}
                delivered += len(records)
                assert self.call(function, event) == {"state": {}, "batchItemFailures": []}
        return delivered


class Api:
    """A caller of the routes, with a key of some scope."""

    def __init__(
        self, world: World, scope: str | None = "admin", actor: str | None = "key:0f3a Front office"
    ) -> None:
        self.world = world
        self.scope = scope
        self.actor = actor

    def __call__(
        self,
        path: str,
        method: str = "GET",
        body: Any = None,
        accept: str = "application/json",
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> dict[str, Any]:
        """Calls a route; Lambda's answer, with `json` where it has a JSON body."""
        path, _, given = path.partition("?")
        event = load_event("http-communication")
        event["rawPath"] = event["requestContext"]["http"]["path"] = path
        event["requestContext"]["http"]["method"] = method
        event["queryStringParameters"] = dict(parse_qsl(given)) | {
            name.rstrip("_"): str(value) for name, value in query.items() if value is not None
        }
        event["rawQueryString"] = urlencode(event["queryStringParameters"])
        event["headers"] |= {"accept": accept, "content-type": "application/json"}
        event["headers"] |= headers or {}
        if self.scope is None:
            del event["requestContext"]["authorizer"]
        else:
            said = {"scope": self.scope, "actor": self.actor}
            event["requestContext"]["authorizer"]["lambda"] = said
        if body is not None:
            event["body"] = body if isinstance(body, str) else json.dumps(body)
        answer: dict[str, Any] = self.world.call("api", event)
        kind = (answer.get("headers") or {}).get("Content-Type", "")
        if "json" in kind and answer.get("body"):
            answer["json"] = json.loads(answer["body"])
        return answer

    def everything(self, path: str, **query: Any) -> list[Any]:
        """All items of a list, by its cursors."""
        items: list[Any] = []
        cursor = None
        for _ in range(1000):
            found = self(path, cursor=cursor, **query)["json"]
            items += found["items"]
            cursor = found["next_cursor"]
            if cursor is None:
                return items
        raise AssertionError("the list does not end")


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
