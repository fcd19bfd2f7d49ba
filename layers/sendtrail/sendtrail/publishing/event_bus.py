"""The event bus: notices as entries of EventBridge.

An entry's source is ``sendtrail``, its detail type the event's name, and its detail what a webhook
that gets events whole is sent, with the notice's ``id``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from sendtrail.aws.eventbridge import EventBridge
from sendtrail.domain.times import epoch_ms
from sendtrail.errors import AwsError
from sendtrail.publishing.jobs import Outgoing

__all__ = ["SOURCE", "EventBus"]

SOURCE: Final = "sendtrail"
_MAX_ENTRIES: Final = 10
_MAX_BYTES: Final = 250_000
"""Of a request's entries: EventBridge takes 256 KiB in every region."""


class EventBus:
    """Puts notices on a bus."""

    def __init__(self, client: EventBridge, name: str) -> None:
        self._client = client
        self._name = name

    def put(self, events: Iterable[Outgoing]) -> list[tuple[Outgoing, str]]:
        """Puts events, ten to a request.

        Returns:
            those that the bus did not take, or may not have, each with the error's code.
        """
        left: list[tuple[Outgoing, str]] = []
        for batch in _batches(events):
            try:
                answers = self._client.put([self._entry(event) for event in batch])
            except AwsError as error:
                left += [(event, error.code) for event in batch]
            else:
                left += [(event, why) for event, why in zip(batch, answers, strict=True) if why]
        return left

    def _entry(self, event: Outgoing) -> dict[str, Any]:
        detail = {"id": event.id, **json.loads(event.body)}
        return {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": event.type,
            "Time": epoch_ms(event.at) // 1000,
            "Detail": json.dumps(detail, separators=(",", ":"), ensure_ascii=False),
        }


def _batches(events: Iterable[Outgoing]) -> Iterator[Sequence[Outgoing]]:
    batch: list[Outgoing] = []
    size = 0
    for event in events:
        length = len(event.body.encode()) + len(event.id) + len(event.type) + 100
        if batch and (len(batch) == _MAX_ENTRIES or size + length > _MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += length
    if batch:
        yield batch
