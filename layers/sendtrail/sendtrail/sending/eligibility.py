"""Eligibility: who of some recipients may be mailed, from one batched read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sendtrail.domain.eligibility import Ineligible, check_eligibility
from sendtrail.domain.ids import normal_address, participant_of_address
from sendtrail.domain.message import DropReason
from sendtrail.domain.participant import Participant
from sendtrail.mail.addresses import sendable_address
from sendtrail.projections.directory import Directory

__all__ = ["Eligibility"]

_MAX_AT_ONCE: Final = 33  # of three keys each, in a BatchGetItem of 100


class Eligibility:
    """Decides by what is known now."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def of(
        self, recipients: Sequence[tuple[str, str]], *, of_communication: bool
    ) -> list[Ineligible | None]:
        """For each recipient why they are not mailed, or None.

        Args:
            recipients: participants and the addresses that they would be mailed at. One request
                for every 33.

        Raises:
            AwsError: it cannot be read.
        """
        found: list[Ineligible | None] = []
        for start in range(0, len(recipients), _MAX_AT_ONCE):
            part = recipients[start : start + _MAX_AT_ONCE]
            people, suppressions = self._directory.lookup(
                (
                    participant_id
                    for participant, address in part
                    for participant_id in (participant, participant_of_address(address))
                ),
                (address for _, address in part),
            )
            for participant_id, address in part:
                try:
                    sendable_address(address)
                except ValueError as error:
                    wrong = {"diagnostic": str(error)}
                    found.append(Ineligible(DropReason.INVALID_ADDRESS, wrong))
                    continue
                person = people.get(participant_id) or Participant(participant_id)
                placeholder = people.get(participant_of_address(address))
                found.append(
                    check_eligibility(
                        # Who unsubscribed from mail to this address that did not name them.
                        participant=person.joined(placeholder) if placeholder else person,
                        suppression=suppressions.get(normal_address(address)),
                        of_communication=of_communication,
                    )
                )
        return found
