"""Recovery: events that the write fallback left in a line of a function's log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sendtrail.errors import RejectedRecordError
from sendtrail.log.fallback import UNSAVED
from sendtrail.log.serialization import deserialize

__all__ = ["unsaved"]


def unsaved(lines: Iterable[str]) -> Iterator[str]:
    """The serialized events in lines of a log, ready for the ingest queue; others are skipped.

    Args:
        lines: as the function wrote them; with a timestamp in front, as CloudWatch exports them to
            S3; or of the output of ``aws logs filter-log-events``.
    """
    for line in lines:
        if UNSAVED not in line:
            continue
        text = _event(_decoded(line))
        if text is None:
            continue
        try:
            deserialize(text)
        except RejectedRecordError:
            continue
        yield text


def _event(entry: Any) -> str | None:
    if not isinstance(entry, dict) or entry.get("message") != UNSAVED:
        return None
    text = entry.get("event")
    return text if isinstance(text, str) else None


def _decoded(line: str) -> Any:
    """The JSON object in a line; in a line ``"message": "<JSON>"``, that in the string."""
    beginning = line.find("{")
    if line.lstrip().startswith('"message":'):
        value = line.split(":", 1)[1].strip().rstrip(",")
        line, beginning = str(_json(value) or ""), 0
    return _json(line[beginning:].strip()) if beginning >= 0 else None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
