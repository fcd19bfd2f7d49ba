"""Templates in a real browser: somebody writes one, mends it, tries it, and looks at what changed."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit, violations

LIST = "/console/templates"
GOOD = "success@simulator.amazonses.com"
WRONG = "<h1>Dear {{ name }},</h1>\n<p>{{ event.title | shout }}</p>"
RIGHT = WRONG.replace("shout", "upcase")


def test_a_mistake_is_told_with_its_line_and_mended(visit: Visit, axe: str) -> None:
    """While it is written; then the preview follows what is written, and leaves no step to go back."""
    page = visit(LIST)
    page.get_by_role("link", name="New template").click()
    page.get_by_label("Name", exact=True).fill("walk")
    page.get_by_label("Subject").fill("A walk for {{ name }}")
    page.get_by_label("HTML").fill(WRONG)
    fault = page.locator("#fault-html")
    expect(fault).to_contain_text("Line 2, column")
    expect(fault).to_contain_text("there is no filter 'shout'")
    expect(page.locator(".gutter b")).to_have_text("2")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("there is no filter 'shout'")
    assert violations(page, axe) == []
    page.get_by_role("alert").get_by_role("link", name="HTML").click()
    expect(page.get_by_label("HTML")).to_be_focused()
    steps = page.evaluate("history.length")
    page.get_by_label("HTML").fill(RIGHT)
    frame = page.frame_locator("iframe.mail").first
    expect(frame.get_by_text("Dear name,")).to_be_visible()
    expect(fault).to_have_count(0)
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_label("name", exact=True).fill("Ann")
    expect(frame.get_by_text("Dear Ann,")).to_be_visible()
    expect(page.get_by_text("A walk for Ann")).to_be_visible()
    expect(page.locator("iframe")).to_have_count(1)
    assert page.evaluate("history.length") == steps


def test_a_test_is_sent_and_versions_are_compared(visit: Visit) -> None:
    """To oneself, of what is not saved yet; then two versions, side by side, and one restored."""
    page = visit("/console/template")
    page.get_by_label("Name", exact=True).fill("ride")
    page.get_by_label("Subject").fill("A walk for {{ name }}")
    page.get_by_label("HTML").fill(RIGHT)
    frame = page.frame_locator("iframe.mail").first
    expect(frame.get_by_text("Dear name,")).to_be_visible()
    page.get_by_label("name", exact=True).fill("Ann")
    expect(frame.get_by_text("Dear Ann,")).to_be_visible()
    page.get_by_label("Your address").fill(GOOD)
    page.get_by_role("button", name="Send me a test").click()
    expect(page.get_by_role("status").first).to_contain_text(f"A test goes to {GOOD}")
    expect(frame.get_by_text("Dear Ann,")).to_be_visible()
    trail = page.get_by_role("link", name="What became of it").get_attribute("href") or ""
    assert GOOD not in page.url + trail
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved as version 1.")
    page.reload()
    expect(page.get_by_role("status")).to_have_count(0)
    page.get_by_role("link", name="Edit").click()
    expect(page.get_by_label("Your address")).to_have_value(GOOD)
    page.get_by_label("HTML").fill(f"{RIGHT}\n<p>Bring boots.</p>")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved as version 2.")
    page.get_by_role("link", name="Versions").click()
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("ins")).to_have_text("<p>Bring boots.</p>")
    expect(page.locator("del")).to_have_count(0)
    page.get_by_role("link", name="Versions of ride").click()
    page.get_by_role("button", name="Restore version 1").click()
    expect(page.get_by_role("status")).to_contain_text("it is version 3 now")
    for _ in range(30):
        page.goto(trail)
        if page.get_by_role("heading", name=re.compile("Test")).count():
            break
        page.wait_for_timeout(1_000)
    expect(page.get_by_role("heading", name="[Test] A walk for Ann")).to_be_visible()


@pytest.mark.parametrize("width", [1440, 390])
def test_a_template_is_written_without_a_script(visit: Visit, width: int) -> None:
    """The mail is shown in its frame by a button, and Enter saves nothing."""
    page = visit("/console/template", width=width, java_script_enabled=False)
    name = f"plain-{width}"
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("HTML").fill("<p>Dear {{ name }},</p>")
    page.get_by_label("Subject").fill("Plain")
    page.get_by_label("Subject").press("Enter")
    page.get_by_label("name", exact=True).fill("Ann")
    page.get_by_role("button", name="Show the mail in the frame").click()
    expect(page.frame_locator("iframe.mail").first.get_by_text("Dear Ann,")).to_be_visible()
    other = visit(f"{LIST}/{name}")
    expect(other.get_by_role("heading", name=name, exact=True)).to_have_count(0)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    expect(page.frame_locator("iframe.mail").first.get_by_text("Dear name,")).to_be_visible()


def test_two_who_edit_one_template_lose_nothing(visit: Visit) -> None:
    """The second is told, with what differs, and may save theirs after it."""
    first, second = (visit(f"{LIST}/evening/edit") for _ in range(2))
    first.get_by_label("Subject").fill("Of the first")
    first.get_by_role("button", name="Save").click()
    expect(first.get_by_role("status")).to_contain_text("Saved as version")
    second.get_by_role("textbox", name="Subject").fill("Of the second")
    second.get_by_role("button", name="Save").click()
    expect(second.get_by_role("alert")).to_contain_text("was saved meanwhile")
    expect(second.get_by_role("alert")).to_contain_text("by first")
    expect(second.locator("del")).to_have_text("Of the first")
    expect(second.get_by_role("textbox", name="Subject")).to_have_value("Of the second")
    second.get_by_role("button", name="Save").click()
    expect(second.get_by_role("status")).to_contain_text("Saved as version")
