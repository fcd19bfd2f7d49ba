"""What is sent: templates, communications, direct messages; who is dropped, and why."""

from __future__ import annotations

import copy
import json
import time
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from sendtrail.auth.api_keys import Scope
from sendtrail.domain.times import now
from tests.functional.sending import NEWS, Post, answered, outbox, people
from tests.functional.visitor import Visitor, make_key
from tests.functional.world import Api, World

DEEP: Any = []
for _ in range(500):
    DEEP = [DEEP]
SIMULATOR = "simulator.amazonses.com"


@pytest.fixture
def post(world: World) -> Post:
    """Somebody who sends."""
    return Post(world)


def statuses(api: Api, communication_id: str) -> dict[str, str]:
    """Participant → status, of a communication."""
    found = api.everything(f"/v1/communications/{communication_id}/recipients")
    return {each["participant_id"]: each["status"] for each in found}


def test_every_put_of_a_template_is_a_new_version_that_never_changes(api: Api) -> None:
    """The newest, or the one asked for."""
    first = api("/v1/templates/news", "PUT", NEWS)["json"]
    second = api("/v1/templates/news", "PUT", {"subject": "Other", "text": "{{ word }}"})["json"]
    assert (first["version"], first["fields"]) == (1, ["name"])
    assert (second["version"], second["fields"], second["html"]) == (2, ["word"], None)
    assert api("/v1/templates/news")["json"] == second
    assert api("/v1/templates/news", version=1)["json"] == first
    assert api("/v1/templates/news", version=3)["statusCode"] == 404
    assert api("/v1/templates/none")["statusCode"] == 404


@pytest.mark.parametrize(
    ("draft", "said"),
    [
        ({"subject": "x", "html": "<p>\n{{ a"}, "html, line 2"),
        ({"subject": "{{ x.__class__ }}", "text": "t"}, "subject, line 1"),
        ({"subject": "x", "text": "a\nb\n{% include 'c' %}"}, "text, line 3"),
        ({"subject": "x", "text": "{% for a in b %}"}, "text, line 1"),
        ({"subject": "x"}, "html"),
        ({"subject": "x", "text": "t", "other": 1}, "other"),
    ],
)
def test_a_template_that_cannot_be_is_refused_with_its_line(
    api: Api, draft: dict[str, Any], said: str
) -> None:
    """And none is made."""
    answer = api("/v1/templates/bad", "PUT", draft)
    assert answer["statusCode"] == 422
    assert said in answer["json"]["detail"]
    assert api("/v1/templates/bad")["statusCode"] == 404


def test_a_mailing_goes_out_and_its_figures_are_a_plain_count(post: Post) -> None:
    """To each once, with our pixel, links, headers and tags."""
    post.api("/v1/templates/news", "PUT", NEWS)
    names = ("success+1", "success+2", "bounce", "complaint", "ooto", "suppressionlist")
    addresses = [f"{name}@{SIMULATOR}" for name in names]
    said = post.send(
        template_id="news", recipients=people(*addresses), copy_to=["Boss@society.example"]
    )
    assert said["recipients"] == 6
    assert not said["spam"]["likely_spam"]
    post.run()
    mails = outbox(post.world)
    assert sorted(each["destination"][0] for each in mails) == sorted(
        [*addresses, "Boss@society.example"]
    )
    mail = next(each for each in mails if each["destination"] == [addresses[0]])
    assert mail["subject"] == "News for N0"
    assert mail["html"].count("/c/") == 1
    assert "mailto:us@society.example" in mail["html"]
    assert "https://society.example" not in mail["html"]
    assert mail["html"].index("/o/") > mail["html"].index("/u/")
    assert "what we did this year (https://society.example/a?x=1&y=2)" in mail["text"]
    headers = {each["name"]: each["value"] for each in mail["headers"]}
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["List-Unsubscribe"][1:-1] in mail["html"]
    communication_id = said["communication_id"]
    assert mail["tags"] == {
        "message_id": mail["tags"]["message_id"],
        "participant_id": "p0",
        "communication_id": communication_id,
        "kind": "newsletter",
        "tracked": "yes",
    }
    (copy,) = [each for each in mails if each["destination"] == ["Boss@society.example"]]
    assert "/o/" not in copy["html"]
    assert "/u/" not in copy["html"]
    assert "communication_id" not in copy["tags"]
    found = post.api(f"/v1/communications/{communication_id}")["json"]
    counted = {
        name: found[name]
        for name in ("recipients", "sent", "delivered", "bounced", "spammed", "dropped")
    }
    assert counted == {
        "recipients": 6,
        "sent": 6,
        "delivered": 4,
        "bounced": 1,
        "spammed": 1,
        "dropped": 1,
    }
    assert found["dropped_by_reason"] == {"provider_suppressed": 1}
    assert (found["name"], found["template_id"], found["template_version"]) == ("News", "news", 1)
    assert statuses(post.api, communication_id) == {
        "p0": "delivered",
        "p1": "delivered",
        "p2": "bounced",
        "p3": "spammed",
        "p4": "delivered",
        "p5": "dropped",
    }


