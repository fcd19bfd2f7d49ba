"""Dispatch: what stands in the queue is sent, or dropped with its reason."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.auth.signing_keys import link_keys
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.aws.s3 import Bucket
from sendtrail.aws.sqs import Sqs
from sendtrail.config import Settings, environment
from sendtrail.errors import AwsError, SendtrailError, ThrottledError
from sendtrail.log.event_log import EventLog
from sendtrail.runtime import database, event_log, ses
from sendtrail.sending.fan_out import FanOut, Job
from sendtrail.sending.plan_store import PlanStore

if TYPE_CHECKING:
    from sendtrail.sending.idempotency import IdempotentSender

logger = Logger()
metrics = Metrics()

_RESERVE_MS: Final = 20_000
"""A job that is begun with less time than this left might be cut off in the middle."""
_FIRST_WAIT: Final = 2.0
_LONGEST_WAIT: Final = 900.0


class Worker:
    """What jobs are done with.

    Attributes:
        expanding: for plans, and for what a letter is.
        put_off: has a message, by its receipt handle, come again after that many seconds.
    """

    def __init__(self, settings: Settings, db: DynamoDB, log: EventLog) -> None:
        plans = PlanStore(Bucket(environment(), settings.plans_bucket))
        sqs, queue = Sqs(environment()), settings.dispatch_queue_url
        self.fan_out = FanOut(plans, log, partial(sqs.send_all, queue))
        self.defer = partial(sqs.defer, queue)
        self._make_letters = partial(
            messages,
            plans,
            log,
            db,
            templates_table=settings.templates_table,
            participants_table=settings.participants_table,
            suppressions_table=settings.suppressions_table,
            idempotency_table=settings.idempotency_table,
            in_in_doubt_seconds=settings.in_in_doubt_seconds,
            sender=settings.sender_address,
            configuration_set=settings.configuration_set,
            per_second=settings.sends_per_second,
            public_url=settings.public_url,
        )

    @cached_property
    def messages(self) -> IdempotentSender:
        """Sends letters, each at most once; made at the first."""
        return self._make_letters()


def messages(
    plans: PlanStore,
    log: EventLog,
    db: DynamoDB,
    *,
    templates_table: str,
    participants_table: str,
    suppressions_table: str,
    idempotency_table: str,
    in_in_doubt_seconds: int,
    sender: str,
    configuration_set: str,
    per_second: float,
    public_url: str,
) -> IdempotentSender:
    """What sends letters. It takes long to import, and plans are expanded without it."""
    from sendtrail.sending.dispatch import Dispatch, PublicLinks
    from sendtrail.sending.eligibility import Eligibility
    from sendtrail.sending.idempotency import IdempotentSender
    from sendtrail.sending.rendering import MessageRenderer
    from sendtrail.sending.ses_sender import RateLimiter, SesSender
    from sendtrail.sending.template_store import TemplateStore

    dispatch = Dispatch(
        plans=plans,
        renderer=MessageRenderer(TemplateStore(db, templates_table)),
        log=log,
        eligibility=Eligibility(db, participants_table, suppressions_table),
        ses_sender=SesSender(
            ses(),
            sender=sender,
            configuration_set=configuration_set,
            rate_limiter=RateLimiter(per_second),
        ),
        links=lambda: PublicLinks(public_url, link_keys().tokens()),
    )
    return IdempotentSender(
        dispatch.send, db, idempotency_table, in_in_doubt_seconds=in_in_doubt_seconds
    )


@cache
def worker() -> Worker:
    """This process's, made at the first batch."""
    return Worker(Settings.from_environment(), database(), event_log())


class Batch:
    """The jobs of one invocation, done one after another, until SES asks to slow down."""

    def __init__(self, worker: Worker, context: LambdaContext) -> None:
        self._worker = worker
        self._context = context
        self._slow_down: ThrottledError | None = None

    def do(self, record: Mapping[str, Any]) -> bool:
        """Does one job.

        Returns:
            whether it was done; if not, the message comes again, later each time.
        """
        try:
            outcome = self._do(Job.of_text(record["body"]))
        except SendtrailError as error:
            if isinstance(error, ThrottledError):
                self._slow_down = error
            self._defer(record, error)
            return False
        except Exception:
            # A fault of ours, which is no reason not to do the others.
            logger.exception("failed", extra={"record_id": record["messageId"]})
            return False
        metrics.add_metric(name=outcome, unit=MetricUnit.Count, value=1)
        return True

    def _do(self, job: Job) -> str:
        if self._slow_down:
            raise self._slow_down
        if self._context.get_remaining_time_in_millis() < _RESERVE_MS:
            raise ThrottledError("NoTime", "no time is left for this batch")
        if job.number is None:
            return self._worker.fan_out.fan_out(job.plan_id).value
        message_id = self._worker.fan_out.message_id(job)
        return self._worker.messages.send(message_id, job.plan_id, job.number)

    def _defer(self, record: Mapping[str, Any], error: SendtrailError) -> None:
        """Has the message come again after a time that grows with the number of its attempts."""
        attempts = int(record["attributes"].get("ApproximateReceiveCount", 1))
        most = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0**attempts)
        seconds = round(most * random.uniform(0.5, 1.0))  # noqa: S311 -- no secret
        logger.warning(
            "not done",
            extra={
                # Not all that SES says: it names addresses.
                "why": error.code if isinstance(error, AwsError) else str(error),
                "record_id": record["messageId"],
                "attempts": attempts,
                "again_in": seconds,
            },
        )
        metrics.add_metric(name="Deferred", unit=MetricUnit.Count, value=1)
        try:
            self._worker.defer(record["receiptHandle"], seconds)
        except AwsError as refused:  # it comes when its visibility timeout is over
            logger.warning("could not put off", extra={"why": str(refused)})


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Does a batch of jobs; says which are to come again."""
    batch = Batch(worker(), context)
    again = [record["messageId"] for record in event["Records"] if not batch.do(record)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}
