"""What is compared: functions in Lambda's runtime, ours and others, and a Django site."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

from benchmarks.harness import (
    Here,
    Json,
    children_of,
    cpu_seconds,
    create_table,
    postgresql,
    running,
    servers,
)
from local import aws
from local.functions import FunctionProcess, free_ports
from local.paths import ROOT
from local.template import Function

PEERS: Final = ROOT / "benchmarks" / "peers"
SITE: Final = "track.society.example"
"""The Django site's name."""
_INVOKE: Final = "/2015-03-31/functions/function/invocations"
_TRACE: Final = "Root=1-6924a1b2-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=0"


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

    def seconds(self, events: Sequence[Json], right: Callable[[Json, Any], bool]) -> float:
        """The processor time that events take, one after another: user and system time of the
        runtime's process, all threads, and of what it may have started; not the emulator's. A
        process that does not run yet is started, and all its time counts.

        Args:
            right: whether an event was answered as it must be.

        Raises:
            SystemExit: one was not.
        """
        before = self._cpu_seconds()
        for event in events:
            answer = json.loads(self.invoke(json.dumps(event).encode()))
            if (isinstance(answer, dict) and "errorType" in answer) or not right(event, answer):
                print(self._log.read_text("utf-8")[-2000:], file=sys.stderr)
                raise SystemExit(f"{self.name} answered {answer!r:.300}")
        return self._cpu_seconds() - before

    def _cpu_seconds(self) -> float:
        time.sleep(0.005)  # it has answered, and asks for what comes next
        return sum(map(cpu_seconds, children_of(self.pid)))


@contextmanager
def runtimes(
    function: str, handlers: Mapping[str, str | None]
) -> Iterator[tuple[Here, dict[str, RuntimeProcess]]]:
    """Functions by name, none of which runs before it is first needed; each has a table like the
    log, of its name, to itself.

    Args:
        function: ours, by its logical id.
        handlers: name → the handler in `benchmarks/peers`; None for ours.
    """
    with tempfile.TemporaryDirectory() as folder, servers() as endpoints:
        here = Here.built(endpoints)
        table = here.resources.all["TrailsTable"]["Properties"]
        ours = here.resources.functions()[function]
        by_name = {}
        for name, handler in handlers.items():
            create_table(endpoints.client("dynamodb"), table, name)
            variables = endpoints.environment() | {"TRAILS_TABLE": name}
            code = replace(ours, code=str(PEERS), handler=handler) if handler else ours
            by_name[name] = RuntimeProcess(name, code, variables, Path(folder))
        try:
            yield here, by_name
        finally:
            for each in by_name.values():
                each.stop()


# --- Django ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DjangoSite:
    """`benchmarks/peers/django_site.py` behind gunicorn: one worker, one thread, and connections
    that are kept alive.
    """

    server: int
    environment: Mapping[str, str]
    connection: HTTPConnection

    def seconds(self, requests: Sequence[Json]) -> float:
        """The processor time that the worker takes for requests, one after another.

        Args:
            requests: what `HTTPConnection.request` takes, and the `location` that must come back.

        Raises:
            SystemExit: an answer was wrong.
        """
        (worker,) = children_of(self.server)
        before = cpu_seconds(worker)
        for request in requests:
            url, body, headers = request["url"], request.get("body"), request["headers"]
            self.connection.request(request["method"], url, body, headers | {"Host": SITE})
            response = self.connection.getresponse()
            response.read()
            wanted = request.get("location")
            found = response.status, response.headers["Location"]
            if found != (302 if wanted else 200, wanted):
                raise SystemExit(f"the Django site answered {request!r:.300}: {found}")
        time.sleep(0.005)  # it has answered, and waits for what comes next
        return cpu_seconds(worker) - before

    def rows(self) -> int:
        """How many events it has stored."""
        return int(_site(self.environment, "count"))


@contextmanager
def django_site(secret: str = "") -> Iterator[DjangoSite]:
    """The site, with a PostgreSQL of its own.

    Args:
        secret: what SNS must know, ``name:password``.

    Raises:
        SystemExit: its packages are not installed, or there is no PostgreSQL.
    """
    if not all(map(importlib.util.find_spec, ("anymail", "gunicorn", "pytracking", "psycopg"))):
        raise SystemExit("what Django needs is missing: `make bench` gets it")
    (port,) = free_ports(1)
    command = [
        *(sys.executable, "-m", "gunicorn", "--chdir", str(PEERS), "--bind", f"127.0.0.1:{port}"),
        *("--workers", "1", "--worker-class", "gthread", "--threads", "1", "--keep-alive", "75"),
        *("--log-level", "critical", "django_site:application"),
    ]
    with postgresql() as folder:
        variables = {"POSTGRESQL_SOCKET": folder, "SITE": SITE, "WEBHOOK_SECRET": secret}
        environment = {**os.environ, **aws.credentials(), **variables}
        _site(environment, "create")
        with running("gunicorn", command, port, environment=environment) as server:
            yield DjangoSite(server, environment, HTTPConnection("127.0.0.1", port, timeout=60))


def _site(environment: Mapping[str, str], what: str) -> str:
    """What the site's own program prints."""
    program = [sys.executable, str(PEERS / "django_site.py"), what]
    return subprocess.run(
        program, env=dict(environment), check=True, capture_output=True, text=True
    ).stdout
