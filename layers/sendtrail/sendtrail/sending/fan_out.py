"""Fan-out: the jobs of the dispatch queue, and how a plan becomes one job per message."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sendtrail.domain.eligibility import Ineligible
from sendtrail.domain.events import EventType
from sendtrail.domain.message import DropReason
from sendtrail.errors import RejectedRecordError
from sendtrail.log.trails import Trails
from sendtrail.sending.plan_store import PlanStore

__all__ = ["FanOut", "Job", "DispatchOutcome"]


class DispatchOutcome(StrEnum):
    """The outcome of a job."""

    FANNED_OUT = "FannedOut"
    SENT = "Sent"
    DROPPED = "Dropped"
    REJECTED = "Rejected"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Job:
    """A job of the dispatch queue: to fan out a plan, or to send one message of it.

    Attributes:
        number: the message's, in the plan; None to fan out the plan.
    """

    plan_id: str
    number: int | None = None

    def to_text(self) -> str:
        """The body of the queue message for this job."""
        return json.dumps({"plan": self.plan_id, "message": self.number})

    @classmethod
    def of_text(cls, text: str) -> Job:
        """The job in the body of a queue message.

        Raises:
            RejectedRecordError: it is not a job.
        """
        try:
            value = json.loads(text)
            plan_id, number = value["plan"], value.get("message")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RejectedRecordError(f"no job: {error!r}") from None
        if not isinstance(plan_id, str) or not (number is None or isinstance(number, int)):
            raise RejectedRecordError(f"no job: plan {plan_id!r:.80}, message {number!r:.20}")
        return cls(plan_id, number)


class FanOut:
    """Fans plans out. Idempotent: messages that are queued twice are sent once."""

    def __init__(
        self, plans: PlanStore, log: Trails, enqueue: Callable[[Sequence[str]], None]
    ) -> None:
        """Reads plans from `plans`, and writes events to `log`.

        Args:
            plans: the accepted plans.
            log: the event log.
            enqueue: sends texts to the dispatch queue; raises AwsError if it cannot.
        """
        self._plans = plans
        self._log = log
        self._enqueue = enqueue

    def message_id(self, job: Job) -> str:
        """The id of the message that a job is to send.

        Raises:
            RejectedRecordError: the plan has no such message.
            AwsError: the plan cannot be read.
        """
        messages = self._plans.get(job.plan_id).all_messages
        if job.number is None or not 0 <= job.number < len(messages):
            raise RejectedRecordError(f"plan {job.plan_id} has no message {job.number}")
        return messages[job.number].message_id

    def fan_out(self, plan_id: str) -> DispatchOutcome:
        """Records each message as accepted, and queues a job for it; if the plan is likely spam,
        records each message as dropped instead.

        Raises:
            AwsError: some of it may have been done; it may be retried.
        """
        plan = self._plans.get(plan_id)
        self._log.append(plan.accepted())
        if plan.spam.likely:
            rules = [finding["rule"] for finding in plan.spam.findings]
            evidence = {"points": plan.spam.points, "rules": rules}
            detail = Ineligible(DropReason.LIKELY_SPAM, evidence).detail()
            numbers = range(len(plan.all_messages))
            self._log.append(plan.event(EventType.DROPPED, number, detail) for number in numbers)
            return DispatchOutcome.DROPPED
        self._enqueue([Job(plan_id, number).to_text() for number in range(len(plan.all_messages))])
        return DispatchOutcome.FANNED_OUT
