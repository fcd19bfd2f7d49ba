"""Event source mappings: what Lambda's own pollers do, with shorter waits.

A batch that fails comes again. Of an SQS batch with partial failures the rest is deleted; of a
stream batch it comes again from the first failure on, in two halves if the mapping bisects, until
its attempts are used up or its records too old, when word of it goes to the failure destination.
Batching windows are not waited for, and what failed comes again after a second; from a queue, the
later the more often it has come.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from local.aws import Endpoints
from local.stirring import Pause, Stirring
from local.template import REGION, SourceMapping

__all__ = [
    "Poller",
    "PollerMaker",
    "QueuePoller",
    "StreamPoller",
    "lambda_record",
    "poller_of",
]

log = logging.getLogger(__name__)

Call = Callable[[str, Mapping[str, Any]], Any]
_LONG_POLL: Final = 5
"""Seconds; SQS's own limit is 20."""
_IDLE: Final = 0.15
_AGAIN: Final = 1.0
_LONGEST_AGAIN: Final = 4.0
_QUIET: Final = 1.0
_MAX_AT_ONCE: Final = 10  # ReceiveMessage
_SHARDS_EVERY: Final = 20.0


class Poller(Protocol):
    """Something that polls until it is told to stop."""

    @property
    def idle(self) -> bool:
        """Whether it has had nothing to deliver for a second."""

    def run(self, stop: threading.Event) -> None:
        """Polls until `stop` is set."""


class Busy:
    """Whether something is under way, or was less than a second ago; threads may share it."""

    def __init__(self) -> None:
        self._under_way = 0
        self._since = time.monotonic()
        self._lock = threading.Lock()

    @property
    def over(self) -> bool:
        """Whether nothing has been under way for a second."""
        with self._lock:
            return not self._under_way and time.monotonic() - self._since > _QUIET

    def __enter__(self) -> None:
        self._change(1)

    def __exit__(self, *_: object) -> None:
        self._change(-1)

    def _change(self, by: int) -> None:
        with self._lock:
            self._under_way += by
            self._since = time.monotonic()


PollerMaker = Callable[[SourceMapping, Call, Endpoints, Stirring], Poller]


def poller_of(
    mapping: SourceMapping, call: Call, endpoints: Endpoints, stirring: Stirring
) -> Poller:
    """The poller for a mapping.

    Args:
        stirring: tells when a function has run.

    Raises:
        ValueError: the mapping is of a source that the local stack does not poll.
    """
    source = mapping.properties["EventSourceArn"]
    service = source.split(":")[2]
    if service == "sqs":
        return QueuePoller(mapping, call, endpoints)
    if service == "dynamodb":
        return StreamPoller(mapping, call, endpoints, stirring)
    raise ValueError(f"no poller for {source}")


class QueuePoller:
    """Polls an SQS queue."""

    def __init__(self, mapping: SourceMapping, call: Call, endpoints: Endpoints) -> None:
        properties = mapping.properties
        self._function = mapping.function
        self._call = call
        self._arn = properties["EventSourceArn"]
        self._size = int(properties.get("BatchSize", 10))
        self._partial = "ReportBatchItemFailures" in properties.get("FunctionResponseTypes", ())
        self._busy = Busy()
        self._sqs = endpoints.client("sqs")
        self._url = self._sqs.get_queue_url(QueueName=self._arn.rpartition(":")[2])["QueueUrl"]

    @property
    def idle(self) -> bool:
        """Whether it has had nothing to deliver for a second."""
        return self._busy.over

    def run(self, stop: threading.Event) -> None:
        """Polls until `stop` is set."""
        while not stop.is_set():
            try:
                batch = self._receive()
                if batch:
                    with self._busy:
                        self._deliver(batch)
            except Exception:
                if stop.is_set():  # AWS is gone before its pollers
                    return
                log.exception("polling %s", self._arn)
                stop.wait(_IDLE)

    def _receive(self) -> list[dict[str, Any]]:
        batch: list[dict[str, Any]] = []
        while len(batch) < self._size:
            found = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(_MAX_AT_ONCE, self._size - len(batch)),
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
                WaitTimeSeconds=0 if batch else _LONG_POLL,
            ).get("Messages", [])
            if not found:
                break
            batch += found
        return batch

    def _deliver(self, batch: Sequence[dict[str, Any]]) -> None:
        event = {"Records": [self._record(message) for message in batch]}
        try:
            answer = self._call(self._function, event)
        except Exception as error:
            log.warning("%s", error)
            failed = {message["MessageId"] for message in batch}
        else:
            failures = (answer or {}).get("batchItemFailures", []) if self._partial else []
            failed = {failure["itemIdentifier"] for failure in failures}
        done = [message for message in batch if message["MessageId"] not in failed]
        again = [message for message in batch if message["MessageId"] in failed]
        for entries in _chunks(done):
            self._sqs.delete_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(entries)
                ],
            )
        for message in again:
            attempts = int(message["Attributes"]["ApproximateReceiveCount"])
            self._sqs.change_message_visibility(
                QueueUrl=self._url,
                ReceiptHandle=message["ReceiptHandle"],
                VisibilityTimeout=int(min(_AGAIN * 1.5 ** (attempts - 1), _LONGEST_AGAIN)),
            )

    def _record(self, message: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {},
            "md5OfBody": message.get("MD5OfBody", ""),
            "eventSource": "aws:sqs",
            "eventSourceARN": self._arn,
            "awsRegion": REGION,
        }


