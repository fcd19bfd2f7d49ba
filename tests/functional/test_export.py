"""Exports: read by DuckDB they give the API's figures, and put back they give the same log."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pytest

from local.notifications import Mail
from sendtrail.aws.dynamodb import from_attributes, to_attributes
from sendtrail.domain.communication import COUNTER_NAMES
from sendtrail.domain.days import DAY_COUNTERS
from sendtrail.domain.ids import new_message_id
from sendtrail.domain.times import epoch_ms
from sendtrail.errors import ConfigurationError, InvalidInputError
from sendtrail.log.elements import MAX_BYTES
from sendtrail_cli.exporting import export as exporting
from sendtrail_cli.exporting import part_files
from sendtrail_cli.exporting.export import Summary, export
from sendtrail_cli.exporting.manifest import NAME, Manifest
from sendtrail_cli.exporting.part_files import FileFormat
from sendtrail_cli.exporting.places import Folder
from sendtrail_cli.exporting.put_back import put_back_export
from sendtrail_cli.exporting.schema import DATASETS, Dataset
from sendtrail_cli.main import main
from sendtrail_cli.target import Target
from tests.faults.weather import weather
from tests.functional.conftest import Backend
from tests.functional.sending import NEWS, Post, people
from tests.functional.world import Api, World
from tests.support import ROOT

AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Thunderbird/128.0"
READERS = {
    FileFormat.PARQUET: "read_parquet('{}', hive_partitioning = {})",
    FileFormat.JSONL: "read_json('{}', hive_partitioning = {}, sample_size = -1)",
    FileFormat.CSV: "read_csv('{}', hive_partitioning = {}, sample_size = -1, header = true)",
}
FORMATS = pytest.mark.parametrize("file_format", list(FileFormat))


@pytest.fixture
def world(moto_backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Mail of others on several days, in disorder and twice, some of it opened and followed by
    people and machines; a mailing of our own; what staff recorded; and an event that is too long
    for its message's row.
    """
    here = tmp_path / "here"
    here.mkdir()
    moto_backend.tell(here)
    monkeypatch.chdir(here)
    world = World(moto_backend, monkeypatch)
    said = weather(150, seed=11)
    world.ingest([*said.to_topic, *said.to_queue])
    for day in (18, 19, 20):
        world.ingest(mail_of(day))
    post = Post(world)
    addresses = [f"{name}@simulator.amazonses.com" for name in ("success", "bounce", "complaint")]
    api = post.api
    api("/v1/suppressions/never@example.com", "PUT", {"note": '=SUM(1;2)\n"quoted"'})
    world.fold()
    post.send(recipients=people(*addresses, "never@example.com"), **NEWS)
    post.run()
    api("/v1/suppressions/lifted@example.com", "PUT", {"note": "by mistake"})
    api("/v1/suppressions/lifted@example.com", "DELETE")
    api("/v1/participants/p0", "PUT", {"name": "Zoë, the “first”"})
    world.fold()
    return world


def mail_of(day: int) -> list[dict[str, Any]]:
    """What SES tells of three mails of one day of November 2026."""
    mails = []
    for number in range(3):
        who = f"-member-{number}" if number == 2 else f"member-{number}"
        tags = {"participant_id": who, "communication_id": f"of-day-{day}", "kind": "newsletter"}
        mail = Mail(
            f"0102day{day}-{number}",
            f"2026-11-{day}T09:30:00.000Z",
            [f"{who}@gmail.com"],
            f"=News, of {day} November; “special”",
            tags=tags,
        )
        mails += [mail.send(), mail.delivery(f"2026-11-{day}T09:30:0{number}.500Z")]
        mails.append(mail.open(f"2026-11-{day}T1{number}:00:00.000Z", AGENT))
        if number:
            link = f"https://society.example/{'long' * 300}/{number}"
            mails.append(mail.click(f"2026-11-{day}T1{number}:00:20.000Z", link, AGENT))
    long = mail.bounce(f"2026-11-{day}T15:00:00.000Z", "Transient", "General")
    long["bounce"]["bouncedRecipients"][0]["diagnosticCode"] = "smtp; 4.0.0 -" + "é=1;" * 600
    bad = [
        Mail(f"0102bad{day}-{number}", mail.sent_at, [f"{number}@gmail.com"], tags={**tags})
        for number in range(3)
    ]
    for number, each in enumerate(bad):
        each.tags["participant_id"] = f"bad-{number}"
    blocked = bad[2].bounce(f"2026-11-{day}T10:00:00.000Z", "Transient", "ContentRejected")
    return [*mails, long, bad[0].reject(), bad[1].rendering_failure("no {{ name }}"), blocked]


