"""DynamoDB's expressions, each text compiled once: by itself it measures nothing.

moto has a parser of them, but bound to its own items and to the values of one request: with moto's
tables it does some 600 updates a second here, too few. These become Python's own expressions.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

Value = dict[str, Any]
"""An attribute's value in DynamoDB's JSON: ``{"S": "text"}``."""
Item = dict[str, Value]
Test = Callable[[Item, Mapping[str, str], Mapping[str, Value]], bool]
Change = Callable[[Item, Mapping[str, str], Mapping[str, Value]], Item]

_BETWEEN: Final = re.compile(r"([#:.\w]+) BETWEEN ([#:.\w]+) AND ([#:.\w]+)", re.I)
_TOKEN: Final = re.compile(r"[#:]?\w+(?:\.#?\w+)*|<>|<=|>=|[=<>]|\S")
_CLAUSE: Final = re.compile(r"\b(SET|REMOVE|ADD|DELETE)\s")
_COMMA: Final = re.compile(r",(?![^(]*\))")
_WORDS: Final = {"<>": "!=", "=": "==", "AND": "and", "OR": "or", "NOT": "not"}
_FUNCTIONS: Final[dict[str, Any]] = {
    "attribute_exists": lambda one: one.value is not None,
    "attribute_not_exists": lambda one: one.value is None,
    "begins_with": lambda one, start: str(one.sortable or "").startswith(start.sortable),
    "contains": lambda one, part: part.sortable in (one.sortable or ()),
    "if_not_exists": lambda one, other: other if one.value is None else one,
    "size": lambda one: Operand({"N": str(len(one.sortable))}),
}


def sortable(value: Value) -> Any:
    """What a value is compared by."""
    ((kind, content),) = value.items()
    return Decimal(content) if kind == "N" else frozenset(content) if kind == "SS" else content


class Operand:
    """A value in an expression, or the lack of one, which compares to nothing."""

    def __init__(self, value: Value | None) -> None:
        self.value = value
        self.sortable: Any = None if value is None else sortable(value)

    def __eq__(self, other: object) -> bool:
        return self._compared(other, operator.eq)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: object) -> bool:
        return self._compared(other, operator.lt)

    def __le__(self, other: object) -> bool:
        return self._compared(other, operator.le)

    def __add__(self, other: Operand) -> Operand:
        return Operand(number(self.sortable + other.sortable))

    def __sub__(self, other: Operand) -> Operand:
        return Operand(number(self.sortable - other.sortable))

    __hash__ = None  # type: ignore[assignment]

    def _compared(self, other: object, compare: Callable[[Any, Any], bool]) -> bool:
        if not isinstance(other, Operand) or self.value is None or other.value is None:
            return False
        return self.value.keys() == other.value.keys() and compare(self.sortable, other.sortable)


def number(value: Decimal) -> Value:
    """A number in DynamoDB's JSON."""
    return {"N": f"{value:f}"}


@lru_cache(maxsize=1000)
def condition(text: str) -> Test:
    """What a condition, a filter or a key condition says of an item."""
    test: Test = _compiled(_BETWEEN.sub(r"(\2 <= \1 AND \1 <= \3)", text))
    return test


@lru_cache(maxsize=1000)
def update(text: str) -> Change:
    """What an update expression makes of an item."""
    _, *parts = _CLAUSE.split(text)
    steps = [
        (clause, *_step(clause, action.strip()))
        for clause, actions in zip(parts[::2], parts[1::2], strict=True)
        for action in _COMMA.split(actions)
    ]

    def change(old: Item, names: Mapping[str, str], values: Mapping[str, Value]) -> Item:
        new = dict(old)
        for clause, path, operand in steps:
            given = operand(old, names, values)
            _place(new, list(_named(path, names)), _changed(clause, _at(old, path, names), given))
        return new

    return change


def _step(clause: str, action: str) -> tuple[str, Any]:
    """The path and the operand of an action."""
    path, _, operand = action.partition("=" if clause == "SET" else " ")
    return path.strip(), _compiled(operand.strip() or path)


def _changed(clause: str, now: Value | None, given: Operand) -> Value | None:
    """What stands at a path after an action."""
    if clause == "SET":
        if given.value is None:
            raise KeyError("an attribute that is not there")
        return given.value
    if clause == "REMOVE" or given.value is None:
        return None
    ((kind, content),) = given.value.items()
    if kind == "N":
        return number(Decimal((now or {"N": "0"})["N"]) + Decimal(content))
    known = set((now or {}).get(kind, ()))
    left = sorted(known | set(content) if clause == "ADD" else known - set(content))
    return {kind: left} if left else None


def _compiled(text: str) -> Any:
    """A function of an item, names and values, for an expression."""
    code = compile(" ".join(map(_word, _TOKEN.findall(text))), "expression", "eval")

    def evaluate(item: Item, names: Mapping[str, str], values: Mapping[str, Value]) -> Any:
        known = {
            "value": lambda name: Operand(values[name]),
            "at": lambda path: Operand(_at(item, path, names)),
        }
        return eval(code, {**_FUNCTIONS, **known, "__builtins__": {}})  # noqa: S307 -- of words

    return evaluate


def _word(token: str) -> str:
    """A token as Python writes it."""
    if token.upper() in _WORDS:
        return _WORDS[token.upper()]
    if token in _FUNCTIONS or not (token[0] in "#:" or token[0].isidentifier()):
        return token
    return f"value({token!r})" if token.startswith(":") else f"at({token!r})"


def _named(path: str, names: Mapping[str, str]) -> Iterator[str]:
    return (names.get(part, part) for part in path.split("."))


def _at(item: Item, path: str, names: Mapping[str, str]) -> Value | None:
    found: Any = {"M": item}
    for name in _named(path, names):
        found = (found or {}).get("M", {}).get(name)
    return found  # type: ignore[no-any-return]


def _place(item: Item, path: list[str], value: Value | None) -> None:
    """Puts a value at a path, or takes it away; what is on the way is copied, not changed."""
    first, *rest = path
    if rest:
        inner = dict(item[first]["M"])
        _place(inner, rest, value)
        item[first] = {"M": inner}
    elif value is None:
        item.pop(first, None)
    else:
        item[first] = value
