"""What a benchmark found, as Markdown, which a terminal shows well enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

Row = Sequence[Any]
"""Texts, numbers, and None for a cell that is empty."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One figure that something rests on: the median of what was measured.

    Attributes:
        figures: of each round; or a single one, where rounds do not differ.
        unit: ``×`` for a ratio.
        at_most: what the median must not exceed, if that is promised.
    """

    what: str
    figures: Sequence[float]
    unit: str = "×"
    at_most: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the promise is kept, if there is one."""
        return self.at_most is None or median(self.figures) <= self.at_most

    @property
    def row(self) -> Row:
        """Its row in the table of claims."""
        spread = f"{_text(min(self.figures))} to {_text(max(self.figures))}"
        several = len(self.figures) > 1
        promised = self.at_most is not None
        return (
            self.what,
            median(self.figures),
            spread if several else None,
            self.unit,
            f"at most {_text(self.at_most)}" if promised else None,
            ("yes" if self.holds else "**no**") if promised else None,
        )


@dataclass(frozen=True, slots=True)
class Table:
    """Figures in rows; the first column names them."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Row]
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        cells = [[_text(value) for value in row] for row in (self.columns, *self.rows)]
        widths = [max(2, *map(len, column)) for column in zip(*cells, strict=True)]
        cells.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
        lines = [
            f"| {' | '.join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])} |"
            for row in cells
        ]
        title = [f"### {self.title}", ""] if self.title else []
        return "\n".join([*title, *lines, *(f"\n{note}" for note in self.notes)])


@dataclass(frozen=True, slots=True)
class Report:
    """All that one benchmark found.

    Attributes:
        about: what was measured, on what, in a sentence or two.
        wrong: what must hold besides the claims and does not.
    """

    title: str
    definition: str
    claims: list[Claim] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether all is as promised."""
        return not self.wrong and all(claim.holds for claim in self.claims)

    def __str__(self) -> str:
        parts = [f"## {self.title}", self.definition, *map(str, self.tables)]
        if self.claims:
            columns = ("figure", "median", "spread", "unit", "promised", "holds")
            parts.append(str(Table("", columns, [claim.row for claim in self.claims])))
        return "\n\n".join([*parts, *(f"**Wrong:** {each}" for each in self.wrong)]) + "\n"


def timings(title: str, unit: str, found: Mapping[str, Iterable[float]], scale: float = 1) -> Table:
    """A table of medians and spreads.

    Args:
        scale: how many of the unit each figure counts.
    """
    scaled = {name: [scale * each for each in figures] for name, figures in found.items()}
    rows = [(name, median(each), min(each), max(each)) for name, each in scaled.items()]
    return Table(title, (unit, "median", "least", "greatest"), rows)


def _text(value: Any) -> str:
    """A number with three significant digits and thousands apart; a text as it is."""
    if value is None or isinstance(value, str):
        return value or ""
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
