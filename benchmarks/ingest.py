"""What ingest costs: CPU per SES event, beside what people use today and beside the floor.

The same notifications, of 100 things that happened to 40 mails, go to four programs:

    ours    the function `ingest`, given an SQS event of 100 records
    naive   the Lambda function of AWS's pages: for each SNS record `json.loads` and one `put_item`
            of a `boto3.resource` table. It gets all 100 in one event, which flatters it, for SNS
            calls a function once per message
    anymail django-anymail's webhook, to which SNS POSTs each notification, and a receiver that
            stores each event through Django's ORM into PostgreSQL (`peers/django_site.py`)
    floor   parses the same JSON and writes as many bytes as ours, but knows nothing of what they
            mean: BatchWriteItem of 25 over one kept-alive connection, signed by hand with a key
            derived once (`peers/floor.py`)

Ours, the naive and the floor run as on Lambda: in AWS's Runtime Interface Emulator, with AWS's
runtime client for Python, whose share is counted: it reads the event and asks for the next. The
database is DynamoDB Local. The floor calls it by the standard library's HTTP client, as anybody
would who writes it; ours does without that one (docs/decisions/0015).

Django is served by gunicorn, over connections that are kept alive, with one worker, whose share is
counted. What flatters it: nothing stands in front of gunicorn; PostgreSQL is reached by a Unix
socket, and its processes are not counted, as DynamoDB's are not; what it stores is a few columns;
nobody checks who sent it, but for a password. What does not: it takes a notification at a time,
because that is how SNS calls it.

Each is warmed up. Then they take turns, round after round, since a machine drifts by more than what
is measured here. Every round has new messages, so every write is an insert, and at the end each
must have a row for every event. Measured is the processor time of the program's process, all
threads, user and system. There is no TLS anywhere.

    python benchmarks/ingest.py [--rounds 60] [--json FILE]

It needs Linux, Java, AWS's DynamoDB Local, PostgreSQL, and the packages that `make bench` installs;
it says how to get what is missing.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

sys.path.append(str(Path(__file__).resolve().parent.parent))  # for `benchmarks` and `local`

from benchmarks.common import compact, items_of, per_core, ratio, sqs_event, timing_rows
from benchmarks.contenders import RuntimeProcess, django_site, runtimes
from benchmarks.report import Claim, Report, Table
from local.notifications import Mail, sns_envelope
from sendtrail.aws.dynamodb import to_attributes
from sendtrail.domain.ids import new_message_id
from sendtrail.intake.parser import events_of
from sendtrail.log.items import event_to_item

EVENTS: Final = 100
"""In a round: the batch size of the queue's event source mapping in template.yaml."""
WARM_UP: Final = 10
"""Rounds that do not count: Python specialises its code, and DynamoDB Local's Java compiles."""
MOST: Final = {"naive": 0.1, "anymail": 1.0, "floor": 2.0}
"""What ours may cost, as a multiple of each of the others."""

Json = dict[str, Any]
Round = tuple[Sequence[str], Sequence[int]]
"""Notifications, and how large the item of each is in the log, in bytes."""


# --- how each gets its events ----------------------------------------------------------------


def sized_sqs_event(notifications: Sequence[str], sizes: Sequence[int]) -> Json:
    """What an SQS event source mapping hands over; `size` is not SQS's, and for the floor only."""
    event = sqs_event(notifications)
    for record, size in zip(event["Records"], sizes, strict=True):
        record["size"] = size
    return event


def sns_event(notifications: Sequence[str], _sizes: Sequence[int]) -> Json:
    """What SNS hands to a function that subscribes to the topic."""
    return {
        "Records": [{"EventSource": "aws:sns", "Sns": sns_envelope(body)} for body in notifications]
    }


EVENT_OF: Final[Mapping[str, Callable[[Sequence[str], Sequence[int]], Json]]] = {
    "ours": sized_sqs_event,
    "naive": sns_event,
    "floor": sized_sqs_event,
}


