"""The demo: a year of a small organisation's mail, and what it sends today.

The past comes from other systems: as SES's notifications, through the topic. Today's mail goes
through the API, with the keys of two who work there, and is read by simulated people.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from local.aws import Endpoints
from local.members import SILENT_FOR
from local.paths import STACK_FILE
from local.people import People
from local.progress import Tell, progress
from local.society import Office
from local.year import notifications
from sendtrail.auth.api_keys import Scope, new_key
from sendtrail.auth.secret_changes import change_secret
from sendtrail.aws.secrets import Secrets
from sendtrail.domain.times import now

__all__ = ["notifications", "play"]

_STAFF: Final = {"Front office": Scope.ADMIN, "Editors": Scope.SEND}
"""Who works at the society: the name of their API key, and its scope."""
_BACKLOG: Final = 200
"""How many notifications are published at a time: moto's queues are slow when they are long."""


def play(state: dict[str, Any], idle: Callable[[], bool]) -> None:
    """Plays the past and today on the running stack, and waits until all of it has been projected.

    Args:
        state: what the stack says of itself.
        idle: whether the stack has nothing more to do.
    """
    try:
        _play(state, idle)
    except Exception as error:
        if STACK_FILE.exists():
            raise
        # The stack was stopped in the middle of it: this thread ends, and says nothing.
        raise SystemExit from error


def _play(state: dict[str, Any], idle: Callable[[], bool]) -> None:
    started = time.monotonic()
    endpoints = Endpoints(state["aws_endpoint"], state["dynamodb_endpoint"])
    print(
        "Playing a year of a small organisation's mail, and sending today's: this takes two to\n"
        "three minutes. The console can be looked at meanwhile.",
        flush=True,
    )
    with progress("A year of mail") as tell:
        count = _play_the_past(state, endpoints, idle, tell)
    print(f"  {count:,} notifications of SES in {time.monotonic() - started:.0f} s", flush=True)
    office = Office(state["gateway"], *_keys(state, endpoints))
    people = People(state["outbox"], state["gateway"], office.interests)
    office.keep_records()
    office.put_templates()
    _sweep(endpoints.client("sqs"), state["sweep_queue_url"])
    office.send_directly()
    office.send_raffle()
    with progress("The invitation") as tell:
        people.read(idle, office.send_invitation(), tell)
    with progress("The newsletter") as tell:
        people.read(idle, office.send_newsletter(), tell)
    _report(office, people)
    print(
        f"  All of it took {time.monotonic() - started:.0f} s. Look at {state['gateway']}/console, "
        f"with the API key\n  {state['api_key']}",
        flush=True,
    )


def _play_the_past(
    state: dict[str, Any], endpoints: Endpoints, idle: Callable[[], bool], tell: Tell
) -> int:
    """Publishes the year to the topic, and waits until it is projected; how much it was."""
    sns, sqs = endpoints.client("sns"), endpoints.client("sqs")
    played = list(notifications(datetime.now(UTC)))
    for start in range(0, len(played), 10):
        sns.publish_batch(
            TopicArn=state["topic_arn"],
            PublishBatchRequestEntries=[
                {"Id": str(number), "Message": json.dumps(each)}
                for number, each in enumerate(played[start : start + 10])
            ],
        )
        tell(start, len(played))
        if start % _BACKLOG == 0:
            _wait_until_taken(sqs, state["ingest_queue_url"])
    _wait_until_taken(sqs, state["ingest_queue_url"])
    while not idle():
        time.sleep(0.2)
    return len(played)


def _keys(state: dict[str, Any], endpoints: Endpoints) -> list[str]:
    """API keys of those who work at the society, by the order of `_STAFF`."""
    made = [new_key(scope, name, now()) for name, scope in _STAFF.items()]

    def with_them(content: dict[str, Any]) -> dict[str, Any]:
        return {**content, "keys": [*content["keys"], *(entry for _, entry in made)]}

    change_secret(Secrets(endpoints.environment()), state["api_keys_secret"], with_them)
    return [key for key, _ in made]


def _sweep(sqs: Any, url: str) -> None:
    """Has those found who have been silent for years, as the schedule does daily in AWS."""
    silent_since = datetime.now(UTC) - SILENT_FOR
    order = {"since": f"{silent_since - timedelta(days=1):%Y-%m-%d}"}
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(order))
    _wait_until_taken(sqs, url)


def _wait_until_taken(sqs: Any, queue_url: str) -> None:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    while True:
        counts = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
        if not any(int(counts[name]) for name in names):
            return
        time.sleep(0.1)


def _report(office: Office, people: People) -> None:
    """Says what became of today's mailings, and what their readers did."""
    for sent in reversed(office.call("GET", "/communications?limit=3")["items"]):
        print(
            f"  {sent['name']}: {sent['recipients']} recipients, {sent['dropped']} dropped, "
            f"{sent['delivered']} delivered, {sent['human_opened']} opened, "
            f"{sent['human_clicked']} clicked, {sent['bounced']} bounced, "
            f"{sent['spammed']} marked as spam, {sent['unsubscribed']} unsubscribed"
        )
    did = ", ".join(f"{count} {name}" for name, count in people.counts.most_common())
    print(f"  Over HTTP: {did}", flush=True)
