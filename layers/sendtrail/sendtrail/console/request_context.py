"""The request context: who asks for a page, what they may do, and what they sent.

The one place where the console decides whom to answer. A page names the scope that it needs; a form
must come from a page of the same session.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.shared.cookies import Cookie, SameSite

from sendtrail.auth.api_key_ring import ApiKeyRing
from sendtrail.auth.api_keys import Caller, Scope
from sendtrail.auth.sessions import LIFETIME_SECONDS, Session, Sessions
from sendtrail.auth.tokens import Cursors
from sendtrail.console.forms import read_form
from sendtrail.domain.actors import Actor
from sendtrail.errors import ForbiddenError, InvalidInputError

__all__ = [
    "FORM_SECRET",
    "HOME",
    "ROOT",
    "SIGN_IN",
    "RequestContext",
    "AccessControl",
    "back_to",
    "redirect",
]

ROOT: Final = "/console"
HOME: Final = f"{ROOT}/communications"
SIGN_IN: Final = f"{ROOT}/sign-in"
FORM_SECRET: Final = "form_secret"  # noqa: S105 -- the name of a field
_COOKIE: Final = "sendtrail_session"
_ONLY_FROM_HERE: Final = "__Host-"
"""Browsers take a cookie that is called so from this very host alone, and over HTTPS (RFC 6265bis,
section 4.1.3.2): no page on another host of the domain can put one in its place."""
_ADDRESS: Final = "an address in a URL"
_MAX_FORM: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class RequestContext:
    """A request, and who makes it.

    Attributes:
        session: the visitor's, or a new one.
        caller: whose key they signed in with; None before that.
        path: of the page, without its query.
        query, form: what they sent; of a name that comes twice, the last.
        files: the content of the files that they sent with the form.
        environment: what the stack is for, as each page says where it is not ``prod``.
        cursors: write and read what stands for an address in a URL.
    """

    session: Session
    caller: Caller | None
    path: str
    query: Mapping[str, str]
    cursors: Cursors
    form: Mapping[str, str] = dataclasses.field(default_factory=dict)
    files: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    environment: str = "prod"

    def may(self, scope: str) -> bool:
        """Whether their key allows what needs this scope."""
        return self.caller is not None and self.caller.scope.allows(Scope(scope))

    @property
    def actor(self) -> Actor:
        """Who they are, in what they do.

        Raises:
            ForbiddenError: they have not signed in.
        """
        if self.caller is None:
            raise ForbiddenError("you are not signed in")
        return self.caller.actor

    def query_value(self, name: str, *, max_length: int = 128) -> str | None:
        """A parameter of the query, without blanks around it; None if it is empty.

        Raises:
            InvalidInputError: it is longer than `max_length` characters.
        """
        value = self.query.get(name, "").strip()
        if len(value) > max_length:
            raise InvalidInputError(f"{name}: at most {max_length} characters")
        return value or None

    def for_url(self, address: str) -> str:
        """What stands for an address in a URL, which browsers and proxies keep."""
        return self.cursors.write(address, _ADDRESS) or ""

    def address_in_url(self) -> str | None:
        """The address that the query is about (``which``, by `for_url`); None if it is about none.

        Raises:
            InvalidCursorError: it is not one of ours.
        """
        address = self.cursors.read(self.query_value("which", max_length=2048), _ADDRESS)
        return str(address) if address else None

    def field(self, name: str, *, max_length: int = 512) -> str:
        """A field of the form, without blanks around it.

        Raises:
            InvalidInputError: it is longer than `max_length` characters.
        """
        value = self.form.get(name, "").strip()
        if len(value) > max_length:
            raise InvalidInputError(f"{name}: at most {max_length} characters")
        return value


Page = Callable[..., Response[Any]]


class AccessControl:
    """Identifies the caller of the request that the resolver is answering."""

    def __init__(
        self,
        app: APIGatewayHttpResolver,
        sessions: Sessions,
        keys: ApiKeyRing,
        cursors: Cursors,
        environment: str,
    ) -> None:
        self._app = app
        self._cursors = cursors
        self._environment = environment
        self._sessions = sessions
        self._keys = keys

    def current(self) -> RequestContext:
        """The context of this request, without its form."""
        event = self._app.current_event
        session = self._sessions.read(_cookies(event.raw_event).get(self._cookie_name))
        caller: Caller | None = None
        if session and session.fingerprint:
            named = session.fingerprint
            caller = self._keys.find(lambda known: known.of_fingerprint(named))
        return RequestContext(
            session or self._sessions.begin(),
            caller,
            path=event.path,
            query=dict(parse_qsl(event.raw_event.get("rawQueryString") or "")),
            cursors=self._cursors,
            environment=self._environment,
        )

    def with_form(
        self, context: RequestContext, *, max_bytes: int, files: bool = True
    ) -> RequestContext:
        """The context, with its form: read only once it is known who sends it, and what they may.

        Args:
            max_bytes, files: as of `read_form`.

        Raises:
            InvalidInputError: it cannot be read.
            ForbiddenError: it was not made for this visitor, or too long ago.
        """
        form = read_form(self._app.current_event.raw_event, max_bytes=max_bytes, files=files)
        context = dataclasses.replace(context, form=form.fields, files=form.files)
        if not context.session.sent(context.form.get(FORM_SECRET, "")):
            raise ForbiddenError(
                "this form is too old, or not from here; go back, load the page anew, and try again"
            )
        return context

    def needs(self, scope: Scope, *, max_bytes: int = _MAX_FORM) -> Callable[[Page], Page]:
        """Has a page answer only those whose key has this scope; it is handed the context first.

        Who has not signed in is sent there, and back afterwards.

        Args:
            max_bytes: how long its form may be.

        Raises:
            ForbiddenError: the key's scope is too small, or the form is not of this session.
        """

        def decorate(page: Page) -> Page:
            @wraps(page)
            def checked(**parameters: str) -> Response[Any]:
                context = self.current()
                event = self._app.current_event
                if context.caller is None:
                    return redirect(_sign_in_and_back(event.raw_event, event.http_method))
                if not context.may(scope):
                    yours = context.caller
                    raise ForbiddenError(
                        f"this needs an API key of scope {scope.value}; yours, "
                        f"{yours.name or yours.key_id}, is of scope {yours.scope.value}"
                    )
                if event.http_method == "POST":
                    context = self.with_form(context, max_bytes=max_bytes)
                return page(context, **parameters)

            return checked

        return decorate

    def begin(self, fingerprint: str = "") -> Cookie:
        """The cookie of a new session."""
        return self.cookie(self._sessions.begin(fingerprint))

    def cookie(self, session: Session) -> Cookie:
        """The cookie of a session."""
        return self._cookie(self._sessions.write(session), LIFETIME_SECONDS)

    def end(self) -> Cookie:
        """The cookie that ends a session in the browser."""
        return self._cookie("", 0)

    @property
    def _is_secure(self) -> bool:
        """Whether the request came by HTTPS, as API Gateway's all do. Where it did not, this is the
        local stack, and a browser may refuse a secure cookie.
        """
        headers = {name.lower(): text for name, text in self._app.current_event.headers.items()}
        return headers.get("x-forwarded-proto") != "http"

    @property
    def _cookie_name(self) -> str:
        return _ONLY_FROM_HERE + _COOKIE if self._is_secure else _COOKIE

    def _cookie(self, value: str, seconds: int) -> Cookie:
        expiry = [f"Max-Age={seconds}"]  # Powertools leaves a Max-Age of 0 out
        return Cookie(
            name=self._cookie_name,
            value=value,
            path="/" if self._is_secure else ROOT,
            secure=self._is_secure,
            http_only=True,
            same_site=SameSite.STRICT_MODE,
            custom_attributes=expiry,
        )


def redirect(to: str, cookies: list[Cookie] | None = None) -> Response[Any]:
    """Sends the browser to another page of the console, with GET."""
    return Response(status_code=303, headers={"Location": to}, body="", cookies=cookies)


def back_to(given: str) -> str:
    """Where to go after signing in: a page of the console, whatever was asked for."""
    good = given.startswith(f"{ROOT}/") and not any(character in given for character in "\\\r\n\t")
    return given if good else HOME


def _sign_in_and_back(event: dict[str, Any], method: str) -> str:
    if method != "GET":
        return SIGN_IN
    query = event.get("rawQueryString") or ""
    wanted = event["rawPath"] + (f"?{query}" if query else "")
    return f"{SIGN_IN}?next={quote(wanted, safe='')}"


def _cookies(event: dict[str, Any]) -> dict[str, str]:
    pairs = (each.partition("=") for each in event.get("cookies") or ())
    return {name.strip(): value for name, _, value in pairs}
