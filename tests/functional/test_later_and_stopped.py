"""A time to send, and stopping: what waits, what goes when its time comes, and what never does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.notifications import Mail
from sendtrail.auth.api_keys import Scope
from sendtrail.domain.ids import sent_time
from sendtrail.domain.times import epoch_ms, from_epoch_ms, now
from sendtrail.sending.jobs import Job
from tests.functional.conftest import Backend
from tests.functional.sending import NEWS, Post, answered, outbox, people
from tests.functional.visitor import Visitor, make_key
from tests.functional.world import Api, World, sqs_event

SIMULATOR = "simulator.amazonses.com"
ADDRESSES = [f"success+{number}@{SIMULATOR}" for number in range(12)]
DESK = {"kind": "key", "id": "0f3a", "name": "Front office"}
DAY = 24 * 3600
LETTER = {"participant_id": "jo", "address": f"success@{SIMULATOR}", "subject": "s", "text": "t"}


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


@pytest.fixture
def post(world: World) -> Post:
    """Somebody who sends."""
    return Post(world)


def ahead(seconds: float) -> str:
    """A time so many seconds from now."""
    return from_epoch_ms(epoch_ms(now()) + int(seconds * 1000))


def plan_job(post: Post, plan_id: str) -> dict[str, Any]:
    """The job of a plan, as its queue brings it."""
    event = sqs_event([Job(plan_id).to_text()])
    event["Records"][0]["attributes"] = {"ApproximateReceiveCount": "1"}
    event["Records"][0]["eventSourceARN"] += "-DirectQueue"
    answer: dict[str, Any] = post.world.call("dispatch", event)
    return answer


def waiting(post: Post) -> list[int]:
    """How many jobs of the direct and the dispatch queue wait for a time."""
    sqs, name = post.world.backend.endpoints.client("sqs"), "ApproximateNumberOfMessagesDelayed"
    found = [
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]
        for url in post.queues
    ]
    return [int(each) for each in found]


def comes_due(post: Post, plan_id: str, seconds: float = 1) -> None:
    """As if its time had come so many seconds ago."""
    bucket = post.world.backend.resources.physical["PlansBucket", ""]
    s3 = post.world.backend.endpoints.client("s3")
    key = f"plans/{plan_id}.json"
    plan = json.load(s3.get_object(Bucket=bucket, Key=key)["Body"])
    plan["send_at"] = ahead(-seconds)
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(plan).encode())
    post.world.restart("dispatch")


def mailing(post: Post, communication_id: str) -> dict[str, Any]:
    """A mailing, as the API tells of it."""
    found: dict[str, Any] = post.api(f"/v1/communications/{communication_id}")["json"]
    return found


def stop(post: Post, communication_id: str) -> dict[str, Any]:
    """Stops a mailing; the answer."""
    answer = post.api(f"/v1/communications/{communication_id}/stop", "POST")
    assert answer["statusCode"] == 200, answer
    said: dict[str, Any] = answer["json"]
    return said


def plan_of_message(post: Post, message: dict[str, Any]) -> str:
    """The id of the plan of a message of the history."""
    path = f"/v1/participants/{message['participant_id']}/messages/{message['message_id']}"
    accepted = next(e for e in post.api(path)["json"]["events"] if e["type"] == "Accepted")
    plan_id: str = accepted["detail"]["plan_id"]
    return plan_id


# --- a time to send ----------------------------------------------------------------------------


def test_a_mailing_waits_for_its_time_and_is_sent_then(post: Post) -> None:
    """Nothing of it is sent or in a history before; its ids are of its time, and its figures exact."""
    send_at = ahead(3 * DAY)
    said = post.send(
        recipients=people(*ADDRESSES), send_at=send_at, copy_to=["us@x.example"], **NEWS
    )
    assert (said["send_at"], said["recipients"]) == (send_at, 12)
    plan_id = said["communication_id"]
    assert waiting(post) == [1, 0]
    assert plan_job(post, plan_id) == {"batchItemFailures": []}
    assert waiting(post) == [2, 0]  # it is in its queue anew
    assert outbox(post.world) == []
    assert post.api("/v1/participants/p0")["statusCode"] == 404
    found = mailing(post, plan_id)
    assert (found["state"], found["planned"], found["done"]) == ("scheduled", 12, 0)
    assert (found["recipients"], found["send_at"]) == (0, send_at)
    comes_due(post, plan_id)
    assert plan_job(post, plan_id) == {"batchItemFailures": []}
    post.run()
    assert len(outbox(post.world)) == 13
    found = mailing(post, plan_id)
    assert (found["state"], found["planned"], found["done"]) == ("finished", 12, 12)
    assert (found["recipients"], found["sent"], found["delivered"]) == (12, 12, 12)
    (message,) = post.api("/v1/participants/p0/messages")["json"]["items"]
    assert sent_time(message["message_id"]) == send_at
    plan_job(post, plan_id)  # a second of its jobs, late
    post.run()
    assert len(outbox(post.world)) == 13


def test_what_is_due_while_the_queue_was_down_is_sent_late_and_once(post: Post) -> None:
    """Weeks after its time, by two jobs."""
    said = post.send(recipients=people(*ADDRESSES), send_at=ahead(60), **NEWS)
    comes_due(post, said["communication_id"], 20 * DAY)
    for _ in range(2):
        plan_job(post, said["communication_id"])
    post.run()
    assert len(outbox(post.world)) == 12


def test_a_job_comes_when_its_time_does_and_no_later(post: Post) -> None:
    """The last of its waits is as long as what is left; the ones before are bounded."""
    sqs = post.world.backend.endpoints.client("sqs")
    for seconds in (2, 3 * DAY):
        post.send(recipients=people(ADDRESSES[0]), send_at=ahead(seconds), **NEWS)
    assert waiting(post) == [2, 0]
    found = sqs.receive_message(QueueUrl=post.queues[0], WaitTimeSeconds=5)["Messages"]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("send_at", "said"),
    [
        (lambda: ahead(-60), "is past"),
        (lambda: ahead(91 * DAY), "more than 90 days ahead"),
        (lambda: "2026-12-04T09:00:00", "no time with an offset"),
        (lambda: "tomorrow", "no time with an offset"),
    ],
)
def test_a_time_that_is_not_allowed_is_refused_with_all_else_and_says_why(
    post: Post, send_at: Any, said: str
) -> None:
    """By its field; nothing is sent."""
    for path, draft in (
        ("/v1/communications", {"name": "News", "recipients": people(ADDRESSES[0]), **NEWS}),
        ("/v1/messages", LETTER),
        ("/v1/communications/preview", {"name": "x", "recipients": people(ADDRESSES[0]), **NEWS}),
    ):
        answer = post.api(path, "POST", {**draft, "send_at": send_at()})
        assert answer["statusCode"] == 422, answer
        assert [each["name"] for each in answer["json"]["errors"]] == ["send_at"]
        assert said in answer["json"]["detail"]
    assert waiting(post) == [0, 0]


def test_a_time_in_another_zone_is_the_same_time(post: Post) -> None:
    """With any offset."""
    at = ahead(DAY)
    elsewhere = from_epoch_ms(epoch_ms(at) + 2 * 3_600_000)[:-1] + "+02:00"
    assert (
        post.api("/v1/messages", "POST", {**LETTER, "send_at": elsewhere})["json"]["send_at"] == at
    )


def test_a_request_repeated_after_its_time_is_the_same_request(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its key: it is not refused for a time that has passed meanwhile, and sent once."""
    body = {"name": "News", "recipients": people(*ADDRESSES), "send_at": ahead(1.5), **NEWS}
    keyed = {"Idempotency-Key": "once"}
    first = post.api("/v1/communications", "POST", body, headers=keyed)["json"]
    comes_due(post, first["communication_id"])
    while now() < body["send_at"]:
        pass
    again = post.api("/v1/communications", "POST", body, headers=keyed)
    assert again["statusCode"] == 202, again
    assert again["json"]["communication_id"] == first["communication_id"]
    other = {**body, "send_at": ahead(DAY)}
    assert post.api("/v1/communications", "POST", other, headers=keyed)["statusCode"] == 422
    for _ in range(2):
        plan_job(post, first["communication_id"])
    post.run()
    assert len(outbox(post.world)) == 12


