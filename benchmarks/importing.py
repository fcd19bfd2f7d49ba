"""`sendtrail import` of an archive of SES's events, as fast as it goes on this machine, beside an
import that puts one item an event by boto3's resource, as AWS's sample does.

The archive is as Firehose leaves it: JSON after JSON, compressed; of a mailing that goes out at 25
a second, of which each message is sent and delivered, six in ten opened hours later and one in ten
clicked. Each import is a process of its own. The table is a server in another one, which answers
each request after 5 ms and keeps nothing; units are counted beside that, by a DynamoDB in memory
that reckons by AWS's rules.
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from heapq import heappop, heappush
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, Final

import boto3

from benchmarks.harness import AGENT, LINK, main, options
from benchmarks.memory_aws import MemoryAws
from benchmarks.prices import PRICES
from benchmarks.report import Claim, Report, Table
from local.notifications import Mail
from local.paths import ROOT
from local.serving import Serving
from local.template import REGION, load
from sendtrail.domain.times import epoch_ms, from_epoch_ms, now
from sendtrail_cli.importing.command import Options, import_events
from sendtrail_cli.importing.formats import Format
from sendtrail_cli.target import Target

Json = dict[str, Any]

WAIT_SECONDS: Final = 0.005
FEW: Final = 100_000
"""Events of the smaller archive: what memory must not grow from."""
COUNTED: Final = 20_000
NAIVE: Final = 5_000
_TABLE: Final = "sendtrail-TrailsTable"
_EVERY: Final = 40
"""Milliseconds between two messages."""
_SELDOM: Final = 30_000
"""The same where units are counted: so that opens and clicks are among few events, too."""


def archive(path: Path, events: int, every: int = _EVERY) -> None:
    """Writes an archive of so many events, in the order in which they happen.

    Args:
        every: milliseconds between two messages.
    """
    began = epoch_ms(now()) - 30 * 86_400_000
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8") as lines:
        for number, text in enumerate(_told(began, every)):
            if number == events:
                return
            lines.write(text)


def _told(began: int, every: int) -> Iterator[str]:
    later: list[tuple[int, int, str]] = []
    for number in range(10**9):
        at = began + number * every
        while later and later[0][0] <= at:
            yield heappop(later)[2]
        ses_id = f"0102{at:012x}-{number:08x}-0000-4000-8000-000000000000-000000"
        tags = {"communication_id": "newsletter", "kind": "newsletter"}
        mail = Mail(ses_id, from_epoch_ms(at), [f"member-{number}@example.com"], tags=tags)
        yield json.dumps(mail.send())
        hours = 3_600_000 * (1 + number % 5)
        told = [(at + 3_000, mail.delivery(from_epoch_ms(at + 3_000)))]
        if number % 10 < 6:
            told.append((at + hours, mail.open(from_epoch_ms(at + hours), AGENT)))
        if number % 10 == 0:
            clicked = at + hours + 20_000
            told.append((clicked, mail.click(from_epoch_ms(clicked), LINK, AGENT)))
        for when, event in told:
            heappush(later, (when, number, json.dumps(event)))


class Sink(Serving):
    """A DynamoDB that takes everything, and keeps nothing."""

    def __init__(self) -> None:
        class Handler(StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self) -> None:
                while self.rfile.readline():
                    length = 0
                    while (line := self.rfile.readline()) not in (b"\r\n", b""):
                        if line[:15].lower() == b"content-length:":
                            length = int(line[15:])
                    self.rfile.read(length)
                    time.sleep(WAIT_SECONDS)
                    self.wfile.write(b"HTTP/1.1 200 -\r\nContent-Length: 2\r\n\r\n{}")

        self._server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]


def target(url: str) -> Target:
    """A stack whose tables are at a URL."""
    session = boto3.Session(
        region_name=REGION,
        aws_access_key_id="any",
        aws_secret_access_key="any",  # noqa: S106 -- the server takes any
    )
    parameters = {"RetentionDays": "1096", "WholeIpAddresses": "no"}
    return Target(session, {"TrailsTable": _TABLE}, parameters, {"dynamodb": url})


def ours(path: Path, url: str, folder: Path) -> int:
    """Imports an archive; how many events it has."""
    wanted = Options(Format.SES, report=folder / "report.jsonl")
    tally = import_events(target(url), [str(path)], wanted, report=lambda _line: None)
    return tally.events.total()


def naive(path: Path, url: str, _folder: Path) -> int:
    """Puts an item for each event, as AWS's sample does; how many."""
    table = target(url).session.resource("dynamodb", endpoint_url=url).Table(_TABLE)
    decoder, count = json.JSONDecoder(), 0
    with gzip.open(path, "rt", encoding="utf-8") as text:
        whole, place = text.read(), 0
    while place < len(whole):
        event, place = decoder.raw_decode(whole, place)
        mail = event["mail"]
        table.put_item(
            Item={
                "trail": mail["messageId"],
                "entry": f"{mail['timestamp']}#{event['eventType']}",
                "destination": str(mail["destination"]),
                "type": event["eventType"],
                "from": mail["source"],
                "sent_at": mail["timestamp"],
            }
        )
        count += 1
    return count


