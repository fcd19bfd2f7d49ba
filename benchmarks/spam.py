"""What the spam score finds and misses, on a public corpus: by itself it promises nothing.

The corpus is that of SpamAssassin (2002 to 2006): its mails with an HTML part, as JSON lines in
FILE. Each is scored as a mailing here would be, whose text part is made from the HTML. Mail of that
time is not of today: many a newsletter had forms and frames, and spam of today looks better.

    python -m benchmarks.spam [--corpus FILE] [--into FILE]
"""

from __future__ import annotations

import json
import lzma
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.harness import main, options
from benchmarks.report import Claim, Report, Table
from local.paths import ROOT
from sendtrail.mail.markup import as_text
from sendtrail.mail.spam import THRESHOLD, SpamScore, score

CORPUS: Final = ROOT.parent / "shared/data/spamassassin-html.jsonl.xz"
LABELS: Final = {
    "ham": "letters",
    "hard_ham": "newsletters that look like spam",
    "spam": "spam",
}


def scores(corpus: Path) -> dict[str, list[SpamScore]]:
    """The scores of the mails, by what they are.

    Raises:
        SystemExit: there is no such file.
    """
    if not corpus.exists():
        raise SystemExit(f"skipped: no corpus at {corpus}")
    found: dict[str, list[SpamScore]] = defaultdict(list)
    for mail in _mails(corpus):
        text = as_text(mail["html"]) or None
        said = score(mail["subject"] or "", mail["html"], text, text_was_given=False)
        found[LABELS[mail["label"]]].append(said)
    return found


def _mails(corpus: Path) -> Iterator[dict[str, Any]]:
    with lzma.open(corpus, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def measure(corpus: Path) -> Report:
    """What was found."""
    found = scores(corpus)
    rows = [
        (
            label,
            len(mine),
            median(each.points for each in mine),
            100 * _share(mine, 2),
            100 * _share(mine, THRESHOLD),
        )
        for label, mine in found.items()
    ]
    rules = Counter(
        each.rule for each in (f for mine in found.values() for m in mine for f in m.findings)
    )
    by_rule = [
        (rule, *(100 * _having(mine, rule) for mine in found.values()))
        for rule, _ in rules.most_common()
    ]
    return Report(
        "The spam score on a public corpus",
        "SpamAssassin's public corpus, its mails with an HTML part, scored as mailings whose text "
        "part is made from the HTML.",
        [
            Claim(f"{label} at the threshold", [100 * _share(mine, THRESHOLD)], "%")
            for label, mine in found.items()
        ],
        [
            Table("Points", ["mails", "number", "median", "2 and more, %", "5 and more, %"], rows),
            Table("How many of each have a habit, in %", ["rule", *found], by_rule),
        ],
    )


def _share(mine: list[SpamScore], points: float) -> float:
    return sum(each.points >= points for each in mine) / len(mine)


def _having(mine: list[SpamScore], rule: str) -> float:
    return sum(any(f.rule == rule for f in each.findings) for each in mine) / len(mine)


if __name__ == "__main__":
    arguments = options(__doc__)
    arguments.add_argument("--corpus", type=Path, default=CORPUS)
    main(measure, arguments)
