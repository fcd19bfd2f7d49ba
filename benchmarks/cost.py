"""What Sendtrail costs on AWS: a real run, counted, and priced.

The run: mailings of up to 150 are posted to the API, expanded and sent by dispatch through SES
(moto's); SES's Send and Delivery for each message go through topic and queue to ingest; 0.6 opens
and 0.1 clicks for each message come as requests to `track`, by the tokens in the letters; the
streams of DynamoDB Local go through the folds. At the end the API's figures of all mailings must be
what was done, exactly. Each member gets ten of the messages, as they would in a year.

Counted, by proxies before DynamoDB Local and moto (`benchmarks.metered`): requests by operation;
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
                 the mailing (`benchmarks.recorders`); it gets ingest's batches, and counters of one
                 row, which flatters it: that row could not take more than some 100 events a second

    python benchmarks/cost.py [--messages 1000] [--beside 200] [--json FILE]

It takes some ten minutes; with 20,000 messages more than an hour, since the folds' batches are as
small as on AWS, and DynamoDB Local makes a hundred or two of their writes a second. It needs Java
and AWS's DynamoDB Local, and says how to get that one. The exit status is 1 if a figure of the API
is not what was done, or a promise is not kept.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

sys.path.append(str(Path(__file__).resolve().parent.parent))  # for `benchmarks` and `local`

from benchmarks.batches import POLLERS, Arrival, Cut, cut
from benchmarks.common import ROOT, dynamodb_local, moto, sqs_event
from benchmarks.full_run import CLICKS, LINK, MESSAGES_EACH, OPENS, Done, Run
from benchmarks.metered import Metered
from benchmarks.pipeline import (
    FOLDS,
    Cuts,
    Functions,
    Quantities,
    Recorder,
    Usage,
    added,
    delivered_after,
    polls,
    read_after,
)
from benchmarks.prices import PRICES, dollars_by_line
from benchmarks.report import Claim, Report, Table
from local import aws
from local.notifications import Mail, sns_envelope
from local.template import Resources, load
from sendtrail.domain.ids import new_message_id
from sendtrail.domain.times import epoch_ms, from_epoch_ms, now

Json = dict[str, Any]
Row = Sequence[str | float | int | None]

FILLS: Final = (1, 5, 10, 25, 100)
STREAM_WINDOWS: Final = (0, 1, 5, 20, 60)
VOLUMES: Final = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
MAX_OF_TRANSACTION: Final = 1.0
MAX_WITHOUT_PARTICIPANTS: Final = 0.8
QUEUE_LINES: Final = ("Lambda calls", "Lambda time", "CloudWatch Logs", "SQS", "DynamoDB writes")
KNOB_COLUMNS: Final = (
    "write units a message",
    "read units a message",
    "calls a message",
    "slowest fold, ms a record",
    "dollars",
)
LONG_POLL: Final = 20
"""Seconds that a poller of Lambda waits for an idle queue."""
DAYS_A_MONTH: Final = 30.4
UNLIMITED: Final = 1e9
"""Seconds: a window that ends when a batch is full."""
AGENT: Final = (
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
)


# --- beside it: the same events, otherwise recorded ------------------------------------------

Said = tuple[float, str]
"""When an event arrives, and SES's notification of it."""


