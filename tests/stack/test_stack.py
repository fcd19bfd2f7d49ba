"""The local stack over HTTP: from a notification on the topic to a participant's history."""

from __future__ import annotations

import json
import os
import random
import signal
from collections import Counter
from pathlib import Path
from typing import Any

from local.notifications import Mail, sns_envelope
from sendtrail.domain.events import Event
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.times import from_epoch_ms
from sendtrail.intake.parser import events_of
from tests.oracle import expect
from tests.stack.conftest import Stack
from tests.strategies import AGENTS, LINKS
from tests.support import ingested

NOON = 1_795_170_600_000


def test_an_event_published_is_in_the_history_and_five_copies_change_nothing(stack: Stack) -> None:
    """By SNS, SQS, the log, its stream, the folds, and the gateway."""
    mail = Mail("ses-once", "2026-11-20T09:30:00.000Z", ["once@example.com"])
    said = mail.open("2026-11-20T10:00:00.000Z", AGENTS[0])
    (event,) = events_of(said)
    path = f"/v1/participants/{event.participant_id}/messages"
    stack.publish([said])
    first = stack.eventually(lambda: stack.get(path)[1]["items"])
    assert [(item["open_count"], item["status"]) for item in first] == [(1, "opened")]
    stack.publish([said] * 5)
    marker = Mail("ses-marker", "2026-11-20T09:30:00.000Z", ["marker@example.com"])
    stack.publish([marker.send()])
    other = f"/v1/participants/{events_of(marker.send())[0].participant_id}/messages"
    stack.eventually(lambda: stack.get(other)[1]["items"])
    assert stack.get(path)[1]["items"] == first


def test_poison_goes_to_the_dead_letter_queue_alone_and_comes_back(stack: Stack) -> None:
    """And what came with it is written; `redrive` brings back what the queue holds. That is after
    two tries here, not the template's ten: each waits for some seconds.
    """
    mails = [
        Mail(f"ses-p{number}", "2026-11-20T09:30:00.000Z", [f"p{number}@example.com"])
        for number in range(9)
    ]
    sqs = stack.endpoints.client("sqs")
    queue, dlq = stack.state["ingest_queue_url"], stack.state["ingest_dlq_url"]
    policies = ["Policy", "RedrivePolicy"]
    whole = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=policies)["Attributes"]
    fewer = json.dumps(json.loads(whole["RedrivePolicy"]) | {"maxReceiveCount": 2})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=whole | {"RedrivePolicy": fewer})
    stack.publish([*(mail.send() for mail in mails), '{"eventType": "Send"}'])
    names = ["ApproximateNumberOfMessages"]

    def held() -> int:
        found = sqs.get_queue_attributes(QueueUrl=dlq, AttributeNames=names)["Attributes"]
        return int(found[names[0]])

    assert stack.eventually(held, 150) == 1
    for mail in mails:
        (event,) = events_of(mail.send())
        path = f"/v1/participants/{event.participant_id}/messages"
        assert len(stack.get(path)[1]["items"]) == 1
    assert stack.sendtrail("redrive").stdout.endswith("\n1 brought back\n")
    assert stack.eventually(held, 150) == 1, "it is poison still"
    sqs.purge_queue(QueueUrl=dlq)
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=whole)


def test_the_stacks_own_key_is_its_owners_alone(stack: Stack) -> None:
    """The file that has it can be read by nobody else."""
    assert (stack.tree / ".local/stack.json").stat().st_mode & 0o077 == 0


def test_who_may_call(stack: Stack) -> None:
    """No key: 401; a wrong one: 403; too small a scope: 403 with a reason; the description: all."""
    assert stack.get("/v1/communications", key=None)[0] == 401
    assert stack.get("/v1/communications", key="wrong")[0] == 403
    reader = stack.sendtrail("key", "make", "read", "--name", "report").stdout.strip()
    stack.eventually(lambda: stack.get("/v1/communications", key=reader)[0] == 200)
    status, problem = stack.get(
        "/v1/suppressions/a@example.com", key=reader, method="PUT", body={"note": ""}
    )
    assert (status, problem["title"]) == (403, "Forbidden")
    status, description = stack.get("/v1/openapi.json", key=None)
    assert (status, description["info"]["title"]) == (200, "Sendtrail")


