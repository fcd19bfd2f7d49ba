"""PynamoDB models of every table: the schema that `template.yaml` is tested against, and what
`sendtrail.reading.queries` reads by.

Hot paths use `sendtrail.aws.dynamodb` instead; a test reads with each what the other wrote. Tables
get their names from `bind`, not when this module is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pynamodb.attributes import (
    Attribute,
    BooleanAttribute,
    ListAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.constants import MAP
from pynamodb.indexes import (
    AllProjection,
    GlobalSecondaryIndex,
    IncludeProjection,
    KeysOnlyProjection,
)
from pynamodb.models import Model

from sendtrail.aws.dynamodb import from_attributes, to_attributes

__all__ = [
    "MODELS",
    "CommunicationRow",
    "ErasureRow",
    "IdempotencyRow",
    "ParticipantRow",
    "StaffRow",
    "SuppressionRow",
    "TemplateRow",
    "WebhookRow",
    "TrailItem",
    "bind",
    "item_of",
]


class PlainMapAttribute(Attribute[dict[str, Any]]):
    """A map attribute of plain values."""

    attr_type = MAP

    def serialize(self, value: dict[str, Any]) -> dict[str, Any]:
        """The map in DynamoDB's JSON."""
        return to_attributes(value)

    def deserialize(self, value: Any) -> dict[str, Any]:
        """The plain values of a map in DynamoDB's JSON."""
        return from_attributes(value)


class ByCommunication(GlobalSecondaryIndex["TrailItem"]):
    """A communication's messages, and those of no communication by month, in order of their ids."""

    class Meta:
        index_name = "by_communication"
        projection = KeysOnlyProjection()

    listed_in = UnicodeAttribute(hash_key=True)
    entry = UnicodeAttribute(range_key=True)
    trail = UnicodeAttribute()


class TrailItem(Model):
    """An item of the log (`sendtrail.log.items`); also the row with all rebuilds' epochs."""

    class Meta:  # noqa: D106
        table_name: str
        region: str
        billing_mode = "PAY_PER_REQUEST"
        stream_view_type = "NEW_AND_OLD_IMAGES"

    trail = UnicodeAttribute(hash_key=True)
    entry = UnicodeAttribute(range_key=True)
    events = UnicodeSetAttribute(null=True)
    event = UnicodeAttribute(null=True)
    participant_id = UnicodeAttribute(null=True)
    listed_in = UnicodeAttribute(null=True)
    hits = PlainMapAttribute(null=True)
    choice = ListAttribute[Any](null=True)
    epoch = UnicodeAttribute(null=True)
    epochs = UnicodeSetAttribute(null=True)
    moving = BooleanAttribute(null=True)
    moved = BooleanAttribute(null=True)
    revision = NumberAttribute(null=True)
    expires_at = NumberAttribute(null=True)

    by_communication = ByCommunication()


class ByMonth(GlobalSecondaryIndex["CommunicationRow"]):
    """Communications by the month of their creation."""

    class Meta:
        index_name = "by_month"
        projection = AllProjection()

    month = UnicodeAttribute(hash_key=True)
    listed = UnicodeAttribute(range_key=True)


class CommunicationRow(Model):
    """A row of a communication: its definition, one of up to 16 counter shards, the URL of a link,
    or a message that has a problem; also a counter shard of a day, and the rows with the lists of
    months.
    """

    class Meta:  # noqa: D106
        table_name: str
        region: str
        billing_mode = "PAY_PER_REQUEST"

    communication_id = UnicodeAttribute(hash_key=True)
    part = UnicodeAttribute(range_key=True)
    name = UnicodeAttribute(null=True)
    kind = UnicodeAttribute(null=True)
    created_at = UnicodeAttribute(null=True)
    template_id = UnicodeAttribute(null=True)
    template_version = NumberAttribute(null=True)
    posted = BooleanAttribute(null=True)
    counter_shards = UnicodeSetAttribute(null=True)
    by = UnicodeAttribute(null=True)
    planned = NumberAttribute(null=True)
    send_at = UnicodeAttribute(null=True)
    stopped_at = UnicodeAttribute(null=True)
    stopped_by = UnicodeAttribute(null=True)
    month = UnicodeAttribute(null=True)
    listed = UnicodeAttribute(null=True)
    months = UnicodeSetAttribute(null=True)
    kinds = UnicodeSetAttribute(null=True)
    counts = UnicodeAttribute(null=True)
    url = UnicodeAttribute(null=True)
    participant_id = UnicodeAttribute(null=True)
    first_sent_at = UnicodeAttribute(null=True)
    epoch = UnicodeAttribute(null=True)
    carried = BooleanAttribute(null=True)
    checkpoints = PlainMapAttribute(null=True)
    revision = NumberAttribute(null=True)
    told_at = NumberAttribute(null=True)
    expires_at = NumberAttribute(null=True)

    by_month = ByMonth()


class ByAddress(GlobalSecondaryIndex["ParticipantRow"]):
    """Who has, or had, an address."""

    class Meta:
        index_name = "by_address"
        projection = KeysOnlyProjection()

    address = UnicodeAttribute(hash_key=True)
    participant_id = UnicodeAttribute(range_key=True)


