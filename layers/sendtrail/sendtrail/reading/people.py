"""People: all of them, those with a state, and those whom a word finds.

A list's rows tell who may be in it; each is then read and looked at, and left out if it is not. So
a row that an earlier name left behind shows nobody, and whom several rows show is shown by the
first of them. A page may therefore have fewer than were asked for, or none, and a place to go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sendtrail.domain.ids import (
    ADDRESS_PARTICIPANT,
    bare_address,
    is_participant_id,
    normal_address,
    participant_of_address,
)
from sendtrail.domain.message import Message
from sendtrail.domain.names import folded, folded_words, is_named, terms_of_name
from sendtrail.domain.participant import AddressUse, Participant, current_address
from sendtrail.domain.suppression import Suppression
from sendtrail.mail.addresses import canonical_address
from sendtrail.projections.directory import Directory, Listed, address_of
from sendtrail.projections.items import TermList, term_of
from sendtrail.reading import queries
from sendtrail.reading.history import seen_active
from sendtrail.reading.views import participant_view

__all__ = ["MAX_WORD", "NEWEST", "People", "PeopleFilter", "PeopleState"]

View = dict[str, Any]
Place = Any

MAX_WORD: Final = 330
"""Characters of what is searched for."""
NEWEST: Final = 10
"""How many of each one's messages are looked at for when they last did something."""
_MAX_OWNERS: Final = 50
_LOOKED_UP: Final = 50
"""Whose address is looked up at once, by two keys of the 100 that a request may have."""


class PeopleState(StrEnum):
    """Why somebody gets no mailings."""

    INACTIVE = "inactive"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"
    """The address to write to is."""


@dataclass(frozen=True, slots=True)
class PeopleFilter:
    """Selects people.

    Attributes:
        word: the beginning of an id or an address, or the beginnings of words of a name, without
            regard to capitals and accents (`sendtrail.domain.names`).
        state: which alone has rows to be listed by; beside a word it is looked at one by one.
    """

    word: str | None = None
    state: PeopleState | None = None


class _Phase(NamedTuple):
    """Lists that are read together, and with what their terms begin.

    Attributes:
        words: that a name must have beside that.
    """

    lists: tuple[TermList, ...]
    begins: str
    words: str = ""


_BY_ID: Final = (TermList.IDS, TermList.UNSUBSCRIBED)
_BY_ADDRESS: Final = (TermList.ADDRESSES, TermList.PLACEHOLDERS)
_ALL: Final = (_Phase(_BY_ID, ""), _Phase((TermList.PLACEHOLDERS,), ""))
"""Who has an id, by that; then the addresses that nobody is known to have."""


class _Candidate(NamedTuple):
    """Who may be in a list.

    Attributes:
        key: by what they stand in lists of the index ``by_term``.
        address: their address to write to, in a list that is by that.
    """

    participant_id: str
    phase: _Phase | None = None
    key: str = ""
    address: str | None = None


class _Known(NamedTuple):
    person: Participant
    uses: list[AddressUse]
    newest: list[Message]
    use: AddressUse | None