def test_a_direct_message_that_waits_is_in_its_history(post: Post) -> None:
    """And says for what; it goes at its time, and its trail says when it was accepted."""
    send_at = ahead(3 * DAY)
    said = post.api("/v1/messages", "POST", {**LETTER, "send_at": send_at})["json"]
    path = f"/v1/participants/jo/messages/{said['message_id']}"
    found = post.api(path)["json"]
    assert found["status"] == "queued"
    assert (found["waiting"]["reason"], found["waiting"]["until"]) == ("scheduled", send_at)
    accepted = next(each for each in found["events"] if each["type"] == "Accepted")
    assert accepted["detail"]["send_at"] == send_at
    assert accepted["at"] < send_at
    plan_id = plan_of_message(post, found)
    comes_due(post, plan_id)
    plan_job(post, plan_id)
    post.run()
    assert len(outbox(post.world)) == 1
    assert post.api(path)["json"]["status"] == "delivered"


def test_mailings_are_listed_by_when_they_are_sent(post: Post) -> None:
    """In that month."""
    send_at = ahead(80 * DAY)
    later = post.send(recipients=people(ADDRESSES[0]), send_at=send_at, **NEWS)["communication_id"]
    at_once = post.send(recipients=people(ADDRESSES[0]), **NEWS)["communication_id"]
    listed = post.api("/v1/communications")["json"]["items"]
    assert [each["communication_id"] for each in listed] == [later, at_once]
    (found,) = post.api("/v1/communications", month=send_at[:7])["json"]["items"]
    assert found["communication_id"] == later


