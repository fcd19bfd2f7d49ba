"""A handler in a process of its own, and all that it takes: time, requests, units, log. By itself
it measures nothing.

Between the one who calls the handler and the handler's process is a process with a proxy before
each of DynamoDB and the rest of AWS. It asks DynamoDB for the units that a request consumed, and
counts. So what is counted is what passes, and the handler knows nothing of it.
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
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, Final, cast

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).resolve().parent.parent))  # for `benchmarks` and `local`

from local.between import Answer, Between, Forward, Request

__all__ = ["Call", "Metered", "Units"]

Json = dict[str, Any]
Units = Mapping[tuple[str, str, str], float]
"""Table, index (empty for the table itself) and ``read`` or ``write`` → units."""

_READS: Final = frozenset({"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"})
_SIGNED_FOR: Final = re.compile(r"Credential=[^/]+/\d+/[^/]+/(\w+)/aws4_request")
_REST: Final = {
    ("s3", "PUT"): "PutObject",
    ("s3", "GET"): "GetObject",
    ("ses", "POST"): "SendEmail",
}
_REPORTED_TWICE: Final = 0.5
"""DynamoDB Local says 4 units of an update in a transaction, of an item within 1 KB; it costs 2
(developer guide, "Amazon DynamoDB Transactions: How it works", "Capacity management")."""
_METRIC: Final = re.compile(rb'"Name": ?"(\w+)"')
_SPEC: Final = "SENDTRAIL_METERED"


@dataclass(frozen=True, slots=True)
class Call:
    """What one call of a handler took.

    Attributes:
        seconds: processor time of the handler's process, all threads, with reading the event's JSON
            and writing the answer's, as the runtime does.
        requests: service and operation (``dynamodb PutItem``) → how many.
        log_bytes, log_lines: what it wrote to its standard output.
        metrics: the names of CloudWatch's metrics in that.
    """

    answer: Any
    seconds: float
    log_bytes: int
    log_lines: int
    metrics: Sequence[str]
    requests: Mapping[str, int]
    units: Units


class Metered:
    """A handler that is called one event at a time."""

    def __init__(
        self,
        handler: str,
        environment: Mapping[str, str],
        *,
        aws: str,
        dynamodb: str,
        timeout: float = 60,
    ) -> None:
        """Starts its processes.

        Args:
            handler: the path of an app.py, or ``module:function`` for a function that makes one.
            environment: the handler's variables, without endpoints.
            aws, dynamodb: where the proxies lead.
        """
        self._name = handler
        spec = {
            "handler": handler,
            "environment": dict(environment),
            "aws": aws,
            "dynamodb": dynamodb,
            "timeout": timeout,
        }
        self._process = subprocess.Popen(
            [sys.executable, __file__, "meter"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {_SPEC: json.dumps(spec)},
        )
        self._input = cast("IO[str]", self._process.stdin)
        self._output = cast("IO[str]", self._process.stdout)

    def call(self, event: Mapping[str, Any]) -> Call:
        """Calls the handler.

        Raises:
            SystemExit: it failed; it has said why.
        """
        self._input.write(json.dumps(event) + "\n")
        self._input.flush()
        line = self._output.readline()
        if not line:
            raise SystemExit(f"{self._name} failed")
        said = json.loads(line)
        units = {tuple(key.split("|")): value for key, value in said.pop("units").items()}
        return Call(**said, units=cast("Units", units))

    def stop(self) -> None:
        """Ends its processes."""
        self._input.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


# --- the process between: proxies that count -------------------------------------------------


@dataclass
class _Counts:
    """What has passed since the last call."""

    requests: Counter[str] = field(default_factory=Counter)
    units: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def taken(self) -> Json:
        """What there is, which is then counted anew."""
        with self.lock:
            found = {"requests": dict(self.requests), "units": dict(self.units)}
            self.requests.clear()
            self.units.clear()
        return found

    def aws(self, request: Request, forward: Forward) -> Answer:
        """Counts a request to anything but DynamoDB."""
        signed = _SIGNED_FOR.search(request.headers.get("authorization", ""))
        service = signed[1] if signed else "unknown"
        operation = request.operation or _REST.get((service, request.method), request.method)
        with self.lock:
            self.requests[f"{service} {operation}"] += 1
        return forward(request)

    def dynamodb(self, request: Request, forward: Forward) -> Answer:
        """Counts a request to DynamoDB, and its units."""
        body = request.body.rstrip()[:-1] + b',"ReturnConsumedCapacity":"INDEXES"}'
        answer = forward(Request(request.method, request.path, request.headers, body))
        operation, said = request.operation, answer.json()
        consumed = said.get("ConsumedCapacity", [])
        kind = "read" if operation in _READS else "write"
        share = _REPORTED_TWICE if operation == "TransactWriteItems" else 1
        with self.lock:
            self.requests[f"dynamodb {operation}"] += 1
            if answer.status != 200:
                self.requests[f"dynamodb {operation} refused"] += 1
                return answer
            for entry in consumed if isinstance(consumed, list) else [consumed]:
                table = _name(entry["TableName"])
                self.units[f"{table}||{kind}"] += entry["Table"]["CapacityUnits"] * share
                for index, each in entry.get("GlobalSecondaryIndexes", {}).items():
                    self.units[f"{table}|{index}|{kind}"] += each["CapacityUnits"] * share
            for table, units in _unreported(operation, request, said):
                self.units[f"{table}||read"] += units
        return answer


def _unreported(operation: str, request: Request, said: Json) -> Iterator[tuple[str, float]]:
    """The units of what was looked for and is not there: for each item one, of a consistent read,
    or half a one (developer guide, "DynamoDB read and write operations"). DynamoDB Local has none.
    """
    if operation == "BatchGetItem":
        for table, wanted in request.json()["RequestItems"].items():
            missing = len(wanted["Keys"]) - len(said["Responses"].get(table, ()))
            yield _name(table), missing * (1 if wanted.get("ConsistentRead") else 0.5)
    elif (operation == "GetItem" and "Item" not in said) or (
        operation == "Query" and not said["Items"]
    ):
        asked = request.json()
        yield _name(asked["TableName"]), 1 if asked.get("ConsistentRead") else 0.5


def _name(table: str) -> str:
    """A table's logical name."""
    return table.removeprefix("sendtrail-").removesuffix("Table")


