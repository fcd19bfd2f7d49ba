"""Recovery: events that could be kept nowhere but in a line of a function's log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sendtrail.errors import RejectedRecordError
from sendtrail.log.fallback import UNSAVED
from sendtrail.log.serialization import deserialize

__all__ = ["unsaved"]


def unsaved(lines: Iterable[str]) -> Iterator[str]:
    """The events in lines of a log, as they go into the ingest queue.

    Args:
        lines: as a function wrote them, alone or behind a time, as CloudWatch exports them to S3;
            or of the answer of ``aws logs filter-log-events``, of which each event is on lines of
            its own.
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
    """The line's JSON object; of a line ``"message": "<JSON>"``, the one in the text."""
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
