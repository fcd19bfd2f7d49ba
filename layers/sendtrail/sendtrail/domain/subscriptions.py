"""Subscriptions: readers' choices whether to get communications.

A choice is its participant's, and that of the address at which it was made: whoever else is written
to there gets no communications either. In the log an address of a choice stands as its placeholder
participant, which does not depend on capitals, and which tells nobody the address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sendtrail.domain.events import Event, EventType
from sendtrail.domain.ids import participant_of_address
from sendtrail.domain.times import Timestamp

__all__ = ["SubscriptionChange", "change_of", "unsubscribes"]


@dataclass(frozen=True, slots=True)
class SubscriptionChange:
    """A choice: to unsubscribe, or to subscribe again.

    Attributes:
        participant_id: who made it.
        placeholders: of the addresses that it concerns, sorted. None, in choices of messages.
        by: who recorded it, as an `Actor`'s text; None where readers chose themselves.
    """

    at: Timestamp
    unsubscribed: bool
    participant_id: str = ""
    placeholders: tuple[str, ...] = ()
    by: str | None = None

    @property
    def rank(self) -> tuple[str, bool, str, tuple[str, ...], str]:
        """Orders changes; the greatest holds: the latest, of simultaneous ones the unsubscribe."""
        what = (self.at, self.unsubscribed, self.participant_id, self.placeholders)
        return (*what, self.by or "")


def change_of(event: Event) -> SubscriptionChange | None:
    """The choice that an event tells; None if it tells none."""
    if event.type is not EventType.SUBSCRIPTION:
        return None
    placeholders = set(event.detail.get("placeholders") or ())
    if event.address:
        placeholders.add(participant_of_address(event.address))
    chosen = unsubscribes(event.detail)
    by = None if event.is_of_message else event.detail.get("by")
    who = event.participant_id
    return SubscriptionChange(event.at, chosen, who, tuple(sorted(placeholders)), by)


def unsubscribes(detail: Mapping[str, Any]) -> bool:
    """Whether the event leaves the participant unsubscribed from communications.

    Our own events say so directly (``subscribed``). SES's list the topics of a contact list: a
    participant who opted out of all of them, by ``unsubscribeAll`` or one by one, is unsubscribed;
    one who opted out of some remains subscribed.
    """
    if "subscribed" in detail:
        return not detail["subscribed"]
    preferences = detail.get("new_preferences") or {}
    if preferences.get("unsubscribe_all"):
        return True
    topics = preferences.get("topics") or {}
    return bool(topics) and all(status == "OptOut" for status in topics.values())
