"""Erasing a person: what is asked, how far it is, and what came of it.

Whoever asks is told at once by what the erasure goes on; the work is done by a function of its own,
a part at a time, which queues what is left. It is done in passes: what comes meanwhile of the
person, by a stream that is late or a worker that read a plan before, is found by the next, a
quarter of an hour later, until one finds nothing (docs/decisions/0056).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from sendtrail.auth.audit import Audit, StaffAction
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.actors import Actor
from sendtrail.domain.erasure import is_erased, new_pseudonym
from sendtrail.domain.ids import is_participant_id, normal_address, participant_of_address
from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms, now
from sendtrail.errors import NotFoundError
from sendtrail.log.erasures import ERASURE_PREFIX, Erasures
from sendtrail.projections.directory import Directory
from sendtrail.rights.steps import Progress, Steps, Subject

__all__ = ["BETWEEN_PASSES", "Erasing", "Erasure", "ErasureState", "Keeps", "Trace"]

Item = dict[str, Any]

BETWEEN_PASSES: Final = 900
"""Seconds: the longest that SQS delays, and longer than any process goes by what it has read. What
the function waits is a setting, which is that in AWS."""
_MAX_PASSES: Final = 96
_MAX_OWNERS: Final = 25
_QUEUE_DAYS: Final = 28
"""What a queue gives up it has kept for 14 days, and its dead-letter queue keeps it for 14 more at
most (SQS developer guide, "Dead-letter queues")."""
_BACKUP_DAYS: Final = 35
"""For how long point-in-time recovery goes back."""


class ErasureState(StrEnum):
    """How far an erasure is."""

    ASKED = "asked"
    RUNNING = "running"
    DONE = "done"


class Keeps(StrEnum):
    """What may still hold a trace of a person who was erased."""

    QUEUES = "queues"
    STREAM = "stream"
    LOGS = "logs"
    BACKUPS = "backups"


@dataclass(frozen=True, slots=True)
class Trace:
    """What may still hold a trace, and until when."""

    where: Keeps
    until: Timestamp


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure, without whom it is of.

    Attributes:
        erasure_id: the pseudonym that stands for the person.
        by: who asked for it, as an `Actor`'s text.
        counts: what → how many were found and rewritten or deleted so far.
        passed_at: when the latest pass came to its end.
        shared: how many of their addresses are others' too, and stay with those.
        traces: what may still hold a trace of them; once it is done.
    """

    erasure_id: str
    state: ErasureState
    asked_at: Timestamp
    by: str
    passes: int = 0
    passed_at: Timestamp | None = None
    done_at: Timestamp | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    shared: int = 0
    traces: tuple[Trace, ...] = ()


