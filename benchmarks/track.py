"""What a pixel and a link cost: CPU beside what people use today, and beside the floor.

The same requests, as API Gateway's HTTP API hands them over (payload 2.0), go to these:

    ours        the function `track`
    usual       the same written as the libraries' own pages show it: Powertools' resolver for the
                HTTP API, Logger, Tracer and Metrics; itsdangerous for the token; a boto3 client for
                the signing keys, read once at start-up; `put_item` of a `boto3.resource` table for
                each hit. It has no way out when the database does not answer, and no answer of its
                own to a token that is none: that flatters it
    untraced    the usual with its Tracer switched off (POWERTOOLS_TRACE_DISABLED)
    naive       a plain handler and one `put_item` of a `boto3.resource` table. It believes what the
                link says, without a signature: that flatters it
    pytracking  pytracking's own views for the pixel and the link in Django, each hit stored through
                Django's ORM into PostgreSQL (`peers/django_site.py`). Its links are not signed
    floor       parses the request, verifies nothing, writes an item of the same size by one PutItem
                over a kept-alive connection of the standard library, signed by hand with a key
                derived once, and answers. Ours does without the standard library's client, whose
                parser of headers costs more than the rest of the floor (docs/decisions/0015)
    echo        a handler that returns its event. Nothing that the runtime runs can cost less

Ours, the usual and the untraced write the same item for the same request; all answer a picture or
the redirect. It is checked: answers as they come, the tables at the end.

All but pytracking run as on Lambda: in AWS's Runtime Interface Emulator, with AWS's runtime client
for Python, and the template's variables. The database is DynamoDB Local, the signing keys are in
moto. Measured is the processor time of the runtime's process, all threads, user and system, with
what it may have started; not the emulator's, nor the servers'. There is no TLS; each would make one
or two such connections at start-up. No trace is sampled, as in production most are not. All code is
byte-compiled: each is started once before anything counts.

Django is served by gunicorn, over connections that are kept alive, with one worker, whose share is
counted as that of Lambda's runtime is. What flatters it: PostgreSQL is reached by a Unix socket,
and its processes are not counted; whoever clicks waits for the database, and does not get there
while it is down. What does not: it reads HTTP itself, which API Gateway does for Lambda. It has no
start-up to compare: it runs all the time, whether anybody reads mail or not.

    start-up  from the process's start to its first answer: the interpreter, the runtime client, the
              handler's imports, the signing keys, one write
    warm      a pixel, or a link, when many have gone before

They take turns, round after round, since a machine drifts by more than what is measured here. Every
hit is a new request, so every write is an insert.

    python benchmarks/track.py [--starts 11] [--rounds 30] [--json FILE]

It needs Linux, Java, AWS's DynamoDB Local, PostgreSQL, and the packages that `make bench` installs;
it says how to get what is missing.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

sys.path.append(str(Path(__file__).resolve().parent.parent))  # for `benchmarks` and `local`

from benchmarks.common import compact, items_of, per_core, ratio, timing_rows
from benchmarks.contenders import DjangoSite, RuntimeProcess, Runtimes, django_site, runtimes
from benchmarks.report import Claim, Report, Table
from sendtrail.auth.signing_keys import SigningKeyRing
from sendtrail.auth.tokens import LinkTokens
from sendtrail.aws.dynamodb import to_attributes
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.ids import new_message_id
from sendtrail.domain.times import Timestamp, epoch_ms, now
from sendtrail.log.items import event_to_item
from sendtrail.tracking.hits import shortened

HITS: Final = 50
"""Of each kind, in a warm round."""
WARM_UP: Final = 4
"""Warm rounds that do not count: Python specialises its code, DynamoDB Local's Java compiles."""

HANDLERS: Final = {
    "ours": None,
    "usual": "usual.handler",
    "untraced": "usual.handler",
    "naive": "naive.track",
    "floor": "floor.track",
    "echo": "echo.handler",
}
SAME_AS_OURS: Final = ("usual", "untraced")
MAX_AT_START: Final = {"usual": 1 / 3}
MAX_WARM: Final = {"usual": 1 / 2, "untraced": 1.0, "naive": 1.0, "pytracking": 1.0, "floor": 2.0}
"""What ours may cost, as a multiple of each of the others."""
NAMES: Final = {
    "usual": "Powertools and boto3",
    "untraced": "the same untraced",
    "naive": "one boto3 put",
    "pytracking": "pytracking with PostgreSQL",
    "floor": "the floor",
}

