"""Queries: each takes a bounded number of requests, whatever the tables hold.

Lists continue from a *place*: plain JSON that identifies the last item read; None at the end. One
item more than wanted is requested, so that the last page is known to be the last.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from pynamodb.expressions.condition import Condition
from pynamodb.indexes import Index
from pynamodb.models import Model

from sendtrail.domain.communication import CommunicationDefinition, Counters, CounterShard
from sendtrail.domain.days import Day
from sendtrail.domain.events import Event, SuppressionReason
from sendtrail.domain.ids import (
    derived_message_id,
    message_id_bounds,
    sent_time,
    ses_id_bounds,
)
from sendtrail.domain.links import MAX_LINKS
from sendtrail.domain.message import Message
from sendtrail.domain.suppression import Suppression
from sendtrail.domain.times import Timestamp
from sendtrail.log.items import TrailRow, event_from_item, listed_in, message_partition
from sendtrail.projections.items import (
    COUNTER_SHARDS,
    COUNTERS_PREFIX,
    DAYS_ID,
    DEFINITION,
    LINK_PREFIX,
    MONTHS,
    MONTHS_ID,
    PROBLEM_PREFIX,
    counters_from_item,
    definition_from_item,
    message_from_item,
    message_of,
    suppression_from_item,
)
from sendtrail.reading.models import (
    CommunicationRow,
    SuppressionRow,
    TrailItem,
    item_of,
)
from sendtrail.reading.recipient_filter import EVERYBODY, RecipientFilter

__all__ = [
    "LISTED_AT_ONCE",
    "LOOKED_AT",
    "MAX_EVENTS",
    "Found",
    "Known",
    "beside",
    "communication",
    "communication_definition",
    "communications",
    "day_counters",
    "message",
    "messages",
    "messages_of_ses_id",
    "participant_of_message",
    "recipients",
    "recipients_like",
    "recipients_of",
    "suppressions",
]

T = TypeVar("T")
Place = Any

LOOKED_AT: Final = 100
"""How many items a filter without an index examines in one request."""
LISTED_AT_ONCE: Final = 1_000
"""How many entries of a list of recipients are looked through for the beginning of an id."""
MAX_EVENTS: Final = 300
"""How many hits, choices and long events of a trail are returned."""
_MAX_MONTHS: Final = 12
_MAX_GUESSES: Final = 50
"""In how many communications a message is looked for, if nothing but its id is known."""
_MAX_RECIPIENTS: Final = 50


class Found(NamedTuple):
    """A page of a list, and the place to continue from; None at the end."""

    items: list[Any]
    place: Place


# --- messages --------------------------------------------------------------------------------


def messages(
    participant_ids: Sequence[str],
    *,
    between: tuple[str, str],
    place: Place,
    limit: int,
    wanted: Callable[[Message], bool] | None,
) -> Found:
    """The messages of several participants, each with the events in its row, merged into one list,
    newest first.

    One request for each participant. The same number of messages is read of each, and the merged
    list is complete as far as the shortest of them reaches.

    Args:
        between: the least and the greatest wanted message id.
        wanted: a filter without an index.
    """
    low, high = between
    if place is not None:
        high = min(high, place)
    window = LOOKED_AT if wanted else limit
    merged: list[tuple[Message, list[Event]]] = []
    reach = ""
    for participant_id in participant_ids:
        rows = list(
            TrailItem.query(
                participant_id,
                TrailItem.entry.between(low, high),
                scan_index_forward=False,
                limit=window + 2,  # one more than wanted, and the one at `place`
            )
        )
        part = [_decoded(item_of(row)) for row in rows if row.entry != place]
        if len(part) > window:
            part = part[: window + 1]
            reach = max(reach, part[-1][0].message_id)
        merged += part
    merged.sort(key=lambda found: found[0].message_id, reverse=True)
    items: list[tuple[Message, list[Event]]] = []
    last: str | None = None
    for message, events in merged:
        if message.message_id <= reach or len(items) == limit:
            return Found(items, last)
        last = message.message_id
        if wanted is None or wanted(message):
            items.append((message, events))
    return Found(items, None)


def message(participant_ids: Sequence[str], message_id: str) -> tuple[Message, list[Event]] | None:
    """A message that belongs to one of the participants, and the events in its row, in one request;
    None if none has it.
    """
    keys = [(participant_id, message_id) for participant_id in participant_ids]
    row = next(iter(TrailItem.batch_get(keys, consistent_read=True)), None)
    return _decoded(item_of(row)) if row else None


def _decoded(item: dict[str, Any]) -> tuple[Message, list[Event]]:
    agreed, events = TrailRow.of_item(item).decoded()
    return message_of(item, agreed, events), events


def beside(message: Message) -> tuple[list[Event], bool]:
    """The hits and choices of a message, and its events that are too long for its row; the first
    `MAX_EVENTS`, in order of their keys, and whether there are more.
    """
    partition = message_partition(message.message_id)
    rows = list(TrailItem.query(partition, consistent_read=True, limit=MAX_EVENTS + 1))
    events = [event_from_item(item_of(row)) for row in rows[:MAX_EVENTS]]
    mine = [event for event in events if event.participant_id == message.participant_id]
    return mine, len(rows) > MAX_EVENTS


def participant_of_message(message_id: str) -> str | None:
    """Whose message it is; None if that cannot be told.

    By a hit; else by the index, where it is listed by its month or by its communication. That was
    created when its first message was accepted or sent: so of the communications created no later,
    in the message's month and the 11 before, the latest `_MAX_GUESSES` are looked at. That takes
    6 requests at most for a message of one of the three communications before it, and never more
    than `_MAX_GUESSES` and 14.
    """
    hit = next(iter(TrailItem.query(message_partition(message_id), limit=1)), None)
    if hit is not None:
        return event_from_item(item_of(hit)).participant_id
    for place in itertools.islice(_where_listed(message_id), 1 + _MAX_GUESSES):
        found = TrailItem.by_communication.query(place, TrailItem.entry == message_id)
        row = next(iter(found), None)
        if row is not None:
            return str(row.trail)
    return None


def messages_of_ses_id(ses_message_id: str) -> list[Message]:
    """The messages of a mail that something else sent, by SES's id of it: one for each recipient,
    the first `_MAX_RECIPIENTS`; none if the id does not hold its time.

    They are of the millisecond that the id holds, and are looked for where the index may list them,
    as in `participant_of_message`, for the same price and one request. What Sendtrail sends is not
    known by SES's id.
    """
    bounds = ses_id_bounds(ses_message_id)
    if bounds is None:
        return []
    for place in itertools.islice(_where_listed(bounds[0]), 1 + _MAX_GUESSES):
        rows = TrailItem.by_communication.query(
            place, TrailItem.entry.between(*bounds), limit=_MAX_RECIPIENTS
        )
        keys = [(row.trail, row.entry) for row in rows]
        read = TrailItem.batch_get(keys) if keys else ()
        found = [message_from_item(item_of(row)) for row in read]
        mine = [each for each in found if _is_of_ses_id(each, ses_message_id)]
        if mine:
            return sorted(mine, key=lambda message: message.address or "")
    return []


def _is_of_ses_id(message: Message, ses_message_id: str) -> bool:
    at, address = sent_time(message.message_id), message.address
    return bool(address) and message.message_id == derived_message_id(
        at, ses_message_id, address or ""
    )


def _where_listed(message_id: str) -> Iterator[str]:
    """Under what the index may list a message, the likeliest first."""
    at = sent_time(message_id)
    yield listed_in(None, message_id)
    for month in _months_until(at):
        created = CommunicationRow.by_month.query(
            month,
            CommunicationRow.listed <= f"{at}~",
            scan_index_forward=False,
            limit=_MAX_GUESSES,
        )
        for row in created:
            yield row.communication_id


def _months_until(at: Timestamp) -> Iterator[str]:
    """The month of a time, and the 11 before."""
    last = int(at[:4]) * 12 + int(at[5:7]) - 1
    for month in range(last, last - _MAX_MONTHS, -1):
        yield f"{month // 12:04}-{month % 12 + 1:02}"


# --- communications --------------------------------------------------------------------------


class Known(NamedTuple):
    """A communication, its counters, and the URLs of its links by key."""

    definition: CommunicationDefinition
    counters: Counters
    urls: Mapping[str, str]


def communication(communication_id: str) -> Known | None:
    """A communication, in one request; None if it is not known."""
    definition: CommunicationDefinition | None = None
    rows: list[CounterShard] = []
    urls: dict[str, str] = {}
    # Its counters, its definition, and its first links, in this order: the links that are counted
    # are those with the smallest keys.
    for row in CommunicationRow.query(
        communication_id,
        CommunicationRow.part < PROBLEM_PREFIX,
        consistent_read=True,
        limit=COUNTER_SHARDS + 1 + 2 * MAX_LINKS,
    ):
        item = item_of(row)
        if row.part == DEFINITION:
            definition = definition_from_item(item)
        elif row.part.startswith(LINK_PREFIX):
            urls[row.part.removeprefix(LINK_PREFIX)] = row.url
        else:
            rows.append(counters_from_item(item))
    if definition is None:
        return None
    return Known(definition, CounterShard.total(rows), urls)


def communication_definition(communication_id: str) -> CommunicationDefinition | None:
    """A communication's name, kind and beginning, in one request; None if it is not known."""
    row = next(iter(CommunicationRow.batch_get([(communication_id, DEFINITION)])), None)
    return definition_from_item(item_of(row)) if row else None


