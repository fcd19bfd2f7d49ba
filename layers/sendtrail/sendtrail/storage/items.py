"""Items: what each thing looks like in its table, and how it is read back.

An item is a dictionary of plain values, as `sendtrail.aws.dynamodb` and PynamoDB's models both give
them. What is None or empty is absent. Keys are built here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, fields
from typing import Any, Final
from zlib import crc32

from sendtrail.domain.bounces import Bounce
from sendtrail.domain.communication import About, Stats, Tally
from sendtrail.domain.events import SuppressionReason
from sendtrail.domain.ids import normal_address
from sendtrail.domain.marks import Mark, Marks
from sendtrail.domain.message import PROBLEMS, Choice, Drop, Hits, Link, Message
from sendtrail.domain.participant import AddressUse, Inactivity, Participant
from sendtrail.domain.suppression import Evidence, Suppression
from sendtrail.domain.times import Timestamp

__all__ = [
    "ABOUT",
    "ACTIVITY_SHARDS",
    "ADDRESS_PREFIX",
    "GENERATION_ID",
    "MONTHS",
    "MONTHS_ID",
    "PROFILE",
    "STATS_PREFIX",
    "STATS_ROWS",
    "SWEEP_ID",
    "TEMPLATES_ID",
    "about_from_item",
    "about_to_item",
    "activity_day",
    "activity_key",
    "address_part",
    "address_use_from_item",
    "address_use_to_item",
    "marks_from_item",
    "marks_to_item",
    "message_from_item",
    "message_to_item",
    "participant_from_item",
    "participant_to_item",
    "stats_from_item",
    "stats_part",
    "stats_to_item",
    "suppression_from_item",
    "suppression_to_item",
]

Item = dict[str, Any]

PROFILE: Final = "profile"
ADDRESS_PREFIX: Final = "address#"
ABOUT: Final = "about"
STATS_PREFIX: Final = "stats#"
STATS_ROWS: Final = 16
MONTHS: Final = "months"
MONTHS_ID: Final = "#months"
"""No communication's id: the row that names the months which have communications."""
ACTIVITY_SHARDS: Final = 4
"""Over how many partitions of the index a day's participants are spread."""
SWEEP_ID: Final = "#sweep"
"""No participant's id: the row that says which day was swept last."""
GENERATION_ID: Final = "#generation"
"""No participant's id, nor a message's: the row that names the latest refold."""
TEMPLATES_ID: Final = "#templates"
"""No template's id: the row that names the templates, as version 0."""


# --- messages --------------------------------------------------------------------------------


def message_to_item(message: Message) -> Item:
    """The message in its table, with the key of the index ``by_problem`` while it has one."""
    status = message.status
    item = _present({name: getattr(message, name) for name in _MESSAGE_PLAIN})
    item["status"] = status.value
    if message.bounce:
        item["bounce"] = _fields(message.bounce)
    if message.drop:
        item["drop"] = _fields(message.drop)
    if message.choice:
        item["choice"] = _fields(message.choice)
    for source in ("own", "ses"):
        hits: Hits = getattr(message, source)
        if hits.open_count or hits.click_count:
            item[source] = _hits_to_item(hits)
    if message.communication_id and status in PROBLEMS:
        item["problem"] = f"{status.value}#{message.message_id}"
    return item


def message_from_item(item: Mapping[str, Any]) -> Message:
    """The message that an item is."""
    return Message(
        **{name: item[name] for name in _MESSAGE_PLAIN if name in item},
        bounce=Bounce(**item["bounce"]) if "bounce" in item else None,
        drop=Drop(**item["drop"]) if "drop" in item else None,
        choice=Choice(**item["choice"]) if "choice" in item else None,
        own=_hits_from_item(item.get("own")),
        ses=_hits_from_item(item.get("ses")),
    )


def _hits_to_item(hits: Hits) -> Item:
    item = _fields(hits)
    # Without the names of what is in them: an ordinary message stays within 1 KB, one write unit.
    item["links"] = {key: list(astuple(link)) for key, link in hits.links.items()}
    item["by_age"] = {
        age: [hits.by_age.get(f"{age}/{counter}", 0) for counter in _AGE_COUNTERS]
        for age in sorted({name.partition("/")[0] for name in hits.by_age})
    }
    return {name: value for name, value in item.items() if value}


def _hits_from_item(item: Mapping[str, Any] | None) -> Hits:
    if not item:
        return Hits()
    links = {key: Link(*link) for key, link in item.get("links", {}).items()}
    by_age = {
        f"{age}/{counter}": number
        for age, numbers in item.get("by_age", {}).items()
        for counter, number in zip(_AGE_COUNTERS, numbers, strict=True)
        if number
    }
    return Hits(**{**item, "links": links, "by_age": by_age})


_AGE_COUNTERS: Final = ("opens", "human_opens", "clicks", "human_clicks")


