"""A communication's figures: the sum of its messages' counters.

Each message contributes `Counters`: counts by name. When a message changes, its communication's
counters change by the difference between those of the new and the old image, so that nothing is
counted twice or read again. Addition is commutative: neither the order of changes nor their
distribution over counter shards matters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from sendtrail.domain.bounces import is_provider_refusal
from sendtrail.domain.events import Event, EventType
from sendtrail.domain.ids import sent_time
from sendtrail.domain.links import OTHER_LINKS, kept
from sendtrail.domain.message import Message, Status
from sendtrail.domain.time_since_send import TIME_BUCKETS, hours_of
from sendtrail.domain.times import Timestamp, earliest

__all__ = [
    "COUNTER_GROUPS",
    "COUNTER_NAMES",
    "DAY_COUNTERS",
    "CommunicationDefinition",
    "CounterShard",
    "Counters",
    "Happened",
    "figures",
    "counters_of",
]

COUNTER_NAMES: Final = (
    "recipients",
    "sent",
    "delivered",
    "opened",
    "opens",
    "human_opened",
    "human_opens",
    "clicked",
    "clicks",
    "human_clicked",
    "human_clicks",
    "bounced",
    "delayed",
    "dropped",
    "spammed",
    "unsubscribed",
    "rejected",
    "failed",
    "blocked",
)
"""Every counter of a communication. Those in the past tense count messages, each once; those that
end in `opens` or `clicks` count hits."""


class Happened(StrEnum):
    """What may have happened to a message, any number of them to one; as figures count it."""

    DELIVERED = "delivered"
    OPENED = "opened"
    """By a person, as clicked is."""
    CLICKED = "clicked"
    BOUNCED = "bounced"
    BLOCKED = "blocked"
    DELAYED = "delayed"
    DROPPED = "dropped"
    SPAMMED = "spammed"
    UNSUBSCRIBED = "unsubscribed"
    REJECTED = "rejected"
    FAILED = "failed"

    def to(self, message: Message) -> bool:
        """Whether it happened to a message, so that a figure counts that."""
        by_people = self in (Happened.OPENED, Happened.CLICKED)
        return (f"human_{self}" if by_people else self.value) in counters_of(message).counts


_BY_PROVIDER: Final = (
    "recipients",
    "sent",
    "delivered",
    "opened",
    "human_opened",
    "clicked",
    "human_clicked",
    "bounced",
    "blocked",
    "dropped",
    "spammed",
    "unsubscribed",
)
DAY_COUNTERS: Final = (
    "sent",
    "delivered",
    "human_opened",
    "human_clicked",
    "bounced",
    "hard_bounced",
    "spammed",
    "unsubscribed",
    "dropped",
    "waiting",
)
"""The counters of a day (`sendtrail.domain.days`), all of messages."""
COUNTER_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "": COUNTER_NAMES,
    "day": DAY_COUNTERS,
    "provider": _BY_PROVIDER,
    "link": ("clicks", "human_clicks", "human_clicked"),
    "age": ("opens", "human_opens", "clicks", "human_clicks"),
    "machine": ("opens", "clicks"),
}
"""The counters of each group of names, ``<group>/<which>/<counter>``, and of the communication as a
whole. Those of drops, ``dropped/<reason>``, are named by the reason."""
_RATES: Final = {
    "open_rate": "opened",
    "human_open_rate": "human_opened",
    "click_rate": "clicked",
    "human_click_rate": "human_clicked",
}
_DROPPED: Final = "dropped/"
_PROVIDER: Final = "provider/"
_LINK: Final = "link/"
_AGE: Final = "age/"
_MACHINE: Final = "machine/"
_BY_AGE: Final = COUNTER_GROUPS["age"]


@dataclass(frozen=True, slots=True)
class CommunicationDefinition:
    """A communication's name, kind and template, without its figures.

    Attributes:
        name: as given by the sender; the id where the communication is known from events alone.
        created_at: when it was posted; where it is known from events alone, when its first message
            was sent.
        posted: whether it was created through the API.
        counter_shards: the numbers of the counter shards that exist.
        by: who posted it, as an `Actor`'s text; None if that is not known.
        planned: for how many recipients it was posted; None if that is not known.
        send_at: when it is to be sent; None if at once.
        stopped_at, stopped_by: when staff stopped it, and who, as an `Actor`'s text.
    """

    communication_id: str
    name: str
    created_at: Timestamp | None = None
    kind: str | None = None
    template_id: str | None = None
    template_version: int | None = None
    posted: bool = False
    counter_shards: frozenset[str] = field(default_factory=frozenset)
    by: str | None = None
    planned: int | None = None
    send_at: Timestamp | None = None
    stopped_at: Timestamp | None = None
    stopped_by: str | None = None

    @property
    def listed_at(self) -> Timestamp | None:
        """The time by which it is listed: when it is to be sent, or else when it was created."""
        return self.send_at or self.created_at

    def with_event(self, event: Event) -> CommunicationDefinition:
        """The definition with an event of its own trail applied; idempotent, in any order."""
        if event.type is EventType.COMMUNICATION_STOPPED:
            return self.as_stopped(event)
        return self.as_posted(event)

    def as_stopped(self, event: Event) -> CommunicationDefinition:
        """The definition with a CommunicationStopped event applied; the earliest holds."""
        if self.stopped_at is not None and self.stopped_at <= event.at:
            return self
        return replace(self, stopped_at=event.at, stopped_by=event.detail.get("by"))

    def as_posted(self, event: Event) -> CommunicationDefinition:
        """The definition with a CommunicationPosted event applied; idempotent."""
        detail = event.detail
        return replace(
            self,
            name=detail["name"],
            created_at=event.at,
            kind=detail.get("kind") or self.kind,
            template_id=detail.get("template_id"),
            template_version=detail.get("template_version"),
            posted=True,
            by=detail.get("by"),
            planned=detail.get("recipients"),
            send_at=detail.get("send_at"),
        )

    def with_messages(
        self, first_sent_at: Timestamp, kind: str | None, shard: str
    ) -> CommunicationDefinition:
        """The definition once counter shard number `shard` counts messages of the communication."""
        created_at = self.created_at if self.posted else earliest(self.created_at, first_sent_at)
        return replace(
            self,
            created_at=created_at,
            kind=min(filter(None, (self.kind, kind)), default=None),
            counter_shards=self.counter_shards | {shard},
        )


@dataclass(frozen=True, slots=True)
class Counters:
    """Counts by name, which can be added and subtracted.

    Attributes:
        counts: name → number, never 0. Names are those of `COUNTER_NAMES`, ``dropped/<reason>``,
            ``provider/<provider>/<counter>``,
            ``link/<key>/<clicks, human_clicks or human_clicked>``,
            ``age/<age>/<opens, human_opens, clicks or human_clicks>`` and
            ``machine/<reason>/<opens or clicks>``.
    """

    counts: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Counters) -> Counters:
        return self._plus(other, 1)

    def __sub__(self, other: Counters) -> Counters:
        return self._plus(other, -1)

    @classmethod
    def sum(cls, all_counters: Iterable[Counters]) -> Counters:
        """The sum of all of them."""
        total = cls()
        for counters in all_counters:
            total = total + counters
        return total

    def _plus(self, other: Counters, sign: int) -> Counters:
        counts = Counter(self.counts)
        for name, number in other.counts.items():
            counts[name] += sign * number
        names = [name for name in counts if name.startswith(_LINK)]
        keep = kept({name.split("/")[1] for name in names})
        # A link past the limit joins the others for good: `kept` never lets it back in.
        for name in names:
            key, counter = name.split("/")[1:]
            if key != OTHER_LINKS and key not in keep:
                counts[_link(OTHER_LINKS, counter)] += counts.pop(name)
        return Counters({name: number for name, number in sorted(counts.items()) if number})


@dataclass(frozen=True, slots=True)
class CounterShard:
    """One of the rows over which a communication's counters are sharded; readers sum them.

    Attributes:
        first_sent_at: when the earliest message counted here was sent.
        kind: the kind of the messages counted here.
        epoch: the rebuild whose messages are counted here; no others are.
        carried: whether the communication has messages so old that the log may have forgotten
            them. A rebuild then leaves its counters alone.
        told_at: of a day's row, when something that SES told was last counted here, in seconds
            since 1970; no rebuild changes it.
        expires_at: of a day's row, when it expires, in seconds since 1970.
    """

    counters: Counters = field(default_factory=Counters)
    first_sent_at: Timestamp | None = None
    kind: str | None = None
    epoch: Timestamp | None = None
    carried: bool = False
    told_at: int | None = None
    expires_at: int | None = None

    def changed(
        self,
        old: Message | None,
        new: Message,
        *,
        forgotten: Callable[[Timestamp], bool],
        count: Callable[[Message | None], Counters] | None = None,
    ) -> CounterShard:
        """The shard after a message has changed from `old` to `new`.

        A rebuild moves every message into a new epoch. A message is counted in full when it enters
        the epoch; the first to do so resets the counters. Changes of messages that have yet to
        enter are ignored: they are counted when the message enters. The counters of a communication
        with messages that the log has forgotten are carried over instead, and changes go on.

        Args:
            forgotten: whether the log may have forgotten messages of the communication when the
                rebuild of that epoch began.
            count: what a message contributes, if not `counters_of`.
        """
        counters = count or counters_of
        counted, before = self, old
        incoming = new.epoch
        if incoming is not None and incoming > (self.epoch or ""):
            if self.carried or forgotten(incoming):
                counted = replace(self, epoch=incoming, carried=True)
            else:
                counted = CounterShard(epoch=incoming)
        if not counted.carried:
            if (incoming or "") < (counted.epoch or ""):
                return self
            before = old if old and old.epoch == incoming else None
        return replace(
            counted,
            counters=counted.counters + (counters(new) - counters(before)),
            first_sent_at=earliest(counted.first_sent_at, sent_time(new.message_id)),
            kind=min(filter(None, (counted.kind, new.kind)), default=None),
        )

    @classmethod
    def total(cls, rows: Iterable[CounterShard]) -> Counters:
        """The sum of a communication's shards. Shards of an earlier epoch than the latest are left
        out: their messages are counted again by the rebuild; unless they were carried over.
        """
        shards = list(rows)
        latest = max((shard.epoch or "" for shard in shards), default="")
        carried = any(shard.carried for shard in shards)
        return Counters.sum(
            shard.counters for shard in shards if carried or (shard.epoch or "") == latest
        )


def counters_of(message: Message | None) -> Counters:
    """What one message contributes to the counters of its communication.

    A message without an address holds what SES reported about a mail to several recipients without
    naming one: its hits count, but it is neither another recipient nor another mail sent. Nor is
    one of which SES told only what this version does not know.
    """
    if message is None:
        return Counters()
    engagement = message.engagement
    opens, clicks = engagement.total.opens, engagement.total.clicks
    bounced = message.is_bounced
    counts: Counter[str] = Counter(
        recipients=int(message.has_recipient and message.status is not Status.UNKNOWN),
        sent=int(message.sent_at is not None and message.has_recipient),
        delivered=int(message.delivered_at is not None),
        opened=int(opens.count > 0),
        opens=opens.count,
        human_opened=int(opens.human_count > 0),
        human_opens=opens.human_count,
        clicked=int(clicks.count > 0),
        clicks=clicks.count,
        human_clicked=int(clicks.human_count > 0),
        human_clicks=clicks.human_count,
        bounced=int(bounced),
        delayed=int(message.delayed_at is not None),
        dropped=int(message.drop is not None),
        spammed=int(message.spammed_at is not None),
        unsubscribed=int(message.unsubscribed_at is not None),
        rejected=int(message.rejected_at is not None),
        failed=int(message.failed_at is not None),
        blocked=int(bounced and message.bounce is not None and is_provider_refusal(message.bounce)),
    )
    if message.drop:
        counts[_DROPPED + message.drop.reason] = 1
    if provider := message.mailbox_provider:
        for name in _BY_PROVIDER:
            counts[f"{_PROVIDER}{provider}/{name}"] = counts[name]
    for key, link in engagement.total.links.items():
        counts[_link(key, "clicks")] = link.count
        counts[_link(key, "human_clicks")] = link.human_count
        counts[_link(key, "human_clicked")] = int(link.human_count > 0)
    for reason, (opened, clicked) in engagement.total.machines.items():
        counts[f"{_MACHINE}{reason.value}/opens"] = opened
        counts[f"{_MACHINE}{reason.value}/clicks"] = clicked
    for age, judged in engagement.by_age.items():
        counts[f"{_AGE}{age}/opens"] = judged.opens.count
        counts[f"{_AGE}{age}/human_opens"] = judged.opens.human_count
        counts[f"{_AGE}{age}/clicks"] = judged.clicks.count
        counts[f"{_AGE}{age}/human_clicks"] = judged.clicks.human_count
    return Counters({name: number for name, number in counts.items() if number})


def figures(counters: Counters, urls: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The figures of a communication, as the API returns them.

    Args:
        urls: link key → URL; also of links that nobody followed.

    Returns:
        every counter of `COUNTER_NAMES`; `dropped_by_reason` {reason: messages}; the four rates, as
        fractions of `sent` rounded to 4 places, or None where nothing was sent; `links`, most
        clicked first, each with `url` (None for the sum of all others), `clicks`, `human_clicks`
        and `human_clicked`, the messages in which a person followed it (None for that sum);
        `providers`, largest
        first, each with `provider` and its counters;
        `machines`, by reason, most first, each with `reason`, `opens` and `clicks`;
        `hits_by_age`, by time since send, only buckets with hits, each with `from_hours`,
        `until_hours` (None for the last, open-ended one) and the number of hits.
    """
    counts = counters.counts
    answer: dict[str, Any] = {name: counts.get(name, 0) for name in COUNTER_NAMES}
    answer["dropped_by_reason"] = {
        name.removeprefix(_DROPPED): number
        for name, number in sorted(counts.items())
        if name.startswith(_DROPPED)
    }
    sent = answer["sent"]
    for rate, counter in _RATES.items():
        answer[rate] = round(answer[counter] / sent, 4) if sent else None
    answer["links"] = _links(counters.counts, urls or {})
    answer["providers"] = _providers(counts)
    answer["machines"] = _machines(counts)
    answer["hits_by_age"] = _hits_by_age(counts)
    return answer


