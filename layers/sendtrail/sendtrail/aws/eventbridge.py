"""A thin EventBridge client: puts events on a bus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sendtrail.aws.service import RetryPolicy, Service

__all__ = ["EventBridge"]


class EventBridge:
    """A client of EventBridge's JSON protocol."""

    def __init__(
        self, environment: Mapping[str, str], *, retry_policy: RetryPolicy | None = None
    ) -> None:
        self._service = Service(
            name="events",
            target_prefix="AWSEvents",
            version="1.1",
            environment=environment,
            retry_policy=retry_policy,
        )

    def put(self, entries: Sequence[Mapping[str, Any]]) -> list[str | None]:
        """Puts at most ten entries, as PutEvents has them.

        Returns:
            for each entry why it was not taken: EventBridge's error code; None if it was. Some can
            be refused while others are taken (EventBridge API reference, "PutEvents").

        Raises:
            AwsError: nobody knows which were taken, or none was.
        """
        answer = self._service.call("PutEvents", {"Entries": list(entries)})
        return [each.get("ErrorCode") for each in answer["Entries"]]
