"""What a pixel and a link cost: CPU of the function `track` beside the usual way and the limit.

Four handlers get the same requests, as API Gateway's HTTP API hands them over (payload 2.0):

    ours      the handler of functions/track/app.py
    usual     the same written as the libraries' own pages show it: Powertools' resolver for the
              HTTP API, Logger, Tracer and Metrics; itsdangerous for the token; a boto3 client for
              the signing keys, read once at start-up; `put_item` of a `boto3.resource` table for
              each hit. It has no way out when the database does not answer, and no answer of its
              own to a token that is none: that flatters it
    untraced  the usual with its Tracer switched off (POWERTOOLS_TRACE_DISABLED)
    echo      a handler that returns its event. Nothing that the runtime runs can cost less

The first three write the same item for the same request, and answer the same GIF or redirect. Both
is checked: answers as they come, the tables at the end.

Each runs as on Lambda: in a process of AWS's Runtime Interface Emulator, with AWS's runtime client
for Python, and the template's variables, started as `local.functions` starts it. The database is
DynamoDB Local, the signing keys are in moto. Measured is the processor time of the runtime's
process, all threads, user and system, with what it may have started; not the emulator's, nor the
servers'. There is no TLS; each of the first three would make two such connections at start-up. No
trace is sampled, as in production most are not. All code is byte-compiled: each is started once
before anything counts.

    start-up  from the process's start to its first answer: the interpreter, the runtime client, the
              handler's imports, the signing keys, one write
    warm      a pixel, or a link, when many have gone before

They take turns, round after round, since a machine drifts by more than what is measured here. Every
hit is a new request, so every write is an insert.

    python benchmarks/track.py [--starts 11] [--rounds 30]

It needs Linux, Java and AWS's DynamoDB Local, and says how to get that one. The exit status is 1 if
ours costs more than a third of the usual to start, or more than half of it for a pixel or a link.
"""

from __future__ import annotations

import argparse
import inspect
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import Any, Final

sys.path.append(str(Path(__file__).resolve().parent.parent))  # for `benchmarks` and `local`

from benchmarks.common import create_table, dynamodb_local, moto, ratio, row
from local import aws
from local.functions import FunctionProcess
from local.template import Function, load
from sendtrail.domain.events import Recipient
from sendtrail.domain.ids import new_message_id
from sendtrail.domain.times import epoch_ms, now
from sendtrail.tokens import LinkTokens, signing_keys

HITS: Final = 50
"""Of each kind, in a warm round."""
WARM_UP: Final = 4
"""Warm rounds that do not count: Python specialises its code, DynamoDB Local's Java compiles."""
MOST_AT_START: Final = 1 / 3
MOST_WARM: Final = 1 / 2

WRITERS: Final = ("ours", "usual", "untraced")
GIF: Final = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
INVOKE: Final = "/2015-03-31/functions/function/invocations"
TRACE: Final = "Root=1-6924a1b2-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=0"
LINK: Final = "https://society.example/evenings/2026-12-04?utm_source=newsletter"
AGENTS: Final = {
    "o": "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 "
    "(via ggpht.com GoogleImageProxy)",
    "c": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36",
}
ADDRESSES: Final = ("203.0.113.77", "2001:db8:85a3:12::7334")

Json = dict[str, Any]
Handler = Callable[[Json, Any], Any]


# --- the handlers beside ours: each function's text becomes a file app.py --------------------


