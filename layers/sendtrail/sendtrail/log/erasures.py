"""Erasures: who was erased, by keyed hashes alone, and who refused mail.

A row's key is ``hash``:

- ``person#<hash>`` of a participant id: ``pseudonym``, and ``erased_at``.
- ``address#<hash>`` of an address's placeholder participant, by which tokens in mail name it too:
  ``erased_at``; and ``refusals``, reason → since when, of whoever must not be mailed there.
- ``erasure#<pseudonym>``: what is, or was, to be done (`sendtrail.rights.erasing`).
- ``#latest``: ``at``, when a row of somebody who was erased was written last.

Messages of before an erasure are under the pseudonym. What comes late of them, or comes back from a
copy, names the person again, and this table says where it belongs. It costs next to nothing: nobody
asks for a message that is younger than the latest erasure, and nobody asks twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.erasure import KeyedHash, is_erased
from sendtrail.domain.events import Event
from sendtrail.domain.ids import (
    ADDRESS_PARTICIPANT,
    normal_address,
    participant_of_address,
    sent_time,
)
from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms, now
from sendtrail.errors import ConditionFailedError

__all__ = ["ERASURE_PREFIX", "Erased", "Erasures", "RefusalReason"]

Item = dict[str, Any]
RowKey = tuple[str, str]
"""A message's participant and id."""
Told = tuple[str, Timestamp]
"""Of whom something is told, a participant or the placeholder of an address; and when the message
that it is of was sent, or it happened."""

ERASURE_PREFIX: Final = "erasure#"
_LATEST: Final = "#latest"
_ATTEMPTS: Final = 10
"""At announcing something while others do."""
_MAX_KNOWN: Final = 100_000
"""Of how many participants a process remembers that they were not erased."""


class RefusalReason(StrEnum):
    """Why somebody who was erased is not to be mailed at an address; the most severe first."""

    SPAMMED = "spammed"
    BOUNCED = "bounced"
    MANUAL = "manual"
    UNSUBSCRIBED = "unsubscribed"
    """Keeps communications away, and no direct messages."""


@dataclass(frozen=True, slots=True)
class Erased:
    """Where what is of somebody who was erased belongs.

    Attributes:
        at: when they were erased last: what happened to them later is another's.
    """

    pseudonym: str
    at: Timestamp

    def has(self, message_id: str) -> bool:
        """Whether a message is of before the erasure."""
        return sent_time(message_id) <= self.at


