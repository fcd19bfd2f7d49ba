"""Signing in by one's own name, over the handler: who is let in, for how long, and what is refused."""

from __future__ import annotations

import html
import re
import shutil
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin

import pytest
import requests

from local import aws
from local.iam import Statement, policies
from local.provider import ACCOUNTS, PACKAGE, Provider
from sendtrail.auth.api_keys import Scope
from sendtrail.auth.sign_in import CHECK_SECONDS, STALE_SECONDS
from sendtrail.domain.ids import digest
from tests.functional import scripted_provider
from tests.functional.conftest import Backend
from tests.functional.scripted_provider import CLIENT_ID, ScriptedProvider, query_of, scripted
from tests.functional.visitor import Visitor, make_key
from tests.functional.world import World
from tests.support import load_event, missing

SESSION = "__Host-sendtrail_session"
ATTEMPT = "__Host-sendtrail_attempt"
RULES = "groups=mail-admins:admin, groups=marketing:send, email=*@example.org:read"
ACCOUNT = "/console/account"


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    """A provider that says what a test has it say."""
    with scripted() as made:
        yield made


@pytest.fixture
def world(
    moto_backend: Backend, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> World:
    """Everything, empty, with that provider."""
    made = World(moto_backend, monkeypatch)
    monkeypatch.setenv("OIDC_ISSUER", provider.issuer)
    monkeypatch.setenv("OIDC_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("OIDC_SCOPES", RULES)
    monkeypatch.setenv("OIDC_REQUESTED_SCOPES", "openid profile email groups")
    monkeypatch.setenv("CONSOLE_URL", "https://console.example")
    return made


@pytest.fixture
def visitor(world: World) -> Visitor:
    """Somebody who has not signed in."""
    return Visitor(world)


class Clock:
    """The time of sessions, which a test moves."""

    def __init__(self, world: World) -> None:
        self.ahead = 0.0
        sign_in = world.function("console").wiring.sign_in
        for part in (sign_in, sign_in._store, sign_in._sessions):
            part._clock = self
        sign_in._sleep = lambda _: None

    def __call__(self) -> float:
        """Seconds since 1970."""
        return time.time() + self.ahead


def begin(visitor: Visitor, to: str = ACCOUNT) -> dict[str, str]:
    """Goes to the provider; what it is asked."""
    page = visitor.post("/console/sign-in/provider", next=to)
    assert page["statusCode"] == 200
    return query_of(link(page))


def link(page: dict[str, Any]) -> str:
    """Where a page leads on by itself."""
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page["body"])
    assert found, page["body"]
    return html.unescape(found[1])


def come_back(visitor: Visitor, provider: ScriptedProvider, **said: str | None) -> dict[str, Any]:
    """Comes back from the provider, with a code."""
    given = {"code": "code-1", "iss": provider.issuer} | said
    query = urlencode({name: value for name, value in given.items() if value is not None})
    return visitor.get(f"/console/sign-in/back?{query}")


def arrive(visitor: Visitor, provider: ScriptedProvider, to: str = ACCOUNT) -> dict[str, Any]:
    """Signs in, as the provider has it; the page that leads on."""
    asked = begin(visitor, to)
    provider.nonce = asked["nonce"]
    return come_back(visitor, provider, state=asked["state"])


def text_of(page: dict[str, Any]) -> str:
    """The words of a page, without its marks."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page["body"])))


def is_in(visitor: Visitor) -> bool:
    """Whether a visitor is signed in."""
    return bool(visitor.get(ACCOUNT)["statusCode"] == 200)


# --- signing in ------------------------------------------------------------------------------


def test_one_signs_in_by_name_and_lands_on_the_page_asked_for(
    visitor: Visitor, provider: ScriptedProvider
) -> None:
    """By PKCE, a nonce and a state; and the page leads on by itself, since no cookie that is for
    here alone comes along with a redirect from another site.
    """
    to = "/console/people?q=ann"
    asked = begin(visitor, to)
    assert asked | {"state": "", "nonce": "", "code_challenge": ""} == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": "https://console.example/console/sign-in/back",
        "scope": "openid profile email groups",
        "state": "",
        "nonce": "",
        "code_challenge": "",
        "code_challenge_method": "S256",
    }
    provider.nonce = asked["nonce"]
    page = come_back(visitor, provider, state=asked["state"])
    assert (page["statusCode"], link(page)) == (200, to)
    assert provider.posted[0]["code_verifier"]
    account = text_of(visitor.get(ACCOUNT))
    assert "Ada Lovelace" in account
    assert "admin" in account


def test_the_cookies_are_for_here_alone(visitor: Visitor, provider: ScriptedProvider) -> None:
    """The attempt's comes along with the provider's redirect, and ends with it; the session's does
    not. Neither says anything to who reads it.
    """
    page = visitor.post("/console/sign-in/provider")
    (cookie,) = page["cookies"]
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"} <= set(
        cookie.split("; ")
    )
    asked = query_of(link(page))
    assert asked["state"] not in cookie
    provider.nonce = asked["nonce"]
    done = come_back(visitor, provider, state=asked["state"])
    ended, session = sorted(done["cookies"])
    assert ended.startswith(f"{ATTEMPT}=;")
    assert "Max-Age=0" in ended
    assert session.startswith(f"{SESSION}=")
    assert "SameSite=Strict" in session


def test_signing_in_leads_nowhere_else(visitor: Visitor, provider: ScriptedProvider) -> None:
    """Whatever the form says."""
    for given in ("https://evil.example/", "//evil.example", "/console\\..\\x", "/v1/x"):
        visitor.cookies.clear()
        assert link(arrive(visitor, provider, given)) == "/console"


def test_what_is_done_says_by_whom(
    world: World, visitor: Visitor, provider: ScriptedProvider
) -> None:
    """An event's `by` has the person's id and name; the audit log names them, too."""
    arrive(visitor, provider)
    visitor.post("/console/suppressions", address="jo@example.com", note="asked by telephone")
    (event,) = world.backend.logged()
    person_id = digest(provider.issuer, "subject-1", length=16)
    assert event.detail["by"] == f"person:{person_id} Ada Lovelace"
    assert "by Ada Lovelace" in text_of(visitor.get("/console/suppressions"))


def test_people_are_noted_with_when_they_were_seen(
    world: World, visitor: Visitor, provider: ScriptedProvider
) -> None:
    """Once each, whatever they sign in from."""
    for _ in range(2):
        arrive(visitor, provider)
    people, _ = world.wiring.staff_store.people()
    assert [(each.name, each.email, each.scope) for each in people] == [
        ("Ada Lovelace", "ada@example.org", "admin")
    ]
    assert people[0].first_seen_at < people[0].last_seen_at  # type: ignore[operator]


def test_keys_go_on_beside_it(world: World, visitor: Visitor) -> None:
    """The sign-in page has the provider's button first, and the form for keys under it."""
    page = visitor.get("/console/sign-in")["body"]
    assert page.index("Sign in with your organisation") < page.index('name="key"')
    assert visitor.sign_in(make_key(world, Scope.READ))["statusCode"] == 303
    assert is_in(visitor)


def test_without_a_provider_nothing_changes(
    world: World, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No button, no pages, and nothing read of a table that nobody needs."""
    monkeypatch.setenv("OIDC_ISSUER", "")
    page = visitor.get("/console/sign-in")["body"]
    assert "with your organisation" not in page
    assert visitor.get("/console/sign-in/back?code=x")["statusCode"] == 404
    assert visitor.post("/console/sign-in/provider")["statusCode"] == 404
    assert visitor.sign_in(make_key(world, Scope.READ))["statusCode"] == 303
    assert "API key" in text_of(visitor.get(ACCOUNT))


def test_what_is_wrong_with_the_settings_is_logged_and_keys_go_on(
    world: World,
    visitor: Visitor,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Which setting, and what is allowed; and the page says that there is something to be read."""
    for name, value, why in (
        ("OIDC_SCOPES", "groups=admins:owner", "has no scope 'owner'"),
        ("OIDC_SCOPES", "", "OIDC_SCOPES is missing"),
        ("OIDC_CLIENT_ID", "", "OIDC_CLIENT_ID is missing"),
        ("OIDC_REQUESTED_SCOPES", "profile email", "openid must be among them"),
        ("OIDC_ISSUER", "http://login.example", "URLs that begin with https://"),
    ):
        world.restart("console")
        with monkeypatch.context() as wrong:
            wrong.setenv(name, value)
            page = text_of(visitor.get("/console/sign-in"))
            assert "Signing in by name is not set up as it must be" in page
            assert "with your organisation" not in page
            assert why in caplog.text
            assert visitor.sign_in(make_key(world, Scope.READ))["statusCode"] == 303
            visitor.post("/console/sign-out")


# --- who is not let in -----------------------------------------------------------------------


def test_who_has_no_claim_is_told_what_to_ask_for(
    visitor: Visitor, provider: ScriptedProvider
) -> None:
    """Who they are, what would do, what they have; and a way to be somebody else."""
    provider.person |= {"groups": ["visitors", "<b>"], "email_verified": False}
    page = arrive(visitor, provider)
    said = text_of(page)
    assert page["statusCode"] == 403
    assert "says that you are Ada Lovelace" in said
    for rule in (
        "groups: mail-admins admin",
        "groups: marketing send",
        "email: *@example.org read",
    ):
        assert rule in said
    assert "groups: visitors, <b>" in said
    assert "<b>" not in page["body"]
    assert "only once the provider has verified it" in said
    assert not is_in(visitor)
    other = visitor.post("/console/sign-in/provider", **{"as": "somebody-else"})
    assert query_of(link(other))["prompt"] == "login"


def test_an_unverified_address_gives_nothing(visitor: Visitor, provider: ScriptedProvider) -> None:
    """Whoever can register any address must not get what its owner has."""
    provider.person |= {"groups": []}
    assert arrive(visitor, provider)["statusCode"] == 200
    for verified in (False, None, "false", 1):
        provider.person["email_verified"] = verified
        assert arrive(Visitor(visitor.world), provider)["statusCode"] == 403


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"aud": "another"}, "aud"),
    ({"aud": ["another", "third"]}, "aud"),
    ({"aud": [CLIENT_ID, "another"]}, "azp"),
    ({"aud": [CLIENT_ID, "another"], "azp": "another"}, "azp"),
    ({"azp": "another"}, "azp"),
    ({"iss": "https://evil.example"}, "iss"),
    ({"iss": None}, "iss"),
    ({"exp": int(time.time()) - 120}, "expired"),
    ({"exp": None}, "exp"),
    ({"iat": int(time.time()) + 3600}, "in the future"),
    ({"iat": None}, "iat"),
    ({"nbf": int(time.time()) + 3600}, ""),
    ({"nonce": "another"}, "nonce"),
    ({"nonce": None}, "nonce"),
    ({"sub": None}, "sub"),
    ({"sub": ""}, "nobody"),
    ({"sub": "somebody-else"}, "somebody else"),
    ({"at_hash": "wrong"}, "at_hash"),
]
"""What may be wrong with an ID token that the provider has signed, and what the page says of it."""


