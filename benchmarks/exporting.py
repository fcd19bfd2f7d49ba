"""What an export takes: rows a second, memory, read units, and dollars.

Tables of 25,600 and of 256,000 messages, which make about a hundred thousand and a million rows,
are scanned by boto3 over HTTP, from a process that makes pages of benchmarks/population.py as they
are asked for, in an order as mixed as a scan's: most messages are spread over up to a thousand
days. Each contender runs in a process of its own, whose processor time and greatest memory are
told. Beside `sendtrail export` is what one would write first: read all, fold all, collect the rows
in a list, and hand that to pyarrow, which partitions it by day. It writes the same rows, knows
nothing of what it wrote before, and shows half a day's files if it is broken off.

    python -m benchmarks.exporting [--messages 256000] [--into FILE]

Units are reckoned by DynamoDB's rules for a scan: the bytes of a page, in units of 4 KB, half of
one each where it is read eventually consistently. There is no network in between.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import boto3

from benchmarks.harness import Json, main, options
from benchmarks.memory_dynamodb import size_of
from benchmarks.population import Item, Population
from benchmarks.prices import PRICES
from benchmarks.report import Claim, Report, Table
from sendtrail.aws.dynamodb import to_attributes
from sendtrail_cli.exporting.export import Summary, export
from sendtrail_cli.exporting.part_files import FileFormat, pyarrow
from sendtrail_cli.exporting.rows import Trail, trail_rows
from sendtrail_cli.exporting.schema import Dataset
from sendtrail_cli.scan import scan
from sendtrail_cli.target import Target

FEWER: Final = 10
"""How many times fewer messages the small tables have."""
STRIDE: Final = 1_000_003
"""A prime: so far apart are things that follow each other in a scan."""
PAGE: Final = 1 << 20
TABLES: Final = ("Trails", "Communications", "Suppressions")
_SPAWN: Final = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Run:
    """What a contender took.

    Attributes:
        rows: of messages and events.
        cpu, wall: seconds.
        memory: greatest, in MB, and of that what it had before it began.
        units: read units.
        size: MB written.
    """

    rows: int
    cpu: float
    wall: float
    memory: float
    before: float
    units: float
    size: float


# --- tables that are made as they are read ---------------------------------------------------


class _Pages(BaseHTTPRequestHandler):
    """As much of DynamoDB as a scan asks for."""

    protocol_version = "HTTP/1.1"
    population: Population

    def do_POST(self) -> None:
        """Answers DescribeTable and Scan."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        things, items = self.population.tables[asked["TableName"]]
        if self.headers["x-amz-target"].endswith("DescribeTable"):
            answer: Json = {"Table": {"ItemCount": things}}
        else:
            answer = _page(asked, things, items)
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/x-amz-json-1.0")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def _page(asked: Json, things: int, items: Any) -> Json:
    """A page of a segment, of a megabyte, with what it costs."""
    step = asked["TotalSegments"]
    start = int(asked.get("ExclusiveStartKey", {}).get("at", {}).get("N", asked["Segment"]))
    found: list[Item] = []
    size = 0
    for at in count(start, step):
        if at >= things or size >= PAGE:
            break
        for item in items(at * STRIDE % things):
            attributes = to_attributes(item)
            size += size_of(attributes)
            found.append(attributes)
    units = -(-size // 4096) * (1 if asked["ConsistentRead"] else 0.5)
    answer: Json = {"Items": found, "ConsumedCapacity": {"CapacityUnits": units}}
    return answer | ({"LastEvaluatedKey": {"at": {"N": str(at)}}} if at < things else {})


def _serve(population: Population, told: Connection) -> None:
    handler = type("Pages", (_Pages,), {"population": population})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        told.send(server.server_address[1])
        server.serve_forever()


@contextmanager
def _served(messages: int) -> Iterator[str]:
    """The URL of tables with so many messages."""
    mine, theirs = _SPAWN.Pipe()
    server = _SPAWN.Process(target=_serve, args=(Population(messages), theirs), daemon=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{mine.recv()}"
    finally:
        server.terminate()
        server.join()


def _target(url: str) -> Target:
    session = boto3.Session("any", "any", region_name="eu-west-1")
    resources = {f"{table}Table": table for table in TABLES}
    return Target(session, resources, {"RetentionDays": "1096"}, {"dynamodb": url})


# --- contenders, each in a process of its own ------------------------------------------------


def _exported(url: str, folder: str) -> Run:
    """`sendtrail export`."""
    before, began = _memory(), time.perf_counter()
    done = export(_target(url), folder, FileFormat.PARQUET, report=lambda _: None)
    return _run(before, began, Path(folder), done)


def _collected(url: str, folder: str) -> Run:
    """All rows in a list, and by pyarrow into files by day."""
    before, began = _memory(), time.perf_counter()
    target, items, done = _target(url), list[Item](), Summary()
    scan(target.client("dynamodb"), "Trails", items.extend, consistent=False)
    rows: dict[Dataset, list[dict[str, Any]]] = {Dataset.MESSAGES: [], Dataset.EVENTS: []}
    for trail in Trail.all_in(items):
        found = list(trail_rows(trail))
        day = next((row["at"] for name, row in found if name is Dataset.EVENTS), "")[:10]
        for dataset, row in found:
            rows[dataset].append({**row, "day": day})
    arrow, parquet = pyarrow(), pyarrow("pyarrow.parquet")
    for dataset, each in rows.items():
        table = arrow.Table.from_pylist(each)
        parquet.write_to_dataset(
            table,
            f"{folder}/{dataset.value}",
            partition_cols=["day"],
            max_partitions=10_000,
            compression="zstd",
        )
        done.rows[dataset.value] = len(each)
    return _run(before, began, Path(folder), done)


def _memory() -> float:
    """The greatest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _run(before: float, began: float, folder: Path, done: Summary) -> Run:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return Run(
        rows=done.rows["messages"] + done.rows["events"],
        cpu=used.ru_utime + used.ru_stime,
        wall=time.perf_counter() - began,
        memory=_memory(),
        before=before,
        units=done.units,
        size=sum(file.stat().st_size for file in folder.rglob("*.parquet")) / 1e6,
    )


def _alone(contender: Any, url: str, folder: str) -> Run:
    with ProcessPoolExecutor(1, mp_context=_SPAWN) as process:
        found: Run = process.submit(contender, url, folder).result()
    return found


# --- the report ------------------------------------------------------------------------------


def measure(messages: int) -> Report:
    """All of it."""
    found: dict[tuple[str, int], Run] = {}
    again: Run | None = None
    for number in (messages // FEWER, messages):
        with _served(number) as url, tempfile.TemporaryDirectory() as folder:
            found["sendtrail export", number] = _alone(_exported, url, f"{folder}/ours")
            if number < messages:
                again = _alone(_exported, url, f"{folder}/ours")
                found["… again, nothing has changed", number] = again
            found["all rows in a list", number] = _alone(_collected, url, f"{folder}/list")
    few, many = (found["sendtrail export", number] for number in (messages // FEWER, messages))
    naive = found["all rows in a list", messages]
    report = Report(
        "Exporting",
        f"{messages:,} messages with {many.rows - messages:,} events, over a thousand days, as "
        "Parquet; a tenth of them; and all again. Processor time is of the exporting process with "
        "its start; tables are made by another.",
    )
    columns = ("", "messages", "rows", "CPU, s", "rows a second of CPU", "greatest MB", "MB before")
    report.tables.append(
        Table(
            "",
            columns,
            [
                (what, number, run.rows, run.cpu, run.rows / run.cpu, run.memory, run.before)
                for (what, number), run in found.items()
            ],
        )
    )
    units = many.units * 1e6 / messages
    report.tables.append(
        Table(
            "A million messages",
            ("what", "is"),
            [
                ("read units", units),
                ("dollars for them", units * PRICES["dynamodb read unit"].usd),
                ("MB written", many.size * 1e6 / messages),
            ],
        )
    )
    more = many.memory - many.before
    report.claims.extend(
        [
            Claim(
                "memory for ten times the messages", [more / (few.memory - few.before)], at_most=1.5
            ),
            Claim(
                "… beside all rows in a list", [more / (naive.memory - naive.before)], at_most=0.25
            ),
            Claim("processor time beside all rows in a list", [many.cpu / naive.cpu], at_most=2),
        ]
    )
    if many.rows != naive.rows:
        report.wrong.append(f"{many.rows:,} rows, and by a list {naive.rows:,}")
    if again is None or again.rows:
        report.wrong.append("rows were written though nothing had changed")
    return report


if __name__ == "__main__":
    main(measure, options(__doc__, messages=256_000))
