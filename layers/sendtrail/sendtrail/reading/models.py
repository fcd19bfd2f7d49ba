"""Every table, as PynamoDB models: what `template.yaml` creates (a test holds the two against each
other), and what the API queries.

Functions in a hurry write through `sendtrail.aws.dynamodb` instead; a test reads with one what the
other wrote. Tables are named by `bind`, not when this module is imported.
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
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from sendtrail.aws.dynamodb import from_attributes, to_attributes

__all__ = [
    "MODELS",
    "CommunicationRow",
    "EventRow",
    "IdempotencyRow",
    "MessageRow",
    "ParticipantRow",
    "SuppressionRow",
    "TemplateRow",
    "bind",
    "item_of",
]


class PlainMapAttribute(Attribute[dict[str, Any]]):
    """A map of plain values, as they are."""

    attr_type = MAP

    def serialize(self, value: dict[str, Any]) -> dict[str, Any]:
        """The map in DynamoDB's JSON."""
        return to_attributes(value)

    def deserialize(self, value: Any) -> dict[str, Any]:
        """The map's plain values."""
        return from_attributes(value)


class EventRow(Model):
    """The log."""

    class Meta:  # noqa: D106
        table_name: str
        region: str
        billing_mode = "PAY_PER_REQUEST"
        stream_view_type = "NEW_IMAGE"

    message_id = UnicodeAttribute(hash_key=True)
    event_key = UnicodeAttribute(range_key=True)
    source = UnicodeAttribute()
    participant_id = UnicodeAttribute(null=True)
    communication_id = UnicodeAttribute(null=True)
    address = UnicodeAttribute(null=True)
    kind = UnicodeAttribute(null=True)
    subject = UnicodeAttribute(null=True)
    sent_at = UnicodeAttribute(null=True)
    detail = PlainMapAttribute(null=True)
    expires_at = NumberAttribute(null=True)


class ByCommunication(GlobalSecondaryIndex["MessageRow"]):
    """A mailing's messages, in order of sending."""

    class Meta:
        index_name = "by_communication"
        projection = KeysOnlyProjection()

    communication_id = UnicodeAttribute(hash_key=True)
    message_id = UnicodeAttribute(range_key=True)
    participant_id = UnicodeAttribute()


class ByProblem(GlobalSecondaryIndex["MessageRow"]):
    """A mailing's messages that came to a bad end, by status."""

    class Meta:
        index_name = "by_problem"
        projection = KeysOnlyProjection()

    communication_id = UnicodeAttribute(hash_key=True)
    problem = UnicodeAttribute(range_key=True)
    participant_id = UnicodeAttribute()
    message_id = UnicodeAttribute()


class MessageRow(Model):
    """Messages."""

    class Meta:  # noqa: D106
        table_name: str
        region: str
        billing_mode = "PAY_PER_REQUEST"
        stream_view_type = "NEW_AND_OLD_IMAGES"

    participant_id = UnicodeAttribute(hash_key=True)
    message_id = UnicodeAttribute(range_key=True)
    communication_id = UnicodeAttribute(null=True)
    problem = UnicodeAttribute(null=True)
    status = UnicodeAttribute()
    kind = UnicodeAttribute(null=True)
    template_id = UnicodeAttribute(null=True)
    template_version = NumberAttribute(null=True)
    subject = UnicodeAttribute(null=True)
    address = UnicodeAttribute(null=True)
    last_changed_at = UnicodeAttribute(null=True)
    accepted_at = UnicodeAttribute(null=True)
    plan_id = UnicodeAttribute(null=True)
    sent_at = UnicodeAttribute(null=True)
    delivered_at = UnicodeAttribute(null=True)
    delayed_at = UnicodeAttribute(null=True)
    bounce = PlainMapAttribute(null=True)
    drop = PlainMapAttribute(null=True)
    spammed_at = UnicodeAttribute(null=True)
    rejected_at = UnicodeAttribute(null=True)
    failed_at = UnicodeAttribute(null=True)
    subscription_change = PlainMapAttribute(null=True)
    epoch = UnicodeAttribute(null=True)
    own = PlainMapAttribute(null=True)
    ses = PlainMapAttribute(null=True)
    checkpoints = PlainMapAttribute(null=True)
    revision = NumberAttribute()

    by_communication = ByCommunication()
    by_problem = ByProblem()


class ByMonth(GlobalSecondaryIndex["CommunicationRow"]):
    """Communications by the month of their creation."""

    class Meta:
        index_name = "by_month"
        projection = AllProjection()

    month = UnicodeAttribute(hash_key=True)
    listed = UnicodeAttribute(range_key=True)


