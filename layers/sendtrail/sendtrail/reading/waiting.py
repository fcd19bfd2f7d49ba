"""What waits to be sent, and for what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sendtrail.domain.ids import sent_time
from sendtrail.domain.message import DropReason, Status
from sendtrail.domain.times import now
from sendtrail.sending.holds import Holds

__all__ = ["TURN", "held", "held_of", "is_waiting", "waiting_of"]

TURN: Final = "turn"
"""What a message waits for that nothing holds: those before it are sent first, at the rate."""


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
        ``reason`` (`TURN`, or a hold's reason), ``since`` and ``until``, which is None of a turn.

    Raises:
        AwsError: nobody knows.
    """
    if message["status"] != Status.QUEUED:
        return None
    hold = held(holds)
    if hold is None:
        return {"reason": TURN, "since": sent_time(message["message_id"]), "until": None}
    return {"reason": hold["reason"], "since": hold["since"], "until": hold["until"]}


def is_waiting(figures: Mapping[str, Any]) -> bool:
    """Whether something of a mailing is neither sent nor given up."""
    # What SES did not try was sent to it.
    by_ses = figures["dropped_by_reason"].get(DropReason.PROVIDER_SUPPRESSED, 0)
    given_up = figures["dropped"] - by_ses + figures["rejected"] + figures["failed"]
    return bool(figures["recipients"] > figures["sent"] + given_up)