class Erasures:
    """Reads and writes the table."""

    def __init__(
        self,
        db: DynamoDB,
        table: str,
        key: Callable[[], str],
        *,
        cache_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Reads nothing yet.

        Args:
            key: the secret by which hashes are keyed; called once, when it is needed.
            cache_seconds: for how long it goes by the time of the latest erasure that it has read.
        """
        self._db = db
        self._table = table
        self._secret = key
        self._keyed: KeyedHash | None = None
        self._cache_seconds = cache_seconds
        self._clock = clock
        self._latest: Timestamp | None = None
        self._read_at: float | None = None
        self._not_erased: set[str] = set()

    @property
    def keyed(self) -> KeyedHash:
        """The hash by the stack's key."""
        if self._keyed is None:
            self._keyed = KeyedHash(self._secret().encode())
        return self._keyed

    @property
    def latest(self) -> Timestamp | None:
        """When somebody was erased last; None if nobody was."""
        at = self._clock()
        read_at = self._read_at
        if read_at is None or not read_at <= at < read_at + self._cache_seconds:
            found = self._db.get_all(self._table, [{"hash": _LATEST}], consistent=False)
            announced_at = str(found[0]["at"]) if found else None
            if announced_at != self._latest:
                self._not_erased.clear()
            self._latest, self._read_at = announced_at, at
        return self._latest

    # --- who was erased --------------------------------------------------------------------------

    def of_people(
        self, participant_ids: Iterable[str], *, fresh: bool = False
    ) -> dict[str, Erased]:
        """Those of some participants who were erased; at most one request for each hundred.

        Args:
            fresh: whether to ask also if nothing was read lately that says so.
        """
        asks = fresh or self.latest is not None
        wanted = {
            each
            for each in participant_ids
            if asks and each and not is_erased(each) and (fresh or each not in self._not_erased)
        }
        if not wanted:
            return {}
        keys = {self._person(each): each for each in sorted(wanted)}
        found = {
            keys[item["hash"]]: Erased(item["pseudonym"], item["erased_at"])
            for item in self._db.get_all(self._table, [{"hash": key} for key in keys])
        }
        if len(self._not_erased) > _MAX_KNOWN:
            self._not_erased.clear()
        self._not_erased |= wanted - found.keys()
        return found

    def of_messages(self, keys: Iterable[RowKey]) -> dict[RowKey, str]:
        """The pseudonyms under which messages belong that are of somebody who was erased."""
        latest_at = self.latest
        old = [key for key in keys if latest_at and sent_time(key[1]) <= latest_at]
        people = self.of_people(key[0] for key in old)
        return {
            key: people[key[0]].pseudonym
            for key in old
            if key[0] in people and people[key[0]].has(key[1])
        }

    def forgotten(self, events: Iterable[Event]) -> set[tuple[str, str]]:
        """Which events of participants' and addresses' own trails are of before an erasure, by
        trail and key.
        """
        latest_at = self.latest
        old = [event for event in events if latest_at and event.at <= latest_at]
        people = self.of_people(event.participant_id for event in old)
        addresses = self._addresses(_place(event.address) for event in old if event.address)
        return {
            (event.message_id, event.key)
            for event in old
            if (event.participant_id in people and event.at <= people[event.participant_id].at)
            or (
                not event.participant_id
                and event.at <= addresses.get(_place(event.address or ""), {}).get("erased_at", "")
            )
        }

    def without_erased(self, events: Iterable[Event]) -> list[Event]:
        """Events without those of before their person's erasure, of messages and of trails of their
        own.
        """
        known = list(events)
        messages = self.of_messages(
            {(each.participant_id, each.message_id) for each in known if each.is_of_message}
        )
        records = self.forgotten(each for each in known if not each.is_of_message)
        return [
            each
            for each in known
            if (each.participant_id, each.message_id) not in messages
            and (each.message_id, each.key) not in records
        ]

    def of_told(self, told: Iterable[Told]) -> set[Told]:
        """What of that which is told of people is of before their erasure."""
        latest_at = self.latest
        old = {(who, at) for who, at in told if latest_at and at <= latest_at}
        people = self.of_people(who for who, _ in old)
        places = self._addresses(who for who, _ in old if who.startswith(ADDRESS_PARTICIPANT))
        return {
            (who, at)
            for who, at in old
            if (who in people and at <= people[who].at)
            or at <= places.get(who, {}).get("erased_at", "")
        }

    def addresses_erased(self, addresses: Iterable[str]) -> dict[str, Timestamp]:
        """Those of some addresses that were erased: normalised → when."""
        if not self.latest:
            return {}
        normal = {_place(each): normal_address(each) for each in addresses}
        return {normal[place]: row["erased_at"] for place, row in self._addresses(normal).items()}

    # --- who refused mail ------------------------------------------------------------------------

    def refusals(self, addresses: Iterable[str]) -> dict[str, dict[RefusalReason, Timestamp]]:
        """Normalised address → why nobody is to be mailed there, and since when; nothing is read
        while nobody was erased.
        """
        if not self.latest:
            return {}
        normal = {_place(each): normal_address(each) for each in addresses}
        return {
            normal[place]: {RefusalReason(reason): at for reason, at in row["refusals"].items()}
            for place, row in self._addresses(normal).items()
            if row.get("refusals")
        }

    def lift(self, placeholder: str, reasons: Iterable[RefusalReason] | None = None) -> bool:
        """Lifts refusals of an address; all of them, if none is named. Returns whether any held.

        Args:
            placeholder: the address's placeholder participant.

        Raises:
            AwsError: they may hold still; it may be repeated.
        """
        if not self.latest:
            return False
        row = self._addresses([placeholder]).get(placeholder, {})
        held = {RefusalReason(reason) for reason in row.get("refusals") or ()}
        gone = held & set(reasons) if reasons is not None else held
        if gone:
            left = {name: at for name, at in row["refusals"].items() if name not in gone}
            self._db.put_all(self._table, [{**row, "refusals": left}])
        return bool(gone)

    # --- writing ---------------------------------------------------------------------------------

    def remember(self, pseudonyms: Mapping[str, str], at: Timestamp) -> None:
        """Remembers that people were erased, by their pseudonyms."""
        for each, pseudonym in sorted(pseudonyms.items()):
            row = {"hash": self._person(each), "pseudonym": pseudonym, "erased_at": at}
            self._db.put_all(self._table, [row])
        self._announce()

    def refuse(
        self, refusals: Mapping[str, Mapping[RefusalReason, Timestamp]], at: Timestamp
    ) -> None:
        """Remembers that addresses were erased, and why nobody is to be mailed there; of what stood
        there before nothing is lost.

        Args:
            refusals: by the placeholder participants of the addresses.
            at: when they were erased.
        """
        known = self._addresses(refusals)
        for placeholder, reasons in sorted(refusals.items()):
            row = known.get(placeholder, {})
            held = {**(row.get("refusals") or {})}
            held |= {reason.value: since for reason, since in reasons.items()}
            made = {
                "hash": self._address(placeholder),
                "erased_at": max(at, row.get("erased_at", "")),
                "refusals": held,
            }
            self._db.put_all(self._table, [made])

    def refuse_late(self, placeholder: str, reason: RefusalReason, at: Timestamp) -> None:
        """Remembers a refusal at an address that was erased; of one that was not, others know."""
        row = self._addresses([placeholder]).get(placeholder)
        if row is None:
            return
        if at > (row.get("refusals") or {}).get(reason.value, ""):
            self.refuse({placeholder: {reason: at}}, row["erased_at"])

    def _announce(self) -> None:
        """Has everybody ask who was erased; within `cache_seconds`. Each time is later than the one
        before, whatever the clock here says and whenever the erasure was: who has asked since that
        was announced was told less.

        Raises:
            AwsError: whoever has asked may not ask again; it may be repeated.
        """
        for left in reversed(range(_ATTEMPTS)):
            found = self._db.get_all(self._table, [{"hash": _LATEST}])
            before = str(found[0]["at"]) if found else from_epoch_ms(0)
            at = max(now(), from_epoch_ms(epoch_ms(before) + 1))
            try:
                self._db.put(
                    self._table,
                    {"hash": _LATEST, "at": at},
                    condition="attribute_not_exists(#at) OR #at = :before",
                    names={"#at": "at"},
                    values={":before": before},
                )
            except ConditionFailedError:  # another's, which may be of before these rows
                if not left:
                    raise
            else:
                break
        self._latest, self._read_at = at, self._clock()
        self._not_erased.clear()

    def put_back(self, rows: Iterable[Mapping[str, Any]]) -> int:
        """Takes over the rows of another stack's table, whose key is this one's; a later one stays.

        Returns:
            how many were missing.
        """
        count = 0
        known = [row for row in rows if row["hash"] != _LATEST]
        for row in known:
            try:
                self._db.put(
                    self._table,
                    dict(row),
                    condition="attribute_not_exists(#at) OR #at < :at",
                    names={"#at": "erased_at" if "erased_at" in row else "asked_at"},
                    values={":at": row.get("erased_at") or row["asked_at"]},
                )
                count += 1
            except ConditionFailedError:
                continue
        if known:
            self._announce()
        return count

    def _addresses(self, placeholders: Iterable[str]) -> dict[str, Item]:
        """The rows of addresses, by their placeholder participants."""
        keys = {self._address(each): each for each in sorted(set(placeholders))}
        found = self._db.get_all(self._table, [{"hash": key} for key in keys]) if keys else []
        return {keys[item["hash"]]: item for item in found}

    def _person(self, participant_id: str) -> str:
        return f"person#{self.keyed.of('person', participant_id, length=64)}"

    def _address(self, placeholder: str) -> str:
        return f"address#{self.keyed.of('address', placeholder, length=64)}"


def _place(address: str) -> str:
    """By what an address is named: its placeholder participant."""
    return participant_of_address(address)