def units(folder: Path) -> tuple[float, float]:
    """Write units an event, of the table and its index; and requests."""
    path = folder / "counted.gz"
    archive(path, COUNTED, _SELDOM)
    with MemoryAws(load()) as memory:
        count = ours(path, memory.url, folder)
        cost = memory.spent().cost
    return cost.write_units / count, cost.requests / count


def measured(what: str, path: Path, url: str, folder: Path) -> Json:
    """What an import in a process of its own took: seconds, processor seconds, MiB."""
    command = [sys.executable, "-m", "benchmarks.importing", "--child", what, str(path), url]
    done = subprocess.run(
        [*command, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, check=True, env=os.environ
    )
    found: Json = json.loads(done.stdout)
    return found


def child(what: str, path: str, url: str, folder: str) -> None:
    """One import, and what it took, on standard output."""
    began = time.monotonic()
    run = ours if what == "ours" else naive
    count = run(Path(path), url, Path(folder))
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "events": count,
        "seconds": time.monotonic() - began,
        "cpu": used.ru_utime + used.ru_stime,
        "MiB": _peak(),
    }
    print(json.dumps(found))


def _peak() -> float:
    """The most memory that this process had, in MiB (proc(5), `VmHWM`): what `getrusage` tells
    includes that of the process which started it.
    """
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def report(events: int) -> Report:
    """What it found."""
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.importing", "--sink"],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    try:
        url = f"http://127.0.0.1:{int(next(iter(server.stdout or ())))}"
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            few, many = folder / "few.gz", folder / "many.gz"
            small = folder / "naive.gz"
            archive(few, min(FEW, events // 2))
            archive(many, events)
            archive(small, NAIVE)
            found = {
                f"{min(FEW, events // 2):,} events": measured("ours", few, url, folder),
                f"{events:,} events": measured("ours", many, url, folder),
                f"{NAIVE:,} events, one put each": measured("naive", small, url, folder),
            }
            written, requests = units(folder)
    finally:
        server.kill()
        server.wait()
    less, more, peer = found.values()
    each = [one["seconds"] / one["events"] for one in (more, peer)]
    dollars = written * PRICES["dynamodb write unit"].usd * 1e6
    rows = [
        (what, one["events"] / one["seconds"], one["seconds"], one["cpu"], one["MiB"])
        for what, one in found.items()
    ]
    return Report(
        "Importing",
        (__doc__ or "").strip(),
        [
            Claim("seconds an event, ours / one put each", [each[0] / each[1]], at_most=0.2),
            Claim("memory of many / of few", [more["MiB"] / less["MiB"]], at_most=1.25),
            Claim("write units an event", [written], "units", at_most=1.7),
            Claim("requests an event", [requests], "requests"),
            Claim("a million events", [dollars], "dollars"),
        ],
        [Table("", ("", "events a second", "seconds", "CPU seconds", "peak MiB"), rows)],
    )


if __name__ == "__main__":
    if "--sink" in sys.argv:
        with Sink() as sink:
            print(sink.port, flush=True)
            time.sleep(86_400)
    elif "--child" in sys.argv:
        child(*sys.argv[2:])
    else:
        main(report, options(__doc__, events=1_000_000))
