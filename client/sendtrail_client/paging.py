"""Lists from their beginning to their end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Protocol, TypeVar

__all__ = ["apages", "pages"]

T = TypeVar("T")


class _Page(Protocol[T]):
    """A part of a list, as any route answers one."""

    items: list[T]
    next_cursor: str | None


def pages(operation: Callable[..., _Page[T]], *given: Any, **named: Any) -> Iterator[T]:
    """The items of a list, each in turn; the next part is asked for when it is needed.

        for message in pages(list_messages.sync, "member-0042", client=client): …

    Args:
        operation: `sync` of a route that answers `items` and `next_cursor`.
        given, named: what it takes, without `cursor`. `limit` is of each part.

    Raises:
        ApiError: as the operation does.
    """
    page = operation(*given, **named)
    yield from page.items
    while page.next_cursor is not None:
        page = operation(*given, **named, cursor=page.next_cursor)
        yield from page.items


async def apages(
    operation: Callable[..., Awaitable[_Page[T]]], *given: Any, **named: Any
) -> AsyncIterator[T]:
    """As `pages`, of a route's `asyncio`."""
    page = await operation(*given, **named)
    for item in page.items:
        yield item
    while page.next_cursor is not None:
        page = await operation(*given, **named, cursor=page.next_cursor)
        for item in page.items:
            yield item
