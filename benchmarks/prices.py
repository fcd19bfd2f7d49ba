"""AWS's list prices in eu-west-1 (Ireland), US dollars, November 2026, without free tiers; and what
others charge for sending.

Each names the page where it is said. AWS's pages show prices by region through a script, so copies
of them hold few figures. Checked against copies, for us-east-1: DynamoDB's units (0.625 and 0.125 a
million since November 2024), Lambda, SQS, SNS. What Ireland adds, and all others, could not be
checked in this way: look at the page before a figure in dollars is quoted. Ratios hardly depend on
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
_S3: Final = "https://aws.amazon.com/s3/pricing/"
_API: Final = "https://aws.amazon.com/api-gateway/pricing/"
_CLOUDWATCH: Final = "https://aws.amazon.com/cloudwatch/pricing/"
_SECRETS: Final = "https://aws.amazon.com/secrets-manager/pricing/"
_SES: Final = "https://aws.amazon.com/ses/pricing/"

PRICES: Final[Mapping[str, Price]] = {
    "dynamodb write unit": Price(0.705 / _MILLION, "DynamoDB writes", _DYNAMODB),
    "dynamodb read unit": Price(0.1415 / _MILLION, "DynamoDB reads", _DYNAMODB),
    "lambda call": Price(0.20 / _MILLION, "Lambda calls", _LAMBDA),
    "lambda GB-second arm64": Price(0.0000133334, "Lambda time", _LAMBDA),
    "lambda GB-second x86_64": Price(0.0000166667, "Lambda time", _LAMBDA),
    "sqs request": Price(0.40 / _MILLION, "SQS", _SQS),
    "sns publish": Price(0.50 / _MILLION, "SNS", _SNS),
    "http request": Price(1.11 / _MILLION, "API Gateway", _API),
    "s3 put": Price(5.0 / _MILLION, "S3 requests", _S3),
    "s3 get": Price(0.40 / _MILLION, "S3 requests", _S3),
    "secret request": Price(5.0 / _MILLION, "Secrets Manager", _SECRETS),
    "log GB": Price(0.57, "CloudWatch Logs", _CLOUDWATCH),
    # Each month that it is kept:
    "table GB-month": Price(0.283, "DynamoDB storage", _DYNAMODB),
    "backup GB-month": Price(0.22, "DynamoDB backup", _DYNAMODB),
    "bucket GB-month": Price(0.023, "S3 storage", _S3),
    # Whatever is sent, and by whatever:
    "mail, à la carte": Price(0.10 / 1000, "SES, accounts of before 2026", _SES),
    "mail, Essentials": Price(0.16 / 1000, "SES, new accounts", _SES),
    "message insights": Price(0.07 / 1000, "Virtual Deliverability Manager", _SES),
    # Whether or not anything is sent:
    "secret": Price(0.40, "Secrets Manager", _SECRETS),
    "alarm": Price(0.10, "CloudWatch alarms", _CLOUDWATCH),
    "metric": Price(0.30, "CloudWatch metrics", _CLOUDWATCH),
}


INFREQUENT: Final = {"unit": 1.25, "table GB-month": 0.4}
"""What DynamoDB's class for infrequent access costs, as a multiple of the standard one."""


def dollars_by_line(quantities: Mapping[str, float], messages: int) -> dict[str, float]:
    """Dollars for a million messages, by line.

    Args:
        quantities: what so many messages took, by the names in `PRICES`.
    """
    found: dict[str, float] = {}
    for name, quantity in quantities.items():
        line = PRICES[name].line
        found[line] = found.get(line, 0) + quantity * PRICES[name].usd * 1e6 / messages
    return found


class Plan(NamedTuple):
    """A plan of somebody who sends mail and tells what became of it.

    Attributes:
        base: dollars a month, with so many messages included.
        more: dollars for each thousand beyond.
        most: messages a month up to which the price is published.
    """

    base: float
    included: int
    more: float
    most: int


_K: Final = 1_000
OTHERS: Final[Mapping[str, Sequence[Plan]]] = {
    # postmarkapp.com/pricing, August 2026: Basic, Pro, Platform; its slider ends at 300,000.
    "Postmark": [Plan(base, 10 * _K, more, 300 * _K) for base, more in ((15, 1.8), (18, 1.2))],
    # twilio.com/en-us/products/email-api/pricing, August 2026: Essentials and Pro. Of what more
    # costs between 100,000 and 2.5 million only the range is published, 1.1 to 0.5: the least.
    "SendGrid, at least": [
        *(Plan(19.95, 50 * _K, 1.3, 100 * _K), Plan(34.95, 100 * _K, 0.9, 100 * _K)),
        Plan(89.95, 100 * _K, 0.5, 2500 * _K),
    ],
    # Mailgun's help pages, 2026: Basic, Foundation, Scale; more costs less, 0.40 at a million.
    "Mailgun, at least": [
        *(Plan(15, 10 * _K, 1.8, 50 * _K), Plan(35, 50 * _K, 1.3, 100 * _K)),
        Plan(90, 100 * _K, 0.4, 1000 * _K),
    ],
    # resend.com/pricing, May 2026: Free, Pro, Pro, Scale; a million is 650, more by agreement.
    "Resend": [
        *(Plan(0, 3 * _K, 0.9, 3 * _K), Plan(20, 50 * _K, 0.9, 100 * _K)),
        *(Plan(35, 100 * _K, 0.9, 1000 * _K), Plan(650, 1000 * _K, 0.65, 1000 * _K)),
    ],
}
"""Who else sends and tells what became of it, and their plans; read from pages that cite theirs.
Above what is published one asks them."""


def charged(plans: Sequence[Plan], messages: int) -> float | None:
    """The least that so many messages a month cost; None where no price is published."""
    prices = [
        plan.base + plan.more * max(0, messages - plan.included) / 1000
        for plan in plans
        if messages <= plan.most
    ]
    return min(prices, default=None)