def communications(
    place: Place,
    limit: int,
    *,
    month: str | None,
    wanted: Callable[[CommunicationDefinition], bool] | None,
) -> Found:
    """Communications, newest first: pairs of `CommunicationDefinition` and `Counters`.

    One request for the months that have any, one for each month needed (at most 12), and one for
    each hundred counter shards.

    Args:
        month: ``YYYY-MM``, to list only that one.
        wanted: a filter without an index.
    """
    months = [month] if month else _months()
    if place is not None:
        months = [each for each in months if each <= place["month"]]
    keys = ("month", "listed", "communication_id", "part")
    chosen: list[CommunicationDefinition] = []
    left = LOOKED_AT if wanted else limit
    for number, each in enumerate(months):
        if number == _MAX_MONTHS or left == 0:
            return Found(_with_counters(chosen), {"month": each})
        start = place if place and place["month"] == each and "listed" in place else None
        rows = _page(
            CommunicationRow.by_month, each, None, start, left, keys=keys, newest_first=True
        )
        for row in rows.items:
            left -= 1
            definition = definition_from_item(item_of(row))
            if wanted is None or wanted(definition):
                chosen.append(definition)
            if len(chosen) == limit:
                more = row is not rows.items[-1] or rows.place is not None
                following = {"month": months[number + 1]} if number + 1 < len(months) else None
                return Found(_with_counters(chosen), _place_of(row, keys) if more else following)
        if rows.place is not None:
            return Found(_with_counters(chosen), rows.place)
    return Found(_with_counters(chosen), None)


