"""A real run of the whole way, from the API to the API. By itself it measures nothing;
`benchmarks/cost.py` says what of it is counted and what is modelled.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from benchmarks.harness import Here, Json, http_event, sample, sqs_event
from benchmarks.pipeline import Functions, Recorder, Took, delivered_after, polls, read_after
from local.mailboxes import events_of
from local.paths import ROOT
from local.template import load
from sendtrail.domain.times import epoch_ms

__all__ = ["CLICKS", "LINK", "MESSAGES_EACH", "OPENS", "Run"]

MAILING: Final = 150
MESSAGES_EACH: Final = 10
"""For each member: whose profile and address are there already in nine of ten."""
OPENS: Final = (2, 2, 2, *(1,) * 6, *(0,) * 11)
"""Of twenty messages, how often each is opened: 0.6 on average, by 0.45 of the readers."""
CLICKS: Final = (1, 0, 0, 1, *(0,) * 16)
LINK: Final = "https://society.example/evenings/2026-12-04?utm_source=newsletter"
PER_ITEM: Final = 100
"""Bytes that DynamoDB adds to each item that it stores, in the table and in each index."""


class Run:
    """The whole way, from the API to the API."""

    def __init__(self, here: Here, messages: int) -> None:
        self._here = here
        self._messages = messages
        self._rate = float(load().parameters["SendRate"])
        self._workers = int(load().parameters["SendWorkers"])
        self._functions = Functions(here)
        self._recorder = Recorder(self._functions)
        self._draw = random.Random(1)
        self._done: Counter[str] = Counter(recipients=messages)
        self._mailings: list[str] = []

    def run(self) -> Took:
        """Does all of it."""
        try:
            letter = (ROOT / "local/letters/newsletter.html").read_text("utf-8")
            self._api("PUT", "/templates/newsletter", {"subject": "{{ theme }}", "html": letter})
            self._send()
            mails = self._mails()
            self._publish(mails)
            self._read(mails)
            self._recorder.fold()
            wrong = self._verify()
        finally:
            self._functions.stop()
        usage, events = self._functions.usage, 2 * self._messages
        jobs = usage["DispatchFunction"].calls
        besides = {
            "sns publish": events,
            "sqs request": events + jobs * polls(1) + self._recorder.polled,
            "http request": len(self._mailings) + self._done["opens"] + self._done["clicks"],
        }
        return Took(self._messages, usage, besides, self._stored(), wrong)

    def _api(self, method: str, path: str, body: Any = None, at: float | None = None) -> Json:
        event = sample("http-communication")
        event["rawPath"] = event["requestContext"]["http"]["path"] = f"/v1{path}"
        event["requestContext"]["http"]["method"] = method
        event["headers"]["content-type"] = "application/json"
        if body is not None:
            event["body"] = json.dumps(body)
        answer = self._functions.call("ApiFunction", event, at=at)
        if answer["statusCode"] >= 400:
            raise SystemExit(f"{method} {path}: {answer['body']}")
        found: Json = json.loads(answer["body"])
        return found

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
        story = {
            "title": "Winter evenings",
            "text": "Four talks by the fire, from peat to comets.",
            "url": LINK,
            "link": "The programme",
        }
        return {
            "participant_id": f"member-{member:05}",
            "address": f"first.last.{member}@mail.example",
            "data": {
                "first_name": "Ottilie",
                "theme": "The year in pictures",
                "walks": number % 6,
                "stories": [story],
            },
        }

    def _authorize(self, at: float) -> None:
        key = json.loads(self._here.secret("FirstApiKey"))["key"]
        event = {"headers": {"authorization": f"Bearer {key}"}}
        if not self._functions.call("AuthorizeFunction", event, at=at)["isAuthorized"]:
            raise SystemExit("the first API key is not known")

    def _dispatch(self, posted_at: float) -> None:
        """Has dispatch do what is in its queue: the plan, then the letters, ten to a batch, by as
        many workers as the template has.
        """
        self._do_all([self._here.received("DispatchQueue", 1)], posted_at, 0)
        batches = list(iter(lambda: self._here.received("DispatchQueue", 10), []))
        numbers = range(self._workers)
        with ThreadPoolExecutor(self._workers) as workers:
            shares = [batches[number :: self._workers] for number in numbers]
            list(workers.map(self._do_all, shares, [posted_at] * self._workers, numbers))

    def _do_all(self, batches: Sequence[list[str]], at: float, worker: int) -> None:
        for jobs in batches:
            letters = sum(json.loads(job)["letter"] is not None for job in jobs)
            turn = letters * self._workers / self._rate
            answer = self._functions.call(
                "DispatchFunction", sqs_event(jobs), at=at, at_least=turn, worker=worker
            )
            if answer["batchItemFailures"]:
                raise SystemExit(f"dispatch answered {answer}")
            at += len(jobs) * self._workers / self._rate

    def _mails(self) -> list[Json]:
        """What SES took, each with when by the run's clock, `at`: in that order, at the rate."""
        mails: list[Json] = []
        while found := self._here.mails(len(mails)):
            mails += found
        for number, mail in enumerate(mails):
            mail["at"] = number / self._rate
            accepted = number // MAILING * MAILING / self._rate
            self._recorder.logged(mail["tags"]["message_id"], "Accepted", accepted)
        self._done["sent"] = len(mails)
        return mails

    def _publish(self, mails: Sequence[Json]) -> None:
        """Publishes SES's events, and has ingest take what comes out of the queue."""
        times: dict[str, float] = {}
        for mail in mails:
            send, delivery = (json.dumps(each) for each in events_of(mail))
            times[send] = mail["at"] + 1
            times[delivery] = mail["at"] + 1 + delivered_after(self._draw)
            self._done["delivered"] += 1
        bodies = self._through_the_queue(sorted(times, key=lambda body: (times[body], body)))
        self._recorder.ingest((times[body], body) for body in bodies)

    def _through_the_queue(self, bodies: Sequence[str]) -> list[str]:
        """What the topic has delivered to the ingest queue."""
        topic = self._here.resources.physical["SesTopic", ""]
        found: list[str] = []
        for body in bodies:
            self._here.endpoints.client("sns").publish(TopicArn=topic, Message=body)
            found += self._here.received("IngestQueue", 10)
        return found

    def _read(self, mails: Sequence[Json]) -> None:
        """Opens letters and follows links in them."""
        hits: list[tuple[float, float, str, str, Json]] = []
        for number, mail in enumerate(mails):
            pixel = re.search(r'/o/([^"]+\.gif)', mail["html"])
            links = re.findall(r'/c/([^"]+)"', mail["html"])
            if not pixel or not links:
                raise SystemExit("a letter has no pixel or no link")
            for kind, token, often in (
                ("open", pixel[1], OPENS[number % 20]),
                ("click", links[1], CLICKS[number % 20]),
            ):
                ages = [read_after(self._draw) for _ in range(often)]
                hits += [(mail["at"] + age, age, kind, token, mail) for age in ages]
        hits.sort(key=lambda hit: hit[0])
        for number, (at, age, kind, token, mail) in enumerate(hits):
            at_ms = epoch_ms(mail["taken_at"]) + int(age * 1000)
            event = http_event(kind, token, f"{number:08}AAEJKig=", "203.0.113.77", at_ms)
            answer = self._functions.call("TrackFunction", event, at=at)
            if answer["statusCode"] != (200 if kind == "open" else 302):
                raise SystemExit(f"track answered {answer}")
            self._recorder.logged(mail["tags"]["message_id"], kind.capitalize(), at)
            self._done[f"{kind}s"] += 1

    def _verify(self) -> list[str]:
        """Where the API's figures are not what was done."""
        told: Counter[str] = Counter(recipients=self._messages)
        for communication_id in self._mailings:
            figures = self._api("GET", f"/communications/{communication_id}")
            told.update({name: figures[name] for name in ("sent", "delivered", "opens", "clicks")})
        return [
            f"{name}: the API says {told[name]:,}, and {self._done[name]:,} were done"
            for name in self._done
            if told[name] != self._done[name]
        ] + ([] if self._done["sent"] == self._messages else ["not all were sent"])

    def _stored(self) -> dict[str, float]:
        """GB that are kept: of each table, its indexes, and the bucket."""
        client, s3 = self._here.endpoints.client("dynamodb"), self._here.endpoints.client("s3")
        found: dict[str, float] = defaultdict(float)
        for name in self._here.resources.of_type("AWS::DynamoDB::Table"):
            table = client.describe_table(TableName=self._here.resources.physical[name, ""])[
                "Table"
            ]
            for part in (table, *table.get("GlobalSecondaryIndexes", [])):
                size = part.get("TableSizeBytes", part.get("IndexSizeBytes", 0))
                found[name.removesuffix("Table")] += (size + PER_ITEM * part["ItemCount"]) / 1e9
        bucket = self._here.resources.physical["PlansBucket", ""]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            found["bucket"] += sum(each["Size"] for each in page.get("Contents", [])) / 1e9
        return found
