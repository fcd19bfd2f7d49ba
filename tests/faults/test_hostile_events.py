"""Ingest under hostile notifications: events or a rejection, never anything else, and none lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.notifications import Mail, sns_envelope
from sendtrail.aws.dynamodb import from_attributes, to_attributes
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.hits import is_slotted
from sendtrail.domain.links import link_key, shown_url
from sendtrail.errors import AwsError, RejectedRecordError
from sendtrail.intake.envelopes import notifications
from sendtrail.intake.ingest import Ingest
from sendtrail.intake.parser import events_of
from sendtrail.log.elements import MAX_BYTES, encode, is_whole
from sendtrail.log.items import TrailRow, event_from_item, event_to_item
from sendtrail.log.serialization import deserialize, serialize
from sendtrail.log.trails import Trails
from sendtrail.projections.items import message_from_item
from sendtrail.reading.views import event_view, link_views, message_view
from tests.examples import many
from tests.faults.hostile import NASTY
from tests.functional.world import Context, sqs_event
from tests.memory import KEYS, MemoryDynamoDB
from tests.pipeline import RETENTION_DAYS, Pipeline, is_row
from tests.strategies import LINKS, json_values, mails, notifications_about
from tests.support import HOSTILE_INPUTS, events_in, load_function

Record = Callable[[str, Any], None]

# DynamoDB developer guide, "Quotas and limits".
MAX_ITEM: Final = 400 * 1024
MAX_PARTITION_KEY: Final = 2048
MAX_SORT_KEY: Final = 1024
MAX_LEVELS: Final = 32

LIMITED: Final = {
    "listed_in",
    "month",
    "listed",
    "activity_day",
    "term",
    "terms",
    "reason",
    "since",
}
"""Keys of indexes."""

NOT_SENT: Final = {EventType.REJECT, EventType.RENDERING_FAILURE, EventType.UNKNOWN}
"""Events that do not tell that SES accepted their message; rows do not say when it did, then."""


def size(value: Any, level: int = 1) -> int:
    """The size of a value in an item, as DynamoDB counts it; what it does not take is an error."""
    assert level <= MAX_LEVELS
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bool) or value is None:
        return 1
    if isinstance(value, int | float):
        assert abs(value) < 10**38
        return 21
    if isinstance(value, Mapping):
        assert all(value), "an attribute without a name"
        return 3 + sum(len(name.encode()) + size(of, level + 1) for name, of in value.items())
    return 3 + sum(size(each, level + 1) for each in value)


def check_item(table: str, item: Mapping[str, Any]) -> None:
    """That DynamoDB takes an item of a table."""
    assert size(item) <= MAX_ITEM
    partition, *sort = KEYS[table]
    assert 0 < len(item[partition].encode()) <= MAX_PARTITION_KEY
    for name in (*sort, *(LIMITED & item.keys())):
        assert 0 < len(str(item[name]).encode()) <= MAX_SORT_KEY


def check_event(event: Event) -> None:
    """That an event can be written, in a message's row if it is one of those, and is read back as it
    was.
    """
    if event.is_of_message and not is_slotted(event):
        elements = encode(event)
        assert max(len(element.encode()) for element in elements) <= MAX_BYTES
        row = {"trail": event.participant_id, "entry": event.message_id, "events": set(elements)}
        check_item("Trails", row)
        (found,) = TrailRow.of_item(stored(row)).decoded()[1]
        assert found.key == event.key
        if is_whole(event):
            assert found == (replace(event, sent_at=None) if event.type in NOT_SENT else event)
            return
    item = event_to_item(event, 400)
    check_item("Trails", item)
    assert event_from_item(stored(item)) == event


def stored(item: dict[str, Any]) -> dict[str, Any]:
    """An item as it comes back from DynamoDB."""
    return from_attributes(json.loads(json.dumps(to_attributes(item))))


def check_folds(events: list[Event]) -> None:
    """That events can be folded, so that they hold up no stream, and shown."""
    pipeline = Pipeline(db=MemoryDynamoDB(shards=1))
    pipeline.log.append(events)
    pipeline.deliver()
    assert pipeline.aside == []
    for table in KEYS:
        for item in pipeline.db.items(table):
            check_item(table, item)
    clicked = [event.detail.get("link") or "" for event in events]
    urls = {link_key(link): shown_url(link) for link in clicked}
    for item in filter(is_row, pipeline.db.items("Trails")):
        message = message_from_item(item)
        message_view(message)
        link_views(message, urls)
        for event in events:
            json.dumps(event_view(event, message)).encode()


def check_payload(payload: Any) -> None:
    """That a payload is events that can be kept, the same ones each time, or is rejected."""

    def read() -> list[Event]:
        return [event for each in notifications(payload) for event in events_of(each)]

    try:
        events = read()
    except RejectedRecordError as error:
        assert str(error)
        assert len(str(error)) < 2_000
        return
    assert [event.key for event in read()] == [event.key for event in events]
    for event in events:
        check_event(event)
    check_folds(events)


# --- what comes ------------------------------------------------------------------------------


def nested(depth: int) -> Any:
    """Lists in lists, or objects in objects."""
    value: Any = "core"
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


odd_values = st.one_of(
    json_values,
    st.sampled_from(NASTY),
    st.sampled_from(["\ud800", "a\udfffb", "x" * 50_000, "é" * 50_000, "@" * 1000]),
    st.sampled_from([0, -1, 2**63, 10**38, 10**400, 1e308, -0.0, float("nan"), float("inf")]),
    st.sampled_from([[], {}, [[]], {"": ""}, [None] * 500, {"__proto__": {"x": 1}}]),
    st.builds(nested, st.sampled_from([3, 33, 400])),
    st.sampled_from(["a <b@c.example>", '"a@b"@c.example', "@", "a@", "<>", "a@b@c", "a@[::1]"]),
    st.sampled_from(["1970-01-01T00:00:00Z", "9999-12-31T23:59:59.999-23:59", "2026-W01-1T00Z"]),
    st.sampled_from(["=?é?q?x?=", "=?utf-8?q?=00?=", "=?hex?b?YQ==?=", "=?utf-7?q?+2AA-?="]),
)
"""What a field may hold instead of what it should."""


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every field of a JSON value, as its holder and its name or place."""
    found: list[tuple[Any, Any]] = []
    pending = [value]
    while pending:
        node = pending.pop()
        for name in node if isinstance(node, dict) else range(len(node)):
            found.append((node, name))
            if isinstance(node[name], dict | list):
                pending.append(node[name])
    return found


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A real notification of which some fields, at any depth, are gone or hold something else."""
    said: dict[str, Any] = json.loads(json.dumps(draw(mails().flatmap(notifications_about))))
    for _ in range(draw(st.integers(1, 4))):
        found = places(said)
        if not found:
            break
        node, name = found[draw(st.integers(0, len(found) - 1))]
        match draw(st.sampled_from(["other", "other", "gone", "moved", "wrapped", "repeated"])):
            case "other":
                node[name] = deepcopy(draw(odd_values))
            case "gone":
                del node[name]
            case "moved" if isinstance(node, dict):
                node[draw(st.sampled_from(["", "mail", "timestamp", "eventType"]))] = node.pop(name)
            case "wrapped":
                node[name] = [node[name]]
            case "repeated":
                node[name] = [node[name]] * draw(st.sampled_from([2, 60]))
    return said


@st.composite
def spoilt_texts(draw: st.DrawFn) -> str:
    """The text of a notification with something done to its letters."""
    text = json.dumps(draw(st.one_of(damaged(), mails().flatmap(notifications_about))))
    place = draw(st.integers(0, len(text)))
    put = draw(
        st.one_of(
            st.text(max_size=5),
            st.sampled_from(["NaN", "1e400", "9" * 5_000, "[" * 2_000, '{"a":' * 2_000, "\x00"]),
            st.sampled_from(['"eventType":"Open",', '"mail":{},', "\ufeff", "\ud800", "\\ud800"]),
            st.binary(max_size=20).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
        )
    )
    return text[:place] + put + text[place + draw(st.integers(0, 3)) :]


texts = st.one_of(
    spoilt_texts(),
    st.text(max_size=200),
    st.binary(max_size=200).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
    st.sampled_from(NASTY),
)

FORMS: Final[dict[str, Callable[[str], dict[str, Any]]]] = {
    "raw": lambda text: sqs_event([text]),
    "enveloped": lambda text: sqs_event([json.dumps(sns_envelope(text))]),
    "direct": lambda text: {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text}}]},
    "eventbridge": lambda text: {
        "source": "aws.ses",
        "detail-type": "Email Sent",
        "detail": as_json(text),
    },
}


def as_json(text: str) -> Any:
    """What a text is as JSON, if it is any; itself otherwise."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


