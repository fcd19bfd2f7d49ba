"""Hits: opens and clicks, and the slot in which each is kept.

Anyone who has a message's pixel can load it as often as they like. So hits are kept in *slots*: one
for each message, observer, minute, link and seventh of all clients, which holds the earliest of its
hits, and an eighth for requests that say of themselves that they are no person's. A message's log
grows by at most 8 hits a minute and link, however often its pixel is loaded, and the hit that a
slot holds depends neither on the order of hits nor on their repetition.

A slot's key begins with its hit's *bucket*: hits of a message that are judged together
(`sendtrail.domain.judgement`). Readers' choices to unsubscribe, or not to, are kept in slots too,
of which each holds the latest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sendtrail.domain.events import Event, EventType, Source
from sendtrail.domain.ids import digest, sent_time
from sendtrail.domain.links import link_key
from sendtrail.domain.subscriptions import unsubscribes
from sendtrail.domain.time_since_send import TIME_BUCKETS, time_since_send
from sendtrail.domain.times import Timestamp

__all__ = [
    "BOT",
    "CHOICES",
    "CLIENT",
    "HITS",
    "LINKS",
    "NETWORK",
    "REQUEST",
    "SLOTS",
    "VERDICT",
    "Bucket",
    "bucket_of",
    "client_slot",
    "is_slotted",
    "sent_at_of",
    "slot_of",
]

HITS: Final = frozenset({EventType.OPEN, EventType.CLICK})
SLOTS: Final = 8
"""How many hits of one message and link are kept of a minute."""

BOT: Final = "is_bot_event"
"""The name, among a hit's facts, of SES's own word (``Likely`` or ``Unlikely``)."""
REQUEST: Final = "request"
"""… of how it was asked for, if it was no person's request: ``head`` or ``prefetch``."""
NETWORK: Final = "network"
"""… of the network that it came from, by name (`sendtrail.domain.networks`)."""
LINKS: Final = "links"
"""… of how many links the mail has that we track."""

CLIENT: Final = "client"
"""… of somebody who was erased: the number of its slot and a keyed hash of the client, as text."""
VERDICT: Final = "verdict"
"""… of somebody who was erased: the rule that decided, but for that of bursts."""

CHOICES: Final = "choice#"
"""What the keys of choices' slots begin with."""

_MINUTE: Final = len("2026-11-20T09:30")


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """The hits of a message that are judged together: those that `source` observed at one age.

    Attributes:
        age: one of `TIME_BUCKETS`.
    """

    source: Source
    age: str

    @property
    def prefix(self) -> str:
        """What the keys of its slots begin with: ``own#07#``; ages sort as they follow."""
        return f"{self.source.value}#{TIME_BUCKETS.index(self.age):02}#"

    @classmethod
    def of_slot(cls, slot: str) -> Bucket:
        """The bucket of a slot, by its key.

        Raises:
            ValueError, IndexError: it is not the key of a slot.
        """
        source, age, _ = slot.split("#", 2)
        return cls(Source(source), TIME_BUCKETS[int(age)])


def sent_at_of(hit: Event) -> Timestamp:
    """When the message of a hit was sent.

    The event has it, from the token in our pixel or link, or from SES. The time in the message's
    id is that of acceptance, which may be much earlier.
    """
    return hit.detail.get("sent_at") or hit.sent_at or sent_time(hit.message_id)


def bucket_of(hit: Event) -> Bucket:
    """The bucket of a hit."""
    return Bucket(hit.source, time_since_send(hit.at, sent_at_of(hit)))


def is_slotted(event: Event) -> bool:
    """Whether an event of a message is kept in a slot: a hit or a choice."""
    return event.type in HITS or event.type is EventType.SUBSCRIPTION


def client_slot(detail: Mapping[str, Any]) -> int:
    """Which of the `SLOTS` of a minute and link a client's hits are kept in."""
    if client := detail.get(CLIENT):
        return int(str(client)[0])
    if detail.get(REQUEST):  # or it might take the place of a person's
        return SLOTS - 1
    client = detail.get("ip", ""), detail.get("user_agent", "")
    return int(digest(*client, length=8), 16) % (SLOTS - 1)


def slot_of(event: Event) -> str:
    """The key of the slot, within its message's, of a hit or choice.

    ``<source>#<age>#<minute>#<open, or link key>#<0-7>#<participant>``, such as
    ``own#03#2026-11-20T12:31#open#5#member-0042``; or
    ``choice#<source>#<minute>#<yes or no>#<0-7>#<participant>``.
    """
    if event.type is EventType.SUBSCRIPTION:
        # Of several choices in a slot one is kept, so all must say the same of their mail.
        prefix = f"{CHOICES}{event.source.value}#"
        what = "no" if unsubscribes(event.detail) else "yes"
    else:
        prefix = bucket_of(event).prefix
        what = "open" if event.type is EventType.OPEN else link_key(event.detail.get("link") or "")
    number = client_slot(event.detail)
    return f"{prefix}{event.at[:_MINUTE]}#{what}#{number}#{event.participant_id}"
