"""What a benchmark found: printed, kept as JSON, and told by the exit status."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

__all__ = ["Claim", "Report", "Table"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One figure that something rests on.

    Attributes:
        value: the median of what was measured, or the only figure there is.
        low, high: the least and the greatest, where it was measured more than once.
        unit: of the value; ``×`` for a ratio.
        at_most: what it must not exceed, if that is promised.
    """

    what: str
    value: float
    low: float | None = None
    high: float | None = None
    unit: str = "×"
    at_most: float | None = None

    @classmethod
    def of(
        cls, what: str, figures: Sequence[float], *, unit: str = "×", at_most: float | None = None
    ) -> Claim:
        """The claim that figures measured round by round make."""
        return cls(what, median(figures), min(figures), max(figures), unit, at_most)

    @property
    def holds(self) -> bool:
        """Whether it is as promised; what nothing is promised of holds."""
        return self.at_most is None or self.value <= self.at_most


@dataclass(frozen=True, slots=True)
class Table:
    """Figures in rows; the first column names them."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | int | None]]
    notes: Sequence[str] = ()


@dataclass(slots=True)
class Report:
    """All that one benchmark found.

    Attributes:
        about: what was measured, on what, in a sentence or two.
        wrong: what must hold beside the claims and does not.
    """

    title: str
    definition: str
    claims: list[Claim] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def finish(self, file: Path | None = None) -> int:
        """Prints it, writes it as JSON if a file is given, and returns the exit status.

        Returns:
            1 if a claim does not hold, or something else is wrong.
        """
        print(self.to_text())
        if file:
            file.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False), "utf-8")
        return 1 if self.wrong or not all(claim.holds for claim in self.claims) else 0

    @classmethod
    def read(cls, file: Path) -> Report:
        """The report that `finish` wrote."""
        found: dict[str, Any] = json.loads(file.read_text("utf-8"))
        return cls(
            found["title"],
            found["about"],
            [Claim(**claim) for claim in found["claims"]],
            [Table(**table) for table in found["tables"]],
            found["wrong"],
        )

    def to_text(self) -> str:
        """The report as Markdown, which a terminal shows well enough."""
        parts = [f"## {self.title}", self.definition]
        parts += [_table(table) for table in self.tables]
        if self.claims:
            rows = [
                (
                    claim.what,
                    claim.value,
                    _spread(claim),
                    claim.unit,
                    "" if claim.at_most is None else f"at most {_cell(claim.at_most)}",
                    "" if claim.at_most is None else ("yes" if claim.holds else "**no**"),
                )
                for claim in self.claims
            ]
            columns = ("figure", "median", "spread", "unit", "promised", "holds")
            parts.append(_table(Table("", columns, rows)))
        parts += [f"**Wrong:** {each}" for each in self.wrong]
        return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    cells = [[_cell(value) for value in row] for row in (table.columns, *table.rows)]
    widths = [max(2, *map(len, column)) for column in zip(*cells, strict=True)]
    lines = [_line(row, widths) for row in cells]
    lines.insert(
        1, _line(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])], widths)
    )
    title = [f"### {table.title}", ""] if table.title else []
    return "\n".join([*title, *lines, *(f"\n{note}" for note in table.notes)])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """A row: the first cell to the left, figures to the right."""
    padded = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
    padded[0] = cells[0].ljust(widths[0])
    return f"| {' | '.join(padded)} |"


def _spread(claim: Claim) -> str:
    return "" if claim.low is None else f"{_cell(claim.low)} to {_cell(claim.high)}"


def _cell(value: str | float | None) -> str:
    """A number with three significant digits and thousands apart; a text as it is."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int) or value == int(value):
        return f"{int(value):,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
