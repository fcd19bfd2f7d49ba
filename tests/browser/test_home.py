"""The home page in a browser: with what is good and bad, narrow and wide, and by keyboard."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from local.aws import Endpoints
from local.notifications import Mail
from tests.browser.conftest import BROWSER, Visit
from tests.stack.conftest import Stack

DAYS = 60


def recent() -> list[Any]:
    """Mail of the last days, some of which bounced, to providers of all sorts."""
    said: list[Any] = []
    domains = ("gmail.com", "outlook.com", "yahoo.com", "gmx.de")
    for number in range(60):
        at = datetime.now(UTC) - timedelta(days=number % 25 + 1)
        sent_at = f"{at:%Y-%m-%dT%H:%M:%S.000Z}"
        later = f"{at + timedelta(hours=3):%Y-%m-%dT%H:%M:%S.000Z}"
        mail = Mail(f"home-{number}", sent_at, [f"home-{number}@{domains[number % 4]}"], "Hello")
        said.append(mail.send())
        if number % 12 == 0:
            said.append(mail.bounce(later))
            continue
        said += [mail.delivery(later)]
        said += [mail.open(later, BROWSER)] if number % 2 else []
        said += [mail.click(later, "https://society.example/", BROWSER)] if number % 5 == 1 else []
        said += [mail.complaint(later)] if number == 13 else []
    return said


@pytest.fixture(scope="module", autouse=True)
def told(stack: Stack) -> None:
    """A stack with mail of the last days, and a dead letter."""
    stack.publish(recent())

    def is_counted() -> bool:
        _, found = stack.get("/v1/overview?days=30")
        return bool(found["total"]["hard_bounced"] >= 5 and found["total"]["human_clicked"] >= 8)

    stack.eventually(is_counted, 120)
    sqs = Endpoints(stack.state["aws_endpoint"]).client("sqs")
    sqs.send_message(QueueUrl=stack.state["ingest_dlq_url"], MessageBody="odd")


def test_it_says_what_is_wrong_and_what_to_do(visit: Visit) -> None:
    """The dead letter, and a bounce rate of few messages."""
    page = visit("/console")
    concerns = page.get_by_role("region", name="What needs attention")
    expect(concerns).to_contain_text("1 in IngestDlq")
    expect(concerns).to_contain_text("sendtrail redrive")
    expect(concerns).to_contain_text("More mail bounces for good")
    expect(page.get_by_role("img", name=re.compile("^Bounce rate"))).to_be_visible()
    expect(page.get_by_text("Clicks say more than opens")).to_be_visible()
    providers = page.get_by_role("table", name="Mailbox providers")
    expect(providers.get_by_role("row", name=re.compile("^gmail"))).to_contain_text("unknown")
    expect(page.get_by_role("table", name="Latest mailings").locator("tbody tr")).to_have_count(5)


def test_days_are_chosen_by_keyboard_and_without_script(visit: Visit) -> None:
    """Seven of them, and until a day of the past."""
    page = visit("/console", java_script_enabled=False)
    page.get_by_role("link", name="7 days").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"\?days=7$"))
    chart = page.get_by_role("img", name=re.compile("^Sent, and opened by people: "))
    expect(chart).to_be_visible()
    last = f"{datetime.now(UTC) - timedelta(days=DAYS):%Y-%m-%d}"
    page.get_by_label("Until").fill(last)
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(f"days=7&until={last}$"))
    expect(page.get_by_text("Nothing was sent in these days.")).to_be_visible()
    page.get_by_role("link", name="30 days").click()
    expect(page).to_have_url(re.compile(f"days=30&until={last}$"))
    page.get_by_role("link", name="Until today").click()
    expect(page.get_by_text("Nothing was sent in these days.")).to_have_count(0)


def test_a_chart_is_a_table_too(visit: Visit) -> None:
    """Each day of it."""
    page = visit("/console?days=7")
    table = page.get_by_role("table", name="Each day, in numbers")
    expect(table).to_be_hidden()
    page.get_by_text("The same in numbers").click()
    expect(table.locator("tbody tr")).to_have_count(7)
