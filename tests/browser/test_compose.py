"""Composing in a real browser: drafts, an earlier mailing's recipients, a time to send, and stopping."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from xlsxwriter import Workbook

from sendtrail.auth.sessions import Sessions
from sendtrail.auth.signing_keys import SigningKeyRing
from tests.browser.conftest import Visit, violations
from tests.stack.conftest import Stack

COMPOSE = "/console/compose"
COOKIE = "sendtrail_session"


def write(page: Page, name: str, recipients: str | None = None) -> None:
    """Fills in a mailing."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Kind").fill("evening")
    page.get_by_label("Template").fill("evening")
    if recipients is not None:
        page.get_by_label("Recipients", exact=True).fill(recipients)


def table(name: str, count: int = 2) -> str:
    """Recipients who get their mail."""
    rows = [f"{name}-{n},success+{name}{n}@simulator.amazonses.com,R{n}" for n in range(count)]
    return "\n".join(["participant_id,address,name", *rows])


def other_staff(stack: Stack, page: Page) -> None:
    """Signs in by a key of their own."""
    key = stack.sendtrail("key", "make", "send", "--name", "ben").stdout
    found = re.search(r"\S{40,}", key)
    assert found, key
    page.goto("/console/sign-in")
    for _ in range(40):  # a new key is known within a minute
        page.get_by_label("API key").fill(found[0])
        page.get_by_role("button", name="Sign in").click()
        if page.get_by_role("alert").count() == 0:
            return
        page.wait_for_timeout(2_000)
    raise AssertionError("the new key is not known")


def lapse(stack: Stack, page: Page) -> None:
    """Ends the session of a browser an hour ago, as eight hours do."""
    secrets = stack.endpoints.client("secretsmanager")
    ring = SigningKeyRing(
        lambda: secrets.get_secret_value(SecretId=stack.state["resources"]["SessionKeys"])[
            "SecretString"
        ]
    )
    (cookie,) = [each for each in page.context.cookies() if each["name"] == COOKIE]
    session = Sessions(ring).read(cookie["value"])
    assert session
    ended = type(session)(session.fingerprint, session.form_secret, int(time.time()) - 3600)
    page.context.add_cookies([{**cookie, "value": Sessions(ring).write(ended)}])  # type: ignore[list-item]


def test_last_months_recipients_get_a_mailing_on_friday_at_nine_which_is_stopped(
    visit: Visit,
) -> None:
    """Chosen of a list, shown in words of the browser's zone, attached, scheduled, stopped."""
    page = visit(COMPOSE)
    write(page, "Last month", table("month"))
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Send to 2").click()
    for _ in range(90):
        if page.get_by_text("Finished: 2 of 2").count():
            break
        page.wait_for_timeout(1_000)
        page.reload()
    page.goto(COMPOSE)
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Amsterdam")
    write(page, "This month")
    earlier = page.get_by_label("The same people as")
    value = earlier.locator("option", has_text="Last month").first.get_attribute("value")
    earlier.select_option(value)
    page.get_by_label("Of those").select_option("not_opened")
    page.get_by_label("Attachments").set_input_files(
        {"name": "Programme.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7"}
    )
    friday = datetime.now(UTC) + timedelta(days=(4 - datetime.now(UTC).weekday()) % 7 + 7)
    page.get_by_label("Day").fill(f"{friday:%Y-%m-%d}")
    page.get_by_label("Time", exact=True).fill("09:00")
    page.get_by_role("button", name="Preview").click()
    said = f"Friday {friday.day} {friday:%B} {friday.year}, 09:00 Europe/Amsterdam"
    expect(page.get_by_text(said)).to_be_visible()
    expect(page.get_by_text("2 of “Last month”")).to_be_visible()
    expect(page.get_by_text("Programme.pdf")).to_be_visible()
    page.get_by_role("button", name="Schedule for 2").click()
    expect(page.get_by_role("heading", name="This month")).to_be_visible()
    expect(page.get_by_text(re.compile("[Ss]cheduled for"))).to_be_visible()
    page.get_by_role("link", name="Stop").click()
    page.get_by_role("button", name=re.compile("Stop")).click()
    expect(page.get_by_text(re.compile("[Ss]topped")).first).to_be_visible()


