"""The sweep: who is due is found, whoever else there is; by pages, days late, twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from local.notifications import Mail
from sendtrail.domain.events import Event
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.times import epoch_ms, from_epoch_ms
from sendtrail.errors import InvalidInputError, UnreachableError
from sendtrail.intake.parser import events_of
from sendtrail.log.trails import Trails
from sendtrail.projections.activity import Activity
from sendtrail.projections.items import participant_from_item
from sendtrail.projections.participants import ParticipantProjection
from sendtrail.staff import inactivity as module
from sendtrail.staff.inactivity import InactivitySweep, SweepPosition
from tests.functional.conftest import Backend
from tests.functional.world import Api, Context, World
from tests.support import load_event

NOW = "2026-11-24T03:15:00.000Z"
DUE = "2024-11-23"
"""The last day that is, all of it, two years ago."""
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


class House:
    """Participants, and sweeps of them."""

    def __init__(self, backend: Backend) -> None:
        self.db = backend.database(count_capacity=True)
        self.table = backend.table("Participants")
        self.log = Trails(self.db, backend.table("Trails"), retention_days=36_500)
        self.fold = ParticipantProjection.over(self.db, self.table, backend.table("Suppressions"))
        activity = Activity(self.db, backend.table("Trails"), self.table)
        self.sweep = InactivitySweep(self.db, self.table, self.log, self.fold, activity, years=2)

    def people(self, *people: tuple[str, str]) -> None:
        """Participants who were sent something, and when each last opened it, as a sweep found."""
        for participant_id, at in people:
            self.fold.apply([sent(participant_id, at)])
            self.fold.settle(participant_id, at)

    def run(self, now: str = NOW, **more: Any) -> Any:
        """Sweeps; without a limit of time unless one is given."""
        return self.sweep.run(now, **{"has_time": lambda: True} | more)

    def inactive(self) -> set[str]:
        """Who is, by their own rows."""
        keys = [{"participant_id": each, "part": "profile"} for each in self.known]
        people = map(participant_from_item, self.db.get_all(self.table, keys))
        return {person.participant_id for person in people if person.inactive_since}

    known: Iterable[str] = ()


def sent(participant_id: str, at: str) -> Event:
    """A message that was sent a minute before, and whose opens can be observed."""
    (event,) = events_of(_mail(participant_id, at).send())
    return event


def opened(participant_id: str, at: str) -> Event:
    """A person's open of that message."""
    (event,) = events_of(_mail(participant_id, at).open(at, FIREFOX))
    return event


def _mail(participant_id: str, at: str) -> Mail:
    sent_at = from_epoch_ms(epoch_ms(at) - 60_000)
    message_id = derived_message_id(sent_at, participant_id, "x@example.com")
    tags = {"participant_id": participant_id, "message_id": message_id, "tracked": "yes"}
    return Mail(participant_id, sent_at, ["x@example.com"], tags=tags)


