"""What SES would publish in a storm: every type, to one and to several, twice, late, in disorder,
and some that nobody can read.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from local.notifications import EVENTBRIDGE_NAMES, Mail, eventbridge, sns_envelope
from sendtrail.domain.events import Event
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.times import epoch_ms, from_epoch_ms, now
from tests.support import ingested

__all__ = ["Weather", "weather"]

Json = dict[str, Any]

_AGENTS: Final = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.4 Safari/605",
    "Mozilla/5.0",  # Apple's proxy, which prefetches
    "Mozilla/5.0 (compatible; Barracuda Link Protection)",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
)
_LINKS: Final = tuple(f"https://society.example/{n}?x=1&y={n}" for n in range(5))
_DOMAINS: Final = ("gmail.com", "outlook.com", "example.org", "icloud.com", "Society.Example")


@dataclass
class Weather:
    """What is sent, and what it means.

    Attributes:
        to_topic: notifications for the topic, as texts.
        to_queue: bodies for the ingest queue, as SNS and EventBridge would put them there.
        malformed: bodies of which nothing can be made, as they are in `to_queue`.
        events: all events in all of it, some of them several times.
    """

    to_topic: list[str] = field(default_factory=list)
    to_queue: list[str] = field(default_factory=list)
    malformed: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def halves(self) -> tuple[Weather, Weather]:
        """Half of what is sent, and the other half."""
        topic, queue = len(self.to_topic) // 2, len(self.to_queue) // 2
        return (
            Weather(self.to_topic[:topic], self.to_queue[:queue]),
            Weather(self.to_topic[topic:], self.to_queue[queue:]),
        )

    @property
    def records(self) -> int:
        """How many messages are sent."""
        return len(self.to_topic) + len(self.to_queue)


def weather(records: int, seed: int) -> Weather:
    """So many records: of a hundred, 1 malformed and 30 duplicates of others.

    Args:
        seed: the same gives the same, but for the day.
    """
    chance = random.Random(seed)
    made = Weather()
    originals = round(records * 0.69)
    said: list[Json] = []
    mails = _mails(chance, originals)
    while len(said) < originals:
        said += _definition(next(mails), chance)
    del said[originals:]
    chance.shuffle(said)  # and so, late: an event may come hours before the Send of its message
    repeated = chance.choices(said, k=round(records * 0.30))
    made.events = [event for notification in said for event in ingested(notification)]
    for notification in said:
        _publish(made, notification, chance)
    for notification in repeated:
        _publish_again(made, notification, chance)
    for number in range(round(records * 0.01)):
        made.malformed.append(_malformed(number, chance))
    made.to_queue += made.malformed
    chance.shuffle(made.to_topic)
    chance.shuffle(made.to_queue)
    return made


def _mails(chance: random.Random, records: int) -> Iterator[Mail]:
    """Mails of the last half day, to a person in ten messages or so."""
    people, started = max(3, records // 10), epoch_ms(now()) - 12 * 3600 * 1000
    number = 0
    while True:
        number += 1
        sent_at = from_epoch_ms(started + chance.randrange(6 * 3600 * 1000))
        ses_id = f"0102storm-{number:08}"
        many = chance.random() < 0.1
        who = [chance.randrange(people) for _ in range(chance.randint(2, 4) if many else 1)]
        to = list(dict.fromkeys(f"Member.{n}@{_DOMAINS[n % len(_DOMAINS)]}" for n in who))
        tags: dict[str, str] = {}
        if chance.random() < 0.9:
            tags["communication_id"] = f"mailing-{chance.randrange(20)}"
        if len(to) == 1 and chance.random() < 0.8:
            tags["participant_id"] = f"member-{who[0]}"
            tags["message_id"] = derived_message_id(sent_at, ses_id, to[0])
            tags["kind"] = chance.choice(("newsletter", "invitation"))
        yield Mail(ses_id, sent_at, to, tags=tags)


def _definition(mail: Mail, chance: random.Random) -> list[Json]:
    """Notifications about one mail, likely and unlikely ones."""
    sent = epoch_ms(mail.sent_at)

    def at() -> str:
        return from_epoch_ms(sent + chance.randrange(1000, 6 * 3600 * 1000))

    def agent() -> str:
        return chance.choice(_AGENTS)

    found = [mail.send()] if chance.random() < 0.95 else []
    fate = chance.random()
    if fate < 0.8:
        found.append(mail.delivery(at()))
        found += [mail.open(at(), agent()) for _ in range(chance.choice((0, 0, 1, 1, 2, 4)))]
        clicks = chance.choice((0, 0, 0, 0, 1, 3))
        found += [mail.click(at(), chance.choice(_LINKS), agent()) for _ in range(clicks)]
        if chance.random() < 0.05:
            found.append(mail.complaint(at(), chance.choice(("abuse", "not-spam", None))))
        if chance.random() < 0.05:
            found.append(mail.subscription(at(), unsubscribed=True))
        if chance.random() < 0.03:
            found.append(mail.subscription(at(), unsubscribed=chance.random() < 0.3))
        if chance.random() < 0.05:
            found.append(mail.bounce(at(), "Transient", "General", status=None, diagnostic=None))
    elif fate < 0.86:
        found.append(mail.bounce(at()))
    elif fate < 0.90:
        found.append(mail.bounce(at(), "Permanent", "OnAccountSuppressionList"))
    elif fate < 0.93:
        found += [mail.delay(at()), mail.bounce(at(), "Transient", "MailboxFull")]
    elif fate < 0.95:
        found.append(mail.bounce(at(), "Undetermined", "Undetermined"))
    elif fate < 0.97:
        found.append(mail.reject())
    elif fate < 0.99:
        found.append(mail.rendering_failure("Attribute 'name' is not present"))
    else:
        found.append({"eventType": "Carrier Pigeon", "mail": mail.send()["mail"], "pigeon": {}})
    return found


def _publish(made: Weather, notification: Json, chance: random.Random) -> None:
    """By SNS to the queue, raw; or in its envelope, or by EventBridge."""
    text = json.dumps(notification)
    if chance.random() < 0.7:
        made.to_topic.append(text)
    else:
        made.to_queue.append(_enveloped(notification, chance))


def _publish_again(made: Weather, notification: Json, chance: random.Random) -> None:
    """The same SNS message twice, or the event under another SNS id, or by EventBridge too."""
    kind = chance.randrange(3)
    if kind == 0:
        made.to_queue.append(json.dumps(notification))
    elif kind == 1:
        made.to_topic.append(json.dumps(notification))
    else:
        made.to_queue.append(_enveloped(notification, chance))


def _enveloped(notification: Json, chance: random.Random) -> str:
    if chance.random() < 0.5 and notification["eventType"] in EVENTBRIDGE_NAMES:
        return json.dumps(eventbridge(notification))
    sns_id = f"{chance.getrandbits(128):032x}"
    return json.dumps(sns_envelope(json.dumps(notification), sns_id))


def _malformed(number: int, chance: random.Random) -> str:
    """A body of which nothing can be made; each another."""
    mail = Mail(f"odd-{number}", now(), [f"odd.{number}@example.com"])
    broken: list[str] = [
        f"not JSON, number {number}",
        json.dumps(mail.send())[: 100 + number % 50] + f" {number}",
        json.dumps({"eventType": "Bounce", "mail": mail.send()["mail"], "number": number}),
        json.dumps({**mail.send(), "mail": {"messageId": f"odd-{number}"}}),
        json.dumps(sns_envelope(f"broken {number}")),
        json.dumps([number]),
        json.dumps(mail.delivery(f"yesterday, {number}")),
        json.dumps({**mail.send(), "eventType": None, "number": number}),
    ]
    return chance.choice(broken)