def test_whoever_may_not_be_mailed_is_dropped_with_reason_and_evidence(post: Post) -> None:
    """Bounced, complained, unsubscribed, by hand, no address; direct messages mind the address
    alone.
    """
    api = post.api
    addresses = [f"{name}@{SIMULATOR}" for name in ("bounce", "complaint", "a", "b", "c")]
    post.send(recipients=people(*addresses, "no address"), **NEWS)
    post.run()
    api("/v1/participants/p2/subscription", "PUT", {"subscribed": False})
    api(f"/v1/suppressions/B@{SIMULATOR}", "PUT", {"note": "asked by phone"})
    before = len(outbox(post.world))
    said = post.send(recipients=people(*addresses, "no address"), **NEWS)
    post.run()
    reasons = {}
    for number in range(6):
        history = api(f"/v1/participants/p{number}/messages", limit=1)["json"]["items"][0]
        assert history["communication_id"] == said["communication_id"]
        reasons[number] = history["drop_reason"]
        trail = api(f"/v1/participants/p{number}/messages/{history['message_id']}")["json"]
        dropped = [each for each in trail["events"] if each["type"] == "Dropped"]
        if reasons[number]:
            assert history["status"] == "dropped"
            assert history["dropped_at"] == said["created_at"]
            assert dropped[0]["detail"]["evidence"]
    assert reasons == {
        0: "previously_bounced",
        1: "previously_spammed",
        2: "unsubscribed",
        3: "manual",
        4: None,
        5: "invalid_address",
    }
    assert len(outbox(post.world)) == before + 1
    for number in (0, 2):
        draft = {"participant_id": f"p{number}", "subject": "Your invoice", "text": "Here it is."}
        assert api("/v1/messages", "POST", draft)["statusCode"] == 202
    post.run()
    assert [each["subject"] for each in outbox(post.world)[before + 1 :]] == ["Your invoice"]
    assert api("/v1/participants/p2/messages", limit=1)["json"]["items"][0]["kind"] == "direct"


def test_who_unsubscribed_at_an_address_gets_no_mailing_there_under_another_name(
    post: Post,
) -> None:
    """What is known of the address counts for whoever is written to there."""
    from local.notifications import Mail

    mail = Mail("elsewhere", "2026-11-20T09:30:00.000Z", ["Zoe@example.com"])
    post.world.ingest([mail.subscription("2026-11-20T09:31:00.000Z", unsubscribed=True)])
    post.world.fold()
    post.send(recipients=people("zoe@example.com"), **NEWS)
    post.run()
    assert outbox(post.world) == []
    (message,) = post.api("/v1/participants/p0/messages")["json"]["items"]
    assert message["drop_reason"] == "unsubscribed"


def test_a_mail_is_measured_with_our_links_in_it(post: Post) -> None:
    """Gmail cuts off what is longer than 102 KB, and with it the way to unsubscribe: 82 KB and 120
    links are more than that as sent.
    """
    link = '<p><a href="https://society.example/a/{number}">what is new</a> {text}</p>'
    lines = [link.format(number=number, text="word " * 128) for number in range(120)]
    html = f'<html><body>{"".join(lines)}<a href="{{{{ unsubscribe_url }}}}">Unsubscribe</a>'
    assert len(html) < 102 * 1024
    draft = {"name": "x", "subject": "News", "html": html}
    draft["recipients"] = people(f"success@{SIMULATOR}")
    found = {}
    for tracking in (True, False):
        asked = draft | {"tracking": tracking}
        spam = post.api("/v1/communications/preview", "POST", asked)["json"]["spam"]
        found[tracking] = [each["rule"] for each in spam["findings"]]
    assert "HTML_LARGE" in found[True]
    assert "HTML_LARGE" not in found[False]
    post.send(**draft)
    post.run()
    (mail,) = outbox(post.world)
    assert len(mail["html"]) > 102 * 1024


