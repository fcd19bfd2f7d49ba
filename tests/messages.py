"""Messages made of events by a plain fold, without the log and its tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sendtrail.domain.events import Event
from sendtrail.domain.hits import HITS, Bucket, bucket_of, slot_of
from sendtrail.domain.judgement import MAX_JUDGED, judge
from sendtrail.domain.message import Message, fold

__all__ = ["folded", "in_slots", "messages_of"]


def folded(events: Iterable[Event], participant_id: str = "") -> Message:
    """One message of these events: each of its hits in its slot, and judged by the bucket.

    Args:
        participant_id: whose it is, if not the first event's.
    """
    known = in_slots(events)
    message = Message(participant_id or known[0].participant_id, known[0].message_id)
    buckets: dict[Bucket, list[Event]] = defaultdict(list)
    for event in known:
        message = fold(message, event)  # of a hit, only what it shares with other events
        if event.type in HITS:
            buckets[bucket_of(event)].append(event)
    for bucket, hits in buckets.items():
        first = sorted(hits, key=slot_of)[:MAX_JUDGED]
        message = message.judged(bucket.source, bucket.age, judge(first))
    return message


def messages_of(events: Iterable[Event]) -> dict[tuple[str, str], Message]:
    """All messages, by participant and id."""
    each: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        if event.is_of_message:
            each[event.participant_id, event.message_id].append(event)
    return {key: folded(mine) for key, mine in each.items()}


def in_slots(events: Iterable[Event]) -> list[Event]:
    """The events that are kept of these: of the hits of a slot the first."""
    kept: list[Event] = []
    taken: set[tuple[str, str]] = set()
    for event in sorted(events, key=lambda each: each.key):
        slot = (event.message_id, slot_of(event)) if event.type in HITS else None
        if slot not in taken:
            kept.append(event)
        if slot:
            taken.add(slot)
    return kept
