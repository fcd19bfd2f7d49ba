"""Sending at most once, and not less: workers that are killed, two at a time, answers that are lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from botocore.endpoint import Endpoint

from sendtrail.aws.service import Service
from sendtrail.errors import BusyError
from sendtrail.sending.fan_out import Job
from sendtrail.sending.idempotency import IdempotentSender
from tests.functional.conftest import Backend
from tests.functional.sending import NEWS, Post, answered, outbox, people
from tests.functional.world import Context, World

ADDRESS = "success@simulator.amazonses.com"
MESSAGE = "01M7W4N5E0NPXWGFZZWQ4CMKNX"


class KilledError(BaseException):
    """The process is gone: nothing catches it, and nothing is cleaned up."""


class Axe:
    """Counts the calls to AWS, and kills at one of them, before or after it has happened."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.at: int | None = None
        self.after = False
        self._lock = threading.Lock()

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        """Does a call, unless it is the one."""
        with self._lock:
            self.calls.append(name)
            now = len(self.calls) - 1 == self.at
        if now and not self.after:
            raise KilledError(name)
        answer = call()
        if now:
            raise KilledError(name)
        return answer


@contextmanager
def killing(monkeypatch: pytest.MonkeyPatch, at: int | None, *, after: bool) -> Iterator[Axe]:
    """Kills at that call to AWS, by whichever client."""
    axe = Axe()
    axe.at, axe.after = at, after
    ours, theirs = Service._exchange, Endpoint._send_request

    def our_call(self: Service, operation: str, *rest: Any, **named: Any) -> Any:
        return axe.around(operation, lambda: ours(self, operation, *rest, **named))

    def their_call(self: Any, request: Any, model: Any) -> Any:
        return axe.around(model.name, lambda: theirs(self, request, model))

    with monkeypatch.context() as patch:
        patch.setattr(Service, "_exchange", our_call)
        patch.setattr(Endpoint, "_send_request", their_call)
        yield axe


