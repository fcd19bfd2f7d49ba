"""The command `sendtrail`, on a stack that moto's CloudFormation has as AWS's has one."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.notifications import Mail
from sendtrail.auth.key_secret import end_of_day
from sendtrail.auth.secret_changes import change_secret, read_secret
from sendtrail.aws.secrets import Secrets
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.times import from_epoch_ms
from sendtrail.errors import InvalidInputError, NotFoundError, ThrottledError
from sendtrail.log.fallback import UNSAVED
from sendtrail.log.serialization import serialize
from sendtrail_cli.keys import list_keys, make_key, remove_key
from sendtrail_cli.main import main
from sendtrail_cli.target import Target
from tests.functional.amended import amended
from tests.functional.conftest import Backend
from tests.functional.world import Api, World

AWS = ("--aws", "sendtrail")


def received(backend: Backend, queue: str) -> list[str]:
    """The bodies of what is in a queue."""
    url = backend.resources.physical[queue, ""]
    found = backend.endpoints.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return sorted(each["Body"] for each in found.get("Messages", []))


def with_secrets(backend: Backend) -> Target:
    """The stack with its secrets, which moto's CloudFormation does not make."""
    resources = {
        name: value for (name, kind), value in backend.resources.physical.items() if not kind
    }
    return Target(boto3.Session(), resources, {}, {"secretsmanager": backend.endpoints.aws})


def status_of(*arguments: str) -> int:
    """The exit status of a command."""
    try:
        return main(list(arguments))
    except SystemExit as ended:
        return int(str(ended.code))


def opened(request_id: str) -> str:
    """An open, as track writes it into its log when it can write it nowhere else."""
    at = "2026-11-20T12:00:00.000Z"
    recipient = Recipient(derived_message_id(at, "ses-1", ""), "member-1")
    event = Event.of_request(EventType.OPEN, recipient, at, request_id, {"sent_at": at})
    return serialize(event)


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


