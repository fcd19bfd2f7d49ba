"""What records of each service tell."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendtrail.domain.bounces import complaint_is_a_drop, never_tried
from sendtrail.domain.events import Event, EventType
from sendtrail.domain.ids import is_communication_id, is_message_id, sent_time
from sendtrail.domain.subscriptions import unsubscribes
from sendtrail.domain.suppression import bears_on_suppression
from sendtrail.domain.times import from_epoch_ms
from sendtrail.errors import IgnoredRecordError, RejectedRecordError
from sendtrail_cli.importing.columns import COLUMNS, EVENTS
from sendtrail_cli.importing.fields import moment
from sendtrail_cli.importing.formats import READERS, Format
from sendtrail_cli.importing.records import read_records
from sendtrail_cli.importing.sources import Source
from sendtrail_cli.importing.state import DONE, Known, State
from sendtrail_cli.importing.told import Naming, Told, communication_of
from tests.support import ROOT, undocumented
from tests.unit.test_importing_records import JSON

AT = "2026-11-10T09:00:00.000Z"
NAMING = Naming("user_id", "tag")


def samples(service: Format) -> Iterator[Any]:
    """The records of a service's sample files."""
    for path in sorted((ROOT / "tests/data/imports" / service).iterdir()):
        content = path.read_bytes()
        source = Source(path.name, len(content), "", lambda content=content: BytesIO(content))  # type: ignore[misc]
        yield from (record.value for record in read_records(source, lambda _count: None))


RECORDS = [(service, record) for service in Format for record in samples(service)]


def told(service: Format, record: Any, naming: Naming = NAMING) -> list[Event]:
    """The events in a record."""
    found = READERS[service](record, naming)
    return [each.event(AT) if isinstance(each, Told) else each for each in found]


def one(service: Format, **record: Any) -> Event:
    """The one event in a record."""
    (event,) = told(service, record)
    return event


@given(st.sampled_from(RECORDS), st.data())
def test_records_that_are_not_as_documented_are_told_and_nothing_else(
    sample: tuple[Format, Any], data: st.DataObject
) -> None:
    """Any field of a sample may be anything, or be gone: events come of it whose details are
    documented and which the log can hold, or a reason why not.
    """
    service, record = copy.deepcopy(sample)
    names = [
        *record,
        *(
            f"{name}.{inner}"
            for name in record
            if isinstance(record[name], dict)
            for inner in record[name]
        ),
    ]
    for name in data.draw(st.lists(st.sampled_from(names), max_size=3)):
        outer, _, inner = name.partition(".")
        place = record.get(outer) if inner else record
        if not isinstance(place, dict):
            continue
        if data.draw(st.booleans()):
            place[inner or outer] = data.draw(JSON)
        else:
            place.pop(inner or outer, None)
    try:
        events = told(service, record)
    except (RejectedRecordError, IgnoredRecordError) as error:
        assert str(error)
        return
    assert undocumented(events) == set()
    for event in events:
        assert is_message_id(event.message_id)
        json.dumps(event.detail).encode()
        assert event.communication_id is None or is_communication_id(event.communication_id)


@given(st.sampled_from(list(Format)), JSON)
def test_any_json_is_an_event_or_told(service: Format, value: Any) -> None:
    """No other error comes of it."""
    try:
        told(service, value)
    except (RejectedRecordError, IgnoredRecordError) as error:
        assert str(error)


@given(st.text())
def test_any_name_of_a_mailing_makes_an_id(name: str) -> None:
    """The same name the same one, and different names different ones."""
    assert is_communication_id(communication_of(name))
    assert communication_of(name) != communication_of(name + "!")


