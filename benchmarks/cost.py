"""What Sendtrail costs on AWS: a real run, counted, and priced.

The run: mailings of up to 150 are posted to the API, expanded and sent by dispatch through SES
(moto's); SES's Send and Delivery for each message go through topic and queue to ingest; 0.6 opens
and 0.1 clicks for each message come as requests to `track`, by the tokens in the letters; the
streams of DynamoDB Local go through the folds. At the end the API's figures of all mailings must be
what was done, exactly. Each member gets ten of the messages, as they would in a year.

Counted, by proxies before DynamoDB Local and moto (`benchmarks.units`): requests by operation;
units of each table and index, which DynamoDB Local reckons by AWS's rules; what functions write to
their logs; processor time of each call. Functions run with the variables of template.yaml, each in
a process of its own, and get their events from here rather than from a poller or a gateway.

Modelled, because it is not AWS:

    batches   are cut as Lambda would cut them by the template's sizes and windows, at the default
              SendRate, on a clock of the run's own (`benchmarks.batches`): a queue has five
              pollers, each of which fills a batch of its own, and a stream four shards. Half of the
              hits come within three hours. At a greater rate batches are fuller, and all is cheaper
    time      of a call: its processor time here, by the share of a processor that its memory gets
              (MiB/1769), and a stated time (`LATENCY`) for each request that it waits for; dispatch
              waits for its turn by the rate as well. Wall time here would have DynamoDB Local's and
              moto's time in it instead of AWS's. Cold starts are not in it
    SQS       what Lambda's pollers ask: a receipt and a deletion for each ten messages of a batch;
              and one request for each event that SNS delivers. That flatters nobody: if AWS does
              not charge the last, ours costs less
    logs      without Lambda's own two lines for each call: the template has it write none of a call
              that went well, and the same is granted to those beside
    X-Ray     as its sampling says, one trace in each second and function, and each twentieth beyond

Beside it, on the same events (SES's own opens and clicks, tagged mail sent by something else) and
the same DynamoDB Local:

    ours         ingest and the folds, in batches at the same rate
    sample       AWS's: SNS calls a function for each event, which puts an item; no aggregate at all
    transaction  a put and a transaction for each event, which keep the message and the counters of
                 the mailing (`peers/recorders.py`); it gets ingest's batches, and counters of one
                 row, which flatters it: that row could not take more than some 100 events a second

    python -m benchmarks.cost [--messages 1000] [--beside 200] [--into FILE]

It takes some ten minutes; with 20,000 messages more than an hour, since the folds' batches are as
small as on AWS, and DynamoDB Local makes a hundred or two of their writes a second. It needs Java
and AWS's DynamoDB Local. The exit status is 1 if a figure of the API
is not what was done, or a promise is not kept.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.request import Request, urlopen

from benchmarks.batches import POLLERS, Cut
from benchmarks.contenders import PEERS
from benchmarks.full_run import CLICKS, LINK, MESSAGES_EACH, OPENS, Run
from benchmarks.harness import Here, Json, main, options, servers, sqs_event
from benchmarks.pipeline import (
    FOLDS,
    Cuts,
    Functions,
    Recorder,
    Took,
    Usage,
    delivered_after,
    polls,
    read_after,
)
from benchmarks.prices import PRICES
from benchmarks.report import Claim, Report, Table
from benchmarks.units import Function
from local import aws
from local.notifications import Mail, sns_envelope
from local.template import Resources, load
from sendtrail.domain.ids import new_message_id
from sendtrail.domain.times import epoch_ms, from_epoch_ms, now

FILLS: Final = (1, 5, 10, 25, 100)
STREAM_WINDOWS: Final = (0, 1, 5, 20, 60)
VOLUMES: Final = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
MAX_OF_TRANSACTION: Final = 1.0
MAX_WITHOUT_PARTICIPANTS: Final = 0.8
QUEUE_LINES: Final = ("Lambda calls", "Lambda time", "CloudWatch Logs", "SQS", "DynamoDB writes")
LONG_POLL: Final = 20
"""Seconds that a poller of Lambda waits for an idle queue."""
DAYS_A_MONTH: Final = 30.4
UNLIMITED: Final = 1e9
"""Seconds: a window that ends when a batch is full."""
AGENT: Final = (
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
)


# --- beside it: the same events, otherwise recorded ------------------------------------------


def notifications(messages: int, rate: float) -> list[tuple[float, str]]:
    """What SES publishes, and when, of mail that something else sends, tagged, with SES's own
    pixel and links.
    """
    draw = random.Random(2)
    found: list[tuple[float, str]] = []
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
        later = delivered_after(draw)
        told = [(1.0, mail.send()), (1 + later, mail.delivery(at(later)))]
        ages = [read_after(draw) for _ in range(OPENS[number % 20])]
        told += [(age, mail.open(at(age), AGENT)) for age in ages]
        ages = [read_after(draw) for _ in range(CLICKS[number % 20])]
        told += [(age, mail.click(at(age), LINK, AGENT)) for age in ages]
        found += [(sent + seconds, json.dumps(said)) for seconds, said in told]
    return sorted(found)


class Beside:
    """Records the same events in one way after another, each into tables of its own."""

    def __init__(self, endpoints: aws.Endpoints, messages: int) -> None:
        self._endpoints = endpoints
        self._messages = messages
        self._said = notifications(messages, float(load().parameters["SendRate"]))

    def ours(self, cuts: Cuts | None = None, *, folded: bool = True) -> Took:
        """By ingest and the folds.

        Args:
            cuts: other than the template's.
            folded: whether by the folds as well.
        """
        functions = Functions(built(self._endpoints))
        recorder = Recorder(functions, cuts)
        try:
            recorder.ingest(self._said)
            if folded:
                recorder.fold()
        finally:
            functions.stop()
        return self._took(functions.usage, recorder.polled + len(self._said))

    def sample(self) -> Took:
        """By AWS's sample: a call for each event."""
        calls = [
            (at, 1, {"Records": [{"EventSource": "aws:sns", "Sns": sns_envelope(body)}]})
            for at, body in self._said
        ]
        return self._took(self._usual("naive:ingest", calls), 0)

    def transaction(self) -> Took:
        """By a put and a transaction for each event, in ingest's batches."""
        recorder = Recorder(Functions(built(self._endpoints)))
        batches = recorder.batches(self._said)
        calls = [(each.at, len(each.records), sqs_event(each.records)) for each in batches]
        polled = sum(polls(records) for _, records, _ in calls)
        return self._took(
            self._usual("recorders:put_and_transaction", calls), polled + len(self._said)
        )

    def _usual(self, name: str, calls: Iterable[tuple[float, int, Json]]) -> dict[str, Usage]:
        resources = built(self._endpoints).resources
        tables = {
            f"{name.upper()}_TABLE": resources.physical[f"{name}Table", ""]
            for name in ("Events", "Messages", "Communications")
        }
        where = f"{PEERS / name.partition(':')[0]}.py:{name.partition(':')[2]}"
        function = Function(where, aws.credentials() | tables, self._endpoints, 60)
        memory = resources.functions()["IngestFunction"].memory
        usage = Usage(memory, resources.parameters["Architecture"])
        try:
            for at, records, event in calls:
                usage.add(function.call(event), at, records=1)
                usage.records += records - 1
        finally:
            function.stop()
        return {name: usage}

    def _took(self, usage: Mapping[str, Usage], sqs_requests: int) -> Took:
        besides = {"sqs request": sqs_requests, "sns publish": len(self._said)}
        return Took(self._messages, usage, besides)


