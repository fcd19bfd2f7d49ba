"""PynamoDB's models, the template, and what our own client writes: all the same."""

from __future__ import annotations

from typing import Any

import pytest
from pynamodb.models import Model

from local.notifications import Mail
from local.template import load
from sendtrail.aws.dynamodb import from_attributes
from sendtrail.reading.models import MODELS, bind, item_of
from tests.functional.conftest import Backend
from tests.functional.world import World
from tests.support import load_event

TEMPLATE = load().of_type("AWS::DynamoDB::Table")


def schema(model: type[Model]) -> dict[str, Any]:
    """A model's table, in CloudFormation's words."""
    described = model._get_schema()
    indexes = described.get("global_secondary_indexes", [])
    return {
        "keys": {each["AttributeName"]: each["KeyType"] for each in described["key_schema"]},
        "types": {
            each["AttributeName"]: each["AttributeType"]
            for each in described["attribute_definitions"]
        },
        "indexes": {
            index["index_name"]: (
                {each["AttributeName"]: each["KeyType"] for each in index["key_schema"]},
                index["projection"]["ProjectionType"],
            )
            for index in indexes
        },
        "stream": getattr(model.Meta, "stream_view_type", None),
        "billing": model.Meta.billing_mode,
    }


def declared(properties: dict[str, Any]) -> dict[str, Any]:
    """The template's table, in the same words."""
    return {
        "keys": {each["AttributeName"]: each["KeyType"] for each in properties["KeySchema"]},
        "types": {
            each["AttributeName"]: each["AttributeType"]
            for each in properties["AttributeDefinitions"]
        },
        "indexes": {
            index["IndexName"]: (
                {each["AttributeName"]: each["KeyType"] for each in index["KeySchema"]},
                index["Projection"]["ProjectionType"],
            )
            for index in properties.get("GlobalSecondaryIndexes", [])
        },
        "stream": properties.get("StreamSpecification", {}).get("StreamViewType"),
        "billing": properties["BillingMode"],
    }


@pytest.mark.parametrize("table", list(MODELS))
def test_a_model_is_what_the_template_creates(table: str) -> None:
    """Keys, types, indexes, projections, stream, billing."""
    assert schema(MODELS[table]) == declared(TEMPLATE[f"{table}Table"])


def test_every_table_has_a_model() -> None:
    """And no model lacks its table."""
    assert {f"{table}Table" for table in MODELS} == set(TEMPLATE)


def test_models_read_what_our_client_writes(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every attribute of every item that a full history leaves, in every table."""
    world = World(backend, monkeypatch)
    mail = Mail("ses-9", "2026-11-20T09:30:00.000Z", ["ann@example.com"])
    world.call("ingest", load_event("sqs-batch-with-one-poison-record"))
    for name in ("sqs-bounce-permanent", "sqs-complaint", "sqs-reject", "sqs-rendering-failure"):
        world.call("ingest", load_event(name))
    world.call("ingest", load_event("sqs-bounce-on-suppression-list"))
    world.ingest([mail.send()])
    world.fold()
    used = ("Trails", "Communications", "Participants", "Suppressions")
    bind({table: backend.table(table) for table in used}, "eu-west-1")
    client = backend.endpoints.client("dynamodb")
    for table in used:
        items = client.scan(TableName=backend.table(table))["Items"]
        assert items
        for attributes in items:
            item = from_attributes(attributes)
            keys = schema(MODELS[table])["keys"]
            names = sorted(keys, key=lambda name: keys[name])  # HASH, then RANGE
            row = MODELS[table].get(*(item[name] for name in names))
            assert item_of(row) == item, table
