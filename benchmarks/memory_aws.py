"""As much of AWS as the functions ask for, in memory: by itself it measures nothing.

DynamoDB is `memory_dynamodb`'s. Queues keep what they are sent until it is taken, SES every mail,
and what nobody knows is answered 501, so that a run stops. Served over HTTP, on one port.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, Final

from benchmarks.memory_dynamodb import Database, Json, RefusedError, Table
from benchmarks.units import Cost, logical_name
from local.serving import Serving
from local.template import ACCOUNT, REGION, Resources

_MISSING: Final = b"<Error><Code>NoSuchKey</Code><Message>there is none</Message></Error>"
_EXISTS: Final = b"<Error><Code>PreconditionFailed</Code><Message>one exists</Message></Error>"
_AT_ONCE: Final = 8
"""Requests that `DynamoDB.at_once` has under way."""
WAITS: Final[Mapping[str, float]] = {
    "dynamodb": 0.005,
    "sqs": 0.01,
    "s3": 0.02,
    "secretsmanager": 0.01,
    "ses": 0.1,
}
"""Seconds that a call waits for a request of each service."""


@dataclass
class Spent:
    """What was asked for since it was last looked at.

    Attributes:
        requests: operation, with its service (``sqs:SendMessage``) and connection, in their order.
    """

    cost: Cost = field(default_factory=Cost)
    requests: list[tuple[str, int]] = field(default_factory=list)

    @property
    def by_service(self) -> Counter[str]:
        """How many requests of each operation there were, DynamoDB's not."""
        names = (name for name, _ in self.requests)
        return Counter(name for name in names if not name.startswith("dynamodb:"))

    @property
    def waited(self) -> float:
        """Seconds of waiting, by the model: requests of one kind that follow each other on several
        connections are under way at the same time.
        """
        seconds, place = 0.0, 0
        while place < len(self.requests):
            name, last = self.requests[place][0], place
            while last < len(self.requests) and self.requests[last][0] == name:
                last += 1
            several = len({connection for _, connection in self.requests[place:last]}) > 1
            rounds = -(-(last - place) // _AT_ONCE) if several else last - place
            seconds += rounds * WAITS[name.partition(":")[0]]
            place = last
        return seconds


class MemoryAws(Serving):
    """The services that a template's functions ask for.

    Attributes:
        url: where they are.
        database: DynamoDB.
        queued: queue's URL → the bodies that it was sent, each with its delay in seconds.
        deferred: receipt handle → seconds until its message comes again.
        mails: what SES took: the requests of SendEmail, with the id that it gave.
        objects: S3's, by path.
        asked: DynamoDB's requests: operation and what was asked, if they are kept.
    """

    def __init__(self, resources: Resources, *, keep: bool = False) -> None:
        """Makes what the template describes, and notes in `resources` what each came to be."""
        self.database = Database()
        self.queued: dict[str, list[tuple[str, float]]] = {}
        self.deferred: dict[str, int] = {}
        self.mails: list[Json] = []
        self.objects: dict[str, bytes] = {}
        self.asked: list[tuple[str, Json]] | None = [] if keep else None
        self._taken = 0
        self._secrets: dict[str, str] = {}
        self._lock = threading.Lock()
        self._spent = Spent()
        self._server = ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._make(resources)

    def spent(self) -> Spent:
        """What was asked for since this was last called."""
        with self._lock:
            spent, self._spent = self._spent, Spent()
            for (table, index, kind), units in self.database.units.items():
                spent.cost.units[logical_name(table), index, kind] += units
            self.database.units.clear()
        return spent

    def _make(self, resources: Resources) -> None:
        made = resources.physical
        for name, properties in resources.of_type("AWS::DynamoDB::Table").items():
            arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{properties['TableName']}"
            self.database.tables[properties["TableName"]] = Table(properties, arn)
            made |= {(name, ""): properties["TableName"], (name, "Arn"): arn}
            made[name, "StreamArn"] = f"{arn}/stream/s"
        for name, properties in resources.of_type("AWS::SQS::Queue").items():
            made[name, ""] = f"{self.url}/{ACCOUNT}/{properties['QueueName']}"
            made[name, "Arn"] = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{properties['QueueName']}"
            self.queued[made[name, ""]] = []
        for name, properties in resources.of_type("AWS::S3::Bucket").items():
            made[name, ""] = properties["BucketName"]
        for name, properties in resources.of_type("AWS::SecretsManager::Secret").items():
            made[name, ""] = properties["Name"]
            rule = properties.get("GenerateSecretString")
            text = properties.get("SecretString", "")
            if rule:
                text = "k" * 64
                if "GenerateStringKey" in rule:
                    key = {rule["GenerateStringKey"]: text}
                    text = json.dumps(json.loads(rule["SecretStringTemplate"]) | key)
            self._secrets[properties["Name"]] = text

    def _handler(self) -> type[StreamRequestHandler]:
        memory = self

        class Handler(StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self) -> None:
                while first := self.rfile.readline():
                    method, path, _ = first.decode().split()
                    headers = {}
                    while (line := self.rfile.readline()) not in (b"\r\n", b""):
                        name, _, value = line.decode().partition(":")
                        headers[name.lower()] = value.strip()
                    body = self.rfile.read(int(headers.get("content-length", 0)))
                    target = headers.get("x-amz-target", "")
                    status, content = memory.answer(target, method, path, body, id(self))
                    head = f"HTTP/1.1 {status} -\r\nContent-Length: {len(content)}\r\n\r\n"
                    self.wfile.write(head.encode() + content)

        return Handler

    def answer(
        self, target: str, method: str, path: str, body: bytes, connection: int
    ) -> tuple[int, bytes]:
        """The status and the body for a request."""
        service, _, operation = target.partition(".")
        with self._lock:
            match service:
                case "DynamoDB_20120810":
                    name, answer = f"dynamodb:{operation}", self._dynamodb(operation, body)
                case "AmazonSQS":
                    name, answer = f"sqs:{operation}", self._sqs(operation, json.loads(body))
                case "secretsmanager":
                    text = self._secrets[json.loads(body)["SecretId"]]
                    name = f"{service}:{operation}"
                    answer = 200, json.dumps({"SecretString": text}).encode()
                case _ if path == "/v2/email/outbound-emails":
                    self._taken += 1
                    ses_id = f"0102019a1b2c3d4e-{self._taken:012x}-000000"
                    self.mails.append(json.loads(body) | {"MessageId": ses_id})
                    name = "ses:SendEmail"
                    answer = 200, json.dumps({"MessageId": ses_id}).encode()
                case _ if method in ("GET", "PUT"):
                    name, answer = f"s3:{method}", self._s3(method, path, body)
                case _:
                    return 501, b'{"__type": "NotKnownHere"}'
            self._spent.requests.append((name, connection))
        return answer

    def _dynamodb(self, operation: str, body: bytes) -> tuple[int, bytes]:
        asked = json.loads(body)
        if self.asked is not None:
            self.asked.append((operation, asked))
        try:
            status, answer = 200, self.database.handle(operation, asked)
        except RefusedError as refused:
            status, answer = 400, refused.answer
        self._spent.cost.by_operation[operation] += 1
        return status, json.dumps(answer, separators=(",", ":")).encode()

    def _sqs(self, operation: str, asked: Json) -> tuple[int, bytes]:
        if operation == "ChangeMessageVisibility":
            self.deferred[asked["ReceiptHandle"]] = asked["VisibilityTimeout"]
            return 200, b"{}"
        entries = asked["Entries"] if operation == "SendMessageBatch" else [asked]
        self.queued[asked["QueueUrl"]] += [
            (entry["MessageBody"], entry.get("DelaySeconds", 0)) for entry in entries
        ]
        done = [{"Id": entry.get("Id"), "MessageId": "0"} for entry in entries]
        answer: Any = {"Successful": done} if operation == "SendMessageBatch" else done[0]
        return 200, json.dumps(answer).encode()

    def _s3(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if method == "GET":
            found = self.objects.get(path)
            return (404, _MISSING) if found is None else (200, found)
        if path in self.objects:
            return 412, _EXISTS
        self.objects[path] = body
        return 200, b""


def addressed(mail: Json) -> str:
    """The address that a mail goes to."""
    return parseaddr(mail["Destination"]["ToAddresses"][0])[1]