class ByActivityDay(GlobalSecondaryIndex["ParticipantRow"]):
    """Participants by the day from which their silence is counted, for the sweep."""

    class Meta:
        index_name = "by_activity_day"
        projection = KeysOnlyProjection()

    activity_day = UnicodeAttribute(hash_key=True)
    participant_id = UnicodeAttribute(range_key=True)


class ByTerm(GlobalSecondaryIndex["ParticipantRow"]):
    """People by the beginning of an id, an address, or a word of a name."""

    class Meta:
        index_name = "by_term"
        projection = KeysOnlyProjection()

    terms = UnicodeAttribute(hash_key=True)
    term = UnicodeAttribute(range_key=True)


class ParticipantRow(Model):
    """A row of a participant: the profile, one of their addresses, or a word of their name; also
    the sweep's state.
    """

    class Meta:  # noqa: D106
        table_name: str
        region: str
        billing_mode = "PAY_PER_REQUEST"

    participant_id = UnicodeAttribute(hash_key=True)
    part = UnicodeAttribute(range_key=True)
    first_seen_at = UnicodeAttribute(null=True)
    measured_since = UnicodeAttribute(null=True)
    last_interaction_at = UnicodeAttribute(null=True)
    last_interaction_by = UnicodeAttribute(null=True)
    subscription_change = PlainMapAttribute(null=True)
    choice_there = PlainMapAttribute(null=True)
    inactivity = PlainMapAttribute(null=True)
    linked_to = UnicodeSetAttribute(null=True)
    name_change = PlainMapAttribute(null=True)
    terms = UnicodeAttribute(null=True)
    term = UnicodeAttribute(null=True)
    activity_day = UnicodeAttribute(null=True)
    finished_day = UnicodeAttribute(null=True)
    address = UnicodeAttribute(null=True)
    written = UnicodeAttribute(null=True)
    first_used_at = UnicodeAttribute(null=True)
    registered_at = UnicodeAttribute(null=True)
    registered_by = UnicodeAttribute(null=True)
    revision = NumberAttribute()

    by_address = ByAddress()
    by_activity_day = ByActivityDay()
    by_term = ByTerm()


class ByReason(GlobalSecondaryIndex["SuppressionRow"]):
    """Suppressions that hold, by reason and date."""

    class Meta:
        index_name = "by_reason"
        projection = AllProjection()

    reason = UnicodeAttribute(hash_key=True)
    since = UnicodeAttribute(range_key=True)


class SuppressionRow(Model):
    """A suppression, whether it holds or has been lifted."""

    class Meta:  # noqa: D106
        table_name: str
        region: str
        billing_mode = "PAY_PER_REQUEST"

    address = UnicodeAttribute(hash_key=True)
    reason = UnicodeAttribute(null=True)
    since = UnicodeAttribute(null=True)
    evidence = PlainMapAttribute(null=True)
    lifted_at = UnicodeAttribute(null=True)
    soft = PlainMapAttribute(null=True)
    revision = NumberAttribute()

    by_reason = ByReason()


class ByList(GlobalSecondaryIndex["TemplateRow"]):
    """Templates by the beginning of their name, and the versions of each; without their sources."""

    class Meta:
        index_name = "by_list"
        projection = IncludeProjection(
            ["newest", "subject", "fields", "description", "created_at", "by"]
        )

    listed_in = UnicodeAttribute(hash_key=True)
    listed_as = UnicodeAttribute(range_key=True)


class TemplateRow(Model):
    """An immutable version of a template; of version 0, what its newest is."""

    class Meta:  # noqa: D106
        table_name: str
        region: str
        billing_mode = "PAY_PER_REQUEST"

    template_id = UnicodeAttribute(hash_key=True)
    version = NumberAttribute(range_key=True)
    subject = UnicodeAttribute()
    html = UnicodeAttribute(null=True)
    text = UnicodeAttribute(null=True)
    fields = ListAttribute[str]()
    created_at = UnicodeAttribute()
    description = UnicodeAttribute(null=True)
    listed_in = UnicodeAttribute()
    listed_as = UnicodeAttribute()
    newest = NumberAttribute(null=True)
    by = UnicodeAttribute(null=True)
    by_list = ByList()


class ByActor(GlobalSecondaryIndex["StaffRow"]):
    """What one person or key did."""

    class Meta:
        index_name = "by_actor"
        projection = AllProjection()

    actor = UnicodeAttribute(hash_key=True)
    sort = UnicodeAttribute(range_key=True)


class StaffRow(Model):
    """Somebody of staff, a session of theirs, when a key was last seen, or what was done."""

    class Meta:  # noqa: D106
        table_name: str
        region: str
        billing_mode = "PAY_PER_REQUEST"

    part = UnicodeAttribute(hash_key=True)
    sort = UnicodeAttribute(range_key=True)
    name = UnicodeAttribute(null=True)
    email = UnicodeAttribute(null=True)
    scope = UnicodeAttribute(null=True)
    first_seen_at = UnicodeAttribute(null=True)
    last_seen_at = UnicodeAttribute(null=True)
    at = UnicodeAttribute(null=True)
    action = UnicodeAttribute(null=True)
    by = UnicodeAttribute(null=True)
    actor = UnicodeAttribute(null=True)
    object = UnicodeAttribute(null=True)
    count_ = NumberAttribute(attr_name="count", null=True)
    expires_at = NumberAttribute(null=True)
    by_actor = ByActor()


