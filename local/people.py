"""The readers of the mail that the stack sends: they open it, follow its links and unsubscribe.

They have nothing but the mail itself, as it stands in the outbox, and act over HTTP as mail
programs do: Gmail's and Yahoo's proxies load the images for whoever looks, Apple's for everybody in
advance, and companies' scanners follow every link a second after it was sent. Who does what is
drawn from a seed, so that it is the same every time; how fast depends on the machine.
"""

from __future__ import annotations

import heapq
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parseaddr
from html.parser import HTMLParser
from http.client import HTTPException
from queue import Queue
from typing import Any, Final

from local.members import APPLE_PROXY, SCANNERS, browser_of, image_agent_of
from local.progress import Tell
from local.web import ask
from sendtrail.domain.times import epoch_ms

__all__ = ["People", "Sitting", "Step", "sittings_of"]

_SEED: Final = "i"
"""With it, a few unsubscribe in each way, and one undoes it."""
_AT_ONCE: Final = 3
"""Readers who act at the same time. A function takes one request at a time, so more only wait."""
_LOOKS_EVERY: Final = 0.2
_QUIET: Final = 2.0
_SOONEST: Final = 6.5
"""Seconds until somebody reads a message: what comes within 5 is taken for a machine."""
_LATEST: Final = 14.0
_SIMULATOR: Final = "simulator.amazonses.com"

_ONE_CLICK: Final = b"List-Unsubscribe=One-Click"  # RFC 8058, section 3.1
_NO: Final = b"subscribed=no"
_YES: Final = b"subscribed=yes"

Mail = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """A request that somebody's program makes.

    Attributes:
        name: what it is, for the counts.
        form: the body of a POST; None for a GET.
        good: the status that it should be answered with.
    """

    name: str
    url: str
    agent: str
    form: bytes | None = None
    good: int = 200


@dataclass(order=True, frozen=True, slots=True)
class Sitting:
    """What somebody does about a message at one time, one step after another.

    Attributes:
        due: when, in seconds since 1970.
    """

    due: float
    steps: Sequence[Step] = field(compare=False)


class People:
    """All recipients.

    Args:
        outbox: the URL of the mails that SES took.
        gateway: what the links and the pixel of our mail begin with; nobody goes further.
        interests: how likely each participant is to read something, from 0 to 1.
    """

    def __init__(self, outbox: str, gateway: str, interests: Mapping[str, float]) -> None:
        self._outbox = outbox
        self._gateway = gateway
        self._interests = interests
        self._read = 0
        self._plans: list[Sitting] = []
        self._due: Queue[Sitting] = Queue()
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        for _ in range(_AT_ONCE):
            threading.Thread(target=self._act, daemon=True).start()

    def read(self, idle: Callable[[], bool], expected: int, tell: Tell) -> None:
        """Reads the mail that is there and that comes, until there has been nothing to do for a
        while.

        Args:
            idle: whether the stack has nothing more to do.
            expected: how many mails may come.
            tell: told of mails that came and sittings that are over, and how many there will be.
        """
        mails = sittings = 0
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < _QUIET:
            fetched, planned = self._fetch()
            mails, sittings = mails + fetched, sittings + planned
            while self._plans and self._plans[0].due <= time.time():
                self._due.put(heapq.heappop(self._plans))
            left = len(self._plans) + self._due.unfinished_tasks
            tell(mails + sittings - left, max(mails, expected) + sittings)
            if fetched or left or not idle():
                quiet_since = time.monotonic()
            time.sleep(_LOOKS_EVERY)

    def _act(self) -> None:
        """Takes the steps of one sitting after another, for ever."""
        while True:
            names = [_take(step) for step in self._due.get().steps]
            with self._lock:
                self.counts.update(names)
            self._due.task_done()

    def _fetch(self) -> tuple[int, int]:
        """Takes the new mails, at most 100: how many, and how many sittings they will have."""
        before = len(self._plans)
        mails = json.loads(ask("GET", f"{self._outbox}?after={self._read}").body)["mails"]
        for mail in mails:
            self._read = mail["number"]
            interest = self._interests.get(mail["tags"].get("participant_id", ""), 0.0)
            for sitting in sittings_of(mail, self._gateway, interest):
                heapq.heappush(self._plans, sitting)
        return len(mails), len(self._plans) - before


