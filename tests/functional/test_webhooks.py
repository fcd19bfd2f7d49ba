"""Webhooks: from what SES says to what a receiver has, over HTTP, by functions and their grants."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from local import aws
from local.between import Answer, Between, Forward, Request
from local.iam import policies
from local.notifications import Mail
from local.template import ACCOUNT, REGION, Resources, load
from sendtrail.domain.actors import Actor
from sendtrail.domain.erasure import new_pseudonym
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.ids import new_message_id, participant_of_address
from sendtrail.domain.times import epoch_ms, from_epoch_ms, now
from sendtrail.domain.webhooks import (
    EVENT_TYPES,
    PERSON_ERASED,
    DeliveryStatus,
    DisabledReason,
    Endpoint,
)
from sendtrail.errors import InvalidInputError, NotFoundError
from sendtrail.publishing.jobs import DeliveryJob, job_of_text
from sendtrail.publishing.webhook_store import WebhookStore
from sendtrail.wiring import Wiring
from tests.functional.world import World
from tests.receiver import Receiver, receiver
from tests.support import load_event

BUS = "crm"
SENT = "2026-11-20T09:30:00.412Z"
BY = Actor("key", "0f3a", "Front office")
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Society:
    """A world with webhooks, whose staff does by the API's grants what it does."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        monkeypatch.setenv("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.1/32")
        monkeypatch.setenv("WEBHOOKS_CACHE_SECONDS", "0")
        self._environment = monkeypatch
        self.restart()

    def restart(self, **settings: str) -> None:
        """Functions start anew, with these settings."""
        for name, value in settings.items():
            self._environment.setenv(name, value)
        variables = {**os.environ, "AWS_ACCESS_KEY_ID": "ApiFunction"}
        self.wiring = Wiring(logging.getLogger(), variables)
        for name in ("publish", "deliver"):
            self.world.restart(name)

    @property
    def store(self) -> WebhookStore:
        """What the API has of webhooks."""
        return self.wiring.webhooks

    def hook(self, to: Receiver, *types: str, full: bool = False) -> Endpoint:
        """An endpoint that leads to a receiver, which knows its secret."""
        endpoint, secret = self.store.create(to.url, types, full=full, description="", by=BY)
        to.secrets.append(secret)
        return endpoint

    def happens(self, *notifications: Any) -> None:
        """SES says something, and it is published."""
        self.world.ingest(notifications)
        self.world.publish()

    def outcomes(self, endpoint: Endpoint) -> list[Any]:
        """What came of an endpoint's deliveries, the latest event first."""
        return self.store.deliveries(endpoint.endpoint_id, limit=100).deliveries

    def state(self, endpoint: Endpoint) -> Endpoint:
        """An endpoint as it is now."""
        return self.store.endpoint(endpoint.endpoint_id)

    def is_due(self, endpoint: Endpoint) -> None:
        """The wait of an endpoint that fails is over, and that of its events."""
        self.change(endpoint, retry_at=from_epoch_ms(epoch_ms(now()) - 1))

    def change(self, endpoint: Endpoint, **values: Any) -> None:
        """Writes attributes of an endpoint's row."""
        self.world.wiring.database.update(
            self.world.backend.table("Webhooks"),
            {"webhook": "endpoints", "entry": endpoint.endpoint_id},
            update="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            names={f"#{name}": name for name in values},
            values={f":{name}": value for name, value in values.items()},
        )


@pytest.fixture
def society(world: World, monkeypatch: pytest.MonkeyPatch) -> Society:
    """Who has webhooks."""
    return Society(world, monkeypatch)


@pytest.fixture
def there() -> Iterator[Receiver]:
    """A receiver."""
    with receiver() as made:
        yield made


def mail(number: int = 1) -> Mail:
    """A mail of a newsletter."""
    tags = {"participant_id": f"member-{number}", "communication_id": "news"}
    return Mail(f"ses-{number}", SENT, [f"a{number}@example.com"], tags=tags)


