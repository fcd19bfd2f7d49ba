"""Handlers in Lambda's own runtime, and what their processes cost: for other benchmarks."""

from __future__ import annotations

import inspect
import json
import os
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

from local.functions import FunctionProcess

__all__ = ["Handler", "Json", "Runtime", "echo", "write_app"]

INVOKE: Final = "/2015-03-31/functions/function/invocations"
TRACE: Final = "Root=1-6924a1b2-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=0"

Json = dict[str, Any]
Handler = Callable[[Json, Any], Any]


class Runtime(FunctionProcess):
    """A handler in AWS's Runtime Interface Emulator and runtime client, and what that has cost."""

    def invoke(self, event: bytes) -> bytes:
        """Hands the function an event as Lambda does, with a trace that is not sampled."""
        self._ensure_running()
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request("POST", INVOKE, body=event, headers={"X-Amzn-Trace-Id": TRACE})
            return connection.getresponse().read()
        finally:
            connection.close()

    def answer(self, event: Any) -> Any:
        """What the function answers."""
        return json.loads(self.invoke(json.dumps(event).encode()))

    def cpu_seconds(self) -> float:
        """The processor time that the runtime's process has taken, from its start until now."""
        return cpu_seconds(self._runtime())

    def peak_bytes(self) -> int:
        """The most memory that the runtime's process has had at any time ("VmHWM" of proc(5))."""
        status = Path(f"/proc/{self._runtime()}/status").read_text()
        (line,) = (each for each in status.splitlines() if each.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    def logged(self) -> str:
        """All that it has written to its log."""
        return self._log.read_text(encoding="utf-8")

    def _runtime(self) -> int:
        """The process that the emulator has started: `python -m awslambdaric`."""
        (runtime,) = children_of(self.pid)
        return runtime


def children_of(process: int | None) -> list[int]:
    """The processes that a process has started and that run."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(each) for task in tasks for each in task.read_text().split()]


def cpu_seconds(process: int) -> float:
    """User and system time of a process, all threads, and of its children, running or ended.

    As in /proc/<pid>/stat, whose clock ticks only every 10 ms; the process's own part is read from
    the clock behind it, whose id is made of the pid (clock_getcpuclockid(3)).
    """
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    own = time.clock_gettime(~process << 3 | 2)
    return own + ended + sum(cpu_seconds(child) for child in children_of(process))


def echo() -> Handler:
    """The limit: a handler that returns its event. Nothing that the runtime runs costs less."""

    def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        return event

    return handler


def write_app(folder: Path, maker: Callable[[], Handler]) -> Path:
    """A folder with an app.py, as a function's code is, that imports nothing but its own."""
    folder.mkdir()
    text = f"from __future__ import annotations\n\n\n{inspect.getsource(maker)}\n\n"
    (folder / "app.py").write_text(f"{text}handler = {maker.__name__}()\n", encoding="utf-8")
    return folder
