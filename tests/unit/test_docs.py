"""What docs say of the code, held against it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from docs.generate import GENERATORS, block, misplaced, pages
from local.template import load
from sendtrail.domain.event_details import BY_OURSELVES, BY_SES
from sendtrail.domain.events import EventType
from sendtrail.errors import RejectedRecordError
from sendtrail.intake.envelopes import notifications
from sendtrail.intake.parser import events_of
from sendtrail.log.fallback import WrittenTo
from sendtrail.metrics import METRICS
from sendtrail.sending.jobs import DispatchOutcome
from tests.support import ROOT, undocumented

PACKAGE = ROOT / "layers/sendtrail/sendtrail"


def test_every_generated_block_has_its_place() -> None:
    """One block for each generator, with a beginning and an end, and none without a generator."""
    assert misplaced() == []


@pytest.mark.parametrize("name", GENERATORS)
def test_what_is_generated_is_up_to_date(name: str) -> None:
    """If it is not: python -m docs.generate."""
    assert any(block(name) in page for page in pages().values())


# --- what the tables are made of is whole ------------------------------------------------------


@pytest.mark.parametrize(
    "sample", sorted((ROOT / "events").glob("*.json")), ids=lambda path: path.stem
)
def test_every_detail_of_a_sample_is_in_the_table(sample: Path) -> None:
    """Whatever the parser makes of the samples of SES's events."""
    if (
        "Records" not in (content := json.loads(sample.read_text("utf-8")))
        and "detail" not in content
    ):
        return
    with suppress(RejectedRecordError):
        for notification in notifications(content):
            for event in events_of(notification):
                assert undocumented([event]) == set()


def test_every_detail_that_is_written_is_in_a_table() -> None:
    """Every name that the parser, our own events and public routes give a detail."""
    documented = {
        name for table in (BY_SES, BY_OURSELVES) for each in table.values() for name in each
    }
    inner = {"unsubscribe_all", "topics", "topic_defaults"}  # of new_preferences, said there
    written = set()
    for path in ("intake/parser.py", "domain/events.py", "domain/plan.py", "tracking/hits.py"):
        for node in ast.walk(ast.parse((PACKAGE / path).read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_only":
                written |= {each.arg for each in node.keywords if each.arg}
            for name, value in _assigned(node):
                if name in ("detail", "found", "client") and isinstance(value, ast.Dict):
                    written |= {each.value for each in value.keys if isinstance(each, ast.Constant)}
    assert len(written) >= 30
    assert written - inner <= documented


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    if isinstance(node, ast.Assign):
        yield from ((each.id, node.value) for each in node.targets if isinstance(each, ast.Name))
    if isinstance(node, ast.keyword) and node.arg:
        yield node.arg, node.value


def test_every_type_of_event_is_in_a_table() -> None:
    """By SES, by ourselves, or both."""
    assert {*BY_SES, *BY_OURSELVES} == {*EventType}


def test_the_metrics_are_those_that_functions_emit() -> None:
    """Each name that a function emits is in the table, and each of the table is emitted."""
    source = "".join(path.read_text("utf-8") for path in (ROOT / "functions").glob("*/app.py"))
    emitted = set(re.findall(r'(?:add_metric\(name=|count\()"([A-Z]\w+)"', source))
    emitted |= set(re.findall(r'name = "(\w+)" if \w+ else "\w+"', source))
    emitted |= set(re.findall(r'name = "\w+" if \w+ else "(\w+)"', source))
    emitted |= {f"FallbackTo{place.value}" for place in WrittenTo if place is not WrittenTo.LOG}
    emitted |= {outcome.value for outcome in DispatchOutcome}
    assert re.search(r'add_metric\(\s*name="RejectedRecords"', source)
    assert emitted | {"RejectedRecords"} == METRICS.keys()


def test_every_metric_of_an_alarm_is_emitted() -> None:
    """Of the alarms on metrics of our own."""
    alarms = load().of_type("AWS::CloudWatch::Alarm").values()
    single = [each for each in alarms if "MetricName" in each]
    of_expressions = [
        part["MetricStat"]["Metric"]
        for each in alarms
        for part in each.get("Metrics", ())
        if "MetricStat" in part
    ]
    ours = {
        each["MetricName"]
        for each in (*single, *of_expressions)
        if "Sendtrail/" in json.dumps(each["Namespace"])
    }
    assert ours
    assert ours <= METRICS.keys()


def test_every_alarm_has_a_section_in_the_runbook() -> None:
    """In the order of the template, and there is none of an alarm that is gone."""
    text = (ROOT / "docs/runbook.md").read_text("utf-8")
    assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == list(
        load().of_type("AWS::CloudWatch::Alarm")
    )


def test_every_command_has_a_description_and_every_argument_a_help() -> None:
    """So that `--help` stands alone."""
    for line in block("commands").splitlines():
        assert "None" not in line
        assert not line.endswith("|  |")
