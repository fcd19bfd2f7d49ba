"""Expanding: what the dispatch queue says, and how a plan becomes messages."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sendtrail.domain.eligibility import Ineligible
from sendtrail.domain.events import EventType
from sendtrail.domain.message import DropReason
from sendtrail.errors import RejectedRecordError
from sendtrail.log.event_log import EventLog
from sendtrail.sending.plan_store import PlanStore

__all__ = ["FanOut", "Job", "DispatchOutcome"]


class DispatchOutcome(StrEnum):
    """What came of a job."""

    FANNED_OUT = "FannedOut"
    SENT = "Sent"
    DROPPED = "Dropped"
    REJECTED = "Rejected"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Job:
    """What stands in the dispatch queue: a plan, or one message of it.

    Attributes:
        number: of the message; None for the plan itself, whose messages are to be queued.
    """

    plan_id: str
    number: int | None = None

    def to_text(self) -> str:
        """As a message of the queue."""
        return json.dumps({"plan": self.plan_id, "message": self.number})

    @classmethod
    def of_text(cls, text: str) -> Job:
        """The job that a message of the queue is.

        Raises:
            RejectedRecordError: it is none.
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
    """Has a plan's messages sent. A plan that is expanded twice has the effect of once."""

    def __init__(
        self, plans: PlanStore, log: EventLog, enqueue: Callable[[Sequence[str]], None]
    ) -> None:
        """Takes what it works with.

        Args:
            enqueue: sends texts to the dispatch queue.
        """
        self._plans = plans
        self._log = log
        self._enqueue = enqueue

    def message_id(self, job: Job) -> str:
        """The message that a message's job is about.

        Raises:
            RejectedRecordError: its plan has no such message.
            AwsError: the plan cannot be read.
        """
        messages = self._plans.get(job.plan_id).all_messages
        if job.number is None or not 0 <= job.number < len(messages):
            raise RejectedRecordError(f"plan {job.plan_id} has no message {job.number}")
        return messages[job.number].message_id

    def fan_out(self, plan_id: str) -> DispatchOutcome:
        """Puts into the log that each message was taken, and each message into the queue; or, of a
        plan that is likely spam, that each was dropped.

        Raises:
            AwsError: some of it may have been done; the plan may be expanded again.
        """
        plan = self._plans.get(plan_id)
        self._log.append(plan.accepted())
        if plan.spam.likely:
            found = {"points": plan.spam.points, "rules": [f["rule"] for f in plan.spam.findings]}
            detail = Ineligible(DropReason.LIKELY_SPAM, found).detail()
            numbers = range(len(plan.all_messages))
            self._log.append(plan.event(EventType.DROPPED, number, detail) for number in numbers)
            return DispatchOutcome.DROPPED
        self._enqueue([Job(plan_id, number).to_text() for number in range(len(plan.all_messages))])
        return DispatchOutcome.FANNED_OUT