def test_a_direct_message_is_in_the_history_and_in_no_communication(post: Post) -> None:
    """With its own body, its preview, and without an unsubscribe header."""
    draft = {
        "participant_id": "ann",
        "address": f"success@{SIMULATOR}",
        "kind": "contract",
        "subject": "Contract {{ number }}",
        "html": '<p>Sign <a href="https://society.example/sign">here</a></p>',
        "data": {"number": 7},
        "reply_to": "office@society.example",
    }
    answer = post.api("/v1/messages", "POST", draft)
    assert answer["statusCode"] == 202
    post.run()
    (message,) = post.api("/v1/participants/ann/messages")["json"]["items"]
    assert message["message_id"] == answer["json"]["message_id"]
    assert (message["subject"], message["kind"]) == ("Contract 7", "contract")
    assert (message["status"], message["communication_id"]) == ("delivered", None)
    (mail,) = outbox(post.world)
    assert mail["headers"] == []
    assert mail["reply_to"] == ["office@society.example"]
    assert post.api("/v1/communications")["json"]["items"] == []
    path = f"/v1/participants/ann/messages/{message['message_id']}/preview"
    preview = post.api(path)
    assert preview["body"] == '<p>Sign <a href="https://society.example/sign">here</a></p>'
    assert "default-src 'none'" in preview["headers"]["Content-Security-Policy"]
    assert "sandbox" in preview["headers"]["Content-Security-Policy"]
    assert preview["headers"]["Sendtrail-Spam"]
    post.world.fold()
    assert post.api("/v1/participants/ann/messages")["json"]["items"] == [message]


def test_a_preview_has_the_original_links_and_no_pixel(post: Post) -> None:
    """And of mail that something else sent, none."""
    post.api("/v1/templates/news", "PUT", NEWS)
    post.send(template_id="news", recipients=people(f"success@{SIMULATOR}"))
    post.run()
    post.api("/v1/templates/news", "PUT", {"subject": "Changed", "text": "Changed"})
    (message,) = post.api("/v1/participants/p0/messages")["json"]["items"]
    body = post.api(f"/v1/participants/p0/messages/{message['message_id']}/preview")["body"]
    assert body == (
        NEWS["html"].replace("{{ name }}", "N0").replace("{{ unsubscribe_url }}", "#unsubscribe")
    )
    from tests.functional.test_api import mail

    post.world.ingest([mail(1).send()])
    post.world.fold()
    (other,) = post.api("/v1/participants/ann/messages")["json"]["items"]
    answer = post.api(f"/v1/participants/ann/messages/{other['message_id']}/preview")
    assert answer["statusCode"] == 404
    assert "did not send" in answer["json"]["detail"]


@pytest.mark.parametrize(
    ("draft", "said"),
    [
        (
            {"recipients": [*people("a@example.com"), {"participant_id": "q"}]},
            "recipients[1].address",
        ),
        ({"recipients": [{"participant_id": "p", "address": "a@b.example"}]}, "name is missing"),
        ({"recipients": people(*["a@b.example"] * 151)}, "at most 150"),
        ({"recipients": people("a@b.example") * 2}, "recipients[1]"),
        ({"recipients": []}, "recipients"),
        ({"recipients": people("a@b.example"), "kind": "no kind"}, "kind"),
        ({"recipients": people("a@b.example", x="y" * 20_000)}, "data"),
        ({"recipients": people("a@b.example"), "template_id": "news"}, "not both"),
        ({"recipients": people("a@b.example"), "subject": "{{"}, "subject, line 1"),
        ({"recipients": people("a@b.example"), "reply_to": "a@b.example\r\nBcc: c@d"}, "reply_to"),
        ({"recipients": people("a@b.example"), "copy_to": ["nobody"]}, "copy_to"),
        ({"recipients": people("a@b.example"), "copy_to": ["a@b.example"] * 2}, "twice"),
        ({"recipients": people("a@b.example", deep=DEEP)}, "nested"),
        (
            {"recipients": people("a@b.example"), "subject": "{{ 1 | divided_by: 0 }}"},
            "subject, line 1",
        ),
    ],
)
def test_nothing_is_sent_of_what_is_not_right_as_a_whole(
    post: Post, draft: dict[str, Any], said: str
) -> None:
    """The answer says where; and nothing is kept."""
    answer = post.api("/v1/communications", "POST", {"name": "News", **NEWS, **draft})
    assert answer["statusCode"] == 422
    assert said in answer["json"]["detail"]
    assert post.jobs() == []
    assert post.api("/v1/communications")["json"]["items"] == []


def named(answer: dict[str, Any]) -> dict[str, str]:
    """The place of each error of a request → what is wrong there."""
    assert answer["statusCode"] == 422
    assert {each["in"] for each in answer["json"]["errors"]} == {"body"}
    return {each["name"]: each["message"] for each in answer["json"]["errors"]}


