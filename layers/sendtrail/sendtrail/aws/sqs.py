"""SQS: sending, which is all that functions in a hurry need of it."""

from __future__ import annotations

from collections.abc import Mapping

from sendtrail.aws.service import Patience, Service

__all__ = ["Sqs"]


class Sqs:
    """SQS's JSON protocol."""

    def __init__(self, environment: Mapping[str, str], *, patience: Patience | None = None) -> None:
        self._service = Service(
            name="sqs",
            target_prefix="AmazonSQS",
            version="1.0",
            environment=environment,
            patience=patience,
        )

    def send(self, queue_url: str, body: str) -> None:
        """Sends one message.

        Raises:
            AwsError: it was not taken.
        """
        self._service.call("SendMessage", {"QueueUrl": queue_url, "MessageBody": body})
