"""Moving: a message's trail, from under the id of somebody who was erased to its pseudonym.

A row is moved by one transaction: it is deleted under the condition that it still is as it was
read, and what is left of it is written under the pseudonym, in union with what is there. Whoever
counts takes one off and puts the other on, so that no figure changes, in whatever order that is
told. A row that is about to be moved says so (``moving``): one that merely expires counts for good.

Each hit and choice goes into the slot under the pseudonym in which it would have been, and the
judge judges them there as it did before (`sendtrail.domain.erasure`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.erasure import KeyedHash, anonymised
from sendtrail.domain.events import Event
from sendtrail.domain.providers import provider_of
from sendtrail.errors import ConditionFailedError, ThrottledError
from sendtrail.log.elements import VERSION, encode
from sendtrail.log.items import (
    EVENT_PREFIX,
    TrailRow,
    entry_of,
    event_from_item,
    message_partition,
)
from sendtrail.log.trails import Trails

__all__ = ["MOVED", "MOVING", "TrailMover"]

Item = dict[str, Any]

MOVING: Final = "moving"
"""The attribute of a row that is about to be moved away."""
MOVED: Final = "moved"
"""… of one that was moved here."""
_TRIES: Final = 20
_CARRIED: Final = ("listed_in", "expires_at", "hits", "choice", "epoch")
_VERBATIM: Final = frozenset({"communication", "kind", "sent"})
"""Elements that a message's events share, and that tell nobody who it was."""