def test_what_ses_says_reaches_a_receiver_that_verifies_it(
    society: Society, there: Receiver
) -> None:
    """Once, however often SES says it; with ids alone."""
    endpoint = society.hook(there)
    one = mail()
    society.happens(one.send(), one.delivery(SENT), one.send(), one.delivery(SENT))
    society.world.deliver()
    assert sorted(there.types) == ["message.delivered", "message.sent"]
    assert there.forged == 0
    sent = next(each for each in there.taken.values() if each["type"] == "message.sent")
    assert sent["timestamp"] == SENT
    data = sent["data"]
    assert data.keys() == {"event_id", "message_id", "participant_id", "communication_id", "url"}
    assert data["url"] == f"/v1/participants/member-1/messages/{data['message_id']}"
    assert "a1@example.com" not in json.dumps(list(there.taken.values()))
    outcomes = society.outcomes(endpoint)
    assert {each.status for each in outcomes} == {DeliveryStatus.DELIVERED}
    assert {each.webhook_id for each in outcomes} == set(there.ids)
    assert all(each.attempts == 1 and each.http_status == 204 for each in outcomes)
    assert society.state(endpoint).last_success_at
    society.happens(one.delivery(SENT))
    assert society.world.deliver() == 0


def test_types_are_chosen_and_whole_events_are_on_request(
    society: Society, there: Receiver
) -> None:
    """A hard bounce is two things: that, and a suppression."""
    with receiver() as other:
        society.hook(there, "address.suppressed", "message.bounced", full=True)
        society.hook(other, "message.opened")
        society.happens(mail().send(), mail().bounce(SENT))
        society.world.deliver()
        assert sorted(there.types) == ["address.suppressed", "message.bounced"]
        bounced, suppressed = sorted(there.taken.values(), key=lambda each: -len(each["type"]))
        assert bounced["data"]["event_id"] == suppressed["data"]["event_id"]
        assert bounced["data"]["address"] == "a1@example.com"
        assert bounced["data"]["detail"]["type"] == "Permanent"
        assert other.connections == 0


def test_what_staff_and_readers_do_are_events_too(society: Society, there: Receiver) -> None:
    """Choices, suppressions by hand and their lifting, names, transactions, communications."""
    society.hook(there)
    at = now()
    message_id = new_message_id(at)
    to = Recipient(message_id, "member-1", "news", "a@example.com")
    society.world.wiring.trails.append(
        [
            Event.communication_posted("news", at, {"name": "News"}),
            Event.communication_stopped("news", at, BY.text),
            Event.subscription("member-1", at, False),
            Event.subscription("member-2", at, True),
            Event.interaction("member-1", at, "1", "donation"),
            Event.named("member-1", at, "Ann"),
            Event.inactivated("member-3", at, last_active_at=SENT),
            Event.address_registered("member-1", at, "a@example.com"),
            Event.suppressed("b@example.com", at, "asked by telephone"),
            Event.suppression_lifted("c@example.com", at),
            Event.of_sending(
                EventType.DROPPED, to, at, kind=None, subject="S", detail={"reason": "suppressed"}
            ),
        ]
    )
    society.world.publish()
    society.world.deliver()
    assert sorted(there.types) == sorted(
        {name for name in EVENT_TYPES if not name.startswith("message.")} | {"message.dropped"}
    )
    assert not [each for each in there.taken.values() if "b@example.com" in json.dumps(each)]


def click(number: int, at: str, message_id: str, link: str) -> Event:
    """A browser's click."""
    to = Recipient(message_id, "member-1", "news")
    detail = {"ip": "192.0.2.0", "user_agent": BROWSER, "link": link, "links": 3, "sent_at": SENT}
    return Event.of_request(EventType.CLICK, to, at, f"request-{number}", detail)


def test_a_hit_comes_with_its_verdict_and_anew_if_that_changes(
    society: Society, there: Receiver
) -> None:
    """A first click is a person's, until two more within two seconds show a scanner."""
    society.hook(there, "message.clicked")
    message_id = new_message_id(SENT)
    times = [f"2026-11-20T12:40:0{second}.000Z" for second in (0, 1, 1)]
    clicks = [
        click(number, at, message_id, f"https://society.example/{number}")
        for number, at in enumerate(times)
    ]
    society.world.wiring.trails.append(clicks[:1])
    society.world.publish()
    society.world.deliver()
    (first,) = there.taken.values()
    assert (first["data"]["actor"], first["data"]["actor_reason"]) == (
        "human",
        "mail_program_or_browser",
    )
    for each in clicks[1:]:  # the last of which makes it a burst, by two batches
        society.world.wiring.trails.append([each])
        society.world.publish()
    society.world.deliver()
    machines = [each for each in there.taken.values() if each["data"]["actor"] == "machine"]
    assert len({each["data"]["event_id"] for each in machines}) == 3
    assert first["data"]["event_id"] in {each["data"]["event_id"] for each in machines}
    assert {each["data"]["actor_reason"] for each in machines} == {"faster_than_a_person"}
    assert len(set(there.ids)) == len(there.taken)


