"""The local stack as a whole: starting it, stopping it, and what it says of itself."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local import aws, provider
from local.functions import Functions, free_ports
from local.gateway import Gateway
from local.iam import policies
from local.mailboxes import OUTBOX, Mailboxes
from local.outbox_pages import OutboxPages
from local.paths import LOGS, ROOT, STACK_FILE, STATE
from local.sources import Poller, PollerMaker, poller_of
from local.template import REGION, Resources, load, parameters_here

__all__ = [
    "IMPATIENT",
    "Options",
    "Parts",
    "StackError",
    "parts",
    "read",
    "start_detached",
    "stop",
    "up",
]

log = logging.getLogger(__name__)
_READY_SECONDS = 120
IMPATIENT = {
    "EPOCH_CACHE_SECONDS": "2",
    "ERASURES_CACHE_SECONDS": "2",
    "ERASURE_PASS_SECONDS": "8",
    "WEBHOOKS_CACHE_SECONDS": "1",
    "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.1/32",
}
"""Settings of functions here: nobody waits ten minutes for a rebuild to begin, half an hour for an
erasure to be done, or half a minute for a webhook; and receivers of those may be on this
machine."""

Demo = Callable[[dict[str, Any], Callable[[], bool]], None]


class StackError(RuntimeError):
    """The local stack cannot do what was asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to start the stack.

    Attributes:
        port: of the gateway; 0 for any free one.
        aws_port: of AWS; 0 for any free one.
        host: the address that both listen on.
        dynamodb: the URL of a DynamoDB Local to use instead of moto's DynamoDB.
        demo: whether to play the demo.
        sign_in: whether a provider runs beside it, by which one signs in by name.
        parameters: of the template, over what is usual here.
    """

    port: int = 3000
    aws_port: int = 4566
    host: str = "127.0.0.1"
    dynamodb: str | None = None
    demo: bool = False
    sign_in: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)


def read() -> dict[str, Any]:
    """What the running stack says of itself.

    Raises:
        StackError: none runs.
    """
    try:
        found: dict[str, Any] = json.loads(STACK_FILE.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StackError("no local stack is running; start one with `make run`") from None
    if not _alive(found["pid"]):
        STACK_FILE.unlink(missing_ok=True)
        raise StackError("the local stack was stopped; start one with `make run`")
    return found


def up(options: Options, *, demo: Demo | None = None) -> None:
    """Starts the stack and serves until the process is told to stop.

    Args:
        demo: called in a thread once the stack is ready, with what `read` gives and a function that
            tells whether all pollers have had nothing to do for a second.

    Raises:
        StackError: one runs already, or a port is taken.
    """
    try:
        running = read()
    except StackError:
        pass
    else:
        raise StackError(
            f"a local stack runs already, at {running['gateway']}; `make down` stops it"
        )
    for port in (options.port, options.aws_port):
        _refuse_taken(options.host, port)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with parts(options) as running_parts:
        _write(running_parts.state)
        if demo:
            arguments = (running_parts.state, running_parts.idle)
            threading.Thread(target=demo, args=arguments, daemon=True).start()
        try:
            stopping.wait()
        finally:
            STACK_FILE.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Parts:
    """A stack that runs in this process and its children.

    Attributes:
        state: what it says of itself: what `.local/stack.json` holds.
    """

    state: dict[str, Any]
    endpoints: aws.Endpoints
    resources: Resources
    functions: Functions
    pollers: Sequence[Poller]

    def idle(self) -> bool:
        """Whether all pollers have had nothing to do for a second."""
        return all(poller.idle for poller in self.pollers)


@contextmanager
def parts(
    options: Options,
    *,
    endpoints_of: Callable[[str], aws.Endpoints] | None = None,
    poller: PollerMaker = poller_of,
) -> Iterator[Parts]:
    """A stack, all parts of which run until the context is left.

    Args:
        endpoints_of: where AWS is for the functions, by where it is; the same, if not given.
        poller: makes the poller of an event source mapping.
    """
    _end_orphans()
    STATE.mkdir(exist_ok=True)
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir()
    _log_to_file()
    stopping = threading.Event()
    reach = "127.0.0.1" if options.host == "0.0.0.0" else options.host  # noqa: S104 -- a comparison
    aws_port = options.aws_port or free_ports(1)[0]
    port = options.port or free_ports(1)[0]
    url = f"http://{reach}:{port}"
    server = _start_aws(options.host, aws_port)
    functions: Functions | None = None
    gateway: Gateway | None = None
    beside = provider.Provider(url) if options.sign_in else None
    try:
        if beside:
            beside.start()
        endpoints = aws.Endpoints(f"http://{reach}:{aws_port}", options.dynamodb)
        aws.wait_until_up(endpoints)
        signing_in = beside.parameters() if beside else {}
        resources = load(parameters_here(url) | signing_in | dict(options.parameters))
        aws.build(resources, endpoints)
        aws.enforce(policies(resources), endpoints)
        theirs = endpoints_of(endpoints.aws) if endpoints_of else endpoints
        functions = Functions(resources.functions(), theirs.environment() | IMPATIENT)
        topic, sets = resources.physical["SesTopic", ""], resources.configuration_sets()
        outbox = OutboxPages(endpoints, topic, sets, url)
        gateway = Gateway(functions, options.host, port, {OutboxPages.ROOT.strip("/"): outbox})
        gateway.start()
        pollers: list[Poller] = [
            poller(mapping, functions.call, endpoints, functions.stirring)
            for mapping in resources.mappings()
        ]
        pollers.append(Mailboxes(endpoints, topic, sets, functions.stirring))
        for each in pollers:
            threading.Thread(target=each.run, args=(stopping,), daemon=True).start()
        yield Parts(
            _state(resources, endpoints, url, beside),
            endpoints,
            resources,
            functions,
            tuple(pollers),
        )
    finally:
        stopping.set()
        if gateway:
            gateway.stop()
        if functions:
            functions.stop()
        if beside:
            beside.stop()
        server.kill()
        server.wait()


def _state(
    resources: Resources,
    endpoints: aws.Endpoints,
    gateway: str,
    beside: provider.Provider | None,
) -> dict[str, Any]:
    """What the stack says of itself: `.local/stack.json`."""
    first_key = json.loads(
        endpoints.client("secretsmanager").get_secret_value(
            SecretId=resources.physical["FirstApiKey", ""]
        )["SecretString"]
    )
    return {
        "gateway": gateway,
        "aws_endpoint": endpoints.aws,
        "dynamodb_endpoint": endpoints.dynamodb,
        "region": REGION,
        "api_key": first_key["key"],
        "topic_arn": resources.physical["SesTopic", ""],
        "ingest_queue_url": resources.physical["IngestQueue", ""],
        "hits_queue_url": resources.physical["HitsQueue", ""],
        "ingest_dlq_url": resources.physical["IngestDlq", ""],
        "dispatch_queue_url": resources.physical["DispatchQueue", ""],
        "direct_queue_url": resources.physical["DirectQueue", ""],
        "dispatch_dlq_url": resources.physical["DispatchDlq", ""],
        "sweep_queue_url": resources.physical["SweepQueue", ""],
        "deliveries_queue_url": resources.physical["DeliveriesQueue", ""],
        "deliveries_dlq_url": resources.physical["DeliveriesDlq", ""],
        "projections_dlq_url": resources.physical["ProjectionsDlq", ""],
        "api_keys_secret": resources.physical["ApiKeys", ""],
        "outbox": f"{endpoints.aws}{OUTBOX}",
        "tables": {
            name.removesuffix("Table"): resources.physical[name, ""]
            for name in resources.of_type("AWS::DynamoDB::Table")
        },
        "resources": {
            logical_id: value
            for (logical_id, attribute), value in resources.physical.items()
            if not attribute
        },
        "parameters": dict(resources.parameters),
        "plans_bucket": resources.physical["PlansBucket", ""],
        "provider": {"issuer": beside.issuer, "pid": beside.pid} if beside else None,
        "pid": os.getpid(),
    }


def start_detached(arguments: list[str]) -> dict[str, Any]:
    """Starts the stack in the background and returns once it is ready.

    Args:
        arguments: of `python -m local up`.

    Raises:
        StackError: it did not get ready; the message says what it printed.
    """
    STATE.mkdir(exist_ok=True)
    output = STATE / "stack.log"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "up", *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StackError(output.read_text(encoding="utf-8", errors="replace").strip())
        try:
            found = read()
        except (StackError, json.JSONDecodeError):
            time.sleep(0.1)
        else:
            if found["pid"] == process.pid:
                return found
            time.sleep(0.1)
    process.kill()
    raise StackError(f"not ready after {_READY_SECONDS} seconds; see {output}")


def stop() -> None:
    """Stops the running stack and waits until it has.

    Raises:
        StackError: none runs.
    """
    pid = read()["pid"]
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 20
    while _alive(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    _end_orphans()
    STACK_FILE.unlink(missing_ok=True)


def _end_orphans() -> None:
    """Ends functions' processes that a stack left which was killed: they run in `functions/`."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            inside = (process / "cwd").readlink().is_relative_to(ROOT / "functions")
            ours = b"awslambdaric" in (process / "cmdline").read_bytes()
        except OSError:
            continue
        if inside and ours:
            with suppress(ProcessLookupError):
                os.kill(int(process.name), signal.SIGKILL)


def _start_aws(host: str, port: int) -> subprocess.Popen[bytes]:
    with (LOGS / "aws.log").open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "local.aws_server", host, str(port)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )


def _write(state: dict[str, Any]) -> None:
    """Writes the file whole or not at all: others wait for it to appear. It has an API key in it,
    so that none but its owner may read it.
    """
    partial = STACK_FILE.with_suffix(".part")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
    partial.replace(STACK_FILE)


def _log_to_file() -> None:
    logging.basicConfig(
        filename=LOGS / "stack.log",
        level=logging.WARNING,
        format="%(asctime)s %(name)s %(message)s",
        force=True,
    )


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # one that has ended and was not waited for is still there, as a zombie
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state != "Z"


def _refuse_taken(host: str, port: int) -> None:
    if port == 0:
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise StackError(
                f"port {port} is taken; choose others: "
                f"{sys.executable} -m local up --port 3001 --aws-port 4567"
            ) from None
