"""What a sweep costs: requests and capacity units, among few participants and among many.

Two tables, each as Participants in template.yaml, in the same DynamoDB Local:

    few   1,000 participants
    many  100,000 participants

In both, the same 100 are due: they were last active on the one day that has become due since
yesterday's sweep. Of the others nine in ten were active on the days of the two years since, and one
in ten were found inactive long ago. Each table is swept by the service that functions/sweep/app.py
calls, with the client that it has:

    today   the day's sweep, which finds the 100 and marks them: the log, then their profiles
    again   the sweep once more, right after: no day is due
    anew    that day once more, as after a sweep that was cut off at its end: nobody is left in it

Beside it is the usual way to find those who are due: a Scan of the table with a filter, eventually
consistent, which is the cheapest. It only looks for them, and marks nobody. The tables hold nothing
but profiles; in real ones the Scan reads every participant's addresses as well.

Units are those that DynamoDB Local reports, by AWS's rules, an index's included; only for a Query
that finds nothing it reports none, where AWS has a minimum of half a unit. They do not vary from
run to run, so nothing here is repeated.

    python benchmarks/sweep.py [--few 1000] [--many 100000]

It needs Java and AWS's DynamoDB Local, and says how to get that one. The exit status is 1 if a
sweep costs otherwise among many than among few.
"""

from __future__ import annotations

import argparse
import logging
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

sys.path.append(str(Path(__file__).resolve().parent.parent))  # for `benchmarks` and `local`

from benchmarks.common import create_table, dynamodb_local
from local import aws
from local.template import load
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.participant import Inactivity, Participant
from sendtrail.domain.times import Timestamp, years_after
from sendtrail.services.fold_participants import FoldParticipants
from sendtrail.services.sweep import Sweep
from sendtrail.storage.event_log import EventLog
from sendtrail.storage.items import participant_to_item

YESTERDAY: Final = "2026-11-23T03:15:00.000Z"
TODAY: Final = "2026-11-24T03:15:00.000Z"
DUE_DAY: Final = date(2024, 11, 23)
"""The last day that is two years ago, as a whole, at the time of today's sweep."""
YEARS: Final = 2
DUE: Final = 100
READS: Final = frozenset({"GetItem", "BatchGetItem", "Query", "Scan"})


# --- participants ----------------------------------------------------------------------------


def participants(number: int) -> Iterator[Participant]:
    """So many of them, the first `DUE` of whom are due, and nobody else."""
    for position in range(DUE):
        yield participant(f"due-{position:06}", DUE_DAY, position)
    for position in range(number - DUE):
        name = f"member-{position:06}"
        if position % 10:
            yield participant(name, DUE_DAY + timedelta(days=1 + position % 729), position)
        else:
            long_ago = DUE_DAY - timedelta(days=1 + position % 1500)
            yield participant(name, long_ago, position, found=True)


def participant(name: str, day: date, position: int, *, found: bool = False) -> Participant:
    """A participant whose last interaction was on that day."""
    at = f"{day}T{position % 24:02}:{position % 60:02}:00.000Z"
    measured = years_after(at, -1)
    return Participant(
        participant_id=name,
        first_seen_at=measured,
        measured_since=measured,
        last_interaction_at=at,
        inactivity=Inactivity(years_after(at, YEARS), at) if found else None,
    )


def row_of(participant: Participant) -> dict[str, Any]:
    """The row of a participant, as a fold has written it once."""
    return participant_to_item(participant) | {"revision": 1}


# --- what is counted -------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """What something cost, by DynamoDB's operation."""

    requests: Mapping[str, int]
    units: Mapping[str, float]

    @property
    def read_units(self) -> float:
        """Of all that read."""
        return sum(units for operation, units in self.units.items() if operation in READS)

    @property
    def write_units(self) -> float:
        """Of all that wrote."""
        return sum(units for operation, units in self.units.items() if operation not in READS)