def test_an_id_token_that_is_not_right_lets_nobody_in(
    visitor: Visitor, provider: ScriptedProvider
) -> None:
    """Signed by the provider, and for another client, time, attempt or person."""
    for provider.over, why in FAULTS:
        page = arrive(visitor, provider)
        assert page["statusCode"] == 400, provider.over
        assert why in text_of(page), provider.over
        assert SESSION not in {each.partition("=")[0] for each in page["cookies"]}
        assert not is_in(visitor)


SIGNED: dict[str, Callable[[dict[str, Any]], str]] = {
    "another key": scripted_provider.signed_by_another,
    "HS256": scripted_provider.signed_by_its_public_key,
    "none": scripted_provider.not_signed,
    "an unknown key": scripted_provider.of_an_unknown_key,
    "empty": lambda claims: "",
    "nonsense": lambda claims: "x.y.z",
    "altered": lambda claims: scripted_provider.signed(claims)[:-6] + "AAAAAA",
}
"""How an ID token may come, but not from the provider."""


def test_an_id_token_that_the_provider_did_not_sign_lets_nobody_in(
    visitor: Visitor, provider: ScriptedProvider
) -> None:
    """By an algorithm that proves it."""
    for name, provider.sign in SIGNED.items():
        page = arrive(visitor, provider)
        assert page["statusCode"] == 400, name
        assert "not signed by it" in text_of(page), name
        assert not is_in(visitor)


