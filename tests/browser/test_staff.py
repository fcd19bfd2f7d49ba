"""Keys and people in a browser: by keyboard, without script, and shown once."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Visit


def test_a_key_is_made_and_removed_by_keyboard_and_without_script(visit: Visit) -> None:
    """It is shown once, on no URL; what was done is listed, by whom."""
    page = visit("/console/staff", java_script_enabled=False)
    page.get_by_text("Add a key").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Whose it is").fill("Volunteers 🎉")
    page.get_by_label("What it may do").select_option("send")
    page.get_by_label("Whose it is").press("Enter")
    key = page.get_by_label("API key").input_value()
    assert key.startswith("st_")
    assert key not in page.url
    expect(page.get_by_role("status")).to_contain_text("shown this once")
    page.get_by_role("link", name="I have noted it").click()
    expect(page).to_have_url(re.compile(r"/console/staff$"))
    row = page.get_by_role("row", name=re.compile("Volunteers"))
    expect(row).to_contain_text("may read and send")
    expect(row).to_contain_text("never")
    row.get_by_role("link", name=re.compile("^Remove")).click()
    page.get_by_role("button", name="Remove the key").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The key Volunteers 🎉 is removed")
    expect(page.get_by_role("row", name=re.compile("Volunteers"))).to_have_count(0)
    page.get_by_role("link", name="What staff did").click()
    rows = page.get_by_role("table").locator("tbody tr")
    expect(rows.nth(0)).to_contain_text("Removed an API key")
    expect(rows.nth(1)).to_contain_text("Added an API key")
    rows.nth(0).get_by_role("link", name="first").click()
    expect(page).to_have_url(re.compile(r"by=key:[0-9a-f]{16}$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("What they did: first")


def test_what_is_wrong_stands_beside_the_field(visit: Visit) -> None:
    """And the link of each leads there; what was written stays."""
    page = visit("/console/staff")
    page.get_by_text("Add a key").click()
    page.get_by_label("Last day").fill("2020-01-01")
    page.get_by_role("button", name="Add the key").click()
    alert = page.get_by_role("alert")
    expect(alert.get_by_role("link")).to_have_count(2)
    expect(page.get_by_label("Last day")).to_have_value("2020-01-01")
    expect(page.get_by_label("Last day")).to_have_attribute("aria-invalid", "true")
    alert.get_by_role("link", name="Say whose it is").click()
    expect(page.get_by_label("Whose it is")).to_be_focused()


def test_somebody_is_signed_out_everywhere(visit: Visit) -> None:
    """Their sessions are none then."""
    page = visit("/console/staff")
    button = page.get_by_role("row", name=re.compile("NNN")).get_by_role("button")
    button.click()
    expect(page.get_by_role("status")).to_contain_text("is signed out everywhere")
    expect(button).to_have_count(0)
