"""The table of the console's pages, with good data and with bad: each is looked at in a browser at
every width and in both themes (`test_pages.py`).

A new page is a line in `PAGES`; a test compares them with the routes that the console has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from local.notifications import Mail
from sendtrail.auth.api_keys import Scope, new_key
from sendtrail.domain.actors import Actor, legible_name
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.times import from_epoch_ms
from sendtrail.domain.webhooks import Delivery, DeliveryStatus

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = [
    "LATER",
    "LONG_TEMPLATE",
    "NOT_PAGES",
    "PAGES",
    "Shown",
    "bad_keys",
    "bad_mail",
    "bad_mailing",
    "bad_people",
    "later_mailing",
    "bad_templates",
    "bad_deliveries",
    "bad_hooks",
    "deliveries",
]

_ROOT: Final = "/console"
_MAILINGS: Final = f"{_ROOT}/communications"
_MAILING: Final = f"{_MAILINGS}/<communication_id>"
_PEOPLE: Final = f"{_ROOT}/participants"
_FOUND: Final = f"{_ROOT}/people"
_DIRECT: Final = f"{_ROOT}/messages"
_TEMPLATES: Final = f"{_ROOT}/templates"
_TEMPLATE: Final = f"{_TEMPLATES}/<template_id>"
_STAFF: Final = f"{_ROOT}/staff"
_PERSON: Final = f"{_PEOPLE}/<participant_id>"
_WEBHOOKS: Final = f"{_ROOT}/webhooks"
_WEBHOOK: Final = f"{_WEBHOOKS}/<webhook_id>"
_LONG_AGO: Final = 1_795_170_600_000 - 10 * 86_400_000  # before all other mail of the tests
_BROWSER: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Thunderbird/128.0"

# --- bad data --------------------------------------------------------------------------------

LONG_ID: Final = "n" * 100 + "-bad"
"""A participant, and a mailing, of long ids without a place to break."""
LONG_TEMPLATE: Final = "t" * 128
LATER: Final = "later"
"""The kind of a mailing whose time has not come."""
LONG_ADDRESS: Final = f"{'l' * 64}@{'.'.join(['d' * 60] * 3)}.example"
SUBJECTS: Final = {
    "long": "W" * 300,
    "emoji": "🎉👩‍👩‍👧‍👦🏳️‍🌈" * 30,
    "rtl": "שלום לכולם, חדשות החודש ועוד " * 10,
    "override": "evil\u202egnp.exe and then some",
    "markup": "<script>document.title='x'</script><img src=x onerror=alert(1)>\"'&amp;",
    "seven-bit": "R?union d'?t? =?utf-8?Q?R=C3=A9union?=",
    "empty": "",
}
_DIAGNOSTIC: Final = "smtp;550-5.7.26 <b>unauthenticated</b> " + "x" * 300
_LINK: Final = "https://society.example/" + "y" * 700 + "?a=<b>&c=%F0%9F%8E%89"


def bad_mail() -> Iterator[Any]:
    """One mailing, to one person: a message for each subject, and for each way to fail."""
    for number, (name, subject) in enumerate(SUBJECTS.items()):
        one = _mail(number, subject)
        yield one.send()
        yield one.delivery(_after(number, 5))
        if name == "long":
            yield one.open(_after(number, 900), f"{_BROWSER} {'z' * 300}")
            yield one.click(_after(number, 990), _LINK, _BROWSER)
            yield one.click(_after(number, 1), _LINK, "Barracuda " + "q" * 200)
            yield one.complaint(_after(number, 9_000))
        if name == "emoji":
            yield one.subscription(_after(number, 9_000), unsubscribed=True)
        if name == "rtl":
            yield one.click(_after(number, 1), _LINK, "Barracuda")
    failed: list[Callable[[Mail, str], Any]] = [
        lambda one, at: one.bounce(at, "Permanent", "General", diagnostic=_DIAGNOSTIC),
        lambda one, at: one.bounce(at, "Transient", "MailboxFull", diagnostic=_DIAGNOSTIC),
        lambda one, at: one.bounce(at, "Permanent", "OnAccountSuppressionList"),
        lambda one, _: one.reject("Bad content " + "v" * 300),
        lambda one, _: one.rendering_failure("Attribute <b> is not present " + "w" * 300),
        lambda one, at: one.delay(at, "SpamDetected"),
        lambda one, at: one.delay(at, "Unheard-of-" + "u" * 200),
    ]
    for number, fails in enumerate(failed, start=20):
        one = _mail(number, f"What went wrong, number {number}", f"bad{number}@example.com")
        yield one.send()
        yield fails(one, _after(number, 7))


def bad_mailing() -> dict[str, Any]:
    """The body of a mailing whose name and recipients are hard to show."""
    return {
        "name": ("N" * 90 + "🎉שלום<b>")[:200],
        "kind": "k" * 64,
        "subject": "<b>{{ name }}</b>" + "S" * 200,
        "html": f'<p>{"t" * 900}</p><p><a href="https://a.example/{"p" * 300}">Here</a></p>',
        "recipients": [
            {
                "participant_id": f"{'r' * 120}-{number}",
                "address": address,
                "data": {"name": "🎉" * 20},
            }
            for number, address in enumerate(
                (f"success+{'l' * 50}@simulator.amazonses.com", "bounce@simulator.amazonses.com")
            )
        ],
    }


def later_mailing() -> dict[str, Any]:
    """The body of one that is sent in two months, with a file whose name is long."""
    at = datetime.now(UTC) + timedelta(days=60)
    file = {"name": f"{'F' * 200}.pdf", "content_type": "application/pdf", "content": "JVBERi0="}
    more = {"name": f"Later {'L' * 190}", "kind": LATER, "send_at": at.isoformat()}
    return bad_mailing() | more | {"attachments": [file]}


def bad_templates() -> Iterator[dict[str, Any]]:
    """The versions of a template that is hard to show; its HTML has no script, or the browser would
    complain that it blocked one.
    """
    for number in (1, 2):
        fields = " ".join(f"{{{{ f{number}_{'f' * 60}_{each} }}}}" for each in range(30))
        yield {
            "subject": f"{number} {'W' * 150} {SUBJECTS['rtl'][:90]}",
            "html": f"<p>{number}{'H' * 400}</p>\n<b>&amp;\n{SUBJECTS['rtl']}\n{fields}",
            "text": f"{SUBJECTS['emoji']}\n{SUBJECTS['markup']}\n{number}\n</textarea><script>top.document.title=1</script>",
            "description": f"{number} {'D' * 200}",
        }


def bad_keys() -> Iterator[dict[str, Any]]:
    """Entries of API keys whose names are hard to show; one expires soon, and one has."""
    at = "2026-11-20T09:30:00.000Z"
    by = Actor("key", "0123456789abcdef", "M" * 60)
    soon = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}T00:00:00.000Z"
    for name, expires in (
        ("W" * 60, None),
        ("<b>Front</b> & \"office\" 'desk'", soon),
        ("שלום לכולם" * 5, at),
        ("🎉👩‍👩‍👧‍👦", None),
    ):
        yield new_key(Scope.READ, legible_name(name), at, by=by, expires_at=expires)[1]


def bad_people() -> Iterator[dict[str, Any]]:
    """Rows of people whose names are hard to show, and of their sessions."""
    later = int((datetime.now(UTC) + timedelta(days=1)).timestamp())
    for number, name in enumerate(("N" * 300, SUBJECTS["rtl"], SUBJECTS["markup"], "🎉" * 90, "")):
        who = f"{'p' * 60}{number}"
        at = "2026-11-20T09:30:00.000Z"
        seen = {"first_seen_at": at, "last_seen_at": at}
        yield {
            "part": "people", "sort": who, "name": name, "email": LONG_ADDRESS, "scope": "send",
        } | seen  # fmt: skip
        yield {"part": f"person#{who}", "sort": "session#1", "until": later}


def bad_hooks() -> Iterator[dict[str, Any]]:
    """Bodies of webhooks whose URLs and descriptions are hard to show."""
    yield {"url": f"https://{'f' * 60}.example.org/", "description": "שלום לכולם 🎉", "full": True}
    yield {
        "url": f"https://h.example.org/{'u' * 1_978}",
        "description": f"<b>W</b> & \"'{'W' * 180}",
        "event_types": ["message.bounced", "participant.unsubscribed"],
    }


def deliveries(webhook_id: str) -> Iterator[Delivery]:
    """What came of forty deliveries, more than a page has, most of which were taken."""
    for number in range(40):
        at = from_epoch_ms(_LONG_AGO + number * 60_000)
        taken = number % 7
        yield Delivery(
            webhook_id,
            f"msg_{number}",
            "message.bounced" if number % 2 else "participant.unsubscribed",
            at,
            f"{number:032x}",
            derived_message_id(at, f"ses-{number}", "a@example.com") if number % 2 else None,
            DeliveryStatus.DELIVERED if taken else DeliveryStatus.WAITING,
            1 if taken else 3,
            at,
            at,
            204 if taken else 500,
            duration_ms=83,
        )


def bad_deliveries(webhook_id: str) -> Iterator[Delivery]:
    """What came of deliveries whose answers are hard to show."""
    for number, (status, error) in enumerate(
        [
            (302, "it answered 302"),
            (None, "<b>no connection</b>: " + "x" * 300),
            (None, "its certificate is not valid: " + "y " * 60),
        ]
    ):
        at = from_epoch_ms(_LONG_AGO + number)
        yield Delivery(
            webhook_id,
            f"msg_bad{number}",
            "message.unknown",
            at,
            f"{number:032x}",
            derived_message_id(at, "ses", "a@example.com"),
            DeliveryStatus.FAILED,
            12_345,
            at,
            at,
            status,
            error,
            10_003_000,
            replayed=True,
        )


def _mail(number: int, subject: str, address: str = LONG_ADDRESS) -> Mail:
    sent_at, ses_id = from_epoch_ms(_LONG_AGO + number * 60_000), f"ses-bad-{number}"
    tags = {
        "participant_id": LONG_ID,
        "message_id": derived_message_id(sent_at, ses_id, address),
        "communication_id": LONG_ID,
        "kind": "k" * 64,
        "template_id": "t" * 128,
    }
    return Mail(ses_id, sent_at, [address], subject, tags=tags)


def _after(number: int, seconds: float) -> str:
    return from_epoch_ms(_LONG_AGO + number * 60_000 + int(seconds * 1_000))


# --- the table -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """A page, as it is looked at.

    Attributes:
        route: the console's, that answers it; empty if none does.
        path: what is visited.
        go: what is done there before it is looked at.
        signed_in: whether by somebody who is.
    """

    route: str
    path: str
    go: Callable[[Page], Any] | None = None
    signed_in: bool = True


def _follow(name: str) -> Callable[[Page], Any]:
    """Follows the first link with that text."""
    return lambda page: page.get_by_role("link", name=name).first.click()


def _add_badly(page: Page) -> None:
    """Asks for a key whose name and last day are not allowed."""
    page.get_by_text("Add a key").click()
    page.get_by_label("Whose it is").evaluate("field => field.removeAttribute('maxlength')")
    page.get_by_label("Whose it is").fill("W" * 200)
    page.get_by_label("Last day").fill("2020-01-01")
    page.get_by_role("button", name="Add the key").click()
    page.get_by_role("alert").wait_for()


_added = count(1)


def _add_key(page: Page) -> None:
    """Makes a key, of a name that is hard to show."""
    page.get_by_text("Add a key").click()
    page.get_by_label("Whose it is").fill(f"{next(_added)} {'🎉שלום' * 9}"[:60])
    page.get_by_role("button", name="Add the key").click()
    page.get_by_role("status").wait_for()


def _some_types(page: Page) -> None:
    """Has only some types of events told."""
    page.get_by_label("Only these:").check()


def _hook_badly(page: Page) -> None:
    """Asks for a webhook at a URL that is not allowed, told of nothing."""
    page.get_by_label("URL").fill("https://user:word@10.0.0.1/" + "u" * 1_900)
    page.get_by_label("Description").fill("W" * 200)
    page.get_by_label("Only these:").check()
    page.get_by_role("button", name="Add the webhook").click()
    page.get_by_role("alert").wait_for()


def _add_hook(page: Page) -> None:
    """Adds a webhook, of a name that is hard to show."""
    page.get_by_label("URL").fill(f"https://hooks.example.org/{next(_added)}")
    page.get_by_label("Description").fill("🎉שלום" * 9 + "W" * 60)
    page.get_by_role("button", name="Add the webhook").click()
    page.get_by_role("status").wait_for()


def _of_hook(name: str, action: str) -> Callable[[Page], Any]:
    """Follows a link on the page of the webhook whose name has this."""

    def go(page: Page) -> None:
        page.get_by_role("link", name=name).first.click()
        page.get_by_role("link", name=action).first.click()

    return go


def _replay_badly(page: Page) -> None:
    """Asks for a span of time that is none."""
    page.get_by_role("link", name="CRM").first.click()
    page.get_by_text("Send again").click()
    page.get_by_label("From (UTC)").fill("2026-11-24T09:30")
    page.get_by_role("button", name="Send it again").click()
    page.get_by_role("alert").wait_for()


def _stop(name: str) -> Callable[[Page], Any]:
    """Asks to stop the mailing whose name begins so."""

    def go(page: Page) -> None:
        page.get_by_role("link", name=name).first.click()
        page.get_by_role("link", name="Stop").click()
        page.get_by_role("button", name="Stop it").wait_for()

    return go


def _open(subject: str) -> Callable[[Page], Any]:
    """Opens the message with that subject in place."""

    def go(page: Page) -> None:
        page.locator("a.opens", has_text=subject).first.click()
        page.locator("tr.inside .trail").wait_for()

    return go


def _numbers(page: Page) -> None:
    """Shows the chart by the day as a table."""
    page.get_by_text("The same in numbers").click()


def _menu(page: Page) -> None:
    """Opens what can be opened over the page."""
    page.locator("details[data-popup]").evaluate_all(
        "(all) => all.forEach((each) => each.open = 1)"
    )


def _fill_badly(page: Page) -> None:
    """A mailing with something wrong in each field."""
    page.get_by_label("Name", exact=True).fill("N" * 200)
    page.get_by_label("Kind").fill("k" * 64)
    page.get_by_label("Template").fill("t" * 128)
    page.get_by_label("Recipients").fill("participant_id,address\n" + "x" * 200 + "," + "y" * 400)
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("alert").first.wait_for()


def _write_badly(page: Page) -> None:
    """A template with something wrong in each field."""
    page.get_by_label("Name", exact=True).fill("no name")
    page.get_by_label("HTML").fill(f"<p>\n{{{{ {'x' * 300} | nope }}}}")
    page.get_by_label("Text").fill("{% if %}")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("alert").first.wait_for()


def _confirm_badly(page: Page) -> None:
    """A confirmation that is another's id."""
    page.get_by_label("To confirm").fill("w" * 128)
    page.get_by_role("button", name="Erase for good").click()
    page.get_by_role("alert").first.wait_for()