GIF: Final = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
LINK: Final = "https://society.example/evenings/2026-12-04?utm_source=newsletter"
AGENTS: Final = {
    "o": "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 "
    "(via ggpht.com GoogleImageProxy)",
    "c": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36",
}
ADDRESSES: Final = ("203.0.113.77", "2001:db8:85a3:12::7334")

Json = dict[str, Any]


# --- requests --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """A request, and the answer that it must get.

    Attributes:
        event: as API Gateway hands it over, with two fields of our own for the floor: `size`, how
            many bytes the item has that ours writes, and `location`.
        hit: the same for the Django site, which makes the link itself.
    """

    event: Json
    hit: Json
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
        url = None if kind == "o" else LINK
        token = tokens.click(recipient, at, 3, url) if url else tokens.open(recipient, at)
        address = ADDRESSES[number % 2]
        event = http_event(kind, token, f"{kind}{number:08}AAEJKig=", address, epoch_ms(at))
        hit = {
            "url": url,
            "metadata": {
                "message_id": recipient.message_id,
                "participant_id": recipient.participant_id,
                "communication_id": recipient.communication_id,
                "at": at,
            },
            "ip": address,
            "user_agent": AGENTS[kind],
        }
        event |= {"size": size_of(recipient, at, url, hit), "location": url}
        yield Request(event, hit, 302 if url else 200, url)


def size_of(recipient: Recipient, at: Timestamp, url: str | None, hit: Json) -> int:
    """How many bytes the item of a hit has in DynamoDB's JSON; held against ours at the end."""
    detail = {"sent_at": at, "ip": shortened(hit["ip"]), "user_agent": hit["user_agent"]}
    if url:
        detail |= {"link": url, "position": 3}
    event = Event.of_request(EventType.CLICK if url else EventType.OPEN, recipient, at, "", detail)
    return len(compact(to_attributes(event_to_item(event, 400))))


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


# --- the rounds ------------------------------------------------------------------------------

Found = dict[str, list[float]]
"""Seconds of each contender, in each round."""


def ask(function: RuntimeProcess, request: Request) -> None:
    """Hands a request to a function.

    Raises:
        SystemExit: the answer is not as it must be.
    """
    answer = json.loads(function.invoke(json.dumps(request.event).encode()))
    if function.name == "echo":
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
        raise function.fail(answer)


def start(function: RuntimeProcess, request: Request) -> float:
    """The seconds of a new process to its first answer."""
    function.stop()
    ask(function, request)
    return function.cpu_seconds()


def serve(function: RuntimeProcess, hits: Sequence[Request]) -> float:
    """The seconds for each of these requests, of a process that runs already."""
    before = function.cpu_seconds()
    for hit in hits:
        ask(function, hit)
    return (function.cpu_seconds() - before) / len(hits)


def measure(starts: int, rounds: int) -> dict[str, Found]:
    """What was found: `start`, and for a pixel and a link, warm, `o` and `c`.

    Raises:
        SystemExit: a contender gave another answer than it must, or wrote something else.
    """
    untraced = {"untraced": {"POWERTOOLS_TRACE_DISABLED": "true"}}
    with runtimes("TrackFunction", HANDLERS, untraced) as functions, django_site() as site:
        hits = {kind: requests(kind, link_tokens(functions)) for kind in ("o", "c")}
        found: dict[str, Found] = {"start": {name: [] for name in HANDLERS}}
        for kind in hits:
            found[kind] = {name: [] for name in (*HANDLERS, "pytracking")}
        for hit in islice(hits["o"], 1 + starts):
            for name, function in functions.by_name.items():
                found["start"][name].append(start(function, hit))
        for _ in range(WARM_UP + rounds):
            for kind, some in hits.items():
                batch = list(islice(some, HITS))
                for name, function in functions.by_name.items():
                    found[kind][name].append(serve(function, batch))
                found[kind]["pytracking"].append(site.seconds([hit.hit for hit in batch]) / HITS)
        warm = (WARM_UP + rounds) * 2 * HITS
        compare(functions.database, site, warm=warm, all_hits=1 + starts + warm)
    skipped = {"start": 1, "o": WARM_UP, "c": WARM_UP}
    return {
        what: {name: seconds[skipped[what] :] for name, seconds in each.items()}
        for what, each in found.items()
    }


