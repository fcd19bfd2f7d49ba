"""Items: how the read models are stored in their tables, and read back.

An item is a dictionary of plain values, as both `sendtrail.aws.dynamodb` and PynamoDB's models
provide them. What is None or empty is absent. Keys are built here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from enum import StrEnum
from typing import Any, Final
from zlib import crc32

from sendtrail.domain.communication import (
    COUNTER_GROUPS,
    CommunicationDefinition,
    Counters,
    CounterShard,
)
from sendtrail.domain.engagement import Reason
from sendtrail.domain.events import Event, Source, SuppressionReason
from sendtrail.domain.hits import Bucket
from sendtrail.domain.ids import ADDRESS_PARTICIPANT, UNATTRIBUTED, normal_address
from sendtrail.domain.judgement import NO_HITS, HitTotals, Judgement
from sendtrail.domain.message import Engagement, Message, fold
from sendtrail.domain.names import NameChange, folded, terms_of_name
from sendtrail.domain.participant import AddressUse, Inactivity, Participant
from sendtrail.domain.subscriptions import SubscriptionChange
from sendtrail.domain.suppression import Evidence, Suppression
from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms, latest
from sendtrail.log.items import TrailRow
from sendtrail.projections.checkpoints import Checkpoint, Checkpoints

__all__ = [
    "DEFINITION",
    "DRAFTS_ID",
    "ACTIVITY_SHARDS",
    "ADDRESS_PREFIX",
    "DIRECT",
    "EPOCH_ID",
    "INACTIVE",
    "LINK_PREFIX",
    "MONTHS",
    "MONTHS_ID",
    "PROBLEM_PREFIX",
    "PROFILE",
    "COUNTERS_PREFIX",
    "COUNTER_SHARDS",
    "DAYS_ID",
    "SWEEP_ID",
    "TEMPLATES_ID",
    "TEMPLATE_PREFIX",
    "TERM_SHARDS",
    "TermList",
    "WORD_PREFIX",
    "definition_from_item",
    "definition_to_item",
    "activity_day",
    "activity_key",
    "address_part",
    "address_use_from_item",
    "address_use_to_item",
    "checkpoints_from_item",
    "checkpoints_to_item",
    "judgement_from_attribute",
    "judgement_to_attribute",
    "message_from_item",
    "message_of",
    "participant_from_item",
    "participant_to_item",
    "term_list",
    "term_of",
    "word_items",
    "counters_from_item",
    "counter_part",
    "counters_to_item",
    "day_part",
    "packed",
    "problem_parts",
    "unpacked",
    "suppression_from_item",
    "suppression_to_item",
    "template_use_to_item",
]

Item = dict[str, Any]

PROFILE: Final = "profile"
ADDRESS_PREFIX: Final = "address#"
DEFINITION: Final = "definition"
COUNTERS_PREFIX: Final = "counters#"
COUNTER_SHARDS: Final = 16
PROBLEM_PREFIX: Final = "problem#"
LINK_PREFIX: Final = "link#"
MONTHS: Final = "months"
MONTHS_ID: Final = "#months"
"""Not a communication: the row that lists the months with communications."""
DRAFTS_ID: Final = "#drafts"
"""Not a communication: the partition of drafts (`sendtrail.sending.draft_store`)."""
DAYS_ID: Final = "#days"
"""Not a communication: the partition of days' counters, which no index lists."""
DIRECT: Final = "direct"
"""The part of `MONTHS_ID` with the months and kinds of messages of no communication."""
ACTIVITY_SHARDS: Final = 4
"""How many partitions of the index a day's participants are spread over."""
INACTIVE: Final = "inactive"
"""Stands for the day, in that index, of those who are inactive: no sweep reads it."""
TERM_SHARDS: Final = 4
"""How many partitions of the index ``by_term`` each of its lists is spread over."""
WORD_PREFIX: Final = "#word#"
"""Begins the sort key of a word of a participant's name; before those of profile and addresses."""
SWEEP_ID: Final = "#sweep"
"""Not a participant: the row with the day that was swept last."""
EPOCH_ID: Final = "#epoch"
"""Neither a participant nor a message: the row with the epochs of all rebuilds."""
TEMPLATES_ID: Final = "#templates"
"""Not a template: the list of all of them, in the index ``by_list``."""
TEMPLATE_PREFIX: Final = "#template#"
"""Not a communication: before a template's id, the list of the mailings that were made of it."""


