"""Sending at most once, and not less: workers that are killed, two at a time, answers that are lost."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.endpoint import Endpoint

from sendtrail.aws.service import Service
from sendtrail.domain.times import epoch_ms, from_epoch_ms, now
from sendtrail.errors import BusyError
from sendtrail.sending.jobs import Job, JobReport
from sendtrail.sending.rate_limiter import RateLimiter
from tests.functional.conftest import Backend
from tests.functional.sending import NEWS, Post, answered, outbox, people
from tests.functional.world import World

SIMULATOR = "simulator.amazonses.com"
ADDRESSES = [f"success+{number}@{SIMULATOR}" for number in range(9)]
DAY = 24 * 3600


class KilledError(BaseException):
    """The process is gone: nothing catches it, and nothing is cleaned up."""


class Axe:
    """Counts the calls to AWS, and kills at one of them, before or after it has happened: after
    that, no thread of the process makes another.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.at: int | None = None
        self.after = False
        self._dead = False
        self._under_way = 0
        self._changed = threading.Condition()

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        """Does a call, unless it is the one."""
        with self._changed:
            if self._dead:
                raise KilledError(name)
            self.calls.append(name)
            self._dead = len(self.calls) - 1 == self.at
            now = self._dead
            if now and not self.after:
                raise KilledError(name)
            self._under_way += 1
        try:
            answer = call()
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()
        if now:
            raise KilledError(name)
        return answer

    def settle(self) -> None:
        """Waits until what other threads had begun has reached AWS."""
        with self._changed:
            assert self._changed.wait_for(lambda: not self._under_way, 60)


@contextmanager
def killing(monkeypatch: pytest.MonkeyPatch, at: int | None, *, after: bool) -> Iterator[Axe]:
    """Kills at that call to AWS, by whichever client."""
    axe = Axe()
    axe.at, axe.after = at, after
    ours, theirs = Service._exchange, Endpoint._send_request
    submit, begun = ThreadPoolExecutor.submit, list[Future[Any]]()

    def noted(self: ThreadPoolExecutor, *work: Any, **named: Any) -> Future[Any]:
        begun.append(submit(self, *work, **named))
        return begun[-1]

    def our_call(self: Service, operation: str, *rest: Any, **named: Any) -> Any:
        return axe.around(operation, lambda: ours(self, operation, *rest, **named))

    def their_call(self: Any, request: Any, model: Any) -> Any:
        return axe.around(model.name, lambda: theirs(self, request, model))

    with monkeypatch.context() as patch:
        patch.setattr(Service, "_exchange", our_call)
        patch.setattr(Endpoint, "_send_request", their_call)
        patch.setattr(ThreadPoolExecutor, "submit", noted)
        try:
            yield axe
        finally:
            axe.settle()
            # Nor does one that had not got so far: it dies as soon as it tries.
            assert not wait(begun, 60).not_done


