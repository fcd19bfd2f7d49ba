"""The rule that old and new code run beside each other: while a release is deployed, and after it is
taken back. The functions of the last release (the last tag, or the last commit if there is none)
run on rows, jobs, tokens and plans of this one's, and this one's on theirs.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import aws
from local.functions import FunctionProcess
from local.iam import policies
from local.notifications import Mail
from local.template import load
from tests.functional.conftest import Backend
from tests.functional.sending import NEWS, Post, outbox, people
from tests.functional.world import Api, Context, World
from tests.support import ROOT, load_event

SIMULATOR = "success@simulator.amazonses.com"


class Release(World):
    """The functions of a tree, each in a process of its own, on a backend that another may use."""

    def __init__(self, backend: Backend, monkeypatch: pytest.MonkeyPatch, tree: Path) -> None:
        super().__init__(backend, monkeypatch)
        resources = load(root=tree)
        resources.physical |= backend.resources.physical
        self.policies = policies(resources)
        self._processes = {
            name.removesuffix("Function").lower(): FunctionProcess(
                function,
                backend.environment | {"EPOCH_CACHE_SECONDS": "0", "SEND_RATE": "400"},
                tree / f"{name}.log",
                layer=tree / "layers/sendtrail",
            )
            for name, function in resources.functions().items()
        }

    def call(self, function: str, event: dict[str, Any], _context: Any = Context) -> Any:
        """Calls a function as Lambda does."""
        answer = json.loads(self._processes[function].invoke(json.dumps(event).encode()) or "null")
        assert not (isinstance(answer, dict) and "errorType" in answer), answer
        return answer

    def stop(self) -> None:
        """Ends the processes."""
        for process in self._processes.values():
            process.stop()


def git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Runs git in the tree."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)


@pytest.fixture(scope="module")
def last(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of the last release."""
    found = git("describe", "--tags", "--abbrev=0", "--match", "v*")
    name = found.stdout.decode().strip() or "HEAD"
    archive = git("archive", name, "template.yaml", "functions", "layers")
    if archive.returncode:
        pytest.skip("the tree has no history: it is no clone")
    tree = tmp_path_factory.mktemp("release")
    subprocess.run(["tar", "-x"], cwd=tree, input=archive.stdout, check=True)
    return tree


@pytest.fixture
def releases(
    moto_backend: Backend, monkeypatch: pytest.MonkeyPatch, last: Path, tmp_path: Path
) -> Iterator[dict[str, Release]]:
    """This one and the last, each by its own policies."""
    this = tmp_path / "this"
    this.mkdir()
    for name in ("template.yaml", "functions", "layers"):
        (this / name).symlink_to(ROOT / name)
    made = {"this": Release(moto_backend, monkeypatch, this)}
    made["last"] = Release(moto_backend, monkeypatch, last)
    granted = {each for release in made.values() for each in release.policies}
    aws.enforce(sorted(granted), moto_backend.endpoints)
    yield made
    for release in made.values():
        release.stop()


def agrees(one: Any, other: Any) -> bool:
    """Whether two answers say the same, where both say something: a release may add fields."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(agrees(one[name], other[name]) for name in one.keys() & other.keys())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(agrees, one, other))
    return bool(one == other)


@pytest.mark.parametrize(("writer", "reader"), [("last", "this"), ("this", "last")])
def test_each_reads_and_goes_on_with_what_the_other_wrote(
    releases: dict[str, Release], writer: str, reader: str
) -> None:
    """Events, figures, templates, plans, jobs, links and choices; and both show the same."""
    old, new = releases[writer], releases[reader]
    mail = Mail("ses-1", "2026-11-20T09:30:00.000Z", ["ann@example.com"])
    old.ingest([mail.send()])
    new.ingest([mail.send(), mail.delivery("2026-11-20T09:30:05.000Z")])
    assert Api(old)("/v1/templates/news", "PUT", NEWS)["statusCode"] == 200
    said = Post(old).send(recipients=people(SIMULATOR), template_id="news")
    Post(new).run()
    Post(old).api("/v1/suppressions/bob@example.com", "PUT", {"note": "asked"})
    (sent,) = outbox(new)
    link, unsubscribe = (
        sent["html"].partition(f"/{kind}/")[2].partition('"')[0] for kind in ("c", "u")
    )
    for release in (old, new):
        click = load_event("http-click")
        click["pathParameters"]["token"] = link
        assert release.call("track", click)["statusCode"] == 302
    choice = load_event("http-preferences-one-click")
    choice["pathParameters"]["token"] = unsubscribe
    assert old.call("preferences", choice)["statusCode"] == 200
    new.fold()
    old.fold()  # what was projected is delivered again
    for path in (
        f"/v1/communications/{said['communication_id']}",
        "/v1/participants/p0",
        "/v1/participants/p0/messages",
        "/v1/suppressions",
        "/v1/templates/news",
    ):
        one, other = (Api(release)(path) for release in (old, new))
        assert (one["statusCode"], other["statusCode"]) == (200, 200), path
        assert agrees(one["json"], other["json"]), (one["json"], other["json"])
    figures = Api(new)(f"/v1/communications/{said['communication_id']}")["json"]
    assert (figures["sent"], figures["delivered"], figures["unsubscribed"]) == (1, 1, 1)
    assert figures["clicks"] == 1