# --- messages --------------------------------------------------------------------------------


def message_from_item(item: Mapping[str, Any]) -> Message:
    """The message in its row of the table Trails: its events, folded, and what was judged of its
    hits.

    Raises:
        KeyError, ValueError: the item is not a message's row.
    """
    agreed, events = TrailRow.of_item(item).decoded()
    return message_of(item, agreed, events)


def message_of(item: Mapping[str, Any], agreed: Mapping[str, Any], events: list[Event]) -> Message:
    """The message in its row, of which `TrailRow.decoded` gave these."""
    message = Message(
        item["trail"],
        item["entry"],
        **agreed,
        epoch=item.get("epoch"),
        moved=bool(item.get("moved")),
    )
    for event in events:
        message = fold(message, event)
    engagement: dict[Source, dict[str, Judgement]] = {Source.OWN: {}, Source.SES: {}}
    for prefix, judged in (item.get("hits") or {}).items():
        bucket = Bucket.of_slot(prefix)
        engagement[bucket.source][bucket.age] = judgement_from_attribute(judged)
    own, ses = (Engagement.of(engagement[source]) for source in (Source.OWN, Source.SES))
    choice = SubscriptionChange(*item["choice"]) if "choice" in item else None
    at = message.last_changed_at
    for judged_at in (own.total.last_at, ses.total.last_at, choice.at if choice else None):
        at = latest(at, judged_at)
    return replace(
        message,
        last_changed_at=at,
        subscription_change=choice,
        own=own,
        ses=ses,
    )


def judgement_to_attribute(judged: Judgement) -> list[Any]:
    """What was judged of a bucket, as an attribute: opens, clicks, links by key, and, if there are
    any, machines' opens and clicks by reason.

    Each is [hits, people's hits, first, last, people's first, people's last]; or, of one hit,
    [1, people's hits, when]. Times are in milliseconds since 1970 (0: never). Lists without names
    keep an ordinary message's row within a write unit.
    """
    links = {key: _totals_to_attribute(totals) for key, totals in sorted(judged.links.items())}
    found = [_totals_to_attribute(judged.opens), _totals_to_attribute(judged.clicks), links]
    machines = {reason.value: list(n) for reason, n in sorted(judged.machines.items())}
    return [*found, machines] if machines else found


def judgement_from_attribute(attribute: Sequence[Any]) -> Judgement:
    """What was judged of a bucket, from an attribute."""
    opens, clicks, links, *more = attribute
    machines = more[0] if more else {}
    return Judgement(
        _totals_from_attribute(opens),
        _totals_from_attribute(clicks),
        {key: _totals_from_attribute(totals) for key, totals in links.items()},
        {Reason(reason): (n[0], n[1]) for reason, n in machines.items()},
    )


def _totals_to_attribute(totals: HitTotals) -> list[int]:
    if not totals.count:
        return []
    if totals.count == 1 and totals.first_at:
        return [1, totals.human_count, epoch_ms(totals.first_at)]
    times = (totals.first_at, totals.last_at, totals.first_human_at, totals.last_human_at)
    return [totals.count, totals.human_count, *(epoch_ms(at) if at else 0 for at in times)]


def _totals_from_attribute(attribute: Sequence[int]) -> HitTotals:
    if not attribute:
        return NO_HITS
    count, human_count, *times = attribute
    if len(times) == 1:
        at = from_epoch_ms(times[0])
        human_at = at if human_count else None
        return HitTotals(count, human_count, at, at, human_at, human_at)
    return HitTotals(count, human_count, *(from_epoch_ms(at) if at else None for at in times))


