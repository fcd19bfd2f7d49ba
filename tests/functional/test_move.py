"""A stack beside another: what cannot be made anew is moved from the one into the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sendtrail.auth.signing_keys import Purpose
from sendtrail.errors import InvalidTokenError
from sendtrail_cli.main import main
from tests.functional.conftest import Backend
from tests.functional.erasing import ADDRESS, PERSON, erased, lived, work
from tests.functional.reader import Reader
from tests.functional.sending import NEWS, Post, outbox, people
from tests.functional.world import Api, World
from tests.traces import forms_of, held, traces

TABLES = ("trails", "participants", "suppressions", "templates", "staff")
REGION = "eu-west-1"


@dataclass
class Old:
    """A stack in which mail was sent.

    Attributes:
        answers: path → what the API answers.
        token: of a link in its mail.
    """

    backend: Backend
    answers: dict[str, Any]
    token: str


def names(backend: Backend) -> list[str]:
    """The arguments that name what a stack has left."""
    physical = backend.resources.physical
    found = ["--from-region", REGION]
    for table in TABLES:
        found += ["--table", f"{table}={backend.table(table.capitalize())}"]
    found += ["--plans", physical["PlansBucket", ""]]
    found += ["--erasures", backend.table("Erasures")]
    found += ["--erasure-key", physical["ErasureKey", ""]]
    return [*found, "--signing-keys", physical["SigningKeys", ""]]


def keys_in(backend: Backend) -> dict[str, Any]:
    """The signing keys of links."""
    secret = backend.resources.physical["SigningKeys", ""]
    client = backend.endpoints.client("secretsmanager")
    found: dict[str, Any] = json.loads(client.get_secret_value(SecretId=secret)["SecretString"])
    return found


@pytest.fixture
def old(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Old:
    """A mailing to four, of whom one bounced, one complained, one was suppressed, and a template."""
    world = World(moto_backend, monkeypatch)
    post = Post(world)
    api = post.api
    assert api("/v1/templates/news", "PUT", NEWS)["statusCode"] in (200, 201)
    api("/v1/suppressions/never@example.com", "PUT", {"note": "asked"})
    addresses = [f"{name}@simulator.amazonses.com" for name in ("success", "bounce", "complaint")]
    sent = post.send(template_id="news", recipients=people(*addresses, "never@example.com"))
    post.run()
    told = answers(api, paths(api, sent))
    token = world.wiring.signing_keys.cipher(Purpose.OPEN).encrypt(["a message"])
    return Old(moto_backend, told, token)


def answers(api: Api, asked: list[str]) -> dict[str, Any]:
    """What is answered to each."""
    found = {path: api(path) for path in asked}
    assert {each["statusCode"] for each in found.values()} == {200}, found
    return {path: each["body"] for path, each in found.items()}


def paths(api: Api, sent: dict[str, Any]) -> list[str]:
    """What is asked in both stacks."""
    found = [
        "/v1/templates/news",
        "/v1/suppressions",
        f"/v1/communications/{sent['communication_id']}",
    ]
    for number in range(4):
        who = f"/v1/participants/p{number}"
        (message,) = api(f"{who}/messages")["json"]["items"]
        one = f"{who}/messages/{message['message_id']}"
        found += [who, f"{who}/messages", f"{who}/addresses", one, f"{one}/preview"]
    return found


@pytest.fixture
def move(
    moto_backend: Backend,
    other_backend: Backend,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., int]:
    """Moves into the other stack, which is that of the current folder; the exit status."""
    other_backend.tell(tmp_path)
    monkeypatch.chdir(tmp_path)

    def moved(*arguments: str) -> int:
        for name, value in moto_backend.environment.items():
            monkeypatch.setenv(name, value)
        return main(["move", *arguments])

    return moved


def new_world(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """The handlers of the other stack, to which the process's environment leads from now on."""
    for name, value in backend.environment.items():
        monkeypatch.setenv(name, value)
    return World(backend, monkeypatch)


