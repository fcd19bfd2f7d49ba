"""The jobs of the dispatch queues: to fan out a plan, or to send a few messages of it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sendtrail.domain.plan import Plan
from sendtrail.errors import AwsError, RejectedRecordError

__all__ = ["DispatchOutcome", "Job", "JobReport", "job_size"]

_MAX_JOB_SIZE: Final = 10


class DispatchOutcome(StrEnum):
    """What came of a plan that was fanned out, or of a message."""

    FANNED_OUT = "FannedOut"
    SENT = "Sent"
    DROPPED = "Dropped"
    REJECTED = "Rejected"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Job:
    """A job of a dispatch queue: to fan out a plan, or to send a range of its messages.

    Attributes:
        first: the number of the first message, in the plan; None to fan out the plan.
        count: how many messages.
        held_since: when it was put into its queue anew because SES takes no mail; in seconds since
            1970.
    """

    plan_id: str
    first: int | None = None
    count: int = 0
    held_since: int | None = field(default=None, compare=False)

    def to_text(self) -> str:
        """The body of the queue message for this job."""
        if self.first is None:
            return json.dumps({"plan": self.plan_id})
        body = {"plan": self.plan_id, "first": self.first, "count": self.count}
        if self.held_since is not None:
            body["held_since"] = self.held_since
        return json.dumps(body)

    @classmethod
    def of_text(cls, text: str) -> Job:
        """The job in the body of a queue message.

        Raises:
            RejectedRecordError: it is not a job.
        """
        try:
            value = json.loads(text)
            plan_id, first, count = value["plan"], value.get("first"), value.get("count", 0)
            held_since = value.get("held_since")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RejectedRecordError(f"no job: {error!r}") from None
        if not isinstance(plan_id, str) or type(first) not in (int, type(None)):
            raise RejectedRecordError(f"no job: plan {plan_id!r:.80}, first {first!r:.20}")
        if type(count) is not int:
            raise RejectedRecordError(f"no job: plan {plan_id!r:.80}, count {count!r:.20}")
        if type(held_since) not in (int, type(None)):
            raise RejectedRecordError(f"no job: plan {plan_id!r:.80}, held {held_since!r:.20}")
        return cls(plan_id, first, count, held_since)

    @classmethod
    def all_of(cls, plan: Plan) -> list[Job]:
        """The jobs of a plan: the same ones whenever it is fanned out, since it has their size."""
        total, size = len(plan.messages) + len(plan.copies), plan.job_size
        return [
            cls(plan.plan_id, first, min(size, total - first)) for first in range(0, total, size)
        ]


@dataclass(frozen=True, slots=True)
class JobReport:
    """What one attempt at a job has come to.

    Attributes:
        outcomes: of what is done since this attempt.
        error: why something of the job is left to do; None if nothing is.
    """

    outcomes: Counter[DispatchOutcome] = field(default_factory=Counter)
    error: AwsError | None = None


def job_size(rate: int) -> int:
    """How many messages a job has: half a second's, and no more than ten.

    Args:
        rate: messages per second.
    """
    return min(_MAX_JOB_SIZE, max(1, rate // 2))
