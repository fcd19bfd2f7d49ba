"""Charts: where the bars of the funnel, and of opens and clicks over time, are.

Only numbers; `templates/_charts.html` draws them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sendtrail.domain.time_since_send import DAYS, HOURS

__all__ = ["Funnel", "Plot", "funnel", "hits_over_days", "hits_over_hours"]

_WIDTH: Final = 360


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle, in units of the drawing, from its top left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Measure:
    """A number, and its bar; people's part of both, where people and machines are told apart."""

    label: str
    count: int
    bar: Bar
    people: int | None
    people_bar: Bar | None


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


@dataclass(frozen=True, slots=True)
class Funnel:
    """Sent → delivered → opened → clicked; `whole` is what they are shares of, or 0."""

    width: int
    height: int
    whole: int
    stages: tuple[Measure, ...]


def funnel(figures: Mapping[str, Any]) -> Funnel:
    """Each stage is as wide as its part of what was sent."""
    sent = max(figures["sent"], figures["delivered"], 1)

    def stage(number: int, label: str, name: str, by_people: str | None) -> Measure:
        def bar(count: int) -> Bar:
            width = _round(_WIDTH * min(count / sent, 1))
            return Bar(0, number * _STAGE + _BAR_TOP, width, _BAR)

        count, people = figures[name], figures[by_people] if by_people else None
        return Measure(label, count, bar(count), people, None if people is None else bar(people))

    return Funnel(
        width=_WIDTH,
        height=(len(_STAGES) - 1) * _STAGE + _BAR_TOP + _BAR,
        whole=sent if figures["sent"] else 0,
        stages=tuple(stage(number, *each) for number, each in enumerate(_STAGES)),
    )


# --- opens and clicks over time ----------------------------------------------------------------

_PLOT_TOP: Final = 10
_PLOT: Final = 92
_LEFT: Final = 34
_GROUND: Final = _PLOT_TOP + _PLOT


@dataclass(frozen=True, slots=True)
class GridLine:
    """A level of the plot, and its number."""

    y: float
    value: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A word below the plot; `anchor` is SVG's ``text-anchor``."""

    x: float
    anchor: str
    label: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Opens or clicks over time.

    Attributes:
        left: where the lines begin; left of it are their numbers.
        ground: the y of zero.
        slots: the stretches of time in which there were hits.
        hits, people: the sums over all slots.
    """

    title: str
    width: int
    height: int
    left: int
    ground: int
    lines: tuple[GridLine, ...]
    ticks: tuple[Tick, ...]
    slots: tuple[Measure, ...]
    hits: int
    people: int


_Stretch = tuple[str, int, int]
"""What a stretch of time is called; hits, and people's among them."""


def hits_over_hours(hits: Sequence[Mapping[str, Any]], what: str) -> Plot:
    """The first day after sending, by the hour.

    Args:
        hits: as a communication's `hits_by_age`.
        what: ``opens`` or ``clicks``.
    """
    counts = {each["from_hours"]: each for each in hits if each["from_hours"] < HOURS}
    stretches = [
        _stretch(f"hour {hour + 1} after sending", counts.get(hour), what) for hour in range(HOURS)
    ]
    ticks = [(0, "sending"), (6, "6 h"), (12, "12 h"), (18, "18 h"), (24, "24 h")]
    return _plot(stretches, ticks, f"{what.capitalize()} in the first 24 hours")


def hits_over_days(hits: Sequence[Mapping[str, Any]], what: str) -> Plot:
    """The first month after sending, by the day; what came later is one bar at the end."""
    counts = {each["from_hours"] // 24: each for each in hits if each["from_hours"] >= HOURS}
    first = [each for each in hits if each["from_hours"] < HOURS]
    day = {name: sum(each[name] for each in first) for name in (what, f"human_{what}")}
    stretches = [
        _stretch("day 1 after sending", day, what),
        *(
            _stretch(f"day {number + 1} after sending", counts.get(number), what)
            for number in range(1, DAYS)
        ),
        _stretch(f"later than {DAYS} days after sending", counts.get(DAYS), what),
    ]
    ticks = [(0, "sending"), (7, "7 d"), (14, "14 d"), (21, "21 d"), (30, "later")]
    return _plot(stretches, ticks, f"{what.capitalize()} in the first {DAYS} days, and later")


def _stretch(name: str, counts: Mapping[str, Any] | None, what: str) -> _Stretch:
    return (name, counts[what], counts[f"human_{what}"]) if counts else (name, 0, 0)


def _plot(stretches: Sequence[_Stretch], ticks: Sequence[tuple[int, str]], title: str) -> Plot:
    most = _ceiling(max(hits for _, hits, _ in stretches))
    step = (_WIDTH - _LEFT) / len(stretches)

    def tick(place: int, label: str) -> Tick:
        if place >= len(stretches) - 1:
            return Tick(_WIDTH, "end", label)
        return Tick(_round(_LEFT + place * step), "middle" if place else "start", label)

    def bar(number: int, count: int) -> Bar:
        height = _PLOT * count / most
        return Bar(
            x=_round(_LEFT + number * step + step * 0.12),
            y=_round(_GROUND - height),
            width=_round(step * 0.76),
            height=_round(height),
        )

    return Plot(
        title=title,
        width=_WIDTH,
        height=_GROUND + 22,
        left=_LEFT,
        ground=_GROUND,
        lines=tuple(
            GridLine(_round(_GROUND - _PLOT * value / most), value)
            for value in ((0, most // 2, most) if most % 2 == 0 else (0, most))
        ),
        ticks=tuple(tick(*each) for each in ticks),
        slots=tuple(
            Measure(name, hits, bar(number, hits), people, bar(number, people))
            for number, (name, hits, people) in enumerate(stretches)
            if hits
        ),
        hits=sum(hits for _, hits, _ in stretches),
        people=sum(people for _, _, people in stretches),
    )


def _ceiling(most: int) -> int:
    """The least of 2, 4, 6, 8, 10, 20, 40, … that is not less."""
    scale = 1
    while True:
        for step in (2, 4, 6, 8, 10):
            if step * scale >= most:
                return step * scale
        scale *= 10


def _round(value: float) -> float:
    return round(value, 2)
