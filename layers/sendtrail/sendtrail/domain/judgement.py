"""Judgement: what is told of the hits of a bucket, all of them seen together.

It is a pure function of the set of the bucket's hits, so that their order, repetition, and how they
were cut into batches change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from sendtrail.domain.engagement import Verdict, classify
from sendtrail.domain.events import Event, EventType
from sendtrail.domain.hits import sent_at_of, slot_of
from sendtrail.domain.links import OTHER_LINKS, kept, link_key
from sendtrail.domain.times import Timestamp, earliest, latest

__all__ = ["MAX_JUDGED", "HitTotals", "Judgement", "judge", "verdict_of"]

MAX_JUDGED: Final = 500
"""How many hits of a bucket are judged: the first, in order of their slots' keys."""


def verdict_of(hit: Event) -> Verdict:
    """Whether a person or a machine opened or clicked."""
    return classify(hit_at=hit.at, sent_at=sent_at_of(hit), user_agent=hit.detail.get("user_agent"))


@dataclass(frozen=True, slots=True)
class HitTotals:
    """How many hits there were, how many of them by people, and the first and last of each."""

    count: int = 0
    human_count: int = 0
    first_at: Timestamp | None = None
    last_at: Timestamp | None = None
    first_human_at: Timestamp | None = None
    last_human_at: Timestamp | None = None

    @classmethod
    def of(cls, hit: Event, verdict: Verdict) -> HitTotals:
        """Those of one hit."""
        human = hit.at if verdict.is_human else None
        return cls(1, int(verdict.is_human), hit.at, hit.at, human, human)

    def __add__(self, other: HitTotals) -> HitTotals:
        return HitTotals(
            self.count + other.count,
            self.human_count + other.human_count,
            earliest(self.first_at, other.first_at),
            latest(self.last_at, other.last_at),
            earliest(self.first_human_at, other.first_human_at),
            latest(self.last_human_at, other.last_human_at),
        )


NO_HITS: Final = HitTotals()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is told of the hits of a bucket, or of several together.

    Attributes:
        links: link key → the clicks on it; those past `MAX_LINKS` under `OTHER_LINKS`.
    """

    opens: HitTotals = NO_HITS
    clicks: HitTotals = NO_HITS
    links: Mapping[str, HitTotals] = field(default_factory=dict)

    def __add__(self, other: Judgement) -> Judgement:
        links = dict(self.links)
        for key, totals in other.links.items():
            links[key] = links[key] + totals if key in links else totals
        return Judgement(self.opens + other.opens, self.clicks + other.clicks, _bounded(links))

    @property
    def last_at(self) -> Timestamp | None:
        """The last hit of all."""
        return latest(self.opens.last_at, self.clicks.last_at)

    @property
    def last_human_at(self) -> Timestamp | None:
        """The last hit by a person."""
        return latest(self.opens.last_human_at, self.clicks.last_human_at)


def judge(hits: Iterable[Event]) -> Judgement:
    """What is told of the hits of a bucket.

    Args:
        hits: those of a bucket, one for each slot; past `MAX_JUDGED` they are not counted.
    """
    judged = Judgement()
    for hit in sorted(hits, key=slot_of)[:MAX_JUDGED]:
        totals = HitTotals.of(hit, verdict_of(hit))
        if hit.type is EventType.OPEN:
            judged += Judgement(opens=totals)
        else:
            key = link_key(hit.detail.get("link") or "")
            judged += Judgement(clicks=totals, links={key: totals})
    return judged


def _bounded(links: dict[str, HitTotals]) -> dict[str, HitTotals]:
    keep = kept(links)
    for key in [key for key in links if key != OTHER_LINKS and key not in keep]:
        totals = links.pop(key)
        links[OTHER_LINKS] = links[OTHER_LINKS] + totals if OTHER_LINKS in links else totals
    return links
