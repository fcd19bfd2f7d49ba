"""The function ingest: every form, partial failures, duplicates, and what it costs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.notifications import Mail, sns_envelope
from sendtrail.domain.events import Event, EventType
from sendtrail.errors import RejectedRecordError
from sendtrail.intake.parser import events_of
from sendtrail.projections.participants import ParticipantProjection
from tests.functional.conftest import Backend
from tests.functional.world import World, sqs_event
from tests.support import ROOT, load_event

SENT = "2026-11-20T09:30:00.412Z"
LATER = "2026-11-20T09:31:00.000Z"
SAMPLES = sorted(path.stem for path in (ROOT / "events").glob("*.json"))
INGESTED = [name for name in SAMPLES if name.startswith(("sqs-", "sns-", "eventbridge-"))]


def log(world: World) -> list[Any]:
    """All events in the log."""
    return world.backend.logged()


def test_every_sample_is_taken(world: World) -> None:
    """Each file of events/ that is for ingest; only the poison record is refused."""
    for name in INGESTED:
        answer = world.call("ingest", load_event(name))
        failures = (answer or {}).get("batchItemFailures", [])
        poison = ["00000005-0000-4000-8000-000000000000"] if "poison" in name else []
        assert [failure["itemIdentifier"] for failure in failures] == poison, name
    found = {event.type for event in log(world)}
    assert found >= set(list(EventType)[:10]) | {EventType.UNKNOWN}


def test_the_same_event_by_every_route_is_in_the_log_once(world: World) -> None:
    """SQS raw, SQS with envelope, SNS, EventBridge; five times each."""
    mail = Mail("ses-1", SENT, ["ann@example.com"])
    text = json.dumps(mail.delivery(LATER))
    for _ in range(5):
        world.ingest([text, text, json.dumps(sns_envelope(text)), sns_envelope(text, "other id")])
        world.call("ingest", {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text}}]})
        world.call(
            "ingest",
            {"source": "aws.ses", "detail-type": "Email Delivered", "detail": json.loads(text)},
        )
    assert len(log(world)) == 1


def test_one_poison_record_in_ten_is_refused_alone(world: World) -> None:
    """The other nine are written."""
    mails = [Mail(f"ses-{number}", SENT, [f"a{number}@example.com"]) for number in range(9)]
    bodies = [json.dumps(mail.send()) for mail in mails]
    bodies.insert(4, '{"eventType": "Send"}')
    answer = world.call("ingest", sqs_event(bodies))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "4"}]}
    assert len(log(world)) == 9


def test_a_batch_of_poison_is_refused_record_by_record(world: World) -> None:
    """And not as a failure of the function."""
    answer = world.call("ingest", sqs_event(["{", "[]"]))
    failed = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
    assert failed == ["0", "1"]


def test_poison_that_came_directly_is_an_error_of_the_function(world: World) -> None:
    """So that Lambda hands it to the function's dead-letter queue."""
    with pytest.raises(RejectedRecordError):
        world.call("ingest", {"source": "aws.ses", "detail-type": "Email Sent", "detail": {}})


def test_a_database_that_does_not_answer_fails_what_was_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All good records come again; the poison one is refused as ever."""
    from sendtrail.aws.service import RetryPolicy

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
    monkeypatch.setattr(RetryPolicy, "wait", lambda *_: 0.0)
    world.restart("ingest")
    mail = Mail("ses-1", SENT, ["ann@example.com"])
    answer = world.call("ingest", sqs_event([json.dumps(mail.send()), "{"]))
    failed = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
    assert failed == ["0", "1"]


def test_what_dynamodb_does_not_take_fails_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of the batch is written all the same."""
    from sendtrail.intake import ingest

    parsed = ingest.events_of

    def spoilt(notification: Any) -> list[Event]:
        events = parsed(notification)
        bad = [event for event in events if event.address == "bad@example.com"]
        return [replace(event, participant_id="x" * 2_049) for event in bad] or events

    monkeypatch.setattr(ingest, "events_of", spoilt)
    mails = [Mail("ses-1", SENT, [f"{name}@example.com"]) for name in ("a", "bad", "b")]
    answer = world.call("ingest", sqs_event([json.dumps(mail.send()) for mail in mails]))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert len(log(world)) == 2


def test_a_link_tag_without_a_name_is_left_out(world: World) -> None:
    """DynamoDB takes no attribute without a name."""
    said = Mail("ses-1", SENT, ["a@example.com"]).click(LATER, "https://a.example/", "Firefox")
    said["click"]["linkTags"] = {"": ["x"], "a": ["y"]}
    assert world.call("ingest", sqs_event([json.dumps(said)])) == {"batchItemFailures": []}
    (event,) = log(world)
    assert event.detail["link_tags"] == {"a": ["y"]}