def test_an_answer_to_another_attempt_gets_nowhere(
    world: World, visitor: Visitor, provider: ScriptedProvider
) -> None:
    """One of another browser, of this one before, without a state, or used already."""
    mine, theirs = begin(visitor), begin(other := Visitor(world))
    provider.nonce = mine["nonce"]
    for state in (theirs["state"], "", None, "\u00e9", mine["state"] + "x"):
        assert come_back(visitor, provider, state=state)["statusCode"] == 400
        visitor.cookies[ATTEMPT] = visitor.cookies[ATTEMPT] or ""
        again = begin(visitor)
        provider.nonce, mine = again["nonce"], again
    stranger = Visitor(world)
    assert come_back(stranger, provider, state=mine["state"])["statusCode"] == 400
    kept = visitor.cookies[ATTEMPT]
    assert come_back(visitor, provider, state=mine["state"])["statusCode"] == 200
    other.cookies[ATTEMPT] = kept
    page = come_back(other, provider, state=mine["state"])
    assert (page["statusCode"], "used already" in text_of(page)) == (400, True)
    assert not is_in(other)


def test_an_attempt_ends(world: World, visitor: Visitor, provider: ScriptedProvider) -> None:
    """After ten minutes, whatever the browser still sends."""
    clock = Clock(world)
    asked = begin(visitor)
    provider.nonce = asked["nonce"]
    clock.ahead = 601
    page = come_back(visitor, provider, state=asked["state"])
    assert (page["statusCode"], "ten minutes" in text_of(page)) == (400, True)