def test_recover_reads_the_log_group_of_a_stack_in_aws(
    moto_backend: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a file: the lines of events not saved, as functions log them; with `--since`, those
    from then on.
    """
    target = Target.of("sendtrail")
    logs, group = moto_backend.endpoints.client("logs"), target.resource("FunctionLogs")
    events = [opened(f"request-{number}") for number in range(3)]
    began = int(time.time() * 1000) - 3_600_000
    for number, text in enumerate(events):
        stream = f"2026/11/20/[$LATEST]{number}"
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        line = json.dumps({"level": "ERROR", "message": UNSAVED, "event": text})
        other = json.dumps({"level": "INFO", "message": "event saved"})
        logs.put_log_events(
            logGroupName=group,
            logStreamName=stream,
            logEvents=[
                {"timestamp": began + number * 60_000, "message": message}
                for message in (line, other)
            ],
        )
    assert main(["recover", *AWS]) == 0
    assert capsys.readouterr().out == "3 brought back\n"
    assert received(moto_backend, "HitsQueue") == sorted(events)
    assert main(["recover", *AWS, "--since", from_epoch_ms(began + 90_000)]) == 0
    assert capsys.readouterr().out == "1 brought back\n"
    assert received(moto_backend, "HitsQueue") == [events[2]]


def test_recover_takes_no_logs_of_this_machine_for_those_of_a_stack_in_aws(
    moto_backend: Backend,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Even where a local stack left logs; which are those of the local stack, by its file."""
    moto_backend.tell(tmp_path)
    (tmp_path / ".local/logs").mkdir(parents=True)
    event = opened("request-1")
    line = json.dumps({"message": UNSAVED, "event": event})
    (tmp_path / ".local/logs/TrackFunction.log").write_text(line + "\n")
    monkeypatch.chdir(tmp_path)
    assert main(["recover", *AWS]) == 0
    assert capsys.readouterr().out == "0 brought back\n"
    assert main(["recover"]) == 0
    assert received(moto_backend, "HitsQueue") == [event]
    assert main(["recover", "--since", "2026-11-20T09:30Z"]) == 2


def test_a_stack_that_was_deleted_is_found_by_its_arn(moto_backend: Backend) -> None:
    """With what it has left: so that `move` need not be told each name."""
    client = moto_backend.endpoints.client("cloudformation")
    template = {
        "Parameters": {"RetentionDays": {"Type": "String", "Default": "400"}},
        "Resources": {
            "PlansBucket": {
                "Type": "AWS::S3::Bucket",
                "DeletionPolicy": "Retain",
                "Properties": {"BucketName": "left-behind"},
            }
        },
    }
    arn = client.create_stack(StackName="old", TemplateBody=json.dumps(template))["StackId"]
    client.delete_stack(StackName="old")
    assert Target.of(arn).resource("PlansBucket") == "left-behind"
    with pytest.raises(ClientError, match="old"):
        Target.of("old")


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
    target = with_secrets(moto_backend)
    keys = {name: make_key(target, "read", name) for name in ("one", "two")}
    listed = list_keys(target)
    assert [(each.name, each.scope) for each in listed] == [("one", "read"), ("two", "read")]
    assert not any(each.key_id in keys[each.name] for each in listed)
    remove_key(target, listed[0].key_id)
    assert [each.name for each in list_keys(target)] == ["two"]
    with pytest.raises(NotFoundError, match=listed[0].key_id):
        remove_key(target, listed[0].key_id)


def test_a_key_is_named_so_that_it_can_be_shown(
    moto_backend: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    """In lists, on pages and in logs: at most 60 printable characters."""
    for name, said in (("x" * 61, "at most 60"), ("a\nb", "printable"), (" a", "no space")):
        assert main(["key", "make", "read", "--name", name, *AWS]) == 2
        assert said in capsys.readouterr().err
    target = with_secrets(moto_backend)
    assert make_key(target, "read", "é" * 60).startswith("st_")
    assert [each.name for each in list_keys(target)] == ["é" * 60]


def test_a_key_expires_at_the_end_of_the_day_that_is_named(
    moto_backend: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lists tell it; a day that has passed, or is none, is refused."""
    for day, said in (("2020-01-01", "has passed"), ("2027-02-30", "day, such as"), ("1", "day")):
        assert status_of("key", "make", "read", "--expires", day, *AWS) == 2
        assert said in capsys.readouterr().err
    target = with_secrets(moto_backend)
    make_key(target, "read", "Report", expires_at=end_of_day("2099-12-31"))
    assert [each.expires_at for each in list_keys(target)] == ["2100-01-01T00:00:00.000Z"]


def test_a_secret_that_was_changed_too_often_is_told_of_in_words(moto_backend: Backend) -> None:
    """And one that is full: neither changes."""
    arn = moto_backend.resources.physical["ApiKeys", ""]
    ours = Secrets(moto_backend.environment)
    with pytest.raises(InvalidInputError, match="more than 65,536 bytes"):
        change_secret(ours, arn, lambda known: {**known, "more": "x" * 65_536})
    assert read_secret(ours, arn) == {"keys": []}
    with amended(moto_backend.endpoints.aws) as state:
        state.errors["secretsmanager.PutSecretValue"] = "LimitExceededException"
        limited = Secrets(moto_backend.environment | {"AWS_ENDPOINT_URL": state.url})
        with pytest.raises(ThrottledError, match=r"changed too often.*every ten minutes"):
            change_secret(limited, arn, lambda known: known)


def test_a_malformed_key_is_listed_and_hinders_nothing(moto_backend: Backend) -> None:
    """The others are listed, made and removed; what an operator wrote by hand stays as it is."""
    arn = moto_backend.resources.physical["ApiKeys", ""]
    client = moto_backend.endpoints.client("secretsmanager")
    client.put_secret_value(SecretId=arn, SecretString=json.dumps({"keys": [{"name": "by hand"}]}))
    target = with_secrets(moto_backend)
    make_key(target, "read", "Report")
    malformed, report = list_keys(target)
    assert (malformed.key_id, report.name) == ("", "Report")
    assert "entry 1" in malformed.name
    remove_key(target, report.key_id)
    kept = json.loads(
        client.get_secret_value(SecretId=arn, VersionStage="AWSCURRENT")["SecretString"]
    )
    assert kept == {"keys": [{"name": "by hand"}]}


@pytest.mark.parametrize(
    ("ring", "secret"), [("links", "SigningKeys"), ("sessions", "SessionKeys")]
)
def test_keys_that_sign_are_rotated(
    moto_backend: Backend,
    ring: str,
    secret: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The new one waits until it is known, and only then can the others be retired."""
    moto_backend.tell(tmp_path)
    monkeypatch.chdir(tmp_path)
    client = moto_backend.endpoints.client("secretsmanager")
    arn = moto_backend.resources.physical[secret, ""]

    ours = Secrets(moto_backend.environment)

    def content() -> dict[str, Any]:
        return read_secret(ours, arn)

    first = content()["newest"]
    assert main(["key", "rotate", ring]) == 0
    rotated = content()
    assert rotated["older"] == [first]
    assert 60 < rotated["signs_from"] - time.time() <= 120
    assert len(rotated["newest"]) >= 64
    assert "2 keys" in capsys.readouterr().out
    assert main(["key", "rotate", ring, "--retire"]) == 1
    assert "does not sign yet" in capsys.readouterr().err
    change_secret(ours, arn, lambda known: known | {"signs_from": 1})
    assert main(["key", "rotate", ring, "--retire"]) == 0
    assert content() == {"newest": rotated["newest"], "older": []}
    stages = client.list_secret_version_ids(SecretId=arn, IncludeDeprecated=True)["Versions"]
    assert not [each for each in stages if "sendtrail-" in "".join(each["VersionStages"])]


def test_two_who_change_a_secret_lose_nothing_of_each_others(moto_backend: Backend) -> None:
    """The one who is later begins again with what the other wrote."""
    ours = Secrets(moto_backend.environment)
    arn = moto_backend.resources.physical["ApiKeys", ""]
    others = ["other"]

    def added(content: dict[str, Any], name: str) -> dict[str, Any]:
        return {**content, "keys": [*content["keys"], name]}

    def change(content: dict[str, Any]) -> dict[str, Any]:
        if others:  # meanwhile
            change_secret(ours, arn, lambda known: added(known, others.pop()))
        return added(content, "mine")

    change_secret(ours, arn, change)
    assert read_secret(ours, arn)["keys"] == ["other", "mine"]


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