PAGES: Final[dict[str, Shown]] = {
    "home": Shown(_ROOT, f"{_ROOT}?days=90", _numbers),
    "home, long ago": Shown(_ROOT, f"{_ROOT}?days=90&until=2019-03-01"),
    "sign in": Shown(f"{_ROOT}/sign-in", f"{_ROOT}/sign-in", signed_in=False),
    "account": Shown(f"{_ROOT}/account", f"{_ROOT}/account"),
    "mailings": Shown(_MAILINGS, _MAILINGS),
    "mailings, none": Shown(_MAILINGS, f"{_MAILINGS}?kind=none"),
    "a menu, and what else opens": Shown(_PERSON, f"{_PEOPLE}/jane", _menu),
    "a mailing": Shown(_MAILING, f"{_MAILINGS}/autumn-festival"),
    "a mailing, without hits": Shown(_MAILING, f"{_MAILINGS}/mailing-03"),
    "a mailing, bad": Shown(_MAILING, f"{_MAILINGS}/{LONG_ID}"),
    "a mailing, bad name": Shown(_MAILING, f"{_MAILINGS}?kind={'k' * 64}", _follow("🎉")),
    "a mailing, to be stopped": Shown(
        f"{_MAILING}/stop", f"{_MAILINGS}?kind={LATER}", _stop("Later")
    ),
    "a mailing, nothing to stop": Shown(f"{_MAILING}/stop", f"{_MAILINGS}/{LONG_ID}/stop"),
    "recipients": Shown(f"{_MAILING}/recipients", f"{_MAILINGS}/autumn-festival/recipients"),
    "recipients, bad": Shown(f"{_MAILING}/recipients", f"{_MAILINGS}/{LONG_ID}/recipients"),
    "recipients, none": Shown(
        f"{_MAILING}/recipients", f"{_MAILINGS}/{LONG_ID}/recipients?q={'z' * 120}"
    ),
    "a participant": Shown(_PERSON, f"{_PEOPLE}/jane", _open("Winter programme")),
    "a participant, bad": Shown(_PERSON, f"{_PEOPLE}/{LONG_ID}"),
    "a participant, bounced": Shown(_PERSON, f"{_PEOPLE}/{LONG_ID}", _open("number 20")),
    "a participant, rejected": Shown(_PERSON, f"{_PEOPLE}/{LONG_ID}", _open("number 23")),
    "a participant, delayed": Shown(_PERSON, f"{_PEOPLE}/{LONG_ID}", _open("number 26")),
    "a participant, suppressed": Shown(_PERSON, f"{_PEOPLE}/person-01"),
    "erasing somebody": Shown(f"{_PERSON}/erase", f"{_PEOPLE}/jane/erase"),
    "erasing somebody, refused": Shown(
        f"{_PERSON}/erase", f"{_PEOPLE}/{LONG_ID}/erase", _confirm_badly
    ),
    "an erasure": Shown(f"{_ROOT}/erasures/<erasure_id>", f"{_STAFF}/acts", _follow("erased-")),
    "people": Shown(_FOUND, _FOUND),
    "people, found": Shown(_FOUND, f"{_FOUND}?q=n"),
    "people, none": Shown(_FOUND, f"{_FOUND}?q={'z' * 300}&state=inactive"),
    "people, suppressed": Shown(_FOUND, f"{_FOUND}?state=suppressed"),
    "a timeline": Shown(f"{_PERSON}/timeline", f"{_PEOPLE}/jane/timeline"),
    "a timeline, bad": Shown(f"{_PERSON}/timeline", f"{_PEOPLE}/{LONG_ID}/timeline"),
    "messages": Shown(_DIRECT, _DIRECT),
    "messages, none": Shown(_DIRECT, f"{_DIRECT}?kind={'z' * 64}"),
    "messages, refused": Shown(_DIRECT, f"{_DIRECT}?status={'z' * 200}&did=nothing"),
    "addresses": Shown(f"{_PERSON}/addresses", f"{_PEOPLE}/jane/addresses"),
    "addresses, bad": Shown(f"{_PERSON}/addresses", f"{_PEOPLE}/{LONG_ID}/addresses"),
    "a message, bad": Shown(
        f"{_PERSON}/messages/<message_id>",
        f"{_PEOPLE}/{LONG_ID}/messages/{_mail(0, '').tags['message_id']}",
    ),
    "a message, right to left": Shown(
        f"{_PERSON}/messages/<message_id>",
        f"{_PEOPLE}/{LONG_ID}/messages/{_mail(2, '').tags['message_id']}",
    ),
    "a message, nothing to stop": Shown(
        f"{_PERSON}/messages/<message_id>/stop",
        f"{_PEOPLE}/{LONG_ID}/messages/{_mail(0, '').tags['message_id']}/stop",
    ),
    "templates": Shown(_TEMPLATES, _TEMPLATES),
    "templates, none": Shown(_TEMPLATES, f"{_TEMPLATES}?name={'z' * 128}"),
    "a template": Shown(_TEMPLATE, f"{_TEMPLATES}/evening"),
    "a template, bad": Shown(_TEMPLATE, f"{_TEMPLATES}/{LONG_TEMPLATE}"),
    "a template, old": Shown(_TEMPLATE, f"{_TEMPLATES}/{LONG_TEMPLATE}?version=1"),
    "versions": Shown(f"{_TEMPLATE}/versions", f"{_TEMPLATES}/{LONG_TEMPLATE}/versions"),
    "versions compared": Shown(
        f"{_TEMPLATE}/compare", f"{_TEMPLATES}/{LONG_TEMPLATE}/compare?from=1&to=2"
    ),
    "editing a template": Shown(f"{_TEMPLATE}/edit", f"{_TEMPLATES}/{LONG_TEMPLATE}/edit"),
    "a new template, bad": Shown(f"{_ROOT}/template", f"{_ROOT}/template", _write_badly),
    "suppressions": Shown(f"{_ROOT}/suppressions", f"{_ROOT}/suppressions"),
    "suppressions, none": Shown(f"{_ROOT}/suppressions", f"{_ROOT}/suppressions?reason=manual"),
    "lifting one": Shown(
        f"{_ROOT}/suppressions/lift", f"{_ROOT}/suppressions", _follow("Lift the suppression")
    ),
    "compose": Shown(f"{_ROOT}/compose", f"{_ROOT}/compose"),
    "compose, bad": Shown(f"{_ROOT}/compose", f"{_ROOT}/compose", _fill_badly),
    "drafts": Shown(f"{_ROOT}/drafts", f"{_ROOT}/drafts"),
    "keys and people": Shown(_STAFF, _STAFF),
    "keys and people, a form that is wrong": Shown(_STAFF, _STAFF, _add_badly),
    "a key, shown once": Shown("", _STAFF, _add_key),
    "a key, to be removed": Shown(f"{_STAFF}/keys/<key_id>/remove", _STAFF, _follow("Remove WWW")),
    "what staff did": Shown(f"{_STAFF}/acts", f"{_STAFF}/acts"),
    "what somebody did, nothing": Shown(f"{_STAFF}/acts", f"{_STAFF}/acts?by=key:{'x' * 64}"),
    "webhooks": Shown(_WEBHOOKS, _WEBHOOKS),
    "a new webhook": Shown(f"{_ROOT}/webhook", f"{_ROOT}/webhook", _some_types),
    "a new webhook, bad": Shown(f"{_ROOT}/webhook", f"{_ROOT}/webhook", _hook_badly),
    "a webhook": Shown(_WEBHOOK, _WEBHOOKS, _follow("CRM")),
    "a webhook, bad": Shown(_WEBHOOK, _WEBHOOKS, _follow("<b>")),
    "a webhook, a span that is wrong": Shown(_WEBHOOK, _WEBHOOKS, _replay_badly),
    "changing a webhook": Shown(f"{_WEBHOOK}/edit", _WEBHOOKS, _of_hook("<b>", "Change")),
    "a webhook's secret, shown once": Shown("", f"{_ROOT}/webhook", _add_hook),
    "a webhook's secret, to be replaced": Shown(
        f"{_WEBHOOK}/secret", _WEBHOOKS, _of_hook("<b>", "Replace the secret")
    ),
    "a webhook, to be removed": Shown(f"{_WEBHOOK}/remove", _WEBHOOKS, _of_hook("<b>", "Remove")),
    "inactive": Shown(f"{_ROOT}/inactive", f"{_ROOT}/inactive"),
    "find": Shown(f"{_ROOT}/find", f"{_ROOT}/find"),
    "find, nothing": Shown(f"{_ROOT}/find", f"{_ROOT}/find?q={'f' * 128}"),
    "find, refused": Shown(f"{_ROOT}/find", f"{_ROOT}/find?q=%3Cb%3E{'%F0%9F%8E%89' * 60}"),
    "no such page": Shown("", f"{_ROOT}/nothing"),
    "nobody": Shown("", f"{_PEOPLE}/{'x' * 128}"),
    "a spoilt link": Shown("", f"{_ROOT}/suppressions?at=spoilt"),
}
"""Name → page. Every GET route of the console that answers a page is here at least once."""

NOT_PAGES: Final = {
    f"{_ROOT}/static/<name>",
    f"{_ROOT}/compose/<_step>",  # leads back to the form
    f"{_ROOT}/template/<_step>",  # leads back to the list
    f"{_TEMPLATE}/preview",  # a mail, in a frame
    f"{_MAILING}/figures",  # a part of a page
    f"{_DIRECT}.csv",
    f"{_DIRECT}.xlsx",
    f"{_PERSON}/export.json",
    f"{_MAILING}/recipients.csv",
    f"{_MAILING}/recipients.xlsx",
    f"{_PERSON}/messages/<message_id>/preview",  # a mail, in a frame
}
"""GET routes that answer no page of their own."""
