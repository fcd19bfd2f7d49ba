"""A DynamoDB in memory that reckons units by AWS's rules: by itself it measures nothing.

It takes what its JSON protocol asks for, of tables as a template describes them, with secondary
indexes and streams. DynamoDB Local takes hours for what this does in minutes; a test holds the
answers, units and streams of the one against the other's. It is not told what the product stores.
"""

from __future__ import annotations

import math
import re
from base64 import b64decode
from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from zlib import crc32

from benchmarks.expressions import Item, Value, condition, sortable, update

Json = dict[str, Any]
Key = tuple[Any, ...]

SHARDS: Final = 4
"""Of a stream: a new on-demand table has four partitions, and a shard for each
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html says
4,000 write units; a partition has 1,000)."""
_PAGE: Final = 1 << 20
_SIGNIFICANT: Final = re.compile(r"^(?:00)*((?:..)*?)(?:00)*$")
"""The digits of a number, two to a byte."""


class RefusedError(Exception):
    """A request that DynamoDB answers with an error.

    Attributes:
        answer: its body.
    """

    def __init__(self, code: str, message: str = "", **more: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.answer = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}
        self.answer |= more


def size_of(item: Item) -> int:
    """An item's bytes (developer guide, "DynamoDB item sizes and formats")."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Value) -> Any:
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        whole, _, part = content.lstrip("-").partition(".")
        pairs = "0" * (len(whole) % 2) + whole + part + "0" * (len(part) % 2)
        return len(str(_SIGNIFICANT.sub(r"\1", pairs))) // 2 + 1 + content.startswith("-")
    if kind == "B":
        return len(b64decode(content))
    if kind in ("SS", "NS", "BS"):
        return sum(_size({kind[0]: each}) for each in content)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _size(each) for name, each in content.items())
    if kind == "L":
        return 3 + sum(1 + _size(each) for each in content)
    return 1  # BOOL, NULL


def _written(size: int) -> int:
    return max(1, math.ceil(size / 1024))


def _read(size: int, asked: Mapping[str, Any]) -> float:
    return max(1, math.ceil(size / 4096)) * (1 if asked.get("ConsistentRead") else 0.5)


@dataclass
class View:
    """A table's items, or an index's, in order.

    Attributes:
        keys: the names of its own keys: the partition, and the sort key if there is one.
        all_keys: those, and the table's.
        projected: the names that it holds; None for all.
        size: bytes of all its items.
    """

    keys: list[str]
    all_keys: list[str]
    projected: frozenset[str] | None = None
    items: dict[Key, Item] = field(default_factory=dict)
    parts: dict[Any, list[Key]] = field(default_factory=lambda: defaultdict(list))
    size: int = 0

    def key(self, item: Item) -> Key:
        """Its place: partition, sort key, and the table's keys."""
        return tuple(sortable(item[name]) for name in self.all_keys)

    def projection(self, item: Item | None) -> Item | None:
        """What it holds of an item; None for one that lacks a key."""
        if item is None or any(name not in item for name in self.keys):
            return None
        if self.projected is None:
            return item
        return {name: value for name, value in item.items() if name in self.projected}

    def change(self, old: Item | None, new: Item | None) -> int:
        """Puts an item in place of another; the write units of that."""
        old, new = self.projection(old), self.projection(new)
        if old == new:
            return 0
        sizes = [0 if each is None else size_of(each) for each in (old, new)]
        self.size += sizes[1] - sizes[0]
        places = [None if each is None else self.key(each) for each in (old, new)]
        if places[0] is not None and places[0] != places[1]:
            del self.items[places[0]]
            part = self.parts[places[0][0]]
            del part[bisect_left(part, places[0])]
        if new is not None and places[1] is not None:
            if places[1] not in self.items:
                insort(self.parts[places[1][0]], places[1])
            self.items[places[1]] = new
        if None not in places and places[0] != places[1]:
            return sum(map(_written, sizes))
        return _written(max(sizes))


