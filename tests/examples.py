"""How much generated input the tests of properties try.

A run of the tests tries the same each time, so that a change fails by what it changed.
`SENDTRAIL_EXAMPLES=20 make test` tries twenty times as much, at random, and says which input failed;
it runs by itself each week (`.github/workflows/explore.yml`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from hypothesis import HealthCheck, Phase, settings

__all__ = ["MORE", "many"]

MORE: Final = int(os.environ.get("SENDTRAIL_EXAMPLES", "1"))
"""How many times as much is tried."""


def many(count: int = 100, phases: Sequence[Phase] = tuple(Phase)) -> settings:
    """Settings for a test of so many inputs, and more if more are wanted."""
    return settings(
        max_examples=count * MORE,
        derandomize=MORE == 1,
        deadline=None,
        phases=phases,
        suppress_health_check=[HealthCheck.too_slow],
    )
