"""Elements: what a message's row holds of its trail, one text each.

An element is ``<identity>|<version>|<facts>``, at most `MAX_BYTES` long, and legible where DynamoDB
shows it:

    2026-11-20T09:30:04.512Z#Delivery#0c4f...|1|ses{"smtp_response":"250 OK"}
    subject|1|Invitation to the members' evening

The identity of an event is its key, which is made of parsed and normalised values and does not
change with the version. What several events of a message agree on (`SHARED`) stands in elements of
its own, once. Of several elements of one identity, readers take the least: so an event that arrives
by two routes, or is encoded again by a later version, is one event; and where events disagree, all
readers agree. Of what events share, they take the least value, whatever its version.

A change of how facts are written raises `VERSION`, and `decode` still reads every version before
(tests/data/elements.txt has some of each).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sendtrail.domain.events import Event, EventType, Source
from sendtrail.domain.suppression import bears_on_suppression

__all__ = [
    "MAX_BYTES",
    "SHARED",
    "VERSION",
    "addresses_in",
    "decode",
    "encode",
    "event_of",
    "facts_of",
    "is_whole",
    "least",
    "shared",
]

VERSION: Final = 1
MAX_BYTES: Final = 1_024
"""Of an element. Longer events are shortened in the row, and kept whole in an item of their own."""

SHARED: Final[Mapping[str, str]] = {
    "address": "address",
    "communication": "communication_id",
    "kind": "kind",
    "provider": "provider",
    "sent": "sent_at",
    "subject": "subject",
}
"""Identity of an element that events share → the events' attribute that it holds."""

_NO_SENDING: Final = frozenset({EventType.REJECT, EventType.RENDERING_FAILURE, EventType.UNKNOWN})
"""Every other event of SES implies that SES accepted the message: legacy notifications have no
Send, and a Send may come last."""

_ADDRESS: Final = "@"
"""The name, among the facts of an event that suppresses its address, of that address. It stands
there for itself, so that no other address is suppressed where a message's events disagree."""

_CUT_TEXTS: Final = (120, 60, 20)
"""To how many bytes the texts of a long event are cut; to fewer, if it is still too long."""


def encode(event: Event) -> list[str]:
    """The elements of an event: its own, and those that it shares with others of its message."""
    own = f"{event.key}|{VERSION}|{facts_of(event)}"
    for most in _CUT_TEXTS:
        if len(own.encode()) <= MAX_BYTES:
            break
        facts = _json(_shortened(_facts(event), most))
        own = f"{event.key}|{VERSION}|{event.source.value}{facts}"
    return [own, *shared(event)]


def shared(event: Event) -> list[str]:
    """The elements that an event shares with others of its message."""
    found = []
    for identity, name in SHARED.items():
        value = getattr(event, name)
        if value and not (name == "sent_at" and event.type in _NO_SENDING):
            found.append(_cut(f"{identity}|{VERSION}|{value}", MAX_BYTES))
    return found


def facts_of(event: Event) -> str:
    """An event's facts: who observed it, and its detail as JSON, if it has any."""
    facts = _facts(event)
    return event.source.value + (_json(facts) if facts else "")


def is_whole(event: Event) -> bool:
    """Whether a row holds the event whole."""
    return len(f"{event.key}|{VERSION}|{facts_of(event)}".encode()) <= MAX_BYTES


def least(elements: Iterable[str]) -> dict[str, str]:
    """Identity → the facts of its least element.

    Raises:
        ValueError: one is not an element, or of a version that is not known.
    """
    found: dict[str, str] = {}
    for element in sorted(elements, reverse=True):
        identity, version, facts = element.split("|", 2)
        if not 1 <= int(version) <= VERSION:
            raise ValueError(f"an element of the unknown version {version[:20]}")
        found[identity] = min(facts, found.get(identity, facts)) if identity in SHARED else facts
    return found


def addresses_in(elements: Iterable[str]) -> set[str]:
    """The addresses among elements: one, unless events disagree."""
    parts = (element.split("|", 2) for element in elements)
    return {facts for identity, _, facts in parts if identity == "address"}


def decode(
    participant_id: str, message_id: str, elements: Iterable[str]
) -> tuple[dict[str, Any], list[Event]]:
    """What the elements of a message's row hold.

    Returns:
        what its events agree on (attribute of events → value), and the events, oldest first.

    Raises:
        ValueError, KeyError: as `least`; or an element is not an event.
    """
    found = least(elements)
    common: dict[str, Any] = {SHARED[name]: found.pop(name) for name in SHARED if name in found}
    events = [
        event_of(identity, facts, message_id, participant_id, common)
        for identity, facts in sorted(found.items())
    ]
    return common, events


def event_of(
    identity: str, facts: str, message_id: str, participant_id: str, common: Mapping[str, Any]
) -> Event:
    """The event of an identity and its facts, with what it shares with others of its message.

    Raises:
        ValueError, KeyError: they are not an event's.
    """
    at, event_type, digest = identity.split("#", 2)
    source, written = Source(facts[:3]), facts[3:]
    kind = EventType(event_type)
    if "sent_at" in common and (source is Source.OWN or kind in _NO_SENDING):
        common = {name: value for name, value in common.items() if name != "sent_at"}
    detail = json.loads(written) if written else {}
    if _ADDRESS in detail:
        common = {**common, "address": str(detail.pop(_ADDRESS))}
    return Event(
        message_id=message_id,
        type=kind,
        at=at,
        identity=digest,
        participant_id=participant_id,
        source=source,
        detail=detail,
        **common,
    )


def _facts(event: Event) -> Mapping[str, Any]:
    if event.address and event.is_of_message and bears_on_suppression(event):
        return {_ADDRESS: event.address, **event.detail}
    return event.detail


def _json(detail: Mapping[str, Any]) -> str:
    return json.dumps(detail, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _shortened(detail: Mapping[str, Any], most: int) -> dict[str, Any]:
    """The detail with its texts cut, but for an address, and without what is nested."""
    found: dict[str, Any] = {}
    for name, value in detail.items():
        if isinstance(value, str) and name != _ADDRESS:
            text = _cut(value, most)
            while len(_json_of_text(text)) > most + 2:  # some characters are six in JSON
                text = text[: len(text) // 2]
            found[name] = text
        elif not isinstance(value, Mapping | list):
            found[name] = value
    return found


def _cut(text: str, most: int) -> str:
    """The first `most` bytes of a text."""
    return text.encode()[:most].decode("utf-8", "ignore")


def _json_of_text(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()
