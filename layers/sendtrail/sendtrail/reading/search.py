"""Search: one box for whatever somebody has at hand.

A participant's id, an address, the id of a message, SES's id of a mail, the id of a mailing: each
exact. If it is none of these, words of a mailing's name, among the newest mailings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from sendtrail.domain.communication import CommunicationDefinition
from sendtrail.domain.ids import (
    bare_address,
    is_communication_id,
    is_message_id,
    is_participant_id,
    participant_of_address,
)
from sendtrail.errors import InvalidInputError
from sendtrail.mail.addresses import checked_address
from sendtrail.projections.directory import Directory
from sendtrail.reading import queries
from sendtrail.reading.views import communication_view, direct_message_view, suppression_view

__all__ = ["MAX_NAMES", "SearchResult", "search"]

View = dict[str, Any]

MAX_NAMES: Final = queries.LOOKED_AT
"""Of how many mailings the names are looked at, the newest."""
_MAX_OWNERS: Final = 50
_MAX_NAMED: Final = 25
_MESSAGE_ID: Final = re.compile(r"<?([0-9a-f-]{20,80})@([a-z0-9-]+\.)?amazonses\.com>?", re.ASCII)
"""What SES makes of its id in the header Message-ID of a mail."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The result of a search.

    Attributes:
        participant_id: the participant that was found, if nothing else was.
        message_id: the message of theirs that was found.
        communication_id: the mailing that was found by its id, if nothing else was.
        owners: participants, if there are several, or other things too; of an address: with first
            and last use.
        messages: of a mail to several, as `direct_message_view`.
        communications: mailings, by id or by words of their names.
        more: whether older mailings may have the words in their names, too.
        suppression: the address's, if nobody or several have or had it.
        is_address: whether an address was searched for.
    """

    participant_id: str | None = None
    message_id: str | None = None
    communication_id: str | None = None
    owners: tuple[View, ...] = ()
    messages: tuple[View, ...] = ()
    communications: tuple[View, ...] = ()
    more: bool = False
    suppression: View | None = None
    is_address: bool = False

    @property
    def is_something(self) -> bool:
        """Whether anything was found."""
        exact = self.participant_id or self.communication_id or self.suppression
        return bool(exact or self.owners or self.messages or self.communications)


def search(directory: Directory, word: str) -> SearchResult:
    """Finds what is exactly what was written; or else mailings by words of their names."""
    ses = _MESSAGE_ID.fullmatch(word.lower())
    if ses:
        return _exact(directory, ses[1])
    if "@" in word:
        try:
            return _of_address(directory, checked_address(bare_address(word)))
        except InvalidInputError:
            return _of_name(word)
    found = _exact(directory, word)
    return found if found.is_something else _of_name(word)


def _exact(directory: Directory, word: str) -> SearchResult:
    """What has this id; of several kinds perhaps."""
    if is_message_id(word.upper()):
        participant_id = queries.participant_of_message(word.upper())
        if participant_id:
            return SearchResult(participant_id=participant_id, message_id=word.upper())
    messages = queries.messages_of_ses_id(word.lower())
    if len(messages) == 1:
        (message,) = messages
        return SearchResult(participant_id=message.participant_id, message_id=message.message_id)
    if messages:
        return SearchResult(messages=tuple(map(direct_message_view, messages)))
    known = is_participant_id(word) and any(directory.participant(word))
    mailing = queries.communication(word) if is_communication_id(word) else None
    if known and mailing:
        view = communication_view(mailing.definition, mailing.counters, whole=False)
        return SearchResult(owners=(_owner(word),), communications=(view,))
    return SearchResult(
        participant_id=word if known else None, communication_id=word if mailing else None
    )


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
            _owner(use.participant_id, use.first_used_at, use.last_used_at) for use in owners
        ),
        suppression=suppression_view(suppression) if suppression else None,
    )


def _owner(
    participant_id: str, first_used_at: str | None = None, last_used_at: str | None = None
) -> View:
    return {
        "participant_id": participant_id,
        "first_used_at": first_used_at,
        "last_used_at": last_used_at,
    }


def _of_name(text: str) -> SearchResult:
    """Mailings that have all the words in their names, of the newest `MAX_NAMES`."""
    words = text.casefold().split()

    def wanted(definition: CommunicationDefinition) -> bool:
        name = definition.name.casefold()
        return all(word in name for word in words)

    found = queries.communications(None, _MAX_NAMED, month=None, wanted=wanted)
    return SearchResult(
        communications=tuple(communication_view(*each, whole=False) for each in found.items),
        more=found.place is not None,
    )
