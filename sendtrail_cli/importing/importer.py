"""The import: records to events, a chunk at a time, into the log.

A chunk is appended as a whole, so that all that is told of a message nearby is one write. Chunks
are appended by several threads at once, and are done in the order of their records: only then what
was not understood of them is reported, and how far the import is, kept. What is done twice, since
it was broken off before that, changes nothing.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, Final

from sendtrail.domain.clients import as_kept
from sendtrail.domain.events import Event, EventType
from sendtrail.domain.ids import sent_time
from sendtrail.errors import (
    AwsError,
    IgnoredRecordError,
    RefusedError,
    RejectedRecordError,
    ThrottledError,
    UnreachableError,
)
from sendtrail.intake.envelopes import is_acknowledgement
from sendtrail.log.items import expires, expires_at
from sendtrail.log.trails import Trails
from sendtrail_cli.importing.formats import READERS, Format
from sendtrail_cli.importing.records import Record, read_records
from sendtrail_cli.importing.sources import Source
from sendtrail_cli.importing.state import DONE, Known, State
from sendtrail_cli.importing.tally import Tally
from sendtrail_cli.importing.told import Naming, Told

__all__ = ["CHUNK", "Importer"]

CHUNK: Final = 4_000
"""Events that are appended together."""
_MAX_RECORDS: Final = 20_000
_MAX_REJECTS: Final = 1 << 20
"""Records, and characters of what was not understood, after which a chunk ends in any case."""
_SHOWN: Final = 1 << 16
_ATTEMPTS: Final = 10
_LONGEST_WAIT: Final = 30.0
_AHEAD: Final = timedelta(days=1)
"""How far in the future an event may be: clocks differ."""


@dataclass(slots=True)
class _Chunk:
    """What is done together.

    Attributes:
        origins: of each event, the file and the record that it is of.
        rejects: lines of the report.
        reached: key of a file → how many of its records are done with this.
    """

    events: list[Event] = field(default_factory=list)
    origins: list[tuple[str, Record]] = field(default_factory=list)
    rejects: list[str] = field(default_factory=list)
    rejected: int = 0
    records: int = 0
    reached: dict[str, int] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        """Whether it is time to do it."""
        return (
            len(self.events) >= CHUNK
            or self.records >= _MAX_RECORDS
            or self.rejected >= _MAX_REJECTS
        )

    def reject(self, file: str, record: Record, why: str) -> None:
        """Puts a record that was not understood among the lines of the report."""
        raw = record.raw if record.why else json.loads(record.raw)
        found = {"file": file, "record": record.number, "line": record.line, "why": why, "raw": raw}
        text = json.dumps(found, ensure_ascii=False)
        if len(text) > _SHOWN:
            found["raw"] = json.dumps(raw, ensure_ascii=False)[: _SHOWN // 2]
            text = json.dumps(found, ensure_ascii=False)
        self.rejects.append(text)
        self.rejected += len(text)


@dataclass(slots=True)
class Importer:
    """One import.

    Attributes:
        trails: makes a log to append to, for each thread its own; None for a dry run.
        whole_ip_addresses: whether the whole address of a client is kept.
        report: takes what was not understood, a line of JSON each.
        advance: is told how many bytes have been read.
    """

    format: Format
    naming: Naming
    state: State
    retention_days: int
    whole_ip_addresses: bool
    trails: Callable[[], Trails] | None
    report: BinaryIO
    workers: int
    advance: Callable[[int], object]
    tally: Tally = field(default_factory=Tally)

    def run(self, sources: Sequence[Source]) -> Tally:
        """Imports files.

        Raises:
            AwsError: DynamoDB does not take events. What was done is kept.
            OSError: a file cannot be read.
        """
        if self.format is not Format.SES:
            self._index(sources)
        local = threading.local()

        def append(chunk: _Chunk) -> list[tuple[int, AwsError]]:
            if self.trails is None:
                return []
            if not hasattr(local, "trails"):
                local.trails = self.trails()
            return _append(local.trails, chunk.events)

        pending: deque[tuple[_Chunk, Future[list[tuple[int, AwsError]]]]] = deque()
        with ThreadPoolExecutor(max_workers=self.workers) as pool:
            try:
                for chunk in self._chunks(sources):
                    pending.append((chunk, pool.submit(append, chunk)))
                    while len(pending) > self.workers:
                        self._done(*pending.popleft())
                while pending:
                    self._done(*pending.popleft())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        self.tally.messages = self.state.seen("message")
        self.tally.participants = self.state.seen("participant")
        return self.tally

    # --- what is known of messages ---

    def _index(self, sources: Iterable[Source]) -> None:
        """Notes what all files tell of each message, before any is written."""
        read = READERS[self.format]
        for source in sources:
            if self.state.is_indexed(source):
                self.advance(source.size)
                continue
            known: list[Known] = []
            for record in read_records(source, self.advance):
                if record.value is None:
                    continue
                try:
                    found = read(record.value, self.naming)
                except (RejectedRecordError, IgnoredRecordError):
                    continue
                known += [_known(each) for each in found if isinstance(each, Told)]
                if len(known) >= CHUNK:
                    self.state.note(known)
                    known = []
            self.state.note(known, indexed=source)
        self.state.settle()

    # --- reading ---

    def _chunks(self, sources: Iterable[Source]) -> Iterator[_Chunk]:
        chunk = _Chunk()
        for source in sources:
            key, done = self.state.key_of(source), self.state.records_done(source)
            if done == DONE:
                self.advance(source.size)
                continue
            for record in read_records(source, self.advance):
                if record.number <= done:
                    self.tally.before += 1
                    continue
                self._take(source, record, chunk)
                chunk.reached[key] = record.number
                if chunk.is_full:
                    yield chunk
                    chunk = _Chunk()
            chunk.reached[key] = DONE
        if chunk.reached:
            yield chunk

    def _take(self, source: Source, record: Record, chunk: _Chunk) -> None:
        """Reads one record into a chunk."""
        chunk.records += 1
        self.tally.records += 1
        try:
            events = self._events(record)
        except RejectedRecordError as error:
            self.tally.not_understood += 1
            chunk.reject(source.name, record, str(error))
            return
        except IgnoredRecordError as error:
            self.tally.ignored[str(error)] += 1
            return
        now = time.time()
        for event in events:
            if expires(event) and expires_at(event.message_id, self.retention_days) <= now:
                self.tally.expired += 1
                continue
            self.tally.count(event)
            chunk.events.append(as_kept(event, whole=self.whole_ip_addresses))
            chunk.origins.append((source.name, replace(record, value=None)))

    def _events(self, record: Record) -> list[Event]:
        """The events that a record tells.

        Raises:
            RejectedRecordError, IgnoredRecordError: it tells none.
        """
        if record.value is None:
            if is_acknowledgement(record.raw):
                raise IgnoredRecordError("SES's confirmation that it may publish")
            raise RejectedRecordError(record.why)
        events: list[Event] = []
        for each in READERS[self.format](record.value, self.naming):
            if isinstance(each, Told):
                events.append(_named(each, self.state.known(each.key)))
            else:
                events.append(each)
        limit = (datetime.now(UTC) + _AHEAD).isoformat()[:23]
        for event in events:
            if max(event.at, sent_time(event.message_id)) > limit:
                raise RejectedRecordError(f"in the future: {event.at}")
        return events

    # --- writing ---

    def _done(self, chunk: _Chunk, result: Future[list[tuple[int, AwsError]]]) -> None:
        """Finishes a chunk that was appended.

        Raises:
            AwsError: it was not.
        """
        refused: dict[int, tuple[str, Record, str]] = {}
        for number, error in result.result():
            file, record = chunk.origins[number]
            refused.setdefault(id(record), (file, record, f"DynamoDB refuses it: {error}"))
        for file, record, why in refused.values():
            self.tally.not_understood += 1
            chunk.reject(file, record, why)
        self.state.see("message", {event.message_id for event in chunk.events})
        self.state.see("participant", {event.participant_id for event in chunk.events})
        self.report.writelines(f"{line}\n".encode("utf-8", "replace") for line in chunk.rejects)
        self.report.flush()
        self.state.reach(chunk.reached, self.report.tell())


def _known(told: Told) -> Known:
    """What one record tells of a message."""
    said = told.sent_at or (told.at if told.type is EventType.SEND else None)
    names = (told.participant, told.communication)
    return Known(told.key, said or told.at, said is not None, *names)


def _named(told: Told, known: Known) -> Event:
    """The event that is told, of the message as it is known."""
    named = replace(told, participant=known.participant, communication=known.communication)
    return named.event(known.at)


def _append(trails: Trails, events: list[Event]) -> list[tuple[int, AwsError]]:
    """Appends events, waiting where DynamoDB is busy.

    Returns:
        the numbers of those that can never be taken, and why.

    Raises:
        AwsError: DynamoDB does not take them, or not any more.
    """
    left, refused = list(range(len(events))), list[tuple[int, AwsError]]()
    for attempt in range(1, _ATTEMPTS + 1):
        again, last = [], None
        errors = trails.append_each([events[number] for number in left])
        for number, error in zip(left, errors, strict=True):
            if isinstance(error, RefusedError):
                refused.append((number, error))
            elif isinstance(error, ThrottledError | UnreachableError):
                again.append(number)
                last = error
            elif error:
                raise error
        if last is None:
            return refused
        if attempt == _ATTEMPTS:
            raise last
        left = again
        time.sleep(min(2.0**attempt, _LONGEST_WAIT) * random.random())  # noqa: S311 -- no secret
    raise AssertionError("unreachable: the last attempt returns or raises")
