"""What SES says, understood."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.notifications import EVENTBRIDGE_NAMES, Mail, eventbridge, sns_envelope
from sendtrail.domain.events import Event, EventType
from sendtrail.domain.ids import is_message_id, participant_of_address, sent_time
from sendtrail.errors import RejectedRecordError
from sendtrail.intake.envelopes import is_acknowledgement, notifications
from sendtrail.intake.parser import events_of
from tests.strategies import json_values

SENT = "2026-11-20T09:30:00.412Z"
LATER = "2026-11-20T09:31:00.000Z"
TAGS = {
    "message_id": "01M7HV6YD00000000000000ABC",
    "participant_id": "member-7",
    "communication_id": "news",
    "kind": "newsletter",
}
TAGGED = Mail("ses-1", SENT, ["Ann@Example.com"], "Hello", tags=TAGS)
PLAIN = Mail("ses-2", SENT, ["ann@example.com"], "Hello")
SHARED = Mail("ses-3", SENT, ["Ann <ann@example.com>", "ben@example.org"], "Hello", tags=TAGS)


def read(payload: Any) -> list[Event]:
    """All events in a payload."""
    return [event for each in notifications(payload) for event in events_of(each)]


EVERY_TYPE = {
    EventType.SEND: TAGGED.send(),
    EventType.REJECT: TAGGED.reject(),
    EventType.RENDERING_FAILURE: TAGGED.rendering_failure("no name"),
    EventType.DELIVERY: TAGGED.delivery(LATER),
    EventType.BOUNCE: TAGGED.bounce(LATER),
    EventType.COMPLAINT: TAGGED.complaint(LATER),
    EventType.DELIVERY_DELAY: TAGGED.delay(LATER),
    EventType.SUBSCRIPTION: TAGGED.subscription(LATER, unsubscribed=True),
    EventType.OPEN: TAGGED.open(LATER, "Thunderbird"),
    EventType.CLICK: TAGGED.click(LATER, "https://society.example/?a=1&b=2", "Firefox"),
}


@pytest.mark.parametrize("event_type", list(EVERY_TYPE))
def test_every_type_is_read_with_its_keys(event_type: EventType) -> None:
    """Each type gives one event that carries every key it needs."""
    (event,) = events_of(EVERY_TYPE[event_type])
    own_time = event_type not in (EventType.SEND, EventType.REJECT, EventType.RENDERING_FAILURE)
    assert (event.type, event.at) == (event_type, LATER if own_time else SENT)
    assert (event.message_id, event.participant_id) == (TAGS["message_id"], "member-7")
    assert (event.communication_id, event.kind) == ("news", "newsletter")
    assert (event.address, event.sent_at) == ("Ann@Example.com", SENT)


def test_every_detail_is_kept() -> None:
    """The facts of each type are kept under our names."""
    details = {kind: events_of(said)[0].detail for kind, said in EVERY_TYPE.items()}
    assert details[EventType.REJECT] == {"reason": "Bad content"}
    assert details[EventType.RENDERING_FAILURE] == {
        "template_name": "newsletter",
        "error": "no name",
    }
    assert details[EventType.DELIVERY] == {
        "processing_ms": 2417,
        "smtp_response": "250 2.0.0 OK 1700000000 ak3si1234567wjc.42 - gsmtp",
        "reporting_mta": "a7-30.smtp-out.eu-west-1.amazonses.com",
        "remote_mta_ip": "192.0.2.26",
    }
    bounce = details[EventType.BOUNCE]
    assert (bounce["type"], bounce["subtype"], bounce["status"]) == (
        "Permanent",
        "General",
        "5.1.1",
    )
    assert bounce["diagnostic"] == "smtp; 550 5.1.1 user unknown"
    assert bounce["action"] == "failed"
    assert details[EventType.COMPLAINT]["feedback_type"] == "abuse"
    assert details[EventType.DELIVERY_DELAY]["delay_type"] == "MailboxFull"
    assert details[EventType.DELIVERY_DELAY]["expiration_time"] == LATER
    assert details[EventType.SUBSCRIPTION]["new_preferences"] == {
        "unsubscribe_all": True,
        "topics": {"news": "OptOut"},
    }
    assert details[EventType.CLICK]["link"] == "https://society.example/?a=1&b=2"


@pytest.mark.parametrize("event_type", list(EVERY_TYPE))
def test_every_form_of_an_event_is_the_same_event(event_type: EventType) -> None:
    """Raw, in an SNS envelope, handed over by SNS, by EventBridge, redriven: one event."""
    said = EVERY_TYPE[event_type]
    text = json.dumps(said)
    by_sns = {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text}}]}
    forms = [
        text,
        json.dumps(sns_envelope(text)),
        by_sns,
        json.dumps(by_sns),
        eventbridge(said),
        json.dumps(eventbridge(said)),
        json.dumps(sns_envelope(json.dumps(eventbridge(said)))),
    ]
    assert {json.dumps(event.key) for form in forms for event in read(form)} == {
        json.dumps(events_of(said)[0].key)
    }
    assert all(read(form) == events_of(said) for form in forms)


def test_eventbridge_names_the_type_if_the_detail_does_not() -> None:
    """The detail-type stands in for a missing eventType."""
    for event_type, name in EVENTBRIDGE_NAMES.items():
        envelope = eventbridge(TAGGED.send() | {"eventType": event_type})
        assert envelope["detail-type"] == name
        envelope["detail"] = {k: v for k, v in envelope["detail"].items() if k != "eventType"}
        (found,) = notifications(envelope)
        assert found["eventType"] == event_type


def test_a_legacy_notification_is_read() -> None:
    """notificationType, no tags, and the developer guide's odd timestamp."""
    mail = Mail("ses-4", "2018-10-08T14:05:45 +0000", ["jane@example.com"])
    (event,) = read(json.dumps(mail.legacy(mail.bounce("2018-10-08T14:05:47 +0000"))))
    assert (event.type, event.at) == (EventType.BOUNCE, "2018-10-08T14:05:47.000Z")
    assert event.sent_at == "2018-10-08T14:05:45.000Z"
    assert event.participant_id == participant_of_address("jane@example.com")


