"""The one way of counting: requests and units of DynamoDB, and what a handler's calls take.

Units are those that DynamoDB Local reports, by AWS's rules, with an index's, and corrected where it
departs from them. So what is counted is what passes, and the product is measured as it is.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, Final, Self, cast

from local import aws
from local.between import Answer, Between, Forward, Request
from local.paths import ROOT

Json = dict[str, Any]

_READS: Final = frozenset({"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"})
_REPORTED_TWICE: Final = 0.5
"""DynamoDB Local says 4 units of an update in a transaction, of an item within 1 KB; it costs 2
(developer guide, "Amazon DynamoDB Transactions: How it works", "Capacity management")."""
_METRIC: Final = re.compile(rb'"Name": ?"(\w+)"')


@dataclass(frozen=True, slots=True)
class Cost:
    """What something took of DynamoDB.

    Attributes:
        by_operation: operation (``PutItem``) → requests.
        units: table, index (empty for the table itself) and ``read`` or ``write`` → units.
    """

    by_operation: Counter[str] = field(default_factory=Counter)
    units: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        """All of them."""
        return self.by_operation.total()

    @property
    def read_units(self) -> float:
        """Of all that read."""
        return sum(units for (*_, kind), units in self.units.items() if kind == "read")

    @property
    def write_units(self) -> float:
        """Of all that wrote."""
        return sum(units for (*_, kind), units in self.units.items() if kind == "write")


class Meter:
    """A proxy before DynamoDB, which counts.

    Attributes:
        url: its own.
    """

    def __init__(self, dynamodb: str) -> None:
        self._lock = threading.Lock()
        self._cost = Cost()
        self._proxy = Between(dynamodb, self._count)
        self.url = self._proxy.url

    def __enter__(self) -> Self:
        self._proxy.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._proxy.__exit__()

    def spent(self) -> Cost:
        """What was spent since this was last asked."""
        with self._lock:
            spent, self._cost = self._cost, Cost()
        return spent

    def _count(self, request: Request, forward: Forward) -> Answer:
        asked = request.json() | {"ReturnConsumedCapacity": "INDEXES"}
        answer = forward(request.with_json(asked))
        operation, said = request.operation, answer.json()
        consumed = said.get("ConsumedCapacity", [])
        kind = "read" if operation in _READS else "write"
        share = _REPORTED_TWICE if operation == "TransactWriteItems" else 1
        with self._lock:
            self._cost.by_operation[operation] += 1
            if answer.status != 200:
                return answer
            units: Any = self._cost.units  # a Counter, whose counts are not whole here
            for entry in consumed if isinstance(consumed, list) else [consumed]:
                table = _name(entry["TableName"])
                units[table, "", kind] += entry["Table"]["CapacityUnits"] * share
                for index, each in entry.get("GlobalSecondaryIndexes", {}).items():
                    units[table, index, kind] += each["CapacityUnits"] * share
            for table, number in _unreported(operation, asked, said):
                units[table, "", "read"] += number
        return answer


def _unreported(operation: str, asked: Json, said: Json) -> Iterator[tuple[str, float]]:
    """The units of what was looked for and is not there: for each item one, of a consistent read,
    or half a one (developer guide, "DynamoDB read and write operations"). DynamoDB Local has none.
    """
    if operation == "BatchGetItem":
        for table, wanted in asked["RequestItems"].items():
            missing = len(wanted["Keys"]) - len(said["Responses"].get(table, ()))
            yield _name(table), missing * (1 if wanted.get("ConsistentRead") else 0.5)
    elif (operation == "GetItem" and "Item" not in said) or (
        operation == "Query" and not said["Items"]
    ):
        yield _name(asked["TableName"]), 1 if asked.get("ConsistentRead") else 0.5


def _name(table: str) -> str:
    """A table's logical name."""
    return table.removeprefix("sendtrail-").removesuffix("Table")


# --- a handler's calls -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Call:
    """What one call of a handler took.

    Attributes:
        seconds: processor time of the handler's process, all threads, with reading the event's JSON
            and writing the answer's, as the runtime does.
        log_bytes, log_lines: what it wrote to its standard output.
        metrics: the names of CloudWatch's metrics in that.
    """

    answer: Any
    seconds: float
    log_bytes: int
    log_lines: int
    metrics: Sequence[str]
    cost: Cost


class Function:
    """A handler in a process of its own, called one event at a time, behind a meter of its own."""

    def __init__(
        self, handler: str, environment: Mapping[str, str], endpoints: aws.Endpoints, timeout: int
    ) -> None:
        """Starts it.

        Args:
            handler: the path of a module, a colon, and the handler's name.
            environment: the handler's variables, without endpoints.
        """
        self._name = handler
        self._meter = Meter(endpoints.dynamodb).__enter__()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.units", handler, str(timeout)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                **environment,
                "AWS_ENDPOINT_URL": endpoints.aws,
                "AWS_ENDPOINT_URL_DYNAMODB": self._meter.url,
            },
        )
        self._given = cast("IO[str]", self._process.stdin)
        self._said = cast("IO[str]", self._process.stdout)

    def call(self, event: Mapping[str, Any]) -> Call:
        """Calls the handler.

        Raises:
            SystemExit: it failed; it has said why.
        """
        self._given.write(json.dumps(event) + "\n")
        self._given.flush()
        line = self._said.readline()
        if not line:
            raise SystemExit(f"{self._name} failed")
        return Call(**json.loads(line), cost=self._meter.spent())

    def stop(self) -> None:
        """Ends its process."""
        self._given.close()
        self._process.kill()
        self._process.wait()
        self._meter.__exit__()


def _handle(where: str, timeout: str) -> None:
    """Calls a handler with the event in each line of the input; the program of its process."""
    said = os.fdopen(os.dup(1), "w", buffering=1)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 1)
        path, _, name = where.partition(":")
        sys.path.insert(0, str(Path(path).parent))
        handler = getattr(importlib.import_module(Path(path).stem), name)
        context = SimpleNamespace(
            function_name="function",
            memory_limit_in_mb=512,
            invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:function",
            aws_request_id="00000000-0000-4000-8000-000000000000",
            get_remaining_time_in_millis=lambda: int(timeout) * 1000,
        )
        for line in sys.stdin:
            log_from = os.lseek(1, 0, os.SEEK_END)
            start = time.process_time()
            answer = json.dumps(handler(json.loads(line), context))
            seconds = time.process_time() - start
            sys.stdout.flush()
            written = os.pread(1, os.lseek(1, 0, os.SEEK_END) - log_from, log_from)
            metrics = [name.decode() for name in _METRIC.findall(written)]
            took = {
                "answer": json.loads(answer),
                "seconds": seconds,
                "log_bytes": len(written),
                "log_lines": written.count(b"\n"),
                "metrics": metrics,
            }
            said.write(json.dumps(took) + "\n")


if __name__ == "__main__":
    _handle(*sys.argv[1:])
