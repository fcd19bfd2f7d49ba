"""SES on this machine: the outbox, the simulated mailboxes, the suppression list, and faults."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from email.message import EmailMessage
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from local import aws
from local.mailboxes import Mailboxes
from local.template import Resources
from sendtrail.intake.parser import events_of
from tests.functional.conftest import Backend

SENDER = "The Society <news@society.example>"
SIMULATED = "simulator.amazonses.com"
ONCE = Config(retries={"max_attempts": 0})
INTERACTIVE = ONCE.merge(Config(read_timeout=0.2))


class Post:
    """SES in moto, and a queue that hears what SES publishes."""

    def __init__(self, backend: Backend) -> None:
        self.endpoints = backend.endpoints
        self.ses: Any = self.client(ONCE)
        topic, sets = backend.resources.physical["SesTopic", ""], ["sendtrail-own"]
        self.mailboxes = Mailboxes(backend.endpoints, topic, sets)
        self._queue = backend.resources.physical["IngestQueue", ""]
        self._netloc = urlsplit(backend.endpoints.aws).netloc

    def client(self, config: Config) -> Any:
        """A client of SES that does not try again, so that a fault is one failure."""
        return boto3.client("sesv2", endpoint_url=self.endpoints.aws, config=config)

    def send(self, to: str = "ann@example.com", **given: Any) -> str:
        """Sends a mail; its SES id."""
        request: dict[str, Any] = {
            "FromEmailAddress": SENDER,
            "Destination": {"ToAddresses": [to]},
            "Content": {
                "Simple": {
                    "Subject": {"Data": "Grüße"},
                    "Body": {"Html": {"Data": "<p>Höflich"}, "Text": {"Data": "Höflich"}},
                    "Headers": [{"Name": "List-Unsubscribe", "Value": "<https://a.example/u/1>"}],
                }
            },
            "EmailTags": [{"Name": "message_id", "Value": "01J"}],
            "ConfigurationSetName": "sendtrail-own",
        }
        sent: str = self.ses.send_email(**request | given)["MessageId"]
        return sent

    def outbox(self, after: int = 0) -> list[dict[str, Any]]:
        """The mails after a number."""
        mails: list[dict[str, Any]] = self._call("GET", f"/_sendtrail/outbox?after={after}")[
            "mails"
        ]
        return mails

    def faults(self, *faults: dict[str, Any]) -> None:
        """Has the next calls of SendEmail go wrong."""
        self._call("PUT", "/_sendtrail/faults", {"send": faults})

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        connection = HTTPConnection(self._netloc, timeout=10)
        try:
            connection.request(method, path, body=json.dumps(body))
            response = connection.getresponse()
            assert response.status == 200
            return json.loads(response.read())
        finally:
            connection.close()

    def events(self) -> list[dict[str, Any]]:
        """What SES has published, each once, by SES's own order of things."""
        self.mailboxes.answer()
        return sorted(
            {json.dumps(event): event for event in self.published()}.values(),
            key=lambda event: ["Send", "Delivery", "Bounce", "Complaint"].index(event["eventType"]),
        )

    def published(self) -> list[dict[str, Any]]:
        """What has been published and not been read."""
        sqs, found = self.endpoints.client("sqs"), []
        while True:
            messages = sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10)
            if "Messages" not in messages:
                return found
            found += [json.loads(message["Body"]) for message in messages["Messages"]]


@pytest.fixture
def post(moto_backend: Backend) -> Post:
    """SES, with nothing sent."""
    return Post(moto_backend)


def test_a_mail_is_in_the_outbox_as_its_recipient_reads_it(post: Post) -> None:
    """Both bodies, the headers, the tags, and SES's id."""
    sent = post.send("Ann <ann@example.com>", ReplyToAddresses=["office@society.example"])
    (mail,) = post.outbox()
    assert mail.pop("number") > 0
    assert mail.pop("taken_at").endswith("Z")
    assert mail == {
        "message_id": sent,
        "from": SENDER,
        "destination": ["Ann <ann@example.com>"],
        "reply_to": ["office@society.example"],
        "subject": "Grüße",
        "html": "<p>Höflich",
        "text": "Höflich",
        "headers": [{"name": "List-Unsubscribe", "value": "<https://a.example/u/1>"}],
        "tags": {"message_id": "01J"},
        "configuration_set": "sendtrail-own",
        "suppressed": [],
        "attachments": [],
    }


