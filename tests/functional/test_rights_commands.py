"""The commands of a person's rights: what is kept of them, and having them erased."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from sendtrail.reading import person_export
from sendtrail.rights.erasing import ErasureState
from sendtrail_cli.main import main
from sendtrail_cli.rights import erase
from sendtrail_cli.target import Target
from tests.functional.conftest import Backend
from tests.functional.erasing import ADDRESS, PERSON, erased, lived
from tests.functional.world import Api, World
from tests.traces import forms_of, held, traces

BO = {"participant_id": "bo", "address": "bo@else.example", "data": {"name": "Bo"}}


@pytest.fixture
def desk(
    moto_backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[World, Api]:
    """A stack of this folder in which Jane and Bo were written to, and its API."""
    world = World(moto_backend, monkeypatch)
    moto_backend.tell(tmp_path)
    monkeypatch.chdir(tmp_path)
    lived(world, BO)
    return world, Api(world)


def acts(api: Api, action: str) -> list[tuple[str, str]]:
    """To whom something was done, and by what kind of actor."""
    return [
        (act["object_id"], act["by"]["kind"])
        for act in api("/v1/staff/acts", limit=100)["json"]["items"]
        if act["action"] == action
    ]


def waiting(world: World) -> list[str]:
    """The ids of erasures in the queue, however long they are delayed."""
    sqs, url = (
        world.backend.endpoints.client("sqs"),
        world.backend.resources.physical["EraseQueue", ""],
    )
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
    said = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return [name for name in names for _ in range(int(said[name]))]


def test_what_is_kept_is_what_the_api_tells(
    desk: tuple[World, Api], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Written to a file that is its owner's alone, or printed; and noted with the operator."""
    _, api = desk
    told = api(f"/v1/participants/{PERSON}/export")["json"]
    file = tmp_path / "jane.json"
    assert main(["person", PERSON, "--to", str(file)]) == 0
    found = json.loads(file.read_text("utf-8"))
    assert file.stat().st_mode & 0o777 == 0o600
    assert found["profile"]["name_change"]["name"] == "Jane Quibbleworth"
    for name in ("messages", "addresses", "events"):
        assert len(found[name]) == len(told[name]) > 0
    assert [each["message_id"] for each in found["messages"]] == [
        each["message_id"] for each in told["messages"]
    ]
    assert capsys.readouterr().out == ""
    assert main(["person", PERSON]) == 0
    assert json.loads(capsys.readouterr().out)["messages"] == found["messages"]
    assert acts(api, "export_person") == [(PERSON, "operator")] * 2 + [(PERSON, "key")]


def test_many_messages_come_page_by_page(
    desk: tuple[World, Api], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is written is the same."""
    assert main(["person", PERSON]) == 0
    whole = json.loads(capsys.readouterr().out)
    monkeypatch.setattr(person_export, "MAX_BYTES", 1)
    assert main(["person", PERSON]) == 0
    assert json.loads(capsys.readouterr().out)["messages"] == whole["messages"]
    assert len(whole["messages"]) == 2


@pytest.mark.usefixtures("desk")
def test_of_nobody_nothing_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No file is made, nothing is erased, and no erasure is found."""
    file = tmp_path / "nobody.json"
    assert main(["person", "nobody", "--to", str(file)]) == 1
    assert not file.exists()
    assert main(["erase", "nobody", "--yes"]) == 1
    assert main(["erase", "nobody"]) == 1
    assert main(["erase", "--status", f"erased-{'0' * 26}"]) == 1
    assert "nothing is known of participant nobody" in capsys.readouterr().err


@pytest.mark.usefixtures("desk")
def test_an_erasure_needs_a_person_or_an_erasure() -> None:
    """And not both."""
    for arguments in ([], [PERSON, "--status", "erased-1"]):
        with pytest.raises(SystemExit) as ended:
            main(["erase", *arguments])
        assert ended.value.code == 2


@pytest.mark.parametrize("written", ["", "bo\n", f"{PERSON}x\n"])
def test_who_does_not_write_the_id_again_erases_nobody(
    desk: tuple[World, Api],
    written: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Having been told whom it is of."""
    world, api = desk
    monkeypatch.setattr("sys.stdin", io.StringIO(written))
    assert main(["erase", PERSON]) == 2
    told = capsys.readouterr().err
    assert "Jane Quibbleworth" in told
    assert ADDRESS in told
    assert api(f"/v1/participants/{PERSON}")["statusCode"] == 200
    assert waiting(world) == []


def test_the_first_pass_is_done_at_once_and_the_function_does_the_rest(
    desk: tuple[World, Api],
    moto_backend: Backend,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By the operator's own credentials; the queue has what is to come; and asked again, it is the
    same erasure, until it is done.
    """
    world, api = desk
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PERSON}\n"))
    assert main(["erase", PERSON]) == 0
    told = capsys.readouterr().out
    erasure_id = told.split()[1]
    assert "running" in told
    assert "2 messages" in told
    assert f"sendtrail erase --status {erasure_id}" in told
    for each in (PERSON, "Quibbleworth", "quibble.example"):
        assert each not in told
    assert waiting(world) == ["ApproximateNumberOfMessagesDelayed"]
    world.fold()
    assert api(f"/v1/participants/{PERSON}")["statusCode"] == 404
    assert acts(api, "erase") == [(erasure_id, "operator")]
    assert main(["erase", "--status", erasure_id]) == 1
    assert main(["erase", PERSON, "--yes"]) == 0
    assert erasure_id in capsys.readouterr().out

    erased(world, erasure_id)
    assert main(["erase", "--status", erasure_id]) == 0
    report = capsys.readouterr().out
    assert "done" in report
    for where in ("stream", "queues", "logs", "backups"):
        assert f": {where}" in report
    forms = forms_of(PERSON, "Quibbleworth", "quibble.example", addresses=[ADDRESS])
    assert traces(held(moto_backend.resources, moto_backend.endpoints), forms) == []


def test_what_is_broken_off_is_gone_on_with_by_the_function(
    desk: tuple[World, Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its queue has it from the beginning; and so has what there was no time for."""
    world, _ = desk
    told: list[str] = []
    found = erase(Target.of(None), PERSON, report=told.append, here_seconds=0)
    assert found.state is ErasureState.ASKED
    assert waiting(world) == ["ApproximateNumberOfMessagesDelayed"]

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sendtrail_cli.rights._counts", interrupted)
    assert main(["erase", PERSON, "--yes"]) == 1
    assert len(waiting(world)) == 2
    erased(world, found.erasure_id)