def _links(counts: Mapping[str, int], urls: Mapping[str, str]) -> list[dict[str, Any]]:
    keys = {name.split("/")[1] for name in counts if name.startswith(_LINK)}
    # Of links past the limit nobody knows whether they are among the others.
    last = max(keys - {OTHER_LINKS}, default="") if OTHER_LINKS in keys else OTHER_LINKS
    keys |= {key for key in urls if key <= last}
    links = [
        {
            "url": urls.get(key),
            "clicks": counts.get(_link(key, "clicks"), 0),
            "human_clicks": counts.get(_link(key, "human_clicks"), 0),
            # A message in which several of the others were followed is in their sum several times.
            "human_clicked": None
            if key == OTHER_LINKS
            else counts.get(_link(key, "human_clicked"), 0),
        }
        for key in keys
    ]
    return sorted(links, key=lambda link: (link["url"] is None, -link["clicks"], link["url"] or ""))


def _providers(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    names = {name.split("/")[1] for name in counts if name.startswith(_PROVIDER)}
    providers = [
        {"provider": provider}
        | {name: counts.get(f"{_PROVIDER}{provider}/{name}", 0) for name in _BY_PROVIDER}
        for provider in names
    ]
    return sorted(providers, key=lambda row: (-row["recipients"], row["provider"]))


def _machines(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    reasons = {name.split("/")[1] for name in counts if name.startswith(_MACHINE)}
    rows = [
        {"reason": reason}
        | {name: counts.get(f"{_MACHINE}{reason}/{name}", 0) for name in ("opens", "clicks")}
        for reason in reasons
    ]
    return sorted(rows, key=lambda row: (-row["opens"] - row["clicks"], row["reason"]))


def _hits_by_age(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    found = []
    for age in TIME_BUCKETS:
        engagement = {name: counts.get(f"{_AGE}{age}/{name}", 0) for name in _BY_AGE}
        if any(engagement.values()):
            since, until = hours_of(age)
            found.append({"from_hours": since, "until_hours": until, **engagement})
    return found


def _link(key: str, counter: str) -> str:
    return f"{_LINK}{key}/{counter}"
