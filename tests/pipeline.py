"""The log and its folds, whole, over a DynamoDB in memory."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sendtrail.domain.communication import CounterShard
from sendtrail.errors import AwsError
from sendtrail.log.event_log import EventLog
from sendtrail.log.items import event_from_item
from sendtrail.projections.communications import CommunicationProjection
from sendtrail.projections.items import EPOCH_ID, counters_from_item, message_from_item
from sendtrail.projections.messages import MessageProjection
from sendtrail.projections.participants import ParticipantProjection
from sendtrail.projections.stream import EVERY_CHANGE, INSERTS, consume
from tests.memory import MemoryDynamoDB

__all__ = ["Pipeline", "plain", "what_readers_see"]

_FOR_FOLDS = ("revision", "checkpoints", "epoch", "counter_shards")

Take = Callable[[dict[str, Any]], Any]


@dataclass
class Pipeline:
    """The log and its three folds over one database, and how far each shard has been delivered."""

    db: MemoryDynamoDB = field(default_factory=MemoryDynamoDB)
    done: dict[tuple[str, str, str], int] = field(default_factory=dict)
    aside: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        db: Any = self.db
        self.log = EventLog(db, "Events", retention_days=400)
        self.communications = CommunicationProjection.over(db, "Communications")
        participants = ParticipantProjection.over(db, "Participants", "Suppressions")
        self.consumers: list[tuple[str, str, Take]] = [
            (
                "Events",
                "messages",
                lambda event: consume(
                    event,
                    names=INSERTS,
                    decode=event_from_item,
                    apply=MessageProjection.over(db, "Messages", self.log).apply,
                    quarantine=self.aside.append,
                ),
            ),
            (
                "Events",
                "participants",
                lambda event: consume(
                    event,
                    names=INSERTS,
                    decode=event_from_item,
                    apply=lambda records: participants.apply(r.new for r in records if r.new),
                    quarantine=self.aside.append,
                ),
            ),
            (
                "Messages",
                "communications",
                lambda event: consume(
                    event,
                    names=EVERY_CHANGE,
                    decode=message_from_item,
                    apply=self.communications.apply,
                    quarantine=self.aside.append,
                ),
            ),
        ]

    def deliver(self, chance: random.Random | None = None) -> None:
        """Delivers all streams to their end; with `chance`, cut, replayed, broken off."""
        for table, name, take in self.consumers:
            for shard in sorted(self.db.records[table]):
                place = self.done.get((table, name, shard), 0)
                while place < len(self.db.records[table][shard]):
                    place = self._deliver_some(table, shard, place, take, chance)
                self.done[table, name, shard] = place

    def _deliver_some(
        self, table: str, shard: str, place: int, take: Take, chance: random.Random | None
    ) -> int:
        records = self.db.records[table][shard]
        start, end = place, len(records)
        if chance:
            start = max(0, place - chance.choice((0, 0, 1, 3, 50)))
            end = min(len(records), place + chance.randint(1, 6))
            self.db.fail_at = chance.choice((None, 0, 1, 2, 3))
            self.db.fails_after_writing = chance.random() < 0.5
        try:
            take({"Records": records[start:end], "shardId": shard})
        except AwsError:
            end = place  # the batch comes again
        finally:
            self.db.fail_at = None
        return end

    def tables(self) -> dict[str, Any]:
        """What readers see."""
        return what_readers_see(self.db.items)


def what_readers_see(items: Callable[[str], list[dict[str, Any]]]) -> dict[str, Any]:
    """What the tables say: everything but revisions and checkpoints, the counters of a communication
    added up.

    Args:
        items: a table's items, by its name.
    """
    said: dict[str, Any] = {
        table: [plain(item) for item in items(table)]
        for table in ("Messages", "Participants", "Suppressions")
    }
    said["Messages"] = [item for item in said["Messages"] if item["participant_id"] != EPOCH_ID]
    rows: dict[str, list[CounterShard]] = defaultdict(list)
    said["about"] = []
    for item in items("Communications"):
        if item["part"].startswith("counters#"):
            rows[item["communication_id"]].append(counters_from_item(item))
        elif item["part"] == "definition":
            said["about"].append(plain(item))
    return said | {
        "communications": {name: CounterShard.total(mine) for name, mine in rows.items()}
    }


def plain(item: dict[str, Any]) -> dict[str, Any]:
    """An item without what is only for the folds."""
    return {name: value for name, value in item.items() if name not in _FOR_FOLDS}
