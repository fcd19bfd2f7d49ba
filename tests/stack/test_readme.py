"""The README's code, run in order by a new user's shell in a copy of the tree.

Blocks of `bash` are run. Those of `sh` are for an account of AWS, and are only read.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from local.template import load
from tests.support import ROOT, clean_environment, copy_of_tree, missing, works

BLOCKS: Final = re.findall(
    r"^```(\w+)\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.M | re.S
)
RUN: Final = "make run\n"
CHECK: Final = "make check\n"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree with the virtual environment in place."""
    copy = copy_of_tree(tmp_path_factory.mktemp("readme"))
    (copy / ".venv").symlink_to(sys.prefix)
    for port in (3000, 4566):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                missing(f"a free port {port}")
    return copy


@pytest.fixture(scope="module")
def running(tree: Path) -> Iterator[Path]:
    """`make run`, as the README has it, until its demo has been played."""
    # Whatever the dates of files, the virtual environment is not made anew.
    command = ["make", "--assume-old=requirements.txt", "--assume-old=pyproject.toml", "run"]
    output = tree / "run.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=tree,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 600
        while "Stop with Ctrl-C" not in output.read_text("utf-8"):
            assert process.poll() is None, output.read_text("utf-8")
            assert time.monotonic() < deadline, output.read_text("utf-8")
            time.sleep(0.5)
        assert (tree / ".local/stack.json").exists()
        yield tree
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(30)


def shell(tree: Path, script: str) -> str:
    """What a script prints; each of its commands must succeed."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tree,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def documents(text: str) -> list[Any]:
    """The JSON documents in a text, one after another."""
    found, decoder, text = [], json.JSONDecoder(), text.strip()
    while text:
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:].strip()
    return found


def test_the_readme_begins_with_the_two_commands() -> None:
    """And every block is of a kind that is run here, or is for AWS."""
    assert BLOCKS[0] == ("bash", RUN)
    assert {language for language, _ in BLOCKS} == {"bash", "sh"}
    assert all(re.search(r"^(aws|sam) ", code, re.M) for kind, code in BLOCKS if kind == "sh")
    assert "`make test`" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("code", [code for _, code in BLOCKS], ids=lambda code: code[:30])
def test_every_block_is_for_any_shell(code: str) -> None:
    """Nothing that bash alone understands; and no comments, which zsh takes for words."""
    subprocess.run(["sh", "-n"], input=code, text=True, check=True)
    assert not re.search(r"(^|\s)#", code)


def test_the_outputs_that_the_readme_names_are_the_templates() -> None:
    """Where it says what to look at in AWS, and what outlives the stack."""
    text, resources = (ROOT / "README.md").read_text("utf-8"), load()
    for name in ("ConsoleUrl", "FirstApiKeySecret", "ConfigurationSetName"):
        assert f"`{name}`" in text
        assert f"\n  {name}:\n" in (ROOT / "template.yaml").read_text("utf-8")
    said = (ROOT / "docs/operating.md").read_text("utf-8")
    (listed,) = re.findall(r"StackResources\[\?contains\(`\[(.*?)\]`", said)
    kept = {name for name, each in resources.all.items() if each.get("DeletionPolicy") == "Retain"}
    of_the_api = {name for name in kept if name.startswith("HttpApi")} - {"HttpApi"}
    assert kept - of_the_api == set(re.findall(r'"(\w+)"', listed))


def test_what_the_readme_shows_of_a_running_stack_works(running: Path) -> None:
    """Every block up to those for AWS, in one shell."""
    blocks = [code for _, code in itertools.takewhile(lambda block: block[0] == "bash", BLOCKS)]
    script = "".join(f"echo '=== block'\n{code}" for code in blocks[1:])
    outputs = shell(running, script).split("=== block\n")[2:]
    history, communications, suppressions = documents(outputs[0])
    assert len(history["items"]) == 3
    assert history["items"][0]["participant_id"] == "member-0042"
    assert communications["items"][0]["sent"] >= 100
    assert {item["reason"] for item in suppressions["items"]} == {"bounced"}
    wheel, *lines = outputs[1].splitlines()
    assert wheel.endswith(".whl")
    assert re.match(r"\d+ clicks by people: https://", lines[0])
    assert any(line.endswith(" Accepted") for line in lines)
    jane = json.loads(outputs[2])
    assert (jane["participant_id"], jane["suppression"]["reason"]) == ("jane", "bounced")
    assert outputs[3].splitlines() == [
        "merge fields: ['name']",
        "sent: 2 delivered: 1 bounced: 1",
        "bo is suppressed: bounced",
    ]
    kept, erasure = outputs[4].splitlines()
    assert {"profile", "addresses", "messages", "suppressions", "events"} <= set(kept.split())
    assert json.loads(erasure)["state"] == "asked"
    assert "st_" in outputs[5]
    assert "batchItemFailures" in outputs[6]


def test_what_the_readme_shows_of_sam_works(running: Path) -> None:
    """The block with `sam local`; after the stack was stopped, as the README says."""
    (code,) = [code for _, code in BLOCKS if "sam local" in code]
    if not works("docker", "info"):
        missing("a Docker engine")
    if not works("python3.13", "-c", ""):
        missing("a python3.13 that runs")
    if works("docker", "image", "inspect", "public.ecr.aws/lambda/python:3.13-x86_64"):
        code = code.replace("sam local invoke", "sam local invoke --skip-pull-image")
    down = ".venv/bin/python -m local down"
    shell(running, down)
    assert '{"batchItemFailures": []}' in shell(running, code)
    shell(running, down)


def test_the_blocks_that_are_left_are_targets_of_make() -> None:
    """`make check` is what `.ci/run` runs; running it here as well would say nothing new."""
    left = [code for _, code in BLOCKS[1:] if code.startswith("make")]
    assert left == [CHECK]
    assert "make --no-print-directory check" in (ROOT / ".ci/run").read_text("utf-8")
