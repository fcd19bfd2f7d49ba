"""The first page: how mail fares, and what is wrong now."""

from __future__ import annotations

from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import Scope
from sendtrail.console import charts
from sendtrail.console.attention import attention
from sendtrail.console.charts import Series
from sendtrail.console.request_context import ROOT, AccessControl, RequestContext
from sendtrail.console.templating import render
from sendtrail.domain.reputation import FEW
from sendtrail.domain.times import now
from sendtrail.errors import InvalidInputError
from sendtrail.language import gettext, mark
from sendtrail.reading import queries
from sendtrail.reading.overview import Span, last_day, overview
from sendtrail.reading.views import communication_view
from sendtrail.wiring import Wiring

__all__ = ["add_pages"]

_LATEST: Final = 5
_OPENED: Final = (
    Series("sent", mark("sent"), "all"),
    Series("human_opened", mark("opened by people"), "people"),
)
_CLICKED: Final = (Series("human_clicked", mark("clicked by people"), "people"),)
_PROBLEMS: Final = (
    Series("hard_bounced", mark("bounced for good"), "hard"),
    Series("spammed", mark("marked as spam"), "spam"),
    Series("unsubscribed", mark("unsubscribed"), "off"),
)


def add_pages(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds the page."""

    @app.get(ROOT)
    @access.needs(Scope.READ)
    def home(context: RequestContext) -> Response[Any]:
        at = now()
        span, until = _span(context), last_day(context.query_value("until", max_length=64), at)
        view = overview(wiring.health.look, span, until, at)
        latest = [
            communication_view(*each, whole=False)
            for each in queries.communications(None, _LATEST, month=None, wanted=None).items
        ]
        days = view["days"]
        return render(
            "home",
            context,
            view=view,
            latest=latest,
            attention=attention(context, wiring, at),
            most_clicked=max(latest, key=_clicked, default=None),
            is_empty=not (latest or view["last_event_at"] or view["total"]["sent"]),
            span=span,
            spans=list(Span),
            today=at[:10],
            few=FEW,
            gauges={name: charts.gauge(rate) for name, rate in view["rates"].items()},
            plots=[
                charts.days_chart(days, gettext("Sent, and opened by people"), _OPENED),
                charts.days_chart(days, gettext("Clicked by people"), _CLICKED),
                charts.days_chart(days, gettext("Problems"), _PROBLEMS, stacked=True),
            ],
        )


def _span(context: RequestContext) -> Span:
    given = context.query_value("days", max_length=16) or Span.MONTH.value
    try:
        return Span(given)
    except ValueError:
        said = gettext("%(field)s: %(given)s is none; there are %(all)s")
        said %= {"field": "days", "given": repr(given), "all": ", ".join(Span)}
        raise InvalidInputError(said) from None


def _clicked(figures: dict[str, Any]) -> float:
    return figures["human_click_rate"] or 0
