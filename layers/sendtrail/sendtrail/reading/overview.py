"""The overview: what became of all mail by the day, SES's limits, and what is wrong now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from typing import Any, Final

from sendtrail.domain.communication import Counters, CounterShard
from sendtrail.domain.days import Day, by_provider, day_figures, days_until
from sendtrail.domain.reputation import Rate, bounce_rate, complaint_rate, complaints_at
from sendtrail.domain.times import Timestamp, from_epoch_ms
from sendtrail.errors import InvalidInputError
from sendtrail.reading import queries
from sendtrail.reading.health import Concern, Finding, Mail, State, findings

__all__ = ["NOW_DAYS", "Span", "last_day", "overview"]

View = dict[str, Any]

NOW_DAYS: Final = 14
"""Of the mail of so many days it is told what is wrong now: that long is tried what SES does not
take."""
_FIRST: Final = "2011-01-01"
"""The year in which SES began."""


class Span(StrEnum):
    """Over how many days an overview goes."""

    WEEK = "7"
    MONTH = "30"
    QUARTER = "90"


def last_day(until: str | None, at: Timestamp) -> Day:
    """The last day of an overview: today, if none is given, or a later one.

    Raises:
        InvalidInputError: it is no day, or one before SES began.
    """
    today = at[:10]
    if until is None:
        return today
    try:
        day = date.fromisoformat(until).isoformat()
    except ValueError:
        day = ""
    if day != until or day < _FIRST:  # a week of ISO 8601 is a date, too
        raise InvalidInputError(
            f"until: {until!r:.40} is no day; write 2026-11-24, from {_FIRST} to today"
        )
    return min(day, today)


def overview(look: Callable[[], State], span: Span, until: Day, at: Timestamp) -> View:
    """The overview of so many days, as it is told outside: a request of DynamoDB for the
    counters of at most 180 days, one for those of the last 14 if those are not among them, and
    those of `look`.

    Args:
        look: as of `sendtrail.reading.health.Health`.
        until: the last day.
        at: now.

    Returns:
        ``from``, ``until``; ``days``, every one, the earliest first, each with its ``day`` and
        figures; ``total``; ``previous``, of as many days before; ``rates`` of ``bounces`` and
        ``complaints``; ``providers``, the largest first; ``last_event_at``; ``queues``; ``held``;
        ``findings``, the worst first.
    """
    state = look()
    number = int(span)
    both = days_until(until, 2 * number)
    wanted = both[number:]
    shards = _by_day(both)
    now = days_until(at[:10], NOW_DAYS)
    recent = shards if both[-1] == now[-1] else _by_day(now)
    counters = {day: CounterShard.total(rows) for day, rows in shards.items()}
    every, previous = (
        Counters.sum(counters.get(day, Counters()) for day in days)
        for days in (wanted, both[:number])
    )
    providers = by_provider(every)
    bounces, complaints = bounce_rate(providers), complaint_rate(providers)
    told = [row.told_at for rows in recent.values() for row in rows if row.told_at]
    mail = Mail(
        told_at=from_epoch_ms(max(told) * 1000) if told else None,
        waiting={
            day: day_figures(CounterShard.total(recent[day]))["waiting"]
            for day in now
            if day in recent
        },
    )
    rates = {Concern.BOUNCE_RATE: bounces, Concern.COMPLAINT_RATE: complaints}
    return {
        "from": wanted[0],
        "until": until,
        "days": [{"day": day, **day_figures(counters.get(day, Counters()))} for day in wanted],
        "total": day_figures(every),
        "previous": day_figures(previous),
        "rates": {"bounces": _rate_view(bounces), "complaints": _rate_view(complaints)},
        "providers": sorted(
            (_provider_view(name, figures) for name, figures in providers.items()),
            key=lambda view: (-view["sent"], view["provider"]),
        ),
        "last_event_at": mail.told_at,
        "queues": [
            {
                "queue": name.value,
                "waiting": counts.waiting if counts else None,
                "in_flight": counts.in_flight if counts else None,
                "delayed": counts.delayed if counts else None,
            }
            for name, counts in state.queues.items()
        ],
        "held": dict(state.held) if state.held else None,
        "findings": [_finding_view(each) for each in findings(state, mail, rates, at)],
    }


def _by_day(days: list[Day]) -> Mapping[Day, list[CounterShard]]:
    found: dict[Day, list[CounterShard]] = defaultdict(list)
    for day, row in queries.day_counters(days[0], days[-1]):
        found[day].append(row)
    return found


def _rate_view(rate: Rate) -> View:
    return {
        "count": rate.count,
        "sent": rate.sent,
        "rate": None if rate.fraction is None else round(rate.fraction, 6),
        "review_at": rate.limits.review,
        "pause_at": rate.limits.pause,
        "standing": rate.standing.value if rate.standing else None,
    }


def _provider_view(name: str, figures: Mapping[str, int]) -> View:
    mine = {name: figures}
    complaints = complaints_at(name, figures)
    rate = complaint_rate(mine).fraction
    bounced = bounce_rate(mine).fraction
    return {
        "provider": name,
        **figures,
        "spammed": complaints,
        "bounce_rate": None if bounced is None else round(bounced, 6),
        "complaint_rate": None if rate is None else round(rate, 6),
    }


def _finding_view(finding: Finding) -> View:
    return {
        "concern": finding.concern.value,
        "severity": finding.severity.value,
        "queue": finding.queue.value if finding.queue else None,
        "count": finding.count,
        "since": finding.since,
        "reason": finding.reason,
    }