def test_a_person_who_was_erased_is_not_told_of(society: Society, there: Receiver) -> None:
    """What is moved under a pseudonym is nothing new."""
    society.hook(there)
    society.world.ingest([mail().send()])
    (item,), _ = society.world.wiring.database.scan(society.world.backend.table("Trails"))
    moved = item | {"trail": new_pseudonym(), "moved": True}
    society.world.publish()
    society.world.wiring.database.put_all(society.world.backend.table("Trails"), [moved])
    society.world.publish()
    society.world.deliver()
    assert there.types == ["message.sent"]


def test_what_comes_late_of_somebody_who_was_erased_is_not_told(
    society: Society, there: Receiver
) -> None:
    """Neither of a message nor of the person; of what is after the erasure, and of others, it is."""
    society.hook(there)
    before, after = (from_epoch_ms(epoch_ms(now()) + ms) for ms in (-60_000, 60_000))
    erasures = society.world.wiring.erasures
    erasures.remember({"member-1": new_pseudonym()}, now())
    society.restart()
    late, fresh, other = (
        Recipient(new_message_id(at), who, "news")
        for at, who in ((before, "member-1"), (after, "member-1"), (before, "member-2"))
    )
    told = {"user_agent": BROWSER, "ip": "192.0.2.0", "sent_at": before}
    society.world.wiring.trails.append(
        [
            *(
                Event.of_request(EventType.OPEN, to, after, f"request-{number}", told)
                for number, to in enumerate((late, fresh, other))
            ),
            Event.interaction("member-1", before, "1", "donation"),
            Event.interaction("member-1", after, "2", "donation"),
        ]
    )
    society.world.publish()
    society.world.deliver()
    assert sorted(
        (each["type"], each["data"]["participant_id"]) for each in there.taken.values()
    ) == [
        ("message.opened", "member-1"),
        ("message.opened", "member-2"),
        ("participant.interacted", "member-1"),
    ]
    opened = {each["data"].get("message_id") for each in there.taken.values()}
    assert late.message_id not in opened
    known = set(there.taken)
    for endpoint in society.store.endpoints():
        society.store.replay(endpoint.endpoint_id, SENT, from_epoch_ms(epoch_ms(after) + 1), by=BY)
    wait_for(society, lambda: len(there.ids) == 2 * len(known))
    assert society.world.deliver() == 0
    assert set(there.taken) == known


def test_what_of_the_log_cannot_be_read_is_kept_and_holds_up_nothing(
    society: Society, there: Receiver
) -> None:
    """Among the dead letters, whole, with the reason; the rest of its batch is published."""
    society.hook(there)
    batch = load_event("stream-trails-changed")
    spoilt = {"eventName": "INSERT", "dynamodb": {"NewImage": {"trail": {"S": "odd"}}}}
    batch["Records"].insert(0, spoilt)
    assert society.world.call("publish", batch) == {"state": {}, "batchItemFailures": []}
    society.world.deliver()
    assert there.types
    backend = society.world.backend
    url = backend.resources.physical["DeliveriesDlq", ""]
    (held,) = backend.endpoints.client("sqs").receive_message(QueueUrl=url)["Messages"]
    assert json.loads(held["Body"])["record"] == spoilt