def test_what_was_sent_is_read_and_verified_in_the_other_stack(
    old: Old,
    move: Callable[..., int],
    other_backend: Backend,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Histories, previews, templates, suppressions and figures, as the old one answers; a link that
    it signed is good, and no key is printed. A second move changes nothing.
    """
    before = keys_in(other_backend)
    capsys.readouterr()
    assert move(*names(old.backend)) == 0
    printed = capsys.readouterr()
    keys = [keys_in(old.backend)["newest"], keys_in(other_backend)["newest"]]
    assert not any(key in printed.out + printed.err for key in keys)
    world = new_world(other_backend, monkeypatch)
    world.fold()
    api = Api(world)
    assert answers(api, list(old.answers)) == old.answers
    assert world.wiring.signing_keys.cipher(Purpose.OPEN).decrypt(old.token) == ["a message"]
    with pytest.raises(InvalidTokenError):
        world.wiring.session_keys.cipher(Purpose.OPEN).decrypt(old.token)
    after = keys_in(other_backend)
    assert after == {"newest": before["newest"], "older": [keys_in(old.backend)["newest"]]}
    capsys.readouterr()
    assert move(*names(old.backend)) == 0
    again = capsys.readouterr().out.splitlines()
    assert again[0].startswith("signing keys: 0 added")
    assert again[1].startswith("erasures: 0 copied")
    assert all(line.endswith(" there already") for line in (*again[2:7], again[8])), again
    assert keys_in(other_backend) == after
    world = new_world(other_backend, monkeypatch)
    world.fold()
    assert answers(Api(world), list(old.answers)) == old.answers


def test_a_stack_is_moved_by_its_name(
    old: Old,
    move: Callable[..., int],
    other_backend: Backend,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is named besides stands for the stack's own."""
    secret = old.backend.resources.physical["SigningKeys", ""]  # moto's CloudFormation makes none
    assert move("--from", "sendtrail", "--signing-keys", secret) == 0
    world = new_world(other_backend, monkeypatch)
    world.fold()
    assert answers(Api(world), list(old.answers)) == old.answers


def test_who_must_not_be_mailed_gets_nothing_from_the_other_stack(
    old: Old, move: Callable[..., int], other_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it has not projected anything yet."""
    assert move(*names(old.backend)) == 0
    world = new_world(other_backend, monkeypatch)
    post = Post(world)
    addresses = [f"{name}@simulator.amazonses.com" for name in ("success", "bounce", "complaint")]
    post.send(template_id="news", recipients=people(*addresses, "never@example.com"))
    post.run()
    statuses = [
        post.api(f"/v1/participants/p{number}/messages")["json"]["items"][0]["status"]
        for number in range(4)
    ]
    assert statuses == ["delivered", "dropped", "dropped", "dropped"]


def test_who_was_erased_is_known_in_the_other_stack(
    moto_backend: Backend,
    move: Callable[..., int],
    other_backend: Backend,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the same hashes: what comes late of them leaves no trace, a refusal holds, and the report is
    read. Who was erased there meanwhile, under another key, is not forgotten for it.
    """
    world = World(moto_backend, monkeypatch)
    api = lived(world)
    mail = next(each for each in outbox(world) if "/o/" in (each.get("html") or ""))
    erasure = api(f"/v1/participants/{PERSON}", "DELETE")["json"]["erasure_id"]
    erased(world, erasure)
    told = api(f"/v1/erasures/{erasure}")["json"]
    assert move(*names(moto_backend)) == 0
    assert move(*names(moto_backend)) == 0

    world = new_world(other_backend, monkeypatch)
    world.fold()
    api = Api(world)
    assert api(f"/v1/erasures/{erasure}")["json"] == told
    assert Reader(world, mail["html"])("o")["statusCode"] == 200
    world.fold()
    forms = forms_of(PERSON, "Quibbleworth", addresses=[ADDRESS])
    assert traces(held(other_backend.resources, other_backend.endpoints), forms) == []
    post = Post(world)
    again = {"participant_id": "new", "address": ADDRESS, "data": {"name": "New"}}
    said = post.send(name="Again", template_id="news", kind="news", recipients=[again])
    post.run()
    found = api(f"/v1/communications/{said['communication_id']}")["json"]
    assert found["dropped_by_reason"] == {"unsubscribed": 1}


@pytest.mark.parametrize("begun", [False, True])
def test_an_erasure_under_way_goes_on_in_the_other_stack(
    moto_backend: Backend,
    move: Callable[..., int],
    other_backend: Backend,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    begun: bool,
) -> None:
    """Whether it has just been asked for, or a part of it was done; moved once or again."""
    world = World(moto_backend, monkeypatch)
    api = lived(world)
    erasure = api(f"/v1/participants/{PERSON}", "DELETE")["json"]["erasure_id"]
    if begun:
        world.wiring.erasing.run(erasure, has_time=lambda: False)
    assert move(*names(moto_backend)) == 0
    assert "erasures under way there: 1, which go on here" in capsys.readouterr().out

    world = new_world(other_backend, monkeypatch)
    monkeypatch.setenv("ERASURES_CACHE_SECONDS", "0")  # a minute is less than a quarter of an hour
    world.fold()
    assert Api(world)(f"/v1/erasures/{erasure}")["json"]["passes"] == 0
    assert work(world) == 1
    erased(world, erasure)
    forms = forms_of(PERSON, "Quibbleworth", addresses=[ADDRESS])
    assert traces(held(other_backend.resources, other_backend.endpoints), forms) == []
    assert move(*names(moto_backend)) == 0
    work(world)
    assert traces(held(other_backend.resources, other_backend.endpoints), forms) == []


def test_erasures_under_two_keys_are_refused(
    moto_backend: Backend,
    move: Callable[..., int],
    other_backend: Backend,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Neither's key may be given up."""
    there = new_world(other_backend, monkeypatch)
    there.wiring.erasures.remember({"somebody": "erased-" + "0" * 26}, "2026-11-01T00:00:00.000Z")
    key = there.wiring.erasures.keyed.key
    here = new_world(moto_backend, monkeypatch)
    here.wiring.erasures.remember({"other": "erased-" + "1" * 26}, "2026-11-01T00:00:00.000Z")
    assert move(*names(moto_backend)) == 2
    assert "people were erased in both stacks" in capsys.readouterr().err
    assert new_world(other_backend, monkeypatch).wiring.erasures.keyed.key == key


def test_a_request_that_is_repeated_in_the_other_stack_is_not_sent_again(
    moto_backend: Backend,
    move: Callable[..., int],
    other_backend: Backend,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its plan and the claim of its job have moved with it."""
    draft = {"name": "News", "recipients": people("success@simulator.amazonses.com"), **NEWS}
    post = Post(World(moto_backend, monkeypatch))

    def asked(by: Post) -> None:
        headers = {"idempotency-key": "a-request"}
        answer = by.api("/v1/communications", "POST", draft, headers=headers)
        assert answer["statusCode"] == 202, answer
        by.run()

    asked(post)
    assert len(outbox(post.world)) == 1
    assert move("--from", "sendtrail", *names(moto_backend)) == 0
    other = Post(new_world(other_backend, monkeypatch))
    asked(other)
    assert outbox(other.world) == []


def test_the_key_that_signs_stays_while_a_newer_one_waits(
    moto_backend: Backend, move: Callable[..., int], other_backend: Backend
) -> None:
    """Until a rotated key signs, the last of the older ones does: the old stack's come before it."""
    client = other_backend.endpoints.client("secretsmanager")
    secret = other_backend.resources.physical["SigningKeys", ""]
    waiting = {"newest": "n" * 64, "older": ["o" * 64], "signs_from": 4_000_000_000}
    client.put_secret_value(SecretId=secret, SecretString=json.dumps(waiting))
    assert move(*names(moto_backend)) == 0
    ring = keys_in(other_backend)
    assert ring == waiting | {"older": [keys_in(moto_backend)["newest"], "o" * 64]}


def test_what_is_not_named_is_told_of(
    moto_backend: Backend, move: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """And the rest is moved."""
    assert move("--table", f"templates={moto_backend.table('Templates')}") == 0
    assert (
        "not moved, since it was not named: SigningKeys, ErasuresTable, ErasureKey, StaffTable, "
        "WebhooksTable, SuppressionsTable, ParticipantsTable, TrailsTable, PlansBucket"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 2, "name what to move from"),
        (["--from", "missing"], 1, "missing"),
        (["--table", "trails"], 2, "table, one of trails, participants"),
        (["--table", "figures=x"], 2, "table, one of trails, participants"),
        (["--table", "trails=nowhere"], 1, "there is no table nowhere"),
        (["--from", "sendtrail", "--aws", "sendtrail"], 2, "is the target's own table"),
    ],
)
def test_what_cannot_be_moved_is_refused(
    move: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    said: str,
) -> None:
    """In words."""
    try:
        found = move(*arguments)
    except SystemExit as ended:
        found = int(str(ended.code))
    assert found == status
    assert said in capsys.readouterr().err
