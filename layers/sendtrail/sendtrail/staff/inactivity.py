"""The inactivity sweep: once a day, participants who have been silent for years become inactive.

The index ``by_activity_day`` lists participants by the day of their last known activity until they
are marked. So a sweep reads only the days that have become due since the last finished one, however
many participants there are. Opens and clicks are not recorded there when they happen: of those who
seem due, the sweep asks the messages, and records what they tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.events import Event
from sendtrail.domain.participant import Participant
from sendtrail.domain.times import Timestamp, latest, parse, years_after
from sendtrail.errors import InvalidInputError
from sendtrail.log.trails import Trails
from sendtrail.projections.activity import Activity
from sendtrail.projections.items import (
    ACTIVITY_SHARDS,
    PROFILE,
    SWEEP_ID,
    activity_key,
    participant_from_item,
)
from sendtrail.projections.participants import ParticipantProjection

__all__ = [
    "Due",
    "DuePage",
    "SweepPosition",
    "InactivityReader",
    "InactivitySweep",
    "SweepResult",
    "next_sweep",
]

INDEX: Final = "by_activity_day"
PAGE: Final = 100
"""How many participants are read, and marked, together: one BatchGetItem."""

FIRST_REACH: Final = timedelta(days=1_100)
"""How far back the very first sweep looks; by default the log has no older events."""

DAILY_AT: Final = "03:15"
"""When the template schedules the sweep, in UTC."""

_STATE: Final = "state"
_MAX_READ: Final = 2 * ACTIVITY_SHARDS
"""How many partitions `InactivityReader.look` reads at most: two days'."""


@dataclass(frozen=True, slots=True)
class SweepPosition:
    """How far a sweep has come: its checkpoint.

    Attributes:
        day: the current day: ``YYYY-MM-DD``.
        shard: the current shard of that day.
        after: the participant that was read last, if it is within the shard.
    """

    day: str
    shard: int = 0
    after: str | None = None

    def next(self) -> SweepPosition:
        """The start of the next shard, or day."""
        if self.shard + 1 < ACTIVITY_SHARDS:
            return SweepPosition(self.day, self.shard + 1)
        return SweepPosition(_day_after(self.day))


@dataclass(frozen=True, slots=True)
class Due:
    """A participant who is due to become inactive.

    Attributes:
        last_active_at: from when their silence is counted.
        since: when the years of silence were over.
        interacted: whether they interacted at `last_active_at`; if not, that is when they were
            first sent a message whose opens can be observed, and they have never interacted since.
    """

    participant_id: str
    last_active_at: Timestamp
    since: Timestamp
    interacted: bool


@dataclass(frozen=True, slots=True)
class Active:
    """A participant whose messages show that they have interacted since their row says so."""

    participant_id: str
    last_active_at: Timestamp


@dataclass(frozen=True, slots=True)
class SweepResult:
    """The result of a sweep.

    Attributes:
        first_day, last_day: the range of days to read, inclusive; empty if none is due.
        count: how many participants were due.
        found: in a dry run, who they are.
        place: where to continue, if its time was over.
    """

    first_day: str
    last_day: str
    count: int = 0
    found: list[Due] = field(default_factory=list)
    place: SweepPosition | None = None


@dataclass(frozen=True, slots=True)
class DuePage:
    """A page of what a sweep would find.

    Attributes:
        first_day, last_day: the range of days that it would read, inclusive; empty if none is due.
        from_day, to_day: the range of days that this page read, inclusive.
        place: where the next page begins; None at the end.
    """

    first_day: str = ""
    last_day: str = ""
    from_day: str = ""
    to_day: str = ""
    found: list[Due] = field(default_factory=list)
    place: SweepPosition | None = None


def next_sweep(now: Timestamp) -> Timestamp:
    """When the next daily sweep after `now` is."""
    today = f"{now[:10]}T{DAILY_AT}:00.000Z"
    if today > now:
        return today
    return parse((datetime.fromisoformat(today) + timedelta(days=1)).isoformat())


