"""The store of plans in S3: each is written once and never changed."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Final

from sendtrail.aws.s3 import Bucket
from sendtrail.domain.plan import Plan
from sendtrail.errors import AwsError, ConditionFailedError

__all__ = ["PREFIX", "PlanStore"]

PREFIX: Final = "plans/"
"""What the keys of plans begin with."""
_MAX_KEPT: Final = 8


class PlanStore:
    """Reads and writes plans; caches the last few that were read, since they never change."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.get = lru_cache(maxsize=_MAX_KEPT)(self._get)

    def put(self, plan: Plan) -> Plan:
        """Stores a plan, unless one with its id exists; returns the stored one.

        Raises:
            AwsError: it may not have been stored.
        """
        body = json.dumps(plan.to_json(), separators=(",", ":")).encode()
        try:
            self._bucket.put(_key(plan.plan_id), body, "application/json")
        except ConditionFailedError:
            return self.get(plan.plan_id)
        return plan

    def find(self, plan_id: str) -> Plan | None:
        """The plan with that id; None if it never existed, or has expired.

        Raises:
            AwsError: it cannot be read.
        """
        try:
            return self.get(plan_id)
        except AwsError as error:
            if error.code == "NoSuchKey":
                return None
            raise

    def _get(self, plan_id: str) -> Plan:
        """The plan with that id.

        Raises:
            AwsError: with the code ``NoSuchKey``, there is none; with another, it cannot be read.
        """
        return Plan.from_json(json.loads(self._bucket.get(_key(plan_id))))


def _key(plan_id: str) -> str:
    return f"{PREFIX}{plan_id}.json"
