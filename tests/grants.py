"""What functions called while tests ran, and what the template grants them.

Guards note each call (`local.iam`); `tests/data/calls.txt` has those that all tests together make,
by logical ids. A run of all tests says what differs from it, and which grants nothing uses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Final
from urllib.request import urlopen

from local.iam import CALLS, Call, Statement, policies
from local.template import STACK_NAME, load
from tests.support import ROOT

__all__ = ["AGREED", "CALLS_FILE", "SECOND_STACK", "Used", "granted", "known", "made", "note"]

Used = tuple[str, Call]
"""A function, and what it called, by logical ids."""

CALLS_FILE: Final = ROOT / "tests/data/calls.txt"
SECOND_STACK: Final = "another"
"""The name of the second stack of the tests that have one."""
AGREED: Final = {
    (
        "IngestFunction",
        "sqs:SendMessage",
        "IngestDlq",
    ): "Lambda itself sends there, as the function, "
    "what it was called with asynchronously and failed at",
    ("DispatchFunction", "dynamodb:PutItem", "TrailsTable"): "an event that is too long for its "
    "row is an item beside it",
}
"""Grants that no test uses, as function, action and resource, each with the reason why it stays."""

made: Final[set[Used]] = set()
"""What was called in this process until now."""

_OURS: Final = re.compile(rf"\b{STACK_NAME}-(\w+)(?:-\w{{6}}(?=$))?(/.*)?$")


def note(aws_url: str) -> None:
    """Adds to `made` what the functions of the stack called; not those of another beside it."""
    with urlopen(aws_url + CALLS) as answer:
        made.update(
            (who, Call(action, logical(arn)))
            for who, action, arn in json.load(answer)
            if SECOND_STACK not in arn
        )


def known() -> set[Used]:
    """What functions are known to call."""
    lines = CALLS_FILE.read_text("utf-8").splitlines()
    return {(who, Call(action, on)) for who, action, on in map(str.split, lines)}


@cache
def granted() -> tuple[Statement, ...]:
    """What the template grants, by logical ids; with a provider's secret, which is read only where
    there is one, and an event bus.
    """
    resources = load({"OidcClientSecret": "given", "EventBusName": "crm"})
    for name in resources.all:
        for attribute in ("", "Arn", "StreamArn"):
            resources.physical[name, attribute] = name
    for name, each in resources.of_type("AWS::SES::ConfigurationSet").items():
        resources.physical[name, ""] = resources.resolve(each["Name"])
    return tuple(replace(each, resource=logical(each.resource)) for each in policies(resources))


def logical(resource: str) -> str:
    """A resource by its logical id: ``TrailsTable``, ``TrailsTable/index/by_communication``,
    ``PlansBucket/plans/*``; SES's by their kind: ``identity/*``.
    """
    found = _OURS.search(resource)
    if found is None or ":ses:" in resource:
        return re.sub(r"^identity/.*", "identity/*", resource.rpartition(":")[2])
    name, rest = _names().get(found[1].lower(), found[1]), found[2] or ""
    return name + re.sub(r"^/(plans|attachments|drafts)/.*", r"/\1/*", rest)


@cache
def _names() -> dict[str, str]:
    """The name in a bucket's, which is in small letters → logical id."""
    return {name.lower(): name for name in load().all}


def lines_of(used: Iterable[Used]) -> list[str]:
    """As `CALLS_FILE` has them."""
    return sorted(f"{who} {call.action} {call.resource}" for who, call in used)
