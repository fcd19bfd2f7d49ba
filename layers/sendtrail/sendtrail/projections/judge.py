"""The judge: what is told of a message's hits and choices, written into its row.

There is one judge, so that figures are never drawn from verdicts that were judged twice. It reads
the row's revision first, then the whole bucket, strongly consistently, and writes absolute counts
under that revision: whoever judged in between has seen less, and it judges again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.events import Event, EventType
from sendtrail.domain.hits import CHOICES, HITS, Bucket, bucket_of
from sendtrail.domain.judgement import MAX_JUDGED, Judgement, judge
from sendtrail.domain.links import OTHER_LINKS, counted_link, link_key, shown_url
from sendtrail.domain.subscriptions import SubscriptionChange, unsubscribes
from sendtrail.domain.times import Timestamp
from sendtrail.errors import ConditionFailedError, ThrottledError
from sendtrail.log.elements import least, shared
from sendtrail.log.items import expires_at, listed_in
from sendtrail.log.trails import Trails
from sendtrail.projections.items import judgement_to_attribute

__all__ = ["Judge", "Judged", "Task"]

Item = dict[str, Any]
RowKey = tuple[str, str]
"""A message's participant and id."""

_TRIES: Final = 10
_MAX_CHOICES: Final = 500


@dataclass(slots=True)
class Task:
    """What of a message is to be judged.

    Attributes:
        epoch: the rebuild that the row is to enter, if it is not in it yet.
    """

    buckets: set[Bucket] = field(default_factory=set)
    choices: bool = False
    all_buckets: bool = False
    epoch: Timestamp | None = None

    def add(self, event: Event) -> None:
        """The bucket of a hit; or the choices, if the event is one."""
        if event.type in HITS:
            self.buckets.add(bucket_of(event))
        else:
            self.choices = True


@dataclass(frozen=True, slots=True)
class Judged:
    """What was judged of a message.

    Attributes:
        hits: the hits of the judged buckets.
        last_human_at: the last of them by a person.
    """

    hits: tuple[Event, ...] = ()
    last_human_at: Timestamp | None = None


