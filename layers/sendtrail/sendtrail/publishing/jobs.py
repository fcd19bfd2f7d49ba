"""Jobs: what waits in the queue of deliveries.

What is tried again later is queued anew with a delay, and not left in flight: a standard queue has
room for 120,000 messages in flight (Amazon SQS developer guide, "Amazon SQS standard queue
quotas"), which one endpoint that is down would fill, and for any number of delayed ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from sendtrail.aws.sqs import Sqs
from sendtrail.domain.times import Timestamp, epoch_ms, now
from sendtrail.errors import RejectedRecordError

__all__ = [
    "LONGEST_DELAY",
    "MAX_BYTES",
    "MAX_EVENTS",
    "DeliveryJob",
    "JobQueue",
    "Outgoing",
    "ReplayJob",
    "in_jobs",
    "job_of_text",
]

MAX_EVENTS: Final = 20
MAX_BYTES: Final = 200_000
"""Of a job's events; SQS takes 256 KiB for all messages of a request, in every region."""
LONGEST_DELAY: Final = 900
_MAX_ENTRIES: Final = 10
_MAX_REQUEST: Final = 250_000


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event on its way to one receiver.

    Attributes:
        id: of the message, which receivers know repetitions by.
        type: a name of `domain.webhooks.EVENT_TYPES`.
        at: when the event happened.
        message_id: of the mail that it is of; None if it is of none.
        body: the JSON that is sent; the same for each attempt.
        attempts: how often it was tried.
        first_at: when first; None if it never was.
        due_at: before when it is not tried again.
    """

    id: str
    type: str
    at: Timestamp
    event_id: str
    message_id: str | None
    body: str
    attempts: int = 0
    first_at: Timestamp | None = None
    due_at: Timestamp | None = None

    def tried(self, at: Timestamp) -> Outgoing:
        """The event after one more attempt."""
        return replace(self, attempts=self.attempts + 1, first_at=self.first_at or at)


@dataclass(frozen=True, slots=True)
class DeliveryJob:
    """Events for one receiver.

    Attributes:
        endpoint_id: the receiver; None for the event bus.
        replayed: whether somebody asked for them again.
        test: whether it is what the test button sends.
    """

    endpoint_id: str | None
    events: tuple[Outgoing, ...]
    replayed: bool = False
    test: bool = False

    def to_text(self) -> str:
        """The job as a message's text."""
        events = [_present(asdict(event)) for event in self.events]
        return _json({"deliver": _present(asdict(replace(self, events=())) | {"events": events})})


@dataclass(frozen=True, slots=True)
class ReplayJob:
    """A replay that goes on.

    Attributes:
        since, until: of the events' own times; `until` is not within.
        place: the key in the log after which to go on; None at the beginning.
        sent: how many events it has queued.
    """

    endpoint_id: str
    since: Timestamp
    until: Timestamp
    place: Mapping[str, str] | None = None
    sent: int = 0

    def to_text(self) -> str:
        """The job as a message's text."""
        return _json({"replay": _present(asdict(self))})


def job_of_text(text: str) -> DeliveryJob | ReplayJob:
    """The job in a message's text.

    Raises:
        RejectedRecordError: it is none.
    """
    try:
        ((kind, values),) = json.loads(text).items()
        if kind == "replay":
            return ReplayJob(**values)
        if kind == "deliver":
            events = tuple(Outgoing(**{"message_id": None} | each) for each in values["events"])
            return DeliveryJob(**{"endpoint_id": None} | values | {"events": events})
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    raise RejectedRecordError(f"no job: {text!r:.80}")


def in_jobs(
    endpoint_id: str | None, events: Iterable[Outgoing], **marks: bool
) -> list[DeliveryJob]:
    """Events cut into jobs of at most `MAX_EVENTS` and `MAX_BYTES`."""
    jobs: list[DeliveryJob] = []
    mine: list[Outgoing] = []
    size = 0
    for event in events:
        length = len(_json(asdict(event)).encode())
        if mine and (len(mine) == MAX_EVENTS or size + length > MAX_BYTES):
            jobs.append(DeliveryJob(endpoint_id, tuple(mine), **marks))
            mine, size = [], 0
        mine.append(event)
        size += length
    if mine:
        jobs.append(DeliveryJob(endpoint_id, tuple(mine), **marks))
    return jobs


class JobQueue:
    """The queue of deliveries."""

    def __init__(self, sqs: Sqs, queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url

    def put(self, jobs: Sequence[DeliveryJob | ReplayJob], *, delay_seconds: int = 0) -> None:
        """Queues jobs, as many to a request as it has room for.

        Those of one receiver are a group: in a fair queue, which a standard queue is for messages
        with a group, a receiver with many waiting messages delays those of the others less (Amazon
        SQS developer guide, "Amazon SQS fair queues").

        Args:
            delay_seconds: before which they are not received; at most 900 count.

        Raises:
            AwsError: some were not taken; others may have been.
        """
        delay = max(0, min(LONGEST_DELAY, delay_seconds))
        for group in _requests([(job.endpoint_id or "bus", job.to_text()) for job in jobs]):
            self._sqs.send_grouped(self._queue_url, group, delay_seconds=delay)

    def put_back(
        self, job: DeliveryJob, events: Iterable[Outgoing], retry_at: Timestamp | None = None
    ) -> None:
        """Queues events of a job anew, to be received when they are due; or a quarter of an hour
        on, to be put back again.

        Args:
            retry_at: before when none of them is.

        Raises:
            AwsError: some were not taken.
        """
        at = now()
        by_due: dict[Timestamp, list[Outgoing]] = {}
        for event in events:
            by_due.setdefault(max(event.due_at or "", retry_at or ""), []).append(event)
        for due_at, mine in by_due.items():
            milliseconds = epoch_ms(due_at) - epoch_ms(at) if due_at else 0
            parts = in_jobs(job.endpoint_id, mine, replayed=job.replayed)
            self.put(parts, delay_seconds=max(1, -(-milliseconds // 1000)))


def _requests(messages: Sequence[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Messages, as many to a list as a request of SQS takes."""
    mine: list[tuple[str, str]] = []
    size = 0
    for message in messages:
        length = len(message[1].encode())
        if mine and (len(mine) == _MAX_ENTRIES or size + length > _MAX_REQUEST):
            yield mine
            mine, size = [], 0
        mine.append(message)
        size += length
    if mine:
        yield mine


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, False, 0)}