def _months() -> list[str]:
    row = next(iter(CommunicationRow.batch_get([(MONTHS_ID, MONTHS)])), None)
    return sorted(row.months or (), reverse=True) if row else []


def _with_counters(
    definitions: Sequence[CommunicationDefinition],
) -> list[tuple[CommunicationDefinition, Counters]]:
    keys = [
        (definition.communication_id, COUNTERS_PREFIX + number)
        for definition in definitions
        for number in definition.counter_shards
    ]
    rows: dict[str, list[CounterShard]] = defaultdict(list)
    for row in CommunicationRow.batch_get(keys) if keys else ():
        rows[row.communication_id].append(counters_from_item(item_of(row)))
    return [
        (definition, CounterShard.total(rows[definition.communication_id]))
        for definition in definitions
    ]


def recipients(
    communication_id: str,
    *,
    wanted: RecipientFilter,
    place: Place,
    limit: int,
    newest_first: bool = False,
) -> Found:
    """The messages of a communication in order of their ids, in two requests.

    Messages with a problem are listed by it, also by those that they had; for any other filter a
    bounded number of messages is examined.
    """
    keys: list[tuple[str, str]]
    problem = wanted.listed_as
    if problem:
        problems = _page(
            CommunicationRow,
            communication_id,
            CommunicationRow.part.startswith(f"{PROBLEM_PREFIX}{problem}#"),
            place,
            limit,
            keys=("communication_id", "part"),
            newest_first=newest_first,
        )
        places = [_place_of(row, ("communication_id", "part")) for row in problems.items]
        keys = [(row.participant_id, row.part.rpartition("#")[2]) for row in problems.items]
        found = problems
    else:
        found = _page(
            TrailItem.by_communication,
            communication_id,
            None,
            place,
            limit if wanted == EVERYBODY else LOOKED_AT - 1,
            keys=("listed_in", "entry", "trail"),
            newest_first=newest_first,
        )
        places = [_place_of(row, ("listed_in", "entry", "trail")) for row in found.items]
        keys = [(row.trail, row.entry) for row in found.items]
    whole = _whole(keys)
    items: list[Message] = []
    for number, key in enumerate(keys):
        message = whole.get(key)
        if message is None or not message.has_recipient:
            continue
        if not wanted.wants(message):
            continue
        if problem and message.communication_id != communication_id:
            continue
        if len(items) == limit:
            return Found(items, places[number - 1])
        items.append(message)
    return Found(items, found.place)


