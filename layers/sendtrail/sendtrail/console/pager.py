"""Pages of a list, there and back.

Lists go on from a place, and only forward. So a page's link carries, signed, its own place and
those of the pages before it; the way back is as cheap as the way there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from sendtrail.auth.tokens import Cursors
from sendtrail.console.request_context import RequestContext

__all__ = ["AT", "Pager"]

AT: Final = "at"
_MAX_BACK: Final = 30
"""How many pages back are remembered; before those, there is the first page."""
_MAX_LENGTH: Final = 6_000


@dataclass(frozen=True, slots=True)
class Pager:
    """One page's place in a list.

    Attributes:
        place: where this page begins; None for the first.
    """

    context: RequestContext
    cursors: Cursors
    list_name: tuple[object, ...]
    place: Any
    before: list[Any]

    @classmethod
    def of(cls, context: RequestContext, cursors: Cursors, *list_name: object) -> Pager:
        """The place that the request asks for.

        Raises:
            InvalidCursorError: it is none of ours, or of another list.
        """
        name = ("console", *list_name)
        found = cursors.read(context.query_value(AT, max_length=_MAX_LENGTH), *name)
        place, before = found or (None, [])
        return cls(context, cursors, name, place, before)

    @property
    def is_first(self) -> bool:
        """Whether the list begins here."""
        return self.place is None

    def here(self, **more: str) -> str:
        """The link to this page, with other parameters."""
        return self._link(self.place, self.before, more)

    def first(self) -> str:
        """The link to the list's beginning."""
        return self._link(None, [], {})

    def previous(self) -> str | None:
        """The link to the page before; None on the first."""
        if self.is_first:
            return None
        *before, place = self.before or [None]
        return self._link(place, before, {})

    def following(self, place: Any) -> str | None:
        """The link to the page that begins at `place`; None at the end."""
        if place is None:
            return None
        return self._link(place, [*self.before, self.place][-_MAX_BACK:], {})

    def api_cursor(self) -> str | None:
        """The cursor by which the API gives the same page of the same list; None for the first."""
        return self.cursors.write(self.place, *self.list_name[1:])

    def _link(self, place: Any, before: list[Any], more: dict[str, str]) -> str:
        kept = {name: value for name, value in self.context.query.items() if name in _KEPT}
        if place is not None:
            kept[AT] = self.cursors.write([place, before], *self.list_name) or ""
        query = urlencode(kept | more)
        return self.context.path + (f"?{query}" if query else "")


_KEPT: Final = (
    "name",
    "kind",
    "month",
    "status",
    "did",
    "from",
    "to",
    "q",
    "which",
    "order",
    "reason",
    "day",
    "state",
    "by",
)
"""The parameters that say which list it is."""