def test_what_fails_is_tried_again_and_the_rest_waits_untried(
    society: Society, there: Receiver
) -> None:
    """One probe when it is due; then each event once, none lost."""
    there.answering = lambda number: 500 if number < 2 else 204
    endpoint = society.hook(there)
    society.happens(*(mail(number).send() for number in range(5)))
    society.world.deliver()
    assert there.connections == 1
    failing = society.state(endpoint)
    assert failing.failures == 1
    assert failing.failing_since
    assert epoch_ms(failing.retry_at or "") - epoch_ms(failing.failing_since) == 5_000
    (waiting,) = society.outcomes(endpoint)
    assert (waiting.status, waiting.http_status) == (DeliveryStatus.WAITING, 500)
    society.restart(WEBHOOK_DAY_SECONDS="60")
    society.is_due(endpoint)
    wait_for(society, lambda: there.connections == 2)
    assert society.state(endpoint).failures == 2
    society.is_due(endpoint)
    wait_for(society, lambda: len(there.taken) == 5)
    assert there.connections == 7
    assert society.state(endpoint).failing_since is None
    outcomes = society.outcomes(endpoint)
    assert len(outcomes) == 5
    assert {each.status for each in outcomes} == {DeliveryStatus.DELIVERED}
    assert sorted(each.attempts for each in outcomes)[-1] > 1


def wait_for(society: Society, holds: Any) -> None:
    """Hands deliver what becomes due, until something holds."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        society.world.deliver()
        time.sleep(0.2)


def test_an_endpoint_at_which_nothing_succeeds_for_a_day_is_switched_off(
    society: Society, there: Receiver
) -> None:
    """What is for it is dropped, and a replay brings it once it is on again."""
    there.answering = lambda _: 503
    endpoint = society.hook(there)
    society.happens(mail(1).send())
    society.world.deliver()
    yesterday = from_epoch_ms(epoch_ms(now()) - 86_400_001)
    society.change(endpoint, failing_since=yesterday, retry_at=yesterday)
    society.happens(mail(2).send())
    society.world.deliver()
    off = society.state(endpoint)
    assert (off.disabled_reason, off.is_enabled) == (DisabledReason.FAILING, False)
    society.happens(mail(3).send())
    assert society.world.deliver() == 0  # nothing is queued for it any more
    with pytest.raises(InvalidInputError, match="switched off"):
        society.store.replay(endpoint.endpoint_id, "2026-11-20T00:00:00.000Z", now(), by=BY)
    there.answering = lambda _: 204
    on = society.store.enable(endpoint.endpoint_id, by=BY)
    assert on.is_enabled
    assert on.failing_since is None
    society.store.replay(
        endpoint.endpoint_id, "2026-11-20T00:00:00.000Z", "2026-11-21T00:00:00.000Z", by=BY
    )
    wait_for(society, lambda: len(there.taken) == 3)
    assert {each.replayed for each in society.outcomes(endpoint)} == {True}


def test_gone_switches_off_at_once(society: Society, there: Receiver) -> None:
    """410 is how a receiver says so."""
    there.answering = lambda _: 410
    endpoint = society.hook(there)
    society.happens(mail(1).send(), mail(2).send())
    society.world.deliver()
    assert there.connections == 1
    assert society.state(endpoint).disabled_reason is DisabledReason.GONE
    statuses = sorted(each.status.value for each in society.outcomes(endpoint))
    assert statuses == ["dropped", "failed"]


def test_a_redirect_is_a_failure_and_nobody_is_called(society: Society, there: Receiver) -> None:
    """Not even where the webhook might lead itself."""
    with receiver("127.0.0.2") as inside:
        there.answering = lambda _: (302, {"Location": inside.url})
        endpoint = society.hook(there)
        society.happens(mail().send())
        society.world.deliver()
        (outcome,) = society.outcomes(endpoint)
        assert outcome.http_status == 302
        assert "redirects are not followed" in outcome.error
        assert inside.connections == 0
        with pytest.raises(InvalidInputError, match="not public"):
            society.store.change(endpoint.endpoint_id, url=inside.url, by=BY)


def test_one_that_hangs_holds_up_no_other(
    society: Society, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given up after ten seconds, here one, and then let alone."""
    with receiver() as hanging:
        hanging.answering = lambda _: 30.0
        slow, well = society.hook(hanging), society.hook(there)
        society.happens(*(mail(number).send() for number in range(40)))
        deliverer = society.world.function("deliver").wiring.deliverer
        monkeypatch.setattr(deliverer._parts.egress, "_timeout", 1.0)
        society.world.deliver()
        assert len(there.taken) == 40
        assert hanging.connections == 1
        assert society.state(well).failing_since is None
        (outcome,) = society.outcomes(slow)
        assert outcome.error == "no answer within 1 seconds"