def test_everything_that_is_wrong_is_told_at_once_with_its_place(post: Post) -> None:
    """Named as the errors of a body's form are; the detail says all of it."""
    recipients: list[dict[str, Any]] = [
        *people("a@b.example"),
        {"participant_id": "q", "data": {"name": "Q"}},
        {"participant_id": "r", "address": "r@b.example"},
    ]
    draft = {"name": "News", **NEWS, "reply_to": "a@b", "recipients": recipients}
    answer = post.api("/v1/communications", "POST", draft)
    errors = named(answer)
    assert list(errors) == ["reply_to", "recipients.1.address", "recipients.2.data"]
    assert errors["recipients.2.data"] == "name is missing"
    for said in ("reply_to: 'a@b': ", "recipients[1].address: ", "recipients[2].data (r): "):
        assert said in answer["json"]["detail"]
    del recipients[1]["data"]
    both = named(post.api("/v1/communications", "POST", draft))
    assert {"recipients.1.address", "recipients.1.data"} < both.keys()


def test_every_kind_of_problem_is_told_beside_the_others(post: Post) -> None:
    """Copies, people named twice, data that are too large, a template that is none, two parts."""
    recipients = [*people("a@b.example") * 2, *people("c@b.example", x="y" * 20_000)]
    recipients[2]["participant_id"] = "q"
    draft = {"name": "News", "recipients": recipients, "copy_to": ["a@b.example", "nobody"]}
    found = named(post.api("/v1/communications", "POST", draft | {"template_id": "none"}))
    assert list(found) == ["copy_to.1", "recipients.1", "recipients.2.data", "template_id"]
    found = named(
        post.api("/v1/communications", "POST", draft | {"subject": "{{", "text": "a\n{% if %}"})
    )
    assert {"copy_to.1", "recipients.1", "subject", "text"} < found.keys()
    assert found["text"].startswith("line 2, column 1: ")
    assert post.jobs() == []


def test_a_direct_message_names_its_own_fields(post: Post) -> None:
    """It has no list of recipients."""
    draft = {"participant_id": "q", "reply_to": "a@b", **NEWS}
    assert list(named(post.api("/v1/messages", "POST", draft))) == ["reply_to", "address", "data"]


@pytest.mark.parametrize("recipient", [{"participant_id": "p0"}, {"participant_id": "no id"}])
def test_of_very_many_problems_the_first_are_told_and_the_others_counted(
    post: Post, recipient: dict[str, Any]
) -> None:
    """Both of those of the body's form, and of what is in it."""
    draft = {"name": "News", "subject": "s", "text": "t", "recipients": [recipient] * 60}
    if recipient["participant_id"] == "p0":
        draft["recipients"] = [{"participant_id": f"p{number}"} for number in range(60)]
    answer = post.api("/v1/communications", "POST", draft | {"reply_to": "a@b.example"})
    assert len(named(answer)) == 50
    assert answer["json"]["detail"].endswith("; and 10 more")


def test_a_letter_says_the_same_whenever_it_is_rendered(post: Post) -> None:
    """A template cannot tell whether it is checked, sent or looked at."""
    text = "{{ unsubscribe_url }} {{ unsubscribe_url | url_encode }}"
    draft = {"name": "x", "subject": "s", "text": text, "recipients": people(f"a@{SIMULATOR}")}
    look = post.api("/v1/communications/preview", "POST", draft)["json"]["text"]
    post.send(**draft)
    post.run()
    (mail,) = outbox(post.world)
    (message,) = post.api("/v1/participants/p0/messages")["json"]["items"]
    path = f"/v1/participants/p0/messages/{message['message_id']}/preview"
    assert look == post.api(path)["body"] == "#unsubscribe %23unsubscribe"
    link, encoded = mail["text"].split()
    assert link.startswith("http")
    assert "/u/" in link
    assert encoded == quote(link, safe="")
    asks = {**draft, "text": "{% if unsubscribe_url contains 'invalid' %}A{% endif %}"}
    assert post.api("/v1/communications", "POST", asks)["statusCode"] == 422


@pytest.mark.parametrize(
    ("suppressed", "written"),
    [
        ("u@xn--bcher-kva.example", "u@bücher.example"),
        ("u@bücher.example", "u@xn--bcher-kva.example"),
        ("u@example.com", "u@ｅxample.com"),
    ],
)
def test_an_address_is_suppressed_however_its_domain_is_written(
    post: Post, suppressed: str, written: str
) -> None:
    """In Unicode, in ASCII, or in compatibility forms: it is one address."""
    assert post.api(f"/v1/suppressions/{suppressed}", "PUT", {"note": "x"})["statusCode"] == 200
    post.send(recipients=people(written), **NEWS)
    post.run()
    assert outbox(post.world) == []
    (message,) = post.api("/v1/participants/p0/messages")["json"]["items"]
    assert message["drop_reason"] == "manual"


