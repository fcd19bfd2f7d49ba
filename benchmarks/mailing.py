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

Then two things that an even mailing does not show, each with a tenth of the recipients. The changes
of the first day are waiting, as after an outage, and come from 64 shards as fast as they are taken:

    at once     64 workers at the same time, and a database that takes 5 ms to answer: those whose
                shards share a row get in each other's way, and the later one reads and writes again
    throttled   a database that takes only 10 units a second for one key, a hundredth of what
                DynamoDB takes: the batch fails, and comes again a second later

All three countings and these two have to give what a plain count of the events gives.

    python benchmarks/mailing.py [--recipients 100000] [--json FILE]
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from math import ceil
from pathlib import Path
from typing import Any, Final
from zlib import crc32

sys.path.append(str(Path(__file__).resolve().parent.parent))  # for `local` and `tests`

from benchmarks.metering import item_bytes
from benchmarks.report import Claim, Report, Table
from local.notifications import Mail
from sendtrail.domain.communication import CounterShard
from sendtrail.domain.events import Event
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.times import from_epoch_ms
from sendtrail.errors import AwsError, ConditionFailedError, ThrottledError
from sendtrail.intake.parser import events_of
from sendtrail.log.event_log import EventLog
from sendtrail.log.items import event_from_item
from sendtrail.projections.checkpoints import KEEP_SECONDS
from sendtrail.projections.communications import CommunicationProjection
from sendtrail.projections.items import (
    COUNTER_SHARDS,
    COUNTERS_PREFIX,
    DEFINITION,
    checkpoints_from_item,
    counter_part,
    counters_from_item,
    message_from_item,
)
from sendtrail.projections.messages import MessageProjection
from sendtrail.projections.stream import EVERY_CHANGE, INSERTS, consume
from tests.memory import MemoryDynamoDB

SHARDS: Final = (4, 16, 64)
MOST: Final = max(SHARDS)
MAILING: Final = "mailing"
RATE: Final = 200
OPENED: Final = 0.6
CLICKED: Final = 0.1
LATE: Final = 0.2
"""Of those who open."""
DAYS: Final = 4
DAY: Final = 24 * 3600
"""As long as a stream keeps what waits."""
BATCH: Final = 100
SHARD_LIVES: Final = 4 * 3600
TWICE: Final = 20
"""Every so many batches, one comes twice."""
START: Final = 1_795_170_600
"""Seconds since 1970."""
ANSWER_SECONDS: Final = 0.005
KEY_UNITS: Final = 1_000
"""Write units that DynamoDB takes for one key in a second."""
FEW_UNITS: Final = 10
MAX_BATCHES: Final = 10
"""Of a shard in a second, in the long run."""
EVEN: Final = 1.05
PACE: Final = (
    f"DynamoDB takes {KEY_UNITS:,} write units a second for one key, and as many for a partition. "
    f"So a shard has at most {KEY_UNITS:,} changes a second in the long run, which are "
    f"{MAX_BATCHES} batches; with fewer than {BATCH} changes a second it has one. Only what has "
    "waited can come faster."
)
SHARED: Final = (
    "Workers whose shards share a row get in each other's way: when one writes, the row is no "
    "longer as another read it, and that one reads and writes it again. A refused write costs its "
    "units all the same."
)
STRAINED: Final = (
    f"Throttled to {FEW_UNITS} units a second for a key, a batch fails and comes again, and its "
    "shard waits for it; nothing is lost, and nothing counted twice."
)

_AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Thunderbird/128.0"
_LINKS: Final = [f"https://society.example/evenings/{number}" for number in range(12)]

