"""AWS's list prices in eu-west-1 (Ireland), US dollars, November 2026, without free tiers.

Each names the page where AWS says so. Those pages show prices by region through a script, so copies
of them hold few figures. Checked against copies, for us-east-1: DynamoDB's units (0.625 and 0.125 a
million since November 2024), Lambda, SQS, SNS. What Ireland adds, and all
others, could not be checked in this way: look at the page before a figure in dollars is quoted.
Ratios hardly depend on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Price(NamedTuple):
    """What AWS charges for one of something, under which heading, and the page where it says so."""

    usd: float
    line: str
    page: str


_MILLION: Final = 1e6
_DYNAMODB: Final = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
_LAMBDA: Final = "https://aws.amazon.com/lambda/pricing/"
_SQS: Final = "https://aws.amazon.com/sqs/pricing/"
_SNS: Final = "https://aws.amazon.com/sns/pricing/"
_CLOUDWATCH: Final = "https://aws.amazon.com/cloudwatch/pricing/"
_SECRETS: Final = "https://aws.amazon.com/secrets-manager/pricing/"

PRICES: Final[Mapping[str, Price]] = {
    "dynamodb write unit": Price(0.705 / _MILLION, "DynamoDB writes", _DYNAMODB),
    "dynamodb read unit": Price(0.141 / _MILLION, "DynamoDB reads", _DYNAMODB),
    "lambda call": Price(0.20 / _MILLION, "Lambda calls", _LAMBDA),
    "lambda GB-second arm64": Price(0.0000133334, "Lambda time", _LAMBDA),
    "lambda GB-second x86_64": Price(0.0000166667, "Lambda time", _LAMBDA),
    "sqs request": Price(0.40 / _MILLION, "SQS", _SQS),
    "sns publish": Price(0.50 / _MILLION, "SNS", _SNS),
    "log GB": Price(0.57, "CloudWatch Logs", _CLOUDWATCH),
    # Each month that it is kept:
    "table GB-month": Price(0.283, "DynamoDB storage", _DYNAMODB),
    "backup GB-month": Price(0.226, "DynamoDB backup", _DYNAMODB),
    # Whatever is sent, and by whatever:
    "mail": Price(0.10 / 1000, "SES", "https://aws.amazon.com/ses/pricing/"),
    # Whether or not anything is sent:
    "secret": Price(0.40, "Secrets Manager", _SECRETS),
    "alarm": Price(0.10, "CloudWatch alarms", _CLOUDWATCH),
    "metric": Price(0.30, "CloudWatch metrics", _CLOUDWATCH),
}

KEPT: Final = frozenset({"table GB-month", "backup GB-month"})
"""What is paid again in each month."""


def dollars_by_line(quantities: Mapping[str, float], messages: int) -> dict[str, float]:
    """Dollars for a million messages, by line; without what is kept.

    Args:
        quantities: what so many messages took, by the names in `PRICES`.
    """
    found: dict[str, float] = {}
    for name, quantity in quantities.items():
        if name not in KEPT:
            line = PRICES[name].line
            found[line] = found.get(line, 0) + quantity * PRICES[name].usd * 1e6 / messages
    return found
