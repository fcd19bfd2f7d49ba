"""What recording costs on AWS: a population's events through the functions' own code, counted.

Requests, units (DynamoDB Local's), log and bytes are counted. Modelled: batches, cut as Lambda cuts
them at the template's rate and windows; a call's time, from processor time here and `LATENCY`. Cold
starts are not in it. The same events also go to AWS's sample (a put for each) and to a put and a
transaction for each: a row of counters takes no more than some 100 a second, which flatters them.

    python -m benchmarks.cost [--messages 200] [--into FILE]

It needs Java and AWS's DynamoDB Local.
"""

from __future__ import annotations

import json
import math
import os
import random
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.request import Request, urlopen
from zlib import crc32

from benchmarks.batches import POLLERS, SHARDS, WINDOWS, Arrival, Batch, Cut, cut
from benchmarks.contenders import PEERS
from benchmarks.harness import AGENT, LINK, Here, Json, main, options, servers, sqs_event
from benchmarks.prices import PRICES, dollars_by_line
from benchmarks.report import Claim, Report, Table
from benchmarks.units import Call, Function
from local import aws
from local.notifications import Mail, sns_envelope
from local.sources import lambda_record
from local.template import Resources, load
from sendtrail.aws.dynamodb import from_attributes
from sendtrail.domain.communication import CounterShard
from sendtrail.domain.ids import new_message_id
from sendtrail.domain.times import epoch_ms, from_epoch_ms, now
from sendtrail.projections.items import COUNTERS_PREFIX, counters_from_item

INGEST: Final = "IngestFunction"
MESSAGES: Final = "ProjectMessagesFunction"
PARTICIPANTS: Final = "ProjectParticipantsFunction"
COMMUNICATIONS: Final = "ProjectCommunicationsFunction"
MESSAGES_EACH: Final = 10
"""For each member, as in a year: profile and address are there already in nine of ten."""
OPENS: Final = (2, 2, 2, *(1,) * 6, *(0,) * 11)
"""Of twenty messages, how often each is opened: 0.6 on average, by 0.45 of the readers."""
CLICKS: Final = (1, 0, 0, 1, *(0,) * 16)
LATENCY: Final = 0.005
"""Seconds that a call waits for a request of DynamoDB."""
AT_ONCE: Final = 8
"""Rows that a fold writes at the same time (`DynamoDB.at_once`)."""
WHOLE_PROCESSOR: Final = 1769
"""MiB (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html)."""
PER_LINE: Final = 26
"""Bytes that CloudWatch adds to each line (PutLogEvents in its API reference)."""
PER_ITEM: Final = 100
"""Bytes that DynamoDB adds to each item that it stores, in the table and in each index."""
LONG_POLL: Final = 20
"""Seconds that a poller of Lambda waits for an idle queue."""
DAYS_A_MONTH: Final = 30.4
VOLUMES: Final = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)

Said = list[tuple[float, str]]
"""When, in seconds on the run's clock, and what SES publishes."""
Delivery = tuple[int, Json]
"""How many records, and the event that hands them over."""


# --- what is recorded ------------------------------------------------------------------------