@pytest.mark.parametrize(
    ("reason", "type_", "suppresses"),
    [
        ("Bounced Address", EventType.BOUNCE, False),
        ("Unsubscribed Address", EventType.BOUNCE, False),
        ("Invalid", EventType.BOUNCE, False),
        ("Spam Reporting Address", EventType.COMPLAINT, False),
        ("Spam Content (if spam checker app enabled)", EventType.REJECT, False),
    ],
)
def test_what_sendgrid_dropped_was_never_tried(
    reason: str, type_: EventType, suppresses: bool
) -> None:
    """It suppresses nobody: what it was dropped for did, where that is imported."""
    record = {"event": "dropped", "reason": reason, "sg_message_id": "m", "timestamp": 1}
    event = one(Format.SENDGRID, email="a@example.com", **record)
    assert event.type is type_
    assert bears_on_suppression(event) is suppresses
    if type_ is EventType.BOUNCE:
        assert never_tried(event.detail)
    if type_ is EventType.COMPLAINT:
        assert complaint_is_a_drop(event.detail)


@pytest.mark.parametrize(
    ("failure", "found"),
    [
        ({"severity": "permanent", "reason": "bounce", "code": 550}, "Permanent"),
        ({"severity": "permanent", "reason": "generic", "code": 554}, "Permanent"),
        ({"severity": "permanent", "reason": "old", "code": 499}, "Transient"),
        ({"severity": "permanent", "reason": "generic", "code": 498}, "Transient"),
        ({"severity": "permanent", "bounce-type": "soft", "code": 550}, "Transient"),
        ({"severity": "permanent", "bounce-type": "hard", "code": 498}, "Permanent"),
        ({"severity": "permanent", "reason": "suppress-bounce"}, "OnAccountSuppressionList"),
        ({"severity": "permanent", "code": 606}, "UnsubscribedRecipient"),
        ({"severity": "temporary", "code": 450}, "General"),
    ],
)
def test_mailguns_failures_are_bounces_delays_or_not_tried(
    failure: dict[str, Any], found: str
) -> None:
    """By severity, reason, code, and its own word for the bounce."""
    where = {name: failure.pop(name) for name in ("code", "bounce-type") if name in failure}
    record = {"event": "failed", "timestamp": 1, "delivery-status": where, **failure}
    record |= {"recipient": "a@example.com", "message": {"headers": {"message-id": "m"}}}
    event = one(Format.MAILGUN, **record)
    kind = event.detail.get("delay_type") or event.detail["type"]
    assert found in (kind, event.detail.get("subtype"))
    assert (event.type is EventType.DELIVERY_DELAY) == (failure["severity"] == "temporary")
    assert bears_on_suppression(event) == (found == "Permanent")


@pytest.mark.parametrize(
    ("kind", "type_", "suppresses"),
    [
        ("HardBounce", EventType.BOUNCE, True),
        ("BadEmailAddress", EventType.BOUNCE, True),
        ("SoftBounce", EventType.BOUNCE, False),
        ("AutoResponder", EventType.BOUNCE, False),
        ("ManuallyDeactivated", EventType.BOUNCE, False),
        ("NobodyKnows", EventType.BOUNCE, False),
        ("Transient", EventType.DELIVERY_DELAY, False),
        ("SpamComplaint", EventType.COMPLAINT, True),
        ("Unsubscribe", EventType.SUBSCRIPTION, False),
        ("SMTPApiError", EventType.REJECT, False),
        ("TemplateRenderingFailed", EventType.RENDERING_FAILURE, False),
    ],
)
def test_postmarks_bounces_are_what_their_types_say(
    kind: str, type_: EventType, suppresses: bool
) -> None:
    """Of which some are no bounces."""
    record = {"MessageID": "m", "BouncedAt": AT, "Email": "a@example.com", "Type": kind}
    event = one(Format.POSTMARK, **record)
    assert event.type is type_
    assert bears_on_suppression(event) is suppresses


def test_choices_are_made_and_undone() -> None:
    """Of a group, too, since nobody tells which others there are."""
    common = {"email": "a@example.com", "sg_message_id": "m", "timestamp": 1794301200}
    found = {
        name: unsubscribes(one(Format.SENDGRID, event=name, asm_group_id=3, **common).detail)
        for name in ("unsubscribe", "group_unsubscribe", "group_resubscribe")
    }
    assert found == {
        "unsubscribe": True,
        "group_unsubscribe": True,
        "group_resubscribe": False,
    }


