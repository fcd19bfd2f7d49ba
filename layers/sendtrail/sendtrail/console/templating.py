"""Rendering: templates, and how numbers, times and words look in them."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.shared.cookies import Cookie
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sendtrail.auth.api_keys import Scope
from sendtrail.console import labels
from sendtrail.console.request_context import FORM_SECRET, ROOT, RequestContext
from sendtrail.console.timeline_labels import describe_entry
from sendtrail.mail.attachments import size_label

__all__ = ["HTML", "NAVIGATION", "environment", "render", "static_file"]

HTML: Final = "text/html; charset=utf-8"

NAVIGATION: Final = (
    ("home", "Home", ROOT, Scope.READ),
    ("people", "People", f"{ROOT}/people", Scope.READ),
    ("communications", "Mailings", f"{ROOT}/communications", Scope.READ),
    ("messages", "Messages", f"{ROOT}/messages", Scope.READ),
    ("templates", "Templates", f"{ROOT}/templates", Scope.READ),
    ("compose", "Compose", f"{ROOT}/compose", Scope.SEND),
    ("suppressions", "Suppressions", f"{ROOT}/suppressions", Scope.READ),
)
"""The pages that every page links to: name, label, path, and the scope that they need."""

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
    text = environment().get_template(f"{template}.html").render(context=context, **values)
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
    )
    made.filters |= {
        "count": _count,
        "rate": _rate,
        "share": _share,
        "fine_rate": _fine_rate,
        "date": _date,
        "when": _when,
        "day": _day,
        "days": _days,
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
        "sentence": labels.describe_event,
        "size": size_label,
        "told": describe_entry,
    }
    made.globals |= {
        "columns": labels.COLUMNS,
        "labels": labels.LABELS,
        "form_secret": FORM_SECRET,
        "navigation": NAVIGATION,
        "root": ROOT,
        "static": _static_url,
    }
    return made


def _count(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def _rate(fraction: float | None) -> str:
    return "–" if fraction is None else f"{fraction * 100:.1f}\u202f%"


def _fine_rate(fraction: float | None) -> str:
    """A rate of which a tenth of a per cent is much."""
    return "–" if fraction is None else f"{fraction * 100:.2f}".rstrip("0").rstrip(".") + "\u202f%"


def _share(part: int, whole: int) -> str:
    return _rate(part / whole if whole else None)


def _when(at: str | None) -> str:
    """A time, in UTC; a script puts it into the reader's zone, in the same form and width."""
    if not at:
        return Markup('<span class="none">–</span>')
    return _time(at, f"{_date(at)} {at[11:16]}", "minute")


def _day(at: str | None) -> str:
    """The day of a time, in the same way."""
    return _time(at, _date(at), "day") if at else Markup('<span class="none">–</span>')


def _days(first: str, last: str) -> str:
    """A range of days of UTC, which no reader's zone moves."""
    return f"on {_date(first)}" if first == last else f"from {_date(first)} to {_date(last)}"


def _time(at: str, shown: str, precision: str) -> str:
    exact = f"{at[:10]} {at[11:19]} UTC"
    return Markup('<time datetime="{}" title="{}" data-precision="{}">{}</time>').format(
        at, exact, precision, shown
    )


def _date(at: str) -> str:
    return f"{at[8:10]} {labels.MONTHS[int(at[5:7]) - 1]} {at[:4]}"
