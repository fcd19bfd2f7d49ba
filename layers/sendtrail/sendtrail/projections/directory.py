"""The directory: lookups of participants, their addresses and suppressions.

This is the one place where these rows are read by key, strongly consistently but for
eligibility: for that, submission, preferences, staff commands and history. Lists of suppressions
are in `sendtrail.reading.queries`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.ids import normal_address, participant_of_address
from sendtrail.domain.message import Message
from sendtrail.domain.participant import AddressUse, Participant, current_address
from sendtrail.domain.suppression import Suppression
from sendtrail.domain.times import Timestamp, latest
from sendtrail.projections.items import (
    ACTIVITY_SHARDS,
    ADDRESS_PREFIX,
    INACTIVE,
    PROFILE,
    TERM_SHARDS,
    TermList,
    activity_key,
    address_part,
    address_use_from_item,
    message_from_item,
    participant_from_item,
    suppression_from_item,
    term_list,
)

__all__ = ["NEWEST", "Directory", "Listed", "address_of"]

NEWEST: Final = 100
"""How many of a participant's messages are looked at for when they last did something."""
_MAX_ADDRESSES: Final = 200
_OWNER_KEYS: Final = ("address", "participant_id", "part")
_LAST: Final = "\U0010ffff"
"""Sorts after every character that a key begins with or goes on by."""


class Listed(NamedTuple):
    """Somebody in a list of people, and by what they stand there: the list's order."""

    key: str
    participant_id: str