def test_an_answer_of_another_provider_gets_nowhere(
    visitor: Visitor, provider: ScriptedProvider
) -> None:
    """Mix-up: the code would be taken to the wrong one (RFC 9207). Who never says from whom answers
    are need not.
    """
    for issuer in ("https://evil.example", None):
        asked = begin(visitor)
        page = come_back(visitor, provider, state=asked["state"], iss=issuer)
        assert (page["statusCode"], provider.posted) == (400, [])
        assert "not from the provider" in text_of(page)


def test_a_provider_need_not_say_from_whom_an_answer_is(
    visitor: Visitor, provider: ScriptedProvider
) -> None:
    """But what it says has to be right."""
    del provider.description["authorization_response_iss_parameter_supported"]
    asked = begin(visitor)
    provider.nonce = asked["nonce"]
    assert come_back(visitor, provider, state=asked["state"], iss="x")["statusCode"] == 400
    asked = begin(visitor)
    provider.nonce = asked["nonce"]
    assert come_back(visitor, provider, state=asked["state"], iss=None)["statusCode"] == 200


def test_what_the_provider_refuses_is_said(visitor: Visitor, provider: ScriptedProvider) -> None:
    """In its own word, cut and escaped."""
    asked = begin(visitor)
    page = come_back(visitor, provider, state=asked["state"], code=None, error="access_denied")
    assert (page["statusCode"], "access_denied" in text_of(page)) == (400, True)


def test_forms_of_other_sites_begin_nothing(visitor: Visitor) -> None:
    """Nobody is signed in as somebody by a page elsewhere."""
    assert visitor.post("/console/sign-in/provider", secret="x")["statusCode"] == 403


# --- the provider is down --------------------------------------------------------------------


def fault(name: str) -> Callable[[ScriptedProvider], None]:
    """Something that a provider does wrong."""

    def cause(provider: ScriptedProvider) -> None:
        if name == "another issuer":
            provider.description["issuer"] = f"{provider.issuer}/"
        elif name == "no endpoint":
            provider.description["authorization_endpoint"] = "javascript:alert(1)"
        else:
            setattr(provider, *{"down": ("down", True), "long": ("padding", 300_000), "slow": ("slow", 3.5), "redirect": ("redirects", True)}[name])  # fmt: skip

    return cause


def test_keys_work_while_the_provider_does_not(
    world: World, visitor: Visitor, provider: ScriptedProvider
) -> None:
    """And the page says so, with the form for a key; nobody waits long."""
    right = dict(vars(provider))
    for name in ("down", "long", "slow", "redirect", "another issuer", "no endpoint"):
        vars(provider).update(right, description=dict(right["description"]))
        fault(name)(provider)
        world.restart("console")
        at = time.monotonic()
        page = visitor.post("/console/sign-in/provider")
        assert page["statusCode"] == 503, name
        assert time.monotonic() - at < 8, name
        assert "does not answer" in text_of(page)
        assert 'name="key"' in page["body"]
    assert visitor.sign_in(make_key(world, Scope.READ))["statusCode"] == 303
    assert is_in(visitor)


