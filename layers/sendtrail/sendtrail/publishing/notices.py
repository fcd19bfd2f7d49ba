"""Notices: events as those outside are told of them.

A notice's id and content are functions of what happened and, of a hit, of the verdict on it; so
telling it twice is known as such, and a verdict that changes is told anew, about the same event.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sendtrail.domain.engagement import Verdict
from sendtrail.domain.events import Event
from sendtrail.domain.ids import digest, participant_of_address, sent_time
from sendtrail.domain.webhooks import names_of
from sendtrail.log.erasures import Told
from sendtrail.publishing.jobs import Outgoing

__all__ = ["Notice", "notices_of", "told_of"]


@dataclass(frozen=True, slots=True)
class Notice:
    """An event under one of its names.

    Attributes:
        name: one of `EVENT_TYPES`.
        verdict: who did it, of an open or click.
    """

    event: Event
    name: str
    verdict: Verdict | None = None

    @property
    def event_id(self) -> str:
        """What identifies the event, under whatever name and verdict it is told."""
        event = self.event
        return digest(event.message_id, event.participant_id, event.key, length=32)

    @property
    def id(self) -> str:
        """What identifies the notice: receivers know repetitions by it."""
        verdict = self.verdict.reason if self.verdict else ""
        return "msg_" + digest(self.event_id, self.name, verdict, length=32)

    def outgoing(self, *, full: bool) -> Outgoing:
        """The notice as it is sent.

        Args:
            full: with address, subject, kind and detail, and not ids alone.
        """
        event = self.event
        body = {"type": self.name, "timestamp": event.at, "data": self._data(full=full)}
        return Outgoing(
            id=self.id,
            type=self.name,
            at=event.at,
            event_id=self.event_id,
            message_id=event.message_id if event.is_of_message else None,
            body=json.dumps(body, separators=(",", ":"), ensure_ascii=False),
        )

    def _data(self, *, full: bool) -> dict[str, Any]:
        event = self.event
        participant_id = event.participant_id
        if not participant_id and event.address:
            participant_id = participant_of_address(event.address)
        message_id = event.message_id if event.is_of_message else None
        data: dict[str, Any] = {
            "event_id": self.event_id,
            "message_id": message_id,
            "participant_id": participant_id or None,
            "communication_id": event.communication_id,
            "url": _path(participant_id, message_id, event.communication_id),
        }
        if self.verdict:
            data |= {"actor": self.verdict.actor, "actor_reason": self.verdict.reason}
        if full:
            data |= {
                "address": event.address,
                "subject": event.subject,
                "kind": event.kind,
                "source": event.source,
                "detail": dict(event.detail),
            }
        return {name: value for name, value in data.items() if value is not None}


def notices_of(event: Event, verdict: Verdict | None = None) -> list[Notice]:
    """The notices of an event: one for each of its names."""
    return [Notice(event, name, verdict) for name in names_of(event)]


def told_of(outgoing: Outgoing) -> Told | None:
    """Of whom a notice tells that waits to be sent; None if it is about nobody, or is none: then it
    is no reason to keep back what came with it.
    """
    try:
        participant_id = str(json.loads(outgoing.body)["data"]["participant_id"])
        at = sent_time(outgoing.message_id) if outgoing.message_id else outgoing.at
    except (KeyError, TypeError, ValueError):
        return None
    return participant_id, at


def _path(participant_id: str, message_id: str | None, communication_id: str | None) -> str:
    """Where the API tells more."""
    if message_id:
        return f"/v1/participants/{participant_id}/messages/{message_id}"
    if participant_id:
        return f"/v1/participants/{participant_id}"
    return f"/v1/communications/{communication_id}"
