"""Eligibility: which recipients may be mailed, from batched reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from sendtrail.domain.eligibility import Ineligible, check_eligibility
from sendtrail.domain.erasure import is_erased
from sendtrail.domain.events import Recipient
from sendtrail.domain.ids import normal_address, participant_of_address
from sendtrail.domain.message import DropReason
from sendtrail.domain.participant import Participant
from sendtrail.domain.times import Timestamp
from sendtrail.log.erasures import RefusalReason
from sendtrail.mail.addresses import sendable_address
from sendtrail.projections.directory import Directory

__all__ = ["Eligibility"]

_MAX_AT_ONCE: Final = 33  # of three keys each, in a BatchGetItem of 100


class Eligibility:
    """Decides from the directory's rows."""

    def __init__(
        self,
        directory: Directory,
        refusals: Callable[[Iterable[str]], Mapping[str, Mapping[RefusalReason, Timestamp]]],
    ) -> None:
        """Decides by what is in `directory`.

        Args:
            refusals: of addresses, why nobody is to be mailed there, by what outlived an erasure.
        """
        self._directory = directory
        self._refusals = refusals

    def of(self, recipients: Sequence[Recipient]) -> list[Ineligible | None]:
        """For each recipient why they must not be mailed; None if they may be.

        Takes one request for every 33 recipients.

        Raises:
            AwsError: the directory cannot be read.
        """
        found: list[Ineligible | None] = []
        for start in range(0, len(recipients), _MAX_AT_ONCE):
            part = [(each, each.address or "") for each in recipients[start : start + _MAX_AT_ONCE]]
            # Of whoever was erased there is no address by which to look.
            asked = [
                (each, address) for each, address in part if not is_erased(each.participant_id)
            ]
            people, suppressions = (
                self._directory.lookup(
                    (
                        participant_id
                        for each, address in asked
                        for participant_id in (each.participant_id, participant_of_address(address))
                    ),
                    (address for _, address in asked),
                )
                if asked
                else ({}, {})
            )
            refused = self._refusals(address for _, address in asked if address)
            for each, address in part:
                if is_erased(each.participant_id):
                    found.append(Ineligible(DropReason.STOPPED))
                    continue
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
                    or _refused(
                        refused.get(normal_address(address), {}),
                        of_communication=each.communication_id is not None,
                    )
                )
        return found


_OF_REFUSAL: Final = {
    RefusalReason.SPAMMED: DropReason.PREVIOUSLY_SPAMMED,
    RefusalReason.BOUNCED: DropReason.PREVIOUSLY_BOUNCED,
    RefusalReason.MANUAL: DropReason.MANUAL,
    RefusalReason.UNSUBSCRIBED: DropReason.UNSUBSCRIBED,
}


def _refused(
    refusals: Mapping[RefusalReason, Timestamp], *, of_communication: bool
) -> Ineligible | None:
    """Why nobody is to be mailed at an address whose owner was erased; the most severe reason."""
    for reason in RefusalReason:
        if reason in refusals and (of_communication or reason is not RefusalReason.UNSUBSCRIBED):
            return Ineligible(_OF_REFUSAL[reason], {"at": refusals[reason]})
    return None