# --- communications --------------------------------------------------------------------------


def counter_part(shard: str) -> str:
    """The counter row for a shard of the log's stream: ``counters#<0-15>``."""
    return f"{COUNTERS_PREFIX}{crc32(shard.encode()) % COUNTER_SHARDS}"


def day_part(day: str, shard: str) -> str:
    """The counter row of a day for a shard of the log's stream: ``2026-11-24#<0-15>``."""
    return f"{day}#{counter_part(shard).removeprefix(COUNTERS_PREFIX)}"


def definition_to_item(definition: CommunicationDefinition) -> Item:
    """The definition as an item, with the keys of the index ``by_month``."""
    item = _present(_fields(definition))
    if definition.listed_at:
        item["month"] = definition.listed_at[:7]
        item["listed"] = f"{definition.listed_at}#{definition.communication_id}"
    return item | {"part": DEFINITION}


def definition_from_item(item: Mapping[str, Any]) -> CommunicationDefinition:
    """The definition in an item."""
    values = {
        field.name: item[field.name]
        for field in fields(CommunicationDefinition)
        if field.name in item
    }
    return CommunicationDefinition(
        **values | {"counter_shards": frozenset(item.get("counter_shards") or ())}
    )


def counters_to_item(shard: CounterShard) -> Item:
    """The counter shard as an item, without its keys: its counters packed, so that those of an
    ordinary mailing are written for one unit.
    """
    return _present(
        {
            "counts": packed(shard.counters.counts),
            "first_sent_at": shard.first_sent_at,
            "kind": shard.kind,
            "epoch": shard.epoch,
            "carried": shard.carried or None,
            "told_at": shard.told_at,
            "expires_at": shard.expires_at,
        }
    )


def counters_from_item(item: Mapping[str, Any]) -> CounterShard:
    """The counter shard in an item."""
    return CounterShard(
        counters=Counters(unpacked(item.get("counts") or "")),
        first_sent_at=item.get("first_sent_at"),
        kind=item.get("kind"),
        epoch=item.get("epoch"),
        carried=bool(item.get("carried")),
        told_at=item.get("told_at"),
        expires_at=item.get("expires_at"),
    )


def packed(counts: Mapping[str, int]) -> str | None:
    """Counters as text: a line for each group of names, in the order of `COUNTER_GROUPS`.

    A line is the group (``provider/gmail``; none for those of `COUNTER_NAMES`) and the numbers of
    its counters in their order, in base 36, with commas; zeros are empty.
    """
    groups: dict[str, dict[str, int]] = {}
    for name, number in counts.items():
        group, _, counter = name.rpartition("/")
        groups.setdefault(group, {})[counter] = number
    lines = []
    for group, numbers in sorted(groups.items()):
        names = _names_in(group)
        if names is None:
            texts = [f"{name}={_base36(number)}" for name, number in sorted(numbers.items())]
        else:
            texts = [_base36(numbers.get(name, 0)) for name in names]
        lines.append(f"{group} {','.join(texts).rstrip(',')}")
    return "\n".join(lines) or None


def unpacked(text: str) -> dict[str, int]:
    """The counters in a text that `packed` made."""
    counts: dict[str, int] = {}
    for line in filter(None, text.split("\n")):
        group, _, numbers = line.rpartition(" ")
        names = _names_in(group)
        for place, number in enumerate(numbers.split(",")):
            name, digits = number.split("=") if names is None else (names[place], number)
            if digits:
                counts[f"{group}/{name}" if group else name] = int(digits, 36)
    return counts


def _names_in(group: str) -> tuple[str, ...] | None:
    """The counters of a group, in the order in which they are packed; None if they are named."""
    return COUNTER_GROUPS.get(group.partition("/")[0])


_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def _base36(number: int) -> str:
    """A number in base 36; empty for 0."""
    sign, number, digits = "-" if number < 0 else "", abs(number), ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return sign + digits


