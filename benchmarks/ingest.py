"""What ingest costs: client CPU per SES event, beside the usual way and beside the floor.

Three handlers take the same notifications and write them to the same DynamoDB Local:

    ours    the handler of functions/ingest/app.py, given an SQS event of 100 records
    sample  the Lambda function of AWS's pages: for each SNS record `json.loads` and one `put_item`
            of a `boto3.resource` table. It gets all 100 in one event, which flatters it, for SNS
            calls a function once per message
    floor   parses the same JSON and writes as many bytes as ours, but knows nothing of what they
            mean: BatchWriteItem of 25 over one kept-alive connection, signed by hand with a key
            derived once

Each runs in a process of its own, so that no one's imports weigh on another, and is warmed up. Then
they take turns, round after round, since a machine drifts by more than what is measured here. Every
round has new messages, so every write is an insert. Measured is the processor time of the handler's
process while the handler runs, all threads, user and system; not DynamoDB's, and no TLS.

    python benchmarks/ingest.py [--rounds 40]

It needs Java and AWS's DynamoDB Local, and says how to get that one. The exit status is 1 if ours
costs more than a tenth of the sample.
"""

from __future__ import annotations

import argparse
import hmac
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from http.client import HTTPConnection
from itertools import count, islice
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import IO, Any, Final, cast
from urllib.parse import urlsplit

sys.path.append(str(Path(__file__).resolve().parent.parent))  # for `benchmarks` and `local`

from benchmarks.common import ROOT, dynamodb_local, ratio

EVENTS: Final = 100
"""In a round: the batch size of the queue's event source mapping in template.yaml."""
WARM_UP: Final = 10
"""Rounds that do not count: Python specialises its code, and DynamoDB Local's Java compiles."""
MOST_OF_SAMPLE: Final = 0.1
ENVIRONMENT: Final = {
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_LAMBDA_FUNCTION_NAME": "ingest",
    "PYTHONUNBUFFERED": "1",  # as Lambda's runtime writes its log
    "POWERTOOLS_SERVICE_NAME": "ingest",
    "POWERTOOLS_METRICS_NAMESPACE": "Sendtrail",
    "POWERTOOLS_LOG_LEVEL": "WARNING",
    "RETENTION_DAYS": "400",
}

Json = dict[str, Any]
Handler = Callable[[Json, Any], Any]


# --- the three handlers ----------------------------------------------------------------------


@dataclass(frozen=True)
class Contender:
    """One way to take notifications.

    Attributes:
        handler: makes the handler, importing what it needs.
        event: the event that Lambda would give it, of notifications and their items' sizes.
    """

    handler: Callable[[], Handler]
    event: Callable[[Sequence[str], Sequence[int]], Json]


def ours() -> Handler:
    """The real handler, from its file."""
    spec = importlib.util.spec_from_file_location("app", ROOT / "functions/ingest/app.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError("functions/ingest/app.py")
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    handler: Handler = app.handler
    return handler


def sample() -> Handler:
    """AWS Knowledge Center, "lambda-sns-ses-dynamodb", in Python, without its log lines."""
    import boto3

    table = boto3.resource("dynamodb").Table(os.environ["EVENTS_TABLE"])

    def handler(event: Json, _context: Any) -> None:
        for record in event["Records"]:
            message = json.loads(record["Sns"]["Message"])
            mail = message["mail"]
            table.put_item(
                Item={
                    "message_id": mail["messageId"],
                    "event_key": f"{record['Sns']['Timestamp']}#{message['eventType']}",
                    "destination": str(mail["destination"]),
                    "type": message["eventType"],
                    "from": mail["source"],
                    "sent_at": mail["timestamp"],
                }
            )

    return handler


def floor() -> Handler:
    """As little as can be done: the bytes are of the right number, and mean nothing."""
    table = os.environ["EVENTS_TABLE"]
    connection, sign = kept_alive(os.environ["AWS_ENDPOINT_URL"])
    frame = len(compact(anything("", "", "")))
    filler = "x" * 10_000

    def handler(event: Json, _context: Any) -> Json:
        requests = []
        for record in event["Records"]:
            message = json.loads(record["body"])
            message_id, kind = message["mail"]["messageId"], message["eventType"]
            missing = record["size"] - frame - len(message_id) - len(kind)
            item = anything(message_id, kind, filler[:missing])
            requests.append({"PutRequest": {"Item": item}})
        for start in range(0, len(requests), 25):
            body = compact({"RequestItems": {table: requests[start : start + 25]}}).encode()
            connection.request("POST", "/", body=body, headers=sign(body))
            response = connection.getresponse()
            answer = json.loads(response.read())
            if response.status != 200 or answer["UnprocessedItems"]:
                raise RuntimeError(f"{response.status}: {answer}")
        return {"batchItemFailures": []}

    return handler


def anything(message_id: str, kind: str, rest: str) -> Json:
    """An item of the log's keys and one more attribute, in DynamoDB's JSON."""
    return {"message_id": {"S": message_id}, "event_key": {"S": kind}, "rest": {"S": rest}}


def kept_alive(endpoint: str) -> tuple[HTTPConnection, Callable[[bytes], dict[str, str]]]:
    """A connection, and what makes the headers of a BatchWriteItem (AWS Signature Version 4)."""
    host = urlsplit(endpoint).netloc
    day = f"{datetime.now(UTC):%Y%m%d}"
    scope = f"{day}/{os.environ['AWS_REGION']}/dynamodb/aws4_request"
    key = ("AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"]).encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    kind, target = "application/x-amz-json-1.0", "DynamoDB_20120810.BatchWriteItem"
    names = "content-type;host;x-amz-date;x-amz-target"
    credential = f"{os.environ['AWS_ACCESS_KEY_ID']}/{scope}"

    def sign(body: bytes) -> dict[str, str]:
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        request = (
            f"POST\n/\n\ncontent-type:{kind}\nhost:{host}\nx-amz-date:{date}\n"
            f"x-amz-target:{target}\n\n{names}\n{sha256(body).hexdigest()}"
        )
        digest = sha256(request.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}"
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        return {
            "Host": host,
            "Content-Type": kind,
            "X-Amz-Date": date,
            "X-Amz-Target": target,
            "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, "
            f"SignedHeaders={names}, Signature={signature}",
        }

    return HTTPConnection(host), sign


