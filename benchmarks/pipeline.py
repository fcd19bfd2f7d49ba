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
from typing import Any, Final
from zlib import crc32

from benchmarks.batches import POLLERS, SHARDS, WINDOWS, Arrival, Batch, Cut, cut
from benchmarks.harness import Here, Json, sqs_event
from benchmarks.prices import dollars_by_line
from benchmarks.units import Call, Function
from local import aws
from local.sources import lambda_record
from local.template import Resources

__all__ = [
    "FOLDS",
    "Cuts",
    "Functions",
    "Recorder",
    "Took",
    "Usage",
    "delivered_after",
    "polls",
    "read_after",
]

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
    architecture: str
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
        requests = call.cost.by_operation
        lasts = max(at_least, call.seconds / share + waiting(requests, records))
        self.calls += 1
        self.records += records
        self.cpu += call.seconds
        self.seconds += math.ceil(lasts * 1000) / 1000
        self.log_bytes += call.log_bytes + PER_LINE * call.log_lines
        self.requests.update(requests)
        self.units.update(call.cost.units)
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

    @property
    def quantities(self) -> dict[str, float]:
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
        found["lambda call"] = self.calls
        found[f"lambda GB-second {self.architecture}"] = self.gb_seconds
        found["log GB"] = found["log GB-month"] = self.log_bytes / 1e9
        return found


@dataclass(frozen=True, slots=True)
class Took:
    """What was taken for so many messages.

    Attributes:
        usage: by function.
        besides: quantities that no function asks for.
        stored: GB that are kept, by table, and in the bucket.
        wrong: what the API's figures say otherwise.
    """

    messages: int
    usage: Mapping[str, Usage]
    besides: Mapping[str, float]
    stored: Mapping[str, float] = field(default_factory=dict)
    wrong: Sequence[str] = ()

    @property
    def lines(self) -> dict[str, float]:
        """Dollars for a million messages, by line; without what is kept, and is paid at rest."""
        found: Counter[str] = Counter()
        for each in (self.besides, *(usage.quantities for usage in self.usage.values())):
            found.update(dollars_by_line(each, self.messages))
        return dict(found)

    @property
    def dollars(self) -> float:
        """All of them together."""
        return sum(self.lines.values())

    def dollars_of(self, function: str) -> float:
        """What one function costs for a million messages."""
        return sum(dollars_by_line(self.usage[function].quantities, self.messages).values())

    def units(self, kind: str) -> float:
        """Units for each message, ``read`` or ``write``."""
        name = f"dynamodb {kind} unit"
        return sum(usage.quantities[name] for usage in self.usage.values()) / self.messages


def waiting(requests: Mapping[str, int], records: int) -> float:
    """The seconds that a call waits for its requests: one after another, but for a fold's rows."""
    total = 0.0
    for name, number in requests.items():
        service, _, operation = name.partition(" ")
        if not operation.endswith("refused"):
            rows_at_once = operation == "PutItem" and records > 1
            total += LATENCY[service] * (math.ceil(number / AT_ONCE) if rows_at_once else number)
    return total


