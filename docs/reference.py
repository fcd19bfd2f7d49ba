"""Generators of reference tables: commands and the doctor's checks, settings, parameters, metrics,
events, the elements and items of the log, spam rules, recipients' columns, and those of exports.
"""

from __future__ import annotations

import argparse
import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from textwrap import fill
from typing import Any, Final

from samcli.yamlhelper import yaml_parse

from local.paths import TEMPLATE
from sendtrail import config
from sendtrail.domain.event_details import BY_OURSELVES, BY_SES, Details
from sendtrail.domain.events import Event, EventType, Recipient, Source
from sendtrail.domain.hits import HITS, is_slotted
from sendtrail.log.elements import MAX_BYTES, SHARED, encode
from sendtrail.log.items import event_to_item
from sendtrail.mail.spam import RULES
from sendtrail.metrics import METRICS
from sendtrail.reading.recipient_columns import RECIPIENT_COLUMNS
from sendtrail_cli.doctor.command import CHECKS, COST, ROUND_TRIP
from sendtrail_cli.exporting.schema import DATASETS, Dataset, Kind
from sendtrail_cli.importing.columns import COLUMNS, EVENTS
from sendtrail_cli.main import parser
from sendtrail_cli.mcp_server.curated import CURATED

__all__ = [
    "athena_tables",
    "checks",
    "import_columns",
    "import_events",
    "commands",
    "elements",
    "export_columns",
    "items",
    "mcp_tools",
    "metrics",
    "our_events",
    "parameters",
    "recipient_columns",
    "ses_events",
    "settings",
    "spam_rules",
]


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    heads = list(head)
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def commands() -> str:
    """Every command of `sendtrail`, with its arguments."""
    return "\n\n".join(_command(name, each) for name, each in _leaves("sendtrail", parser()))


def checks() -> str:
    """What `sendtrail doctor` looks at."""
    rows = []
    for check in (*CHECKS, COST, ROUND_TRIP):
        looks_at = " ".join((inspect.getdoc(check.look) or "").split()).removesuffix(".")
        only = {COST: "; only with `--cost`", ROUND_TRIP: "; only with `--round-trip`"}
        rows.append(
            (f"`{check.name}`", looks_at + only.get(check, ""), "no" if check.not_here else "")
        )
    return table(("check", "looks at", "in the local stack"), rows)


def mcp_tools() -> str:
    """The tools of `sendtrail mcp`."""
    return table(
        ("tool", "route", "is"),
        ((f"`{each.name}`", f"`{each.operation}`", each.use) for each in CURATED),
    )


