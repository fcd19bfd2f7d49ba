"""The ring of API keys: the stack's two secrets, cached for a minute.

A fault in one secret, or in one entry, locks out nobody whose key is elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from sendtrail.auth.api_keys import ApiKeys, Entry, entries_of, first_entry_of
from sendtrail.auth.audit import FunctionLog
from sendtrail.errors import AwsError, ConfigurationError

__all__ = ["KEEP_SECONDS", "STALE_SECONDS", "ApiKeyRing"]

T = TypeVar("T")

KEEP_SECONDS: Final = 60.0
"""A removed key stops working after at most this, and the time that a gateway caches answers."""
STALE_SECONDS: Final = 900.0
"""For how long the keys of a secret go on working that can no longer be read, or is malformed. No
longer: whoever may have been removed meanwhile must stop working some time."""
_MIN_AGE_SECONDS: Final = 2.0


class _Secret:
    """The keys of one secret, as last read.

    Attributes:
        keys: those that hold; None if there are none to go by.
        fault: why it could not be read the last time; None if it could.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], str],
        entries: Callable[[str], list[Entry]],
        logger: FunctionLog,
    ) -> None:
        self._name = name
        self._read = read
        self._entries = entries
        self._logger = logger
        self._good_at = 0.0
        self.keys: ApiKeys | None = None
        self.fault: AwsError | ConfigurationError | None = None

    def refresh(self, at: float) -> None:
        """Reads it; raises nothing."""
        self.fault = None
        try:
            entries = self._entries(self._read())
        except (AwsError, ConfigurationError) as error:
            self.fault = error
        else:
            self.keys = ApiKeys.of(entries, passed_over=self._pass_over)
            self._good_at = at
        if self.fault:
            if self.keys and at - self._good_at >= STALE_SECONDS:
                self.keys = None
            reason = self.fault.code if isinstance(self.fault, AwsError) else "malformed"
            fields = {"secret": self._name, "reason": reason, "stale": self.keys is not None}
            self._logger.error("API keys not read", extra=fields)

    def _pass_over(self, position: int) -> None:
        fields = {"secret": self._name, "position": position}
        self._logger.error("malformed API key passed over", extra=fields)


class ApiKeyRing:
    """The API keys, read again when the cached ones are older than `KEEP_SECONDS`. Those of a
    secret that cannot be read hold for `STALE_SECONDS`; those of the other are not concerned.
    """

    def __init__(
        self,
        read_first: Callable[[], str],
        read_further: Callable[[], str],
        logger: FunctionLog,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Reads nothing yet.

        Args:
            read_first: reads the secret of the first key; raises AwsError if it cannot be read.
            read_further: reads that of all others, in the same way.
            logger: told of what is malformed or cannot be read; by place, never by content.
            clock: seconds, from whenever.
        """
        self._secrets = (
            _Secret("first", read_first, first_entry_of, logger),
            _Secret("further", read_further, entries_of, logger),
        )
        self._clock = clock
        self._keys: ApiKeys | None = None
        self._read_at = 0.0

    def find(self, look: Callable[[ApiKeys], T | None]) -> T | None:
        """What `look` finds among the keys. If that is None, the key may be new: the keys are read
        again, at most every 2 seconds, and searched once more.

        Raises:
            AwsError, ConfigurationError: it is not among the keys that are known, and a secret
                cannot be read, or is malformed: so it cannot be told whether it is in that.
        """
        found = look(self.current())
        if found is None:
            found = look(self.current(at_least_from=self._clock() - _MIN_AGE_SECONDS))
        if found is None:
            for secret in self._secrets:
                if secret.fault:
                    raise secret.fault
        return found

    def current(self, *, at_least_from: float = 0.0) -> ApiKeys:
        """The keys, read no earlier than `at_least_from` (of the clock), as far as they can be."""
        at = self._clock()
        if self._keys is None or self._read_at < max(at_least_from, at - KEEP_SECONDS):
            for secret in self._secrets:
                secret.refresh(at)
            self._read_at = at
            self._keys = ApiKeys({})
            for secret in self._secrets:
                self._keys |= secret.keys or ApiKeys({})
        return self._keys
