"""What a Subscription event means for the participant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["unsubscribes"]


def unsubscribes(detail: Mapping[str, Any]) -> bool:
    """Whether the event leaves the participant unsubscribed from communications.

    Ours say so (``subscribed``). SES's says which topics of a contact list are opted out of:
    somebody is unsubscribed who opted out of everything, be it by ``unsubscribeAll`` or topic by
    topic. Opting out of some topics leaves them subscribed.
    """
    if "subscribed" in detail:
        return not detail["subscribed"]
    preferences = detail.get("new_preferences") or {}
    if preferences.get("unsubscribe_all"):
        return True
    topics = preferences.get("topics") or {}
    return bool(topics) and all(status == "OptOut" for status in topics.values())
