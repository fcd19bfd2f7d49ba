"""Signing keys: one ring, from the stack's secret, for everything that is signed.

Tokens are itsdangerous's, with SHA-256 and a salt for each purpose. The newest key signs; older
ones still verify.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Any

from itsdangerous import BadData, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode

from sendtrail.errors import AwsError, ConfigurationError, InvalidTokenError

__all__ = ["Purpose", "Signer", "SigningKeyRing"]


class Purpose(StrEnum):
    """The purpose of a token; a token for one purpose does not verify for another."""

    CURSOR = "cursor"
    OPEN = "open"
    CLICK = "click"
    UNSUBSCRIBE = "unsubscribe"
    SESSION = "session"


class SigningKeyRing:
    """The signing keys, oldest first. They are read on first use, and again when a token does not
    verify, since a newer key may have signed it; at most once a minute, however many are forged.
    """

    KEEP_SECONDS = 60.0

    def __init__(self, read_secret: Callable[[], str]) -> None:
        """Reads nothing yet.

        Args:
            read_secret: reads the secret, ``{"newest": key, "older": [keys, oldest first]}`` as
                JSON; raises AwsError if it cannot be read.
        """
        self._read_secret = read_secret
        self._keys: tuple[str, ...] = ()
        self._read_at = 0.0

    @classmethod
    def of(cls, keys: Sequence[str]) -> SigningKeyRing:
        """A ring of fixed keys, oldest first."""
        secret = json.dumps({"newest": keys[-1], "older": list(keys[:-1])})
        return cls(lambda: secret)

    def keys(self) -> tuple[str, ...]:
        """The cached keys.

        Raises:
            AwsError: the secret cannot be read, and has never been.
            ConfigurationError: the secret is malformed.
        """
        if not self._keys:
            self._read()
        return self._keys

    def renew(self) -> tuple[str, ...]:
        """The keys, read again unless they were within the last minute; the cached ones if the
        secret cannot be read.

        Raises:
            AwsError, ConfigurationError: as for `keys`.
        """
        if time.monotonic() - self._read_at >= self.KEEP_SECONDS:
            self._read()
        return self._keys

    def signer(self, purpose: Purpose) -> Signer:
        """A signer and verifier of tokens for one purpose."""
        return Signer(self, purpose)

    def _read(self) -> None:
        self._read_at = time.monotonic()  # failed reads count, too
        try:
            self._keys = _keys_in(self._read_secret())
        except AwsError:
            if not self._keys:
                raise


class Signer:
    """Signs and verifies tokens for one purpose."""

    def __init__(self, ring: SigningKeyRing, purpose: Purpose) -> None:
        self._ring = ring
        self._salt = f"sendtrail.{purpose.value}"
        self._serializers: dict[tuple[str, ...], URLSafeSerializer] = {}

    def sign(self, value: Any) -> str:
        """A signed token with a JSON value.

        Raises:
            AwsError: the keys cannot be read.
        """
        text = self._with(self._ring.keys()).dumps(value)
        return text if isinstance(text, str) else text.decode()

    def verify(self, token: str) -> Any:
        """The value in a token.

        Raises:
            InvalidTokenError: no key of the ring signed it for this purpose.
            AwsError: the keys cannot be read.
        """
        keys = self._ring.keys()
        try:
            return self._verified(keys, token)
        except InvalidTokenError:
            renewed = self._ring.renew()
            if renewed == keys:
                raise
            return self._verified(renewed, token)

    def _verified(self, keys: tuple[str, ...], token: str) -> Any:
        # The signature must be in canonical base64: its last character has spare bits, and Python's
        # decoder skips what is not base64, so that an altered token could verify.
        signature = token.rpartition(".")[2].encode("ascii", "replace")
        try:
            if base64_encode(base64_decode(signature)) != signature:
                raise InvalidTokenError("a signature that is not spelled as ours are")
            return self._with(keys).loads(token)
        except (BadData, ValueError, UnicodeError):
            raise InvalidTokenError("not a token of ours") from None

    def _with(self, keys: tuple[str, ...]) -> URLSafeSerializer:
        if keys not in self._serializers:
            self._serializers = {
                keys: URLSafeSerializer(
                    list(keys), salt=self._salt, signer_kwargs={"digest_method": sha256}
                )
            }
        return self._serializers[keys]


def _keys_in(secret: str) -> tuple[str, ...]:
    try:
        content = json.loads(secret)
        return (*content["older"], content["newest"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            "the signing keys' secret must be a JSON object with newest and older: " + repr(error)
        ) from None
