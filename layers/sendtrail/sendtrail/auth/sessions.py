"""Console sessions: an API key, or a name that a provider vouches for, exchanged for a cookie.

A session of a key is not stored. It names the key by its fingerprint, and its scope is looked up in
the key ring for each page, so that removing or changing a key takes effect on its sessions. One of
a person names a row of `sendtrail.auth.staff_sessions`. Both include the CSRF token: that is in the
cookie, which no other site and no script can read, and in each form.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from sendtrail.auth.signing_keys import Purpose, SigningKeyRing
from sendtrail.errors import InvalidTokenError

__all__ = ["LAPSED_SECONDS", "LIFETIME_SECONDS", "Session", "Sessions"]

LIFETIME_SECONDS: Final = 8 * 3600
LAPSED_SECONDS: Final = 3 * 24 * 3600
"""How long after its end a session still tells whose it was, so that what they were writing can be
kept. It lets nobody see or do anything else."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session, signed in or not.

    Attributes:
        fingerprint: of the API key; empty until somebody signs in.
        form_secret: the CSRF token that each of its forms must include.
        until: when it ends, in seconds since 1970.
        person_id, session_id: of who signed in by their own name, and their session; else empty.
    """

    fingerprint: str
    form_secret: str
    until: int
    person_id: str = ""
    session_id: str = ""

    @property
    def is_signed_in(self) -> bool:
        """Whether somebody signed in to it."""
        return bool(self.fingerprint or self.person_id)

    def sent(self, given: str) -> bool:
        """Whether `given`, the CSRF token of a form, is this session's; in constant time."""
        return hmac.compare_digest(self.form_secret.encode(), given.encode("utf-8", "replace"))


class Sessions:
    """Starts sessions, and writes and reads their cookies."""

    def __init__(self, ring: SigningKeyRing, clock: Callable[[], float] = time.time) -> None:
        self._cipher = ring.cipher(Purpose.SESSION)
        self._clock = clock

    def begin(self, fingerprint: str = "") -> Session:
        """A new session. Nothing of an earlier one is kept, which prevents session fixation."""
        until = int(self._clock()) + LIFETIME_SECONDS
        return Session(fingerprint, secrets.token_urlsafe(18), until)

    def begin_named(self, person_id: str) -> Session:
        """A new session of somebody who signed in by their own name."""
        return replace(self.begin(), person_id=person_id, session_id=secrets.token_urlsafe(24))

    def write(self, session: Session) -> str:
        """The cookie's value."""
        said: list[object] = [session.fingerprint, session.form_secret, session.until]
        if session.person_id:
            said += [session.person_id, session.session_id]
        return self._cipher.encrypt(said)

    def read(self, value: str | None) -> Session | None:
        """The session in a cookie's value; None if it is not validly signed, or has ended."""
        session = self._signed(value)
        return session if session and session.until > self._clock() else None

    def lapsed(self, value: str | None) -> Session | None:
        """The session in a cookie's value that has ended, and not longer than `LAPSED_SECONDS` ago;
        None if it is none, if nobody had signed in, or if it still holds.
        """
        session = self._signed(value)
        if session is None or not session.is_signed_in:
            return None
        ended = self._clock() - session.until
        return session if 0 <= ended < LAPSED_SECONDS else None

    def _signed(self, value: str | None) -> Session | None:
        if not value:
            return None
        try:
            return Session(*self._cipher.decrypt(value))
        except (InvalidTokenError, ValueError, TypeError):
            return None