Json = dict[str, Any]
Moment = tuple[int, int, str]
"""When, in milliseconds, to which recipient, and what."""


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
    sent_at = from_epoch_ms(START * 1000 + number * 1000 // RATE)
    address = f"member-{number:07}@{('gmail.com', 'outlook.com', 'society.example')[number % 3]}"
    tags = {
        "participant_id": f"member-{number:07}",
        "message_id": derived_message_id(sent_at, str(number), address),
        "communication_id": MAILING,
        "kind": "newsletter",
    }
    mail, at = Mail(f"0102-{number}", sent_at, [address], tags=tags), from_epoch_ms(at_ms)
    tell: dict[str, Callable[[], Json]] = {
        "send": mail.send,
        "delivery": partial(mail.delivery, at),
        "open": partial(mail.open, at, _AGENT),
        "click": partial(mail.click, at, _LINKS[number % len(_LINKS)], _AGENT),
    }
    (found,) = events_of(tell[what]())
    return found


def plain_count(happened: Sequence[Moment]) -> dict[str, int]:
    """The figures, counted from what happened: everyone opens and clicks at most once."""
    of = Counter(what for _, _, what in happened)
    hits = {"open": ("opens", "opened"), "click": ("clicks", "clicked")}
    figures = {"recipients": of["send"], "sent": of["send"], "delivered": of["delivery"]}
    for what, names in hits.items():
        for name in names:
            figures |= {name: of[what], f"human_{name}": of[what]}
    for position, provider in enumerate(("gmail", "microsoft", "other")):
        mine = sum(what == "send" and number % 3 == position for _, number, what in happened)
        figures[f"provider/{provider}/sent"] = mine
    return figures


# --- streams ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivery:
    """One batch of one shard, at a second."""

    at: int
    shard: int
    records: list[Json]

    @property
    def shard_id(self) -> str:
        """The shard's id, in the form that DynamoDB's have; another every four hours."""
        offset = crc32(str(self.shard).encode()) % SHARD_LIVES  # not all end at the same time
        born = (self.at + offset) // SHARD_LIVES * SHARD_LIVES - offset
        return f"shardId-{born * 1000:020}-{crc32(f'{self.shard}/{born}'.encode()):08x}"

    @property
    def event(self) -> Json:
        """What Lambda hands over."""
        return {"Records": self.records, "shardId": self.shard_id}


def deliveries(at: int, by_shard: Mapping[int, list[Json]]) -> Iterator[Delivery]:
    """The batches of what came within a second."""
    for shard, records in sorted(by_shard.items()):
        for start in range(0, len(records), BATCH):
            yield Delivery(at, shard, records[start : start + BATCH])


class Log:
    """The log and the messages, and the changes of messages by second."""

    def __init__(self) -> None:
        self._db = MemoryDynamoDB(MOST)
        db: Any = self._db
        self._log = EventLog(db, "Events", retention_days=400)
        self._fold = MessageProjection.over(db, "Messages", self._log)

    def changes(self, happened: Sequence[Moment]) -> Iterator[tuple[int, dict[int, list[Json]]]]:
        """Second by second: shard of 64 → the changes of messages."""
        for at, some in groupby(happened, key=lambda moment: moment[0] // 1000):
            self._db.clock = at
            self._log.append(map(event, some))
            for delivery in deliveries(at, self._taken("Events")):
                consume(
                    delivery.event,
                    names=INSERTS,
                    decode=event_from_item,
                    apply=self._fold.apply,
                    quarantine=_never,
                )
            self._db.forget("Events")  # a log of this size takes gigabytes, and no one reads it
            yield at, self._taken("Messages")

    def _taken(self, table: str) -> dict[int, list[Json]]:
        records = self._db.records[table]
        taken = {int(shard.rpartition("-")[2]): found for shard, found in records.items()}
        records.clear()
        return taken


def merged(by_shard: Mapping[int, list[Json]], shards: int) -> dict[int, list[Json]]:
    """The same records as a table of fewer shards has them: which shard, is a hash modulo 64."""
    found: dict[int, list[Json]] = defaultdict(list)
    for shard, records in by_shard.items():
        found[shard % shards] += records
    for records in found.values():
        records.sort(key=lambda record: int(record["dynamodb"]["SequenceNumber"]))
    return found


def _never(text: str) -> None:
    raise AssertionError(f"a record that cannot be folded: {text:.300}")


# --- counting --------------------------------------------------------------------------------


class Written(MemoryDynamoDB):
    """A DynamoDB that says what was written to each row of the mailing.

    Attributes:
        writes, units: by row.
        sizes, marks: of each row as it is now: its bytes, and its marks.
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
        self.writes[part] += 1
        self.units[part] += ceil(max(size, self.sizes[part]) / 1024)
        self.sizes[part] = size
        self.checkpoints[part] = len(item.get("checkpoints", ()))

    @property
    def rows(self) -> list[str]:
        """The rows of counters."""
        return sorted(part for part in self.writes if part.startswith(COUNTERS_PREFIX))

    def figures(self) -> dict[str, int]:
        """What the rows add up to."""
        rows = [row for row in self.items("Communications") if row["part"] in self.rows]
        return dict(CounterShard.total(map(counters_from_item, rows)).counts)


class Fold:
    """project_communications, over a database."""

    def __init__(self, db: Written) -> None:
        written: Any = db
        self._fold = CommunicationProjection.over(written, "Communications")

    def __call__(self, delivery: Delivery) -> None:
        """Takes a batch."""
        consume(
            delivery.event,
            names=EVERY_CHANGE,
            decode=message_from_item,
            apply=self._fold.apply,
            quarantine=_never,
        )


class Counting:
    """One way of counting the mailing: from so many shards.

    Attributes:
        batches: row → batches of the shards that are mapped to it.
        predicted: row → what these would be if all shards had the same number in each second.
        most_shards: the most that were mapped to one row at a time.
        largest, most_marks: day → the most bytes, and marks, that a row had.
    """

    def __init__(self, shards: int) -> None:
        self.shards = shards
        self.db = Written()
        self.batches: Counter[str] = Counter()
        self.predicted: dict[str, float] = defaultdict(float)
        self.most_shards = 0
        self.largest: Counter[int] = Counter()
        self.most_marks: Counter[int] = Counter()
        self._fold = Fold(self.db)

    def take(self, at: int, by_shard: Mapping[int, list[Json]]) -> None:
        """Counts the changes of a second."""
        before = self.batches.total()
        for delivery in deliveries(at, merged(by_shard, self.shards)):
            self._fold(delivery)
            self.batches[counter_part(delivery.shard_id)] += 1
            if self.batches.total() % TWICE == 0:
                self._fold(delivery)
        mapped = Counter(
            counter_part(Delivery(at, shard, []).shard_id) for shard in range(self.shards)
        )
        self.most_shards = max(self.most_shards, *mapped.values())
        for row, number in mapped.items():
            share = number / self.shards
            self.predicted[row] += share * (self.batches.total() - before)
        day = (at - START) // DAY
        self.largest[day] = max(self.largest[day], *(self.db.sizes[row] for row in self.db.rows))
        self.most_marks[day] = max(self.most_marks[day], *self.db.checkpoints.values())

    @property
    def greatest(self) -> str:
        """The row that was written most often."""
        return max(self.db.rows, key=lambda row: self.db.writes[row])

    @property
    def units(self) -> int:
        """What a write of the largest row costs at most."""
        return ceil(max(self.largest.values()) / 1024)


# --- all at once, and too much for a key -----------------------------------------------------


class Distant(Written):
    """A DynamoDB that several ask at a time, and that takes a while to answer.

    Attributes:
        refused: writes whose row had been changed by another since it was read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.refused = 0
        self._lock = threading.Lock()

    def get_all(self, table: str, keys: Sequence[Json]) -> list[Json]:
        """As BatchGetItem."""
        time.sleep(ANSWER_SECONDS)
        with self._lock:
            return super().get_all(table, keys)

    def put(self, table: str, item: Json, **condition: Any) -> None:
        """As PutItem."""
        time.sleep(ANSWER_SECONDS)
        with self._lock:
            try:
                super().put(table, item, **condition)
            except ConditionFailedError:
                self.refused += 1
                raise


class Strained(Written):
    """A DynamoDB that takes few units a second for one key.

    Attributes:
        spent: what each row has had of this second.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spent: Counter[str] = Counter()

    def put(self, table: str, item: Json, **condition: Any) -> None:
        """As PutItem.

        Raises:
            ThrottledError: the row has had its share of this second.
        """
        if self.spent[item["part"]] >= FEW_UNITS:
            raise ThrottledError("ThrottlingException", "too much for one key")
        super().put(table, item, **condition)
        self.spent[item["part"]] += ceil(self.sizes[item["part"]] / 1024)


def waiting(happened: Sequence[Moment]) -> list[list[Delivery]]:
    """The batches of each shard, when none has been read until everything was over."""
    by_shard: dict[int, list[Json]] = defaultdict(list)
    for _, changes in Log().changes(happened):
        for shard, records in changes.items():
            by_shard[shard] += records
    found: dict[int, list[Delivery]] = defaultdict(list)
    for delivery in deliveries(START + DAY, by_shard):
        found[delivery.shard].append(delivery)
    return list(found.values())


def at_once(lines: list[list[Delivery]], db: Distant) -> int:
    """Takes all, a worker for each shard; how many batches had to come again."""
    fold, again = Fold(db), 0

    def work(line: list[Delivery]) -> int:
        failed = 0
        for delivery in line:
            while True:
                try:
                    fold(delivery)
                except AwsError:
                    failed += 1
                else:
                    break
        return failed

    with ThreadPoolExecutor(len(lines)) as workers:
        again += sum(workers.map(work, lines))
    return again


def throttled(lines: list[list[Delivery]], db: Strained) -> tuple[int, int]:
    """Takes all, a batch of each shard in a second; how many came again, and how long it took."""
    fold, again, seconds = Fold(db), 0, 0
    left = [list(line) for line in lines]
    while any(left):
        db.spent.clear()
        seconds += 1
        for line in left:
            if not line:
                continue
            try:
                fold(line[0])
            except ThrottledError:
                again += 1
            else:
                line.pop(0)
    return again, seconds


# --- what it shows ---------------------------------------------------------------------------


def claims(countings: Sequence[Counting]) -> list[Claim]:
    """That no row has more than its share."""
    found = []
    for each in countings:
        row, writes = each.greatest, each.db.writes
        per_batch = [writes[one] / each.batches[one] for one in each.db.rows]
        found += [
            Claim(
                f"{each.shards} shards: the greatest row's writes over its shards' share",
                writes[row] / each.predicted[row],
                at_most=EVEN,
            ),
            Claim.of(
                f"{each.shards} shards: writes of a row over batches of its shards",
                per_batch,
                at_most=1,
            ),
            Claim(
                f"{each.shards} shards: the busiest row, if each shard has all that it can have",
                busiest(each, MAX_BATCHES),
                unit="units/s",
            ),
            Claim(
                f"{each.shards} shards: the largest row of the last day over that of the third",
                each.largest[DAYS - 1] / each.largest[DAYS - 2],
                at_most=EVEN,
            ),
        ]
    return found


def shares(countings: Sequence[Counting]) -> Table:
    """What each row was written."""
    rows = [f"{COUNTERS_PREFIX}{number}" for number in range(COUNTER_SHARDS)]
    columns = ["row"]
    for each in countings:
        columns += [f"{each.shards} shards: writes", "predicted"]
    lines: list[list[str | float | int | None]] = []
    for row in rows:
        line: list[str | float | int | None] = [row]
        for each in countings:
            line += [each.db.writes[row], round(each.predicted[row])]
        lines.append(line)
    definition: list[str | float | int | None] = [DEFINITION]
    for each in countings:
        definition += [each.db.writes[DEFINITION], None]
    return Table("Writes to each row", columns, [*lines, definition])


def sizes(countings: Sequence[Counting]) -> Table:
    """What a write costs, and how large rows become."""
    lines: list[list[str | float | int | None]] = []
    for each in countings:
        rows = each.db.rows
        units = sum(each.db.units[row] for row in rows) / sum(each.db.writes[row] for row in rows)
        largest = [each.largest[day] for day in range(DAYS)]
        checkpoints = max(each.most_marks.values())
        lines.append([f"{each.shards} shards", each.batches.total(), units, *largest, checkpoints])
    columns = [
        "",
        "batches",
        "units of a write",
        "largest row, day 1 (bytes)",
        *(f"day {day}" for day in range(2, DAYS + 1)),
        "most marks",
    ]
    return Table("What a write costs, and how large rows become", columns, lines)


def busiest(each: Counting, batches: int) -> int:
    """The units a second of the busiest row, if each shard has so many batches a second."""
    return each.most_shards * each.units * batches


def limits(countings: Sequence[Counting]) -> Table:
    """When a row would be throttled."""
    lines: list[list[str | float | int | None]] = [
        [
            f"{each.shards} shards",
            each.most_shards,
            each.units,
            busiest(each, 1),
            busiest(each, MAX_BATCHES),
            KEY_UNITS / busiest(each, 1),
        ]
        for each in countings
    ]
    columns = [
        "",
        "most shards on a row",
        "units of its write at most",
        "units a second, at a batch a second of each shard",
        f"at {MAX_BATCHES}",
        "throttled at batches a second of each shard",
    ]
    return Table("When a row would be throttled", columns, lines, [PACE])


def crowd(recipients: int, report: Report) -> None:
    """Those two things that an even mailing does not show."""
    end = (START + DAY) * 1000
    happened = [moment for moment in moments(recipients) if moment[0] < end]
    lines = waiting(happened)
    batches = sum(map(len, lines))
    distant, strained = Distant(), Strained()
    again = at_once(lines, distant)
    often, seconds = throttled(lines, strained)
    for name, db in (("at once", distant), ("throttled", strained)):
        check(f"{recipients:,} recipients, {name}", db, happened, report)
    writes = sum(distant.writes[row] for row in distant.rows)
    report.tables.append(
        Table(
            f"What waited for an outage to end: {recipients:,} recipients, {MOST} shards",
            ["", "batches", "writes", "refused, and tried again", "batches that came again"],
            [
                ("at once", batches, writes, distant.refused, again),
                (
                    "throttled",
                    batches,
                    sum(strained.writes[row] for row in strained.rows),
                    None,
                    often,
                ),
            ],
            [SHARED, f"{STRAINED} It took {seconds:,} seconds."],
        )
    )


def check(name: str, db: Written, happened: Sequence[Moment], report: Report) -> None:
    """Notes if the rows do not give what a plain count gives, or keep marks that are too old."""
    found, expected = db.figures(), plain_count(happened)
    for counter, number in expected.items():
        if found.get(counter) != number:
            report.wrong.append(f"{name}: {counter} is {found.get(counter)}, and not {number}")
    for row in db.items("Communications"):
        times = [
            checkpoint.at
            for checkpoint in checkpoints_from_item(row.get("checkpoints")).by_shard.values()
        ]
        if times and max(times) - min(times) > KEEP_SECONDS:
            report.wrong.append(f"{name}: {row['part']} keeps marks of more than two days")


def main() -> int:
    """Runs the benchmark; the process's exit status."""
    parser = argparse.ArgumentParser(description="how evenly a large mailing folds")
    parser.add_argument("--recipients", type=int, default=100_000, help="(100000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there, too")
    options = parser.parse_args()
    happened = moments(options.recipients)
    countings = [Counting(shards) for shards in SHARDS]
    for at, changes in Log().changes(happened):
        for each in countings:
            each.take(at, changes)
    report = Report(
        "How evenly a large mailing folds",
        f"{options.recipients:,} recipients, {len(happened):,} events within four days, through "
        "project_messages and project_communications over a DynamoDB in memory, counted as from 4, 16 "
        "and 64 shards; each comes out as a plain count of the events does.",
        claims(countings),
        [shares(countings), sizes(countings), limits(countings)],
    )
    for each in countings:
        check(f"{each.shards} shards", each.db, happened, report)
    crowd(options.recipients // 10, report)
    return report.finish(options.json)


if __name__ == "__main__":
    sys.exit(main())
