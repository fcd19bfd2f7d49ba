"""Replay: what happened in a span of time, sent to one endpoint again.

The log has no index by time, and an old message's row can have an event of today. So the whole log
is read, page by page: a gigabyte of it is 250,000 read units, some four cents. Each step
queues what it found and then itself, as far behind as the events take that it found, so that live
ones are not kept waiting. Whoever is being erased, and is there still, is left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.events import Event
from sendtrail.domain.ids import is_message_id, sent_time
from sendtrail.domain.webhooks import Endpoint, names_of
from sendtrail.log.erasures import Erasures
from sendtrail.log.items import TrailRow
from sendtrail.publishing.changes import image_of
from sendtrail.publishing.jobs import JobQueue, ReplayJob, in_jobs
from sendtrail.publishing.notices import notices_of
from sendtrail.publishing.verdicts import Verdicts

__all__ = ["Replay"]

Item = dict[str, Any]

_PAGE: Final = 500
_MAX_PAGES: Final = 20
_MAX_EVENTS: Final = 400
_SECONDS: Final = 15.0
_PER_SECOND: Final = 40
"""How many events a replay queues in a second, about."""


class Replay:
    """Takes replays a step further."""

    def __init__(
        self, db: DynamoDB, table: str, erasures: Erasures, verdicts: Verdicts, queue: JobQueue
    ) -> None:
        """Reads the log, which is in `table`."""
        self._db = db
        self._table = table
        self._erasures = erasures
        self._verdicts = verdicts
        self._queue = queue

    def step(self, job: ReplayJob, endpoint: Endpoint) -> int:
        """Queues some of what an endpoint is to get again, and what is left to do.

        Returns:
            how many events were queued.

        Raises:
            AwsError: some may have been queued; the step may be repeated.
        """
        ends = time.monotonic() + _SECONDS
        events: list[Event] = []
        place: Item | None = dict(job.place) if job.place else None
        for _ in range(_MAX_PAGES):
            items, place = self._db.scan(self._table, start=place, limit=_PAGE)
            events += [
                event
                for item in items
                for event in _events_in(item, job)
                if any(map(endpoint.wants, names_of(event)))
            ]
            if place is None or len(events) >= _MAX_EVENTS or time.monotonic() > ends:
                break
        outgoing = [
            notice.outgoing(full=endpoint.full)
            for event, verdict in self._verdicts.on(
                self._erasures.without_erased(events), corrections=False
            )
            for notice in notices_of(event, verdict)
            if endpoint.wants(notice.name)
        ]
        self._queue.put(in_jobs(endpoint.endpoint_id, outgoing, replayed=True))
        if place is not None:
            left = replace(job, place=place, sent=job.sent + len(outgoing))
            self._queue.put([left], delay_seconds=1 + len(outgoing) // _PER_SECOND)
        return len(outgoing)


def _events_in(item: Item, job: ReplayJob) -> Iterable[Event]:
    """The events of an item that happened within a replay's span; none of one that is not legible:
    it was quarantined when it was written.
    """
    message_id = item["entry"]
    if is_message_id(message_id) and sent_time(message_id)[:19] > job.until:
        return []  # nothing happens to a message before it is there
    try:
        image = image_of(item)
        events = image.decoded()[1] if isinstance(image, TrailRow) else [image] if image else []
    except (KeyError, TypeError, ValueError):
        return []
    return [event for event in events if job.since <= event.at < job.until]