class ErasureRow(Model):
    """Where what is of somebody who was erased belongs, or for what an address is not mailed, by
    keyed hashes; also an erasure, and the row with the time of the latest.
    """

    class Meta:  # noqa: D106
        table_name: str
        region: str
        billing_mode = "PAY_PER_REQUEST"

    hash = UnicodeAttribute(hash_key=True)
    pseudonym = UnicodeAttribute(null=True)
    erased_at = UnicodeAttribute(null=True)
    refusals = PlainMapAttribute(null=True)
    at = UnicodeAttribute(null=True)
    erasure_id = UnicodeAttribute(null=True)
    state = UnicodeAttribute(null=True)
    asked_at = UnicodeAttribute(null=True)
    done_at = UnicodeAttribute(null=True)
    by = UnicodeAttribute(null=True)
    passes = NumberAttribute(null=True)
    counts = PlainMapAttribute(null=True)
    shared = NumberAttribute(null=True)
    traces = PlainMapAttribute(null=True)
    subject = PlainMapAttribute(null=True)
    progress = PlainMapAttribute(null=True)


class WebhookRow(Model):
    """An endpoint of webhooks, or what came of a delivery."""

    class Meta:  # noqa: D106
        table_name: str
        region: str
        billing_mode = "PAY_PER_REQUEST"

    webhook = UnicodeAttribute(hash_key=True)
    entry = UnicodeAttribute(range_key=True)
    url = UnicodeAttribute(null=True)
    event_types = UnicodeSetAttribute(null=True)
    full = BooleanAttribute(null=True)
    description = UnicodeAttribute(null=True)
    created_at = UnicodeAttribute(null=True)
    changed_at = UnicodeAttribute(null=True)
    by = UnicodeAttribute(null=True)
    secrets: ListAttribute[Any] = ListAttribute(null=True)
    secret_made_at = UnicodeAttribute(null=True)
    disabled_at = UnicodeAttribute(null=True)
    disabled_reason = UnicodeAttribute(null=True)
    failing_since = UnicodeAttribute(null=True)
    failures = NumberAttribute(null=True)
    retry_at = UnicodeAttribute(null=True)
    last_success_at = UnicodeAttribute(null=True)
    webhook_id = UnicodeAttribute(null=True)
    type = UnicodeAttribute(null=True)
    at = UnicodeAttribute(null=True)
    event_id = UnicodeAttribute(null=True)
    message_id = UnicodeAttribute(null=True)
    status = UnicodeAttribute(null=True)
    attempts_ = NumberAttribute(attr_name="attempts", null=True)
    first_at = UnicodeAttribute(null=True)
    last_at = UnicodeAttribute(null=True)
    http_status = NumberAttribute(null=True)
    error = UnicodeAttribute(null=True)
    duration_ms = NumberAttribute(null=True)
    replayed = BooleanAttribute(null=True)
    expires_at = NumberAttribute(null=True)


class IdempotencyRow(Model):
    """The claim of a dispatch job; also the rows with the next slots of the send rate."""

    class Meta:  # noqa: D106
        table_name: str
        region: str
        billing_mode = "PAY_PER_REQUEST"

    id = UnicodeAttribute(hash_key=True)
    expiration = NumberAttribute(null=True)


MODELS: Final[dict[str, type[Model]]] = {
    "Trails": TrailItem,
    "Communications": CommunicationRow,
    "Participants": ParticipantRow,
    "Suppressions": SuppressionRow,
    "Templates": TemplateRow,
    "Staff": StaffRow,
    "Erasures": ErasureRow,
    "Webhooks": WebhookRow,
    "Idempotency": IdempotencyRow,
}
"""Table → model. The table's logical id in the template is the name with ``Table`` after it."""


_CONNECT_SECONDS: Final = 2
_READ_SECONDS: Final = 5
"""PynamoDB's own are 15 and 30: as long as the functions may run that would wait."""


def bind(names: Mapping[str, str], region: str, *, host: str | None = None) -> None:
    """Binds the models to physical tables.

    Args:
        names: table → physical name, for those that will be used.
        region: of the tables.
        host: the URL of an endpoint; by default that in the SDKs' environment variables.
    """
    for table, name in names.items():
        meta = MODELS[table].Meta
        meta.table_name, meta.region, meta.host = name, region, host
        meta.connect_timeout_seconds, meta.read_timeout_seconds = _CONNECT_SECONDS, _READ_SECONDS
        MODELS[table]._connection = None  # noqa: SLF001 -- PynamoDB keeps it for the old name


def item_of(row: Model) -> dict[str, Any]:
    """The row as an item of plain values, as `sendtrail.projections.items` reads it."""
    return {name: value for name, value in row.attribute_values.items() if value is not None}
