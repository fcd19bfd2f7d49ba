"""What reading costs as the tables grow: requests and read units of each route, and of each page of
the console.

Three stacks of 200, 10,000 and 1,000,000 messages (benchmarks/population.py), each in an AWS
DynamoDB Local that keeps its tables on disk. The handlers are called as by API Gateway; what they
ask is counted by benchmarks/units.py. What has a bound that few messages do not reach is held
against the smallest size that reaches it. Of three calls the cheapest counts: one may time out. A
new page of the console is a line in `pages`.

    python -m benchmarks.scale [--largest 1000000] [--into FILE]

It needs Java and AWS's DynamoDB Local. The largest takes 4 to 15 minutes to fill.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from benchmarks.harness import Json, create_table, dynamodb_local, main, moto, options
from benchmarks.population import (
    BUSY,
    BUSY_MESSAGE,
    HISTORIES,
    LARGE,
    MAILING,
    ORDINARY,
    Population,
)
from benchmarks.report import Claim, Report, Table
from benchmarks.units import Cost, Meter
from local import aws
from sendtrail.auth.api_keys import Scope
from tests.functional.conftest import Backend
from tests.functional.visitor import Visitor, make_key
from tests.functional.world import Api, World

SMALLEST: Final = 200
BETWEEN: Final = 10_000
CALLS: Final = 3
PAGE: Final = 5
LONGEST_PAGE: Final = 100
TEMPLATE: Final = "newsletter"
BOUNDS: Final = (
    f"A page has {PAGE} entries. A filter with no index behind it (opened, kind) looks at up to "
    "100 entries, a large mailing's figures are in up to 16 rows, and mailings are listed month by "
    "month: those cost as much as they may from some hundreds of messages on."
)
ROOMY: Final = Path("/dev/shm")  # noqa: S108 -- a folder of our own is made in it

Costs = dict[int, Cost]
"""What something cost, by the number of messages."""


@dataclass(frozen=True, slots=True)
class Route:
    """What is called, and what it should answer.

    Attributes:
        entries: how many it answers; None if it is no list.
        middle: at which entry of the whole list the page begins, of a list so long.
        bound_at: the smallest size at which it costs all that it may.
    """

    path: str
    query: Mapping[str, str]
    entries: int | None = None
    middle: Callable[[Population], int] | None = None
    bound_at: int = SMALLEST


def listed(
    path: str,
    *,
    middle: Callable[[Population], int] | None = None,
    limit: int = PAGE,
    bound_at: int = SMALLEST,
    **query: str,
) -> Route:
    """A page of a list."""
    return Route(path, query | {"limit": str(limit)}, limit, middle, bound_at)


def routes() -> dict[str, Route]:
    """All that are measured."""
    people, mailing = "/v1/participants", f"/v1/communications/{MAILING}"
    ordinary, large = f"{people}/{ORDINARY}/messages", f"{people}/{LARGE}/messages"
    recipients = f"{mailing}/recipients"
    return {
        "ordinary history, first page": listed(ordinary),
        "ordinary history, from the middle": listed(ordinary, middle=lambda p: p.ordinary),
        "ordinary history, status=opened": listed(ordinary, status="opened"),
        "large history, first page": listed(large),
        "large history, from the middle": listed(large, middle=lambda p: p.large),
        "large history, to=…": listed(large, to="2026-11-20T10:49:59.999Z"),
        "large history, status=opened": listed(large, status="opened", bound_at=BETWEEN),
        "large history, kind=newsletter": listed(large, kind="newsletter", bound_at=BETWEEN),
        "history with 5,000 hits": listed(f"{people}/{BUSY}/messages"),
        "a message with 5,000 hits": Route(f"{people}/{BUSY}/messages/{BUSY_MESSAGE}", {}),
        "a participant": Route(f"{people}/{ORDINARY}", {}),
        "recipients, first page": listed(recipients),
        "recipients, from the middle": listed(recipients, middle=lambda p: p.mailing),
        "recipients, status=bounced": listed(recipients, status="bounced", limit=2),
        "recipients, status=opened": listed(recipients, status="opened", bound_at=BETWEEN),
        "a mailing's figures": Route(mailing, {}, bound_at=BETWEEN),
    }


def pages() -> dict[str, Route]:
    """The console's pages that show what there may be much of; a test says which are missing."""
    people, mailings = "/console/participants", "/console/communications"
    mailing = f"{mailings}/{MAILING}"
    found, direct = "/console/people", "/console/messages"
    return {
        "home": Route("/console", {}, bound_at=BETWEEN),
        "mailings": Route(mailings, {}, bound_at=BETWEEN),
        "mailings, by name": Route(mailings, {"name": "number 1"}, bound_at=BETWEEN),
        "mailings, by kind": Route(mailings, {"kind": "newsletter"}, bound_at=BETWEEN),
        "a mailing": Route(mailing, {}, bound_at=BETWEEN),
        "whether to stop it": Route(f"{mailing}/stop", {}, bound_at=BETWEEN),
        "its recipients": Route(f"{mailing}/recipients", {}, bound_at=BETWEEN),
        "… the last first": Route(f"{mailing}/recipients", {"order": "latest"}, bound_at=BETWEEN),
        "… who bounced": Route(f"{mailing}/recipients", {"did": "bounced"}, bound_at=BETWEEN),
        "… whom a person opened": Route(
            f"{mailing}/recipients", {"did": "opened"}, bound_at=BETWEEN
        ),
        "… whose id begins so": Route(
            f"{mailing}/recipients", {"q": "member-00000"}, bound_at=BETWEEN
        ),
        "a participant with 30 messages": Route(f"{people}/{ORDINARY}", {}),
        "a participant with many": Route(f"{people}/{LARGE}", {}, bound_at=BETWEEN),
        "their addresses": Route(f"{people}/{LARGE}/addresses", {}, bound_at=BETWEEN),
        "their timeline": Route(f"{people}/{LARGE}/timeline", {}, bound_at=BETWEEN),
        "a message opened 5,000 times": Route(f"{people}/{BUSY}/messages/{BUSY_MESSAGE}", {}),
        "whether to stop one": Route(f"{people}/{BUSY}/messages/{BUSY_MESSAGE}/stop", {}),
        "people": Route(found, {}, bound_at=BETWEEN),
        "people, by a word": Route(found, {"q": "member-00000"}, bound_at=BETWEEN),
        "direct messages": Route(direct, {}, bound_at=BETWEEN),
        "… by kind": Route(direct, {"kind": "invitation"}, bound_at=BETWEEN),
        "… that bounced": Route(direct, {"status": "bounced"}, bound_at=BETWEEN),
        "drafts": Route("/console/drafts", {}),
        "templates": Route("/console/templates", {}),
        "a new template": Route("/console/template", {}),
        "a template": Route(f"/console/templates/{TEMPLATE}", {}, bound_at=BETWEEN),
        "its versions": Route(f"/console/templates/{TEMPLATE}/versions", {}),
        "two of them": Route(f"/console/templates/{TEMPLATE}/compare", {"from": "1", "to": "2"}),
        "its editor": Route(f"/console/templates/{TEMPLATE}/edit", {}),
        "suppressions": Route("/console/suppressions", {}, bound_at=BETWEEN),
        "suppressions, who bounced": Route(
            "/console/suppressions", {"reason": "bounced"}, bound_at=BETWEEN
        ),
        "keys and people": Route("/console/staff", {}),
        "what staff did": Route("/console/staff/acts", {}),
        "webhooks": Route("/console/webhooks", {}),
        "who is about to be inactive": Route("/console/inactive", {}),
        "find": Route("/console/find", {"q": LARGE}),
    }


