"""The console in a real browser: somebody walks through all of it."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import LINK, SILENT_SINCE, Visit, violations
from tests.browser.pages import PAGES
from tests.stack.conftest import Stack

HOME = "/console/communications"
FESTIVAL = f"{HOME}/autumn-festival"
JANE = "/console/participants/jane"
COMPOSE = "/console/compose"


def test_signing_in_and_out(visit: Visit, stack: Stack) -> None:
    """With a wrong key, with the right one, and to the page that was asked for."""
    page = visit(FESTIVAL, storage_state=None)
    expect(page.get_by_label("API key")).to_be_focused()
    page.get_by_label("API key").fill("nonsense")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("This API key is not valid")
    page.get_by_label("API key").fill(stack.state["api_key"])
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(f"{FESTIVAL}$"))
    expect(page.get_by_role("banner")).to_contain_text("Signed in as first admin")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    page.goto(FESTIVAL)
    expect(page.get_by_label("API key")).to_be_visible()


def test_communications_are_leafed_through_and_filtered(visit: Visit) -> None:
    """Forward and back; by name, kind and month."""
    page = visit(f"{HOME}?name=MAILING-")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(25)
    expect(rows.first).to_contain_text("mailing-31")
    page.get_by_role("link", name="Next").click()
    expect(rows).to_have_count(5)
    page.get_by_role("link", name="Previous").click()
    expect(rows.first).to_contain_text("mailing-31")
    page.get_by_label("Name contains").fill("FESTIVAL")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("46.7")  # 14 of 30
    page.get_by_role("link", name="Show all").click()
    page.get_by_label("Kind").fill("notice")
    page.get_by_label("Month").fill("2026-11")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(rows).to_have_count(11)


def test_columns_explain_themselves(visit: Visit) -> None:
    """To who points at them and to who gets there by keyboard; Escape puts it away."""
    page = visit(HOME)
    hint = page.get_by_role("button", name="Open rate")
    tip = page.locator("[role=tooltip]").filter(has_text="share of those sent")
    expect(tip).to_be_hidden()
    hint.hover()
    expect(tip).to_be_visible()
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    page.get_by_role("button", name="Sent").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(hint).to_be_focused()
    expect(tip).to_be_visible()
    expect(hint).to_have_accessible_description(re.compile("share of those sent"))


def test_a_communication_shows_how_it_did(visit: Visit, tmp_path: Path) -> None:
    """Funnel, plots, links, providers; and on to its recipients, and their file."""
    page = visit(HOME)
    page.get_by_role("link", name="autumn-festival").click()
    funnel = page.get_by_role("img", name=re.compile("^Funnel"))
    expect(funnel).to_have_accessible_name(
        "Funnel: sent 30; delivered 28; opened 14, 14 by people; clicked 10, 10 by people"
    )
    expect(page.get_by_role("img", name=re.compile("first 24 hours"))).to_have_count(1)
    expect(page.get_by_text("Clicks, first day: 10, all in hour 1")).to_be_visible()
    expect(page.get_by_text("mail privacy proxies")).to_be_visible()
    numbers = page.get_by_role("region", name="Opens and clicks over time, in numbers")
    expect(numbers).to_be_hidden()
    page.get_by_text("The same in numbers").click()
    expect(numbers).to_be_visible()
    links = page.get_by_role("region", name="Links")
    expect(links.get_by_role("row").nth(1)).to_contain_text(LINK)
    expect(page.get_by_role("region", name="Mailbox providers")).to_contain_text("gmx")
    page.get_by_role("link", name="Bounced").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    saved = tmp_path / "recipients.csv"
    download.value.save_as(saved)
    rows = list(csv.DictReader(saved.open(encoding="utf-8")))
    assert [row["participant_id"] for row in rows] == ["person-01", "person-02"]
    page.get_by_label("What happened").select_option("Clicked by a person")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(10)
    page.locator("tbody").get_by_role("link", name="jane").click()
    expect(page.get_by_role("heading", name="Autumn festival")).to_be_visible()


@pytest.mark.parametrize("word", ["jane", "JANE@gmx.de"])
def test_a_participant_is_found_and_a_message_opens_in_place(visit: Visit, word: str) -> None:
    """Preview, links and trail in words, without another page; and it closes again."""
    page = visit(HOME)
    page.get_by_role("searchbox", name=re.compile("^Find a person")).fill(word)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"{JANE}$"))
    row = page.get_by_role("row").filter(has_text="Winter programme")
    expect(row).not_to_contain_text("Could not")  # the reply is no bounce
    link = row.get_by_role("link")
    link.focus()
    page.keyboard.press("Enter")
    expect(link).to_have_attribute("aria-expanded", "true")
    inside = page.locator("tr.inside")
    expect(inside).to_contain_text("Out-of-office reply")
    expect(inside).to_contain_text("A click without an open is normal")
    expect(inside.get_by_role("table")).to_contain_text(LINK)
    frame = page.frame_locator("iframe[sandbox]")
    expect(frame.get_by_role("heading")).to_contain_text("There is nothing to show")
    assert "open=" in page.url
    link.click()
    expect(inside).to_be_hidden()
    link.click()
    expect(inside).to_be_visible()


def test_a_message_is_shown_and_can_do_nothing(visit: Visit) -> None:
    """Whatever it holds: no script runs, no form is sent, and the page stays where it is."""
    page = visit("/console/participants/target", complains=True)
    query_value: list[str] = []
    page.on("request", lambda request: query_value.append(f"{request.method} {request.url}"))
    page.get_by_role("link", name="Good evening <b>").click()
    frame = page.frame_locator("iframe[sandbox]")
    expect(frame.get_by_text("Dear target, good evening.")).to_be_visible()
    frame.get_by_text("Follow me").click()
    frame.get_by_role("button", name="Send me").click()
    page.wait_for_timeout(300)
    expect(page).to_have_title("target · Sendtrail")
    assert "/participants/target" in page.url
    assert not [each for each in query_value if each.startswith("POST") or "nothing" in each]
    preview = next(each for each in query_value if each.endswith("/preview")).removeprefix("GET ")
    page.goto(preview)  # by itself, it can do as little
    expect(page.get_by_text("Dear target, good evening.")).to_be_visible()
    assert page.title() == ""


def test_unsubscribing_and_undoing_it(visit: Visit) -> None:
    """Said at once, with the way back beside it."""
    page = visit("/console/participants/person-03")
    state = page.locator(".state")
    expect(state).to_contain_text("Subscribed")
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.get_by_role("status")).to_contain_text("they get no mailings")
    expect(state).to_contain_text("Unsubscribed since")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("they get mailings")
    expect(state).to_contain_text("Subscribed since")


def test_recording_an_interaction_and_an_address(visit: Visit) -> None:
    """What is below does not move when the form opens."""
    page = visit("/console/participants/person-04")
    before = page.locator(".tabs").bounding_box()
    page.get_by_text("Record an interaction").click()
    assert page.locator(".tabs").bounding_box() == before
    page.get_by_label("What they did").fill("gift")
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("They count as active")
    page.get_by_role("link", name="Addresses").click()
    page.get_by_label("Address", exact=True).fill("New.Home+4@example.org")
    page.get_by_role("button", name="Register").click()
    new = page.get_by_role("row").filter(has_text="New.Home+4@example.org")
    expect(new).to_contain_text("the one to write to")


def test_suppressing_an_address_and_lifting_it(visit: Visit) -> None:
    """With a confirmation that says what it does; from the list, and from the participant."""
    page = visit("/console/suppressions")
    page.get_by_text("Suppress an address").click()
    page.get_by_label("Address", exact=True).fill("person-05@gmx.de")
    page.get_by_label("Why").fill("Asked by telephone")
    page.get_by_role("button", name="Suppress").click()
    expect(page.get_by_role("status")).to_contain_text("person-05@gmx.de is suppressed")
    page.get_by_role("navigation", name="Reasons").get_by_text("Suppressed by staff").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("Asked by telephone")
    page.goto("/console/participants/person-05")
    expect(page.locator(".state")).to_contain_text("it gets no mail")
    page.get_by_role("link", name="Lift the suppression").click()
    expect(page.get_by_text("mail is sent to this address again")).to_be_visible()
    page.get_by_role("button", name="Lift the suppression").click()
    expect(page.get_by_role("status")).to_contain_text("may be mailed again")
    page.goto("/console/participants/person-05")
    expect(page.locator(".state")).to_contain_text("No bounce or complaint stands against it")


def write(page: Page, name: str, table: str) -> None:
    """Fills the form of a mailing in, and looks at it."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Template").fill("evening")
    page.get_by_label("Recipients").fill(table)
    page.get_by_role("button", name="Preview").click()


