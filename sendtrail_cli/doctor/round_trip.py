"""The round trip: mail to SES's mailbox simulator by the API, until its events are in the history.

The simulator's addresses take a label, count neither for the daily quota nor for the reputation,
and are allowed in the sandbox (SES developer guide, "Using the mailbox simulator"). Its bounces and
complaints suppress the labelled address here, so that is lifted before and afterwards.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import quote, urlsplit

from sendtrail.auth.api_keys import Scope, fingerprint, key_id
from sendtrail.errors import NotFoundError, SendtrailError
from sendtrail_cli.doctor.findings import Context, Finding, ok, wrong
from sendtrail_cli.keys import make_key, remove_key

__all__ = ["PATIENCE_SECONDS", "round_trip"]

PATIENCE_SECONDS: Final = 120.0
_KEY_PATIENCE_SECONDS: Final = 150.0
"""A new key is known within two minutes: an answer of the authorizer is cached for one."""
_PAUSE_SECONDS: Final = 0.5
_TIMEOUT_SECONDS: Final = 30.0
_DOMAIN: Final = "simulator.amazonses.com"
_LABEL: Final = "sendtrail-doctor"
_ENDS: Final[Mapping[str, tuple[str, str]]] = {
    "success": ("delivered_at", "delivered"),
    "bounce": ("bounced_at", "bounced"),
    "complaint": ("spammed_at", "complained of"),
}
"""Mailbox of the simulator → the field of a message that tells of its end, and that in words."""
_SUPPRESSED: Final = ("bounce", "complaint")
_LIFT_SECONDS: Final = 15.0


class _RefusedError(SendtrailError):
    """The API did not take what was asked."""


@dataclass(frozen=True, slots=True)
class _Api:
    """The private routes, by a key of one's own."""

    url: str
    key: str

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status and the JSON of an answer.

        Raises:
            OSError: there is none.
        """
        where = urlsplit(self.url)
        make = HTTPSConnection if where.scheme == "https" else HTTPConnection
        connection = make(where.netloc, timeout=_TIMEOUT_SECONDS)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, where.path + path, body=text, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content else None
        except (HTTPException, ValueError) as error:
            raise OSError(f"{self.url}{path} gives no proper answer: {error!r}") from error
        finally:
            connection.close()


def round_trip(context: Context) -> Iterator[Finding]:
    """Whether mail to SES's mailbox simulator is delivered, bounces, and is complained of, and each
    is in its participant's history in time.
    """
    url = context.target.outputs.get("ApiUrl")
    if not url:
        raise NotFoundError("the stack has no output ApiUrl")
    with _key(context) as key:
        api = _Api(url, key)
        waited = _until(_KEY_PATIENCE_SECONDS, lambda: api("GET", "/v1/templates")[0] == 200)
        if waited is None:
            yield wrong(
                f"{url} refuses a new API key for more than {_KEY_PATIENCE_SECONDS:.0f} seconds. "
                "Look at the log of the function authorize (AuthorizerErrorsAlarm in "
                "docs/runbook.md)"
            )
            return
        for name in _ENDS:
            _lift(api, _address(name))
        try:
            messages = [_Message(api, name) for name in _ENDS]
            _until(context.patience, lambda: not [each for each in messages if not each.is_over()])
            for each in messages:
                yield each.finding(context.patience)
        except _RefusedError as error:
            yield wrong(str(error))
        finally:
            for name in _ENDS:
                _lift(api, _address(name))


@contextmanager
def _key(context: Context) -> Iterator[str]:
    """An API key, which is removed afterwards."""
    key = make_key(context.target, Scope.ADMIN.value, _LABEL)
    try:
        yield key
    finally:
        remove_key(context.target, key_id(fingerprint(key)))


def _send(api: _Api, name: str) -> str:
    """Sends a direct message; returns its id."""
    draft = {
        "participant_id": _participant(name),
        "address": _address(name),
        "kind": _LABEL,
        "subject": "A message on its round trip",
        "text": "Sendtrail sends this to see whether its mail goes out and its events come back.",
    }
    status, answer = api("POST", "/v1/messages", draft)
    if status != 202:
        raise _RefusedError(f"the API does not take a message: {status} {json.dumps(answer):.500}")
    return str(answer["message_id"])


class _Message:
    """A message on its way.

    Attributes:
        seen: what was seen of it, and after how many seconds.
        last: the message as the API showed it last; empty if it never did.
    """

    def __init__(self, api: _Api, name: str) -> None:
        """Sends it.

        Raises:
            _RefusedError: the API does not take it.
        """
        self.name = name
        self.seen: dict[str, float] = {}
        self.last: dict[str, Any] = {}
        self._api = api
        self._began = time.monotonic()
        self._path = f"/v1/participants/{_participant(name)}/messages/{_send(api, name)}"
        self._wanted = ["sent_at", _ENDS[name][0], *(["suppressed"] if name in _SUPPRESSED else [])]

    def is_over(self) -> bool:
        """Looks at it: whether there is nothing more to wait for."""
        status, answer = self._api("GET", self._path)
        if status == 200:
            self.last = answer
        for each in self._wanted:
            if each not in self.seen and self._is(each):
                self.seen[each] = time.monotonic() - self._began
        return len(self.seen) == len(self._wanted) or bool(self.last.get("dropped_at"))

    def _is(self, wanted: str) -> bool:
        if wanted == "suppressed":
            return self._api("GET", _suppression(_address(self.name)))[0] == 200
        return bool(self.last.get(wanted))

    def finding(self, patience: float) -> Finding:
        """What came of it."""
        field, word = _ENDS[self.name]
        if "sent_at" not in self.seen or field not in self.seen:
            why = _why(self.last)
            return wrong(f"{self.name}: not {word} after {patience:.0f} seconds. {why}")
        words = {"sent_at": "sent", field: word, "suppressed": "suppressed"}
        says = ", ".join(f"{words[each]} after {at:.1f} s" for each, at in self.seen.items())
        if len(self.seen) < len(self._wanted):
            return wrong(
                f"{self.name}: {says}; its address is not suppressed after {patience:.0f} seconds: "
                "see ProjectLateAlarm in docs/runbook.md"
            )
        return ok(f"{self.name}: {says}")


def _why(message: Mapping[str, Any]) -> str:
    """What is known of a message that did not come round, and where to look."""
    if not message:
        return "It is in no history: look at the log of the function api, and at DynamoDB's health"
    if message.get("dropped_at"):
        return f"It was dropped ({message['drop_reason']}): lift that, and try again"
    if message.get("rejected_at") or message.get("failed_at"):
        return "SES did not take it: the message's trail says why"
    if not message.get("sent_at"):
        return (
            "No event tells that it was sent: see dead-letters, lag, event-destinations, and the "
            "log of dispatch"
        )
    return "It was sent, and no event tells of its end: see event-destinations and lag"


def _lift(api: _Api, address: str) -> None:
    """Lifts the suppression of an address, which may be of a moment that is yet to come here."""
    said: list[Any] = []

    def is_free() -> bool:
        said[:] = api("DELETE", _suppression(address))
        return bool(said[0] == 404)

    if _until(_LIFT_SECONDS, is_free) is None:
        raise _RefusedError(f"{address} stays suppressed: {json.dumps(said):.500}")


def _participant(name: str) -> str:
    return f"{_LABEL}-{name}"


def _address(name: str) -> str:
    return f"{name}+{_LABEL}@{_DOMAIN}"


def _suppression(address: str) -> str:
    return f"/v1/suppressions/{quote(address, safe='')}"


def _until(seconds: float, holds: Callable[[], bool]) -> float | None:
    """Waits until something holds; how many seconds that was, or None if it never did."""
    began = time.monotonic()
    while True:
        if holds():
            return time.monotonic() - began
        if time.monotonic() - began > seconds:
            return None
        time.sleep(_PAUSE_SECONDS)
