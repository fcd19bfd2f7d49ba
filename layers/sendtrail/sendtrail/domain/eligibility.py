"""Eligibility: whether a participant may be mailed at an address, decided when sending."""

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
    """Why a message is dropped, with the evidence.

    Attributes:
        evidence: for a suppression ``at``, ``message_id``, ``participant_id``, ``diagnostic``; for
            a participant who unsubscribed ``at``, and ``participant_id`` if another one did who
            has the address; for an inactive one ``at`` and
            ``last_active_at``; for an invalid address ``diagnostic``.
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
    placeholder: Participant | None,
    suppression: Suppression | None,
    of_communication: bool,
) -> Ineligible | None:
    """Why this participant must not be mailed at this address; None if they may be.

    A suppression of the address applies to all mail. Having unsubscribed or being inactive applies
    to communications only, not to direct messages.

    Args:
        placeholder: the placeholder participant of the address; None if nothing is known of it.
        suppression: the address's, if there is one.
        of_communication: whether the message belongs to a communication.
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
    choice = participant.choice_at(placeholder)
    if choice and choice.unsubscribed:
        evidence = {"at": choice.at}
        if choice.participant_id not in (participant.participant_id, ""):
            evidence["participant_id"] = choice.participant_id
        return Ineligible(DropReason.UNSUBSCRIBED, evidence)
    # They may have interacted through mail that named only the address.
    known = participant.joined(placeholder) if placeholder else participant
    if known.inactive_since:
        return Ineligible(
            DropReason.INACTIVE,
            {"at": known.inactive_since, "last_active_at": known.active_at},
        )
    return None