def test_unknown_types_are_counted_in_a_metric(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """In CloudWatch's embedded metric format."""
    world.call("ingest", load_event("sqs-unknown-type"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert any(line.get("UnknownEvents") == [1.0] for line in lines)


def ordinary(number: int) -> list[dict[str, Any]]:
    """Five events of ordinary size about one message, with all tags."""
    tags = {
        "message_id": f"01M7W83218E4FCTJMT16DE{number:04}",
        "participant_id": f"member-{number:06}",
        "communication_id": "newsletter-2026-11",
        "kind": "newsletter",
    }
    mail = Mail(
        f"0102019a1b2c3d4e-5f6a7b8c-9d0e-4f1a-8b2c-{number:012}-000000",
        SENT,
        [f"Margarethe.Winterbottom{number}@longish-company-name.example"],
        "Members' evening on 4 December: programme and registration",
        tags=tags,
    )
    agent = (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/130.0.0.0 Safari/537.36"
    )
    link = "https://www.society.example/members/evening?utm_source=newsletter&utm_campaign=2026-11"
    return [
        mail.send(),
        mail.delivery("2026-11-20T09:30:03.000Z"),
        mail.open("2026-11-20T10:00:00.000Z", agent),
        mail.click("2026-11-20T10:01:00.000Z", link, agent),
        mail.bounce("2026-11-20T10:30:00.000Z", "Transient", "General"),
    ]


def test_a_message_costs_a_write_unit_for_each_write_and_one_for_the_index(
    dynamodb_local_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By DynamoDB's own count: a row is within 1 KB, with its events and what is judged of its hits;
    what comes again costs a write, and what is projected again none.
    """
    world = World(dynamodb_local_backend, monkeypatch)
    db = dynamodb_local_backend.database(count_capacity=True)
    for function in ("ingest", "project"):
        world.function(function).wiring.database = db
    trails = dynamodb_local_backend.table("Trails")
    messages = 20
    histories = [ordinary(number) for number in range(messages)]
    for number in range(5):  # one after another, as they happen
        world.ingest(history[number] for history in histories)
    assert db.consumed.pop(trails) == (5 + 1) * messages
    with _Writes(db, monkeypatch) as written:
        world.fold()
    assert messages <= written[trails] <= 2 * messages  # the open, and the click if it came later
    events = [event for history in histories for event in history]
    with _Writes(db, monkeypatch) as written:
        world.ingest(events)
        world.fold()
    assert written[trails] <= (1 + 2) * messages


def test_a_message_to_a_known_address_writes_nothing_there(
    dynamodb_local_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Participants are written when something new is learnt of them, and read at half the price."""
    db = dynamodb_local_backend.database(count_capacity=True)
    participants = dynamodb_local_backend.table("Participants")
    fold = ParticipantProjection.over(
        db, participants, dynamodb_local_backend.table("Suppressions")
    )

    def sent(message_id: str, at: str) -> list[Event]:
        tags = {"message_id": message_id, "participant_id": "member-1"}
        return list(events_of(Mail("ses-1", at, ["jane@example.com"], tags=tags).send()))

    with _Writes(db, monkeypatch) as written:
        fold.apply(sent("01M7W83218E4FCTJMT16DE0001", SENT))
    # The profile, and its place in by_term; the address, and its places in by_address and by_term.
    assert written == {participants: 5}
    with _Writes(db, monkeypatch) as written:
        fold.apply(sent("01M7W83218E4FCTJMT16DE0002", LATER))
    assert written == {}


class _Writes:
    """Counts the units of writes alone, by table."""

    def __init__(self, db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self._db, self._patch = db, monkeypatch

    def __enter__(self) -> dict[str, float]:
        units: dict[str, float] = {}
        call = self._call = self._db._service.call

        def counted(operation: str, request: dict[str, Any]) -> Any:
            answer = call(operation, request)
            if operation in ("PutItem", "UpdateItem"):
                consumed = answer["ConsumedCapacity"]
                table = consumed["TableName"]
                units[table] = units.get(table, 0) + consumed["CapacityUnits"]
            return answer

        self._patch.setattr(self._db._service, "call", counted)
        return units

    def __exit__(self, *_: object) -> None:
        self._patch.setattr(self._db._service, "call", self._call)


def test_samples_exist_for_every_type_and_form() -> None:
    """One file each."""
    names = {Path(name).name for name in SAMPLES}
    for kind in ("send", "delivery", "reject", "open", "click", "rendering-failure"):
        assert f"sqs-{kind}" in names
        assert f"eventbridge-{kind}" in names
    assert {"sns-bounce-permanent", "sqs-legacy-bounce", "sqs-sns-envelope"} <= names


def test_a_record_that_cannot_be_read_goes_where_it_can_be_replayed(
    moto_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole, with the reason; the rest of its batch is projected."""
    world = World(moto_backend, monkeypatch)
    batch = load_event("stream-trails-changed")
    spoilt = {"eventName": "INSERT", "dynamodb": {"NewImage": {"trail": {"S": "odd"}}}}
    batch["Records"].insert(0, spoilt)
    assert world.call("project", batch) == {"state": {}, "batchItemFailures": []}
    url = moto_backend.resources.physical["ProjectionsDlq", ""]
    (held,) = moto_backend.endpoints.client("sqs").receive_message(QueueUrl=url)["Messages"]
    assert json.loads(held["Body"])["record"] == spoilt