class People:
    """Lists people."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def page(self, wanted: PeopleFilter, *, place: Place, limit: int) -> tuple[list[View], Place]:
        """A page of people, each as `participant_view` shows them, and the place to go on from;
        None at the end.

        By a word: whose id begins so, then whose name, then whose address; by a state alone, in the
        order of its rows. At most 20 requests; one for each 50 people on the page and two for each;
        and of those who are suppressed one for each address.
        """
        found, following = self._candidates(wanted, place, limit)
        known = self._read(found)
        shown: dict[str, View] = {}
        views = self._views(known.values())
        phases = _phases(wanted)
        for each in found:
            who = each.participant_id
            view = views[who]
            if who not in shown and _is_in(each, known[who], phases) and _has(view, wanted.state):
                shown[who] = view
        return list(shown.values()), following

    def _candidates(
        self, wanted: PeopleFilter, place: Place, limit: int
    ) -> tuple[list[_Candidate], Place]:
        if not wanted.word and wanted.state is PeopleState.INACTIVE:
            rows = self._directory.inactive(place, limit + 1)
            more = len(rows) > limit
            found = [_Candidate(row.participant_id) for row in rows[:limit]]
            return found, rows[limit - 1].key if more else None
        if not wanted.word and wanted.state is PeopleState.SUPPRESSED:
            return self._suppressed(place, limit)
        return self._by_term(_phases(wanted), place, limit)

    def _suppressed(self, place: Place, limit: int) -> tuple[list[_Candidate], Place]:
        page = queries.suppressions(None, place, limit)
        addresses = [suppression.address for suppression in page.items]
        owners = self._directory.ids_at(addresses, _MAX_OWNERS) if addresses else []
        found = [
            _Candidate(who, address=address)
            for address, ids in zip(addresses, owners, strict=True)
            for who in ids
        ]
        return found, page.place

    def _by_term(
        self, phases: Sequence[_Phase], place: Place, limit: int
    ) -> tuple[list[_Candidate], Place]:
        found: list[_Candidate] = []
        first, after = place or (0, None)
        for number in range(first, len(phases)):
            phase, room = phases[number], limit - len(found)
            if room == 0:
                return found, [number, None]
            rows: list[Listed] = self._directory.listed(phase.lists, phase.begins, after, room + 1)
            found += [_Candidate(row.participant_id, phase, row.key) for row in rows[:room]]
            if len(rows) > room:
                return found, [number, rows[room - 1].key]
            after = None
        return found, None

    def _read(self, found: Iterable[_Candidate]) -> dict[str, _Known]:
        read = self._directory.people((each.participant_id for each in found), NEWEST)
        known = {}
        for who, (person, uses, newest) in read.items():
            use = current_address(self._directory.with_last_use(uses, newest))
            known[who] = _Known(person or Participant(who), uses, newest, use)
        return known

    def _views(self, known: Iterable[_Known]) -> dict[str, View]:
        people = list(known)
        views = {}
        for start in range(0, len(people), _LOOKED_UP):
            part = people[start : start + _LOOKED_UP]
            placeholders, suppressions = self._at(filter(None, map(_address, part)))
            for each in part:
                address = _address(each)
                placeholder = placeholders.get(participant_of_address(address or ""))
                suppression = suppressions.get(each.use.normal) if each.use else None
                views[each.person.participant_id] = participant_view(
                    seen_active(each.person, each.newest), each.use, placeholder, suppression
                )
        return views

    def _at(
        self, addresses: Iterable[str]
    ) -> tuple[dict[str, Participant], dict[str, Suppression]]:
        wanted = sorted({normal_address(address) for address in addresses})
        if not wanted:
            return {}, {}
        return self._directory.lookup(map(participant_of_address, wanted), wanted, consistent=True)


def _address(known: _Known) -> str | None:
    """The address to write to, or that of the newest message."""
    return known.use.address if known.use else address_of(known.newest)


def _phases(wanted: PeopleFilter) -> tuple[_Phase, ...]:
    """What is read for a filter, in order."""
    word = (wanted.word or "").strip()
    if not word:
        unsubscribed = wanted.state is PeopleState.UNSUBSCRIBED
        return (_Phase((TermList.UNSUBSCRIBED,), ""),) if unsubscribed else _ALL
    address = folded(normal_address(canonical_address(bare_address(word))))
    found = []
    if "@" not in word:
        if is_participant_id(word):
            found.append(_Phase(_BY_ID, word.lower()))
        words = folded_words(word)
        longest = max(words.split(), key=len, default="")
        found.append(_Phase((TermList.WORDS,), longest, words))
    if not any(character.isspace() for character in address):
        found.append(_Phase(_BY_ADDRESS, address))
    return tuple(phase for phase in found if phase.begins)


def _is_in(candidate: _Candidate, known: _Known, phases: Sequence[_Phase]) -> bool:
    """Whether somebody belongs where they were found, and were not to be found before."""
    if known.person.linked_to:  # whoever has the address is credited with all of it
        return False
    if candidate.address is not None:
        return known.use is not None and known.use.normal == candidate.address
    if candidate.phase is None:
        return True
    for phase in phases:
        keys = _keys(phase, known)
        if keys:
            return phase == candidate.phase and min(keys) == candidate.key
    return False


def _keys(phase: _Phase, known: _Known) -> list[str]:
    """By what somebody stands in the lists of a phase."""
    who = known.person.participant_id
    placeholder = who.startswith(ADDRESS_PARTICIPANT)
    terms: list[str] = []
    if TermList.UNSUBSCRIBED in phase.lists and not (placeholder and TermList.IDS in phase.lists):
        terms.append(who.lower())
    if TermList.WORDS in phase.lists and is_named(known.person.name, phase.words):
        terms += terms_of_name(known.person.name)
    if (TermList.PLACEHOLDERS if placeholder else TermList.ADDRESSES) in phase.lists:
        terms += [folded(use.normal) for use in known.uses]
    return [term_of(term, who) for term in terms if term.startswith(phase.begins)]


def _has(view: View, state: PeopleState | None) -> bool:
    match state:
        case PeopleState.INACTIVE:
            return view["inactive_since"] is not None
        case PeopleState.UNSUBSCRIBED:
            return not view["subscribed"]
        case PeopleState.SUPPRESSED:
            return view["suppression"] is not None
    return True
