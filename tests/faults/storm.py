"""The storm: a local stack over DynamoDB Local, in which everything goes wrong at once.

Events of all types are published, to one and to several recipients, in every form, shuffled, some
hours late; of a hundred records 30 are duplicates and 1 is malformed. Meanwhile processes of
functions are killed, DynamoDB throttles, fails, hangs up, does half of a batch, answers too late or
is dark for seconds, and batches of the streams are delivered again, cut anywhere, to other
processes at the same time. Then letters are sent, while SES too throttles, fails and loses answers.

While they arrive, the tables are made anew from the log; and at the end again, after they were
dropped.

Whenever all has drained, every row of every table is held against what a calm run of the same events
gives, and against a plain count; every malformed record must be in the dead-letter queue and
nothing else; no letter may have been sent twice, none be lost, and every refusal have its event.
A webhook's receiver, which verifies what it gets, must have every event of the log, and nothing
else; and of a rebuild nothing.

    python -m tests.faults.storm [--records 50000] [--letters 600] [--seed N]

Prints what was done to it and what is wrong, if anything; the exit status is 1 if something is.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import urlsplit

import boto3

from benchmarks.harness import dynamodb_local
from local.aws import Endpoints
from local.between import Between
from local.functions import Functions
from local.stack import IMPATIENT, Options, Parts, parts
from sendtrail.aws.dynamodb import DynamoDB, from_attributes, to_attributes
from sendtrail.aws.service import RetryPolicy
from sendtrail.domain.actors import Actor
from sendtrail.domain.communication import figures
from sendtrail.domain.days import day_figures
from sendtrail.domain.message import Message
from sendtrail.domain.soft_bounces import SoftBouncePolicy
from sendtrail.projections.items import EPOCH_ID, participant_from_item
from sendtrail.publishing.notices import Notice
from sendtrail.wiring import Wiring
from sendtrail_cli import rebuild as cli
from sendtrail_cli.target import Target
from tests.faults.chaos import Chaos, Killer, Redelivering, SpoiltDatabase
from tests.faults.letters import Letters
from tests.faults.weather import Weather, weather
from tests.oracle import expect
from tests.pipeline import Pipeline, is_row, what_readers_see
from tests.receiver import Receiver, receiver
from tests.support import events_in

__all__ = ["main"]

Item = dict[str, Any]

_KEYS: Final = {
    "Communications": ("communication_id", "part"),
    "Participants": ("participant_id", "part"),
    "Suppressions": ("address",),
}
_COUNTED_BY_WRITES: Final = ("revision", "epoch")
_JUDGED: Final = ("hits", "choice", "revision", "epoch")
"""What `project` writes into messages' rows."""
_SLOTTED: Final = {
    "message.opened",
    "message.clicked",
    "participant.unsubscribed",
    "participant.resubscribed",
}
"""What is told of events in slots, of which the log keeps one each."""
_QUIET_SECONDS: Final = 4.0
_SHOWN: Final = 5


