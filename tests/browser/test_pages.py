"""Every page of the table, in a browser: nobody is kept out, and nothing scrolls sideways, at any
width, in either theme, with good data and with bad.
"""

from __future__ import annotations

from typing import Final, Literal

import pytest

from tests.browser.conftest import Visit, violations
from tests.browser.pages import LONG_ID, PAGES

WIDTHS: Final = (1440, 390)
THEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
_WIDEST: Final = """() => [...document.querySelectorAll("body *")].filter((each) =>
  each.getBoundingClientRect().right > innerWidth + 1 && !each.closest(".scroll, .unseen, .tip"))
  .map((each) => each.tagName + "." + each.className).slice(0, 4)"""


@pytest.mark.parametrize("name", PAGES)
def test_a_page_keeps_nobody_out_and_fits_its_window(visit: Visit, axe: str, name: str) -> None:
    """By axe there is nothing to say of it; and it is no wider than its window."""
    shown = PAGES[name]
    more = {} if shown.signed_in else {"storage_state": None}
    page = visit(shown.path, **more)
    if shown.go:
        shown.go(page)
    page.wait_for_load_state("load")
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            found[width, "wide"] = [wide, page.evaluate(_WIDEST)]
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            told = violations(page, axe)
            if told:
                found[width, theme] = told
    assert found == {}


def test_the_header_is_two_lines_of_a_telephone(visit: Visit) -> None:
    """The brand and a menu, and Find; the menu has the pages and the way out, without a script."""
    page = visit("/console/suppressions", width=390, java_script_enabled=False)
    header = page.get_by_role("banner")
    box = header.bounding_box()
    assert box is not None
    assert box["height"] < 110
    inside = header.get_by_role("link", name="Suppressions")
    assert not inside.is_visible()
    header.get_by_text("Menu").click()
    assert inside.get_attribute("aria-current") == "page"
    assert header.get_by_role("button", name="Sign out").is_visible()
    header.get_by_role("link", name="Mailings").click()
    page.get_by_role("heading", name="Mailings").wait_for()


def test_escape_closes_what_opened_and_the_focus_goes_back(visit: Visit) -> None:
    """A menu, a form over the page, a row."""
    page = visit("/console/participants/jane", width=390)
    page.get_by_text("Menu").click()
    page.keyboard.press("Escape")
    assert page.locator("details.menu").get_attribute("open") is None
    assert page.evaluate("document.activeElement.textContent") == "Menu"
    page.get_by_text("Record an interaction").click()
    page.get_by_label("What they did").focus()
    page.keyboard.press("Escape")
    assert not page.get_by_label("What they did").is_visible()
    assert page.evaluate("document.activeElement.textContent") == "Record an interaction"
    link = page.locator("a.opens", has_text="Winter programme")
    link.press("Enter")
    page.locator("tr.inside .trail").wait_for()
    page.locator("tr.inside a").last.focus()
    page.keyboard.press("Escape")
    assert not page.locator("tr.inside").is_visible()
    assert link.evaluate("(each) => each === document.activeElement")


def test_a_row_opens_anywhere_and_has_a_url(visit: Visit) -> None:
    """What is open stays so when the page is loaded again; closed, the URL is as before."""
    page = visit("/console/participants/jane")
    row = page.locator("tbody tr", has_text="Winter programme").first
    row.locator("td").nth(3).click()
    page.locator("tr.inside .trail").wait_for()
    assert "open=" in page.url
    page.reload()
    page.locator("tr.inside .trail").wait_for()
    row.locator("td").nth(3).click()
    page.locator("tr.inside").wait_for(state="hidden")
    assert page.url.endswith("/participants/jane")


def test_the_newest_message_is_four_keys_away(visit: Visit) -> None:
    """By the second of the links that skip."""
    page = visit("/console/participants/jane")
    for key in ("Tab", "Tab", "Enter", "Tab"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.className") == "opens"


@pytest.mark.parametrize("width", WIDTHS)
def test_a_trail_is_laid_out_where_something_went_wrong(visit: Visit, width: int) -> None:
    """Opened in place: a time and what happened stand beside each other or one below the other, and
    neither is squeezed into a column of single letters.
    """
    page = visit(f"/console/participants/{LONG_ID}", width=width)
    for number in (20, 22, 23, 24):
        page.locator("a.opens", has_text=f"number {number}").click()
        row = page.locator("tr.inside:not([hidden]) .trail li:is(.bad, .warn)").last
        row.wait_for()
        what = row.locator(".what").bounding_box()
        assert what is not None
        assert what["width"] > 150
        page.keyboard.press("Escape")