@pytest.fixture
def post(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Post:
    """Somebody who sends."""
    made = Post(World(moto_backend, monkeypatch))
    made.send(recipients=people(ADDRESS), **NEWS)
    made.world.call("dispatch", {"Records": made.jobs()})
    cold_start(made)
    return made


def cold_start(post: Post) -> None:
    """A new worker."""
    post.world.restart("dispatch")


def deliver(post: Post, records: list[dict[str, Any]]) -> bool:
    """Hands the letter to dispatch once; whether that says that it is done."""
    answer = post.world.call("dispatch", {"Records": records})
    return not answer["batchItemFailures"]


def until_done(post: Post, records: list[dict[str, Any]]) -> None:
    """As the queue does: again; and once more, when SES has told what it took and doubt is over."""
    if not deliver(post, records):
        post.answer()
        doubt_is_over(post)
        assert deliver(post, records)


def doubt_is_over(post: Post) -> None:
    """As if its seconds had gone by."""
    table = post.world.backend.table("Idempotency")
    dynamodb = post.world.backend.endpoints.client("dynamodb")
    for item in dynamodb.scan(TableName=table)["Items"]:
        dynamodb.update_item(
            TableName=table,
            Key={"id": item["id"]},
            UpdateExpression="SET in_progress_expiration = :past",
            ExpressionAttributeValues={":past": {"N": "1"}},
        )


def calls_of_a_sending(post: Post, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls to AWS that one sending makes."""
    records = post.jobs()
    with killing(monkeypatch, None, after=False) as axe:
        assert deliver(post, records)
    return axe.calls


POINTS = [(at, after) for at in range(7) for after in (False, True)]


def test_a_sending_is_of_seven_calls(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between which it is killed below; one for SES, one for the refusals."""
    calls = calls_of_a_sending(post, monkeypatch)
    assert [name for name in calls if name != "GetSecretValue"] == [
        "GetObject",
        "PutItem",
        "Query",
        "BatchGetItem",
        "SendEmail",
        "UpdateItem",
    ]
    assert len(calls) == len(POINTS) // 2


@pytest.mark.parametrize(("at", "after"), POINTS)
def test_a_worker_killed_at_any_point_sends_once(
    post: Post, monkeypatch: pytest.MonkeyPatch, at: int, *, after: bool
) -> None:
    """Before or after each call to AWS; the message comes again until it is done."""
    records = post.jobs()
    with killing(monkeypatch, at, after=after) as axe, pytest.raises(KilledError):
        deliver(post, records)
    assert len(axe.calls) == at + 1
    cold_start(post)
    until_done(post, records)
    for _ in range(2):
        post.answer()
        assert deliver(post, records)
    assert len(outbox(post.world)) == 1
    (message,) = post.api("/v1/participants/p0/messages")["json"]["items"]
    assert message["status"] == "delivered"


def test_a_record_is_as_powertools_writes_it(post: Post) -> None:
    """In progress and completed: records that its utility has written hold, and the other way."""
    table = post.world.backend.table("Idempotency")
    dynamodb = post.world.backend.endpoints.client("dynamodb")
    layer = DynamoDBPersistenceLayer(
        table, key_attr="id", expiry_attr="expiration", boto3_client=dynamodb
    )
    config = IdempotencyConfig(
        event_key_jmespath="id",
        expires_after_seconds=15 * 24 * 3600,
        hash_function="sha256",
        lambda_context=Context(),
    )
    seen: list[dict[str, Any]] = []

    def look(*_: Any, **__: Any) -> str:
        (item,) = dynamodb.scan(TableName=table)["Items"]
        seen.append(item)
        return "Sent"

    theirs = idempotent_function(
        look,
        data_keyword_argument="job",
        persistence_store=layer,
        config=config,
        key_prefix="dispatch",
    )
    assert theirs(job={"id": MESSAGE}) == "Sent"
    look()
    ours = IdempotentSender(look, post.world.backend.database(), table, in_doubt_seconds=30)
    assert ours.send(MESSAGE, "plan", 0) == "Sent"
    assert len(seen) == 2
    dynamodb.delete_item(TableName=table, Key={"id": seen[0]["id"]})
    assert ours.send(MESSAGE, "plan", 0) == "Sent"
    look()
    assert theirs(job={"id": MESSAGE}) == "Sent"
    assert len(seen) == 4
    assert [_without_times(item) for item in seen[:2]] == [_without_times(i) for i in seen[2:]]


def _without_times(item: dict[str, Any]) -> dict[str, Any]:
    """A record whose times are told by their kind and the number of their digits alone."""
    return {
        name: {kind: len(text) if kind == "N" else text for kind, text in value.items()}
        for name, value in item.items()
    }


def test_after_the_record_is_gone_the_log_still_knows(post: Post) -> None:
    """A message that comes again after weeks, or by a redrive, is not sent again."""
    records = post.jobs()
    assert deliver(post, records)
    post.answer()
    table = post.world.backend.table("Idempotency")
    dynamodb = post.world.backend.endpoints.client("dynamodb")
    for item in dynamodb.scan(TableName=table)["Items"]:
        dynamodb.delete_item(TableName=table, Key={"id": item["id"]})
    assert deliver(post, records)
    assert len(outbox(post.world)) == 1


def test_two_workers_at_once_send_once(post: Post) -> None:
    """The one that is second waits for the first to be done."""
    records = post.jobs()
    job = Job.of_text(records[0]["body"])
    made = post.world.function("dispatch").wiring
    message_id = made.fan_out.message_id(job)
    answers: list[str] = []

    def work() -> None:
        try:
            answers.append(made.sender.send(message_id, job.plan_id, job.number))
        except BusyError:
            answers.append("busy")

    with answered(post.world, {"hang": 0.5, "taken": True}):
        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert sorted(answers) == ["Sent", "busy", "busy", "busy"]
    assert deliver(post, records)
    assert len(outbox(post.world)) == 1


@pytest.mark.parametrize("taken", [True, False])
def test_an_answer_that_is_lost_leaves_it_to_the_log(post: Post, *, taken: bool) -> None:
    """SES took the mail, or did not, and nobody was told: the Send is in the log, or it is sent."""
    records = post.jobs()
    with answered(post.world, {"error": "InternalFailure", "status": 500, "taken": taken}):
        assert not deliver(post, records)
    assert not deliver(post, records)
    assert len(outbox(post.world)) == int(taken)
    until_done(post, records)
    assert len(outbox(post.world)) == 1


def test_a_throttled_sending_may_follow_at_once(post: Post) -> None:
    """SES said that it did not take it: there is no doubt."""
    records = post.jobs()
    with answered(post.world, {"error": "TooManyRequestsException", "status": 429}):
        assert not deliver(post, records)
    assert deliver(post, records)
    assert len(outbox(post.world)) == 1


def test_a_plan_expanded_twice_is_sent_once(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between any two of its writes, too."""
    post.jobs()
    said = post.send(recipients=people("a@example.com", "b@example.com"), **NEWS)
    (record,) = post.jobs()
    for at in range(4):
        with killing(monkeypatch, at, after=True):
            try:
                post.world.call("dispatch", {"Records": [record]})
            except KilledError:
                continue
    post.world.call("dispatch", {"Records": [record]})
    post.dispatch()
    post.answer()
    mails = [each["destination"][0] for each in outbox(post.world)]
    assert sorted(mails) == ["a@example.com", "b@example.com"]
    found = post.api(f"/v1/communications/{said['communication_id']}")["json"]
    assert (found["recipients"], found["sent"], found["delivered"]) == (2, 2, 2)
