"""A suppression: a standing reason not to mail an address, with its evidence.

Like a participant it is a join. For each reason the latest evidence is kept, and the latest time at
which staff lifted the suppression; evidence from before that no longer holds. So an event that is
delivered again after staff lifted a suppression does not bring it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sendtrail.domain.bounces import (
    Bounce,
    complaint_is_a_drop,
    complaint_is_welcome,
    never_tried,
)
from sendtrail.domain.events import Event, EventType, SuppressionReason
from sendtrail.domain.times import Timestamp, latest

__all__ = ["Evidence", "Suppression", "bears_on_suppression", "fold_suppression"]

_MAX_DIAGNOSTIC: Final = 500


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why an address is not to be mailed.

    Attributes:
        at: when it happened.
        message_id, participant_id: the message that shows it, if one does.
        diagnostic: what the receiving server said, or the type of complaint, or staff's note.
    """

    at: Timestamp
    message_id: str | None = None
    participant_id: str | None = None
    diagnostic: str | None = None

    @property
    def rank(self) -> tuple[str, str, str, str]:
        """The latest evidence is the one that is kept."""
        return (self.at, self.message_id or "", self.participant_id or "", self.diagnostic or "")


@dataclass(frozen=True, slots=True)
class Suppression:
    """What is known against mailing an address.

    Attributes:
        address: lower-cased.
        evidence: reason → the latest evidence for it.
        lifted_at: when staff last lifted the suppression.
    """

    address: str
    evidence: Mapping[SuppressionReason, Evidence] = field(default_factory=dict)
    lifted_at: Timestamp | None = None

    @property
    def reason(self) -> SuppressionReason | None:
        """The gravest reason that still holds, or None: the address may be mailed."""
        for reason in SuppressionReason:
            evidence = self.evidence.get(reason)
            if evidence and (self.lifted_at is None or evidence.at > self.lifted_at):
                return reason
        return None

    @property
    def standing(self) -> Evidence | None:
        """The evidence for `reason`."""
        return self.evidence[self.reason] if self.reason else None


def bears_on_suppression(event: Event) -> bool:
    """Whether the event says anything about mailing its address."""
    return _reason(event) is not None or event.type is EventType.SUPPRESSION_LIFTED


def fold_suppression(suppression: Suppression, event: Event) -> Suppression:
    """What is known of the address once `event` is known too."""
    if event.type is EventType.SUPPRESSION_LIFTED:
        return replace(suppression, lifted_at=latest(suppression.lifted_at, event.at))
    reason = _reason(event)
    if reason is None:
        return suppression
    found = Evidence(
        at=event.at,
        message_id=event.message_id if event.is_of_message else None,
        participant_id=event.participant_id or None,
        diagnostic=_diagnostic(event.detail),
    )
    known = suppression.evidence.get(reason)
    if known and known.rank >= found.rank:
        return suppression
    return replace(suppression, evidence={**suppression.evidence, reason: found})


def _reason(event: Event) -> SuppressionReason | None:
    if event.type is EventType.BOUNCE:
        permanent = Bounce.of_detail(event.detail, event.at).is_permanent
        return SuppressionReason.BOUNCED if permanent and not never_tried(event.detail) else None
    if event.type is EventType.COMPLAINT:
        harmless = complaint_is_welcome(event.detail) or complaint_is_a_drop(event.detail)
        return None if harmless else SuppressionReason.SPAMMED
    if event.type is EventType.SUPPRESSED:
        return SuppressionReason.MANUAL
    return None


def _diagnostic(detail: Mapping[str, Any]) -> str | None:
    said = detail.get("diagnostic") or detail.get("feedback_type") or detail.get("note")
    if not said and detail.get("type"):
        said = f"{detail['type']}/{detail.get('subtype')}"
    return said[:_MAX_DIAGNOSTIC] if said else None