class Erasing:
    """Takes, does and tells of erasures."""

    def __init__(
        self,
        db: DynamoDB,
        table: str,
        *,
        erasures: Erasures,
        directory: Directory,
        steps: Callable[[], Steps],
        enqueue: Callable[[str, int], None],
        audit: Audit,
        log_days: Callable[[], int],
        pass_seconds: Callable[[], int] = lambda: BETWEEN_PASSES,
    ) -> None:
        """Keeps what it does in `table`, that of erasures.

        Args:
            steps: makes what does the work, when it is needed.
            enqueue: has an erasure, by its id, go on in so many seconds.
            log_days: for how long functions' own logs are kept.
            pass_seconds: how many are between passes that are queued.
        """
        self._db = db
        self._table = table
        self._erasures = erasures
        self._directory = directory
        self._steps = steps
        self._enqueue = enqueue
        self._audit = audit
        self._log_days = log_days
        self._pass_seconds = pass_seconds

    def request(self, participant_id: str, *, by: Actor, begins_in: int = 0) -> Erasure:
        """Has a person erased. Whoever was erased and has come back is erased again, under the same
        pseudonym; while an erasure is under way, it is that.

        Args:
            begins_in: seconds after which the function takes it on; more than none for whoever
                begins it themselves.

        Raises:
            NotFoundError: nothing is known of them.
            AwsError: it may not have been asked; it may be repeated.
        """
        if not is_participant_id(participant_id) or is_erased(participant_id):
            raise NotFoundError(f"nothing is known of participant {participant_id}")
        before = self._erasures.of_people([participant_id], fresh=True).get(participant_id)
        known, uses = self._directory.participant(participant_id)
        newest = self._directory.newest_messages(participant_id, 1)
        if known is None and not uses and not newest:
            if before is None:
                raise NotFoundError(f"nothing is known of participant {participant_id}")
            return self.status(before.pseudonym)
        erasure_id = before.pseudonym if before else new_pseudonym()
        row = self._row(erasure_id)
        if row is None or row["state"] == ErasureState.DONE:
            asked = Erasure(erasure_id, ErasureState.ASKED, now(), by.text)
            # First, so that asking again finds it.
            self._erasures.remember({participant_id: erasure_id}, asked.asked_at)
            self._put(asked, {"participant_id": participant_id}, Progress())
            self._audit(by, StaffAction.ERASE, erasure_id)
        self._enqueue(erasure_id, begins_in)
        return self.status(erasure_id)

    def go_on(self, erasure_id: str) -> None:
        """Has the function go on with an erasure that came from elsewhere; nothing follows of one
        that is done.
        """
        self._enqueue(erasure_id, 0)

    def status(self, erasure_id: str) -> Erasure:
        """How far an erasure is.

        Args:
            erasure_id: as `request` told it; or the id that a person who was erased had.

        Raises:
            NotFoundError: there is none.
        """
        if not is_erased(erasure_id):
            found = self._erasures.of_people([erasure_id], fresh=True).get(erasure_id)
            erasure_id = found.pseudonym if found else erasure_id
        row = self._row(erasure_id)
        if row is None:
            raise NotFoundError(f"there is no erasure {erasure_id}")
        return self._erasure(row)

    def run(
        self,
        erasure_id: str,
        has_time: Callable[[], bool] = lambda: True,
        *,
        queue: bool = True,
    ) -> Erasure:
        """Does a pass of an erasure, or a part of one.

        Args:
            queue: whether what is left is queued, and what comes too soon after a pass, because it
                was asked for again or brought twice, waits for the next; else the caller goes on.

        Raises:
            NotFoundError: there is no such erasure.
            AwsError: some may have been done; it may be repeated.
        """
        row = self._row(erasure_id)
        if row is None:
            raise NotFoundError(f"there is no erasure {erasure_id}")
        erasure = self._erasure(row)
        if erasure.state is ErasureState.DONE:
            return erasure
        if queue and (early := self._seconds_early(erasure)) > 0:
            self._enqueue(erasure_id, early)
            return erasure
        subject, progress = self._subject(row)
        if row["subject"] != subject.to_item():
            # Before anything is deleted by which it was found.
            self._put(erasure, subject.to_item(), progress)
        self._erasures.remember(subject.pseudonyms, subject.until)
        steps = self._steps()
        finished = steps.go_on(subject, progress, has_time)
        erasure = replace(
            erasure,
            state=ErasureState.RUNNING,
            counts=dict(Counter(erasure.counts) + Counter(progress.taken())),
            shared=len(subject.shared),
        )
        delay = 0
        if finished:
            nothing = not progress.found and erasure.passes > 0
            erasure = replace(erasure, passes=erasure.passes + 1, passed_at=now())
            progress = progress.next_pass()
            delay = self._pass_seconds() if queue else 0
            if nothing or erasure.passes >= _MAX_PASSES:
                erasure = replace(
                    erasure, state=ErasureState.DONE, done_at=now(), traces=self._traces(now())
                )
                self._put(erasure, {}, None)
                return erasure
        self._put(erasure, subject.to_item(), progress)
        if queue:
            self._enqueue(erasure_id, delay)
        return erasure

    def run_to_end(
        self, erasure_id: str, *, wait: Callable[[float], None], passes: int = _MAX_PASSES
    ) -> Erasure:
        """Does an erasure until a pass finds nothing more, and waits between them.

        Args:
            wait: called with seconds.
            passes: after how many it ends nonetheless, for the function to go on.
        """
        while True:
            found = self.run(erasure_id, queue=False)
            if found.state is ErasureState.DONE or found.passes >= passes:
                return found
            wait(BETWEEN_PASSES)

    def _seconds_early(self, erasure: Erasure) -> int:
        """How long it is until the next pass is due; 0 if it is, or is under way."""
        if erasure.passed_at is None:
            return 0
        since = (epoch_ms(now()) - epoch_ms(erasure.passed_at)) // 1000
        return max(0, self._pass_seconds() - since)

    def _subject(self, row: Item) -> tuple[Subject, Progress]:
        """Whom it is of, found once; and how far it is."""
        progress = Progress.of_item(row.get("progress") or {})
        told = row["subject"]
        if "pseudonyms" in told:
            return Subject.of_item(told), progress
        participant_id, erasure_id = told["participant_id"], row["erasure_id"]
        addresses, shared = self._addresses(participant_id)
        placeholders = [
            each
            for each in dict.fromkeys(map(participant_of_address, addresses))
            if each != participant_id
        ]
        known = self._erasures.of_people(placeholders, fresh=True)
        # Each partition has one of its own: a message may have a row in several, each counted.
        pseudonyms = {participant_id: erasure_id} | {
            each: known[each].pseudonym if each in known else new_pseudonym()
            for each in placeholders
        }
        subject = Subject(
            participant_id=participant_id,
            pseudonyms=pseudonyms,
            addresses=tuple(addresses),
            shared=tuple(shared),
            until=row["asked_at"],
        )
        return subject, progress

    def _addresses(self, participant_id: str) -> tuple[list[str], list[str]]:
        """A person's addresses, normalised: those that are theirs alone, and those of others
        too.
        """
        _, uses = self._directory.participant(participant_id)
        addresses = {use.normal for use in uses}
        for message in self._directory.newest_messages(participant_id):
            addresses |= {normal_address(message.address)} if message.address else set()
        alone: list[str] = []
        shared: list[str] = []
        for address in sorted(addresses):
            mine = (participant_id, participant_of_address(address))
            ids = self._directory.ids_at([address], _MAX_OWNERS)[0]
            (shared if set(ids) - set(mine) else alone).append(address)
        return alone, shared

    def _traces(self, at: Timestamp) -> tuple[Trace, ...]:
        """What may still hold a trace; each until what it holds now is gone."""
        kept = {
            Keeps.STREAM: 1,  # a day is as long as it keeps anything
            Keeps.QUEUES: _QUEUE_DAYS,
            Keeps.LOGS: self._log_days(),
            Keeps.BACKUPS: _BACKUP_DAYS,
        }
        return tuple(Trace(where, _days_after(at, days)) for where, days in kept.items())

    def _row(self, erasure_id: str) -> Item | None:
        return self._db.get(self._table, {"hash": ERASURE_PREFIX + erasure_id})

    def _put(self, erasure: Erasure, subject: Item, progress: Progress | None) -> None:
        told = {
            name: value
            for name, value in asdict(erasure).items()
            if value is not None and name != "traces"
        }
        row = {
            **told,
            "hash": ERASURE_PREFIX + erasure.erasure_id,
            "state": erasure.state.value,
            "traces": {each.where.value: each.until for each in erasure.traces},
            "subject": subject,
            "progress": progress.to_item() if progress else {},
        }
        self._db.put_all(self._table, [row])

    @staticmethod
    def _erasure(row: Item) -> Erasure:
        return Erasure(
            erasure_id=row["erasure_id"],
            state=ErasureState(row["state"]),
            asked_at=row["asked_at"],
            by=row["by"],
            passes=int(row["passes"]),
            passed_at=row.get("passed_at"),
            done_at=row.get("done_at"),
            counts={name: int(number) for name, number in row["counts"].items()},
            shared=int(row["shared"]),
            traces=tuple(Trace(Keeps(where), until) for where, until in row["traces"].items()),
        )


def _days_after(at: Timestamp, days: int) -> Timestamp:
    return from_epoch_ms(epoch_ms(at) + int(timedelta(days=days).total_seconds() * 1000))
