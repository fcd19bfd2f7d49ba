"""Scans of whole tables, in segments that are read at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from sendtrail.aws.dynamodb import from_attributes
from sendtrail.aws.service import RetryPolicy
from sendtrail_cli.progress import progress_bar

__all__ = ["PATIENT", "Page", "scan"]

Page = list[dict[str, Any]]

PATIENT: Final = RetryPolicy(attempts=20)
"""For what is written meanwhile: half a minute or so. Nobody waits for an answer, and to begin
again would cost more."""

_SEGMENTS: Final = 8
"""Into how many segments a table is cut, which are scanned at the same time."""


def scan(
    client: Any,
    table: str,
    apply: Callable[[Page], None],
    *,
    consistent: bool = True,
    spent: Callable[[float], None] | None = None,
) -> None:
    """Applies all items of a table, page by page, its segments at the same time. If a page fails,
    or somebody interrupts, no further pages are read.

    Args:
        client: a boto3 client of DynamoDB.
        apply: takes a page; called by several threads.
        consistent: whether to read strongly consistently, which costs twice as much.
        spent: is told how many read units a page has cost; called by several threads.
    """
    stopping = threading.Event()
    total = client.describe_table(TableName=table)["Table"]["ItemCount"]  # of some hours ago
    with progress_bar(table, total) as advance:

        def take(segment: int) -> None:
            try:
                for page, units in _pages(client, table, segment, consistent=consistent):
                    if stopping.is_set():
                        return
                    if spent:
                        spent(units)
                    apply(page)
                    advance(len(page))
            except BaseException:
                stopping.set()
                raise

        with ThreadPoolExecutor(max_workers=_SEGMENTS) as workers:
            try:
                list(workers.map(take, range(_SEGMENTS)))
            except BaseException:
                stopping.set()
                raise


def _pages(
    client: Any, table: str, segment: int, *, consistent: bool
) -> Iterator[tuple[Page, float]]:
    """The items of one segment of a table, page by page, and how many read units each has cost."""
    pages = client.get_paginator("scan").paginate(
        TableName=table,
        Segment=segment,
        TotalSegments=_SEGMENTS,
        ConsistentRead=consistent,
        ReturnConsumedCapacity="TOTAL",
    )
    for page in pages:
        units = page.get("ConsumedCapacity", {}).get("CapacityUnits", 0)
        yield [from_attributes(item) for item in page["Items"]], float(units)
