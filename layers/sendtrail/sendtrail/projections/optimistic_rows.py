"""Rows that are read, changed and written back under optimistic locking.

Each row has a revision. A write that finds another revision than was read is retried from the
read. So concurrent workers, and retries that overlap what they retry, cannot lose each other's
updates. The first read is eventually consistent, at half the price: a stale row is refused when it
is written, and then read consistently. A change that alters nothing in a stale row alters nothing
in a later one either: it has been applied already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.errors import ConditionFailedError, ThrottledError
from sendtrail.projections.checkpoints import Checkpoints
from sendtrail.projections.items import checkpoints_from_item, checkpoints_to_item

__all__ = ["Change", "RowState", "Key", "OptimisticRows"]

S = TypeVar("S")
Item = dict[str, Any]
Key = tuple[str, ...]
"""The values of a table's key attributes, partition key first."""

_REVISION: Final = "revision"
_CHECKPOINTS: Final = "checkpoints"
_TRIES: Final = 10


@dataclass(frozen=True, slots=True)
class RowState(Generic[S]):
    """A row's state, and its checkpoints if it needs any (if its changes are not idempotent)."""

    state: S
    checkpoints: Checkpoints


@dataclass(frozen=True, slots=True)
class _Row(Generic[S]):
    contents: RowState[S]
    revision: int
    listed: bool
    """Whether it stands in the indexes as this version would have it."""


Change = Callable[[RowState[S]], RowState[S]]


class OptimisticRows(Generic[S]):
    """The rows of one kind in one table."""

    def __init__(
        self,
        db: DynamoDB,
        table: str,
        *,
        key: tuple[str, ...],
        fresh: Callable[[Key], S],
        to_item: Callable[[S], Item],
        from_item: Callable[[Mapping[str, Any]], S],
        index_keys: tuple[str, ...] = (),
    ) -> None:
        """Describes the rows.

        Args:
            key: the names of the key attributes, partition key first.
            fresh: the initial state of a row that does not exist.
            to_item, from_item: convert the state to an item, without keys, and back.
            index_keys: attributes by which indexes list a row; one that has others than `to_item`
                gives, as an earlier version left them, is written though nothing alters it.
        """
        self._db = db
        self._table = table
        self._key = key
        self._fresh = fresh
        self._to_item = to_item
        self._from_item = from_item
        self._index_keys = index_keys

    def read(self, keys: Iterable[Key], *, consistent: bool = True) -> dict[Key, S]:
        """The states of rows; those that do not exist are left out."""
        rows = self._read(list(keys), consistent=consistent)
        return {key: row.contents.state for key, row in rows.items()}

    def change(
        self,
        changes: Mapping[Key, Change[S]],
        *,
        before_write: Callable[[Key, S, S], None] | None = None,
        consistent: bool = False,
    ) -> dict[Key, S]:
        """Applies its change to each row, and writes the rows that it alters.

        Args:
            changes: for each row a function from its state to its new state. It may be called
                more than once, and should return its argument if there is nothing to do.
            before_write: called with key, old and new state before each write of a row.
            consistent: whether the first read is consistent too: for a change that may alter
                nothing in a stale row, and yet something in a later one.

        Returns:
            the new state of every row.

        Raises:
            ThrottledError: a row was changed concurrently at each of 10 attempts.
            AwsError: as for any call; some rows may have been written.
        """
        done: dict[Key, S] = {}
        pending = dict(changes)
        for attempt in range(1, _TRIES + 1):
            rows = self._read(list(pending), consistent=consistent or attempt > 1)

            def changed(key: Key, rows: dict[Key, _Row[S]] = rows) -> tuple[Key, S | None]:
                return key, self._attempt(key, rows.get(key), changes[key], before_write)

            for key, state in self._db.at_once(changed, list(pending)):
                if state is not None:
                    done[key] = state
                    del pending[key]
            if not pending:
                return done
            self._db.pause(attempt)  # with jitter, so that the same workers do not collide again
        raise ThrottledError("Contention", f"{len(pending)} rows of {self._table} keep changing")

    def _attempt(
        self,
        key: Key,
        row: _Row[S] | None,
        change: Change[S],
        before_write: Callable[[Key, S, S], None] | None,
    ) -> S | None:
        old = row.contents if row else RowState(self._fresh(key), Checkpoints())
        new = change(old)
        if new == old and (row is None or row.listed):
            return new.state
        if before_write:
            before_write(key, old.state, new.state)
        item = self._to_item(new.state) | dict(zip(self._key, key, strict=True))
        item[_REVISION] = row.revision + 1 if row else 1
        if new.checkpoints.by_shard:
            item[_CHECKPOINTS] = checkpoints_to_item(new.checkpoints)
        try:
            if row and row.revision == 0:  # written by something else, without a revision
                self._db.put(
                    self._table,
                    item,
                    condition="attribute_not_exists(#revision)",
                    names={"#revision": _REVISION},
                )
            elif row:
                self._db.put(
                    self._table,
                    item,
                    condition="#revision = :revision",
                    names={"#revision": _REVISION},
                    values={":revision": row.revision},
                )
            else:
                self._db.put(
                    self._table,
                    item,
                    condition="attribute_not_exists(#key)",
                    names={"#key": self._key[0]},
                )
        except ConditionFailedError:
            return None
        return new.state

    def _read(self, keys: list[Key], *, consistent: bool = True) -> dict[Key, _Row[S]]:
        items = self._db.get_all(
            self._table,
            [dict(zip(self._key, key, strict=True)) for key in keys],
            consistent=consistent,
        )
        return {tuple(item[name] for name in self._key): self._row(item) for item in items}

    def _row(self, item: Item) -> _Row[S]:
        state = self._from_item(item)
        listed = True
        if self._index_keys:
            now = self._to_item(state)
            listed = all(item.get(name) == now.get(name) for name in self._index_keys)
        checkpoints = checkpoints_from_item(item.get(_CHECKPOINTS))
        return _Row(RowState(state, checkpoints), int(item.get(_REVISION, 0)), listed)