def notifications(messages: int, rate: float) -> list[Said]:
    """What SES publishes of mail that something else sends, tagged, with SES's pixel and links."""
    draw = random.Random(2)
    found: list[Said] = []
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
        for _ in range(OPENS[number % 20]):
            age = read_after(draw)
            told.append((age, mail.open(at(age), AGENT)))
        for _ in range(CLICKS[number % 20]):
            age = read_after(draw)
            told.append((age, mail.click(at(age), LINK, AGENT)))
        found += [(sent + seconds, json.dumps(said)) for seconds, said in told]
    return sorted(found)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What one way to record events takes, for a million messages."""

    quantities: Quantities
    usage: Mapping[str, Usage]
    messages: int

    @property
    def dollars(self) -> float:
        """What it costs for a million messages, without what is kept."""
        return sum(dollars_by_line(self.quantities, self.messages).values())

    def per_message(self, kind: str) -> float:
        """Units for each message."""
        return self.quantities[f"dynamodb {kind} unit"] / self.messages


class Beside:
    """Records the same events in one way after another, each into tables of its own."""

    def __init__(self, endpoints: aws.Endpoints, messages: int) -> None:
        self._endpoints = endpoints
        self._messages = messages
        parameters = load().parameters
        self.rate = float(parameters["SendRate"])
        self._architecture = str(parameters["Architecture"])
        self._said = notifications(messages, self.rate)

    def ours(self, cuts: Cuts | None = None, *, folded: bool = True) -> Recorded:
        """By ingest and the folds.

        Args:
            cuts: other than the template's.
            folded: whether by the folds as well.
        """
        resources = built(self._endpoints)
        functions = Functions(resources, self._endpoints)
        recorder = Recorder(
            functions, resources, self._endpoints, cuts or Cuts.of_template(resources)
        )
        try:
            recorder.ingest(self._said)
            if folded:
                recorder.fold()
        finally:
            functions.stop()
        return self._recorded(functions.usage, recorder.polled + len(self._said))

    def sample(self) -> Recorded:
        """By AWS's sample: a call for each event."""
        calls = [
            (at, 1, {"Records": [{"EventSource": "aws:sns", "Sns": sns_envelope(body)}]})
            for at, body in self._said
        ]
        return self._recorded(self._usual("sample", calls), 0)

    def transaction(self) -> Recorded:
        """By a put and a transaction for each event, in ingest's batches."""
        lanes = (Arrival(at, n % POLLERS, body) for n, (at, body) in enumerate(self._said))
        batches = cut(lanes, Cuts.of_template(built(self._endpoints)).queue)
        calls = [(each.at, len(each.records), sqs_event(each.records)) for each in batches]
        polled = sum(polls(records) for _, records, _ in calls)
        return self._recorded(self._usual("put_and_transaction", calls), polled + len(self._said))

    def _usual(self, maker: str, calls: Sequence[tuple[float, int, Json]]) -> dict[str, Usage]:
        resources = built(self._endpoints)
        function = resources.functions()["IngestFunction"]
        tables = {
            f"{name.upper()}_TABLE": resources.physical[f"{name}Table", ""]
            for name in ("Events", "Messages", "Communications")
        }
        metered = Metered(
            f"benchmarks.recorders:{maker}",
            aws.credentials() | tables | {"PYTHONPATH": str(ROOT)},
            aws=self._endpoints.aws,
            dynamodb=self._endpoints.dynamodb,
        )
        usage = Usage(function.memory)
        try:
            for at, records, event in calls:
                usage.add(metered.call(event), at, records=1)
                usage.records += records - 1
        finally:
            metered.stop()
        return {maker: usage}

    def _recorded(self, usage: Mapping[str, Usage], sqs_requests: int) -> Recorded:
        found = added(usage, self._architecture)
        found["sqs request"] += sqs_requests
        found["sns publish"] += len(self._said)
        return Recorded(found, usage, self._messages)


# --- what it costs ---------------------------------------------------------------------------


def dollars_of(recorded: Recorded, function: str) -> float:
    """What one function costs for a million messages."""
    usage = recorded.usage[function]
    quantities = usage.quantities(str(load().parameters["Architecture"]))
    return sum(dollars_by_line(quantities, recorded.messages).values())


# --- the servers -----------------------------------------------------------------------------


@contextmanager
def servers() -> Iterator[aws.Endpoints]:
    """A moto and a DynamoDB Local of our own."""
    with moto() as aws_url, dynamodb_local() as dynamodb_url:
        yield aws.Endpoints(aws_url, dynamodb_url)


def built(endpoints: aws.Endpoints) -> Resources:
    """The template's resources, made anew; dispatch does not wait for its turn."""
    urlopen(Request(f"{endpoints.aws}/moto-api/reset", method="POST")).close()  # noqa: S310
    resources = load({"SendRate": "100000", "PublicUrl": "https://mail.example"})
    aws.build(resources, endpoints)
    return resources


# --- what it shows ---------------------------------------------------------------------------