def compact(value: object) -> str:
    """JSON without blanks, as SES and the SDKs write it."""
    return json.dumps(value, separators=(",", ":"))


def sqs_event(notifications: Sequence[str], sizes: Sequence[int]) -> Json:
    """What an SQS event source mapping hands over; `size` is not SQS's, and for the floor only."""
    return {
        "Records": [
            {
                "messageId": f"{number:08}-0000-4000-8000-000000000000",
                "receiptHandle": "AQEB" + "x" * 180,
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1795167000000",
                    "SenderId": "AIDAEXAMPLE",
                    "ApproximateFirstReceiveTimestamp": "1795167000001",
                },
                "messageAttributes": {},
                "md5OfBody": "0" * 32,
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:IngestQueue",
                "awsRegion": "eu-west-1",
                "size": size,
            }
            for number, (body, size) in enumerate(zip(notifications, sizes, strict=True))
        ]
    }


def sns_event(notifications: Sequence[str], _sizes: Sequence[int]) -> Json:
    """What SNS hands to a function that subscribes to the topic."""
    from local.notifications import sns_envelope

    return {
        "Records": [{"EventSource": "aws:sns", "Sns": sns_envelope(body)} for body in notifications]
    }


CONTENDERS: Final = {
    "ours": Contender(ours, sqs_event),
    "sample": Contender(sample, sns_event),
    "floor": Contender(floor, sqs_event),
}


# --- the process of one handler --------------------------------------------------------------


