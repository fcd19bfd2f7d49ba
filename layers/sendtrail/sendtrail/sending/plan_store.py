"""Plans in S3: written once, read whole."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Final

from sendtrail.aws.s3 import Bucket
from sendtrail.domain.plan import Plan
from sendtrail.errors import AwsError, ConditionFailedError

__all__ = ["PlanStore"]

_PREFIX: Final = "plans/"
_MAX_KEPT: Final = 8


class PlanStore:
    """The bucket of plans. One that was read is kept for a while: it never changes."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.get = lru_cache(maxsize=_MAX_KEPT)(self._get)

    def put(self, plan: Plan) -> Plan:
        """Keeps a plan, unless one of that id is kept: that one, or the plan itself.

        Raises:
            AwsError: S3 did not take it.
        """
        body = json.dumps(plan.to_json(), separators=(",", ":")).encode()
        try:
            self._bucket.put(_key(plan.plan_id), body, "application/json")
        except ConditionFailedError:
            return self.get(plan.plan_id)
        return plan

    def find(self, plan_id: str) -> Plan | None:
        """The plan of that id, or None: it never was, or has expired.

        Raises:
            AwsError: S3 did not answer.
        """
        try:
            return self.get(plan_id)
        except AwsError as error:
            if error.code == "NoSuchKey":
                return None
            raise

    def _get(self, plan_id: str) -> Plan:
        """The plan of that id.

        Raises:
            AwsError: of the code ``NoSuchKey``, there is none; of another, S3 did not answer.
        """
        return Plan.from_json(json.loads(self._bucket.get(_key(plan_id))))


def _key(plan_id: str) -> str:
    return f"{_PREFIX}{plan_id}.json"