class Stack:
    """The product over tables of one size."""

    def __init__(self, population: Population, world: World, meter: Meter) -> None:
        self._population = population
        self._api = Api(world)
        self._visitor = Visitor(world)
        self._visitor.sign_in(make_key(world, Scope.ADMIN))
        for subject in ("First", "Second"):
            body = {"subject": subject, "text": "Dear {{ name }}, …" * 1_000}
            self._api(f"/v1/templates/{TEMPLATE}", "PUT", body)
        self._meter = meter

    def cost(self, name: str, route: Route) -> Cost:
        """What a route costs.

        Raises:
            SystemExit: it answers something else than it should.
        """
        query = dict(route.query) | self._cursor(name, route)
        costs = []
        for _ in range(CALLS):
            self._meter.spent()
            answer = self._called(route.path, **query)
            costs.append(self._meter.spent())
            if route.entries and self._population.messages >= route.bound_at:
                found = len(answer["json"]["items"])
                if found != route.entries:
                    raise SystemExit(f"{name} of {self._population.messages}: {found} entries")
        return min(costs, key=lambda cost: cost.requests)

    def _cursor(self, name: str, route: Route) -> dict[str, str]:
        """The cursor of the page in the middle, by way of the pages before it."""
        if route.middle is None:
            return {}
        left = max(HISTORIES, route.middle(self._population) // 2 // HISTORIES * HISTORIES)
        cursor: str | None = None
        while left:
            query = dict(route.query) | {"limit": str(min(left, LONGEST_PAGE))}
            answer = self._called(route.path, **query, cursor=cursor)["json"]
            left -= len(answer["items"])
            cursor = answer["next_cursor"]
            if cursor is None:
                raise SystemExit(f"{name} of {self._population.messages} ends too early")
        return {"cursor": str(cursor)}

    def _called(self, path: str, **query: Any) -> Json:
        if path.startswith("/console"):
            answer = self._visitor.get(path + (f"?{urlencode(query)}" if query else ""))
        else:
            answer = self._api(path, **query)
        if answer["statusCode"] not in (200, 303):
            raise SystemExit(f"{path} {query}: {answer}")
        return answer


@contextmanager
def filled(population: Population, made: Backend) -> Iterator[Stack]:
    """A stack with that many messages, its tables on disk.

    Args:
        made: where what is not in DynamoDB is.
    """
    with tempfile.TemporaryDirectory() as name:
        files = Path(name)
        with tempfile.TemporaryDirectory(dir=ROOMY if ROOMY.is_dir() else None) as folder:
            with dynamodb_local(Path(folder)) as database:
                endpoints = aws.Endpoints(database)
                tables = made.resources.of_type("AWS::DynamoDB::Table")
                names = {
                    name.removesuffix("Table"): made.table(name.removesuffix("Table"))
                    for name in tables
                }
                for table, physical in names.items():
                    client = endpoints.client("dynamodb")
                    create_table(client, tables[f"{table}Table"], physical)
                population.fill(endpoints, names)
            for file in Path(folder).iterdir():
                shutil.move(file, files)
        with (
            dynamodb_local(files) as database,
            Meter(database) as meter,
            pytest.MonkeyPatch.context() as patch,
        ):
            backend = Backend("dynamodb-local", aws.Endpoints(made.endpoints.aws, meter.url))
            backend.resources = made.resources
            yield Stack(population, World(backend, patch), meter)


# --- what it shows ---------------------------------------------------------------------------


def growth(route: Route, costs: Costs) -> dict[str, float]:
    """How many times as much a route costs among most messages as among fewest, or where it first
    reaches its bound.
    """
    least, most = min(costs), max(costs)
    bound = costs[min(max(route.bound_at, least), most)]
    return {
        "requests": _ratio(costs[most].requests, bound.requests),
        "read units": _ratio(costs[most].read_units, bound.read_units),
    }


def _ratio(most: float, least: float) -> float:
    """How many times as much; 1 where neither is anything."""
    if not least:
        return inf if most else 1.0
    return most / least


def measure(largest: int) -> Report:
    """What was found."""
    called = routes() | pages()
    found: dict[str, Costs] = {}
    sizes = sorted({SMALLEST, min(BETWEEN, largest), largest})
    with moto() as url:
        made = Backend("moto", aws.Endpoints(url))
        made.build()
        for size in sizes:
            with filled(Population(size), made) as stack:
                for name, route in called.items():
                    found.setdefault(name, {})[size] = stack.cost(name, route)
    columns = [f"requests among {size:,}" for size in sizes]
    columns += [f"read units among {size:,}" for size in sizes]
    grown = {name: growth(called[name], costs) for name, costs in found.items()}
    claims, tables = [], []
    for which, names in (("routes", routes()), ("pages", pages())):
        rows = [
            (
                name,
                *(found[name][size].requests for size in sizes),
                *(found[name][size].read_units for size in sizes),
            )
            for name in names
        ]
        tables.append(Table(which.capitalize(), ["", *columns], rows, [BOUNDS]))
        claims += [
            Claim(f"{which}: {figure}", [max(grown[name][figure] for name in names)], at_most=1)
            for figure in ("read units", "requests")
        ]
    return Report(
        "What reading costs as the tables grow",
        f"Among {SMALLEST} and among {largest:,} messages: each route and page through the "
        "handlers; requests counted before DynamoDB Local on disk. A ratio is the cost among most "
        "over that among fewest, or for what has a bound, over that where it is first reached: the "
        "greatest of all.",
        claims,
        tables,
        [
            f"{name}: {times:.3g} times the {figure}"
            for name, each in grown.items()
            for figure, times in each.items()
            if times > 1
        ],
    )


if __name__ == "__main__":
    main(measure, options(__doc__, largest=1_000_000))