class TrailMover:
    """Moves trails; each step is idempotent."""

    def __init__(
        self, db: DynamoDB, table: str, trails: Trails, keyed: Callable[[], KeyedHash]
    ) -> None:
        """Moves what `trails`, in `table`, has."""
        self._db = db
        self._table = table
        self._trails = trails
        self._key = keyed

    @property
    def _keyed(self) -> KeyedHash:
        return self._key()

    def move(self, participant_id: str, message_id: str, pseudonym: str) -> bool:
        """Moves a message's row, hits and choices.

        Returns:
            whether there was anything.

        Raises:
            ThrottledError: the row kept changing.
            AwsError: some of it may have been moved; it may be repeated.
        """
        row = self.move_row(participant_id, message_id, pseudonym)
        return self.move_slots(participant_id, message_id, pseudonym) or row

    def move_row(self, participant_id: str, message_id: str, pseudonym: str) -> bool:
        """Moves a message's row; returns whether there was one."""
        key = {"trail": participant_id, "entry": message_id}
        for attempt in range(1, _TRIES + 1):
            item = self._db.get(self._table, key)
            if item is None:
                return attempt > 1
            try:
                if not item.get(MOVING):
                    self._db.update(
                        self._table,
                        key,
                        update="SET #moving = :moving",
                        names={"#moving": MOVING, "#trail": "trail"},
                        values={":moving": True},
                        condition="attribute_exists(#trail)",
                    )
                    item = self._db.get(self._table, key)
                if item is None:
                    return True
                self._move_row(item, pseudonym)
            except ConditionFailedError:
                self._db.pause(attempt)
                continue
            return True
        raise ThrottledError("Contention", f"message {message_id} keeps changing")

    def _move_row(self, item: Item, pseudonym: str) -> None:
        """Moves a row as it was read.

        Raises:
            ConditionFailedError: it has changed, or what is under the pseudonym has.
        """
        place = {"trail": pseudonym, "entry": item["entry"]}
        there = self._db.get(self._table, place)
        elements = self.elements(item, pseudonym)
        known = there.get("events", frozenset()) if there else frozenset()
        if any(_identity(each) == "provider" for each in known):
            elements = {each for each in elements if _identity(each) != "provider"}
        self._db.transact([self._deletion(item), self._writing(place, item, there, elements)])

    def elements(self, item: Item, pseudonym: str) -> set[str]:
        """What is left of the elements of a row."""
        row = TrailRow.of_item(item)
        agreed, events = row.decoded()
        kept = {each for each in row.elements if _identity(each) in _VERBATIM}
        for event in events:
            left = replace(anonymised(event, pseudonym, self._keyed), provider=None)
            kept.add(encode(left)[0])
        # Where events disagree on the address, the provider is of that on which the row agrees.
        if address := agreed.get("address"):
            kept.add(f"provider|{VERSION}|{provider_of(address)}")
        elif provider := agreed.get("provider"):
            kept.add(f"provider|{VERSION}|{provider}")
        return kept

    def _deletion(self, item: Item) -> Item:
        """Deletes a row that is as it was read: its set of elements only ever grows."""
        names = {"#moving": MOVING, "#revision": "revision", "#events": "events"}
        values: Item = {":moving": True}
        parts = ["#moving = :moving"]
        for name, test in (("revision", "#revision = :revision"), ("events", "size(#events) = :n")):
            if name not in item:
                parts.append(f"attribute_not_exists(#{name})")
                continue
            parts.append(test)
            values[":revision" if name == "revision" else ":n"] = (
                item["revision"] if name == "revision" else len(item["events"])
            )
        return {
            "Delete": {
                "TableName": self._table,
                "Key": {"trail": item["trail"], "entry": item["entry"]},
                "ConditionExpression": " AND ".join(parts),
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": values,
            }
        }

    def _writing(self, place: Item, item: Item, there: Item | None, elements: set[str]) -> Item:
        """Writes what is left: as a new row; or into the one that is there, in union, of which the
        judge tells what hits there are.
        """
        if there is None:
            row: Item = {**place, **{name: item[name] for name in _CARRIED if name in item}}
            if elements:
                row["events"] = elements
            row |= {MOVED: True, "revision": int(item.get("revision", 0)) + 1}
            return {
                "Put": {
                    "TableName": self._table,
                    "Item": row,
                    "ConditionExpression": "attribute_not_exists(#trail)",
                    "ExpressionAttributeNames": {"#trail": "trail"},
                }
            }
        names = {"#moved": MOVED, "#revision": "revision"}
        values: Item = {":moved": True, ":next": int(there.get("revision", 0)) + 1}
        update = "SET #moved = :moved, #revision = :next"
        if elements:
            update = f"ADD #events :events {update}"
            names["#events"], values[":events"] = "events", elements
        condition = "attribute_not_exists(#revision)"
        if "revision" in there:
            condition, values[":read"] = "#revision = :read", there["revision"]
        return {
            "Update": {
                "TableName": self._table,
                "Key": place,
                "UpdateExpression": update,
                "ConditionExpression": condition,
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": values,
            }
        }

    def move_slots(self, participant_id: str, message_id: str, pseudonym: str) -> bool:
        """Moves a message's hits and choices, and deletes the events that were too long for its
        row; returns whether there was any.
        """
        found = False
        for item in self._beside(message_id):
            event = event_from_item(item)
            if event.participant_id != participant_id:
                continue
            found = True
            if not item["entry"].startswith(EVENT_PREFIX):
                self._trails.append([anonymised(event, pseudonym, self._keyed)])
            self.delete(item)
        return found

    def _beside(self, message_id: str) -> Iterator[Item]:
        start: Item | None = None
        while True:
            items, start = self._db.query(
                self._table, ("trail", message_partition(message_id)), start=start
            )
            yield from items
            if start is None:
                return

    def forget(self, event: Event) -> bool:
        """Deletes an event of a participant's or an address's own trail; returns whether it was
        there.
        """
        item = self._db.get(self._table, {"trail": event.message_id, "entry": entry_of(event)})
        return self.delete(item) if item else False

    def delete(self, item: Item) -> bool:
        """Deletes an item that holds one event, if it still holds that one."""
        try:
            self._db.delete(
                self._table,
                {"trail": item["trail"], "entry": item["entry"]},
                condition="#event = :event",
                names={"#event": "event"},
                values={":event": item["event"]},
            )
        except ConditionFailedError:
            return False
        return True


def _identity(element: str) -> str:
    return element.partition("|")[0]
