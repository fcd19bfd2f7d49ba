"""The tree itself: which way dependencies point, what is documented, what the template grants."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.template import load
from sendtrail.domain.events import EventType
from tests.support import ROOT

PACKAGE = ROOT / "layers/sendtrail/sendtrail"
BASE = {"errors", "config", "domain"}
ROOMS = {
    "errors": set(),
    "metrics": set(),
    "config": {"errors"},
    "domain": {"errors"},
    "language": {"errors"},
    "mail": BASE,
    "aws": BASE,
    "auth": BASE | {"mail", "aws"},
    "log": BASE | {"mail", "aws"},
    "intake": BASE | {"mail", "aws", "auth", "log"},
    "projections": BASE | {"mail", "aws", "auth", "log"},
    "sending": BASE | {"mail", "aws", "auth", "log", "projections"},
    "tracking": BASE | {"language", "mail", "aws", "auth", "log", "projections"},
    "staff": BASE | {"mail", "aws", "auth", "log", "projections"},
    "publishing": BASE | {"mail", "aws", "auth", "log", "projections"},
    "reading": BASE
    | {
        "mail",
        "aws",
        "auth",
        "log",
        "projections",
        "sending",
        "tracking",
        "staff",
        "publishing",
    },
}
"""Each room, and the rooms that it may import besides itself.

    domain ← mail, aws ← auth, log ← intake, projections
           ← sending, tracking, staff, publishing ← reading ← rights
           ← wiring ← api, console, cli

Sending, tracking, staff and publishing never import each other, intake imports no projection, and
projections import none of those that write to the log.
"""
ROOMS["rights"] = ROOMS["reading"] | {"reading"}
ROOMS["wiring"] = set(ROOMS) | {"intake"}
ROOMS["api"] = set(ROOMS)
ROOMS["console"] = set(ROOMS) - {"api"}
ROOMS["cli"] = set(ROOMS) - {"api", "console"}


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of the package, with the part that it belongs to."""
    for path in PACKAGE.rglob("*.py"):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if part != "__init__":
            yield part, path
    yield from (("cli", path) for path in (ROOT / "sendtrail_cli").rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """What a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize(("part", "path"), list(modules()), ids=lambda value: str(value)[-40:])
def test_dependencies_point_one_way(part: str, path: Path) -> None:
    """From room to room as `ROOMS` has it."""
    ours = {name.split(".")[1] for name in imported(path) if name.startswith("sendtrail.")}
    assert ours - {part} <= ROOMS[part]


def test_no_room_is_missing_or_left_over() -> None:
    """A new room is put into the order of the others."""
    assert {part for part, _ in modules()} == set(ROOMS)


def test_the_domain_imports_no_aws_library() -> None:
    """Nor anything else that is not in Python itself, but for a list of robots' names."""
    standard = sys.stdlib_module_names | {"sendtrail", "crawleruseragents"}
    for part, path in modules():
        if part == "domain":
            assert {name.split(".")[0] for name in imported(path)} <= standard, path


def loaded_by(function: str, *parts: str) -> set[str]:
    """The modules that importing a function imports, with some parts that it needs later."""
    environment = {
        "PYTHONPATH": f"{ROOT / 'functions' / function}:{ROOT / 'layers/sendtrail'}",
        "POWERTOOLS_METRICS_NAMESPACE": "x",
        "POWERTOOLS_SERVICE_NAME": "x",
    }
    command = [
        sys.executable,
        "-c",
        f"import {', '.join(['sys', 'app', *parts])}; print(*sys.modules)",
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_functions_in_a_hurry_start_without_an_sdk() -> None:
    """No boto3, botocore, PynamoDB or Pydantic in the import path of a function in a hurry; nothing
    of signing in; and nothing of pages or languages, but for the function that answers with them.
    """
    hit = ["sendtrail.auth.tokens", "sendtrail.tracking.hits", "sendtrail.log.fallback"]
    sdk = {"boto3", "botocore.session", "pynamodb", "pydantic", "aws_xray_sdk"}
    of_people = {"babel", "jinja2", "gettext", "sendtrail.console"}
    of_pages = {"sendtrail.language", "sendtrail.tracking.pages"}
    for function in ("ingest", "track", "preferences", "sweep", "project", "dispatch"):
        answers = function == "preferences"
        loaded = loaded_by(function, *hit, *(["sendtrail.tracking.pages"] if answers else []))
        assert not (OF_SIGNING_IN | {"sendtrail.auth.sign_in"}) & loaded, function
        if function != "dispatch":
            assert not (sdk | of_people) & loaded, function
            assert answers or not of_pages & loaded, function


OF_SIGNING_IN = {"authlib", "joserfc", "requests", "sendtrail.auth.openid"}
"""What is imported when somebody signs in by name, or the provider is asked again."""


def test_the_console_starts_without_what_signing_in_takes() -> None:
    """A cold start that signs nobody in does not pay for it."""
    assert not OF_SIGNING_IN & loaded_by("console")


def test_no_function_imports_another() -> None:
    """Each is an `app.py` of its own."""
    for path in (ROOT / "functions").glob("*/app.py"):
        assert not {name for name in imported(path) if name.split(".")[0] in ("functions", "app")}


@pytest.mark.parametrize("event_type", list(EventType))
def test_every_event_type_is_documented(event_type: EventType) -> None:
    """In docs/events.md."""
    text = (ROOT / "docs/events.md").read_text(encoding="utf-8")
    assert f"`{event_type.value}`" in text


def settings() -> set[str]:
    """Every variable that the template gives a function."""
    return {
        name
        for properties in load().of_type("AWS::Lambda::Function").values()
        for name in properties["Environment"]["Variables"]
    }


def test_every_setting_and_parameter_is_documented() -> None:
    """In docs/settings.md; and every setting that is read is given to some function."""
    text = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    named = settings() | set(load().parameters)
    assert {name for name in named if f"`{name}`" not in text} == set()
    source = (PACKAGE / "config.py").read_text(encoding="utf-8")
    read = set(re.findall(r'"([A-Z][A-Z_]+)"', source))
    assert read <= settings()


def test_tables_are_protected() -> None:
    """On demand, recoverable to a point in time, encrypted by a key of the account's if one is
    given; what cannot be made anew outlives the stack, and is deleted by nobody in passing.
    """
    resources = load()
    for name, properties in resources.of_type("AWS::DynamoDB::Table").items():
        assert properties["BillingMode"] == "PAY_PER_REQUEST", name
        condition, encrypted, _ = properties["SSESpecification"]["Fn::If"]
        assert (condition, encrypted["KMSMasterKeyId"]) == ("HasTableKey", {"Ref": "TableKeyArn"})
        assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], name
    kept = ("Trails", "Participants", "Suppressions", "Templates", "Staff", "Webhooks")
    for name in (f"{each}Table" for each in kept):
        table = resources.all[name]
        assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
        assert table["Properties"]["DeletionProtectionEnabled"]
    ttl = resources.all["TrailsTable"]["Properties"]["TimeToLiveSpecification"]
    assert ttl == {"AttributeName": "expires_at", "Enabled": True}


def test_only_ses_publishes_and_only_the_topic_sends() -> None:
    """By the policies of the topic and the queues; what cannot be delivered is among the dead
    letters.
    """
    resources = load()
    (topic,) = resources.of_type("AWS::SNS::TopicPolicy").values()
    (said,) = topic["PolicyDocument"]["Statement"]
    assert said["Principal"] == {"Service": "ses.amazonaws.com"}
    assert said["Condition"]["StringEquals"] == {"AWS:SourceAccount": {"Ref": "AWS::AccountId"}}
    (queue,) = resources.of_type("AWS::SQS::QueuePolicy").values()
    (said,) = queue["PolicyDocument"]["Statement"]
    assert said["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Ref": "SesTopic"}}}
    dead_letters = {"Fn::GetAtt": ["IngestDlq", "Arn"]}
    assert said["Resource"] == [{"Fn::GetAtt": ["IngestQueue", "Arn"]}, dead_letters]
    (subscription,) = resources.of_type("AWS::SNS::Subscription").values()
    assert subscription["RedrivePolicy"] == {"deadLetterTargetArn": dead_letters}
    given_up = {"deadLetterTargetArn": dead_letters, "maxReceiveCount": 10}
    assert resources.all["IngestQueue"]["Properties"]["RedrivePolicy"] == given_up