class Table:
    """One table.

    Attributes:
        views: its items by the name of an index; empty for the table itself.
        until: the name of the attribute that says when an item expires, if there is one.
        backed_up: whether it has point-in-time recovery.
        born: when each item was first written.
    """

    def __init__(self, properties: Mapping[str, Any], arn: str) -> None:
        """Makes it as a template says."""
        self.arn = arn
        self.born: dict[Key, float] = {}
        self._image = properties.get("StreamSpecification", {}).get("StreamViewType")
        own = [each["AttributeName"] for each in properties["KeySchema"]]
        self.views = {"": View(own, own)}
        for index in properties.get("GlobalSecondaryIndexes", ()):
            keys = [each["AttributeName"] for each in index["KeySchema"]]
            every = [*keys, *(key for key in own if key not in keys)]
            kind = index["Projection"]["ProjectionType"]
            more = index["Projection"].get("NonKeyAttributes", ())
            held = None if kind == "ALL" else frozenset({*every, *more})
            self.views[index["IndexName"]] = View(keys, every, held)
        expiry = properties.get("TimeToLiveSpecification", {})
        self.until = expiry.get("AttributeName") if expiry.get("Enabled") else None
        recovery = properties.get("PointInTimeRecoverySpecification", {})
        self.backed_up = bool(recovery.get("PointInTimeRecoveryEnabled"))

    def get(self, key: Item) -> Item | None:
        """The item at a key."""
        view = self.views[""]
        return view.items.get(view.key(key))

    def record(
        self, number: int, now: float, old: Item | None, new: Item | None
    ) -> tuple[int, Json] | None:
        """The shard and the record that its stream gets of a change; None for none."""
        if self._image is None or old == new:
            return None
        keys = {name: (new or old or {})[name] for name in self.views[""].keys}
        change: Json = {"Keys": keys, "SequenceNumber": str(10**23 + number)}
        change |= {"StreamViewType": self._image, "ApproximateCreationDateTime": now}
        if old is not None and "OLD" in self._image:
            change["OldImage"] = old
        if new is not None and "NEW" in self._image:
            change["NewImage"] = new
        partition = str(sortable(keys[self.views[""].keys[0]]))
        return crc32(partition.encode()) % SHARDS, {
            "eventID": f"{number:032x}",
            "eventName": "INSERT" if old is None else "MODIFY" if new is not None else "REMOVE",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": self.arn.split(":")[3],
            "dynamodb": change,
            "eventSourceARN": f"{self.arn}/stream/s",
        }