def twenty(prefix: str, *more: str) -> str:
    """Twenty whose mailboxes take the mail, but for one which does not; and more lines."""
    lines = [
        f"{prefix}-{number:02},{'bounce' if number == 19 else 'success'}+{prefix}{number:02}"
        f"@simulator.amazonses.com,Reader {number}"
        for number in range(20)
    ]
    return "\n".join(["participant_id,address,name", *lines, *more])


def test_a_mailing_is_written_looked_at_and_watched(visit: Visit) -> None:
    """To twenty, and one who is left out; as they read it; and the figures move by themselves."""
    page = visit("/console/communications")
    page.get_by_role("link", name="Compose").click()
    write(page, "Spring evening", twenty("spring", "person-01,person-01@gmx.de,Lost"))
    expect(page.get_by_role("heading", name="Spring evening")).to_be_visible()
    left_out = page.get_by_role("region", name="Who is left out").last
    expect(left_out).to_contain_text("person-01")
    expect(left_out).to_contain_text("An earlier message to this address bounced")
    frame = page.frame_locator("iframe[sandbox]")
    expect(frame.get_by_role("heading", name="Dear Reader 0,")).to_be_visible()
    expect(frame.get_by_role("heading")).to_have_css("color", "rgb(20, 99, 95)")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("An evening for Reader 1", exact=True)).to_be_visible()
    expect(frame.get_by_role("heading", name="Dear Reader 1,")).to_be_visible()
    page.get_by_label("Recipient", exact=True).select_option("20")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("heading", name="As person-01 reads it")).to_be_visible()
    page.get_by_role("button", name="Send to 20 of 21").dblclick()
    expect(page.get_by_text("It is on its way")).to_be_visible()
    said = page.get_by_role("status")
    expect(said).to_contain_text(
        "20 sent, 19 delivered, 1 bounced, 1 dropped, of 21", timeout=60_000
    )
    expect(page.get_by_role("img", name=re.compile("^Funnel"))).to_have_accessible_name(
        re.compile("sent 20; delivered 19;")
    )
    expect(page.get_by_role("link", name="Bounced")).to_be_visible()
    page.goto(f"{HOME}?name=Spring")
    expect(page.locator("tbody tr")).to_have_count(1)  # a double click sends once


