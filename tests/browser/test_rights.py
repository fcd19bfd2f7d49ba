"""A person's rights in a browser: a file of what is kept, and having somebody erased; by keyboard,
without script.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.pages import LONG_ID
from tests.stack.conftest import Stack


def test_what_is_kept_is_a_file(visit: Visit) -> None:
    """The button of their page downloads it, called by their id."""
    page = visit("/console/participants/jane", java_script_enabled=False)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export what is kept").click()
    assert re.fullmatch(r"jane \d{4}-\d\d-\d\d\.json", download.value.suggested_filename)
    found = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert len(found["messages"]) > 25
    assert found["next"] is None


def test_somebody_is_erased_by_keyboard_and_without_script(visit: Visit, stack: Stack) -> None:
    """A wrong id does nothing and says so; the right one leads to the erasure."""
    person = "/v1/participants/leaving"
    assert stack.get(person, method="PUT", body={"name": "Lea Ving"})[0] == 200
    page = visit("/console/participants/leaving", java_script_enabled=False)
    page.get_by_role("link", name="Erase …").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Erase Lea Ving?")
    field = page.get_by_label("To confirm")
    field.fill("Leaving")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was done")
    expect(field).to_have_value("Leaving")
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("leaving")
    page.get_by_role("button", name="Erase for good").press("Enter")
    expect(page).to_have_url(re.compile(r"/console/erasures/erased-[0-9A-Z]{26}$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("erased")
    stack.eventually(lambda: stack.get(person)[0] == 404, 60)

    def is_told() -> bool:
        page.reload()
        return page.get_by_role("row", name=re.compile("Rows of profile")).count() == 1

    stack.eventually(is_told, 60)  # it is told once the part that deleted them has ended
    expect(page.get_by_role("main")).not_to_contain_text("leaving")


def test_a_long_id_is_confirmed_within_the_page(visit: Visit) -> None:
    """On a telephone nothing is wider than the page, also when it was written wrongly."""
    page = visit(f"/console/participants/{LONG_ID}/erase", width=390)
    page.get_by_label("To confirm").fill("x" * 128)
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
