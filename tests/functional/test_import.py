"""`sendtrail import`, into the tables of a stack, whose streams make the figures."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sendtrail.aws.dynamodb import from_attributes
from sendtrail.domain.events import Event, EventType
from sendtrail.errors import UnreachableError
from sendtrail.log.trails import Trails
from sendtrail_cli.importing import importer
from sendtrail_cli.importing.command import Options, import_events
from sendtrail_cli.importing.formats import Format
from sendtrail_cli.importing.told import Naming
from sendtrail_cli.main import main
from sendtrail_cli.target import Target
from tests.functional.conftest import Backend
from tests.functional.world import Api, World
from tests.support import ROOT, undocumented

SAMPLES = ROOT / "tests/data/imports"
TABLES = ("Trails", "Participants", "Suppressions", "Communications")
SERVICES = [each for each in Format if each is not Format.SES]

Items = dict[str, list[dict[str, Any]]]


def items(backend: Backend, *tables: str) -> Items:
    """All items of tables, in order; without when they were written, and of counters without the
    shard and how far they are in it, since in moto an update that changes nothing is a record there
    (AWS makes none).
    """
    scan = backend.endpoints.client("dynamodb").get_paginator("scan")
    found: Items = {}
    for table in tables or TABLES:
        pages = scan.paginate(TableName=backend.table(table))
        mine = [from_attributes(item) for page in pages for item in page["Items"]]
        for item in mine:
            item.pop("told_at", None)
            if item.pop("checkpoints", None):
                item.pop("revision")
                item["part"] = item["part"].rpartition("#")[0]
        found[table] = sorted(mine, key=_key)
    return found


def _key(item: dict[str, Any]) -> str:
    """What an item stands under in its table."""
    names = ("trail", "entry", "participant_id", "part", "address", "communication_id")
    return str([item.get(name) for name in names])


def empty(backend: Backend) -> None:
    """Deletes all items of the tables."""
    client = backend.endpoints.client("dynamodb")
    for table in TABLES:
        name = backend.table(table)
        keys = [
            each["AttributeName"]
            for each in client.describe_table(TableName=name)["Table"]["KeySchema"]
        ]
        for page in client.get_paginator("scan").paginate(TableName=name):
            for item in page["Items"]:
                client.delete_item(TableName=name, Key={key: item[key] for key in keys})


@pytest.fixture
def here(moto_backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which commands work on the tables."""
    moto_backend.tell(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stack(moto_backend: Backend, here: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The functions that the log's stream calls."""
    return World(moto_backend, monkeypatch)


def run(*arguments: str) -> int:
    """The exit status of an import."""
    return main(["import", *arguments])


def notifications() -> list[dict[str, Any]]:
    """SES's notifications of the sample archive."""
    decoder, text, place = json.JSONDecoder(), (SAMPLES / "ses/firehose").read_text("utf-8"), 0
    found = []
    while place < len(text):
        value, place = decoder.raw_decode(text, place)
        found.append(value)
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_ends_in_trails_and_twice_changes_nothing(
    service: Format, stack: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sample files of its documentation, all understood; afterwards every item of every table
    is what it was. Each fact is one that docs/events.md has.
    """
    folder = str(SAMPLES / service)
    assert run(folder, "--from", service, "--participant-field", "user_id") == 0
    said = capsys.readouterr().out
    assert "not understood" not in said
    stack.fold()
    once = items(stack.backend)
    assert all(once[table] for table in ("Trails", "Participants", "Suppressions"))
    assert undocumented(stack.backend.logged()) == set()
    assert run(folder, "--from", service, "--participant-field", "user_id") == 0
    assert capsys.readouterr().out == said
    stack.fold()
    assert items(stack.backend) == once
    Path("sendtrail-import.jsonl.state").unlink()
    assert run(folder, "--from", service, "--participant-field", "user_id", "--workers", "1") == 0
    stack.fold()
    assert items(stack.backend) == once


def test_hard_bounces_and_complaints_suppress_and_others_do_not(stack: World) -> None:
    """By each service's own words, as docs/importing.md has them."""
    for service in SERVICES:
        run(str(SAMPLES / service), "--from", service)
    stack.fold()
    found = {each["address"]: each["reason"] for each in Api(stack).everything("/v1/suppressions")}
    assert found == {
        "bounced@test.com": "bounced",
        "gone@test.com": "bounced",
        "spam@test.com": "spammed",
        "reader@test.com": "spammed",
        "invalid@example.com": "bounced",
        "table@example.com": "bounced",
        "spammed@example.com": "spammed",
        "anything@blackhole.postmarkapp.com": "bounced",
        "spam@example.com": "spammed",
        "gone@example.com": "bounced",
        "john@example.com": "spammed",
    }


def test_a_message_is_told_as_the_service_told_it(stack: World) -> None:
    """Sent, delivered, opened by a person and by a machine, clicked; its mailing counts it."""
    options = ("--participant-field", "user_id", "--communication-field", "category")
    assert run(str(SAMPLES / "sendgrid/event-webhook.json"), "--from", "sendgrid", *options) == 0
    stack.fold()
    api = Api(stack)
    messages = api("/v1/participants/member-0042/messages")["json"]["items"]
    (message,) = [each for each in messages if each["address"] == "example@test.com"]
    assert message["status"] == "clicked"
    assert message["kind"] == "cat facts"
    whole = api(f"/v1/participants/member-0042/messages/{message['message_id']}")["json"]
    assert Counter(event["type"] for event in whole["events"]) == {
        "Send": 1,
        "DeliveryDelay": 1,
        "Delivery": 1,
        "Open": 2,
        "Click": 1,
    }
    (mailing,) = {each["communication_id"] for each in messages}
    figures = api(f"/v1/communications/{mailing}")["json"]
    assert (figures["opens"], figures["human_opens"], figures["human_clicks"]) == (2, 1, 1)
    assert (figures["bounced"], figures["spammed"], figures["unsubscribed"]) == (2, 1, 1)


def test_an_archive_of_ses_is_what_ingest_makes_of_the_same_events(
    stack: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a delimiter, as Firehose writes it, and compressed; whichever comes first."""
    stack.ingest(notifications())
    stack.fold()
    ingested = items(stack.backend)
    Path("archive").mkdir()
    content = (SAMPLES / "ses/firehose").read_bytes()
    Path("archive/2026-11-20-00").write_bytes(gzip.compress(content))
    assert run("archive", "--from", "ses") == 0
    assert "3 events of messages that are older than the retention" in capsys.readouterr().out
    stack.fold()
    assert items(stack.backend) == ingested
    empty(stack.backend)
    assert run("archive", "--from", "ses") == 0
    imported = items(stack.backend, "Trails")["Trails"]
    logged = [_logged(item) for item in ingested["Trails"]]
    assert [_logged(item) for item in imported] == sorted(logged, key=_key)


def test_figures_of_an_import_are_those_of_ingest(
    stack: World, other_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a stack that was told the same by SES as it happened: every item of every table."""
    assert run(str(SAMPLES / "ses"), "--from", "ses") == 0
    stack.fold()
    imported = items(stack.backend)
    other = World(other_backend, monkeypatch)
    old = ("2018-10-08T14:05:45 +0000", "2018-10-08T14:05:45.000Z")
    other.ingest(each for each in notifications() if each["mail"]["timestamp"] not in old)
    other.fold()
    assert items(other_backend) == imported
    assert all(imported.values())


def _logged(item: dict[str, Any]) -> dict[str, Any]:
    """An item of the log, without what is projected into it."""
    return {
        name: value
        for name, value in item.items()
        if name not in ("hits", "choice", "revision", "epoch", "listed_in")
    }


def test_a_dry_run_writes_nothing(
    here: Path, moto_backend: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what would be imported, and reports what is not understood, beside the real report."""
    before = items(moto_backend)
    Path("events.jsonl").write_text('{"event": "teleported", "email": "a@example.com"}\n')
    paths = (str(SAMPLES / "sendgrid"), "events.jsonl")
    assert run(*paths, "--from", "sendgrid", "--dry-run") == 1
    said = capsys.readouterr().out
    assert "31 records: 29 events would be imported" in said
    assert "of 10 messages to 10 participants, from 2026-11-10T09:00:00.000Z" in said
    assert "1 records not understood: see sendtrail-import.dry-run.jsonl" in said
    assert items(moto_backend) == before
    assert not Path("sendtrail-import.jsonl").exists()
    assert not Path("sendtrail-import.jsonl.state").exists()


def test_what_is_not_understood_is_mended_and_imported(
    here: Path, moto_backend: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line of the report has the record and the reason, and is a record itself."""
    good = {"event": "delivered", "email": "a@example.com", "sg_message_id": "m", "timestamp": 1}
    bad = good | {"email": "nobody", "timestamp": 1794301200}
    Path("events").write_text(f'{json.dumps(bad)}\n{{"event": "delivered", oops}}\n')
    assert run("events", "--from", "sendgrid") == 1
    lines = [json.loads(line) for line in Path("sendtrail-import.jsonl").read_text().splitlines()]
    assert [(each["file"], each["record"], each["line"]) for each in lines] == [
        ("events", 1, 1),
        ("events", 2, 2),
    ]
    assert "not an email address: 'nobody'" in lines[0]["why"]
    assert lines[0]["raw"] == bad
    assert lines[1]["raw"] == '{"event": "delivered", oops}'
    lines[0]["raw"]["email"] = "a@example.com"
    assert run("sendtrail-import.jsonl", "--from", "sendgrid") == 2
    assert "give it another name" in capsys.readouterr().err
    Path("mended").write_text(json.dumps(lines[0]))
    assert run("mended", "--from", "sendgrid") == 0
    (event,) = moto_backend.logged()
    assert (event.type, event.address) == (EventType.DELIVERY, "a@example.com")
    assert not Path("sendtrail-import.jsonl").exists()


def many(path: Path, count: int) -> None:
    """A file of so many messages, each sent, delivered and opened; one in ten is unreadable."""
    with path.open("w") as lines:
        for number in range(count):
            common = {"email": f"p{number}@example.com", "sg_message_id": f"m{number}"}
            for seconds, event in enumerate(("processed", "delivered", "open")):
                said = common | {"event": event, "timestamp": 1794301200 + seconds}
                lines.write(json.dumps(said) + "\n")
            if number % 10 == 0:
                lines.write(f"nonsense {number}\n")


def test_an_import_that_is_cut_goes_on_where_it_was(
    here: Path,
    moto_backend: Backend,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """DynamoDB goes away in the middle. Done again, it reads on from there, and what is in the
    tables and the report is what an import in one go leaves.
    """
    many(Path("events"), 100)
    monkeypatch.setattr(importer, "CHUNK", 50)
    target = Target.of(None)
    options = Options(Format.SENDGRID, workers=1)
    calls = []
    append = importer._append

    def fail_later(trails: Trails, events: list[Event]) -> Any:
        calls.append(events)
        if len(calls) == 4:
            raise UnreachableError("NoAnswer", "gone")
        return append(trails, events)

    monkeypatch.setattr(importer, "_append", fail_later)
    with pytest.raises(UnreachableError):
        import_events(target, ["events"], options)
    half = len(moto_backend.logged())
    assert 0 < half < 300
    seen: list[Event] = []

    def watch(trails: Trails, events: list[Event]) -> Any:
        seen.extend(events)
        return append(trails, events)

    monkeypatch.setattr(importer, "_append", watch)
    tally = import_events(target, ["events"], options)
    assert tally.before > 0
    assert tally.before + tally.records == 310
    assert len(seen) <= 300 - 50
    once, report = items(moto_backend), Path("sendtrail-import.jsonl").read_text()
    assert len(moto_backend.logged()) == 300
    assert len(report.splitlines()) == 10
    empty(moto_backend)
    for path in Path().glob("sendtrail-import*"):
        path.unlink()
    import_events(Target.of(None), ["events"], options)
    assert items(moto_backend) == once
    assert Path("sendtrail-import.jsonl").read_text() == report


def test_files_in_any_order_and_apart_are_the_same_messages(
    here: Path, moto_backend: Backend
) -> None:
    """Opens know neither when their message was sent nor whose it is; other files do. With what was
    settled before, those may be imported later.
    """
    folder = SAMPLES / "postmark"
    files = [str(folder / f"{name}.json") for name in ("message-details", "opens", "clicks")]
    options = ("--from", "postmark", "--participant-field", "user_id")
    assert run(*files, *options) == 0
    once = items(moto_backend)
    assert {event.participant_id for event in moto_backend.logged()} >= {"43"}
    hits = [event for event in moto_backend.logged() if event.type in ("Open", "Click")]
    assert {event.participant_id for event in hits} == {"43"}
    empty(moto_backend)
    Path("sendtrail-import.jsonl.state").unlink()
    assert run(*reversed(files), *options) == 0
    assert items(moto_backend) == once
    empty(moto_backend)
    Path("sendtrail-import.jsonl.state").unlink()
    for file in files:
        assert run(file, *options) == 0
    assert items(moto_backend) == once


def test_a_prefix_in_s3_is_read_page_by_page(here: Path, moto_backend: Backend) -> None:
    """All its objects, compressed or not, and none beside it."""
    s3 = moto_backend.endpoints.client("s3")
    s3.create_bucket(
        Bucket="archive", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    for number, each in enumerate(notifications()):
        body = gzip.compress(json.dumps(each).encode())
        s3.put_object(Bucket="archive", Key=f"ses/2026/{number:02}.gz", Body=body)
    s3.put_object(Bucket="archive", Key="other/file", Body=b"{}")
    assert run("s3://archive/ses/", "--from", "ses") == 0
    from_s3 = items(moto_backend)
    empty(moto_backend)
    assert run(str(SAMPLES / "ses"), "--from", "ses") == 0
    assert items(moto_backend) == from_s3
    assert run("s3://archive/nothing/", "--from", "ses") == 1


class Failing:
    """A log that DynamoDB throttles at first."""

    def __init__(self, trails: Trails, times: int) -> None:
        self._trails = trails
        self.left = times

    def append_each(self, events: Sequence[Event]) -> list[Any]:
        """Appends one in two, as long as it fails."""
        if not self.left:
            return list(self._trails.append_each(events))
        self.left -= 1
        self._trails.append_each(events[::2])
        error = UnreachableError("NoAnswer", "later")
        return [None if number % 2 == 0 else error for number in range(len(events))]


def test_it_waits_while_dynamodb_is_busy(
    here: Path, moto_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not taken is appended again, and nothing else."""
    monkeypatch.setattr(importer, "_LONGEST_WAIT", 0.01)
    many(Path("events"), 20)
    db = moto_backend.database()
    log = Trails(db, moto_backend.table("Trails"), retention_days=1096)
    failing = Failing(log, 3)
    events: list[Event] = []
    with monkeypatch.context() as patch:
        patch.setattr(importer, "_append", lambda _, chunk: events.extend(chunk) or [])
        import_events(Target.of(None), ["events"], Options(Format.SENDGRID, Naming()))
    assert len(events) == 60
    assert importer._append(failing, events) == []  # type: ignore[arg-type]
    assert failing.left == 0
    assert len(moto_backend.logged()) == len(events)


def test_a_wrong_call_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there, no workers, another format."""
    assert run("nowhere", "--from", "ses") == 1
    assert "there is no file nowhere" in capsys.readouterr().err
    assert run(str(SAMPLES), "--from", "ses", "--workers", "0") == 2
    with pytest.raises(SystemExit, match="2"):
        run("x", "--from", "pigeon")
