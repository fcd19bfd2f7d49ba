"""Ingest and the folds, fed as Lambda would feed them, and what their calls take. By itself it
measures nothing; `benchmarks/cost.py` says what of it is counted and what is modelled.
"""

from __future__ import annotations

import json
import math
import random
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from benchmarks.batches import POLLERS, SHARDS, WINDOWS, Arrival, Batch, Cut, cut
from benchmarks.common import sqs_event
from benchmarks.metered import Call, Metered
from local import aws
from local.sources import lambda_record
from local.template import Function, Resources

__all__ = [
    "FOLDS",
    "Cuts",
    "Functions",
    "Quantities",
    "Recorder",
    "Usage",
    "added",
    "delivered_after",
    "polls",
    "read_after",
]

Json = dict[str, Any]
Quantities = Mapping[str, float]
"""What is paid for, by the names in `benchmarks.prices.PRICES`."""

LATENCY: Final = {"dynamodb": 0.005, "sqs": 0.010, "s3": 0.030, "ses": 0.100, "secretsmanager": 0.0}
"""Seconds that a call waits for a request. Secrets are read once in a process's life."""
AT_ONCE: Final = 8
"""Rows that a fold writes at the same time (`DynamoDB.at_once`)."""
WHOLE_PROCESSOR: Final = 1769
"""MiB (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html)."""
PER_LINE: Final = 26
"""Bytes that CloudWatch adds to each line (PutLogEvents in its API reference)."""
FOLDS: Final = (
    "ProjectMessagesFunction",
    "ProjectParticipantsFunction",
    "ProjectCommunicationsFunction",
)


@dataclass
class Usage:
    """What the calls of one function took.

    Attributes:
        seconds: their time on AWS, by the model.
        cpu: processor time here.
        metrics: those of CloudWatch that it has counted.
        by_second: calls in each second of the run's clock.
    """

    memory: int
    calls: int = 0
    records: int = 0
    seconds: float = 0
    cpu: float = 0
    log_bytes: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    units: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    metrics: set[str] = field(default_factory=set)
    by_second: Counter[int] = field(default_factory=Counter)

    def add(self, call: Call, at: float, records: int, *, at_least: float = 0) -> None:
        """Adds a call.

        Args:
            at: when, on the run's clock.
            at_least: seconds that it lasts in any case.
        """
        share = min(1, self.memory / WHOLE_PROCESSOR)
        lasts = max(at_least, call.seconds / share + waiting(call.requests, records))
        self.calls += 1
        self.records += records
        self.cpu += call.seconds
        self.seconds += math.ceil(lasts * 1000) / 1000
        self.log_bytes += call.log_bytes + PER_LINE * call.log_lines
        self.requests.update(call.requests)
        self.units.update(call.units)
        self.metrics.update(call.metrics)
        self.by_second[int(at)] += 1

    @property
    def gb_seconds(self) -> float:
        """What Lambda charges the time by."""
        return self.seconds * self.memory / 1024

    @property
    def traces(self) -> float:
        """How many calls X-Ray would record."""
        return sum(1 + (calls - 1) / 20 for calls in self.by_second.values())

    def quantities(self, architecture: str) -> dict[str, float]:
        """What is paid for, by the names in `PRICES`."""
        found: dict[str, float] = defaultdict(float)
        for (_, _, kind), units in self.units.items():
            found[f"dynamodb {kind} unit"] += units
        for name, number in self.requests.items():
            service, _, operation = name.partition(" ")
            if service == "sqs":
                found["sqs request"] += number
            elif service == "s3":
                found["s3 PUT" if operation == "PutObject" else "s3 GET"] += number
        found["lambda call"] += self.calls
        found[f"lambda GB-second {architecture}"] += self.gb_seconds
        found["log GB"] += self.log_bytes / 1e9
        found["log GB-month"] += self.log_bytes / 1e9
        return found


def added(usage: Mapping[str, Usage], architecture: str) -> dict[str, float]:
    """What is paid for of all functions together."""
    found: dict[str, float] = defaultdict(float)
    for each in usage.values():
        for name, quantity in each.quantities(architecture).items():
            found[name] += quantity
    return found


