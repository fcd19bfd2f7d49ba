"""What functions are put together from: made once per process, when first needed."""

from __future__ import annotations

from functools import cache, partial

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.aws.sqs import Sqs
from sendtrail.config import Settings, environment
from sendtrail.storage.event_log import EventLog

__all__ = ["database", "event_log", "set_aside"]


@cache
def database() -> DynamoDB:
    """This process's connection to DynamoDB."""
    return DynamoDB(environment())


@cache
def event_log() -> EventLog:
    """The log."""
    settings = Settings.from_environment()
    return EventLog(database(), settings.events_table, retention_days=settings.retention_days)


def set_aside(text: str) -> None:
    """Keeps a stream record that cannot be read in the folds' dead-letter queue."""
    _set_aside()(text)


@cache
def _set_aside() -> partial[None]:
    return partial(Sqs(environment()).send, Settings.from_environment().set_aside_queue_url)