class Storm:
    """A stack in a storm."""

    def __init__(
        self, running: Parts, chaos: Chaos, spoilt: Endpoints, redelivering: Redelivering
    ) -> None:
        """Takes what makes it.

        Args:
            spoilt: leads to AWS through what spoils it.
        """
        self.running = running
        self.chaos = chaos
        self.spoilt = spoilt
        self.redelivering = redelivering
        self.wrong: list[str] = []

    def expect(self, what: str, found: Any, wanted: Any) -> None:
        """Notes what differs, if anything does."""
        if found == wanted:
            return
        if isinstance(found, dict) and isinstance(wanted, dict):
            keys = [key for key in wanted | found if found.get(key) != wanted.get(key)]
            some = [f"{key}: {found.get(key)!r}, not {wanted.get(key)!r}" for key in keys[:_SHOWN]]
            self.wrong.append(f"{what}: {len(keys)} differ: " + "; ".join(some))
        else:
            self.wrong.append(f"{what}: {found!r:.1500}, not {wanted!r:.1500}")

    def publish(self, what: Weather) -> None:
        """Publishes all of it, ten at a time."""
        sns, sqs = (self.running.endpoints.client(name) for name in ("sns", "sqs"))
        state = self.running.state
        for texts in _tens(what.to_topic):
            entries = [{"Id": str(number), "Message": text} for number, text in enumerate(texts)]
            sns.publish_batch(TopicArn=state["topic_arn"], PublishBatchRequestEntries=entries)
        for texts in _tens(what.to_queue):
            entries = [
                {"Id": str(number), "MessageBody": text} for number, text in enumerate(texts)
            ]
            sqs.send_message_batch(QueueUrl=state["ingest_queue_url"], Entries=entries)

    def phase(self, what: str, do: Callable[[], None]) -> None:
        """Does something in the storm, and waits until all that follows from it is over."""
        started = time.monotonic()
        self.chaos.raging.set()
        do()
        self._drain()
        print(f"{what}: {time.monotonic() - started:.0f} s", flush=True)

    def _drain(self) -> None:
        """Waits until nothing has been under way for some seconds, first in the storm, then out of
        it.
        """
        self.wait_until_quiet()
        self.chaos.raging.clear()
        self.wait_until_quiet()

    def wait_until_quiet(self) -> None:
        """Waits until nothing has been under way for some seconds."""
        since = time.monotonic()
        said = since
        while time.monotonic() - since < _QUIET_SECONDS:
            if not self._quiet():
                since = time.monotonic()
            if time.monotonic() - said > 30:
                said = time.monotonic()
                print(f"  … {self._waiting()} in queues", file=sys.stderr, flush=True)
            time.sleep(0.3)

    def _quiet(self) -> bool:
        return self.running.idle() and not self._waiting() and self.redelivering.under_way == 0

    def _waiting(self) -> int:
        state = self.running.state
        return sum(
            self._number(state[f"{name}_queue_url"])
            for name in ("ingest", "hits", "dispatch", "direct", "deliveries")
        )

    def _number(self, url: str) -> int:
        names = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]
        sqs = self.running.endpoints.client("sqs")
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(number) for number in found.values())

    def bodies(self, queue: str) -> Counter[str]:
        """What a queue holds; it is taken out."""
        sqs, url = self.running.endpoints.client("sqs"), self.running.state[f"{queue}_url"]
        found: Counter[str] = Counter()
        while True:
            messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            if not messages:
                return found
            for message in messages:
                found[message["Body"]] += 1
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def items(self, table: str) -> list[Item]:
        """A whole table, read past the storm, by key."""
        database = self.running.endpoints.client("dynamodb")
        pages = database.get_paginator("scan").paginate(
            TableName=self.running.state["tables"][table], ConsistentRead=True
        )
        return [from_attributes(item) for page in pages for item in page["Items"]]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """The status and JSON of a private route, asked once."""
        connection = HTTPConnection(urlsplit(self.running.state["gateway"]).netloc, timeout=120)
        sent = {
            "Authorization": f"Bearer {self.running.state['api_key']}",
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, sent)
            response = connection.getresponse()
            content = response.read()
            return response.status, json.loads(content) if content else None
        finally:
            connection.close()


def check_events(storm: Storm, sent: Weather) -> None:
    """Holds the tables against a calm run, and against a plain count."""
    calm = Pipeline(
        retention_days=int(storm.running.state["parameters"]["RetentionDays"]),
        policy=SoftBouncePolicy(5, 180),
    )
    calm.log.append(sent.events)
    calm.deliver()
    storm.expect("the log", _log(storm.items("Trails")), _log(calm.db.items("Trails")))
    found = check_same(storm, calm.tables())
    truth = expect(sent.events)
    keys: dict[tuple[str, str], set[str]] = defaultdict(set)
    for event in events_in(storm.items("Trails")):
        keys[event.participant_id, event.message_id].add(event.key)
    storm.expect("events, by a plain count", keys, truth.events)
    counted = {name: figures(counters) for name, counters in found["communications"].items()}
    for name, counts in truth.communications.items():
        mine = {counter: counted.get(name, {}).get(counter) for counter in counts}
        storm.expect(f"{name}, by a plain count", mine, dict(counts))
        status, answer = storm.call("GET", f"/v1/communications/{name}")
        told = {counter: (answer or {}).get(counter) for counter in counts}
        storm.expect(f"{name}, over HTTP ({status})", told, dict(counts))
    days = {day: day_figures(counters) for day, counters in found["days"].items()}
    for day, counts in truth.days.items():
        mine = days.get(day, dict.fromkeys(counts, 0))
        storm.expect(f"the day {day}, by a plain count", mine, dict(counts))
    for who, message_id in itertools.islice(truth.messages, 50):
        _, answer = storm.call("GET", f"/v1/participants/{who}/messages/{message_id}")
        expected = {
            name: value
            for name, value in truth.messages[who, message_id].items()
            if name not in ("is_bounced", "links")
        }
        storm.expect(f"message {message_id}", {name: answer[name] for name in expected}, expected)
    suppressed = {
        item["address"]: (item["reason"], item["since"])
        for item in found["Suppressions"]
        if "reason" in item
    }
    storm.expect("suppressions, by a plain count", suppressed, truth.suppressed)
    people = [
        participant_from_item(item) for item in found["Participants"] if item["part"] == "profile"
    ]
    chosen = {
        each.participant_id: not each.gets_communications_at(None)
        for each in people
        if each.subscription_change
    }
    storm.expect("subscriptions, by a plain count", chosen, truth.unsubscribed)


