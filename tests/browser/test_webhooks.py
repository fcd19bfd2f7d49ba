"""Webhooks in a browser: by keyboard, without script, the secret shown once."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Visit


def test_a_webhook_is_added_and_removed_by_keyboard_and_without_script(visit: Visit) -> None:
    """Its secret stands on one page and no URL; types are shown where some are wanted."""
    page = visit("/console/staff", java_script_enabled=False)
    page.get_by_role("link", name="Webhooks").click()
    page.get_by_role("link", name="Add a webhook").click()
    page.get_by_label("URL").fill("https://books.example.org/hook")
    page.get_by_label("Description").fill("Books 🎉")
    bounced = page.get_by_label(re.compile("Bounced"))
    expect(bounced).to_be_hidden()
    page.get_by_label("All events").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Only these:")).to_be_checked()
    bounced.focus()
    page.keyboard.press("Space")
    page.get_by_label("URL").press("Enter")
    secret = page.get_by_label("Secret", exact=True).input_value()
    assert secret.startswith("whsec_")
    assert secret not in page.url
    expect(page.get_by_role("status")).to_contain_text("shown this once")
    page.get_by_role("link", name="I have noted it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Books 🎉")
    assert secret not in page.content()
    expect(page.get_by_text("message.bounced")).to_be_visible()
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove the webhook").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Books 🎉 is removed.")
    expect(page.get_by_role("link", name="Books")).to_have_count(0)


def test_what_is_wrong_stands_beside_the_field(visit: Visit) -> None:
    """And the link of each leads there; what was written stays."""
    page = visit("/console/webhook")
    page.get_by_label("Only these:").check()
    page.get_by_label("Description").fill("CRM")
    page.get_by_role("button", name="Add the webhook").click()
    alert = page.get_by_role("alert")
    expect(alert.get_by_role("link")).to_have_count(2)
    expect(page.get_by_label("Description")).to_have_value("CRM")
    expect(page.get_by_label("URL")).to_have_attribute("aria-invalid", "true")
    alert.get_by_role("link", name="Choose at least one").click()
    expect(page.get_by_label("Only these:")).to_be_focused()
    alert.get_by_role("link", name="Say where events").click()
    expect(page.get_by_label("URL")).to_be_focused()


def test_the_home_page_leads_to_a_webhook_that_is_switched_off(visit: Visit) -> None:
    """Which says why, and offers what to do; its deliveries come in pages."""
    page = visit("/console")
    concerns = page.get_by_role("region", name="What needs attention")
    concerns.get_by_role("listitem").filter(has_text="is switched off").get_by_role("link").click()
    expect(page.get_by_text("Nothing was taken for a day.")).to_be_visible()
    expect(page.get_by_role("button", name="Switch it on again")).to_be_visible()
    expect(page.get_by_text("Send again")).to_have_count(0)
    page.goto("/console/webhooks")
    page.get_by_role("link", name="CRM").click()
    rows = page.get_by_role("table").locator("tbody tr")
    expect(rows).to_have_count(25)
    page.get_by_role("link", name="Next").click()
    expect(rows).to_have_count(15)
