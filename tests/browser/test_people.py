"""People, in a real browser: half a name leads to why somebody's mail did not arrive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from local.notifications import Mail
from sendtrail.domain.ids import derived_message_id
from tests.browser.conftest import Visit
from tests.stack.conftest import Stack

PEOPLE = "/console/people"
WALTER = "/console/participants/w-17"
LONG = "\U0001f389 \u0645\u0631\u062d\u0628\u0627 <b>" + "W" * 280


def mail() -> Iterator[Any]:
    """Three mails to somebody: one bounces, and two are held back."""
    for day, reason in ((1, "bounce"), (2, "dropped"), (3, "dropped")):
        sent_at, ses_id = f"2026-11-0{day}T10:00:00.000Z", f"ses-walter-{day}"
        address = "walter@gmx.de"
        tags = {
            "participant_id": "w-17",
            "message_id": derived_message_id(sent_at, ses_id, address),
            "kind": "newsletter",
        }
        one = Mail(ses_id, sent_at, [address], f"News of day {day}", tags=tags)
        yield one.send()
        at = f"2026-11-0{day}T10:00:05.000Z"
        if reason == "bounce":
            yield one.bounce(at)
        else:
            yield one.bounce(at, "Permanent", "OnAccountSuppressionList")


@pytest.fixture(scope="module", autouse=True)
def walter(stack: Stack) -> None:
    """Somebody whose mail did not arrive."""
    for who, name in (("w-17", "Walter M\u00fcller"), ("w-18", LONG)):
        path = f"/v1/participants/{who}"
        assert stack.get(path, method="PUT", body={"name": name})[0] == 200
    stack.publish(list(mail()))

    def bounced() -> bool:
        _, found = stack.get("/v1/participants/w-17/messages")
        statuses = [each["status"] for each in found["items"]]
        _, person = stack.get("/v1/participants/w-17")
        return statuses == ["dropped", "dropped", "bounced"] and bool(person["suppression"])

    stack.eventually(bounced, 120)
    body = {"subscribed": False}
    assert stack.get("/v1/participants/w-17/subscription", method="PUT", body=body)[0] == 200


@pytest.mark.parametrize("width", [1440, 390])
def test_half_a_name_leads_to_why_mail_did_not_arrive(visit: Visit, width: int) -> None:
    """By the list, and by the box at the top; each message says what became of it, and why."""
    page = visit(PEOPLE, width=width)
    page.get_by_label("Name, id or address begins with").fill("mull")
    page.get_by_role("button", name="Search").click()
    row = page.get_by_role("row").filter(has_text="Walter")
    expect(row).to_contain_text("Gets no mail, because mail to their address bounced")
    row.get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Walter M\u00fcller")).to_be_visible()
    page.get_by_role("link", name="Timeline").click()
    lines = page.get_by_role("list", name="Timeline, newest first").get_by_role("listitem")
    expect(lines.filter(has_text="Unsubscribed from mailings")).to_have_count(1)
    expect(lines.filter(has_text="News of day 3")).to_contain_text("Dropped")
    expect(lines.filter(has_text="News of day 3")).to_contain_text("list")
    expect(lines.filter(has_text="News of day 1")).to_contain_text("550 5.1.1")
    expect(lines.filter(has_text="Address suppressed")).to_have_count(1)
    page.get_by_role("searchbox", name=re.compile("Find")).fill("walt")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/console/participants/w-17$"))


def test_a_name_is_changed_by_keyboard_alone(visit: Visit) -> None:
    """From the person's page."""
    page = visit("/console/participants/w-18")
    page.get_by_text("Change the name").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Name", exact=True).fill("Wilma")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Wilma")).to_be_visible()
    page.get_by_text("Change the name").click()
    page.get_by_label("Name", exact=True).fill(LONG)
    page.get_by_role("button", name="Save the name").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("<b>WWW")
