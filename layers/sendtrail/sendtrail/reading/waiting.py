"""What waits to be sent, and for what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sendtrail.domain.message import DropReason
from sendtrail.domain.times import now
from sendtrail.sending.holds import Holds

__all__ = ["held", "held_of", "is_waiting"]


def held(holds: Holds) -> dict[str, Any] | None:
    """Why SES takes no mail now, as it is told outside; None if it takes mail. One request.

    Raises:
        AwsError: nobody knows.
    """
    hold = holds.standing(now())
    if hold is None:
        return None
    return {"reason": hold.reason.value, "since": hold.since, "seen_at": hold.seen_at}


def held_of(holds: Holds, figures: Mapping[str, Any]) -> dict[str, Any] | None:
    """The same, of a mailing of which something waits; None of others, without a request.

    Args:
        figures: the mailing, as of `sendtrail.reading.views.communication_view`.

    Raises:
        AwsError: nobody knows.
    """
    return held(holds) if is_waiting(figures) else None


def is_waiting(figures: Mapping[str, Any]) -> bool:
    """Whether something of a mailing is neither sent nor given up."""
    # What SES did not try was sent to it.
    by_ses = figures["dropped_by_reason"].get(DropReason.PROVIDER_SUPPRESSED, 0)
    given_up = figures["dropped"] - by_ses + figures["rejected"] + figures["failed"]
    return bool(figures["recipients"] > figures["sent"] + given_up)
