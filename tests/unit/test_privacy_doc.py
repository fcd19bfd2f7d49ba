"""docs/privacy.md against the template and the tables' models: whatever may hold a person's data is
named there, and for how long it does.
"""

from __future__ import annotations

import re
from functools import cache

import pytest
from samcli.yamlhelper import yaml_parse

from local.template import Resources, load
from sendtrail.reading.models import MODELS
from sendtrail.rights.erasing import _BACKUP_DAYS, _QUEUE_DAYS
from sendtrail.sending.claims import KEPT_DAYS as CLAIMS_KEPT_DAYS
from sendtrail.sending.draft_store import KEPT_DAYS as DRAFTS_KEPT_DAYS
from tests.support import ROOT

_DAY_SECONDS = 24 * 3600
_BY_DEFAULT = 4 * _DAY_SECONDS
"""For how long SQS keeps what a queue says nothing of."""
HOLDS = (
    "AWS::DynamoDB::Table",
    "AWS::SQS::Queue",
    "AWS::S3::Bucket",
    "AWS::Logs::LogGroup",
    "AWS::SNS::Topic",
    "AWS::SecretsManager::Secret",
)
"""Types of resources that hold what they are given."""


@cache
def page() -> str:
    """The page."""
    return (ROOT / "docs/privacy.md").read_text("utf-8")


@cache
def template() -> Resources:
    """The template, as CloudFormation gets it."""
    return load()


@cache
def types() -> dict[str, str]:
    """Each resource of the template, made by default or not, and its type."""
    written = yaml_parse((ROOT / "template.yaml").read_text("utf-8"))
    return {name: each["Type"] for name, each in written["Resources"].items()}


def named(text: str) -> set[str]:
    """What stands in a text as code."""
    return set(re.findall(r"`([^`\n]+)`", text))


def section(table: str) -> str:
    """What the page says of a table; empty if it says nothing."""
    found = re.search(rf"^### {table}Table\n(.*?)(?=^##)", page(), re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


def test_whatever_holds_data_is_named() -> None:
    """Each table, queue, bucket, topic, secret and log group of the template."""
    holding = {name for name, kind in types().items() if kind in HOLDS}
    assert len(holding) > 25
    tables = {f"{name}Table" for name in re.findall(r"^### (\w+)Table$", page(), re.MULTILINE)}
    assert holding - named(page()) - tables == set()


@pytest.mark.parametrize("table", MODELS)
def test_each_attribute_is_named(table: str) -> None:
    """In its table's section, as one that can be personal or as one that cannot; and none twice."""
    attributes = {
        each.attr_name for each in MODELS[table].get_attributes().values() if each.attr_name
    }
    said = section(table)
    personal, _, others = said.partition("\n- not: ")
    assert personal.count("\n- personal: ") == 1, table
    personal = personal.partition("\n- personal: ")[2]
    assert attributes - named(personal) - named(others) == set()
    assert attributes & named(personal) & named(others) == set()


def test_a_new_attribute_would_be_missed() -> None:
    """What is said of one table is not taken for another's."""
    assert "merge_data" not in named(section("Trails"))
    assert section("Nothing") == ""
    assert "address" not in named(section("Trails").partition("\n- personal: ")[2])


def test_how_long_it_is_kept_is_as_the_template_says() -> None:
    """Retention, logs, queues, drafts, claims and backups, in days."""
    parameters, resources = template().parameters, template().all
    assert f"`RetentionDays` ({parameters['RetentionDays']} days)" in page()
    assert f"`LogRetentionDays` ({parameters['LogRetentionDays']} days)" in page()
    assert parameters["WholeIpAddresses"] == "no"
    queues = [each for each in resources.values() if each["Type"] == "AWS::SQS::Queue"]
    longest = (
        max(each["Properties"].get("MessageRetentionPeriod", _BY_DEFAULT) for each in queues)
        // _DAY_SECONDS
    )
    assert f"at most {longest} days" in page()
    assert f"{_QUEUE_DAYS} days at most: {longest}, and {longest} more if" in page()
    assert 2 * longest == _QUEUE_DAYS
    (rule,) = [
        each
        for each in resources["PlansBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
        if each.get("Prefix") == "drafts/"
    ]
    assert f"with recipients | {rule['ExpirationInDays']} days |" in page()
    assert f"drafts after {DRAFTS_KEPT_DAYS} days" in page()
    assert f"by plan and number, for {CLAIMS_KEPT_DAYS} days" in page()
    assert f"| backups | {_BACKUP_DAYS} days." in page()
    for name, each in resources.items():
        if each["Type"] == "AWS::Logs::LogGroup":
            assert each["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name


def test_requests_are_logged_without_what_tells_of_people() -> None:
    """No path, in which tokens and ids are, and no address of who asks."""
    stages = template().of_type("AWS::ApiGatewayV2::Stage").values()
    (told,) = [each["AccessLogSettings"]["Format"] for each in stages]
    assert re.search("path|sourceIp|userAgent|identity", told, re.IGNORECASE) is None


def test_parameters_and_routes_that_are_named_exist() -> None:
    """By their names: parameters in code, and routes with their method."""
    names = {each for each in named(page()) if re.fullmatch(r"[A-Z][a-z]+([A-Z][a-z]*)+", each)}
    known = {*template().parameters, *types()}
    later = {"WebhooksTable", "DeliveriesQueue", "DeliveriesDlq"}
    assert names - known - later == set()
    source = (ROOT / "layers/sendtrail/sendtrail/api").glob("*.py")
    code = "\n".join(each.read_text("utf-8") for each in source)
    routes = re.findall(r"`(GET|DELETE) (/v1/[^`]+)`", page())
    assert len(routes) == 4
    for method, path in routes:
        route = re.escape(re.sub(r"{(\w+)}", r"<\1>", path))
        assert re.search(rf'@app\.{method.lower()}\(\s+"{route}",', code), path
