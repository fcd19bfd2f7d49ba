"""The ring of API keys: as the stack's secrets have them, read again once a minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from sendtrail.auth.api_keys import ApiKeys

__all__ = ["KEEP_SECONDS", "ApiKeyRing"]

T = TypeVar("T")

KEEP_SECONDS: Final = 60.0
"""A removed key does not work after at most this and whatever a gateway caches."""
_ANEW_SECONDS: Final = 2.0


class ApiKeyRing:
    """The keys, read again when they are older than `KEEP_SECONDS`."""

    def __init__(self, read_keys: Callable[[], ApiKeys]) -> None:
        """Reads nothing yet.

        Args:
            read_keys: returns the keys as they are now; raises AwsError if they cannot be read.
        """
        self._read_keys = read_keys
        self._keys: ApiKeys | None = None
        self._read_at = 0.0

    def find(self, look: Callable[[ApiKeys], T | None]) -> T | None:
        """What `look` finds among the keys; where it finds nothing, perhaps the key was made since
        the last look, and they are read anew, but not more often than every 2 seconds.

        Raises:
            AwsError: the secrets cannot be read.
        """
        found = look(self.current())
        if found is None:
            found = look(self.current(at_least_from=time.monotonic() - _ANEW_SECONDS))
        return found

    def current(self, *, at_least_from: float = 0.0) -> ApiKeys:
        """The keys as they were read at `at_least_from` (of `time.monotonic`) or later."""
        if self._keys is None or self._read_at < max(
            at_least_from, time.monotonic() - KEEP_SECONDS
        ):
            self._keys = self._read_keys()
            self._read_at = time.monotonic()
        return self._keys