def recipients_like(
    definition: CommunicationDefinition,
    word: str,
    *,
    wanted: RecipientFilter,
    place: Place,
    limit: int,
) -> Found:
    """The messages of a communication whose participant's id begins with `word`.

    No index has them by participant. So those of the very participant `word` are looked for among
    the first `LOOKED_AT` messages that they got since the communication began, and the others among
    `LISTED_AT_ONCE` entries of the list at a time: three requests.
    """
    communication_id = definition.communication_id
    found = _page(
        TrailItem.by_communication,
        communication_id,
        None,
        place,
        LISTED_AT_ONCE,
        keys=("listed_in", "entry", "trail"),
    )
    like = [row for row in found.items if row.trail.startswith(word)]
    themselves = recipients_of(definition, [word], wanted=wanted) if place is None else []
    items: list[Message] = []
    whole = _whole([(row.trail, row.entry) for row in like[: limit + 1]])
    for number, row in enumerate(like):
        if len(items) == limit or number > limit:
            following = _place_of(like[number - 1], ("listed_in", "entry", "trail"))
            return Found(themselves + items, following)
        message = whole.get((row.trail, row.entry))
        if (
            message
            and message.participant_id != word
            and message.has_recipient
            and wanted.wants(message)
        ):
            items.append(message)
    return Found(themselves + items, found.place)


def recipients_of(
    definition: CommunicationDefinition,
    participant_ids: Sequence[str],
    *,
    wanted: RecipientFilter,
) -> list[Message]:
    """The messages of a communication to some participants: among the first `LOOKED_AT` that each
    got since it began. A request for each.
    """
    low, high = message_id_bounds(definition.created_at, None)
    found = [
        message_from_item(item_of(row))
        for participant_id in participant_ids
        for row in TrailItem.query(
            participant_id, TrailItem.entry.between(low, high), limit=LOOKED_AT
        )
    ]
    return [
        message
        for message in found
        if message.communication_id == definition.communication_id
        and message.has_recipient
        and wanted.wants(message)
    ]


def _whole(keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Message]:
    """Messages by their keys, in one request."""
    rows = TrailItem.batch_get(list(keys)) if keys else ()
    return {(row.trail, row.entry): message_from_item(item_of(row)) for row in rows}


# --- days ------------------------------------------------------------------------------------


def day_counters(first: Day, last: Day) -> Iterator[tuple[Day, CounterShard]]:
    """The counter shards of the days from `first` to `last`, in one request for each megabyte: at
    most 16 a day, of some half a kilobyte each.
    """
    rows = CommunicationRow.query(
        DAYS_ID,
        CommunicationRow.part.between(first, f"{last}~"),
        attributes_to_get=["communication_id", "part", "counts", "epoch", "carried", "told_at"],
    )
    for row in rows:
        yield row.part[:10], counters_from_item(item_of(row))


# --- suppressions ----------------------------------------------------------------------------


def suppressions(reason: SuppressionReason | None, place: Place, limit: int) -> Found:
    """Suppressions that hold, by reason, the most severe first; newest first within each."""
    reasons = [reason] if reason else list(SuppressionReason)
    if place is not None:
        reasons = reasons[reasons.index(SuppressionReason(place["reason"])) :]
    items: list[Suppression] = []
    for number, each in enumerate(reasons):
        start = place if place and place["reason"] == each and "since" in place else None
        found = _page(
            SuppressionRow.by_reason,
            each.value,
            None,
            start,
            limit - len(items),
            keys=("reason", "since", "address"),
            newest_first=True,
        )
        items += [suppression_from_item(item_of(row)) for row in found.items]
        if found.place is not None:
            return Found(items, found.place)
        if len(items) == limit and number + 1 < len(reasons):
            return Found(items, {"reason": reasons[number + 1].value})
    return Found(items, None)


# --- pages -----------------------------------------------------------------------------------


def _page(
    source: Index[Any] | type[Model],
    hash_key: str,
    condition: Condition | None,
    place: Place,
    limit: int,
    *,
    keys: tuple[str, ...],
    newest_first: bool = False,
) -> Found:
    """One page of an index or table: `limit` rows, and the place of the last if there are more."""
    start = {name: {"S": place[name]} for name in keys} if place else None
    rows = list(
        source.query(
            hash_key,
            condition,
            scan_index_forward=not newest_first,
            limit=limit + 1,
            last_evaluated_key=start,
        )
    )
    more = len(rows) > limit
    rows = rows[:limit]
    return Found(rows, _place_of(rows[-1], keys) if more and rows else None)


def _place_of(row: Model, keys: tuple[str, ...]) -> dict[str, str]:
    return {name: getattr(row, name) for name in keys}
