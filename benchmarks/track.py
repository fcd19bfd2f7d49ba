"""What a pixel and a link cost: CPU of the function `track` beside the usual way and the limit.

Four handlers get the same requests, as API Gateway's HTTP API hands them over (payload 2.0):

    ours      the handler of functions/track/app.py
    usual     the same written as the libraries' own pages show it: Powertools' resolver for the HTTP
              API, Logger, Tracer and Metrics; itsdangerous for the token; a boto3 client for the
              signing keys, read once at start-up; `put_item` of a `boto3.resource` table for each
              hit. It has no way out when the database does not answer, and no answer of its own to
              a token that is none: that flatters it
    untraced  the usual with its Tracer switched off (POWERTOOLS_TRACE_DISABLED)
    echo      a handler that returns its event. Nothing that the runtime runs can cost less

The first three write the same item for the same request, and answer the same GIF or redirect. Both
is checked: answers as they come, the tables at the end.

Each runs as on Lambda: in a process of AWS's Runtime Interface Emulator, with AWS's runtime client
for Python, and the template's variables, started by `local.functions`. The database is DynamoDB
Local, the signing keys are in moto. Measured is the processor time of the runtime's process, all
threads, user and system, with what it may have started; not the emulator's, nor the servers'. There
is no TLS, whose handshakes at start-up cost all but the echo about the same, and no trace is
sampled, as in production most are not. All code is byte-compiled: each is started once before
anything counts.

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
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
"""Warm rounds that do not count: Python specialises its code, and DynamoDB Local's Java compiles."""
MOST_AT_START: Final = 1 / 3
MOST_WARM: Final = 1 / 2

WRITERS: Final = ("ours", "usual", "untraced")
LINK: Final = "https://society.example/evenings/2026-12-04?utm_source=newsletter"
AGENTS: Final = {
    "o": "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
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
        keep("Open", opens.loads(token.removesuffix(".gif")), {})
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
        *recipient, position, url = clicks.loads(token)
        keep("Click", recipient, {"link": url, "position": position})
        metrics.add_metric(name="Clicks", unit=MetricUnit.Count, value=1)
        return Response(status_code=302, headers={"Location": url, "Cache-Control": "no-store"})

    def keep(event_type: str, recipient: list[str], detail: dict[str, Any]) -> None:
        message_id, participant_id, communication_id = recipient
        context = app.current_event.request_context
        address = ipaddress.ip_address(context.http.source_ip)
        bits = 24 if address.version == 4 else 48
        network = ipaddress.ip_network(f"{address}/{bits}", strict=False)
        at = datetime.fromtimestamp(context.time_epoch / 1000, UTC)
        written = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
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
        token = tokens.open(recipient) if kind == "o" else tokens.click(recipient, 3, LINK)
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


class Contender:
    """A handler in the runtime, and the processor time that it takes."""

    def __init__(self, name: str, function: Function, environment: Mapping[str, str]) -> None:
        self.name = name
        self._log = Path(function.code).parent / f"{name}.log"
        if not self._log.parent.name.startswith("sendtrail-"):
            self._log = Path(tempfile.gettempdir()) / f"sendtrail-bench-{name}.log"
        self._process = FunctionProcess(function, environment, self._log)
        self._pid = 0

    def first(self, request: Request) -> float:
        """Starts it for one request, and ends it; the seconds to the answer."""
        try:
            self._answer(request)
            return self._seconds()
        finally:
            self.stop()

    def several(self, hits: Sequence[Request]) -> float:
        """The seconds for each of the requests, one after another."""
        if not self._pid:
            raise RuntimeError("not started")
        before = self._seconds()
        for hit in hits:
            self._answer(hit)
        return (self._seconds() - before) / len(hits)
