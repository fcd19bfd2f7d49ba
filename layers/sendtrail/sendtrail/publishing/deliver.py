"""Delivery: the jobs of the queue of deliveries, each to its receiver.

Receivers are independent: each has a thread of its own in a batch, and half a minute of it. Waits
are in the queue (`sendtrail.publishing.jobs`), and nothing loops here. Of somebody who was erased
meanwhile nobody is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from sendtrail.domain.times import now
from sendtrail.domain.webhooks import Delivery
from sendtrail.errors import AwsError, RejectedRecordError
from sendtrail.log.erasures import Erasures
from sendtrail.publishing.event_bus import EventBus
from sendtrail.publishing.jobs import DeliveryJob, Outgoing, ReplayJob, in_jobs, job_of_text
from sendtrail.publishing.notices import told_of
from sendtrail.publishing.replay import Replay
from sendtrail.publishing.webhook_run import Parts, Report, WebhookRun
from sendtrail.publishing.webhook_store import EndpointRow

__all__ = ["Deliverer"]

_THREADS: Final = 10
"""As many as a batch has jobs."""


class Deliverer:
    """Does jobs."""

    def __init__(
        self,
        parts: Parts,
        erasures: Erasures,
        *,
        replay: Replay,
        bus: EventBus | None,
        dead_letter: Callable[[str], None],
    ) -> None:
        """Delivers to webhooks by `parts`, and to the bus.

        Args:
            dead_letter: keeps what the bus did not take for a day.
        """
        self._parts = parts
        self._erasures = erasures
        self._endpoints = parts.endpoints
        self._queue = parts.queue
        self._schedule = parts.schedule
        self._logger = parts.logger
        self._replay = replay
        self._bus = bus
        self._dead_letter = dead_letter

    def run(self, records: Mapping[str, str]) -> Report:
        """Does the jobs of a batch.

        Args:
            records: their ids, and the jobs as texts.
        """
        report = Report()
        by_receiver: dict[str | None, list[tuple[str, DeliveryJob | ReplayJob]]] = {}
        for record_id, text in records.items():
            try:
                job = job_of_text(text)
            except RejectedRecordError as error:
                self._logger.warning("no job", extra={"record_id": record_id, "why": str(error)})
                report.again.append(record_id)
            else:
                by_receiver.setdefault(job.endpoint_id, []).append((record_id, job))
        try:
            rows = {row.endpoint.endpoint_id: row for row in self._rows(by_receiver)}
            forgotten = self._forgotten(job for jobs in by_receiver.values() for _, job in jobs)
        except AwsError as error:
            self._logger.warning("not delivered", extra={"why": error.code})
            report.again = list(records)
            return report
        with ThreadPoolExecutor(max_workers=_THREADS) as threads:
            for part in threads.map(
                lambda each: self._to_one(rows.get(each[0] or ""), each[0], each[1], forgotten),
                by_receiver.items(),
            ):
                report.again += part.again
                report.delivered += part.delivered
                report.failed += part.failed
                report.given_up += part.given_up
                report.switched_off += part.switched_off
        return report

    def _forgotten(self, jobs: Iterable[DeliveryJob | ReplayJob]) -> Set[Outgoing]:
        """Events whose person was erased while they waited; they are read if somebody was."""
        if self._erasures.latest is None:
            return frozenset()
        events = [event for job in jobs if isinstance(job, DeliveryJob) for event in job.events]
        told = {event: about for event in events if (about := told_of(event))}
        erased = self._erasures.of_told(told.values())
        return {event for event, about in told.items() if about in erased}

    def _rows(self, receivers: Iterable[str | None]) -> list[EndpointRow]:
        return self._endpoints.rows() if any(receivers) else []

    def _to_one(
        self,
        row: EndpointRow | None,
        endpoint_id: str | None,
        jobs: Sequence[tuple[str, DeliveryJob | ReplayJob]],
        forgotten: Set[Outgoing],
    ) -> Report:
        """Does the jobs for one receiver."""
        report = Report()
        run = WebhookRun(self._parts, row, report, forgotten) if row else None
        for record_id, job in jobs:
            try:
                if isinstance(job, ReplayJob):
                    if row and row.endpoint.is_enabled:
                        self._replay.step(job, row.endpoint)
                elif endpoint_id is None:
                    self._to_bus(job, report, forgotten)
                elif run:  # or the endpoint was deleted, and with it whatever is for it
                    run.do(job)
            except AwsError as error:
                self._logger.warning("not done", extra={"record_id": record_id, "why": error.code})
                report.again.append(record_id)
        if run:
            self._note(run.outcomes)
        return report

    def _note(self, outcomes: Sequence[Delivery]) -> None:
        """Notes what came of deliveries. If that fails they are not made again for its sake."""
        try:
            self._endpoints.note(outcomes)
        except AwsError as error:
            lost = {"why": error.code, "deliveries": len(outcomes)}
            self._logger.warning("not noted", extra=lost)

    def _to_bus(self, job: DeliveryJob, report: Report, forgotten: Set[Outgoing]) -> None:
        at = now()
        told = [event for event in job.events if event not in forgotten]
        ready = [event for event in told if (event.due_at or "") <= at]
        waiting = [event for event in told if event not in ready]
        left = self._bus.put(ready) if self._bus else []
        report.delivered += len(ready) - len(left)
        report.failed += len(left)
        given_up: list[Outgoing] = []
        for event, why in left:
            self._logger.info("not on the bus", extra={"webhook_id": event.id, "why": why})
            tried = event.tried(at)
            due_at = self._schedule.next_at(at, tried.attempts, tried.first_at or at)
            if due_at:
                waiting.append(replace(tried, due_at=due_at))
            else:  # who brings it back has it tried for another day
                given_up.append(replace(event, attempts=0, first_at=None, due_at=None))
        for part in in_jobs(None, given_up):
            self._dead_letter(part.to_text())
        report.given_up += len(given_up)
        self._queue.put_back(job, waiting)
