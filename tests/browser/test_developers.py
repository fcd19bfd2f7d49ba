"""What is there for developers, in a real browser: the API's description, curl, JSON, the outbox."""

from __future__ import annotations

import re
import time
from typing import Any, Final

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit, violations
from tests.browser.pages import LONG_ID
from tests.stack.conftest import Stack

CHROME: Final = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36"
)
"""What a browser with a window calls itself; without one it names itself a robot."""
OF_SWAGGER_UI: Final = {
    "nested-interactive": "a route's line is a button, with others in it",
    "heading-order": "its title is a heading of the second level, groups of the third",
    "scrollable-region-focusable": "its examples scroll, and cannot be focused",
    "color-contrast": "colours that it writes into its elements: those of code, and of what is off",
}
"""What axe finds in the component that its page cannot change, and why."""


def overflows(page: Page) -> bool:
    """Whether the page itself scrolls sideways."""
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    return bool(page.evaluate(wide))


# --- the API's description -----------------------------------------------------------------------


@pytest.mark.parametrize("width", [1440, 390])
def test_the_api_is_read_and_tried_out(visit: Visit, axe: str, stack: Stack, width: int) -> None:
    """From the console's footer; by anybody; with a key, on this host. Its policy blocks nothing
    that it needs: the browser has nothing to complain of.
    """
    page = visit("/console", width=width)
    page.get_by_role("contentinfo").get_by_role("link", name="API").click()
    expect(page).to_have_url(re.compile("/v1/docs$"))
    page.context.clear_cookies()
    page.reload()
    route = page.locator("#operations-Participants-getParticipant")
    route.locator(".opblock-summary-control").click()
    assert not overflows(page)
    found = {rule for rule, *_ in violations(page, axe)}
    assert found <= {*OF_SWAGGER_UI}
    page.get_by_role("button", name="Authorize").click()
    dialog = page.locator(".auth-container")
    dialog.locator("input").fill(stack.state["api_key"])
    dialog.get_by_role("button", name="Apply").or_(dialog.locator("button.authorize")).first.click()
    page.locator(".btn-done").click()
    route.get_by_role("button", name="Try it out").click()
    route.locator(".parameters input").first.fill("jane")
    route.get_by_role("button", name="Execute").click()
    told = route.locator(".live-responses-table")
    expect(told).to_contain_text("200")
    expect(told).to_contain_text("jane@gmail.com")
    assert not overflows(page)


# --- curl and JSON -------------------------------------------------------------------------------


def test_a_page_is_copied_as_curl(visit: Visit) -> None:
    """By its button; without a script it stands there to be selected."""
    page = visit(
        "/console/people?state=suppressed", permissions=["clipboard-write", "clipboard-read"]
    )
    page.get_by_text("Show as curl").click()
    shown = page.get_by_role("region", name="Command 1")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == shown.text_content()
    assert "/v1/participants" in copied
    assert "state=suppressed" in copied
    plain = visit("/console/people?q=n", java_script_enabled=False)
    plain.get_by_text("Show as curl").click()
    expect(plain.get_by_role("region", name="Command 1")).to_be_visible()
    expect(plain.get_by_role("button", name="Copy")).to_have_count(0)


@pytest.mark.parametrize("width", [1440, 390])
def test_what_opens_for_developers_fits_and_keeps_nobody_out(
    visit: Visit, axe: str, width: int
) -> None:
    """All JSON and all commands of pages with bad data, opened."""
    for path in (f"/console/participants/{LONG_ID}/timeline", f"/console/participants/{LONG_ID}"):
        page = visit(path, width=width)
        if not path.endswith("timeline"):
            page.locator("a.opens", has_text="W" * 40).first.click()
            page.locator("tr.inside .trail").wait_for()
        page.locator("details.json, details.curl").evaluate_all(
            "(all) => all.forEach((each) => each.open = true)"
        )
        expect(page.locator("details.json pre").first).to_contain_text('"at": "2026-11-')
        assert not overflows(page)
        assert violations(page, axe) == []


# --- the outbox ----------------------------------------------------------------------------------


@pytest.fixture
def own_mail(stack: Stack) -> dict[str, Any]:
    """Something sent to oneself: who it is to, and its number in the outbox."""
    # Links to the stack's own URL are not tracked: this leads there by another name.
    elsewhere = stack.state["gateway"].replace("127.0.0.1", "localhost")
    body = {
        "participant_id": "myself",
        "address": "myself@society.example",
        "subject": "To myself",
        "html": (
            f'<html><body><p>Look at <a href="{elsewhere}/v1/docs">what there is'
            "</a>, when you have the time for it.</p></body></html>"
        ),
    }
    status, sent = stack.get("/v1/messages", method="POST", body=body)
    assert status == 202

    def is_delivered() -> bool:
        _, found = stack.get(f"/v1/participants/myself/messages/{sent['message_id']}")
        return bool(found.get("delivered_at"))

    stack.eventually(is_delivered)
    time.sleep(5.5)  # what comes within 5 seconds of sending is taken for a machine's
    return dict(sent)


def test_ones_own_mail_is_opened_and_followed(
    visit: Visit, axe: str, stack: Stack, own_mail: dict[str, Any]
) -> None:
    """Found in the outbox, opened, its link followed; the console says that a person did it. Then
    it is marked as spam, and the console says so, too.
    """
    page = visit("/console", user_agent=CHROME, complains=True)  # of the pixel, until it is opened
    page.get_by_role("contentinfo").get_by_role("link", name="Outbox").click()
    page.get_by_label("To an address with").fill("MYSELF@")
    page.get_by_role("button", name="Find").click()
    assert violations(page, axe) == []
    page.get_by_role("link", name="To myself").first.click()
    page.get_by_role("link", name="Open it, with its pictures").click()
    expect(page.locator("main")).to_contain_text("it was opened")
    assert violations(page, axe) == []
    with page.context.expect_page() as opened:
        page.frame_locator("iframe").get_by_role("link", name="what there is").click()
    expect(opened.value).to_have_url(re.compile("/v1/docs$"))
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert not overflows(page)
    path = f"/v1/participants/myself/messages/{own_mail['message_id']}"
    stack.eventually(lambda: stack.get(path)[1]["human_click_count"] == 1)
    stack.eventually(lambda: stack.get(path)[1]["human_open_count"] == 1)
    page.get_by_role("button", name="Mark as spam").click()
    expect(page.get_by_role("status")).to_contain_text("They marked it as spam")
    stack.eventually(lambda: stack.get(path)[1]["spammed_at"])
    page.get_by_role("link", name="Its trail in the console").click()
    expect(page.locator("main")).to_contain_text("1 open, 1 by people")
    expect(page.locator("main")).to_contain_text("1 click, 1 by people")
    expect(page.locator(".badge").first).to_contain_text("spam", ignore_case=True)