def check_published(storm: Storm, to: Receiver) -> set[str]:
    """Holds what a webhook's receiver has against the log: all of it, and besides only hits and
    choices in whose slots others are now. Returns the ids of what it has.
    """
    told = {each["data"]["event_id"]: each["type"] for each in to.taken.values()}
    logged = {Notice(event, "").event_id for event in events_in(storm.items("Trails"))}
    storm.expect("events that were not published", sorted(logged - told.keys()), [])
    more = {told[each] for each in told.keys() - logged}
    storm.expect("what was published and is not in the log", more - _SLOTTED, set())
    storm.expect("requests that no secret signed", to.forged, 0)
    storm.chaos.done["notices published"] = len(to.taken)
    storm.chaos.done["… sent again"] = len(to.ids) - len(to.taken)
    return set(to.taken)


def hook(storm: Storm, to: Receiver) -> None:
    """Makes a webhook that leads to a receiver."""
    running = storm.running
    settings = running.resources.functions()["ApiFunction"].environment
    given = {"WEBHOOK_ALLOWED_NETWORKS": "127.0.0.1/32"}
    variables = {**settings, **running.endpoints.environment(), **given}
    store = Wiring(logging.getLogger(), variables).webhooks
    _, secret = store.create(to.url, by=Actor("key", "storm"))
    to.secrets.append(secret)


def check_same(storm: Storm, wanted: dict[str, Any]) -> dict[str, Any]:
    """Holds what readers see, which is returned, against what they should see."""
    found = what_readers_see(storm.items)
    for what in ("Messages", "Participants", "Suppressions", "about"):
        storm.expect(what, _by_key(found[what]), _by_key(wanted[what]))
    storm.expect("the figures of communications", found["communications"], wanted["communications"])
    storm.expect("the figures of days", found["days"], wanted["days"])
    return found


def check_queues(storm: Storm, malformed: Sequence[str]) -> None:
    """Holds the dead-letter queues against what nobody can read."""
    storm.expect("the dead-letter queue of ingest", storm.bodies("ingest_dlq"), Counter(malformed))
    for queue in ("dispatch_dlq", "projections_dlq", "deliveries_dlq"):
        storm.expect(f"the queue {queue}", storm.bodies(queue), Counter())


def _by_key(items: Sequence[Item | Message]) -> dict[tuple[Any, ...], Item | Message]:
    names = ("participant_id", "part", "communication_id", "address")
    return {
        (item.participant_id, item.message_id)
        if isinstance(item, Message)
        else tuple(item.get(name) for name in names): item
        for item in items
    }


def _log(items: Sequence[Item]) -> dict[tuple[str, str], Item]:
    """All of the log, but for what depends on how often a row was written."""
    return {
        (item["trail"], item["entry"]): {
            name: value for name, value in item.items() if name not in _COUNTED_BY_WRITES
        }
        for item in items
        if item["trail"] != EPOCH_ID
    }


def _tens(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), 10):
        yield texts[start : start + 10]


