"""The log and its projection, whole, over a DynamoDB in memory."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sendtrail.domain.communication import CounterShard
from sendtrail.domain.ids import sent_time
from sendtrail.domain.names import terms_of_name
from sendtrail.domain.soft_bounces import SoftBouncePolicy
from sendtrail.errors import AwsError
from sendtrail.log.erasures import Erasures
from sendtrail.log.items import is_message_row, listed_in
from sendtrail.log.moving import TrailMover
from sendtrail.log.trails import Trails
from sendtrail.projections.activity import Activity
from sendtrail.projections.communications import CommunicationProjection
from sendtrail.projections.items import (
    DAYS_ID,
    DIRECT,
    EPOCH_ID,
    PROBLEM_PREFIX,
    PROFILE,
    WORD_PREFIX,
    counters_from_item,
    message_from_item,
    participant_from_item,
    problem_parts,
)
from sendtrail.projections.judge import Judge
from sendtrail.projections.participants import ParticipantProjection
from sendtrail.projections.project import Projection, image_of
from sendtrail.projections.redirection import Redirection
from sendtrail.projections.soft_bounces import SoftBounces
from sendtrail.projections.stream import WITH_REMOVALS, consume
from tests.memory import MemoryDynamoDB

__all__ = [
    "RETENTION_DAYS",
    "Pipeline",
    "is_row",
    "plain",
    "what_readers_see",
    "without_stale_words",
]

_FOR_FOLDS = ("revision", "checkpoints", "epoch", "counter_shards")

RETENTION_DAYS = 36_500
_NO_POLICY = SoftBouncePolicy(0, 1)


@dataclass
class Pipeline:
    """The log and its projection over one database, and how far each shard has been delivered."""

    db: MemoryDynamoDB = field(default_factory=MemoryDynamoDB)
    done: dict[str, int] = field(default_factory=dict)
    aside: list[str] = field(default_factory=list)
    retention_days: int = RETENTION_DAYS
    policy: SoftBouncePolicy = _NO_POLICY

    def __post_init__(self) -> None:
        db: Any = self.db
        self.log = Trails(db, "Trails", retention_days=self.retention_days)
        self.mover = TrailMover(db, "Trails", self.log, lambda: self.erasures.keyed)
        self.restart()

    def restart(self) -> None:
        """Another process: nothing is remembered of what was done."""
        db: Any = self.db
        self.participants = ParticipantProjection.over(db, "Participants", "Suppressions")
        self.communications = CommunicationProjection(
            db, "Communications", retention_days=self.retention_days
        )
        self.judge = Judge(
            db,
            "Trails",
            self.log,
            note_link=self.communications.note_link,
            retention_days=self.retention_days,
        )
        self.activity = Activity(db, "Trails", "Participants")
        self.soft_bounces = SoftBounces(db, "Trails", "Suppressions", self.policy)
        self.erasures = Erasures(db, "Erasures", lambda: "a key", cache_seconds=0)
        self.projection = Projection(
            db,
            "Trails",
            participants=self.participants,
            communications=self.communications,
            judge=self.judge,
            activity=self.activity,
            soft_bounces=self.soft_bounces,
            epoch_cache_seconds=0,  # no test waits
            redirection=Redirection(self.erasures, self.mover),
        )

    def take(self, event: dict[str, Any]) -> None:
        """What the function project does with a batch."""
        consume(
            event,
            names=WITH_REMOVALS,
            decode=image_of,
            apply=self.projection.apply,
            quarantine=self.aside.append,
        )

    def deliver(self, chance: random.Random | None = None) -> None:
        """Delivers all streams to their end; with `chance`, cut, replayed, broken off."""
        records = self.db.records["Trails"]
        while behind := [
            shard for shard in sorted(records) if self.done.get(shard, 0) < len(records[shard])
        ]:
            shard = chance.choice(behind) if chance else behind[0]
            self.done[shard] = self._deliver_some(shard, self.done.get(shard, 0), chance)

    def _deliver_some(self, shard: str, place: int, chance: random.Random | None) -> int:
        records = self.db.records["Trails"][shard]
        start, end = place, len(records)
        if chance:
            start = max(0, place - chance.choice((0, 0, 1, 3, 50)))
            end = min(len(records), place + chance.randint(1, 6))
            self.db.fail_at = chance.choice((None, 0, 1, 2, 3))
            self.db.fails_after_writing = chance.random() < 0.5
            self.db.stale = lambda: chance.random() < 0.3
            if chance.random() < 0.2:
                self.restart()
        try:
            self.take({"Records": records[start:end], "shardId": shard})
        except AwsError:
            end = place  # the batch comes again
        finally:
            self.db.fail_at = self.db.stale = None
        return end

    def tables(self) -> dict[str, Any]:
        """What readers see."""
        return what_readers_see(self.db.items)


def what_readers_see(items: Callable[[str], list[dict[str, Any]]]) -> dict[str, Any]:
    """What the tables say: everything but revisions and checkpoints, the counters of a communication,
    and of a day, added up.

    Args:
        items: a table's items, by its name.
    """
    said: dict[str, Any] = {
        table: [plain(item) for item in items(table)] for table in ("Participants", "Suppressions")
    }
    said["Participants"] = without_stale_words(said["Participants"])
    messages = [message_from_item(item) for item in items("Trails") if is_row(item)]
    said["Messages"] = [replace(message, epoch=None) for message in messages]
    problems = {
        (listed_in(each.communication_id, each.message_id), part)
        for each in messages
        for part in problem_parts(each)
    }
    directs = [each for each in messages if each.has_recipient and not each.communication_id]
    rows: dict[str, list[CounterShard]] = defaultdict(list)
    days: dict[str, list[CounterShard]] = defaultdict(list)
    said["about"] = []
    said["months"] = said["kinds"] = frozenset()
    for item in items("Communications"):
        key = (item["communication_id"], item["part"])
        if item["communication_id"] == DAYS_ID:
            days[item["part"][:10]].append(counters_from_item(item))
        elif item["part"].startswith("counters#"):
            rows[item["communication_id"]].append(counters_from_item(item))
        elif item["part"] == DIRECT:
            # A message may have been of no communication, or of another kind, for a while.
            said["months"] = item["months"] & {sent_time(each.message_id)[:7] for each in directs}
            said["kinds"] = item.get("kinds", frozenset()) & {each.kind for each in directs}
        elif not item["part"].startswith(PROBLEM_PREFIX) or key in problems:
            said["about"].append(plain(item))
    return said | {
        "communications": {name: CounterShard.total(mine) for name, mine in rows.items()},
        # A row in which nothing is counted is to readers as none.
        "days": {
            day: total for day, mine in days.items() if (total := CounterShard.total(mine)).counts
        },
    }


def without_stale_words(participants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items of participants, without words of names that they no longer have: which there are
    depends on the order of events, and readers leave them out.
    """
    names = {
        item["participant_id"]: participant_from_item(item).name
        for item in participants
        if item["part"] == PROFILE
    }

    def holds(item: dict[str, Any]) -> bool:
        word = item["part"].removeprefix(WORD_PREFIX)
        return word == item["part"] or word in terms_of_name(names[item["participant_id"]])

    return list(filter(holds, participants))


def is_row(item: dict[str, Any]) -> bool:
    """Whether an item of Trails is a message's row."""
    return item["trail"] != EPOCH_ID and is_message_row(item)


def plain(item: dict[str, Any]) -> dict[str, Any]:
    """An item without what is only for the projection."""
    return {name: value for name, value in item.items() if name not in _FOR_FOLDS}
