"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import botocore.session
import pytest
from hypothesis import settings

from local.iam import Call, unused
from tests import grants
from tests.examples import many
from tests.support import HOSTILE_INPUTS

os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Sendtrail")
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "tests")

settings.register_profile("tests", many())
settings.load_profile("tests")

# Each session of boto3 reads botocore's descriptions of AWS's services anew, which are the same for
# all of them.
botocore.session.create_loader = cache(botocore.session.create_loader)


LONGEST = (
    "stack/test_readme",
    "faults/test_storm",
    "faults/test_hostile_api",
    "browser/",
    "stack/test_sending",
    "stack/",
    "sam/",
    "functional/test_api",
    "functional/test_sending",
    "functional/",
    "unit/test_pipeline",
    "unit/test_rebuild",
)
"""What takes longest, in this order: it is begun first, so that no worker is left alone with it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts what takes longest first; the order within a file stays."""

    def place(item: pytest.Item) -> int:
        found = (n for n, name in enumerate(LONGEST) if item.nodeid.startswith(f"tests/{name}"))
        return next(found, len(LONGEST))

    items.sort(key=place)


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches AWS by the credentials of whoever runs it."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


@pytest.fixture(scope="session")
def client_package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The Python client, made once and unpacked from its wheel; `import sendtrail_client` finds it.

    The folder has the package, and beside it what the wheel says of itself.
    """
    from local.client import make

    folder = tmp_path_factory.mktemp("client")
    with ZipFile(make(folder / "dist", folder / "work")) as wheel:
        wheel.extractall(folder / "unpacked")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder / "unpacked")
        yield folder / "unpacked"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells what functions called; and a run of all tests fails if that is not what is
    known of them, or if they are granted what they did not call.
    """
    worker = getattr(session.config, "workeroutput", None)
    if worker is not None:
        worker["calls"] = [(who, call.action, call.resource) for who, call in grants.made]
    elif _differences(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What the functions of a worker's stacks called."""
    told = getattr(node, "workeroutput", {}).get("calls", ())
    grants.made.update((who, Call(action, resource)) for who, action, resource in told)


def _differences(config: pytest.Config) -> list[str]:
    """What a run of all tests found of what functions call, and may."""
    whole = config.args_source is not config.ArgsSource.ARGS and not config.option.keyword
    if not whole or os.environ.get("SENDTRAIL_TEST_ALL") != "1":
        return []
    idle = {
        (each.function, each.action, each.resource)
        for each in unused(grants.granted(), grants.made)
    }
    return [
        *(
            f"not in {grants.CALLS_FILE.name}: {line}"
            for line in grants.lines_of(grants.made - grants.known())
        ),
        *(
            f"granted and not used: {' '.join(each)}"
            for each in sorted(idle - grants.AGREED.keys())
        ),
        *(
            f"agreed to be unused, and used: {' '.join(each)}"
            for each in sorted(grants.AGREED.keys() - idle)
        ),
    ]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Says at the end what functions call, where it is not as known; and how much hostile input
    there was, by test.
    """
    recorded = os.environ.get("SENDTRAIL_RECORD_CALLS")
    if recorded and grants.made:
        Path(recorded).write_text("\n".join(grants.lines_of(grants.made)) + "\n", "utf-8")
    differences = _differences(terminalreporter.config)
    if differences:
        terminalreporter.section("what functions may call")
        terminalreporter.write_line("\n".join(differences))
    tried = [
        (report.nodeid.rpartition("::")[2], value)
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == HOSTILE_INPUTS and report.when == "call"
    ]
    if tried:
        terminalreporter.section("hostile inputs")
        for test, count in tried:
            terminalreporter.write_line(f"{count:>9,}  {test}")
