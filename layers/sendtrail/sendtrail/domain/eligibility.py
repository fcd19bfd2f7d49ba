"""Refusals: whom we do not mail, decided at the moment of sending."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sendtrail.domain.events import SuppressionReason
from sendtrail.domain.message import DropReason
from sendtrail.domain.participant import Participant
from sendtrail.domain.suppression import Suppression

__all__ = ["Ineligible", "check_eligibility"]

_OF_SUPPRESSION: Final = {
    SuppressionReason.SPAMMED: DropReason.PREVIOUSLY_SPAMMED,
    SuppressionReason.BOUNCED: DropReason.PREVIOUSLY_BOUNCED,
    SuppressionReason.MANUAL: DropReason.MANUAL,
}


@dataclass(frozen=True, slots=True)
class Ineligible:
    """Why a message is dropped, and what shows it.

    Attributes:
        evidence: of a suppression ``at``, ``message_id``, ``participant_id``, ``diagnostic``; of a
            participant's choice or silence ``at``; of an address that is none, ``diagnostic``.
    """

    reason: DropReason
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def detail(self) -> dict[str, Any]:
        """The detail of the Dropped event."""
        evidence = {name: value for name, value in self.evidence.items() if value}
        return {"reason": self.reason.value} | ({"evidence": evidence} if evidence else {})


def check_eligibility(
    *,
    participant: Participant,
    suppression: Suppression | None,
    of_communication: bool,
) -> Ineligible | None:
    """Why this participant is not mailed at this address, if there is a reason.

    What stands against the address holds for all mail. That somebody unsubscribed or is inactive
    stops communications, and not what is meant for them alone.

    Args:
        participant: joined with what is known of the address.
        suppression: of the address.
    """
    if suppression and suppression.reason and suppression.standing:
        standing = suppression.standing
        return Ineligible(
            _OF_SUPPRESSION[suppression.reason],
            {
                "at": standing.at,
                "message_id": standing.message_id,
                "participant_id": standing.participant_id,
                "diagnostic": standing.diagnostic,
            },
        )
    if not of_communication:
        return None
    subscription_change = participant.subscription_change
    if subscription_change and subscription_change.unsubscribed:
        return Ineligible(DropReason.UNSUBSCRIBED, {"at": subscription_change.at})
    if participant.inactive_since:
        return Ineligible(
            DropReason.INACTIVE,
            {"at": participant.inactive_since, "last_active_at": participant.active_at},
        )
    return None