# --- what must hold --------------------------------------------------------------------------


def test_any_json_is_events_or_rejected(record_property: Record) -> None:
    """Of any shape, alone and where a notification should be."""
    tried = 0

    @many(400)
    @given(odd_values, st.sampled_from(["alone", "mail", "body", "tags", "detail", "Message"]))
    def any_json(value: Any, where: str) -> None:
        nonlocal tried
        tried += 1
        mail = {"messageId": "m", "timestamp": "2026-11-20T09:30:00Z", "destination": ["a@b.c"]}
        said = {
            "alone": value,
            "mail": {"eventType": "Send", "mail": value},
            "body": {"eventType": "Click", "mail": mail, "click": value},
            "tags": {"eventType": "New", "mail": {**mail, "tags": value}, "new": value},
            "detail": {"source": "aws.ses", "detail-type": "Email Sent", "detail": value},
            "Message": {"Type": "Notification", "Message": value},
        }[where]
        check_payload(said)

    any_json()
    record_property(HOSTILE_INPUTS, tried)


def test_any_damage_to_a_notification_is_events_or_rejected(record_property: Record) -> None:
    """Fields gone, of another type, too long, too deep, or where others should be."""
    tried = 0

    @many(700)
    @given(damaged())
    def any_damage(said: dict[str, Any]) -> None:
        nonlocal tried
        tried += 1
        check_payload(said)

    any_damage()
    record_property(HOSTILE_INPUTS, tried)


