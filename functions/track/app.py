"""Track: serves the pixel and the links of our mail, while readers wait."""

from __future__ import annotations

from typing import Any, Final

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from sendtrail.auth.tokens import ClickedLink
from sendtrail.domain.urls import in_a_header
from sendtrail.errors import AwsError, InvalidTokenError
from sendtrail.log.fallback import WrittenTo
from sendtrail.tracking.requests import public_request, token_of
from sendtrail.wiring import Wiring

logger = Logger(use_rfc3339=True)  # or Lambda takes no level from its lines
metrics = Metrics()
wiring = Wiring(logger)

PIXEL: Final = {
    "statusCode": 200,
    "headers": {
        "Content-Type": "image/gif",
        "Cache-Control": "no-store, no-cache, must-revalidate, max-age=0",
    },
    "body": "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
    "isBase64Encoded": True,
}


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers a pixel with the GIF, whatever happens, and a link with a redirect to its URL."""
    if event["routeKey"].endswith("/o/{token}"):
        open_pixel(event)
        return PIXEL
    return follow(event)


def open_pixel(event: dict[str, Any]) -> None:
    """Records that a pixel was loaded; whatever fails, the pixel is served."""
    token = token_of(event).removesuffix(".gif")
    try:
        pixel = wiring.link_tokens.read_open(token)
        destination = wiring.tracking.opened(pixel, public_request(event))
    except InvalidTokenError:
        count("InvalidTokens")
    except Exception:
        logger.exception("a pixel was loaded and could not be kept")
        count("NotWritten")
    else:
        report(destination)


def follow(event: dict[str, Any]) -> dict[str, Any]:
    """Records that a link was followed, and redirects to its URL."""
    try:
        link = wiring.link_tokens.read_click(token_of(event))
    except InvalidTokenError:
        count("InvalidTokens")
        return wiring.pages.for_reader(event).no_such_link()
    except AwsError:
        logger.exception("the signing keys cannot be read")
        return wiring.pages.for_reader(event).later()
    keep_click(link, event)
    return {
        "statusCode": 302,
        "headers": {
            "Location": in_a_header(link.url),
            "Content-Type": "text/plain; charset=utf-8",
            "Cache-Control": "no-store",
        },
        "body": "",
    }


def keep_click(link: ClickedLink, event: dict[str, Any]) -> None:
    """Records that a link was followed; whatever fails, the redirect is served."""
    try:
        destination = wiring.tracking.clicked(link, public_request(event))
    except Exception:
        logger.exception("a link was followed and could not be kept")
        count("NotWritten")
    else:
        report(destination)


def report(destination: WrittenTo) -> None:
    """Counts a hit that was not written to the log, by the fallback that it was written to."""
    if destination is not WrittenTo.LOG:
        count(f"FallbackTo{destination.value}")


def count(name: str) -> None:
    """Adds one to a metric, and emits it: an ordinary hit has none."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
    metrics.flush_metrics()