# --- what changes ----------------------------------------------------------------------------


def test_a_claim_that_changes_takes_effect_within_a_minute(
    world: World, visitor: Visitor, provider: ScriptedProvider
) -> None:
    """More or less of it; and who has none any more is out."""
    clock = Clock(world)
    arrive(visitor, provider)
    provider.person |= {"groups": ["marketing"], "name": "Ada King"}
    clock.ahead = CHECK_SECONDS - 1
    assert "admin" in text_of(visitor.get(ACCOUNT))
    clock.ahead = CHECK_SECONDS + 1
    said = text_of(visitor.get(ACCOUNT))
    assert ("Ada King" in said, "Scope send" in said) == (True, True)
    provider.person |= {"groups": [], "email_verified": False}
    clock.ahead += CHECK_SECONDS + 1
    assert not is_in(visitor)
    provider.person |= {"groups": ["mail-admins"]}
    assert not is_in(visitor)  # the session is gone: they sign in anew


def test_the_provider_is_asked_no_more_often(
    world: World, visitor: Visitor, provider: ScriptedProvider
) -> None:
    """However many pages are asked for."""
    clock = Clock(world)
    arrive(visitor, provider)
    provider.asked.clear()
    for ahead in (0, 10, CHECK_SECONDS + 1, CHECK_SECONDS + 2, 2 * CHECK_SECONDS):
        clock.ahead = ahead
        assert is_in(visitor)
    assert provider.asked == ["/userinfo"]


def test_one_of_many_requests_asks(
    world: World, visitor: Visitor, provider: ScriptedProvider
) -> None:
    """The others go on by what is known."""
    clock = Clock(world)
    arrive(visitor, provider)
    sign_in = world.function("console").wiring.sign_in
    session = sign_in._sessions.read(visitor.cookies[SESSION])
    row = sign_in._store.read(session.person_id, session.session_id)
    clock.ahead = CHECK_SECONDS + 1
    assert sign_in._store.claim_check(row, clock())
    assert sign_in._store.claim_check(row, clock()) is None
    provider.asked.clear()
    assert is_in(visitor)
    assert provider.asked == []


def test_who_the_provider_does_not_know_any_more_is_out(
    world: World, visitor: Visitor, provider: ScriptedProvider
) -> None:
    """Or whose answer is about somebody else."""
    clock = Clock(world)
    for answer in ((401, {}), (200, {**provider.person, "sub": "somebody-else"})):
        provider.userinfo = None
        arrive(visitor, provider)
        provider.userinfo = answer
        clock.ahead += CHECK_SECONDS + 1
        assert not is_in(visitor)


def test_a_session_outlives_its_access_token(
    world: World, visitor: Visitor, provider: ScriptedProvider
) -> None:
    """By the refresh token, if there is one; and ends with that."""
    clock = Clock(world)
    provider.refresh_token = "refresh-1"
    arrive(visitor, provider)
    provider.userinfo = (401, {})
    provider.refresh = (200, {"access_token": "access-2", "token_type": "Bearer"})
    clock.ahead = CHECK_SECONDS + 1
    answers = iter([(401, {}), (200, provider.person)])
    say = provider.answer
    provider.answer = lambda path, posted: (  # type: ignore[method-assign]
        next(answers) if path == "/userinfo" else say(path, posted)
    )
    assert is_in(visitor)
    assert provider.posted[-1] == {"grant_type": "refresh_token", "refresh_token": "refresh-1", "client_id": CLIENT_ID}  # fmt: skip
    provider.answer = say  # type: ignore[method-assign]
    provider.refresh = (400, {"error": "invalid_grant"})
    clock.ahead += CHECK_SECONDS + 1
    assert not is_in(visitor)


def test_claims_of_the_id_token_alone_are_asked_for_anew(
    world: World, visitor: Visitor, provider: ScriptedProvider
) -> None:
    """By the refresh token: some providers tell groups nowhere else."""
    clock = Clock(world)
    provider.refresh_token = "refresh-1"
    groups = provider.person.pop("groups")
    provider.over = {"groups": groups}
    arrive(visitor, provider)
    assert "Scope admin" in text_of(visitor.get(ACCOUNT))
    for groups, scope in ((["mail-admins"], "admin"), (["marketing"], "send")):
        fresh = provider.id_token(groups=groups, nonce=None)
        provider.refresh = (200, {"access_token": "access-2", "token_type": "Bearer", "id_token": fresh})  # fmt: skip
        clock.ahead += CHECK_SECONDS + 1
        assert f"Scope {scope}" in text_of(visitor.get(ACCOUNT))