@contextmanager
def storms(options: argparse.Namespace) -> Iterator[Storm]:
    """A stack over DynamoDB Local with everything that spoils it, which does not rage yet."""
    chaos = Chaos(random.Random(options.seed))
    killer = Killer(chaos, options.kills)
    redelivering = Redelivering(chaos, killer, options.redeliver)
    with dynamodb_local() as url, Between(url, SpoiltDatabase(chaos, options.faults)) as between:

        def theirs(aws: str) -> Endpoints:
            return Endpoints(aws, between.url)

        wanted = Options(
            port=0, aws_port=0, dynamodb=url, parameters={"InDoubtSeconds": str(options.doubt)}
        )
        with parts(wanted, endpoints_of=theirs, poller=redelivering) as running:
            spoilt = theirs(running.endpoints.aws)
            # By the same settings: who goes by the epochs of another time counts for another time.
            settings = spoilt.environment() | IMPATIENT
            again = Functions(running.resources.functions(), settings, "again-")
            redelivering.functions, redelivering.others = running.functions, again
            try:
                yield Storm(running, chaos, spoilt, redelivering)
            finally:
                again.stop()


def main() -> int:
    """Runs a storm; the process's exit status."""
    options = _options()
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    sent = weather(options.records, options.seed)
    print(
        f"{sent.records} records with {len(sent.events)} different events, "
        f"{len(sent.malformed)} of them malformed; seed {options.seed}",
        flush=True,
    )
    with storms(options) as storm, receiver() as to:
        hook(storm, to)

        def publish_and_rebuild() -> None:
            before, after = sent.halves()
            storm.publish(before)
            storm.wait_until_quiet()  # so that there is something to be made anew
            with ThreadPoolExecutor(1) as other:
                rebuilding = other.submit(rebuild, storm, options.wait)
                storm.publish(after)
                rebuilding.result()

        storm.phase("events, and a rebuild while they arrive", publish_and_rebuild)
        check_events(storm, sent)
        check_queues(storm, sent.malformed)
        check_published(storm, to)
        letters = Letters(storm, options.letters)
        letters.prepare()
        storm.phase("letters", letters.send)
        letters.check()
        check_queues(storm, [])
        before, published = what_readers_see(storm.items), check_published(storm, to)
        drop(storm)
        storm.phase("a rebuild after all was dropped", lambda: rebuild(storm, 0))
        check_same(storm, before)
        letters.check()
        check_queues(storm, [])
        storm.expect("what a rebuild published", check_published(storm, to), published)
        done = storm.chaos.done + Counter(
            {f"failed invocations of {name}": n for name, n in storm.redelivering.failures.items()}
        )
        for what, number in sorted(done.items()):
            print(f"{number:10,}  {what}")
        for what in storm.wrong:
            print(f"WRONG: {what}")
    print("wrong" if storm.wrong else "exact")
    return 1 if storm.wrong else 0


def rebuild(storm: Storm, wait: float) -> None:
    """Makes the tables anew from the log, through a database that is spoilt."""
    state, endpoints = storm.running.state, storm.running.endpoints
    session = boto3.Session(
        region_name=state["region"], aws_access_key_id="local", aws_secret_access_key="local"
    )
    dynamodb = {"dynamodb": endpoints.dynamodb or endpoints.aws}
    done = cli.rebuild(
        Target(session, state["resources"], state["parameters"], dynamodb),
        wait=wait,
        database=DynamoDB(storm.spoilt.environment(), retry_policy=RetryPolicy(attempts=20)),
        report=lambda text: print(f"  {text}", flush=True),
    ).done
    storm.chaos.note("messages rebuilt from the log", done["rebuilt"])


def drop(storm: Storm) -> None:
    """Deletes whatever is not the log, and what was judged of hits from messages' rows."""
    database = storm.running.endpoints.client("dynamodb")
    names = {f"#{name}": name for name in _JUDGED}
    for item in filter(is_row, storm.items("Trails")):
        database.update_item(
            TableName=storm.running.state["tables"]["Trails"],
            Key=to_attributes({key: item[key] for key in ("trail", "entry")}),
            UpdateExpression="REMOVE " + ", ".join(names),
            ExpressionAttributeNames=names,
        )
    storm.wait_until_quiet()
    for table, keys in _KEYS.items():
        name = storm.running.state["tables"][table]
        for item in storm.items(table):
            key = to_attributes({key: item[key] for key in keys})
            database.delete_item(TableName=name, Key=key)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Everything goes wrong, and the figures are right")
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--letters", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=float, default=0.05, help="share of requests to DynamoDB")
    parser.add_argument("--redeliver", type=float, default=0.4, help="after that share of batches")
    parser.add_argument("--kills", type=float, default=0.15, help="in that share of invocations")
    parser.add_argument("--doubt", type=int, default=40, help="seconds, of a letter's fate")
    parser.add_argument("--wait", type=float, default=65, help="seconds a batch may take, at most")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