def built(endpoints: aws.Endpoints) -> Here:
    """All that the template makes, made anew; dispatch does not wait for its turn."""
    urlopen(Request(f"{endpoints.aws}/moto-api/reset", method="POST")).close()  # noqa: S310
    parameters = {"SendRate": "100000", "PublicUrl": "https://mail.example"}
    return Here.built(endpoints, parameters)


# --- what it shows ---------------------------------------------------------------------------


def lines_table(done: Took, *recorded: Took) -> Table:
    """Dollars by line."""
    columns = [each.lines for each in (done, *recorded)]
    lines = sorted(
        {line for each in columns for line in each}, key=lambda line: -columns[0].get(line, 0)
    )
    rows: list[Any] = [[line, *(column.get(line, 0.0) for column in columns)] for line in lines]
    rows.append(["sum", *(sum(column.values()) for column in columns)])
    units = (each.units("write") for each in (done, *recorded))
    rows.append(["write units, each message", *units])
    traces = sum(each.traces for each in done.usage.values()) * PRICES["trace"].usd
    return Table(
        "A million messages, in dollars, at the default rate",
        [
            "line",
            "Sendtrail, sending and recording",
            "Sendtrail, recording",
            "AWS's sample, recording",
            "put and transaction, recording",
        ],
        rows,
        [
            "Recording is of the same events for all three. What is kept is in another table.",
            "SES itself is $100, whoever sends.",
            f"With `Tracing` Active: ${traces * 1e6 / done.messages:.2f} more, for X-Ray.",
        ],
    )


