"""The keys that links are signed with, as the stack's secret has them."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Final, TypeVar

from sendtrail.auth.tokens import LinkTokens, signing_keys
from sendtrail.aws.secrets import Secrets
from sendtrail.aws.service import RetryPolicy
from sendtrail.config import Settings, environment
from sendtrail.errors import AwsError, InvalidTokenError

__all__ = ["SigningKeyRing", "link_keys"]

T = TypeVar("T")

_RETRY_POLICY: Final = RetryPolicy(attempts=3, timeout=1.0, first_wait=0.05, within=2.0)


class SigningKeyRing:
    """The tokens in links, by keys that are read when first needed, and again when a token does not
    verify: it may be signed by a newer key. Not more often than once a minute, whoever forges.
    """

    KEEP_SECONDS = 60.0

    def __init__(self) -> None:
        self._secrets = Secrets(environment(), retry_policy=_RETRY_POLICY)
        self._tokens: LinkTokens | None = None
        self._read_at = 0.0

    def read(self, read: Callable[[LinkTokens], T]) -> T:
        """What `read` makes of the tokens.

        Raises:
            InvalidTokenError: as `read` does, also by keys as they are now.
            AwsError: the secret cannot be read.
        """
        try:
            return read(self.tokens())
        except InvalidTokenError:
            return read(self.tokens(renewed=True))

    def tokens(self, *, renewed: bool = False) -> LinkTokens:
        """The tokens.

        Args:
            renewed: by keys as they are now, as far as they may be read again.

        Raises:
            AwsError: the secret cannot be read, and never was.
        """
        now = time.monotonic()
        stale = renewed and now - self._read_at >= self.KEEP_SECONDS
        if self._tokens is not None and not stale:
            return self._tokens
        self._read_at = now  # also of a reading that fails
        try:
            secret = self._secrets.value(Settings.from_environment().signing_keys_secret)
        except AwsError:
            if self._tokens is None:
                raise
        else:
            self._tokens = LinkTokens(signing_keys(secret))
        return self._tokens


@cache
def link_keys() -> SigningKeyRing:
    """This process's."""
    return SigningKeyRing()
