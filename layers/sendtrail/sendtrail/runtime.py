"""What functions are put together from: made once per process, when first needed."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.aws.service import RetryPolicy
from sendtrail.aws.sqs import Sqs
from sendtrail.config import Settings, environment
from sendtrail.log.event_log import EventLog

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "INTERACTIVE",
    "database",
    "event_log",
    "interactive_database",
    "interactive_event_log",
    "ses",
    "quarantine",
    "to_ingest_queue",
]

INTERACTIVE = RetryPolicy(attempts=3, timeout=0.2, first_wait=0.01, longest_wait=0.02, within=0.3)
"""For calls that a reader waits for: with the ingest queue after it, an answer within 400 ms."""

_QUEUE_RETRY_POLICY = RetryPolicy(attempts=2, timeout=1.0, first_wait=0.01, within=1.0)


@cache
def database() -> DynamoDB:
    """This process's connection to DynamoDB."""
    return DynamoDB(environment())


@cache
def interactive_database() -> DynamoDB:
    """The same for functions that a reader waits for."""
    return DynamoDB(environment(), retry_policy=INTERACTIVE)


@cache
def event_log() -> EventLog:
    """The log."""
    return _event_log(database())


@cache
def interactive_event_log() -> EventLog:
    """The log, for functions that a reader waits for."""
    return _event_log(interactive_database())


def _event_log(db: DynamoDB) -> EventLog:
    settings = Settings.from_environment()
    return EventLog(db, settings.events_table, retention_days=settings.retention_days)


def quarantine(text: str) -> None:
    """Keeps a stream record that cannot be read in the folds' dead-letter queue."""
    _quarantine()(text)


@cache
def _quarantine() -> partial[None]:
    return partial(Sqs(environment()).send, Settings.from_environment().quarantine_queue_url)


def to_ingest_queue(text: str) -> None:
    """Sends what cannot be written now to where it is written later."""
    _to_ingest_queue()(text)


@cache
def _to_ingest_queue() -> partial[None]:
    sqs = Sqs(environment(), retry_policy=_QUEUE_RETRY_POLICY)
    return partial(sqs.send, Settings.from_environment().ingest_queue_url)


@cache
def ses() -> Any:
    """A boto3 client of SES. It takes long to import, so only those import it who call this.

    It tries nothing twice: a mail whose fate is not known might go out twice, and who asks for it
    knows better when to try again.
    """
    import boto3
    from botocore.config import Config

    make: Callable[..., Any] = boto3.client
    return make(
        "sesv2",
        config=Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 1}),
    )
