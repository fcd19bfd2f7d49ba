"""Rendering: templates, and how numbers, times and words look in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.shared.cookies import Cookie
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sendtrail.auth.api_keys import Scope
from sendtrail.console import labels
from sendtrail.console.act_labels import act_label
from sendtrail.console.as_curl import calls_of
from sendtrail.console.request_context import FORM_SECRET, ROOT, RequestContext
from sendtrail.console.timeline_labels import describe_entry
from sendtrail.console.webhook_labels import (
    delivery_label,
    disabled_label,
    event_label,
    short_url,
    state_label,
    webhook_name,
)
from sendtrail.domain.erasure import is_erased
from sendtrail.language import LANGUAGES, current_language, formats, gettext, mark, ngettext
from sendtrail.mail.attachments import size_label

__all__ = ["HTML", "NAVIGATION", "environment", "render", "static_file"]

HTML: Final = "text/html; charset=utf-8"

NAVIGATION: Final = (
    ("home", mark("Home"), ROOT, Scope.READ),
    ("people", mark("People"), f"{ROOT}/people", Scope.READ),
    ("communications", mark("Mailings"), f"{ROOT}/communications", Scope.READ),
    ("messages", mark("Messages"), f"{ROOT}/messages", Scope.READ),
    ("templates", mark("Templates"), f"{ROOT}/templates", Scope.READ),
    ("compose", mark("Compose"), f"{ROOT}/compose", Scope.SEND),
    ("suppressions", mark("Suppressions"), f"{ROOT}/suppressions", Scope.READ),
    ("staff", mark("Keys"), f"{ROOT}/staff", Scope.ADMIN),
)
"""The pages that every page links to: name, label, path, and the scope that they need."""

_MAX_JSON: Final = 8_000
"""Characters of one event; the API has those that are longer."""
_STATIC: Final = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def render(
    template: str,
    context: RequestContext | None,
    *,
    status: int = 200,
    cookies: list[Cookie] | None = None,
    **values: Any,
) -> Response[str]:
    """A page.

    Args:
        template: its file, without the ending.
        context: whose page it is; None where that could not be told.
        values: what the template needs; one that it needs and is not given is an error.
    """
    curl = calls_of(context, values.get("pager")) if context and status == HTTPStatus.OK else []
    text = (
        environment().get_template(f"{template}.html").render(context=context, curl=curl, **values)
    )
    if context and context.notice and context.notice.was_shown:
        cookies = [*(cookies or ()), context.forget_notice()]
    return Response(status_code=status, content_type=HTML, body=text, cookies=cookies)


def static_file(name: str) -> tuple[str, str] | None:
    """A file that pages load: its content and its type; None if there is none of that name."""
    return (_static(name), _STATIC[name]) if name in _STATIC else None


@cache
def _static(name: str) -> str:
    return (files("sendtrail.console") / "static" / name).read_text(encoding="utf-8")


@cache
def _static_url(name: str) -> str:
    """Its address changes with its content, so that browsers may keep it for ever."""
    return f"{ROOT}/static/{name}?v={sha256(_static(name).encode()).hexdigest()[:12]}"


@cache
def environment() -> Environment:
    """What makes pages of templates."""
    made = Environment(
        loader=PackageLoader("sendtrail.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    made.filters |= {
        "count": _count,
        "rate": _rate,
        "share": _share,
        "fine_rate": _fine_rate,
        "date": formats.day,
        "when": _when,
        "day": _day,
        "days": _days,
        "points": _points,
        "as_count": _as_count,
        "translated": gettext,
        "within": labels.within,
        "actor_title": labels.actor_title,
        "by_whom": labels.by_whom,
        "bounce": labels.bounce_label,
        "drop": labels.drop_label,
        "evidence": labels.evidence_label,
        "reason": labels.reason_label,
        "happened": labels.happened_label,
        "because": labels.because_label,
        "why": labels.why_label,
        "status": labels.status_label,
        "hold": labels.hold_label,
        "finding": labels.finding_label,
        "waiting": labels.waiting_label,
        "machine": labels.machine_label,
        "provider": labels.provider_label,
        "sentence": labels.describe_event,
        "size": _size,
        "json": _json,
        "told": describe_entry,
        "act": act_label,
        "delivery_status": delivery_label,
        "disabled_because": disabled_label,
        "short_url": short_url,
        "webhook_event": event_label,
        "webhook_name": webhook_name,
        "webhook_state": state_label,
    }
    made.tests["erased"] = is_erased
    made.globals |= {
        "columns": labels.COLUMNS,
        "labels": labels.LABELS,
        "form_secret": FORM_SECRET,
        "language": current_language,
        "languages": LANGUAGES,
        "forms": formats.forms,
        "navigation": NAVIGATION,
        "root": ROOT,
        "static": _static_url,
    }
    return made


def _json(value: Mapping[str, Any]) -> str | None:
    """What the API tells, as it tells it; None if that is too long for a page."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return text if len(text) <= _MAX_JSON else None


def _count(number: int) -> str:
    return formats.number(number)


def _points(points: float) -> str:
    return formats.number(points, len(f"{points:g}".partition(".")[2]))


def _as_count(points: float) -> int:
    """A number by which a plural is chosen: of halves and tenths, that of several."""
    return int(points) if points == int(points) else 2


def _size(size: int) -> str:
    """A number of bytes in words."""
    shown, _, unit = size_label(size).partition(" ")
    if "." in shown and current_language() != "en":
        shown = formats.number(float(shown), 1)
    return f"{shown} {gettext(unit)}"


def _rate(fraction: float | None) -> str:
    return "–" if fraction is None else formats.percent(fraction)


def _fine_rate(fraction: float | None) -> str:
    """A rate of which a tenth of a per cent is much."""
    return "–" if fraction is None else formats.percent(fraction, 2, trim=True)


def _share(part: int, whole: int) -> str:
    return _rate(part / whole if whole else None)


def _when(at: str | None) -> str:
    """A time, in UTC; a script puts it into the reader's zone, in the same form and width."""
    if not at:
        return Markup('<span class="none">–</span>')
    return _time(at, formats.when(at), "minute")


def _day(at: str | None) -> str:
    """The day of a time, in the same way."""
    return _time(at, formats.day(at), "day") if at else Markup('<span class="none">–</span>')


def _days(first: str, last: str) -> str:
    """A range of days of UTC, which no reader's zone moves."""
    if first == last:
        return gettext("on %(day)s") % {"day": formats.day(first)}
    said = gettext("from %(first)s to %(last)s")
    return said % {"first": formats.day(first), "last": formats.day(last)}


def _time(at: str, shown: str, precision: str) -> str:
    exact = f"{at[:10]} {at[11:19]} UTC"
    return Markup('<time datetime="{}" title="{}" data-precision="{}">{}</time>').format(
        at, exact, precision, shown
    )