class InactivityReader:
    """Reads who is due to become inactive; marks nobody."""

    def __init__(self, db: DynamoDB, participants: str, activity: Activity, *, years: int) -> None:
        """Reads the table `participants`.

        Args:
            db: where the table is.
            participants: the table's name.
            activity: tells when participants last opened or clicked.
            years: the years of silence after which a participant is inactive.
        """
        self._db = db
        self._table = participants
        self._activity = activity
        self.years = years

    def look(
        self,
        at: Timestamp,
        *,
        most: int,
        place: SweepPosition | None = None,
        day: str | None = None,
    ) -> DuePage:
        """A page of those whom a sweep at that time would mark.

        A page reads at most two days' partitions of the index, and fewer than twice `most`
        participants, however many there are; it may be empty without being the last.

        Args:
            at: the time of the sweep.
            most: how many participants are enough for a page.
            place: where the previous page ended.
            day: the day to begin with, by default the first.

        Raises:
            InvalidInputError: `day` is not one that the sweep would read.
        """
        last_day = self.last_due_day(at)
        first_day = self._first_day(None, last_day)
        if first_day > last_day:
            return DuePage()
        here = place or SweepPosition(day or first_day)
        if not first_day <= here.day <= last_day:
            raise InvalidInputError(
                f"day: {here.day!r:.40}; the next sweep reads {first_day} to {last_day}"
            )
        from_day = to_day = here.day
        ids: list[str] = []
        for _ in range(_MAX_READ):
            if here.day > last_day or len(ids) >= most:
                break
            to_day = here.day
            found, here = self._read(here, most)
            ids += found
        due = [found for found in self._silent(ids, at) if isinstance(found, Due)]
        following = here if here.day <= last_day else None
        return DuePage(first_day, last_day, from_day, to_day, due, following)

    def last_due_day(self, now: Timestamp) -> str:
        """The last day all of which was at least `years` years ago."""
        return _day_before(years_after(now, -self.years)[:10])

    def _first_day(self, since: str | None, last_day: str) -> str:
        if since is not None:
            try:
                return date.fromisoformat(since).isoformat()
            except ValueError:
                raise InvalidInputError(
                    f"since: {since!r:.40} is no day; write 2024-11-24"
                ) from None
        finished = self._finished_day()
        if finished:
            return _day_after(finished)
        return (date.fromisoformat(last_day) - FIRST_REACH).isoformat()

    def _finished_day(self) -> str | None:
        """The last day of the finished sweeps; None before the first."""
        state = self._db.get(self._table, {"participant_id": SWEEP_ID, "part": _STATE})
        return str(state["finished_day"]) if state else None

    def _read(self, at: SweepPosition, limit: int) -> tuple[list[str], SweepPosition]:
        """The participants in the index at a position, and the next position."""
        key = activity_key(at.day, at.shard)
        start = None
        if at.after is not None:
            start = {"activity_day": key, "participant_id": at.after, "part": PROFILE}
        items, last = self._db.query(
            self._table, ("activity_day", key), index=INDEX, start=start, limit=limit
        )
        following = replace(at, after=last["participant_id"]) if last else at.next()
        return [item["participant_id"] for item in items], following

    def _silent(self, participant_ids: list[str], now: Timestamp) -> list[Due | Active]:
        """Those who have been silent for years by their own rows (the index is only eventually
        consistent), each as their messages show them: due, or active after all.
        """
        keys = [{"participant_id": each, "part": PROFILE} for each in participant_ids]
        people = map(participant_from_item, self._db.get_all(self._table, keys))
        silent = [
            person
            for person in people
            if person.active_at
            and not person.inactive_since
            and years_after(person.active_at, self.years) <= now
        ]
        return self._db.at_once(lambda person: self._finding(person, now), silent)

    def _finding(self, person: Participant, now: Timestamp) -> Due | Active:
        enough = years_after(now, -self.years)
        opened_at = self._activity.last(person.participant_id, enough=enough)
        last_interaction_at = latest(person.last_interaction_at, opened_at)
        active_at = latest(person.active_at, opened_at) or ""
        since = years_after(active_at, self.years)
        if since > now:
            return Active(person.participant_id, active_at)
        interacted = active_at == last_interaction_at
        return Due(person.participant_id, active_at, since, interacted)


