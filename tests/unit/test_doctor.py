"""What `sendtrail doctor` takes for right is what the template has; and how it judges policies."""

from __future__ import annotations

import re
from typing import Any

import pytest

from local.template import load
from sendtrail.reading.health import DEAD_LETTERS
from sendtrail_cli.doctor.command import CHECKS, COST, ROUND_TRIP
from sendtrail_cli.doctor.event_path import EVENT_SOURCES, EVENT_TYPES
from sendtrail_cli.doctor.health import LATE_SECONDS, OF_PUBLISHING, PROTECTED_TABLES, TABLES
from sendtrail_cli.doctor.policies import Request, UnknownConditionError, allows

TOPIC = "arn:aws:sns:eu-west-1:123456789012:topic"
ASKED = Request(
    "ses.amazonaws.com",
    "sns:Publish",
    TOPIC,
    "arn:aws:ses:eu-west-1:123456789012:configuration-set/sendtrail",
    "123456789012",
)


def test_events_are_those_of_the_template() -> None:
    """Of both configuration sets, as API v2 names them."""
    destinations = load().of_type("AWS::SES::ConfigurationSetEventDestination").values()
    of_template = {
        each["ConfigurationSetName"]["Ref"]: {
            re.sub("(?=[A-Z])", "_", name).upper()
            for name in each["EventDestination"]["MatchingEventTypes"]
        }
        for each in destinations
    }
    assert of_template == EVENT_TYPES


def test_event_source_mappings_are_those_of_the_template() -> None:
    """By the names that SAM gives them."""
    assert EVENT_SOURCES.keys() == load().of_type("AWS::Lambda::EventSourceMapping").keys()


def test_tables_are_those_of_the_template() -> None:
    """All of them, and those that it protects from deletion."""
    tables = load().of_type("AWS::DynamoDB::Table")
    assert set(TABLES) == tables.keys()
    protected = {name for name, each in tables.items() if each.get("DeletionProtectionEnabled")}
    assert set(PROTECTED_TABLES) == protected


def test_dead_letter_queues_are_those_of_the_template() -> None:
    """All whose name says so."""
    queues = load().of_type("AWS::SQS::Queue")
    assert DEAD_LETTERS.keys() | OF_PUBLISHING.keys() == {
        name for name in queues if name.endswith("Dlq")
    }


def test_what_is_late_is_what_the_template_has_alarms_for() -> None:
    """Each queue's alarm has its name, and its threshold."""
    of_template = {
        name: each["Threshold"]
        for name, each in load().of_type("AWS::CloudWatch::Alarm").items()
        if each.get("MetricName") == "ApproximateAgeOfOldestMessage"
    }
    told = {
        f"{queue.removesuffix('Queue')}LateAlarm": limit for queue, limit in LATE_SECONDS.items()
    }
    assert told == of_template


def test_alarms_are_known_by_their_names() -> None:
    """Every alarm of the template ends so, and nothing else does."""
    resources = load()
    alarms = resources.of_type("AWS::CloudWatch::Alarm").keys()
    assert alarms == {name for name in resources.all if name.endswith("Alarm")}


def test_checks_have_names_for_scripts() -> None:
    """Each one of its own."""
    names = [check.name for check in (*CHECKS, COST, ROUND_TRIP)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in names)


def statement(effect: str = "Allow", **changed: Any) -> dict[str, Any]:
    """A statement about the topic, as the template has it."""
    condition = {"StringEquals": {"AWS:SourceAccount": "123456789012"}}
    return {
        "Effect": effect,
        "Principal": {"Service": "ses.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": TOPIC,
        "Condition": condition,
    } | changed


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([statement()], True),
        ([], False),
        ([statement(Action=["sns:Subscribe", "SNS:Publish"])], True),
        ([statement(Action="sns:*", Resource="*", Principal="*", Condition={})], True),
        ([statement(Principal={"AWS": "*"})], True),
        ([statement(Principal={"AWS": "arn:aws:iam::123456789012:root"})], False),
        ([statement(Principal={"Service": ["sns.amazonaws.com"]})], False),
        ([statement(Resource=TOPIC + "-other")], False),
        ([statement(Condition={"StringEquals": {"aws:SourceAccount": ["1", "2"]}})], False),
        ([statement(Condition={"StringNotEquals": {"aws:SourceAccount": "1"}})], True),
        ([statement(Condition={"ArnLike": {"aws:SourceArn": "arn:aws:ses:*:123456789012:*"}})], True),
        ([statement(Condition={"ArnEquals": {"aws:SourceArn": "arn:aws:ses:*:999999999999:*"}})], False),
        ([statement(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})], False),
        ([statement(Condition={"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}})], True),
        ([statement(), statement("Deny", Condition={})], False),
        ([statement(), statement("Deny", Condition={"Bool": {"aws:SecureTransport": "false"}})], True),
    ],
)  # fmt: skip
def test_policies_are_judged_as_iam_does(statements: list[dict[str, Any]], allowed: bool) -> None:
    """A statement allows, and none denies."""
    assert allows({"Version": "2012-10-17", "Statement": statements}, ASKED) is allowed


def test_a_condition_that_is_not_known_is_not_guessed() -> None:
    """It is told by its name."""
    strange = {"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}
    with pytest.raises(UnknownConditionError, match="DateLessThan of aws:CurrentTime"):
        allows({"Statement": statement(Condition=strange)}, ASKED)
