"""What waits to be sent, and for what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sendtrail.domain.ids import sent_time
from sendtrail.domain.message import Status
from sendtrail.domain.progress import MailingState
from sendtrail.domain.times import now
from sendtrail.sending.holds import Holds

__all__ = ["SCHEDULED", "TURN", "held", "held_of", "is_waiting", "waiting_of", "with_hold"]

TURN: Final = "turn"
"""What a message waits for that nothing holds: those before it are sent first, at the rate."""

SCHEDULED: Final = "scheduled"
"""What a message waits for whose time has not come."""


def held(holds: Holds) -> dict[str, Any] | None:
    """Why SES takes no mail now, as it is told outside; None if it takes mail. One request.

    Raises:
        AwsError: nobody knows.
    """
    hold = holds.standing(now())
    if hold is None:
        return None
    return {
        "reason": hold.reason.value,
        "since": hold.since,
        "seen_at": hold.seen_at,
        "until": hold.until,
    }


def held_of(holds: Holds, figures: Mapping[str, Any]) -> dict[str, Any] | None:
    """The same, of a mailing of which something waits; None of others, without a request.

    Args:
        figures: the mailing, as of `sendtrail.reading.views.communication_view`.

    Raises:
        AwsError: nobody knows.
    """
    return held(holds) if is_waiting(figures) else None


def waiting_of(holds: Holds, message: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a message waits for, since when, and until when at most; None of those that do not wait,
    without a request.

    Args:
        message: as of `sendtrail.reading.views.message_view`.

    Returns:
        ``reason`` (`SCHEDULED`, `TURN`, or a hold's reason), ``since`` and ``until``, which is None
        of a turn.

    Raises:
        AwsError: nobody knows.
    """
    if message["status"] != Status.QUEUED:
        return None
    begins_at = sent_time(message["message_id"])
    if begins_at > now():
        return {"reason": SCHEDULED, "since": message["last_changed_at"], "until": begins_at}
    hold = held(holds)
    if hold is None:
        return {"reason": TURN, "since": begins_at, "until": None}
    return {"reason": hold["reason"], "since": hold["since"], "until": hold["until"]}


def is_waiting(figures: Mapping[str, Any]) -> bool:
    """Whether something of a mailing is neither sent nor given up."""
    return bool(figures["recipients"] > figures["done"])


def with_hold(figures: Mapping[str, Any], hold: Mapping[str, Any] | None) -> dict[str, Any]:
    """A mailing, *held* if it runs and SES takes no mail."""
    if hold and figures["state"] == MailingState.RUNNING:
        return {**figures, "state": MailingState.HELD.value}
    return dict(figures)