class Directory:
    """Reads the tables Participants and Suppressions."""

    def __init__(self, db: DynamoDB, participants: str, suppressions: str, trails: str) -> None:
        """Reads the tables of these names."""
        self._db = db
        self._trails = trails
        self._participants = participants
        self._suppressions = suppressions

    def participant(self, participant_id: str) -> tuple[Participant | None, list[AddressUse]]:
        """A participant, or None, and the history of their addresses; in one request."""
        items, _ = self._db.query(
            self._participants,
            ("participant_id", participant_id),
            newest_first=True,  # the profile first, whatever the number of addresses
            limit=_MAX_ADDRESSES,
        )
        profile = next((each for each in items if each["part"] == PROFILE), None)
        uses = [
            address_use_from_item(each) for each in items if each["part"].startswith(ADDRESS_PREFIX)
        ]
        return participant_from_item(profile) if profile else None, uses

    def address_to_write_to(self, participant_id: str) -> AddressUse | None:
        """A participant's current address; None if they have none. Their newest messages are asked
        only if that cannot be told without.
        """
        _, uses = self.participant(participant_id)
        if len(uses) > 1 and not any(use.registered_at for use in uses):
            uses = self.with_last_use(uses)
        return current_address(uses)

    def address_of_choices(self, participant_id: str) -> str | None:
        """The address that a participant's choice concerns which names none: their current one, or
        else that of their newest message, which was not sent; None if they never had one.
        """
        use = self.address_to_write_to(participant_id)
        return use.address if use else address_of(self.newest_messages(participant_id))

    def with_last_use(
        self, uses: Sequence[AddressUse], newest: Iterable[Message] | None = None
    ) -> list[AddressUse]:
        """Uses of addresses, with when each was last used as far as newest messages show it, and
        otherwise first; one request for each participant and registered address.

        Args:
            newest: the newest messages, if they have been read.
        """
        if newest is None:
            partitions = dict.fromkeys(use.participant_id for use in uses) | dict.fromkeys(
                participant_of_address(use.address) for use in uses if use.registered_at
            )
            newest = [
                message
                for messages in self._db.at_once(self.newest_messages, list(partitions))
                for message in messages
            ]
        last: dict[tuple[str, str], Timestamp] = {}
        for message in newest:
            if message.address and message.sent_at:
                normal = normal_address(message.address)
                for owner in (message.participant_id, ""):
                    key = (owner, normal)
                    last[key] = max(last.get(key, ""), message.sent_at)
        found = []
        for use in uses:
            anybody = last.get(("", use.normal)) if use.registered_at else None
            own = last.get((use.participant_id, use.normal))
            found.append(replace(use, last_used_at=latest(latest(own, anybody), use.first_used_at)))
        return found

    def newest_messages(self, participant_id: str, limit: int = NEWEST) -> list[Message]:
        """A participant's newest messages, newest first, eventually consistently."""
        items, _ = self._db.query(
            self._trails,
            ("trail", participant_id),
            newest_first=True,
            limit=limit,
            consistent=False,
        )
        return [message_from_item(item) for item in items]

    def profiles(self, participant_ids: Iterable[str]) -> list[Participant]:
        """The profiles of those of the participants that have one."""
        keys = [
            {"participant_id": each, "part": PROFILE} for each in dict.fromkeys(participant_ids)
        ]
        return [participant_from_item(each) for each in self._db.get_all(self._participants, keys)]

    def concerned(self, participant_id: str, placeholder: str, *, subscribed: bool) -> list[str]:
        """The placeholder participants of the addresses that a participant's choice concerns: that
        at which it is made; and, if it undoes one, those at which they made that one. One request,
        and another for those.
        """
        found = {placeholder}
        if subscribed:
            for person in self.profiles([participant_id]):
                own = person.subscription_change
                for other in self.profiles(own.placeholders) if own and own.unsubscribed else ():
                    there = other.choice_there
                    if there and there.participant_id in (participant_id, other.participant_id):
                        found.add(other.participant_id)
        return sorted(filter(None, found))

    def lookup(
        self,
        participant_ids: Iterable[str],
        addresses: Iterable[str],
        *,
        consistent: bool = False,
    ) -> tuple[dict[str, Participant], dict[str, Suppression]]:
        """Profiles by participant, and suppressions, including lifted ones, by normalised address;
        in one request. They are read eventually consistently, at half the price, by whoever sends:
        what was written in the last second may be missed, as if the message had left a second
        before.

        Args:
            participant_ids, addresses: at least one of each, and at most 100 together.
            consistent: whether they are read consistently after all.
        """
        found = self._db.get_from(
            {
                self._participants: [
                    {"participant_id": each, "part": PROFILE}
                    for each in sorted(set(participant_ids))
                ],
                self._suppressions: [
                    {"address": each} for each in sorted({normal_address(one) for one in addresses})
                ],
            },
            consistent=consistent,
        )
        people = map(participant_from_item, found[self._participants])
        suppressions = map(suppression_from_item, found[self._suppressions])
        return (
            {person.participant_id: person for person in people},
            {suppression.address: suppression for suppression in suppressions},
        )

    def address(self, participant_id: str, address: str) -> AddressUse | None:
        """One address of a participant's history; None if they never had it."""
        key = {"participant_id": participant_id, "part": address_part(address)}
        item = self._db.get(self._participants, key)
        return address_use_from_item(item) if item else None

    def owners_of(self, address: str, place: Any, limit: int) -> tuple[list[AddressUse], Any]:
        """Who has, or had, an address: its uses, and the place from which to continue; None at the
        end. Two requests, and those of `with_last_use`.
        """
        items, _ = self._db.query(
            self._participants,
            ("address", normal_address(address)),
            index="by_address",
            start=place,
            limit=limit + 1,
        )
        keys = [{name: item[name] for name in _OWNER_KEYS} for item in items]
        more, keys = len(keys) > limit, keys[:limit]
        rows = {
            (item["participant_id"], item["part"]): address_use_from_item(item)
            for item in self._db.get_all(
                self._participants,
                [{name: key[name] for name in ("participant_id", "part")} for key in keys],
            )
        }
        found = [rows.get((key["participant_id"], key["part"])) for key in keys]
        uses = self.with_last_use([each for each in found if each])
        return uses, keys[-1] if more and keys else None

    def ids_at(self, addresses: Iterable[str], limit: int) -> list[list[str]]:
        """For each address the ids of the first `limit` participants who have, or had, it; one
        request for each, eventually consistent.
        """

        def ids(address: str) -> list[str]:
            items, _ = self._db.query(
                self._participants,
                ("address", normal_address(address)),
                index="by_address",
                limit=limit,
            )
            return [item["participant_id"] for item in items]

        return self._db.at_once(ids, list(addresses))

    def listed(
        self, lists: Iterable[TermList], begins: str, after: str | None, limit: int
    ) -> list[Listed]:
        """Whom lists of the index ``by_term`` have, in their order, merged; a request for each of
        their shards, eventually consistent.

        Args:
            begins: with what the term begins.
            after: the key after which to begin.
            limit: of those that are given back, at most.
        """
        partitions = [term_list(name, shard) for name in lists for shard in range(TERM_SHARDS)]
        return self._merged("by_term", ("terms", "term"), partitions, begins, after, limit)

    def inactive(self, after: str | None, limit: int) -> list[Listed]:
        """Who was found inactive, and nothing ended it, by id; as `listed`."""
        partitions = [activity_key(INACTIVE, shard) for shard in range(ACTIVITY_SHARDS)]
        keys = ("activity_day", "participant_id")
        return self._merged("by_activity_day", keys, partitions, "", after, limit)

    def _merged(
        self,
        index: str,
        keys: tuple[str, str],
        partitions: list[str],
        begins: str,
        after: str | None,
        limit: int,
    ) -> list[Listed]:
        partition, sort = keys
        between = (sort, after or begins or " ", begins + _LAST)

        def part(name: str) -> list[Listed]:
            items, _ = self._db.query(
                self._participants,
                (partition, name),
                index=index,
                between=between,
                limit=limit + 1,  # the one at `after` may be among them
            )
            return [Listed(item[sort], item["participant_id"]) for item in items]

        found = [each for some in self._db.at_once(part, partitions) for each in some]
        return sorted(each for each in found if each.key != after)[:limit]

    def newest(self, trails: Mapping[str, str], limit: int) -> list[list[dict[str, Any]]]:
        """The newest items of partitions of the log, newest first; one request for each.

        Args:
            trails: partition → the greatest entry that is wanted.
            limit: of each.
        """

        def part(trail: str) -> list[dict[str, Any]]:
            items, _ = self._db.query(
                self._trails,
                ("trail", trail),
                between=("entry", " ", trails[trail]),
                newest_first=True,
                limit=limit,
            )
            return items

        return self._db.at_once(part, list(trails))

    def people(
        self, participant_ids: Iterable[str], newest: int
    ) -> dict[str, tuple[Participant | None, list[AddressUse], list[Message]]]:
        """Participants with their addresses and newest messages, by id; two requests for each.

        Args:
            newest: how many messages of each.
        """

        def one(
            participant_id: str,
        ) -> tuple[Participant | None, list[AddressUse], list[Message]]:
            known, uses = self.participant(participant_id)
            return known, uses, self.newest_messages(participant_id, newest)

        ids = list(dict.fromkeys(participant_ids))
        return dict(zip(ids, self._db.at_once(one, ids), strict=True))

    def at_address(self, address: str) -> tuple[Participant | None, Suppression | None]:
        """What is known of an address: its placeholder participant, and its suppression if that
        holds; in one request.
        """
        placeholder = participant_of_address(address)
        people, suppressions = self.lookup([placeholder], [address], consistent=True)
        suppression = suppressions.get(normal_address(address))
        holds = suppression is not None and suppression.reason is not None
        return people.get(placeholder), suppression if holds else None

    def suppression(self, address: str) -> Suppression | None:
        """The suppression of an address; None if it may be mailed."""
        return self.suppressions_of([address]).get(normal_address(address))

    def suppressions_of(self, addresses: Iterable[str]) -> dict[str, Suppression]:
        """The suppressions that hold, by normalised address."""
        keys = [{"address": each} for each in sorted({normal_address(one) for one in addresses})]
        found = map(suppression_from_item, self._db.get_all(self._suppressions, keys))
        return {each.address: each for each in found if each.reason}


def address_of(newest: Iterable[Message]) -> str | None:
    """The address of the newest message that has one."""
    return next((message.address for message in newest if message.address), None)
