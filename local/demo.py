"""A year of a small organisation's mail, played as real SES notifications through the topic.

Three hundred members, a newsletter a month, invoices, and what another system sends without tags.
It comes as it comes in life: one in ten notifications twice, all in disorder, some hours late.
The same every time but for the dates, which end today.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from local.aws import Endpoints
from local.notifications import Json, Mail
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.times import Timestamp, parse

__all__ = ["notifications", "play"]

_BACKLOG: Final = 200
"""How many notifications are published at a time: moto's queues are slow when they are long."""
_MEMBERS: Final = 300
_MONTHS: Final = 12
_FIRST: Final = (
    "Ada",
    "Ben",
    "Cleo",
    "Dirk",
    "Eva",
    "Finn",
    "Gita",
    "Hugo",
    "Iris",
    "Jan",
    "Kai",
    "Lea",
)
_LAST: Final = (
    "Jansen",
    "Meyer",
    "Rossi",
    "Silva",
    "Novak",
    "Dubois",
    "Larsen",
    "Kaya",
    "Costa",
    "Weber",
)
_DOMAINS: Final = (
    ("gmail.com", 38), ("outlook.com", 16), ("hotmail.com", 8), ("icloud.com", 12),
    ("yahoo.com", 8), ("gmx.de", 6), ("proton.me", 4), ("society.example", 8),
)  # fmt: skip
_THEMES: Final = (
    "Winter programme", "New year, new plans", "Spring is coming", "Annual report",
    "Volunteers wanted", "Summer festival", "Thank you for your gift", "Back from the holidays",
    "Autumn walks", "Members' evening", "Your opinion counts", "The year in pictures",
)  # fmt: skip
_LINKS: Final = (
    "https://society.example/news?utm_source=newsletter&utm_medium=email",
    "https://society.example/calendar",
    "https://society.example/donate?campaign=year%20end",
    "https://society.example/volunteer#how",
)
_AGENTS: Final = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Thunderbird/128.2.0",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36",
)
_GMAIL: Final = (
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
)
_YAHOO: Final = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
_APPLE: Final = "Mozilla/5.0"
_SCANNER: Final = "Mozilla/5.0 (compatible; Barracuda Link Protection)"


@dataclass
class _Member:
    participant_id: str
    address: str
    joined: int
    interest: float
    gone: bool = False
    """Bounced for good, complained or unsubscribed: not mailed any more."""


def play(state: dict[str, Any], idle: Callable[[], bool]) -> None:
    """Publishes the year to the running stack's topic, and waits until it has been folded.

    Args:
        idle: whether the stack has nothing more to do.
    """
    started = time.monotonic()
    print("Playing a year of a small organisation's mail …", flush=True)
    endpoints = Endpoints(state["aws_endpoint"], state["dynamodb_endpoint"])
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
        if start % _BACKLOG == 0:
            _wait_until_taken(sqs, state["ingest_queue_url"])
    _wait_until_taken(sqs, state["ingest_queue_url"])
    while not idle():
        time.sleep(0.2)
    print(
        f"  {len(played)} notifications in {time.monotonic() - started:.0f} seconds; look at\n"
        f"  curl -H 'Authorization: Bearer {state['api_key']}' "
        f"{state['gateway']}/v1/participants/member-0042/messages",
        flush=True,
    )


def _wait_until_taken(sqs: Any, queue_url: str) -> None:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    while True:
        counts = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
        if not any(int(counts[name]) for name in names):
            return
        time.sleep(0.1)


def notifications(until: datetime) -> Iterator[Json]:
    """The year before `until`, in the order in which it arrives."""
    chance = random.Random(2026)
    members = _members(chance)
    arriving: list[tuple[float, int, Json]] = []
    for event in _year(chance, members, until):
        if _happened(event) > until.timestamp():
            continue
        times = 2 if chance.random() < 0.1 else 1
        for _ in range(times):
            late = chance.choice((0, 0, 0, 30, 600, 6 * 3600))
            arriving.append((_happened(event) + late, len(arriving), event))
    arriving.sort(key=lambda entry: entry[:2])
    yield from (event for _, _, event in arriving)


def _members(chance: random.Random) -> list[_Member]:
    domains, weights = zip(*_DOMAINS, strict=True)
    members = []
    for number in range(1, _MEMBERS + 1):
        first, last = chance.choice(_FIRST), chance.choice(_LAST)
        domain = chance.choices(domains, weights)[0]
        members.append(
            _Member(
                participant_id=f"member-{number:04}",
                address=f"{first}.{last}.{number}@{domain}",
                joined=0 if number <= 220 else chance.randrange(1, _MONTHS),
                interest=chance.betavariate(1.6, 2.0),
            )
        )
    members[41].interest = 0.97
    members[41].joined = 0
    return members


