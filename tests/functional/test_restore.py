"""The rehearsal of a restore: tables lose what they hold, and a backup is put back into them."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.notifications import Mail
from sendtrail.auth.api_keys import Scope
from sendtrail.aws.dynamodb import from_attributes, to_attributes
from sendtrail.domain.communication import figures
from sendtrail.domain.times import now
from sendtrail.errors import InvalidInputError, NotFoundError
from sendtrail.projections.items import participant_from_item
from sendtrail.projections.project import epochs_of
from sendtrail_cli.main import main
from sendtrail_cli.restore import Table, put_back, restore, wait_until_active
from sendtrail_cli.target import Target
from tests.faults.weather import weather
from tests.functional.conftest import Backend
from tests.functional.erasing import ADDRESS, PERSON, erased, lived
from tests.functional.test_console import signed_in
from tests.functional.world import Api, World
from tests.oracle import Expected, expect
from tests.pipeline import is_row, what_readers_see
from tests.support import events_in
from tests.traces import forms_of, held, traces

KEYS = {
    "Trails": ("trail", "entry"),
    "Participants": ("participant_id", "part"),
    "Suppressions": ("address",),
    "Templates": ("template_id", "version"),
    "Staff": ("part", "sort"),
    "Webhooks": ("webhook", "entry"),
}
Copy = Callable[[str], list[str]]
"""What makes a copy of a table, and gives the arguments of `sendtrail restore` by which it is put
back.
"""


def items(backend: Backend, table: str) -> list[dict[str, Any]]:
    """All items of a table."""
    pages = backend.endpoints.client("dynamodb").get_paginator("scan")
    return [
        from_attributes(item)
        for page in pages.paginate(TableName=backend.table(table), ConsistentRead=True)
        for item in page["Items"]
    ]


def delete(backend: Backend, table: str, item: dict[str, Any]) -> None:
    """Deletes an item."""
    key = to_attributes({name: item[name] for name in KEYS[table]})
    backend.endpoints.client("dynamodb").delete_item(TableName=backend.table(table), Key=key)


def lose(backend: Backend, table: str, how: str, chance: random.Random) -> None:
    """Has a table lose everything, some items, or half of what rows hold."""
    for item in items(backend, table):
        if how == "everything" or (how == "items" and chance.random() < 0.4):
            delete(backend, table, item)
        elif how == "elements" and table == "Trails" and is_row(item):
            elements = sorted(item["events"])
            left = frozenset(chance.sample(elements, (len(elements) + 1) // 2))
            backend.database().put_all(backend.table(table), [item | {"events": left}])


@pytest.fixture
def copies(backend: Backend) -> Iterator[Copy]:
    """By a backup; where there are none, by writing what a table holds into another."""
    client, made = backend.endpoints.client("dynamodb"), []

    def copy(table: str) -> list[str]:
        name = backend.table(table)
        if backend.name == "moto":
            found = client.create_backup(TableName=name, BackupName="rehearsal")
            return [table.lower(), "--backup", found["BackupDetails"]["BackupArn"]]
        described = client.describe_table(TableName=name)["Table"]
        keys = [each["AttributeName"] for each in described["KeySchema"]]
        client.create_table(
            TableName=f"{name}-copy",
            KeySchema=described["KeySchema"],
            AttributeDefinitions=[
                each for each in described["AttributeDefinitions"] if each["AttributeName"] in keys
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        made.append(f"{name}-copy")
        for item in items(backend, table):
            backend.database().put_all(f"{name}-copy", [item])
        return [table.lower(), "--from", f"{name}-copy"]

    yield copy
    for name in made:
        client.delete_table(TableName=name)


def check(world: World, truth: Expected) -> None:
    """Holds histories, statuses and figures, and who is not to be mailed, against a plain count."""
    found = what_readers_see(lambda table: items(world.backend, table))
    keys: dict[tuple[str, str], set[str]] = defaultdict(set)
    for event in events_in(items(world.backend, "Trails")):
        keys[event.participant_id, event.message_id].add(event.key)
    assert keys == truth.events
    api = Api(world)
    for name, counts in truth.communications.items():
        mine = figures(found["communications"][name])
        assert {counter: mine[counter] for counter in counts} == counts, name
    some = dict(list(truth.communications.items())[:3])
    for name, counts in some.items():
        answer = api(f"/v1/communications/{name}")["json"]
        assert {counter: answer[counter] for counter in counts} == counts, name
    for who, message_id in list(truth.messages)[:20]:
        answer = api(f"/v1/participants/{who}/messages/{message_id}")["json"]
        wanted = truth.messages[who, message_id]
        names = wanted.keys() - {"is_bounced", "links"}
        assert {name: answer[name] for name in names} == {name: wanted[name] for name in names}
    assert {
        item["address"]: (item["reason"], item["since"])
        for item in found["Suppressions"]
        if "reason" in item
    } == truth.suppressed
    people = [
        participant_from_item(item) for item in found["Participants"] if item["part"] == "profile"
    ]
    assert {
        each.participant_id: not each.gets_communications_at(None)
        for each in people
        if each.subscription_change
    } == truth.unsubscribed


def rebuild(world: World) -> None:
    """A rebuild, of which `project` knows when it begins, and what it comes to."""
    assert main(["rebuild", "--wait", "0"]) == 0
    world.restart("project")
    world.fold()


@pytest.mark.parametrize("how", ["everything", "items", "elements"])
def test_the_log_is_restored_while_events_arrive(
    here: Path, world: World, copies: Copy, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And rebuilt: then all is as if nothing had been lost; and after a second time, too."""
    said = weather(240, seed=7)
    bodies = [*said.to_topic, *said.to_queue]
    random.Random(7).shuffle(bodies)
    first, second, third = bodies[:100], bodies[100:170], bodies[170:]
    world.ingest(first)
    world.fold()
    copy = copies("Trails")
    lose(world.backend, "Trails", how, random.Random(7))
    world.ingest(second)
    world.fold()
    assert main(["restore", *copy]) == 0
    world.ingest(third)
    rebuild(world)
    truth = expect(said.events)
    check(world, truth)
    capsys.readouterr()
    assert main(["restore", *again(copy, world.backend)]) == 0
    printed = capsys.readouterr().out
    assert "there already" in printed
    assert not any(word in printed for word in (" messages", " hits", "other events"))
    world.fold()
    check(world, truth)