# --- stopping ----------------------------------------------------------------------------------


def test_what_is_stopped_before_its_time_is_never_accepted(post: Post) -> None:
    """Nothing is sent, nobody's history has it, and the mailing says who stopped it."""
    said = post.send(recipients=people(*ADDRESSES), send_at=ahead(DAY), **NEWS)
    plan_id = said["communication_id"]
    answer = stop(post, plan_id)
    assert (answer["state"], answer["planned"], answer["done"]) == ("stopped", 12, 0)
    assert answer["stopped_by"] == DESK
    comes_due(post, plan_id, -DAY)
    assert plan_job(post, plan_id) == {"batchItemFailures": []}
    assert waiting(post) == [1, 0]  # no new one
    post.run()
    assert outbox(post.world) == []
    assert post.api("/v1/participants/p0")["statusCode"] == 404
    found = mailing(post, plan_id)
    assert (found["recipients"], found["dropped"], found["state"]) == (0, 0, "stopped")


def test_what_is_stopped_while_it_is_sent_is_dropped_and_figures_are_exact(post: Post) -> None:
    """What went out went; all others are dropped, with the reason, by whom, and when."""
    said = post.send(recipients=people(*ADDRESSES), copy_to=["us@x.example"], **NEWS)
    plan_id = said["communication_id"]
    (plan,) = post.jobs()
    post.world.call("dispatch", {"Records": [plan]})
    first, *others = post.jobs()
    assert post.world.call("dispatch", {"Records": [first]}) == {"batchItemFailures": []}
    stopped = stop(post, plan_id)
    assert post.world.call("dispatch", {"Records": others}) == {"batchItemFailures": []}
    post.answer()
    sent = len(outbox(post.world))
    assert 0 < sent < 12
    found = mailing(post, plan_id)
    assert (found["state"], found["planned"], found["done"]) == ("stopped", 12, 12)
    assert (found["recipients"], found["sent"], found["dropped"]) == (12, sent, 12 - sent)
    assert found["dropped_by_reason"] == {"stopped": 12 - sent}
    dropped = post.api.everything(f"/v1/communications/{plan_id}/recipients", status="dropped")
    assert len(dropped) == 12 - sent
    assert {each["drop_reason"] for each in dropped if "drop_reason" in each} <= {"stopped"}
    last = f"/v1/participants/{dropped[0]['participant_id']}/messages"
    (message,) = post.api(last)["json"]["items"]
    assert (message["drop_reason"], message["dropped_at"]) == ("stopped", stopped["stopped_at"])
    events = post.api(f"{last}/{message['message_id']}")["json"]["events"]
    assert [each["by"] for each in events if each["type"] == "Dropped"] == [DESK]


