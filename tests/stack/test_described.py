"""The description of the private routes against the running stack.

Much more of the same, with the handlers in the test's own process, is in tests/faults.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.faults.hostile import measured
from tests.stack.conftest import Stack
from tests.support import HOSTILE_INPUTS


def test_the_running_stack_keeps_to_its_description(
    stack: Stack, record_property: Callable[[str, Any], None]
) -> None:
    """Through the gateway, the authorizer, and the function's own process."""
    found = measured(stack.state["gateway"], stack.state["api_key"], examples=6, thorough=False)
    record_property(HOSTILE_INPUTS, found.cases)
    assert not found.failures, "\n\n".join(found.failures.values())
    assert len(found.statuses) == 46
