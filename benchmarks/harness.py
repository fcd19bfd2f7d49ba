"""What the benchmarks are written over: servers, processor time, turns, and events as AWS hands
them over. By itself it measures nothing.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar
from urllib.parse import urlsplit

from benchmarks.report import Report
from local import aws
from local.functions import free_ports
from local.mailboxes import OUTBOX
from local.paths import ROOT
from local.template import Resources, load
from local.web import ask

Json = dict[str, Any]
T = TypeVar("T")
R = TypeVar("R")

AGENT: Final = "Mozilla/5.0 (Windows NT 5.1) Firefox/11.0 (via ggpht.com GoogleImageProxy)"
LINK: Final = "https://society.example/evenings/2026-12-04?utm_source=newsletter"
_EMULATOR: Final = ROOT / ".local/npm/node_modules/amplify-dynamodb-simulator/emulator"
_TABLE: Final = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
_GATEWAY: Final = {
    "accept-encoding": "gzip, deflate, br",
    "content-length": "0",
    "x-amzn-trace-id": "Root=1-6924a1b2-0123456789abcdef01234567",
    "x-forwarded-port": "443",
    "x-forwarded-proto": "https",
}
"""Headers that API Gateway adds, or browsers send, and the sample events do without."""


# --- a program -------------------------------------------------------------------------------


def options(definition: str | None, **numbers: int) -> argparse.ArgumentParser:
    """The options of a benchmark: numbers with their defaults, and where to keep the report."""
    parser = argparse.ArgumentParser(description=(definition or "").partition("\n\n")[0])
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"({default})")
    parser.add_argument("--into", type=Path, metavar="FILE", help="keep the report there, too")
    return parser


def main(measure: Callable[..., Report], parser: argparse.ArgumentParser) -> NoReturn:
    """Measures with the command line's options and prints the report; the exit status is 1 if
    something is not as promised.
    """
    given = vars(parser.parse_args())
    file = given.pop("into")
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it misses metrics of its own
    report = measure(**given)
    print(report)
    if file:
        file.write_text(str(report), "utf-8")
    sys.exit(not report.holds)


# --- turns and processor time ----------------------------------------------------------------


def turns(
    contenders: Mapping[str, Callable[[T], R]], rounds: Iterable[T], *, skip: int
) -> dict[str, list[R]]:
    """What each contender makes of each round. They take turns within it, since a machine drifts
    by more than what is measured.

    Args:
        skip: rounds at the beginning that do not count.
    """
    found: dict[str, list[R]] = {name: [] for name in contenders}
    for number, given in enumerate(rounds):
        for name, contender in contenders.items():
            result = contender(given)
            if number >= skip:
                found[name].append(result)
    return found


def ratio(one: Sequence[float], other: Sequence[float]) -> list[float]:
    """What the one is to the other, round by round: within a round, both drift together."""
    return [mine / theirs for mine, theirs in zip(one, other, strict=True)]


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


# --- servers ---------------------------------------------------------------------------------


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    address: int | Path,
    *,
    folder: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
) -> Iterator[int]:
    """A server, once it takes connections; the number of its process.

    Args:
        address: a port of this machine, or a Unix socket.
        environment: its variables; this process's, if not given.

    Raises:
        SystemExit: it does not start.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**(environment or os.environ), "DDB_LOCAL_TELEMETRY": "0"},
        user=user,
    )
    try:
        deadline = time.monotonic() + 60
        while not _listens(address):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{name} does not start")
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(address: int | Path) -> bool:
    family = socket.AF_INET if isinstance(address, int) else socket.AF_UNIX
    with socket.socket(family) as probe:
        return not probe.connect_ex(
            ("127.0.0.1", address) if isinstance(address, int) else str(address)
        )