def test_keys_are_listed_and_removed_by_their_id(stack: Stack) -> None:
    """An id that no key has is said to be none, with exit status 1; a wrong call exits with 2."""
    stack.sendtrail("key", "make", "send", "--name", "newsletter")
    (line,) = [
        each for each in stack.sendtrail("key", "list").stdout.splitlines() if "newsletter" in each
    ]
    key_id, scope, *_ = line.split()
    assert scope == "send"
    stack.sendtrail("key", "remove", key_id)
    assert key_id not in stack.sendtrail("key", "list").stdout
    again = stack.sendtrail("key", "remove", key_id, check=False)
    assert (again.returncode, again.stdout) == (1, "")
    assert (
        again.stderr == f"sendtrail: no key has the id {key_id}; `sendtrail key list` shows them\n"
    )
    assert stack.sendtrail("key", "make", "all", check=False).returncode == 2


def test_the_doctor_finds_nothing_wrong_and_its_mail_comes_round(stack: Stack) -> None:
    """Delivered, bounced and complained of, and the second time as the first; nothing is left
    suppressed, and no key.
    """
    for queue in ("ingest_dlq_url", "dispatch_dlq_url", "projections_dlq_url"):
        _empty(stack, stack.state[queue])  # of what other tests left
    keys = stack.sendtrail("key", "list").stdout
    for _ in range(2):
        found = stack.sendtrail("doctor", "--round-trip", "--strict", "--json", check=False)
        assert found.returncode == 0, found.stdout + found.stderr
        told = {each["says"] for each in json.loads(found.stdout) if each["check"] == "round-trip"}
        assert len(told) == 3
        for name, ends in (
            ("success", "delivered after"),
            ("bounce", "suppressed after"),
            ("complaint", "suppressed after"),
        ):
            (says,) = [each for each in told if each.startswith(f"{name}: sent after ")]
            assert ends in says
            path = f"/v1/suppressions/{name}%2Bsendtrail-doctor@simulator.amazonses.com"
            assert stack.get(path)[0] == 404
    assert stack.sendtrail("key", "list").stdout == keys


def test_the_doctor_says_so_if_mail_does_not_come_round(stack: Stack) -> None:
    """In time; and leaves nothing behind either."""
    found = stack.sendtrail(
        "doctor", "--round-trip", "--only", "round-trip", "--wait", "0", check=False
    )
    assert found.returncode == 1
    assert "wrong   round-trip: bounce: not bounced after 0 seconds." in found.stdout
    assert "sendtrail-doctor" not in stack.sendtrail("key", "list").stdout


def test_staff_record_and_suppress_over_http(stack: Stack) -> None:
    """With plus signs, percent signs and capitals in addresses, as the gateway brings them."""
    for address in ("Staff+Tag@Example.com", "odd%25@example.com"):
        quoted = address.replace("%", "%25") if "%" in address else address
        status, said = stack.get(f"/v1/suppressions/{quoted}", method="PUT", body={"note": "x"})
        assert (status, said["reason"]) == (200, "manual")
        assert stack.get(f"/v1/suppressions/{quoted}")[0] == 200
        status, said = stack.get(f"/v1/suppressions/{quoted}", method="DELETE")
        assert (status, said["lifted"]) == (200, True)
    status, said = stack.get("/v1/participants/w/addresses/W%40Example.com", method="PUT")
    assert (status, said["address"]) == (200, "W@Example.com")


def test_a_function_can_be_invoked_and_its_log_read(stack: Stack) -> None:
    """By name, with an event from a file."""
    event = stack.tree / "events" / "sqs-send.json"
    done = stack.command("invoke", "IngestFunction", "--event", str(event))
    assert json.loads(done.stdout) == {"batchItemFailures": []}
    assert '"Events"' in stack.command("logs", "invoke-IngestFunction").stdout
    broken = stack.command("invoke", "IngestFunction", "--event", "README.md", check=False)
    assert (broken.returncode, "Traceback" in broken.stderr) == (1, False)
    unknown = stack.command("invoke", "NoFunction", "--event", str(event), check=False)
    assert unknown.returncode == 1
    assert "IngestFunction" in unknown.stderr


def test_a_second_stack_is_refused_with_a_reason(stack: Stack) -> None:
    """And the first goes on."""
    second = stack.command("up", "--detach", "--port", "0", "--aws-port", "0", check=False)
    assert second.returncode == 1
    assert stack.state["gateway"] in second.stderr
    assert stack.get("/v1/communications")[0] == 200


