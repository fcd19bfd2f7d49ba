"""Lambda on a clock of the run's own: a template's functions, event source mappings and streams,
over AWS in memory. By itself it measures nothing.

A function's code runs; when, and with what in a batch, is worked out as Lambda would: a batch is
handed over when it is full or its window is over, by pollers and shards that have one call at a
time. A call's time is processor time here, what it slept, and `memory_aws.WAITS` for its requests.
What a call writes arrives elsewhere when it ends. Workers whose number is bounded share a rate: one
of them works here, and what it sleeps is paid for all of them, since each waits while the others
have their turn. Cold starts are not in it.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from typing import IO, Any, Final, Generic, TypeVar, cast

from benchmarks.harness import sqs_event
from benchmarks.memory_aws import MemoryAws, Spent
from benchmarks.units import Cost
from local import aws
from local.paths import LAYER, ROOT
from local.template import Function, Resources
from sendtrail.domain.times import from_epoch_ms

T = TypeVar("T")
Json = dict[str, Any]

POLLERS: Final = 5
"""Each fills a batch of its own: "Lambda starts processing five batches at a time"
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html)."""
_SHARD: Final = "shardId-00000001795167000{:03}-0a1b2c3d"
_WHOLE_PROCESSOR: Final = 1769
"""MiB (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html)."""
_PER_LINE: Final = 26
"""Bytes that CloudWatch adds to each line (PutLogEvents in its API reference)."""


# --- a function's calls ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Call:
    """What one call took, as `benchmarks/called.py` says it.

    Attributes:
        seconds: processor time of the handler's process, all threads, with reading the event's JSON
            and writing the answer's, as the runtime does.
    """

    answer: Any
    seconds: float
    slept: float
    log_bytes: int
    log_lines: int
    metrics: list[str]


class Process:
    """A function's process, called one event at a time."""

    def __init__(self, function: Function, layer: Path, environment: Mapping[str, str]) -> None:
        """Starts it."""
        self._name = function.name
        program = str(ROOT / "benchmarks/called.py")
        ours = {name: each for name, each in os.environ.items() if not name.startswith("AWS_")}
        variables = {**ours, **function.environment, **environment}
        self._process = subprocess.Popen(
            [sys.executable, program, function.code, function.handler, str(function.timeout)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=variables | {"PYTHONPATH": str(layer), "AWS_LAMBDA_FUNCTION_NAME": function.name},
        )
        self._given = cast("IO[str]", self._process.stdin)
        self._said = cast("IO[str]", self._process.stdout)

    def call(self, event: Mapping[str, Any], at: float) -> Call:
        """Calls the handler, at that time.

        Raises:
            SystemExit: it failed; it has said why.
        """
        self._given.write(f"{at} {json.dumps(event)}\n")
        self._given.flush()
        line = self._said.readline()
        if not line:
            raise SystemExit(f"{self._name} failed")
        return Call(**json.loads(line))

    def stop(self) -> None:
        """Ends it."""
        self._given.close()
        self._process.kill()
        self._process.wait()


@dataclass
class Usage:
    """What the calls of one function took.

    Attributes:
        cpu: seconds of processor time here.
        seconds: their time on AWS, by the model.
        requests: by operation, with its service; DynamoDB's apart.
        metrics: those of CloudWatch that it has counted.
    """

    memory: int
    calls: int = 0
    records: int = 0
    cpu: float = 0
    seconds: float = 0
    log_bytes: int = 0
    cost: Cost = field(default_factory=Cost)
    requests: Counter[str] = field(default_factory=Counter)
    metrics: set[str] = field(default_factory=set)

    def add(self, call: Call, spent: Spent, records: int, workers: int = 1) -> float:
        """Adds a call of one of so many workers; the seconds that it lasts."""
        cpu = call.seconds / min(1, self.memory / _WHOLE_PROCESSOR)
        lasts = math.ceil(1000 * (cpu + max(call.slept, spent.waited))) / 1000
        self.calls += 1
        self.records += records
        self.cpu += call.seconds
        self.seconds += max(lasts, workers * call.slept)
        self.log_bytes += call.log_bytes + _PER_LINE * call.log_lines
        self.cost.units.update(spent.cost.units)
        self.cost.by_operation.update(spent.cost.by_operation)
        self.requests.update(spent.by_service)
        self.metrics.update(call.metrics)
        return lasts


# --- event sources ---------------------------------------------------------------------------


class Clock:
    """What is to be done when, in seconds since 1970."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[float], object]]] = []
        self._number = count()

    def at(self, when: float, do: Callable[[float], object]) -> None:
        """Has something done at that time."""
        heappush(self._due, (when, next(self._number), do))

    def run(self) -> None:
        """Does everything, in order, until there is nothing left."""
        while self._due:
            when, _, do = heappop(self._due)
            do(when)


class Lane(Generic[T]):
    """What waits for one poller, or in one shard, and is handed over in batches."""

    def __init__(
        self,
        clock: Clock,
        properties: Mapping[str, Any],
        deliver: Callable[[list[T], float], float],
    ) -> None:
        """Cuts as the properties of an event source mapping say.

        Args:
            deliver: called with a batch and the time; returns how many seconds it takes.
        """
        self._clock, self._deliver = clock, deliver
        self._size = int(properties.get("BatchSize", 10))
        self._window = float(properties.get("MaximumBatchingWindowInSeconds", 0))
        self._waiting: deque[tuple[float, T]] = deque()
        self._due: float | None = None
        self._free = 0.0

    def add(self, record: T, at: float) -> None:
        """A record arrives."""
        self._waiting.append((at, record))
        self._plan(at)

    def _plan(self, at: float) -> None:
        full = len(self._waiting) >= self._size
        when = max(self._free, at if full else self._waiting[0][0] + self._window)
        if self._due is None or when < self._due:
            self._due = when
            self._clock.at(when, self._hand_over)

    def _hand_over(self, at: float) -> None:
        if self._due != at:  # it was planned anew
            return
        self._due = None
        taken = min(self._size, len(self._waiting))
        batch = [self._waiting.popleft()[1] for _ in range(taken)]
        self._free = at + self._deliver(batch, at)
        if self._waiting:
            self._plan(self._free)


@dataclass(frozen=True, slots=True)
class Job:
    """A queue's message, and how often it has come."""

    body: str
    attempt: int = 1


class Lambda:
    """The functions of a template, and what calls them.

    Attributes:
        usage: by function.
        polls: requests of SQS by Lambda's pollers, and by SNS.
        published: what SES has published.
        took_mail: called with each mail that SES takes, and when it does.
    """

    def __init__(self, resources: Resources, memory: MemoryAws, clock: Clock, root: Path) -> None:
        self._memory, self.clock = memory, clock
        self._functions = resources.functions()
        self._layer = root / LAYER.relative_to(ROOT)
        self._processes: dict[str, Process] = {}
        self.usage = {name: Usage(each.memory) for name, each in self._functions.items()}
        self.polls = self.published = 0
        self.took_mail: Callable[[Json, float], object] = lambda *_: None
        self._queues: dict[str, Callable[[str, float], None]] = {}
        self._streams: dict[str, list[Callable[[int, Json, float], None]]] = defaultdict(list)
        tables = resources.of_type("AWS::DynamoDB::Table")
        by_stream = {
            resources.physical[name, "StreamArn"]: properties["TableName"]
            for name, properties in tables.items()
        }
        by_arn = {
            resources.physical[name, "Arn"]: (resources.physical[name, ""], properties)
            for name, properties in resources.of_type("AWS::SQS::Queue").items()
        }
        for mapping in resources.mappings():
            source = mapping.properties["EventSourceArn"]
            if source in by_stream:
                self._streams[by_stream[source]].append(self._stream(mapping.properties))
            else:
                url, queue = by_arn[source]
                hidden = float(queue.get("VisibilityTimeout", 30))
                self._queues[url] = self._queue(mapping.properties, hidden)
        (subscription,) = resources.of_type("AWS::SNS::Subscription").values()
        self._to_the_topic = self._queues[by_arn[resources.resolve(subscription["Endpoint"])][0]]

    def publish(self, body: str, at: float) -> None:
        """SES publishes an event."""
        self.published += 1
        self.polls += 1
        self._to_the_topic(body, at)

    def call(
        self, name: str, event: Mapping[str, Any], at: float, records: int = 1, workers: int = 1
    ) -> tuple[Any, float]:
        """Calls a function; its answer, and how many seconds it lasts."""
        function = self._functions[name]
        if name not in self._processes:
            variables = aws.credentials() | {"AWS_ENDPOINT_URL": self._memory.url}
            self._processes[name] = Process(function, self._layer, variables)
        self._memory.database.now = at
        call = self._processes[name].call(event, at)
        lasts = self.usage[name].add(call, self._memory.spent(), records, workers)
        for table, shard, record in self._memory.database.changes:
            for deliver in self._streams[table]:
                deliver(shard, record, at + lasts)
        self._memory.database.changes.clear()
        for number, mail in enumerate(self._memory.mails, 1):
            self.took_mail(mail, at + lasts * number / len(self._memory.mails))
        self._memory.mails.clear()
        for url, bodies in self._memory.queued.items():
            for body, delay in bodies:
                if url not in self._queues:
                    raise SystemExit(f"{name} sent to {url}: {body:.500}")
                self._queues[url](body, at + lasts + delay)
            bodies.clear()
        return call.answer, lasts

    def stop(self) -> None:
        """Ends all processes."""
        for process in self._processes.values():
            process.stop()

    def _queue(self, properties: Mapping[str, Any], hidden: float) -> Callable[[str, float], None]:
        """What takes a queue's messages."""
        name = properties["FunctionName"]
        most = properties.get("ScalingConfig", {}).get("MaximumConcurrency")
        turns, handles = count(), count()

        def deliver(batch: list[Job], at: float) -> float:
            self.polls += 2 * math.ceil(len(batch) / 10)
            event, jobs = sqs_event(job.body for job in batch), {}
            for record, job in zip(event["Records"], batch, strict=True):
                record["receiptHandle"] = record["messageId"] = f"{next(handles):032}"
                record["attributes"]["ApproximateReceiveCount"] = str(job.attempt)
                record["attributes"]["SentTimestamp"] = str(int(at * 1000))
                jobs[record["messageId"]] = job
            answer, lasts = self.call(name, event, at, len(batch), int(most or 1))
            for failure in (answer or {}).get("batchItemFailures", ()):
                handle = failure["itemIdentifier"]
                job, later = jobs[handle], self._memory.deferred.pop(handle, hidden)
                if job.attempt > 100:
                    raise SystemExit(f"{name} does not take {job.body:.500}")
                arrive(Job(job.body, job.attempt + 1), at + lasts + later)
            return lasts

        lanes: list[Lane[Job]] = [
            Lane(self.clock, properties, deliver) for _ in range(1 if most else POLLERS)
        ]

        def arrive(job: Job, at: float) -> None:
            lane = lanes[next(turns) % len(lanes)]
            self.clock.at(at, lambda now: lane.add(job, now))

        return lambda body, at: arrive(Job(body), at)

    def _stream(self, properties: Mapping[str, Any]) -> Callable[[int, Json, float], None]:
        """What takes a stream's records."""
        name, window = properties["FunctionName"], int(properties.get("TumblingWindowInSeconds", 0))
        patterns = [
            json.loads(each["Pattern"])
            for each in properties.get("FilterCriteria", {}).get("Filters", ())
        ]
        open_windows: dict[tuple[int, int], Any] = {}

        def told(shard: int, start: int, state: Any, *, final: bool) -> Json:
            ends = {"start": start, "end": start + window}
            return {
                "shardId": _SHARD.format(shard),
                "eventSourceARN": properties["EventSourceArn"],
                "state": state,
                "window": {key: from_epoch_ms(at * 1000) for key, at in ends.items()},
                "isFinalInvokeForWindow": final,
                "isWindowTerminatedEarly": False,
            }

        def end(shard: int, start: int, at: float) -> None:
            state = open_windows.pop((shard, start))
            self.call(name, {"Records": []} | told(shard, start, state, final=True), at, 0)

        def deliver(shard: int, batch: list[Json], at: float) -> float:
            event: Json = {"Records": batch}
            start = int(at) // window * window if window else 0
            if window:
                if (shard, start) not in open_windows:
                    open_windows[shard, start] = {}
                    self.clock.at(start + window, lambda now: end(shard, start, now))
                event |= told(shard, start, open_windows[shard, start], final=False)
            answer, lasts = self.call(name, event, at, len(batch))
            if (answer or {}).get("batchItemFailures"):
                raise SystemExit(f"{name} answered {answer}")
            if window:
                open_windows[shard, start] = answer["state"]
            return lasts

        lanes: dict[int, Lane[Json]] = {}
        latest: dict[int, float] = defaultdict(float)

        def arrive(shard: int, record: Json, at: float) -> None:
            at = latest[shard] = max(latest[shard], at)  # in the order of the writes
            if patterns and not any(matches(pattern, record) for pattern in patterns):
                return
            if shard not in lanes:
                lanes[shard] = Lane(
                    self.clock, properties, lambda batch, now: deliver(shard, batch, now)
                )
            self.clock.at(at, lambda now: lanes[shard].add(record, now))

        return arrive


def matches(pattern: Any, value: Any) -> bool:
    """Whether a filter's pattern lets a value through.

    Raises:
        ValueError: the pattern is of a kind that is not known here.
    """
    if isinstance(pattern, dict):
        value = value if isinstance(value, dict) else {}
        return all(matches(wanted, value.get(name)) for name, wanted in pattern.items())
    return any(_matches_one(wanted, value) for wanted in pattern)


def _matches_one(wanted: Any, value: Any) -> Any:
    if not isinstance(wanted, dict):
        return bool(wanted == value)
    ((kind, argument),) = wanted.items()
    match kind:
        case "exists":
            return (value is not None) == argument
        case "prefix":
            return isinstance(value, str) and value.startswith(argument)
        case "suffix":
            return isinstance(value, str) and value.endswith(argument)
        case "anything-but":
            if isinstance(argument, dict):
                return value is not None and not _matches_one(argument, value)
            return value is not None and value not in argument
    raise ValueError(f"a filter that is not known here: {wanted}")