def waiting(requests: Mapping[str, int], records: int) -> float:
    """The seconds that a call waits for its requests: one after another, but for a fold's rows."""
    total = 0.0
    for name, number in requests.items():
        service, _, operation = name.partition(" ")
        if operation.endswith("refused"):
            continue
        rows_at_once = operation == "PutItem" and records > 1
        total += LATENCY[service] * (math.ceil(number / AT_ONCE) if rows_at_once else number)
    return total


# --- the functions, and what feeds them ------------------------------------------------------


class Functions:
    """The template's functions over one set of tables, and what each has taken."""

    def __init__(self, resources: Resources, endpoints: aws.Endpoints) -> None:
        self._resources = resources
        self._endpoints = endpoints
        self._metered: dict[tuple[str, int], Metered] = {}
        self._known = resources.functions()
        self._lock = threading.Lock()
        self.usage: dict[str, Usage] = {}

    def call(
        self,
        name: str,
        event: Mapping[str, Any],
        *,
        at: float,
        records: int = 1,
        at_least: float = 0,
        worker: int = 0,
        counted: bool = True,
    ) -> Any:
        """Calls a function, and counts what that took.

        Args:
            worker: which of its processes; each takes one call at a time.
        """
        function = self._known[name]
        with self._lock:
            if (name, worker) not in self._metered:
                self._metered[name, worker] = self._started(function)
        call = self._metered[name, worker].call(event)
        if counted:
            with self._lock:
                usage = self.usage.setdefault(name, Usage(function.memory))
                usage.add(call, at, records, at_least=at_least)
        return call.answer

    def _started(self, function: Function) -> Metered:
        code = Path(function.code)
        return Metered(
            str(code / "app.py"),
            dict(function.environment)
            | aws.credentials()
            | {"AWS_LAMBDA_FUNCTION_NAME": function.name, "PYTHONUNBUFFERED": "1"},
            aws=self._endpoints.aws,
            dynamodb=self._endpoints.dynamodb,
            timeout=function.timeout,
        )

    def stop(self) -> None:
        """Ends their processes."""
        for each in self._metered.values():
            each.stop()


@dataclass(frozen=True, slots=True)
class Cuts:
    """How the batches of the queue and of the streams are cut."""

    queue: Cut
    stream: Cut

    @classmethod
    def of_template(cls, resources: Resources) -> Cuts:
        """As template.yaml says."""
        by_function = {
            mapping["FunctionName"]["Ref"]: Cut.of(mapping)
            for mapping in resources.of_type("AWS::Lambda::EventSourceMapping").values()
        }
        return cls(by_function["IngestFunction"], by_function["ProjectMessagesFunction"])