_MESSAGE_PLAIN: Final = tuple(
    field.name
    for field in fields(Message)
    if field.name not in ("bounce", "drop", "choice", "own", "ses")
)


# --- communications --------------------------------------------------------------------------


def stats_part(shard: str) -> str:
    """The row that counts what comes from a shard of the Messages stream: ``stats#<0-15>``."""
    return f"{STATS_PREFIX}{crc32(shard.encode()) % STATS_ROWS}"


def about_to_item(about: About) -> Item:
    """The communication's definition, with the keys of the index ``by_month``."""
    item = _present(_fields(about))
    if about.created_at:
        item["month"] = about.created_at[:7]
        item["listed"] = f"{about.created_at}#{about.communication_id}"
    return item | {"part": ABOUT}


def about_from_item(item: Mapping[str, Any]) -> About:
    """The definition that an item is."""
    values = {field.name: item[field.name] for field in fields(About) if field.name in item}
    return About(**values | {"stats_rows": frozenset(item.get("stats_rows") or ())})


def stats_to_item(stats: Stats) -> Item:
    """The counters of one row; its keys are the caller's."""
    tally = stats.tally
    return _present(
        {
            "counts": dict(tally.counts),
            "urls": dict(tally.urls),
            "first_sent_at": stats.first_sent_at,
            "kind": stats.kind,
            "generation": stats.generation,
        }
    )


def stats_from_item(item: Mapping[str, Any]) -> Stats:
    """The counters that an item holds."""
    return Stats(
        tally=Tally(dict(item.get("counts", {})), dict(item.get("urls", {}))),
        first_sent_at=item.get("first_sent_at"),
        kind=item.get("kind"),
        generation=item.get("generation"),
    )


# --- participants ----------------------------------------------------------------------------


def address_part(address: str) -> str:
    """The sort key of an address in a participant's history."""
    return ADDRESS_PREFIX + normal_address(address)


def activity_day(active_at: Timestamp, participant_id: str) -> str:
    """Where a participant stands in the index ``by_activity_day``."""
    return activity_key(active_at[:10], crc32(participant_id.encode()) % ACTIVITY_SHARDS)


def activity_key(day: str, shard: int) -> str:
    """A key of the index ``by_activity_day``: a day, and one of its shards."""
    return f"{day}#{shard}"


def participant_to_item(participant: Participant) -> Item:
    """The profile; in the index ``by_activity_day`` until it is marked inactive."""
    item = _present(_fields(participant))
    if participant.choice:
        item["choice"] = _fields(participant.choice)
    if participant.inactivity:
        item["inactivity"] = _fields(participant.inactivity)
    if participant.active_at and not participant.inactive_since:
        item["activity_day"] = activity_day(participant.active_at, participant.participant_id)
    return item | {"part": PROFILE}


def participant_from_item(item: Mapping[str, Any]) -> Participant:
    """The participant that a profile is."""
    values = {field.name: item[field.name] for field in fields(Participant) if field.name in item}
    if "choice" in item:
        values["choice"] = Choice(**item["choice"])
    if "inactivity" in item:
        values["inactivity"] = Inactivity(**item["inactivity"])
    return Participant(**values | {"linked_to": frozenset(item.get("linked_to") or ())})


def address_use_to_item(use: AddressUse) -> Item:
    """One address of the history; ``address`` is the key of the index ``by_address``."""
    item = _present(_fields(use))
    return item | {"part": address_part(use.address), "address": use.normal, "written": use.address}


def address_use_from_item(item: Mapping[str, Any]) -> AddressUse:
    """The address that an item is."""
    values = {field.name: item[field.name] for field in fields(AddressUse) if field.name in item}
    return AddressUse(**values | {"address": item["written"]})


# --- suppressions ----------------------------------------------------------------------------


def suppression_to_item(suppression: Suppression) -> Item:
    """What is known against an address; in the index ``by_reason`` only while it holds."""
    item = _present(
        {
            "address": suppression.address,
            "lifted_at": suppression.lifted_at,
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
    """What is known against an address."""
    return Suppression(
        address=item["address"],
        evidence={
            SuppressionReason(reason): Evidence(**evidence)
            for reason, evidence in item.get("evidence", {}).items()
        },
        lifted_at=item.get("lifted_at"),
    )


# --- marks -----------------------------------------------------------------------------------


def marks_to_item(marks: Marks) -> Item:
    """The marks: shard id → [sequence number as text, seconds since 1970].

    As text, because a sequence number has up to 40 digits and a DynamoDB number 38.
    """
    return {shard: [str(mark.sequence), mark.at] for shard, mark in marks.by_shard.items()}


def marks_from_item(item: Mapping[str, Any] | None) -> Marks:
    """The marks that an item's attribute holds."""
    return Marks(
        {shard: Mark(int(sequence), int(at)) for shard, (sequence, at) in (item or {}).items()}
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
