"""Tallies: what became of records, and what there was in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from sendtrail.domain.events import Event, EventType
from sendtrail.domain.hits import BOT, HITS
from sendtrail.domain.times import Timestamp, earliest, latest

__all__ = ["Tally"]


@dataclass(slots=True)
class Tally:
    """What one import found.

    Attributes:
        events: type → how many events, of those that are kept.
        expired: how many are of messages older than the retention, and not kept.
        nameless: how many opens and clicks have no user agent, and count as machines'.
        ignored: why nothing of a record is kept → how many.
        not_understood: how many records are in the report.
        before: how many records an earlier, broken run has done.
    """

    records: int = 0
    before: int = 0
    events: Counter[EventType] = field(default_factory=Counter)
    expired: int = 0
    nameless: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    not_understood: int = 0
    first_at: Timestamp | None = None
    last_at: Timestamp | None = None
    messages: int = 0
    participants: int = 0

    def count(self, event: Event) -> None:
        """Counts an event that is kept."""
        self.events[event.type] += 1
        self.first_at = earliest(self.first_at, event.at)
        self.last_at = latest(self.last_at, event.at)
        if event.type in HITS and not event.detail.get("user_agent"):
            self.nameless += BOT not in event.detail

    def lines(self, *, dry_run: bool, report: object) -> Iterator[str]:
        """What is said of it in the end."""
        if self.before:
            yield f"{self.before:,} records were done before"
        what = "would be imported" if dry_run else "imported"
        yield f"{self.records:,} records: {self.events.total():,} events {what}"
        if self.events:
            yield (
                f"  of {self.messages:,} messages to {self.participants:,} participants, "
                f"from {self.first_at} to {self.last_at}"
            )
        for event_type, number in self.events.most_common():
            yield f"  {number:,} {event_type}"
        if self.nameless:
            yield (
                f"  {self.nameless:,} opens and clicks without a user agent, which count as "
                "machines'"
            )
        if self.expired:
            yield f"{self.expired:,} events of messages that are older than the retention: not kept"
        for why, number in self.ignored.most_common():
            yield f"{number:,} records passed over: {why}"
        if self.not_understood:
            yield f"{self.not_understood:,} records not understood: see {report}"
