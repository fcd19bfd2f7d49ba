"""Messages of no mailing and Find in a real browser."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from local.notifications import Mail
from tests.browser.conftest import Visit
from tests.stack.conftest import Stack

MESSAGES: Final = "/console/messages"
TODAY: Final = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
LONG: Final = "W" * 300


def time_of(days: int, minutes: int = 0) -> str:
    """A time so many days ago."""
    at = TODAY - timedelta(days=days) + timedelta(minutes=minutes)
    return f"{at:%Y-%m-%dT%H:%M:%S}.000Z"


def direct(days: int, person: str, kind: str, subject: str) -> Mail:
    """A mail of no mailing."""
    tags = {"participant_id": person, "kind": kind}
    ses_id = f"direct-{person}-{days}"
    return Mail(ses_id, time_of(days, 60), [f"{person}@gmx.de"], subject, tags=tags)


@pytest.fixture(scope="module")
def directs(stack: Stack) -> list[Mail]:
    """Invoices and letters of the last weeks, some of which bounced; and odd ones."""
    mails = [direct(days, f"owes-{days:02}", "invoice", f"Invoice {days}") for days in range(1, 31)]
    mails += [direct(3, "letters", "letter", "A letter"), direct(9, "x" * 128, "k" * 60, LONG)]
    mails.append(direct(9, "rtl", "invoice", "\N{RIGHT-TO-LEFT OVERRIDE}\N{HEBREW LETTER ALEF}<b>"))
    bounced = [mails[number] for number in (1, 4, 19)] + [mails[30]]  # of 2, 5, 20 and 3 days ago
    stack.publish([each.send() for each in mails])
    stack.publish([each.bounce(each.sent_at[:17] + "09.000Z") for each in bounced])

    def are_there() -> bool:
        _, found = stack.get("/v1/messages", kind="invoice", did="bounced")
        _, invoices = stack.get("/v1/messages", kind="invoice", limit=100)
        return len(found["items"]) == 3 and len(invoices["items"]) == len(mails) - 2

    stack.eventually(are_there, 120)
    return mails


def overflows(page: Page) -> bool:
    """Whether the page itself scrolls sideways."""
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    return bool(page.evaluate(wide))


@pytest.mark.parametrize("width", [1440, 390])
def test_last_weeks_bounced_invoices_are_found(
    visit: Visit, directs: list[Mail], width: int, tmp_path: Path
) -> None:
    """By kind, what happened and days; each opens its own page, and the file has the same."""
    page = visit(MESSAGES, width=width)
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(25)
    page.get_by_label("Kind").fill("invoice")
    page.get_by_label("What happened").select_option("Bounced")
    page.get_by_label("From").fill(time_of(7)[:10])
    page.get_by_label("To", exact=True).fill(time_of(0)[:10])
    page.get_by_role("button", name="Show", exact=True).click()
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Invoice 2")
    expect(rows.first).to_contain_text("The address does not work, for good")
    assert not overflows(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    saved = tmp_path / "messages.csv"
    download.value.save_as(saved)
    found = list(csv.DictReader(saved.open(encoding="utf-8")))
    assert [row["participant_id"] for row in found] == ["owes-02", "owes-05"]
    page.get_by_role("link", name="Invoice 5").click()
    expect(page.get_by_role("heading", name="Invoice 5")).to_be_visible()
    expect(page).to_have_url(re.compile("/participants/owes-05/messages/"))


def test_a_mailing_is_found_by_part_of_its_name_and_a_message_by_its_id(
    visit: Visit, stack: Stack, directs: list[Mail]
) -> None:
    """By keyboard alone, and without JavaScript."""
    page = visit("/console/communications", java_script_enabled=False)
    box = page.get_by_role("searchbox", name=re.compile("^Find a person"))
    box.fill("festival AUTUMN")
    page.keyboard.press("Enter")
    page.locator("main").get_by_role("link", name="autumn-festival").click()
    expect(page).to_have_url(re.compile("/communications/autumn-festival$"))
    (newest, *_) = stack.get("/v1/messages", kind="invoice")[1]["items"]
    box.fill(newest["message_id"])
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/messages/{newest['message_id']}$"))


def test_an_address_that_is_looked_for_is_in_no_url(visit: Visit) -> None:
    """Nor does the page ask to send the form again when it is reloaded."""
    page = visit("/console/messages")
    page.get_by_role("searchbox").fill("nobody@where.example")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("nobody@where.example")
    assert "where" not in page.url
    page.reload()
    expect(page.locator("main")).to_contain_text("nobody@where.example")
