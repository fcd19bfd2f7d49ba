"""Merging: rows of a copy of participants and suppressions, put back into the live tables.

Both are joins (see the domain's modules), so a row that is there takes from the copy's what it
lacks, and neither loses anything: a choice that was made since is later, and a suppression that was
lifted since stays lifted. A row that is merely there may have been born after the loss, and know
nothing of a choice made before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import partial
from typing import Any, Final, TypeVar

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.participant import AddressUse, Participant
from sendtrail.domain.suppression import Suppression
from sendtrail.errors import ConditionFailedError
from sendtrail.projections.items import (
    ADDRESS_PREFIX,
    PROFILE,
    SWEEP_ID,
    WORD_PREFIX,
    address_use_from_item,
    participant_from_item,
    suppression_from_item,
)
from sendtrail.projections.optimistic_rows import Key, OptimisticRows, RowState
from sendtrail.projections.participants import address_rows, participant_rows, suppression_rows

__all__ = ["Merged", "merge_participants", "merge_suppressions"]

S = TypeVar("S")
Item = Mapping[str, Any]


class Merged(StrEnum):
    """What came of a row of a copy."""

    PROFILES = "profiles"
    """Of participants: it was not there, or lacked something."""
    ADDRESSES = "addresses"
    SUPPRESSIONS = "suppressions"
    OTHERS = "other rows"
    THERE = "there already"
    UNREADABLE = "unreadable"


def merge_participants(db: DynamoDB, table: str, items: Iterable[Item]) -> Counter[Merged]:
    """Merges rows of a copy into the table of participants, while it is written; idempotent.

    Args:
        items: of the copy, of distinct keys.

    Returns:
        how many rows came to what.

    Raises:
        AwsError: some may have been merged; all of it may be repeated.
    """
    found: Counter[Merged] = Counter()
    profiles: dict[Key, Participant] = {}
    uses: dict[Key, AddressUse] = {}
    for item in items:
        key = (item["participant_id"], item["part"])
        try:
            if item["participant_id"] == SWEEP_ID or item["part"].startswith(WORD_PREFIX):
                found[_put_if_absent(db, table, item)] += 1
            elif item["part"] == PROFILE:
                profiles[key] = participant_from_item(item)
            elif item["part"].startswith(ADDRESS_PREFIX):
                uses[key] = address_use_from_item(item)
            else:
                found[Merged.UNREADABLE] += 1
        except (KeyError, ValueError, TypeError):
            found[Merged.UNREADABLE] += 1
    # A profile before its addresses: what stands in an address's row is taken to be in the profile.
    found += _merge(participant_rows(db, table), profiles, Participant.merged, Merged.PROFILES)
    return found + _merge(address_rows(db, table), uses, AddressUse.merged, Merged.ADDRESSES)


def merge_suppressions(db: DynamoDB, table: str, items: Iterable[Item]) -> Counter[Merged]:
    """Merges rows of a copy into the table of suppressions, as `merge_participants`."""
    found: Counter[Merged] = Counter()
    suppressions: dict[Key, Suppression] = {}
    for item in items:
        try:
            suppressions[(item["address"],)] = suppression_from_item(item)
        except (KeyError, ValueError, TypeError):
            found[Merged.UNREADABLE] += 1
    rows = suppression_rows(db, table)
    return found + _merge(rows, suppressions, Suppression.merged, Merged.SUPPRESSIONS)


def _merge(
    rows: OptimisticRows[S], states: Mapping[Key, S], merged: Callable[[S, S], S], what: Merged
) -> Counter[Merged]:
    written: set[Key] = set()

    def with_that(other: S, row: RowState[S]) -> RowState[S]:
        return RowState(merged(row.state, other), row.checkpoints)

    rows.change(
        {key: partial(with_that, state) for key, state in states.items()},
        before_write=lambda key, _old, _new: written.add(key),
        consistent=True,
    )
    return Counter({what: len(written), Merged.THERE: len(states) - len(written)})


_NO_ROW: Final = "attribute_not_exists(#key)"


def _put_if_absent(db: DynamoDB, table: str, item: Item) -> Merged:
    try:
        db.put(table, dict(item), condition=_NO_ROW, names={"#key": "participant_id"})
    except ConditionFailedError:
        return Merged.THERE
    return Merged.OTHERS
