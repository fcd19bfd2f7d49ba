"""What several benchmarks need: the servers that they run beside. By itself it measures nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

__all__ = [
    "ROOT",
    "compact",
    "create_table",
    "dynamodb_local",
    "free_port",
    "items_of",
    "moto",
    "per_core",
    "postgresql",
    "ratio",
    "running",
    "sqs_event",
    "timing_rows",
]

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = "amplify-dynamodb-simulator@2.9.30"
"""The npm package that carries DynamoDB Local's files, for machines that reach no AWS download."""
EMULATOR: Final = Path("node_modules/amplify-dynamodb-simulator/emulator")

_TABLE: Final = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")

Json = dict[str, Any]


@contextmanager
def dynamodb_local(files: Path | None = None) -> Iterator[str]:
    """A DynamoDB Local of our own; its URL.

    Args:
        files: the folder where it keeps its tables; by default they are in memory.

    Raises:
        SystemExit: there is none on this machine, or no Java.
    """
    named = os.environ.get("SENDTRAIL_DYNAMODB_LOCAL")
    folder = Path(named) if named else ROOT / ".local" / "npm" / EMULATOR
    if not (folder / "DynamoDBLocal.jar").is_file():
        raise SystemExit(
            f"no DynamoDBLocal.jar in {folder}; get it by\n"
            f"    npm install --prefix .local/npm {PACKAGE}\n"
            "or name its folder in SENDTRAIL_DYNAMODB_LOCAL"
        )
    java = shutil.which("java")
    if not java:
        raise SystemExit("DynamoDB Local needs Java, and there is no `java` on the PATH")
    port = free_port()
    where = ["-dbPath", str(files)] if files else ["-inMemory"]
    options = ["-jar", "DynamoDBLocal.jar", *where, "-sharedDb", "-port", str(port)]
    command = [java, "-Djava.library.path=DynamoDBLocal_lib", *options]
    with running("DynamoDB Local", command, port, folder):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def moto() -> Iterator[str]:
    """A moto server of our own; its URL.

    Raises:
        SystemExit: it does not start.
    """
    port = free_port()
    command = [sys.executable, "-m", "local.aws_server", "127.0.0.1", str(port)]
    with running("moto", command, port, ROOT):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL of our own, as it is configured when new, on a Unix socket alone; the folder
    of the socket.
    """
    known = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    path = os.pathsep.join([*known, os.environ["PATH"]])
    initdb, postgres = shutil.which("initdb", path=path), shutil.which("postgres", path=path)
    if not initdb or not postgres:
        raise SystemExit("PostgreSQL is missing; on Debian:\n    apt-get install postgresql")
    # It refuses to run as root, and Debian's package brings a user for it.
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="sendtrail-postgresql-") as folder:
        if user:
            shutil.chown(folder, user)
        data = f"{folder}/data"
        subprocess.run(
            [initdb, "--pgdata", data, "--username", "postgres", "--auth", "trust"],
            cwd=folder,
            user=user,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}"]
        process = subprocess.Popen(
            [postgres, "-D", data, *options],
            cwd=folder,
            user=user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for_socket(Path(folder) / ".s.PGSQL.5432", process)
            yield folder
        finally:
            process.send_signal(signal.SIGINT)  # it does not wait for those who are connected
            process.wait()


def create_table(database: Any, properties: Mapping[str, Any], name: str) -> None:
    """Makes a table.

    Args:
        database: a boto3 client of DynamoDB.
        properties: of the table in template.yaml.
        name: another one than there.
    """
    database.create_table(
        TableName=name, **{key: properties[key] for key in _TABLE if key in properties}
    )


def ratio(one: Sequence[float], other: Sequence[float]) -> list[float]:
    """What the one is to the other, round by round: within a round, both drift together."""
    return [mine / theirs for mine, theirs in zip(one, other, strict=True)]


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def compact(value: object) -> str:
    """JSON without blanks, as SES and the SDKs write it."""
    return json.dumps(value, separators=(",", ":"))


def sqs_event(bodies: Sequence[str]) -> Json:
    """What the event source mapping of a queue hands over."""
    return {
        "Records": [
            {
                "messageId": f"{number:08}-0000-4000-8000-000000000000",
                "receiptHandle": "AQEB" + "x" * 180,
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1795167000000",
                    "SenderId": "AIDAEXAMPLE",
                    "ApproximateFirstReceiveTimestamp": "1795167000001",
                },
                "messageAttributes": {},
                "md5OfBody": "0" * 32,
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:queue",
                "awsRegion": "eu-west-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def items_of(database: Any, table: str) -> dict[tuple[str, str], Json]:
    """All items of a table like the log, by key, in DynamoDB's JSON."""
    pages = database.get_paginator("scan").paginate(TableName=table)
    return {
        (item["message_id"]["S"], item["event_key"]["S"]): item
        for page in pages
        for item in page["Items"]
    }


def timing_rows(
    found: Mapping[str, Sequence[float]], scale: float
) -> list[tuple[str, float, float, float]]:
    """Rows of a table: the median of each one's figures, the least and the greatest.

    Args:
        found: seconds.
        scale: how many of the table's unit make a second.
    """
    return [
        (name, scale * median(each), scale * min(each), scale * max(each))
        for name, each in found.items()
    ]


def per_core(seconds: Sequence[float]) -> list[float]:
    """How many of what took so many seconds each one core does in a second."""
    return [1 / each for each in seconds]


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    port: int,
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[int]:
    """A server, once it takes connections; the number of its process.

    Args:
        name: what to call it if it does not start.
        port: of this machine, where it listens.
        folder: that it runs in.
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
    )
    try:
        _wait_for(name, port, process)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _wait_for(name: str, port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit(f"{name} does not start")


def _wait_for_socket(path: Path, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit("PostgreSQL does not start")
