"""How evenly a large mailing folds: what is written to each row of its counters.

A mailing to 100,000 recipients goes out at 200 a second. Each is delivered within seconds; six in
ten are opened, most of them within hours and a fifth at any time of four days, and one in ten is
clicked. These events go through the product's own folds, over tests/memory.py, a DynamoDB in memory
with streams that a contract suite holds to the real one:

    the log -> project_messages -> Messages -> project_communications -> up to 16 rows of counters

Streams are delivered as Lambda delivers them by template.yaml: a batch holds what came to a shard
within a second, and at most 100 records. A shard lives for four hours, as DynamoDB's do, and its
successor has another id, and so perhaps another row. Every 20th batch comes twice. The changes of
messages are counted three times, as they come from a table of 4, of 16 and of 64 shards.

    writes  of a row, against its shards' share of all batches: shards that share a row add up, so
            the greatest row has more than a sixteenth, and no row has more than that predicts
    units   of a write, by AWS's rules: one for each KB of the row, the larger of old and new
    size    of a row, which holds a mark of each shard that it counted from in the last two days

All three countings have to give what a plain count of the events gives.

    python -m benchmarks.mailing [--recipients 100000] [--into FILE]
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from math import ceil
from typing import Any, Final
from zlib import crc32

from benchmarks.harness import Json, main, options
from benchmarks.report import Claim, Report, Table
from benchmarks.units import item_bytes
from local.notifications import Mail
from sendtrail.domain.communication import CounterShard
from sendtrail.domain.events import Event
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.times import from_epoch_ms
from sendtrail.intake.parser import events_of
from sendtrail.projections.checkpoints import KEEP_SECONDS
from sendtrail.projections.items import (
    COUNTERS_PREFIX,
    checkpoints_from_item,
    counter_part,
    counters_from_item,
)
from tests.memory import MemoryDynamoDB
from tests.pipeline import Pipeline

SHARDS: Final = (4, 16, 64)
RATE: Final = 200
OPENED: Final = 0.6
CLICKED: Final = 0.1
LATE: Final = 0.2
"""Of those who open."""
DAYS: Final = 4
DAY: Final = 24 * 3600
BATCH: Final = 100
SHARD_LIVES: Final = 4 * 3600
TWICE: Final = 20
"""Every so many batches, one comes twice."""
START: Final = 1_795_170_600
"""Seconds since 1970."""
KEY_UNITS: Final = 1_000
"""Write units that DynamoDB takes for one key in a second."""
MAX_BATCHES: Final = 10
"""Of a shard in a second, in the long run."""
EVEN: Final = 1.05
PACE: Final = (
    f"DynamoDB takes {KEY_UNITS:,} write units a second for one key, and as many for a partition. "
    f"So a shard has at most {KEY_UNITS:,} changes a second in the long run, which are "
    f"{MAX_BATCHES} batches; with fewer than {BATCH} changes a second it has one. Only what has "
    "waited can come faster."
)
AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Thunderbird/128.0"

Moment = tuple[int, int, str]
"""When, in milliseconds, to which recipient, and what."""
Shards = dict[int, list[Json]]
"""Records by shard."""


# --- what happens ----------------------------------------------------------------------------


def moments(recipients: int) -> list[Moment]:
    """All that happens, in its order."""
    chance, last = random.Random(recipients), DAYS * DAY - recipients / RATE - 60
    found: list[Moment] = []
    for number in range(recipients):
        sent = START * 1000 + number * 1000 // RATE
        found.append((sent, number, "send"))
        found.append((sent + chance.randint(1_000, 20_000), number, "delivery"))
        draw = chance.random()
        if draw < OPENED:
            soon, late = chance.expovariate(1 / (3 * 3600)), chance.uniform(0, DAYS * DAY)
            opened = sent + int(min(30 + (late if chance.random() < LATE else soon), last) * 1000)
            found.append((opened, number, "open"))
            if draw < CLICKED:
                found.append((opened + chance.randint(5_000, 60_000), number, "click"))
    return sorted(found)


def event(moment: Moment) -> Event:
    """What SES tells of it, as ingest reads it."""
    at_ms, number, what = moment
    sent_at, at = from_epoch_ms(START * 1000 + number * 1000 // RATE), from_epoch_ms(at_ms)
    address = f"member-{number:07}@{('gmail.com', 'outlook.com', 'society.example')[number % 3]}"
    tags = {
        "participant_id": f"member-{number:07}",
        "message_id": derived_message_id(sent_at, str(number), address),
        "communication_id": "mailing",
        "kind": "newsletter",
    }
    mail, link = Mail(f"0102-{number}", sent_at, [address], tags=tags), number % 12
    told = {"send": (), "delivery": (at,), "open": (at, AGENT)}
    arguments = told.get(what, (at, f"https://society.example/evenings/{link}", AGENT))
    (found,) = events_of(getattr(mail, what)(*arguments))
    return found


def plain_count(happened: Sequence[Moment]) -> dict[str, int]:
    """The figures, counted from what happened: everyone opens and clicks at most once."""
    of = Counter(what for _, _, what in happened)
    figures = {"recipients": of["send"], "sent": of["send"], "delivered": of["delivery"]}
    for what, once in (("open", "opened"), ("click", "clicked")):
        for name in (f"{what}s", once):
            figures |= {name: of[what], f"human_{name}": of[what]}
    for position, provider in enumerate(("gmail", "microsoft", "other")):
        mine = sum(what == "send" and number % 3 == position for _, number, what in happened)
        figures[f"provider/{provider}/sent"] = mine
    return figures


# --- streams ---------------------------------------------------------------------------------


def shard_id(shard: int, at: int) -> str:
    """A shard's id at a second, in the form that DynamoDB's have; another every four hours."""
    offset = crc32(str(shard).encode()) % SHARD_LIVES  # not all end at the same time
    born = (at + offset) // SHARD_LIVES * SHARD_LIVES - offset
    return f"shardId-{born * 1000:020}-{crc32(f'{shard}/{born}'.encode()):08x}"


def deliveries(at: int, by_shard: Shards) -> Iterator[Json]:
    """The batches of what came within a second, as Lambda hands them over."""
    for shard, records in sorted(by_shard.items()):
        for start in range(0, len(records), BATCH):
            yield {"Records": records[start : start + BATCH], "shardId": shard_id(shard, at)}


def changes(happened: Sequence[Moment]) -> Iterator[tuple[int, Shards]]:
    """Second by second the changes of messages, which project_messages makes, by shard of 64."""
    pipeline = Pipeline(db=MemoryDynamoDB(max(SHARDS)))
    fold = {name: take for _, name, take in pipeline.consumers}["messages"]

    def taken(table: str) -> Shards:
        records = pipeline.db.records.pop(table, {})
        return {int(shard.rpartition("-")[2]): found for shard, found in records.items()}

    for at, some in groupby(happened, key=lambda moment: moment[0] // 1000):
        pipeline.db.clock = at
        pipeline.log.append(map(event, some))
        for delivery in deliveries(at, taken("Events")):
            fold(delivery)
        pipeline.db.forget("Events")  # a log of this size takes gigabytes, and no one reads it
        yield at, taken("Messages")


def merged(by_shard: Shards, shards: int) -> Shards:
    """The same records as a table of fewer shards has them: which shard, is a hash modulo 64."""
    found: Shards = defaultdict(list)
    for shard, records in by_shard.items():
        found[shard % shards] += records
    for records in found.values():
        records.sort(key=lambda record: int(record["dynamodb"]["SequenceNumber"]))
    return found


# --- counting --------------------------------------------------------------------------------


class Written(MemoryDynamoDB):
    """A DynamoDB that says what was written to each row of the mailing.

    Attributes:
        writes, units: of each row of counters.
        sizes, marks: of each as it is now: its bytes, and its marks.
    """

    def __init__(self) -> None:
        super().__init__()
        self.writes: Counter[str] = Counter()
        self.units: Counter[str] = Counter()
        self.sizes: Counter[str] = Counter()
        self.checkpoints: Counter[str] = Counter()

    def put(self, table: str, item: Json, **condition: Any) -> None:
        """As PutItem."""
        super().put(table, item, **condition)
        part, size = item["part"], item_bytes(item)
        if part.startswith(COUNTERS_PREFIX):
            self.writes[part] += 1
            self.units[part] += ceil(max(size, self.sizes[part]) / 1024)
            self.sizes[part] = size
            self.checkpoints[part] = len(item.get("checkpoints", ()))


class Counting:
    """One way of counting the mailing: from so many shards.

    Attributes:
        batches: row → batches of the shards that are mapped to it.
        predicted: row → what these would be if all shards had the same number in each second.
        most_shards: the most that were mapped to one row at a time.
        largest: day → the most bytes that a row had.
    """

    def __init__(self, shards: int) -> None:
        self.shards = shards
        self.name = f"{shards} shards"
        self.db = Written()
        self.batches: Counter[str] = Counter()
        self.predicted: dict[str, float] = defaultdict(float)
        self.most_shards = self.most_marks = 0
        self.largest = [0] * DAYS
        consumers = Pipeline(db=self.db).consumers
        self._fold = {name: take for _, name, take in consumers}["communications"]

    def take(self, at: int, by_shard: Shards) -> None:
        """Counts the changes of a second."""
        before = self.batches.total()
        for delivery in deliveries(at, merged(by_shard, self.shards)):
            self.batches[counter_part(delivery["shardId"])] += 1
            for _ in range(2 if self.batches.total() % TWICE == 0 else 1):
                self._fold(delivery)
        mapped = Counter(counter_part(shard_id(shard, at)) for shard in range(self.shards))
        self.most_shards = max(self.most_shards, *mapped.values())
        for row, number in mapped.items():
            self.predicted[row] += number / self.shards * (self.batches.total() - before)
        day = (at - START) // DAY
        self.largest[day] = max(self.largest[day], *self.db.sizes.values(), 0)
        self.most_marks = max(self.most_marks, *self.db.checkpoints.values(), 0)

    def wrong(self, figures: Mapping[str, int]) -> Iterator[str]:
        """Where the rows do not give what a plain count gives, or keep marks that are too old."""
        rows = [item for item in self.db.items("Communications") if item["part"] in self.db.writes]
        found = CounterShard.total(map(counters_from_item, rows)).counts
        for counter, number in figures.items():
            if found.get(counter) != number:
                yield f"{self.name}: {counter} is {found.get(counter)}, and not {number}"
        for row in rows:
            times = [
                checkpoint.at
                for checkpoint in checkpoints_from_item(row.get("checkpoints")).by_shard.values()
            ]
            if max(times) - min(times) > KEEP_SECONDS:
                yield f"{self.name}: {row['part']} keeps marks of more than two days"

    def busiest(self, batches: int) -> int:
        """The units a second of the busiest row, if each shard has so many batches a second."""
        return self.most_shards * ceil(max(self.largest) / 1024) * batches

    def claims(self) -> Iterator[Claim]:
        """That no row has more than its share, or grows without end."""
        writes = self.db.writes
        greatest = max(writes, key=lambda row: writes[row])
        share = writes[greatest] / self.predicted[greatest]
        name = f"{self.name}: the greatest row's writes over its shards' share"
        yield Claim(name, [share], at_most=EVEN)
        per_batch = [number / self.batches[row] for row, number in writes.items()]
        name = f"{self.name}: writes of a row over batches of its shards"
        yield Claim(name, per_batch, at_most=1)
        name = f"{self.name}: the busiest row, if each shard has all that it can have"
        yield Claim(name, [self.busiest(MAX_BATCHES)], "units/s")
        name = f"{self.name}: the largest row of the last day over that of the third"
        yield Claim(name, [self.largest[-1] / self.largest[-2]], at_most=EVEN)


# --- what it shows ---------------------------------------------------------------------------


def tables(countings: Sequence[Counting]) -> Iterator[Table]:
    """What a write costs, and when a row would be throttled."""
    days = ["largest row, day 1 (bytes)", *(f"day {day}" for day in range(2, DAYS + 1))]
    sizes, limits = [], []
    for each in countings:
        units = each.db.units.total() / each.db.writes.total()
        sizes.append([each.name, each.batches.total(), units, *each.largest, each.most_marks])
        busiest, most = each.busiest(1), each.busiest(MAX_BATCHES)
        write = ceil(max(each.largest) / 1024)
        limits.append([each.name, each.most_shards, write, busiest, most, KEY_UNITS / busiest])
    columns = ["", "batches", "units of a write", *days, "most marks"]
    yield Table("What a write costs, and how large rows become", columns, sizes)
    columns = ["", "most shards on a row", "units of its write at most"]
    columns += ["units a second, at a batch a second of each shard", f"at {MAX_BATCHES}"]
    columns += ["throttled at batches a second of each shard"]
    yield Table("When a row would be throttled", columns, limits, [PACE])


def measure(recipients: int) -> Report:
    """What was found."""
    happened = moments(recipients)
    countings = [Counting(shards) for shards in SHARDS]
    for at, by_shard in changes(happened):
        for each in countings:
            each.take(at, by_shard)
    figures = plain_count(happened)
    return Report(
        "How evenly a large mailing folds",
        f"{recipients:,} recipients, {len(happened):,} events within four days, through "
        "project_messages and project_communications over a DynamoDB in memory, counted as from 4, "
        "16 and 64 shards; each comes out as a plain count of the events does.",
        [claim for each in countings for claim in each.claims()],
        list(tables(countings)),
        [wrong for each in countings for wrong in each.wrong(figures)],
    )


if __name__ == "__main__":
    main(measure, options(__doc__, recipients=100_000))
