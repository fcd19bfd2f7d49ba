"""`sendtrail redrive`: what the dead-letter queues hold, brought back to where it came from."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from sendtrail.aws.s3 import Bucket
from sendtrail.errors import IgnoredRecordError, RejectedRecordError
from sendtrail.intake.envelopes import notifications
from sendtrail.log.serialization import deserialize, is_serialized_event
from sendtrail.publishing.jobs import ReplayJob, job_of_text
from sendtrail.sending.jobs import Job
from sendtrail.sending.plan_store import PlanStore
from sendtrail_cli.target import Target

__all__ = ["DeadLetters", "purge_projections", "redrive"]

Report = Callable[[str], None]
Message = Mapping[str, Any]

_MARK: Final = "sendtrail_redrive"
"""The name of a message's attribute that says by which run it was brought back. Attributes go with
a message into its dead-letter queue: so a run knows what has come back, and ends."""
_INVISIBLE_SECONDS: Final = 60
_IN_VAIN: Final = 3
"""After so many requests in a row that find only what is known, a queue holds no more."""
_SHOWN: Final = 10
_PROJECTIONS: Final = "ProjectionsDlq"


class DeadLetters(StrEnum):
    """A part of Sendtrail whose dead letters can be brought back."""

    INGEST = "ingest"
    DISPATCH = "dispatch"
    SWEEP = "sweep"
    DELIVERIES = "deliveries"
    ERASE = "erase"

    @property
    def resource(self) -> str:
        """The logical id of its dead-letter queue."""
        return f"{self.value.capitalize()}Dlq"


class _Destinations:
    """Where a dead letter came from: the logical id of a queue; and what it is, in words without
    personal data.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._is_direct = lru_cache(maxsize=None)(self._asked)

    def of(self, letters: DeadLetters, body: str) -> tuple[str | None, str]:
        """Of a message's body; None if it can be brought back nowhere."""
        if letters is DeadLetters.SWEEP:
            return "SweepQueue", "a sweep to continue"
        if letters is DeadLetters.ERASE:
            return "EraseQueue", "an erasure to continue"
        if letters is DeadLetters.DISPATCH:
            return self._of_job(body)
        if letters is DeadLetters.DELIVERIES:
            return _of_delivery(body)
        if is_serialized_event(body):
            return "HitsQueue", _kind_of_hit(body)
        return "IngestQueue", _kind_of_event(body)

    def _of_job(self, body: str) -> tuple[str | None, str]:
        """A job says its plan, and the plan whether it is a mailing's: as when it was queued."""
        try:
            job = Job.of_text(body)
        except RejectedRecordError:
            return None, "no job"
        direct = self._is_direct(job.plan_id)
        if direct is None:
            return None, f"a job whose plan {job.plan_id} is gone"
        what = f"{job.count} messages" if job.first is not None else "all messages"
        if direct:
            return "DirectQueue", f"a job: {what} of the request {job.plan_id}"
        return "DispatchQueue", f"a job: {what} of the mailing {job.plan_id}"

    def _asked(self, plan_id: str) -> bool | None:
        """Whether a plan is of direct messages; None if it is gone."""
        bucket = Bucket(self._target.variables(), self._target.resource("PlansBucket"))
        plan = PlanStore(bucket).find(plan_id)
        return plan.communication_id is None if plan else None


def redrive(
    target: Target,
    queues: tuple[DeadLetters, ...] = tuple(DeadLetters),
    *,
    dry_run: bool = False,
    report: Report = print,
) -> Counter[str]:
    """Moves what is in dead-letter queues back into the queues that it came from.

    Message by message, since SQS's own redrive refuses queues that also hold what others put there,
    such as Lambda and SNS (SQS developer guide, "Configure a dead-letter queue redrive"). A message
    that is moved twice has the effect of once. What comes back while this runs is left for another.

    Args:
        dry_run: moves nothing, and says how many there are, and of what kind the first few are.

    Returns:
        the logical id of a queue → how many messages were moved into it.

    Raises:
        ClientError: SQS refused something; what was not moved is where it was.
        AwsError: a plan could not be read; as above.
    """
    sqs, destinations = target.client("sqs"), _Destinations(target)
    moved: Counter[str] = Counter()
    for letters in queues:
        if letters is DeadLetters.DELIVERIES and letters.resource not in target.resources:
            continue  # nothing is published
        url = target.resource(letters.resource)
        if dry_run:
            report(f"{letters.value}: {_count(sqs, url)}")
            for message in _looked_at(sqs, url):
                alive, kind = destinations.of(letters, _handed_on(message["Body"]))
                report(f"  {kind} → {alive or 'stays: purge the queue when you have looked'}")
            continue
        found, stuck = _redrive(target, sqs, letters, destinations)
        moved += found
        for kind, count in sorted(stuck.items()):
            report(f"{letters.value}: {count} left in {letters.resource}: {kind}")
    if waiting := _count(sqs, target.resource(_PROJECTIONS)):
        report(
            f"projections: {waiting} in {_PROJECTIONS}, which are not brought back: what they tell "
            "is in the log. Run sendtrail rebuild, then sendtrail redrive --purge projections"
        )
    return moved


