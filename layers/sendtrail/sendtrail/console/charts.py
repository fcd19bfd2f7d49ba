"""Drawings: the funnel, and opens and clicks over time, as SVG.

Made of svg.py's elements, with classes and no styles, so that the style sheet colours them for
light and dark and the Content-Security-Policy needs no exception. Every number in a drawing is on
the page as text too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import svg
from markupsafe import Markup

from sendtrail.domain.time_since_send import DAYS, HOURS

__all__ = ["funnel", "hits_over_days", "hits_over_hours"]

_WIDTH: Final = 360

# --- the funnel ------------------------------------------------------------------------------

_STAGES: Final = (
    ("Sent", "sent", None),
    ("Delivered", "delivered", None),
    ("Opened", "opened", "human_opened"),
    ("Clicked", "clicked", "human_clicked"),
)
_STAGE: Final = 62
_BAR: Final = 24
_BAR_TOP: Final = 20


def funnel(figures: Mapping[str, Any]) -> Markup:
    """Sent → delivered → opened → clicked, each as wide as its part of what was sent.

    Where people and machines are told apart, the whole bar is everyone's and the stronger part of
    it people's.
    """
    sent = max(figures["sent"], figures["delivered"], 1)
    elements: list[svg.Element] = []
    before: float | None = None
    said = []
    for number, (label, name, by_people) in enumerate(_STAGES):
        top = number * _STAGE
        count = figures[name]
        width = _WIDTH * min(count / sent, 1)
        bar_top = top + _BAR_TOP
        if before is not None:
            elements.append(
                svg.Polygon(
                    class_=["flow"],
                    points=[
                        svg.Point(0, bar_top - _STAGE + _BAR),
                        svg.Point(_round(before), bar_top - _STAGE + _BAR),
                        svg.Point(_round(width), bar_top),
                        svg.Point(0, bar_top),
                    ],
                )
            )
        elements.append(_bar("all", width, bar_top))
        text = _count(count)
        if by_people:
            people = figures[by_people]
            elements.append(_bar("people", _WIDTH * min(people / sent, 1), bar_top))
            text += f", {_count(people)} by people"
        share = f"{count / sent * 100:.1f}\u202f%" if number and figures["sent"] else ""
        elements += [
            svg.Text(class_=["label"], x=0, y=top + 14, text=label),
            svg.Text(class_=["figure"], x=_WIDTH, y=top + 14, text_anchor="end", text=text),
        ]
        if share:
            elements.append(svg.Text(class_=["share"], x=82, y=top + 14, text=share))
        said.append(f"{label.lower()} {text}")
        before = width
    height = (len(_STAGES) - 1) * _STAGE + _BAR_TOP + _BAR
    return _drawing("funnel", height, "Funnel: " + "; ".join(said), elements)


def _bar(kind: str, width: float, top: int) -> svg.Element:
    return svg.Rect(class_=[kind], x=0, y=top, width=_round(width), height=_BAR, rx=2)


# --- opens and clicks over time ----------------------------------------------------------------

_PLOT_TOP: Final = 10
_PLOT: Final = 92
_LEFT: Final = 34
_GROUND: Final = _PLOT_TOP + _PLOT
_PLOT_HEIGHT: Final = _GROUND + 22

Slot = tuple[str, int, int]
"""What a stretch of time is called; hits, and people's among them."""


def hits_over_hours(hits: Sequence[Mapping[str, Any]], what: str) -> Markup:
    """The first day after sending, by the hour.

    Args:
        hits: as a communication's `hits_by_age`.
        what: ``opens`` or ``clicks``.
    """
    counts = {each["from_hours"]: each for each in hits if each["from_hours"] < HOURS}
    slots = [
        _slot(f"hour {hour + 1} after sending", counts.get(hour), what) for hour in range(HOURS)
    ]
    ticks = [(0, "sending"), (6, "6 h"), (12, "12 h"), (18, "18 h"), (24, "24 h")]
    return _plot(slots, ticks, f"{what.capitalize()} in the first 24 hours")


