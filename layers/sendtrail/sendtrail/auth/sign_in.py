"""Signing in by one's own name, at a provider of OpenID Connect.

What somebody may do follows from what the provider says of them (`ClaimRules`). It is asked again
within a minute of their last request, so that a claim which changes takes effect; their session is
a row (`StaffSessions`), so that it can be ended from anywhere. The provider itself is asked by
`sendtrail.auth.openid`, which is imported only then.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from sendtrail.auth.api_keys import Caller, Scope
from sendtrail.auth.audit import Audit, StaffAction
from sendtrail.auth.claim_rules import ClaimRules
from sendtrail.auth.sessions import Session, Sessions
from sendtrail.auth.signing_keys import Purpose, SigningKeyRing
from sendtrail.auth.staff_sessions import SessionRow, StaffSessions
from sendtrail.domain.actors import legible_name
from sendtrail.domain.ids import digest
from sendtrail.errors import InvalidTokenError, ProviderError, SignInError

if TYPE_CHECKING:
    from sendtrail.auth.openid import OpenIdProvider

__all__ = [
    "ATTEMPT_SECONDS",
    "CHECK_SECONDS",
    "STALE_SECONDS",
    "Answer",
    "Arrival",
    "Attempt",
    "SignIn",
    "Tokens",
]

ATTEMPT_SECONDS: Final = 600
"""How long somebody may take to sign in at the provider."""
CHECK_SECONDS: Final = 50.0
"""After how long the provider is asked again what somebody may do: with the time that it may take
to answer, within a minute."""
STALE_SECONDS: Final = 900.0
"""For how long a session goes on while the provider does not answer; as long as API keys hold that
cannot be read."""
_WAIT_SECONDS: Final = 6.0
_POLL_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to sign in; it is in an encrypted cookie of the browser that makes it.

    Attributes:
        state, nonce: tie the provider's answer and its ID token to the attempt.
        verifier: PKCE's (RFC 7636): who has the code alone can do nothing with it.
        to: the page that was asked for.
        until: when it ends, in seconds since 1970.
    """

    state: str
    nonce: str
    verifier: str
    to: str
    until: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the provider gave for asking again, and for signing out there."""

    access: str
    refresh: str = ""
    id_token: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider says of somebody.

    Attributes:
        subject: whom it is about (``sub``).
        claims: all that ID token and userinfo say; what they both say, as userinfo does.
        userinfo: what userinfo alone says.
        tokens: with which to ask again.
        session: the provider's id of its own session (``sid``); empty if it has none.
    """

    subject: str
    claims: Mapping[str, Any]
    userinfo: Mapping[str, Any]
    tokens: Tokens
    session: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody who has come back from the provider.

    Attributes:
        caller: who they are; None if no claim of theirs gives a scope.
        name, email: as the provider has them; they may be empty.
        to: the page that they asked for.
        session: that they have from now on; None if they may not enter.
        held: of each claim that would do, the values that they have.
    """

    caller: Caller | None
    name: str
    email: str
    to: str
    session: Session | None = None
    held: Mapping[str, list[str]] = field(default_factory=dict)


class SignIn:
    """Signs people in and out, and says who they are."""

    def __init__(
        self,
        *,
        issuer: str,
        rules: ClaimRules,
        provider: Callable[[], OpenIdProvider],
        store: StaffSessions,
        sessions: Sessions,
        ring: SigningKeyRing,
        audit: Audit,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Asks nothing yet.

        Args:
            provider: gives the provider; called only where it has to be asked.
        """
        self.issuer = issuer
        self.rules = rules
        self._provider = provider
        self._store = store
        self._sessions = sessions
        self._attempts = ring.cipher(Purpose.SIGN_IN)
        self._tokens = ring.cipher(Purpose.PROVIDER_TOKENS)
        self._audit = audit
        self._clock = clock
        self._sleep = sleep

    # --- signing in ----------------------------------------------------------------------------

    def begin(self, to: str, back: str, *, as_somebody_else: bool = False) -> tuple[str, str]:
        """Begins an attempt.

        Args:
            to: the page that was asked for.
            back: the URL that the provider sends the browser back to.
            as_somebody_else: whether the provider is to ask who they are, though it may know.

        Returns:
            the provider's URL to go to, and the value of the attempt's cookie.

        Raises:
            ProviderError: it does not answer.
        """
        until = int(self._clock()) + ATTEMPT_SECONDS
        attempt = Attempt(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            to=to,
            until=until,
        )
        url = self._provider().authorization_url(attempt, back, as_somebody_else=as_somebody_else)
        said = [attempt.state, attempt.nonce, attempt.verifier, attempt.to, attempt.until]
        return url, self._attempts.encrypt(said)

    def finish(self, said: Mapping[str, str], cookie: str | None, back: str) -> Arrival:
        """Takes what the browser brought back from the provider.

        Args:
            said: the query: ``code``, ``state``, ``iss``; or ``error``.
            cookie: the attempt's.
            back: the URL that it came to.

        Raises:
            SignInError: it is not the answer to this attempt, or the provider did not agree; the
                message is for whoever signs in.
            ProviderError: the provider does not answer.
        """
        attempt = self._attempt(cookie)
        if not hmac.compare_digest(attempt.state.encode(), said.get("state", "").encode()):
            raise SignInError("this is the answer to another attempt to sign in")
        provider = self._provider()
        provider.check_sender(said.get("iss"))
        if "error" in said or not said.get("code"):
            raise SignInError(f"the provider said: {legible_name(said.get('error', '')) or 'no'}")
        if not self._store.use_once("attempt", attempt.state, attempt.until):
            raise SignInError("this attempt to sign in was used already")
        answer = provider.redeem(said["code"], attempt, back)
        return self._arrive(answer, attempt.to)

    def _attempt(self, cookie: str | None) -> Attempt:
        try:
            attempt = Attempt(*self._attempts.decrypt(cookie or ""))
        except (InvalidTokenError, ValueError, TypeError):
            raise SignInError(
                "it was begun in another browser, or more than ten minutes ago"
            ) from None
        if attempt.until <= self._clock():
            raise SignInError("it was begun more than ten minutes ago")
        return attempt

    def _arrive(self, answer: Answer, to: str) -> Arrival:
        name, email = _name_of(answer.claims), _email_of(answer.claims)
        scope = self.rules.scope_of(answer.claims)
        who = Caller(name, scope or Scope.READ, person_id=self.person_id(answer.subject))
        if scope is None:
            self._audit(who.actor, StaffAction.SIGN_IN_REFUSED)
            held = self.rules.held(answer.claims)
            return Arrival(None, name, email, to, held=held)
        session = self._sessions.begin_named(who.person_id)
        at = self._clock()
        row = SessionRow(
            person_id=who.person_id,
            session_id=session.session_id,
            subject=answer.subject,
            name=name,
            email=email,
            scope=scope.value,
            until=session.until,
            began_at=int(at),
            checked_at=at,
            good_at=at,
            by_userinfo=self.rules.scope_of(answer.userinfo) == scope,
            provider_session=answer.session,
        )
        self._store.add(replace(row, tokens=self._sealed(row, answer.tokens)), self.issuer)
        self._audit(who.actor, StaffAction.SIGN_IN)
        return Arrival(who, name, email, to, session)

    def person_id(self, subject: str) -> str:
        """What identifies a person of the provider here."""
        return digest(self.issuer, subject, length=16)

    # --- who they are --------------------------------------------------------------------------

    def caller(self, session: Session) -> Caller | None:
        """Who has a session, and what they may do now; None if it was ended, if they may do nothing
        any more, or if that could not be told for `STALE_SECONDS`.
        """
        row = self._store.read(session.person_id, session.session_id)
        if row is None:
            return None
        at = self._clock()
        if at - row.checked_at >= CHECK_SECONDS:
            claimed = self._store.claim_check(row, at)
            row = self._check(claimed) if claimed else self._checked_meanwhile(row)
        if row is None or self._clock() - row.good_at >= STALE_SECONDS:
            return None
        return _caller(row)

    def lapsed_caller(self, session: Session) -> Caller | None:
        """Whose a session was that has lapsed; None if it was ended before that."""
        row = self._store.read(session.person_id, session.session_id)
        return _caller(row) if row else None

    def _check(self, row: SessionRow) -> SessionRow | None:
        """Asks the provider anew. If it does not answer, the row stays as it is."""
        try:
            answer = self._provider().ask_again(self._opened(row), whole=not row.by_userinfo)
        except (ProviderError, SignInError):
            return row
        same = answer is not None and answer.subject == row.subject
        claims = answer.claims if answer and same else {}
        scope = self.rules.scope_of(claims)
        if answer is None or scope is None:
            if answer is not None:
                self._audit(_caller(row).actor, StaffAction.SIGN_IN_REFUSED)
            self._store.end(row.person_id, row.session_id)
            return None
        fresh = replace(
            row,
            name=_name_of(claims) or row.name,
            email=_email_of(claims) or row.email,
            scope=scope.value,
            good_at=self._clock(),
            tokens=self._sealed(row, answer.tokens),
        )
        return fresh if self._store.renew(fresh) else None

    def _checked_meanwhile(self, row: SessionRow) -> SessionRow | None:
        """The row, which another request is asking the provider about. If it has not been good for
        long, that is waited for.
        """
        waited, found = 0.0, self._store.read(row.person_id, row.session_id)
        while found and self._clock() - found.good_at >= STALE_SECONDS and waited < _WAIT_SECONDS:
            self._sleep(_POLL_SECONDS)
            waited += _POLL_SECONDS
            found = self._store.read(row.person_id, row.session_id)
        return found

    def _sealed(self, row: SessionRow, tokens: Tokens) -> str:
        return self._tokens.encrypt([row.sort, tokens.access, tokens.refresh, tokens.id_token])

    def _opened(self, row: SessionRow) -> Tokens:
        """The tokens of a session.

        Raises:
            SignInError: they are not those of this session, or no key reads them any more.
        """
        try:
            of, *tokens = self._tokens.decrypt(row.tokens)
            opened = Tokens(*tokens)
        except (InvalidTokenError, ValueError, TypeError):
            raise SignInError("the tokens of this session cannot be read") from None
        if of != row.sort:
            raise SignInError("the tokens are of another session")
        return opened

    # --- signing out ---------------------------------------------------------------------------

    def sessions_of(self, person_id: str) -> list[SessionRow]:
        """A person's sessions, the newest first."""
        rows = self._store.sessions_of(person_id)
        live = [row for row in rows if row.until > self._clock()]
        return sorted(live, key=lambda row: row.began_at, reverse=True)

    def end(self, session: Session, after: str) -> str | None:
        """Ends a session.

        Args:
            after: the URL that the provider sends the browser to when it has signed out there.

        Returns:
            the provider's URL to sign out there, too; None if it has none, or does not answer.
        """
        row = self._store.read(session.person_id, session.session_id)
        self._store.end(session.person_id, session.session_id)
        if row is None:
            return None
        try:
            return self._provider().end_session_url(self._opened(row).id_token, after)
        except (ProviderError, SignInError):
            return None

    def end_all(self, person_id: str) -> int:
        """Ends all sessions of a person, everywhere; returns how many there were."""
        return self._store.end_all(person_id)

    def end_by_provider(self, logout_token: str) -> int:
        """Ends what the provider says has ended (OpenID Connect Back-Channel Logout 1.0): one
        session, if it names one; else all of a person.

        Raises:
            SignInError: the token is not valid, or came before.
            ProviderError: its keys cannot be read.
        """
        said = self._provider().read_logout_token(logout_token)
        if not self._store.use_once("logout", said.token_id, int(self._clock()) + ATTEMPT_SECONDS):
            raise SignInError("this logout token came before")
        person_id = self.person_id(said.subject)
        rows = self._store.sessions_of(person_id)
        ended = [row for row in rows if said.session in ("", row.provider_session)]
        for row in ended:
            self._store.remove(row)
            self._audit(_caller(row).actor, StaffAction.SIGN_OUT)
        return len(ended)


def _caller(row: SessionRow) -> Caller:
    return Caller(row.name, Scope(row.scope), person_id=row.person_id)


def _name_of(claims: Mapping[str, Any]) -> str:
    """What to call somebody (OpenID Connect Core 1.0, section 5.1)."""
    for claim in ("name", "preferred_username", "email"):
        value = claims.get(claim)
        if isinstance(value, str) and legible_name(value):
            return legible_name(value)
    return ""


def _email_of(claims: Mapping[str, Any]) -> str:
    value = claims.get("email")
    return legible_name(value) if isinstance(value, str) else ""