def again(copy: list[str], backend: Backend) -> list[str]:
    """The arguments by which a copy is put back a second time: it is a table now."""
    if "--backup" not in copy:
        return copy
    names = backend.endpoints.client("dynamodb").list_tables()["TableNames"]
    (name,) = (each for each in names if "-restored-" in each)
    return [copy[0], "--from", name]


def test_participants_and_suppressions_are_restored(here: Path, world: World, copies: Copy) -> None:
    """Both lost all that they had, after which the log lost what they were made of."""
    said = weather(240, seed=8)
    bodies = [*said.to_topic, *said.to_queue]
    world.ingest(bodies[:150])
    world.fold()
    copied = [copies(table) for table in ("Participants", "Suppressions")]
    for table in ("Participants", "Suppressions"):
        lose(world.backend, table, "everything", random.Random(8))
    choices = [item for item in items(world.backend, "Trails") if "choice#" in item["entry"]]
    for item in choices:
        delete(world.backend, "Trails", item)
    assert choices
    world.restart("project")
    world.ingest(bodies[150:])
    world.fold()
    for copy in copied:
        assert main(["restore", *copy]) == 0
    rebuild(world)
    truth = expect(said.events)
    people = {
        item["participant_id"]: participant_from_item(item)
        for item in items(world.backend, "Participants")
        if item["part"] == "profile"
    }
    assert {
        who: not people[who].gets_communications_at(None) for who in truth.unsubscribed
    } == truth.unsubscribed
    assert {
        item["address"]: (item["reason"], item["since"])
        for item in items(world.backend, "Suppressions")
        if "reason" in item
    } == truth.suppressed


def test_who_was_erased_stays_so(here: Path, world: World, copies: Copy) -> None:
    """Of what was copied before, all of others comes back, and nothing of them."""
    api = lived(world)
    for who in (PERSON, "kim"):
        assert api(f"/v1/participants/{who}/addresses/home@x.example", "PUT")["statusCode"] < 300
    for address in (ADDRESS, "never@x.example"):
        assert api(f"/v1/suppressions/{address}", "PUT", {"note": "asked"})["statusCode"] < 300
    staff = signed_in(world, Scope.ADMIN)
    for who in (PERSON, "kim"):
        done = staff.post(f"/console/participants/{who}/interactions", kind="call")
        assert done["statusCode"] == 303
    world.fold()
    tables = ("Participants", "Suppressions", "Staff")
    copied = [copies(table) for table in tables]
    erasure = api(f"/v1/participants/{PERSON}", "DELETE")["json"]["erasure_id"]
    erased(world, erasure)
    for table in tables:
        lose(world.backend, table, "everything", random.Random(8))

    for copy in copied:
        assert main(["restore", *copy]) == 0

    forms = forms_of(PERSON, "Quibbleworth", addresses=[ADDRESS])
    assert traces(held(world.backend.resources, world.backend.endpoints), forms) == []
    assert api("/v1/participants/kim")["json"]["address"] == "home@x.example"
    assert [each["address"] for each in api.everything("/v1/suppressions")] == ["never@x.example"]
    acts = api("/v1/staff/acts", limit=100)["json"]["items"]
    of = {each["object_id"] for each in acts if each["action"] == "record_interaction"}
    assert of == {"kim", erasure}