class Database:
    """All tables.

    Attributes:
        tables: by name.
        units: table, index (empty for the table itself), ``read`` or ``write`` → units.
        changes: what the streams were given: table, shard, record.
        now: the time.
    """

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self.units: Counter[tuple[str, str, str]] = Counter()
        self.changes: list[tuple[str, int, Json]] = []
        self.now = 0.0
        self._number = 0

    def handle(self, operation: str, asked: Json) -> Json:
        """The answer to a request.

        Raises:
            RefusedError: it is refused.
        """
        operations: dict[str, Callable[[Json], Json]] = {
            "PutItem": self._put,
            "UpdateItem": self._update,
            "DeleteItem": self._delete,
            "GetItem": self._get,
            "BatchGetItem": self._batch_get,
            "BatchWriteItem": self._batch_write,
            "TransactWriteItems": self._transact,
            "Query": self._query,
            "Scan": self._query,
        }
        if operation not in operations:
            raise RefusedError("UnknownOperationException", operation)
        return operations[operation](asked)

    # --- writes ---

    def _put(self, asked: Json, share: int = 1) -> Json:
        return self._write(asked, asked["Item"], lambda _: asked["Item"], share)

    def _delete(self, asked: Json, share: int = 1) -> Json:
        return self._write(asked, asked["Key"], lambda _: None, share)

    def _update(self, asked: Json, share: int = 1) -> Json:
        change = update(asked["UpdateExpression"])
        return self._write(
            asked, asked["Key"], lambda old: change(old or asked["Key"], *_terms(asked)), share
        )

    def _write(
        self, asked: Json, key: Item, changed: Callable[[Item | None], Item | None], share: int
    ) -> Json:
        table = self.tables[asked["TableName"]]
        old = table.get(key)
        self._check(asked, old)
        try:
            new = changed(old)
        except (KeyError, TypeError) as error:
            raise RefusedError("ValidationException", f"an expression: {error!r}") from error
        sizes = [0 if each is None else size_of(each) for each in (old, new)]
        self.units[asked["TableName"], "", "write"] += _written(max(sizes)) * share
        for index, view in table.views.items():
            units = view.change(old, new)
            if index and units:
                self.units[asked["TableName"], index, "write"] += units
        if old is None and new is not None:
            table.born[table.views[""].key(new)] = self.now
        self._number += 1
        record = table.record(self._number, self.now, old, new)
        if record:
            self.changes.append((asked["TableName"], *record))
        return _returned(asked, old, new)

    def _check(self, asked: Json, old: Item | None) -> None:
        text = asked.get("ConditionExpression")
        if text and not condition(text)(old or {}, *_terms(asked)):
            self.units[asked["TableName"], "", "write"] += _written(size_of(old or {}))
            wanted = asked.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
            shown = {"Item": old} if wanted and old else {}
            message = "The conditional request failed"
            raise RefusedError("ConditionalCheckFailedException", message, **shown)

    def _batch_write(self, asked: Json) -> Json:
        for name, requests in asked["RequestItems"].items():
            places = [
                self.tables[name].views[""].key(one.get("Item") or one["Key"])
                for request in requests
                for one in request.values()
            ]
            if len(set(places)) < len(places):
                message = "Provided list of item keys contains duplicates"
                raise RefusedError("ValidationException", message)
            for request in requests:
                ((kind, one),) = request.items()
                (self._put if kind == "PutRequest" else self._delete)(one | {"TableName": name})
        return {"UnprocessedItems": {}}

    def _transact(self, asked: Json) -> Json:
        """All or nothing: conditions are looked at first."""
        operations = {"Put": self._put, "Update": self._update, "Delete": self._delete}
        steps = [next(iter(each.items())) for each in asked["TransactItems"]]
        reasons = [{"Code": "None"} for _ in steps]
        for (_, one), reason in zip(steps, reasons, strict=True):
            try:
                self._check(one, self.tables[one["TableName"]].get(one.get("Item") or one["Key"]))
            except RefusedError:
                reason["Code"] = "ConditionalCheckFailed"
        if {"Code": "ConditionalCheckFailed"} in reasons:
            message = "Transaction cancelled"
            raise RefusedError("TransactionCanceledException", message, CancellationReasons=reasons)
        for kind, one in steps:
            if kind != "ConditionCheck":
                operations[kind](one, 2)
        return {}

    # --- reads ---

    def _get(self, asked: Json) -> Json:
        item = self.tables[asked["TableName"]].get(asked["Key"])
        self.units[asked["TableName"], "", "read"] += _read(size_of(item or {}), asked)  # type: ignore[assignment]
        return {} if item is None else {"Item": _projected(item, asked)}

    def _batch_get(self, asked: Json) -> Json:
        found: dict[str, list[Item]] = {}
        for name, wanted in asked["RequestItems"].items():
            answers = (
                self._get(wanted | {"TableName": name, "Key": key}) for key in wanted["Keys"]
            )
            found[name] = [answer["Item"] for answer in answers if answer]
        return {"Responses": found, "UnprocessedKeys": {}}

    def _query(self, asked: Json) -> Json:
        """A query, or a scan of everything."""
        index = asked.get("IndexName", "")
        view = self.tables[asked["TableName"]].views[index]
        wanted = asked.get("FilterExpression")
        found: list[Item] = []
        looked_at = taken = 0
        last: Item | None = None
        for item in self._in_order(view, asked):
            looked_at, taken = looked_at + 1, taken + size_of(item)
            if wanted is None or condition(wanted)(item, *_terms(asked)):
                found.append(_projected(item, asked))
            if looked_at == asked.get("Limit") or taken >= _PAGE:
                last = {name: item[name] for name in view.all_keys}
                break
        self.units[asked["TableName"], index, "read"] += _read(taken, asked)  # type: ignore[assignment]
        answer: Json = {"Count": len(found), "ScannedCount": looked_at}
        answer |= {} if asked.get("Select") == "COUNT" else {"Items": found}
        return answer | ({"LastEvaluatedKey": last} if last else {})

    @staticmethod
    def _in_order(view: View, asked: Json) -> Iterator[Item]:
        text, start = asked.get("KeyConditionExpression"), asked.get("ExclusiveStartKey")
        backwards = not asked.get("ScanIndexForward", True)
        partition = text and _partition(text, view.keys[0], *_terms(asked))
        places = list(view.parts.get(partition, ())) if text else sorted(view.items)
        if start:
            place = view.key(start)
            places = [each for each in places if (each < place if backwards else each > place)]
        for each in reversed(places) if backwards else places:
            item = view.items[each]
            if not text or condition(text)(item, *_terms(asked)):
                yield item


def _terms(asked: Json) -> tuple[Mapping[str, str], Mapping[str, Value]]:
    """The names and values of a request's expressions."""
    names = asked.get("ExpressionAttributeNames", {})
    return names, asked.get("ExpressionAttributeValues", {})


def _partition(text: str, key: str, names: Mapping[str, str], values: Mapping[str, Value]) -> Any:
    """The partition that a key condition names."""
    for part in text.replace("(", " ").replace(")", " ").split(" AND "):
        name, equals, value = part.partition("=")
        if equals and names.get(name.strip(), name.strip()) == key:
            return sortable(values[value.strip()])
    raise RefusedError("ValidationException", f"no partition in {text}")


def _projected(item: Item, asked: Json) -> Item:
    wanted = _named(asked.get("ProjectionExpression"), asked)
    return {name: item[name] for name in wanted if name in item} if wanted else item


def _returned(asked: Json, old: Item | None, new: Item | None) -> Json:
    what = asked.get("ReturnValues", "NONE")
    shown = {} if what == "NONE" else (new if what.endswith("NEW") else old) or {}
    if what.startswith("UPDATED"):
        updated = _named(asked["UpdateExpression"], asked)
        shown = {name: shown[name] for name in updated if name in shown}
    return {"Attributes": shown} if shown else {}


def _named(text: str | None, asked: Json) -> set[str]:
    """The attributes that an expression names."""
    names, _ = _terms(asked)
    return {names.get(name, name) for name in re.findall(r"(?<!:)#?\b\w+", text or "")}
