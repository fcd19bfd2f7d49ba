"""Sending at most once: Powertools' idempotency, and the log where it cannot tell.

A record is made before SES is called and completed after it has answered. A worker that dies in
between leaves it in progress, and so does one that gets no answer. Then the record holds for the
seconds of doubt, longer than any worker lives and than SES takes to tell of a Send; whoever comes
later looks into the log, where the Send is, or is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
)

from sendtrail.errors import BusyError

__all__ = ["once"]

_KEPT_SECONDS: Final = 15 * 24 * 3600  # a queue keeps a message for 14 days


class _Doubt:
    """Tells Powertools how long a record in progress holds, where it asks for the time that a
    Lambda function has left.
    """

    def __init__(self, seconds: int) -> None:
        self._milliseconds = seconds * 1000

    def get_remaining_time_in_millis(self) -> int:
        """The time of doubt."""
        return self._milliseconds


class _Records(DynamoDBPersistenceLayer):
    """Keeps the record of what nobody knows the outcome of."""

    def delete_record(self, data: dict[str, Any], exception: Exception) -> None:
        """Forgets an attempt that failed for certain, so that the next may follow at once."""
        if not isinstance(exception, BusyError):
            super().delete_record(data, exception)


def once(
    do: Callable[[str, int], str], *, table: str, doubt_seconds: int, client: Any = None
) -> Callable[[str, str, int], str]:
    """A function that does `do` at most once for each message.

    Args:
        do: sends the letter of that number of a plan, and says what came of it. A `BusyError` of it
            leaves the matter in doubt; after any other error it may be tried again at once.
        client: a boto3 client of DynamoDB; Powertools makes one if there is none.

    Returns:
        a function of message id, plan id and number: what came of it, now or the first time.
            BusyError: another worker is at it, or it is in doubt.
    """
    config = IdempotencyConfig(
        event_key_jmespath="message_id",
        expires_after_seconds=_KEPT_SECONDS,
        hash_function="sha256",
        lambda_context=_Doubt(doubt_seconds),  # type: ignore[arg-type]
    )
    records = _Records(
        table_name=table, key_attr="id", expiry_attr="expiration", boto3_client=client
    )

    @idempotent_function(  # type: ignore[untyped-decorator]
        data_keyword_argument="job", persistence_store=records, config=config, key_prefix="dispatch"
    )
    def send(*, job: dict[str, Any]) -> str:
        return do(job["plan"], job["number"])

    def sent(message_id: str, plan_id: str, number: int) -> str:
        try:
            return str(send(job={"message_id": message_id, "plan": plan_id, "number": number}))
        except (IdempotencyAlreadyInProgressError, IdempotencyInconsistentStateError) as error:
            raise BusyError("InProgress", f"message {message_id}") from error
        except IdempotencyPersistenceLayerError as error:
            # Before or after SES was called: the record, if there is one, tells the next.
            raise BusyError("NoRecord", f"message {message_id}: {error}") from error

    return sent