def work(name: str) -> None:
    """Reads an event from each line of the input, and answers with the seconds it took."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 -- what the handler logs
        os.dup2(nowhere.fileno(), 1)
    handler = CONTENDERS[name].handler()
    context = SimpleNamespace(
        function_name="ingest",
        memory_limit_in_mb=512,
        invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:ingest",
        aws_request_id="00000000-0000-4000-8000-000000000000",
    )
    for line in sys.stdin:
        event = json.loads(line)
        start = time.process_time()
        answer = handler(event, context)
        seconds = time.process_time() - start
        if answer and answer["batchItemFailures"]:
            raise RuntimeError(f"{name} did not take {answer['batchItemFailures']}")
        answers.write(f"{seconds}\n")


class Worker:
    """A handler in a process of its own."""

    def __init__(self, name: str, endpoint: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--work", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"AWS_ENDPOINT_URL": endpoint, "EVENTS_TABLE": name},
        )
        self._input = cast("IO[str]", self._process.stdin)
        self._output = cast("IO[str]", self._process.stdout)

    def seconds(self, notifications: Sequence[str], sizes: Sequence[int]) -> float:
        """The processor time for a round.

        Raises:
            SystemExit: the handler failed; it has said why.
        """
        self._input.write(compact(CONTENDERS[self.name].event(notifications, sizes)) + "\n")
        self._input.flush()
        answer = self._output.readline()
        if not answer:
            raise SystemExit(f"the handler {self.name!r} failed")
        return float(answer)

    def stop(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()


# --- the rounds ------------------------------------------------------------------------------


def rounds() -> Iterator[tuple[list[str], list[int]]]:
    """Notifications of 40 new mails at a time, and the size of each one's item in the log.

    What became of them is as in an ordinary mailing: most delivered and a few bounced, two in five
    opened, one in ten clicked.
    """
    from local.notifications import Mail
    from sendtrail.aws.dynamodb import to_attributes
    from sendtrail.domain.ids import new_message_id
    from sendtrail.ses.parser import events_of
    from sendtrail.storage.event_items import event_to_item

    agent = (
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
    )
    link = "https://society.example/evenings/2026-12-04?utm_source=newsletter"
    for turn in count():
        notifications = []
        for number in range(40):
            sent = f"2026-11-24T09:{number:02}:00.{turn % 1000:03}Z"
            arrived = f"2026-11-24T09:{number:02}:02.{turn % 1000:03}Z"
            read = f"2026-11-24T11:{number:02}:20.000Z"
            mail = Mail(
                f"0102019a1b2c{turn:04x}-5f6a7b8c-9d0e-4f1a-8b2c-{number:012x}-000000",
                sent,
                [f"Member.{number}@mail.example"],
                tags={
                    "message_id": new_message_id(sent),
                    "participant_id": f"member-{number:04}",
                    "communication_id": "newsletter-2026-11",
                    "kind": "newsletter",
                },
            )
            notifications.append(mail.send())
            notifications.append(mail.delivery(arrived) if number < 38 else mail.bounce(arrived))
            if number < 16:
                notifications.append(mail.open(read, agent))
            if number < 4:
                notifications.append(mail.click(read, link, agent))
        sizes = [
            len(compact(to_attributes(event_to_item(event, 400))))
            for each in notifications
            for event in events_of(each)
        ]
        yield [compact(each) for each in notifications], sizes


def measure(endpoint: str, number: int) -> dict[str, list[float]]:
    """Seconds per event of each contender, in each of so many rounds.

    Raises:
        SystemExit: a handler failed, or did not write an item for each event.
    """
    import boto3

    database: Any = boto3.client("dynamodb", endpoint_url=endpoint)
    keys = {"message_id": "HASH", "event_key": "RANGE"}  # as those of Events in template.yaml
    for name in CONTENDERS:
        database.create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
            BillingMode="PAY_PER_REQUEST",
        )
    workers = [Worker(name, endpoint) for name in CONTENDERS]
    found: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    try:
        for notifications, sizes in islice(rounds(), WARM_UP + number):
            for worker in workers:
                found[worker.name].append(worker.seconds(notifications, sizes) / EVENTS)
    finally:
        for worker in workers:
            worker.stop()
    for name in CONTENDERS:
        pages = database.get_paginator("scan").paginate(TableName=name, Select="COUNT")
        written = sum(page["Count"] for page in pages)
        if written != (WARM_UP + number) * EVENTS:
            raise SystemExit(f"{name} wrote {written} items, not one for each event")
    return {name: seconds[WARM_UP:] for name, seconds in found.items()}


# --- what it shows ---------------------------------------------------------------------------


def report(found: Mapping[str, Sequence[float]]) -> float:
    """Prints medians, spreads and ratios; ours to the sample is returned.

    A ratio is the median of the ratios within a round, which drift together.
    """
    print(f"client CPU per event, {len(found['ours'])} rounds of {EVENTS} events, interleaved")
    print(f"{'':14}{'median':>9}{'min':>10}{'max':>10}")
    for name, seconds in found.items():
        low, middle, high = (1e6 * each for each in (min(seconds), median(seconds), max(seconds)))
        print(f"{name:14}{middle:9.1f}{low:10.1f}{high:10.1f}  µs")
    ratios = {other: ratio(found["ours"], found[other]) for other in ("sample", "floor")}
    for other, each in ratios.items():
        print(f"ours / {other:7}{median(each):9.3f}{min(each):10.3f}{max(each):10.3f}")
    return median(ratios["sample"])


def main() -> int:
    """Runs the benchmark; the process's exit status."""
    parser = argparse.ArgumentParser(description="CPU per SES event: ours, AWS's sample, the floor")
    parser.add_argument("--rounds", type=int, default=40, help="that count (40)")
    parser.add_argument("--work", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work)
        return 0
    os.environ.update(ENVIRONMENT)
    with dynamodb_local() as endpoint:
        found = report(measure(endpoint, options.rounds))
    if found > MOST_OF_SAMPLE:
        print(f"ours costs {found:.3f} of the sample; at most {MOST_OF_SAMPLE} is allowed")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