def test_two_staff_write_one_draft(visit: Visit, stack: Stack) -> None:
    """The second is told who saved it; their text is still there, and becomes another draft."""
    page = visit(COMPOSE, complains=True)
    write(page, "Shared", table("shared"))
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    ben = visit("/console/sign-in", storage_state=None, complains=True)
    other_staff(stack, ben)
    ben.goto("/console/drafts")
    ben.get_by_role("link", name="Shared").click()
    ben.get_by_label("Name", exact=True).fill("Shared by Ben")
    expect(ben.locator("[data-saved]")).to_contain_text("Saved at", timeout=30_000)
    page.get_by_label("Kind").fill("mine")
    expect(page.locator("[data-saved]")).to_contain_text("ben saved this draft", timeout=30_000)
    page.get_by_role("button", name="Save draft").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("ben saved this draft after you opened it")
    expect(page.get_by_label("Kind")).to_have_value("mine")
    alert.get_by_role("button", name="Save mine as a draft of its own").click()
    page.goto("/console/drafts")
    expect(page.get_by_role("link", name="Shared", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Shared by Ben")).to_be_visible()


@pytest.mark.parametrize("scripted", [True, False])
def test_a_session_that_has_ended_keeps_the_draft(
    visit: Visit, stack: Stack, scripted: bool
) -> None:
    """With JavaScript and without: to sign-in, and back to what was written."""
    page = visit(COMPOSE, java_script_enabled=scripted, complains=True)
    write(page, f"Kept {scripted}", table("kept"))
    lapse(stack, page)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    page.get_by_label("API key").fill(stack.state["api_key"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value(f"Kept {scripted}")
    expect(page.get_by_label("Recipients", exact=True)).to_have_value(table("kept"))


def test_a_workbook_is_sent_to_without_script(visit: Visit, tmp_path: Path) -> None:
    """Saved, opened again, previewed; Enter previews, whatever the field; a draft is deleted."""
    content = BytesIO()
    with Workbook(content, {"in_memory": True}) as book:
        for number, line in enumerate(table("sheet").split("\n")):
            book.add_worksheet() if number == 0 else None
            book.worksheets()[0].write_row(number, 0, line.split(","))
    page = visit(COMPOSE, java_script_enabled=False, complains=True)
    expect(page.get_by_label("Time zone")).to_have_value("UTC")
    write(page, "By workbook")
    file = {"name": "people.xlsx", "mimeType": "application/zip", "buffer": content.getvalue()}
    page.get_by_label("Or upload a file").set_input_files(file)  # type: ignore[arg-type]
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_label("Recipients", exact=True)).to_have_value(re.compile("sheet-1"))
    page.get_by_label("Name", exact=True).press("Enter")
    expect(page.get_by_text("Nobody: all 2 may be mailed.")).to_be_visible()
    page.get_by_role("button", name="Edit").click()
    page.get_by_role("link", name="Drafts").click()
    row = page.get_by_role("row").filter(has_text="By workbook")
    row.locator("summary").click()
    row.get_by_role("button", name="Delete it for everybody").click()
    expect(page.get_by_role("link", name="By workbook")).to_have_count(0)


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_composing_keeps_nobody_out(visit: Visit, axe: str, theme: str, width: int) -> None:
    """The form with everything wrong, the list, the page before sending; with long words."""
    found: list[Any] = []
    page = visit(COMPOSE, width=width, color_scheme=theme, complains=True)
    long = "\u0645\u0631\u062d\u0628\u0627 " + "x" * 180
    write(page, long, "participant_id,a b,,c\nx")
    page.get_by_label("Time zone").fill("Mars/" + "y" * 60)
    page.get_by_label("Reply-to").fill("z" * 200)
    page.get_by_label("Day").fill("2026-01-01")
    page.get_by_label("Attachments").set_input_files(
        {"name": f"{'a' * 200}.exe", "mimeType": "x/y", "buffer": b"x"}
    )
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("alert")).to_contain_text("This cannot be sent yet")
    found += [*violations(page, axe), _is_wide(page, width)]
    page.get_by_label("Recipients", exact=True).fill(table("axe"))
    page.get_by_label("Time zone").fill("UTC")
    page.get_by_label("Reply-to").fill("")
    page.get_by_label("Day").fill(f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%d}")
    page.get_by_label("Time", exact=True).fill("09:00")
    page.get_by_label("Attachments").set_input_files(
        {"name": f"{'a' * 200}.pdf", "mimeType": "application/pdf", "buffer": b"x"}
    )
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("button", name="Schedule for 2")).to_be_visible()
    found += [*violations(page, axe), _is_wide(page, width)]
    page.goto("/console/drafts")
    page.locator(".confirm summary").first.click()
    found += [*violations(page, axe), _is_wide(page, width)]
    assert [each for each in found if each] == []


def _is_wide(page: Page, width: int) -> str:
    wide = page.evaluate("document.documentElement.scrollWidth")
    return f"{page.url} is {wide} wide" if wide > width else ""