def report(done: Done, beside: Beside) -> Report:
    """All that was found."""
    resources = load()
    found = Report(
        "What it costs on AWS",
        f"A run of {done.messages:,} messages through the whole way, counted, and priced by list "
        "prices of eu-west-1 (`benchmarks/prices.py`), without free tiers. Time on Lambda is "
        "modelled from processor time here.",
    )
    ours, sample, transaction = beside.ours(), beside.sample(), beside.transaction()
    found.wrong += done.wrong
    found.tables += [
        lines_table(done, ours, sample, transaction),
        functions_table(done),
        tables_table(done),
        ingest_table(beside),
        fill_table(beside),
        window_table(beside),
        rest_table(done, resources),
        curve_table(done, resources),
    ]
    without = ours.dollars - dollars_of(ours, "ProjectParticipantsFunction")
    found.claims += [
        Claim(
            "ours / put and transaction, message and counters alone",
            without / transaction.dollars,
            at_most=MAX_WITHOUT_PARTICIPANTS,
        ),
        Claim(
            "ours / put and transaction, with participants and suppressions",
            ours.dollars / transaction.dollars,
            at_most=MAX_OF_TRANSACTION,
        ),
        Claim("ours / sample", ours.dollars / sample.dollars),
        Claim(
            "write units: ours / put and transaction",
            ours.per_message("write") / transaction.per_message("write"),
        ),
        Claim("a million messages, sent and recorded", done.dollars, unit="$"),
        Claim(
            "the same / what SES charges to send them", done.dollars / (PRICES["mail"].usd * 1e6)
        ),
    ]
    return found


def lines_table(done: Done, ours: Recorded, sample: Recorded, transaction: Recorded) -> Table:
    """Dollars by line."""
    columns = [
        dollars_by_line(done.quantities, done.messages),
        *(dollars_by_line(each.quantities, each.messages) for each in (ours, sample, transaction)),
    ]
    lines = sorted(
        {line for column in columns for line in column}, key=lambda line: -columns[0].get(line, 0)
    )
    rows: list[Row] = [[line, *(column.get(line, 0.0) for column in columns)] for line in lines]
    rows.append(["sum", *(sum(column.values()) for column in columns)])
    traces = done.traces * PRICES["trace"].usd * 1e6 / done.messages
    writes = [each.per_message("write") for each in (ours, sample, transaction)]
    rows.append(
        [
            "write units, each message",
            done.quantities["dynamodb write unit"] / done.messages,
            *writes,
        ]
    )
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
            f"With `Tracing` Active: ${traces:.2f} more, for X-Ray.",
        ],
    )


def functions_table(done: Done) -> Table:
    """What each function took."""
    rows: list[Row] = [
        [
            name.removesuffix("Function"),
            usage.memory,
            usage.calls / done.messages,
            usage.records / usage.calls,
            1e3 * usage.cpu / usage.calls,
            1e3 * usage.seconds / usage.calls,
            usage.gb_seconds * 1e6 / done.messages,
            sum(usage.requests.values()) / done.messages,
            usage.log_bytes / usage.calls,
        ]
        for name, usage in done.usage.items()
    ]
    return Table(
        "By function",
        [
            "function",
            "MiB",
            "calls a message",
            "records a call",
            "CPU here a call, ms",
            "time a call, ms",
            "GB-s a million",
            "requests a message",
            "log a call, bytes",
        ],
        rows,
        ["Calls with no record, at the end of each tumbling window, are counted in."],
    )


def tables_table(done: Done) -> Table:
    """What each table took."""
    units: dict[tuple[str, str], float] = defaultdict(float)
    for usage in done.usage.values():
        for (table, index, kind), number in usage.units.items():
            name = f"{table}, {index}" if index else table
            units[name, kind] += number
    rows: list[Row] = [
        [
            name,
            units[name, "write"] / done.messages,
            units[name, "read"] / done.messages,
            1e9 * done.stored[name] / done.messages if name in done.stored else None,
        ]
        for name in sorted({name for name, _ in units} | set(done.stored))
    ]
    return Table(
        "By table, each message",
        ["table", "write units", "read units", "bytes kept, indexes as well"],
        rows,
    )


def ingest_table(beside: Beside) -> Table:
    """What the fill of ingest's batches moves."""
    rows: list[Row] = []
    for fill in FILLS:
        full = Cut(fill, UNLIMITED)
        took = beside.ours(Cuts(full, full), folded=False)
        lines = dollars_by_line(took.quantities, took.messages)
        rows.append([str(fill), *(lines.get(line, 0.0) for line in QUEUE_LINES), took.dollars])
    return Table(
        "Ingest alone, by the fill of its batches, a million messages, in dollars",
        ["records a batch", *QUEUE_LINES, "sum, with SNS"],
        rows,
    )


def fill_table(beside: Beside) -> Table:
    """What the fill of the folds' batches moves."""
    rows = [
        row_of(str(fill), beside.ours(Cuts(Cut(100, UNLIMITED), Cut(fill, UNLIMITED))))
        for fill in FILLS
    ]
    return Table(
        "Recording, by the fill of the folds' batches, a million messages",
        ["records a batch", *KNOB_COLUMNS],
        rows,
        ["Ingest's batches are full."],
    )


