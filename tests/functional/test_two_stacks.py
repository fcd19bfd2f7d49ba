"""Two stacks of the template in one account and region."""

from __future__ import annotations

from typing import Any

import pytest

from local import aws
from local.iam import policies
from local.notifications import Mail
from tests import grants
from tests.functional.conftest import Backend
from tests.functional.sending import NEWS, Post, people
from tests.functional.world import World

MAIL = Mail("ses-1", "2026-11-20T09:30:00.000Z", ["ann@example.com"])


def contents(backend: Backend) -> dict[str, Any]:
    """All that a stack holds: items, objects, messages that wait, and secrets."""
    found: dict[str, Any] = {}
    physical = backend.resources.physical
    client = backend.endpoints.client
    for name in backend.resources.of_type("AWS::DynamoDB::Table"):
        items = client("dynamodb").scan(TableName=physical[name, ""])["Items"]
        found[name] = sorted(map(str, items))
    for name in backend.resources.of_type("AWS::S3::Bucket"):
        listed = client("s3").list_objects_v2(Bucket=physical[name, ""]).get("Contents", [])
        found[name] = [(each["Key"], each["ETag"]) for each in listed]
    for name in backend.resources.of_type("AWS::SQS::Queue"):
        found[name] = client("sqs").get_queue_attributes(
            QueueUrl=physical[name, ""], AttributeNames=["ApproximateNumberOfMessages"]
        )["Attributes"]
    for name in backend.resources.of_type("AWS::SecretsManager::Secret"):
        found[name] = client("secretsmanager").get_secret_value(SecretId=physical[name, ""])[
            "SecretString"
        ]
    return found


def busy_day(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail of others and of our own, what staff record, and a template; by this stack's policies."""
    aws.enforce(policies(backend.resources), backend.endpoints)
    with monkeypatch.context() as patch:
        post = Post(World(backend, patch))
        post.world.ingest(
            [MAIL.send(), MAIL.delivery("2026-11-20T09:30:05.000Z"), '{"no": "event"}']
        )
        post.api("/v1/templates/news", "PUT", {"subject": "S", "html": NEWS["html"]})
        post.send(recipients=people("success@simulator.amazonses.com"), **NEWS)
        post.run()
        post.api("/v1/suppressions/bob@example.com", "PUT", {"note": "asked"})
        post.api("/v1/participants/p0/interactions", "POST", {"kind": "gift", "reference": "1"})
        post.send(recipients=people("later@example.com"), **NEWS)  # which waits
        (message,) = post.api("/v1/participants/p0/messages", limit=1)["json"]["items"]
        assert message["status"] in ("delivered", "queued")
        hook = {"url": "https://crm.example.org/mail"}
        assert post.api("/v1/webhooks", "POST", hook)["statusCode"] == 201
        assert post.api("/v1/participants/p0", "DELETE")["statusCode"] == 202


def test_two_stacks_beside_each_other_touch_nothing_of_each_other(
    moto_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same mail and the same people in both."""
    other = Backend("moto", moto_backend.endpoints, stack=grants.SECOND_STACK)
    other.build()
    empty = contents(other)
    busy_day(moto_backend, monkeypatch)
    assert contents(other) == empty
    first = contents(moto_backend)
    assert first["TrailsTable"]
    assert first["PlansBucket"]
    assert first["DispatchQueue"] != empty["DispatchQueue"]
    busy_day(other, monkeypatch)
    assert contents(moto_backend) == first
    second = contents(other)
    assert {name for name in second if second[name] != empty[name]} >= {
        name for name in first if name.endswith("Table") and name != "IdempotencyTable"
    }
    assert all(first[name] != second[name] for name in ("SigningKeys", "SessionKeys"))
