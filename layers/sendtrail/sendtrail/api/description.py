"""The OpenAPI description as it is served: what Powertools writes, made right for its readers."""

from __future__ import annotations

import json
import re
from typing import Any, Final

__all__ = ["served"]

_PAGE: Final = re.compile(r"\bPage_(\w+?)_\b")
_UNUSED: Final = ("HTTPValidationError", "ResponseValidationError", "ValidationError")
"""Powertools' own answer to what is not valid, which is described and never given."""


def served(text: str) -> dict[str, Any]:
    """The description to serve.

    Parts of lists are named as their models are (`MessagePage`), and a parameter is left out or
    given, but never null: clients are made of this.

    Args:
        text: Powertools' JSON.
    """
    described: dict[str, Any] = json.loads(_PAGE.sub(r"\1Page", text))
    described["servers"] = [{"url": "/"}]
    for name in _UNUSED:
        described["components"]["schemas"].pop(name, None)
    for methods in described["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                parameter["schema"] = _never_null(parameter["schema"])
    return described


def _never_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter without the alternative `null`."""
    kinds: list[dict[str, Any]] = [
        each for each in schema.get("anyOf", ()) if each.get("type") != "null"
    ]
    if len(kinds) != 1:
        return schema
    (kind,) = kinds
    without = {"anyOf", "title"} if "$ref" in kind else {"anyOf"}
    return {name: value for name, value in schema.items() if name not in without} | kind