def test_mail_without_tags_has_one_message_for_each_recipient() -> None:
    """Its id is a function of SES's message id, the time and the recipient, however written."""
    (sent,) = events_of(PLAIN.send())
    (delivered,) = events_of(PLAIN.delivery(LATER, ["ANN@example.com"]))
    assert sent.message_id == delivered.message_id
    assert is_message_id(sent.message_id)
    assert sent_time(sent.message_id) == SENT
    shared = {event.message_id for event in events_of(SHARED.send())}
    assert len(shared) == 2
    assert sent.message_id not in shared


def test_one_event_for_each_recipient() -> None:
    """A notification about several recipients is several events, each of its own message."""
    ann, ben = events_of(SHARED.send())
    assert (ann.address, ben.address) == ("ann@example.com", "ben@example.org")
    assert ann.participant_id == participant_of_address("ann@example.com")
    assert ann.communication_id == "news"


def test_a_bounce_of_one_of_several_concerns_that_one_alone() -> None:
    """The others are not touched."""
    (event,) = events_of(SHARED.bounce(LATER, to=["ben@example.org"]))
    assert event.address == "ben@example.org"


def test_what_does_not_say_of_whom_is_nobodys() -> None:
    """An open of a mail to several, and a bounce with no recipients, blame and credit nobody."""
    for said in (SHARED.open(LATER, "Thunderbird"), SHARED.bounce(LATER, to=[])):
        said.get("bounce", {})["bouncedRecipients"] = []
        (event,) = events_of(said)
        assert event.address is None
        assert event.participant_id.startswith("mail-")
        assert event.communication_id == "news"


def test_a_bounce_without_recipients_of_a_mail_to_one_is_that_ones() -> None:
    """The list may be empty, the developer guide says."""
    said = TAGGED.bounce(LATER)
    said["bounce"]["bouncedRecipients"] = []
    (event,) = events_of(said)
    assert (event.address, event.participant_id) == ("Ann@Example.com", "member-7")


def test_a_forwarded_address_is_not_blamed() -> None:
    """The Final-Recipient of a mail to one is kept beside the address that was written to."""
    (event,) = events_of(TAGGED.bounce(LATER, to=["ann@elsewhere.example"]))
    assert event.address == "Ann@Example.com"
    assert event.detail["final_recipient"] == "ann@elsewhere.example"


def test_a_stranger_is_not_blamed_for_a_mail_to_several() -> None:
    """An address that the mail was not sent to, as after forwarding."""
    (event,) = events_of(SHARED.bounce(LATER, to=["stranger@elsewhere.example"]))
    assert event.address is None
    assert event.detail["final_recipient"] == "stranger@elsewhere.example"


