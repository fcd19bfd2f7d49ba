"""What several benchmarks need: the servers that they run beside. By itself it measures nothing."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

__all__ = ["ROOT", "create_table", "dynamodb_local", "free_port", "moto", "ratio", "row"]

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = "amplify-dynamodb-simulator@2.9.30"
"""The npm package that carries DynamoDB Local's files, for machines that reach no AWS download."""
EMULATOR: Final = Path("node_modules/amplify-dynamodb-simulator/emulator")

_TABLE: Final = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


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
    with _running("DynamoDB Local", command, port, folder):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def moto() -> Iterator[str]:
    """A moto server of our own; its URL.

    Raises:
        SystemExit: it does not start.
    """
    port = free_port()
    command = [sys.executable, "-m", "local.aws_server", "127.0.0.1", str(port)]
    with _running("moto", command, port, ROOT):
        yield f"http://127.0.0.1:{port}"


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


def row(name: str, figures: Sequence[float], width: int, digits: int) -> str:
    """A line of a table: the median of the figures, the least and the greatest."""
    three = (median(figures), min(figures), max(figures))
    return f"{name:{width}}" + "".join(f"{each:10.{digits}f}" for each in three)


def ratio(one: Sequence[float], other: Sequence[float]) -> list[float]:
    """What the one is to the other, round by round: within a round, both drift together."""
    return [mine / theirs for mine, theirs in zip(one, other, strict=True)]


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def _running(name: str, command: Sequence[str], port: int, folder: Path) -> Iterator[None]:
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"DDB_LOCAL_TELEMETRY": "0"},
    )
    try:
        _wait_for(name, port, process)
        yield
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