def test_a_session_goes_on_for_a_while_without_the_provider(
    world: World, visitor: Visitor, provider: ScriptedProvider
) -> None:
    """As long as keys that cannot be read; and from when it answers again."""
    clock = Clock(world)
    arrive(visitor, provider)
    provider.down = True
    clock.ahead = STALE_SECONDS - 60
    assert is_in(visitor)
    clock.ahead = STALE_SECONDS + 1
    assert not is_in(visitor)
    provider.down = False
    clock.ahead += CHECK_SECONDS + 1
    assert is_in(visitor)


def test_who_comes_back_after_a_while_is_asked_about(
    world: World, visitor: Visitor, provider: ScriptedProvider
) -> None:
    """And not sent to sign in again, while the provider answers."""
    clock = Clock(world)
    arrive(visitor, provider)
    clock.ahead = 2 * STALE_SECONDS
    assert is_in(visitor)


# --- signing out -----------------------------------------------------------------------------


def test_signing_out_ends_the_session_and_leads_to_the_provider(
    visitor: Visitor, provider: ScriptedProvider
) -> None:
    """A copy of the cookie is worth nothing after that."""
    arrive(visitor, provider)
    copy = visitor.cookies[SESSION]
    page = visitor.post("/console/sign-out")
    to = query_of(link(page))
    assert to["post_logout_redirect_uri"] == "https://console.example/console/sign-in"
    assert to["id_token_hint"].count(".") == 2
    visitor.cookies[SESSION] = copy
    assert not is_in(visitor)


def test_signing_out_works_while_the_provider_does_not(
    world: World, visitor: Visitor, provider: ScriptedProvider
) -> None:
    """Here, that is."""
    arrive(visitor, provider)
    copy = visitor.cookies[SESSION]
    provider.down = True
    assert visitor.post("/console/sign-out")["statusCode"] in (200, 303)
    visitor.cookies[SESSION] = copy
    assert not is_in(visitor)


def test_one_signs_out_everywhere_at_once(
    world: World, visitor: Visitor, provider: ScriptedProvider
) -> None:
    """Every browser of theirs, and nobody else's."""
    elsewhere, somebody = Visitor(world), Visitor(world)
    arrive(visitor, provider)
    arrive(elsewhere, provider)
    provider.person |= {"sub": "subject-2", "name": "Grace"}
    arrive(somebody, provider)
    assert text_of(visitor.get(ACCOUNT)).count("since") == 2
    assert visitor.post("/console/sign-out/everywhere")["statusCode"] == 303
    assert [is_in(each) for each in (visitor, elsewhere, somebody)] == [False, False, True]


def test_a_session_that_lapsed_still_tells_whose_it_was(
    world: World, visitor: Visitor, provider: ScriptedProvider
) -> None:
    """So that what they were writing is kept; unless it was ended."""
    clock = Clock(world)
    arrive(visitor, provider)
    sign_in = world.function("console").wiring.sign_in
    session = sign_in._sessions.read(visitor.cookies[SESSION])
    clock.ahead = 9 * 3600
    assert not is_in(visitor)
    assert sign_in.lapsed_caller(session).name == "Ada Lovelace"
    sign_in.end_all(session.person_id)
    assert sign_in.lapsed_caller(session) is None


# --- signing out by the provider -------------------------------------------------------------


def tell(world: World, token: str) -> dict[str, Any]:
    """The provider's server tells that somebody signed out there."""
    event = load_event("http-console")
    event["rawPath"] = event["requestContext"]["http"]["path"] = "/console/back-channel-logout"
    event["requestContext"]["http"]["method"] = "POST"
    event["cookies"] = []
    event["headers"]["content-type"] = "application/x-www-form-urlencoded"
    body = urlencode({"logout_token": token}).encode()
    event["body"], event["isBase64Encoded"] = b64encode(body).decode(), True
    answer: dict[str, Any] = world.call("console", event)
    return answer


