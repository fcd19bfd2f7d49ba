"""Preferences: serves the page on which readers unsubscribe, and one-click unsubscribe."""

from __future__ import annotations

from typing import Any, Final

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.auth.tokens import Reader
from sendtrail.errors import AwsError, InvalidTokenError
from sendtrail.log.fallback import WrittenTo
from sendtrail.tracking.preferences import ChangedBy, Subscription
from sendtrail.tracking.requests import form_of, method_of, public_request, token_of
from sendtrail.wiring import Wiring

logger = Logger(use_rfc3339=True)  # or Lambda takes no level from its lines
metrics = Metrics()
wiring = Wiring(logger)

_ONE_CLICK: Final = ("List-Unsubscribe", "One-Click")  # RFC 8058, section 3.1
_CHOICES: Final = {"yes": True, "no": False}


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers one request. Only a POST changes anything: scanners that follow links must not."""
    pages = wiring.pages.for_reader(event)
    try:
        reader = wiring.link_tokens.read_unsubscribe(token_of(event))
    except InvalidTokenError:
        return pages.no_such_preferences()
    except AwsError:
        logger.exception("the signing keys cannot be read")
        return pages.later()
    if method_of(event) != "POST":
        subscription = wiring.preferences.subscription(reader)
        return pages.preferences(subscription, reader.shown_address, changed=False)
    form = form_of(event)
    if form.get(_ONE_CLICK[0]) == _ONE_CLICK[1]:
        subscribed, by = False, ChangedBy.ONE_CLICK
    elif form.get("subscribed") in _CHOICES:
        subscribed, by = _CHOICES[form["subscribed"]], ChangedBy.PAGE
    else:
        return pages.nothing_changed()
    choose(event, reader, subscribed=subscribed, by=by)
    return pages.preferences(Subscription(subscribed), reader.shown_address, changed=True)


def choose(event: dict[str, Any], reader: Reader, *, subscribed: bool, by: ChangedBy) -> None:
    """Records a choice, and counts it."""
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
