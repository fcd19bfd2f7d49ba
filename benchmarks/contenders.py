"""What is compared: functions in Lambda's runtime, ours and others, and a Django site."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import IO, Any, Final, cast

from benchmarks.common import ROOT, compact, create_table, dynamodb_local, moto, postgresql
from local import aws
from local.functions import FunctionProcess
from local.template import Function, load

__all__ = ["DjangoSite", "RuntimeProcess", "Runtimes", "django_site", "runtimes"]

_PEERS: Final = ROOT / "benchmarks" / "peers"
_INVOKE: Final = "/2015-03-31/functions/function/invocations"
_TRACE: Final = "Root=1-6924a1b2-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=0"

Json = dict[str, Any]


# --- functions in Lambda's runtime -----------------------------------------------------------


class RuntimeProcess(FunctionProcess):
    """A function in AWS's Runtime Interface Emulator, and the processor time that it takes."""

    def __init__(
        self,
        name: str,
        function: Function,
        environment: Mapping[str, str],
        folder: Path,
        python: str = sys.executable,
    ) -> None:
        """Starts nothing yet.

        Args:
            folder: for what it logs.
        """
        super().__init__(function, environment, folder / f"{name}.log", python)
        self.name = name

    def invoke(self, event: bytes) -> bytes:
        """Hands the function an event as Lambda does, with a trace that is not sampled."""
        self._ensure_running()
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request("POST", _INVOKE, body=event, headers={"X-Amzn-Trace-Id": _TRACE})
            return connection.getresponse().read()
        finally:
            connection.close()

    def cpu_seconds(self) -> float:
        """User and system time of the runtime's process so far, all threads, and of what it may
        have started; not the emulator's. Nothing before the first event, for which it is started.
        """
        time.sleep(0.005)  # it has answered, and asks for what comes next
        return sum(_cpu_seconds(runtime) for runtime in _children_of(self.pid))

    def peak_bytes(self) -> int:
        """The most memory that the runtime's process has had at any time ("VmHWM" of proc(5))."""
        (runtime,) = _children_of(self.pid)
        status = Path(f"/proc/{runtime}/status").read_text()
        (line,) = (each for each in status.splitlines() if each.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    def logged(self) -> str:
        """All that it has written to its log."""
        return self._log.read_text(encoding="utf-8")

    def fail(self, answer: object) -> SystemExit:
        """To be raised when an answer is wrong; what the function logged is shown."""
        print(self.logged()[-2000:], file=sys.stderr)
        return SystemExit(f"{self.name} answered {answer!r:.300}")


@dataclass(frozen=True)
class Runtimes:
    """Functions that may be compared: each has a table like the log to itself.

    Attributes:
        function: ours, as the template describes it.
        by_name: none runs before it is first needed.
        endpoints: where AWS is here.
        database: a boto3 client.
    """

    function: Function
    by_name: Mapping[str, RuntimeProcess]
    endpoints: aws.Endpoints
    database: Any


@contextmanager
def runtimes(
    function: str,
    handlers: Mapping[str, str | None],
    environments: Mapping[str, Mapping[str, str]] | None = None,
) -> Iterator[Runtimes]:
    """Functions beside each other, with DynamoDB Local, and moto for the rest of AWS.

    Args:
        function: ours, by its logical id.
        handlers: name → the handler in `benchmarks/peers`; None for ours.
        environments: name → variables that it alone has.
    """
    with (
        tempfile.TemporaryDirectory(prefix="sendtrail-benchmark-") as folder,
        moto() as aws_url,
        dynamodb_local() as dynamodb_url,
    ):
        endpoints = aws.Endpoints(aws_url, dynamodb_url)
        resources = load()
        aws.build(resources, endpoints)
        ours = resources.functions()[function]
        database = endpoints.client("dynamodb")
        by_name = {}
        for name, handler in handlers.items():
            create_table(database, resources.all["EventsTable"]["Properties"], name)
            variables = endpoints.environment() | {"EVENTS_TABLE": name}
            variables |= (environments or {}).get(name, {})
            code = replace(ours, code=str(_PEERS), handler=handler) if handler else ours
            by_name[name] = RuntimeProcess(name, code, variables, Path(folder))
        try:
            yield Runtimes(ours, by_name, endpoints, database)
        finally:
            for each in by_name.values():
                each.stop()


def _children_of(process: int | None) -> list[int]:
    """The processes that a process has started and that run."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(each) for task in tasks for each in task.read_text().split()]


def _cpu_seconds(process: int) -> float:
    """User and system time of a process, all threads, and of its children, running or ended.

    As in /proc/<pid>/stat, whose clock ticks only every 10 ms; the process's own part is read from
    the clock behind it, whose id is made of the pid (clock_getcpuclockid(3)).
    """
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    own = time.clock_gettime(~process << 3 | 2)
    return own + ended + sum(_cpu_seconds(child) for child in _children_of(process))


# --- Django ----------------------------------------------------------------------------------


class DjangoSite:
    """`benchmarks/peers/django_site.py`, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._input = cast("IO[str]", process.stdin)
        self._output = cast("IO[str]", process.stdout)

    def seconds(self, requests: Sequence[Json]) -> float:
        """The processor time that Django's process took to answer requests, one after the other.

        Raises:
            SystemExit: an answer was wrong; the site has said which.
        """
        return sum(float(self._ask(request)) for request in requests)

    def rows(self) -> int:
        """How many events it has stored."""
        return int(self._ask(None))

    def _ask(self, request: Json | None) -> str:
        self._input.write(compact(request) + "\n")
        self._input.flush()
        answer = self._output.readline()
        if not answer:
            raise SystemExit("the Django site failed")
        return answer


@contextmanager
def django_site() -> Iterator[DjangoSite]:
    """The site, with a PostgreSQL of its own.

    Raises:
        SystemExit: its packages are not installed, or there is no PostgreSQL.
    """
    if subprocess.run(
        [sys.executable, "-c", "import anymail, pytracking, psycopg"],
        check=False,
        stderr=subprocess.DEVNULL,
    ).returncode:
        raise SystemExit("django-anymail, pytracking or psycopg is missing: `make bench` gets them")
    with postgresql() as socket_folder:
        process = subprocess.Popen(
            [sys.executable, str(_PEERS / "django_site.py"), socket_folder, "postgres"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | aws.credentials(),
        )
        try:
            yield DjangoSite(process)
        finally:
            process.kill()
            process.communicate()