@pytest.fixture
def post(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Post:
    """Somebody who sends a job of ten: nine mails, and one that is dropped."""
    made = Post(World(moto_backend, monkeypatch))
    made.send(recipients=people(*ADDRESSES, "no address"), **NEWS)
    made.world.call("dispatch", {"Records": made.jobs()})
    cold_start(made)
    return made


@pytest.fixture
def single(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Post:
    """Somebody who sends a direct message: a job of one."""
    made = Post(World(moto_backend, monkeypatch))
    draft = {"participant_id": "p0", "address": ADDRESSES[0], "subject": "s", "html": "<p>t</p>"}
    assert made.api("/v1/messages", "POST", draft)["statusCode"] == 202
    made.world.call("dispatch", {"Records": made.jobs()})
    cold_start(made)
    return made


def cold_start(post: Post) -> None:
    """A new worker."""
    post.world.restart("dispatch")


def deliver(post: Post, records: list[dict[str, Any]]) -> bool:
    """Hands jobs to dispatch once; whether that says that they are done."""
    answer = post.world.call("dispatch", {"Records": records})
    return not answer["batchItemFailures"]


def until_done(post: Post, records: list[dict[str, Any]]) -> None:
    """As the queue does: again; and once more, when SES has told what it took and doubt is over."""
    if not deliver(post, records):
        post.answer()
        doubt_is_over(post)
        assert deliver(post, records)


def claims(post: Post) -> list[dict[str, Any]]:
    """The claims, as DynamoDB has them."""
    dynamodb = post.world.backend.endpoints.client("dynamodb")
    items = dynamodb.scan(TableName=post.world.backend.table("Idempotency"))["Items"]
    return [item for item in items if not item["id"]["S"].startswith("#")]


def set_all(post: Post, **numbers: int) -> None:
    """Changes attributes of every claim."""
    dynamodb = post.world.backend.endpoints.client("dynamodb")
    for claim in claims(post):
        for name, number in numbers.items():
            dynamodb.update_item(
                TableName=post.world.backend.table("Idempotency"),
                Key={"id": claim["id"]},
                UpdateExpression="SET #name = :number",
                ExpressionAttributeNames={"#name": name},
                ExpressionAttributeValues={":number": {"N": str(number)}},
            )


def doubt_is_over(post: Post) -> None:
    """As if its seconds had gone by."""
    set_all(post, until=1)


def forget_claims(post: Post) -> None:
    """As DynamoDB does when they have expired."""
    dynamodb = post.world.backend.endpoints.client("dynamodb")
    for claim in claims(post):
        table = post.world.backend.table("Idempotency")
        dynamodb.delete_item(TableName=table, Key={"id": claim["id"]})


def make_older(post: Post, records: list[dict[str, Any]], days: int) -> None:
    """As if the plan of a job had been accepted some days before."""
    bucket = post.world.backend.resources.physical["PlansBucket", ""]
    s3 = post.world.backend.endpoints.client("s3")
    key = f"plans/{Job.of_text(records[0]['body']).plan_id}.json"
    plan = json.load(s3.get_object(Bucket=bucket, Key=key)["Body"])
    plan["accepted_at"] = from_epoch_ms(epoch_ms(now()) - days * DAY * 1000)
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(plan).encode())
    cold_start(post)


def sent(post: Post) -> Counter[str]:
    """How many mails each was sent."""
    return Counter(mail["destination"][0] for mail in outbox(post.world))


ONCE = Counter(ADDRESSES)


class UnhurriedClock:
    """A clock by which time passes in sleep alone: no slot of the rate is missed, however slow the
    machine.
    """

    def __init__(self) -> None:
        self._now = time.time()

    def __call__(self) -> float:
        """The time."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Has time pass."""
        self._now += seconds


def calls_of_a_sending(post: Post, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls to AWS that one sending makes."""
    records = post.jobs()
    wiring, clock = post.world.function("dispatch").wiring, UnhurriedClock()
    wiring.rate_limiter = RateLimiter(
        wiring.database,
        wiring.settings.idempotency_table,
        rate=wiring.settings.send_rate,
        clock=clock,
        sleep=clock.sleep,
    )
    with killing(monkeypatch, None, after=False) as axe:
        assert deliver(post, records)
    return axe.calls


POINTS = [(at, after) for at in range(18) for after in (False, True)]
POINTS_OF_ONE = [(at, after) for at in range(9) for after in (False, True)]


def test_a_job_of_ten_is_of_nine_calls_besides_those_of_ses(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between which it is killed below. A worker that is warm makes five, and one for who was
    dropped.
    """
    calls = calls_of_a_sending(post, monkeypatch)
    assert calls == [
        "GetObject",  # the plan, once for a worker
        "PutItem",  # the claim
        "GetItem",  # was it stopped?
        "BatchGetItem",  # who is eligible
        "BatchGetItem",  # was anybody erased? at most once a minute for a worker
        "GetSecretValue",  # once for a worker
        "UpdateItem",  # the rate
        *["SendEmail"] * 9,
        "UpdateItem",  # who was dropped
        "UpdateItem",  # the claim
    ]
    assert len(calls) == len(POINTS) // 2


def kill_and_go_on(post: Post, monkeypatch: pytest.MonkeyPatch, at: int, *, after: bool) -> None:
    """Kills a worker at that call; its job then comes again until it is done, and twice more."""
    records = post.jobs()
    with killing(monkeypatch, at, after=after) as axe, pytest.raises(KilledError):
        deliver(post, records)
    assert len(axe.calls) == at + 1
    cold_start(post)
    until_done(post, records)
    for _ in range(2):
        post.answer()
        assert deliver(post, records)


@pytest.mark.parametrize(("at", "after"), POINTS)
def test_a_worker_killed_at_any_point_sends_once(
    post: Post, monkeypatch: pytest.MonkeyPatch, at: int, *, after: bool
) -> None:
    """Before or after each call to AWS; the job comes again until it is done."""
    kill_and_go_on(post, monkeypatch, at, after=after)
    assert sent(post) == ONCE
    for number in range(9):
        (message,) = post.api(f"/v1/participants/p{number}/messages")["json"]["items"]
        assert message["status"] == "delivered"
    (message,) = post.api("/v1/participants/p9/messages")["json"]["items"]
    assert (message["status"], message["drop_reason"]) == ("dropped", "invalid_address")


@pytest.mark.parametrize(("at", "after"), POINTS_OF_ONE)
def test_a_worker_of_a_direct_message_killed_at_any_point_sends_once(
    single: Post, monkeypatch: pytest.MonkeyPatch, at: int, *, after: bool
) -> None:
    """As of a job of ten."""
    kill_and_go_on(single, monkeypatch, at, after=after)
    assert len(outbox(single.world)) == 1
    (message,) = single.api("/v1/participants/p0/messages")["json"]["items"]
    assert message["status"] == "delivered"


@pytest.mark.parametrize("at", range(7, 17))
def test_a_worker_that_finds_a_lapsed_claim_and_is_killed_too_sends_once(
    post: Post, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """The first is killed amid its mails, the second amid what it asks and sends."""
    records = post.jobs()
    with killing(monkeypatch, 11, after=True), pytest.raises(KilledError):
        deliver(post, records)
    post.answer()
    doubt_is_over(post)
    cold_start(post)
    with killing(monkeypatch, at + 4, after=at % 2 == 0), pytest.raises(KilledError):
        deliver(post, records)
    cold_start(post)
    until_done(post, records)
    assert sent(post) == ONCE


def test_a_claim_says_what_came_of_each_message_and_is_kept(post: Post) -> None:
    """In one attribute, in order, with a revision; for 45 days after it was changed."""
    records = post.jobs()
    assert deliver(post, records)
    (claim,) = claims(post)
    plan_id = Job.of_text(records[0]["body"]).plan_id
    assert claim["id"]["S"] == f"{plan_id}#0+10"
    assert (claim["marks"]["S"], claim["revision"]["N"]) == ("sssssssssd", "2")
    assert int(claim["expiration"]["N"]) >= int(time.time()) + 45 * DAY - 60


def test_what_is_done_is_asked_for_by_two_calls(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that the queue brings twice changes nothing."""
    records = post.jobs()
    assert deliver(post, records)
    before = claims(post)
    with killing(monkeypatch, None, after=False) as axe:
        assert deliver(post, records)
    assert axe.calls == ["PutItem", "GetItem"]
    assert claims(post) == before


@pytest.mark.parametrize("days", [30, 45, 59])
def test_after_the_claim_is_gone_the_log_still_knows(post: Post, days: int) -> None:
    """A job that comes again after weeks, by a redrive, is not sent again."""
    records = post.jobs()
    assert deliver(post, records)
    post.answer()
    forget_claims(post)
    make_older(post, records, days + 1)
    assert deliver(post, records)
    assert sent(post) == ONCE


def test_a_claim_that_has_expired_holds_until_dynamodb_deletes_it(post: Post) -> None:
    """Which may take days."""
    records = post.jobs()
    assert deliver(post, records)
    set_all(post, expiration=1, until=1)
    cold_start(post)
    assert deliver(post, records)
    assert sent(post) == ONCE


def test_a_job_that_was_never_done_is_sent_after_weeks(post: Post) -> None:
    """The log says nothing of it, and ingest is not behind."""
    records = post.jobs()
    make_older(post, records, 40)
    assert deliver(post, records)
    assert sent(post) == ONCE


@pytest.mark.parametrize("taken", [True, False])
def test_while_ingest_is_behind_nothing_in_doubt_is_sent_again(post: Post, *, taken: bool) -> None:
    """The Send may be among what it has not written."""
    records = post.jobs()
    with answered(post.world, {"error": "InternalFailure", "status": 500, "taken": taken}):
        assert not deliver(post, records)
    post.answer()
    sqs = post.world.backend.endpoints.client("sqs")
    url = post.world.backend.resources.physical["IngestQueue", ""]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"eventType": "none"}))
    for _ in range(2):
        doubt_is_over(post)
        assert deliver(post, records) == taken  # what the log has is settled all the same
        assert sum(sent(post).values()) == 8 + taken
    (held,) = sqs.receive_message(QueueUrl=url)["Messages"]
    doubt_is_over(post)
    assert deliver(post, records) == taken  # what a worker has taken is not written yet
    sqs.delete_message(QueueUrl=url, ReceiptHandle=held["ReceiptHandle"])
    doubt_is_over(post)
    assert deliver(post, records)
    assert sent(post) == ONCE


def test_two_workers_at_once_send_once(post: Post) -> None:
    """The one that is second waits for the first to be done."""
    records = post.jobs()
    job = Job.of_text(records[0]["body"])
    dispatch = post.world.function("dispatch").wiring.dispatch
    with answered(post.world, {"hang": 0.5, "taken": True}):
        answers = at_once(4, lambda: dispatch.send(job))
    (report,) = [each for each in answers if each != "busy"]
    assert isinstance(report, JobReport)
    assert (report.outcomes, report.error) == (Counter(Sent=9, Dropped=1), None)
    assert answers.count("busy") == 3
    assert deliver(post, records)
    assert sent(post) == ONCE


def test_two_workers_who_find_a_lapsed_claim_send_once(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One takes it over, by its revision."""
    records = post.jobs()
    with killing(monkeypatch, 9, after=False), pytest.raises(KilledError):
        deliver(post, records)
    post.answer()
    doubt_is_over(post)
    cold_start(post)
    dispatch = post.world.function("dispatch").wiring.dispatch
    job = Job.of_text(records[0]["body"])
    with answered(post.world, {"hang": 0.5, "taken": True}):
        answers = at_once(4, lambda: dispatch.send(job))
    assert sum(isinstance(each, JobReport) and bool(each.outcomes) for each in answers) == 1
    assert deliver(post, records)
    assert sent(post) == ONCE


def at_once(workers: int, work: Callable[[], JobReport]) -> list[JobReport | str]:
    """What each of so many workers answers; "busy" if another is at it."""
    answers: list[JobReport | str] = []

    def answer() -> None:
        try:
            answers.append(work())
        except BusyError:
            answers.append("busy")

    threads = [threading.Thread(target=answer) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("taken", [True, False])
def test_an_answer_that_is_lost_leaves_it_to_the_log(post: Post, *, taken: bool) -> None:
    """SES took the mail, or did not, and nobody was told: the Send is in the log, or it is sent.
    The other nine are done.
    """
    records = post.jobs()
    with answered(post.world, {"error": "InternalFailure", "status": 500, "taken": taken}):
        assert not deliver(post, records)
    assert not deliver(post, records)
    assert sum(sent(post).values()) == 8 + taken
    (claim,) = claims(post)
    assert Counter(claim["marks"]["S"]) == Counter("ssssssss?d")
    until_done(post, records)
    assert sent(post) == ONCE


def test_of_ten_the_one_that_was_throttled_may_follow_at_once(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SES said that it did not take it: there is no doubt. The others are not tried again."""
    records = post.jobs()
    with answered(post.world, {"error": "TooManyRequestsException", "status": 429}):
        assert not deliver(post, records)
    assert sum(sent(post).values()) == 8
    (claim,) = claims(post)
    assert Counter(claim["marks"]["S"]) == Counter("ssssssss-d")
    with killing(monkeypatch, None, after=False) as axe:
        assert deliver(post, records)
    assert axe.calls.count("SendEmail") == 1
    assert "Query" not in axe.calls
    assert sent(post) == ONCE


def test_one_in_doubt_does_not_hold_up_one_that_was_throttled(post: Post) -> None:
    """The one follows at once, the other when its time is over."""
    records = post.jobs()
    slow = {"error": "TooManyRequestsException", "status": 429}
    lost = {"error": "InternalFailure", "status": 500, "taken": True}
    with answered(post.world, slow, lost):
        assert not deliver(post, records)
    assert sum(sent(post).values()) == 8
    assert not deliver(post, records)
    assert sent(post) == ONCE
    (claim,) = claims(post)
    assert Counter(claim["marks"]["S"]) == Counter("ssssssss?d")
    until_done(post, records)
    assert sent(post) == ONCE


def test_a_plan_expanded_twice_is_sent_once(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between any two of its writes, too, and after the rate has changed."""
    post.jobs()
    addresses = [f"{number}@example.com" for number in range(12)]
    said = post.send(recipients=people(*addresses), **NEWS)
    (record,) = post.jobs()
    for at in range(4):
        with killing(monkeypatch, at, after=True):
            try:
                post.world.call("dispatch", {"Records": [record]})
            except KilledError:
                continue
    for rate in ("400", "4"):
        monkeypatch.setenv("SEND_RATE", rate)
        cold_start(post)
        post.world.call("dispatch", {"Records": [record]})
    jobs = post.jobs()
    assert len(jobs) >= 4
    assert len({each["body"] for each in jobs}) == 2
    monkeypatch.setenv("SEND_RATE", "400")
    cold_start(post)
    assert deliver(post, jobs)
    post.answer()
    assert sent(post) == Counter(addresses)
    found = post.api(f"/v1/communications/{said['communication_id']}")["json"]
    assert (found["recipients"], found["sent"], found["delivered"]) == (12, 12, 12)
