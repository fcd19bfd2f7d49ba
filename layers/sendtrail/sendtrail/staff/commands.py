"""Staff commands: what the organisation records about participants and addresses.

Each is an event that says by whom, appended to the log and projected at once, so that whoever
recorded it can read it back, and a line of the function's log. Projecting is idempotent: the stream
delivers the event again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sendtrail.auth.audit import Audit, StaffAction
from sendtrail.domain.actors import Actor
from sendtrail.domain.events import Event
from sendtrail.domain.ids import normal_address, participant_of_address
from sendtrail.domain.names import person_name
from sendtrail.domain.participant import MAX_OWNERS
from sendtrail.domain.times import Timestamp
from sendtrail.errors import InvalidInputError, NotFoundError
from sendtrail.log.erasures import Erasures, RefusalReason
from sendtrail.log.trails import Trails
from sendtrail.mail.addresses import checked_address
from sendtrail.projections.directory import Directory
from sendtrail.projections.participants import ParticipantProjection
from sendtrail.staff.ses_suppression_list import SesSuppressionList

__all__ = ["MAX_REGISTERED", "LiftResult", "StaffCommands"]

MAX_REGISTERED: Final = 20
"""How many addresses may be registered to a participant: their history is read from one partition
for each."""

_MAX_SPELLINGS: Final = 25


@dataclass(frozen=True, slots=True)
class LiftResult:
    """Which suppression lists an address was removed from: ours, and SES's of the account."""

    lifted: bool
    removed_from_ses: bool


class StaffCommands:
    """Appends events to the log, and projects them at once.

    Every command raises AwsError if it may not have been recorded; it may then be repeated.
    """

    def __init__(
        self,
        log: Trails,
        projection: ParticipantProjection,
        directory: Directory,
        ses_suppression_list: SesSuppressionList,
        audit: Audit,
        erasures: Erasures,
    ) -> None:
        self._log = log
        self._projection = projection
        self._directory = directory
        self._ses_suppression_list = ses_suppression_list
        self._audit = audit
        self._erasures = erasures

    def interaction(
        self, participant_id: str, *, kind: str, at: Timestamp, reference: str | None, by: Actor
    ) -> None:
        """Records a transaction, which ends inactivity; idempotent by kind and reference."""
        self._record(Event.interaction(participant_id, at, reference or at, kind, by))
        self._audit(by, StaffAction.RECORD_INTERACTION, participant_id)

    def subscription(
        self, participant_id: str, at: Timestamp, *, subscribed: bool, by: Actor
    ) -> None:
        """Records whether a participant wants communications, at their current address."""
        address = self._directory.address_of_choices(participant_id)
        placeholder = participant_of_address(address) if address else ""
        placeholders = self._directory.concerned(participant_id, placeholder, subscribed=subscribed)
        self._record(Event.subscription(participant_id, at, subscribed, placeholders, by))
        for each in placeholders if subscribed else ():
            self._erasures.lift(each, [RefusalReason.UNSUBSCRIBED])
        action = StaffAction.SUBSCRIBE if subscribed else StaffAction.UNSUBSCRIBE
        self._audit(by, action, participant_id)

    def address(self, participant_id: str, at: Timestamp, address: str, *, by: Actor) -> None:
        """Registers an address: it becomes the one to write to, and mail that others sent to it
        becomes part of the participant's history.

        Raises:
            InvalidInputError: it is not a valid address, or one too many.
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
        self._record(Event.address_registered(participant_id, at, address, by))
        self._audit(by, StaffAction.REGISTER_ADDRESS, participant_id)

    def name(self, participant_id: str, at: Timestamp, name: str | None, *, by: Actor) -> None:
        """Records what a participant is called; None removes it.

        Raises:
            InvalidInputError: it is not a name as `person_name` allows it.
        """
        self._record(Event.named(participant_id, at, person_name(name) if name else None, by))
        self._audit(by, StaffAction.NAME, participant_id)

    def suppress(self, address: str, at: Timestamp, *, note: str, by: Actor) -> None:
        """Puts an address on the suppression list.

        Raises:
            InvalidInputError: it is not a valid address.
        """
        address = checked_address(address)
        self._record(Event.suppressed(address, at, note, by))
        self._audit(by, StaffAction.SUPPRESS, participant_of_address(address))

    def lift(self, address: str, at: Timestamp, *, by: Actor) -> LiftResult:
        """Lifts an address's suppression, whatever its reason, also that of somebody who was
        erased, and removes the address from SES's list, so that mail is sent to it again.

        Raises:
            NotFoundError: it is on neither list.
            AwsError: SES's list could not be changed, and nothing was lifted; or it was, and the
                lift may not have been recorded. It may be repeated.
        """
        uses = self._directory.owners_of(address, None, _MAX_SPELLINGS)[0]
        removed = self._ses_suppression_list.remove(
            [address, normal_address(address), *(use.address for use in uses)]
        )
        suppressed = self._directory.suppression(address) is not None
        refused = self._erasures.lift(participant_of_address(address))
        if not suppressed and not removed and not refused:
            raise NotFoundError(f"{address} is not suppressed, here or by SES")
        if suppressed:
            self._record(Event.suppression_lifted(address, at, by))
        self._audit(by, StaffAction.LIFT_SUPPRESSION, participant_of_address(address))
        return LiftResult(lifted=suppressed or refused, removed_from_ses=removed)

    def _record(self, event: Event) -> None:
        self._log.append([event])
        self._projection.apply([event])
