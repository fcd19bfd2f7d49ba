"""Judgement: what is told of the hits of a bucket, all of them seen together.

It is a pure function of the set of the bucket's hits, so that their order, repetition, and how they
were cut into batches change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from sendtrail.domain.bursts import burst_keys
from sendtrail.domain.engagement import Reason, Verdict, classify
from sendtrail.domain.events import Event, EventType
from sendtrail.domain.hits import Bucket, bucket_of, slot_of
from sendtrail.domain.links import OTHER_LINKS, counted_key, kept
from sendtrail.domain.times import Timestamp, earliest, latest

__all__ = ["MAX_JUDGED", "HitTotals", "Judgement", "judge", "verdicts"]

MAX_JUDGED: Final = 500
"""How many hits of a bucket are judged: the first, in order of their slots' keys."""


def verdicts(hits: Iterable[Event]) -> dict[str, Verdict]:
    """Whether a person or a machine did each hit of a message, by the hits' keys. Those of one
    bucket are seen together.
    """
    by_bucket: dict[Bucket, list[Event]] = {}
    for hit in hits:
        by_bucket.setdefault(bucket_of(hit), []).append(hit)
    found: dict[str, Verdict] = {}
    for mine in by_bucket.values():
        bursts = burst_keys(mine)
        found |= {hit.key: classify(hit, in_burst=hit.key in bursts) for hit in mine}
    return found


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
        machines: reason → how many opens and clicks were judged by it to be a machine's.
    """

    opens: HitTotals = NO_HITS
    clicks: HitTotals = NO_HITS
    links: Mapping[str, HitTotals] = field(default_factory=dict)
    machines: Mapping[Reason, tuple[int, int]] = field(default_factory=dict)

    def __add__(self, other: Judgement) -> Judgement:
        links = dict(self.links)
        for key, totals in other.links.items():
            links[key] = links[key] + totals if key in links else totals
        machines = dict(self.machines)
        for reason, (opens, clicks) in other.machines.items():
            known = machines.get(reason, (0, 0))
            machines[reason] = (known[0] + opens, known[1] + clicks)
        return Judgement(
            self.opens + other.opens, self.clicks + other.clicks, _bounded(links), machines
        )

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
    mine = sorted(hits, key=slot_of)[:MAX_JUDGED]
    found = verdicts(mine)
    for hit in mine:
        verdict = found[hit.key]
        totals = HitTotals.of(hit, verdict)
        opened = hit.type is EventType.OPEN
        machines = {} if verdict.is_human else {verdict.reason: (int(opened), int(not opened))}
        if opened:
            judged += Judgement(opens=totals, machines=machines)
        else:
            key = counted_key(hit.detail)
            judged += Judgement(clicks=totals, links={key: totals}, machines=machines)
    return judged


def _bounded(links: dict[str, HitTotals]) -> dict[str, HitTotals]:
    keep = kept(links)
    for key in [key for key in links if key != OTHER_LINKS and key not in keep]:
        totals = links.pop(key)
        links[OTHER_LINKS] = links[OTHER_LINKS] + totals if OTHER_LINKS in links else totals
    return links
