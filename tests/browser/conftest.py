"""A real Chromium at a local stack that has something to show."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from local.aws import Endpoints
from local.browser import chromium, started
from local.notifications import Mail
from sendtrail.auth.secret_changes import change_secret
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.aws.secrets import Secrets
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.times import from_epoch_ms
from sendtrail.publishing.webhook_store import EndpointStore
from tests.browser.pages import (
    LONG_ID,
    LONG_TEMPLATE,
    bad_deliveries,
    bad_hooks,
    bad_keys,
    bad_mail,
    bad_mailing,
    bad_people,
    bad_templates,
    deliveries,
    later_mailing,
)
from tests.stack.conftest import Stack
from tests.support import ROOT, copy_of_tree, missing

NOON = 1_795_170_600_000  # 2026-11-20T10:30:00Z
DAY_MS = 86_400_000
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Thunderbird/128.0"
SCANNER = "Mozilla/5.0 (compatible; Barracuda Link Protection)"
LINK = "https://society.example/donate?a=1&b=2"

HOSTILE = """<html><body onload="parent.document.title='loaded'">
  <script>top.document.title = 'script'; top.location = '/console/nothing'</script>
  <img src="x" onerror="top.document.title = 'onerror'">
  <a href="javascript:top.document.title='link'">Follow me</a>
  <form action="/console/sign-out" method="post"><button>Send me</button></form>
  <p>Dear {{ participant_id }}, good evening.</p></body></html>"""

LETTERS = {
    "evening": {
        "subject": "An evening for {{ name }}",
        "html": (
            '<html><body><h1 style="color: #14635f">Dear {{ name }},</h1><p>come and see us at one '
            'of <a href="https://society.example/evenings">our evenings</a>: there is a lot to '
            'tell.</p><p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>'
        ),
    }
}

SILENT_SINCE = datetime.now(UTC) - timedelta(days=2 * 366 + 30)
"""When somebody was last heard of, longer ago than makes one inactive."""

Visit = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    path = chromium()
    if path is None:
        missing("Chromium (Debian: apt-get install chromium)")
    with started(path) as made:
        yield made


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core, which looks for what keeps people out."""
    path = ROOT / ".local/npm/node_modules/axe-core/axe.min.js"
    path = Path(os.environ.get("SENDTRAIL_AXE", path))
    if not path.exists():
        missing("axe-core (`make axe` fetches it)")
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def stack(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack, after some mail."""
    made = Stack(copy_of_tree(tmp_path_factory.mktemp("console")))
    made.start()
    try:
        said = [*mail(), *bad_mail()]
        made.publish(said)
        to = {"participant_id": "target", "address": "success@simulator.amazonses.com"}
        letters = [*LETTERS.items(), *((LONG_TEMPLATE, parts) for parts in bad_templates())]
        for letter, parts in letters:
            assert made.get(f"/v1/templates/{letter}", method="PUT", body=parts)[0] == 200
        body = to | {"subject": "Good evening <b>", "html": HOSTILE}
        assert made.get("/v1/messages", method="POST", body=body)[0] == 202
        for body in (bad_mailing(), later_mailing()):
            assert made.get("/v1/communications", method="POST", body=body)[0] == 202
        _hire(made)
        gone = "/v1/participants/gone"
        assert made.get(gone, method="PUT", body={"name": "Gone"})[0] == 200
        assert made.get(gone, method="DELETE")[0] == 202
        _hook(made)
        made.eventually(lambda: _is_projected(made), 120)
        yield made
    finally:
        made.stop()


def _hire(stack: Stack) -> None:
    """Keys and people whose names are hard to show."""
    endpoints = Endpoints(stack.state["aws_endpoint"], stack.state["dynamodb_endpoint"])
    change_secret(
        Secrets(endpoints.environment()),
        stack.state["api_keys_secret"],
        lambda content: {**content, "keys": [*content["keys"], *bad_keys()]},
    )
    database = DynamoDB(endpoints.environment())
    database.put_all(stack.state["resources"]["StaffTable"], list(bad_people()))


def _hook(stack: Stack) -> None:
    """Webhooks: one of a CRM, and those that are hard to show, with what came of deliveries."""
    crm = {"url": "https://crm.example.org/hooks/mail", "description": "CRM"}
    rarely = {"event_types": ["participant.inactive"]}  # so that nothing new is sent to it
    for body in (crm | rarely, *bad_hooks()):
        assert stack.get("/v1/webhooks", method="POST", body=body)[0] == 201
    _, listed = stack.get("/v1/webhooks")
    endpoints = Endpoints(stack.state["aws_endpoint"], stack.state["dynamodb_endpoint"])
    database, table = DynamoDB(endpoints.environment()), stack.state["resources"]["WebhooksTable"]
    good, failing, off = (each["webhook_id"] for each in listed["items"])
    soon = f"{datetime.now(UTC) + timedelta(hours=5):%Y-%m-%dT%H:%M:%S}.000Z"
    at = "2026-11-20T09:30:00.000Z"
    for which, state in (
        (failing, {"failing_since": at, "failures": 3, "retry_at": soon}),
        (off, {"disabled_at": at, "disabled_reason": "failing"}),
    ):
        database.update(
            table,
            {"webhook": "endpoints", "entry": which},
            update="SET " + ", ".join(f"#{name} = :{name}" for name in state),
            names={f"#{name}": name for name in state},
            values={f":{name}": value for name, value in state.items()},
        )
    EndpointStore(database, table).note([*deliveries(good), *bad_deliveries(off)])


def mail() -> Iterator[Any]:
    """Thirty mailings; the last to thirty people, to whom all sorts of things happen."""
    for number in range(29):
        yield _mail(number, "jane", f"mailing-{number:02}").send()
    for number in range(30):
        person = "jane" if number == 0 else f"person-{number:02}"
        one = _mail(30, person, "autumn-festival", "Autumn festival")
        at = NOON + 30 * DAY_MS
        yield one.send()
        if number in (1, 2):
            yield one.bounce(from_epoch_ms(at + 4_000))
            continue
        yield one.delivery(from_epoch_ms(at + 4_000))
        if number % 2 == 0:
            yield one.open(from_epoch_ms(at + 3_600_000 * (number + 1)), BROWSER)
        if number % 3 == 0:
            yield one.click(from_epoch_ms(at + 2_000), LINK, SCANNER)
            yield one.click(from_epoch_ms(at + DAY_MS * (number % 7 + 1)), LINK, BROWSER)
    long_ago = f"{SILENT_SINCE:%Y-%m-%d}T10:00:00.000Z"
    last = Mail("ses-silent", long_ago, ["silent@gmx.de"], tags={"participant_id": "silent"})
    yield last.send()
    yield last.open(f"{SILENT_SINCE:%Y-%m-%d}T11:00:00.000Z", BROWSER)
    reply: dict[str, Any] = {"status": None, "diagnostic": None}
    away = _mail(31, "jane", "mailing-31", "Winter programme")
    yield away.send()
    yield away.delivery(from_epoch_ms(NOON + 31 * DAY_MS + 5_000))
    yield away.bounce(from_epoch_ms(NOON + 31 * DAY_MS + 60_000), "Transient", "General", **reply)
    yield away.click(from_epoch_ms(NOON + 31 * DAY_MS + 90_000), LINK, BROWSER)


def _mail(day: int, person: str, mailing: str, subject: str = "News") -> Mail:
    sent_at, ses_id = from_epoch_ms(NOON + day * DAY_MS), f"ses-{mailing}-{person}"
    address = f"{person}@{'gmail.com' if day % 2 else 'gmx.de'}"
    tags = {
        "participant_id": person,
        "message_id": derived_message_id(sent_at, ses_id, address),
        "communication_id": mailing,
        "kind": "newsletter" if day > 25 else "notice",
    }
    return Mail(ses_id, sent_at, [address], subject, tags=tags)


def _is_projected(stack: Stack) -> bool:
    status, found = stack.get("/v1/communications/autumn-festival")
    if status != 200 or (found["sent"], found["bounced"], found["clicks"]) != (30, 2, 20):
        return False
    _, sent = stack.get("/v1/participants/target/messages")
    if [each["status"] for each in sent["items"]] != ["delivered"]:
        return False
    _, found = stack.get("/v1/communications/mailing-31")
    _, held = stack.get("/v1/suppressions")
    _, bad = stack.get(f"/v1/communications/{LONG_ID}")
    if (bad.get("bounced"), bad.get("spammed"), bad.get("unsubscribed")) != (2, 1, 1):
        return False
    return found.get("clicks") == 1 and len(held["items"]) >= 4


@pytest.fixture(scope="session")
def signed_in(browser: Browser, stack: Stack) -> Any:
    """The cookies of somebody who signed in with the admin key."""
    context = browser.new_context(base_url=stack.state["gateway"])
    page = context.new_page()
    page.goto("/console")
    page.get_by_label("API key").fill(stack.state["api_key"])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").first.wait_for()
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def visit(browser: Browser, stack: Stack, signed_in: Any) -> Iterator[Visit]:
    """Opens a page as somebody signed in; and holds that the browser had nothing to complain of:
    no error in a script, nothing that the policy had to block; unless it is meant to.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        expected = "the server responded with a status of 4" in message.text
        if message.type in ("error", "warning") and not expected:
            complaints.append(message.text)

    def visit(path: str, *, width: int = 1440, complains: bool = False, **more: Any) -> Page:
        settings: dict[str, Any] = {
            "base_url": stack.state["gateway"],
            "storage_state": signed_in,
            "timezone_id": "Europe/Amsterdam",
            "viewport": {"width": width, "height": 900},
        }
        context = browser.new_context(**settings | more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        if not complains:
            page.on("console", heard)
            page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []


def violations(page: Page, axe: str) -> list[Any]:
    """What axe finds: its rules, and where."""
    page.evaluate(axe)
    found: list[Any] = page.evaluate(
        "axe.run(document, {iframes: false}).then((found) => found.violations.map((each) => "
        "[each.id, each.impact, each.nodes.slice(0, 3).map((node) => node.html.slice(0, 200))]))"
    )
    return found