def window_table(beside: Beside) -> Table:
    """What the window of the folds moves at the default rate."""
    queue = Cuts.of_template(load()).queue
    rows = [
        row_of(f"{window} s", beside.ours(Cuts(queue, Cut(100, window))))
        for window in STREAM_WINDOWS
    ]
    return Table(
        "Recording, by the batching window of the folds, at the default rate, a million messages",
        ["window", *KNOB_COLUMNS],
        rows,
        ["Most batches hold one open, whatever the window: hits come over hours."],
    )


def row_of(name: str, took: Recorded) -> Row:
    """A way to cut batches, and what it costs."""
    calls = sum(usage.calls for usage in took.usage.values()) / took.messages
    slowest = max(1e3 * took.usage[fold].seconds / took.usage[fold].records for fold in FOLDS)
    units = took.per_message("write"), took.per_message("read")
    return [name, *units, calls, slowest, took.dollars]


def at_rest(resources: Resources) -> dict[str, float]:
    """Dollars a month when nothing is sent; metrics, for each month in which something is."""
    secrets = len(resources.of_type("AWS::SecretsManager::Secret"))
    alarms = len(resources.of_type("AWS::CloudWatch::Alarm"))
    queues = [
        mapping
        for mapping in resources.of_type("AWS::Lambda::EventSourceMapping").values()
        if "Queue" in json.dumps(mapping["EventSourceArn"])
    ]
    polls_a_month = len(queues) * POLLERS * 30 * 24 * 3600 / LONG_POLL
    return {
        f"{secrets} secrets": secrets * PRICES["secret"].usd,
        f"{alarms} alarms": alarms * PRICES["alarm"].usd,
        f"{len(queues)} queues, polled": polls_a_month * PRICES["sqs request"].usd,
    }


def metrics_of(done: Done) -> int:
    """How many metrics of CloudWatch the run has counted by."""
    return sum(len(usage.metrics) for usage in done.usage.values())


def rest_table(done: Done, resources: Resources) -> Table:
    """What is paid whether or not anything is sent."""
    rest = at_rest(resources)
    metrics = metrics_of(done) * PRICES["metric"].usd
    return Table(
        "A month in which nothing is sent, in dollars",
        ["for", "dollars"],
        [*rest.items(), ("sum", sum(rest.values()))],
        [
            f"In a month with mail, up to ${metrics:.2f} more for {metrics_of(done)} metrics.",
        ],
    )


def curve_table(done: Done, resources: Resources) -> Table:
    """From a thousand messages a month to a hundred million."""
    fixed = sum(at_rest(resources).values()) + metrics_of(done) * PRICES["metric"].usd
    kept, backup = done.kept_dollars, done.kept_by_line["DynamoDB backup"]
    months = float(resources.parameters["RetentionDays"]) / DAYS_A_MONTH
    rows: list[Row] = []
    for volume in VOLUMES:
        moved, stored = done.dollars * volume / 1e6, kept * months * volume / 1e6
        total = fixed + moved + stored
        ses = PRICES["mail"].usd * volume
        rows.append([f"{volume:,}", fixed, moved, stored, total, 1000 * total / volume, ses])
    return Table(
        "A month, in dollars, by how much is sent in it",
        [
            "messages a month",
            "at rest, and metrics",
            "sending and recording",
            f"kept, after {resources.parameters['RetentionDays']} days",
            "sum",
            "a thousand messages",
            "SES itself",
        ],
        rows,
        [
            f"A million messages kept: ${kept:.2f} a month, ${backup:.2f} of it to recover them.",
            "At more than a million a month batches are fuller than in the run: it costs less.",
        ],
    )


def main() -> int:
    """Runs the benchmark; the process's exit status."""
    parser = argparse.ArgumentParser(description="what Sendtrail costs on AWS")
    parser.add_argument("--messages", type=int, default=1_000, help="of the run (1,000)")
    parser.add_argument("--beside", type=int, default=200, help="of what is beside it (200)")
    parser.add_argument("--json", type=Path, help="a file for the report")
    options = parser.parse_args()
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it misses metrics of its own
    os.environ.update(aws.credentials())
    with servers() as endpoints:
        done = Run(built(endpoints), endpoints, options.messages).run()
        found = report(done, Beside(endpoints, options.beside))
    return found.finish(options.json)


if __name__ == "__main__":
    sys.exit(main())
