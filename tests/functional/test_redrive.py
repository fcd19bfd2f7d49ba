"""Dead letters of every shape are brought back to where they came from, and understood there."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.notifications import Mail, eventbridge, sns_envelope
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.ids import derived_message_id
from sendtrail.log.serialization import serialize
from sendtrail.publishing.jobs import DeliveryJob, Outgoing, ReplayJob
from sendtrail.sending.jobs import Job
from sendtrail_cli.main import main
from tests.functional.conftest import Backend
from tests.functional.sending import NEWS, Post, people
from tests.functional.world import World, sqs_event

AT = "2026-11-20T09:30:00.000Z"
MAIL = Mail("ses-1", AT, ["ann@example.com"], "Dear Ann")
DELIVERY = MAIL.delivery("2026-11-20T09:30:05.000Z")
QUEUES = ("IngestQueue", "HitsQueue", "DispatchQueue", "DirectQueue", "SweepQueue")
ALL_DEAD = ("IngestDlq", "DispatchDlq", "SweepDlq", "ProjectionsDlq")


def sns_event(message: str) -> dict[str, Any]:
    """An event as SNS gives it to a function."""
    envelope = sns_envelope(message)
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": "arn:aws:sns:eu-west-1:123456789012:topic:1",
        "Sns": envelope,
    }
    return {"Records": [record]}


def failed_call(event: dict[str, Any]) -> dict[str, Any]:
    """Lambda's record of an asynchronous call that failed."""
    return {
        "version": "1.0",
        "timestamp": AT,
        "requestContext": {
            "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
            "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:ingest:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "not written"},
    }


def hit() -> str:
    """An open, as a public route queues it."""
    recipient = Recipient(derived_message_id(AT, "ses-1", ""), "member-1")
    event = Event.of_request(EventType.OPEN, recipient, AT, "request-1", {"sent_at": AT})
    return serialize(event)


SHAPES: dict[str, tuple[str, str, str]] = {
    "raw, by SNS": (json.dumps(DELIVERY), "IngestQueue", "Delivery"),
    "in SNS's envelope": (
        json.dumps(sns_envelope(json.dumps(DELIVERY))),
        "IngestQueue",
        "Delivery",
    ),
    "an SNS event": (json.dumps(sns_event(json.dumps(DELIVERY))), "IngestQueue", "Delivery"),
    "an EventBridge event": (json.dumps(eventbridge(DELIVERY)), "IngestQueue", "Delivery"),
    "a record of a failed SNS event": (
        json.dumps(failed_call(sns_event(json.dumps(DELIVERY)))),
        "IngestQueue",
        "Delivery",
    ),
    "a record of a failed EventBridge event": (
        json.dumps(failed_call(eventbridge(DELIVERY))),
        "IngestQueue",
        "Delivery",
    ),
    "a hit": (hit(), "HitsQueue", "Open"),
}


def send(backend: Backend, queue: str, *bodies: str) -> None:
    """Puts messages into a queue."""
    sqs, url = backend.endpoints.client("sqs"), backend.resources.physical[queue, ""]
    for body in bodies:
        sqs.send_message(QueueUrl=url, MessageBody=body)


def taken(backend: Backend, queue: str) -> list[str]:
    """Takes the bodies of all that is in a queue."""
    sqs, url = backend.endpoints.client("sqs"), backend.resources.physical[queue, ""]
    bodies: list[str] = []
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        for each in found:
            bodies.append(each["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
    return sorted(bodies)


def count(backend: Backend, queue: str) -> int:
    """How many messages are in a queue, visible or not."""
    sqs, url = backend.endpoints.client("sqs"), backend.resources.physical[queue, ""]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


@pytest.fixture
def called(
    moto_backend: Backend,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., str]:
    """Calls `sendtrail redrive`; what it prints."""
    moto_backend.tell(tmp_path)
    monkeypatch.chdir(tmp_path)

    def redrive(*arguments: str) -> str:
        capsys.readouterr()
        assert main(["redrive", *arguments]) == 0
        return capsys.readouterr().out

    return redrive


@pytest.mark.parametrize("shape", SHAPES)
def test_a_dead_letter_of_ingest_is_understood_when_it_is_back(
    moto_backend: Backend,
    called: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    shape: str,
) -> None:
    """In the queue that it came from, whoever put it into the dead-letter queue."""
    body, queue, kind = SHAPES[shape]
    send(moto_backend, "IngestDlq", body)
    assert called() == f"{queue}: 1\n1 brought back\n"
    assert count(moto_backend, "IngestDlq") == 0
    (back,) = taken(moto_backend, queue)
    world = World(moto_backend, monkeypatch)
    assert world.call("ingest", sqs_event([back])) == {"batchItemFailures": []}
    (event,) = moto_backend.logged()
    assert event.type == kind


def test_jobs_go_to_the_queue_of_their_plan(
    moto_backend: Backend, called: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A direct message's where no mailing is before it; and they are done there."""
    post = Post(World(moto_backend, monkeypatch))
    post.send(recipients=people("success@simulator.amazonses.com"), **NEWS)
    direct = {"participant_id": "p9", "address": "success@simulator.amazonses.com", **NEWS}
    answer = post.api("/v1/messages", "POST", direct | {"data": {"name": "N"}})
    assert answer["statusCode"] == 202, answer
    queued = {queue: taken(moto_backend, queue) for queue in ("DirectQueue", "DispatchQueue")}
    assert all(len(bodies) == 1 for bodies in queued.values())
    (mailing,) = queued["DispatchQueue"]
    job = Job(Job.of_text(mailing).plan_id, 0, 1).to_text()
    send(moto_backend, "DispatchDlq", *queued["DirectQueue"], mailing, job)
    assert called() == "DirectQueue: 1\nDispatchQueue: 2\n3 brought back\n"
    sqs, bodies = moto_backend.endpoints.client("sqs"), {}
    for queue in queued:
        url = moto_backend.resources.physical[queue, ""]
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        bodies[queue] = sorted(each["Body"] for each in found["Messages"])
    assert bodies == {
        "DirectQueue": queued["DirectQueue"],
        "DispatchQueue": sorted([mailing, job]),
    }
    post.run()
    for who in ("p0", "p9"):
        (message,) = post.api(f"/v1/participants/{who}/messages")["json"]["items"]
        assert message["status"] == "delivered"


def test_what_nobody_can_do_stays_and_is_told_of(
    moto_backend: Backend, called: Callable[..., str]
) -> None:
    """A job whose plan has expired, and what is none: they would only come back."""
    send(moto_backend, "DispatchDlq", Job("gone", 0, 10).to_text(), "job")
    printed = called()
    assert "1 left in DispatchDlq: a job whose plan gone is gone" in printed
    assert "1 left in DispatchDlq: no job" in printed
    assert printed.endswith("\n0 brought back\n")
    assert count(moto_backend, "DispatchDlq") == 2
    assert [count(moto_backend, queue) for queue in QUEUES] == [0] * 5


def test_more_than_one_request_takes_and_sweeps_are_brought_back(
    moto_backend: Backend, called: Callable[..., str]
) -> None:
    """And with `--queue`, those of one queue alone."""
    events = [json.dumps({"number": f"{number:02}"}) for number in range(25)]
    sweep = json.dumps({"place": {"day": "2024-11-20", "shard": 1, "after": None}})
    send(moto_backend, "IngestDlq", *events)
    send(moto_backend, "SweepDlq", sweep)
    assert called("--queue", "sweep") == "SweepQueue: 1\n1 brought back\n"
    assert taken(moto_backend, "SweepQueue") == [sweep]
    assert count(moto_backend, "IngestDlq") == 25
    assert called("--queue", "ingest") == "IngestQueue: 25\n25 brought back\n"
    assert taken(moto_backend, "IngestQueue") == events


def test_it_ends_although_what_it_brings_back_comes_back_at_once(
    moto_backend: Backend, called: Callable[..., str]
) -> None:
    """Each is moved once; and the next time, again."""
    bodies = [f"not understood {number:02}" for number in range(15)]
    send(moto_backend, "IngestDlq", *bodies)
    sqs = moto_backend.endpoints.client("sqs")
    alive, dead = (
        moto_backend.resources.physical[name, ""] for name in ("IngestQueue", "IngestDlq")
    )
    stop = threading.Event()

    def refuse() -> None:
        """What SQS does with a message that was received too often: as it is, attributes too; but
        not for ever.
        """
        returned = 0
        while not stop.is_set() and returned < 60:
            found = sqs.receive_message(
                QueueUrl=alive, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            )
            for each in found.get("Messages", []):
                attributes = {
                    name: {key: value[key] for key in ("DataType", "StringValue")}
                    for name, value in each.get("MessageAttributes", {}).items()
                }
                sqs.send_message(
                    QueueUrl=dead, MessageBody=each["Body"], MessageAttributes=attributes
                )
                sqs.delete_message(QueueUrl=alive, ReceiptHandle=each["ReceiptHandle"])
                returned += 1

    ingest = threading.Thread(target=refuse)
    ingest.start()
    try:
        assert called("--queue", "ingest") == "IngestQueue: 15\n15 brought back\n"
    finally:
        stop.set()
        ingest.join()
    assert count(moto_backend, "IngestDlq") + count(moto_backend, "IngestQueue") == 15


def test_a_dry_run_tells_what_there_is_and_moves_nothing(
    moto_backend: Backend, called: Callable[..., str]
) -> None:
    """By kinds, without personal data."""
    bodies = [body for body, _, _ in SHAPES.values()]
    send(moto_backend, "IngestDlq", *bodies, '{"ann@example.com": 1}')
    send(moto_backend, "DispatchDlq", Job("gone").to_text())
    send(moto_backend, "ProjectionsDlq", "{}")
    printed = called("--dry-run")
    lines = printed.splitlines()
    assert lines[0] == f"ingest: {len(bodies) + 1}"
    assert lines.count("  SES: Delivery → IngestQueue") == 6
    assert "  ours: Open → HitsQueue" in lines
    assert "  not understood → IngestQueue" in lines
    assert "  a job whose plan gone is gone → stays: purge the queue when you have looked" in lines
    assert "sweep: 0" in lines
    assert not any(word in printed for word in ("ann", "Ann", "@", "member-1"))
    assert [count(moto_backend, queue) for queue in ALL_DEAD] == [len(bodies) + 1, 1, 0, 1]
    assert [count(moto_backend, queue) for queue in QUEUES] == [0] * 5


def test_events_for_webhooks_and_replays_are_brought_back(
    moto_backend: Backend, called: Callable[..., str]
) -> None:
    """And those for the bus; a part of the stream that was not published is no job, and stays."""
    event = Outgoing(
        "msg_1", "message.sent", AT, "Send", "message-1", "{}", attempts=3, first_at=AT
    )
    jobs = [
        job.to_text()
        for job in (
            DeliveryJob("0123456789ab", (event, event)),
            DeliveryJob(None, (event,)),
            ReplayJob("0123456789ab", AT, AT),
        )
    ]
    part = json.dumps({"DDBStreamBatchInfo": {"shardId": "shardId-1"}})
    send(moto_backend, "DeliveriesDlq", *jobs, part)
    said = called("--dry-run").splitlines()
    assert "deliveries: 4" in said
    assert "  2 events for the webhook 0123456789ab → DeliveriesQueue" in said
    assert "  1 events for the event bus → DeliveriesQueue" in said
    assert "  a replay to the webhook 0123456789ab → DeliveriesQueue" in said
    left = "part of the log's stream that was not published: replay that time"
    assert called("--queue", "deliveries") == (
        f"deliveries: 1 left in DeliveriesDlq: {left}\nDeliveriesQueue: 3\n3 brought back\n"
    )
    assert taken(moto_backend, "DeliveriesQueue") == sorted(jobs)
    assert count(moto_backend, "DeliveriesDlq") == 1


def test_what_projections_could_not_apply_is_mended_by_a_rebuild_and_purged(
    moto_backend: Backend, called: Callable[..., str]
) -> None:
    """It is told of, and emptied only if that is asked for; and then alone."""
    send(moto_backend, "ProjectionsDlq", "{}", json.dumps({"DDBStreamBatchInfo": {}}))
    send(moto_backend, "SweepDlq", "{}")
    printed = called()
    assert "projections: 2 in ProjectionsDlq" in printed
    assert "sendtrail rebuild, then sendtrail redrive --purge projections" in printed
    assert count(moto_backend, "ProjectionsDlq") == 2
    send(moto_backend, "SweepDlq", "{}")
    assert called("--purge", "projections") == "2 purged\n"
    assert [count(moto_backend, queue) for queue in ALL_DEAD] == [0, 0, 1, 0]