def test_two_secrets_sign_while_one_is_replaced(society: Society, there: Receiver) -> None:
    """Who knows either verifies it; a day later the old one signs no more."""
    endpoint = society.hook(there)
    old = list(there.secrets)
    new = society.store.rotate(endpoint.endpoint_id, by=BY)
    assert society.state(endpoint).old_secret_until
    society.happens(mail(1).send())
    society.world.deliver()
    assert len(there.headers["webhook-signature"].split(" ")) == 2
    there.secrets = [new]
    society.happens(mail(2).send())
    society.world.deliver()
    assert len(there.taken) == 2
    (row,) = society.world.wiring.database.query(
        society.world.backend.table("Webhooks"), ("webhook", "endpoints")
    )[0]
    newest, before = row["secrets"]
    society.change(endpoint, secrets=[newest, before | {"until": SENT}])
    there.secrets = old
    society.happens(mail(3).send())
    society.world.deliver()
    assert there.forged == 1


def test_the_test_button_sends_once_also_to_one_that_is_off(
    society: Society, there: Receiver
) -> None:
    """And says what came of it."""
    endpoint = society.hook(there, "message.bounced")
    society.change(endpoint, disabled_at=SENT, disabled_reason="failing")
    webhook_id = society.store.test(endpoint.endpoint_id, by=BY)
    society.world.deliver()
    assert there.types == ["webhook.test"]
    (outcome,) = society.outcomes(endpoint)
    assert (outcome.webhook_id, outcome.status) == (webhook_id, DeliveryStatus.DELIVERED)
    there.answering = lambda _: 500
    society.store.test(endpoint.endpoint_id, by=BY)
    society.world.deliver()
    assert society.world.deliver() == 0
    assert society.outcomes(endpoint)[0].status is DeliveryStatus.FAILED


def test_a_replay_brings_what_happened_in_a_span_to_one_alone(
    society: Society, there: Receiver
) -> None:
    """By the events' own times, the end not among them; and hits with their verdicts."""
    with receiver() as other:
        society.hook(other)
        one = mail(1)
        society.happens(
            one.send(),
            one.delivery("2026-11-20T09:31:00.000Z"),
            one.open("2026-11-20T12:00:00.000Z", BROWSER),
            one.open("2026-11-21T12:00:00.000Z", BROWSER),
        )
        endpoint = society.hook(there)
        society.world.deliver()
        before = len(other.ids)
        society.store.replay(
            endpoint.endpoint_id, "2026-11-20T09:31:00.000Z", "2026-11-21T12:00:00.000Z", by=BY
        )
        wait_for(society, lambda: len(there.taken) == 2)
        assert sorted(there.types) == ["message.delivered", "message.opened"]
        assert len(other.ids) == before == 4
        assert set(there.taken) <= set(other.taken)
        opened = next(each for each in there.taken.values() if each["type"] == "message.opened")
        assert opened["data"]["actor"]


def test_deliveries_are_listed_newest_first_page_by_page(society: Society, there: Receiver) -> None:
    """By when the event happened."""
    endpoint = society.hook(there)
    times = [f"2026-11-20T09:3{minute}:00.000Z" for minute in range(5)]
    society.happens(*(mail(minute).delivery(at) for minute, at in enumerate(times)))
    society.world.deliver()
    found, place = [], None
    while True:
        page = society.store.deliveries(endpoint.endpoint_id, place, limit=2)
        found += [each.at for each in page.deliveries]
        place = page.place
        if place is None:
            break
    assert found == times[::-1]


def test_endpoints_are_made_changed_and_deleted(society: Society, there: Receiver) -> None:
    """And what is not allowed is told."""
    endpoint = society.hook(there, "message.sent")
    society.store.change(endpoint.endpoint_id, event_types=[], full=True, description="CRM", by=BY)
    changed = society.state(endpoint)
    assert (changed.event_types, changed.full, changed.description) == (frozenset(), True, "CRM")
    assert [each.endpoint_id for each in society.store.endpoints()] == [endpoint.endpoint_id]
    with pytest.raises(InvalidInputError, match="no event type"):
        society.store.change(endpoint.endpoint_id, event_types=["message.eaten"], by=BY)
    society.happens(mail().send())
    society.store.delete(endpoint.endpoint_id, by=BY)
    society.world.deliver()
    assert there.connections == 0
    for act in (
        society.store.rotate,
        society.store.enable,
        society.store.delete,
        society.store.test,
    ):
        with pytest.raises(NotFoundError):
            act(endpoint.endpoint_id, by=BY)
    for _ in range(20):
        society.hook(there)
    with pytest.raises(InvalidInputError, match="20 webhooks"):
        society.hook(there)


