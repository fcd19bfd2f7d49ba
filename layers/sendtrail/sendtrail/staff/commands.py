"""Recording: what the organisation tells us of participants and addresses.

It goes into the log, like everything that happens; and is folded at once as well, so that whoever
recorded it can read it back. The stream folds it again, which changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sendtrail.domain.events import Event
from sendtrail.domain.ids import normal_address, participant_of_address
from sendtrail.domain.participant import MAX_OWNERS
from sendtrail.domain.times import Timestamp
from sendtrail.errors import InvalidInputError, NotFoundError
from sendtrail.log.event_log import EventLog
from sendtrail.mail.addresses import checked_address
from sendtrail.projections.directory import Directory
from sendtrail.projections.participants import ParticipantProjection
from sendtrail.staff.ses_suppression_list import SesSuppressionList

__all__ = ["MAX_REGISTERED", "LiftResult", "StaffCommands"]

MAX_REGISTERED: Final = 20
"""How many addresses may be registered to a participant: their history is read from as many
partitions."""

_MAX_SPELLINGS: Final = 25


@dataclass(frozen=True, slots=True)
class LiftResult:
    """Which lists an address was taken off: ours, and SES's of the account."""

    lifted: bool
    removed_from_ses: bool


class StaffCommands:
    """Appends to the log and folds at once."""

    def __init__(
        self,
        log: EventLog,
        projection: ParticipantProjection,
        directory: Directory,
        ses_suppression_list: SesSuppressionList,
    ) -> None:
        self._log = log
        self._projection = projection
        self._directory = directory
        self._ses_suppression_list = ses_suppression_list

    def interaction(
        self, participant_id: str, *, kind: str, at: Timestamp, reference: str | None
    ) -> None:
        """Records a transaction: it ends inactivity. The same reference is the same transaction."""
        self._record(Event.interaction(participant_id, at, reference or at, kind))

    def subscription(self, participant_id: str, at: Timestamp, *, subscribed: bool) -> None:
        """Records whether a participant wants communications."""
        self._record(Event.subscription(participant_id, at, subscribed))

    def address(self, participant_id: str, at: Timestamp, address: str) -> None:
        """Registers an address: it is then the one to write to, and what was sent to it by others
        is part of the history.

        Raises:
            InvalidInputError: it is no address, or one too many.
        """
        address = checked_address(address)
        _, uses = self._directory.participant(participant_id)
        registered = {use.normal for use in uses if use.registered_at}
        if normal_address(address) not in registered and len(registered) >= MAX_REGISTERED:
            raise InvalidInputError(
                f"participant {participant_id} has {len(registered)} registered addresses; "
                f"at most {MAX_REGISTERED} are allowed"
            )
        others, _ = self._directory.participant(participant_of_address(address))
        owners = others.linked_to if others else frozenset()
        if participant_id not in owners and len(owners) >= MAX_OWNERS:
            raise InvalidInputError(
                f"{address} is registered to {len(owners)} participants; "
                f"at most {MAX_OWNERS} are allowed"
            )
        self._record(Event.address_registered(participant_id, at, address))

    def suppress(self, address: str, at: Timestamp, *, note: str) -> None:
        """Puts an address on the suppression list by hand.

        Raises:
            InvalidInputError: it is no address.
        """
        self._record(Event.suppressed(checked_address(address), at, note))

    def lift(self, address: str, at: Timestamp) -> LiftResult:
        """Takes an address off the suppression list, whatever the reason; and off SES's own list
        of the account, so that mail to it is tried again.

        Raises:
            NotFoundError: it is on neither.
            AwsError: SES did not answer; nothing was lifted here.
        """
        uses = self._directory.owners_of(address, None, _MAX_SPELLINGS)[0]
        there = self._ses_suppression_list.remove(
            [address, normal_address(address), *(use.address for use in uses)]
        )
        here = self._directory.suppression(address) is not None
        if not here and not there:
            raise NotFoundError(f"{address} is not suppressed, here or by SES")
        if here:
            self._record(Event.suppression_lifted(address, at))
        return LiftResult(lifted=here, removed_from_ses=there)

    def _record(self, event: Event) -> None:
        self._log.append([event])
        self._projection.apply([event])
