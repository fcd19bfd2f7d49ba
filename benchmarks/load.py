"""The honest load: an organisation's mailings, and what becomes of each message. By itself it
measures nothing.

Ten mailings, a month apart, to the same members at eight mailbox providers; six links in each. Of
the messages 0.45 are opened by a reader, a third of those twice, and 0.1 have a link followed; half
of that comes within three hours, some after weeks. One in a hundred is opened by a scanner that
follows all links within two seconds. Some bounce, some complain, some unsubscribe: a newcomer takes
their place.
The same every time.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from local.members import APPLE_PROXY, BROWSERS, image_agent_of
from local.notifications import Json, Mail
from sendtrail.domain.times import from_epoch_ms

MAILINGS: Final = 10
"""To each member: profile and address are there already in nine of ten."""
MONTH: Final = 30.4 * 24 * 3600
START: Final = 2_524_982_400.0
"""When the first goes out: in 2050, so that DynamoDB Local, by its own clock, expires nothing."""
LINKS: Final = tuple(
    f"https://society.example/{path}?utm_source=newsletter&utm_medium=email"
    for path in ("news", "calendar", "evenings/2026-12-04", "volunteer", "donate", "members")
)
_DOMAINS: Final = {
    "gmail.com": 36,
    "outlook.com": 19,
    "icloud.com": 13,
    "yahoo.com": 11,
    "gmx.de": 8,
    "web.de": 6,
    "proton.me": 3,
    "northern-power.example": 4,
}
_SCANNED: Final = "northern-power.example"
_SCANNER: Final = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
_SUMMARY: Final = (
    "This month we met three times, planted forty trees along the canal, and found a new room for "
    "the library. Here is what comes next, who is looking for help, and where your gifts went. "
)


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who gets the mailings."""

    number: int
    address: str
    interest: float

    @property
    def participant_id(self) -> str:
        """Theirs."""
        return f"member-{self.number:06}"


Kind = Literal[
    "delivery", "delay", "bounce", "refusal", "complaint", "unsubscribe", "open", "click"
]


@dataclass(frozen=True, slots=True)
class Happening:
    """What becomes of a message, some seconds after it was sent.

    Attributes:
        link: which, of a click.
    """

    after: float
    kind: Kind
    link: int = 0
    agent: str = ""
    ip: str = ""


class Load:
    """All of it.

    Attributes:
        done: what the figures must say in the end, by the names of their counters.
    """

    def __init__(self, messages: int) -> None:
        """So many messages; who has gone is followed by a newcomer."""
        self._draw = random.Random(50)
        self._joined = 0
        self._members = [self._newcomer() for _ in range(max(8, messages // MAILINGS))]
        self.done: Counter[str] = Counter()

    def _newcomer(self) -> Member:
        (domain,) = self._draw.choices([*_DOMAINS], [*_DOMAINS.values()])
        self._joined += 1
        address = f"first.last.{self._joined}@{domain}"
        return Member(self._joined, address, self._draw.uniform(0.05, 0.85))

    def mailing(self, number: int) -> tuple[float, list[Member]]:
        """When it goes out, and to whom."""
        return START + number * MONTH, list(self._members)

    def fate(self, mailing: int, member: Member) -> list[Happening]:
        """What becomes of one of its messages that was sent, in the order of time."""
        found = sorted(self._fate(random.Random(f"{mailing}/{member.number}"), member), key=_when)
        kinds = Counter(happening.kind for happening in found)
        self.done.update(sent=1, delivered=kinds["delivery"], opens=kinds["open"])
        self.done.update(
            clicks=kinds["click"], opened=kinds["open"] > 0, clicked=kinds["click"] > 0
        )
        self.done.update(bounced=kinds["bounce"] + kinds["refusal"], spammed=kinds["complaint"])
        self.done.update(delayed=kinds["delay"], unsubscribed=kinds["unsubscribe"])
        if kinds["bounce"] or kinds["complaint"] or kinds["unsubscribe"]:
            self._members[self._members.index(member)] = self._newcomer()
        return found

    @staticmethod
    def _fate(draw: random.Random, member: Member) -> Iterator[Happening]:
        arrived, fate = 2 + draw.expovariate(1 / 3), draw.random()
        if fate < 0.016:
            yield Happening(arrived, "bounce" if fate < 0.006 else "refusal")
            return
        if fate < 0.026:
            yield Happening(arrived, "delay")
            arrived += 900
        yield Happening(arrived, "delivery")
        if member.address.endswith(_SCANNED) and draw.random() < 0.25:
            at = arrived + draw.uniform(20, 60)
            yield Happening(at, "open", 0, _SCANNER, "198.51.100.7")
            for link in range(len(LINKS)):
                yield Happening(at + 0.2 + link * 0.3, "click", link, _SCANNER, "198.51.100.7")
        apple = member.address.endswith("icloud.com")
        agent = APPLE_PROXY if apple else image_agent_of(member.address)
        ip = f"203.0.113.{member.number % 250}"
        ages = [
            arrived + min(max(60, draw.lognormvariate(math.log(3 * 3600), 2)), MONTH)
            for _ in range(2)
        ]
        if draw.random() < member.interest:
            yield Happening(ages[0], "open", 0, agent, ip)
            if draw.random() < 1 / 3:
                yield Happening(ages[0] + ages[1], "open", 0, agent, ip)
            if draw.random() < 0.1 / 0.45:
                link, browser = draw.randrange(len(LINKS)), BROWSERS[member.number % len(BROWSERS)]
                yield Happening(ages[0] + draw.uniform(5, 90), "click", link, browser, ip)
            turned = draw.random()
            if turned < 0.01:
                kind: Kind = "complaint" if turned < 0.002 else "unsubscribe"
                yield Happening(ages[0] + 120, kind)


def _when(happening: Happening) -> float:
    return happening.after


def event_of(mail: Mail, happening: Happening, at: float) -> Json:
    """What SES publishes of it."""
    when = from_epoch_ms(int(at * 1000))
    match happening.kind:
        case "delivery":
            return mail.delivery(when)
        case "delay":
            return mail.delay(when, "TransientCommunicationFailure")
        case "bounce":
            return mail.bounce(when)
        case "refusal":
            return mail.bounce(when, "Transient", "ContentRejected", status="5.7.1")
        case "complaint":
            return mail.complaint(when)
        case "unsubscribe":
            return mail.subscription(when, unsubscribed=True)
        case "open":
            return mail.open(when, happening.agent, happening.ip)
        case "click":
            return mail.click(when, LINKS[happening.link], happening.agent, happening.ip)


def draft(mailing: int, members: list[Member]) -> Json:
    """What the API is asked to send."""
    parts = "".join(
        f"<h2>{url.split('/')[3].partition('?')[0].title()}</h2><p>{_SUMMARY}"
        f'<a href="{url}">Read on</a></p>'
        for url in LINKS
    )
    return {
        "name": f"News {mailing}",
        "subject": "News for {{ name }}",
        "html": f"<html><body><p>Dear {{{{ name }}}},</p>{parts}</body></html>",
        "recipients": [
            {
                "participant_id": each.participant_id,
                "address": each.address,
                "data": {"name": "Ada"},
            }
            for each in members
        ],
    }
