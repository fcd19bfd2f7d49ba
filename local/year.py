"""A year of a small organisation's mail, as SES's notifications of it.

A newsletter a month, invoices, and what a shop sends without tags, all of it by other systems of
the organisation through the same SES. It comes as it comes in life: one in ten notifications twice,
all in disorder, some hours late. The same every time but for the dates, which end today.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from local.members import (
    APPLE_PROXY,
    SCANNERS,
    SILENT_FOR,
    Member,
    browser_of,
    former_members,
    image_agent_of,
    members,
)
from local.notifications import Json, Mail
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.times import Timestamp, parse, years_after

__all__ = ["SEED", "notifications"]

SEED: Final = 2050
_MONTHS: Final = 12
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


def notifications(until: datetime) -> Iterator[Json]:
    """The year before `until`, in the order in which it arrives."""
    chance = random.Random(SEED)
    arriving: list[tuple[float, int, Json]] = []
    everybody = members(chance)
    for event in (*_long_ago(chance, until), *_year(chance, everybody, until)):
        if _happened(event) > until.timestamp():
            continue
        times = 2 if chance.random() < 0.1 else 1
        for _ in range(times):
            late = chance.choice((0, 0, 0, 30, 600, 6 * 3600))
            arriving.append((_happened(event) + late, len(arriving), event))
    arriving.sort(key=lambda entry: entry[:2])
    yield from (event for _, _, event in arriving)


def _long_ago(chance: random.Random, until: datetime) -> Iterable[Json]:
    """The last that was heard of former members: a message that they read. That of the last of them
    was two years ago to the day, so that the sweep after today's is the one to find them.
    """
    two_years = years_after(parse(until.isoformat()), -2)[:10]
    today = datetime.fromisoformat(f"{two_years}T10:00:00+00:00")
    *former, last = former_members()
    for member, at in (*((each, until - SILENT_FOR) for each in former), (last, today)):
        tags = {"communication_id": f"newsletter-{at:%Y-%m-%d}", "kind": "newsletter"}
        mail = _mail(chance, member, at, "Two hundred years", tags)
        yield from (mail.send(), mail.delivery(_after(at, 5)))
        yield mail.open(_after(at, 3600), image_agent_of(member.address))


def _year(chance: random.Random, everybody: list[Member], until: datetime) -> Iterable[Json]:
    for month in range(_MONTHS):
        sent = until - timedelta(days=30 * (_MONTHS - 1 - month) + 1, hours=chance.randrange(8))
        name = f"newsletter-{sent:%Y-%m-%d}"
        for number, member in enumerate(everybody):
            if member.joined > month or member.gone:
                continue
            at = sent + timedelta(seconds=number * 0.2)
            yield from _newsletter(chance, member, name, _THEMES[month], at)
            if chance.random() < 0.07:
                yield from _invoice(chance, member, at + timedelta(days=3))
        for member in chance.sample(everybody, 6):
            yield from _untagged(chance, member, sent + timedelta(days=9))


def _newsletter(
    chance: random.Random, member: Member, name: str, subject: str, at: datetime
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
    domain = member.address.rpartition("@")[2]
    if domain in SCANNERS:
        for link in _LINKS:
            yield mail.click(_after(at, 1.5), link, SCANNERS[domain], "198.51.100.7")
    if domain == "icloud.com":
        yield mail.open(_after(at, 20 + chance.random() * 600), APPLE_PROXY, "203.0.113.5")
    if chance.random() < member.interest:
        yield from _read(chance, member, mail, at)


def _read(chance: random.Random, member: Member, mail: Mail, at: datetime) -> Iterable[Json]:
    seconds = 60 + chance.expovariate(1 / (9 * 3600))
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        yield mail.open(_after(at, seconds), image_agent_of(member.address))
        seconds += 60 + chance.expovariate(1 / (20 * 3600))
    if chance.random() < 0.35:
        for link in chance.sample(_LINKS, chance.choice((1, 1, 2))):
            yield mail.click(_after(at, seconds), link, browser_of(member.address))
            seconds += 40
    if chance.random() < 0.004:
        member.gone = True
        yield mail.complaint(_after(at, seconds))
    elif chance.random() < 0.01:
        member.gone = True
        yield mail.subscription(_after(at, seconds), unsubscribed=True)


def _invoice(chance: random.Random, member: Member, at: datetime) -> Iterable[Json]:
    mail = _mail(chance, member, at, "Your invoice", {"kind": "invoice"})
    yield mail.send()
    yield mail.delivery(_after(at, 3))


def _untagged(chance: random.Random, member: Member, at: datetime) -> Iterable[Json]:
    mail = Mail(
        _ses_id(chance), _time(at), [member.address], "Your booking", "shop@society.example"
    )
    yield mail.send()
    yield mail.delivery(_after(at, 5))
    if chance.random() < member.interest:
        yield mail.open(_after(at, 900), image_agent_of(member.address))


def _mail(
    chance: random.Random, member: Member, at: datetime, subject: str, tags: dict[str, str]
) -> Mail:
    ses_id = _ses_id(chance)
    own = {
        "participant_id": member.participant_id,
        "message_id": derived_message_id(_time(at), ses_id, member.address),
    }
    return Mail(
        ses_id, _time(at + timedelta(milliseconds=400)), [member.address], subject, tags=own | tags
    )


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