def test_readers_of_the_stream_know_its_shard_and_lose_nothing() -> None:
    """A tumbling window, endless retries, a failure destination; no removal, but for who counts of rows that are moved.
    They are two, as many as DynamoDB allows, and neither waits for the other.
    """
    mappings = load().of_type("AWS::Lambda::EventSourceMapping").values()
    of_streams = [each for each in mappings if "StartingPosition" in each]
    readers = {each["FunctionName"]["Ref"] for each in of_streams}
    assert readers == {"ProjectFunction", "PublishFunction"}
    for mapping in of_streams:
        assert "TrailsTable" in json.dumps(mapping["EventSourceArn"])
        assert mapping["TumblingWindowInSeconds"] > 0
        assert mapping["MaximumRetryAttempts"] == -1
        assert mapping["DestinationConfig"]["OnFailure"]["Destination"]
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        rules = [json.loads(each["Pattern"]) for each in mapping["FilterCriteria"]["Filters"]]
        moved = {"OldImage": {"moving": {"BOOL": [True]}}}
        removals = [{"eventName": ["REMOVE"], "dynamodb": moved}]
        counts = mapping["FunctionName"]["Ref"] == "ProjectFunction"
        assert rules == [{"eventName": ["INSERT", "MODIFY"]}, *(removals if counts else [])]


def test_our_own_sending_has_no_opens_and_clicks_of_ses() -> None:
    """SES puts its own pixel and links into mail wherever a destination asks for them."""
    destinations = load().of_type("AWS::SES::ConfigurationSetEventDestination")
    types: dict[str, Any] = {
        name: set(each["EventDestination"]["MatchingEventTypes"])
        for name, each in destinations.items()
    }
    assert len(types["ConfigurationSetEvents"]) == 10
    assert types["ConfigurationSetEvents"] - types["OwnConfigurationSetEvents"] == {"open", "click"}


def test_dispatch_may_defer_what_it_received() -> None:
    """SAM's own policies for queues do not allow it."""
    policies = load().all["DispatchFunctionRole"]["Properties"]["Policies"]
    allowed = json.dumps(policies)
    assert "sqs:ChangeMessageVisibility" in allowed
    assert "ses:SendEmail" in allowed


def test_every_test_has_a_docstring() -> None:
    """One line that says what holds."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                assert ast.get_docstring(node), f"{path.name}: {node.name}"
