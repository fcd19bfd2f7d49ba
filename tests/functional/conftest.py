"""Tables to test against: in moto, and in AWS's own DynamoDB Local."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from local import aws
from local.functions import free_ports
from local.iam import policies
from local.template import REGION, STACK_NAME, Resources, load
from sendtrail.aws.dynamodb import DynamoDB, from_attributes
from sendtrail.domain.events import Event
from tests import grants
from tests.functional.world import Api, World
from tests.support import ROOT, events_in, missing, undocumented

JAR = "DynamoDBLocal.jar"
IN_TREE = ROOT / ".local/npm/node_modules/amplify-dynamodb-simulator/emulator"


class Backend:
    """Everything of the template's data plane, made somewhere.

    Attributes:
        name: ``moto`` or ``dynamodb-local``.
        stack: the stack's name.
        environment: the variables that lead our own client and any SDK there.
    """

    def __init__(self, name: str, endpoints: aws.Endpoints, stack: str = STACK_NAME) -> None:
        self.name = name
        self.stack = stack
        self.endpoints = endpoints
        self.environment = endpoints.environment()
        self.resources = _resources(stack)

    def build(self) -> None:
        """Makes everything anew."""
        self.resources = _resources(self.stack)
        aws.build(self.resources, self.endpoints)

    def table(self, name: str) -> str:
        """A table's physical name."""
        return self.resources.physical[f"{name}Table", ""]

    def database(self, *, count_capacity: bool = False) -> DynamoDB:
        """A client of ours."""
        return DynamoDB(self.environment, count_capacity=count_capacity)

    def tell(self, folder: Path) -> None:
        """Writes into a folder what the local stack would say of itself there, so that operators'
        commands which are called in it work on this.
        """
        state = {
            "gateway": "http://127.0.0.1:9",
            "region": REGION,
            "aws_endpoint": self.endpoints.aws,
            "dynamodb_endpoint": self.endpoints.dynamodb,
            "parameters": dict(self.resources.parameters),
            "resources": {
                logical_id: value
                for (logical_id, attribute), value in self.resources.physical.items()
                if not attribute
            },
        }
        (folder / ".local").mkdir()
        (folder / ".local/stack.json").write_text(json.dumps(state))

    def logged(self) -> list[Event]:
        """All events in the log."""
        scan = self.endpoints.client("dynamodb").get_paginator("scan")
        pages = scan.paginate(TableName=self.table("Trails"))
        return events_in(from_attributes(item) for page in pages for item in page["Items"])

    def variables(self, function: str) -> dict[str, str]:
        """The environment of a function."""
        return dict(self.resources.functions()[function].environment) | self.environment


@contextmanager
def running(command: list[str], port: int, cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server, from when it takes connections."""
    process = subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                assert process.poll() is None, f"{command[0]} ended"
                assert time.monotonic() < deadline, f"{command[0]} does not answer"
                time.sleep(0.1)
            else:
                break
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """Moto's server."""
    with _moto() as url:
        yield url


@pytest.fixture(scope="session")
def other_moto_url() -> Iterator[str]:
    """Another, for what is in another region."""
    with _moto() as url:
        yield url


@contextmanager
def _moto() -> Iterator[str]:
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "local.aws_server", "127.0.0.1", str(port)]
    with running(command, port, ROOT):
        yield f"http://127.0.0.1:{port}"
        grants.note(f"http://127.0.0.1:{port}")


@pytest.fixture(scope="session")
def dynamodb_local_url() -> Iterator[str]:
    """AWS's DynamoDB Local."""
    folder = Path(os.environ.get("SENDTRAIL_DYNAMODB_LOCAL", IN_TREE))
    if not (folder / JAR).exists():
        missing("DynamoDB Local (`make dynamodb-local` fetches it)")
    if shutil.which("java") is None:
        missing("Java, for DynamoDB Local")
    (port,) = free_ports(1)
    # It lives for minutes: what Java's second compiler takes is not earned back.
    quick = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
    command = ["java", *quick, "-Djava.library.path=DynamoDBLocal_lib", "-jar", JAR]
    with running([*command, "-inMemory", "-sharedDb", "-port", str(port)], port, folder):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def moto_backend(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """The data plane made anew in moto."""
    return _made(Backend("moto", _endpoints(moto_url)), monkeypatch)


@pytest.fixture
def other_backend(other_moto_url: str) -> Backend:
    """Another data plane, made anew, to which the process's environment does not lead."""
    _reset(other_moto_url)
    made = Backend("moto", _endpoints(other_moto_url))
    made.build()
    return made


@pytest.fixture
def dynamodb_local_backend(
    moto_url: str, dynamodb_local_url: str, monkeypatch: pytest.MonkeyPatch
) -> Backend:
    """The data plane made anew, its tables in DynamoDB Local."""
    endpoints = _endpoints(moto_url, dynamodb_local_url)
    return _made(Backend("dynamodb-local", endpoints), monkeypatch)


@pytest.fixture(params=["moto", "dynamodb-local"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """The one, then the other."""
    made: Backend = request.getfixturevalue(f"{request.param.replace('-', '_')}_backend")
    return made


@pytest.fixture
def world(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Everything, empty; afterwards, each event that was logged has details that are documented."""
    yield World(backend, monkeypatch)
    assert undocumented(backend.logged()) == set()


@pytest.fixture
def here(backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a local stack, which is the backend; the current one."""
    backend.tell(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def api(world: World) -> Api:
    """A caller with an admin key."""
    return Api(world)


@cache
def _endpoints(*urls: str) -> aws.Endpoints:
    """Clients, made once: it takes longer than their use by most tests."""
    return aws.Endpoints(*urls)


@cache
def _template(stack: str) -> Resources:
    """The template, read and transformed once: it takes longer than most tests."""
    return load(stack=stack)


def _resources(stack: str) -> Resources:
    """The template's resources, none of which has been made yet."""
    return replace(_template(stack), physical={})


def _made(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """Builds it, and has the process's environment lead there."""
    _reset(backend.endpoints.aws)
    backend.build()
    aws.enforce(policies(backend.resources), backend.endpoints)
    for name, value in backend.environment.items():
        monkeypatch.setenv(name, value)
    return backend


def _reset(moto_url: str) -> None:
    urlopen(Request(f"{moto_url}/moto-api/reset", method="POST")).close()