def purge_projections(target: Target) -> int:
    """Empties the queue of what projections could not apply, after a rebuild has mended it.

    Returns:
        how many messages there were, some of SQS's servers not having been asked.
    """
    sqs, url = target.client("sqs"), target.resource(_PROJECTIONS)
    count = _count(sqs, url)
    sqs.purge_queue(QueueUrl=url)
    return count


def _redrive(
    target: Target, sqs: Any, letters: DeadLetters, destinations: _Destinations
) -> tuple[Counter[str], Counter[str]]:
    """Empties one queue of what can be brought back.

    Returns:
        queue → how many messages were moved into it, and kind → how many were left.
    """
    dead, run = target.resource(letters.resource), secrets.token_hex(8)
    moved: Counter[str] = Counter()
    stuck: Counter[str] = Counter()
    for message in _received(sqs, dead, run):
        body = _handed_on(message["Body"])
        alive, kind = destinations.of(letters, body)
        if alive is None:
            stuck[kind] += 1
            continue
        sqs.send_message(
            QueueUrl=target.resource(alive),
            MessageBody=body,
            MessageAttributes={_MARK: {"DataType": "String", "StringValue": run}},
        )
        sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
        moved[alive] += 1
    return moved, stuck


def _received(sqs: Any, url: str, run: str) -> Iterator[Message]:
    """The messages of a queue, each once, but for those that this run has brought back."""
    seen: set[str] = set()
    in_vain = 0
    while in_vain < _IN_VAIN:
        # Only a long poll asks all of SQS's servers: a short one may find nothing though there is.
        found = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=_INVISIBLE_SECONDS,
            WaitTimeSeconds=1,
            MessageAttributeNames=[_MARK],
        ).get("Messages", [])
        if not found:
            return
        new = [
            each
            for each in found
            if each["MessageId"] not in seen
            and each.get("MessageAttributes", {}).get(_MARK, {}).get("StringValue") != run
        ]
        in_vain = 0 if new else in_vain + 1
        seen.update(each["MessageId"] for each in new)
        yield from new


def _looked_at(sqs: Any, url: str) -> list[Message]:
    """The first few messages of a queue, where they stay."""
    found: list[Message] = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=_SHOWN, VisibilityTimeout=0, WaitTimeSeconds=1
    ).get("Messages", [])
    return found


def _count(sqs: Any, url: str) -> int:
    name = "ApproximateNumberOfMessages"
    return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


def _handed_on(body: str) -> str:
    """What is to be brought back of a dead letter: itself; or, of Lambda's record of an
    asynchronous call that failed, the event of that call (Lambda developer guide, "Capturing
    records of Lambda asynchronous invocations"). A function's own dead-letter queue gets the event
    as it was.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return body
    if isinstance(content, dict) and {"requestContext", "requestPayload"} <= content.keys():
        return json.dumps(content["requestPayload"])
    return body


def _of_delivery(body: str) -> tuple[str | None, str]:
    """Events for a webhook or the bus go back; what `publish` could not read or apply is no job."""
    try:
        job = job_of_text(body)
    except RejectedRecordError:
        return None, "part of the log's stream that was not published: replay that time"
    to = f"the webhook {job.endpoint_id}" if job.endpoint_id else "the event bus"
    if isinstance(job, ReplayJob):
        return "DeliveriesQueue", f"a replay to {to}"
    return "DeliveriesQueue", f"{len(job.events)} events for {to}"


def _kind_of_hit(body: str) -> str:
    try:
        return f"ours: {deserialize(body).type.value}"
    except RejectedRecordError:
        return "not understood"


def _kind_of_event(body: str) -> str:
    try:
        types = {
            str(each.get("eventType") or each.get("notificationType"))[:40]
            for each in notifications(body)
        }
    except IgnoredRecordError:
        return "a mail that SES received"
    except RejectedRecordError:
        return "not understood"
    return f"SES: {', '.join(sorted(types)) or 'may publish'}"