def test_a_job_that_comes_again_after_a_stop_changes_nothing(post: Post) -> None:
    """Nor does the plan's, which fans out again: what was sent is not dropped."""
    said = post.send(recipients=people(*ADDRESSES), **NEWS)
    (plan,) = post.jobs()
    post.world.call("dispatch", {"Records": [plan]})
    first, *others = post.jobs()
    post.world.call("dispatch", {"Records": [first]})
    stop(post, said["communication_id"])
    for _ in range(2):
        for job in (plan, first, *others, *post.jobs()):
            post.world.call("dispatch", {"Records": [job]})
    post.run()
    found = mailing(post, said["communication_id"])
    assert found["sent"] + found["dropped"] == 12
    assert found["sent"] == found["delivered"] == len(outbox(post.world)) > 0


def test_stopping_again_tells_the_same_and_records_nothing(post: Post) -> None:
    """The first who did so stays."""
    said = post.send(recipients=people(*ADDRESSES), send_at=ahead(DAY), **NEWS)
    first = stop(post, said["communication_id"])
    post.api = Api(post.world, actor="key:ab12 Editors")
    assert stop(post, said["communication_id"]) == first
    logged = [e for e in post.world.backend.logged() if e.type == "CommunicationStopped"]
    assert [each.detail["by"] for each in logged] == ["key:0f3a Front office"]
    post.world.fold()  # the stream brings it once more
    assert mailing(post, said["communication_id"])["stopped_by"] == DESK


def test_a_stop_of_which_the_log_was_not_told_is_told_by_the_next(post: Post) -> None:
    """Who stopped first died after the row: it holds, and its time and name are in the log."""
    said = post.send(recipients=people(*ADDRESSES), send_at=ahead(DAY), **NEWS)
    row = {"id": f"#stop#{said['communication_id']}", "at": now(), "by": "key:ab12 Editors"}
    post.world.backend.database().put_all(
        post.world.backend.table("Idempotency"), [row | {"expiration": 2_000_000_000}]
    )
    answer = stop(post, said["communication_id"])
    assert (answer["stopped_at"], answer["stopped_by"]["name"]) == (row["at"], "Editors")


def test_what_is_finished_says_how_many_went_out(post: Post) -> None:
    """And is not stopped."""
    said = post.send(recipients=people(*ADDRESSES), **NEWS)
    post.run()
    answer = stop(post, said["communication_id"])
    assert (answer["state"], answer["sent"], answer["stopped_at"]) == ("finished", 12, None)
    logged = {each.type.value for each in post.world.backend.logged()}
    assert "CommunicationStopped" not in logged


def test_what_something_else_sends_cannot_be_stopped_here(post: Post) -> None:
    """In words; nor what is not there."""
    tags = {"communication_id": "theirs"}
    mail = Mail("elsewhere", "2026-11-20T09:30:00.000Z", ["zoe@example.com"], tags=tags)
    post.world.ingest([mail.send()])
    post.world.fold()
    found = mailing(post, "theirs")
    assert (found["state"], found["planned"]) == ("recorded", 1)
    answer = post.api("/v1/communications/theirs/stop", "POST")
    assert answer["statusCode"] == 422
    assert "cannot stop it" in answer["json"]["detail"]
    assert post.api("/v1/communications/none/stop", "POST")["statusCode"] == 404


def test_only_who_may_send_may_stop(post: Post) -> None:
    """A key to read may not."""
    said = post.send(recipients=people(ADDRESSES[0]), send_at=ahead(DAY), **NEWS)
    reader = Api(post.world, scope="read")
    path = f"/v1/communications/{said['communication_id']}/stop"
    assert reader(path, "POST")["statusCode"] == 403


