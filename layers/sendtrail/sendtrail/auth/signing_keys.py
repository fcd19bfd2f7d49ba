"""Signing keys: a ring for links in mail, which live for years, and one for sessions and cursors.

A token is a value in JSON, encrypted and authenticated by AES-SIV (RFC 5297) under a key for each
purpose: who holds a link learns nothing of whom it was sent to, and can change nothing in it. The
same value gives the same token. One key makes tokens; all read them.
"""

from __future__ import annotations

import hmac
import json
import time
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from sendtrail.errors import AwsError, ConfigurationError, InvalidTokenError

__all__ = ["Purpose", "SigningKeyRing", "TokenCipher", "keys_of"]

_PLAIN: Final = b"\0"
_COMPRESSED: Final = b"\1"
"""Before the value: whether it is compressed by zlib."""


class Purpose(StrEnum):
    """The purpose of a token; a token for one purpose does not verify for another."""

    CURSOR = "cursor"
    OPEN = "open"
    CLICK = "click"
    UNSUBSCRIBE = "unsubscribe"
    SESSION = "session"
    SIGN_IN = "sign-in"
    PROVIDER_TOKENS = "provider-tokens"


class SigningKeyRing:
    """Signing keys of a secret. They are never more than a minute old, so that a key that was
    removed signs and verifies nothing after that. A new key signs only two minutes after it was
    added: by then every ring verifies what it signed.
    """

    KEEP_SECONDS = 60.0

    def __init__(
        self, read_secret: Callable[[], str], clock: Callable[[], float] = time.time
    ) -> None:
        """Reads nothing yet.

        Args:
            read_secret: reads the secret, as `keys_of` takes it; raises AwsError if it cannot be
                read.
        """
        self._read_secret = read_secret
        self._clock = clock
        self._keys: tuple[str, ...] = ()
        self._read_at = 0.0

    @classmethod
    def of(cls, keys: Sequence[str]) -> SigningKeyRing:
        """A ring of fixed keys, oldest first."""
        secret = json.dumps({"newest": keys[-1], "older": list(keys[:-1])})
        return cls(lambda: secret)

    def keys(self) -> tuple[str, ...]:
        """The keys, the one that signs last. If the secret cannot be read they are those of the
        last time: or links in mail would lead nowhere.

        Raises:
            AwsError: the secret cannot be read, and has never been.
            ConfigurationError: the secret is malformed, and has never been otherwise.
        """
        at = self._clock()
        if not self._keys or not 0 <= at - self._read_at < self.KEEP_SECONDS:
            self._read_at = at  # failed reads count, too
            try:
                self._keys = keys_of(self._read_secret(), at)
            except (AwsError, ConfigurationError):
                if not self._keys:
                    raise
        return self._keys

    def cipher(self, purpose: Purpose) -> TokenCipher:
        """What makes and reads tokens for one purpose."""
        return TokenCipher(self, purpose)


class TokenCipher:
    """Makes and reads tokens for one purpose."""

    def __init__(self, ring: SigningKeyRing, purpose: Purpose) -> None:
        self._ring = ring
        self._purpose = f"sendtrail.{purpose.value}".encode()
        self._ciphers: dict[str, AESSIV] = {}

    def encrypt(self, value: Any) -> str:
        """A token with a JSON value, of letters, digits, ``-`` and ``_``.

        Raises:
            AwsError: the keys cannot be read.
        """
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
        packed = zlib.compress(text)
        content = _COMPRESSED + packed if len(packed) < len(text) else _PLAIN + text
        *_, newest = self._with(self._ring.keys())
        return urlsafe_b64encode(newest.encrypt(content, None)).rstrip(b"=").decode()

    def decrypt(self, token: str) -> Any:
        """The value in a token.

        Raises:
            InvalidTokenError: it was made with no key of the ring for this purpose.
            AwsError: the keys cannot be read.
        """
        ciphers = self._with(self._ring.keys())
        try:
            text = token.encode("ascii")
            sealed = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
        except ValueError:
            raise InvalidTokenError("not a token of ours") from None
        # In canonical base64 alone: the last character has spare bits, and Python's decoder skips
        # what is not base64, so that an altered token would be read.
        if urlsafe_b64encode(sealed).rstrip(b"=") != text:
            raise InvalidTokenError("a token that is not spelled as ours are")
        for cipher in reversed(ciphers):
            try:
                content = cipher.decrypt(sealed, None)
            except (InvalidTag, ValueError):  # ValueError: it is too short to be any
                continue
            text = content[1:]
            return json.loads(zlib.decompress(text) if content[:1] == _COMPRESSED else text)
        raise InvalidTokenError("not a token of ours")

    def _with(self, keys: tuple[str, ...]) -> list[AESSIV]:
        if tuple(self._ciphers) != keys:
            self._ciphers = {
                key: AESSIV(hmac.digest(key.encode(), self._purpose, "sha512")) for key in keys
            }
        return list(self._ciphers.values())


def keys_of(secret: str, at: float) -> tuple[str, ...]:
    """The keys in a secret, the one that signs last: ``{"newest": key, "older": [keys, oldest
    first], "signs_from": seconds since 1970}``, as JSON; without ``signs_from`` the newest signs.
    What is no key is passed over: one entry that somebody has spoilt makes no link dead.

    Raises:
        ConfigurationError: it is malformed, or has no key.
    """
    try:
        content = json.loads(secret)
        entries = [*content["older"], content["newest"]]
        signs_from = content.get("signs_from", 0)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"signing keys must be a JSON object with newest and older: {error!r}"
        ) from None
    keys = tuple(dict.fromkeys(key for key in entries if isinstance(key, str) and key))
    if not keys:
        raise ConfigurationError("there is no signing key")
    waits = isinstance(signs_from, int | float) and signs_from > at
    return (keys[-1], *keys[:-1]) if waits and keys[-1] == entries[-1] else keys