def test_a_raw_mail_is_in_the_outbox_like_any_other(post: Post) -> None:
    """What MIME says of it is read."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, "ann@example.com", "Grüße"
    message["X-Own"] = "one"
    message.set_content("Höflich")
    message.add_alternative("<p>Höflich", subtype="html")
    post.send(Content={"Raw": {"Data": message.as_bytes()}}, Destination={})
    (mail,) = post.outbox()
    assert (mail["from"], mail["destination"]) == (SENDER, ["ann@example.com"])
    assert (mail["subject"], mail["html"].strip()) == ("Grüße", "<p>Höflich")
    assert mail["text"].strip() == "Höflich"
    assert {"name": "X-Own", "value": "one"} in mail["headers"]


def test_the_outbox_is_read_on_from_a_number(post: Post) -> None:
    """In the order of sending, a hundred at a time."""
    sent = [post.send(f"a{number}@example.com") for number in range(104)]
    first = post.outbox()
    rest = post.outbox(first[-1]["number"])
    assert [mail["message_id"] for mail in first + rest] == sent
    assert (len(first), len(rest)) == (100, 4)
    assert post.outbox(rest[-1]["number"]) == []


@pytest.mark.parametrize(
    ("mailbox", "expected"),
    [
        ("success", ["Send", "Delivery"]),
        ("bounce", ["Send", "Bounce Permanent/General 5.1.1"]),
        ("ooto", ["Send", "Delivery", "Bounce Transient/General None"]),
        ("complaint", ["Send", "Delivery", "Complaint abuse"]),
        ("suppressionlist", ["Send", "Bounce Permanent/Suppressed 5.1.1"]),
    ],
)
def test_each_simulated_mailbox_answers_as_sess_does(
    post: Post, mailbox: str, expected: list[str]
) -> None:
    """With a label and without."""
    for local in (mailbox, f"{mailbox}+a-label"):
        sent = post.send(f"{local}@{SIMULATED}")
        events = post.events()
        assert [told(event) for event in events] == expected
        for event in events:
            assert event["mail"]["messageId"] == sent
            assert event["mail"]["destination"] == [f"{local}@{SIMULATED}"]


def told(event: dict[str, Any]) -> str:
    """An event in a few words."""
    name = event["eventType"]
    if name == "Bounce":
        bounce = event["bounce"]
        status = bounce["bouncedRecipients"][0].get("status")
        return f"Bounce {bounce['bounceType']}/{bounce['bounceSubType']} {status}"
    return (
        f"Complaint {event['complaint']['complaintFeedbackType']}" if name == "Complaint" else name
    )


def test_any_other_address_takes_its_mail(post: Post) -> None:
    """And the event says everything that SES says of the mail."""
    post.send("Ann <ann@example.com>", ReplyToAddresses=["office@society.example"])
    send, delivery = post.events()
    (mail,) = post.outbox()
    assert (send["eventType"], delivery["eventType"]) == ("Send", "Delivery")
    said = delivery["mail"]
    assert said["timestamp"] == mail["taken_at"] < delivery["delivery"]["timestamp"]
    assert said["source"] == SENDER
    assert said["tags"]["message_id"] == ["01J"]
    assert said["tags"]["ses:configuration-set"] == ["sendtrail-own"]
    headers = {header["name"]: header["value"] for header in said["headers"]}
    assert headers["Subject"] == said["commonHeaders"]["subject"] == "Grüße"
    assert headers["Reply-To"] == "office@society.example"
    assert headers["List-Unsubscribe"] == "<https://a.example/u/1>"
    assert [event.type for each in (send, delivery) for event in events_of(each)] == [
        "Send",
        "Delivery",
    ]


def test_each_recipient_of_one_mail_has_a_fate_of_their_own(post: Post) -> None:
    """One Send for all of them."""
    to = ["ann@example.com", f"bounce@{SIMULATED}"]
    post.send(Destination={"ToAddresses": to[:1], "BccAddresses": to[1:]})
    send, delivery, bounce = post.events()
    assert send["mail"]["destination"] == to
    assert delivery["delivery"]["recipients"] == to[:1]
    assert [each["emailAddress"] for each in bounce["bounce"]["bouncedRecipients"]] == to[1:]


def test_nothing_is_published_without_a_configuration_set(post: Post) -> None:
    """SES publishes by configuration set only."""
    post.send(ConfigurationSetName="")
    assert post.events() == []
    assert len(post.outbox()) == 1


def test_one_in_ten_sends_and_deliveries_comes_twice(post: Post) -> None:
    """SES publishes at least once."""
    for _ in range(20):
        post.send()
    post.mailboxes.answer()
    published = [json.dumps(event) for event in post.published()]
    assert Counter(json.loads(event)["eventType"] for event in published) == {
        "Send": 22,
        "Delivery": 22,
    }
    assert len(set(published)) == 40


def test_mailboxes_answer_until_they_are_stopped(post: Post) -> None:
    """By themselves, and they are idle when there is no mail."""
    stop = threading.Event()
    thread = threading.Thread(target=post.mailboxes.run, args=(stop,))
    thread.start()
    try:
        post.send()
        assert eventually(post.published)
        assert not post.mailboxes.idle
        assert eventually(lambda: post.mailboxes.idle)
    finally:
        stop.set()
        thread.join(timeout=5)
    assert not thread.is_alive()


def eventually(what: Any) -> Any:
    """What `what` returns as soon as that is something."""
    deadline = time.monotonic() + 5
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)
    return found


def test_the_suppression_list_is_listed_with_exact_case(post: Post) -> None:
    """Get and Delete want the case in which the address was put."""
    post.ses.put_suppressed_destination(EmailAddress="Ann+x@Example.com", Reason="BOUNCE")
    found = post.ses.get_suppressed_destination(EmailAddress="Ann+x@Example.com")
    assert found["SuppressedDestination"]["EmailAddress"] == "Ann+x@Example.com"
    assert found["SuppressedDestination"]["Reason"] == "BOUNCE"
    assert abs(found["SuppressedDestination"]["LastUpdateTime"].timestamp() - time.time()) < 60
    for call in (post.ses.get_suppressed_destination, post.ses.delete_suppressed_destination):
        with pytest.raises(post.ses.exceptions.NotFoundException):
            call(EmailAddress="ann+x@example.com")
    post.ses.delete_suppressed_destination(EmailAddress="Ann+x@Example.com")
    with pytest.raises(post.ses.exceptions.NotFoundException):
        post.ses.get_suppressed_destination(EmailAddress="Ann+x@Example.com")


def test_the_suppression_list_comes_in_pages_and_by_reason(post: Post) -> None:
    """As ListSuppressedDestinations has it."""
    for number, reason in enumerate(["BOUNCE", "COMPLAINT", "BOUNCE"]):
        post.ses.put_suppressed_destination(EmailAddress=f"a{number}@b.example", Reason=reason)
    assert listed(post) == ["a0@b.example", "a1@b.example", "a2@b.example"]
    assert listed(post, Reasons=["COMPLAINT"]) == ["a1@b.example"]
    assert listed(post, StartDate=time.time() + 60) == []
    assert listed(post, EndDate=time.time() + 60, PageSize=1) == ["a0@b.example"]
    page = post.ses.list_suppressed_destinations(PageSize=2)
    assert listed(post, NextToken=page["NextToken"]) == ["a2@b.example"]
    with pytest.raises(post.ses.exceptions.BadRequestException):
        post.ses.put_suppressed_destination(EmailAddress="a@b.example", Reason="WHIM")


def listed(post: Post, **query: Any) -> list[str]:
    """The addresses on one page of the list."""
    page = post.ses.list_suppressed_destinations(**query)
    return [entry["EmailAddress"] for entry in page["SuppressedDestinationSummaries"]]


def test_mail_to_a_suppressed_address_is_taken_and_not_sent(post: Post) -> None:
    """SES compares without case when it sends, and says so by an event."""
    post.ses.put_suppressed_destination(EmailAddress="Ann@example.com", Reason="COMPLAINT")
    post.send("ANN@example.com")
    (mail,) = post.outbox()
    assert mail["suppressed"] == ["ANN@example.com"]
    post.ses.delete_suppressed_destination(EmailAddress="Ann@example.com")
    expected = ["Send", "Bounce Permanent/OnAccountSuppressionList 5.1.1"]
    assert [told(event) for event in post.events()] == expected
    post.send("ANN@example.com")
    assert [told(event) for event in post.events()] == ["Send", "Delivery"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("TooManyRequestsException", 429),
        ("LimitExceededException", 400),
        ("MessageRejected", 400),
        ("AccountSuspendedException", 400),
        ("SendingPausedException", 400),
        ("MailFromDomainNotVerifiedException", 400),
    ],
)
def test_an_error_comes_once_and_the_mail_is_not_taken(post: Post, error: str, status: int) -> None:
    """By the class that boto3 has for it."""
    post.faults({"error": error, "status": status, "message": "Maximum sending rate exceeded."})
    with pytest.raises(getattr(post.ses.exceptions, error)) as raised:
        post.send()
    said = raised.value.response
    assert said["Error"] == {"Code": error, "Message": "Maximum sending rate exceeded."}
    assert said["ResponseMetadata"]["HTTPStatusCode"] == status
    assert post.outbox() == []
    post.send()
    assert len(post.outbox()) == 1


def test_an_error_may_hide_that_the_mail_was_taken(post: Post) -> None:
    """What makes sending once hard."""
    post.faults({}, {"error": "InternalFailure", "status": 500, "taken": True})
    post.send()
    with pytest.raises(ClientError, match="InternalFailure"):
        post.send("ben@example.com")
    assert [mail["destination"] for mail in post.outbox()] == [
        ["ann@example.com"],
        ["ben@example.com"],
    ]


@pytest.mark.parametrize("taken", [True, False])
def test_an_answer_may_come_too_late(post: Post, *, taken: bool) -> None:
    """Whether or not the mail was taken."""
    post.faults({"hang": 0.5, "taken": taken})
    post.ses = post.client(INTERACTIVE)
    with pytest.raises(ReadTimeoutError):
        post.send()
    if taken:
        assert eventually(post.outbox)
    else:
        assert post.outbox() == []


def test_a_late_answer_that_is_waited_for_tells_the_truth(post: Post) -> None:
    """SES's id if the mail was taken, an error if not."""
    post.faults({"hang": 0.05, "taken": True}, {"hang": 0.05, "taken": False})
    sent = post.send()
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        post.send()
    assert [mail["message_id"] for mail in post.outbox()] == [sent]


