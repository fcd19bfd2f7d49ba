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
from sendtrail.domain.communication import CommunicationDefinition, Counters, CounterShard
from sendtrail.domain.events import SuppressionReason
from sendtrail.domain.ids import normal_address
from sendtrail.domain.message import PROBLEMS, Drop, Engagement, Link, Message, SubscriptionChange
from sendtrail.domain.participant import AddressUse, Inactivity, Participant
from sendtrail.domain.suppression import Evidence, Suppression
from sendtrail.domain.times import Timestamp
from sendtrail.projections.checkpoints import Checkpoint, Checkpoints

__all__ = [
    "DEFINITION",
    "ACTIVITY_SHARDS",
    "ADDRESS_PREFIX",
    "EPOCH_ID",
    "MONTHS",
    "MONTHS_ID",
    "PROFILE",
    "COUNTERS_PREFIX",
    "COUNTER_SHARDS",
    "SWEEP_ID",
    "TEMPLATES_ID",
    "definition_from_item",
    "definition_to_item",
    "activity_day",
    "activity_key",
    "address_part",
    "address_use_from_item",
    "address_use_to_item",
    "checkpoints_from_item",
    "checkpoints_to_item",
    "message_from_item",
    "message_to_item",
    "participant_from_item",
    "participant_to_item",
    "counters_from_item",
    "counter_part",
    "counters_to_item",
    "suppression_from_item",
    "suppression_to_item",
]

Item = dict[str, Any]

PROFILE: Final = "profile"
ADDRESS_PREFIX: Final = "address#"
DEFINITION: Final = "definition"
COUNTERS_PREFIX: Final = "counters#"
COUNTER_SHARDS: Final = 16
MONTHS: Final = "months"
MONTHS_ID: Final = "#months"
"""No communication's id: the row that names the months which have communications."""
ACTIVITY_SHARDS: Final = 4
"""Over how many partitions of the index a day's participants are spread."""
SWEEP_ID: Final = "#sweep"
"""No participant's id: the row that says which day was swept last."""
EPOCH_ID: Final = "#epoch"
"""No participant's id, nor a message's: the row that names the latest rebuild."""
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
    if message.subscription_change:
        item["subscription_change"] = _fields(message.subscription_change)
    for source in ("own", "ses"):
        engagement: Engagement = getattr(message, source)
        if engagement.open_count or engagement.click_count:
            item[source] = _engagement_to_item(engagement)
    if message.communication_id and status in PROBLEMS:
        item["problem"] = f"{status.value}#{message.message_id}"
    return item


def message_from_item(item: Mapping[str, Any]) -> Message:
    """The message that an item is."""
    return Message(
        **{name: item[name] for name in _MESSAGE_PLAIN if name in item},
        bounce=Bounce(**item["bounce"]) if "bounce" in item else None,
        drop=Drop(**item["drop"]) if "drop" in item else None,
        subscription_change=SubscriptionChange(**item["subscription_change"])
        if "subscription_change" in item
        else None,
        own=_engagement_from_item(item.get("own")),
        ses=_engagement_from_item(item.get("ses")),
    )


def _engagement_to_item(engagement: Engagement) -> Item:
    item = _fields(engagement)
    # Without the names of what is in them: an ordinary message stays within 1 KB, one write unit.
    item["links"] = {key: list(astuple(link)) for key, link in engagement.links.items()}
    item["by_age"] = {
        age: [engagement.by_age.get(f"{age}/{counter}", 0) for counter in _AGE_COUNTERS]
        for age in sorted({name.partition("/")[0] for name in engagement.by_age})
    }
    return {name: value for name, value in item.items() if value}


def _engagement_from_item(item: Mapping[str, Any] | None) -> Engagement:
    if not item:
        return Engagement()
    links = {key: Link(*link) for key, link in item.get("links", {}).items()}
    by_age = {
        f"{age}/{counter}": number
        for age, numbers in item.get("by_age", {}).items()
        for counter, number in zip(_AGE_COUNTERS, numbers, strict=True)
        if number
    }
    return Engagement(**{**item, "links": links, "by_age": by_age})


_AGE_COUNTERS: Final = ("opens", "human_opens", "clicks", "human_clicks")


_MESSAGE_PLAIN: Final = tuple(
    field.name
    for field in fields(Message)
    if field.name not in ("bounce", "drop", "subscription_change", "own", "ses")
)


# --- communications --------------------------------------------------------------------------


def counter_part(shard: str) -> str:
    """The row that counts what comes from a shard of the Messages stream: ``counters#<0-15>``."""
    return f"{COUNTERS_PREFIX}{crc32(shard.encode()) % COUNTER_SHARDS}"


def definition_to_item(definition: CommunicationDefinition) -> Item:
    """The communication's definition, with the keys of the index ``by_month``."""
    item = _present(_fields(definition))
    if definition.created_at:
        item["month"] = definition.created_at[:7]
        item["listed"] = f"{definition.created_at}#{definition.communication_id}"
    return item | {"part": DEFINITION}


def definition_from_item(item: Mapping[str, Any]) -> CommunicationDefinition:
    """The definition that an item is."""
    values = {
        field.name: item[field.name]
        for field in fields(CommunicationDefinition)
        if field.name in item
    }
    return CommunicationDefinition(
        **values | {"counter_shards": frozenset(item.get("counter_shards") or ())}
    )


def counters_to_item(shard: CounterShard) -> Item:
    """The counters of one row; its keys are the caller's."""
    counters = shard.counters
    return _present(
        {
            "counts": dict(counters.counts),
            "urls": dict(counters.urls),
            "first_sent_at": shard.first_sent_at,
            "kind": shard.kind,
            "epoch": shard.epoch,
        }
    )


def counters_from_item(item: Mapping[str, Any]) -> CounterShard:
    """The counters that an item holds."""
    return CounterShard(
        counters=Counters(dict(item.get("counts", {})), dict(item.get("urls", {}))),
        first_sent_at=item.get("first_sent_at"),
        kind=item.get("kind"),
        epoch=item.get("epoch"),
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
    if participant.subscription_change:
        item["subscription_change"] = _fields(participant.subscription_change)
    if participant.inactivity:
        item["inactivity"] = _fields(participant.inactivity)
    if participant.active_at and not participant.inactive_since:
        item["activity_day"] = activity_day(participant.active_at, participant.participant_id)
    return item | {"part": PROFILE}


def participant_from_item(item: Mapping[str, Any]) -> Participant:
    """The participant that a profile is."""
    values = {field.name: item[field.name] for field in fields(Participant) if field.name in item}
    if "subscription_change" in item:
        values["subscription_change"] = SubscriptionChange(**item["subscription_change"])
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


# --- checkpoints -----------------------------------------------------------------------------


def checkpoints_to_item(checkpoints: Checkpoints) -> Item:
    """The checkpoints: shard id → [sequence number as text, seconds since 1970].

    As text, because a sequence number has up to 40 digits and a DynamoDB number 38.
    """
    return {
        shard: [str(checkpoint.sequence), checkpoint.at]
        for shard, checkpoint in checkpoints.by_shard.items()
    }


def checkpoints_from_item(item: Mapping[str, Any] | None) -> Checkpoints:
    """The checkpoints that an item's attribute holds."""
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