def link_tokens(functions: Runtimes) -> LinkTokens:
    """The tokens, by the keys that the functions read."""
    name = functions.function.environment["SIGNING_KEYS_SECRET"]
    secret = functions.endpoints.client("secretsmanager").get_secret_value(SecretId=name)
    return LinkTokens(SigningKeyRing(lambda: secret["SecretString"]))


def compare(database: Any, site: DjangoSite, *, warm: int, all_hits: int) -> None:
    """Has each have written a row for every hit: some the same, the floor as many bytes.

    Raises:
        SystemExit: one has not.
    """
    items = {name: items_of(database, name) for name in HANDLERS if name != "echo"}
    for name, written in items.items():
        if len(written) != all_hits:
            raise SystemExit(f"{name} wrote {len(written)} items for {all_hits} requests")
    if site.rows() != warm:
        raise SystemExit(f"pytracking wrote {site.rows()} rows for {warm} requests")
    for name in SAME_AS_OURS:
        if items[name] != items["ours"]:
            raise SystemExit(f"{name} wrote other items than ours")
    ours, floor = (sum(map(len, map(compact, items[name].values()))) for name in ("ours", "floor"))
    if ours != floor:
        raise SystemExit(f"the floor wrote {floor} bytes, and ours {ours}")


# --- what it shows ---------------------------------------------------------------------------


def report(found: Mapping[str, Found]) -> Report:
    """What was found."""
    title = "The pixel and the links: CPU of the function `track`"
    definition = (
        "Processor time of the whole process per request: the functions in Lambda's runtime with "
        "DynamoDB Local, Django behind gunicorn with PostgreSQL. Ratios are of the same round."
    )
    result = Report(title, definition)
    for what, name, unit, scale, most in (
        ("start", "start-up", "ms", 1e3, MAX_AT_START),
        ("o", "a pixel", "µs", 1e6, MAX_WARM),
        ("c", "a link", "µs", 1e6, MAX_WARM),
    ):
        seconds = found[what]
        result.tables.append(
            Table(
                f"CPU for {name}, {len(seconds['ours'])} rounds, interleaved",
                (unit, "median", "least", "greatest"),
                timing_rows(seconds, scale),
            )
        )
        ours = [scale * each for each in seconds["ours"]]
        result.claims.append(Claim.of(f"{name}: ours", ours, unit=unit))
        if what != "start":
            rate = per_core(seconds["ours"])
            result.claims.append(Claim.of(f"{name}: ours", rate, unit="per second and core"))
        result.claims += [
            Claim.of(
                f"{name}: ours / {NAMES[other]}",
                ratio(seconds["ours"], seconds[other]),
                at_most=limit,
            )
            for other, limit in most.items()
        ]
    rates = {name: per_core(seconds) for name, seconds in found["o"].items()}
    columns = ("", "median", "least", "greatest")
    result.tables.append(Table("Pixels per second and core", columns, timing_rows(rates, 1)))
    return result


def main() -> int:
    """Runs the benchmark; the process's exit status."""
    parser = argparse.ArgumentParser(description="CPU of a pixel and a link: ours, others, a floor")
    parser.add_argument("--starts", type=int, default=11, help="that count (11)")
    parser.add_argument("--rounds", type=int, default=30, help="warm ones that count (30)")
    parser.add_argument("--json", type=Path, help="file for the report")
    options = parser.parse_args()
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it misses metrics of its own
    return report(measure(options.starts, options.rounds)).finish(options.json)


if __name__ == "__main__":
    sys.exit(main())
