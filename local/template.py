"""The template, as CloudFormation would get it: transformed by AWS's own SAM translator.

References are resolved to what the local stack made, for the few intrinsic functions that a
function's environment and an event source mapping use.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

from local.paths import ROOT, TEMPLATE

__all__ = [
    "ACCOUNT",
    "REGION",
    "STACK_NAME",
    "Function",
    "Resources",
    "SourceMapping",
    "load",
    "parameters_here",
    "transformed",
]

STACK_NAME: Final = "sendtrail"
REGION: Final = "eu-west-1"
ACCOUNT: Final = "123456789012"  # moto's

_SUBSTITUTION = re.compile(r"\$\{([A-Za-z0-9:.]+)\}")
_NAME_PROPERTY: Final = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SecretsManager::Secret": "Name",
}


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function of the template.

    Attributes:
        name: its logical id.
        timeout: seconds.
        memory: MiB.
        environment: its variables, resolved.
    """

    name: str
    code: str
    handler: str
    timeout: int
    memory: int
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SourceMapping:
    """An event source mapping of the template: its properties, resolved."""

    function: str
    properties: Mapping[str, Any]


@dataclass
class Resources:
    """The transformed template.

    Attributes:
        all: logical id → resource, in the template's order, each that can have a name being given
            one: ``<stack>-<logical id>``.
        parameters: the template's parameters, by their defaults.
        conditions: the template's conditions.
        stack: the stack's name.
        physical: what `Ref` and `Fn::GetAtt` give: (logical id, attribute) → value; the attribute
            of `Ref` is empty.
    """

    all: dict[str, dict[str, Any]]
    parameters: dict[str, Any]
    codes: dict[str, str]
    conditions: dict[str, Any] = field(default_factory=dict)
    stack: str = STACK_NAME
    physical: dict[tuple[str, str], str] = field(default_factory=dict)

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of all resources of a type, by logical id, unresolved."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.all.items()
            if resource["Type"] == kind
        }

    def physical_name(self, logical_id: str) -> str:
        """The name that a table, queue, topic, bucket or secret is given here."""
        name = f"{self.stack}-{logical_id}"
        return name.lower() if self.all[logical_id]["Type"] == "AWS::S3::Bucket" else name

    def functions(self) -> dict[str, Function]:
        """All functions, by logical id."""
        return {
            name: Function(
                name=name,
                code=self.codes[name],
                handler=properties["Handler"],
                timeout=int(properties.get("Timeout", 3)),
                memory=int(properties.get("MemorySize", 128)),
                environment={
                    key: str(self.resolve(value))
                    for key, value in properties.get("Environment", {}).get("Variables", {}).items()
                },
            )
            for name, properties in self.of_type("AWS::Lambda::Function").items()
        }

    def configuration_sets(self) -> list[str]:
        """The names of SES's configuration sets."""
        sets = self.of_type("AWS::SES::ConfigurationSet").values()
        return [self.resolve(properties["Name"]) for properties in sets]

    def mappings(self) -> list[SourceMapping]:
        """All event source mappings."""
        return [
            SourceMapping(self.resolve(properties["FunctionName"]), self.resolve(dict(properties)))
            for properties in self.of_type("AWS::Lambda::EventSourceMapping").values()
        ]

    def resolve(self, value: Any) -> Any:
        """The value with every intrinsic function in it replaced by what it stands for.

        Raises:
            LookupError: it refers to something that the local stack has not.
        """
        if isinstance(value, list):
            return [each for each in map(self.resolve, value) if each is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref":
                return self._reference(argument, "")
            if name == "Fn::GetAtt":
                parts = argument.split(".") if isinstance(argument, str) else argument
                return self._reference(parts[0], parts[1])
            if name == "Fn::If":
                condition, then, otherwise = argument
                return self.resolve(then if self._holds({"Condition": condition}) else otherwise)
            if name == "Fn::Sub":
                text, given = (argument, {}) if isinstance(argument, str) else argument
                known = self.resolve(given)
                return _SUBSTITUTION.sub(
                    lambda found: str(
                        known[found[1]] if found[1] in known else self._substitute(found[1])
                    ),
                    text,
                )
            if name == "Fn::Select":
                number, entries = argument
                return self.resolve(entries)[int(number)]
            if name == "Fn::Split":
                between, text = argument
                return self.resolve(text).split(between)
        resolved = ((name, self.resolve(entry)) for name, entry in value.items())
        return {name: entry for name, entry in resolved if entry is not _NO_VALUE}

    def decide(self) -> None:
        """Puts what conditions lead to in the place of each grant and setting that has some."""
        for role in self.of_type("AWS::IAM::Role").values():
            for policy in role.get("Policies", []):
                said = policy["PolicyDocument"]
                chosen = map(self._chosen, said["Statement"])
                said["Statement"] = [each for each in chosen if each is not None]
        for function in self.of_type("AWS::Lambda::Function").values():
            variables = function.get("Environment", {}).get("Variables", {})
            variables |= {name: self._chosen(value) for name, value in variables.items()}

    def _chosen(self, value: Any) -> Any:
        """What the conditions of a value lead to; None for nothing."""
        while isinstance(value, dict) and value.keys() == {"Fn::If"}:
            condition, then, otherwise = value["Fn::If"]
            value = then if self._holds({"Condition": condition}) else otherwise
        return None if value == {"Ref": "AWS::NoValue"} else value

    def is_made(self, resource: Mapping[str, Any]) -> bool:
        """Whether a resource's condition holds, if it has one."""
        return "Condition" not in resource or self._holds({"Condition": resource["Condition"]})

    def _holds(self, condition: Mapping[str, Any]) -> bool:
        ((name, argument),) = condition.items()
        if name == "Condition":
            return self._holds(self.conditions[argument])
        if name == "Fn::Not":
            return not self._holds(argument[0])
        if name == "Fn::Or":
            return any(map(self._holds, argument))
        if name == "Fn::And":
            return all(map(self._holds, argument))
        if name == "Fn::Equals":
            one, other = argument
            return str(self.resolve(one)) == str(self.resolve(other))
        raise LookupError(f"the local stack does not understand the condition {name}")

    def _substitute(self, name: str) -> Any:
        logical_id, _, attribute = name.partition(".")
        return self._reference(logical_id, attribute)

    def _reference(self, name: str, attribute: str) -> Any:
        if not attribute and name in self.parameters:
            return self.parameters[name]
        if name == "AWS::StackName":
            return self.stack
        if not attribute and name in _PSEUDO:
            return _PSEUDO[name]
        known = self.physical.get((name, attribute))
        if known is None:
            if not attribute and name in self.all:
                return name
            raise LookupError(
                f"the local stack has no {name}{'.' + attribute if attribute else ''}"
            )
        return known


_NO_VALUE: Final = object()
"""What `AWS::NoValue` stands for: what it is the value of is left out."""

_PSEUDO: Final[dict[str, Any]] = {
    "AWS::AccountId": ACCOUNT,
    "AWS::NoValue": _NO_VALUE,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
}


_ON: Final = {"Webhooks": "yes"}
"""Parameters that are on here, so that all of the template is there to be used and tested."""

LOGO_PATH: Final = "/local/logo.svg"
"""Where the gateway serves the logo of the organisation that the demo is about."""


def parameters_here(gateway_url: str) -> dict[str, str]:
    """The template's parameters as they are on this machine.

    Sending is as fast as it goes, and the time of doubt as short as a call of SES can last.
    """
    return {
        "PublicUrl": gateway_url,
        "SenderAddress": "The Society <news@society.example>",
        "OrganisationName": "The Society",
        "OrganisationLogoUrl": f"{gateway_url}{LOGO_PATH}",
        "OrganisationColour": "#14635f",
        "SendRate": "400",
        "InDoubtSeconds": "15",
    }


def load(
    parameters: Mapping[str, str] | None = None, root: Path = ROOT, stack: str = STACK_NAME
) -> Resources:
    """Reads and transforms the template.

    Args:
        parameters: values other than the defaults, and than what is always on here.
        root: of another checkout, whose template and functions are wanted.
        stack: the stack's name, which those of all its resources begin with.
    """
    template = yaml_parse((root / TEMPLATE.name).read_text(encoding="utf-8"))
    values = {name: entry.get("Default") for name, entry in template["Parameters"].items()}
    values |= _ON | dict(parameters or {})
    codes = {
        name: str(root / resource["Properties"]["CodeUri"])
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    order = list(template["Resources"])
    whole = transformed(template, values)
    made = whole["Resources"]
    resources = Resources(
        {name: made[name] for name in dict.fromkeys([*order, *made]) if name in made},
        values,
        codes,
        whole.get("Conditions", {}),
        stack,
    )
    for name in [name for name, each in resources.all.items() if not resources.is_made(each)]:
        del resources.all[name]
        codes.pop(name, None)
    resources.decide()
    for name, resource in resources.all.items():
        name_property = _NAME_PROPERTY.get(resource["Type"])
        if name_property:
            resource.setdefault("Properties", {})[name_property] = resources.physical_name(name)
    return resources


def transformed(template: dict[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A template as AWS's own translator leaves it for CloudFormation, whatever its conditions.

    Args:
        template: parsed; it is changed.
    """
    for name, resource in template["Resources"].items():
        # The translator wants what `sam package` leaves: code in S3.
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://local/{name}"
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"]["ContentUri"] = f"s3://local/{name}"
    # The translator asks a boto3 session for the region, and gets it from here.
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    found: dict[str, Any] = transform(template, dict(parameters), _ManagedPolicies())
    return found


class _ManagedPolicies:
    """The translator asks IAM for the ARNs of managed policies; roles do not matter here."""

    def load(self) -> dict[str, str]:
        return {}
