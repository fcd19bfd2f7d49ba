"""Dispatch: runs the jobs of the dispatch queue: fans plans out, and sends or drops messages."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.domain.times import now
from sendtrail.errors import AwsError, HeldError, SendtrailError, ThrottledError
from sendtrail.sending.holds import LONGEST_HOLD_SECONDS
from sendtrail.sending.jobs import Job, JobReport
from sendtrail.wiring import Wiring

logger = Logger(use_rfc3339=True)  # or Lambda takes no level from its lines
metrics = Metrics()
wiring = Wiring(logger)

_RESERVE_MS: Final = 20_000
"""A job that starts with less time left than this might be cut off in the middle."""
_FIRST_WAIT: Final = 2.0
_LONGEST_WAIT: Final = 900.0
_HELD_ATTEMPTS: Final = 20
"""After so many of the 150 attempts that the queue allows, a job that SES holds is queued anew."""


class Batch:
    """The jobs of one invocation, run one after another until SES throttles, or takes no mail."""

    def __init__(self, context: LambdaContext) -> None:
        self._context = context
        self._stop: ThrottledError | HeldError | None = None
        self._held: str | None = None

    def do(self, record: Mapping[str, Any]) -> bool:
        """Runs one job.

        Returns:
            whether all of it was done, or is in the queue anew; if not, it is redelivered, with
            growing delays.
        """
        try:
            job = Job.of_text(record["body"])
            report = self._do(job)
        except SendtrailError as error:
            self._defer(record, error)
            return False
        except Exception:
            # A defect of ours, which must not keep the other jobs from running.
            logger.exception("failed", extra={"record_id": record["messageId"]})
            return False
        for outcome, count in report.outcomes.items():
            metrics.add_metric(name=outcome, unit=MetricUnit.Count, value=count)
        if isinstance(report.error, HeldError) and self._hold(record, job, report.error):
            return True
        if report.error:
            self._defer(record, report.error)
        return report.error is None

    def end(self) -> None:
        """Notes why SES takes no mail, if it does not."""
        if self._held is None:
            return
        try:
            wiring.holds.note(self._held, now())
        except AwsError as error:  # the next attempt notes it
            logger.warning("hold not noted", extra={"why": str(error)})

    def _do(self, job: Job) -> JobReport:
        if isinstance(self._stop, ThrottledError):
            raise self._stop
        if self._context.get_remaining_time_in_millis() < _RESERVE_MS:
            raise ThrottledError("NoTime", "no time is left for this batch")
        if job.first is None:
            outcome = wiring.fan_out.fan_out(job.plan_id)
            return JobReport(Counter([outcome] if outcome else []))
        if self._stop:  # a mailing that waits is in its recipients' histories all the same
            return JobReport(error=self._stop)
        return wiring.dispatch.send(job)

    def _hold(self, record: Mapping[str, Any], job: Job, error: HeldError) -> bool:
        """Keeps a job from being tried so often that it ends in the dead-letter queue, while SES
        takes no mail: for two weeks.

        Returns:
            whether it is in the queue anew.
        """
        self._held = error.reason
        if error.whole:
            self._stop = error
        at = int(time.time())
        since = job.held_since or at
        if _attempts(record) < _HELD_ATTEMPTS or at - since > LONGEST_HOLD_SECONDS:
            return False
        try:
            wiring.queue_anew(record, replace(job, held_since=since))
        except AwsError as refused:
            logger.warning("not queued anew", extra={"why": str(refused)})
            return False
        return True

    def _defer(self, record: Mapping[str, Any], error: SendtrailError) -> None:
        """Defers the job by an exponential backoff with jitter, and the rest of the batch if SES
        asks to slow down.
        """
        if isinstance(error, ThrottledError):
            self._stop = error
        attempts = _attempts(record)
        longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0**attempts)
        seconds = round(longest * random.uniform(0.5, 1.0))  # noqa: S311 -- no secret
        logger.warning(
            "not done",
            extra={
                # Not SES's whole message: it contains addresses.
                "why": error.code if isinstance(error, AwsError) else str(error),
                "record_id": record["messageId"],
                "attempts": attempts,
                "again_in": seconds,
            },
        )
        metrics.add_metric(name="Deferred", unit=MetricUnit.Count, value=1)
        try:
            wiring.defer(record, seconds)
        except AwsError as refused:  # it is redelivered when its visibility timeout ends
            logger.warning("not deferred", extra={"why": str(refused)})


def _attempts(record: Mapping[str, Any]) -> int:
    """How often a job was received."""
    return int(record["attributes"].get("ApproximateReceiveCount", 1))


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Runs a batch of jobs; returns the messages to redeliver."""
    batch = Batch(context)
    again = [record["messageId"] for record in event["Records"] if not batch.do(record)]
    batch.end()
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}
