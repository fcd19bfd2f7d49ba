"""What is wrong now: what waits in queues, why, and since when SES has told nothing.

Each thing is asked for at the same time as the others, and briefly. What could not be asked is
unknown, which is told as such, and holds up nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from sendtrail.aws.sqs import QueueCounts
from sendtrail.domain.days import Day
from sendtrail.domain.reputation import FEW, Rate, Standing
from sendtrail.domain.times import Timestamp, epoch_ms
from sendtrail.errors import AwsError, ConfigurationError

__all__ = [
    "DEAD_LETTERS",
    "Concern",
    "Finding",
    "Health",
    "Mail",
    "QueueName",
    "Severity",
    "State",
    "findings",
]

T = TypeVar("T")


class QueueName(StrEnum):
    """A queue, by its name in the template."""

    INGEST = "IngestQueue"
    HITS = "HitsQueue"
    DISPATCH = "DispatchQueue"
    DIRECT = "DirectQueue"
    INGEST_DLQ = "IngestDlq"
    DISPATCH_DLQ = "DispatchDlq"
    PROJECTIONS_DLQ = "ProjectionsDlq"
    SWEEP_DLQ = "SweepDlq"
    ERASE_DLQ = "EraseDlq"


DEAD_LETTERS: Final[Mapping[str, str]] = {
    QueueName.INGEST_DLQ: "ingest could not take them. Its log says why; then sendtrail redrive",
    QueueName.DISPATCH_DLQ: "they were not sent. The log of dispatch says why; then sendtrail "
    "redrive",
    QueueName.PROJECTIONS_DLQ: "figures may lack them. Run sendtrail rebuild, then purge the queue",
    QueueName.SWEEP_DLQ: "a sweep was not continued. The next one goes on there; purge the queue",
    QueueName.ERASE_DLQ: "somebody was not erased. The log of erase says why; then sendtrail "
    "redrive",
}
"""Where what nobody could take is kept → what is in it, and what to do."""


class Severity(StrEnum):
    """How bad a finding is."""

    WRONG = "wrong"
    NOTE = "note"
    UNKNOWN = "unknown"
    """It could not be told."""


class Concern(StrEnum):
    """What a finding is about."""

    DEAD_LETTERS = "dead_letters"
    """Something that nobody could take: it needs somebody."""
    HELD = "held"
    """SES takes no mail."""
    SILENCE = "silence"
    """SES was called, and has told of nothing since."""
    INGEST_BEHIND = "ingest_behind"
    """SES's events wait to be taken."""
    HITS_BEHIND = "hits_behind"
    """Opens, clicks and choices wait that the public routes could not write."""
    WAITING_MAIL = "waiting_mail"
    """Messages were accepted, and are neither sent nor given up."""
    BOUNCE_RATE = "bounce_rate"
    COMPLAINT_RATE = "complaint_rate"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to be told to staff.

    Attributes:
        queue: which, of what waits in one.
        count: of messages.
        since: when it began, or the last time it was otherwise.
        reason: of a hold, a `HoldReason`; of a rate, a `Standing`.
    """

    concern: Concern
    severity: Severity
    queue: QueueName | None = None
    count: int | None = None
    since: Timestamp | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What was found.

    Attributes:
        queues: how many messages each has; None of one that could not be asked.
        held: why SES takes no mail (`sendtrail.reading.waiting.held`), or None.
        held_is_known: whether that could be asked.
        called_at: about when SES was last called, as far as that is known.
        called_is_known: whether that could be asked.
    """

    queues: Mapping[QueueName, QueueCounts | None]
    held: Mapping[str, Any] | None
    held_is_known: bool
    called_at: Timestamp | None
    called_is_known: bool


@dataclass(frozen=True, slots=True)
class Mail:
    """What figures say of the mail of the last days.

    Attributes:
        told_at: when SES last told of any of it; None if it never did.
        waiting: day → messages that wait.
    """

    told_at: Timestamp | None
    waiting: Mapping[Day, int]


class Health:
    """Asks for all that may be wrong, at once."""

    def __init__(
        self,
        *,
        counts: Callable[[str], QueueCounts],
        queues: Mapping[QueueName, str],
        held: Callable[[], dict[str, Any] | None],
        called_at: Callable[[], Timestamp | None],
    ) -> None:
        """Asks nothing yet.

        Args:
            counts: how many messages a queue has, by its URL. It and the others may raise AwsError.
            queues: the URL of each queue.
            held: as of `State`; so is `called_at`.
        """
        self._counts = counts
        self._queues = queues
        self._held = held
        self._called_at = called_at
        self._workers: ThreadPoolExecutor | None = None

    def look(self) -> State:
        """What there is now: a request for each queue, and two of DynamoDB; none is waited for."""
        if self._workers is None:  # its threads keep their connections
            self._workers = ThreadPoolExecutor(max_workers=len(self._queues) + 2)
        held = self._workers.submit(self._held)
        called_at = self._workers.submit(self._called_at)
        queues = {
            name: self._workers.submit(self._counts, url) for name, url in self._queues.items()
        }
        held_is_known, why = _told(held)
        called_is_known, at = _told(called_at)
        return State(
            queues={name: _told(asked)[1] for name, asked in queues.items()},
            held=why,
            held_is_known=held_is_known,
            called_at=at,
            called_is_known=called_is_known,
        )