def test_a_mailing_is_mended_and_sent_without_script(visit: Visit, tmp_path: Path) -> None:
    """What is wrong is said and what was written stays; a file takes the place of the table."""
    page = visit(COMPOSE, java_script_enabled=False, complains=True)
    write(page, "Summer evening", "participant_id,address\nann,success@simulator.amazonses.com")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Line 2 (ann): name is missing.")
    expect(page.get_by_label("Recipients")).to_have_accessible_description(
        re.compile("name is missing")
    )
    alert.get_by_role("link", name="Recipients").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Summer evening")
    file = tmp_path / "people.csv"
    table = twenty("summer").replace(",", ";").replace("Reader 0", "Réader 0")
    file.write_text(table, encoding="cp1252")
    page.get_by_label("Or upload a file").set_input_files(file)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("Nobody: all 20 may be mailed.")).to_be_visible()
    page.get_by_role("button", name="Show the mail in the frame").click()
    expect(
        page.frame_locator("iframe[sandbox]").get_by_role("heading", name="Dear Réader 0,")
    ).to_be_visible()
    page.get_by_role("button", name="Edit").click()
    expect(page.get_by_label("Recipients")).to_have_value(re.compile("summer-19;bounce"))
    page.get_by_label("Name", exact=True).fill("Late summer evening")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Send to 20").click()
    expect(page.get_by_role("heading", name="Late summer evening")).to_be_visible()
    for _ in range(60):
        if not page.get_by_role("link", name="Refresh").count():
            break
        page.wait_for_timeout(1_000)
        page.get_by_role("link", name="Refresh").click()
    expect(page.locator("main")).to_contain_text("20 of 20")
    expect(page.locator(".beside div", has_text="Bounced")).to_contain_text("5.0")  # 1 of 20


