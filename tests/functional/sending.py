"""Sending as the tests drive it: the API takes, the queue is emptied into dispatch, and the mailbox
simulator's answers go through ingest and the folds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.request import Request, urlopen

from local.mailboxes import OUTBOX, Mailboxes
from tests.functional.world import Api, World

__all__ = ["NEWS", "Post", "answered", "outbox", "people"]

NEWS: Final = {
    "subject": "News for {{ name }}",
    "html": (
        '<html><body><p>Dear {{ name }},</p><p>read <a href="https://society.example/a?x=1&amp;y=2">'
        "what we did this year</a>, and <a href='mailto:us@society.example'>write to us</a>. There "
        "is a lot to tell, and we hope to see you soon at one of our evenings.</p>"
        '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>'
    ),
}


def people(*addresses: str, **data: Any) -> list[dict[str, Any]]:
    """Recipients p0, p1, … of these addresses."""
    return [
        {"participant_id": f"p{number}", "address": address, "data": {"name": f"N{number}"} | data}
        for number, address in enumerate(addresses)
    ]


class Post:
    """A caller who sends, and everything behind them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.api = Api(world)
        resources = world.backend.resources
        self.queues = [resources.physical[name, ""] for name in ("DirectQueue", "DispatchQueue")]
        self._ingest = resources.physical["IngestQueue", ""]
        self._hits = resources.physical["HitsQueue", ""]
        self._sqs = world.backend.endpoints.client("sqs")
        topic, sets = resources.physical["SesTopic", ""], resources.configuration_sets()
        self._mailboxes = Mailboxes(world.backend.endpoints, topic, sets)

    def send(self, **draft: Any) -> dict[str, Any]:
        """Posts a communication; its answer."""
        answer = self.api("/v1/communications", "POST", {"name": "News", **draft})
        assert answer["statusCode"] == 202, answer
        said: dict[str, Any] = answer["json"]
        return said

    def jobs(self) -> list[dict[str, Any]]:
        """Takes what is in the dispatch queues, as records."""
        return [record for queue in self.queues for record in self.received(queue)]

    def dispatch(self) -> None:
        """Has dispatch do what is in its queues, until they are empty."""
        while records := self.jobs():
            for start in range(0, len(records), 10):
                answer = self.world.call("dispatch", {"Records": records[start : start + 10]})
                assert answer == {"batchItemFailures": []}, answer

    def answer(self, *, hits: bool = True) -> None:
        """Has the mailboxes answer what SES took, and folds what they say.

        Args:
            hits: whether to take what is in the hits queue, too.
        """
        self._mailboxes.answer()
        queues = [self._ingest, self._hits] if hits else [self._ingest]
        records = [record for queue in queues for record in self.received(queue)]
        for start in range(0, len(records), 100):
            answer = self.world.call("ingest", {"Records": records[start : start + 100]})
            assert answer == {"batchItemFailures": []}, answer
        self.world.fold()

    def run(self) -> None:
        """Everything, to its end."""
        self.dispatch()
        self.answer()

    def received(self, url: str) -> Iterator[dict[str, Any]]:
        """Takes what is in a queue, as records."""
        name = url.rpartition("/")[2]
        while True:
            found = self._sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]
            ).get("Messages", [])
            if not found:
                return
            for message in found:
                handle = message["ReceiptHandle"]
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
                yield {
                    "messageId": message["MessageId"],
                    "receiptHandle": handle,
                    "body": message["Body"],
                    "attributes": message["Attributes"],
                    "messageAttributes": {},
                    "eventSource": "aws:sqs",
                    "eventSourceARN": f"arn:aws:sqs:eu-west-1:123456789012:{name}",
                    "awsRegion": "eu-west-1",
                }


def outbox(world: World) -> list[dict[str, Any]]:
    """Every mail that SES took, since the world was made."""
    mails: list[dict[str, Any]] = []
    while True:
        after = mails[-1]["number"] if mails else 0
        with urlopen(f"{world.backend.endpoints.aws}{OUTBOX}?after={after}") as answer:
            found = json.load(answer)["mails"]
        if not found:
            return mails
        mails += found


@contextmanager
def answered(world: World, *faults: dict[str, Any]) -> Iterator[None]:
    """SES answers the next calls so, one each."""
    url = f"{world.backend.endpoints.aws}/_sendtrail/faults"
    body = json.dumps({"send": list(faults)}).encode()
    urlopen(Request(url, data=body, method="PUT")).close()
    yield