def _told(asked: Future[T]) -> tuple[bool, T | None]:
    """Whether there was an answer, and the answer."""
    try:
        return True, asked.result()
    except (AwsError, ConfigurationError):
        return False, None


# --- what that means -----------------------------------------------------------------------------

_MANY: Final = 1_000
"""Of events that wait; one invocation of ingest takes some hundred in a second."""
_QUIET_MS: Final = 15 * 60_000
"""For how long nothing may come after SES was called."""
_LATE_MS: Final = 10 * 60_000
"""For how long an event may wait, as IngestLateAlarm has it."""
_SLACK_MS: Final = 60_000
"""Slots are taken ahead, and clocks differ."""
_TURN_DAYS: Final = 2
"""For how many days it is not strange that something waits for its turn."""
_BEGINNING: Final = "1970-01-01T00:00:00.000Z"

Rates = Mapping[Concern, Rate]


def findings(state: State, mail: Mail, rates: Rates, at: Timestamp) -> list[Finding]:
    """What is wrong, the worst first; empty if all is well.

    Args:
        rates: of bounces and complaints, by their concern.
        at: now.
    """
    found = [
        *_dead_letters(state),
        *_held(state),
        *_silence(state, mail, at),
        *_behind(state, mail, at),
        *_waiting(state, mail, at),
        *_rates(rates),
    ]
    order = list(Severity)
    return sorted(found, key=lambda finding: order.index(finding.severity))


def _dead_letters(state: State) -> Iterator[Finding]:
    for queue in map(QueueName, DEAD_LETTERS):
        counts = state.queues.get(queue)
        if counts is None:
            yield Finding(Concern.DEAD_LETTERS, Severity.UNKNOWN, queue)
        elif any(counts):
            yield Finding(Concern.DEAD_LETTERS, Severity.WRONG, queue, sum(counts))


def _held(state: State) -> Iterator[Finding]:
    if not state.held_is_known:
        yield Finding(Concern.HELD, Severity.UNKNOWN)
    elif state.held:
        yield Finding(
            Concern.HELD,
            Severity.WRONG,
            since=state.held["since"],
            reason=state.held["reason"],
        )


def _silence(state: State, mail: Mail, at: Timestamp) -> Iterator[Finding]:
    """Mail was handed to SES a while ago, and SES has told of nothing since. What SES refused while
    it held all mail is no such thing.
    """
    if not state.called_is_known:
        yield Finding(Concern.SILENCE, Severity.UNKNOWN)
    elif state.called_at and not state.held:
        called, told = epoch_ms(state.called_at), epoch_ms(mail.told_at or _BEGINNING)
        if epoch_ms(at) - called >= _QUIET_MS and told < called - _SLACK_MS:
            yield Finding(Concern.SILENCE, Severity.WRONG, since=mail.told_at or state.called_at)


def _behind(state: State, mail: Mail, at: Timestamp) -> Iterator[Finding]:
    ingest, hits = (state.queues.get(name) for name in (QueueName.INGEST, QueueName.HITS))
    queue = QueueName.INGEST
    if ingest is None:
        yield Finding(Concern.INGEST_BEHIND, Severity.UNKNOWN, queue)
    else:
        is_quiet = epoch_ms(at) - epoch_ms(mail.told_at or _BEGINNING) >= _LATE_MS
        is_much = ingest.waiting >= _MANY
        # A few that wait after a quiet time have most likely just come.
        if is_much or (ingest.waiting and is_quiet):
            severity = Severity.WRONG if is_much and is_quiet else Severity.NOTE
            since = mail.told_at if is_quiet else None
            yield Finding(Concern.INGEST_BEHIND, severity, queue, ingest.waiting, since)
    if hits is None:
        yield Finding(Concern.HITS_BEHIND, Severity.UNKNOWN, QueueName.HITS)
    elif hits.waiting:
        yield Finding(Concern.HITS_BEHIND, Severity.NOTE, QueueName.HITS, hits.waiting)


def _waiting(state: State, mail: Mail, at: Timestamp) -> Iterator[Finding]:
    """Mail that is on its way is no finding: somebody has just sent a mailing."""
    queues = [state.queues.get(name) for name in (QueueName.DISPATCH, QueueName.DIRECT)]
    for name, counts in zip((QueueName.DISPATCH, QueueName.DIRECT), queues, strict=True):
        if counts is None:
            yield Finding(Concern.WAITING_MAIL, Severity.UNKNOWN, name)
    waiting = {day: number for day, number in mail.waiting.items() if number > 0}
    if not waiting:
        return
    since = f"{min(waiting)}T00:00:00.000Z"
    is_old = epoch_ms(at) - epoch_ms(since) >= _TURN_DAYS * 24 * 3_600_000
    if is_old or state.held or not any(map(any, filter(None, queues))):
        yield Finding(
            Concern.WAITING_MAIL,
            Severity.WRONG if is_old and not state.held else Severity.NOTE,
            count=sum(waiting.values()),
            since=since,
        )


def _rates(rates: Rates) -> Iterator[Finding]:
    for concern, rate in rates.items():
        if rate.standing and rate.standing is not Standing.WITHIN:
            yield Finding(
                concern,
                Severity.WRONG if rate.sent >= FEW else Severity.NOTE,
                count=rate.count,
                reason=rate.standing.value,
            )