@contextmanager
def dynamodb_local(files: Path | None = None) -> Iterator[str]:
    """A DynamoDB Local of our own; its URL.

    Args:
        files: the folder where it keeps its tables; by default they are in memory.

    Raises:
        SystemExit: there is none on this machine, or no Java.
    """
    folder = Path(os.environ.get("SENDTRAIL_DYNAMODB_LOCAL", _EMULATOR))
    if not (folder / "DynamoDBLocal.jar").is_file():
        raise SystemExit(f"no DynamoDBLocal.jar in {folder}: `make dynamodb-local` fetches it")
    java = shutil.which("java")
    if not java:
        raise SystemExit("DynamoDB Local needs Java, and there is no `java` on the PATH")
    (port,) = free_ports(1)
    where = ["-dbPath", str(files)] if files else ["-inMemory"]
    command = [java, "-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
    command += [*where, "-sharedDb", "-port", str(port)]
    with running("DynamoDB Local", command, port, folder=folder):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def moto() -> Iterator[str]:
    """A moto server of our own; its URL."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "local.aws_server", "127.0.0.1", str(port)]
    with running("moto", command, port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def servers() -> Iterator[aws.Endpoints]:
    """DynamoDB Local, and moto for the rest of AWS."""
    with moto() as aws_url, dynamodb_local() as dynamodb_url:
        yield aws.Endpoints(aws_url, dynamodb_url)


@contextmanager
def over_tls(url: str, certificate: Path) -> Iterator[str]:
    """A proxy before a server, in a process of its own, to which one speaks TLS; its URL.

    Args:
        certificate: as `benchmarks.tls_proxy` makes it.
    """
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "benchmarks.tls_proxy", str(port), str(urlsplit(url).port)]
    with running("the proxy for TLS", [*command, str(certificate)], port):
        yield f"https://127.0.0.1:{port}"


@contextmanager
def postgresql() -> Iterator[str]:
    """A new PostgreSQL with its default configuration, on a Unix socket; the socket's folder.

    Raises:
        SystemExit: it is not installed.
    """
    known = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    path = os.pathsep.join([*known, os.environ["PATH"]])
    initdb, postgres = shutil.which("initdb", path=path), shutil.which("postgres", path=path)
    if not initdb or not postgres:
        raise SystemExit("PostgreSQL is missing; on Debian:\n    apt-get install postgresql")
    # It refuses to run as root, and Debian's package brings a user for it.
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="sendtrail-postgresql-") as name:
        if user:
            shutil.chown(name, user)
        folder, data = Path(name), f"{name}/data"
        create = [initdb, "--pgdata", data, "--username", "postgres", "--auth", "trust"]
        subprocess.run(create, cwd=folder, user=user, check=True, stdout=subprocess.DEVNULL)
        command = [postgres, "-D", data, "-c", "listen_addresses="]
        command += ["-c", f"unix_socket_directories={name}"]
        address = folder / ".s.PGSQL.5432"
        with running("PostgreSQL", command, address, folder=folder, user=user):
            yield name


@dataclass(frozen=True, slots=True)
class Here:
    """AWS as a template makes it here."""

    resources: Resources
    endpoints: aws.Endpoints

    @classmethod
    def built(
        cls,
        endpoints: aws.Endpoints,
        parameters: Mapping[str, str] | None = None,
        root: Path = ROOT,
    ) -> Here:
        """Makes all of it; as `load` is told."""
        resources = load(parameters, root)
        aws.build(resources, endpoints)
        return cls(resources, endpoints)

    def secret(self, name: str) -> str:
        """A secret's text."""
        arn = self.resources.physical[name, ""]
        return str(
            self.endpoints.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
        )

    def received(self, queue: str, most: int = 10) -> list[str]:
        """The bodies of up to so many messages of a queue, which are then no more in it."""
        url, sqs = self.resources.physical[queue, ""], self.endpoints.client("sqs")
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=most).get("Messages", [])
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in found]

    def mails(self, after: int) -> list[Json]:
        """Some of the mails that SES has taken after the first so many; none if there are none."""
        found: list[Json] = json.loads(
            ask("GET", f"{self.endpoints.aws}{OUTBOX}?after={after}").body
        )["mails"]
        return found


def create_table(database: Any, properties: Mapping[str, Any], name: str) -> None:
    """Makes a table as template.yaml describes it, under another name, by a boto3 client."""
    described = {key: properties[key] for key in _TABLE if key in properties}
    database.create_table(TableName=name, **described)


def items_of(database: Any, table: str) -> dict[tuple[str, str], Json]:
    """All items of a table like the log, by key, in DynamoDB's JSON."""
    pages = database.get_paginator("scan").paginate(TableName=table)
    return {
        (item["trail"]["S"], item["entry"]["S"]): item for page in pages for item in page["Items"]
    }


# --- events ----------------------------------------------------------------------------------


def compact(value: object) -> str:
    """JSON without blanks, as SES and the SDKs write it."""
    return json.dumps(value, separators=(",", ":"))


def sample(name: str, root: Path = ROOT) -> Json:
    """A sample event of `events/`."""
    event: Json = json.loads((root / "events" / f"{name}.json").read_text("utf-8"))
    return event


def sqs_event(bodies: Iterable[str]) -> Json:
    """What the event source mapping of a queue hands over."""
    (record,) = sample("sqs-send")["Records"]
    record |= {"receiptHandle": "AQEB" + "x" * 180, "md5OfBody": "0" * 32}
    return {
        "Records": [
            record | {"messageId": f"{number:08}-0000-4000-8000-000000000000", "body": body}
            for number, body in enumerate(bodies)
        ]
    }


def http_event(kind: str, token: str, request_id: str, address: str, at_ms: int) -> Json:
    """What API Gateway's HTTP API hands over for a pixel (`open`) or a link (`click`)."""
    event = sample(f"http-{kind}")
    event["rawPath"] = event["routeKey"].split()[1].replace("{token}", token)
    event["pathParameters"]["token"] = token
    event["headers"] |= _GATEWAY | {"x-forwarded-for": address}
    context = event["requestContext"]
    context |= {"requestId": request_id, "timeEpoch": at_ms}
    context["http"] |= {"path": event["rawPath"], "sourceIp": address}
    return event