# --- problems and links of a communication ---------------------------------------------------


def problem_parts(message: Message) -> set[str]:
    """The sort keys under which a message's problems are listed: ``problem#<which>#<message>``."""
    return {f"{PROBLEM_PREFIX}{each.value}#{message.message_id}" for each in message.problems}


def template_use_to_item(posted: Event) -> Item | None:
    """The row that lists a mailing under the template that it was made of, by when it was posted;
    None if it was made of none. It is the same however often the event comes.
    """
    template_id = posted.detail.get("template_id")
    if not template_id:
        return None
    return {
        "communication_id": TEMPLATE_PREFIX + template_id,
        "part": f"{posted.at}#{posted.communication_id}",
        "version": posted.detail.get("template_version"),
        "name": posted.detail["name"],
    }


# --- participants ----------------------------------------------------------------------------

_CHOICES: Final = ("subscription_change", "choice_there")


def address_part(address: str) -> str:
    """The sort key of an address in a participant's history."""
    return ADDRESS_PREFIX + normal_address(address)


def activity_day(active_at: Timestamp, participant_id: str) -> str:
    """A participant's partition in the index ``by_activity_day``: a time's day, or `INACTIVE`."""
    return activity_key(active_at[:10], crc32(participant_id.encode()) % ACTIVITY_SHARDS)


def activity_key(day: str, shard: int) -> str:
    """A partition key of the index ``by_activity_day``: a day, and one of its shards."""
    return f"{day}#{shard}"


class TermList(StrEnum):
    """The lists of the index ``by_term``, by which people are listed and found."""

    IDS = "ids"
    """The ids of people, but for those of the next list."""
    UNSUBSCRIBED = "unsubscribed"
    """The ids of people who unsubscribed."""
    WORDS = "words"
    """Words of names."""
    ADDRESSES = "addresses"
    """Addresses of people."""
    PLACEHOLDERS = "placeholders"
    """Addresses of placeholder participants."""


def term_list(name: TermList, shard: int) -> str:
    """A partition key of the index ``by_term``: a list, and one of its shards."""
    return f"{name}#{shard}"


def term_of(term: str, participant_id: str) -> str:
    """A sort key of the index ``by_term``: what begins as somebody is looked for, and who it is."""
    return f"{term} {participant_id}"


def _listed(name: TermList, term: str, participant_id: str) -> Item:
    shard = crc32(participant_id.encode()) % TERM_SHARDS
    return {"terms": term_list(name, shard), "term": term_of(term, participant_id)}


def _profile_listed(participant: Participant) -> Item:
    """Where a profile is listed: a placeholder participant by its address, and so only here if it
    unsubscribed; nowhere if others have its address, who are credited with all that it does.
    """
    participant_id = participant.participant_id
    change = participant.subscription_change
    unsubscribed = change is not None and change.unsubscribed
    placeholder = participant_id.startswith(ADDRESS_PARTICIPANT)
    if participant_id.startswith(UNATTRIBUTED) or participant.first_seen_at is None:
        return {}
    if placeholder and (participant.linked_to or not unsubscribed):
        return {}
    name = TermList.UNSUBSCRIBED if unsubscribed else TermList.IDS
    return _listed(name, participant_id.lower(), participant_id)


def word_items(participant: Participant) -> list[Item]:
    """The items by which a participant's name is found. What an earlier name left stays, and
    readers, who see the profile, leave it out.
    """
    participant_id = participant.participant_id
    return [
        {"participant_id": participant_id, "part": WORD_PREFIX + term, "revision": 1}
        | _listed(TermList.WORDS, term, participant_id)
        for term in terms_of_name(participant.name)
    ]


