"""The provider: OpenID Connect's code flow with PKCE, by Authlib.

Importing this takes a tenth of a second and more: `sendtrail.wiring` does when the provider is
asked, and nothing else does.

What the provider answers is believed only over TLS, from the addresses that its own description
names, and as far as it is signed by its keys. Each call has time-outs, follows no redirect, and
reads a body of a bounded length.

Rules are from OpenID Connect Core 1.0 (section 3.1.3.7, the ID token; 5.3.2, userinfo), Discovery
1.0 (4.3), RP-Initiated Logout 1.0 (2), Back-Channel Logout 1.0 (2.6), RFC 7636 (PKCE), RFC 9207
(``iss`` in the answer) and RFC 8725 (JWTs).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from sendtrail.auth.sign_in import Answer, Attempt, Tokens
from sendtrail.errors import ProviderError, SignInError

__all__ = ["LogoutToken", "OpenIdProvider"]

ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
"""By which a token may be signed: with a private key, never with a secret, or not at all."""

_TIMEOUT: Final = 3.0
_WHOLE_SECONDS: Final = 5.0
"""For how long a body may come."""
_MAX_BODY: Final = 256 * 1024
_KEEP_SECONDS: Final = 3600.0
"""How long the provider's description and keys are kept; a key that is not among them is looked for
earlier, at most every `_MIN_AGE_SECONDS`."""
_MIN_AGE_SECONDS: Final = 30.0
_LEEWAY_SECONDS: Final = 60
_LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_KEY_TYPES: Final = ("RSA", "EC", "OKP")
_REFUSED: Final = (401, 403)
_WITHOUT_LOGIN: Final = ("https://accounts.google.com",)
"""Providers that do not say which prompts they know, and do not know ``login``; others do not know
``select_account``."""


@dataclass(frozen=True, slots=True)
class LogoutToken:
    """What a logout token says has ended.

    Attributes:
        session: the provider's id of its session; empty if all of the person's have.
    """

    subject: str
    session: str
    token_id: str


class _Bounded(HTTPAdapter):
    """HTTP that takes no longer, and brings no more, than it may."""

    def send(self, request: PreparedRequest, *_: Any, **options: Any) -> Response:
        options |= {"stream": True, "timeout": _TIMEOUT}
        response = super().send(request, **options)
        if response.is_redirect:
            raise RequestException(f"{request.url} redirects, which is not followed")
        deadline, body = time.monotonic() + _WHOLE_SECONDS, bytearray()
        while chunk := response.raw.read1(16_384):
            body += chunk
            if len(body) > _MAX_BODY or time.monotonic() > deadline:
                raise RequestException(f"{request.url} answers at too great a length")
        response.raw.close()
        response._content = bytes(body)  # noqa: SLF001 -- what `stream` would read without a bound
        response._content_consumed = True  # noqa: SLF001
        return response


class OpenIdProvider:
    """One provider, for one client of it."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_secret: str | None,
        requested: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Asks nothing yet.

        Args:
            client_secret: None for a public client, which has PKCE alone.
            requested: the scopes of OpenID Connect to ask for.
        """
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._requested = requested
        self._clock = clock
        self._adapter = _Bounded()
        self._described: dict[str, Any] = {}
        self._described_at = 0.0
        self._keys: KeySet | None = None
        self._keys_at = 0.0

    # --- signing in ----------------------------------------------------------------------------

    def authorization_url(self, attempt: Attempt, back: str, *, as_somebody_else: bool) -> str:
        """The provider's page to sign in at. Its description is read anew for that: nobody is sent
        to where nothing answers.

        Raises:
            ProviderError: it does not answer.
        """
        described = self._description(anew=True)
        more: dict[str, str] = {"nonce": attempt.nonce}
        if as_somebody_else:
            known = described.get("prompt_values_supported") or ()
            chooses = "select_account" in known or self._issuer in _WITHOUT_LOGIN
            more["prompt"] = "select_account" if chooses else "login"
        url, _ = self._session().create_authorization_url(
            self._endpoint("authorization_endpoint"),
            state=attempt.state,
            code_verifier=attempt.verifier,
            redirect_uri=back,
            **more,
        )
        return str(url)

    def check_sender(self, issuer: str | None) -> None:
        """Holds that an answer came from this provider, and not from another that somebody was
        lured to (RFC 9207, section 2.4).

        Raises:
            SignInError: it came from another, or does not say from whom, as this provider does.
            ProviderError: the provider does not answer.
        """
        told = self._description().get("authorization_response_iss_parameter_supported") is True
        if issuer != self._issuer and (issuer is not None or told):
            raise SignInError("the answer is not from the provider that was asked")

    def redeem(self, code: str, attempt: Attempt, back: str) -> Answer:
        """Exchanges a code for what the provider says of who signed in.

        Raises:
            SignInError: it refuses the code, or its ID token is not valid.
            ProviderError: it does not answer.
        """
        session = self._session()
        try:
            with _asking():
                given = session.fetch_token(
                    self._endpoint("token_endpoint"),
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=attempt.verifier,
                    redirect_uri=back,
                )
        except AuthlibBaseError as error:
            raise SignInError(f"the provider refused it: {error.error}") from error
        tokens = _tokens_of(given)
        said = self._id_token(tokens.id_token, tokens.access, nonce=attempt.nonce)
        userinfo = self._userinfo(tokens.access, said["sub"])
        if userinfo is None:
            raise SignInError("the provider does not say who it is")
        return Answer(said["sub"], {**said, **userinfo}, userinfo, tokens, _text(said.get("sid")))

    # --- asking again --------------------------------------------------------------------------

    def ask_again(self, tokens: Tokens, *, whole: bool) -> Answer | None:
        """What the provider says now of somebody who signed in before; None if it says nothing of
        them any more.

        Args:
            whole: whether an ID token is needed, for claims that userinfo lacks.

        Raises:
            SignInError: what it says is not valid.
            ProviderError: it does not answer.
        """
        userinfo = None if whole else self._userinfo(tokens.access)
        if userinfo is not None:
            return Answer(_text(userinfo.get("sub")), userinfo, userinfo, tokens)
        if not tokens.refresh:
            return None
        fresh = self._refresh(tokens)
        if fresh is None:
            return None
        said: dict[str, Any] = {}
        if fresh.id_token != tokens.id_token:
            said = self._id_token(fresh.id_token, fresh.access)
        userinfo = self._userinfo(fresh.access, said.get("sub"))
        if userinfo is None:
            return None
        return Answer(_text(userinfo.get("sub")), {**said, **userinfo}, userinfo, fresh)

    def _refresh(self, tokens: Tokens) -> Tokens | None:
        """New tokens; None if the provider gives none."""
        session = self._session()
        session.scope = None  # those that were given
        session.token = {"access_token": tokens.access, "refresh_token": tokens.refresh}
        try:
            with _asking():
                given = session.refresh_token(self._endpoint("token_endpoint"), tokens.refresh)
        except AuthlibBaseError as error:
            if error.error == "invalid_grant":
                return None
            raise ProviderError(f"the provider gives no new tokens: {error.error}") from error
        found = _tokens_of(given)
        return Tokens(
            found.access, found.refresh or tokens.refresh, found.id_token or tokens.id_token
        )

    def _userinfo(self, access: str, subject: str | None = None) -> dict[str, Any] | None:
        """What userinfo says; None if the access token does not hold any more.

        Raises:
            SignInError: it is about somebody else than `subject`.
        """
        with _asking():
            answer = self._session().get(
                self._endpoint("userinfo_endpoint"),
                withhold_token=True,
                headers={"Authorization": f"Bearer {access}"},
            )
            if answer.status_code in _REFUSED:
                return None
            said = _object(answer)
        if not _text(said.get("sub")) or subject not in (None, said["sub"]):
            raise SignInError("the provider's userinfo is about somebody else")
        return said

    # --- signing out ---------------------------------------------------------------------------

    def end_session_url(self, id_token: str, after: str) -> str | None:
        """The provider's page to sign out at; None if it has none.

        Args:
            after: the URL that it sends the browser to then.

        Raises:
            ProviderError: it does not answer.
        """
        if not self._description().get("end_session_endpoint"):
            return None
        url = self._endpoint("end_session_endpoint")
        said = {"client_id": self._client_id, "post_logout_redirect_uri": after}
        said |= {"id_token_hint": id_token} if id_token else {}
        return f"{url}{'&' if '?' in url else '?'}{urlencode(said)}"

    def read_logout_token(self, text: str) -> LogoutToken:
        """What a logout token says.

        Raises:
            SignInError: it is not valid, or does not say whose session has ended.
            ProviderError: the keys cannot be read.
        """
        claims = self._signed(text)
        said = CodeIDToken(claims.claims, claims.header, self._expected())
        _valid(said.validate, self._now(), _LEEWAY_SECONDS)
        event = said.get("events")
        if "nonce" in said or not isinstance(event, dict) or _LOGOUT_EVENT not in event:
            raise SignInError("this is no logout token")
        subject, token_id = _text(said.get("sub")), _text(said.get("jti"))
        if not subject or not token_id:
            raise SignInError("a logout token needs sub and jti here")
        return LogoutToken(subject, _text(said.get("sid")), token_id)

    # --- tokens --------------------------------------------------------------------------------

    def _id_token(self, text: str, access: str, nonce: str | None = None) -> dict[str, Any]:
        """The claims of an ID token.

        Raises:
            SignInError: it is not valid.
        """
        token = self._signed(text)
        params = {"client_id": self._client_id, "access_token": access, "nonce": nonce}
        said = CodeIDToken(token.claims, token.header, self._expected(), params)
        _valid(said.validate, self._now(), _LEEWAY_SECONDS)
        if not said["sub"]:
            raise SignInError("the provider's ID token is about nobody")
        return dict(said)

    def _expected(self) -> Any:
        return {
            "iss": {"essential": True, "value": self._issuer},
            "aud": {"essential": True, "value": self._client_id},
        }

    def _signed(self, text: str) -> jwt.Token:
        """A JWT that the provider signed.

        Raises:
            SignInError: it did not, or by an algorithm that proves nothing.
        """
        try:
            return jwt.decode(text, self._key_set(), algorithms=ALGORITHMS)
        except InvalidKeyIdError:
            keys = self._key_set(at_least_from=self._clock() - _MIN_AGE_SECONDS)
        except (JoseError, ValueError, TypeError) as error:
            raise SignInError("the provider's token is not signed by it") from error
        try:
            return jwt.decode(text, keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError, TypeError) as error:
            raise SignInError("the provider's token is not signed by it") from error

    def _key_set(self, at_least_from: float = 0.0) -> KeySet:
        at = self._clock()
        if self._keys is None or self._keys_at < max(at_least_from, at - _KEEP_SECONDS):
            found = self._ask(self._endpoint("jwks_uri")).get("keys")
            if not isinstance(found, list):
                raise ProviderError("the provider's keys are no list")
            signing = [key for key in found if _is_for_signatures(key)]
            try:
                self._keys = KeySet.import_key_set({"keys": signing})
            except (JoseError, ValueError, TypeError, KeyError) as error:
                raise ProviderError("the provider's keys cannot be read") from error
            self._keys_at = at
        return self._keys

    def _now(self) -> int:
        return int(self._clock())

    # --- what is asked -------------------------------------------------------------------------

    def _description(self, *, anew: bool = False) -> dict[str, Any]:
        """The provider's own description (Discovery 1.0). If it cannot be read, the last one holds.

        Args:
            anew: whether it has to be read now.

        Raises:
            ProviderError: it cannot be read, or is another's.
        """
        at = self._clock()
        if anew or not self._described or at - self._described_at >= _KEEP_SECONDS:
            try:
                url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
                self._described = self._own(self._ask(url))
            except ProviderError:
                if anew or not self._described:
                    raise
            self._described_at = at
        return self._described

    def _own(self, found: dict[str, Any]) -> dict[str, Any]:
        """A description, if it is this provider's (Discovery 1.0, section 4.3)."""
        if found.get("issuer") != self._issuer:
            raise ProviderError(
                f"the provider calls itself {found.get('issuer')!r:.200}, and OidcIssuer is "
                f"{self._issuer!r}; they must be the same, to the letter"
            )
        return found

    def _endpoint(self, name: str) -> str:
        """The URL of one of the provider's endpoints; over TLS if the issuer is."""
        url = _text(self._description().get(name))
        place, issuer = urlsplit(url), urlsplit(self._issuer)
        if not place.hostname or place.scheme not in ("https", issuer.scheme):
            raise ProviderError(f"the provider has no {name} that can be used")
        return url

    def _ask(self, url: str) -> dict[str, Any]:
        with _asking():
            return _object(self._session().get(url, withhold_token=True))

    def _session(self) -> OAuth2Session:
        method = "client_secret_basic" if self._client_secret else "none"
        known = self._described.get("token_endpoint_auth_methods_supported") or [method]
        if self._client_secret and method not in known and "client_secret_post" in known:
            method = "client_secret_post"
        session = OAuth2Session(
            self._client_id,
            self._client_secret,
            token_endpoint_auth_method=method,
            scope=self._requested,
            code_challenge_method="S256",
        )
        session.register_client_auth_method(("client_secret_basic", _basic))
        session.trust_env = False  # nothing but the template's settings
        session.headers["Accept-Encoding"] = "identity"
        for scheme in ("https://", "http://"):
            session.mount(scheme, self._adapter)
        return session