class Recorder:
    """Ingest and the folds, fed batch by batch at the run's own times."""

    def __init__(
        self, functions: Functions, resources: Resources, endpoints: aws.Endpoints, cuts: Cuts
    ) -> None:
        self._functions = functions
        self._resources = resources
        self._streams = endpoints.client("dynamodbstreams")
        self._cuts = cuts
        self._logged: dict[tuple[str, str], deque[float]] = {}
        self.polled = 0

    def logged(self, message_id: str, kind: str, at: float) -> None:
        """Notes when an event went into the log, so that the stream has it then."""
        self._logged.setdefault((message_id, kind), deque()).append(at)

    def ingest(self, arrivals: Iterable[tuple[float, str]]) -> None:
        """Hands notifications to ingest."""
        lanes = (
            Arrival(at, number % POLLERS, body)
            for number, (at, body) in enumerate(sorted(arrivals))
        )
        for batch in cut(lanes, self._cuts.queue):
            self._functions.call(
                "IngestFunction", sqs_event(batch.records), at=batch.at, records=len(batch.records)
            )
            self.polled += polls(len(batch.records))
            for body in batch.records:
                said = json.loads(body)
                (message_id,) = said["mail"]["tags"]["message_id"]
                self.logged(message_id, said["eventType"], batch.at)

    def fold(self) -> None:
        """Hands the streams to the folds, to their end."""
        folded: dict[str, deque[float]] = {}
        arrivals = []
        for record in self._records("EventsTable", {"INSERT"}):
            message_id = message_of(record)
            _, kind, _ = record["dynamodb"]["Keys"]["event_key"]["S"].split("#")
            times = self._logged.get((message_id, kind))
            at = times.popleft() if times else 0.0  # a mailing's definition, at any time
            arrivals.append(Arrival(at, shard_of(message_id), record))
        batches = cut(arrivals, self._cuts.stream)
        with ThreadPoolExecutor(1) as beside:
            participants = beside.submit(self._deliver_all, "ProjectParticipantsFunction", batches)
            self._deliver_all("ProjectMessagesFunction", batches)
            for batch in batches:
                for message_id in {message_of(record) for record in batch.records}:
                    folded.setdefault(message_id, deque()).append(batch.at)
            arrivals = []
            for record in self._records("MessagesTable", {"INSERT", "MODIFY"}):
                at = folded[message_of(record)].popleft()
                lane = shard_of(record["dynamodb"]["Keys"]["participant_id"]["S"])
                arrivals.append(Arrival(at, lane, record))
            self._deliver_all("ProjectCommunicationsFunction", cut(arrivals, self._cuts.stream))
            participants.result()
        self._end_windows(batches)

    def _deliver_all(self, function: str, batches: Sequence[Batch[Json]]) -> None:
        for batch in batches:
            self._deliver(function, batch)

    def _deliver(self, function: str, batch: Batch[Json]) -> None:
        event = window_of(batch.lane) | {"Records": batch.records}
        answer = self._functions.call(function, event, at=batch.at, records=len(batch.records))
        if answer != {"state": {}, "batchItemFailures": []}:
            raise SystemExit(f"{function} answered {answer}")

    def _end_windows(self, batches: Sequence[Batch[Json]]) -> None:
        """Calls once more for each shard and tumbling window that had records, as Lambda does."""
        for lane, window in sorted({(each.lane, int(each.at) // WINDOWS) for each in batches}):
            event = window_of(lane) | {"Records": [], "isFinalInvokeForWindow": True}
            for function in FOLDS:
                at = (window + 1) * WINDOWS
                self._functions.call(function, event, at=at, records=0)

    def _records(self, table: str, names: set[str]) -> Iterator[Json]:
        """All records of a stream, oldest first."""
        arn = self._resources.physical[table, "StreamArn"]
        for shard in self._streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            iterator = self._streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while iterator:
                answer = self._streams.get_records(ShardIterator=iterator, Limit=1000)
                if not answer["Records"]:
                    break
                for record in answer["Records"]:
                    if record["eventName"] in names:
                        yield lambda_record(record, arn)
                iterator = answer.get("NextShardIterator")


def window_of(lane: int) -> Json:
    """What a stream batch has beside its records."""
    return {
        "shardId": f"shardId-00000001795167000{lane:03}-0a1b2c3d",
        "eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/s",
        "state": {},
        "window": {"start": "2026-11-25T09:30:00Z", "end": "2026-11-25T09:45:00Z"},
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
    }


def message_of(record: Mapping[str, Any]) -> str:
    """The message that a stream record is about."""
    return str(record["dynamodb"]["Keys"]["message_id"]["S"])


def shard_of(partition_key: str) -> int:
    """The shard of a stream that an item's changes are in."""
    return crc32(partition_key.encode()) % SHARDS


def polls(records: int) -> int:
    """The requests by which Lambda receives and deletes the messages of a batch."""
    return 2 * math.ceil(records / 10)


def delivered_after(draw: random.Random) -> float:
    """Seconds from SES's taking a mail to the receiving server's taking it."""
    return 1 + draw.expovariate(1 / 3)


def read_after(draw: random.Random) -> float:
    """Seconds from a mail's arrival to a hit: half of them come within three hours."""
    return min(60 + draw.expovariate(math.log(2) / (3 * 3600)), 14 * 24 * 3600)
