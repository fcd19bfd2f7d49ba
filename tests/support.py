"""Helpers for tests: loading things of the tree, and saying what is missing."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NoReturn, TypeVar

import pytest

from sendtrail.domain.clients import as_kept
from sendtrail.domain.event_details import BY_OURSELVES, BY_SES
from sendtrail.domain.events import Event, Source
from sendtrail.intake.parser import events_of
from sendtrail.log.items import TrailRow, event_from_item, is_message_row

__all__ = [
    "HOSTILE_INPUTS",
    "ROOT",
    "clean_environment",
    "copy_of_tree",
    "events_in",
    "ingested",
    "load_event",
    "load_function",
    "missing",
    "run_async",
    "undocumented",
    "works",
]

T = TypeVar("T")

ROOT: Final = Path(__file__).resolve().parent.parent
HOSTILE_INPUTS: Final = "hostile_inputs"
"""The property under which a test records how much hostile input it tried."""


def ingested(notification: Mapping[str, Any]) -> list[Event]:
    """The events of a notification, as ingest keeps them where addresses are shortened."""
    return [as_kept(event, whole=False) for event in events_of(notification)]


def load_event(name: str) -> dict[str, Any]:
    """A sample event of `events/`, by its name without the ending."""
    content: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text("utf-8"))
    return content


def load_function(name: str) -> ModuleType:
    """A function's `app.py`, loaded anew under a name of its own."""
    path = ROOT / "functions" / name / "app.py"
    spec = importlib.util.spec_from_file_location(f"function_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def missing(what: str) -> NoReturn:
    """Skips a test for what this machine lacks; fails it where nothing may be lacking."""
    if os.environ.get("SENDTRAIL_TEST_ALL") == "1":
        pytest.fail(f"SENDTRAIL_TEST_ALL is set, and this machine lacks {what}")
    pytest.skip(f"this machine lacks {what}")


def undocumented(events: Iterable[Event]) -> set[str]:
    """Details of events that no table of docs/events.md has, as ``source Type.detail``."""
    tables = {Source.SES: BY_SES, Source.OWN: BY_OURSELVES}
    return {
        f"{event.source} {event.type}.{name}"
        for event in events
        for name in event.detail
        if name not in tables[event.source].get(event.type, {})
    }


def events_in(items: Iterable[Mapping[str, Any]]) -> list[Event]:
    """The events in items of the log, those in messages' rows among them."""
    found: list[Event] = []
    for item in items:
        if not is_message_row(item):
            found += [event_from_item(item)] if "event" in item else []
        else:
            found += TrailRow.of_item(item).decoded()[1]
    return found


def copy_of_tree(to: Path) -> Path:
    """A copy of the tree, without what was made in it."""
    copy = to / "tree"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "node_modules"))
    return copy


def clean_environment(**more: str) -> dict[str, str]:
    """Variables for a command: nothing of the caller's AWS account, and this Python's tools."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "SAM_CLI_TELEMETRY": "0",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        **more,
    }


def works(*command: str) -> bool:
    """Whether a command is there and succeeds; it may have to download something."""
    try:
        done = subprocess.run(
            command, env=clean_environment(), capture_output=True, timeout=600, check=False
        )
    except OSError:
        return False
    return done.returncode == 0


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end, in a thread of its own: where Playwright has been at work, this
    one has a loop already.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
