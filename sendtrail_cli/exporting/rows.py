"""Rows of an export, from items of the tables: by the folds, views and judge of everything else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from sendtrail.domain.communication import COUNTER_NAMES, CounterShard, counters_of
from sendtrail.domain.days import day_counters_of, day_figures
from sendtrail.domain.engagement import Verdict
from sendtrail.domain.events import Event, EventType
from sendtrail.domain.hits import HITS, bucket_of
from sendtrail.domain.ids import is_message_id
from sendtrail.domain.judgement import MAX_JUDGED, verdicts
from sendtrail.domain.links import MAX_LINKS, counted_link
from sendtrail.domain.message import Message
from sendtrail.domain.providers import provider_of
from sendtrail.log.items import TrailRow, event_from_item, is_message_row
from sendtrail.projections.items import (
    COUNTER_SHARDS,
    DEFINITION,
    LINK_PREFIX,
    counters_from_item,
    definition_from_item,
    message_of,
    suppression_from_item,
)
from sendtrail.reading.views import communication_view, message_view, suppression_view
from sendtrail_cli.exporting.schema import DATASETS, Dataset, Row

__all__ = ["Trail", "event_row", "mailing_row", "message_row", "suppression_row", "trail_rows"]

Item = Mapping[str, Any]


@dataclass(slots=True)
class Trail:
    """What the log has of one message id, or of one trail of no message.

    Attributes:
        rows: the row of the message: one, unless several participants are said to have it.
        beside: events that are items of their own.
    """

    rows: list[Item] = field(default_factory=list)
    beside: list[Item] = field(default_factory=list)

    @classmethod
    def all_in(cls, items: Iterable[Item]) -> Iterator[Trail]:
        """The trails in items: whatever their order, in order."""
        found: dict[str, Trail] = {}
        for item in sorted(items, key=itemgetter("trail", "entry")):
            if is_message_row(item):
                found.setdefault(item["entry"], cls()).rows.append(item)
            else:
                name = item["trail"].removeprefix("message:")
                found.setdefault(name, cls()).beside.append(item)
        for _, trail in sorted(found.items()):
            yield trail


def trail_rows(trail: Trail) -> Iterator[tuple[Dataset, Row]]:
    """The rows of a trail: messages, and their events, each once.

    Raises:
        KeyError, ValueError, TypeError, IndexError: an item is not one of the log.
    """
    beside = [(item, event_from_item(item)) for item in trail.beside]
    judged = _judged(beside)
    told: set[str] = set()
    for row in trail.rows:
        agreed, in_row = TrailRow.of_item(row).decoded()
        message = message_of(row, agreed, in_row)
        yield Dataset.MESSAGES, message_row(message, row.get("events") or ())
        mine = [each for each in beside if each[1].participant_id == message.participant_id]
        whole = {event.key for _, event in mine}
        for event in in_row:
            if event.key not in whole:  # too long for the row, and shortened there
                yield Dataset.EVENTS, event_row(event, row, message)
        told.add(message.participant_id)
        for item, event in mine:
            yield Dataset.EVENTS, event_row(event, item, message, judged.get(item["entry"]))
    for item, event in beside:
        if not (event.is_of_message and event.participant_id in told):
            yield Dataset.EVENTS, event_row(event, item, None, judged.get(item["entry"]))


def _judged(beside: Iterable[tuple[Item, Event]]) -> dict[str, Verdict]:
    """Who did each hit, by its slot: as the judge tells it, of the first `MAX_JUDGED` of a bucket
    those of one participant.

    Args:
        beside: in order of their slots.
    """
    buckets: dict[str, list[tuple[str, Event]]] = {}
    for item, event in beside:
        if event.type in HITS:
            buckets.setdefault(bucket_of(event).prefix, []).append((item["entry"], event))
    people: dict[str, list[tuple[str, Event]]] = {}
    for bucket in buckets.values():
        for slot, hit in bucket[:MAX_JUDGED]:
            people.setdefault(hit.participant_id, []).append((slot, hit))
    found: dict[str, Verdict] = {}
    for mine in people.values():
        by_key = verdicts(hit for _, hit in mine)
        found |= {slot: by_key[hit.key] for slot, hit in mine}
    return found


def message_row(message: Message, elements: Iterable[str]) -> Row:
    """A message, with what it adds to the figures of its mailing, and of its day."""
    view = message_view(message)
    bounce = view["bounce"] or {}
    counts = counters_of(message).counts
    of_day = day_figures(day_counters_of(message))
    total = message.engagement.total
    return {
        **view,
        "provider": provider_of(message.address) if message.address is not None else None,
        "by": message.by,
        "accepted_at": message.accepted_at,
        "first_human_opened_at": total.opens.first_human_at,
        "last_human_opened_at": total.opens.last_human_at,
        "first_human_clicked_at": total.clicks.first_human_at,
        "last_human_clicked_at": total.clicks.last_human_at,
        **{f"bounce_{name}": value for name, value in bounce.items()},
        "counted_source": "own" if message.accepted_at else "ses",
        **{name: counts.get(name, 0) for name in COUNTER_NAMES},
        "hard_bounced": of_day["hard_bounced"],
        "waiting": of_day["waiting"],
        "log": sorted(elements),
    }


def event_row(
    event: Event, item: Item, message: Message | None, verdict: Verdict | None = None
) -> Row:
    """An event.

    Args:
        item: that holds it: one of its own, or the row of its message.
        message: whose it is, as far as there is a row.
        verdict: of an open or click that was judged, who did it.
    """
    clicked = event.type is EventType.CLICK
    return {
        "event_key": event.key,
        "type": event.type.value,
        "at": event.at,
        "message_id": event.message_id if is_message_id(event.message_id) else None,
        "participant_id": event.participant_id or None,
        "communication_id": event.communication_id,
        "address": event.address,
        "kind": event.kind,
        "source": event.source.value,
        "url": event.detail.get("link") if clicked else None,
        "counted_link": counted_link(event.detail) or None if clicked else None,
        "actor": verdict.actor.value if verdict else None,
        "actor_reason": verdict.reason.value if verdict else None,
        "counted": bool(verdict and message and message.counts(event.source))
        if event.type in HITS
        else None,
        "detail": _json(event.detail),
        "trail": item["trail"],
        "entry": item["entry"],
        "log": item.get("event"),
    }


def mailing_row(items: Sequence[Item]) -> Row | None:
    """A mailing, from its rows of the table Communications; None of one that is not known.

    As the API does, it goes by the first rows alone (`sendtrail.reading.queries.communication`).
    """
    first = sorted(items, key=lambda item: str(item["part"]))
    first = first[: COUNTER_SHARDS + 1 + 2 * MAX_LINKS]
    definition = next((each for each in first if each["part"] == DEFINITION), None)
    if definition is None:
        return None
    urls = {
        each["part"].removeprefix(LINK_PREFIX): each["url"]
        for each in first
        if each["part"].startswith(LINK_PREFIX)
    }
    shards = [each for each in first if each["part"] != DEFINITION and "url" not in each]
    counters = CounterShard.total(counters_from_item(each) for each in shards)
    known = definition_from_item(definition)
    view = communication_view(known, counters, whole=True, urls=urls)
    nested = ("dropped_by_reason", "links", "providers", "machines", "hits_by_age")
    columns = {column.name for column in DATASETS[Dataset.MAILINGS]}
    row = {name: value for name, value in view.items() if name in columns}
    row |= {name: _json(view[name]) for name in nested}
    return row | {"by": known.by, "planned": known.planned, "stopped_by": known.stopped_by}


def suppression_row(item: Item) -> Row:
    """A suppression, also one that was lifted."""
    suppression = suppression_from_item(item)
    view = suppression_view(suppression)
    standing = suppression.standing
    return {
        **view,
        "by": standing.by if standing else None,
        "lifted_at": suppression.lifted_at,
        "evidence": _json(item.get("evidence") or {}),
        "soft": _json(item["soft"]) if "soft" in item else None,
    }


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
