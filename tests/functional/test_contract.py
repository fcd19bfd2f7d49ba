"""One contract for every DynamoDB that things run on here: in memory, moto, DynamoDB Local."""

from __future__ import annotations

from typing import Any

import pytest

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.message import Message
from sendtrail.errors import AwsError, ConditionFailedError
from sendtrail.projections.checkpoints import Checkpoint, Checkpoints
from sendtrail.projections.communications import note_month
from sendtrail.projections.messages import message_rows
from sendtrail.projections.optimistic_rows import RowState
from tests.functional.conftest import Backend
from tests.memory import KEYS, MemoryDynamoDB

Item = dict[str, Any]


class Store:
    """A DynamoDB, its tables by logical name, and its streams."""

    def __init__(self, db: Any, names: dict[str, str], backend: Backend | None) -> None:
        self.db: DynamoDB = db
        self.names = names
        self._backend = backend

    def changes(self, table: str) -> list[tuple[str, Item]]:
        """What its stream tells: the kind of change, and the item's keys in DynamoDB's JSON."""
        if self._backend is None:
            memory: Any = self.db
            records = [r for shard in memory.records[table].values() for r in shard]
            return [(r["eventName"], r["dynamodb"]["Keys"]) for r in records]
        streams = self._backend.endpoints.client("dynamodbstreams")
        arn = self._backend.resources.physical[f"{table}Table", "StreamArn"]
        found: list[tuple[str, Item]] = []
        for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            iterator = streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            records = streams.get_records(ShardIterator=iterator)["Records"]
            found += [(r["eventName"], r["dynamodb"]["Keys"]) for r in records]
        return found


@pytest.fixture(params=["memory", "moto", "dynamodb-local"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each of them, empty."""
    if request.param == "memory":
        return Store(MemoryDynamoDB(), {name: name for name in KEYS}, None)
    backend: Backend = request.getfixturevalue(f"{request.param.replace('-', '_')}_backend")
    return Store(backend.database(), {name: backend.table(name) for name in KEYS}, backend)


def event_item(number: int, /, **more: Any) -> Item:
    """An item of the log's table."""
    return {"message_id": f"m{number}", "event_key": "k", "source": "ses", **more}


ODD = {
    "text": "Grüße \u2028 🎉 \x00",
    "empty": "",
    "flag": True,
    "number": -7,
    "large": 10**37,
    "list": ["a", 1, {"b": []}],
    "map": {"a.b#c": {"d": "e"}},
    "set": frozenset({"x", "y"}),
}


def test_items_come_back_as_they_were(store: Store) -> None:
    """Any value that an item here has."""
    item = event_item(1, **ODD)
    store.db.put_all(store.names["Events"], [item])
    key = {"message_id": "m1", "event_key": "k"}
    assert store.db.get(store.names["Events"], key) == item
    assert store.db.get(store.names["Events"], {**key, "event_key": "other"}) is None


def test_many_items_are_written_and_read(store: Store) -> None:
    """More than one request takes; absent ones are left out."""
    items = [event_item(number) for number in range(130)]
    store.db.put_all(store.names["Events"], items)
    keys = [{"message_id": f"m{number}", "event_key": "k"} for number in range(140)]
    found = store.db.get_all(store.names["Events"], keys)
    assert sorted(each["message_id"] for each in found) == sorted(
        each["message_id"] for each in items
    )


def test_one_key_twice_in_a_batch_is_refused(store: Store) -> None:
    """So the log has to make its batches sets."""
    with pytest.raises(AwsError):
        store.db.put_all(store.names["Events"], [event_item(1), event_item(1)])


def test_a_condition_that_does_not_hold_is_an_error_of_its_own(store: Store) -> None:
    """For the two conditions that rows use."""
    table = store.names["Events"]
    item = event_item(1, revision=1)
    fresh = {"condition": "attribute_not_exists(#key)", "names": {"#key": "message_id"}}
    store.db.put(table, item, **fresh)  # type: ignore[arg-type]
    with pytest.raises(ConditionFailedError):
        store.db.put(table, item, **fresh)  # type: ignore[arg-type]
    same: dict[str, Any] = {
        "condition": "#revision = :revision",
        "names": {"#revision": "revision"},
    }
    store.db.put(table, item | {"revision": 2}, **same, values={":revision": 1})
    with pytest.raises(ConditionFailedError):
        store.db.put(table, item | {"revision": 2}, **same, values={":revision": 1})
    with pytest.raises(ConditionFailedError):
        store.db.put(table, event_item(2), **same, values={":revision": 1})


def test_the_same_event_twice_is_inserted_once(store: Store) -> None:
    """The stream tells of one INSERT; moto adds a MODIFY, which DynamoDB does not."""
    for _ in range(3):
        store.db.put_all(store.names["Events"], [event_item(1, detail={"a": 1})])
    kinds = [kind for kind, _ in store.changes("Events")]
    assert kinds.count("INSERT") == 1


def test_months_are_a_set(store: Store) -> None:
    """Added to, however often."""
    for month in ("2026-10", "2026-11", "2026-10"):
        note_month(store.db, store.names["Communications"], month)
    key = {"communication_id": "#months", "part": "months"}
    found = store.db.get(store.names["Communications"], key)
    assert found is not None
    assert found["months"] == {"2026-10", "2026-11"}


def test_two_who_change_a_row_at_once_lose_nothing(store: Store) -> None:
    """The second reads again."""
    rows = message_rows(store.db, store.names["Messages"])
    key = ("p", "01M7HV6YD00000000000000ABC")
    calls: list[int] = []

    def other(row: RowState[Message]) -> RowState[Message]:
        return RowState(
            _with(row.state, "other"), row.checkpoints.with_checkpoint("b", Checkpoint(1, 1))
        )

    def mine(row: RowState[Message]) -> RowState[Message]:
        calls.append(1)
        if len(calls) == 1:
            rows.change({key: other})
        return RowState(
            _with(row.state, "mine"), row.checkpoints.with_checkpoint("a", Checkpoint(1, 1))
        )

    assert rows.change({key: mine})[key].subject == "other mine"
    assert len(calls) == 2
    seen: list[Checkpoints] = []

    def look(row: RowState[Message]) -> RowState[Message]:
        seen.append(row.checkpoints)
        return row

    rows.change({key: look})
    assert set(seen[0].by_shard) == {"a", "b"}


def _with(message: Message, word: str) -> Message:
    subject = f"{message.subject or ''} {word}".strip()
    return Message(message.participant_id, message.message_id, subject=subject)
