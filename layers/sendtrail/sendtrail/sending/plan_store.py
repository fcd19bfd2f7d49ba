"""The store of plans in S3: each is written once and never changed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from sendtrail.aws.s3 import Bucket
from sendtrail.domain.plan import Plan
from sendtrail.errors import AwsError, ConditionFailedError

__all__ = ["ATTACHMENTS", "PREFIX", "PlanStore"]

PREFIX: Final = "plans/"
"""What the keys of plans begin with."""
ATTACHMENTS: Final = f"{PREFIX}attachments/"
"""… and those of the contents of their files."""
_MAX_KEPT: Final = 8
_KEPT_SECONDS: Final = 60
"""For how long: whoever is erased is taken from plans that are waiting."""


class PlanStore:
    """Reads and writes plans; caches the last few that were read, for a minute. They never change,
    but that whoever is erased is taken from them (`sendtrail.rights.written`).
    """

    def __init__(self, bucket: Bucket, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._bucket = bucket
        self._clock = clock
        self._cached = lru_cache(maxsize=_MAX_KEPT)(self._get)

    def get(self, plan_id: str) -> Plan:
        """The plan with that id.

        Raises:
            AwsError: with the code ``NoSuchKey``, there is none; with another, it cannot be read.
        """
        return self._cached(plan_id, self._clock() // _KEPT_SECONDS)

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

    def _get(self, plan_id: str, _minute: float) -> Plan:
        return Plan.from_json(json.loads(self._bucket.get(_key(plan_id))))


def _key(plan_id: str) -> str:
    return f"{PREFIX}{plan_id}.json"