def usual() -> Handler:
    """The usual way. All of it is imported and made when the process starts."""
    import ipaddress
    import json
    import os
    from base64 import b64decode
    from datetime import UTC, datetime
    from hashlib import sha256

    import boto3
    from aws_lambda_powertools import Logger, Metrics, Tracer
    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
    from aws_lambda_powertools.metrics import MetricUnit
    from itsdangerous import URLSafeSerializer

    logger = Logger()
    tracer = Tracer()
    metrics = Metrics()
    app = APIGatewayHttpResolver()
    table = boto3.resource("dynamodb").Table(os.environ["EVENTS_TABLE"])
    retention_seconds = int(os.environ["RETENTION_DAYS"]) * 24 * 3600
    secret = boto3.client("secretsmanager").get_secret_value(
        SecretId=os.environ["SIGNING_KEYS_SECRET"]
    )
    keys = json.loads(secret["SecretString"])
    opens, clicks = (
        URLSafeSerializer(
            [*keys["older"], keys["newest"]],
            salt=f"sendtrail.{purpose}",
            signer_kwargs={"digest_method": sha256},
        )
        for purpose in ("open", "click")
    )
    gif = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")

    @app.get("/o/<token>")
    @tracer.capture_method
    def open_pixel(token: str) -> Response[Any]:
        *recipient, sent_ms = opens.loads(token.removesuffix(".gif"))
        keep("Open", recipient, {"sent_at": iso(sent_ms)})
        metrics.add_metric(name="Opens", unit=MetricUnit.Count, value=1)
        return Response(
            status_code=200,
            content_type="image/gif",
            headers={"Cache-Control": "no-store, no-cache, must-revalidate, max-age=0"},
            body=gif,
        )

    @app.get("/c/<token>")
    @tracer.capture_method
    def follow_link(token: str) -> Response[Any]:
        *recipient, sent_ms, position, url = clicks.loads(token)
        keep("Click", recipient, {"sent_at": iso(sent_ms), "link": url, "position": position})
        metrics.add_metric(name="Clicks", unit=MetricUnit.Count, value=1)
        return Response(status_code=302, headers={"Location": url, "Cache-Control": "no-store"})

    def iso(milliseconds: int) -> str:
        at = datetime.fromtimestamp(milliseconds / 1000, UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def keep(event_type: str, recipient: list[str], detail: dict[str, Any]) -> None:
        message_id, participant_id, communication_id = recipient
        context = app.current_event.request_context
        address = ipaddress.ip_address(context.http.source_ip)
        bits = 24 if address.version == 4 else 48
        network = ipaddress.ip_network(f"{address}/{bits}", strict=False)
        written = iso(context.time_epoch)
        identity = sha256(context.request_id.encode()).hexdigest()[:20]
        table.put_item(
            Item={
                "message_id": message_id,
                "event_key": f"{written}#{event_type}#{identity}",
                "source": "own",
                "participant_id": participant_id,
                "communication_id": communication_id,
                "detail": {
                    **detail,
                    "ip": str(network.network_address),
                    "user_agent": app.current_event.headers["user-agent"],
                },
                "expires_at": context.time_epoch // 1000 + retention_seconds,
            }
        )

    @logger.inject_lambda_context
    @tracer.capture_lambda_handler
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return app.resolve(event, context)

    return handler


def echo() -> Handler:
    """The limit."""

    def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        return event

    return handler


def write_app(folder: Path, maker: Callable[[], Handler]) -> Path:
    """A folder with an app.py, as a function's code is, that imports nothing but its own."""
    folder.mkdir()
    text = f"from __future__ import annotations\n\n\n{inspect.getsource(maker)}\n\n"
    (folder / "app.py").write_text(f"{text}handler = {maker.__name__}()\n", encoding="utf-8")
    return folder


# --- requests --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """A request, and the answer that it must get."""

    event: Json
    status: int
    location: str | None


def requests(kind: str, tokens: LinkTokens) -> Iterator[Request]:
    """Requests for pixels (`o`) or links (`c`), each of another message."""
    for number in count():
        at = now()
        recipient = Recipient(
            new_message_id(at), f"member-{number % 10_000:04}", "newsletter-2026-11"
        )
        at = "2026-11-24T09:30:00.000Z"
        token = tokens.open(recipient, at) if kind == "o" else tokens.click(recipient, at, 3, LINK)
        request_id = f"{kind}{number:08}AAEJKig="
        event = http_event(kind, token, request_id, ADDRESSES[number % 2], epoch_ms(at))
        yield Request(event, *((200, None) if kind == "o" else (302, LINK)))


def http_event(kind: str, token: str, request_id: str, address: str, at_ms: int) -> Json:
    """What API Gateway's HTTP API hands over (developer guide, "payload format version" 2.0)."""
    path, route = f"/{kind}/{token}", f"GET /{kind}/{{token}}"
    host = "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "accept": "image/avif,image/webp,*/*;q=0.8",
            "accept-encoding": "gzip, deflate, br",
            "content-length": "0",
            "host": host,
            "user-agent": AGENTS[kind],
            "x-amzn-trace-id": "Root=1-6924a1b2-0123456789abcdef01234567",
            "x-forwarded-for": address,
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": host,
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": "GET",
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": address,
                "userAgent": AGENTS[kind],
            },
            "requestId": request_id,
            "routeKey": route,
            "stage": "$default",
            "time": "24/Nov/2026:11:20:00 +0000",
            "timeEpoch": at_ms,
        },
        "pathParameters": {"token": token},
        "isBase64Encoded": False,
    }


# --- the processes ---------------------------------------------------------------------------


class Contender(FunctionProcess):
    """A handler in the runtime, and the processor time that it takes."""

    def __init__(
        self, name: str, function: Function, environment: Mapping[str, str], folder: Path
    ) -> None:
        """Starts nothing yet.

        Args:
            folder: for what it logs.
        """
        super().__init__(function, environment, folder / f"{name}.log")
        self.name = name

    def start(self, request: Request) -> float:
        """The seconds of a new process to its first answer."""
        self.stop()
        self._answer(request)
        return cpu_seconds(runtime_of(self.pid))

    def serve(self, hits: Sequence[Request]) -> float:
        """The seconds for each of these requests, of a process that runs already."""
        runtime = runtime_of(self.pid)
        before = cpu_seconds(runtime)
        for hit in hits:
            self._answer(hit)
        return (cpu_seconds(runtime) - before) / len(hits)

    def invoke(self, event: bytes) -> bytes:
        """Hands the function an event as Lambda does, with a trace that is not sampled."""
        self._ensure_running()
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request("POST", INVOKE, body=event, headers={"X-Amzn-Trace-Id": TRACE})
            return connection.getresponse().read()
        finally:
            connection.close()

    def _answer(self, request: Request) -> None:
        answer = json.loads(self.invoke(json.dumps(request.event).encode()))
        if self.name == "echo":
            right = answer == request.event
        else:
            headers = answer.get("headers", {})
            right = (
                answer.get("statusCode") == request.status
                and headers.get("Location") == request.location
                and (request.location is not None or answer.get("body") == GIF)
                and "Cache-Control" in headers
            )
        if not right:
            print(self._log.read_text(encoding="utf-8")[-2000:], file=sys.stderr)
            raise SystemExit(f"{self.name} answered {answer}")


def runtime_of(emulator: int | None) -> int:
    """The process that the emulator has started: `python -m awslambdaric`."""
    (runtime,) = children_of(emulator)
    return runtime


def children_of(process: int | None) -> list[int]:
    """The processes that a process has started and that run."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(each) for task in tasks for each in task.read_text().split()]


def cpu_seconds(process: int) -> float:
    """User and system time of a process, all threads, and of its children, running or ended.

    As in /proc/<pid>/stat, whose clock ticks only every 10 ms; the process's own part is read from
    the clock behind it, whose id is made of the pid (clock_getcpuclockid(3)).
    """
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    own = time.clock_gettime(~process << 3 | 2)
    return own + ended + sum(cpu_seconds(child) for child in children_of(process))


@contextmanager
def contenders(folder: Path) -> Iterator[tuple[dict[str, Contender], LinkTokens, Any]]:
    """All of them, none of which runs yet; the tokens; a client of the database.

    Args:
        folder: for the files of those beside ours, and what they log.
    """
    with moto() as aws_url, dynamodb_local() as dynamodb_url:
        endpoints = aws.Endpoints(aws_url, dynamodb_url)
        resources = load()
        aws.build(resources, endpoints)
        track = resources.functions()["TrackFunction"]
        events = resources.all["EventsTable"]["Properties"]
        database = endpoints.client("dynamodb")
        codes = {
            "ours": track.code,
            "usual": str(write_app(folder / "usual", usual)),
            "untraced": str(folder / "usual"),
            "echo": str(write_app(folder / "echo", echo)),
        }
        found: dict[str, Contender] = {}
        for name, code in codes.items():
            create_table(database, events, name)
            variables = endpoints.environment() | {"EVENTS_TABLE": name}
            if name == "untraced":
                variables["POWERTOOLS_TRACE_DISABLED"] = "true"
            found[name] = Contender(name, replace(track, code=code), variables, folder)
        secret = endpoints.client("secretsmanager").get_secret_value(
            SecretId=track.environment["SIGNING_KEYS_SECRET"]
        )
        try:
            yield found, LinkTokens(signing_keys(secret["SecretString"])), database
        finally:
            for each in found.values():
                each.stop()


# --- the rounds ------------------------------------------------------------------------------

Found = dict[str, list[float]]
"""Seconds of each contender, in each round."""


def measure(starts: int, rounds: int) -> dict[str, Found]:
    """What was found: `start`, and for a pixel and a link, warm, `o` and `c`.

    Raises:
        SystemExit: a handler gave another answer than it must, or wrote other items than ours.
    """
    with (
        tempfile.TemporaryDirectory(prefix="sendtrail-benchmark-") as folder,
        contenders(Path(folder)) as (runtimes, tokens, database),
    ):
        hits = {kind: requests(kind, tokens) for kind in ("o", "c")}
        found: dict[str, Found] = {
            what: {name: [] for name in runtimes} for what in ("start", "o", "c")
        }
        for hit in islice(hits["o"], 1 + starts):
            for name, runtime in runtimes.items():
                found["start"][name].append(runtime.start(hit))
        for _ in range(WARM_UP + rounds):
            for kind, some in hits.items():
                batch = list(islice(some, HITS))
                for name, runtime in runtimes.items():
                    found[kind][name].append(runtime.serve(batch))
        compare(database, 1 + starts + (WARM_UP + rounds) * 2 * HITS)
    skipped = {"start": 1, "o": WARM_UP, "c": WARM_UP}
    return {
        what: {name: seconds[skipped[what] :] for name, seconds in each.items()}
        for what, each in found.items()
    }


def compare(database: Any, number: int) -> None:
    """Has all writers have written the same items, so many of them."""
    expected = items_of(database, "ours")
    if len(expected) != number:
        raise SystemExit(f"ours wrote {len(expected)} items for {number} requests")
    for name in WRITERS:
        if items_of(database, name) != expected:
            raise SystemExit(f"{name} wrote other items than ours")


def items_of(database: Any, table: str) -> dict[tuple[str, str], Json]:
    """All items of a table, by key."""
    pages = database.get_paginator("scan").paginate(TableName=table)
    return {
        (item["message_id"]["S"], item["event_key"]["S"]): item
        for page in pages
        for item in page["Items"]
    }


# --- what it shows ---------------------------------------------------------------------------


def report(title: str, found: Found, *, unit: str, scale: float) -> float:
    """Prints medians, spreads and ratios; ours to the usual is returned.

    A ratio is the median of the ratios within a round, which drift together.
    """
    print(f"\n{title}, {len(found['ours'])} rounds, interleaved")
    print(f"{'':28}{'median':>10}{'min':>10}{'max':>10}")
    for name, seconds in found.items():
        print(f"{row(name, [scale * each for each in seconds], 28, 1)}  {unit}")
    mine = ratio(found["ours"], found["usual"])
    print(row("ours / usual", mine, 28, 3))
    print(row("ours / untraced", ratio(found["ours"], found["untraced"]), 28, 3))
    above = {
        name: [one - limit for one, limit in zip(found[name], found["echo"], strict=True)]
        for name in WRITERS
    }
    print(row("ours / usual, over echo", ratio(above["ours"], above["usual"]), 28, 3))
    return median(mine)


def main() -> int:
    """Runs the benchmark; the process's exit status."""
    parser = argparse.ArgumentParser(description="CPU of a pixel and a link: ours, the usual way")
    parser.add_argument("--starts", type=int, default=11, help="that count (11)")
    parser.add_argument("--rounds", type=int, default=30, help="warm ones that count (30)")
    options = parser.parse_args()
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it misses metrics of its own
    found = measure(options.starts, options.rounds)
    print("client CPU of the function `track`")
    titles = {
        "start": "start-up: ms to the first answer",
        "o": f"a pixel, warm: µs each of {HITS}",
        "c": f"a link, warm: µs each of {HITS}",
    }
    missed = 0
    for what, title in titles.items():
        unit, scale, most = (
            ("ms", 1e3, MOST_AT_START) if what == "start" else ("µs", 1e6, MOST_WARM)
        )
        got = report(title, found[what], unit=unit, scale=scale)
        if got > most:
            print(f"ours costs {got:.3f} of the usual; at most {most:.3f} is allowed")
            missed += 1
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
