"""The ring of API keys: the stack's secrets, cached for a minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from sendtrail.auth.api_keys import ApiKeys

__all__ = ["KEEP_SECONDS", "ApiKeyRing"]

T = TypeVar("T")

KEEP_SECONDS: Final = 60.0
"""A removed key stops working after at most this, and the time that a gateway caches answers."""
_MIN_AGE_SECONDS: Final = 2.0


class ApiKeyRing:
    """The API keys, read again when the cached ones are older than `KEEP_SECONDS`."""

    def __init__(self, read_keys: Callable[[], ApiKeys]) -> None:
        """Reads nothing yet.

        Args:
            read_keys: reads the current keys; raises AwsError if they cannot be read.
        """
        self._read_keys = read_keys
        self._keys: ApiKeys | None = None
        self._read_at = 0.0

    def find(self, look: Callable[[ApiKeys], T | None]) -> T | None:
        """What `look` finds among the keys. If that is None, the key may be new: the keys are read
        again, at most every 2 seconds, and searched once more.

        Raises:
            AwsError: the secrets cannot be read.
        """
        found = look(self.current())
        if found is None:
            found = look(self.current(at_least_from=time.monotonic() - _MIN_AGE_SECONDS))
        return found

    def current(self, *, at_least_from: float = 0.0) -> ApiKeys:
        """The keys, read no earlier than `at_least_from` (of `time.monotonic`)."""
        if self._keys is None or self._read_at < max(
            at_least_from, time.monotonic() - KEEP_SECONDS
        ):
            self._keys = self._read_keys()
            self._read_at = time.monotonic()
        return self._keys