def test_an_answers_address_is_given_to_ses_in_ascii(post: Post) -> None:
    """SES takes no other domain."""
    draft = {"participant_id": "p0", "address": f"success@{SIMULATOR}", "subject": "s", "text": "t"}
    answer = post.api("/v1/messages", "POST", draft | {"reply_to": "us@bücher.example"})
    assert answer["statusCode"] == 202
    post.run()
    (mail,) = outbox(post.world)
    assert mail["reply_to"] == ["us@xn--bcher-kva.example"]


def test_a_repeated_request_with_the_same_key_is_the_first_one(post: Post) -> None:
    """The same answer, and one mail; another body with the same key is refused."""
    body = {"name": "News", "recipients": people(f"success@{SIMULATOR}"), **NEWS}
    key = {"idempotency-key": "november"}
    first = post.api("/v1/communications", "POST", body, headers=key)
    again = post.api("/v1/communications", "POST", body, headers=key)
    assert first["statusCode"] == again["statusCode"] == 202
    assert first["json"] == again["json"]
    other = post.api("/v1/communications", "POST", body | {"name": "Other"}, headers=key)
    assert other["statusCode"] == 422
    assert "Idempotency-Key" in other["json"]["detail"]
    post.run()
    post.api("/v1/communications", "POST", body, headers=key)
    post.run()
    assert len(outbox(post.world)) == 1
    assert len(post.api("/v1/communications")["json"]["items"]) == 1
    direct = {"participant_id": "p0", "subject": "s", "text": "t"}
    one = post.api("/v1/messages", "POST", direct, headers=key)["json"]
    two = post.api("/v1/messages", "POST", direct, headers=key)["json"]
    assert one["message_id"] == two["message_id"]


def test_likely_spam_is_dropped_whole_unless_the_sender_insists(post: Post) -> None:
    """The answer says what scored."""
    loud = {
        "subject": "FREE MONEY!!! ACT NOW",
        "html": '<img src="https://pics.example/a.png"><a href="http://bit.ly/x">bank.example</a>',
        "recipients": people(f"success@{SIMULATOR}", f"success+2@{SIMULATOR}"),
    }
    look = post.api("/v1/communications/preview", "POST", {"name": "News", **loud})["json"]
    assert look["spam"]["likely_spam"]
    said = post.send(**loud)
    assert said["spam"] == look["spam"]
    assert said["spam"]["points"] >= said["spam"]["threshold"]
    assert {"SUBJECT_CAPITALS"} <= {each["rule"] for each in said["spam"]["findings"]}
    post.run()
    found = post.api(f"/v1/communications/{said['communication_id']}")["json"]
    assert (found["dropped_by_reason"], found["sent"]) == ({"likely_spam": 2}, 0)
    assert outbox(post.world) == []
    assert not post.send(**loud, allow_likely_spam=True)["spam"]["likely_spam"]
    post.run()
    assert len(outbox(post.world)) == 2


def test_a_preview_of_a_draft_says_who_would_be_dropped_and_writes_nothing(post: Post) -> None:
    """As any of its recipients would read it."""
    post.api(f"/v1/suppressions/b@{SIMULATOR}", "PUT", {"note": "asked"})
    draft = {"name": "x", "recipients": people(f"a@{SIMULATOR}", f"b@{SIMULATOR}"), **NEWS}
    look = post.api("/v1/communications/preview?recipient=1", "POST", draft)["json"]
    assert (look["subject"], look["recipients"]) == ("News for N1", 2)
    (dropped,) = look["would_be_dropped"]
    assert (dropped["participant_id"], dropped["drop_reason"]) == ("p1", "manual")
    assert post.api("/v1/communications/preview?recipient=2", "POST", draft)["statusCode"] == 422
    assert post.jobs() == []
    assert post.api("/v1/communications")["json"]["items"] == []


def test_tracking_can_be_switched_off_for_a_mailing(post: Post) -> None:
    """Its links are as they were written, and it has no pixel; it can be unsubscribed from."""
    post.send(recipients=people(f"success@{SIMULATOR}"), tracking=False, **NEWS)
    post.run()
    (mail,) = outbox(post.world)
    assert 'href="https://society.example/a?x=1&amp;y=2"' in mail["html"]
    assert "/o/" not in mail["html"]
    assert "/u/" in mail["html"]
    assert mail["tags"]["tracked"] == "no"