class StreamPoller:
    """Polls all shards of a DynamoDB stream, each from its beginning and in order."""

    def __init__(
        self, mapping: SourceMapping, call: Call, endpoints: Endpoints, stirring: Stirring
    ) -> None:
        properties = mapping.properties
        self._function = mapping.function
        self._call = call
        self._arn = properties["EventSourceArn"]
        self._size = int(properties.get("BatchSize", 100))
        self._bisects = bool(properties.get("BisectBatchOnFunctionError"))
        self._attempts = int(properties.get("MaximumRetryAttempts", -1))
        self._oldest = int(properties.get("MaximumRecordAgeInSeconds", -1))
        self._window = int(properties.get("TumblingWindowInSeconds", 0))
        self._partial = "ReportBatchItemFailures" in properties.get("FunctionResponseTypes", ())
        self._wanted = _patterns(properties.get("FilterCriteria"))
        self._on_failure = (
            properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        )
        self._sqs = endpoints.client("sqs")
        self._streams = endpoints.client("dynamodbstreams")
        self._stirring = stirring
        self._windows: dict[str, dict[str, Any]] = {}
        self._busy = Busy()

    @property
    def idle(self) -> bool:
        """Whether it has had nothing to deliver for a second."""
        return self._busy.over

    def run(self, stop: threading.Event) -> None:
        """Polls until `stop` is set; each shard in a thread of its own, parents before children."""
        threads: dict[str, threading.Thread] = {}
        while not stop.is_set():
            try:
                for shard in self._shards():
                    parent = threads.get(shard.get("ParentShardId", ""))
                    if shard["ShardId"] in threads or (parent and parent.is_alive()):
                        continue
                    thread = threading.Thread(
                        target=self._run_shard, args=(shard["ShardId"], stop), daemon=True
                    )
                    threads[shard["ShardId"]] = thread
                    thread.start()
            except Exception:
                log.exception("looking at the shards of %s", self._arn)
            stop.wait(_SHARDS_EVERY if threads else _AGAIN)
        for thread in threads.values():
            thread.join(timeout=5)

    def _shards(self) -> list[dict[str, Any]]:
        request: dict[str, Any] = {"StreamArn": self._arn}
        shards: list[dict[str, Any]] = []
        while True:
            description = self._streams.describe_stream(**request)["StreamDescription"]
            shards += description["Shards"]
            last = description.get("LastEvaluatedShardId")
            if not last:
                return shards
            request["ExclusiveStartShardId"] = last

    def _run_shard(self, shard: str, stop: threading.Event) -> None:
        iterator = last = None
        pause = Pause(self._stirring)
        while not stop.is_set():
            try:
                if iterator is None:
                    iterator = self._iterator(shard, last)
                answer = self._streams.get_records(ShardIterator=iterator, Limit=self._size)
            except self._streams.exceptions.TrimmedDataAccessException:
                # DynamoDB Local says so of an iterator that is older than the shard's first record.
                iterator = last = None
                stop.wait(_IDLE)
                continue
            except Exception:
                log.exception("reading %s of %s", shard, self._arn)
                iterator = None
                stop.wait(_AGAIN)
                continue
            if answer["Records"]:
                pause.found()
                last = answer["Records"][-1]["dynamodb"]["SequenceNumber"]
            records = [lambda_record(record, self._arn) for record in answer["Records"]]
            records = [
                record
                for record in records
                if not self._wanted or any(_fits(record, each) for each in self._wanted)
            ]
            if records:
                with self._busy:
                    self._deliver(shard, records, stop)
            iterator = answer.get("NextShardIterator")
            if iterator is None:  # the shard is closed and read
                return
            if not answer["Records"]:
                pause.wait(stop)

    def _iterator(self, shard: str, last: str | None) -> str:
        """An iterator of a shard: behind the record read last, or at its beginning."""
        where = (
            {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": last}
            if last
            else {"ShardIteratorType": "TRIM_HORIZON"}
        )
        answer = self._streams.get_shard_iterator(StreamArn=self._arn, ShardId=shard, **where)
        return str(answer["ShardIterator"])

    def _deliver(self, shard: str, records: list[dict[str, Any]], stop: threading.Event) -> None:
        attempt = 0
        while records and not stop.is_set():
            attempt += 1
            failed_at = self._try(shard, records)
            if failed_at is None:
                return
            if failed_at > 0:
                records, attempt = records[failed_at:], 0
                continue
            if self._given_up(records, attempt):
                self._report(shard, records, attempt)
                return
            if self._bisects and len(records) > 1:
                middle = len(records) // 2
                stop.wait(_AGAIN)
                self._deliver(shard, records[:middle], stop)
                records, attempt = records[middle:], 0
                continue
            stop.wait(_AGAIN)

    def _try(self, shard: str, records: list[dict[str, Any]]) -> int | None:
        """Delivers a batch; the place of the first record to come again, or None."""
        event: dict[str, Any] = {"Records": records}
        if self._window:
            event |= self._in_window(shard)
        try:
            answer = self._call(self._function, event)
        except Exception as error:
            log.warning("%s", error)
            return 0
        if self._window:
            if not isinstance(answer, dict) or "state" not in answer:
                log.warning("%s: no state, which a tumbling window asks for", self._function)
                return 0
            self._windows[shard]["state"] = answer["state"]
        failures = (answer or {}).get("batchItemFailures", []) if self._partial else []
        failed = {failure["itemIdentifier"] for failure in failures}
        for place, record in enumerate(records):
            if record["dynamodb"]["SequenceNumber"] in failed:
                return place
        return None

    def _in_window(self, shard: str) -> dict[str, Any]:
        start = int(time.time()) // self._window * self._window
        known = self._windows.get(shard)
        if known is None or known["start"] != start:
            if known is not None:
                self._end_window(shard, known)
            known = self._windows[shard] = {"start": start, "state": {}}
        return self._window_fields(shard, known, final=False)

    def _end_window(self, shard: str, known: Mapping[str, Any]) -> None:
        try:
            event = {"Records": []} | self._window_fields(shard, known, final=True)
            self._call(self._function, event)
        except Exception as error:
            log.warning("%s", error)

    def _window_fields(
        self, shard: str, known: Mapping[str, Any], *, final: bool
    ) -> dict[str, Any]:
        start = datetime.fromtimestamp(known["start"], UTC)
        return {
            "shardId": shard,
            "eventSourceARN": self._arn,
            "state": known["state"],
            "window": {
                "start": f"{start:%Y-%m-%dT%H:%M:%SZ}",
                "end": f"{start + timedelta(seconds=self._window):%Y-%m-%dT%H:%M:%SZ}",
            },
            "isFinalInvokeForWindow": final,
            "isWindowTerminatedEarly": False,
        }

    def _given_up(self, records: list[dict[str, Any]], attempt: int) -> bool:
        age = time.time() - records[0]["dynamodb"]["ApproximateCreationDateTime"]
        return (0 <= self._attempts < attempt) or (0 <= self._oldest < age)

    def _report(self, shard: str, records: list[dict[str, Any]], attempt: int) -> None:
        log.error("%s: gave up %d records", self._function, len(records))
        if not self._on_failure:
            return
        name = self._on_failure.rpartition(":")[2]
        body = {
            "requestContext": {"functionArn": self._function, "approximateInvokeCount": attempt},
            "DDBStreamBatchInfo": {
                "shardId": shard,
                "startSequenceNumber": records[0]["dynamodb"]["SequenceNumber"],
                "endSequenceNumber": records[-1]["dynamodb"]["SequenceNumber"],
                "batchSize": len(records),
                "streamArn": self._arn,
            },
        }
        url = self._sqs.get_queue_url(QueueName=name)["QueueUrl"]
        self._sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))


