"""The public pages in a browser: each in every language, at every width and in either theme, with
good names and bad.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect
from werkzeug.serving import make_server
from werkzeug.wrappers import Request as WebRequest
from werkzeug.wrappers import Response as WebResponse

from sendtrail.language import LANGUAGES
from sendtrail.tracking.organisation import Organisation
from sendtrail.tracking.pages import PagesForReader, PublicPages
from sendtrail.tracking.preferences import Subscription
from tests.browser.conftest import violations
from tests.browser.test_pages import THEMES, WIDTHS

LOGO: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 180 48" width="180" height="48">'
    '<rect width="180" height="48" fill="#14635f"/></svg>'
)
ADDRESSES: Final = {
    "short": "j…@example.com",
    "long": f"l…@{'.'.join(['d' * 60] * 4)}.example",
    "right to left": "ש…@דוגמה.example",
    "seven bit": "j…@xn--bcher-kva.xn--fiqs8s",
    "turned": "\u202ej…@example.com",
}
NAMES: Final = {
    "ordinary": "The Society",
    "long": "W" * 300,
    "words": "Friends of the " * 20,
    "emoji": "🎉👩‍👩‍👧‍👦🏳️‍🌈" * 25,
    "right to left": "שלום לכולם " * 25,
    "markup": "<script>document.title='x'</script>&amp;\"'",
}
COLOURS: Final = ("#14635f", "#ffe000", "#000000", "#ffffff", "#15181c", "#777777")
SINCE: Final = "2026-11-12T09:30:00.000Z"

PAGES: Final[dict[str, Callable[[PagesForReader, str | None], Any]]] = {
    "subscribed": lambda to, address: to.preferences(Subscription(True), address, changed=False),
    "again": lambda to, address: to.preferences(Subscription(True), address, changed=True),
    "since": lambda to, address: to.preferences(Subscription(False, SINCE), address, changed=False),
    "done": lambda to, address: to.preferences(Subscription(False), address, changed=True),
    "unknown": lambda to, address: to.preferences(None, address, changed=False),
    "cut-off": lambda to, _: to.no_such_preferences(),
    "nothing": lambda to, _: to.nothing_changed(),
    "nowhere": lambda to, _: to.no_such_link(),
    "later": lambda to, _: to.later(),
}
"""Every public page, by a name of its own."""


@dataclass
class Site:
    """A server of the public pages.

    Attributes:
        organisation: whose they are now.
        address: which they are about.
    """

    url: str = ""
    organisation: Organisation = field(default_factory=lambda: Organisation("The Society"))
    address: str | None = "j…@example.com"

    @WebRequest.application
    def answer(self, request: WebRequest) -> WebResponse:
        """A page, as the functions make it."""
        if request.path == "/logo.svg":
            return WebResponse(LOGO, mimetype="image/svg+xml")
        name = request.path.strip("/")
        if name not in PAGES:
            return WebResponse(status=404)
        query = dict(parse_qsl(request.query_string.decode()))
        event = {
            "headers": {"accept-language": request.headers.get("Accept-Language", "")},
            "queryStringParameters": query,
        }
        said = PAGES[name](PublicPages(self.organisation).for_reader(event), self.address)
        return WebResponse(said["body"], said["statusCode"], said["headers"])


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A server of the public pages."""
    made = Site()
    server = make_server("127.0.0.1", 0, made.answer, threaded=True)
    made.url = f"http://127.0.0.1:{server.port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """A page of a browser that complains of nothing but answers that are errors."""
    context = browser.new_context()
    made = context.new_page()
    made.set_default_timeout(15_000)
    complaints: list[str] = []
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on(
        "console",
        lambda said: (
            said.type in ("error", "warning")
            and "responded with a status of" not in said.text
            and complaints.append(said.text)
        ),
    )
    yield made
    context.close()
    assert complaints == []


def looked_at(page: Page, axe: str, what: str) -> dict[Any, Any]:
    """What is wrong with the page that is open, at each width and in each theme."""
    found: dict[Any, Any] = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            found[what, width] = wide
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            told = violations(page, axe)
            if told:
                found[what, width, theme] = told
    return found


@pytest.mark.parametrize("tag", LANGUAGES)
def test_a_page_keeps_nobody_out_and_fits_its_window(
    page: Page, site: Site, axe: str, tag: str
) -> None:
    """In each language; by axe there is nothing to say of it."""
    logo, colour = f"{site.url}/logo.svg", "#14635f"
    site.organisation, site.address = Organisation("The Society", logo, colour), ADDRESSES["short"]
    found = {}
    for name in PAGES:
        page.goto(f"{site.url}/{name}?language={tag}")
        assert page.locator("html").get_attribute("lang") == tag
        assert page.evaluate("document.images[0].naturalWidth") == 180
        found |= looked_at(page, axe, name)
    assert found == {}


@pytest.mark.parametrize("name", NAMES)
def test_no_name_or_address_breaks_a_page(page: Page, site: Site, axe: str, name: str) -> None:
    """Of 300 characters, of another direction, or of signs that are another language's; without a
    logo, and with one that is not there.
    """
    found = {}
    for address in ADDRESSES.values():
        site.organisation, site.address = Organisation(NAMES[name]), address
        page.goto(f"{site.url}/unknown?language=de")
        assert page.title().endswith(f"– {NAMES[name].strip()}")
        found |= looked_at(page, axe, address)
    site.organisation = Organisation(NAMES[name], f"{site.url}/broken.png", COLOURS[0])
    page.goto(f"{site.url}/since?language=fr")
    assert page.evaluate("document.images[0].naturalWidth") == 0
    box = page.get_by_role("img").bounding_box()
    assert box is not None
    assert box["height"] == 48
    found |= looked_at(page, axe, "broken logo")
    assert found == {}


@pytest.mark.parametrize("colour", COLOURS)
def test_a_button_of_any_colour_can_be_read(page: Page, site: Site, axe: str, colour: str) -> None:
    """In both themes, as the browser draws it."""
    site.organisation, site.address = Organisation("The Society", colour=colour), None
    page.goto(f"{site.url}/unknown")
    assert looked_at(page, axe, colour) == {}
    page.emulate_media(color_scheme="light")
    shown = page.get_by_role("button").first.evaluate(
        "(it) => getComputedStyle(it).backgroundColor"
    )
    channels = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    assert shown == f"rgb({', '.join(map(str, channels))})"


def test_nothing_moves_when_the_logo_comes(page: Page, site: Site) -> None:
    """Its box has its height from the beginning."""
    site.organisation = Organisation("The Society", f"{site.url}/logo.svg", COLOURS[0])
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route("**/logo.svg", hold)
    page.goto(f"{site.url}/subscribed", wait_until="domcontentloaded")
    heading = page.get_by_role("heading")
    before = heading.bounding_box()
    page.wait_for_timeout(100)
    waiting[0].continue_()
    page.wait_for_load_state("load")
    assert page.evaluate("document.images[0].naturalWidth") == 180
    assert heading.bounding_box() == before


def test_the_logos_host_is_not_told_which_page_it_is_on(page: Page, site: Site) -> None:
    """Nor is any other host asked for anything."""
    site.organisation = Organisation("The Society", f"{site.url}/logo.svg", COLOURS[0])
    asked: list[Request] = []

    def note(request: Request) -> None:
        asked.append(request)

    page.on("request", note)
    page.goto(f"{site.url}/subscribed")
    page.wait_for_load_state("networkidle")
    image = next(each for each in asked if each.url.endswith("/logo.svg"))
    assert "referer" not in image.all_headers()
    assert {each.url.removeprefix(site.url).split("/")[0] for each in asked} == {""}


def test_the_language_is_chosen_by_keyboard_and_stays(browser: Browser, site: Site) -> None:
    """Through the buttons of the page; without a script."""
    site.organisation, site.address = Organisation("The Society"), ADDRESSES["short"]
    context = browser.new_context(locale="es-ES", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.url}/since")
    expect(page.get_by_text("De baja desde el 12 de noviembre de 2026.")).to_be_visible()
    page.get_by_role("link", name="Français").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Désinscription effective depuis le 12 novembre 2026.")).to_be_visible()
    page.get_by_role("button", name="Réactiver l’abonnement").focus()
    page.keyboard.press("Enter")
    page.wait_for_load_state()
    assert page.url == f"{site.url}/since?language=fr"
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    context.close()
