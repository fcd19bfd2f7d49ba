"""A communication's figures: the sum of what each of its messages contributes.

A message contributes a `Tally`: counts by name. A change of a message changes the figures by the
new image's tally less the old one's, so that nothing has to be read or counted again. Tallies add
up in any order, and so do the rows that keep them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sendtrail.domain.bounces import is_provider_refusal
from sendtrail.domain.events import Event
from sendtrail.domain.ids import sent_time
from sendtrail.domain.links import OTHER_LINKS, kept
from sendtrail.domain.message import Message
from sendtrail.domain.providers import provider_of
from sendtrail.domain.time_since_send import TIME_BUCKETS, hours_of
from sendtrail.domain.times import Timestamp, earliest

__all__ = [
    "COUNTER_NAMES",
    "CommunicationDefinition",
    "CounterShard",
    "Counters",
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
"""Every counter of a communication. Past tense counts messages, each once; `opens` and `clicks`
count hits."""

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
_BY_AGE: Final = ("opens", "human_opens", "clicks", "human_clicks")


@dataclass(frozen=True, slots=True)
class CommunicationDefinition:
    """What a communication is, as opposed to how it did.

    Attributes:
        name: the sender's; the id itself where the communication is known by events alone.
        created_at: when it was posted; where known by events alone, when its first message was
            sent.
        posted: whether it was created over HTTP.
        counter_shards: the numbers of the rows that keep its counters.
    """

    communication_id: str
    name: str
    created_at: Timestamp | None = None
    kind: str | None = None
    template_id: str | None = None
    template_version: int | None = None
    posted: bool = False
    counter_shards: frozenset[str] = field(default_factory=frozenset)

    def as_posted(self, event: Event) -> CommunicationDefinition:
        """The communication once its posting is known; the same, however often that is folded."""
        detail = event.detail
        return replace(
            self,
            name=detail["name"],
            created_at=event.at,
            kind=detail.get("kind") or self.kind,
            template_id=detail.get("template_id"),
            template_version=detail.get("template_version"),
            posted=True,
        )

    def with_messages(
        self, first_sent_at: Timestamp, kind: str | None, row: str
    ) -> CommunicationDefinition:
        """The communication once messages of it have been counted in `row`."""
        created_at = self.created_at if self.posted else earliest(self.created_at, first_sent_at)
        return replace(
            self,
            created_at=created_at,
            kind=min(filter(None, (self.kind, kind)), default=None),
            counter_shards=self.counter_shards | {row},
        )


@dataclass(frozen=True, slots=True)
class Counters:
    """Counts that add up.

    Attributes:
        counts: name → number, never 0. Names are those of `COUNTERS`, ``dropped/<reason>``,
            ``provider/<provider>/<counter>``, ``link/<key>/<clicks or human_clicks>`` and
            ``age/<age>/<opens, human_opens, clicks or human_clicks>``.
        urls: link key → URL, for the links that are kept apart.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    urls: Mapping[str, str] = field(default_factory=dict)

    def __add__(self, other: Counters) -> Counters:
        return self._plus(other, 1)

    def __sub__(self, other: Counters) -> Counters:
        return self._plus(other, -1)

    @classmethod
    def sum(cls, all_counters: Iterable[Counters]) -> Counters:
        """All of them together."""
        total = cls()
        for counters in all_counters:
            total = total + counters
        return total

    def _plus(self, other: Counters, sign: int) -> Counters:
        counts = Counter(self.counts)
        for name, number in other.counts.items():
            counts[name] += sign * number
        urls = {**self.urls, **other.urls}
        keep = kept(urls)
        # A link that is no longer kept apart counts among the others, also for what comes later.
        for name in [name for name in counts if name.startswith(_LINK)]:
            key = name.split("/")[1]
            if key != OTHER_LINKS and key not in keep:
                number = counts.pop(name)
                counts[_link(OTHER_LINKS, name.rsplit("/", 1)[1])] += number
        return Counters(
            {name: number for name, number in sorted(counts.items()) if number},
            {key: urls[key] for key in sorted(keep)},
        )


