"""Plans in S3: written once, read whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from sendtrail.domain.plan import Plan
from sendtrail.errors import AwsError, UnreachableError

__all__ = ["Plans"]

_PREFIX: Final = "plans/"
_MOST_KEPT: Final = 8


class Plans:
    """The bucket of plans. One that was read is kept for a while: it never changes."""

    def __init__(self, s3: Callable[[], Any], bucket: str) -> None:
        """Takes what gives a boto3 client of S3 when it is first needed."""
        self._s3 = s3
        self._bucket = bucket
        self.get = lru_cache(maxsize=_MOST_KEPT)(self._get)

    def put(self, plan: Plan) -> Plan:
        """Keeps a plan, unless one of that id is kept: that one, or the plan itself.

        Raises:
            AwsError: S3 did not take it.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        body = json.dumps(plan.to_json(), separators=(",", ":")).encode()
        try:
            self._s3().put_object(
                Bucket=self._bucket,
                Key=_key(plan.plan_id),
                Body=body,
                ContentType="application/json",
                IfNoneMatch="*",
            )
        except ClientError as error:
            code = str(error.response["Error"]["Code"])
            if code == "PreconditionFailed":
                return self.get(plan.plan_id)
            if code == "ConditionalRequestConflict":  # somebody else is just writing it
                raise UnreachableError(code, f"plan {plan.plan_id}") from error
            raise AwsError(code, f"plan {plan.plan_id}: {error}") from error
        except BotoCoreError as error:
            raise UnreachableError("NoAnswer", f"plan {plan.plan_id}: {error!r}") from error
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
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._s3().get_object(Bucket=self._bucket, Key=_key(plan_id))
            content = answer["Body"].read()
        except ClientError as error:
            code = str(error.response["Error"]["Code"])
            raise AwsError(code, f"plan {plan_id}: {error}") from error
        except BotoCoreError as error:
            raise UnreachableError("NoAnswer", f"plan {plan_id}: {error!r}") from error
        return Plan.from_json(json.loads(content))


def _key(plan_id: str) -> str:
    return f"{_PREFIX}{plan_id}.json"
