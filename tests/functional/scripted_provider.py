"""A provider of OpenID Connect that says whatever a test has it say, over HTTP."""

from __future__ import annotations

import hmac
import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

__all__ = ["CLIENT_ID", "ScriptedProvider", "scripted"]

CLIENT_ID = "sendtrail"
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


class ScriptedProvider:
    """What it says can be changed at any time.

    Attributes:
        issuer: its URL.
        description: what it says of itself.
        person: the claims of whoever signs in; `sub` among them.
        over: claims of the ID token over what is right; None leaves one out.
        sign: makes a token of claims.
        nonce: of the attempt under way.
        userinfo: what userinfo answers: a status and claims; None for the person's.
        refresh: what the token endpoint answers to a refresh token.
        asked: the paths that were asked for.
        tokens: what was posted to the token endpoint.
        down: whether it answers nothing but 503.
        slow: seconds before each answer.
        padding: bytes that each answer has besides.
    """

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.description: dict[str, Any] = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "jwks_uri": f"{issuer}/keys",
            "end_session_endpoint": f"{issuer}/end",
            "authorization_response_iss_parameter_supported": True,
        }
        self.person: dict[str, Any] = {
            "sub": "subject-1",
            "name": "Ada Lovelace",
            "email": "ada@example.org",
            "email_verified": True,
            "groups": ["mail-admins"],
        }
        self.over: dict[str, Any] = {}
        self.sign = signed
        self.nonce = ""
        self.userinfo: tuple[int, dict[str, Any]] | None = None
        self.refresh: tuple[int, dict[str, Any]] = (400, {"error": "invalid_grant"})
        self.refresh_token = ""
        self.asked: list[str] = []
        self.posted: list[dict[str, str]] = []
        self.down = False
        self.slow = 0.0
        self.padding = 0
        self.redirects = False

    def id_token(self, **over: Any) -> str:
        """An ID token that is right, but for what is to be wrong."""
        at = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": at, "exp": at + 300}
        claims |= {"sub": self.person["sub"], "nonce": self.nonce, "sid": "session-1"}
        claims |= self.over | over
        return self.sign({name: value for name, value in claims.items() if value is not None})

    def logout_token(self, **over: Any) -> str:
        """A logout token that is right, but for what is to be wrong."""
        event = {"http://schemas.openid.net/event/backchannel-logout": {}}
        said = {"nonce": None, "jti": "once-1", "events": event}
        return self.id_token(**said | over)

    def answer(self, path: str, posted: dict[str, str]) -> tuple[int, Any]:
        """What it answers."""
        self.asked.append(path)
        time.sleep(self.slow)
        if self.down:
            return 503, {}
        if path == "/.well-known/openid-configuration":
            return 200, self.description
        if path == "/keys":
            return 200, {"keys": [KEY.as_dict(private=False)]}
        if path == "/userinfo":
            return self.userinfo or (200, self.person)
        if path == "/token":
            self.posted.append(posted)
            if posted["grant_type"] == "refresh_token":
                return self.refresh
            given = {"access_token": "access-1", "token_type": "Bearer"}
            given |= {"refresh_token": self.refresh_token} if self.refresh_token else {}
            return 200, given | {"id_token": self.id_token()}
        return 404, {}


def signed(claims: dict[str, Any]) -> str:
    """A token that is signed as it should be."""
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, KEY)


def signed_by_another(claims: dict[str, Any]) -> str:
    """… by a key of the same name that is not the provider's."""
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, OTHER_KEY)


def signed_by_its_public_key(claims: dict[str, Any]) -> str:
    """… by HS256, with the provider's public key as the secret, which everybody has."""
    said = ".".join(_encoded(each) for each in ({"alg": "HS256", "kid": "one"}, claims))
    digest = hmac.digest(KEY.as_pem(private=False), said.encode(), "sha256")
    return f"{said}.{urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def not_signed(claims: dict[str, Any]) -> str:
    """… by nothing (`alg` none)."""
    said = [{"alg": "none", "kid": "one"}, claims]
    return ".".join([*(_encoded(each) for each in said), ""])


def of_an_unknown_key(claims: dict[str, Any]) -> str:
    """… by a key that the provider does not publish."""
    key = ECKey.generate_key("P-256")
    return jwt.encode({"alg": "ES256", "kid": "two"}, claims, key)


def _encoded(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@contextmanager
def scripted() -> Iterator[ScriptedProvider]:
    """One, until the context is left."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(dict(parse_qsl(body)))

        def _answer(self, posted: dict[str, str]) -> None:
            status, said = provider.answer(urlsplit(self.path).path, posted)
            body = json.dumps(said).encode() + b" " * provider.padding
            self.send_response(302 if provider.redirects else status)
            if provider.redirects:
                self.send_header("Location", f"{provider.issuer}{self.path}?again=1")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                return

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = ScriptedProvider(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()


def query_of(url: str) -> dict[str, str]:
    """The query of a URL, of each name the first."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
