"""Publishing: what is new in the log goes to those outside who want it.

Webhooks are queued, and nobody who receives is waited for. A bus takes entries at once; what it
does not take is queued, too. So what is outside never holds up the log's stream. What comes late
of somebody who was erased is told to nobody.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from sendtrail.domain.events import Event
from sendtrail.domain.times import now
from sendtrail.log.erasures import Erasures
from sendtrail.projections.stream import Record
from sendtrail.publishing.changes import Image, new_events
from sendtrail.publishing.event_bus import EventBus
from sendtrail.publishing.jobs import DeliveryJob, JobQueue, in_jobs
from sendtrail.publishing.notices import Notice, notices_of
from sendtrail.publishing.verdicts import Verdicts
from sendtrail.publishing.webhook_store import EndpointRow, EndpointStore

__all__ = ["Publisher"]

_FIRST_WAIT_SECONDS: Final = 5
"""Before the bus is tried again (`sendtrail.domain.webhooks.RetrySchedule`)."""


class Publisher:
    """Applies batches of the log's stream.

    Attributes:
        published: how many notices were sent to somebody.
        refused: how many of them the bus did not take at once.
    """

    def __init__(
        self,
        verdicts: Verdicts,
        queue: JobQueue,
        erasures: Erasures,
        *,
        endpoints: EndpointStore | None,
        bus: EventBus | None,
        cache_seconds: int,
    ) -> None:
        """Publishes to whom there is.

        Args:
            endpoints: None where webhooks are switched off.
            bus: None where there is none.
            cache_seconds: for how long it goes by the endpoints that it has read.
        """
        self._verdicts = verdicts
        self._queue = queue
        self._erasures = erasures
        self._endpoints = endpoints
        self._bus = bus
        self._cache_seconds = cache_seconds
        self._rows: list[EndpointRow] = []
        self._read_at: float | None = None
        self.published = 0
        self.refused = 0

    def apply(self, records: Iterable[Record[Image]]) -> None:
        """Publishes what is new in a batch.

        Raises:
            AwsError: some may have been published; the batch may be retried.
        """
        events: dict[tuple[str, str, str], Event] = {}
        for record in records:
            for event in new_events(record):
                events[event.message_id, event.participant_id, event.key] = event
        rows = [row for row in self._known_rows() if row.endpoint.is_enabled]
        if not events or (not rows and self._bus is None):
            return
        notices = [
            notice
            for event, verdict in self._verdicts.on(self._erasures.without_erased(events.values()))
            for notice in notices_of(event, verdict)
        ]
        jobs = [job for row in rows for job in _jobs_for(row, notices)]
        if self._bus:
            left = self._put_on_bus(self._bus, notices)
            self._queue.put(left, delay_seconds=_FIRST_WAIT_SECONDS)
        self._queue.put(jobs)
        self.published += len(notices)

    def _put_on_bus(self, bus: EventBus, notices: Iterable[Notice]) -> list[DeliveryJob]:
        at = now()
        left = bus.put([notice.outgoing(full=True) for notice in notices])
        self.refused += len(left)
        return in_jobs(None, [replace(event, attempts=1, first_at=at) for event, _ in left])

    def _known_rows(self) -> list[EndpointRow]:
        if self._endpoints is None:
            return []
        at = time.monotonic()
        if self._read_at is None or at >= self._read_at + self._cache_seconds:
            self._rows = self._endpoints.rows()
            self._read_at = at
        return self._rows


def _jobs_for(row: EndpointRow, notices: Iterable[Notice]) -> list[DeliveryJob]:
    endpoint = row.endpoint
    wanted = [
        notice.outgoing(full=endpoint.full) for notice in notices if endpoint.wants(notice.name)
    ]
    return in_jobs(endpoint.endpoint_id, wanted)
