"""An export read back: the items of the log, and of the suppressions, that it was made of.

What the last run left unfinished is not read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sendtrail.log.items import EVENT_PREFIX
from sendtrail_cli.exporting.manifest import Manifest
from sendtrail_cli.exporting.part_files import read
from sendtrail_cli.exporting.places import Place
from sendtrail_cli.exporting.schema import Dataset

__all__ = ["records", "suppressions"]

Item = dict[str, Any]


def records(place: Place, manifest: Manifest) -> Iterator[Item]:
    """The items of the log: message by message's row, and each event that is an item of its own.

    They have ``trail`` and ``entry``; and ``events``, the elements of a message's row, or
    ``event``, and the ``participant_id`` of an event whose key does not end with it.

    Raises:
        ConfigurationError, ValueError, KeyError: as `read`.
    """
    columns = ["participant_id", "message_id", "log"]
    for row in _rows(place, manifest, Dataset.MESSAGES, columns):
        events = frozenset(row["log"] or ())
        yield {"trail": row["participant_id"], "entry": row["message_id"], "events": events}
    columns = ["participant_id", "trail", "entry", "log"]
    for row in _rows(place, manifest, Dataset.EVENTS, columns):
        if row["log"] is not None:
            yield _event_item(row)


def _event_item(row: Item) -> Item:
    item = {"trail": row["trail"], "entry": row["entry"], "event": row["log"]}
    slotted = row["trail"].startswith("message:") and not row["entry"].startswith(EVENT_PREFIX)
    if row["participant_id"] and not slotted:
        item["participant_id"] = row["participant_id"]
    return item


def suppressions(place: Place, manifest: Manifest) -> Iterator[Item]:
    """The items of the table of suppressions."""
    columns = ("address", "lifted_at", "evidence", "soft")
    for row in _rows(place, manifest, Dataset.SUPPRESSIONS, columns):
        item: Item = {"address": row["address"], "evidence": json.loads(row["evidence"])}
        if row["lifted_at"]:
            item["lifted_at"] = row["lifted_at"]
        if row["soft"]:
            item["soft"] = json.loads(row["soft"])
        yield item


def _rows(
    place: Place, manifest: Manifest, dataset: Dataset, columns: Sequence[str]
) -> Iterator[Item]:
    for _, partition in sorted(manifest.partitions.items()):
        written = partition.datasets.get(dataset.value) if partition.digest else None
        for name in written.files if written else ():
            with place.file(name) as file:
                yield from read(file, dataset, columns)