def hits_over_days(hits: Sequence[Mapping[str, Any]], what: str) -> Markup:
    """The first month after sending, by the day; what came later is one bar at the end."""
    counts = {each["from_hours"] // 24: each for each in hits if each["from_hours"] >= HOURS}
    first = [each for each in hits if each["from_hours"] < HOURS]
    day = {name: sum(each[name] for each in first) for name in (what, f"human_{what}")}
    slots = [
        _slot("day 1 after sending", day, what),
        *(
            _slot(f"day {number + 1} after sending", counts.get(number), what)
            for number in range(1, DAYS)
        ),
        _slot(f"later than {DAYS} days after sending", counts.get(DAYS), what),
    ]
    ticks = [(0, "sending"), (7, "7 d"), (14, "14 d"), (21, "21 d"), (30, "later")]
    return _plot(slots, ticks, f"{what.capitalize()} in the first {DAYS} days, and later")


def _slot(name: str, counts: Mapping[str, Any] | None, what: str) -> Slot:
    return (name, counts[what], counts[f"human_{what}"]) if counts else (name, 0, 0)


def _plot(slots: Sequence[Slot], ticks: Sequence[tuple[int, str]], title: str) -> Markup:
    most = _ceiling(max(hits for _, hits, _ in slots))
    step = (_WIDTH - _LEFT) / len(slots)
    elements: list[svg.Element] = []
    for value in (0, most // 2, most) if most % 2 == 0 else (0, most):
        y = _GROUND - _PLOT * value / most
        elements += [
            svg.Line(class_=["grid"], x1=_LEFT, x2=_WIDTH, y1=_round(y), y2=_round(y)),
            svg.Text(
                class_=["tick"], x=_LEFT - 6, y=_round(y + 4), text_anchor="end", text=_count(value)
            ),
        ]
    for place, label in ticks:
        x = _LEFT + place * step
        anchor: Any = "start" if place == 0 else "end" if place >= len(slots) - 1 else "middle"
        x = _WIDTH if anchor == "end" else x
        elements.append(
            svg.Text(class_=["tick"], x=_round(x), y=_GROUND + 16, text_anchor=anchor, text=label)
        )
    for number, (name, hits, people) in enumerate(slots):
        if not hits:
            continue
        left, width = _round(_LEFT + number * step + step * 0.12), _round(step * 0.76)
        elements.append(
            svg.G(
                elements=[
                    svg.Title(text=f"{name}: {_count(hits)}, {_count(people)} by people"),
                    _column("all", left, width, hits / most),
                    _column("people", left, width, people / most),
                ]
            )
        )
    whole, by_people = sum(slot[1] for slot in slots), sum(slot[2] for slot in slots)
    said = f"{title}: {_count(whole)}, {_count(by_people)} by people"
    return _drawing("plot", _PLOT_HEIGHT, said, elements)


def _column(kind: str, left: float, width: float, share: float) -> svg.Element:
    height = _PLOT * share
    return svg.Rect(
        class_=[kind], x=left, y=_round(_GROUND - height), width=width, height=_round(height)
    )


def _ceiling(most: int) -> int:
    """The least of 2, 4, 6, 8, 10, 20, 40, … that is not less."""
    scale = 1
    while True:
        for step in (2, 4, 6, 8, 10):
            if step * scale >= most:
                return step * scale
        scale *= 10


def _drawing(kind: str, height: int, said: str, elements: list[svg.Element]) -> Markup:
    drawing = svg.SVG(
        class_=["drawing", kind],
        viewBox=svg.ViewBoxSpec(0, 0, _WIDTH, height),
        extra={"role": "img", "aria-label": said},
        elements=elements,
    )
    return Markup(drawing.as_str())  # noqa: S704 -- made of numbers and of words of this module


def _count(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def _round(value: float) -> float:
    return round(value, 2)
