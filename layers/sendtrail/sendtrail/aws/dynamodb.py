"""A thin DynamoDB client: items as plain values, and the operations that the hot paths need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sendtrail.aws.service import RetryPolicy, Service
from sendtrail.errors import ThrottledError

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["DynamoDB", "from_attributes", "to_attributes"]

A = TypeVar("A")
B = TypeVar("B")
Item = dict[str, Any]

_MAX_WRITES: Final = 25  # BatchWriteItem
_MAX_READS: Final = 100  # BatchGetItem
_ROUNDS: Final = 8
_WORKERS: Final = 8


class DynamoDB:
    """A client of DynamoDB's JSON protocol, with items as dictionaries of plain values.

    Attributes:
        consumed: capacity units by table, summed if `count_capacity` is set.
        calls: the number of calls by operation, counted if `count_capacity` is set.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        retry_policy: RetryPolicy | None = None,
        count_capacity: bool = False,
    ) -> None:
        self._retry_policy = retry_policy or RetryPolicy()
        self._service = Service(
            name="dynamodb",
            target_prefix="DynamoDB_20120810",
            version="1.0",
            environment=environment,
            retry_policy=self._retry_policy,
        )
        self._count_capacity = count_capacity
        self._workers: ThreadPoolExecutor | None = None
        self.consumed: dict[str, float] = {}
        self.calls: dict[str, int] = {}

    def at_once(self, do: Callable[[A], B], arguments: Sequence[A]) -> list[B]:
        """What `do` returns for each argument; calls run concurrently, on at most 8 threads.

        The threads, and their connections, are reused. A single argument needs no thread, so that
        `do` may in turn call this with one.
        """
        if len(arguments) <= 1:
            return [do(argument) for argument in arguments]
        if self._workers is None:
            from concurrent.futures import ThreadPoolExecutor

            self._workers = ThreadPoolExecutor(max_workers=_WORKERS)
        return list(self._workers.map(do, arguments))

    def pause(self, attempt: int) -> None:
        """Backs off, with jitter, after the `attempt`-th attempt (from 1)."""
        self._service.pause(self._retry_policy.wait(attempt))

    def put_all(self, table: str, items: Sequence[Item]) -> None:
        """Writes items, 25 to a BatchWriteItem, a single one by PutItem; retries unprocessed ones.

        Args:
            items: of distinct keys: BatchWriteItem rejects duplicates.

        Raises:
            ThrottledError: items were still unprocessed after 8 rounds; others may have been
                written.
            AwsError: as for any call.
        """
        if len(items) == 1:
            self._call("PutItem", {"TableName": table, "Item": to_attributes(items[0])})
            return
        for start in range(0, len(items), _MAX_WRITES):
            batch = items[start : start + _MAX_WRITES]
            self._write([{"PutRequest": {"Item": to_attributes(item)}} for item in batch], table)

    def get_all(self, table: str, keys: Sequence[Item], *, consistent: bool = True) -> list[Item]:
        """Reads items by key, 100 to a request; absent ones are left out.

        Raises:
            ThrottledError: keys were still unprocessed after 8 rounds.
            AwsError: as for any call.
        """
        found: list[Item] = []
        for start in range(0, len(keys), _MAX_READS):
            part = keys[start : start + _MAX_READS]
            found += self.get_from({table: part}, consistent=consistent)[table]
        return found

    def get_from(
        self, wanted: Mapping[str, Sequence[Item]], *, consistent: bool = True
    ) -> dict[str, list[Item]]:
        """Reads items of several tables in one request.

        Args:
            wanted: table → keys, together at most 100.

        Returns:
            table → its items; absent ones are left out.

        Raises:
            ThrottledError: keys were still unprocessed after 8 rounds.
            AwsError: as for any call.
        """
        found: dict[str, list[Item]] = {table: [] for table in wanted}
        pending: dict[str, Any] = {
            table: {"Keys": [to_attributes(key) for key in keys], "ConsistentRead": consistent}
            for table, keys in wanted.items()
        }
        for attempt in range(1, _ROUNDS + 1):
            answer = self._call("BatchGetItem", {"RequestItems": pending})
            for table, items in answer["Responses"].items():
                found[table] += [from_attributes(item) for item in items]
            pending = answer.get("UnprocessedKeys", {})
            if not pending:
                return found
            self._pause(attempt, "BatchGetItem")
        raise AssertionError("unreachable: the last pause raises")

    def query(
        self,
        table: str,
        partition: tuple[str, Any],
        *,
        index: str | None = None,
        begins: tuple[str, str] | None = None,
        between: tuple[str, str, str] | None = None,
        start: Item | None = None,
        limit: int | None = None,
        newest_first: bool = False,
        consistent: bool = True,
    ) -> tuple[list[Item], Item | None]:
        """Reads one page of a partition.

        Args:
            partition: the name and value of the partition key.
            begins: the name of the sort key, and what it has to begin with.
            between: its name, and the least and the greatest that it may be; not both.
            start: the key after which the page starts.
            limit: the maximum number of items.
            newest_first: in descending order of the sort key.
            consistent: whether strongly; through an index it never is.

        Returns:
            the items, and the key after which the next page starts; None at the end.
        """
        name, value = partition
        request: dict[str, Any] = {
            "TableName": table,
            "KeyConditionExpression": "#partition = :partition",
            "ExpressionAttributeNames": {"#partition": name},
            "ExpressionAttributeValues": to_attributes({":partition": value}),
        }
        if begins:
            request["KeyConditionExpression"] += " AND begins_with(#sort, :begins)"
            request["ExpressionAttributeNames"]["#sort"] = begins[0]
            request["ExpressionAttributeValues"][":begins"] = {"S": begins[1]}
        if between:
            name, low, high = between
            request["KeyConditionExpression"] += " AND #sort BETWEEN :low AND :high"
            request["ExpressionAttributeNames"]["#sort"] = name
            request["ExpressionAttributeValues"] |= {":low": {"S": low}, ":high": {"S": high}}
        if index:
            request["IndexName"] = index
        else:
            request["ConsistentRead"] = consistent
        if start:
            request["ExclusiveStartKey"] = to_attributes(start)
        if limit:
            request["Limit"] = limit
        if newest_first:
            request["ScanIndexForward"] = False
        answer = self._call("Query", request)
        last = answer.get("LastEvaluatedKey")
        return (
            [from_attributes(item) for item in answer["Items"]],
            from_attributes(last) if last else None,
        )

    def scan(
        self, table: str, *, start: Item | None = None, limit: int | None = None
    ) -> tuple[list[Item], Item | None]:
        """Reads one page of a whole table, strongly consistently.

        Args:
            start: the key after which the page starts.
            limit: the maximum number of items.

        Returns:
            the items, and the key after which the next page starts; None at the end.
        """
        request: dict[str, Any] = {"TableName": table, "ConsistentRead": True}
        if start:
            request["ExclusiveStartKey"] = to_attributes(start)
        if limit:
            request["Limit"] = limit
        answer = self._call("Scan", request)
        last = answer.get("LastEvaluatedKey")
        return (
            [from_attributes(item) for item in answer["Items"]],
            from_attributes(last) if last else None,
        )

    def get(self, table: str, key: Item) -> Item | None:
        """Reads one item, strongly consistently; None if there is none."""
        request = {"TableName": table, "Key": to_attributes(key), "ConsistentRead": True}
        item = self._call("GetItem", request).get("Item")
        return from_attributes(item) if item is not None else None

    def put(
        self,
        table: str,
        item: Item,
        *,
        condition: str,
        names: Mapping[str, str],
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes one item if `condition` holds.

        Args:
            names, values: the expression attribute names and values of the condition.

        Raises:
            ConditionFailedError: it does not.
        """
        request = {
            "TableName": table,
            "Item": to_attributes(item),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": dict(names),
        }
        if values:
            request["ExpressionAttributeValues"] = to_attributes(values)
        self._call("PutItem", request)

    def update(
        self,
        table: str,
        key: Item,
        *,
        update: str,
        names: Mapping[str, str],
        values: Mapping[str, Any],
        condition: str | None = None,
        returned: bool = False,
    ) -> Item:
        """Changes one item by an update expression, or creates it.

        Args:
            names, values: the expression attribute names and values of both expressions.
            condition: for the update to happen.
            returned: whether to return the attributes that were changed, as they are now.

        Raises:
            ConditionFailedError: the condition does not hold.
        """
        request: dict[str, Any] = {
            "TableName": table,
            "Key": to_attributes(key),
            "UpdateExpression": update,
            "ExpressionAttributeNames": dict(names),
        }
        if values:
            request["ExpressionAttributeValues"] = to_attributes(values)
        if condition:
            request["ConditionExpression"] = condition
        if returned:
            request["ReturnValues"] = "UPDATED_NEW"
        return from_attributes(self._call("UpdateItem", request).get("Attributes", {}))

    def delete(
        self,
        table: str,
        key: Item,
        *,
        condition: str,
        names: Mapping[str, str],
        values: Mapping[str, Any],
    ) -> None:
        """Deletes one item if `condition` holds.

        Args:
            names, values: the expression attribute names and values of the condition.

        Raises:
            ConditionFailedError: it does not.
        """
        request = {
            "TableName": table,
            "Key": to_attributes(key),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": dict(names),
            "ExpressionAttributeValues": to_attributes(values),
        }
        self._call("DeleteItem", request)

    def transact(self, actions: Sequence[Mapping[str, Item]]) -> None:
        """Does all of some actions, or none.

        Args:
            actions: up to 100, each as TransactWriteItems takes it, with plain values.

        Raises:
            ConditionFailedError: a condition does not hold.
            ThrottledError: something else is at one of the items, at each attempt.
        """
        plain = ("Key", "Item", "ExpressionAttributeValues")
        request = {
            "TransactItems": [
                {
                    kind: {
                        name: to_attributes(value) if name in plain else value
                        for name, value in action.items()
                    }
                    for kind, action in each.items()
                }
                for each in actions
            ]
        }
        self._call("TransactWriteItems", request)

    def _write(self, requests: list[dict[str, Any]], table: str) -> None:
        for attempt in range(1, _ROUNDS + 1):
            answer = self._call("BatchWriteItem", {"RequestItems": {table: requests}})
            requests = answer.get("UnprocessedItems", {}).get(table, [])
            if not requests:
                return
            self._pause(attempt, "BatchWriteItem")

    def _pause(self, attempt: int, operation: str) -> None:
        if attempt == _ROUNDS:
            raise ThrottledError("Unprocessed", f"{operation}: some left after {_ROUNDS} rounds")
        self.pause(attempt)

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if self._count_capacity:
            request["ReturnConsumedCapacity"] = "TOTAL"
        answer = self._service.call(operation, request)
        if self._count_capacity:
            self.calls[operation] = self.calls.get(operation, 0) + 1
            consumed = answer.get("ConsumedCapacity", [])
            for entry in consumed if isinstance(consumed, list) else [consumed]:
                table = entry["TableName"].rpartition("/")[2]
                self.consumed[table] = self.consumed.get(table, 0) + entry["CapacityUnits"]
        return answer


def to_attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item of plain values in DynamoDB's JSON.

    str → S, bool → BOOL, int and float → N, None → NULL, dict → M, list and tuple → L,
    set and frozenset of str → SS.

    Raises:
        TypeError: a value of another type, or an empty set.
    """
    return {
        name: {"S": value} if type(value) is str else _to_attribute(value)  # nearly all are str
        for name, value in item.items()
    }


def from_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> Item:
    """An item in DynamoDB's JSON as plain values; SS → frozenset, N → int or float."""
    return {name: _from_attribute(value) for name, value in attributes.items()}


def _to_attribute(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"S": str(value)}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": str(value)}
    if value is None:
        return {"NULL": True}
    if isinstance(value, Mapping):
        return {"M": to_attributes(value)}
    if isinstance(value, list | tuple):
        return {"L": [_to_attribute(entry) for entry in value]}
    if isinstance(value, set | frozenset) and value:
        return {"SS": sorted(value)}
    raise TypeError(f"no attribute type for {value!r:.60}")


def _from_attribute(attribute: Mapping[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    if kind in ("S", "BOOL"):
        return value
    if kind == "N":
        return _number(value)
    if kind == "M":
        return from_attributes(value)
    if kind == "L":
        return [_from_attribute(entry) for entry in value]
    if kind == "SS":
        return frozenset(value)
    if kind == "NULL":
        return None
    raise TypeError(f"an attribute type that no item here has: {kind}")


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)
