"""The console's page about who is about to be inactive."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest

from local.template import load
from sendtrail.auth.api_keys import Scope
from sendtrail.console import inactive
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.staff.inactivity import DAILY_AT, next_sweep
from tests.functional.conftest import Backend
from tests.functional.test_console import signed_in, text_of
from tests.functional.test_sweep import House, opened, sent
from tests.functional.visitor import Visitor
from tests.functional.world import World

PAGE = "/console/inactive"
NOW = "2026-11-23T12:00:00.000Z"
DUE = date(2024, 11, 23)
"""The last day that the sweep of the next morning reads."""


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty, on a certain day."""
    monkeypatch.setattr(inactive, "now", lambda: NOW)
    return World(moto_backend, monkeypatch)


@pytest.fixture
def house(world: World) -> House:
    """Participants, and sweeps of them; that of the day before yesterday was the last."""
    return swept_on("2026-11-22", world)


@pytest.fixture
def behind(world: World) -> House:
    """The same; the last was three weeks ago."""
    return swept_on("2026-11-01", world)


def swept_on(day: str, world: World) -> House:
    """Nobody yet, and one sweep of one day."""
    made = House(world.backend)
    at = f"{day}T03:15:00.000Z"
    assert made.run(at, since=made.sweep.last_due_day(at)).place is None
    return made


@pytest.fixture
def reader(world: World) -> Visitor:
    """Somebody who may only look."""
    return signed_in(world, Scope.READ)


def names(page: dict[str, Any]) -> list[str]:
    """The participants of a page."""
    return re.findall(r'scope="row"><a href="/console/participants/([^"]+)"', page["body"])


def test_the_next_sweep_is_the_templates() -> None:
    """Daily, at that time; today if that is still to come."""
    events = load().of_type("AWS::Scheduler::Schedule").values()
    (schedule,) = [each["ScheduleExpression"] for each in events]
    hour, minute = map(int, DAILY_AT.split(":"))
    assert schedule == f"cron({minute} {hour} * * ? *)"
    assert next_sweep("2026-11-24T03:14:59.999Z") == "2026-11-24T03:15:00.000Z"
    assert next_sweep("2026-11-24T03:15:00.000Z") == "2026-11-25T03:15:00.000Z"
    assert next_sweep("2026-12-31T23:00:00.000Z") == "2027-01-01T03:15:00.000Z"


def test_who_is_due_is_shown_with_the_reason(house: House, reader: Visitor) -> None:
    """Those whom the next sweep then marks, and nobody else."""
    sent = Recipient("01JDCB9M000000000000000000", "never", None, "never@example.com")
    at = "2024-11-22T08:00:00.000Z"
    send = Event.of_sending(
        EventType.SEND, sent, at, kind="news", subject="", detail={"tracked": True}
    )
    house.people(
        ("friday", "2024-11-22T10:00:00.000Z"),
        ("saturday", "2024-11-23T23:59:59.999Z"),
        ("sunday", "2024-11-24T00:00:00.000Z"),
    )
    house.fold.apply([send])
    page = reader.get(PAGE)
    assert sorted(names(page)) == ["friday", "never", "saturday"]
    labels = text_of(page)
    assert "24 Nov 2026 03:15" in labels
    assert "last active from 22 Nov 2024 to 23 Nov 2024" in labels
    assert (
        "friday 22 Nov 2024 10:00 22 Nov 2026 10:00 No open, click or transaction for 2 years"
        in labels
    )
    assert "never – 22 Nov 2026 08:00 Never opened, clicked or did anything since" in labels
    house.known = ["friday", "saturday", "sunday", "never"]
    assert house.run(next_sweep(NOW)).count == 3
    assert house.inactive() == set(names(page))


