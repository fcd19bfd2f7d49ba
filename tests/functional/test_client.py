"""The Python client as a package: what is in the wheel, its types, and what it tries again."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local.client import description, make
from sendtrail import __version__
from tests.support import ROOT, clean_environment, run_async

EXAMPLES = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "docs/client.md").read_text("utf-8"), re.M | re.S
)


class Moody(BaseHTTPRequestHandler):
    """Answers as the server's list says: a status and headers each, the last again and again."""

    server: Any

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        self.server.asked.append((self.command, self.path, time.monotonic()))
        self.server.keys.add(self.headers["Authorization"])
        answers = self.server.answers
        status, headers = answers.pop(0) if len(answers) > 1 else answers[0]
        if status == 0:
            self.close_connection = True
            return
        body = json.dumps({"template_ids": []} if status == 200 else {"message": "no"}).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _answer  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[Any]:
    """An API that answers by `answers`; `asked` has what came."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Moody) as made:
        made.answers, made.asked, made.keys = [(200, {})], [], set()  # type: ignore[attr-defined]
        threading.Thread(target=made.serve_forever, daemon=True).start()
        try:
            yield made
        finally:
            made.shutdown()


@pytest.fixture
def package(client_package: Path) -> Any:
    """The client, imported."""
    return importlib.import_module("sendtrail_client")


def connected(package: Any, server: Any, **named: Any) -> Any:
    """A client of that server."""
    return package.connect(f"http://127.0.0.1:{server.server_port}", "st_key", **named)


def test_the_wheel_is_whole(client_package: Path) -> None:
    """It is typed, has a licence, says how it is used, and is of our version."""
    assert (client_package / "sendtrail_client/py.typed").exists()
    (about,) = client_package.glob("*.dist-info")
    said = (about / "METADATA").read_text("utf-8")
    assert f"\nVersion: {__version__}\n" in said
    assert "\nLicense-Expression: Apache-2.0\n" in said
    assert EXAMPLES[0] in said
    assert (about / "licenses/LICENSE").read_text("utf-8") == (ROOT / "LICENSE").read_text("utf-8")


def test_the_same_sources_make_the_same_wheel(tmp_path: Path) -> None:
    """Byte for byte."""
    first, second = (make(tmp_path / name, tmp_path / "work").read_bytes() for name in "ab")
    assert first == second


def test_the_examples_and_the_package_are_typed(client_package: Path, tmp_path: Path) -> None:
    """By `mypy --strict`, and a program that is wrong is told so."""
    program, wrong = tmp_path / "program.py", tmp_path / "wrong.py"
    program.write_text(EXAMPLES[0], "utf-8")
    wrong.write_text(EXAMPLES[0].replace("accepted.recipients", "accepted.nothing"), "utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-incremental"]
    found = [
        subprocess.run(
            [*command, each, *more],
            env=clean_environment(MYPYPATH=str(client_package)),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        for each, more in ((program, [client_package / "sendtrail_client"]), (wrong, []))
    ]
    assert found[0].returncode == 0, found[0].stdout
    assert 'has no attribute "nothing"' in found[1].stdout


def test_all_of_it_is_imported_without_a_warning(client_package: Path) -> None:
    """Each module, by a Python that takes warnings for errors."""
    modules = [
        ".".join(path.relative_to(client_package).with_suffix("").parts)
        for path in client_package.glob("sendtrail_client/**/*.py")
    ]
    assert len(modules) > 100
    subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import {', '.join(modules)}"],
        env=clean_environment(PYTHONPATH=str(client_package)),
        check=True,
    )


def test_what_is_described_makes_good_names() -> None:
    """No schema is made of another's name, or described and not used; each route has one tag, and
    an id of its own; no parameter is null.
    """
    described = description()
    text = json.dumps(described)
    for name in described["components"]["schemas"]:
        assert re.fullmatch(r"[A-Z][A-Za-z]+", name), name
        assert f'"#/components/schemas/{name}"' in text, name
    operations = [each for methods in described["paths"].values() for each in methods.values()]
    assert len({each["operationId"] for each in operations}) == len(operations)
    assert all(len(each["tags"]) == 1 and each["summary"] for each in operations)
    parameters = [each for operation in operations for each in operation.get("parameters", ())]
    assert '"null"' not in json.dumps(parameters)


def test_a_value_that_only_a_newer_api_has_is_kept(client_package: Path) -> None:
    """As docs/upgrading.md has it: there are new values of what is one of a few words."""
    models = importlib.import_module("sendtrail_client.models")
    at = "2026-11-24T09:30:00.000Z"
    for reason in ("turn", "ses_paused", "unheard-of"):
        waiting = models.Waiting.from_dict({"reason": reason, "since": at, "until": None})
        assert waiting.reason == reason
        assert str(waiting.reason) == reason
        assert waiting.to_dict()["reason"] == reason
    assert models.Status("sent") is models.Status.SENT


def test_what_may_be_repeated_is_tried_again(package: Any, server: Any) -> None:
    """A GET, whatever failed; after as many seconds as the answer says."""
    templates = importlib.import_module("sendtrail_client.api.templates.list_templates")
    server.answers = [(503, {"Retry-After": "1"}), (0, {}), (429, {}), (200, {})]
    assert templates.sync(client=connected(package, server)).template_ids == []
    times = [at for *_, at in server.asked]
    assert len(times) == 4
    assert times[1] - times[0] >= 1
    assert server.keys == {"Bearer st_key"}


def test_it_is_tried_again_in_asyncio_too(package: Any, server: Any) -> None:
    """By the same rules."""
    templates = importlib.import_module("sendtrail_client.api.templates.list_templates")
    server.answers = [(503, {"Retry-After": "0"}), (0, {}), (200, {})]

    async def read() -> Any:
        async with connected(package, server) as client:
            return await templates.asyncio(client=client)

    assert run_async(read()).template_ids == []
    assert len(server.asked) == 3


def test_it_gives_up_after_the_last_try(package: Any, server: Any) -> None:
    """With the last answer; at once, if nothing is to be tried again."""
    templates = importlib.import_module("sendtrail_client.api.templates.list_templates")
    server.answers = [(503, {"Retry-After": "0"})]
    for retries in (2, 0):
        server.asked.clear()
        with pytest.raises(package.ApiError) as raised:
            templates.sync(client=connected(package, server, retries=retries))
        assert (raised.value.status, len(server.asked)) == (503, retries + 1)


def test_what_sends_is_tried_again_only_with_a_key(package: Any, server: Any) -> None:
    """A 503 may have sent it; a 429 is the gateway's, before anything was done."""
    messages = importlib.import_module("sendtrail_client.api.messages.send_message")
    models = importlib.import_module("sendtrail_client.models")
    body = models.MessageDraft(participant_id="jo", subject="x", text="x")
    for answer, key, asked in ((503, {"idempotency_key": "a"}, 3), (503, {}, 1), (429, {}, 3)):
        server.asked.clear()
        server.answers = [(answer, {"Retry-After": "0"})]
        with pytest.raises(package.ApiError):
            messages.sync(client=connected(package, server, retries=2), body=body, **key)
        assert len(server.asked) == asked, (answer, key)


def test_an_api_that_is_not_there_is_an_error_of_the_network(package: Any) -> None:
    """Also of what sends; nothing answers at that port."""
    import httpx

    templates = importlib.import_module("sendtrail_client.api.templates.list_templates")
    with pytest.raises(httpx.ConnectError):
        templates.sync(client=package.connect("http://127.0.0.1:1", "st_key", retries=1))