@pytest.mark.parametrize(
    "wrong",
    [
        {"EmailTags": [{"Name": "message_id", "Value": "a b"}]},
        {"EmailTags": [{"Name": "message.id", "Value": "a"}]},
        {"EmailTags": [{"Name": "message_id", "Value": "a" * 257}]},
    ],
)
def test_what_ses_refuses_is_refused(post: Post, wrong: dict[str, Any]) -> None:
    """Moto would take it."""
    with pytest.raises(post.ses.exceptions.BadRequestException):
        post.send(**wrong)
    assert post.outbox() == []


@pytest.mark.parametrize(
    "headers",
    [
        [{"Name": "X-Own", "Value": "ä"}],
        [{"Name": "X-Own", "Value": "a" * 996}],
        [{"Name": "X:Own", "Value": "a"}],
        [{"Name": f"X-{number}", "Value": "a"} for number in range(16)],
    ],
)
def test_a_header_that_ses_refuses_is_refused(post: Post, headers: list[dict[str, str]]) -> None:
    """Too long, too many, or not ASCII."""
    content = {"Subject": {"Data": "a"}, "Body": {"Text": {"Data": "a"}}, "Headers": headers}
    with pytest.raises(post.ses.exceptions.BadRequestException):
        post.send(Content={"Simple": content})
    assert post.outbox() == []


