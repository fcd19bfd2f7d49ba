"""Charts: where the bars of the funnel, of opens and clicks over time, and of days, are.

Only numbers; `templates/_charts.html` draws them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from sendtrail.domain.time_since_send import DAYS, HOURS
from sendtrail.language import formats, gettext, mark

__all__ = [
    "DayChart",
    "Funnel",
    "Gauge",
    "Plot",
    "Series",
    "days_chart",
    "funnel",
    "gauge",
    "hits_over_days",
    "hits_over_hours",
]

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
        return Measure(
            gettext(label), count, bar(count), people, None if people is None else bar(people)
        )

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
        _stretch(
            _numbered(gettext("hour %(number)s after sending"), hour + 1), counts.get(hour), what
        )
        for hour in range(HOURS)
    ]
    hours = gettext("%(number)s h")
    ticks = [(0, gettext("sending")), *((each, _numbered(hours, each)) for each in (6, 12, 18, 24))]
    title = {
        "opens": gettext("Opens in the first 24 hours"),
        "clicks": gettext("Clicks in the first 24 hours"),
    }[what]
    return _plot(stretches, ticks, title)


def hits_over_days(hits: Sequence[Mapping[str, Any]], what: str) -> Plot:
    """The first month after sending, by the day; what came later is one bar at the end."""
    counts = {each["from_hours"] // 24: each for each in hits if each["from_hours"] >= HOURS}
    first = [each for each in hits if each["from_hours"] < HOURS]
    day = {name: sum(each[name] for each in first) for name in (what, f"human_{what}")}
    name, later = (
        gettext("day %(number)s after sending"),
        gettext("later than %(number)s days after sending"),
    )
    stretches = [
        _stretch(_numbered(name, 1), day, what),
        *(
            _stretch(_numbered(name, number + 1), counts.get(number), what)
            for number in range(1, DAYS)
        ),
        _stretch(_numbered(later, DAYS), counts.get(DAYS), what),
    ]
    short = gettext("%(number)s d")
    ticks = [
        (0, gettext("sending")),
        *((each, _numbered(short, each)) for each in (7, 14, 21)),
        (30, gettext("later")),
    ]
    title = {
        "opens": gettext("Opens in the first %(number)s days, and later"),
        "clicks": gettext("Clicks in the first %(number)s days, and later"),
    }[what]
    return _plot(stretches, ticks, _numbered(title, DAYS))


def _numbered(text: str, number: int) -> str:
    return text % {"number": number}


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


# --- days ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Series:
    """A figure of days, as a chart shows it: `kind` is its class in the style sheet."""

    figure: str
    label: str
    kind: str


@dataclass(frozen=True, slots=True)
class DaySlot:
    """A day in a chart, its figures in words, and their bars by kind."""

    label: str
    bars: tuple[tuple[str, Bar], ...]


@dataclass(frozen=True, slots=True)
class DayChart:
    """Figures by the day, on a calendar.

    Attributes:
        left, ground: as of `Plot`.
        slots: the days on which there was any.
        sums: label → the sum over all days.
    """

    title: str
    width: int
    height: int
    left: int
    ground: int
    lines: tuple[GridLine, ...]
    ticks: tuple[Tick, ...]
    slots: tuple[DaySlot, ...]
    series: tuple[Series, ...]
    sums: Mapping[str, int]


_DAYS_A_WEEK: Final = 7


def days_chart(
    days: Sequence[Mapping[str, Any]],
    title: str,
    series: Sequence[Series],
    *,
    stacked: bool = False,
) -> DayChart:
    """A bar for each figure of each day.

    Args:
        days: each with its ``day`` and figures, one after another.
        stacked: whether bars stand on each other; else each before the one before it.
    """
    series = [replace(each, label=gettext(each.label)) for each in series]
    names = [each.figure for each in series]
    heights = [[day[name] for name in names] for day in days]
    most = _ceiling(max((sum(each) if stacked else max(each) for each in heights), default=0))
    step = (_WIDTH - _LEFT) / len(days)

    def slot(number: int, day: Mapping[str, Any]) -> DaySlot:
        said = ", ".join(f"{day[each.figure]} {each.label}" for each in series)
        bars, below = [], 0.0
        for each in series:
            height = _PLOT * day[each.figure] / most
            top = _GROUND - height - (below if stacked else 0)
            left = _LEFT + number * step + step * 0.12
            bar = Bar(_round(left), _round(top), _round(step * 0.76), _round(height))
            bars.append((each.kind, bar))
            below += height
        return DaySlot(f"{_in_words(day['day'])}: {said}", tuple(bars))

    return DayChart(
        title=title,
        width=_WIDTH,
        height=_GROUND + 22,
        left=_LEFT,
        ground=_GROUND,
        lines=tuple(
            GridLine(_round(_GROUND - _PLOT * value / most), value)
            for value in (0, most // 2, most)
        ),
        ticks=tuple(_calendar([day["day"] for day in days], step)),
        slots=tuple(
            slot(number, day) for number, day in enumerate(days) if any(day[name] for name in names)
        ),
        series=tuple(series),
        sums={each.label: sum(day[each.figure] for day in days) for each in series},
    )


def _calendar(days: Sequence[str], step: float) -> Iterator[Tick]:
    """Each day of a week; of a month, Mondays; of more, the firsts of months."""
    for number, day in enumerate(days):
        at = date.fromisoformat(day)
        if len(days) <= _DAYS_A_WEEK:
            label = f"{gettext(_WEEKDAYS[at.weekday()])} {at.day}"
        elif at.weekday() == 0 if len(days) <= 5 * _DAYS_A_WEEK else at.day == 1:
            month = formats.short_months()[at.month - 1]
            label = gettext("%(day)s %(month)s") % {"day": at.day, "month": month}
        else:
            continue
        yield Tick(_round(_LEFT + (number + 0.5) * step), "middle", label)


def _in_words(day: str) -> str:
    at = date.fromisoformat(day)
    month = formats.short_months()[at.month - 1]
    said = gettext("%(day)s %(month)s %(year)s")
    return said % {"day": at.day, "month": month, "year": at.year}


_WEEKDAYS: Final = (
    mark("Mon"),
    mark("Tue"),
    mark("Wed"),
    mark("Thu"),
    mark("Fri"),
    mark("Sat"),
    mark("Sun"),
)


# --- rates and their limits ----------------------------------------------------------------------

_GAUGE_HEIGHT: Final = 34
_GAUGE_TOP: Final = 4
_GAUGE_BAR: Final = 12
_GAUGE_ROOM: Final = 1.3
"""How far beyond the last limit a gauge goes."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """A rate on a line with its limits.

    Attributes:
        bar: the rate; None if there is none.
        ground: the whole line.
        marks: the limits, with their words.
    """

    width: int
    height: int
    ground: Bar
    bar: Bar | None
    marks: tuple[Tick, ...]


def gauge(rate: Mapping[str, Any]) -> Gauge:
    """A rate against its limits, as ``rates`` of an overview has it. What is beyond the end of the
    line is drawn at the end.
    """
    end = rate["pause_at"] * _GAUGE_ROOM

    def place(fraction: float) -> float:
        return _round(_WIDTH * min(fraction / end, 1))

    value = rate["rate"]
    return Gauge(
        width=_WIDTH,
        height=_GAUGE_HEIGHT,
        ground=Bar(0, _GAUGE_TOP, _WIDTH, _GAUGE_BAR),
        bar=None if value is None else Bar(0, _GAUGE_TOP, place(value), _GAUGE_BAR),
        marks=tuple(
            Tick(place(rate[name]), "middle", _limit(rate[name]))
            for name in ("review_at", "pause_at")
        ),
    )


def _limit(fraction: float) -> str:
    """Without zeros at its end; a line has few digits to spare, and the sign has its blank."""
    shown = f"{fraction * 100:g}"
    return f"{formats.number(fraction * 100, len(shown.partition('.')[2]))} %"
