"""One contract for every DynamoDB that things run on here: in memory, moto, DynamoDB Local."""

from __future__ import annotations

from typing import Any

import pytest

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.communication import Counters, CounterShard
from sendtrail.errors import AwsError, ConditionFailedError
from sendtrail.projections.checkpoints import Checkpoint, Checkpoints
from sendtrail.projections.communications import counter_rows, note_direct, note_month
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
    return {"trail": f"m{number}", "entry": "k", **more}


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
    store.db.put_all(store.names["Trails"], [item])
    key = {"trail": "m1", "entry": "k"}
    assert store.db.get(store.names["Trails"], key) == item
    assert store.db.get(store.names["Trails"], {**key, "entry": "other"}) is None


def test_many_items_are_written_and_read(store: Store) -> None:
    """More than one request takes; absent ones are left out."""
    items = [event_item(number) for number in range(130)]
    store.db.put_all(store.names["Trails"], items)
    keys = [{"trail": f"m{number}", "entry": "k"} for number in range(140)]
    found = store.db.get_all(store.names["Trails"], keys)
    assert sorted(each["trail"] for each in found) == sorted(each["trail"] for each in items)


def test_one_key_twice_in_a_batch_is_refused(store: Store) -> None:
    """So the log has to make its batches sets."""
    with pytest.raises(AwsError):
        store.db.put_all(store.names["Trails"], [event_item(1), event_item(1)])


def test_a_condition_that_does_not_hold_is_an_error_of_its_own(store: Store) -> None:
    """For the two conditions that rows use."""
    table = store.names["Trails"]
    item = event_item(1, revision=1)
    fresh = {"condition": "attribute_not_exists(#key)", "names": {"#key": "trail"}}
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
        store.db.put_all(store.names["Trails"], [event_item(1, detail={"a": 1})])
    kinds = [kind for kind, _ in store.changes("Trails")]
    assert kinds.count("INSERT") == 1


def test_months_are_a_set(store: Store) -> None:
    """Added to, however often."""
    for month in ("2026-10", "2026-11", "2026-10"):
        note_month(store.db, store.names["Communications"], month)
    key = {"communication_id": "#months", "part": "months"}
    found = store.db.get(store.names["Communications"], key)
    assert found is not None
    assert found["months"] == {"2026-10", "2026-11"}


def test_kinds_are_a_set_of_at_most_a_hundred(store: Store) -> None:
    """One more is not noted, nor one that is too long; their months are."""
    table = store.names["Communications"]
    for number in range(101):
        note_direct(store.db, table, "2026-10", f"kind-{number:03}")
    note_direct(store.db, table, "2026-11", "one too many")
    note_direct(store.db, table, "2026-12", "k" * 65)
    note_direct(store.db, table, "2027-01", None)
    found = store.db.get(table, {"communication_id": "#months", "part": "direct"})
    assert found is not None
    assert found["kinds"] == {f"kind-{number:03}" for number in range(100)}
    assert found["months"] == {"2026-10", "2026-11", "2026-12", "2027-01"}


def test_a_set_is_added_to_and_what_is_set_once_stays(store: Store) -> None:
    """As a message's row is written: the set is the union, whatever the order."""
    table, key = store.names["Trails"], {"trail": "p", "entry": "m"}
    for elements, listed in (({"a", "b"}, "one"), ({"b", "c"}, "two")):
        store.db.update(
            table,
            key,
            update="ADD #events :events SET #listed = if_not_exists(#listed, :listed), #at = :at",
            names={"#events": "events", "#listed": "listed_in", "#at": "expires_at"},
            values={":events": elements, ":listed": listed, ":at": 7},
        )
    found = store.db.get(table, key)
    assert found == {**key, "events": {"a", "b", "c"}, "listed_in": "one", "expires_at": 7}