@dataclass(frozen=True, slots=True)
class CounterShard:
    """One of the rows that keep a communication's counters; a reader sums them.

    Attributes:
        first_sent_at: the time of sending of the earliest message counted here.
        kind: what the messages counted here are.
        epoch: the rebuild whose messages are counted here, and no others.
    """

    counters: Counters = field(default_factory=Counters)
    first_sent_at: Timestamp | None = None
    kind: str | None = None
    epoch: Timestamp | None = None

    def changed(self, old: Message | None, new: Message) -> CounterShard:
        """The counters once a message has gone from `old` to `new`.

        A rebuild gives every message a new epoch, and each is counted in full when it comes
        into that, once. The first that does begins the counters anew. What changes in a message
        that has yet to come is left out: it comes with the message.
        """
        known, told = self.epoch or "", new.epoch or ""
        if told < known:
            return self
        counted = self if told == known else CounterShard(epoch=new.epoch)
        before = old if old and old.epoch == new.epoch else None
        return replace(
            counted,
            counters=counted.counters + (counters_of(new) - counters_of(before)),
            first_sent_at=earliest(counted.first_sent_at, sent_time(new.message_id)),
            kind=min(filter(None, (counted.kind, new.kind)), default=None),
        )

    @classmethod
    def total(cls, rows: Iterable[CounterShard]) -> Counters:
        """What all rows of a communication count together. Rows that a rebuild has not come to are
        left out: what they count is counted anew in the others.
        """
        known = list(rows)
        latest = max((row.epoch or "" for row in known), default="")
        return Counters.sum(row.counters for row in known if (row.epoch or "") == latest)


def counters_of(message: Message | None) -> Counters:
    """What one message contributes to the figures of its communication.

    A message without an address is what SES told of a mail to several without saying of whom: its
    hits count, but it is no further recipient, and no further mail.
    """
    if message is None:
        return Counters()
    engagement = message.engagement
    bounced = message.is_bounced
    counts: Counter[str] = Counter(
        recipients=int(message.address is not None),
        sent=int(message.sent_at is not None and message.address is not None),
        delivered=int(message.delivered_at is not None),
        opened=int(engagement.open_count > 0),
        opens=engagement.open_count,
        human_opened=int(engagement.human_open_count > 0),
        human_opens=engagement.human_open_count,
        clicked=int(engagement.click_count > 0),
        clicks=engagement.click_count,
        human_clicked=int(engagement.human_click_count > 0),
        human_clicks=engagement.human_click_count,
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
    if message.address is not None:
        provider = provider_of(message.address)
        for name in _BY_PROVIDER:
            counts[f"{_PROVIDER}{provider}/{name}"] = counts[name]
    for key, link in engagement.links.items():
        counts[_link(key, "clicks")] = link.clicks
        counts[_link(key, "human_clicks")] = link.human_clicks
    for name, number in engagement.by_age.items():
        counts[_AGE + name] = number
    return Counters(
        {name: number for name, number in counts.items() if number},
        {key: link.url for key, link in engagement.links.items() if key != OTHER_LINKS},
    )


def figures(counters: Counters) -> dict[str, Any]:
    """The figures of a communication as they are answered.

    Returns:
        every counter of `COUNTERS`; `dropped_by_reason` {reason: messages}; the four rates, as
        fractions of `sent` rounded to 4 places, or None where nothing was sent; `links`, most
        clicked first, each with `url` (None for the sum of all others), `clicks` and
        `human_clicks`; `providers`, largest first, each with `provider` and its counters;
        `hits_by_age`, youngest first, for each age of its message at which anything was opened or
        clicked, with `from_hours`, `until_hours` (None: for ever) and the number of hits.
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
    answer["links"] = _links(counters)
    answer["providers"] = _providers(counts)
    answer["hits_by_age"] = _hits_by_age(counts)
    return answer


def _links(counters: Counters) -> list[dict[str, Any]]:
    keys = {name.split("/")[1] for name in counters.counts if name.startswith(_LINK)}
    links = [
        {
            "url": counters.urls.get(key),
            "clicks": counters.counts.get(_link(key, "clicks"), 0),
            "human_clicks": counters.counts.get(_link(key, "human_clicks"), 0),
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