def test_who_is_about_to_be_inactive_is_shown(visit: Visit) -> None:
    """With the reason; from any day that the next sweep reads."""
    page = visit("/console/people")
    page.get_by_role("link", name="Inactive").click()
    page.get_by_role("link", name="Who is about to be inactive").click()
    expect(page.get_by_text("Nobody in this part")).to_be_visible()
    page.get_by_label("Last active from").fill(f"{SILENT_SINCE:%Y-%m-%d}")
    page.get_by_role("button", name="Show", exact=True).click()
    row = page.get_by_role("row").filter(has_text="silent")
    expect(row).to_contain_text("No open, click or transaction for 2 years")
    row.get_by_role("link", name="silent").click()
    expect(page.get_by_role("heading", name="silent")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_mailing_before_it_is_sent_keeps_nobody_out(
    visit: Visit, axe: str, theme: str, width: int
) -> None:
    """Nor does the form with what is wrong; neither is wider than its window."""
    page = visit(COMPOSE, width=width, color_scheme=theme, complains=True)
    found = []
    for table in ("participant_id,address\nann", twenty("axe", "person-01,person-01@gmx.de,Lost")):
        write(page, "Accessible", table)
        page.wait_for_load_state("networkidle")
        found += violations(page, axe)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.get_by_role("heading", name="As axe-00 reads it").is_visible()
    assert found == []


def test_times_are_the_readers_with_utc_beside(visit: Visit) -> None:
    """10:30 UTC is 11:30 in Amsterdam, and 02:30 the same day in Los Angeles."""
    for zone, shown in (("Europe/Amsterdam", "11:30"), ("America/Los_Angeles", "02:30")):
        page = visit(f"{HOME}/mailing-00", timezone_id=zone)
        time = page.locator("main time").first
        expect(time).to_have_text(f"20 Nov 2026 {shown}")
        expect(time).to_have_attribute("title", "2026-11-20 10:30:00 UTC")
        expect(page.get_by_role("contentinfo")).to_contain_text(zone.replace("_", " "))


def test_everything_works_without_script(visit: Visit) -> None:
    """A message opens in place by a page of its own; times are in UTC and say so."""
    page = visit(JANE, java_script_enabled=False)
    expect(page.get_by_role("contentinfo")).to_contain_text("Times are UTC")
    page.get_by_role("link", name="Winter programme").click()
    expect(page.locator("tr.inside")).to_contain_text("Out-of-office reply")
    expect(page.get_by_role("link", name="Winter programme")).to_have_attribute(
        "aria-expanded", "true"
    )
    page.get_by_role("link", name="Winter programme").click()
    expect(page.locator("tr.inside")).to_have_count(0)
    page.get_by_role("button", name="Unsubscribe").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".state")).to_contain_text("Subscribed since")


@pytest.mark.parametrize("width", [390, 1440])
def test_no_page_jumps(visit: Visit, width: int) -> None:
    """Nothing has moved by the time that the page has settled."""
    page = visit(HOME, width=width, complains=True)  # that the script runs in no frame of a mail
    page.add_init_script(
        "window.shifted = 0; new PerformanceObserver((list) => list.getEntries().forEach((each) => "
        "window.shifted += each.value)).observe({type: 'layout-shift', buffered: true})"
    )
    found = {}
    for name, shown in PAGES.items():
        if shown.go:
            continue
        page.goto(shown.path, wait_until="networkidle")
        shifted = page.evaluate("window.shifted")
        if shifted > 0.001:
            found[name] = shifted
    assert found == {}


def test_what_comes_later_in_the_header_moves_nothing_before_it(visit: Visit) -> None:
    """A browser may paint the header before it has read the end of it."""
    page = visit(HOME)
    parts = page.locator(".top .brand, .top nav.roomy, .top .find")
    whole = [parts.nth(number).bounding_box() for number in range(parts.count())]
    page.evaluate("document.querySelector('.top .account').parentElement.remove()")
    before = [parts.nth(number).bounding_box() for number in range(parts.count())]
    assert len(whole) == 3
    assert [box and box["x"] for box in before] == [box and box["x"] for box in whole]


def test_opening_a_message_moves_nothing_sideways(visit: Visit) -> None:
    """The columns stay as wide as they were."""
    page = visit(JANE)
    heads = page.locator(".messages > thead th")
    before = [heads.nth(number).bounding_box() for number in range(heads.count())]
    page.get_by_role("link", name="Winter programme").click()
    expect(page.locator("tr.inside .trail")).to_be_visible()
    after = [heads.nth(number).bounding_box() for number in range(heads.count())]
    assert after == before


def test_numbers_of_a_column_end_in_one_line(visit: Visit) -> None:
    """Right-aligned, in figures of one width."""
    page = visit(HOME)
    edges: dict[str, list[float]] = page.evaluate(
        """() => {
          const edges = {};
          for (const cell of document.querySelectorAll("td.number .cell")) {
            const range = document.createRange();
            range.selectNodeContents(cell.firstChild);
            (edges[cell.parentElement.dataset.label] ??= []).push(
              Math.round(range.getBoundingClientRect().right));
          }
          return edges;
        }"""
    )
    assert len(edges) == 7
    assert all(len(set(column)) == 1 for column in edges.values()), edges
    variant = page.locator("td.number").first.evaluate(
        "(cell) => getComputedStyle(cell).fontVariantNumeric"
    )
    assert variant == "tabular-nums"


def test_the_keyboard_goes_everywhere_and_shows_where_it_is(visit: Visit) -> None:
    """From the first key on: skip to the page; whatever is focused has an outline."""
    page = visit(HOME)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    for _ in range(20):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", page.evaluate("document.activeElement.outerHTML")