def test_a_few_thousand_random_events_equal_the_oracle(stack: Stack) -> None:
    """Shuffled, with duplicates of all kinds, while function processes are killed."""
    chance = random.Random(7)
    mails = [_mail(number) for number in range(400)]
    said = [_something(chance, mail) for mail in mails for _ in range(chance.randint(1, 8))]
    events = [event for each in said for event in ingested(each)]
    arriving: list[Any] = [*said, *(said[place] for place in range(0, len(said), 4))]
    arriving += [sns_envelope(json.dumps(each), "again") for each in said[::7]]
    chance.shuffle(arriving)
    assert len(arriving) > 2000
    for start in range(0, len(arriving), 500):
        stack.publish(arriving[start : start + 500])
        _kill_some_functions(stack, chance)
    truth = expect(events)

    def figures() -> dict[str, dict[str, int]]:
        found = {}
        for name, counts in truth.communications.items():
            status, figures = stack.get(f"/v1/communications/{name}")
            found[name] = {} if status == 404 else {each: figures[each] for each in counts}
        return found

    expected = {name: dict(counts) for name, counts in truth.communications.items()}
    try:
        stack.eventually(lambda: figures() == expected, 240)
    except AssertionError:
        assert figures() == expected
    for name in expected:
        rows = stack.everything(f"/v1/communications/{name}/recipients", limit=100)
        assert len({row["message_id"] for row in rows}) == len(rows)
    _compare_histories(stack, events, chance)
    listed = stack.everything("/v1/suppressions", limit=100)
    ours = {
        row["address"]: (row["reason"], row["since"])
        for row in listed
        if row["address"].startswith("model")
    }
    assert ours == truth.suppressed


def _empty(stack: Stack, url: str) -> None:
    """Deletes what is in a queue, which SQS lets one purge only once a minute."""
    sqs = stack.endpoints.client("sqs")
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for each in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])


def _compare_histories(stack: Stack, events: list[Event], chance: random.Random) -> None:
    known = {(event.message_id, event.key): event for event in events}.values()
    messages: dict[str, set[str]] = {}
    trails: Counter[tuple[str, str]] = Counter()
    for event in known:
        messages.setdefault(event.participant_id, set()).add(event.message_id)
        trails[event.participant_id, event.message_id] += 1
    for participant_id in chance.sample(sorted(messages), 30):
        path = f"/v1/participants/{participant_id}/messages"
        found = {item["message_id"] for item in stack.everything(path, limit=10)}
        assert found == messages[participant_id]
        one = chance.choice(sorted(found))
        assert len(stack.get(f"{path}/{one}")[1]["events"]) == trails[participant_id, one]


def _mail(number: int) -> Mail:
    sent_at, ses_id = from_epoch_ms(NOON + number * 977), f"model-{number}"
    address = f"Model{number % 90}@example.com"
    tags = {"communication_id": f"model-{number % 4}"} if number % 5 else {}
    if number % 3:
        message_id = derived_message_id(sent_at, ses_id, "own")
        tags |= {"participant_id": f"model-{number % 90}", "message_id": message_id}
    return Mail(ses_id, sent_at, [address], tags=tags)


def _something(chance: random.Random, mail: Mail) -> Any:
    at = from_epoch_ms(NOON + chance.randrange(3_600_000))
    return chance.choice(
        [
            mail.send,
            lambda: mail.delivery(at),
            lambda: mail.delay(at),
            lambda: mail.open(at, chance.choice(AGENTS)),
            lambda: mail.click(at, chance.choice(LINKS), chance.choice(AGENTS)),
            lambda: mail.bounce(at, "Transient", "General"),
            lambda: mail.bounce(at) if chance.random() < 0.3 else mail.send(),
            lambda: mail.bounce(at, "Permanent", "OnAccountSuppressionList"),
            lambda: mail.complaint(at) if chance.random() < 0.3 else mail.send(),
            lambda: mail.reject() if chance.random() < 0.3 else mail.send(),
            lambda: mail.subscription(at, unsubscribed=chance.random() < 0.5),
        ]
    )()


def _kill_some_functions(stack: Stack, chance: random.Random) -> None:
    """Ends processes of functions, as Lambda or a crash might."""
    children = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "stat").read_text("utf-8").rpartition(")")[2].split()
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if int(words[1]) == stack.state["pid"] and b"aws-lambda-rie" in command:
            children.append(int(process.name))
    for pid in chance.sample(children, min(2, len(children))):
        os.killpg(pid, signal.SIGKILL)