def test_a_direct_message_is_stopped_before_its_time(post: Post) -> None:
    """At once; and its job sends nothing, nor its copy."""
    draft = {**LETTER, "send_at": ahead(DAY), "copy_to": ["us@x.example"]}
    said = post.api("/v1/messages", "POST", draft)["json"]
    path = f"/v1/participants/jo/messages/{said['message_id']}"
    plan_id = plan_of_message(post, post.api(path)["json"])
    stopped = post.api(f"{path}/stop", "POST")["json"]
    assert (stopped["status"], stopped["drop_reason"]) == ("dropped", "stopped")
    assert post.api(f"{path}/stop", "POST")["json"] == stopped
    comes_due(post, plan_id)
    plan_job(post, plan_id)
    post.run()
    assert outbox(post.world) == []
    found = post.api(path)["json"]
    assert [e["by"] for e in found["events"] if e["type"] == "Dropped"] == [DESK]


def test_a_direct_message_that_is_held_is_stopped_by_its_job(post: Post) -> None:
    """The row says nothing before that: SES might have been called."""
    said = post.api("/v1/messages", "POST", LETTER)["json"]
    (plan,) = post.jobs()
    post.world.call("dispatch", {"Records": [plan]})
    jobs = post.jobs()
    quota = {"error": "TooManyRequestsException", "message": "Daily message quota exceeded"}
    with answered(post.world, quota):
        post.world.call("dispatch", {"Records": jobs})
    path = f"/v1/participants/jo/messages/{said['message_id']}"
    assert post.api(f"{path}/stop", "POST")["json"]["status"] == "queued"
    assert post.world.call("dispatch", {"Records": jobs}) == {"batchItemFailures": []}
    assert post.api(path)["json"]["drop_reason"] == "stopped"
    assert outbox(post.world) == []


def test_a_message_of_a_mailing_or_one_that_is_out_is_not_stopped(post: Post) -> None:
    """The one is stopped with its mailing; the other stays as it is."""
    post.send(recipients=people(ADDRESSES[0]), **NEWS)
    said = post.api("/v1/messages", "POST", LETTER)["json"]
    post.run()
    (message,) = post.api("/v1/participants/p0/messages")["json"]["items"]
    answer = post.api(f"/v1/participants/p0/messages/{message['message_id']}/stop", "POST")
    assert answer["statusCode"] == 422
    assert message["communication_id"] in answer["json"]["detail"]
    answer = post.api(f"/v1/participants/jo/messages/{said['message_id']}/stop", "POST")
    assert answer["json"]["status"] == "delivered"
    assert post.api("/v1/participants/jo/messages/none/stop", "POST")["statusCode"] == 422


def test_the_state_says_that_ses_holds_the_rest(post: Post) -> None:
    """In the mailing and in the list."""
    said = post.send(recipients=people(ADDRESSES[0]), **NEWS)
    assert mailing(post, said["communication_id"])["state"] == "running"
    (plan,) = post.jobs()
    post.world.call("dispatch", {"Records": [plan]})
    post.world.fold()
    quota = {"error": "TooManyRequestsException", "message": "Daily message quota exceeded"}
    with answered(post.world, quota):
        post.world.call("dispatch", {"Records": post.jobs()})
    assert mailing(post, said["communication_id"])["state"] == "held"
    assert post.api("/v1/communications")["json"]["items"][0]["state"] == "held"


# --- the console -------------------------------------------------------------------------------


def signed_in(world: World, scope: Scope) -> Visitor:
    """Somebody signed in with a key of this scope."""
    visitor = Visitor(world)
    assert visitor.sign_in(make_key(world, scope, "Front office"))["statusCode"] == 303
    return visitor