def _leaves(
    name: str, here: argparse.ArgumentParser
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    nested = [each for each in here._actions if isinstance(each, argparse._SubParsersAction)]
    if not nested:
        yield name, here
    for group in nested:
        for word, below in group.choices.items():
            yield from _leaves(f"{name} {word}", below)


def _command(name: str, here: argparse.ArgumentParser) -> str:
    actions = [each for each in here._actions if not isinstance(each, argparse._HelpAction)]
    rows = [
        (
            " ".join(f"`{part}`" for part in _written(each)),
            (each.help or "") % {"default": each.default},
        )
        for each in actions
    ]
    return f"## {name}\n\n{here.description}\n\n{table(('argument', 'is'), rows)}"


def _written(action: argparse.Action) -> list[str]:
    value = "\\|".join(action.choices) if action.choices else action.metavar or action.dest.upper()
    if action.option_strings:
        takes = [] if action.nargs == 0 else [str(value)]
        return [" ".join([action.option_strings[-1], *takes])]
    return [f"{value}…" if action.nargs == "*" else str(value)]


def parameters() -> str:
    """The template's parameters."""
    return table(
        ("parameter", "default", "allowed", "is"),
        (
            (f"`{name}`", _default(each), _allowed(each), each["Description"])
            for name, each in yaml_parse(TEMPLATE.read_text("utf-8"))["Parameters"].items()
        ),
    )


def _default(parameter: Mapping[str, Any]) -> str:
    return f"`{parameter['Default']}`" if str(parameter["Default"]) else "empty"


def _allowed(parameter: Mapping[str, Any]) -> str:
    if "AllowedValues" in parameter:
        return ", ".join(f"`{value}`" for value in parameter["AllowedValues"])
    if "MinValue" in parameter:
        return f"{parameter['MinValue']} to {parameter['MaxValue']}"
    return "any text"


def settings() -> str:
    """The environment variables that functions read, from the properties of `Settings`."""
    (cls,) = (
        node
        for node in ast.parse(inspect.getsource(config)).body
        if isinstance(node, ast.ClassDef) and node.name == "Settings"
    )
    rows = []
    for each in cls.body:
        if isinstance(each, ast.FunctionDef) and each.decorator_list:
            names = [
                node.value
                for node in ast.walk(each)
                if isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and node.value.isupper()
            ]
            said = " ".join((ast.get_docstring(each) or "").split())
            rows += [(f"`{name}`", (said[:1].lower() + said[1:]).rstrip(".")) for name in names]
    return table(("variable", "is"), [*rows, *_OTHER_SETTINGS])


_OTHER_SETTINGS: Final = (
    ("`AWS_ENDPOINT_URL`", "where AWS is, for `sam local` alone; empty in AWS"),
    ("`POWERTOOLS_SERVICE_NAME`", "the function's name in its logs and metrics"),
    ("`POWERTOOLS_METRICS_NAMESPACE`", "the namespace of its metrics"),
    ("`POWERTOOLS_LOG_LEVEL`", "as the parameter `LogLevel`"),
)
"""Those that libraries read, not `Settings`."""


def metrics() -> str:
    """The metrics."""
    return table(("metric", "counts"), ((f"`{name}`", said) for name, said in METRICS.items()))


def ses_events() -> str:
    """The types of events that SES tells of, and their details."""
    return _events(BY_SES)


def our_events() -> str:
    """The types of events that Sendtrail tells of, and their details."""
    return _events(BY_OURSELVES)


def _events(types: Mapping[EventType, Details]) -> str:
    rows = []
    for event_type, details in types.items():
        first = f"`{event_type.value}`"
        for name, said in details.items() or [("", "")]:
            rows.append((first, f"`{name}`" if name else "–", said))
            first = ""
    return table(("type", "detail", "is"), rows)


_MESSAGE: Final = "01M7W4MVNGEJ25ZWAADJKD75GA"
_SENT_AT: Final = "2026-11-20T09:30:00.100Z"
_READER: Final = Recipient(_MESSAGE, "member-0042", "c-evening", "Jo@example.com")
_SEND: Final = Event(
    message_id=_MESSAGE,
    type=EventType.SEND,
    at=_SENT_AT,
    identity="5f0a1c9be2d47786a310",
    participant_id="member-0042",
    communication_id="c-evening",
    address="Jo@example.com",
    kind="invitation",
    subject="An evening for Jo",
    sent_at=_SENT_AT,
    detail={"tracked": True},
    provider="gmail",
)
_LONG: Final = replace(
    _SEND, type=EventType.UNKNOWN, detail={"event_type": "Seen", "raw": "…" * MAX_BYTES}
)


def elements() -> str:
    """The elements of a message's row, with an example of each."""
    own, *shared = encode(_SEND)
    examples = {element.partition("|")[0]: element for element in shared}
    rows = [("`<time>#<type>#<digest>`", "an event: its `source`, and its `detail` as JSON", own)]
    rows += [
        (f"`{identity}`", f"the `{name}` of its events", examples[identity])
        for identity, name in SHARED.items()
    ]
    return table(
        ("identity", "facts", "an element"),
        ((identity, said, _code(example)) for identity, said, example in rows),
    )


def items() -> str:
    """How events of each type are kept, with an example of each item's key."""
    names = {each: f"`{each.value}`" for each in EventType}
    by_ourselves = _of_no_message()
    only_there = {event.type for event in by_ourselves} - {*BY_SES}
    in_row: list[str] = []
    beside: dict[EventType, Event] = {}
    for event_type in EventType:
        event = replace(_SEND, type=event_type, source=Source.OWN, detail={"subscribed": False})
        if event_type in only_there:
            continue
        if is_slotted(event):
            beside[event_type] = _request(event_type)
        else:
            in_row.append(names[event_type])
    rows = [(", ".join(in_row), "elements of the message's row", "member-0042", _MESSAGE)]
    for event_type, event in beside.items():
        what = "a hit" if event_type in HITS else "a choice of a reader"
        rows.append((names[event_type], f"{what}, in its slot", *_key(event)))
    rows.append(
        (f"of the first row, over {MAX_BYTES:,} bytes", "whole, beside the row", *_key(_LONG))
    )
    rows += [(names[each.type], "an item of no message", *_key(each)) for each in by_ourselves]
    return table(
        ("type", "is kept as", "trail", "entry"),
        ((types, said, f"`{trail}`", f"`{entry}`") for types, said, trail, entry in rows),
    )


def _request(event_type: EventType) -> Event:
    detail = {"sent_at": _SENT_AT, "ip": "203.0.113.0", "user_agent": "Mozilla/5.0 (iPhone)"}
    detail |= {"link": "https://society.example/evenings"} if event_type is EventType.CLICK else {}
    choice = {"subscribed": False} if event_type is EventType.SUBSCRIPTION else {}
    at = "2026-11-20T12:31:07.250Z"
    return Event.of_request(event_type, _READER, at, "a-request", detail | choice)


def _of_no_message() -> list[Event]:
    who, address, at = _READER.participant_id, str(_READER.address), "2026-11-20T08:00:00.000Z"
    return [
        Event.communication_posted("c-evening", at, {"name": "Evening"}),
        Event.communication_stopped("c-evening", at, "key:4f1c2b7a Ann"),
        Event.interaction(who, at, "4711", "donation"),
        Event.subscription(who, at, subscribed=False),
        Event.address_registered(who, at, address),
        Event.named(who, at, "Jo Doe"),
        Event.inactivated(who, at, last_active_at="2024-11-20T08:00:00.000Z"),
        Event.suppressed(address, at, "asked by letter"),
        Event.suppression_lifted(address, at),
    ]


def _key(event: Event) -> tuple[str, str]:
    item = event_to_item(event, retention_days=1)
    return item["trail"], item["entry"]


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


def spam_rules() -> str:
    """The rules of the spam score."""
    return table(
        ("rule", "points", "reason", "SpamAssassin"),
        (
            (
                f"`{name}`",
                f"{rule.points}",
                rule.reason,
                f"`{rule.nearest}`" if rule.nearest else "",
            )
            for name, rule in RULES.items()
        ),
    )


def recipient_columns() -> str:
    """The columns of a communication's recipients."""
    return table(
        ("CSV and JSON", "page", "is"),
        (
            (f"`{column.name}`", column.heading or "–", column.explanation)
            for column in RECIPIENT_COLUMNS
        ),
    )


def import_columns() -> str:
    """The columns of a table of events that can be imported."""
    return table(("column", "is"), ((f"`{name}`", what) for name, what in COLUMNS.items()))


def import_events() -> str:
    """What the table's column ``event`` may say."""
    rows = ((name, ", ".join(words)) for name, words in EVENTS.items())
    return table(("event", "or, in other words"), rows)


def export_columns() -> str:
    """The columns of each dataset of an export; those that follow each other and are the same
    thing of another counter in one row.
    """
    parts = []
    for dataset, columns in DATASETS.items():
        rows = [
            ([f"`{column.name}`" for column in same], kind, explanation)
            for (kind, explanation), same in groupby(
                columns, lambda column: (column.kind.value, column.explanation)
            )
        ]
        parts.append(f"### {dataset.value}")
        parts.append(table(("column", "type", "is"), ([", ".join(n), k, e] for n, k, e in rows)))
    return "\n\n".join(parts)


_HIVE: Final = {
    Kind.TEXT: "string",
    Kind.JSON: "string",
    Kind.TEXTS: "array<string>",
    Kind.TIME: "timestamp",
    Kind.COUNT: "bigint",
    Kind.FLAG: "boolean",
}


def athena_tables() -> str:
    """Athena's tables of an export as Parquet (its user guide, "Set up partition projection")."""
    return "```sql\n" + "\n\n".join(map(_athena_table, Dataset)) + "\n```"


def _athena_table(dataset: Dataset) -> str:
    columns = [f"`{column.name}` {_HIVE[column.kind]}" for column in DATASETS[dataset]]
    body = fill(", ".join(columns), 100, initial_indent="  ", subsequent_indent="  ")
    place = f"s3://BUCKET/PREFIX/{dataset.value}"
    lines = [f"CREATE EXTERNAL TABLE sendtrail_{dataset.value} (", body, ")"]
    if dataset.by_day:
        lines.append("PARTITIONED BY (`day` string)")
    lines += ["STORED AS PARQUET", f"LOCATION '{place}/'"]
    if dataset.by_day:
        properties = {
            "projection.enabled": "true",
            "projection.day.type": "date",
            "projection.day.format": "yyyy-MM-dd",
            "projection.day.range": "2023-01-01,NOW",
            "projection.day.interval": "1",
            "projection.day.interval.unit": "DAYS",
            "storage.location.template": f"{place}/day=${{day}}/",
        }
        said = ",\n".join(f"  '{name}' = '{value}'" for name, value in properties.items())
        lines.append(f"TBLPROPERTIES (\n{said}\n)")
    return "\n".join(lines) + ";"
