"""What reading costs as the tables grow: requests and read units of each route, and of the sweep.

Three stacks, with 100, 10,000 and 1,000,000 messages, and participants, mailings and suppressions
to match (see benchmarks/population.py), each in an AWS DynamoDB Local of its own that keeps its
tables on disk. Items are made by the product's code and written by BatchWriteItem. Where the
machine has a file system in memory they are written there, because SQLite waits for the disk at
each write, and then moved onto the disk; the server is started anew before anything is measured.

The routes are called as API Gateway calls them: functions/api/app.py's handler, with its event. The
requests that this makes are counted in front of DynamoDB Local, with what it says they consumed.
Each page has five entries (three, of the mailings) and the same kinds of entries at every size; a
page in the middle is reached by cursors. Some routes have a bound that few messages do not reach:
a filter with no index behind it looks at up to 100 entries, and a mailing's counters are in up to
16 rows, each of which names every counter only after some hundreds of messages. What these cost is
held against the smallest size at which they have reached it; the export, against its rows.

The day's sweep finds 100 who are due, whose last activity was on the one day that has become due
since yesterday's. Of the others nine in ten were active on the days of the two years since, and one
in ten were found inactive long ago.

    today   the day's sweep, which finds the 100 and marks them: the log, then their profiles
    again   the sweep once more, right after: no day is due
    anew    that day once more, as after a sweep that was cut off at its end: nobody is left in it

Beside it is the usual way to find those who are due: a Scan of the table with a filter, eventually
consistent, which is the cheapest. It only looks for them, and marks nobody.

Of five calls the one with the fewest requests counts: on a busy machine one may time out and be
sent again; else they do not vary. Milliseconds are the median of the five, of the whole handler
with validation, on DynamoDB Local: they say that nothing grows without bound, and nothing about
AWS.

    python benchmarks/scale.py [--largest 1000000] [--json FILE]

It needs Java and AWS's DynamoDB Local, and says how to get that one. The largest takes minutes to
fill: about 4 in memory, and 15 on a disk.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final

import pytest

sys.path.append(str(Path(__file__).resolve().parent.parent))  # for `benchmarks` and `local`

from benchmarks.common import create_table, dynamodb_local, moto
from benchmarks.metering import Cost, Meter
from benchmarks.population import (
    DUE,
    DUE_DAY,
    HISTORIES,
    LARGE,
    MAILING,
    ORDINARY,
    YEARS,
    Population,
)
from benchmarks.report import Claim, Report, Table
from local import aws
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.times import Timestamp
from sendtrail.log.event_log import EventLog
from sendtrail.projections.participants import ParticipantProjection
from sendtrail.staff.inactivity import InactivitySweep
from tests.functional.conftest import Backend
from tests.functional.world import Api, World

SMALLEST: Final = 100
BETWEEN: Final = 10_000
CALLS: Final = 5
PAGE: Final = 5
MAILINGS: Final = 3
"""A page of mailings; there are a multiple of that in each month."""
LONGEST_PAGE: Final = 100

YESTERDAY: Final = "2026-11-23T03:15:00.000Z"
TODAY: Final = "2026-11-24T03:15:00.000Z"
BOUNDS: Final = (
    f"A page has {PAGE} entries, of mailings {MAILINGS}. A filter with no index behind it (opened, "
    "kind) looks at up to 100 entries, and a large mailing's figures are in up to 16 rows: those "
    "cost as much as they may from some hundreds of messages on. An export has up to "
    "10,000 rows, read in pages of 99, two requests for each."
)
SCAN: Final = "a Scan for those due"
TODAYS: Final = "today's sweep"
ROOMY: Final = Path("/dev/shm")  # noqa: S108 -- a folder of our own is made in it
TABLES: Final = ("Messages", "Events", "Communications", "Participants", "Suppressions")

Json = dict[str, Any]


# --- the routes ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Route:
    """What is called, and what it should answer.

    Attributes:
        middle: at which entry of the whole list the page begins, of a list so long.
        entries: how many it answers; None if it is no list.
        bound_at: the smallest size at which it costs all that it may.
        whole: whether it is an export, which is held against its rows.
    """

    name: str
    path: str
    query: Mapping[str, str]
    entries: Callable[[Population], int] | None = None
    middle: Callable[[Population], int] | None = None
    bound_at: int = SMALLEST
    whole: bool = False


def listed(
    name: str,
    path: str,
    *,
    middle: Callable[[Population], int] | None = None,
    limit: int = PAGE,
    bound_at: int = SMALLEST,
    **query: str,
) -> Route:
    """A page of a list."""
    wanted = query | {"limit": str(limit)}
    return Route(name, path, wanted, lambda _: limit, middle, bound_at)


def routes(message_id: str) -> list[Route]:
    """All that are measured; `message_id` is one of the ordinary history."""
    ordinary = f"/v1/participants/{ORDINARY}/messages"
    large = f"/v1/participants/{LARGE}/messages"
    mailing = f"/v1/communications/{MAILING}"
    recipients = f"{mailing}/recipients"
    return [
        listed("ordinary history, first page", ordinary),
        listed("ordinary history, from the middle", ordinary, middle=lambda p: p.ordinary),
        listed("ordinary history, status=opened", ordinary, status="opened"),
        listed("large history, first page", large),
        listed("large history, from the middle", large, middle=lambda p: p.large),
        listed("large history, to=…", large, to="2026-11-20T10:49:59.999Z"),
        listed("large history, status=opened", large, status="opened", bound_at=BETWEEN),
        listed("large history, kind=newsletter", large, kind="newsletter", bound_at=BETWEEN),
        Route("a message with its trail", f"{ordinary}/{message_id}", {}),
        Route("a participant", f"/v1/participants/{ORDINARY}", {}),
        Route(
            "participants of an address",
            "/v1/participants",
            {"address": f"{ORDINARY}@society.example"},
            lambda _: 1,
        ),
        listed("recipients, first page", recipients),
        listed("recipients, from the middle", recipients, middle=lambda p: p.mailing),
        listed("recipients, status=bounced", recipients, status="bounced", limit=2),
        listed("recipients, status=opened", recipients, status="opened", bound_at=BETWEEN),
        Route(
            "recipients as CSV, first part",
            recipients,
            {"accept": "text/csv"},
            lambda p: min(p.mailing, 9_999),  # whole pages of 99 within its 10,000
            whole=True,
        ),
        Route("a mailing's figures", mailing, {}, bound_at=BETWEEN),
        listed("mailings, first page", "/v1/communications", limit=MAILINGS, bound_at=BETWEEN),
        listed(
            "mailings, from the middle",
            "/v1/communications",
            limit=MAILINGS,
            middle=lambda p: 1 + p.others,
        ),
        listed("suppressions, first page", "/v1/suppressions"),
        listed(
            "suppressions, from the middle",
            "/v1/suppressions",
            middle=lambda p: p.suppressions // 2,
        ),
        Route("a suppression", "/v1/suppressions/member-0000000@gone.example", {}),
    ]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a call cost.

    Attributes:
        milliseconds: None where it was not timed.
        rows: of an export; 1 for all others.
    """

    cost: Cost
    milliseconds: float | None = None
    rows: int = 1


