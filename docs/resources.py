"""The matrix of functions and resources, from the transformed template."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from local.template import Resources, load

__all__ = ["grants", "matrix"]

_VERBS: Final = {
    "dynamodb:BatchGetItem": "read",
    "dynamodb:GetItem": "read",
    "dynamodb:Query": "read",
    "dynamodb:Scan": "read",
    "dynamodb:BatchWriteItem": "write",
    "dynamodb:PutItem": "write",
    "dynamodb:UpdateItem": "write",
    "dynamodb:DeleteItem": "delete",
    "events:PutEvents": "send",
    "s3:GetObject": "read",
    "s3:ListBucket": "read",
    "s3:PutObject": "write",
    "s3:DeleteObject": "delete",
    "secretsmanager:GetSecretValue": "read",
    "secretsmanager:PutSecretValue": "write",
    "secretsmanager:UpdateSecretVersionStage": "write",
    "ses:DeleteSuppressedDestination": "unsuppress",
    "ses:SendEmail": "send",
    "sqs:ChangeMessageVisibility": "receive",
    "sqs:SendMessage": "send",
    "sqs:GetQueueAttributes": "count",
}
"""What each action amounts to; the order of a cell's words. An action not named here fails."""
_ORDER: Final = ("stream", "receive", *dict.fromkeys(_VERBS.values()))

_SECTIONS: Final = {
    "Tables": ("AWS::DynamoDB::Table",),
    "Queues": ("AWS::SQS::Queue",),
    "Secrets, buckets, SES": ("AWS::SecretsManager::Secret", "AWS::S3::Bucket", "SES"),
}
_SES: Final = "SES"

Grants = Mapping[tuple[str, str], set[str]]
"""(function, resource) → what the function may do there."""


def matrix() -> str:
    """A table for each kind of resource: its rows are functions, its cells what they may do."""
    resources = load()
    granted = grants(resources)
    return "\n\n".join(
        f"### {title}\n\n{_table(resources, granted, kinds)}" for title, kinds in _SECTIONS.items()
    )


def grants(resources: Resources) -> Grants:
    """What roles allow, and what event source mappings hand over."""
    granted: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for function, properties in resources.of_type("AWS::Lambda::Function").items():
        role = resources.all[properties["Role"]["Fn::GetAtt"][0]]
        for policy in role["Properties"].get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                for action in _listed(statement["Action"]):
                    for resource in _resources(resources, action, statement["Resource"]):
                        granted[function, resource].add(_VERBS[action])
    for properties in resources.of_type("AWS::Lambda::EventSourceMapping").values():
        (source,) = _mentioned(properties["EventSourceArn"])
        verb = "receive" if resources.all[source]["Type"] == "AWS::SQS::Queue" else "stream"
        granted[properties["FunctionName"]["Ref"], source].add(verb)
    return granted


def _resources(resources: Resources, action: str, said: Any) -> set[str]:
    """What a statement is about: resources of the template, or SES."""
    if action.startswith("ses:"):
        return {_SES}
    return {name for name in _mentioned(said) if name in resources.all}


def _mentioned(value: Any) -> Iterator[str]:
    """The logical ids that a value refers to."""
    if isinstance(value, list):
        for entry in value:
            yield from _mentioned(entry)
    elif isinstance(value, dict):
        for name, argument in value.items():
            if name == "Ref":
                yield argument
            elif name == "Fn::GetAtt":
                yield argument.split(".")[0] if isinstance(argument, str) else argument[0]
            elif name == "Fn::Sub" and isinstance(argument, str):
                yield from (each.split("}")[0].split(".")[0] for each in argument.split("${")[1:])
            else:
                yield from _mentioned(argument)


def _table(resources: Resources, granted: Grants, kinds: tuple[str, ...]) -> str:
    """Functions and resources in the template's order; without those that have nothing."""
    used = {resource for _, resource in granted}
    columns = [name for name, each in resources.all.items() if each["Type"] in kinds]
    columns = [name for name in [*columns, *{*kinds} & {_SES}] if name in used]
    rows = [
        [f"`{Path(code).name}`", *(_cell(granted.get((function, name), ())) for name in columns)]
        for function, code in resources.codes.items()
    ]
    head = ["", *(_short(name) for name in columns)]
    lines = [head, ["---"] * len(head), *(row for row in rows if any(row[1:]))]
    return "\n".join(
        "".join(f"| {cell} " if cell else "| " for cell in line) + "|" for line in lines
    )


def _cell(verbs: Any) -> str:
    return ", ".join(sorted(verbs, key=_ORDER.index))


def _short(name: str) -> str:
    return name.removesuffix("Table").removesuffix("Queue").removesuffix("Bucket")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