def test_the_page_says_the_state_and_stops_after_asking(post: Post) -> None:
    """In words, with a button; a page asks before, and the mailing's page says who did it."""
    said = post.send(recipients=people(*ADDRESSES), send_at=ahead(DAY), **NEWS)
    path = f"/console/communications/{said['communication_id']}"
    staff = signed_in(post.world, Scope.SEND)
    assert "Scheduled for" in staff.get(path)["body"]
    assert f'href="{path}/stop"' in staff.get(path)["body"]
    listed = staff.get("/console/communications")["body"]
    assert "Scheduled for" in listed
    asked = staff.get(f"{path}/stop")["body"]
    assert "none of the 12 recipients" in asked
    assert mailing(post, said["communication_id"])["state"] == "scheduled"  # asking does nothing
    answer = staff.post(f"{path}/stop")
    assert (answer["statusCode"], answer["headers"]["Location"]) == (303, path)
    page = staff.get(path)["body"]
    assert "0 of 12 went out" in page
    assert "by Front office" in page
    assert f'href="{path}/stop"' not in page
    assert "nothing left to stop" in staff.get(f"{path}/stop")["body"]
    assert staff.get("/console/communications/none/stop")["statusCode"] == 404


def test_who_may_only_read_sees_the_state_and_no_button(post: Post) -> None:
    """Nor may they stop it."""
    said = post.send(recipients=people(*ADDRESSES), send_at=ahead(DAY), **NEWS)
    path = f"/console/communications/{said['communication_id']}"
    reader = signed_in(post.world, Scope.READ)
    page = reader.get(path)["body"]
    assert "Scheduled for" in page
    assert f"{path}/stop" not in page
    assert reader.get(f"{path}/stop")["statusCode"] == 403
    assert reader.post(f"{path}/stop")["statusCode"] == 403
    assert mailing(post, said["communication_id"])["state"] == "scheduled"


def test_the_page_says_how_many_of_how_many(post: Post) -> None:
    """While it is sent, and when it is done."""
    said = post.send(recipients=people(*ADDRESSES), **NEWS)
    path = f"/console/communications/{said['communication_id']}"
    staff = signed_in(post.world, Scope.SEND)
    assert "Running: 0 of 12" in staff.get(path)["body"]
    assert "what was handed to the mail service" in staff.get(f"{path}/stop")["body"].lower()
    post.run()
    assert "Finished: 12 of 12" in staff.get(path)["body"]


def test_a_message_that_waits_is_stopped_on_its_page(post: Post) -> None:
    """After asking."""
    said = post.api("/v1/messages", "POST", {**LETTER, "send_at": ahead(DAY)})["json"]
    path = f"/console/participants/jo/messages/{said['message_id']}"
    staff = signed_in(post.world, Scope.SEND)
    page = staff.get(path)["body"]
    assert "waits for its time" in page
    assert f'href="{path}/stop"' in page
    assert "Stop this message?" in staff.get(f"{path}/stop")["body"]
    assert staff.post(f"{path}/stop")["headers"]["Location"] == path
    assert "Staff stopped it" in staff.get(path)["body"]
    assert "nothing to stop here" in staff.get(f"{path}/stop")["body"]


# --- copies ------------------------------------------------------------------------------------


def test_a_copy_says_that_it_is_one_and_counts_nowhere(post: Post) -> None:
    """Whatever kind others' mail is called by: neither a recipient nor in a figure."""
    said = post.send(recipients=people(ADDRESSES[0]), copy_to=[f"ooto@{SIMULATOR}"], **NEWS)
    post.api("/v1/messages", "POST", {**LETTER, "kind": "copy"})
    post.run()
    found = mailing(post, said["communication_id"])
    assert (found["planned"], found["recipients"], found["sent"]) == (1, 1, 1)
    (owner,) = post.api("/v1/participants", address=f"ooto@{SIMULATOR}")["json"]["items"]
    messages = f"/v1/participants/{owner['participant_id']}/messages"
    (copy,) = post.api(messages)["json"]["items"]
    assert (copy["copy"], copy["communication_id"], copy["kind"]) == (True, None, "copy")
    (letter,) = post.api("/v1/participants/jo/messages")["json"]["items"]
    assert (letter["copy"], letter["kind"]) == (False, "copy")
    staff = signed_in(post.world, Scope.READ)
    page = staff.get(f"/console{messages.removeprefix('/v1')}/{copy['message_id']}")["body"]
    assert "A copy for staff" in page
    page = staff.get(f"/console/participants/jo/messages/{letter['message_id']}")["body"]
    assert "A copy for staff" not in page
