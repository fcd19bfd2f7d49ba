"""A reader as the tests drive them: somebody who has a mail, and a browser."""

from __future__ import annotations

import re
import time
from typing import Any, Final

from tests.functional.world import World
from tests.support import load_event

__all__ = ["FIREFOX", "FORM", "Reader"]

FIREFOX: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
FORM: Final = "application/x-www-form-urlencoded"


class Reader:
    """Somebody who has a mail, and a browser.

    Attributes:
        minutes_apart: from one request to the next.
        seconds_later: … and from now to all of them.
    """

    def __init__(self, world: World, html: str = "") -> None:
        self.world = world
        self.links = dict(re.findall(r"/([cou])/([^\"']+)", html))
        self.minutes_apart = 1.0
        self.seconds_later = 0.0
        self._requests = 0

    def __call__(
        self, kind: str, token: str | None = None, method: str = "GET", **more: Any
    ) -> dict[str, Any]:
        """Makes a request of a public route."""
        event = load_event({"o": "http-open", "c": "http-click", "u": "http-preferences"}[kind])
        self._requests += 1
        context = event["requestContext"]
        context["requestId"] = f"request-{self._requests}"
        seconds = time.time() + self.seconds_later + 60 * self.minutes_apart * self._requests
        context["timeEpoch"] = int(seconds * 1000)
        context["http"]["method"] = method
        event["pathParameters"] = {"token": self.links[kind] if token is None else token}
        event["headers"] = {"user-agent": FIREFOX, "content-type": FORM} | more.pop("headers", {})
        event |= more
        answer: dict[str, Any] = self.world.call("preferences" if kind == "u" else "track", event)
        return answer
