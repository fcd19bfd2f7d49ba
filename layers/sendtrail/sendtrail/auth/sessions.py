"""Sessions: an API key, exchanged for a cookie.

A session is signed and not stored. It names the key by its fingerprint, and what it may do is asked
of the key ring anew for each page, so a key that is removed or changed ends or changes its
sessions. The secret of its forms (CSRF) is part of it: it is in the cookie, which no other site and
no script can read, and in each form.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sendtrail.auth.signing_keys import Purpose, SigningKeyRing
from sendtrail.errors import InvalidTokenError

__all__ = ["LIFETIME_SECONDS", "Session", "Sessions"]

LIFETIME_SECONDS: Final = 8 * 3600


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody's visit, signed in or not.

    Attributes:
        fingerprint: of the API key; empty until somebody signs in.
        form_secret: what each of its forms has to bring along.
        until: when it ends, in seconds since 1970.
    """

    fingerprint: str
    form_secret: str
    until: int

    def sent(self, given: str) -> bool:
        """Whether a form that brings this along is one of this session's."""
        return hmac.compare_digest(self.form_secret.encode(), given.encode("utf-8", "replace"))


class Sessions:
    """Begins sessions, and writes and reads their cookies."""

    def __init__(self, ring: SigningKeyRing, clock: Callable[[], float] = time.time) -> None:
        self._signer = ring.signer(Purpose.SESSION)
        self._clock = clock

    def begin(self, fingerprint: str = "") -> Session:
        """A new session; nothing of the one before is kept, so that nobody can plant one."""
        until = int(self._clock()) + LIFETIME_SECONDS
        return Session(fingerprint, secrets.token_urlsafe(18), until)

    def write(self, session: Session) -> str:
        """The cookie's value."""
        return self._signer.sign([session.fingerprint, session.form_secret, session.until])

    def read(self, value: str | None) -> Session | None:
        """The session that a cookie's value is; None if it is none of ours, or has ended."""
        if not value:
            return None
        try:
            fingerprint, form_secret, until = self._signer.verify(value)
        except (InvalidTokenError, ValueError, TypeError):
            return None
        return Session(fingerprint, form_secret, until) if until > self._clock() else None
