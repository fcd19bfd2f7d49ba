"""A suppression: why an address must not be mailed, with the evidence.

Like a participant it is a join: it keeps the latest evidence for each reason, and the latest time
at which staff lifted the suppression. Earlier evidence no longer holds, so that an event that is
redelivered after a lift does not reinstate the suppression.
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
    """The event for which an address is suppressed.

    Attributes:
        at: when it happened.
        message_id, participant_id: of the message that bounced or was complained about; None for a
            decision of staff.
        diagnostic: the receiving server's response, the type of complaint, or staff's note.
        by: of a decision of staff, whose it was, as an `Actor`'s text.
    """

    at: Timestamp
    message_id: str | None = None
    participant_id: str | None = None
    diagnostic: str | None = None
    by: str | None = None

    @property
    def rank(self) -> tuple[str, str, str, str, str]:
        """Orders evidence; the greatest, the latest, is kept."""
        message = (self.message_id or "", self.participant_id or "")
        return (self.at, *message, self.diagnostic or "", self.by or "")


@dataclass(frozen=True, slots=True)
class Suppression:
    """The evidence for and against suppressing an address.

    Attributes:
        address: normalised.
        evidence: reason → the latest evidence for it.
        soft: that the address is given up for its soft bounces (`sendtrail.domain.soft_bounces`):
            it counts as bounced. It is judged anew as its messages change, and so no join.
        lifted_at: when staff last lifted the suppression.
    """

    address: str
    evidence: Mapping[SuppressionReason, Evidence] = field(default_factory=dict)
    lifted_at: Timestamp | None = None
    soft: Evidence | None = None

    @property
    def reason(self) -> SuppressionReason | None:
        """The most severe reason that still holds; None if the address may be mailed."""
        return next((reason for reason in SuppressionReason if self.holding(reason)), None)

    @property
    def standing(self) -> Evidence | None:
        """The evidence for `reason`."""
        return self.holding(self.reason) if self.reason else None

    def merged(self, other: Suppression) -> Suppression:
        """This suppression, merged with an earlier state of the same one, of which it may lack
        something. Of soft bounces this one's holds, unless nothing at all is known here: they are
        judged anew, and no join.
        """
        evidence = dict(self.evidence)
        for reason, theirs in other.evidence.items():
            mine = evidence.get(reason, theirs)
            evidence[reason] = max(mine, theirs, key=lambda each: each.rank)
        unknown = self == Suppression(self.address)
        return replace(
            self,
            evidence=evidence,
            lifted_at=latest(self.lifted_at, other.lifted_at),
            soft=other.soft if unknown else self.soft,
        )

    def holding(self, reason: SuppressionReason) -> Evidence | None:
        """The evidence for a reason that still holds; a hard bounce rather than soft ones."""
        soft = self.soft if reason is SuppressionReason.BOUNCED else None
        for evidence in (self.evidence.get(reason), soft):
            if evidence and (self.lifted_at is None or evidence.at > self.lifted_at):
                return evidence
        return None


def bears_on_suppression(event: Event) -> bool:
    """Whether the event suppresses its address, or lifts its suppression."""
    return _reason(event) is not None or event.type is EventType.SUPPRESSION_LIFTED


def fold_suppression(suppression: Suppression, event: Event) -> Suppression:
    """The suppression with `event` applied."""
    if event.type is EventType.SUPPRESSION_LIFTED:
        return replace(suppression, lifted_at=latest(suppression.lifted_at, event.at))
    reason = _reason(event)
    if reason is None:
        return suppression
    evidence = Evidence(
        at=event.at,
        message_id=event.message_id if event.is_of_message else None,
        participant_id=event.participant_id or None,
        diagnostic=_diagnostic(event.detail),
        by=event.detail.get("by") if event.type is EventType.SUPPRESSED else None,
    )
    current = suppression.evidence.get(reason)
    if current and current.rank >= evidence.rank:
        return suppression
    return replace(suppression, evidence={**suppression.evidence, reason: evidence})


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
    text = detail.get("diagnostic") or detail.get("feedback_type") or detail.get("note")
    if not text and detail.get("type"):
        text = f"{detail['type']}/{detail.get('subtype')}"
    return text[:_MAX_DIAGNOSTIC] if text else None
