"""What docs say of the code, held against it."""

from __future__ import annotations

import pytest

from docs.generate import GENERATORS, block, misplaced, pages


def test_every_generated_block_has_its_place() -> None:
    """One block for each generator, with a beginning and an end, and none without a generator."""
    assert misplaced() == []


@pytest.mark.parametrize("name", GENERATORS)
def test_what_is_generated_is_up_to_date(name: str) -> None:
    """If it is not: python -m docs.generate."""
    assert any(block(name) in page for page in pages().values())