class InactivitySweep(InactivityReader):
    """Finds those who are due, page by page, and marks them as inactive."""

    def __init__(
        self,
        db: DynamoDB,
        participants: str,
        log: Trails,
        projection: ParticipantProjection,
        activity: Activity,
        *,
        years: int,
    ) -> None:
        """Reads as `InactivityReader` does, and records by `log` and `projection`."""
        super().__init__(db, participants, activity, years=years)
        self._log = log
        self._projection = projection

    def run(
        self,
        now: Timestamp,
        *,
        has_time: Callable[[], bool],
        place: SweepPosition | None = None,
        since: str | None = None,
        dry: bool = False,
        most: int | None = None,
    ) -> SweepResult:
        """Sweeps until it is finished, or its time is over.

        Args:
            now: the time by which participants are due.
            has_time: called after each page; whether to continue.
            place: where an earlier invocation of this sweep stopped.
            since: the day to begin with, by default that after the last finished one; for activity
                that became known only after its day was swept.
            dry: only find who is due, and mark nobody.
            most: in a dry run, the maximum number of participants in the result.

        Raises:
            InvalidInputError: `since` is not a day.
            AwsError: some may have been marked; the next sweep resumes after the last finished day.
        """
        last_day = self.last_due_day(now)
        at = place or SweepPosition(self._first_day(since, last_day))
        swept = SweepResult(at.day, last_day)
        if at.day > last_day:
            return replace(swept, first_day="", last_day="")
        more = True
        while more and at.day <= last_day:
            silent, at = self._page(at, now)
            due = [found for found in silent if isinstance(found, Due)]
            if not dry:
                self._settle(found for found in silent if isinstance(found, Active))
            if dry:
                room = len(due) if most is None else most - len(swept.found)
                swept.found.extend(due[:room])
            else:
                self._mark(due)
            swept = replace(swept, count=swept.count + len(due))
            more = has_time()
        if not dry:
            self._finish(swept.first_day, _day_before(at.day))
        return replace(swept, place=at if at.day <= last_day else None)

    def _page(self, at: SweepPosition, now: Timestamp) -> tuple[list[Due | Active], SweepPosition]:
        """Who is silent on the next page, and the next position."""
        found, following = self._read(at, PAGE)
        return self._silent(found, now), following

    def _settle(self, active: Iterable[Active]) -> None:
        """Records when those interacted who are active after all; they are due years after that."""
        for each in active:
            self._projection.settle(each.participant_id, each.last_active_at)

    def _mark(self, due: list[Due]) -> None:
        events = [
            Event.inactivated(each.participant_id, each.since, last_active_at=each.last_active_at)
            for each in due
        ]
        if events:
            self._log.append(events)
            self._projection.apply(events)

    def _finish(self, first: str, day: str) -> None:
        """Records that the days from `first` to `day` are finished, so that the next sweep begins
        after them; unless that would skip a day, or go back.
        """
        finished = self._finished_day()
        if day < first or (finished and (first > _day_after(finished) or day <= finished)):
            return
        self._db.update(
            self._table,
            {"participant_id": SWEEP_ID, "part": _STATE},
            update="SET #day = :day, #revision = if_not_exists(#revision, :one)",
            names={"#day": "finished_day", "#revision": "revision"},
            values={":day": day, ":one": 1},
        )


def _day_after(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def _day_before(day: str) -> str:
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()
