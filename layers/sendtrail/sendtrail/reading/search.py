"""Search: by participant id, address or message id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sendtrail.domain.ids import is_message_id, is_participant_id, participant_of_address
from sendtrail.errors import InvalidInputError
from sendtrail.mail.addresses import checked_address
from sendtrail.projections.directory import Directory
from sendtrail.reading import queries
from sendtrail.reading.views import suppression_view

__all__ = ["SearchResult", "search"]

View = dict[str, Any]

_MAX_OWNERS: Final = 50


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The result of a search.

    Attributes:
        participant_id: the participant that was found, if there is exactly one.
        message_id: the message of theirs that was found.
        owners: if several have or had the address: each one's participant, first and last use.
        suppression: the address's, if nobody or several have or had it.
        is_address: whether an address was searched for.
    """

    participant_id: str | None = None
    message_id: str | None = None
    owners: tuple[View, ...] = ()
    suppression: View | None = None
    is_address: bool = False


def search(directory: Directory, word: str) -> SearchResult:
    """Finds a participant by id or address, or a message by its id.

    Raises:
        InvalidInputError: the word cannot be any of these.
    """
    if "@" in word:
        return _of_address(directory, checked_address(word))
    if is_message_id(word.upper()):
        found = queries.participant_of_message(word.upper())
        if found:
            return SearchResult(participant_id=found, message_id=word.upper())
    if not is_participant_id(word):
        raise InvalidInputError(
            "that can be no address, no message's id, and no participant's: those are of letters, "
            "digits, - and _"
        )
    known, uses = directory.participant(word)
    return SearchResult(participant_id=word) if known or uses else SearchResult()


def _of_address(directory: Directory, address: str) -> SearchResult:
    found, _ = directory.owners_of(address, None, _MAX_OWNERS)
    placeholder = participant_of_address(address)
    owners = [use for use in found if use.participant_id != placeholder] or found
    if len(owners) == 1:
        return SearchResult(participant_id=owners[0].participant_id, is_address=True)
    suppression = directory.suppression(address)
    return SearchResult(
        is_address=True,
        owners=tuple(
            {
                "participant_id": use.participant_id,
                "address": use.address,
                "first_used_at": use.first_used_at,
                "last_used_at": use.last_used_at,
            }
            for use in owners
        ),
        suppression=suppression_view(suppression) if suppression else None,
    )
