"""The sample events: each file of `events/` is taken by the function that it is for."""

from __future__ import annotations

from typing import Any

import pytest

from sendtrail.errors import NotFoundError
from tests.functional.conftest import Backend
from tests.functional.world import World
from tests.support import ROOT, load_event

SAMPLES = sorted(path.stem for path in (ROOT / "events").glob("*.json"))

FUNCTIONS = {
    "authorizer-request": "authorize",
    "deliver-jobs": "deliver",
    "dispatch-jobs": "dispatch",
    "erase-": "erase",
    "http-click": "track",
    "http-console": "console",
    "http-openapi": "api",
    "http-open": "track",
    "http-preferences": "preferences",
    "http-preferences-one-click": "preferences",
    "http-": "api",
    "schedule-sweep": "sweep",
    "stream-": "project",
    "sweep-": "sweep",
    "": "ingest",
}
"""How a sample's name begins → the function that it is for; the first that fits."""

MISSING = {"erase-goes-on"}
"""What is of something that is not there, which its function says by an error."""
REFUSED = {"dispatch-jobs", "sqs-batch-with-one-poison-record"}
"""What is taken and given back: a plan that is not there, and a record that is no event."""

STATUSES = {
    "http-click": 404,  # its token is not signed by any key
    "http-communication": 404,
    "http-console": 303,  # to the sign-in page: its cookie is not signed by any key
    "http-preferences": 404,
    "http-preferences-one-click": 404,
    "http-send-communication": 202,
}


def test_every_sample_is_taken_by_its_function(
    moto_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And answered as its kind of event is."""
    world = World(moto_backend, monkeypatch)
    for name in SAMPLES:
        function = next(each for start, each in FUNCTIONS.items() if name.startswith(start))
        if name in MISSING:
            with pytest.raises(NotFoundError):
                world.call(function, load_event(name))
            continue
        answer: Any = world.call(function, load_event(name)) or {}
        failures = answer.get("batchItemFailures", [])
        assert bool(failures) == (name in REFUSED), name
        if name.startswith("stream-"):  # which has another reader
            assert world.call("publish", load_event(name)) == answer
        if name.startswith("http-"):
            assert answer["statusCode"] == STATUSES.get(name, 200), name