def test_an_unknown_type_is_kept_whole() -> None:
    """New types may appear at any time."""
    said = {"eventType": "Telepathy", "mail": TAGGED.send()["mail"], "telepathy": {"strength": 7}}
    (event,) = events_of(said)
    assert event.type is EventType.UNKNOWN
    mail = {name: each for name, each in said["mail"].items() if "eaders" not in name}
    assert json.loads(event.detail["raw"]) == {**said, "mail": {**mail, "headersTruncated": False}}
    assert event.message_id == TAGS["message_id"]


def test_what_is_kept_of_an_unknown_type_has_no_headers_and_no_clients_address() -> None:
    """No more than of other events, at any depth."""
    said = {"eventType": "Telepathy", "mail": TAGGED.send()["mail"]}
    said["telepathy"] = {"by": [{"ipAddress": "203.0.113.77", "strength": 7}]}
    said["mail"] = {**said["mail"], "sourceIp": "203.0.113.78"}
    (event,) = events_of(said)
    assert "203.0.113" not in event.detail["raw"]
    assert "Subject" not in event.detail["raw"]
    assert json.loads(event.detail["raw"])["telepathy"] == {"by": [{"strength": 7}]}


def test_fields_that_ses_adds_are_kept_with_the_event() -> None:
    """As much as an element of the log bears; and what they are does not change which event it is."""
    said = TAGGED.delivery("2026-11-20T09:30:02.000Z")
    (before,) = events_of(said)
    said["delivery"] |= {"queueTime": 7, "mood": {"is": "x" * 500}, "sourceIp": "203.0.113.1"}
    (event,) = events_of(said)
    assert event.detail["unknown_fields"]["queueTime"] == "7"
    assert len(event.detail["unknown_fields"]["mood"]) == 60
    assert event.key == before.key
    said["delivery"] |= {f"field-{n}": "y" * 100 for n in range(50)}
    assert len(events_of(said)[0].detail["unknown_fields"]) == 5


def test_a_message_without_our_tag_is_ses_id_and_recipient_alone() -> None:
    """A bounce that comes late has another `mail.timestamp`; SES's id holds its time."""
    ses_id = "0108017f71202927-1a2b3c4d-0000-0000-0000-000000000000-000000"
    at, late = "2022-03-10T00:00:07.463Z", "2022-03-10T02:30:07.463Z"
    sent = Mail(ses_id, at, ["ann@example.com"])
    bounced = Mail(ses_id, late, ["Ann@Example.com"])
    events = [*events_of(sent.send()), *events_of(sent.delivery(at))]
    events += events_of(bounced.bounce(late))
    assert len({event.message_id for event in events}) == 1
    assert sent_time(events[0].message_id) == at
    (other,) = events_of(Mail(ses_id, at, ["bo@example.com"]).send())
    assert other.message_id != events[0].message_id


def test_a_recipients_own_entry_tells_of_it() -> None:
    """And not that of an address to which the mail was forwarded, which may come first; one that is
    too long is passed over.
    """
    said = TAGGED.bounce("2026-11-20T09:30:02.000Z")
    said["bounce"]["bouncedRecipients"] = [
        {"emailAddress": "baz@example.org", "status": "4.4.7"},
        {"emailAddress": "x" * 400 + "@example.org", "status": "5.0.0"},
        {"emailAddress": said["mail"]["destination"][0].upper(), "status": "5.1.1"},
    ]
    (event,) = events_of(said)
    assert event.detail["status"] == "5.1.1"
    assert "final_recipient" not in event.detail


@pytest.mark.parametrize(
    "text",
    [
        "Successfully validated SNS topic for Amazon SES event publishing.",
        '{"notificationType":"AmazonSnsSubscriptionSucceeded","message":"You have …"}',
        json.dumps(
            sns_envelope("Successfully validated SNS topic for Amazon SES event publishing.")
        ),
    ],
)
def test_word_that_ses_may_publish_is_no_event(text: str) -> None:
    """It is acknowledged, in every form."""
    assert read(text) == []