def _patterns(criteria: Mapping[str, Any] | None) -> list[Any]:
    """The patterns of a filter, of which one has to fit; none for no filter."""
    return [json.loads(entry["Pattern"]) for entry in (criteria or {}).get("Filters", [])]


def _fits(value: Any, pattern: Any) -> bool:
    """Whether a value fits a pattern of Lambda's event filtering: an object field by field, a list
    by any of its values (AWS Lambda developer guide, "Filter rule syntax").

    Raises:
        ValueError: a comparison other than of equality, which the local stack does not understand.
    """
    if isinstance(pattern, Mapping):
        fields = value if isinstance(value, Mapping) else {}
        return all(name in fields and _fits(fields[name], each) for name, each in pattern.items())
    if any(isinstance(each, Mapping) for each in pattern):
        raise ValueError(f"a filter by more than equality: {pattern}")
    return value in pattern


def lambda_record(record: Mapping[str, Any], arn: str) -> dict[str, Any]:
    """A record of GetRecords, as Lambda hands it to functions."""
    change = dict(record["dynamodb"])
    at = change.get("ApproximateCreationDateTime")
    change["ApproximateCreationDateTime"] = at.timestamp() if at else time.time()
    return {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventVersion": record.get("eventVersion", "1.1"),
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": _jsonable(change),
        "eventSourceARN": arn,
    }


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _jsonable(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_jsonable(entry) for entry in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def _chunks(entries: Sequence[Any]) -> list[Sequence[Any]]:
    return [entries[start : start + 10] for start in range(0, len(entries), 10)]