class _asking:  # noqa: N801 -- reads as what it is: `with _asking():`
    """Has whatever goes wrong on the way say that the provider does not answer."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, RequestException | HTTPError | OSError | ValueError):
            raise ProviderError(f"the provider does not answer: {error}") from error


def _object(answer: Response) -> dict[str, Any]:
    """The JSON object in an answer; ValueError if there is none."""
    answer.raise_for_status()
    found = answer.json()
    if not isinstance(found, dict):
        raise ValueError(f"{answer.url} answers with no JSON object")  # noqa: TRY004 -- as json's
    return found


def _tokens_of(given: Mapping[str, Any]) -> Tokens:
    found = (given.get(name) for name in ("access_token", "refresh_token", "id_token"))
    return Tokens(*(_text(each) for each in found))


def _valid(validate: Callable[[int, int], None], at: int, leeway: int) -> None:
    """Raises SignInError if claims are not as they must be."""
    try:
        validate(at, leeway)
    except (JoseError, AuthlibBaseError, ValueError, TypeError) as error:
        raise SignInError(f"the provider's token does not hold: {error}") from error


def _is_for_signatures(key: Any) -> bool:
    return isinstance(key, dict) and key.get("kty") in _KEY_TYPES and key.get("use") != "enc"


def _basic(client: Any, _method: str, uri: str, headers: Any, body: Any) -> tuple[Any, Any, Any]:
    """The client's id and secret in a header, encoded as RFC 6749, section 2.3.1, has it; Authlib's
    own leaves out the encoding.
    """
    from authlib.oauth2.auth import encode_client_secret_basic

    class Encoded:
        client_id = quote_plus(client.client_id)
        client_secret = quote_plus(client.client_secret)

    encoded: tuple[Any, Any, Any] = encode_client_secret_basic(Encoded, _method, uri, headers, body)
    return encoded


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
