"""The template by which a release takes over gradually."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from samcli.yamlhelper import yaml_parse

from local.paths import TEMPLATE
from local.template import transformed
from sendtrail.errors import InvalidInputError
from sendtrail_cli.gradual import GRADUAL, gradual_template


def made(text: str) -> dict[str, Any]:
    """What CloudFormation gets."""
    template = yaml_parse(text)
    values = {name: each.get("Default") for name, each in template["Parameters"].items()}
    resources: dict[str, Any] = transformed(template, values)["Resources"]
    return resources


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    """The properties of those of a type."""
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == kind}


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    """A release's."""
    return made(gradual_template(TEMPLATE, GRADUAL[0]))


def test_all_that_calls_a_function_calls_the_alias(resources: dict[str, Any]) -> None:
    """Queues, the stream, routes, the schedule, and the authorizer; or the new version would have
    all of it at once.
    """
    functions = of_type(resources, "AWS::Lambda::Function")
    aliases = {f"{name}Aliaslive" for name in functions}
    assert set(of_type(resources, "AWS::Lambda::Alias")) == aliases
    sources = of_type(resources, "AWS::Lambda::EventSourceMapping").values()
    assert {each["FunctionName"]["Ref"] for each in sources} <= aliases
    permissions = of_type(resources, "AWS::Lambda::Permission").values()
    assert {each["FunctionName"]["Ref"] for each in permissions} <= aliases
    (schedule,) = of_type(resources, "AWS::Scheduler::Schedule").values()
    assert schedule["Target"]["Arn"]["Ref"] in aliases
    body = json.dumps(resources["HttpApi"]["Properties"]["Body"])
    for name in functions:
        assert f"${{{name}.Arn}}" not in body
        assert json.dumps({"Fn::GetAtt": [name, "Arn"]}) not in body


def test_a_version_that_fails_is_taken_back(resources: dict[str, Any]) -> None:
    """By alarms that are there, for each function."""
    groups = of_type(resources, "AWS::CodeDeploy::DeploymentGroup")
    assert len(groups) == len(of_type(resources, "AWS::Lambda::Function"))
    for group in groups.values():
        alarms = [each["Name"]["Ref"] for each in group["AlarmConfiguration"]["Alarms"]]
        assert all(resources[each]["Type"] == "AWS::CloudWatch::Alarm" for each in alarms)
        assert "ServerErrorsAlarm" in alarms
        assert group["AutoRollbackConfiguration"]["Enabled"]


def test_each_release_publishes_a_version_of_each_function(resources: dict[str, Any]) -> None:
    """Also one that changed the layer alone, or a parameter."""
    time.sleep(0.002)  # a release takes longer than a millisecond
    next_release = made(gradual_template(TEMPLATE, GRADUAL[0]))
    before, after = (of_type(each, "AWS::Lambda::Version") for each in (resources, next_release))
    assert len(before) == len(after) == len(of_type(resources, "AWS::Lambda::Function"))
    assert not before.keys() & after.keys()


def test_without_it_there_is_nothing_of_it() -> None:
    """And nothing is to be paid."""
    plain = made(TEMPLATE.read_text("utf-8"))
    for kind in ("Lambda::Alias", "Lambda::Version", "CodeDeploy::Application"):
        assert not of_type(plain, f"AWS::{kind}")


def test_what_it_cannot_make_is_said(tmp_path: Path) -> None:
    """Of another template, and by another way."""
    other = tmp_path / "template.yaml"
    other.write_text("Resources: {}")
    with pytest.raises(InvalidInputError, match="not Sendtrail's"):
        gradual_template(other, GRADUAL[0])
    with pytest.raises(InvalidInputError, match="none of"):
        gradual_template(TEMPLATE, "AllAtOnce")
