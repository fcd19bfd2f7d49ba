"""Whether a resource's policy lets an AWS service in, as IAM would decide it.

Of IAM's language, what policies of topics and queues use: "IAM JSON policy elements reference" in
the IAM user guide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from sendtrail.errors import SendtrailError

__all__ = ["Request", "UnknownConditionError", "allows"]

_ANY: Final = "*"


class UnknownConditionError(SendtrailError):
    """A policy has a condition that is not judged here."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a service asks to do.

    Attributes:
        service: its name as a principal.
        source: the ARN of that for which it asks.
        account: whose that is.
    """

    service: str
    action: str
    resource: str
    source: str
    account: str

    def value(self, key: str) -> str | None:
        """What a condition is held against; None for a key that the request has not."""
        return {
            "aws:sourcearn": self.source,
            "aws:sourceaccount": self.account,
            "aws:securetransport": "true",
            "aws:principalisawsservice": "true",
        }.get(key.lower())


def allows(policy: Mapping[str, Any], request: Request) -> bool:
    """Whether a statement allows a request, and none denies it.

    Raises:
        UnknownConditionError: it depends on a condition that is not judged here.
    """
    fitting = [each for each in _several(policy.get("Statement", ())) if _fits(each, request)]
    effects = [each["Effect"] for each in fitting if _holds(each.get("Condition", {}), request)]
    return "Allow" in effects and "Deny" not in effects


def _fits(statement: Mapping[str, Any], request: Request) -> bool:
    """Whether a statement is about the service, action and resource."""
    principal = statement.get("Principal", {})
    services = principal if principal == _ANY else principal.get("Service", ())
    if principal != _ANY and principal.get("AWS") == _ANY:
        services = _ANY
    return (
        any(each in (_ANY, request.service) for each in _several(services))
        and _matches(statement.get("Action", ()), request.action.lower(), lower=True)
        and _matches(statement.get("Resource", _ANY), request.resource)
    )


def _holds(conditions: Mapping[str, Mapping[str, Any]], request: Request) -> bool:
    """Whether all conditions hold."""
    return all(
        _compares(operator, wanted, key, request.value(key))
        for operator, pairs in conditions.items()
        for key, wanted in pairs.items()
    )


def _compares(operator: str, wanted: Any, key: str, value: str | None) -> bool:
    """Whether one condition holds. Operators on ARNs take patterns, those on equal texts do not."""
    kind = operator.removesuffix("IfExists")
    if value is None and operator.endswith("IfExists"):
        return True
    negated = "Not" in kind
    kind = kind.replace("Not", "")
    if kind in ("ArnEquals", "ArnLike", "StringLike"):
        holds = value is not None and _matches(wanted, value)
    elif kind in ("StringEquals", "Bool", "StringEqualsIgnoreCase"):
        texts = [str(each).lower() if kind != "StringEquals" else each for each in _several(wanted)]
        holds = (value if kind == "StringEquals" or value is None else value.lower()) in texts
    else:
        raise UnknownConditionError(f"a policy has the condition {operator} of {key}")
    return holds != negated


def _matches(patterns: Any, text: str, *, lower: bool = False) -> bool:
    return any(
        fnmatchcase(text, str(each).lower() if lower else str(each)) for each in _several(patterns)
    )


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