@pytest.fixture
def house(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> House:
    """Nobody yet; the first sweep looks back for a month."""
    monkeypatch.setattr(module, "FIRST_REACH", timedelta(days=30))
    return House(backend)


def few() -> Iterator[tuple[str, str]]:
    """Some who are due, some who are not."""
    yield "long-ago", "2024-11-01T10:00:00.000Z"
    yield "the-day", f"{DUE}T23:59:59.999Z"
    yield "a-day-later", "2024-11-24T00:00:00.000Z"
    yield "last-year", "2025-11-24T00:00:00.000Z"


def test_who_is_due_is_marked_and_nobody_else(house: House) -> None:
    """On the day after two years of silence; those whose mail cannot be measured never."""
    house.people(*few())
    house.fold.apply([Event.interaction("never-mailed", "2020-01-01T00:00:00.000Z", "1", "order")])
    house.known = [*(name for name, _ in few()), "never-mailed"]
    swept = house.run()
    assert (swept.count, swept.place, swept.last_day) == (2, None, DUE)
    assert house.inactive() == {"long-ago", "the-day"}


def test_a_dry_run_says_who_would_be_marked_and_writes_nothing(house: House) -> None:
    """With the date since when, and the last activity."""
    house.people(*few())
    house.known = [name for name, _ in few()]
    swept = house.run(dry=True)
    assert [asdict(due) for due in swept.found] == [
        {
            "participant_id": "long-ago",
            "last_active_at": "2024-11-01T10:00:00.000Z",
            "since": "2026-11-01T10:00:00.000Z",
            "interacted": True,
        },
        {
            "participant_id": "the-day",
            "last_active_at": f"{DUE}T23:59:59.999Z",
            "since": "2026-11-23T23:59:59.999Z",
            "interacted": True,
        },
    ]
    assert house.inactive() == set()
    assert house.run().count == 2


def test_a_rerun_changes_nothing_and_a_missed_week_is_caught_up(house: House) -> None:
    """Each sweep begins after the day that was finished last."""
    days = [date.fromisoformat(DUE) + timedelta(days=number) for number in range(8)]
    house.people(*[(f"p{day}", f"{day}T12:00:00.000Z") for day in days])
    house.known = [f"p{day}" for day in days]
    assert house.run().count == 1
    again = house.run()
    assert (again.count, again.first_day) == (0, "")
    assert house.inactive() == {f"p{DUE}"}
    week = house.run("2026-12-01T03:15:00.000Z")
    assert (week.count, week.first_day) == (7, "2024-11-24")
    assert len(house.inactive()) == 8


def test_a_sweep_whose_time_is_over_goes_on_where_it_was(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a day, and within a page's reach, also if one part is done twice."""
    monkeypatch.setattr(module, "PAGE", 3)
    house.people(*[(f"p{number}", f"{DUE}T12:00:00.000Z") for number in range(30)])
    house.known = [f"p{number}" for number in range(30)]
    place: SweepPosition | None = SweepPosition(DUE)
    parts = 0
    while place:
        before = place
        swept = house.run(place=place, has_time=lambda: False)
        assert swept.count <= 3
        place = swept.place
        if parts == 3:
            house.run(place=before, has_time=lambda: False)
        parts += 1
    assert parts >= 10
    assert len(house.inactive()) == 30
    assert house.run().first_day == ""


def test_a_sweep_that_breaks_off_anywhere_is_made_good_by_the_next(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever call to DynamoDB fails."""
    house.people(*[(f"p{number}", f"{DUE}T12:00:00.000Z") for number in range(8)])
    house.known = [f"p{number}" for number in range(8)]
    call = house.db._call
    failed = 0
    for at in range(60):
        count = iter(range(1000))

        def failing(*arguments: Any, at: int = at, count: Iterator[int] = count) -> Any:
            if next(count) == at:
                raise UnreachableError("NoAnswer", "on demand")
            return call(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(house.db, "_call", failing)
            try:
                house.run(since=DUE)
            except UnreachableError:
                failed += 1
            else:
                break
    assert failed >= 8
    assert len(house.inactive()) == 8


def test_who_interacts_is_active_at_once_and_due_again_two_years_later(house: House) -> None:
    """By a click of theirs, a transaction, a choice."""
    house.people(*few())
    house.known = [name for name, _ in few()]
    house.run()
    at = "2026-11-25T09:00:00.000Z"
    house.fold.apply_hits([("the-day", at, at)])
    house.fold.apply([Event.subscription("long-ago", "2026-11-26T09:00:00.000Z", subscribed=True)])
    assert house.inactive() == set()
    assert house.run("2028-11-26T03:00:00.000Z").count == 3
    assert house.inactive() == {"a-day-later", "last-year", "the-day"}


def test_activity_that_becomes_known_late_is_found_when_asked_for(house: House) -> None:
    """An import of old mail: its day was swept before."""
    house.run()
    house.people(("imported", "2024-10-05T12:00:00.000Z"))
    house.known = ["imported"]
    assert house.run().count == 0
    assert house.run(since="2024-10-01").count == 1
    assert house.inactive() == {"imported"}
    with pytest.raises(InvalidInputError, match="no-day"):
        house.run(since="no-day")


def test_a_sweep_from_a_later_day_leaves_none_out(house: House) -> None:
    """What was not swept before it is swept by the next."""
    house.people(("early", "2024-11-10T12:00:00.000Z"), ("late", f"{DUE}T12:00:00.000Z"))
    house.known = ["early", "late"]
    house.run("2026-11-05T03:15:00.000Z")
    assert house.run(since="2024-11-20").count == 1
    assert house.inactive() == {"late"}
    assert house.run().count == 1
    assert house.inactive() == {"early", "late"}


def test_a_sweep_costs_what_is_due_and_not_what_is_there(house: House) -> None:
    """The same requests and read units among many times as many."""

    def cost(run: Callable[[], Any]) -> tuple[dict[str, int], dict[str, float]]:
        house.db.calls, house.db.consumed = {}, {}
        run()
        return dict(house.db.calls), dict(house.db.consumed)

    house.people(*[(f"due-{number}", f"{DUE}T12:00:00.000Z") for number in range(10)])
    house.people(*[(f"a{number}", "2026-01-01T12:00:00.000Z") for number in range(50)])
    house.run(since=DUE, dry=True)
    small = cost(lambda: house.run(since=DUE, dry=True))
    house.people(*[(f"b{number}", "2026-02-01T12:00:00.000Z") for number in range(1000)])
    assert cost(lambda: house.run(since=DUE, dry=True)) == small


def test_who_opened_something_meanwhile_is_not_marked(
    moto_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody wrote that down when it happened: their messages tell, and they are due later."""
    world, house = World(moto_backend, monkeypatch), House(moto_backend)
    house.people(("reader", f"{DUE}T10:00:00.000Z"), ("silent", f"{DUE}T10:00:00.000Z"))
    house.known = ["reader", "silent"]
    house.log.append([sent("reader", "2026-02-01T10:00:00.000Z")])
    house.log.append([opened("reader", "2026-02-01T10:00:00.000Z")])
    world.fold()
    assert [due.participant_id for due in house.run(since=DUE, dry=True).found] == ["silent"]
    assert house.run(since=DUE).count == 1
    assert house.inactive() == {"silent"}
    assert house.run("2028-02-03T03:15:00.000Z", since="2026-02-01").count == 1
    assert house.inactive() == {"reader", "silent"}


class Hurry(Context):
    """An invocation with no time left after its first page."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        """Too little."""
        return 1_000


def test_the_function_continues_itself_by_its_queue(
    moto_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it is done; the schedule's event begins it, and the API shows what came of it."""
    world = World(moto_backend, monkeypatch)
    house = House(moto_backend)
    today = datetime.now(UTC).date()
    day = today.replace(year=today.year - 2, day=min(today.day, 28)) - timedelta(days=1)
    house.people(*[(f"p{number}", f"{day}T00:00:00.000Z") for number in range(20)])
    dry = world.call("sweep", load_event("sweep-dry-run") | {"since": str(day)})
    assert len(dry["found"]) == dry["count"] == 20
    world.call("sweep", load_event("schedule-sweep") | {"since": str(day)}, Hurry())
    sqs = moto_backend.endpoints.client("sqs")
    queue = moto_backend.resources.physical["SweepQueue", ""]
    parts = 0
    while True:
        found = sqs.receive_message(QueueUrl=queue).get("Messages", [])
        if not found:
            break
        parts += 1
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=found[0]["ReceiptHandle"])
        event = load_event("sweep-continues")
        event["Records"][0]["body"] = found[0]["Body"]
        assert set(json.loads(found[0]["Body"])) == {"place"}
        world.call("sweep", event, Hurry())
    assert parts >= 3
    assert Api(world)("/v1/participants/p7")["json"]["inactive_since"].startswith(
        str(day.replace(year=day.year + 2))
    )