class Counting(DynamoDB):
    """Our client, which counts requests and units by operation; its own sums are by table."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__(environment, count_capacity=True)
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self._units: dict[str, float] = {}

    def spent(self) -> Cost:
        """What was spent since the last time this was asked."""
        cost = Cost(dict(self._requests), dict(self._units))
        self._requests.clear()
        self._units.clear()
        return cost

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        answer = super()._call(operation, request)
        consumed = answer["ConsumedCapacity"]
        entries = consumed if isinstance(consumed, list) else [consumed]
        with self._lock:
            self._requests[operation] += 1
            units = sum(entry["CapacityUnits"] for entry in entries)
            self._units[operation] = self._units.get(operation, 0.0) + units
        return answer


# --- the tables ------------------------------------------------------------------------------


class Population:
    """Tables with so many participants, and a sweep over them."""

    def __init__(self, name: str, number: int, endpoints: aws.Endpoints) -> None:
        """Makes the tables; nobody is in them."""
        self.name = name
        self.number = number
        self._table = f"{name}-participants"
        self._sdk = endpoints.client("dynamodb")
        tables = load().of_type("AWS::DynamoDB::Table")
        for kind in ("Participants", "Suppressions", "Events"):
            create_table(self._sdk, tables[f"{kind}Table"], f"{name}-{kind.lower()}")
        self._db = Counting(endpoints.environment())
        self._sweep = Sweep(
            self._db,
            self._table,
            EventLog(self._db, f"{name}-events", retention_days=400),
            FoldParticipants.over(self._db, self._table, f"{name}-suppressions"),
            years=YEARS,
        )

    def fill(self) -> None:
        """Puts the participants there, and has yesterday's sweep done."""
        wanted = participants(self.number)
        while some := list(islice(wanted, 1_000)):
            self._db.put_all(self._table, [row_of(each) for each in some])
        self.sweep(YESTERDAY, found=0, since=self._sweep.last_due_day(YESTERDAY))

    def sweep(self, now: Timestamp, *, found: int, since: str | None = None) -> Cost:
        """What a whole sweep costs.

        Raises:
            SystemExit: it finds others than it should.
        """
        self._db.spent()
        swept = self._sweep.run(now, has_time=lambda: True, since=since)
        if swept.count != found or swept.place:
            raise SystemExit(f"a sweep of {self.name} found {swept.count}, not {found}")
        return self._db.spent()

    def scan(self) -> Cost:
        """What it costs to find those who are due by a Scan.

        Raises:
            SystemExit: it finds others than it should.
        """
        pages = self._sdk.get_paginator("scan").paginate(
            TableName=self._table,
            FilterExpression="activity_day < :next",
            ExpressionAttributeValues={":next": {"S": str(DUE_DAY + timedelta(days=1))}},
            ReturnConsumedCapacity="TOTAL",
        )
        count, requests, units = 0, 0, 0.0
        for page in pages:
            count += page["Count"]
            requests += 1
            units += page["ConsumedCapacity"]["CapacityUnits"]
        if count != DUE:
            raise SystemExit(f"a Scan of {self.name} found {count}, not {DUE}")
        return Cost({"Scan": requests}, {"Scan": units})


# --- what it shows ---------------------------------------------------------------------------

Costs = dict[str, Cost]
"""What each step cost."""


def measure(population: Population) -> Costs:
    """All steps, in their order: the Scan comes before those whom it should find are marked."""
    population.fill()
    return {
        "scan": population.scan(),
        "today": population.sweep(TODAY, found=DUE),
        "again": population.sweep(TODAY, found=0),
        "anew": population.sweep(TODAY, found=0, since=DUE_DAY.isoformat()),
    }


def report(found: Mapping[str, Costs], numbers: Mapping[str, int]) -> bool:
    """Prints what each step cost; whether the sweeps cost the same everywhere."""
    titles = {
        "today": f"today: {DUE} are due",
        "again": "again, right after",
        "anew": "anew, that day",
        "scan": "a Scan for those due",
    }
    header = "".join(f"{f'among {number:,}':>16}" for number in numbers.values())
    print(f"{'':40}{header}")
    for step, title in titles.items():
        print(title)
        costs = [each[step] for each in found.values()]
        for operation in sorted({name for cost in costs for name in cost.requests}):
            line(f"  requests: {operation}", [cost.requests.get(operation, 0) for cost in costs])
        line("  read units", [cost.read_units for cost in costs])
        line("  write units", [cost.write_units for cost in costs])
    few, many = found["few"], found["many"]
    share = many["today"].read_units / many["scan"].read_units
    print(f"read units of today's sweep / of the Scan, among many: {share:.3f}")
    return all(few[step] == many[step] for step in ("today", "again", "anew"))


def line(name: str, figures: list[float]) -> None:
    """Prints a line of the table."""
    texts = [f"{figure:,.1f}".removesuffix(".0") for figure in figures]
    print(f"{name:40}" + "".join(f"{text:>16}" for text in texts))


def main() -> int:
    """Runs the benchmark; the process's exit status."""
    parser = argparse.ArgumentParser(description="requests and units of a sweep, and of a Scan")
    parser.add_argument("--few", type=int, default=1_000, help="participants (1000)")
    parser.add_argument("--many", type=int, default=100_000, help="participants (100000)")
    options = parser.parse_args()
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it misses metrics of its own
    numbers = {"few": options.few, "many": options.many}
    with dynamodb_local() as url:
        endpoints = aws.Endpoints(url)
        found = {
            name: measure(Population(name, number, endpoints)) for name, number in numbers.items()
        }
    if not report(found, numbers):
        print("a sweep costs otherwise among many than among few")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