class Functions:
    """The template's functions over one set of tables, and what each has taken."""

    def __init__(self, here: Here) -> None:
        self.here = here
        self._known = here.resources.functions()
        self._processes: dict[tuple[str, int], Function] = {}
        self._lock = threading.Lock()
        self.usage: dict[str, Usage] = {}

    def call(
        self,
        name: str,
        event: Mapping[str, Any],
        *,
        at: float | None,
        records: int = 1,
        at_least: float = 0,
        worker: int = 0,
    ) -> Any:
        """Calls a function, and counts what that took.

        Args:
            at: when, on the run's clock; None if it does not count.
            worker: which of its processes; each takes one call at a time.
        """
        function = self._known[name]
        with self._lock:
            if (name, worker) not in self._processes:
                self._processes[name, worker] = Function(
                    f"{function.code}/app.py:handler",
                    dict(function.environment)
                    | aws.credentials()
                    | {"AWS_LAMBDA_FUNCTION_NAME": function.name},
                    self.here.endpoints,
                    function.timeout,
                )
        call = self._processes[name, worker].call(event)
        if at is not None:
            with self._lock:
                new = Usage(function.memory, self.here.resources.parameters["Architecture"])
                usage = self.usage.setdefault(name, new)
                usage.add(call, at, records, at_least=at_least)
        return call.answer

    def stop(self) -> None:
        """Ends their processes."""
        for each in self._processes.values():
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
    """Ingest and the folds, fed batch by batch at the run's own times.

    Attributes:
        polled: requests by which Lambda has received and deleted messages.
    """

    def __init__(self, functions: Functions, cuts: Cuts | None = None) -> None:
        self._functions = functions
        self._cuts = cuts or Cuts.of_template(functions.here.resources)
        self._logged: dict[tuple[str, str], deque[float]] = defaultdict(deque)
        self.polled = 0

    def logged(self, message_id: str, kind: str, at: float) -> None:
        """Notes when an event went into the log, so that the stream has it then."""
        self._logged[message_id, kind].append(at)

    def ingest(self, arrivals: Iterable[tuple[float, str]]) -> None:
        """Hands notifications to ingest."""
        for batch in self.batches(arrivals):
            event, records = sqs_event(batch.records), len(batch.records)
            self._functions.call("IngestFunction", event, at=batch.at, records=records)
            self.polled += polls(records)
            for body in batch.records:
                said = json.loads(body)
                (message_id,) = said["mail"]["tags"]["message_id"]
                self.logged(message_id, said["eventType"], batch.at)

    def batches(self, arrivals: Iterable[tuple[float, str]]) -> list[Batch[str]]:
        """The queue's batches."""
        inlets = enumerate(sorted(arrivals))
        lanes = (Arrival(at, number % POLLERS, body) for number, (at, body) in inlets)
        return cut(lanes, self._cuts.queue)

    def fold(self) -> None:
        """Hands the streams to the folds, to their end."""
        arrivals = []
        for record in self._records("EventsTable", {"INSERT"}):
            message_id = message_of(record)
            _, kind, _ = record["dynamodb"]["Keys"]["event_key"]["S"].split("#")
            times = self._logged[message_id, kind]
            at = times.popleft() if times else 0.0  # a mailing's definition, at any time
            arrivals.append(Arrival(at, shard_of(message_id), record))
        batches = cut(arrivals, self._cuts.stream)
        with ThreadPoolExecutor(1) as beside:
            participants = beside.submit(self._deliver, "ProjectParticipantsFunction", batches)
            self._deliver("ProjectMessagesFunction", batches)
            folded: dict[str, deque[float]] = defaultdict(deque)
            for batch in batches:
                for message_id in {message_of(record) for record in batch.records}:
                    folded[message_id].append(batch.at)
            arrivals = []
            for record in self._records("MessagesTable", {"INSERT", "MODIFY"}):
                at = folded[message_of(record)].popleft()
                lane = shard_of(record["dynamodb"]["Keys"]["participant_id"]["S"])
                arrivals.append(Arrival(at, lane, record))
            self._deliver("ProjectCommunicationsFunction", cut(arrivals, self._cuts.stream))
            participants.result()
        # Lambda calls once more for each shard and tumbling window that had records.
        for lane, window in sorted({(each.lane, int(each.at) // WINDOWS) for each in batches}):
            event = window_of(lane) | {"Records": [], "isFinalInvokeForWindow": True}
            for function in FOLDS:
                self._functions.call(function, event, at=(window + 1) * WINDOWS, records=0)

    def _deliver(self, function: str, batches: Sequence[Batch[Json]]) -> None:
        for batch in batches:
            event = window_of(batch.lane) | {"Records": batch.records}
            records = len(batch.records)
            answer = self._functions.call(function, event, at=batch.at, records=records)
            if answer != {"state": {}, "batchItemFailures": []}:
                raise SystemExit(f"{function} answered {answer}")

    def _records(self, table: str, names: set[str]) -> Iterator[Json]:
        """All records of a stream, oldest first."""
        arn = self._functions.here.resources.physical[table, "StreamArn"]
        streams = self._functions.here.endpoints.client("dynamodbstreams")
        for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            iterator = streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while iterator:
                answer = streams.get_records(ShardIterator=iterator, Limit=1000)
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