def functions_table(done: Took) -> Table:
    """What each function took."""
    rows = [
        [
            name.removesuffix("Function"),
            usage.memory,
            usage.calls / done.messages,
            usage.records / usage.calls,
            1e3 * usage.cpu / usage.calls,
            1e3 * usage.seconds / usage.calls,
            usage.gb_seconds * 1e6 / done.messages,
            usage.requests.total() / done.messages,
            usage.log_bytes / usage.calls,
        ]
        for name, usage in done.usage.items()
    ]
    columns = ["function", "MiB", "calls a message", "records a call", "CPU here a call, ms"]
    columns += ["time a call, ms", "GB-s a million", "requests a message", "log a call, bytes"]
    note = "Calls with no record, at the end of each tumbling window, are counted in."
    return Table("By function", columns, rows, [note])


def tables_table(done: Took) -> Table:
    """What each table took."""
    units: Counter[tuple[str, str]] = Counter()
    for usage in done.usage.values():
        for (table, index, kind), number in usage.units.items():
            units[f"{table}, {index}" if index else table, kind] += number
    rows: list[Any] = [
        [
            name,
            units[name, "write"] / done.messages,
            units[name, "read"] / done.messages,
            1e9 * done.stored[name] / done.messages if name in done.stored else None,
        ]
        for name in sorted({name for name, _ in units} | set(done.stored))
    ]
    columns = ["table", "write units", "read units", "bytes kept, indexes as well"]
    return Table("By table, each message", columns, rows)


def ingest_table(beside: Beside) -> Table:
    """What the fill of ingest's batches moves."""
    rows = []
    for fill in FILLS:
        full = Cut(fill, UNLIMITED)
        took = beside.ours(Cuts(full, full), folded=False)
        lines = took.lines
        rows.append([str(fill), *(lines.get(line, 0.0) for line in QUEUE_LINES), took.dollars])
    return Table(
        "Ingest alone, by the fill of its batches, a million messages, in dollars",
        ["records a batch", *QUEUE_LINES, "sum, with SNS"],
        rows,
    )


def folds_table(
    beside: Beside, title: str, first: str, ways: Mapping[str, Cuts], note: str
) -> Table:
    """What cutting the folds' batches in some ways moves."""
    rows = []
    for name, cuts in ways.items():
        took = beside.ours(cuts)
        calls = sum(usage.calls for usage in took.usage.values()) / took.messages
        slowest = max(1e3 * took.usage[fold].seconds / took.usage[fold].records for fold in FOLDS)
        rows.append([name, took.units("write"), took.units("read"), calls, slowest, took.dollars])
    columns = [first, "write units a message", "read units a message", "calls a message"]
    columns += ["slowest fold, ms a record", "dollars"]
    return Table(f"Recording, by {title}, a million messages", columns, rows, [note])


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


