"""Erased: what a copy of a table has of people who were erased since, and what may come back of it.

Only trails are led to where they belong by the stream; of all other tables a copy is filtered
before it is written (docs/decisions/0055).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sendtrail.auth.staff_store import ACTS
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.errors import InvalidInputError
from sendtrail.log.erasures import ERASURE_PREFIX, Erased, Erasures
from sendtrail_cli.scan import PATIENT, Page, scan
from sendtrail_cli.target import Target

__all__ = ["ERASURES", "ERASURE_KEY", "Forgetful", "erasures_of", "move_erasures"]

Item = dict[str, Any]

ERASURES: Final = "ErasuresTable"
ERASURE_KEY: Final = "ErasureKey"
_CURRENT: Final = "AWSCURRENT"


def erasures_of(target: Target) -> Erasures:
    """Who was erased in a stack. Its key is read when it is needed."""
    secrets = target.secrets()
    return Erasures(
        DynamoDB(target.variables(), retry_policy=PATIENT),
        target.resource(ERASURES),
        lambda: secrets.value(target.resource(ERASURE_KEY)),
        cache_seconds=0,
    )


class Forgetful:
    """Takes from pages of a copy what names people who were erased after it was made."""

    def __init__(self, erasures: Erasures) -> None:
        self._erasures = erasures

    def participants(self, page: Page) -> list[Item]:
        """Rows of participants: none of somebody erased, but of who came later by the same id; and
        of an address that others have, none that names them.
        """
        people = self._people(each for row in page for each in _named(row))
        return [
            _unnamed(row, people)
            for row in page
            if not _gone(row, people.get(row["participant_id"]))
        ]

    def suppressions(self, page: Page) -> list[Item]:
        """Suppressions: none of an address that was erased, where it holds on by a hash, unless it
        is of later; and none whose evidence names somebody erased.
        """
        erased_at = self._erasures.addresses_erased(row["address"] for row in page)
        people = self._people(
            str(each["participant_id"])
            for row in page
            for each in _evidence(row)
            if each.get("participant_id")
        )
        kept = [
            row
            for row in page
            if _latest(row) > erased_at.get(row["address"], "") or row["address"] not in erased_at
        ]
        return [_without_names(row, people) for row in kept]

    def staff(self, page: Page) -> list[Item]:
        """Rows of staff; an act that was done to somebody erased says the pseudonym."""
        people = self._people(str(row["object"]) for row in page if row.get("object"))
        found = []
        for row in page:
            erased = people.get(str(row.get("object"))) if row["part"] == ACTS else None
            of_them = erased is not None and row["at"] <= erased.at
            found.append({**row, "object": erased.pseudonym} if erased and of_them else row)
        return found

    def _people(self, ids: Iterable[str]) -> Mapping[str, Erased]:
        return self._erasures.of_people(ids)


def _named(row: Mapping[str, Any]) -> list[str]:
    there = (row.get("choice_there") or {}).get("participant_id")
    return [row["participant_id"], *(row.get("linked_to") or ()), *([there] if there else ())]


def _gone(row: Mapping[str, Any], erased: Erased | None) -> bool:
    """Whether a row is of somebody who was erased, as the erasure itself decides."""
    came_at = row.get("first_seen_at") or row.get("registered_at") or ""
    return erased is not None and came_at <= erased.at


def _unnamed(row: Item, people: Mapping[str, Erased]) -> Item:
    found = dict(row)
    if linked := frozenset(row.get("linked_to") or ()) & people.keys():
        found["linked_to"] = frozenset(row["linked_to"]) - linked
        if not found["linked_to"]:
            del found["linked_to"]
    there = row.get("choice_there") or {}
    if erased := people.get(there.get("participant_id", "")):
        found["choice_there"] = {**there, "participant_id": erased.pseudonym}
    return found


def _evidence(row: Mapping[str, Any]) -> list[Item]:
    return [*(row.get("evidence") or {}).values(), *([row["soft"]] if row.get("soft") else [])]


def _latest(row: Mapping[str, Any]) -> str:
    """When something of a suppression happened last."""
    return max([row.get("lifted_at") or "", *(str(each["at"]) for each in _evidence(row))])


def _without_names(row: Item, people: Mapping[str, Erased]) -> Item:
    def unnamed(each: Item) -> Item:
        erased = people.get(str(each.get("participant_id")))
        return {**each, "participant_id": erased.pseudonym} if erased else each

    found = dict(row)
    if row.get("evidence"):
        found["evidence"] = {reason: unnamed(each) for reason, each in row["evidence"].items()}
    if row.get("soft"):
        found["soft"] = unnamed(row["soft"])
    return found


def move_erasures(target: Target, source: Target) -> tuple[int, list[str]]:
    """Has a stack know who was erased in another, by the other's key, which becomes its own.

    Returns:
        how many rows it lacked; and the ids of the erasures that are under way there, which are to
        go on here when all is moved.

    Raises:
        InvalidInputError: people were erased in both, by different keys.
        AwsError: some may have been copied; it may be repeated.
    """
    rows: list[Sequence[Item]] = []
    scan(source.client("dynamodb"), source.resource(ERASURES), rows.append)
    found = [row for page in rows for row in page]
    if not found:
        return 0, []
    running = {
        row["erasure_id"]: row
        for row in found
        if row["hash"].startswith(ERASURE_PREFIX) and row["subject"]
    }
    # One that has not begun is to find their addresses here: so what is of them has to come.
    asked = {name for name, row in running.items() if "pseudonyms" not in row["subject"]}
    known = [
        _from_its_beginning(row) if row.get("erasure_id") in running else row
        for row in found
        if row.get("pseudonym") not in asked
    ]
    erasures, secrets = erasures_of(target), target.secrets()
    theirs = source.secrets().value(source.resource(ERASURE_KEY))
    if theirs != secrets.value(target.resource(ERASURE_KEY)):
        if erasures.latest is not None:
            raise InvalidInputError(
                "people were erased in both stacks, by different keys: who was erased there cannot "
                "be known here. Move into a stack in which nobody was"
            )
        secrets.put(target.resource(ERASURE_KEY), theirs, _CURRENT)
    return erasures_of(target).put_back(known), sorted(running)


def _from_its_beginning(row: Item) -> Item:
    """An erasure that is under way, as if nothing had been done of it yet."""
    left = {name: value for name, value in row.items() if name != "passed_at"}
    return left | {"passes": 0, "counts": {}, "progress": {}}