# --- the rounds ------------------------------------------------------------------------------


def rounds() -> Iterator[Round]:
    """Notifications of 40 new mails at a time, and the size of each one's item in the log.

    What became of them is as in an ordinary mailing: most delivered and a few bounced, two in five
    opened, one in ten clicked.
    """
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


def serve(function: RuntimeProcess, event: Json) -> float:
    """The processor time for an event.

    Raises:
        SystemExit: the function did not take all of it.
    """
    body = json.dumps(event).encode()
    before = function.cpu_seconds()
    answer = json.loads(function.invoke(body))
    if answer not in (None, {"batchItemFailures": []}):
        raise function.fail(answer)
    return function.cpu_seconds() - before


def measure(number: int) -> dict[str, list[float]]:
    """Seconds per event of each contender, in each of so many rounds.

    Raises:
        SystemExit: a contender failed, or did not write an item for each event.
    """
    handlers = {"ours": None, "naive": "naive.ingest", "floor": "floor.ingest"}
    with runtimes("IngestFunction", handlers) as functions, django_site() as site:
        found: dict[str, list[float]] = {name: [] for name in ("ours", "naive", "anymail", "floor")}
        for turn, (notifications, sizes) in enumerate(islice(rounds(), WARM_UP + number)):
            posts = [
                {"sns": sns_envelope(body, f"22b80b92-fdea-4c2c-8f9d-{turn * EVENTS + place:012x}")}
                for place, body in enumerate(notifications)
            ]
            for name, function in functions.by_name.items():
                event = EVENT_OF[name](notifications, sizes)
                found[name].append(serve(function, event) / EVENTS)
            found["anymail"].append(site.seconds(posts) / EVENTS)
        written = {name: len(items_of(functions.database, name)) for name in handlers}
        written["anymail"] = site.rows()
    for name, rows in written.items():
        if rows != (WARM_UP + number) * EVENTS:
            raise SystemExit(f"{name} wrote {rows} items, not one for each event")
    return {name: seconds[WARM_UP:] for name, seconds in found.items()}


def report(found: Mapping[str, Sequence[float]]) -> Report:
    """What was found."""
    others = {
        "naive": "one boto3 put per SNS record",
        "anymail": "django-anymail with PostgreSQL",
        "floor": "the floor",
    }
    claims = [
        Claim.of("ours", [1e6 * each for each in found["ours"]], unit="µs per event"),
        Claim.of("ours", per_core(found["ours"]), unit="events per second and core"),
        *(
            Claim.of(f"ours / {what}", ratio(found["ours"], found[name]), at_most=MOST[name])
            for name, what in others.items()
        ),
    ]
    table = Table(
        f"CPU per event, {len(found['ours'])} rounds of {EVENTS} events, interleaved",
        ("µs", "median", "least", "greatest"),
        timing_rows(found, 1e6),
    )
    rates = Table(
        "Events per second and core",
        ("", "median", "least", "greatest"),
        timing_rows({name: per_core(each) for name, each in found.items()}, 1),
    )
    return Report(
        "Ingest: SES's events into the log",
        "Processor time of the whole process per event, batches of 100 from SQS; the functions in "
        "Lambda's runtime with DynamoDB Local, Django behind gunicorn with PostgreSQL. Ratios "
        "are of the same round.",
        claims,
        [table, rates],
    )


def main() -> int:
    """Runs the benchmark; the process's exit status."""
    parser = argparse.ArgumentParser(description="CPU per SES event: ours, others', the floor")
    parser.add_argument("--rounds", type=int, default=60, help="that count (60)")
    parser.add_argument("--json", type=Path, help="file for the report")
    options = parser.parse_args()
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it misses metrics of its own
    return report(measure(options.rounds)).finish(options.json)


if __name__ == "__main__":
    sys.exit(main())