def participant_to_item(participant: Participant) -> Item:
    """The profile as an item: in the index ``by_activity_day`` by its day, and by `INACTIVE` once
    it is marked so; in ``by_term`` by its id.
    """
    item = _present(_fields(participant)) | _profile_listed(participant)
    for name in _CHOICES:
        if choice := getattr(participant, name):
            item[name] = _fields(choice)
    if participant.inactivity:
        item["inactivity"] = _fields(participant.inactivity)
    if participant.name_change:
        item["name_change"] = _fields(participant.name_change)
    day = INACTIVE if participant.inactive_since else participant.active_at
    if day:
        item["activity_day"] = activity_day(day, participant.participant_id)
    return item | {"part": PROFILE}


def participant_from_item(item: Mapping[str, Any]) -> Participant:
    """The participant in a profile's item."""
    values = {field.name: item[field.name] for field in fields(Participant) if field.name in item}
    for name in _CHOICES:
        if choice := item.get(name):
            placeholders = tuple(choice["placeholders"])
            values[name] = SubscriptionChange(**choice | {"placeholders": placeholders})
    if "inactivity" in item:
        values["inactivity"] = Inactivity(**item["inactivity"])
    if "name_change" in item:
        values["name_change"] = NameChange(**item["name_change"])
    return Participant(**values | {"linked_to": frozenset(item.get("linked_to") or ())})


def address_use_to_item(use: AddressUse) -> Item:
    """The address use as an item; ``address`` is the key of the index ``by_address``, and it is in
    ``by_term`` too.
    """
    placeholder = use.participant_id.startswith(ADDRESS_PARTICIPANT)
    name = TermList.PLACEHOLDERS if placeholder else TermList.ADDRESSES
    item = _present(_fields(replace(use, last_used_at=None)))
    item |= _listed(name, folded(use.normal), use.participant_id)
    return item | {"part": address_part(use.address), "address": use.normal, "written": use.address}


def address_use_from_item(item: Mapping[str, Any]) -> AddressUse:
    """The address use in an item."""
    values = {field.name: item[field.name] for field in fields(AddressUse) if field.name in item}
    return AddressUse(**values | {"address": item["written"]})


# --- suppressions ----------------------------------------------------------------------------


def suppression_to_item(suppression: Suppression) -> Item:
    """The suppression as an item; in the index ``by_reason`` only while it holds."""
    item = _present(
        {
            "address": suppression.address,
            "lifted_at": suppression.lifted_at,
            "soft": _present(_fields(suppression.soft)) if suppression.soft else None,
            "evidence": {
                reason.value: _present(_fields(evidence))
                for reason, evidence in suppression.evidence.items()
            },
        }
    )
    reason, standing = suppression.reason, suppression.standing
    if reason and standing:
        item |= {"reason": reason.value, "since": standing.at}
    return item


def suppression_from_item(item: Mapping[str, Any]) -> Suppression:
    """The suppression in an item."""
    return Suppression(
        address=item["address"],
        evidence={
            SuppressionReason(reason): Evidence(**evidence)
            for reason, evidence in item.get("evidence", {}).items()
        },
        lifted_at=item.get("lifted_at"),
        soft=Evidence(**item["soft"]) if "soft" in item else None,
    )


# --- checkpoints -----------------------------------------------------------------------------


def checkpoints_to_item(checkpoints: Checkpoints) -> Item:
    """The checkpoints as an attribute: shard id → [sequence number as text, seconds since 1970].

    As text, because a sequence number has up to 40 digits and a DynamoDB number 38.
    """
    return {
        shard: [str(checkpoint.sequence), checkpoint.at]
        for shard, checkpoint in checkpoints.by_shard.items()
    }


def checkpoints_from_item(item: Mapping[str, Any] | None) -> Checkpoints:
    """The checkpoints in an item's attribute."""
    return Checkpoints(
        {
            shard: Checkpoint(int(sequence), int(at))
            for shard, (sequence, at) in (item or {}).items()
        }
    )


def _fields(value: Any) -> Item:
    return {
        field.name: got
        for field in fields(value)
        if (got := getattr(value, field.name)) is not None
    }


def _present(item: Item) -> Item:
    return {
        name: value
        for name, value in item.items()
        if value is not None and value not in ({}, frozenset())
    }