def _year(chance: random.Random, members: list[_Member], until: datetime) -> Iterable[Json]:
    for month in range(_MONTHS):
        sent = until - timedelta(days=30 * (_MONTHS - 1 - month) + 1, hours=chance.randrange(8))
        name = f"newsletter-{sent:%Y-%m-%d}"
        for number, member in enumerate(members):
            if member.joined > month or member.gone:
                continue
            at = sent + timedelta(seconds=number * 0.2)
            yield from _newsletter(chance, member, name, _THEMES[month], at)
            if chance.random() < 0.07:
                yield from _invoice(chance, member, at + timedelta(days=3))
        for member in chance.sample(members, 6):
            yield from _untagged(chance, member, sent + timedelta(days=9))


def _newsletter(
    chance: random.Random, member: _Member, name: str, subject: str, at: datetime
) -> Iterable[Json]:
    mail = _mail(chance, member, at, subject, {"communication_id": name, "kind": "newsletter"})
    yield mail.send()
    fate = chance.random()
    if fate < 0.006:
        member.gone = True
        yield mail.bounce(_after(at, 3))
        return
    if fate < 0.014:
        refused = {"status": "5.7.1", "diagnostic": "smtp; 550 5.7.1 message refused by policy"}
        yield mail.bounce(_after(at, 2), "Transient", "ContentRejected", **refused)
        return
    if fate < 0.022:
        yield mail.delay(_after(at, 60))
        full = {"status": "5.2.2", "diagnostic": "smtp; 552 5.2.2 mailbox full"}
        yield mail.bounce(_after(at, 14 * 3600), "Transient", "MailboxFull", **full)
        return
    if fate < 0.030:
        yield mail.delay(_after(at, 60), "TransientCommunicationFailure")
    yield mail.delivery(_after(at, 4 + chance.random() * 5))
    if chance.random() < 0.02:
        reply = {"status": None, "diagnostic": None}
        yield mail.bounce(_after(at, 30), "Transient", "General", **reply)
    if member.address.endswith("society.example"):
        for link in _LINKS:
            yield mail.click(_after(at, 1.5), link, _SCANNER, "198.51.100.7")
    if member.address.endswith("icloud.com"):
        yield mail.open(_after(at, 20 + chance.random() * 600), _APPLE, "203.0.113.5")
    if chance.random() < member.interest:
        yield from _read(chance, member, mail, at)


def _read(chance: random.Random, member: _Member, mail: Mail, at: datetime) -> Iterable[Json]:
    agent = _agent(chance, member)
    seconds = 60 + chance.expovariate(1 / (9 * 3600))
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        yield mail.open(_after(at, seconds), agent)
        seconds += 60 + chance.expovariate(1 / (20 * 3600))
    if chance.random() < 0.35:
        for link in chance.sample(_LINKS, chance.choice((1, 1, 2))):
            yield mail.click(_after(at, seconds), link, chance.choice(_AGENTS))
            seconds += 40
    if chance.random() < 0.004:
        member.gone = True
        yield mail.complaint(_after(at, seconds))
    elif chance.random() < 0.01:
        member.gone = True
        yield mail.subscription(_after(at, seconds), unsubscribed=True)


def _invoice(chance: random.Random, member: _Member, at: datetime) -> Iterable[Json]:
    mail = _mail(chance, member, at, "Your invoice", {"kind": "invoice"})
    yield mail.send()
    yield mail.delivery(_after(at, 3))


def _untagged(chance: random.Random, member: _Member, at: datetime) -> Iterable[Json]:
    mail = Mail(
        _ses_id(chance), _time(at), [member.address], "Your booking", "shop@society.example"
    )
    yield mail.send()
    yield mail.delivery(_after(at, 5))
    if chance.random() < member.interest:
        yield mail.open(_after(at, 900), _agent(chance, member))


def _mail(
    chance: random.Random, member: _Member, at: datetime, subject: str, tags: dict[str, str]
) -> Mail:
    ses_id = _ses_id(chance)
    own = {
        "participant_id": member.participant_id,
        "message_id": derived_message_id(_time(at), ses_id, member.address),
    }
    return Mail(
        ses_id, _time(at + timedelta(milliseconds=400)), [member.address], subject, tags=own | tags
    )


def _agent(chance: random.Random, member: _Member) -> str:
    if member.address.endswith("gmail.com"):
        return _GMAIL
    if member.address.endswith("yahoo.com"):
        return _YAHOO
    return chance.choice(_AGENTS)


def _ses_id(chance: random.Random) -> str:
    return f"0102019{chance.getrandbits(100):025x}-{chance.getrandbits(48):012x}-000000"


def _time(at: datetime) -> Timestamp:
    return parse(at.isoformat())


def _after(at: datetime, seconds: float) -> Timestamp:
    return _time(at + timedelta(seconds=seconds))


def _happened(event: Json) -> float:
    body: Json = next((event[name] for name in event if name not in ("eventType", "mail")), {})
    at = body.get("timestamp") or event["mail"]["timestamp"]
    return datetime.fromisoformat(at).timestamp()
