"""Eligibility: which recipients may be mailed, from batched reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sendtrail.domain.eligibility import Ineligible, check_eligibility
from sendtrail.domain.events import Recipient
from sendtrail.domain.ids import normal_address, participant_of_address
from sendtrail.domain.message import DropReason
from sendtrail.domain.participant import Participant
from sendtrail.mail.addresses import sendable_address
from sendtrail.projections.directory import Directory

__all__ = ["Eligibility"]

_MAX_AT_ONCE: Final = 33  # of three keys each, in a BatchGetItem of 100


class Eligibility:
    """Decides from the directory's rows."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def of(self, recipients: Sequence[Recipient]) -> list[Ineligible | None]:
        """For each recipient why they must not be mailed; None if they may be.

        Takes one request for every 33 recipients.

        Raises:
            AwsError: the directory cannot be read.
        """
        found: list[Ineligible | None] = []
        for start in range(0, len(recipients), _MAX_AT_ONCE):
            part = [(each, each.address or "") for each in recipients[start : start + _MAX_AT_ONCE]]
            people, suppressions = self._directory.lookup(
                (
                    participant_id
                    for each, address in part
                    for participant_id in (each.participant_id, participant_of_address(address))
                ),
                (address for _, address in part),
            )
            for each, address in part:
                try:
                    sendable_address(address)
                except ValueError as error:
                    evidence = {"diagnostic": str(error)}
                    found.append(Ineligible(DropReason.INVALID_ADDRESS, evidence))
                    continue
                person = people.get(each.participant_id) or Participant(each.participant_id)
                placeholder = people.get(participant_of_address(address))
                found.append(
                    check_eligibility(
                        participant=person,
                        placeholder=placeholder,
                        suppression=suppressions.get(normal_address(address)),
                        of_communication=each.communication_id is not None,
                    )
                )
        return found