def test_sending_slows_down_when_ses_says_so(post: Post) -> None:
    """What is left of the job, and the rest of the batch, goes back to the queue, later each time."""
    post.send(recipients=people(*[f"success+{n}@{SIMULATOR}" for n in range(24)]), **NEWS)
    post.world.call("dispatch", {"Records": post.jobs()})
    records = post.jobs()
    assert len(records) == 3
    slow = {"error": "TooManyRequestsException", "status": 429, "message": "Maximum sending rate"}
    with answered(post.world, {}, slow):
        answer = post.world.call("dispatch", {"Records": records})
    failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
    assert failed == {record["messageId"] for record in records}
    assert len(outbox(post.world)) == 9
    assert post.world.call("dispatch", {"Records": records}) == {"batchItemFailures": []}
    assert len({mail["destination"][0] for mail in outbox(post.world)}) == 24
    assert len(outbox(post.world)) == 24


@pytest.mark.parametrize(
    ("error", "status"), [("MessageRejected", 400), ("BadRequestException", 400)]
)
def test_what_ses_never_takes_is_rejected_with_its_reason(
    post: Post, error: str, status: int
) -> None:
    """It is in the history, and not tried again."""
    post.send(recipients=people(f"success@{SIMULATOR}"), **NEWS)
    with answered(post.world, {"error": error, "status": status, "message": "Address blacklisted"}):
        post.dispatch()
    post.run()
    (message,) = post.api("/v1/participants/p0/messages")["json"]["items"]
    assert message["status"] == "rejected"
    trail = post.api(f"/v1/participants/p0/messages/{message['message_id']}")["json"]["events"]
    (rejected,) = [each for each in trail if each["type"] == "Reject"]
    assert "Address blacklisted" in rejected["detail"]["reason"]
    assert outbox(post.world) == []


HOLDS = {
    "SendingPausedException": ("not now", "sending_paused"),
    "AccountSuspendedException": ("not now", "sending_paused"),
    "TooManyRequestsException": ("Daily message quota exceeded", "daily_quota"),
    "LimitExceededException": ("Daily quota exceeded for the account", "daily_quota"),
    "MailFromDomainNotVerifiedException": ("no", "sender_not_verified"),
    "MessageRejected": (
        "Email address is not verified: News <NEWS@society.example>, a@b.example",
        "sender_not_verified",
    ),
}


