"""Screenshots of the pages of the console, good cases and bad, from the demo: of a screen in the
light theme, and of a telephone in the dark one.

`make screenshots`, with a stack running whose demo has been played: it writes
`docs/console/<page>-<width>.png`. The demo's data have some more people after it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

from playwright.sync_api import Page

from local.browser import chromium, started
from local.paths import ROOT
from local.stack import StackError, read

__all__ = ["take"]

_FOLDER: Final = ROOT / "docs" / "console"
_SHOWN: Final[tuple[tuple[int, int, Literal["light", "dark"]], ...]] = (
    (1440, 900, "light"),
    (390, 844, "dark"),
)
_LONG_NAME: Final = f"🎉 שלום {'Wolfeschlegelsteinhausenbergerdorff ' * 5}<b>"
_MEMBER: Final = "member-0042"  # the demo's keenest reader
_TABLE: Final = "\n".join(
    [
        "participant_id,name",
        *(f"member-{number:04},{name}" for number, name in enumerate(("Ada", "Ben", "Cleo"), 41)),
        "former-01,Karl",
        "former-02,Lotte",
    ]
)
_THANKS: Final = """<body style="font: 16px/1.5 Georgia, serif; margin: 24px; color: #222">
<h1 style="font-size: 24px; color: #14635f">Dear {{ name }},</h1>
<p>three weeks, forty children, and only one canoe that had to be fished out of the lake: the summer
camp was what it was because you were there. The pictures are
<a href="https://society.example/camp">on our page</a>.</p>
<p>See you next year?</p>
<p style="font-size: 13px"><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body>"""


def _home(page: Page) -> None:
    page.goto("/console")


def _people(page: Page) -> None:
    page.goto("/console/people")


def _people_bad(page: Page) -> None:
    page.goto("/console/participants/former-01")
    page.get_by_text(re.compile("name$")).first.click()
    page.get_by_label("Name", exact=True).fill(_LONG_NAME)
    page.get_by_role("button", name=re.compile("name")).last.click()
    page.goto("/console/people?q=wolf")


def _timeline(page: Page) -> None:
    page.goto(f"/console/participants/{_MEMBER}/timeline")


def _direct(page: Page) -> None:
    page.goto("/console/messages")


def _direct_bad(page: Page) -> None:
    page.goto("/console/messages?kind=contract&from=2026-13-01&did=bounced")


def _templates(page: Page) -> None:
    page.goto("/console/templates")


def _template_bad(page: Page) -> None:
    page.goto("/console/template")
    page.get_by_label("Name", exact=True).fill("no name")
    page.get_by_label("Subject").fill("Thank you, {{ name }}")
    page.get_by_label("HTML").fill(_THANKS.replace("{{ name }}", "{{ name | nope }}"))
    page.get_by_role("button", name="Save").click()
    page.get_by_role("alert").first.wait_for()


def _communications(page: Page) -> None:
    page.goto("/console/communications")


def _communication(page: Page) -> None:
    _communications(page)
    page.locator("tbody tr").nth(6).get_by_role("link").click()


def _recipients(page: Page) -> None:
    _communication(page)
    page.get_by_role("link", name=re.compile("^Recipients")).click()


def _participant(page: Page) -> None:
    page.goto(f"/console/participants/{_MEMBER}")


def _message(page: Page) -> None:
    _participant(page)
    clicked = page.locator("td[data-label=Clicks] .cell", has_text=re.compile("[1-9]"))
    page.locator("tbody tr").filter(has=clicked).first.get_by_role("link").click()
    page.locator(".trail").wait_for()
    page.locator("tr.is-open").evaluate("(row) => row.scrollIntoView()")


def _addresses(page: Page) -> None:
    page.goto(f"/console/participants/{_MEMBER}/addresses")


def _bounced(page: Page) -> None:
    _communication(page)
    page.get_by_role("link", name="Bounced").first.click()
    page.locator("tbody tr").first.get_by_role("link").first.click()
    page.locator(".trail").first.wait_for()


def _suppressed(page: Page) -> None:
    page.goto("/console/people?state=suppressed")
    page.locator("tbody tr").first.get_by_role("link").click()


def _suppressions(page: Page) -> None:
    page.goto("/console/suppressions")


def _lift(page: Page) -> None:
    _suppressions(page)
    page.get_by_role("link", name=re.compile("^Lift")).first.click()


def _find(page: Page) -> None:
    page.goto("/console/find?q=nobody%40society.example")


def _compose(page: Page) -> None:
    page.goto("/console/compose")
    page.get_by_label("Name", exact=True).fill("Thank you for the summer camp")
    page.get_by_label("Kind").fill("thanks")
    page.get_by_text("Write it here instead").click()
    page.get_by_label("Subject").fill("Thank you, {{ name }}")
    page.get_by_label("HTML").fill(_THANKS)
    page.get_by_label("Recipients").fill(_TABLE)


def _look(page: Page) -> None:
    _compose(page)
    page.get_by_role("button", name="Preview").click()
    page.frame_locator("iframe.mail").get_by_role("heading").wait_for()


def _compose_bad(page: Page) -> None:
    _compose(page)
    page.get_by_label("Reply-to").fill("nobody")
    page.get_by_label("Recipients").fill("participant_id,address\n,x@y\nmember-0041,no address")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("alert").first.wait_for()


def _drafts(page: Page) -> None:
    _compose(page)
    page.get_by_role("button", name="Save draft").click()
    page.goto("/console/drafts")


def _nobody(page: Page) -> None:
    page.goto("/console/participants/nobody")


def _inactive(page: Page) -> None:
    page.goto("/console/inactive")


_PAGES: Final[dict[str, Callable[[Page], None]]] = {
    "home": _home,
    "people": _people,
    "people-bad": _people_bad,
    "participant": _participant,
    "participant-suppressed": _suppressed,
    "timeline": _timeline,
    "addresses": _addresses,
    "nobody": _nobody,
    "communications": _communications,
    "communication": _communication,
    "recipients": _recipients,
    "message": _message,
    "message-bounced": _bounced,
    "messages": _direct,
    "messages-bad": _direct_bad,
    "templates": _templates,
    "template-bad": _template_bad,
    "compose": _compose,
    "compose-bad": _compose_bad,
    "look": _look,
    "drafts": _drafts,
    "suppressions": _suppressions,
    "lift": _lift,
    "inactive": _inactive,
    "find": _find,
}


def take(state: dict[str, Any], path: str, folder: Path, *, whole: bool = False) -> None:
    """Takes them all.

    Args:
        state: what the running stack says of itself.
        path: Chromium's.
        whole: the pages from top to bottom, and not only what is seen first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with started(path) as browser:
        for width, height, theme in _SHOWN:
            page = browser.new_page(
                base_url=state["gateway"],
                viewport={"width": width, "height": height},
                color_scheme=theme,
                timezone_id="Europe/Amsterdam",
            )

            def shoot(name: str, page: Page = page, width: int = width) -> None:
                page.wait_for_load_state("networkidle")
                page.screenshot(path=folder / f"{name}-{width}.png", full_page=whole)

            page.goto("/console")
            shoot("sign-in")
            page.get_by_label("API key").fill(state["api_key"])
            page.get_by_role("button", name="Sign in").click()
            for name, go in _PAGES.items():
                go(page)
                shoot(name)
            page.close()


def main() -> None:
    """The command."""
    path = chromium()
    if path is None:
        sys.exit("this machine has no Chromium (Debian: apt-get install chromium)")
    try:
        take(read(), path, _FOLDER)
    except StackError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