def test_an_interaction_takes_somebody_off_the_page(
    house: House, reader: Visitor, world: World
) -> None:
    """As soon as the hit is judged: the page asks the messages of those who seem due."""
    house.people(("ann", "2024-11-22T10:00:00.000Z"))
    assert names(reader.get(PAGE)) == ["ann"]
    house.log.append(
        [sent("ann", "2026-11-23T11:00:00.000Z"), opened("ann", "2026-11-23T11:00:00.000Z")]
    )
    world.fold()
    assert names(reader.get(PAGE)) == []


def test_an_empty_page_says_what_there_is_to_do(house: House, reader: Visitor) -> None:
    """Whether nobody is due, or no day is left."""
    assert "Nobody is due" in text_of(reader.get(PAGE))
    house.run("2026-11-24T03:15:00.000Z")
    assert "last active on 24 Nov 2024" in text_of(reader.get(PAGE))  # the sweep after that
    house.run("2026-11-26T03:15:00.000Z")
    assert "Nothing left to check" in text_of(reader.get(PAGE))


def test_many_days_are_leafed_through(behind: House, reader: Visitor) -> None:
    """In parts that read little each; every one of those due is on one of them, once."""
    people = [
        (f"p{number:03}", f"{DUE - timedelta(days=number % 20)}T10:{number % 60:02}:00.000Z")
        for number in range(0, 400, 4)
    ]
    behind.people(*people, *[(f"q{number:03}", f"{DUE}T10:00:00.000Z") for number in range(200)])
    found: list[str] = []
    page = reader.get(PAGE)
    parts = 1
    while True:
        assert len(names(page)) < 50
        found += names(page)
        if 'rel="next"' not in page["body"]:
            break
        page = reader.follow(page, "Next")
        parts += 1
    assert sorted(found) == sorted([name for name, _ in people] + [f"q{n:03}" for n in range(200)])
    assert parts <= 30
    assert names(reader.follow(page, "First days")) == found[: len(names(reader.get(PAGE)))]
    late = reader.get(f"{PAGE}?day={DUE}")
    assert set(names(late)) <= {f"q{n:03}" for n in range(200)} | {
        n for n, at in people if str(DUE) in at
    }
    assert names(late)


def test_a_part_without_anybody_leads_on(behind: House, reader: Visitor) -> None:
    """Days at which nobody was last active come between those at which some were."""
    behind.people(("ann", f"{DUE}T10:00:00.000Z"))
    page = reader.get(PAGE)
    assert "Nobody in this part" in text_of(page)
    for _ in range(20):
        if names(page):
            break
        page = reader.follow(page, "Next")
    assert names(page) == ["ann"]


def test_a_part_reads_the_same_few_pages_however_many_there_are(
    house: House, reader: Visitor, world: World
) -> None:
    """At most the state, eight small pages of the index, one batch of rows, and for each of those
    found their addresses and newest messages.
    """
    for count in (10, 400):
        house.people(*[(f"c{count}-{n}", f"{DUE}T10:00:00.000Z") for n in range(count)])
        inactivity = house.sweep
        house.db.calls.clear()
        due_page = inactivity.look(next_sweep(NOW), most=25)
        assert len(due_page.found) < 50
        assert house.db.calls["Query"] <= 8 + 2 * len(due_page.found)
        assert house.db.calls["BatchGetItem"] == house.db.calls["GetItem"] == 1


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("day=2024-11-31", 422),
        ("day=tomorrow", 422),
        ("day=2024-11-24", 422),
        ("day=2020-01-01", 422),
        ("at=spoilt", 400),
    ],
)
def test_what_is_no_part_of_it_is_refused(
    house: House, reader: Visitor, query: str, status: int
) -> None:
    """A day that is none, that the sweep will not read, a spoilt place."""
    assert reader.get(f"{PAGE}?{query}")["statusCode"] == status


def test_who_has_not_signed_in_does_not_see_it(world: World) -> None:
    """They are sent to sign in, and back."""
    page = Visitor(world).get(PAGE)
    assert page["headers"]["Location"] == "/console/sign-in?next=%2Fconsole%2Finactive"