def month_tables(done: Took, resources: Resources) -> list[Table]:
    """What is paid when nothing is sent; and from a thousand messages a month to a hundred
    million.
    """
    rest = at_rest(resources)
    counted = sum(len(usage.metrics) for usage in done.usage.values())
    metrics, fixed = counted * PRICES["metric"].usd, sum(rest.values())
    # Point-in-time recovery is charged by the tables' size, their indexes' not counted: they are
    # counted here.
    tables = sum(each for name, each in done.stored.items() if name != "bucket")
    backup = tables * PRICES["backup GB-month"].usd * 1e6 / done.messages
    kept = tables * PRICES["table GB-month"].usd + done.stored["bucket"] * PRICES["s3 GB-month"].usd
    kept = kept * 1e6 / done.messages + backup
    recovery = f"${backup:.2f} of it to recover them"
    days = resources.parameters["RetentionDays"]
    rows: list[Any] = []
    for volume in VOLUMES:
        moved = done.dollars * volume / 1e6
        stored = kept * float(days) / DAYS_A_MONTH * volume / 1e6
        total, ses = fixed + metrics + moved + stored, PRICES["mail"].usd * volume
        each = 1000 * total / volume
        rows.append([f"{volume:,}", fixed + metrics, moved, stored, total, each, ses])
    columns = ["messages a month", "at rest, and metrics", "sending and recording"]
    columns += [f"kept, after {days} days", "sum", "a thousand messages", "SES itself"]
    return [
        Table(
            "A month in which nothing is sent, in dollars",
            ["for", "dollars"],
            [*rest.items(), ("sum", fixed)],
            [f"In a month with mail, up to ${metrics:.2f} more for {counted} metrics."],
        ),
        Table(
            "A month, in dollars, by how much is sent in it",
            columns,
            rows,
            [
                f"A million messages kept: ${kept:.2f} a month, {recovery}.",
                "At more than a million a month batches are fuller than in the run: it costs less.",
            ],
        ),
    ]


def report(done: Took, beside: Beside) -> Report:
    """All that was found."""
    resources = load()
    ours, sample, transaction = beside.ours(), beside.sample(), beside.transaction()
    queue = Cuts.of_template(resources).queue
    fills = {str(n): Cuts(Cut(100, UNLIMITED), Cut(n, UNLIMITED)) for n in FILLS}
    windows = {f"{seconds} s": Cuts(queue, Cut(100, seconds)) for seconds in STREAM_WINDOWS}
    by_window = "the batching window of the folds, at the default rate"
    hits = "Most batches hold one open, whatever the window: hits come over hours."
    tables = [
        lines_table(done, ours, sample, transaction),
        functions_table(done),
        tables_table(done),
        ingest_table(beside),
        folds_table(
            beside,
            "the fill of the folds' batches",
            "records a batch",
            fills,
            "Ingest's batches are full.",
        ),
        folds_table(beside, by_window, "window", windows, hits),
        *month_tables(done, resources),
    ]
    alone = (ours.dollars - ours.dollars_of("ProjectParticipantsFunction")) / transaction.dollars
    writes = ours.units("write") / transaction.units("write")
    ses = PRICES["mail"].usd * 1e6
    claims = [
        Claim(
            "ours / put and transaction, message and counters alone",
            [alone],
            at_most=MAX_WITHOUT_PARTICIPANTS,
        ),
        Claim(
            "ours / put and transaction, with participants and suppressions",
            [ours.dollars / transaction.dollars],
            at_most=MAX_OF_TRANSACTION,
        ),
        Claim("ours / sample", [ours.dollars / sample.dollars]),
        Claim("write units: ours / put and transaction", [writes]),
        Claim("a million messages, sent and recorded", [done.dollars], "$"),
        Claim("the same / what SES charges to send them", [done.dollars / ses]),
    ]
    return Report(
        "What it costs on AWS",
        f"A run of {done.messages:,} messages through the whole way, counted, and priced by list "
        "prices of eu-west-1 (`benchmarks/prices.py`), without free tiers. Time on Lambda is "
        "modelled from processor time here.",
        claims,
        tables,
        list(done.wrong),
    )


def measure(messages: int, beside: int) -> Report:
    """Runs all of it."""
    os.environ.update(aws.credentials())
    with servers() as endpoints:
        done = Run(built(endpoints), messages).run()
        return report(done, Beside(endpoints, beside))


if __name__ == "__main__":
    main(measure, options(__doc__, messages=1_000, beside=200))
