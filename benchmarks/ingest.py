"""What ingest costs: CPU per SES event, beside what people use today and beside the floor.

Functions run in Lambda's emulator over DynamoDB Local; django-anymail's webhook (`peers/`) behind
one worker of gunicorn over PostgreSQL, by a Unix socket, which flatters it. So does one event of
100 records flatter `naive`, the function of AWS's pages: SNS calls it for each. They take turns
over new messages, each must have written all it has to, and databases' time is not counted. Ours
and the floor make a request for each message and each hit, the others for each event.

    python -m benchmarks.ingest [--rounds 60] [--into FILE]
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, islice
from typing import Any, Final

from benchmarks.contenders import RuntimeProcess, django_site, runtimes
from benchmarks.harness import (
    AGENT,
    LINK,
    Json,
    compact,
    items_of,
    main,
    options,
    ratio,
    sqs_event,
    turns,
)
from benchmarks.report import Claim, Report, timings
from local.notifications import Mail, sns_envelope
from sendtrail.aws.dynamodb import to_attributes
from sendtrail.domain.hits import HITS
from sendtrail.domain.ids import new_message_id
from sendtrail.intake.parser import events_of
from sendtrail.log.elements import encode
from sendtrail.log.items import event_to_item

EVENTS: Final = 100
"""In a round: the batch size of the queue's event source mapping in template.yaml."""
ITEMS: Final = 60
"""Of those in the log: the rows of 40 messages, and 20 hits."""
WARM_UP: Final = 10
"""Rounds that do not count: Python specialises its code, and DynamoDB Local's Java compiles."""
OTHERS: Final = {
    "naive": ("one boto3 put per SNS record", 0.4),
    "anymail": ("django-anymail with PostgreSQL", 0.5),
    "floor": ("the floor", 2.0),
}
"""Each with what ours may cost, as a multiple of it."""
SECRET: Final = "name:password"  # noqa: S105 -- SNS sends it back to us


def rounds() -> Iterator[list[str]]:
    """Notifications of 40 new mails at a time. What became of them is as in an ordinary mailing:
    most delivered and a few bounced, two in five opened, one in ten clicked.
    """
    for turn in count():
        said = []
        for number in range(40):
            sent, arrived, read = (
                f"2026-11-24T{time}.{turn % 1000:03}Z"
                for time in (f"09:{number:02}:00", f"09:{number:02}:02", f"11:{number:02}:20")
            )
            tags = {
                "message_id": new_message_id(sent),
                "participant_id": f"member-{number:04}",
                "communication_id": "newsletter-2026-11",
                "kind": "newsletter",
            }
            ses_id = f"0102019a1b2c{turn:04x}-5f6a7b8c-9d0e-4f1a-8b2c-{number:012x}-000000"
            mail = Mail(ses_id, sent, [f"Member.{number}@mail.example"], tags=tags)
            said += [mail.send(), mail.delivery(arrived) if number < 38 else mail.bounce(arrived)]
            said += [mail.open(read, AGENT)] if number < 16 else []
            said += [mail.click(read, LINK, AGENT)] if number < 4 else []
        yield [compact(each) for each in said]


def queued(said: list[str]) -> Json:
    """What an SQS event source mapping hands over. How many bytes the log has of each, in `size`,
    is not SQS's, and for the floor only.
    """
    event = sqs_event(said)
    for record in event["Records"]:
        (told,) = events_of(json.loads(record["body"]))
        hit = told.type in HITS
        item = compact(to_attributes(event_to_item(told, 400))) if hit else "".join(encode(told))
        record["size"] = len(item)
    return event


def published(said: list[str]) -> Json:
    """What SNS hands to a function that subscribes to the topic."""
    return {"Records": [{"EventSource": "aws:sns", "Sns": sns_envelope(body)} for body in said]}


def posts(said: list[str]) -> Iterator[Json]:
    """What SNS sends to a webhook."""
    for body in said:
        envelope = sns_envelope(body, new_message_id("2026-11-24T09:00:00.000Z"))
        yield {
            "method": "POST",
            "url": "/webhook/",
            "body": compact(envelope).encode(),
            "headers": {
                "Content-Type": "text/plain; charset=UTF-8",
                "Authorization": f"Basic {b64encode(SECRET.encode()).decode()}",
                "User-Agent": "Amazon Simple Notification Service Agent",
                "X-Amz-Sns-Message-Id": envelope["MessageId"],
                "X-Amz-Sns-Message-Type": envelope["Type"],
                "X-Amz-Sns-Topic-Arn": envelope["TopicArn"],
            },
        }


def taken(_event: Json, answer: Any) -> bool:
    """Whether a function took all of a batch."""
    return answer in (None, {"batchItemFailures": []})


def serve(function: RuntimeProcess, made: Callable[[list[str]], Json], said: list[str]) -> float:
    """The seconds of a function for each notification."""
    return function.seconds([made(said)], taken) / EVENTS


def measure(number: int) -> dict[str, list[float]]:
    """Seconds per event of each contender, round by round.

    Raises:
        SystemExit: a contender failed, or did not write what it has to.
    """
    handlers = {"ours": None, "naive": "naive.ingest", "floor": "floor.ingest"}
    with runtimes("IngestFunction", handlers) as (here, functions), django_site(SECRET) as site:
        contenders: dict[str, Callable[[list[str]], float]] = {
            name: partial(serve, function, published if name == "naive" else queued)
            for name, function in functions.items()
        }
        contenders["anymail"] = lambda said: site.seconds(list(posts(said))) / EVENTS
        found = turns(contenders, islice(rounds(), WARM_UP + number), skip=WARM_UP)
        database = here.endpoints.client("dynamodb")
        written = {name: len(items_of(database, name)) for name in handlers}
        written["anymail"] = site.rows()
    for name, rows in written.items():
        each = EVENTS if name in ("naive", "anymail") else ITEMS
        if rows != (WARM_UP + number) * each:
            raise SystemExit(f"{name} wrote {rows} items, not {each} a round")
    return found


def report(rounds: int) -> Report:
    """What was found."""
    found = measure(rounds)
    rate = [1 / each for each in found["ours"]]
    return Report(
        "Ingest: SES's events into the log",
        "Processor time of the whole process per event, batches of 100 from SQS; the functions in "
        "Lambda's runtime with DynamoDB Local, Django behind gunicorn with PostgreSQL. Ratios "
        "are of the same round.",
        [
            Claim("ours", [1e6 * each for each in found["ours"]], "µs per event"),
            Claim("ours", rate, "events per second and core"),
            *(
                Claim(f"ours / {what}", ratio(found["ours"], found[name]), at_most=most)
                for name, (what, most) in OTHERS.items()
            ),
        ],
        [
            timings(
                f"CPU per event, {rounds} rounds of {EVENTS} events, interleaved", "µs", found, 1e6
            ),
        ],
    )


if __name__ == "__main__":
    main(report, options(__doc__, rounds=60))