def test_every_word_for_an_event_of_a_table_is_one() -> None:
    """And the same as the first."""
    row = {"at": AT, "address": "a@example.com", "message_id": "m"}
    for name, words in EVENTS.items():
        kinds = {one(Format.CSV, event=word, **row).type for word in (name, *words)}
        assert len(kinds) == 1, name
    with pytest.raises(RejectedRecordError, match="teleported"):
        one(Format.CSV, event="teleported", **row)
    with pytest.raises(RejectedRecordError, match="no message_id"):
        one(Format.CSV, event="sent", at=AT, address="a@example.com")
    assert set(COLUMNS) >= {"event", "at", "address", "message_id"}


@pytest.mark.parametrize("given_", [1794301200, "1794301200", 1794301200000, "1794301200.000", AT])
def test_times_are_read_as_services_write_them(given_: Any) -> None:
    """Numbers of seconds and milliseconds, and texts."""
    assert moment(given_, "at") == AT
    assert moment("2026-11-10 09:00:00", "at") == AT
    assert moment("2026-11-10T04:00:00.0000000-05:00", "at") == AT
    wrongs: tuple[object, ...] = ("yesterday", None, True, [], -1, "1" * 400)
    for wrong in wrongs:
        with pytest.raises(RejectedRecordError, match="at"):
            moment(wrong, "at")


def test_a_messages_id_is_of_its_time_its_name_and_its_address() -> None:
    """Whatever capitals that has; another service's message is another one."""
    made = Told("sendgrid", "m", "A@example.com", EventType.SEND, AT)
    assert sent_time(made.event(AT).message_id) == AT
    same = Told("sendgrid", "m", "a@EXAMPLE.com", EventType.DELIVERY, AT)
    assert same.key == made.key
    assert same.event(AT).message_id == made.event(AT).message_id
    other = Told("mailgun", "m", "A@example.com", EventType.SEND, AT)
    assert other.event(AT).message_id != made.event(AT).message_id


@given(
    st.lists(
        st.tuples(st.integers(0, 10**12), st.booleans(), st.none() | st.sampled_from("ab")),
        min_size=1,
    ),
    st.randoms(),
)
def test_what_is_known_of_a_message_does_not_depend_on_the_order(
    notes: list[tuple[int, bool, str | None]], order: Any
) -> None:
    """A time that is said holds before all others, then the earliest; of names the least."""
    known = [Known(b"m", from_epoch_ms(at), said, name) for at, said, name in notes]
    found = []
    for _ in range(2):
        with State(None, "run") as state:
            for each in known:
                state.note([each])
            state.settle()
            found.append(state.known(b"m"))
            state.note([Known(b"m", from_epoch_ms(0), True, "A")])
            assert state.known(b"m") == found[-1]
        order.shuffle(known)
    assert found[0] == found[1]
    said = [each for each in known if each.said] or known
    assert found[0].at == min(each.at for each in said)


def test_a_state_keeps_how_far_an_import_is(tmp_path: Any) -> None:
    """By file and run; a file that has changed begins anew."""
    path, source = tmp_path / "state", Source("a", 1, "1", BytesIO)
    with State(path, "run") as state:
        assert state.report_size is None
        state.note([], indexed=source)
        state.reach({state.key_of(source): 7}, 100)
    with State(path, "run") as state:
        assert (state.report_size, state.records_done(source)) == (100, 7)
        assert state.is_indexed(source)
        assert state.records_done(Source("a", 2, "2", BytesIO)) == 0
        state.reach({state.key_of(source): DONE}, 100)
        assert state.records_done(source) == DONE
    with State(path, "other") as state:
        assert state.report_size is None
    with State(path, "run") as state:
        state.finish()
        assert state.report_size is None
        assert state.records_done(source) == 0
    path.write_bytes(b"no database" * 100)
    with pytest.raises(OSError, match="no state"):
        State(path, "run")
