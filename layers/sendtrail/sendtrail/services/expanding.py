"""Expanding: what the dispatch queue says, and how a plan becomes messages."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sendtrail.domain.events import EventType
from sendtrail.domain.message import DropReason
from sendtrail.domain.refusal import Refusal
from sendtrail.errors import RejectedRecordError
from sendtrail.storage.event_log import EventLog
from sendtrail.storage.plans import Plans

__all__ = ["Expanding", "Job", "Outcome"]


class Outcome(StrEnum):
    """What came of a job."""

    EXPANDED = "Expanded"
    SENT = "Sent"
    DROPPED = "Dropped"
    REJECTED = "Rejected"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Job:
    """What stands in the dispatch queue: a plan, or one letter of it.

    Attributes:
        number: of the letter; None for the plan itself, whose letters are to be queued.
    """

    plan_id: str
    number: int | None = None

    def to_text(self) -> str:
        """As a message of the queue."""
        return json.dumps({"plan": self.plan_id, "letter": self.number})

    @classmethod
    def of_text(cls, text: str) -> Job:
        """The job that a message of the queue is.

        Raises:
            RejectedRecordError: it is none.
        """
        try:
            value = json.loads(text)
            plan_id, number = value["plan"], value.get("letter")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RejectedRecordError(f"no job: {error!r}") from None
        if not isinstance(plan_id, str) or not (number is None or isinstance(number, int)):
            raise RejectedRecordError(f"no job: plan {plan_id!r:.80}, letter {number!r:.20}")
        return cls(plan_id, number)


class Expanding:
    """Has a plan's letters sent. A plan that is expanded twice has the effect of once."""

    def __init__(
        self, plans: Plans, log: EventLog, enqueue: Callable[[Sequence[str]], None]
    ) -> None:
        """Takes what it works with.

        Args:
            enqueue: sends texts to the dispatch queue.
        """
        self._plans = plans
        self._log = log
        self._enqueue = enqueue

    def message_id(self, job: Job) -> str:
        """The message that a letter's job is about.

        Raises:
            RejectedRecordError: its plan has no such letter.
            AwsError: the plan cannot be read.
        """
        letters = self._plans.get(job.plan_id).all_letters
        if job.number is None or not 0 <= job.number < len(letters):
            raise RejectedRecordError(f"plan {job.plan_id} has no letter {job.number}")
        return letters[job.number].message_id

    def expand(self, plan_id: str) -> Outcome:
        """Puts into the log that each letter was taken, and each letter into the queue; or, of a
        plan that is likely spam, that each was dropped.

        Raises:
            AwsError: some of it may have been done; the plan may be expanded again.
        """
        plan = self._plans.get(plan_id)
        self._log.append(plan.accepted())
        if plan.spam.likely:
            found = {"points": plan.spam.points, "rules": [f["rule"] for f in plan.spam.findings]}
            detail = Refusal(DropReason.LIKELY_SPAM, found).detail()
            numbers = range(len(plan.all_letters))
            self._log.append(plan.event(EventType.DROPPED, number, detail) for number in numbers)
            return Outcome.DROPPED
        self._enqueue([Job(plan_id, number).to_text() for number in range(len(plan.all_letters))])
        return Outcome.EXPANDED
