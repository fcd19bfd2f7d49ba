"""Signing in by one's own name, in Chromium, at a certified provider that runs beside the stack."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.browser.conftest import violations
from tests.stack.conftest import Stack
from tests.support import ROOT, copy_of_tree, missing

WANTED = "/console/people?q=jane"
BUTTON = "Sign in with your organisation"
BACK = re.compile(r".*/console/sign-in/back.*")
NPM = Path(os.environ.get("SENDTRAIL_NPM", ROOT / ".local/npm"))


@pytest.fixture(scope="module")
def stack(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with a provider beside it."""
    if not (NPM / "node_modules/oidc-provider").exists():
        missing("oidc-provider (`make oidc-provider` fetches it)")
    made = Stack(copy_of_tree(tmp_path_factory.mktemp("sign-in")))
    (made.tree / ".local").mkdir()
    (made.tree / ".local/npm").symlink_to(NPM.resolve())
    made.start("--sign-in")
    try:
        yield made
    finally:
        made.stop()


Enter = Callable[[], Page]


@pytest.fixture
def enter(browser: Browser, stack: Stack) -> Iterator[Enter]:
    """Opens a page of another browser each time; none of it has anything blocked by the policy."""
    contexts: list[BrowserContext] = []
    blocked: list[str] = []

    def enter() -> Page:
        context = browser.new_context(
            base_url=stack.state["gateway"], viewport={"width": 1440, "height": 900}
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on(
            "console",
            lambda said: blocked.append(said.text) if "Content Security" in said.text else None,
        )
        return page

    yield enter
    for context in contexts:
        context.close()
    assert [each for each in blocked if "/console" in each] == []


def sign_in(page: Page, who: str, wanted: str = WANTED) -> None:
    """Asks for a page, and signs in at the provider."""
    page.goto(wanted)
    page.get_by_role("button", name=BUTTON).click()
    at_provider(page, who)


def at_provider(page: Page, who: str) -> None:
    """Signs in, at the provider's page."""
    page.wait_for_url("**/interaction/**")
    page.locator('input[name="login"]').fill(who)
    page.locator('input[name="password"]').fill("any")
    page.locator('button[type="submit"]').click()


def expect_in(page: Page, name: str = "Ada Lovelace") -> None:
    """Who is signed in is named on the page."""
    expect(page.locator("header .who").first).to_contain_text(name)


def expect_out(page: Page) -> None:
    """A page of somebody who is signed in leads to sign-in."""
    page.goto("/console/people")
    expect(page.get_by_role("button", name=BUTTON)).to_be_visible()


def accounts(stack: Stack, who: str, **claims: Any) -> None:
    """Changes what the provider says of somebody."""
    path = stack.tree / "local/oidc_accounts.json"
    known = json.loads(path.read_text("utf-8"))
    known[who] |= claims
    path.write_text(json.dumps(known), "utf-8")


def caught(page: Page, who: str) -> str:
    """Signs in, but for the last step: the URL with which the provider sends the browser back."""
    found: list[str] = []

    def catch(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        answer = route.fetch(max_redirects=0)
        while not BACK.fullmatch(to := urljoin(answer.url, answer.headers["location"])):
            answer = page.context.request.get(to, max_redirects=0)
        found.append(to)
        route.fulfill(body="caught", content_type="text/plain")

    page.route("**/interaction/**", catch)
    sign_in(page, who)
    page.get_by_text("caught").wait_for()
    page.unroute("**/interaction/**")
    return found[0]


def altered(url: str, **query: str) -> str:
    """A URL with other parameters."""
    known = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    return f"{url.partition('?')[0]}?{urlencode(known | query)}"


def test_one_lands_on_the_page_asked_for(enter: Enter, stack: Stack) -> None:
    """From the console, to the provider, and back, without a key."""
    page = enter()
    sign_in(page, "ada")
    page.wait_for_url(f"{stack.state['gateway']}{WANTED}")
    expect_in(page)
    names = {cookie["name"] for cookie in page.context.cookies(stack.state["gateway"] + "/console")}
    assert names == {"sendtrail_session"}
    page.goto("/console/sign-in")
    expect_in(page)


def test_the_pages_are_good_at_every_width(enter: Enter, stack: Stack, axe: str) -> None:
    """Those of signing in, of who may not enter, and of one's account, light and dark."""
    page, refused = enter(), enter()
    sign_in(page, "ada", "/console/account")
    sign_in(refused, "guest")
    refused.get_by_role("heading", name="You may not enter yet").wait_for()
    with closing(enter()) as nobody:
        nobody.goto("/console/sign-in")
        for each in (page, refused, nobody):
            for width in (1440, 390):
                for scheme in ("light", "dark"):
                    each.set_viewport_size({"width": width, "height": 900})
                    each.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                    assert each.evaluate("document.documentElement.scrollWidth") <= width
                    assert violations(each, axe) == [], (each.url, width, scheme)


def test_who_has_no_claim_is_told_what_to_ask_for(enter: Enter) -> None:
    """And may be somebody else, by keyboard, and lands on the page first asked for."""
    page = enter()
    sign_in(page, "guest")
    expect(page.get_by_role("heading", name="You may not enter yet")).to_be_visible()
    for said in ("you are A guest", "groups: mail-admins", "groups: visitors"):
        expect(page.locator("main")).to_contain_text(said)
    page.get_by_role("button", name="Sign in as somebody else").focus()
    page.keyboard.press("Enter")
    at_provider(page, "ada")
    page.wait_for_url(f"**{WANTED}")
    expect_in(page)


def test_a_claim_that_changes_takes_effect_within_a_minute(enter: Enter, stack: Stack) -> None:
    """By the clock on the wall."""
    page = enter()
    sign_in(page, "rosa", "/console/account")
    compose = page.locator("header nav").first.get_by_role("link", name="Compose")
    expect_in(page, "Rosa Parks")
    expect(compose).to_have_count(0)
    accounts(stack, "rosa", groups=["marketing"])
    deadline = time.monotonic() + 60
    while compose.count() == 0:
        assert time.monotonic() < deadline
        page.wait_for_timeout(4_000)
        page.reload()
    expect_in(page, "Rosa Parks")


def test_one_is_signed_out_everywhere_at_once(enter: Enter) -> None:
    """In the other browser, too, at its next page; and nobody else is."""
    here, elsewhere, somebody = enter(), enter(), enter()
    sign_in(here, "ada", "/console/account")
    sign_in(elsewhere, "ada")
    sign_in(somebody, "grace")
    for page in (here, elsewhere):
        expect_in(page)
    expect_in(somebody, "Grace Hopper")
    here.get_by_role("button", name="Sign out everywhere").click()
    expect_out(elsewhere)
    expect_out(here)
    somebody.reload()
    expect_in(somebody, "Grace Hopper")


def test_signing_out_signs_out_at_the_provider(enter: Enter) -> None:
    """Whoever signs in next in this browser is asked who they are."""
    page = enter()
    sign_in(page, "ada")
    expect_in(page)
    page.get_by_role("button", name="Sign out").first.click()
    page.wait_for_url("**/session/end**")
    page.get_by_role("button", name=re.compile("Yes")).click()
    page.wait_for_url("**/console/sign-in**")
    expect_out(page)
    page.get_by_role("button", name=BUTTON).click()
    at_provider(page, "grace")
    expect_in(page, "Grace Hopper")


def test_signing_out_at_the_provider_signs_out_here(enter: Enter, stack: Stack) -> None:
    """Its server tells the console, whose cookie the browser still has."""
    page = enter()
    sign_in(page, "ada")
    expect_in(page)
    page.goto(f"{stack.state['provider']['issuer']}/session/end")
    page.get_by_role("button", name=re.compile("Yes")).click()
    page.get_by_role("heading", name="Sign-out Success").wait_for()
    expect_out(page)


def test_what_is_stolen_gets_nowhere(enter: Enter) -> None:
    """The provider's answer in another browser, one of another provider, a code of somebody else's
    attempt, and an answer that was used.
    """
    victim, thief = enter(), enter()
    answer = caught(victim, "ada")
    for url in (answer, altered(answer, state="x" * 32)):
        thief.goto(url)
        expect(thief.get_by_role("heading", name="You were not signed in")).to_be_visible()
    expect_out(thief)

    victim.goto(altered(answer, iss="https://evil.example"))
    expect(victim.locator("main")).to_contain_text("not from the provider that was asked")
    expect_out(victim)

    theirs, mine = caught(thief, "grace"), caught(enter_again(victim), "ada")
    code = parse_qs(urlsplit(theirs).query)["code"][0]
    victim.goto(altered(mine, code=code))
    expect(victim.locator("main")).to_contain_text("the provider refused it: invalid_grant")
    expect_out(victim)

    answer = caught(enter_again(victim), "ada")
    victim.goto(answer)
    expect_in(victim)
    for page in (victim, thief):
        page.goto(answer)
        expect(page.get_by_role("heading", name="You were not signed in")).to_be_visible()
    expect_out(thief)


def enter_again(page: Page) -> Page:
    """The page of a browser that has forgotten who was signed in, here and at the provider."""
    page.context.clear_cookies()
    return page


def test_a_page_that_came_from_elsewhere_needs_no_second_sign_in(
    enter: Enter, stack: Stack
) -> None:
    """A link in a mail leads to sign-in, whose button leads back at once: the provider knows them."""
    page = enter()
    sign_in(page, "ada")
    expect_in(page)
    link = json.dumps(stack.state["gateway"] + WANTED)
    page.goto(stack.state["provider"]["issuer"] + "/.well-known/openid-configuration")
    page.evaluate(f"location = {link}")
    page.get_by_role("button", name=BUTTON).click()
    page.wait_for_url(f"**{WANTED}")
    expect_in(page)


def test_keys_work_without_the_provider(enter: Enter, stack: Stack) -> None:
    """It is killed: who is signed in goes on, and who is not is told, and has the form for a key."""
    before, page = enter(), enter()
    sign_in(before, "ada")
    expect_in(before)
    os.kill(stack.state["provider"]["pid"], signal.SIGKILL)
    before.reload()
    expect_in(before)
    page.goto(WANTED)
    page.get_by_role("button", name=BUTTON).click()
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    page.get_by_label("API key").fill(stack.state["api_key"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"**{WANTED}")
    expect_in(page, "first")