def test_the_provider_signs_people_out(
    world: World, visitor: Visitor, provider: ScriptedProvider
) -> None:
    """The session that it names; all of a person's, if it names none. Each token once."""
    arrive(visitor, provider)
    assert tell(world, provider.logout_token(sid="another"))["statusCode"] == 200
    assert is_in(visitor)
    token = provider.logout_token(jti="once-2")
    assert tell(world, token)["statusCode"] == 200
    assert not is_in(visitor)
    arrive(visitor, provider)
    assert tell(world, token)["statusCode"] == 400
    assert is_in(visitor)
    assert tell(world, provider.logout_token(jti="once-3", sid=None))["statusCode"] == 200
    assert not is_in(visitor)


NO_LOGOUT: list[dict[str, Any]] = [
    {"aud": "another"},
    {"iss": "https://evil.example"},
    {"exp": 1},
    {"nonce": "an ID token"},
    {"events": None},
    {"events": {}},
    {"events": "http://schemas.openid.net/event/backchannel-logout"},
    {"sub": None},
    {"jti": None},
]
"""What may be wrong with a logout token."""


def test_a_logout_token_that_is_not_right_ends_nothing(
    world: World, visitor: Visitor, provider: ScriptedProvider
) -> None:
    """An ID token, for one, is none."""
    arrive(visitor, provider)
    for over in NO_LOGOUT:
        assert tell(world, provider.logout_token(**over))["statusCode"] == 400, over
    provider.sign = scripted_provider.signed_by_another
    assert tell(world, provider.logout_token())["statusCode"] == 400
    assert is_in(visitor)


# --- a certified provider --------------------------------------------------------------------


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A provider that is certified, and knows the console."""
    accounts = tmp_path / "accounts.json"
    accounts.write_text(ACCOUNTS.read_text("utf-8"), "utf-8")
    made = Provider("https://console.example", accounts)
    if not PACKAGE.exists() or not shutil.which("node"):
        missing("oidc-provider (`make oidc-provider` fetches it)")
    made.start(access_token_seconds=2)
    yield made
    made.stop()


def at_certified(provider: Provider, url: str, who: str) -> str:
    """Signs in at the provider's own pages; the URL that it sends the browser back to."""
    with requests.Session() as browser:
        browser.trust_env = False
        page = browser.get(url)
        action = html.unescape(re.search(r'action="([^"]+)"', page.text)[1])  # type: ignore[index]
        said = {"prompt": "login", "login": who, "password": "any"}
        answer = browser.post(urljoin(page.url, action), data=said, allow_redirects=False)
        while not (to := answer.headers["Location"]).startswith("https://console.example"):
            answer = browser.get(urljoin(answer.url, to), allow_redirects=False)
        return str(to).removeprefix("https://console.example")


def test_the_whole_way_holds_with_a_certified_provider(
    world: World, visitor: Visitor, certified: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In, by refresh tokens for as long as there are any, and refused for want of a claim."""
    monkeypatch.setenv("OIDC_ISSUER", certified.issuer)
    monkeypatch.setenv("OIDC_SCOPES", certified.parameters()["OidcScopes"])
    monkeypatch.setenv("OIDC_REQUESTED_SCOPES", "openid profile email groups offline_access")
    secret = certified.parameters()["OidcClientSecret"]
    made = world.backend.endpoints.client("secretsmanager").create_secret(
        Name="sendtrail-OidcSecret", SecretString=secret
    )
    allowed = [*policies(world.backend.resources), Statement("ConsoleFunction", "secretsmanager:GetSecretValue", made["ARN"])]  # fmt: skip
    aws.enforce(allowed, world.backend.endpoints)
    monkeypatch.setenv("OIDC_SECRET", made["ARN"])
    clock = Clock(world)
    for who, name in (("ada", "Ada Lovelace"), ("grace", "Grace Hopper")):
        page = visitor.post("/console/sign-in/provider", next=ACCOUNT)
        page = visitor.get(at_certified(certified, link(page), who))
        assert (page["statusCode"], link(page)) == (200, ACCOUNT)
        assert name in text_of(visitor.get(ACCOUNT))
        time.sleep(2.5)  # the access token runs out
        clock.ahead += CHECK_SECONDS + 1
        assert name in text_of(visitor.get(ACCOUNT))
        visitor.cookies.clear()
    page = visitor.post("/console/sign-in/provider")
    page = visitor.get(at_certified(certified, link(page), "guest"))
    assert (page["statusCode"], "you are A guest" in text_of(page)) == (403, True)