@pytest.mark.parametrize(("order", "stays"), [(">", "2026-01"), ("<", "2026-03")])
def test_a_slot_holds_the_first_or_the_last(store: Store, order: str, stays: str) -> None:
    """Whatever the order in which they come; the others are refused."""
    table, key = store.names["Trails"], {"trail": "message:m", "entry": "slot"}
    refused = 0
    for at in ("2026-02", "2026-03", "2026-01", "2026-02"):
        try:
            store.db.put(
                table,
                {**key, "event": at},
                condition=f"attribute_not_exists(#event) OR #event {order} :event",
                names={"#event": "event"},
                values={":event": at},
            )
        except ConditionFailedError:
            refused += 1
    found = store.db.get(table, key)
    assert found is not None
    assert (found["event"], refused) == (stays, 2)


def test_what_is_judged_is_written_under_the_revision_that_was_read(store: Store) -> None:
    """By an update that changes nothing if another came between."""
    table, key = store.names["Trails"], {"trail": "p", "entry": "m"}

    def judged(revision: int, condition: str, **old: int) -> None:
        store.db.update(
            table,
            key,
            update="SET #hits = :hits, #revision = :revision",
            names={"#hits": "hits", "#revision": "revision"},
            values={":hits": {"own#00#": [[revision], [], {}]}, ":revision": revision}
            | {f":{name}": value for name, value in old.items()},
            condition=condition,
        )

    judged(1, "attribute_not_exists(#revision)")
    judged(2, "#revision = :old", old=1)
    for condition, old in (
        ("attribute_not_exists(#revision)", {}),
        ("#revision = :old", {"old": 1}),
    ):
        with pytest.raises(ConditionFailedError):
            judged(3, condition, **old)
    found = store.db.get(table, key)
    assert found is not None
    assert found["hits"] == {"own#00#": [[2], [], {}]}


def test_a_query_begins_where_it_is_told_and_reads_page_by_page(store: Store) -> None:
    """As the judge reads a bucket."""
    table = store.names["Trails"]
    for name in ("own#00#a", "own#00#b", "own#01#a", "ses#00#a"):
        store.db.put_all(table, [{"trail": "message:m", "entry": name}])
    found: list[str] = []
    start: Item | None = None
    while True:
        page, start = store.db.query(
            table, ("trail", "message:m"), begins=("entry", "own#00#"), start=start, limit=1
        )
        found += [item["entry"] for item in page]
        if start is None:
            break
    assert found == ["own#00#a", "own#00#b"]


def test_a_query_is_kept_within_bounds(store: Store) -> None:
    """Both of which belong to it; forwards, and backwards."""
    table = store.names["Trails"]
    for name in ("a", "b", "b\u0301", "c", "d"):
        store.db.put_all(table, [{"trail": "person", "entry": name}])
    for newest_first in (False, True):
        page, _ = store.db.query(
            table,
            ("trail", "person"),
            between=("entry", "b", "c"),
            limit=3,
            newest_first=newest_first,
        )
        found = [item["entry"] for item in page]
        assert found == sorted(["b", "b\u0301", "c"], reverse=newest_first)


def test_two_who_change_a_row_at_once_lose_nothing(store: Store) -> None:
    """The second reads again."""
    rows = counter_rows(store.db, store.names["Communications"])
    key = ("news", "counters#0")
    calls: list[int] = []

    def other(row: RowState[CounterShard]) -> RowState[CounterShard]:
        return RowState(_with(row.state, 1), row.checkpoints.with_checkpoint("b", Checkpoint(1, 1)))

    def mine(row: RowState[CounterShard]) -> RowState[CounterShard]:
        calls.append(1)
        if len(calls) == 1:
            rows.change({key: other})
        return RowState(
            _with(row.state, 10), row.checkpoints.with_checkpoint("a", Checkpoint(1, 1))
        )

    assert rows.change({key: mine})[key].counters.counts == {"sent": 11}
    assert len(calls) == 2
    seen: list[Checkpoints] = []

    def look(row: RowState[CounterShard]) -> RowState[CounterShard]:
        seen.append(row.checkpoints)
        return row

    rows.change({key: look})
    assert set(seen[0].by_shard) == {"a", "b"}


def _with(shard: CounterShard, sent: int) -> CounterShard:
    return CounterShard(shard.counters + Counters({"sent": sent}))
