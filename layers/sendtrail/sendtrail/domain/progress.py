"""How far a mailing is: of what was planned, how much is done, and whether it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sendtrail.domain.communication import CommunicationDefinition, Counters
from sendtrail.domain.message import DropReason
from sendtrail.domain.times import Timestamp

__all__ = ["MailingState", "Progress", "progress_of"]


class MailingState(StrEnum):
    """The states of a mailing."""

    RECORDED = "recorded"
    """Something else sends it; nobody has said how many it is for."""
    SCHEDULED = "scheduled"
    """Its time has not come."""
    RUNNING = "running"
    HELD = "held"
    """Something of it waits, and SES takes no mail now."""
    STOPPED = "stopped"
    """Staff stopped it before all of it was sent."""
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a mailing is.

    Attributes:
        planned: for how many recipients it is; of what something else sends, how many are known.
        done: of how many of them it is known what became: handed to SES, dropped, rejected, or
            failed.
    """

    state: MailingState
    planned: int
    done: int

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to stop."""
        return self.state in (MailingState.STOPPED, MailingState.FINISHED)


def progress_of(definition: CommunicationDefinition, counters: Counters, at: Timestamp) -> Progress:
    """How far a mailing is at a time. Whether SES holds it is known elsewhere."""
    counts = counters.counts
    accepted = counts.get("recipients", 0)
    planned = max(definition.planned or 0, accepted)
    by_ses = counts.get(f"dropped/{DropReason.PROVIDER_SUPPRESSED}", 0)  # it was sent to SES
    dropped = counts.get("dropped", 0) - by_ses
    given_up = dropped + counts.get("rejected", 0) + counts.get("failed", 0)
    done = min(planned, counts.get("sent", 0) + given_up)
    return Progress(_state(definition, accepted, done >= planned, at), planned, done)


def _state(
    definition: CommunicationDefinition, accepted: int, all_done: bool, at: Timestamp
) -> MailingState:
    if not definition.posted:
        return MailingState.RECORDED
    if definition.stopped_at is not None:
        return MailingState.STOPPED
    if definition.send_at is not None and at < definition.send_at and not accepted:
        return MailingState.SCHEDULED
    return MailingState.FINISHED if all_done else MailingState.RUNNING