@pytest.mark.parametrize("error", HOLDS)
def test_what_ses_does_not_take_now_waits(
    post: Post, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No letter is lost for it, however long it takes, and the page says what it waits for."""
    monkeypatch.setattr("sendtrail.aws.sqs._LONGEST_DELAY", 0)  # moto shows nothing before
    message, reason = HOLDS[error]
    said = post.send(recipients=people(f"success@{SIMULATOR}"), **NEWS)
    post.world.call("dispatch", {"Records": post.jobs()})
    records = post.jobs()
    path = f"/v1/communications/{said['communication_id']}"
    assert post.api(path)["json"]["held"] is None
    status = 429 if error == "TooManyRequestsException" else 400
    with answered(post.world, *[{"error": error, "status": status, "message": message}] * 2):
        answer = post.world.call("dispatch", {"Records": records})
        assert len(answer["batchItemFailures"]) == 1
        often = [copy.deepcopy(record) for record in records]
        often[0]["attributes"]["ApproximateReceiveCount"] = "20"
        assert post.world.call("dispatch", {"Records": often}) == {"batchItemFailures": []}
    post.world.fold()
    held = post.api(path)["json"]["held"]
    assert (held["reason"], held["since"] <= held["seen_at"]) == (reason, True)
    (anew,) = post.jobs()
    job = json.loads(anew["body"])
    assert time.time() - job.pop("held_since") < 60
    assert job == json.loads(records[0]["body"])
    assert post.world.call("dispatch", {"Records": [anew]}) == {"batchItemFailures": []}
    assert len(outbox(post.world)) == 1
    post.answer()
    assert post.api(path)["json"]["held"] is None


def test_who_is_not_verified_in_the_sandbox_keeps_nobody_else_waiting(post: Post) -> None:
    """And waits."""
    addresses = [f"success+{n}@{SIMULATOR}" for n in range(3)]
    said = post.send(recipients=people(*addresses), **NEWS)
    post.world.call("dispatch", {"Records": post.jobs()})
    records = post.jobs()
    message = f"Email address is not verified. The following identities failed: {addresses[0]}"
    refused = {"error": "MessageRejected", "status": 400, "message": message}
    with answered(post.world, refused):
        answer = post.world.call("dispatch", {"Records": records})
    assert len(answer["batchItemFailures"]) == 1
    assert len(outbox(post.world)) == 2
    post.answer()
    held = post.api(f"/v1/communications/{said['communication_id']}")["json"]["held"]
    assert held["reason"] == "recipient_not_verified"
    assert post.world.call("dispatch", {"Records": records}) == {"batchItemFailures": []}
    assert len({mail["destination"][0] for mail in outbox(post.world)}) == 3


def test_a_mailing_is_fanned_out_while_another_is_held(post: Post) -> None:
    """It is in its recipients' histories, and its page says that it waits, and for what."""
    post.send(recipients=people(f"success@{SIMULATOR}"), **NEWS)
    post.world.call("dispatch", {"Records": post.jobs()})
    (held,) = post.jobs()
    said = post.send(recipients=people(f"success+other@{SIMULATOR}"), **NEWS)
    (plan,) = post.jobs()
    paused = {"error": "SendingPausedException", "status": 400, "message": "no"}
    with answered(post.world, paused):
        answer = post.world.call("dispatch", {"Records": [held, plan]})
    assert [each["itemIdentifier"] for each in answer["batchItemFailures"]] == [held["messageId"]]
    post.world.fold()
    found = post.api(f"/v1/communications/{said['communication_id']}")["json"]
    assert (found["recipients"], found["held"]["reason"]) == (1, "sending_paused")
    waiting = detail(post, "p0")["waiting"]
    assert waiting["reason"] == "sending_paused"
    two_weeks = timedelta(days=14)
    since, until = (datetime.fromisoformat(waiting[name]) for name in ("since", "until"))
    assert until - since == two_weeks


def detail(post: Post, participant_id: str) -> dict[str, Any]:
    """A participant's newest message, as the API and the console show it."""
    (message, *_) = post.api(f"/v1/participants/{participant_id}/messages")["json"]["items"]
    path = f"/participants/{participant_id}/messages/{message['message_id']}"
    found: dict[str, Any] = post.api(f"/v1{path}")["json"]
    visitor = Visitor(post.world)
    visitor.sign_in(make_key(post.world, Scope.READ))
    page = visitor.get(f"/console{path}")["body"]
    part = visitor.get(f"/console/participants/{participant_id}?open={message['message_id']}")
    for shown in (page, part["body"]):
        assert ("waits" in shown) == (found["waiting"] is not None)
    return found


def test_a_message_says_that_it_waits_for_its_turn(post: Post) -> None:
    """Until it is sent."""
    post.send(recipients=people(f"success@{SIMULATOR}"), **NEWS)
    post.world.call("dispatch", {"Records": post.jobs()})
    post.world.fold()
    waiting = detail(post, "p0")["waiting"]
    assert (waiting["reason"], waiting["until"]) == ("turn", None)
    post.run()
    assert detail(post, "p0")["waiting"] is None


def test_what_ses_has_not_taken_for_two_weeks_goes_to_the_dead_letter_queue(post: Post) -> None:
    """By its last attempts, as any other: there it can be redriven."""
    post.send(recipients=people(f"success@{SIMULATOR}"), **NEWS)
    post.world.call("dispatch", {"Records": post.jobs()})
    (record,) = post.jobs()
    since = int(time.time()) - 15 * 24 * 3600
    record["body"] = json.dumps(json.loads(record["body"]) | {"held_since": since})
    record["attributes"]["ApproximateReceiveCount"] = "25"
    paused = {"error": "SendingPausedException", "status": 400, "message": "no"}
    with answered(post.world, paused):
        answer = post.world.call("dispatch", {"Records": [record]})
    assert len(answer["batchItemFailures"]) == 1
    assert post.jobs() == []


def test_a_job_that_is_none_fails_alone(post: Post) -> None:
    """And goes, after its tries, to the dead-letter queue."""
    post.send(recipients=people(f"success@{SIMULATOR}"), **NEWS)
    (record,) = post.jobs()
    plan_id = json.loads(record["body"])["plan"]
    bodies = [*BAD_JOBS, *(json.dumps({"plan": plan_id} | each) for each in BAD_RANGES)]
    bad = [record | {"messageId": f"bad-{n}", "body": body} for n, body in enumerate(bodies)]
    answer = post.world.call("dispatch", {"Records": [*bad, record]})
    failed = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
    assert failed == [each["messageId"] for each in bad]
    assert outbox(post.world) == []


BAD_JOBS = ["", "no json", "[]", '{"plan": 1}', '{"plan": "none"}', '{"plan": "x", "first": "y"}']
BAD_RANGES: list[dict[str, Any]] = [
    {"first": 0, "count": 0},
    {"first": 0, "count": 2},  # there is one message
    {"first": 1, "count": 1},
    {"first": -1, "count": 1},
    {"first": True, "count": 1},
    {"first": 0, "count": "1"},
    {"first": 0},
]


def test_direct_messages_have_a_queue_of_their_own(post: Post) -> None:
    """So that no mailing stands before them: neither its plan nor its jobs."""
    post.send(recipients=people(f"success@{SIMULATOR}"), **NEWS)
    draft = {"participant_id": "p1", "address": f"a@{SIMULATOR}", "subject": "s", "text": "t"}
    assert post.api("/v1/messages", "POST", draft)["statusCode"] == 202
    for _ in ("plans", "messages"):
        direct, mailing = (list(post.received(queue)) for queue in post.queues)
        assert (len(direct), len(mailing)) == (1, 1)
        answer = post.world.call("dispatch", {"Records": [*direct, *mailing]})
        assert answer == {"batchItemFailures": []}
    assert len(outbox(post.world)) == 2


def test_a_copy_is_in_the_same_job_and_is_eligible_by_rules_of_its_own(post: Post) -> None:
    """A sender who unsubscribed from mailings gets the copy all the same."""
    address = f"boss@{SIMULATOR}"
    mailing = {"recipients": people(address), **NEWS}
    post.send(**mailing)
    post.run()
    post.api("/v1/participants/p0/subscription", "PUT", {"subscribed": False})
    post.send(**mailing, copy_to=[address])
    post.world.call("dispatch", {"Records": post.jobs()})
    (record,) = post.jobs()
    assert json.loads(record["body"])["count"] == 2
    assert post.world.call("dispatch", {"Records": [record]}) == {"batchItemFailures": []}
    assert [mail["tags"]["kind"] for mail in outbox(post.world)] == ["newsletter", "copy"]


@pytest.mark.parametrize("tenant", [{}, {"TenantName": "Chess"}], ids=["account", "tenant"])
def test_lifting_a_suppression_takes_the_address_off_sess_list_too(
    post: Post, tenant: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account's, or the tenant's that mail is sent for, in the spelling that SES has; and the
    answer says which lists it was on.
    """
    monkeypatch.setenv("TENANT_NAME", tenant.get("TenantName", ""))
    ses = post.world.backend.endpoints.client("sesv2")
    written = "Zoe.Quirk@example.com"
    ses.put_suppressed_destination(EmailAddress=written, Reason="BOUNCE", **tenant)
    post.api(f"/v1/participants/zoe/addresses/{written}", "PUT")
    post.send(recipients=[{"participant_id": "zoe", "data": {"name": "Zoe"}}], **NEWS)
    post.run()
    (message,) = post.api("/v1/participants/zoe/messages")["json"]["items"]
    assert (message["status"], message["drop_reason"]) == ("dropped", "provider_suppressed")
    lifted = post.api(f"/v1/suppressions/{written.lower()}", "DELETE")
    assert lifted["json"]["removed_from_ses"]
    assert not lifted["json"]["lifted"]
    assert post.api(f"/v1/suppressions/{written}", "DELETE")["statusCode"] == 404
    post.send(recipients=[{"participant_id": "zoe", "data": {"name": "Zoe"}}], **NEWS)
    post.run()
    newest = post.api("/v1/participants/zoe/messages", limit=1)["json"]["items"][0]
    assert newest["status"] == "delivered"


def test_the_inactive_get_no_mailings_until_they_interact(post: Post) -> None:
    """Direct messages they get."""
    from sendtrail.domain.events import Event

    address = f"success@{SIMULATOR}"
    post.send(recipients=people(address), **NEWS)
    post.run()
    found = Event.inactivated("p0", now(), last_active_at=now())
    post.world.wiring.trails.append([found])
    post.world.wiring.participant_projection.apply([found])
    assert post.api("/v1/participants/p0")["json"]["inactive_since"] == found.at
    post.send(recipients=people(address), **NEWS)
    post.run()
    newest = post.api("/v1/participants/p0/messages", limit=1)["json"]["items"][0]
    assert newest["drop_reason"] == "inactive"
    post.api("/v1/participants/p0/interactions", "POST", {"kind": "donation"})
    assert post.api("/v1/participants/p0")["json"]["inactive_since"] is None
    post.send(recipients=people(address), **NEWS)
    post.run()
    newest = post.api("/v1/participants/p0/messages", limit=1)["json"]["items"][0]
    assert newest["status"] == "delivered"
