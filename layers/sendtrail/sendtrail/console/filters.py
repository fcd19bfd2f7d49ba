"""The filter of a list of messages, as a page's form asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from sendtrail.console.request_context import RequestContext
from sendtrail.domain.communication import Happened
from sendtrail.domain.message import Status
from sendtrail.errors import InvalidInputError
from sendtrail.language import gettext, mark
from sendtrail.reading.message_filter import MessageFilter, time_bound

__all__ = ["AskedFilter", "one_of", "read_filter"]

E = TypeVar("E", bound=StrEnum)

_MAX_KIND: Final = 64
_LABELS: Final = {
    "kind": mark("Kind"),
    "status": mark("Status"),
    "did": mark("What happened"),
    "from": "From",
    "to": "To",
}
"""Field → its label; what is said of days is in English, with their labels."""


@dataclass(frozen=True, slots=True)
class AskedFilter:
    """A filter as it was asked for.

    Attributes:
        wanted: what of it is valid.
        given: field → what was typed; None where nothing was.
        faults: field → what is wrong with it.
    """

    wanted: MessageFilter
    given: Mapping[str, str | None]
    faults: Mapping[str, str]


def read_filter(context: RequestContext) -> AskedFilter:
    """The filter in a page's query, with everything that is wrong with it."""
    given = {name: context.query.get(name, "").strip() or None for name in _LABELS}
    faults: dict[str, str] = {}

    def read(name: str, parse: Callable[[str], Any]) -> Any:
        value = given[name]
        try:
            return parse(value) if value else None
        except InvalidInputError as error:
            faults[name] = str(error).replace(f"{name}:", f"{gettext(_LABELS[name])}:", 1)
            return None

    wanted = MessageFilter(
        status=read("status", lambda value: one_of(value, "status", Status)),
        did=read("did", lambda value: one_of(value, "did", Happened)),
        kind=read("kind", _kind),
        since=read("from", lambda value: time_bound(value, "from", end=False)),
        until=read("to", lambda value: time_bound(value, "to", end=True)),
    )
    if wanted.since and wanted.until and wanted.since > wanted.until:
        faults["to"] = gettext("To: it is before From")
    return AskedFilter(wanted, given, faults)


def one_of(value: str, name: str, kind: type[E]) -> E:
    """What a value chooses.

    Raises:
        InvalidInputError: there is no such thing.
    """
    try:
        return kind(value)
    except ValueError:
        said = gettext("%(field)s: %(given)s is none; there are %(all)s")
        said %= {"field": name, "given": f"{value!r:.60}", "all": ", ".join(kind)}
        raise InvalidInputError(said) from None


def _kind(value: str) -> str:
    if len(value) > _MAX_KIND:
        said = gettext("%(field)s: at most %(most)s characters")
        raise InvalidInputError(said % {"field": "kind", "most": _MAX_KIND})
    return value
