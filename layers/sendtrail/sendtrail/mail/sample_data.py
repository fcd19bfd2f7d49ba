"""Sample data: what a template may be looked at with, made up of how it uses its fields.

A field is a text that says its own name, unless what the template does to it needs a number, a
date, a list or an object. Whoever writes the template knows better values, and can give them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from sendtrail.mail.dialect import FILTERS, MEMBER, Use

__all__ = ["sample_data"]

_DAY: Final = "2027-05-31T18:30"
_MAX_USES: Final = 2_000
_MAX_DEPTH: Final = 8
_NUMBERS: Final = FILTERS & {
    *("abs", "at_least", "at_most", "ceil", "divided_by", "floor", "minus", "modulo", "plus"),
    *("round", "times"),
}


@dataclass(slots=True)
class _Shape:
    """What a value has to be: its keys, or its members, or what is done to it."""

    keys: dict[str, _Shape] = field(default_factory=dict)
    filters: set[str] = field(default_factory=set)


def sample_data(uses: Iterable[Use]) -> dict[str, Any]:
    """Data by which every use has something to work with."""
    root = _Shape()
    for number, use in enumerate(uses):
        if number == _MAX_USES:
            break
        shape = root
        for key in use.path[:_MAX_DEPTH]:
            shape = shape.keys.setdefault(key, _Shape())
        shape.filters.update(use.filters)
    return {name: _value(name, shape) for name, shape in root.keys.items()}


def _value(name: str, shape: _Shape) -> Any:
    if MEMBER in shape.keys:
        return [_value(name, shape.keys[MEMBER])]
    if shape.keys:
        return {key: _value(key, each) for key, each in shape.keys.items()}
    if "sum" in shape.filters or shape.filters & _NUMBERS:
        return 1
    return _DAY if "date" in shape.filters else name.replace("_", " ")