def test_only_the_senders_domain_may_send(post: Post) -> None:
    """The display name does not matter."""
    with pytest.raises(post.ses.exceptions.MessageRejected):
        post.send(FromEmailAddress="The Society <news@elsewhere.example>")
    assert post.outbox() == []


def test_a_bucket_of_the_template_is_made_and_known(moto_url: str, moto_backend: Backend) -> None:
    """By its name and its ARN; a schedule beside it is left out."""
    resources = Resources(
        all={
            "Bodies": {
                "Type": "AWS::S3::Bucket",
                "Properties": {
                    "BucketName": "sendtrail-bodies",
                    "BucketEncryption": {
                        "ServerSideEncryptionConfiguration": [
                            {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                        ]
                    },
                    "PublicAccessBlockConfiguration": {"BlockPublicAcls": True},
                    "LifecycleConfiguration": {
                        "Rules": [{"Id": "old", "Status": "Enabled", "ExpirationInDays": 400}]
                    },
                },
            },
            "Daily": {
                "Type": "AWS::Events::Rule",
                "Properties": {"ScheduleExpression": "rate(1 day)"},
            },
            "Hourly": {"Type": "AWS::Scheduler::Schedule", "Properties": {}},
        },
        parameters={},
        codes={},
    )
    endpoints = aws.Endpoints(moto_url)
    endpoints.client("cloudformation").delete_stack(StackName="sendtrail")
    aws.build(resources, endpoints)
    assert resources.resolve({"Ref": "Bodies"}) == "sendtrail-bodies"
    assert resources.resolve({"Fn::GetAtt": ["Bodies", "Arn"]}) == "arn:aws:s3:::sendtrail-bodies"
    endpoints.client("s3").head_bucket(Bucket="sendtrail-bodies")
