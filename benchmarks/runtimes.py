"""Functions in Lambda's runtime, and what their processes cost: for other benchmarks."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from local.functions import FunctionProcess
from local.template import Function

__all__ = ["RuntimeProcess"]

_INVOKE: Final = "/2015-03-31/functions/function/invocations"
_TRACE: Final = "Root=1-6924a1b2-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=0"


class RuntimeProcess(FunctionProcess):
    """A function in AWS's Runtime Interface Emulator, and what it takes."""

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
        have started; not the emulator's.
        """
        time.sleep(0.005)  # it has answered, and asks for what comes next
        return _cpu_seconds(self._runtime())

    def peak_bytes(self) -> int:
        """The most memory that the runtime's process has had at any time ("VmHWM" of proc(5))."""
        status = Path(f"/proc/{self._runtime()}/status").read_text()
        (line,) = (each for each in status.splitlines() if each.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    def logged(self) -> str:
        """All that it has written to its log."""
        return self._log.read_text(encoding="utf-8")

    def fail(self, answer: object) -> SystemExit:
        """To be raised when an answer is wrong; what the function logged is shown."""
        print(self.logged()[-2000:], file=sys.stderr)
        return SystemExit(f"{self.name} answered {answer!r:.300}")

    def _runtime(self) -> int:
        """The process that the emulator has started: `python -m awslambdaric`."""
        (runtime,) = _children_of(self.pid)
        return runtime


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
