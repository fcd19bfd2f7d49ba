"""The template: what CloudFormation gets of it, what it grants, and what its alarms watch."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from samcli.yamlhelper import yaml_dump, yaml_parse

from docs.resources import grants
from local.paths import TEMPLATE
from local.template import Resources, load

APART = {"AWS::SQS::Queue", "AWS::S3::Bucket", "AWS::SecretsManager::Secret"}
"""What a function is told of one by one, and not by Globals."""


@pytest.fixture(scope="module")
def resources() -> Resources:
    """The transformed template."""
    return load()


def allowed(resources: Resources, function: str) -> list[dict[str, Any]]:
    """The statements of a function's role."""
    policies = resources.all[f"{function}Role"]["Properties"]["Policies"]
    return [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]


def test_cloudformation_gets_no_anchors() -> None:
    """SAM CLI writes out what an alias stands for; CloudFormation does not know merge keys."""
    written = yaml_dump(yaml_parse(TEMPLATE.read_text("utf-8")))
    tokens = (yaml.AnchorToken, yaml.AliasToken)
    assert not [token for token in yaml.scan(written) if isinstance(token, tokens)]
    assert "<<" not in written


def test_every_alarm_watches_something_of_its_own(resources: Resources) -> None:
    """No two have the same metric of the same thing, or the same description."""
    alarms = resources.of_type("AWS::CloudWatch::Alarm").values()
    watched = [
        json.dumps([each["Namespace"], each["MetricName"], each["Dimensions"]]) for each in alarms
    ]
    assert len({*watched}) == len(alarms)
    assert len({each["AlarmDescription"] for each in alarms}) == len(alarms)


def test_every_dead_letter_queue_has_an_alarm(resources: Resources) -> None:
    """At the first message in it."""
    alarms = resources.of_type("AWS::CloudWatch::Alarm").values()
    watched = {
        each["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for each in alarms
        if each["MetricName"] == "ApproximateNumberOfMessagesVisible" and each["Threshold"] == 0
    }
    queues = resources.of_type("AWS::SQS::Queue")
    assert watched == {name for name in queues if name.endswith("Dlq")}


def test_every_late_consumer_of_a_stream_has_an_alarm(resources: Resources) -> None:
    """Long before Lambda gives a record up."""
    late = {
        each["Dimensions"][0]["Value"]["Ref"]: each["Threshold"]
        for each in resources.of_type("AWS::CloudWatch::Alarm").values()
        if each["MetricName"] == "IteratorAge"
    }
    given_up = {
        each["FunctionName"]["Ref"]: each["MaximumRecordAgeInSeconds"] * 1000
        for each in resources.of_type("AWS::Lambda::EventSourceMapping").values()
        if "StartingPosition" in each
    }
    assert late.keys() == given_up.keys()
    assert all(2 * late[name] < given_up[name] for name in late)


def test_the_log_is_only_appended_to(resources: Resources) -> None:
    """No role may delete from it, nor write by what deletes too (BatchWriteItem)."""
    appended = set()
    for function in resources.codes:
        for statement in allowed(resources, function):
            if "TrailsTable" in json.dumps(statement["Resource"]):
                actions = {each.removeprefix("dynamodb:") for each in statement["Action"]}
                appended |= {function} if "UpdateItem" in actions else set()
                assert not {each for each in actions if "Delete" in each or "Write" in each}
    assert {"IngestFunction", "TrackFunction", "DispatchFunction"} <= appended


def test_nothing_is_granted_by_a_pattern(resources: Resources) -> None:
    """Every action by its name; everything of a service only where SES knows no resource."""
    for function in resources.codes:
        for statement in allowed(resources, function):
            assert "*" not in json.dumps(statement["Action"]), function
            if statement["Resource"] == "*":
                assert statement["Action"] == "ses:DeleteSuppressedDestination"


def test_a_function_is_told_of_what_it_may_use(resources: Resources) -> None:
    """Of those queues, buckets and secrets, and no others; and of every table that it may use."""
    granted = grants(resources)
    for function, properties in resources.of_type("AWS::Lambda::Function").items():
        values = properties["Environment"]["Variables"].values()
        told = {each["Ref"] for each in values if isinstance(each, dict) and "Ref" in each}
        may = {
            resource
            for (name, resource), verbs in granted.items()
            if name == function and resource in resources.all and verbs - {"stream", "receive"}
        }
        dead_letters = properties.get("DeadLetterConfig", {}).get("TargetArn", {})
        may -= set(dead_letters.get("Fn::GetAtt", [])[:1])  # Lambda sends there, not its code
        apart = {name for name in told & resources.all.keys() if kind(resources, name) in APART}
        assert apart == {name for name in may if kind(resources, name) in APART}, function
        assert may <= told, function


def kind(resources: Resources, name: str) -> str:
    """A resource's type."""
    return str(resources.all[name]["Type"])


def test_the_console_may_do_what_the_api_may(resources: Resources) -> None:
    """And read the API keys besides, for it checks them itself."""
    api, console = (allowed(resources, f"{name}Function") for name in ("Api", "Console"))
    (more,) = [each for each in console if each not in api]
    assert [each for each in api if each not in console] == []
    assert more["Resource"] == [{"Ref": "FirstApiKey"}, {"Ref": "ApiKeys"}]
