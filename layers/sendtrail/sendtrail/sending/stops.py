"""Stops: what staff have stopped is not sent from then on.

A stop is a row beside the claims, which each job reads before it calls SES. It is written before
anything else tells of it, and never changed: what the log says of it is made from it, so that
stopping again tells the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.eligibility import Ineligible
from sendtrail.domain.message import DropReason
from sendtrail.domain.plan import Plan
from sendtrail.domain.times import Timestamp, epoch_ms
from sendtrail.errors import ConditionFailedError
from sendtrail.sending.claims import KEPT_DAYS, STOP_PREFIX

__all__ = ["Stop", "Stops"]

_DAY_SECONDS: Final = 24 * 3600
_SKEW_MS: Final = 60_000
"""By how much the clocks of two functions may differ."""


@dataclass(frozen=True, slots=True)
class Stop:
    """When a plan was stopped, and by whom, as an `Actor`'s text."""

    at: Timestamp
    by: str

    def detail(self) -> dict[str, Any]:
        """The detail of the Dropped events of what it keeps from being sent."""
        return Ineligible(DropReason.STOPPED).detail() | {"by": self.by}

    def is_before(self, begins_at: Timestamp) -> bool:
        """Whether it was surely there before a plan's time, so that nothing of the plan has begun:
        a worker's clock may be ahead.
        """
        return epoch_ms(self.at) < epoch_ms(begins_at) - _SKEW_MS

    def keeps_back(self, plan: Plan) -> bool:
        """Whether a plan's messages are not even accepted: those of a mailing that was stopped
        before its time.
        """
        scheduled = plan.send_at is not None and plan.communication_id is not None
        return scheduled and self.is_before(plan.begins_at)


class Stops:
    """The stops of plans.

    A row has ``id``, ``at``, ``by`` and ``expiration`` (seconds since 1970).
    """

    def __init__(self, db: DynamoDB, table: str) -> None:
        self._db = db
        self._table = table

    def of(self, plan_id: str) -> Stop | None:
        """The stop of a plan, read consistently; None if nobody has stopped it.

        Raises:
            AwsError: nobody knows.
        """
        row = self._db.get(self._table, _key(plan_id))
        return Stop(row["at"], row["by"]) if row else None

    def put(self, plan_id: str, stop: Stop, *, begins_at: Timestamp) -> Stop:
        """Stops a plan; returns the first stop of it, which holds.

        Args:
            begins_at: when the plan is to be sent. The row is kept as long after that as claims
                are.

        Raises:
            AwsError: it may have been stopped; it may be stopped again.
        """
        kept_from = epoch_ms(max(begins_at, stop.at)) // 1000
        row = _key(plan_id) | {
            "at": stop.at,
            "by": stop.by,
            "expiration": kept_from + KEPT_DAYS * _DAY_SECONDS,
        }
        try:
            self._db.put(
                self._table, row, condition="attribute_not_exists(#id)", names={"#id": "id"}
            )
        except ConditionFailedError:
            found = self._db.get_all(self._table, [_key(plan_id)])
            if found:
                return Stop(found[0]["at"], found[0]["by"])
        return stop


def _key(plan_id: str) -> dict[str, Any]:
    return {"id": STOP_PREFIX + plan_id}
