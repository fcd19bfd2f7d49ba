"""What publishing costs: requests and dollars for a million events, to one webhook with ids alone,
and to a bus.

    python -m benchmarks.publish

The events of a mailing go through the publisher's own code in stream batches of so many; requests
to SQS and EventBridge are counted where they would leave, and jobs are what they are. Modelled are
the batches of a stream, and how long a receiver takes. Off, nothing of it is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.prices import PRICES
from sendtrail.aws.eventbridge import EventBridge
from sendtrail.aws.sqs import Sqs
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.ids import new_message_id
from sendtrail.domain.times import from_epoch_ms
from sendtrail.publishing.event_bus import EventBus
from sendtrail.publishing.jobs import JobQueue, in_jobs
from sendtrail.publishing.notices import notices_of

EVENTS: Final = 30_000
IN_A_BATCH: Final = 100
"""Records of a stream's batch with something new: a mailing's come by the hundred."""
RECEIVER_MS: Final = 60
"""That a receiver takes, TLS included; events of a job are sent one after another."""
PUBLISH_MS: Final = 60
"""Of a batch."""
BUS_EVENT: Final = 1.0 / 1e6
"""Each 64 KB, in N. Virginia (https://aws.amazon.com/eventbridge/pricing/) and most regions."""
_GIB: Final = 0.5
_ENVIRONMENT: Final = {"AWS_REGION": "eu-west-1"}


class CountedSqs(Sqs):
    """SQS that takes everything, and counts."""

    requests = 0

    def send_grouped(
        self,
        queue_url: str,  # noqa: ARG002
        messages: Sequence[tuple[str, str]],
        *,
        delay_seconds: int = 0,  # noqa: ARG002
    ) -> None:
        """Counts what is charged: each 64 KB of a request."""
        size = sum(len(body.encode()) for _, body in messages)
        self.requests += -(-size // 65_536)


class CountedBus(EventBridge):
    """EventBridge that takes everything, and counts."""

    events = 0

    def put(self, entries: Sequence[Mapping[str, Any]]) -> list[str | None]:
        """Counts what is charged: each 64 KB of an entry."""
        self.events += sum(-(-len(each["Detail"].encode()) // 65_536) for each in entries)
        return [None] * len(entries)


def mailing(count: int) -> list[Event]:
    """So many events of messages: accepted, sent, delivered."""
    kinds = (EventType.ACCEPTED, EventType.SEND, EventType.DELIVERY)
    start = 1_795_000_000_000
    found = []
    for number in range(count // len(kinds)):
        at = from_epoch_ms(start + number)
        to = Recipient(new_message_id(at), f"member-{number}", "news", f"a{number}@example.com")
        detail = {"smtp_response": "250 2.0.0 OK 1700000000 ak3si1234567wjc.42 - gsmtp"}
        found += [
            Event.of_sending(kind, to, at, kind="newsletter", subject="News", detail=detail)
            for kind in kinds
        ]
    return found


def main() -> None:
    """Prints both."""
    sqs, client = CountedSqs(_ENVIRONMENT), CountedBus(_ENVIRONMENT)
    queue, bus = JobQueue(sqs, "queue"), EventBus(client, "bus")
    events = mailing(EVENTS)
    jobs = batches = 0
    for start in range(0, len(events), IN_A_BATCH):
        notices = [
            each for event in events[start : start + IN_A_BATCH] for each in notices_of(event)
        ]
        mine = in_jobs("1", [notice.outgoing(full=False) for notice in notices])
        queue.put(mine)
        bus.put([notice.outgoing(full=True) for notice in notices])
        jobs += len(mine)
        batches += 1
    million = 1e6 / len(events)
    calls = jobs / 10
    publishing = {
        "Lambda calls": batches * PRICES["lambda call"].usd,
        "Lambda time": _seconds(batches * PUBLISH_MS),
    }
    webhook = {
        "SQS": (sqs.requests + 2 * calls) * PRICES["sqs request"].usd,  # sent, received, deleted
        "DynamoDB writes": len(events) * PRICES["dynamodb write unit"].usd,  # an outcome each
        "DynamoDB reads": (calls + batches) * PRICES["dynamodb read unit"].usd,
        "Lambda calls": calls * PRICES["lambda call"].usd,
        "Lambda time": _seconds(len(events) * RECEIVER_MS),
    }
    _table("a webhook", _sum(publishing, webhook), million)
    _table("a bus", _sum(publishing, {"EventBridge": client.events * BUS_EVENT}), million)


def _seconds(milliseconds: float) -> float:
    return milliseconds / 1000 * _GIB * PRICES["lambda GB-second arm64"].usd


def _sum(*parts: Mapping[str, float]) -> dict[str, float]:
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: sum(part.get(name, 0) for part in parts) for name in names}


def _table(title: str, dollars: Mapping[str, float], million: float) -> None:
    print(f"| a million events to {title} | dollars |\n| --- | ---: |")
    for name, value in dollars.items():
        print(f"| {name} | {value * million:.3g} |")
    print(f"| sum | {sum(dollars.values()) * million:.3g} |\n")


if __name__ == "__main__":
    main()