def exported(folder: Path, file_format: FileFormat = FileFormat.PARQUET, **options: Any) -> Summary:
    """Exports the world into a folder."""
    return export(Target.of(None), str(folder), file_format, report=lambda _: None, **options)


def opened(folder: Path, file_format: FileFormat = FileFormat.PARQUET) -> duckdb.DuckDBPyConnection:
    """The datasets of an export as tables of DuckDB."""
    database = duckdb.connect()
    for dataset in Dataset:
        files = folder / dataset.value / ("*/*" if dataset.by_day else "*")
        source = READERS[file_format].format(files, str(dataset.by_day).lower())
        database.execute(f"CREATE TABLE {dataset.value} AS SELECT * FROM {source}")  # noqa: S608
    return database


def rows(database: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    """What a query finds."""
    found = database.execute(query)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def files_in(folder: Path) -> dict[str, bytes]:
    """What an export consists of, but for what it says of itself."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and "_sendtrail" not in file.parts
    }


def log_of(backend: Backend) -> dict[tuple[str, str], tuple[Any, ...]]:
    """The log: key → elements, text and participant."""
    pages = backend.endpoints.client("dynamodb").get_paginator("scan")
    items = [
        from_attributes(item)
        for page in pages.paginate(TableName=backend.table("Trails"))
        for item in page["Items"]
    ]
    return {
        (each["trail"], each["entry"]): tuple(
            each.get(name) for name in ("events", "event", "participant_id")
        )
        for each in items
    }


def ms(text: str | None) -> int | None:
    """A time of the API in milliseconds."""
    return None if text is None else epoch_ms(text)


@FORMATS
def test_an_export_gives_the_figures_of_the_api(
    world: World, tmp_path: Path, file_format: FileFormat
) -> None:
    """Of each mailing, as a row and as the sum of its messages; of each day; and who is suppressed."""
    summary = exported(tmp_path / "out", file_format)
    database, api = opened(tmp_path / "out", file_format), Api(world)
    assert summary.unreadable == 0
    sums = ", ".join(f"sum({name})::INT AS {name}" for name in COUNTER_NAMES)
    query = f"SELECT communication_id, {sums} FROM messages GROUP BY ALL"  # noqa: S608
    by_mailing = {row.pop("communication_id"): row for row in rows(database, query)}
    by_mailing.pop(None)  # what belongs to none
    mailings = {row["communication_id"]: row for row in rows(database, "FROM mailings")}
    listed = api.everything("/v1/communications")
    assert len(listed) == len(mailings) > 10
    for name in mailings:
        answer = api(f"/v1/communications/{name}")["json"]
        figures = {counter: answer[counter] for counter in COUNTER_NAMES}
        assert by_mailing[name] == figures, name
        assert {counter: mailings[name][counter] for counter in COUNTER_NAMES} == figures
        for column in ("links", "providers", "machines", "hits_by_age"):
            said = mailings[name][column]
            assert (json.loads(said) if isinstance(said, str) else said) == answer[column]
    total = {name: sum(each[name] for each in by_mailing.values()) for name in COUNTER_NAMES}
    assert all(total.values()), total
    check_days(database, api)
    check_suppressions(database, api)


def check_days(database: duckdb.DuckDBPyConnection, api: Api) -> None:
    """Holds the figures of each day against the overview's."""
    sums = ", ".join(f"sum({name})::INT AS {name}" for name in DAY_COUNTERS)
    query = f"SELECT day, {sums} FROM messages GROUP BY day"  # noqa: S608
    by_day = {str(row.pop("day")): row for row in rows(database, query)}
    found = {each["day"]: each for each in api("/v1/overview", days=30)["json"]["days"]}
    shared = by_day.keys() & found.keys()
    assert len(shared) >= 2
    for day in shared:
        assert {name: found[day][name] for name in by_day[day] if name in found[day]} == {
            name: number for name, number in by_day[day].items() if name in found[day]
        }, day
    assert by_day.keys() >= {"2026-11-18", "2026-11-19", "2026-11-20"}


def check_suppressions(database: duckdb.DuckDBPyConnection, api: Api) -> None:
    """Holds the suppressions that hold against the API's."""
    said = api.everything("/v1/suppressions")
    query = "SELECT address, reason, epoch_ms(since) AS since FROM suppressions"
    assert {
        (row["address"], row["reason"], row["since"])
        for row in rows(database, f"{query} WHERE reason IS NOT NULL")
    } == {(each["address"], each["reason"], ms(each["since"])) for each in said}
    (lifted,) = rows(database, f"{query} WHERE lifted_at IS NOT NULL")
    assert lifted["address"] == "lifted@example.com"


def test_each_message_and_event_is_the_apis(world: World, tmp_path: Path) -> None:
    """Its status, dates and reasons; its trail, each event once and whole, with who acted."""
    exported(tmp_path / "out")
    database, api = opened(tmp_path / "out"), Api(world)
    messages = rows(database, "FROM messages")
    assert len(messages) > 30
    same = ("status", "subject", "address", "kind", "drop_reason", "human_open_count")
    for row in messages:
        who, message_id = row["participant_id"], row["message_id"]
        answer = api(f"/v1/participants/{quote(who)}/messages/{message_id}")["json"]
        row["human_open_count"] = row["human_opens"]
        assert {name: row[name] for name in same} == {name: answer[name] for name in same}
        for name in (column.name for column in DATASETS[Dataset.MESSAGES]):
            if name.endswith("_at") and name in answer:
                at = row[name] and round(row[name].timestamp() * 1000)
                assert at == ms(answer[name]), name
        assert row["bounce_type"] == (answer["bounce"] or {}).get("type")
        mine = rows(
            database,
            f"FROM events WHERE message_id = '{message_id}' AND participant_id = '{who}' "
            "ORDER BY event_key",
        )
        assert [
            (each["type"], ms(each["at"]), each["actor"], each["actor_reason"], each["uncounted"])
            for each in answer["events"]
        ] == [
            (
                each["type"],
                round(each["at"].timestamp() * 1000),
                each["actor"],
                each["actor_reason"],
                each["counted"] is False,
            )
            for each in mine
        ]
        for one, other in zip(answer["events"], mine, strict=True):
            detail = json.loads(other["detail"])
            kept = {name: value for name, value in detail.items() if name in one["detail"]}
            assert {name: str(value)[:4000] for name, value in kept.items()} == {
                name: str(value) for name, value in one["detail"].items()
            }
    whole = rows(database, "FROM events WHERE entry LIKE 'event#%'")
    assert whole
    assert all(len(row["log"].encode()) > MAX_BYTES for row in whole)
    of_none = rows(database, "SELECT DISTINCT type FROM events WHERE message_id IS NULL")
    assert {row["type"] for row in of_none} >= {"Named", "Suppressed", "CommunicationPosted"}


def test_a_second_run_writes_what_has_changed(world: World, tmp_path: Path) -> None:
    """Nothing at first; then one day, though it is weeks ago; each file that changes is whole."""
    folder = tmp_path / "out"
    first = exported(folder)
    assert first.written > 5
    before = files_in(folder)
    again = exported(folder)
    assert (again.written, again.removed, again.unchanged) == (0, 0, first.written)
    assert files_in(folder) == before
    mail = Mail(
        "0102day18-0",
        "2026-11-18T09:30:00.000Z",
        ["member-0@gmail.com"],
        tags={"participant_id": "member-0", "communication_id": "of-day-18"},
    )
    world.ingest([mail.open("2026-11-27T10:00:00.000Z", AGENT)])
    world.fold()
    late = exported(folder)
    after = files_in(folder)
    changed = {name for name in before if before[name] != after[name]}
    assert after.keys() == before.keys()
    assert changed == {
        "messages/day=2026-11-18/part-0.parquet",
        "events/day=2026-11-18/part-0.parquet",
        "mailings/part-0.parquet",
    }
    assert late.written == 2  # the day, and the mailings
    query = "SELECT sum(opens)::INT AS n FROM messages WHERE day = '2026-11-18'"
    (row,) = rows(opened(folder), query)
    assert row["n"] == 4


def test_who_was_erased_is_no_longer_there(world: World, tmp_path: Path) -> None:
    """A row that is another's now, or none, has its day written anew; a day without rows goes."""
    folder, backend = tmp_path / "out", world.backend
    exported(folder)
    client, table = backend.endpoints.client("dynamodb"), backend.table("Trails")
    for (trail, entry), (events, *_) in log_of(backend).items():
        key = to_attributes({"trail": trail, "entry": entry})
        if events and trail == "member-1":
            client.delete_item(TableName=table, Key=key)
            kept = frozenset(each for each in events if "gmail.com" not in each)
            item = {"trail": "nobody-1", "entry": entry, "events": kept}
            client.put_item(TableName=table, Item=to_attributes(item))
    exported(folder)
    database = opened(folder)
    for dataset in ("messages", "events"):
        found = rows(database, f"FROM {dataset}")
        assert "nobody-1" in {row["participant_id"] for row in found}
    assert not rows(
        database, "FROM messages WHERE participant_id = 'member-1' AND day < '2026-11-21'"
    )
    for trail, entry in log_of(backend):
        if trail != "#epoch" and day_in(trail, entry) == "2026-11-19":
            key = to_attributes({"trail": trail, "entry": entry})
            client.delete_item(TableName=table, Key=key)
    assert exported(folder).removed == 1
    assert not [name for name in files_in(folder) if "2026-11-19" in name]


def day_in(trail: str, entry: str) -> str | None:
    """The day of an item of a message; None of other items."""
    name = trail.removeprefix("message:")
    if name == trail and ":" in trail:
        return None
    return exporting.day_of(entry if name == trail else name)


def test_a_run_that_is_broken_off_leaves_nothing_half(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there is whole, and the next run writes the rest, and no more."""
    folder, done = tmp_path / "out", 3
    replaced = Folder.replace

    def breaking(self: Folder, partition: str, files: Any) -> list[str]:
        nonlocal done
        if not done:
            raise OSError("the disk is full")
        done -= 1
        return replaced(self, partition, files)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "replace", breaking)
        with pytest.raises(OSError, match="full"):
            exported(folder)
    assert len(files_in(folder)) == 3
    manifest = Manifest.parse((folder / NAME).read_bytes())
    whole = [key for key, each in manifest.partitions.items() if each.digest]
    assert len(whole) == 1
    assert manifest.unfinished
    assert not list((folder / "_sendtrail").glob("scratch-*"))
    lines: list[str] = []
    put_back_export(Target.of(None), str(folder), report=lines.append)
    assert "broken off" in lines[0]
    assert manifest.unfinished[0] in lines[0]
    summary = exported(folder)
    assert summary.unchanged == 1
    assert not Manifest.parse((folder / NAME).read_bytes()).unfinished
    other = tmp_path / "other"
    exported(other)
    assert files_in(folder) == files_in(other)


@FORMATS
def test_an_export_is_put_back(
    world: World,
    other_backend: Backend,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file_format: FileFormat,
) -> None:
    """Into an empty stack: the same items, and once it has read them, the same figures; a second
    time changes nothing.
    """
    folder = tmp_path / "out"
    exported(folder, file_format)
    before, api = log_of(world.backend), Api(world)
    mailings = api.everything("/v1/communications")
    paths = [f"/v1/communications/{each['communication_id']}" for each in mailings]
    paths += ["/v1/suppressions", "/v1/participants/p0", "/v1/participants/member-1/messages"]
    answers = {path: api(path)["body"] for path in paths}
    there = tmp_path / "there"
    there.mkdir()
    other_backend.tell(there)
    monkeypatch.chdir(there)
    other = World(other_backend, monkeypatch)
    lines: list[str] = []
    found = put_back_export(Target.of(None), str(folder), report=lines.append)
    epochs = {key for key in before if key[0] == "#epoch"}
    assert log_of(other_backend) == {key: each for key, each in before.items() if key not in epochs}
    assert found.total() > 100
    other.fold()
    after = Api(other)
    for path, body in answers.items():
        assert after(path)["body"] == body, path
    again = put_back_export(Target.of(None), str(folder), report=lines.append)
    assert set(again) <= {"there already"}
    assert main(["import", "--from", "sendtrail", str(folder)]) == 0
    assert main(["import", "--from", "sendtrail", "--dry-run", str(folder)]) == 2
    assert log_of(other_backend) == {key: each for key, each in before.items() if key not in epochs}


def test_an_export_into_s3(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same files as in a folder, brought up to date in the same way, and put back."""
    client = world.backend.endpoints.client("s3")
    location = {"LocationConstraint": "eu-west-1"}
    client.create_bucket(Bucket="exports", CreateBucketConfiguration=location)
    arguments = ["export", "--to", "s3://exports/of/mail/", "--format", "jsonl"]
    assert main(arguments) == 0
    exported(tmp_path / "out", FileFormat.JSONL)

    def objects() -> dict[str, bytes]:
        found = client.list_objects_v2(Bucket="exports")["Contents"]
        return {
            each["Key"].removeprefix("of/mail/"): client.get_object(
                Bucket="exports", Key=each["Key"]
            )["Body"].read()
            for each in found
            if "_sendtrail" not in each["Key"]
        }

    assert objects() == files_in(tmp_path / "out")
    client.put_object(Bucket="exports", Key="of/mail/mailings/part-7.jsonl.gz", Body=b"left")
    world.ingest(mail_of(21))
    world.fold()
    capsys.readouterr()
    assert main(arguments) == 0
    assert "removed" in capsys.readouterr().out
    exported(tmp_path / "out", FileFormat.JSONL)
    assert objects() == files_in(tmp_path / "out")
    target = Target.of(None)
    found = put_back_export(target, "s3://exports/of/mail", report=lambda _: None)
    assert set(found) == {"there already"}
    assert main(["export", "--to", "s3://exports/of/mail"]) == 2
    assert main(["export", "--to", "s3:///of/mail"]) == 2


def test_a_place_with_something_else_is_refused(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other files, another format, another stack's export, or what is none; nothing is written."""
    other = tmp_path / "letters"
    other.mkdir()
    (other / "letter.txt").write_text("Dear all")
    with pytest.raises(InvalidInputError, match="something else"):
        exported(other)
    assert (other / "letter.txt").exists()
    with pytest.raises(InvalidInputError, match="no export of Sendtrail"):
        put_back_export(Target.of(None), str(other), report=lambda _: None)
    folder = tmp_path / "out"
    exported(folder, FileFormat.CSV)
    with pytest.raises(InvalidInputError, match="as csv"):
        exported(folder, FileFormat.JSONL)
    manifest = (folder / NAME).read_text()
    (folder / NAME).write_text(manifest.replace(world.backend.table("Trails"), "another"))
    with pytest.raises(InvalidInputError, match="of another"):
        exported(folder, FileFormat.CSV)
    (folder / NAME).write_text("{}")
    with pytest.raises(InvalidInputError, match="no manifest"):
        exported(folder, FileFormat.CSV)
    monkeypatch.setattr(
        part_files.importlib, "import_module", lambda name: (_ for _ in ()).throw(ImportError)
    )
    with pytest.raises(ConfigurationError, match=r"sendtrail\[operators\]"):
        exported(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_days_may_be_left_as_they_are(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those before a day that is named, and those that the log has forgotten."""
    folder = tmp_path / "out"
    assert main(["export", "--to", str(folder), "--since", "2026-11-19"]) == 0
    days = {name.split("/")[1] for name in files_in(folder) if "day=" in name}
    assert min(days) == "day=2026-11-19"
    with pytest.raises(SystemExit):
        main(["export", "--to", str(folder), "--since", "yesterday"])
    exported(folder)
    client, table = world.backend.endpoints.client("dynamodb"), world.backend.table("Trails")
    for trail, entry in log_of(world.backend):
        if trail != "#epoch" and day_in(trail, entry) in ("2026-11-18", "2026-11-19"):
            client.delete_item(TableName=table, Key=to_attributes({"trail": trail, "entry": entry}))
    before = files_in(folder)
    monkeypatch.setattr(exporting, "now", lambda: "2029-11-18T12:00:00.000Z")
    assert exported(folder, keep_expired=True).removed == 1
    gone = before.keys() - files_in(folder).keys()
    assert {name.split("/")[1] for name in gone} == {"day=2026-11-19"}
    assert exported(folder).removed == 1


def test_items_that_are_none_are_left_out(world: World, tmp_path: Path) -> None:
    """And told of; the rest is exported."""
    table = world.backend.table("Trails")
    message_id = new_message_id("2026-11-17T09:30:00.000Z")
    bad = [
        {"trail": "somebody", "entry": "no-ulid", "events": frozenset(["a|1|b"])},
        {"trail": "somebody", "entry": message_id, "events": frozenset(["a|99|b"])},
        {"trail": "participant:x", "entry": "2026-13-01", "event": "x"},
    ]
    world.backend.database().put_all(table, bad)
    lines: list[str] = []
    target, folder = Target.of(None), str(tmp_path / "out")
    summary = export(target, folder, FileFormat.JSONL, report=lines.append)
    assert summary.unreadable == 3
    assert summary.rows["messages"] > 30
    assert lines[-1].startswith("3 items are not as Sendtrail writes them")


def test_the_queries_of_the_docs_find_something(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each that docs/exporting.md has for DuckDB."""
    exported(tmp_path / "export")
    text = (ROOT / "docs/exporting.md").read_text("utf-8")
    section = text.partition("## With DuckDB\n")[2].partition("\n## ")[0]
    queries = re.findall(r"```sql\n(.+?)```", section, re.DOTALL)
    assert len(queries) >= 8
    monkeypatch.chdir(tmp_path)
    with duckdb.connect() as database:
        for query in queries:
            found = database.execute(query).fetchall()
            assert found or "CREATE VIEW" in query, query
