"""The process of a function that `benchmarks/simulation.py` calls: by itself it measures nothing.

    python benchmarks/called.py CODE HANDLER TIMEOUT

Each line of the input is a time and an event; each of the output, what the call took. Its clock is
the run's: it begins at the time of the call, goes as it goes here, and jumps by what is slept. What
tells how much time went by is not moved from call to call, so a process stays as warm as one that
has much to do. It imports nothing of ours, since the function may be another checkout's.
"""

from __future__ import annotations

import datetime
import importlib
import json
import os
import re
import sys
import tempfile
import time
from types import SimpleNamespace
from typing import Any, Final

_METRIC: Final = re.compile(rb'"Name": ?"(\w+)"')
_real_time, _real_monotonic = time.time, time.monotonic


class Clock:
    """The run's clock.

    Attributes:
        slept: seconds that were slept, in all.
    """

    def __init__(self) -> None:
        self.slept = 0.0
        self._ahead = 0.0

    def set(self, at: float) -> None:
        """It is `at` now, in seconds since 1970."""
        self._ahead = at - _real_time() - self.slept

    def time(self) -> float:
        """As `time.time`."""
        return _real_time() + self._ahead + self.slept

    def monotonic(self) -> float:
        """As `time.monotonic`."""
        return _real_monotonic() + self.slept

    def sleep(self, seconds: float) -> None:
        """As `time.sleep`, and does not wait."""
        self.slept += seconds


clock = Clock()


class Kind(type):
    """What `datetime` made is one, too."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _Datetime)


_Datetime = datetime.datetime


class Datetime(_Datetime, metaclass=Kind):
    """`datetime.datetime`, by the run's clock."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        """As `datetime.now`."""
        return cls.fromtimestamp(clock.time(), tz)


def main(code: str, handler: str, timeout: str) -> None:
    """Calls the handler until the input ends."""
    said = os.fdopen(os.dup(1), "w", buffering=1)
    time.time, time.monotonic = clock.time, clock.monotonic
    time.sleep = clock.sleep  # type: ignore[assignment]
    datetime.datetime = Datetime  # type: ignore[misc]
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 1)
        sys.path[0] = code
        module, _, name = handler.partition(".")
        handle = getattr(importlib.import_module(module), name)
        ends = 0.0
        context = SimpleNamespace(
            function_name="function",
            memory_limit_in_mb=512,
            invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:function",
            aws_request_id="00000000-0000-4000-8000-000000000000",
            get_remaining_time_in_millis=lambda: int((ends - clock.time()) * 1000),
        )
        for line in sys.stdin:
            at, _, event = line.partition(" ")
            clock.set(float(at))
            ends, slept, start = float(at) + float(timeout), clock.slept, time.process_time()
            answer = json.dumps(handle(json.loads(event), context))
            seconds = time.process_time() - start
            sys.stdout.flush()
            written = os.pread(1, os.lseek(1, 0, os.SEEK_END), 0)
            os.ftruncate(1, 0)
            os.lseek(1, 0, os.SEEK_SET)
            took = {
                "answer": json.loads(answer),
                "seconds": seconds,
                "slept": clock.slept - slept,
                "log_bytes": len(written),
                "log_lines": written.count(b"\n"),
                "metrics": [name.decode() for name in _METRIC.findall(written)],
            }
            said.write(json.dumps(took) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