def test_an_event_about_the_validation_text_is_an_event() -> None:
    """A subject that quotes the text does not make a notification an acknowledgement."""
    mail = Mail("ses-5", SENT, ["a@example.com"], "AmazonSnsSubscriptionSucceeded notificationType")
    assert len(read(json.dumps(mail.send()))) == 1
    assert not is_acknowledgement(json.dumps(mail.send()))


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "expected a JSON object"),
        ("null", "expected a JSON object"),
        ('{"a": 1}', "neither an SES notification"),
        ('{"Records": [7]}', "not a JSON object"),
        ('{"source": "aws.s3", "detail-type": "x", "detail": {}}', "not of aws.ses"),
        ('{"eventType": "Send", "mail": 3}', "mail is not an object"),
        ('{"eventType": 3, "mail": {}}', "eventType"),
        ('{"eventType": "Send", "mail": {"messageId": ""}}', "mail.messageId"),
        ('{"eventType": "Send", "mail": {"messageId": "x"}}', "mail.timestamp"),
        (
            '{"eventType":"Send","mail":{"messageId":"x","timestamp":"2026-11-20"}}',
            "mail.timestamp",
        ),
        (json.dumps(TAGGED.delivery("yesterday")), "delivery.timestamp"),
        (json.dumps({k: v for k, v in TAGGED.bounce(LATER).items() if k != "bounce"}), "'bounce'"),
    ],
)
def test_what_is_no_event_is_rejected_with_a_reason(payload: str, why: str) -> None:
    """The reason says what is wrong."""
    with pytest.raises(RejectedRecordError, match=why):
        read(payload)


def test_an_event_too_large_for_an_item_is_rejected() -> None:
    """It goes to the dead-letter queue, alone, and does not fail the batch."""
    said = {"eventType": "New", "mail": TAGGED.send()["mail"], "new": "x" * 400_000}
    with pytest.raises(RejectedRecordError, match="at most"):
        events_of(said)


@pytest.mark.parametrize("name", ["message_id", "participant_id", "communication_id"])
def test_a_tag_that_cannot_be_an_id_is_not_taken_for_one(name: str) -> None:
    """Something else may use the same tag names."""
    mail = Mail("ses-6", SENT, ["ann@example.com"], tags=TAGS | {name: "not an id!"})
    (event,) = events_of(mail.send())
    assert getattr(event, name) != "not an id!"


def test_an_encoded_subject_is_decoded() -> None:
    """RFC 2047, as in raw headers."""
    mail = Mail("ses-7", SENT, ["a@example.com"], "=?utf-8?q?Gr=C3=BC=C3=9Fe?=")
    assert events_of(mail.send())[0].subject == "Grüße"


@pytest.mark.parametrize(
    "subject",
    ["=?é?q?x?=", "=?hex?b?YWE=?=", "=?a\x00?q?x?=", "=?utf-8?b?a?=", "=?undefined?q?x?="],
)
def test_a_subject_in_no_known_encoding_is_kept_as_it_is(subject: str) -> None:
    """It is no reason not to take the event."""
    mail = Mail("ses-7", SENT, ["a@example.com"], subject)
    assert events_of(mail.send())[0].subject == subject


def test_a_subject_that_never_ends_takes_no_time() -> None:
    """Of what looks like encoded words, no more is taken apart than a subject can have."""
    mail = Mail("ses-7", SENT, ["a@example.com"], "=?a?q? " * 100_000)
    assert events_of(mail.send())[0].subject == ("=?a?q? " * 50)[:300]


def test_half_a_surrogate_pair_is_replaced() -> None:
    """JSON can hold what UTF-8 cannot write."""
    mail = Mail("ses-8", SENT, ["a@example.com"], "odd \ud800 subject")
    (event,) = events_of(json.loads(json.dumps(mail.send())))
    assert event.subject == "odd ? subject"


@given(json_values)
def test_any_json_is_events_or_a_clear_rejection(value: Any) -> None:
    """Never another error."""
    try:
        found = read(json.dumps(value))
    except RejectedRecordError as error:
        assert str(error)
    else:
        assert isinstance(found, list)


@given(
    st.sampled_from(list(EVERY_TYPE)),
    st.lists(st.tuples(st.integers(0, 60), json_values), min_size=1, max_size=6),
)
def test_any_damage_to_a_notification_gives_events_or_a_clear_rejection(
    event_type: EventType, damage: list[tuple[int, Any]]
) -> None:
    """Whatever a field holds instead of what it should."""
    said = json.loads(json.dumps(EVERY_TYPE[event_type]))
    for place, value in damage:
        _put(said, place, value)
    try:
        found = read(json.dumps(said))
    except RejectedRecordError as error:
        assert str(error)
    else:
        for event in found:
            json.dumps(event.detail)
            assert event.key.count("#") >= 2


def _put(value: Any, place: int, new: Any) -> None:
    """Replaces the `place`-th field, counted through all levels."""
    fields: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for name in node if isinstance(node, dict) else range(len(node)):
            fields.append((node, name))
            if isinstance(node[name], dict | list):
                walk(node[name])

    walk(value)
    if fields:
        node, name = fields[place % len(fields)]
        node[name] = new
