"""What is done for one endpoint in one batch: requests, and what follows from their answers.

An endpoint that fails is let alone until its row says that it is due, and is then tried with one
event, by one worker; all else that is for it waits meanwhile, untried. An event that fails has
waits of its own besides, so that one which is never taken does not keep the others back.
"""

from __future__ import annotations

import time
from collections.abc import Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from standardwebhooks import Webhook

from sendtrail.auth.audit import FunctionLog
from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms, now
from sendtrail.domain.webhooks import PERSON_ERASED, Delivery, DeliveryStatus, RetrySchedule
from sendtrail.publishing.egress import Egress, EgressError
from sendtrail.publishing.jobs import DeliveryJob, JobQueue, Outgoing
from sendtrail.publishing.webhook_store import EndpointRow, EndpointStore

__all__ = ["Attempt", "Parts", "Report", "WebhookRun"]

_GONE: Final = 410
_SECONDS: Final = 25.0
"""For how long an endpoint is sent what is in a batch; the rest is put back."""
_WAIT_FOR_OTHER_MS: Final = 30_000


@dataclass(frozen=True, slots=True)
class Parts:
    """What deliveries to webhooks need."""

    endpoints: EndpointStore
    queue: JobQueue
    egress: Egress
    schedule: RetrySchedule
    logger: FunctionLog


@dataclass(slots=True)
class Report:
    """What came of a batch.

    Attributes:
        again: the ids of records that are to be redelivered.
        delivered, failed, given_up: how many events were taken; how many attempts failed; and how
            many events are not tried any more.
        switched_off: the endpoints that were.
    """

    again: list[str] = field(default_factory=list)
    delivered: int = 0
    failed: int = 0
    given_up: int = 0
    switched_off: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one request."""

    status: int | None
    error: str | None
    duration_ms: int

    @property
    def ok(self) -> bool:
        """Whether the receiver took it."""
        return self.error is None


class WebhookRun:
    """What is done for one endpoint in one batch."""

    def __init__(
        self, parts: Parts, row: EndpointRow, report: Report, forgotten: Set[Outgoing]
    ) -> None:
        """Sends nothing yet; `report` is told what came of it.

        Args:
            forgotten: what is not sent, since its person was erased.
        """
        self._parts = parts
        self._endpoint = row.endpoint
        self._signers = [Webhook(secret) for secret in row.secrets]
        self._report = report
        self._forgotten = forgotten
        self._ends = time.monotonic() + _SECONDS
        self.outcomes: list[Delivery] = []

    def do(self, job: DeliveryJob) -> None:
        """Sends the events of a job; those that fail, or are not due, are queued anew.

        Raises:
            AwsError: some may have been sent; the job may be done again.
        """
        if job.test:
            for event in job.events:
                self._test(event)
            return
        waiting = []
        for event in job.events:
            if event in self._forgotten:
                self._record(event, job, DeliveryStatus.DROPPED, None, PERSON_ERASED)
            elif not self._endpoint.is_enabled:
                self._drop(event, job)
            elif self._may_try(event):
                left = self._try(event, job)
                if left:
                    waiting.append(left)
            else:
                waiting.append(event)
        if not self._endpoint.is_enabled:
            for event in waiting:
                self._drop(event, job)
        elif waiting:
            self._parts.queue.put_back(job, waiting, self._endpoint.retry_at)

    def _may_try(self, event: Outgoing) -> bool:
        """Whether it is the event's time, and the endpoint's."""
        at = now()
        if (event.due_at or "") > at or time.monotonic() > self._ends:
            return False
        retry_at = self._endpoint.retry_at
        if retry_at is None:
            return True
        if retry_at > at:
            return False
        if self._parts.endpoints.claims(self._endpoint, at):
            return True
        until = from_epoch_ms(epoch_ms(at) + _WAIT_FOR_OTHER_MS)
        self._endpoint = replace(self._endpoint, retry_at=until)
        return False

    def _try(self, event: Outgoing, job: DeliveryJob) -> Outgoing | None:
        """Sends an event; returns it if it is to be tried again."""
        attempt = self._post(event)
        at = now()
        tried = event.tried(at)
        if attempt.ok:
            self._succeeded(at)
            self._record(tried, job, DeliveryStatus.DELIVERED, attempt)
            return None
        self._failed(at, attempt)
        due_at = self._parts.schedule.next_at(at, tried.attempts, tried.first_at or at)
        if due_at is None or not self._endpoint.is_enabled:
            self._report.given_up += 1
            self._record(tried, job, DeliveryStatus.FAILED, attempt)
            return None
        self._record(tried, job, DeliveryStatus.WAITING, attempt)
        return replace(tried, due_at=due_at)

    def _test(self, event: Outgoing) -> None:
        """Sends a test, once, whatever the endpoint's state; if it is taken nothing fails any
        more, and if not, nothing follows from it.
        """
        attempt = self._post(event)
        at = now()
        job = DeliveryJob(self._endpoint.endpoint_id, (event,), test=True)
        status = DeliveryStatus.DELIVERED if attempt.ok else DeliveryStatus.FAILED
        if attempt.ok:
            self._succeeded(at)
        self._record(event.tried(at), job, status, attempt)

    def _post(self, event: Outgoing) -> Attempt:
        moment = datetime.now(UTC)
        signatures = [signer.sign(event.id, moment, event.body) for signer in self._signers]
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Sendtrail",
            "webhook-id": event.id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
        began = time.monotonic()
        try:
            answer = self._parts.egress.post(self._endpoint.url, headers, event.body.encode())
        except EgressError as error:
            return Attempt(None, str(error), round((time.monotonic() - began) * 1000))
        if 200 <= answer.status < 300:
            return Attempt(answer.status, None, answer.duration_ms)
        why = f"it answered {answer.status}"
        if 300 <= answer.status < 400:
            why += ", and redirects are not followed"
        return Attempt(answer.status, why, answer.duration_ms)

    def _succeeded(self, at: Timestamp) -> None:
        self._report.delivered += 1
        self._endpoint = self._parts.endpoints.succeeded(self._endpoint, at)

    def _failed(self, at: Timestamp, attempt: Attempt) -> None:
        self._report.failed += 1
        was_enabled = self._endpoint.is_enabled
        gone = attempt.status == _GONE
        self._endpoint = self._parts.endpoints.failed(self._endpoint, at, gone=gone)
        if was_enabled and self._endpoint.disabled_at == at:
            endpoint_id, reason = self._endpoint.endpoint_id, self._endpoint.disabled_reason
            self._report.switched_off.append(endpoint_id)
            self._parts.logger.error(
                "webhook switched off", extra={"endpoint_id": endpoint_id, "reason": reason}
            )

    def _drop(self, event: Outgoing, job: DeliveryJob) -> None:
        self._report.given_up += 1
        self._record(event, job, DeliveryStatus.DROPPED, None)

    def _record(
        self,
        event: Outgoing,
        job: DeliveryJob,
        status: DeliveryStatus,
        attempt: Attempt | None,
        why_not: str = "the webhook is switched off",
    ) -> None:
        self.outcomes.append(
            Delivery(
                endpoint_id=self._endpoint.endpoint_id,
                webhook_id=event.id,
                type=event.type,
                at=event.at,
                event_id=event.event_id,
                message_id=event.message_id,
                status=status,
                attempts=event.attempts,
                first_at=event.first_at,
                last_at=now() if attempt else None,
                http_status=attempt.status if attempt else None,
                error=attempt.error if attempt else why_not,
                duration_ms=attempt.duration_ms if attempt else None,
                replayed=job.replayed,
            )
        )