class Stack:
    """The product over tables of one size."""

    def __init__(self, population: Population, world: World, meter: Meter) -> None:
        self.population = population
        self._world = world
        self._api = Api(world)
        self._meter = meter

    def routes(self) -> Iterator[tuple[Route, Measured]]:
        """Calls each route.

        Raises:
            SystemExit: one answers something else than it should.
        """
        path = f"/v1/participants/{ORDINARY}/messages"
        entry = self._called(path, limit=PAGE)["json"]["items"][-1]
        for route in routes(entry["message_id"]):
            yield route, self._measured(route)

    def _measured(self, route: Route) -> Measured:
        query = dict(route.query) | self._cursor(route)
        times: list[float] = []
        costs: list[Cost] = []
        rows = 1
        for _ in range(1 if route.whole else CALLS):
            self._meter.spent()
            start = time.perf_counter()
            answer = self._called(route.path, **query)
            times.append((time.perf_counter() - start) * 1000)
            costs.append(self._meter.spent())
            if route.entries:
                rows = _entries(answer)
                full = self.population.messages >= route.bound_at
                if full and rows != route.entries(self.population):
                    raise SystemExit(f"{route.name} of {self.population.messages}: {rows} entries")
        cheapest = min(costs, key=lambda cost: cost.requests)
        return Measured(cheapest, median(times), rows if route.whole else 1)

    def _cursor(self, route: Route) -> dict[str, str]:
        """The cursor of the page in the middle, by way of the pages before it."""
        if route.middle is None:
            return {}
        size = int(route.query["limit"])
        step = HISTORIES if size == PAGE else size
        left = max(step, route.middle(self.population) // 2 // step * step)
        cursor: str | None = None
        while left:
            query = dict(route.query) | {"limit": str(min(left, LONGEST_PAGE))}
            answer = self._called(route.path, **query, cursor=cursor)
            left -= len(answer["json"]["items"])
            cursor = answer["json"]["next_cursor"]
            if cursor is None:
                raise SystemExit(f"{route.name} of {self.population.messages} ends too early")
        return {"cursor": str(cursor)}

    def _called(self, path: str, **query: Any) -> Json:
        answer = self._api(path, **query)
        if answer["statusCode"] != 200:
            raise SystemExit(f"{path} {query}: {answer}")
        return answer

    # --- the sweep ---------------------------------------------------------------------------

    def sweeps(self) -> Iterator[tuple[str, Measured]]:
        """What the sweep costs, and what a Scan; that one first, before anyone is marked."""
        self._sweep(YESTERDAY, found=0, since=str(DUE_DAY - timedelta(days=1)))
        yield SCAN, Measured(self._scan())
        yield TODAYS, Measured(self._sweep(TODAY, found=DUE))
        yield "again, right after", Measured(self._sweep(TODAY, found=0))
        yield "anew, that day", Measured(self._sweep(TODAY, found=0, since=str(DUE_DAY)))

    def _sweep(self, now: Timestamp, *, found: int, since: str | None = None) -> Cost:
        backend = self._world.backend
        db = DynamoDB(backend.environment)
        table = backend.table("Participants")
        log = EventLog(db, backend.table("Events"), retention_days=400)
        fold = ParticipantProjection.over(db, table, backend.table("Suppressions"))
        self._meter.spent()
        swept = InactivitySweep(db, table, log, fold, years=YEARS).run(
            now, has_time=lambda: True, since=since
        )
        if swept.count != found or swept.place:
            raise SystemExit(f"a sweep found {swept.count}, not {found}")
        return self._meter.spent()

    def _scan(self) -> Cost:
        pages = (
            self._world.backend.endpoints.client("dynamodb")
            .get_paginator("scan")
            .paginate(
                TableName=self._world.backend.table("Participants"),
                FilterExpression="activity_day < :next",
                ExpressionAttributeValues={":next": {"S": str(DUE_DAY + timedelta(days=1))}},
            )
        )
        self._meter.spent()
        count = sum(page["Count"] for page in pages)
        if count != DUE:
            raise SystemExit(f"a Scan found {count}, not {DUE}")
        return self._meter.spent()


def _entries(answer: Json) -> int:
    if "json" in answer:
        return len(answer["json"]["items"])
    return int(answer["body"].count("\n")) - 1


# --- the stacks ------------------------------------------------------------------------------


class Stacks:
    """One stack after another, each filled as much."""

    def __init__(self, moto_url: str) -> None:
        """Makes what is not in DynamoDB, once."""
        backend = Backend("moto", aws.Endpoints(moto_url))
        backend.build()
        self._moto_url = moto_url
        self._resources = backend.resources
        self._names = {table: backend.table(table) for table in TABLES}

    @contextmanager
    def filled(self, population: Population) -> Iterator[Stack]:
        """A stack with that many messages, its tables on disk."""
        with tempfile.TemporaryDirectory() as folder:
            files = Path(folder)
            self._fill(population, files)
            with (
                dynamodb_local(files) as database,
                Meter(database) as meter,
                pytest.MonkeyPatch.context() as patch,
            ):
                backend = Backend("dynamodb-local", aws.Endpoints(self._moto_url, meter.url))
                backend.resources = self._resources
                yield Stack(population, World(backend, patch), meter)

    def _fill(self, population: Population, files: Path) -> None:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory(dir=ROOMY if ROOMY.is_dir() else None) as folder:
            with dynamodb_local(Path(folder)) as database:
                endpoints = aws.Endpoints(database)
                tables = self._resources.of_type("AWS::DynamoDB::Table")
                for table, name in self._names.items():
                    create_table(endpoints.client("dynamodb"), tables[f"{table}Table"], name)
                population.fill(endpoints, self._names)
            for file in Path(folder).iterdir():
                shutil.move(file, files)
        size = sum(file.stat().st_size for file in files.iterdir()) / 2**20
        print(
            f"{population.messages:,} messages in {time.perf_counter() - start:.0f} s, "
            f"{size:,.0f} MiB",
            file=sys.stderr,
        )


# --- what it shows ---------------------------------------------------------------------------

Costs = dict[int, Measured]
"""What something cost, by the number of messages."""


@dataclass(frozen=True, slots=True)
class Growth:
    """How much more something costs among most messages than among fewest.

    Attributes:
        figure: which: requests, read units, write units.
    """

    name: str
    figure: str
    ratio: float


def growth_of(route: Route, costs: Costs) -> Iterator[Growth]:
    """Of a route: in requests, and in units over what they are where it first reaches its bound."""
    least, bound, most = (
        costs[size] for size in (min(costs), max(route.bound_at, min(costs)), max(costs))
    )
    if route.whole:
        units = [each.cost.read_units / each.rows for each in (most, least)]
        yield Growth(route.name, "read units of a row", units[0] / units[1])
        return
    yield Growth(route.name, "requests", most.cost.requests / least.cost.requests)
    yield Growth(route.name, "read units", most.cost.read_units / bound.cost.read_units)


def growth_of_sweep(step: str, costs: Costs) -> Iterator[Growth]:
    """Of a sweep."""
    few, most = (costs[size].cost for size in (min(costs), max(costs)))
    yield Growth(step, "requests", most.requests / few.requests)
    if few.read_units:
        yield Growth(step, "read units", most.read_units / few.read_units)
    if few.write_units:
        yield Growth(step, "write units", most.write_units / few.write_units)


def judged(what: str, found: Sequence[Growth], report: Report) -> None:
    """Claims that nothing costs more, and says which does."""
    for figure in sorted({each.figure for each in found}):
        ratios = [each.ratio for each in found if each.figure == figure]
        claim = Claim(f"{what}: {figure}", max(ratios), min(ratios), max(ratios), at_most=1)
        report.claims.append(claim)
    report.wrong += [
        f"{each.name}: {each.ratio:.3g} times the {each.figure}" for each in found if each.ratio > 1
    ]


def table(
    title: str, found: Mapping[str, Costs], *, timed: bool, notes: Sequence[str] = ()
) -> Table:
    """What each cost at each size."""
    sizes = sorted(next(iter(found.values())))
    columns = [
        "",
        *(f"requests among {size:,}" for size in sizes),
        *(f"read units among {size:,}" for size in sizes),
        *(f"{'ms' if timed else 'write units'} among {size:,}" for size in sizes),
    ]
    rows = [
        (
            name,
            *(costs[size].cost.requests for size in sizes),
            *(costs[size].cost.read_units for size in sizes),
            *(
                costs[size].milliseconds if timed else costs[size].cost.write_units
                for size in sizes
            ),
        )
        for name, costs in found.items()
    ]
    return Table(title, columns, rows, notes)


def main() -> int:
    """Runs the benchmark; the process's exit status."""
    parser = argparse.ArgumentParser(description="what reading costs as the tables grow")
    parser.add_argument("--largest", type=int, default=1_000_000, help="messages (1000000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there, too")
    options = parser.parse_args()
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it misses metrics of its own
    called: dict[str, Route] = {}
    reading: dict[str, Costs] = {}
    sweeping: dict[str, Costs] = {}
    with moto() as url:
        stacks = Stacks(url)
        for size in sorted({SMALLEST, min(BETWEEN, options.largest), options.largest}):
            with stacks.filled(Population(size)) as stack:
                for route, measured in stack.routes():
                    called[route.name] = route
                    reading.setdefault(route.name, {})[size] = measured
                for step, measured in stack.sweeps():
                    sweeping.setdefault(step, {})[size] = measured
    report = Report(
        "What reading costs as the tables grow",
        f"Among {SMALLEST} and among {options.largest:,} messages: each route through the API's "
        "handler, and the daily sweep; requests counted before DynamoDB Local on disk. A ratio is "
        "the cost among most over that among fewest, or for what has a bound, over that where it "
        "is first reached; the median column has the greatest of all.",
        tables=[
            table("Routes", reading, timed=True, notes=[BOUNDS]),
            table(f"The sweep, which finds {DUE}", sweeping, timed=False),
        ],
    )
    grown = (growth_of(called[name], costs) for name, costs in reading.items())
    judged("routes", [each for one in grown for each in one], report)
    scan = sweeping.pop(SCAN)
    judged("sweeps", [each for one in sweeping.items() for each in growth_of_sweep(*one)], report)
    usual, ours = (costs[options.largest].cost.read_units for costs in (scan, sweeping[TODAYS]))
    report.claims.append(Claim("today's sweep: read units over those of a Scan", ours / usual))
    return report.finish(options.json)


if __name__ == "__main__":
    sys.exit(main())