def test_where_webhooks_are_off_it_says_how_to_switch_them_on(
    society: Society, there: Receiver
) -> None:
    """And nothing is published, nor kept."""
    society.hook(there)
    society.restart(WEBHOOKS="no")
    assert not society.store.is_on
    assert len(society.store.endpoints()) == 1
    with pytest.raises(InvalidInputError, match="Webhooks=yes"):
        society.hook(there)
    society.happens(mail().send())
    assert society.world.deliver() == 0


# --- the event bus -------------------------------------------------------------------------------


@cache
def with_bus() -> Resources:
    """The template, where a bus is named."""
    return load({"EventBusName": BUS})


class Bus:
    """A bus whose events come into a queue; and how it is spoilt."""

    def __init__(self, society: Society) -> None:
        endpoints = society.world.backend.endpoints
        self._sqs, events = endpoints.client("sqs"), endpoints.client("events")
        events.create_event_bus(Name="crm")
        self._url = self._sqs.create_queue(QueueName="crm")["QueueUrl"]
        pattern = json.dumps({"source": ["sendtrail"]})
        events.put_rule(Name="all", EventBusName="crm", EventPattern=pattern)
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:crm"
        events.put_targets(Rule="all", EventBusName="crm", Targets=[{"Id": "1", "Arn": arn}])
        physical = society.world.backend.resources.physical
        aws.enforce(policies(replace(with_bus(), physical=physical)), endpoints)

    def events(self) -> list[Any]:
        """What came by it, until now."""
        found = []
        while True:
            answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
            if not answer.get("Messages"):
                return found
            for message in answer["Messages"]:
                found.append(json.loads(message["Body"]))
                receipt = message["ReceiptHandle"]
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=receipt)


@pytest.fixture
def bus(society: Society) -> Bus:
    """A bus, which the functions are told of, and webhooks that are off."""
    made = Bus(society)
    society.restart(EVENT_BUS_NAME="crm", WEBHOOKS="no")
    return made


def test_events_are_put_on_a_bus_whole(society: Society, bus: Bus) -> None:
    """Ten to a request, each with its type to choose by."""
    society.happens(*(mail(number).send() for number in range(12)), mail(1).bounce(SENT))
    found = bus.events()
    assert len(found) == 14
    assert {each["source"] for each in found} == {"sendtrail"}
    bounced = next(each for each in found if each["detail-type"] == "message.bounced")
    assert bounced["detail"]["data"]["address"] == "a1@example.com"
    assert bounced["detail"]["type"] == "message.bounced"
    assert bounced["detail"]["id"].startswith("msg_")
    assert bounced["time"].startswith("2026-11-20T09:30:00")
    assert society.world.deliver() == 0


