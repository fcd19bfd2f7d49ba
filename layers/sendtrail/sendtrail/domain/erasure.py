"""Erasure: what is left of an event when the person that it is of has been erased.

The person is replaced by a pseudonym of nobody. What is left is what figures need, so that they
stay as they are, and a rebuild gives the same: times, types, and what is counted by. What tells one
event, hit or client from another is kept as a keyed hash, so that the same event, coming late or
again, becomes the same one (docs/decisions/0055).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sendtrail.domain.bounces import Bounce, is_provider_refusal
from sendtrail.domain.engagement import classify
from sendtrail.domain.events import Event, EventType
from sendtrail.domain.hits import CLIENT, HITS, LINKS, VERDICT, client_slot
from sendtrail.domain.links import LINK_KEY, link_key
from sendtrail.domain.providers import provider_of
from sendtrail.domain.subscriptions import unsubscribes

__all__ = ["KeyedHash", "anonymised", "is_erased", "new_pseudonym"]

_PREFIX: Final = "erased-"
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PSEUDONYM: Final = re.compile(r"erased-[0-9A-HJKMNP-TV-Z]{26}")
_WORD: Final = re.compile(r"[A-Za-z0-9._ -]{1,64}")
_STATUS: Final = re.compile(r"\d\.\d{1,3}\.\d{1,3}")
_POLICY_STATUS: Final = re.compile(r"(?<![\d.])5\.7\.\d{1,3}(?![\d.])")
_IDENTITY: Final = 12
"""Hexadecimal characters of an identity, as `sendtrail.domain.ids.digest` makes them."""

_KEPT: Final[Mapping[EventType, tuple[str, ...]]] = {
    EventType.SEND: ("tracked",),
    EventType.DELIVERY: ("processing_ms",),
    EventType.BOUNCE: ("type", "subtype", "action", "status"),
    EventType.COMPLAINT: ("feedback_type", "subtype"),
    EventType.DELIVERY_DELAY: ("delay_type",),
    EventType.ACCEPTED: (
        "plan_id",
        "template_id",
        "template_version",
        "by",
        "send_at",
        "copy",
        "attachments",
    ),
    EventType.DROPPED: ("reason", "by"),
}
"""Type → which of its details are kept; of all other types none is. No text of a mail server is:
they repeat the address."""
_WORDS: Final = frozenset({"type", "subtype", "action", "feedback_type", "delay_type", "reason"})
"""Details that are SES's or our own words, and are kept only if they look like one."""


@dataclass(frozen=True, slots=True)
class KeyedHash:
    """HMAC-SHA256 (RFC 2104) by a key of the stack's own: who has no key cannot try addresses."""

    key: bytes

    def of(self, *parts: str, length: int = 32) -> str:
        """`length` hexadecimal characters of the hash of the parts."""
        text = "\x1f".join(parts).encode("utf-8", "surrogatepass")
        return hmac.new(self.key, text, hashlib.sha256).hexdigest()[:length]


def new_pseudonym() -> str:
    """A participant id that nobody has: ``erased-`` and 26 random characters."""
    return _PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(26))


def is_erased(participant_id: str) -> bool:
    """Whether a participant id is the pseudonym of somebody who was erased."""
    return participant_id.startswith(_PREFIX) and _PSEUDONYM.fullmatch(participant_id) is not None


def anonymised(event: Event, pseudonym: str, keyed: KeyedHash) -> Event:
    """An event of a message without the person: under a pseudonym, and with what figures need.

    It is what it was to whatever counts: of a set of hits the judgement is the same, and of a set
    of events the fold's figures are. Doing it twice has the effect of once.
    """
    if is_erased(event.participant_id):
        return event
    return replace(
        event,
        participant_id=pseudonym,
        identity=keyed.of("identity", event.identity, length=_IDENTITY),
        address=None,
        subject=None,
        provider=event.provider or (provider_of(event.address) if event.address else None),
        detail=_detail(event, keyed),
    )


def _detail(event: Event, keyed: KeyedHash) -> Mapping[str, Any]:
    if event.type in HITS:
        return _of_hit(event, keyed)
    if event.type is EventType.SUBSCRIPTION:
        kept = {"subscribed": not unsubscribes(event.detail), CLIENT: _client(event, keyed)}
        by = event.detail.get("by")
        return kept | ({"by": by} if by in ("one-click", "page") else {})
    found = {
        name: value
        for name in _KEPT.get(event.type, ())
        if (value := event.detail.get(name)) is not None
        and (name not in _WORDS or (isinstance(value, str) and _WORD.fullmatch(value)))
    }
    if event.type is EventType.BOUNCE:
        found |= {"status": _status(event)}
        found = {name: value for name, value in found.items() if value}
    return found


def _of_hit(event: Event, keyed: KeyedHash) -> dict[str, Any]:
    """The facts of a hit: its verdict, and what tells clients and links apart."""
    detail = event.detail
    found: dict[str, Any] = {
        VERDICT: classify(event).reason.value,
        CLIENT: _client(event, keyed),
    }
    found |= {name: detail[name] for name in ("sent_at", LINKS, "template_link") if name in detail}
    if link := str(detail.get("link") or ""):
        found["link"] = keyed.of("link", link, length=16)
        if not detail.get("template_link"):
            found[LINK_KEY] = link_key(link)
    return found


def _client(event: Event, keyed: KeyedHash) -> str:
    """The client of a hit or choice: the number of its slot, which stays, and a hash."""
    detail = event.detail
    told = (str(detail.get("ip") or ""), str(detail.get("user_agent") or ""))
    return f"{client_slot(detail)}-{keyed.of('client', event.message_id, *told, length=8)}"


def _status(event: Event) -> str | None:
    """The status of a bounce; if only the server's words have one that tells of a refusal, that."""
    status = event.detail.get("status")
    if status:
        return status if _STATUS.fullmatch(str(status)) else None
    bounce = Bounce.of_detail(event.detail, event.at)
    found = _POLICY_STATUS.search(bounce.diagnostic or "")
    return found[0] if found and is_provider_refusal(bounce) else None