def notifications(messages: int, rate: float) -> tuple[Said, Counter[str]]:
    """What SES publishes of tagged mail that something else sends, and the figures to come of it.

    Half of the hits come within three hours.
    """
    draw, done = random.Random(2), Counter(sent=messages, delivered=messages)
    found: Said = []
    start = epoch_ms(now()) - 30 * 24 * 3600 * 1000
    members = max(1, messages // MESSAGES_EACH)
    for number in range(messages):
        sent, member = number / rate, number % members

        def at(seconds: float, sent: float = sent) -> str:
            return from_epoch_ms(start + int((sent + seconds) * 1000))

        mail = Mail(
            f"0102019a1b2c3d4e-5f6a7b8c-9d0e-4f1a-8b2c-{number:012x}-000000",
            at(0),
            [f"first.last.{member}@mail.example"],
            tags={
                "message_id": new_message_id(at(0)),
                "participant_id": f"member-{member:05}",
                "communication_id": f"newsletter-{number // members}",
                "kind": "newsletter",
            },
        )
        arrived = 2 + draw.expovariate(1 / 3)
        told = [(1.0, mail.send()), (arrived, mail.delivery(at(arrived)))]
        for name, often in (("opens", OPENS[number % 20]), ("clicks", CLICKS[number % 20])):
            done[name] += often
            for _ in range(often):
                age = min(60 + draw.expovariate(math.log(2) / (3 * 3600)), 14 * 24 * 3600)
                opened = name == "opens"
                told += [
                    (age, mail.open(at(age), AGENT) if opened else mail.click(at(age), LINK, AGENT))
                ]
        found += [(sent + seconds, json.dumps(each)) for seconds, each in told]
    return sorted(found), done


# --- what calls take -------------------------------------------------------------------------


@dataclass
class Usage:
    """What the calls of one function took.

    Attributes:
        seconds: their time on AWS, by the model.
        metrics: those of CloudWatch that it has counted.
    """

    memory: int
    architecture: str
    calls: int = 0
    seconds: float = 0
    log_bytes: int = 0
    units: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    metrics: set[str] = field(default_factory=set)

    def add(self, call: Call, at_once: int) -> None:
        """Adds a call, which writes so many rows at once."""
        lasts = call.seconds / min(1, self.memory / WHOLE_PROCESSOR)
        for operation, number in call.cost.by_operation.items():
            lasts += LATENCY * math.ceil(number / (at_once if operation == "PutItem" else 1))
        self.calls += 1
        self.seconds += math.ceil(lasts * 1000) / 1000
        self.log_bytes += call.log_bytes + PER_LINE * call.log_lines
        self.units.update(call.cost.units)
        self.metrics.update(call.metrics)

    @property
    def quantities(self) -> dict[str, float]:
        """What is paid for, by the names in `PRICES`."""
        found: dict[str, float] = defaultdict(float)
        for (_, _, kind), units in self.units.items():
            found[f"dynamodb {kind} unit"] += units
        found["lambda call"] = self.calls
        found[f"lambda GB-second {self.architecture}"] = self.seconds * self.memory / 1024
        found["log GB"] = self.log_bytes / 1e9
        return found


@dataclass(frozen=True, slots=True)
class Took:
    """What was taken for so many messages.

    Attributes:
        usage: by function.
        besides: quantities that no function asks for.
        stored: GB that are kept, by table.
        wrong: what the counters say otherwise than what was done.
    """

    messages: int
    usage: Mapping[str, Usage]
    besides: Mapping[str, float]
    stored: Mapping[str, float] = field(default_factory=dict)
    wrong: Sequence[str] = ()

    @property
    def lines(self) -> dict[str, float]:
        """Dollars for a million messages, by line; without what is kept, and is paid at rest."""
        found: Counter[str] = Counter()
        for each in (self.besides, *(usage.quantities for usage in self.usage.values())):
            found.update(dollars_by_line(each, self.messages))
        return dict(found)

    @property
    def dollars(self) -> float:
        """All of them together."""
        return sum(self.lines.values())

    @property
    def write_units(self) -> float:
        """For each message."""
        names = (usage.quantities["dynamodb write unit"] for usage in self.usage.values())
        return sum(names) / self.messages


# --- three ways of recording -----------------------------------------------------------------


class Recording:
    """One way of recording the events, into tables of its own."""

    def __init__(self, endpoints: aws.Endpoints, said: Said, messages: int) -> None:
        urlopen(Request(f"{endpoints.aws}/moto-api/reset", method="POST")).close()  # noqa: S310
        self._here = Here.built(endpoints, {"PublicUrl": "https://mail.example"})
        self._said, self._messages = said, messages
        self._resources = self._here.resources
        self._cuts = {
            mapping["FunctionName"]["Ref"]: Cut.of(mapping)
            for mapping in self._resources.of_type("AWS::Lambda::EventSourceMapping").values()
        }

    def ours(self, done: Mapping[str, int]) -> Took:
        """By ingest and the folds, whose counters must say what was done."""
        queue = self._queue()
        usage = {INGEST: self._play(INGEST, self._handed_over(queue))}
        logged: dict[tuple[str, str], deque[float]] = defaultdict(deque)
        for batch in queue:
            for body in batch.records:
                told = json.loads(body)
                logged[told["mail"]["tags"]["message_id"][0], told["eventType"]].append(batch.at)
        arrivals = []
        for record in self._changes("EventsTable"):
            keys = record["dynamodb"]["Keys"]
            message_id, kind = keys["message_id"]["S"], keys["event_key"]["S"].split("#")[1]
            at = logged[message_id, kind].popleft()
            arrivals.append(Arrival(at, shard_of(message_id), record))
        events = cut(arrivals, self._cuts[MESSAGES])
        for fold in (PARTICIPANTS, MESSAGES):
            usage[fold] = self._play(fold, streamed(events), AT_ONCE)
        folded: dict[str, deque[float]] = defaultdict(deque)
        for each in events:
            for message_id in {
                record["dynamodb"]["Keys"]["message_id"]["S"] for record in each.records
            }:
                folded[message_id].append(each.at)
        arrivals = []
        for record in self._changes("MessagesTable"):
            keys = record["dynamodb"]["Keys"]
            at, lane = (
                folded[keys["message_id"]["S"]].popleft(),
                shard_of(keys["participant_id"]["S"]),
            )
            arrivals.append(Arrival(at, lane, record))
        changed = cut(arrivals, self._cuts[COMMUNICATIONS])
        usage[COMMUNICATIONS] = self._play(COMMUNICATIONS, streamed(changed), AT_ONCE)
        found = self._counted()
        wrong = [
            f"{name}: the counters say {found.get(name)}, and {number} were done"
            for name, number in done.items()
            if found.get(name) != number
        ]
        return Took(self._messages, usage, self._besides(queue), self._stored(), wrong)

    def sample(self) -> Took:
        """By AWS's sample: a call for each event, which puts an item."""
        calls = (
            (1, {"Records": [{"EventSource": "aws:sns", "Sns": sns_envelope(body)}]})
            for _, body in self._said
        )
        usage = {"sample": self._play(INGEST, calls, peer="naive:ingest")}
        return Took(self._messages, usage, self._besides())

    def transaction(self) -> Took:
        """By a put and a transaction for each event, in ingest's batches."""
        queue = self._queue()
        calls = self._handed_over(queue)
        usage = {"transaction": self._play(INGEST, calls, peer="recorders:put_and_transaction")}
        return Took(self._messages, usage, self._besides(queue))

    def _play(
        self, name: str, deliveries: Iterable[Delivery], at_once: int = 1, peer: str = ""
    ) -> Usage:
        """Calls a function, or a peer in its place, again and again; what that took.

        Raises:
            SystemExit: it did not take all of a batch.
        """
        function = self._resources.functions()[name]
        module, _, handler = peer.partition(":")
        where = f"{PEERS / module}.py:{handler}" if peer else f"{function.code}/app.py:handler"
        tables = ("Events", "Messages", "Communications")
        variables = {
            f"{table.upper()}_TABLE": self._resources.physical[f"{table}Table", ""]
            for table in tables
        }
        variables |= {"AWS_LAMBDA_FUNCTION_NAME": function.name, **aws.credentials()}
        environment = variables if peer else {**function.environment, **variables}
        process = Function(where, environment, self._here.endpoints, function.timeout)
        usage = Usage(function.memory, self._resources.parameters["Architecture"])
        try:
            for records, event in deliveries:
                call = process.call(event)
                if (call.answer or {}).get("batchItemFailures"):
                    raise SystemExit(f"{name} answered {call.answer}")
                usage.add(call, at_once if records > 1 else 1)
        finally:
            process.stop()
        return usage

    def _queue(self) -> list[Batch[str]]:
        """The queue's batches."""
        lanes = (
            Arrival(at, number % POLLERS, body) for number, (at, body) in enumerate(self._said)
        )
        return cut(lanes, self._cuts[INGEST])

    @staticmethod
    def _handed_over(batches: Iterable[Batch[str]]) -> Iterator[Delivery]:
        for batch in batches:
            yield len(batch.records), sqs_event(batch.records)

    def _besides(self, queue: Sequence[Batch[str]] | None = None) -> dict[str, float]:
        """SNS, and what it and Lambda's pollers ask of SQS: a receipt and a deletion for ten."""
        published = len(self._said)
        if queue is None:
            return {"sns publish": published}
        polls = sum(2 * math.ceil(len(batch.records) / 10) for batch in queue)
        return {"sns publish": published, "sqs request": published + polls}

    def _changes(self, table: str) -> Iterator[Json]:
        """What a stream has of items that were put, oldest first."""
        arn = self._resources.physical[table, "StreamArn"]
        streams = self._here.endpoints.client("dynamodbstreams")
        for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            iterator = streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while iterator:
                answer = streams.get_records(ShardIterator=iterator, Limit=1000)
                if not answer["Records"]:
                    break
                for record in answer["Records"]:
                    if record["eventName"] != "REMOVE":
                        yield lambda_record(record, arn)
                iterator = answer.get("NextShardIterator")

    def _counted(self) -> Mapping[str, int]:
        """The counters of all mailings together."""
        table = self._resources.physical["CommunicationsTable", ""]
        pages = self._here.endpoints.client("dynamodb").get_paginator("scan")
        items = (
            from_attributes(item)
            for page in pages.paginate(TableName=table)
            for item in page["Items"]
            if item["part"]["S"].startswith(COUNTERS_PREFIX)
        )
        return CounterShard.total(map(counters_from_item, items)).counts

    def _stored(self) -> dict[str, float]:
        """GB that are kept, by table, with its indexes."""
        found: dict[str, float] = defaultdict(float)
        for name in self._resources.of_type("AWS::DynamoDB::Table"):
            table = self._here.endpoints.client("dynamodb").describe_table(
                TableName=self._resources.physical[name, ""]
            )["Table"]
            for part in (table, *table.get("GlobalSecondaryIndexes", [])):
                size = part.get("TableSizeBytes", part.get("IndexSizeBytes", 0))
                found[name.removesuffix("Table")] += (size + PER_ITEM * part["ItemCount"]) / 1e9
        return found


def streamed(batches: Sequence[Batch[Json]]) -> Iterator[Delivery]:
    """What Lambda hands over of a stream, and once more at the end of each tumbling window of a
    shard that had records.
    """
    for batch in batches:
        yield len(batch.records), window_of(batch.lane) | {"Records": batch.records}
    for lane, _ in sorted({(batch.lane, int(batch.at) // WINDOWS) for batch in batches}):
        yield 0, window_of(lane) | {"Records": [], "isFinalInvokeForWindow": True}


def window_of(lane: int) -> Json:
    """What a stream batch has beside its records."""
    return {
        "shardId": f"shardId-00000001795167000{lane:03}-0a1b2c3d",
        "eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/s",
        "state": {},
        "window": {"start": "2026-11-25T09:30:00Z", "end": "2026-11-25T09:45:00Z"},
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
    }


def shard_of(partition_key: str) -> int:
    """The shard of a stream that an item's changes are in."""
    return crc32(partition_key.encode()) % SHARDS


# --- what it shows ---------------------------------------------------------------------------


def lines_table(*recorded: Took) -> Table:
    """Dollars by line."""
    columns = [each.lines for each in recorded]
    lines = sorted(columns[0], key=lambda line: -columns[0][line])
    rows: list[Any] = [[line, *(column.get(line, 0.0) for column in columns)] for line in lines]
    rows.append(["sum", *(each.dollars for each in recorded)])
    rows.append(["write units, each message", *(each.write_units for each in recorded)])
    names = ["line", "Sendtrail", "AWS's sample", "put and transaction"]
    notes = ["SES itself is $100, whoever sends. What is kept is in another table."]
    return Table("A million messages recorded, in dollars, at the default rate", names, rows, notes)


def tables_table(ours: Took) -> Table:
    """What each table took."""
    units: Counter[tuple[str, str]] = Counter()
    for usage in ours.usage.values():
        for (table, index, kind), number in usage.units.items():
            units[f"{table}, {index}" if index else table, kind] += number
    kept = {name: 1e9 * size / ours.messages for name, size in ours.stored.items() if size}
    rows = [
        [name, *(units[name, kind] / ours.messages for kind in ("write", "read")), kept.get(name)]
        for name in sorted({name for name, _ in units} | set(kept))
    ]
    columns = ["table", "write units", "read units", "bytes kept, indexes as well"]
    return Table("By table, each message", columns, rows)


def at_rest(resources: Resources) -> dict[str, float]:
    """Dollars a month when nothing is sent."""
    secrets = len(resources.of_type("AWS::SecretsManager::Secret"))
    alarms = len(resources.of_type("AWS::CloudWatch::Alarm"))
    mappings = resources.of_type("AWS::Lambda::EventSourceMapping").values()
    queues = sum("Queue" in json.dumps(each["EventSourceArn"]) for each in mappings)
    polls_a_month = queues * POLLERS * 30 * 24 * 3600 / LONG_POLL
    return {
        f"{secrets} secrets": secrets * PRICES["secret"].usd,
        f"{alarms} alarms": alarms * PRICES["alarm"].usd,
        f"{queues} queues, polled": polls_a_month * PRICES["sqs request"].usd,
    }


def month_tables(ours: Took, resources: Resources) -> Iterator[Table]:
    """What a month costs: when nothing is sent, and by how much is."""
    rest = at_rest(resources)
    counted = sum(len(usage.metrics) for usage in ours.usage.values())
    metrics, fixed = counted * PRICES["metric"].usd, sum(rest.values())
    note = f"In a month with mail, up to ${metrics:.2f} more for {counted} metrics of these."
    rows: list[Any] = [*rest.items(), ("sum", fixed)]
    yield Table("A month in which nothing is sent, in dollars", ["for", "dollars"], rows, [note])
    # Point-in-time recovery is charged by the tables' size, their indexes' not counted: they are
    # counted here.
    size = sum(ours.stored.values()) * 1e6 / ours.messages
    backup = size * PRICES["backup GB-month"].usd
    kept = size * PRICES["table GB-month"].usd + backup
    days, rows = resources.parameters["RetentionDays"], []
    for volume in VOLUMES:
        moved = ours.dollars * volume / 1e6
        stored = kept * float(days) / DAYS_A_MONTH * volume / 1e6
        total, ses = fixed + metrics + moved + stored, PRICES["mail"].usd * volume
        each = 1000 * total / volume
        rows.append([f"{volume:,}", fixed + metrics, moved, stored, total, each, ses])
    columns = ["messages a month", "at rest, and metrics", "recording"]
    columns += [f"kept, after {days} days", "sum", "a thousand messages", "SES itself"]
    notes = [
        f"A million messages kept: ${kept:.2f} a month, ${backup:.2f} of it to recover them.",
        "At more than a million a month batches are fuller than in the run: it costs less.",
    ]
    yield Table("A month, in dollars, by how much is recorded in it", columns, rows, notes)


def measure(messages: int) -> Report:
    """Records the same events in each way."""
    os.environ.update(aws.credentials())
    resources = load()
    said, done = notifications(messages, float(resources.parameters["SendRate"]))
    with servers() as endpoints:
        ours = Recording(endpoints, said, messages).ours(done)
        sample = Recording(endpoints, said, messages).sample()
        transaction = Recording(endpoints, said, messages).transaction()
    people = dollars_by_line(ours.usage[PARTICIPANTS].quantities, messages)
    alone = (ours.dollars - sum(people.values())) / transaction.dollars
    beside = "ours / put and transaction"
    claims = [
        Claim(f"{beside}, message and counters alone", [alone], at_most=0.8),
        Claim(
            f"{beside}, with participants and suppressions",
            [ours.dollars / transaction.dollars],
            at_most=1.0,
        ),
        Claim("ours / sample", [ours.dollars / sample.dollars]),
        Claim(f"write units: {beside}", [ours.write_units / transaction.write_units]),
        Claim("a million messages recorded", [ours.dollars], "$"),
    ]
    tables = [
        lines_table(ours, sample, transaction),
        tables_table(ours),
        *month_tables(ours, resources),
    ]
    about = (
        f"{messages:,} messages recorded, counted, and priced by list prices of eu-west-1 "
        "(`benchmarks/prices.py`), without free tiers. Time on Lambda is modelled from processor "
        "time here."
    )
    return Report("What it costs on AWS", about, claims, tables, list(ours.wrong))


if __name__ == "__main__":
    main(measure, options(__doc__, messages=200))