class Slow:
    """A client of DynamoDB that sees a table as these statuses, one after another."""

    def __init__(self, client: Any, *statuses: str) -> None:
        self._client = client
        self.statuses = list(statuses)
        self.meta = client.meta

    def describe_table(self, **wanted: Any) -> Any:
        """Its status; nothing, where that is empty."""
        status = self.statuses.pop(0)
        if not status:
            return self._client.describe_table(TableName="not-there-yet")
        return {"Table": {"TableStatus": status}}


def test_a_copy_is_waited_for(moto_backend: Backend) -> None:
    """Though it is not seen at first; and not one that is on its way out."""
    client = moto_backend.endpoints.client("dynamodb")
    slow = Slow(client, "", "", "CREATING", "CREATING", "ACTIVE")
    wait_until_active(slow, "copy", 0)
    assert slow.statuses == []
    with pytest.raises(NotFoundError, match="copy is DELETING, and not restored"):
        wait_until_active(Slow(client, "CREATING", "DELETING"), "copy", 0)
    with pytest.raises(NotFoundError, match="there is no table copy"):
        wait_until_active(Slow(client, *[""] * 20), "copy", 0)


class Cut:
    """A client of DynamoDB that is broken off when it has scanned some segments."""

    def __init__(self, client: Any, segments: int) -> None:
        self._client = client
        self._segments = segments

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_paginator(self, name: str) -> Cut:
        """Of the operation `scan`."""
        return self

    def paginate(self, **wanted: Any) -> Any:
        """The pages of a segment, if it is not too many."""
        if wanted["Segment"] >= self._segments:
            raise ConnectionError("broken off")
        return self._client.get_paginator("scan").paginate(**wanted)


def test_a_restore_that_was_broken_off_is_repeated(here: Path, world: World, copies: Copy) -> None:
    """What it had put back is there, and the rest comes by the second."""
    said = weather(120, seed=9)
    world.ingest([*said.to_topic, *said.to_queue])
    world.fold()
    copies("Trails")
    before = {(item["trail"], item["entry"]): item for item in items(world.backend, "Trails")}
    name = world.backend.table("Trails")
    client = world.backend.endpoints.client("dynamodb")
    if world.backend.name == "moto":
        client.restore_table_to_point_in_time(
            SourceTableName=name, TargetTableName=f"{name}-copy", UseLatestRestorableTime=True
        )
    lose(world.backend, "Trails", "everything", random.Random(9))
    target, lines = Target.of(None), []
    cut: Any = Cut(client, segments=4)
    with pytest.raises(ConnectionError):
        put_back(target, Table.TRAILS, cut, f"{name}-copy", report=lines.append)
    some = len(items(world.backend, "Trails"))
    assert some < len(before)
    restore(target, Table.TRAILS, copy=f"{name}-copy", report=lines.append)
    after = {(item["trail"], item["entry"]): item for item in items(world.backend, "Trails")}
    assert after.keys() == before.keys()
    assert all(after[key].get("events") == before[key].get("events") for key in before)
    rebuild(world)
    check(world, expect(said.events))


