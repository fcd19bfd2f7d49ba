"""What is compared: functions in Lambda's runtime, ours and others, and a Django site."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

from benchmarks.common import (
    ROOT,
    compact,
    create_table,
    dynamodb_local,
    free_port,
    moto,
    postgresql,
    running,
)
from local import aws
from local.functions import FunctionProcess
from local.template import Function, load

__all__ = ["DjangoSite", "RuntimeProcess", "Runtimes", "django_site", "runtimes"]

SITE: Final = "track.society.example"
"""The Django site's name."""
_BASE: Final = f"https://{SITE}/"
_SECRET: Final = "name:password"  # noqa: S105 -- SNS sends it back to us
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
    """`benchmarks/peers/django_site.py` behind gunicorn: one worker, one thread, and connections
    that are kept alive.
    """

    def __init__(self, server: int, port: int, environment: Mapping[str, str]) -> None:
        self._server = server
        self._environment = environment
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def seconds(self, requests: Sequence[Json]) -> float:
        """The processor time that the worker took to answer requests, one after the other.

        Args:
            requests: a notification in its SNS envelope as `sns`; or a hit: `metadata`, `url` (of a
                link), `ip`, `user_agent`.

        Raises:
            SystemExit: an answer was wrong.
        """
        sent = [_sns_post(each["sns"]) if "sns" in each else _hit(each) for each in requests]
        (worker,) = _children_of(self._server)
        before = _cpu_seconds(worker)
        answers = [self._answer(*each) for each in sent]
        time.sleep(0.005)  # it has answered, and waits for what comes next
        seconds = _cpu_seconds(worker) - before
        for request, (status, location) in zip(requests, answers, strict=True):
            url = request.get("url")
            if status != (302 if url else 200) or location != url:
                raise SystemExit(f"the Django site answered {request!r:.300}: {status}, {location}")
        return seconds

    def rows(self) -> int:
        """How many events it has stored."""
        return int(_site(self._environment, "count"))

    def _answer(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, str | None]:
        self._connection.request(method, path, body, {"Host": SITE, **headers})
        response = self._connection.getresponse()
        response.read()
        return response.status, response.headers["Location"]


def _sns_post(message: Json) -> tuple[str, str, bytes, dict[str, str]]:
    """What SNS sends to a webhook."""
    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "Authorization": f"Basic {b64encode(_SECRET.encode()).decode()}",
        "User-Agent": "Amazon Simple Notification Service Agent",
        "X-Amz-Sns-Message-Id": message["MessageId"],
        "X-Amz-Sns-Message-Type": message["Type"],
        "X-Amz-Sns-Topic-Arn": message["TopicArn"],
    }
    return "POST", "/webhook/", compact(message).encode(), headers


def _hit(hit: Json) -> tuple[str, str, bytes, dict[str, str]]:
    """What a mail program sends for a pixel or a link of pytracking's."""
    import pytracking

    bases = {"base_open_tracking_url": f"{_BASE}o/", "base_click_tracking_url": f"{_BASE}c/"}
    url = (
        pytracking.get_click_tracking_url(hit["url"], hit["metadata"], **bases)
        if hit["url"]
        else pytracking.get_open_tracking_url(hit["metadata"], **bases)
    )
    headers = {
        "Accept": "image/avif,image/webp,*/*;q=0.8",
        "Accept-Encoding": "gzip, deflate, br",
        "User-Agent": hit["user_agent"],
        "X-Forwarded-For": hit["ip"],
        "X-Forwarded-Proto": "https",
    }
    return "GET", f"/{url.removeprefix(_BASE)}", b"", headers


@contextmanager
def django_site() -> Iterator[DjangoSite]:
    """The site, with a PostgreSQL of its own.

    Raises:
        SystemExit: its packages are not installed, or there is no PostgreSQL.
    """
    if subprocess.run(
        [sys.executable, "-c", "import anymail, gunicorn, pytracking, psycopg"],
        check=False,
        stderr=subprocess.DEVNULL,
    ).returncode:
        raise SystemExit("what Django needs is missing: `make bench` gets it")
    port = free_port()
    command = [
        *(sys.executable, "-m", "gunicorn", "--chdir", str(_PEERS), "--bind", f"127.0.0.1:{port}"),
        *("--workers", "1", "--worker-class", "gthread", "--threads", "1", "--keep-alive", "75"),
        *("--log-level", "critical", "django_site:application"),
    ]
    with postgresql() as socket_folder:
        environment = {
            **os.environ,
            **aws.credentials(),
            "POSTGRESQL_SOCKET": socket_folder,
            "SITE": SITE,
            "WEBHOOK_SECRET": _SECRET,
        }
        _site(environment, "create")
        with running("gunicorn", command, port, _PEERS, environment) as server:
            yield DjangoSite(server, port, environment)


def _site(environment: Mapping[str, str], what: str) -> str:
    """What the site's own program prints."""
    program = [sys.executable, str(_PEERS / "django_site.py"), what]
    return subprocess.run(
        program, env=dict(environment), check=True, capture_output=True, text=True
    ).stdout