class Judge:
    """Judges messages' hits, and their readers' choices."""

    def __init__(
        self,
        db: DynamoDB,
        table: str,
        trails: Trails,
        *,
        note_link: Callable[[str, str, str], None],
        retention_days: int,
    ) -> None:
        """Judges what `trails` holds.

        Args:
            db: where the log is.
            table: the log's.
            trails: the log.
            note_link: called with communication, link key and URL before a link is counted.
            retention_days: how long the log keeps a message.
        """
        self._db = db
        self._table = table
        self._trails = trails
        self._note_link = note_link
        self._retention_days = retention_days

    def judge(self, tasks: Mapping[RowKey, Task]) -> dict[RowKey, Judged]:
        """Judges messages, and writes what is told of them into their rows; but for those that have
        expired, whose rows would be made anew.

        Raises:
            ThrottledError: a row was changed at each of 10 attempts.
            AwsError: some rows may have been written; judging again is safe.
        """
        now = time.time()
        keys = [key for key in tasks if expires_at(key[1], self._retention_days) > now]
        return dict(
            zip(keys, self._db.at_once(lambda key: self._judge(key, tasks[key]), keys), strict=True)
        )

    def _judge(self, key: RowKey, task: Task) -> Judged:
        if expires_at(key[1], self._retention_days) <= time.time():
            return Judged()  # or a row that has expired would be made anew, and counted
        for attempt in range(1, _TRIES + 1):
            row = self._row(key, consistent=attempt > 1)
            judged = self._attempt(key, task, row)
            if judged is not None:
                return judged
            self._db.pause(attempt)
        raise ThrottledError("Contention", f"message {key[1]} keeps changing")

    def _row(self, key: RowKey, *, consistent: bool) -> Item:
        """A message's row as it is; stale at worst, which its revision then shows."""
        keys = [{"trail": key[0], "entry": key[1]}]
        return next(iter(self._db.get_all(self._table, keys, consistent=consistent)), {})

    def _attempt(self, key: RowKey, task: Task, row: Item) -> Judged | None:
        """Judges and writes; None if the row has changed since it was read."""
        old: Mapping[str, Any] = row.get("hits") or {}
        told = dict(old)
        hits: list[Event] = []
        judgements: list[Judgement] = []
        buckets = task.buckets | (set(map(Bucket.of_slot, old)) if task.all_buckets else set())
        for bucket in sorted(buckets):
            found = self._hits(key, bucket)
            hits += found
            judged = judge(found)
            judgements.append(judged)
            told.pop(bucket.prefix, None)
            if found:
                told[bucket.prefix] = judgement_to_attribute(judged)
        choices = self._choices(key) if task.choices else []
        choice = max(choices, key=lambda each: each[0].rank, default=None)
        known = row.get("events") or frozenset()
        sharing = [*hits, *(event for _, event in choices)]
        missing = {element for event in sharing for element in shared(event)} - known
        values: Item = {}
        if told != old:
            values["hits"] = told
        chosen = [choice[0].at, choice[0].unsubscribed] if choice else None
        if task.choices and row.get("choice") != chosen:
            values["choice"] = chosen
        if task.epoch and (row.get("epoch") or "") < task.epoch:
            values["epoch"] = task.epoch
        if values or missing:
            communication_id = least(known | missing).get("communication")
            self._note_links(communication_id, hits, judgements, {} if task.epoch else old)
            if not self._write(key, row, values, missing, communication_id):
                return None
        last = max((each.last_human_at or "" for each in judgements), default="")
        return Judged(tuple(hits), last or None)

    def _hits(self, key: RowKey, bucket: Bucket) -> list[Event]:
        """The hits of a bucket that are judged, one for each slot."""
        found = self._trails.slots(key[1], bucket.prefix, MAX_JUDGED)
        return [hit for hit in found if hit.participant_id == key[0]]

    def _choices(self, key: RowKey) -> list[tuple[SubscriptionChange, Event]]:
        return [
            (SubscriptionChange(event.at, unsubscribes(event.detail)), event)
            for event in self._trails.slots(key[1], CHOICES, _MAX_CHOICES)
            if event.participant_id == key[0]
        ]

    def _note_links(
        self,
        communication_id: str | None,
        hits: Iterable[Event],
        judgements: Iterable[Judgement],
        old: Mapping[str, Any],
    ) -> None:
        """Has the URLs of links noted that this message's figures did not have."""
        if communication_id is None:
            return
        known = {key for judged in old.values() for key in judged[2]}
        new = {key for judged in judgements for key in judged.links} - known - {OTHER_LINKS}
        urls = {
            link_key(url): url
            for hit in hits
            if hit.type is EventType.CLICK and (url := counted_link(hit.detail))
        }
        for key in sorted(new & urls.keys()):
            self._note_link(communication_id, key, shown_url(urls[key]))

    def _write(
        self,
        key: RowKey,
        row: Item,
        values: Item,
        missing: set[str],
        communication_id: str | None,
    ) -> bool:
        """Writes what was judged, if the row still has its revision; returns whether it had."""
        revision = row.get("revision")
        sets = {
            **{name: value for name, value in values.items() if value is not None},
            "revision": (revision or 0) + 1,
            "expires_at": expires_at(key[1], self._retention_days),
        }
        parts = [f"#{name} = :{name}" for name in sets]
        parts.append("#listed = if_not_exists(#listed, :listed)")
        names = {f"#{name}": name for name in (*sets, "revision")}
        parameters: Item = {f":{name}": value for name, value in sets.items()}
        names["#listed"] = "listed_in"
        parameters[":listed"] = listed_in(communication_id, key[1])
        update = "SET " + ", ".join(parts)
        if missing:
            update = "ADD #events :events " + update
            names["#events"] = "events"
            parameters[":events"] = missing
        if values.get("choice", ()) is None:
            update += " REMOVE #choice"
            names["#choice"] = "choice"
        condition = "attribute_not_exists(#revision)"
        if revision is not None:
            condition = "#revision = :old"
            parameters[":old"] = revision
        try:
            self._db.update(
                self._table,
                {"trail": key[0], "entry": key[1]},
                update=update,
                names=names,
                values=parameters,
                condition=condition,
            )
        except ConditionFailedError:
            return False
        return True