def _meter(spec: Json) -> None:
    """Hands each line of the input to the handler's process, and adds to its answer."""
    counts = _Counts()
    with (
        Between(spec["aws"], counts.aws) as aws,
        Between(spec["dynamodb"], counts.dynamodb) as dynamodb,
    ):
        handler = subprocess.Popen(
            [sys.executable, __file__, "handle"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ
            | spec["environment"]
            | {"AWS_ENDPOINT_URL": aws.url, "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.url},
        )
        given, said = cast("IO[str]", handler.stdin), cast("IO[str]", handler.stdout)
        try:
            for line in sys.stdin:
                given.write(line)
                given.flush()
                answer = said.readline()
                if not answer:
                    return
                print(json.dumps(json.loads(answer) | counts.taken()), flush=True)
        finally:
            handler.kill()
            handler.wait()


# --- the handler's process -------------------------------------------------------------------


def _handler(where: str) -> Callable[[Json, Any], Any]:
    """The handler of an app.py, or one that a function makes."""
    if where.endswith(".py"):
        sys.path.insert(0, str(Path(where).parent))
        return cast("Callable[[Json, Any], Any]", importlib.import_module("app").handler)
    module, _, name = where.partition(":")
    made: Callable[[Json, Any], Any] = getattr(importlib.import_module(module), name)()
    return made


def _handle(spec: Json) -> None:
    """Calls the handler with the event in each line of the input."""
    said = os.fdopen(os.dup(1), "w", buffering=1)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 1)
        handler = _handler(spec["handler"])
        context = SimpleNamespace(
            function_name="function",
            memory_limit_in_mb=512,
            invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:function",
            aws_request_id="00000000-0000-4000-8000-000000000000",
            get_remaining_time_in_millis=lambda: int(spec["timeout"] * 1000),
        )
        for line in sys.stdin:
            sys.stdout.flush()
            log_from = os.lseek(1, 0, os.SEEK_END)
            start = time.process_time()
            answer = json.dumps(handler(json.loads(line), context))
            seconds = time.process_time() - start
            sys.stdout.flush()
            written = os.pread(1, os.lseek(1, 0, os.SEEK_END) - log_from, log_from)
            said.write(
                json.dumps(
                    {
                        "answer": json.loads(answer),
                        "seconds": seconds,
                        "log_bytes": len(written),
                        "log_lines": written.count(b"\n"),
                        "metrics": [name.decode() for name in _METRIC.findall(written)],
                    }
                )
                + "\n"
            )


if __name__ == "__main__":
    {"meter": _meter, "handle": _handle}[sys.argv[1]](json.loads(os.environ[_SPEC]))
