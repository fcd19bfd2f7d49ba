"""Pages about communications: all, and one."""

from __future__ import annotations

import re
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import Scope
from sendtrail.console import charts
from sendtrail.console.mailings import known_mailing, whole_view
from sendtrail.console.pager import Pager
from sendtrail.console.request_context import ROOT, AccessControl, RequestContext
from sendtrail.console.templating import render
from sendtrail.domain.communication import CommunicationDefinition
from sendtrail.domain.progress import MailingState
from sendtrail.domain.times import epoch_ms, now
from sendtrail.errors import InvalidInputError
from sendtrail.language import gettext
from sendtrail.reading import queries
from sendtrail.reading.views import communication_view
from sendtrail.reading.waiting import held, held_of, with_hold
from sendtrail.wiring import Wiring

__all__ = ["add_pages"]

_PATH: Final = f"{ROOT}/communications"
_PAGE: Final = 25
_FRESH_MS: Final = 10 * 60 * 1000
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def add_pages(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds the pages."""

    @app.get(_PATH)
    @access.needs(Scope.READ)
    def several(context: RequestContext) -> Response[Any]:
        name, kind, month = (
            context.query_value("name"),
            context.query_value("kind", max_length=64),
            _month(context),
        )
        pager = Pager.of(context, wiring.cursors, "communications", month, kind, name)

        def wanted(definition: CommunicationDefinition) -> bool:
            return (kind is None or definition.kind == kind) and (
                name is None or name.lower() in definition.name.lower()
            )

        found = queries.communications(
            pager.place, _PAGE, month=month, wanted=wanted if kind or name else None
        )
        items = [communication_view(*each, whole=False) for each in found.items]
        hold = held(wiring.holds)
        return render(
            "communications",
            context,
            items=[with_hold(each, hold) for each in items],
            held=hold,
            kinds=sorted({each["kind"] for each in items if each["kind"]}),
            filters={"name": name, "kind": kind, "month": month},
            pager=pager,
            following=pager.following(found.place),
        )

    @app.get(f"{_PATH}/<communication_id>")
    @access.needs(Scope.READ)
    def one(context: RequestContext, communication_id: str) -> Response[Any]:
        figures = _communication(communication_id)
        hold = held_of(wiring.holds, figures)
        return render(
            "communication",
            context,
            figures=with_hold(figures, hold),
            held=hold,
            posted=figures["by"] is not None,
            is_moving=_is_moving(figures),
            **_shown(figures),
        )

    @app.get(f"{_PATH}/<communication_id>/figures")
    @access.needs(Scope.READ)
    def outcome(context: RequestContext, communication_id: str) -> Response[Any]:
        figures = _communication(communication_id)
        return render("figures", context, figures=figures, funnel=charts.funnel(figures))


def _communication(communication_id: str) -> dict[str, Any]:
    return whole_view(known_mailing(communication_id))


def _is_moving(figures: dict[str, Any]) -> bool:
    """Whether its figures move while one looks: it goes out, or was sent not long ago, and SES has
    not told of all of it.
    """
    told = figures["delivered"] + figures["bounced"]
    begun_at = figures["send_at"] or figures["created_at"]
    recent = begun_at is not None and epoch_ms(now()) - epoch_ms(begun_at) < _FRESH_MS
    is_told = figures["state"] != MailingState.FINISHED or told >= figures["sent"]
    return figures["state"] == MailingState.RUNNING or (recent and not is_told)


def _shown(figures: dict[str, Any]) -> dict[str, Any]:
    """The charts, and the providers, worst first."""
    hits = figures["hits_by_age"]
    plots = [
        (gettext("Opens, first day"), charts.hits_over_hours(hits, "opens")),
        (gettext("Opens, first month"), charts.hits_over_days(hits, "opens")),
        (gettext("Clicks, first day"), charts.hits_over_hours(hits, "clicks")),
        (gettext("Clicks, first month"), charts.hits_over_days(hits, "clicks")),
    ]
    lone = gettext("%(title)s: %(count)s, all in %(when)s.")
    return {
        "funnel": charts.funnel(figures),
        # One bar alone is a sentence.
        "plots": [(title, plot) for title, plot in plots if len(plot.slots) > 1],
        "lone": [
            lone % {"title": title, "count": plot.hits, "when": plot.slots[0].label}
            for title, plot in plots
            if len(plot.slots) == 1
        ],
        "providers": sorted(figures["providers"], key=_badness),
    }


def _badness(provider: dict[str, Any]) -> tuple[float, float, int]:
    """The greatest share bounced first, then the smallest opened by people, then the largest."""
    sent = provider["sent"]
    if not sent:
        return (0.0, 2.0, 0)
    return (-provider["bounced"] / sent, provider["human_opened"] / sent, -sent)


def _month(context: RequestContext) -> str | None:
    month = context.query_value("month", max_length=16)
    if month and not _MONTH.fullmatch(month):
        raise InvalidInputError(
            gettext("month: %(given)r is none; write 2026-11") % {"given": month}
        )
    return month
