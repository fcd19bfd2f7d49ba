"""A thin SQS client: sends messages, defers received ones, and counts those in a queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sendtrail.aws.service import RetryPolicy, Service
from sendtrail.errors import AwsError

__all__ = ["QueueCounts", "Sqs"]

_LONGEST_DELAY: Final = 900
_MAX_ENTRIES: Final = 10  # SendMessageBatch
_COUNTS: Final = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class QueueCounts(NamedTuple):
    """How many messages a queue has, approximately: what was sent within the last minute may be
    missing.

    Attributes:
        waiting: to be received.
        in_flight: that somebody works on.
        delayed: that are received later.
    """

    waiting: int
    in_flight: int
    delayed: int


class Sqs:
    """A client of SQS's JSON protocol."""

    def __init__(
        self, environment: Mapping[str, str], *, retry_policy: RetryPolicy | None = None
    ) -> None:
        self._service = Service(
            name="sqs",
            target_prefix="AmazonSQS",
            version="1.0",
            environment=environment,
            retry_policy=retry_policy,
        )

    def send(self, queue_url: str, body: str) -> None:
        """Sends one message.

        Raises:
            AwsError: it was not accepted.
        """
        self._service.call("SendMessage", {"QueueUrl": queue_url, "MessageBody": body})

    def send_all(self, queue_url: str, bodies: Sequence[str], *, delay_seconds: int = 0) -> None:
        """Sends messages of a few bytes each, ten to a request.

        Args:
            delay_seconds: after how many seconds they can be received; SQS allows up to 900.

        Raises:
            AwsError: some were not accepted; others may have been.
        """
        delay = {"DelaySeconds": delay_seconds} if delay_seconds else {}
        for start in range(0, len(bodies), _MAX_ENTRIES):
            entries: list[dict[str, Any]] = [
                {"Id": str(number), "MessageBody": body} | delay
                for number, body in enumerate(bodies[start : start + _MAX_ENTRIES])
            ]
            answer = self._service.call(
                "SendMessageBatch", {"QueueUrl": queue_url, "Entries": entries}
            )
            for failed in answer.get("Failed", []):
                raise AwsError(failed["Code"], str(failed.get("Message", "")))

    def send_grouped(
        self, queue_url: str, messages: Sequence[tuple[str, str]], *, delay_seconds: int = 0
    ) -> None:
        """Sends at most ten messages in one request.

        Args:
            messages: each with its group and its body.
            delay_seconds: after how many seconds they can be received; SQS allows up to 900.

        Raises:
            AwsError: some were not accepted; others may have been.
        """
        delay = {"DelaySeconds": delay_seconds} if delay_seconds else {}
        entries: list[dict[str, Any]] = [
            {"Id": str(number), "MessageBody": body, "MessageGroupId": group} | delay
            for number, (group, body) in enumerate(messages)
        ]
        answer = self._service.call("SendMessageBatch", {"QueueUrl": queue_url, "Entries": entries})
        for failed in answer.get("Failed", []):
            raise AwsError(failed["Code"], str(failed.get("Message", "")))

    def send_later(self, queue_url: str, body: str) -> None:
        """Sends a message that is received in a quarter of an hour, the longest that SQS allows.

        Raises:
            AwsError: it may not have been accepted.
        """
        request = {"QueueUrl": queue_url, "MessageBody": body, "DelaySeconds": _LONGEST_DELAY}
        self._service.call("SendMessage", request)

    def defer(self, queue_url: str, receipt_handle: str, seconds: int) -> None:
        """Has a received message delivered again after that many seconds.

        Raises:
            AwsError: it was not deferred; it is redelivered when its visibility timeout ends.
        """
        self._service.call(
            "ChangeMessageVisibility",
            {
                "QueueUrl": queue_url,
                "ReceiptHandle": receipt_handle,
                "VisibilityTimeout": seconds,
            },
        )

    def is_empty(self, queue_url: str) -> bool:
        """Whether a queue has no message: none to be received, and none that is being worked on.

        Raises:
            AwsError: nobody knows.
        """
        return not any(self.counts(queue_url))

    def counts(self, queue_url: str) -> QueueCounts:
        """How many messages a queue has.

        Raises:
            AwsError: nobody knows.
        """
        request = {"QueueUrl": queue_url, "AttributeNames": list(_COUNTS)}
        counts = self._service.call("GetQueueAttributes", request)["Attributes"]
        return QueueCounts(*(int(counts[name]) for name in _COUNTS))
