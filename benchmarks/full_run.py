"""A real run of the whole way, from the API to the API. By itself it measures nothing;
`benchmarks/cost.py` says what of it is counted and what is modelled.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.common import ROOT, sqs_event
from benchmarks.pipeline import (
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
from benchmarks.track import http_event
from local import aws
from local.mailboxes import OUTBOX, events_of
from local.template import Resources, load
from local.web import ask
from sendtrail.domain.times import epoch_ms

__all__ = ["CLICKS", "LINK", "MESSAGES_EACH", "OPENS", "Done", "Run"]

Json = dict[str, Any]

MAILING: Final = 150
MESSAGES_EACH: Final = 10
"""For each member: whose profile and address are there already in nine of ten."""
OPENS: Final = (2, 2, 2, *(1,) * 6, *(0,) * 11)
"""Of twenty messages, how often each is opened: 0.6 on average, by 0.45 of the readers."""
CLICKS: Final = (1, 0, 0, 1, *(0,) * 16)
LINK: Final = "https://society.example/evenings/2026-12-04?utm_source=newsletter"
PER_ITEM: Final = 100
"""Bytes that DynamoDB adds to each item that it stores, in the table and in each index."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was done in the run, and what it took.

    Attributes:
        wrong: what the API's figures say otherwise.
        stored: GB by kind, of all messages.
    """

    messages: int
    quantities: Quantities
    usage: Mapping[str, Usage]
    stored: Mapping[str, float]
    traces: float
    wrong: Sequence[str]

    @property
    def dollars(self) -> float:
        """What a million messages cost, without what is kept and what is paid at rest."""
        return sum(dollars_by_line(self.quantities, self.messages).values())

    @property
    def kept_by_line(self) -> dict[str, float]:
        """What keeping a million messages costs each month."""
        tables = sum(each for name, each in self.stored.items() if name != "bucket")
        # Point-in-time recovery is charged by the tables' size, their indexes' not counted: they
        # are counted here.
        kept = {
            "table GB-month": tables,
            "backup GB-month": tables,
            "s3 GB-month": self.stored["bucket"],
        }
        return {
            PRICES[name].line: PRICES[name].usd * each * 1e6 / self.messages
            for name, each in kept.items()
        }

    @property
    def kept_dollars(self) -> float:
        """All of that."""
        return sum(self.kept_by_line.values())


class Run:
    """The whole way, from the API to the API."""

    def __init__(self, resources: Resources, endpoints: aws.Endpoints, messages: int) -> None:
        self._resources = resources
        self._endpoints = endpoints
        self._messages = messages
        self._rate = float(load().parameters["SendRate"])
        self._workers = float(load().parameters["SendWorkers"])
        self._functions = Functions(resources, endpoints)
        self._recorder = Recorder(
            self._functions, resources, endpoints, Cuts.of_template(resources)
        )
        self._sqs = endpoints.client("sqs")
        self._draw = random.Random(1)
        self._sent_at: dict[str, float] = {}
        self._done: Counter[str] = Counter()
        self._mailings: list[str] = []

    def run(self) -> Done:
        """Does all of it."""
        try:
            self._put_template()
            self._send()
            mails = self._mails()
            self._publish(mails)
            self._read(mails)
            self._recorder.fold()
            wrong = self._verify()
        finally:
            self._functions.stop()
        usage = self._functions.usage
        found = added(usage, self._resources.parameters["Architecture"])
        events = 2 * self._messages
        found["sns publish"] += events
        jobs = usage["DispatchFunction"].calls
        found["sqs request"] += events + jobs * polls(1) + self._recorder.polled
        found["http request"] += len(self._mailings) + self._done["opens"] + self._done["clicks"]
        traces = sum(each.traces for each in usage.values())
        return Done(self._messages, found, usage, self._stored(), traces, wrong)

    def _api(self, method: str, path: str, body: Any = None, at: float | None = None) -> Json:
        event: Json = json.loads((ROOT / "events/http-communication.json").read_text("utf-8"))
        event["rawPath"] = event["requestContext"]["http"]["path"] = f"/v1{path}"
        event["requestContext"]["http"]["method"] = method
        event["headers"]["content-type"] = "application/json"
        if body is not None:
            event["body"] = json.dumps(body)
        counted = at is not None
        answer = self._functions.call("ApiFunction", event, at=at or 0.0, counted=counted)
        if answer["statusCode"] >= 400:
            raise SystemExit(f"{method} {path}: {answer['body']}")
        found: Json = json.loads(answer["body"])
        return found

    def _put_template(self) -> None:
        letter = (ROOT / "local/letters/newsletter.html").read_text("utf-8")
        self._api("PUT", "/templates/newsletter", {"subject": "{{ theme }}", "html": letter})

    def _send(self) -> None:
        """Posts the mailings, one when the one before has gone out, and has dispatch send them."""
        authorized = -math.inf
        for first in range(0, self._messages, MAILING):
            at = first / self._rate
            if at - authorized >= 60:  # as long as the gateway remembers
                self._authorize(at)
                authorized = at
            numbers = range(first, min(first + MAILING, self._messages))
            draft = {
                "name": f"Newsletter {first // MAILING + 1}",
                "template_id": "newsletter",
                "recipients": [self._recipient(number) for number in numbers],
            }
            posted = self._api("POST", "/communications", draft, at)
            self._mailings.append(posted["communication_id"])
            self._dispatch(at)

    def _recipient(self, number: int) -> Json:
        member = number % max(MAILING, self._messages // MESSAGES_EACH)
        return {
            "participant_id": f"member-{member:05}",
            "address": f"first.last.{member}@mail.example",
            "data": {
                "first_name": "Ottilie",
                "theme": "The year in pictures",
                "walks": number % 6,
                "stories": [
                    {
                        "title": "Winter evenings",
                        "text": "Four talks by the fire, from peat to comets.",
                        "url": LINK,
                        "link": "The programme",
                    }
                ],
            },
        }

    def _authorize(self, at: float) -> None:
        secret = self._endpoints.client("secretsmanager").get_secret_value(
            SecretId=self._resources.physical["FirstApiKey", ""]
        )
        key = json.loads(secret["SecretString"])["key"]
        event = {"headers": {"authorization": f"Bearer {key}"}}
        if not self._functions.call("AuthorizeFunction", event, at=at)["isAuthorized"]:
            raise SystemExit("the first API key is not known")

    def _dispatch(self, posted_at: float) -> None:
        """Has dispatch do what is in its queue: the plan, then the letters, ten to a batch, by as
        many workers as the template has.
        """
        (plan,) = self._receive("DispatchQueue", 1)
        self._do([plan], posted_at, 0)
        batches = list(iter(lambda: self._receive("DispatchQueue", 10), []))
        numbers = range(int(self._workers))
        with ThreadPoolExecutor(len(numbers)) as workers:
            shares = [batches[number :: len(numbers)] for number in numbers]
            list(workers.map(self._do_all, shares, [posted_at] * len(numbers), numbers))

    def _do_all(self, batches: Sequence[list[str]], at: float, worker: int) -> None:
        for batch in batches:
            self._do(batch, at, worker)
            at += len(batch) * self._workers / self._rate

    def _do(self, jobs: Sequence[str], at: float, worker: int) -> None:
        letters = sum(json.loads(job)["letter"] is not None for job in jobs)
        answer = self._functions.call(
            "DispatchFunction",
            sqs_event(jobs),
            at=at,
            at_least=letters * self._workers / self._rate,
            worker=worker,
        )
        if answer["batchItemFailures"]:
            raise SystemExit(f"dispatch answered {answer}")

    def _receive(self, queue: str, most: int) -> list[str]:
        """Up to so many messages of a queue, which are then no more in it."""
        url = self._resources.physical[queue, ""]
        found = self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=most).get(
            "Messages", []
        )
        if found:
            receipts = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(found)
            ]
            self._sqs.delete_message_batch(QueueUrl=url, Entries=receipts)
        return [message["Body"] for message in found]

    def _mails(self) -> list[Json]:
        """What SES took; and when, by the run's clock: in that order, at the rate."""
        mails: list[Json] = []
        while True:
            url = f"{self._endpoints.aws}{OUTBOX}?after={len(mails)}"
            found = json.loads(ask("GET", url).body)["mails"]
            mails += found
            if not found:
                break
        for number, mail in enumerate(mails):
            message_id = mail["tags"]["message_id"]
            self._sent_at[message_id] = number / self._rate
            accepted = number // MAILING * MAILING / self._rate
            self._recorder.logged(message_id, "Accepted", accepted)
        self._done["sent"] = len(mails)
        return mails

    def _publish(self, mails: Sequence[Json]) -> None:
        """Publishes SES's events, and has ingest take what comes out of the queue."""
        arrivals: list[tuple[float, str]] = []
        for mail in mails:
            at = self._sent_at[mail["tags"]["message_id"]]
            send, delivery = events_of(mail)
            arrivals.append((at + 1, json.dumps(send)))
            arrivals.append((at + 1 + delivered_after(self._draw), json.dumps(delivery)))
            self._done["delivered"] += 1
        arrivals.sort()
        times = {body: at for at, body in arrivals}
        bodies = self._through_the_queue([body for _, body in arrivals])
        self._recorder.ingest((times[body], body) for body in bodies)

    def _through_the_queue(self, bodies: Sequence[str]) -> list[str]:
        """What the topic has delivered to the ingest queue."""
        topic = self._resources.physical["SesTopic", ""]
        sns = self._endpoints.client("sns")
        found: list[str] = []
        for start in range(0, len(bodies), 10):
            entries = [
                {"Id": str(number), "Message": body}
                for number, body in enumerate(bodies[start : start + 10])
            ]
            sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
            while bodies_there := self._receive("IngestQueue", 10):
                found += bodies_there
        return found

    def _read(self, mails: Sequence[Json]) -> None:
        """Opens letters and follows links in them."""
        hits: list[tuple[float, str, str, Json]] = []
        for number, mail in enumerate(mails):
            pixel = re.search(r'/o/([^"]+)\.gif', mail["html"])
            links = re.findall(r'/c/([^"]+)"', mail["html"])
            if not pixel or not links:
                raise SystemExit("a letter has no pixel or no link")
            for kind, token, often in (
                ("o", f"{pixel[1]}.gif", OPENS[number % 20]),
                ("c", links[1], CLICKS[number % 20]),
            ):
                hits += [(read_after(self._draw), kind, token, mail) for _ in range(often)]
        hits.sort(key=lambda hit: self._sent_at[hit[3]["tags"]["message_id"]] + hit[0])
        for number, (age, kind, token, mail) in enumerate(hits):
            message_id = mail["tags"]["message_id"]
            at = self._sent_at[message_id] + age
            hit_ms = epoch_ms(mail["taken_at"]) + int(age * 1000)
            event = http_event(kind, token, f"{kind}{number:08}AAEJKig=", "203.0.113.77", hit_ms)
            answer = self._functions.call("TrackFunction", event, at=at)
            if answer["statusCode"] != (200 if kind == "o" else 302):
                raise SystemExit(f"track answered {answer}")
            self._recorder.logged(message_id, "Open" if kind == "o" else "Click", at)
            self._done["opens" if kind == "o" else "clicks"] += 1

    def _verify(self) -> list[str]:
        """Where the API's figures are not what was done."""
        told: Counter[str] = Counter()
        for communication_id in self._mailings:
            figures = self._api("GET", f"/communications/{communication_id}")
            told.update({name: figures[name] for name in ("sent", "delivered", "opens", "clicks")})
        told["recipients"] = self._messages
        self._done["recipients"] = self._messages
        return [
            f"{name}: the API says {told[name]:,}, and {self._done[name]:,} were done"
            for name in self._done
            if told[name] != self._done[name]
        ] + ([] if self._done["sent"] == self._messages else ["not all were sent"])

    def _stored(self) -> dict[str, float]:
        """GB that are kept: of each table, its indexes, and the bucket."""
        client = self._endpoints.client("dynamodb")
        found: dict[str, float] = {}
        for name in self._resources.of_type("AWS::DynamoDB::Table"):
            table = client.describe_table(TableName=self._resources.physical[name, ""])["Table"]
            parts = [table, *table.get("GlobalSecondaryIndexes", [])]
            found[name.removesuffix("Table")] = (
                sum(
                    part.get("TableSizeBytes", part.get("IndexSizeBytes", 0))
                    + PER_ITEM * part["ItemCount"]
                    for part in parts
                )
                / 1e9
            )
        pages = (
            self._endpoints.client("s3")
            .get_paginator("list_objects_v2")
            .paginate(Bucket=self._resources.physical["PlansBucket", ""])
        )
        found["bucket"] = (
            sum(each["Size"] for page in pages for each in page.get("Contents", [])) / 1e9
        )
        return found
