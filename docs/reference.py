"""Generators of reference tables: commands, settings, parameters, metrics, events, spam rules, and
recipients' columns.
"""

from __future__ import annotations

import argparse
import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from samcli.yamlhelper import yaml_parse

from local.paths import TEMPLATE
from sendtrail import config
from sendtrail.domain.event_details import BY_OURSELVES, BY_SES, Details
from sendtrail.domain.events import EventType
from sendtrail.mail.spam import RULES
from sendtrail.metrics import METRICS
from sendtrail.reading.recipient_columns import RECIPIENT_COLUMNS
from sendtrail_cli.main import parser

__all__ = [
    "commands",
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
