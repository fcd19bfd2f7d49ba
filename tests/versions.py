"""The encoding of elements by a later version than this one, as far as tests need it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sendtrail.log import elements, items

__all__ = ["LATER", "later_version_is_known", "written_by"]

LATER = elements.VERSION + 1


def _spaced(facts: Mapping[str, Any]) -> str:
    """Facts as the later version writes them: otherwise, and to be read in the same way."""
    return json.dumps(dict(reversed(list(facts.items()))), indent=1)


@contextmanager
def later_version_is_known() -> Iterator[None]:
    """All readers know both versions."""
    with patch.object(elements, "VERSION", LATER), patch.object(items, "VERSION", LATER):
        yield


@contextmanager
def written_by(version: int) -> Iterator[None]:
    """What is encoded meanwhile is encoded by that version."""
    encoding = _spaced if version == LATER else elements._json
    with (
        patch.object(elements, "VERSION", version),
        patch.object(items, "VERSION", version),
        patch.object(elements, "_json", encoding),
    ):
        yield
