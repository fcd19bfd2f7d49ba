"""Desk: what staff look at on one page, where a page shows more than one route of the API does.

Each function reads once what its parts have in common, so that a page costs no more than the routes
that it shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sendtrail.domain.ids import (
    is_message_id,
    is_participant_id,
    message_id_bounds,
    participant_of_address,
)
from sendtrail.domain.message import Message
from sendtrail.domain.participant import current_address
from sendtrail.errors import InvalidInputError
from sendtrail.mail.addresses import checked_address
from sendtrail.reading import history, queries
from sendtrail.reading.views import (
    address_view,
    event_view,
    link_views,
    message_view,
    participant_view,
    suppression_view,
)

__all__ = ["SearchResult", "find", "participant_with_addresses", "participant_with_messages"]

View = dict[str, Any]

_MAX_OWNERS: Final = 50


def participant_with_messages(
    participant_id: str, *, place: Any, limit: int, opened: str | None
) -> tuple[View, list[View], Any]:
    """A participant, a page of their history, and where to go on.

    Three requests, and one for each further address that is registered to them; two more for the
    message that is opened.

    Args:
        opened: the id of a message of this page to show with its links and its trail: these are
            then in its view, as in `history.message`.

    Raises:
        NotFoundError: nothing is known of the participant.
    """
    known, uses = history.participant(participant_id)
    use = current_address(uses)
    suppression = queries.suppression(use.address) if use else None
    found = queries.messages(
        history.partitions(participant_id, uses),
        between=message_id_bounds(None, None),
        place=place,
        limit=limit,
        wanted=None,
    )
    views = [
        _opened(each) if each.message_id == opened else message_view(each) for each in found.items
    ]
    return participant_view(known, use, suppression), views, found.place


def participant_with_addresses(participant_id: str) -> tuple[View, list[View]]:
    """A participant, and the history of their addresses, the latest used first; two requests.

    Raises:
        NotFoundError: nothing is known of the participant.
    """
    known, uses = history.participant(participant_id)
    current = current_address(uses)
    holding = queries.suppressions_of(use.address for use in uses)
    uses.sort(key=lambda use: use.last_used_at or use.registered_at or "", reverse=True)
    views = [address_view(use, holding.get(use.normal), current=use is current) for use in uses]
    suppression = holding.get(current.normal) if current else None
    return participant_view(known, current, suppression), views


def _opened(message: Message) -> View:
    events, more = queries.trail(message.message_id)
    return message_view(message) | {
        "links": link_views(message),
        "events": [event_view(event, message) for event in events],
        "events_truncated": more,
    }


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What was found for a word.

    Attributes:
        participant_id: the one participant that was meant, if one was.
        message_id: the message of theirs that was meant.
        owners: of an address that several have or had: participant, and first and last use.
        suppression: what holds against the address, where nobody or several have it.
        is_address: whether it was an address that was asked for.
    """

    participant_id: str | None = None
    message_id: str | None = None
    owners: tuple[View, ...] = ()
    suppression: View | None = None
    is_address: bool = False


def find(word: str) -> SearchResult:
    """Finds a participant by id or address, or a message by its id; in at most two requests.

    A message is found by its trail, which names its participant, and which the log keeps for its
    retention.

    Raises:
        InvalidInputError: the word can be none of these.
    """
    if "@" in word:
        return _of_address(checked_address(word))
    if is_message_id(word.upper()):
        first = queries.first_event(word.upper())
        if first:
            return SearchResult(participant_id=first.participant_id, message_id=first.message_id)
    if not is_participant_id(word):
        raise InvalidInputError(
            "that can be no address, no message's id, and no participant's: those are of letters, "
            "digits, - and _"
        )
    known, uses = queries.participant(word)
    return SearchResult(participant_id=word) if known or uses else SearchResult()


def _of_address(address: str) -> SearchResult:
    found = queries.participants_of_address(address, None, _MAX_OWNERS)
    placeholder = participant_of_address(address)
    owners = [use for use in found.items if use.participant_id != placeholder] or found.items
    if len(owners) == 1:
        return SearchResult(participant_id=owners[0].participant_id, is_address=True)
    holding = queries.suppression(address)
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
        suppression=suppression_view(holding) if holding else None,
    )
