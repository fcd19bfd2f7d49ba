"""Functions, each in a process of AWS's own Runtime Interface Emulator, started at its first use.

The emulator is the binary that SAM CLI puts into containers; it is Linux's. It enforces the
function's timeout and starts the runtime anew when the function has died of it.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final

import samcli

from local.paths import LAYER, LOGS
from local.stirring import Stirring
from local.template import Function

__all__ = ["FunctionError", "FunctionProcess", "Functions", "free_ports"]

_HOST: Final = "127.0.0.1"
_INVOKE: Final = "/2015-03-31/functions/function/invocations"
_START_SECONDS: Final = 20.0


class Functions:
    """All functions of the stack; the runner that SAM CLI's gateway is given, too.

    Attributes:
        stirring: is told whenever one has run.
    """

    def __init__(
        self, functions: Mapping[str, Function], environment: Mapping[str, str], logs: str = ""
    ) -> None:
        """Prepares; starts nothing.

        Args:
            environment: variables for all of them, over what the template says.
            logs: what the names of their logs begin with.
        """
        self.stirring = Stirring()
        self._processes = {
            name: FunctionProcess(function, environment, LOGS / f"{logs}{name}.log")
            for name, function in functions.items()
        }

    def call(self, name: str, event: Mapping[str, Any]) -> Any:
        """Invokes a function and returns its answer.

        Raises:
            FunctionError: the function raised, or timed out.
        """
        answer = json.loads(self._invoke(name, json.dumps(event).encode()) or "null")
        if isinstance(answer, dict) and "errorMessage" in answer and "errorType" in answer:
            raise FunctionError(name, answer)
        return answer

    def invoke(
        self,
        function_identifier: str,
        event: str,
        stdout: Any,
        stderr: Any = None,  # noqa: ARG002
        **_: Any,
    ) -> None:
        """Invokes a function for SAM CLI's gateway: its answer goes to `stdout`."""
        stdout.write_str(self._invoke(function_identifier, event.encode()).decode())

    def _invoke(self, name: str, event: bytes) -> bytes:
        try:
            return self._processes[name].invoke(event)
        finally:
            self.stirring.tell()

    def emulators(self) -> list[tuple[str, int]]:
        """The functions that have a process now, with the emulator's."""
        found = ((name, process.pid) for name, process in self._processes.items())
        return [(name, pid) for name, pid in found if pid is not None]

    @staticmethod
    def is_debugging() -> bool:
        """Whether the gateway should take one request at a time."""
        return False

    def stop(self) -> None:
        """Ends all processes."""
        for process in self._processes.values():
            process.stop()


class FunctionError(RuntimeError):
    """A function raised or timed out."""

    def __init__(self, name: str, answer: Mapping[str, Any]) -> None:
        super().__init__(f"{name}: {answer.get('errorType')}: {answer.get('errorMessage')}")


class FunctionProcess:
    """One function: one process, one invocation at a time, as in one of Lambda's environments."""

    def __init__(
        self,
        function: Function,
        environment: Mapping[str, str],
        log: Path,
        python: str = sys.executable,
        layer: Path = LAYER,
    ) -> None:
        self._function = function
        self._python = python
        self._log = log
        self._layer = layer
        self._environment = dict(environment)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    def invoke(self, event: bytes) -> bytes:
        """Hands the function an event, and returns its answer or error as JSON.

        Raises:
            TimeoutError: the process does not start.
        """
        with self._lock:
            for attempt in (1, 2):
                self._ensure_running()
                connection = HTTPConnection(_HOST, self._port, timeout=self._function.timeout + 30)
                try:
                    connection.request("POST", _INVOKE, body=event)
                    response = connection.getresponse()
                    return response.read() or _died(f"no answer, status {response.status}")
                except (OSError, HTTPException) as error:
                    # It died, perhaps while it ran: like Lambda, the caller is told.
                    self._kill()
                    if attempt == 2 or not isinstance(error, ConnectionRefusedError):
                        return _died(repr(error))
                finally:
                    connection.close()
        raise AssertionError("unreachable")

    def stop(self) -> None:
        """Ends the process."""
        self._kill()

    @property
    def pid(self) -> int | None:
        """The emulator's process, if it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def _ensure_running(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._port, runtime_port = free_ports(2)
        LOGS.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(_emulator()),
                    "--runtime-interface-emulator-address",
                    f"{_HOST}:{self._port}",
                    "--runtime-api-address",
                    f"{_HOST}:{runtime_port}",
                    self._python,
                    "-m",
                    "awslambdaric",
                    self._function.handler,
                ],
                cwd=self._function.code,
                env=self._variables(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _wait_for(self._port)

    def _variables(self) -> dict[str, str]:
        function = self._function
        return {
            "PATH": os.environ.get("PATH", ""),
            "HOME": os.environ.get("HOME", "/"),
            "LANG": "en_US.UTF-8",
            "TZ": "UTC",
            "PYTHONPATH": str(self._layer),
            "LAMBDA_TASK_ROOT": function.code,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            **function.environment,
            **self._environment,
            "AWS_ACCESS_KEY_ID": function.name,  # by which `local.iam` knows it
        }

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _died(how: str) -> bytes:
    """What Lambda answers for a function whose process ended. The emulator answers nothing at all
    when that happened before it was invoked.
    """
    return json.dumps({"errorType": "Runtime.ExitError", "errorMessage": how}).encode()


def _emulator() -> Path:
    machine = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
    if sys.platform != "linux":
        raise SystemExit(
            "the local stack runs on Linux (on Windows, in WSL): the Runtime Interface Emulator in "
            "aws-sam-cli is a Linux program"
        )
    found = Path(samcli.__file__).parent / "local" / "rapid" / f"aws-lambda-rie-{machine}"
    if not os.access(found, os.X_OK):
        found.chmod(0o755)
    return found


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((_HOST, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection((_HOST, port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError("the Runtime Interface Emulator does not start") from None
            time.sleep(0.02)
        else:
            return
