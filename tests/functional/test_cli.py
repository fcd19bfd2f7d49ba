"""The command `sendtrail`, on a stack that moto's CloudFormation has as AWS's has one."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import boto3
import pytest

from local.notifications import Mail
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.ids import derived_message_id
from sendtrail.errors import NotFoundError
from sendtrail.log.fallback import UNSAVED
from sendtrail.log.serialization import serialize
from sendtrail_cli.keys import list_keys, make_key, remove_key
from sendtrail_cli.main import main
from sendtrail_cli.target import Target
from tests.functional.conftest import Backend
from tests.functional.world import Api, World

AWS = ("--aws", "sendtrail")


def received(backend: Backend, queue: str) -> list[str]:
    """The bodies of what is in a queue."""
    url = backend.resources.physical[queue, ""]
    found = backend.endpoints.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return sorted(each["Body"] for each in found.get("Messages", []))


def opened(request_id: str) -> str:
    """An open, as track writes it into its log when it can write it nowhere else."""
    at = "2026-11-20T12:00:00.000Z"
    recipient = Recipient(derived_message_id(at, "ses-1", ""), "member-1")
    event = Event.of_request(EventType.OPEN, recipient, at, request_id, {"sent_at": at})
    return serialize(event)


def test_redrive_moves_what_dead_letter_queues_hold_to_where_it_came_from(
    moto_backend: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of ingest and of dispatch, more than one request takes; nothing stays behind."""
    sqs = moto_backend.endpoints.client("sqs")
    for queue, bodies in (
        ("IngestDlq", [f"event {n:02}" for n in range(12)]),
        ("DispatchDlq", ["job"]),
    ):
        for body in bodies:
            sqs.send_message(QueueUrl=moto_backend.resources.physical[queue, ""], MessageBody=body)
    assert main(["redrive", *AWS]) == 0
    assert capsys.readouterr().out == "13 brought back\n"
    assert received(moto_backend, "DispatchQueue") == ["job"]
    found = received(moto_backend, "IngestQueue") + received(moto_backend, "IngestQueue")
    assert sorted(found) == [f"event {n:02}" for n in range(12)]
    assert received(moto_backend, "IngestDlq") == received(moto_backend, "DispatchDlq") == []


def test_recover_reads_logs_plain_and_compressed(
    moto_backend: Backend, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no event in them is passed over."""
    events = [opened("request-1"), opened("request-2")]
    plain, packed = tmp_path / "a.log", tmp_path / "b.gz"
    plain.write_text("INIT\n" + json.dumps({"message": UNSAVED, "event": events[0]}) + "\n")
    packed.write_bytes(
        gzip.compress((json.dumps({"message": UNSAVED, "event": events[1]}) + "\n").encode())
    )
    assert main(["recover", *AWS, str(plain), str(packed)]) == 0
    assert capsys.readouterr().out == "2 brought back\n"
    assert received(moto_backend, "HitsQueue") == sorted(events)


def test_recover_takes_no_logs_of_this_machine_for_those_of_a_stack_in_aws(
    moto_backend: Backend,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without a file, even where a local stack left logs: the call was wrong, and nothing is sent."""
    (tmp_path / ".local/logs").mkdir(parents=True)
    line = json.dumps({"message": UNSAVED, "event": opened("request-1")})
    (tmp_path / ".local/logs/TrackFunction.log").write_text(line + "\n")
    monkeypatch.chdir(tmp_path)
    assert main(["recover", *AWS]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.startswith("sendtrail: name the FILEs")) == ("", True)
    assert received(moto_backend, "HitsQueue") == []


def test_rebuild_makes_the_projections_anew(
    moto_backend: Backend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mailing that was never projected has its figures; `--continue` keeps the epoch."""
    world = World(moto_backend, monkeypatch)
    tags = {"communication_id": "news"}
    mail = Mail("ses-1", "2026-11-20T09:30:00.000Z", ["a@example.com"], tags=tags)
    world.ingest([mail.send(), mail.delivery("2026-11-20T09:30:02.000Z")])
    capsys.readouterr()  # the metrics of ingest
    assert main(["rebuild", *AWS, "--wait", "0"]) == 0
    said = capsys.readouterr().out
    assert "1 rebuilt" in said
    world.fold()
    figures = Api(world)("/v1/communications/news")["json"]
    assert (figures["sent"], figures["delivered"]) == (1, 1)
    capsys.readouterr()  # the metrics of project
    assert main(["rebuild", *AWS, "--wait", "0", "--continue"]) == 0
    again = capsys.readouterr().out
    assert again.split(": begins")[0] == said.split(": begins")[0]


def test_keys_are_made_listed_and_removed(moto_backend: Backend) -> None:
    """Only the one that is named is removed, and one that is not there is said to be none."""
    session = boto3.Session()
    resources = {"ApiKeys": moto_backend.resources.physical["ApiKeys", ""]}
    target = Target(session, resources, {}, {"secretsmanager": moto_backend.endpoints.aws})
    keys = {name: make_key(target, "read", name) for name in ("one", "two")}
    listed = list_keys(target)
    assert [(each["name"], each["scope"]) for each in listed] == [("one", "read"), ("two", "read")]
    assert not any(each["id"] in keys[each["name"]] for each in listed)
    remove_key(target, listed[0]["id"])
    assert [each["name"] for each in list_keys(target)] == ["two"]
    with pytest.raises(NotFoundError, match=listed[0]["id"]):
        remove_key(target, listed[0]["id"])


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["redrive", "--aws", "missing"], 1, "missing"),
        (["redrive"], 1, "no local stack runs"),
        (["recover", *AWS, "nowhere.log"], 1, "nowhere.log"),
        (["recover", *AWS, "cut.gz"], 1, "cut.gz"),
        (["rebuild", "--wait", "-1"], 2, "number of seconds"),
        (["key", "make", "all"], 2, "all"),
        (["key", "remove"], 2, "id"),
        ([], 2, "COMMAND"),
    ],
)
def test_what_goes_wrong_is_said_in_words(
    moto_backend: Backend,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    said: str,
) -> None:
    """On standard error, with 1 for what could not be done, 2 for a wrong call, no traceback."""
    monkeypatch.chdir(tmp_path)
    Path("cut.gz").write_bytes(gzip.compress(b"x" * 1000)[:-12])
    try:
        found = main(arguments)
    except SystemExit as ended:
        found = int(str(ended.code))
    captured = capsys.readouterr()
    assert (found, captured.out) == (status, "")
    assert said in captured.err
