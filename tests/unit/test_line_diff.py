"""What differs between two texts, line by line."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.console.line_diff import MAX_LINES, Row, compare

TEXTS = st.lists(st.sampled_from(["a", "b", "", "<p>"]), max_size=30).map("\n".join)


def test_changed_lines_stand_side_by_side() -> None:
    """With their numbers, and what is added or removed beside nothing."""
    assert compare("a\nb\nc", "a\nB\nc\nd") == [
        Row("same", "a", "a", 1, 1),
        Row("changed", "b", "B", 2, 2),
        Row("same", "c", "c", 3, 3),
        Row("added", None, "d", None, 4),
    ]
    assert compare("a", "") == [Row("removed", "a", None, 1, None)]
    assert compare("a", "a") == []


def test_lines_far_from_what_differs_are_left_out() -> None:
    """Three stand around it; a single one is not worth leaving out."""
    old = "\n".join(str(number) for number in range(20))
    rows = compare(old, old.replace("10", "ten")) or []
    assert [row.kind for row in rows] == (
        ["skipped"] + ["same"] * 3 + ["changed"] + ["same"] * 3 + ["skipped"]
    )
    assert [row.skipped for row in rows if row.kind == "skipped"] == [7, 6]
    rows = compare("1\n2\n3\n4\nx", "1\n2\n3\n4\ny") or []
    assert [row.kind for row in rows] == ["same"] * 4 + ["changed"]


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_from_the_rows(old: str, new: str) -> None:
    """No line is lost, doubled or moved, whatever is left out."""
    rows = compare(old, new) or []
    for text, side in ((old, "old"), (new, "new")):
        lines = text.split("\n") if text else []
        at = 0
        for row in rows:
            line = getattr(row, side)
            if row.kind == "skipped":
                at += row.skipped
            elif line is not None:
                assert line == lines[at]
                at += 1
                assert getattr(row, f"{side}_number") == at
        assert at == (len(lines) if old != new else 0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a\n" * 1_499 + "b", "b\n" + "a\n" * 1_499),
        (
            "\n".join(f"{n % 101}" for n in range(2_900)),
            "\n".join(f"{n % 97}" for n in range(2_900)),
        ),
        ("\n".join(map(str, range(2_900))), "\n".join(map(str, reversed(range(2_900))))),
    ],
    ids=["one line", "a few", "all others"],
)
def test_texts_that_take_long_to_compare_are_compared_in_seconds(old: str, new: str) -> None:
    """Difflib's worst: lines that repeat themselves."""
    begin = time.process_time()
    assert compare(old, new)
    assert time.process_time() - begin < 10


def test_texts_of_too_many_lines_are_not_compared() -> None:
    """That is said, and not done for minutes."""
    assert compare("a\n" * MAX_LINES, "b") is None
