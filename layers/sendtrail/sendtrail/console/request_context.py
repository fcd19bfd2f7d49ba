"""The request context: who asks for a page, what they may do, and what they sent.

The one place where the console decides whom to answer. A page names the scope that it needs; a form
must come from a page of the same session.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.shared.cookies import Cookie, SameSite

from sendtrail.auth.api_key_ring import ApiKeyRing
from sendtrail.auth.api_keys import Caller, Scope
from sendtrail.auth.sessions import LAPSED_SECONDS, LIFETIME_SECONDS, Session, Sessions
from sendtrail.auth.sign_in import SignIn
from sendtrail.auth.tokens import Cursors
from sendtrail.console.forms import Upload, read_form
from sendtrail.domain.actors import Actor
from sendtrail.errors import ForbiddenError, InvalidCursorError, InvalidInputError
from sendtrail.language import choose_language, gettext

__all__ = [
    "FORM_SECRET",
    "HOME",
    "ROOT",
    "SIGN_IN",
    "Notice",
    "Page",
    "RequestContext",
    "AccessControl",
    "back_to",
    "language_of",
    "redirect",
]

ROOT: Final = "/console"
HOME: Final = ROOT
SIGN_IN: Final = f"{ROOT}/sign-in"
FORM_SECRET: Final = "form_secret"  # noqa: S105 -- the name of a field
_COOKIE: Final = "sendtrail_session"
_NOTICE: Final = "sendtrail_notice"
_NOTICE_SECONDS: Final = 60
_MAX_NOTICE: Final = 1_000
"""Characters of one: a cookie takes some 4 KB in browsers."""
_OWN_ADDRESS: Final = "sendtrail_test_address"
_OWN_ADDRESS_SECONDS: Final = 90 * 24 * 3600
_LANGUAGE: Final = "sendtrail_language"
_LANGUAGE_SECONDS: Final = 365 * 24 * 3600
_ONLY_FROM_HERE: Final = "__Host-"
"""Browsers take a cookie that is called so from this very host alone, and over HTTPS (RFC 6265bis,
section 4.1.3.2): no page on another host of the domain can put one in its place."""
_ADDRESS: Final = "an address in a URL"
_MAX_FORM: Final = 64 * 1024


@dataclass(slots=True)
class Notice:
    """What a form did, as the next page says once.

    Attributes:
        text: a sentence or two.
        may_undo: whether the page offers to undo it.
        was_shown: whether a page has said it.
    """

    text: str
    may_undo: bool = False
    was_shown: bool = False

    def take(self) -> str:
        """The text, which has been shown with this."""
        self.was_shown = True
        return self.text


@dataclass(frozen=True, slots=True)
class RequestContext:
    """A request, and who makes it.

    Attributes:
        session: the visitor's, or a new one.
        caller: whose key they signed in with; None before that.
        path: of the page, without its query.
        query, form: what they sent; of a name that comes twice, the last.
        files: the content of the files that they sent with the form.
        uploads: the same files, each with its name.
        environment: what the stack is for, as each page says where it is not ``prod``.
        cursors: write and read what stands for an address in a URL.
        notice: what a form just did; None if there is nothing to say, or it was said.
        own_address: where they had a test sent last; None if they had none, or it is long ago.
        is_secure: whether the request came by HTTPS.
        host: that the request was sent to, with a port if it is not the usual one.
    """

    session: Session
    caller: Caller | None
    path: str
    query: Mapping[str, str]
    cursors: Cursors
    form: Mapping[str, str] = dataclasses.field(default_factory=dict)
    files: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    uploads: Sequence[Upload] = ()
    environment: str = "prod"
    notice: Notice | None = None
    own_address: str | None = None
    is_secure: bool = True
    host: str = ""

    @property
    def here(self) -> str:
        """The address of the page, to come back to."""
        return self.path + (f"?{urlencode(self.query)}" if self.query else "")

    def may(self, scope: str) -> bool:
        """Whether their key allows what needs this scope."""
        return self.caller is not None and self.caller.scope.allows(Scope(scope))

    @property
    def origin(self) -> str:
        """Where the API is: scheme and host, as the page was asked for."""
        return f"{'https' if self.is_secure else 'http'}://{self.host}"

    @property
    def actor(self) -> Actor:
        """Who they are, in what they do.

        Raises:
            ForbiddenError: they have not signed in.
        """
        if self.caller is None:
            raise ForbiddenError(gettext("you are not signed in"))
        return self.caller.actor

    def query_value(self, name: str, *, max_length: int = 128) -> str | None:
        """A parameter of the query, without blanks around it; None if it is empty.

        Raises:
            InvalidInputError: it is longer than `max_length` characters.
        """
        value = self.query.get(name, "").strip()
        if len(value) > max_length:
            said = gettext("%(field)s: at most %(most)s characters")
            raise InvalidInputError(said % {"field": name, "most": max_length})
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

    def done(self, to: str, text: str, *, may_undo: bool = False) -> Response[Any]:
        """After a form did its work: sends the browser to a page that says so, once.

        The text travels in a cookie that is signed, belongs to this session, and ends when it has
        been shown: no URL has it, and no reload repeats it.
        """
        said = self.cursors.write([text[:_MAX_NOTICE], may_undo], _NOTICE, self.session.form_secret)
        return redirect(to, [_cookie(_NOTICE, said or "", _NOTICE_SECONDS, self.is_secure)])

    def forget_notice(self) -> Cookie:
        """The cookie that ends the notice in the browser."""
        return _cookie(_NOTICE, "", 0, self.is_secure)

    def remember_own_address(self, address: str) -> Cookie:
        """The cookie by which the browser, and nobody else, remembers where tests go."""
        kept = self.cursors.write(address, _OWN_ADDRESS) or ""
        return _cookie(_OWN_ADDRESS, kept, _OWN_ADDRESS_SECONDS, self.is_secure)

    def remember_language(self, language: str) -> Cookie:
        """The cookie of the language that a reader chose."""
        return _cookie(_LANGUAGE, language, _LANGUAGE_SECONDS, self.is_secure)

    def field(self, name: str, *, max_length: int = 512) -> str:
        """A field of the form, without blanks around it.

        Raises:
            InvalidInputError: it is longer than `max_length` characters.
        """
        value = self.form.get(name, "").strip()
        if len(value) > max_length:
            said = gettext("%(field)s: at most %(most)s characters")
            raise InvalidInputError(said % {"field": name, "most": max_length})
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
        *,
        sign_in: SignIn | None = None,
        seen: Callable[[Actor], None] = lambda _: None,
    ) -> None:
        """Answers nobody yet.

        Args:
            sign_in: says who has signed in by name; None where no provider is set.
            seen: is told who asks for a page by a key; raises nothing.
        """
        self._seen = seen
        self._app = app
        self._cursors = cursors
        self._environment = environment
        self._sessions = sessions
        self._keys = keys
        self._sign_in = sign_in

    def current(self) -> RequestContext:
        """The context of this request, without its form."""
        session = self._sessions.read(self.cookie_sent(_COOKIE))
        return self._context(session or self._sessions.begin())

    def lapsed(self) -> RequestContext | None:
        """The context of a session that has ended not long ago, without its form; None if there is
        none, or its key holds no more. It is good for keeping what somebody was writing, and for
        nothing else.
        """
        session = self._sessions.lapsed(self.cookie_sent(_COOKIE))
        context = self._context(session, has_lapsed=True) if session else None
        return context if context and context.caller else None

    def nobody(self, context: RequestContext) -> RequestContext:
        """The context of a request, from when its session was ended."""
        return dataclasses.replace(context, session=self._sessions.begin(), caller=None)

    @property
    def url(self) -> str:
        """The base URL by which the console was asked: API Gateway takes requests for its own
        domains alone, so that no request can make up another.
        """
        event = self._app.current_event
        scheme = "https" if self._is_secure else "http"
        domain = event.raw_event["requestContext"]["domainName"]
        return f"{scheme}://{domain}"

    def cookie_sent(self, name: str) -> str | None:
        """The value of a cookie of ours; None if it was not sent."""
        return _cookies(self._app.current_event.raw_event).get(_cookie_name(name, self._is_secure))

    def _caller(self, session: Session, *, has_lapsed: bool) -> Caller | None:
        """Who has a session, by their key or by their own name; None if it holds no more."""
        if session.fingerprint:
            named = session.fingerprint
            caller = self._keys.find(lambda known: known.of_fingerprint(named))
            if caller:
                self._seen(caller.actor)
            return caller
        if session.person_id and self._sign_in:
            known = self._sign_in
            return known.lapsed_caller(session) if has_lapsed else known.caller(session)
        return None

    def _context(self, session: Session, *, has_lapsed: bool = False) -> RequestContext:
        event = self._app.current_event
        caller = self._caller(session, has_lapsed=has_lapsed)
        if caller:
            self._seen(caller.actor)
        return RequestContext(
            session,
            caller,
            path=event.path,
            query=dict(parse_qsl(event.raw_event.get("rawQueryString") or "")),
            cursors=self._cursors,
            environment=self._environment,
            notice=self._notice(self.cookie_sent(_NOTICE), session),
            own_address=self._own_address(self.cookie_sent(_OWN_ADDRESS)),
            is_secure=self._is_secure,
            host=_host(event.raw_event),
        )

    def _notice(self, value: str | None, session: Session) -> Notice | None:
        """The notice in a cookie; None if it is not one that we made for this session."""
        try:
            found = self._cursors.read(value, _NOTICE, session.form_secret)
        except InvalidCursorError:
            return None
        return Notice(*found) if found else None

    def _own_address(self, value: str | None) -> str | None:
        """The address in a cookie; None if it is not one that we made."""
        try:
            found = self._cursors.read(value, _OWN_ADDRESS)
        except InvalidCursorError:
            return None
        return str(found) if found else None

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
        context = dataclasses.replace(
            context, form=form.fields, files=form.files, uploads=form.uploads
        )
        if not context.session.sent(context.form.get(FORM_SECRET, "")):
            raise ForbiddenError(
                gettext(
                    "this form is too old, or not from here; go back, load the page anew, and try "
                    "again"
                )
            )
        return context

    def needs(
        self, scope: Scope, *, max_bytes: int = _MAX_FORM, lapsed: Page | None = None
    ) -> Callable[[Page], Page]:
        """Has a page answer only those whose key has this scope; it is handed the context first.

        Who has not signed in is sent there, and back afterwards.

        Args:
            max_bytes: how long its form may be.
            lapsed: answers a form of a session that has ended (see `lapsed`) in the page's place,
                if the session's key has the scope and the form is the session's.

        Raises:
            ForbiddenError: the key's scope is too small, or the form is not of this session.
        """

        def decorate(page: Page) -> Page:
            @wraps(page)
            def checked(**parameters: str) -> Response[Any]:
                context = self.current()
                event = self._app.current_event
                if context.caller is None:
                    ended = self.lapsed() if lapsed and event.http_method == "POST" else None
                    if lapsed and ended and ended.may(scope):
                        return lapsed(self.with_form(ended, max_bytes=max_bytes))
                    return redirect(_sign_in_and_back(event.raw_event, event.http_method))
                if not context.may(scope):
                    raise ForbiddenError(_needs(scope, context.caller))
                if event.http_method == "POST":
                    context = self.with_form(context, max_bytes=max_bytes)
                return page(context, **parameters)

            return checked

        return decorate

    def begin(self, fingerprint: str = "") -> Cookie:
        """The cookie of a new session."""
        return self.cookie(self._sessions.begin(fingerprint))

    def cookie(self, session: Session) -> Cookie:
        """The cookie of a session; of one that somebody signed in to, until it tells nothing more
        (`lapsed`).
        """
        value = self._sessions.write(session)
        seconds = LIFETIME_SECONDS + (LAPSED_SECONDS if session.is_signed_in else 0)
        return _cookie(_COOKIE, value, seconds, self._is_secure)

    def own_cookie(self, name: str, value: str, seconds: int, *, lax: bool = False) -> Cookie:
        """A cookie for the console alone.

        Args:
            seconds: for how long; 0 ends it.
            lax: whether it comes along, too, when a link or redirect of another site leads here.
        """
        same_site = SameSite.LAX_MODE if lax else SameSite.STRICT_MODE
        return _cookie(name, value, seconds, self._is_secure, same_site)

    def end(self) -> Cookie:
        """The cookie that ends a session in the browser."""
        return _cookie(_COOKIE, "", 0, self._is_secure)

    @property
    def _is_secure(self) -> bool:
        """Whether the request came by HTTPS, as API Gateway's all do. Where it did not, this is the
        local stack, and a browser may refuse a secure cookie.
        """
        return _is_secure(_headers(self._app.current_event.raw_event))


def language_of(event: dict[str, Any]) -> str:
    """The language of who asks: what they chose, else the best of what their browser takes."""
    headers = _headers(event)
    chosen = _cookies(event).get(_cookie_name(_LANGUAGE, _is_secure(headers)))
    return choose_language(headers.get("accept-language"), chosen)


def redirect(to: str, cookies: list[Cookie] | None = None) -> Response[Any]:
    """Sends the browser to another page of the console, with GET."""
    return Response(status_code=303, headers={"Location": to}, body="", cookies=cookies)


def back_to(given: str) -> str:
    """Where to go after signing in: a page of the console, whatever was asked for."""
    within = given.startswith((f"{ROOT}/", f"{ROOT}?"))
    good = within and not any(character in given for character in "\\\r\n\t")
    return given if good else HOME


def _sign_in_and_back(event: dict[str, Any], method: str) -> str:
    if method != "GET":
        return SIGN_IN
    query = event.get("rawQueryString") or ""
    wanted = event["rawPath"] + (f"?{query}" if query else "")
    return f"{SIGN_IN}?next={quote(wanted, safe='')}"


def _host(event: dict[str, Any]) -> str:
    return str(_headers(event).get("host") or event["requestContext"].get("domainName") or "")


def _headers(event: dict[str, Any]) -> dict[str, str]:
    return {name.lower(): text for name, text in (event.get("headers") or {}).items()}


def _is_secure(headers: Mapping[str, str]) -> bool:
    return headers.get("x-forwarded-proto") != "http"


def _cookies(event: dict[str, Any]) -> dict[str, str]:
    pairs = (each.partition("=") for each in event.get("cookies") or ())
    return {name.strip(): value for name, _, value in pairs}


def _cookie_name(name: str, is_secure: bool) -> str:
    return _ONLY_FROM_HERE + name if is_secure else name


def _needs(scope: Scope, yours: Caller) -> str:
    """What a page needs, to somebody whose scope is too small."""
    told = {"needed": scope.value, "name": yours.label, "given": yours.scope.value}
    if yours.person_id:
        said = gettext(
            "this needs the scope %(needed)s; yours, %(name)s, is %(given)s, by what your "
            "organisation’s sign-in says of you"
        )
    else:
        said = gettext(
            "this needs an API key of scope %(needed)s; yours, %(name)s, is of scope %(given)s"
        )
    return said % told


def _cookie(
    name: str,
    value: str,
    seconds: int,
    is_secure: bool,
    same_site: SameSite = SameSite.STRICT_MODE,
) -> Cookie:
    expiry = [f"Max-Age={seconds}"]  # Powertools leaves a Max-Age of 0 out
    return Cookie(
        name=_cookie_name(name, is_secure),
        value=value,
        path="/" if is_secure else ROOT,
        secure=is_secure,
        http_only=True,
        same_site=same_site,
        custom_attributes=expiry,
    )
