"""Fan-out: how a plan becomes jobs of a few messages each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sendtrail.domain.eligibility import Ineligible
from sendtrail.domain.events import EventType
from sendtrail.domain.message import DropReason
from sendtrail.domain.plan import Plan
from sendtrail.domain.times import now
from sendtrail.log.trails import Trails
from sendtrail.sending.jobs import DispatchOutcome, Job
from sendtrail.sending.plan_store import PlanStore
from sendtrail.sending.stops import Stops

__all__ = ["FanOut"]


class FanOut:
    """Fans plans out. Idempotent: jobs that are queued twice are done once."""

    def __init__(
        self,
        plans: PlanStore,
        log: Trails,
        stops: Stops,
        enqueue: Callable[[Plan, Sequence[Job]], None],
    ) -> None:
        """Reads plans from `plans`, and writes events to `log`.

        Args:
            plans: the accepted plans.
            log: the event log.
            stops: what staff have stopped.
            enqueue: queues jobs of a plan, to be received no later than its time; raises AwsError
                if it cannot.
        """
        self._plans = plans
        self._log = log
        self._stops = stops
        self._enqueue = enqueue

    def fan_out(self, plan_id: str) -> DispatchOutcome | None:
        """Records each message as accepted, and queues the jobs that send them; if the plan is
        likely spam, records each message as dropped instead. Of a mailing that was stopped before
        its time nothing is recorded; what was stopped later is dropped by its jobs, which know what
        went out.

        Returns:
            what came of it; None if its time has not come: it is in its queue anew.

        Raises:
            AwsError: some of it may have been done; it may be retried.
        """
        plan = self._plans.get(plan_id)
        stop = self._stops.of(plan_id)
        if stop and stop.keeps_back(plan):
            return DispatchOutcome.DROPPED
        if plan.send_at and now() < plan.send_at and not stop:
            self._enqueue(plan, [Job(plan_id)])
            return None
        self._log.append(plan.accepted())
        if plan.spam.likely:
            rules = [finding["rule"] for finding in plan.spam.findings]
            evidence = {"points": plan.spam.points, "rules": rules}
            detail = Ineligible(DropReason.LIKELY_SPAM, evidence).detail()
            numbers = range(len(plan.all_messages))
            self._log.append(plan.event(EventType.DROPPED, number, detail) for number in numbers)
            return DispatchOutcome.DROPPED
        self._enqueue(plan, Job.all_of(plan))
        return DispatchOutcome.FANNED_OUT
