"""When to look again for what cannot be waited for: after something stirred, and else rarely."""

from __future__ import annotations

import threading
import time
from typing import Final

__all__ = ["Pause", "Stirring"]

_IDLE: Final = 0.15
_RARELY: Final = 0.5
_BRISK: Final = 3.0
_GATHERED: Final = 0.03


class Stirring:
    """Tells those who wait that something has happened by which there may be more to fetch."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._count = 0

    def tell(self) -> None:
        """Says that something has happened."""
        with self._condition:
            self._count += 1
            self._condition.notify_all()

    def wait(self, seen: int, seconds: float) -> int:
        """Waits until more has happened than was seen, at most so long; how much it is then."""
        with self._condition:
            self._condition.wait_for(lambda: self._count != seen, seconds)
            return self._count


class Pause:
    """What is waited for between two looks of which the first found nothing: that something stirs,
    or a little while; some seconds after the last find, a longer one.
    """

    def __init__(self, stirring: Stirring) -> None:
        self._stirring = stirring
        self._seen = 0
        self._found_at = time.monotonic()

    def found(self) -> None:
        """Says that there was something."""
        self._found_at = time.monotonic()

    def wait(self, stop: threading.Event) -> None:
        """Waits. What stirred since the last time does so at once, and is gathered shortly."""
        brisk = time.monotonic() - self._found_at < _BRISK
        count = self._stirring.wait(self._seen, _IDLE if brisk else _RARELY)
        if count != self._seen:
            stop.wait(_GATHERED)
            count = self._stirring.wait(count, 0)
        self._seen = count