class CommunicationRow(Model):
    """Communications: the row `about`, and up to 16 rows of counters."""

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
    month = UnicodeAttribute(null=True)
    listed = UnicodeAttribute(null=True)
    months = UnicodeSetAttribute(null=True)
    counts = PlainMapAttribute(null=True)
    urls = PlainMapAttribute(null=True)
    first_sent_at = UnicodeAttribute(null=True)
    epoch = UnicodeAttribute(null=True)
    checkpoints = PlainMapAttribute(null=True)
    revision = NumberAttribute()

    by_month = ByMonth()


class ByAddress(GlobalSecondaryIndex["ParticipantRow"]):
    """Who has, or had, an address."""

    class Meta:
        index_name = "by_address"
        projection = KeysOnlyProjection()

    address = UnicodeAttribute(hash_key=True)
    participant_id = UnicodeAttribute(range_key=True)


class ByActivityDay(GlobalSecondaryIndex["ParticipantRow"]):
    """Participants by the day of their last interaction, for the sweep."""

    class Meta:
        index_name = "by_activity_day"
        projection = KeysOnlyProjection()

    activity_day = UnicodeAttribute(hash_key=True)
    participant_id = UnicodeAttribute(range_key=True)


class ParticipantRow(Model):
    """Participants: the row `profile`, and a row for each address."""

    class Meta:  # noqa: D106
        table_name: str
        region: str
        billing_mode = "PAY_PER_REQUEST"

    participant_id = UnicodeAttribute(hash_key=True)
    part = UnicodeAttribute(range_key=True)
    first_seen_at = UnicodeAttribute(null=True)
    measured_since = UnicodeAttribute(null=True)
    last_interaction_at = UnicodeAttribute(null=True)
    subscription_change = PlainMapAttribute(null=True)
    inactivity = PlainMapAttribute(null=True)
    linked_to = UnicodeSetAttribute(null=True)
    activity_day = UnicodeAttribute(null=True)
    finished_day = UnicodeAttribute(null=True)
    address = UnicodeAttribute(null=True)
    written = UnicodeAttribute(null=True)
    first_used_at = UnicodeAttribute(null=True)
    last_used_at = UnicodeAttribute(null=True)
    registered_at = UnicodeAttribute(null=True)
    revision = NumberAttribute()

    by_address = ByAddress()
    by_activity_day = ByActivityDay()


class ByReason(GlobalSecondaryIndex["SuppressionRow"]):
    """Suppressions that hold, by reason and date."""

    class Meta:
        index_name = "by_reason"
        projection = AllProjection()

    reason = UnicodeAttribute(hash_key=True)
    since = UnicodeAttribute(range_key=True)


class SuppressionRow(Model):
    """Suppressions."""

    class Meta:  # noqa: D106
        table_name: str
        region: str
        billing_mode = "PAY_PER_REQUEST"

    address = UnicodeAttribute(hash_key=True)
    reason = UnicodeAttribute(null=True)
    since = UnicodeAttribute(null=True)
    evidence = PlainMapAttribute(null=True)
    lifted_at = UnicodeAttribute(null=True)
    revision = NumberAttribute()

    by_reason = ByReason()


class TemplateRow(Model):
    """Templates: immutable versions."""

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


class IdempotencyRow(Model):
    """Whether a message is being sent, or was, and until when that holds."""

    class Meta:  # noqa: D106
        table_name: str
        region: str
        billing_mode = "PAY_PER_REQUEST"

    id = UnicodeAttribute(hash_key=True)
    expiration = NumberAttribute(null=True)


MODELS: Final[dict[str, type[Model]]] = {
    "Events": EventRow,
    "Messages": MessageRow,
    "Communications": CommunicationRow,
    "Participants": ParticipantRow,
    "Suppressions": SuppressionRow,
    "Templates": TemplateRow,
    "Idempotency": IdempotencyRow,
}
"""Table → model. The table's logical id in the template is the name with ``Table`` after it."""


def bind(names: Mapping[str, str], region: str, *, host: str | None = None) -> None:
    """Says which tables in which region the models stand for.

    Args:
        names: table → its physical name, of those that will be used.
        host: an endpoint's URL; by default what the SDKs' environment variables say.
    """
    for table, name in names.items():
        meta = MODELS[table].Meta
        meta.table_name, meta.region, meta.host = name, region, host
        MODELS[table]._connection = None  # noqa: SLF001 -- PynamoDB keeps it for the old name


def item_of(row: Model) -> dict[str, Any]:
    """A row as an item of plain values, as `sendtrail.projections.items` reads it."""
    return {name: value for name, value in row.attribute_values.items() if value is not None}