def test_templates_are_restored(here: Path, api: Api, world: World, copies: Copy) -> None:
    """All versions, and their list; one that was made anew since stays as it is, and is told of."""

    def put(name: str, subject: str) -> None:
        answer = api(f"/v1/templates/{name}", "PUT", {"subject": subject, "text": "Hello"})
        assert answer["statusCode"] in (200, 201), answer

    for name, subject in (("a", "one"), ("a", "two"), ("b", "one")):
        put(name, subject)
    copy = copies("Templates")
    for item in items(world.backend, "Templates"):
        delete(world.backend, "Templates", item)
    put("b", "another")
    assert main(["restore", *copy]) == 0
    assert api("/v1/templates/a")["json"]["subject"] == "two"
    assert api("/v1/templates/b")["json"]["subject"] == "another"
    assert api("/v1/templates")["json"] == {"template_ids": ["a", "b"]}
    found = items(world.backend, "Templates")
    assert {
        item["newest"] for item in found if item["template_id"] == "a" and not item["version"]
    } == {2}
    versions = {(item["template_id"], item["version"]) for item in found}
    assert versions == {("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1)}


def test_webhooks_are_restored_and_are_off_until_somebody_looks(
    here: Path, api: Api, world: World, copies: Copy
) -> None:
    """With their secrets; one that is there stays as it is, and deliveries are not put back."""

    def hook(name: str) -> dict[str, Any]:
        body = {"url": f"https://{name}.example.org/hook", "event_types": ["message.sent"]}
        answer = api("/v1/webhooks", "POST", body)
        assert answer["statusCode"] == 201, answer
        return dict(answer["json"])

    lost, kept = hook("lost"), hook("kept")
    copy = copies("Webhooks")
    before = {item["entry"]: item for item in items(world.backend, "Webhooks")}
    delete(world.backend, "Webhooks", before[lost["webhook_id"]])
    assert main(["restore", *copy]) == 0
    after = {item["entry"]: item for item in items(world.backend, "Webhooks")}
    assert after.keys() == before.keys()
    assert after[kept["webhook_id"]] == before[kept["webhook_id"]]
    back = after[lost["webhook_id"]]
    assert back["secrets"] == before[lost["webhook_id"]]["secrets"]
    shown = api(f"/v1/webhooks/{lost['webhook_id']}")["json"]
    assert (shown["url"], shown["disabled_reason"]) == ("https://lost.example.org/hook", "restored")
    assert main(["restore", *copy]) == 0
    assert {item["entry"]: item for item in items(world.backend, "Webhooks")} == after


def test_a_point_in_time_is_restored_and_the_copy_stays(
    moto_backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Its name is said before it is waited for, and how to delete it."""
    moto_backend.tell(tmp_path)
    monkeypatch.chdir(tmp_path)
    world = World(moto_backend, monkeypatch)
    said = weather(40, seed=1)
    world.ingest(said.to_topic)
    capsys.readouterr()
    assert main(["restore", "trails", "--to-time", "2026-11-20T09:30Z"]) == 0
    printed = capsys.readouterr().out
    names = moto_backend.endpoints.client("dynamodb").list_tables()["TableNames"]
    (name,) = (each for each in names if "-restored-" in each)
    assert printed.splitlines()[0].startswith(f"DynamoDB restores {name}")
    assert f"aws dynamodb delete-table --table-name {name}" in printed
    assert "sendtrail rebuild" in printed


def test_the_epochs_of_rebuilds_are_restored(here: Path, world: World, copies: Copy) -> None:
    """By them `project` knows which messages are counted in mailings that no rebuild touches."""
    world.ingest([json.dumps(Mail("ses-1", now(), ["a@example.com"]).send())])
    rebuild(world)
    table, db = world.backend.table("Trails"), world.backend.database()
    known = epochs_of(db, table)
    assert len(known) == 1
    copy = copies("Trails")
    lose(world.backend, "Trails", "everything", random.Random(1))
    assert epochs_of(db, table) == []
    assert main(["restore", *copy]) == 0
    assert epochs_of(db, table) == known


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["trails", "--from", "nowhere"], 1, "there is no table nowhere in eu-west-1"),
        (["trails", "--from", "sendtrail-TemplatesTable"], 2, "its keys are template_id and"),
        (["trails", "--from", "sendtrail-TrailsTable"], 2, "is the live table itself"),
        (["trails", "--to-time", "2026-11-20T09:30"], 2, "time with an offset from UTC"),
        (["trails"], 2, "--from --to-time --backup"),
        (["communications", "--from", "x"], 2, "communications"),
    ],
)
def test_what_is_no_copy_is_refused(
    moto_backend: Backend,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    said: str,
) -> None:
    """In words, and nothing is written."""
    moto_backend.tell(tmp_path)
    monkeypatch.chdir(tmp_path)
    try:
        found = main(["restore", *arguments])
    except SystemExit as ended:
        found = int(str(ended.code))
    assert found == status
    assert said in capsys.readouterr().err
    assert items(moto_backend, "Trails") == []


def test_nothing_to_restore_from_is_refused(
    moto_backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the function, too."""
    moto_backend.tell(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInputError, match="a copy, a time or a backup"):
        restore(Target.of(None), Table.TRAILS)
