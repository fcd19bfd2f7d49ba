"""What a Subscription event means for the participant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["unsubscribes"]


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
