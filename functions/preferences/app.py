"""Preferences: serves the page on which readers unsubscribe, and one-click unsubscribe."""

from __future__ import annotations

from email.utils import parseaddr
from functools import cache
from typing import Any, Final

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.auth.tokens import Reader
from sendtrail.errors import AwsError, InvalidTokenError
from sendtrail.log.fallback import WrittenTo
from sendtrail.tracking.pages import page, preferences
from sendtrail.tracking.preferences import ChangedBy
from sendtrail.tracking.requests import form_of, method_of, public_request, token_of
from sendtrail.wiring import Wiring

logger = Logger(use_rfc3339=True)  # or Lambda takes no level from its lines
metrics = Metrics()
wiring = Wiring(logger)

_ONE_CLICK: Final = ("List-Unsubscribe", "One-Click")  # RFC 8058, section 3.1
_CHOICES: Final = {"yes": True, "no": False}


@cache
def sender() -> str:
    """The organisation's name: the display name of the sender address, or else its domain."""
    name, address = parseaddr(wiring.settings.sender_address)
    return name or address.rpartition("@")[2]


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers one request. Only a POST changes anything: scanners that follow links must not."""
    try:
        reader = wiring.link_tokens.read_unsubscribe(token_of(event))
    except InvalidTokenError:
        return page(
            404,
            "This page is not there",
            "The link may have been cut off. Copy it whole from the message, or answer the "
            "message and say what you want.",
        )
    except AwsError:
        logger.exception("the signing keys cannot be read")
        return page(503, "One moment", "This cannot be done just now. Please try again.")
    if method_of(event) != "POST":
        subscribed = wiring.preferences.subscribed(reader)
        return preferences(sender(), subscribed=subscribed, changed=False)
    form = form_of(event)
    if form.get(_ONE_CLICK[0]) == _ONE_CLICK[1]:
        return choose(event, reader, subscribed=False, by=ChangedBy.ONE_CLICK)
    if form.get("subscribed") in _CHOICES:
        return choose(event, reader, subscribed=_CHOICES[form["subscribed"]], by=ChangedBy.PAGE)
    return page(
        400,
        "Nothing was changed",
        "The request says neither List-Unsubscribe=One-Click nor subscribed=yes or subscribed=no.",
    )


def choose(
    event: dict[str, Any], reader: Reader, *, subscribed: bool, by: ChangedBy
) -> dict[str, Any]:
    """Records a choice, and shows the resulting page."""
    destination = wiring.preferences.choose(
        reader, public_request(event), subscribed=subscribed, by=by
    )
    name = "Resubscribed" if subscribed else "Unsubscribed"
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
    if destination is not WrittenTo.LOG:
        metrics.add_metric(name=f"FallbackTo{destination.value}", unit=MetricUnit.Count, value=1)
    logger.info(
        "choice", extra={"subscribed": subscribed, "by": by.value, "kept": destination.value}
    )
    return preferences(sender(), subscribed=subscribed, changed=True)
