"""DynamoDB in memory, with streams: as much of it as the log and the folds use.

It runs the contract suite beside moto and DynamoDB Local, so that it cannot drift from them. It is
there for the property tests, which need thousands of runs, several shards, and failures on demand.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from operator import eq, gt, lt
from typing import Any
from zlib import crc32

from sendtrail.aws.dynamodb import from_attributes, to_attributes
from sendtrail.errors import AwsError, ConditionFailedError, UnreachableError

__all__ = ["KEYS", "MemoryDynamoDB"]

Item = dict[str, Any]

KEYS: dict[str, tuple[str, ...]] = {
    "Trails": ("trail", "entry"),
    "Communications": ("communication_id", "part"),
    "Participants": ("participant_id", "part"),
    "Suppressions": ("address",),
    "Erasures": ("hash",),
    "Staff": ("part", "sort"),
}


class MemoryDynamoDB:
    """Tables of plain items, each with a stream of `shards` shards.

    Attributes:
        records: table → shard → its records, as Lambda hands them over.
        fail_at: the number of the write that fails, counted from 0 and from now on.
        fails_after_writing: whether it is done all the same, as with a time-out.
        stale: if given, decides for each eventually consistent read of an item whether it returns
            the item as it was before it was last written.
        page: how many items a query returns at most.
        writes: table → how many items were written, or tried to be.
        reads: table → how many items were asked for by their keys.
    """

    def __init__(self, shards: int = 3) -> None:
        self._tables: dict[str, dict[tuple[Any, ...], Item]] = defaultdict(dict)
        self._shards = shards
        self._split = 0
        self._sequence = 10**21
        self.records: dict[str, dict[str, list[Item]]] = defaultdict(lambda: defaultdict(list))
        self.fail_at: int | None = None
        self.fails_after_writing = False
        self.clock = 1_795_170_600
        self.stale: Callable[[], bool] | None = None
        self.page = 3
        self.writes: Counter[str] = Counter()
        self.reads: Counter[str] = Counter()
        self._before: dict[tuple[str, tuple[Any, ...]], Item | None] = {}

    def at_once(self, do: Callable[[Any], Any], arguments: Sequence[Any]) -> list[Any]:
        """One after another."""
        return [do(argument) for argument in arguments]

    def pause(self, attempt: int) -> None:
        """Does not wait."""

    def put_all(self, table: str, items: Sequence[Item]) -> None:
        """As BatchWriteItem."""
        keys = [self._key(table, item) for item in items]
        for start in range(0, len(keys), 25):
            batch = keys[start : start + 25]
            if len(set(batch)) < len(batch):
                raise AwsError("ValidationException", "a key twice", 400)
        for item in items:
            self._write(table, item)

    def get_all(self, table: str, keys: Sequence[Item], *, consistent: bool = True) -> list[Item]:
        """As BatchGetItem."""
        self.reads[table] += len(keys)
        found = (self._seen(table, key, consistent) for key in keys)
        return [item for item in found if item is not None]

    def get_from(
        self, wanted: Mapping[str, Sequence[Item]], *, consistent: bool = True
    ) -> dict[str, list[Item]]:
        """As BatchGetItem, of several tables."""
        return {
            table: self.get_all(table, keys, consistent=consistent)
            for table, keys in wanted.items()
        }

    def _seen(self, table: str, key: Item, consistent: bool) -> Item | None:
        place = (table, self._key(table, key))
        if not consistent and self.stale and place in self._before and self.stale():
            return _copy_or_none(self._before[place])
        return self.get(table, key)

    def query(
        self,
        table: str,
        partition: tuple[str, Any],
        *,
        begins: tuple[str, str] | None = None,
        between: tuple[str, str, str] | None = None,
        start: Item | None = None,
        limit: int | None = None,
        newest_first: bool = False,
        **_: Any,
    ) -> tuple[list[Item], Item | None]:
        """As Query of a table, or of an index, at most `page` items to a page."""
        name, value = partition
        known = self._tables[table]
        row = sorted(key for key, item in known.items() if item.get(name) == value)
        if begins:
            row = [key for key in row if known[key][begins[0]].startswith(begins[1])]
        if between:
            sort, low, high = between
            row = sorted(
                (key for key in row if low <= known[key][sort] <= high),
                key=lambda key: str(known[key][sort]),
            )
        if newest_first:
            row.reverse()
        place = 0 if start is None else _after(row, self._key(table, start), newest_first)
        size = min(self.page, limit or self.page)
        page = [_copy(known[key]) for key in row[place : place + size]]
        more = place + size < len(row)
        return page, {key: page[-1][key] for key in KEYS[table]} if more else None

    def get(self, table: str, key: Item) -> Item | None:
        """As GetItem."""
        item = self._tables[table].get(self._key(table, key))
        return _copy(item) if item is not None else None

    def put(
        self,
        table: str,
        item: Item,
        *,
        condition: str,
        names: Mapping[str, str],
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """As PutItem."""
        if not _holds(condition, names, values or {}, self.get(table, item)):
            raise ConditionFailedError("ConditionalCheckFailedException", "", 400)
        self._write(table, item)

    def delete(
        self,
        table: str,
        key: Item,
        *,
        condition: str,
        names: Mapping[str, str],
        values: Mapping[str, Any],
    ) -> None:
        """As DeleteItem."""
        if not _holds(condition, names, values, self.get(table, key)):
            raise ConditionFailedError("ConditionalCheckFailedException", "", 400)
        self._remove(table, key)

    def transact(self, actions: Sequence[Mapping[str, Item]]) -> None:
        """As TransactWriteItems, of deletions, puts and updates."""
        parts = [(kind, each) for action in actions for kind, each in action.items()]
        for _, each in parts:
            names = each.get("ExpressionAttributeNames", {})
            values = each.get("ExpressionAttributeValues", {})
            found = self.get(each["TableName"], each.get("Key") or each["Item"])
            if not _holds(each["ConditionExpression"], names, values, found):
                raise ConditionFailedError("TransactionCanceledException", "", 400)
        fails = self.fail_at == 0  # all of it, or nothing
        self.fail_at = None if fails or self.fail_at is None else self.fail_at - 1
        if fails and not self.fails_after_writing:
            raise UnreachableError("NoAnswer", "on demand")
        held, self.fail_at = self.fail_at, None
        for kind, each in parts:
            if kind == "Delete":
                self._remove(each["TableName"], each["Key"])
            elif kind == "Put":
                self._write(each["TableName"], each["Item"])
            else:
                self.update(
                    each["TableName"],
                    each["Key"],
                    update=each["UpdateExpression"],
                    names=each["ExpressionAttributeNames"],
                    values=each["ExpressionAttributeValues"],
                )
        self.fail_at = held
        if fails:
            raise UnreachableError("NoAnswer", "on demand")

    def update(
        self,
        table: str,
        key: Item,
        *,
        update: str,
        names: Mapping[str, str],
        values: Mapping[str, Any],
        condition: str | None = None,
    ) -> None:
        """As UpdateItem, with clauses ADD of sets, SET of values, and REMOVE."""
        old = self.get(table, key)
        if condition and not _holds(condition, names, values, old):
            raise ConditionFailedError("ConditionalCheckFailedException", "", 400)
        item = dict(old or key)
        for clause, actions in re.findall(r"(ADD|SET|REMOVE) (.*?)(?= SET | REMOVE |$)", update):
            for action in re.split(r", (?![^(]*\))", actions):
                if clause == "REMOVE":
                    item.pop(names[action], None)
                    continue
                if clause == "ADD":
                    name, value = action.split(" ")
                    added = frozenset(values[value])
                    item[names[name]] = frozenset(item.get(names[name], ())) | added
                    continue
                name, value = (part.strip() for part in action.split("=", 1))
                kept = re.fullmatch(r"if_not_exists\((#\w+), (:\w+)\)", value)
                if kept and names[kept[1]] in item:
                    continue
                item[names[name]] = values[kept[2] if kept else value]
        self._write(table, item)

    def split(self) -> None:
        """Has all shards end and others begin, as when partitions are split."""
        self._split += 1

    def catch_up(self) -> None:
        """Has all reads find what was written until now, as some minutes later."""
        self._before.clear()

    def forget(self, table: str, containing: str = "") -> None:
        """Deletes the items of a table in whose key that text is, without word of it in its stream,
        of which no reader wants any.
        """
        known = self._tables[table]
        for key in [key for key in known if containing in "/".join(map(str, key))]:
            del known[key]

    def items(self, table: str) -> list[Item]:
        """Everything in a table."""
        return [_copy(item) for _, item in sorted(self._tables[table].items())]

    def _write(self, table: str, item: Item) -> None:
        self.writes[table] += 1
        if self.fail_at is not None:
            self.fail_at -= 1
            if self.fail_at < 0:
                self.fail_at = None
                if self.fails_after_writing:
                    self._store(table, item)
                raise UnreachableError("NoAnswer", "on demand")
        self._store(table, item)

    def _remove(self, table: str, key: Item) -> None:
        place = self._key(table, key)
        old = self._tables[table].pop(place, None)
        if old is not None:
            self._before[table, place] = old
            self._tell(table, place, old, None)

    def _store(self, table: str, item: Item) -> None:
        key = self._key(table, item)
        old, new = self._tables[table].get(key), _copy(item)
        if old == new:  # DynamoDB puts no record into the stream
            return
        self._tables[table][key] = new
        self._before[table, key] = old
        self._tell(table, key, old, new)

    def _tell(self, table: str, key: tuple[Any, ...], old: Item | None, new: Item | None) -> None:
        """Puts a record into the stream."""
        self._sequence += 1
        self.clock += 1
        change: Item = {
            "Keys": to_attributes(dict(zip(KEYS[table], key, strict=True))),
            "SequenceNumber": str(self._sequence),
            "ApproximateCreationDateTime": self.clock,
        }
        change |= {"NewImage": to_attributes(new)} if new is not None else {}
        change |= {"OldImage": to_attributes(old)} if old is not None else {}
        shard = f"shard-{self._split:02}-{crc32(str(key[0]).encode()) % self._shards}"
        name = "REMOVE" if new is None else "INSERT" if old is None else "MODIFY"
        self.records[table][shard].append({"eventName": name, "dynamodb": change})

    def _key(self, table: str, item: Item) -> tuple[Any, ...]:
        return tuple(item[name] for name in KEYS[table])


def _after(row: list[tuple[Any, ...]], start: tuple[Any, ...], newest_first: bool) -> int:
    """Where in a partition the keys after one begin, which need not be there any more."""
    if start in row:
        return 1 + row.index(start)
    return sum(key > start if newest_first else key < start for key in row)


def _holds(
    condition: str, names: Mapping[str, str], values: Mapping[str, Any], item: Item | None
) -> bool:
    """Whether a condition holds: comparisons, also of a set's size, and attribute_not_exists, joined
    by OR.
    """
    found = item or {}
    if " AND " in condition:
        return all(_holds(part, names, values, item) for part in condition.split(" AND "))
    for part in condition.split(" OR "):
        there = re.fullmatch(r"attribute_exists\((#\w+)\)", part)
        if there:
            if names[there[1]] in found:
                return True
            continue
        absent = re.fullmatch(r"attribute_not_exists\((#\w+)\)", part)
        if absent:
            if names[absent[1]] not in found:
                return True
            continue
        name, operator, value = part.split(" ")
        sized = re.fullmatch(r"size\((#\w+)\)", name)
        had = found.get(names[sized[1] if sized else name])
        if sized and had is not None:
            had = len(had)
        compare = {"=": eq, "<": lt, ">": gt}[operator]
        if had is not None and compare(had, values[value]):
            return True
    return False


def _copy_or_none(item: Item | None) -> Item | None:
    return None if item is None else _copy(item)


def _copy(item: Item) -> Item:
    """The item as it comes back from DynamoDB's JSON."""
    return from_attributes(json.loads(json.dumps(to_attributes(item))))