def sittings_of(mail: Mail, gateway: str, interest: float) -> Iterator[Sitting]:
    """What is done about a mail, by its reader and by the machines before them."""
    address = parseaddr(mail["destination"][0])[1]
    domain = address.rpartition("@")[2].lower()
    # What bounces has no reader, and who answers from SES's simulator is no person.
    if mail["suppressed"] or domain == _SIMULATOR or not mail["html"]:
        return
    page = _Page(mail["html"], f"{gateway}/")
    taken = epoch_ms(mail["taken_at"]) / 1000
    chance = random.Random(f"{_SEED}{address} {mail['subject']}")
    if domain in SCANNERS:
        links = [*page.links, *page.preferences]
        steps = [Step("scanned", link, SCANNERS[domain], good=_good(link)) for link in links]
        yield Sitting(taken + 1 + chance.random(), steps)
    if domain == "icloud.com":
        yield Sitting(taken + 1 + 3 * chance.random(), _opening(page, APPLE_PROXY, "prefetched"))
    is_direct = "communication_id" not in mail["tags"]
    if chance.random() < (max(interest, 0.8) if is_direct else interest):
        yield from _reading(chance, mail, page, address, taken)


def _reading(
    chance: random.Random, mail: Mail, page: _Page, address: str, taken: float
) -> Iterator[Sitting]:
    """What a person does who looks at a mail: at once, and when they come back to it."""
    due = taken + min(_SOONEST + chance.expovariate(1 / 2), _LATEST)
    browser = browser_of(address)
    # Whose images came in advance loads none.
    prefetched = address.lower().endswith("@icloud.com")
    opening = [] if prefetched else _opening(page, image_agent_of(address))
    steps = [*opening]
    if page.links and chance.random() < 0.5:
        steps += (
            Step("clicked", link, browser, good=302)
            for link in dict.fromkeys(chance.choices(page.links, _weights(page.links), k=2))
        )
    steps += _choosing(chance.random(), mail, page, browser)
    yield Sitting(due, steps)
    for again in range(chance.choice((0, 0, 0, 1, 2))):
        yield Sitting(due + 2 * (again + 1), opening)


def _choosing(draw: float, mail: Mail, page: _Page, browser: str) -> list[Step]:
    """How a few unsubscribe: by their mail program's button, or on the page; some think again."""
    if draw < 0.015:
        headers = {each["name"]: each["value"] for each in mail["headers"]}
        if "List-Unsubscribe" in headers:
            url = headers["List-Unsubscribe"].strip("<>")
            return [Step("unsubscribed by one click", url, browser, _ONE_CLICK)]
    elif draw < 0.05 and page.preferences:
        url = page.preferences[0]
        steps = [
            Step("looked at their preferences", url, browser),
            Step("unsubscribed on the page", url, browser, _NO),
        ]
        thinks_again = draw < 0.028
        return [*steps, Step("undid it", url, browser, _YES)] if thinks_again else steps
    return []


def _opening(page: _Page, agent: str, name: str = "opened") -> list[Step]:
    return [Step(name, image, agent) for image in page.images]


def _weights(links: Sequence[str]) -> list[float]:
    """The further down a link is, the fewer follow it."""
    return [1 / (place + 1) for place in range(len(links))]


def _good(link: str) -> int:
    return 302 if "/c/" in link else 200


def _take(step: Step) -> str:
    headers = {"User-Agent": step.agent}
    if step.form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        answer = ask("GET" if step.form is None else "POST", step.url, headers, step.form)
    except (OSError, HTTPException) as error:
        return f"went wrong: {error!r}"
    if answer.status == step.good and (step.good != 302 or answer.location):
        return step.name
    return f"went wrong: {answer.status} where {step.good} was expected"


class _Page(HTMLParser):
    """What of a mail leads to us.

    Attributes:
        images: the URLs of images: the pixel.
        links: the links that redirect.
        preferences: the links to the page for unsubscribing.
    """

    def __init__(self, html: str, ours: str) -> None:
        super().__init__()
        self._ours = ours
        self.images: list[str] = []
        self.links: list[str] = []
        self.preferences: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See `HTMLParser`."""
        found = dict(attrs)
        url = found.get("src" if tag == "img" else "href") or ""
        if not url.startswith(self._ours):
            return
        if tag == "img":
            self.images.append(url)
        elif tag == "a" and url.startswith(f"{self._ours}u/"):
            self.preferences.append(url)
        elif tag == "a":
            self.links.append(url)