class Hostile:
    """The function ingest, over a log in memory."""

    def __init__(self) -> None:
        self.module = load_function("ingest")
        self.empty()

    def empty(self) -> None:
        """Forgets what was written."""
        self.db = MemoryDynamoDB()
        db: Any = self.db
        log = Trails(db, "Trails", retention_days=RETENTION_DAYS)
        self.module.wiring.ingest = Ingest(log, whole_ip_addresses=False)

    def call(self, event: dict[str, Any]) -> Any:
        """Calls the handler."""
        return self.module.handler(event, Context())

    def written(self) -> list[Event]:
        """The events that there are."""
        return events_in(self.db.items("Trails"))


@pytest.mark.parametrize("form", list(FORMS))
def test_any_text_in_any_form_is_events_or_fails_alone(form: str, record_property: Record) -> None:
    """Of what came with it, nothing is lost; what came directly is an error of the function's own
    kind, so that Lambda hands it to the dead-letter queue.
    """
    tried, ingest = 0, Hostile()
    good = Mail("ses-good", "2026-11-20T09:30:00Z", ["good@example.com"]).send()
    companion = sqs_event([json.dumps(good)])["Records"][0] | {"messageId": "good"}

    @many(150)
    @given(texts)
    def any_text(text: str) -> None:
        nonlocal tried
        tried += 1
        ingest.empty()
        event = FORMS[form](text)
        if "eventSource" not in event.get("Records", [{}])[0]:
            try:
                assert ingest.call(event) is None
            except (RejectedRecordError, AwsError) as error:
                assert str(error)
            return
        event["Records"].append(companion)
        failures = ingest.call(event)["batchItemFailures"]
        assert failures in ([], [{"itemIdentifier": "0"}])
        assert [event.address for event in ingest.written()].count("good@example.com") == 1
        if failures:
            assert len(ingest.written()) == 1

    any_text()
    record_property(HOSTILE_INPUTS, tried)


def test_what_we_carry_ourselves_is_taken_as_it_was_or_rejected(record_property: Record) -> None:
    """An event of ours that waited in the queue, and anything that looks like one."""
    tried = 0

    hits = st.builds(
        Event.of_request,
        st.sampled_from([EventType.OPEN, EventType.CLICK]),
        st.just(Recipient("01M7W83120VA77F8B88KYNEGC8", "jane", "news")),
        st.just("2026-11-24T09:30:00.000Z"),
        st.text(max_size=9),
        st.fixed_dictionaries(
            {"sent_at": st.just("2026-11-24T09:00:00.000Z")},
            optional={"link": st.sampled_from(LINKS), "position": st.integers(0, 99)},
        ),
    )

    @many(300)
    @given(hits, st.integers(0, 99), odd_values)
    def any_carried(hit: Event, place: int, value: Any) -> None:
        nonlocal tried
        tried += 1
        text = serialize(hit)
        assert deserialize(text) == hit
        item = json.loads(text)["sendtrail_event"]
        found = places(item)
        node, name = found[place % len(found)]
        node[name] = deepcopy(value)
        try:
            spoilt = deserialize('{"sendtrail_event":' + json.dumps(item) + "}")
        except RejectedRecordError as error:
            assert str(error)
        else:
            check_event(spoilt)
            check_folds([spoilt])

    any_carried()
    record_property(HOSTILE_INPUTS, tried)