def test_what_a_bus_does_not_take_is_tried_again_alone(
    society: Society, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a batch that was taken in part the rest; and a day later it is a dead letter, which can
    be brought back.
    """
    refused = Refusing()
    with refused.between(society.world.backend.endpoints.aws) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTS", between.url)
        society.restart(WEBHOOK_DAY_SECONDS="1")
        refused.every = 3
        society.happens(*(mail(number).send() for number in range(9)))
        assert len(bus.events()) == 6
        refused.every = 0
        wait_for(society, lambda: len(refused.taken) == 9)
        assert len(bus.events()) == 3
        refused.every = 1
        society.happens(mail(20).send())
        dlq = society.world.backend.resources.physical["DeliveriesDlq", ""]
        sqs = society.world.backend.endpoints.client("sqs")
        letters: list[Any] = []

        def dead() -> bool:
            letters.extend(sqs.receive_message(QueueUrl=dlq).get("Messages", []))
            return bool(letters)

        wait_for(society, dead)
        job = job_of_text(letters[0]["Body"])
        assert isinstance(job, DeliveryJob)
        assert job.endpoint_id is None
        (event,) = job.events
        assert (event.type, event.attempts) == ("message.sent", 0)


def test_a_bus_that_is_not_there_holds_up_no_stream(
    society: Society, bus: Bus, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor the webhooks beside it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTS", "http://127.0.0.1:9")
    society.restart(WEBHOOKS="yes", WEBHOOK_DAY_SECONDS="600")
    society.hook(there)
    society.happens(mail().send())
    society.world.deliver()
    assert there.types == ["message.sent"]
    assert bus.events() == []
    monkeypatch.delenv("AWS_ENDPOINT_URL_EVENTS")
    society.restart()
    wait_for(society, bus.events)


def test_what_waits_for_a_receiver_is_not_sent_once_its_person_is_erased(
    society: Society, bus: Bus, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither to a webhook nor to the bus: of their messages, of them, and of their address; others
    and what happens later are told of.
    """
    monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTS", "http://127.0.0.1:9")
    society.restart(WEBHOOKS="yes", WEBHOOK_DAY_SECONDS="600")
    endpoint = society.hook(there, full=True)
    there.answering = lambda _: 500
    address = "a1@example.com"
    society.world.wiring.trails.append(
        [
            Event.interaction("member-1", SENT, "1", "donation"),
            Event.suppressed(address, SENT, "asked", BY),
        ]
    )
    society.happens(mail(1).send(), mail(2).send())
    society.world.deliver()
    erased_at = now()
    erasures = society.world.wiring.erasures
    erasures.remember({"member-1": new_pseudonym()}, erased_at)
    erasures.refuse({participant_of_address(address): {}}, erased_at)
    monkeypatch.delenv("AWS_ENDPOINT_URL_EVENTS")
    society.restart()
    there.answering = lambda _: 204
    later = from_epoch_ms(epoch_ms(erased_at) + 1)
    society.world.wiring.trails.append([Event.interaction("member-1", later, "2", "donation")])
    society.world.publish()
    society.is_due(endpoint)
    on_bus: list[Any] = []
    wait_for(society, lambda: on_bus.extend(bus.events()) or (len(on_bus) == len(there.taken) == 2))
    wait_for(society, lambda: len(society.outcomes(endpoint)) == 5)
    said = {("message.sent", "member-2"), ("participant.interacted", "member-1")}
    for told in (list(there.taken.values()), [each["detail"] for each in on_bus]):
        assert {(each["type"], each["data"]["participant_id"]) for each in told} == said
        assert address not in json.dumps(told)
    dropped = [each for each in society.outcomes(endpoint) if each.error == PERSON_ERASED]
    assert {each.status for each in dropped} == {DeliveryStatus.DROPPED}
    assert sorted(each.type for each in dropped) == [
        "address.suppressed",
        "message.sent",
        "participant.interacted",
    ]
    assert society.world.deliver() == 0


class Refusing:
    """What stands before EventBridge and refuses some entries, as it does itself when it is full.

    Attributes:
        every: each which is refused, of the entries of all requests; 0 for none.
        taken: the ids of what was not.
    """

    def __init__(self) -> None:
        self.every = 0
        self.taken: set[str] = set()
        self._count = 0

    def between(self, aws_url: str) -> Between:
        """The server, before AWS."""
        return Between(aws_url, self)

    def __call__(self, request: Request, forward: Forward) -> Answer | None:
        """Answers a request."""
        entries = request.json()["Entries"]
        wanted = []
        for entry in entries:
            self._count += 1
            if not self.every or self._count % self.every:
                wanted.append(entry)
        answers: Iterator[Any] = iter([])
        if wanted:
            body = json.dumps({"Entries": wanted}).encode()
            told = forward(replace(request, body=body))
            answers = iter(told.json()["Entries"])
            self.taken |= {json.loads(entry["Detail"])["id"] for entry in wanted}
        results = [
            next(answers) if entry in wanted else {"ErrorCode": "InternalFailure"}
            for entry in entries
        ]
        failed = len(entries) - len(wanted)
        content = json.dumps({"FailedEntryCount": failed, "Entries": results}).encode()
        return Answer(200, content, {"Content-Type": "application/x-amz-json-1.1"})
