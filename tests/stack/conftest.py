"""A whole local stack, in a copy of the tree, and callers of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from local.aws import Endpoints
from tests import grants
from tests.support import clean_environment, copy_of_tree

PATIENCE = 120


class Stack:
    """A running stack.

    Attributes:
        tree: the copy of the tree that it runs in.
        state: its `.local/stack.json`.
    """

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self.state: dict[str, Any] = {}

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs `python -m local …`."""
        return self._run("local", *arguments, check=check)

    def sendtrail(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs `sendtrail …`."""
        return self._run("sendtrail_cli.main", *arguments, check=check)

    def _run(self, module: str, *arguments: str, check: bool) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.tree,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def start(self, *arguments: str) -> None:
        """Starts it, on any ports."""
        self.command("up", "--detach", "--port", "0", "--aws-port", "0", *arguments)
        self.state = json.loads((self.tree / ".local/stack.json").read_text("utf-8"))
        self.endpoints = Endpoints(self.state["aws_endpoint"], self.state["dynamodb_endpoint"])

    def stop(self) -> None:
        """Stops it."""
        grants.note(self.state["aws_endpoint"])
        self.command("down")

    def publish(self, notifications: Sequence[Any]) -> None:
        """Publishes to the topic, ten at a time."""
        sns = self.endpoints.client("sns")
        texts = [each if isinstance(each, str) else json.dumps(each) for each in notifications]
        for start in range(0, len(texts), 10):
            entries = [
                {"Id": str(number), "Message": text}
                for number, text in enumerate(texts[start : start + 10])
            ]
            answer = sns.publish_batch(
                TopicArn=self.state["topic_arn"], PublishBatchRequestEntries=entries
            )
            assert not answer["Failed"]

    def get(
        self, path: str, key: str | None = "", method: str = "GET", body: Any = None, **query: Any
    ) -> tuple[int, Any]:
        """The status and JSON of a route; with the admin key if no other is given."""
        connection = HTTPConnection(urlsplit(self.state["gateway"]).netloc, timeout=PATIENCE)
        given = {name.rstrip("_"): value for name, value in query.items() if value is not None}
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key or self.state['api_key']}"
        try:
            text = json.dumps(body) if body is not None else None
            target = path + (f"?{urlencode(given)}" if given else "")
            connection.request(method, target, body=text, headers=headers)
            response = connection.getresponse()
            content = response.read()
            return response.status, json.loads(content) if content else None
        finally:
            connection.close()

    def everything(self, path: str, **query: Any) -> list[Any]:
        """All items of a list."""
        items: list[Any] = []
        cursor = None
        while True:
            _, found = self.get(path, cursor=cursor, **query)
            items += found["items"]
            cursor = found["next_cursor"]
            if cursor is None:
                return items

    def eventually(self, what: Callable[[], Any], seconds: float = 60) -> Any:
        """What `what` returns as soon as that is something; fails after a time."""
        deadline = time.monotonic() + seconds
        while True:
            found = what()
            if found:
                return found
            assert time.monotonic() < deadline, "it did not come to pass"
            time.sleep(0.1)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with moto's DynamoDB."""
    made = Stack(copy_of_tree(tmp_path_factory.mktemp("stack")))
    made.start()
    try:
        yield made
    finally:
        made.stop()
