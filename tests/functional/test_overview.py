"""The overview: days' figures, SES's limits, and what is wrong now, over the handlers."""

from __future__ import annotations

import time
from typing import Any

import pytest

from local.notifications import Mail
from sendtrail.domain.times import Timestamp, epoch_ms, from_epoch_ms, now
from sendtrail.reading.health import QueueName
from tests.functional.conftest import Backend
from tests.functional.sending import NEWS, Post, people
from tests.functional.visitor import Reads
from tests.functional.world import Api, World

DAY = 24 * 3_600_000
THUNDERBIRD = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Thunderbird/128.0"


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


@pytest.fixture
def api(world: World) -> Api:
    """Somebody who may do all."""
    return Api(world)


def ago(days: float) -> Timestamp:
    """A time."""
    return from_epoch_ms(epoch_ms(now()) - int(days * DAY))


def mail(number: int, days_ago: float, domain: str = "example.com", **tags: str) -> Mail:
    """A mail of so many days ago."""
    return Mail(f"ses-{number}", ago(days_ago), [f"p{number}@{domain}"], tags=tags)


def queue_url(world: World, name: QueueName) -> str:
    """A queue of the stack's."""
    return world.backend.resources.physical[name.value, ""]


def send_to(world: World, name: QueueName, body: str = "x") -> None:
    """Puts a message into a queue."""
    world.backend.endpoints.client("sqs").send_message(
        QueueUrl=queue_url(world, name), MessageBody=body
    )


def concerns(answer: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    """What is told to be wrong."""
    return [(each["concern"], each["severity"], each["queue"]) for each in answer["findings"]]


def test_an_empty_account_has_every_day_and_no_rate(api: Api) -> None:
    """Nothing is wrong, and nothing was ever told."""
    answer = api("/v1/overview")["json"]
    assert len(answer["days"]) == 30
    assert answer["until"] == now()[:10] == answer["days"][-1]["day"]
    assert answer["from"] == answer["days"][0]["day"] == ago(29)[:10]
    assert set(answer["total"].values()) == {0}
    assert answer["providers"] == []
    assert answer["rates"]["bounces"] == {
        "count": 0,
        "sent": 0,
        "rate": None,
        "review_at": 0.05,
        "pause_at": 0.1,
        "standing": None,
    }
    assert (answer["last_event_at"], answer["held"], answer["findings"]) == (None, None, [])
    assert [each["queue"] for each in answer["queues"]] == list(QueueName)
    assert {each["waiting"] for each in answer["queues"]} == {0}


def test_what_happens_later_counts_on_the_day_of_sending(world: World, api: Api) -> None:
    """Of mailings and other mail alike; machines' opens are not counted."""
    one, other = mail(1, 5, communication_id="news"), mail(2, 5)
    third = mail(3, 1)
    world.ingest(
        [
            one.send(),
            one.delivery(ago(4.9)),
            one.open(ago(2), THUNDERBIRD),
            one.click(ago(1), "https://society.example/", THUNDERBIRD),
            other.send(),
            other.bounce(ago(4.8)),
            third.send(),
            third.open(ago(0.9), "Mozilla/5.0"),
            third.complaint(ago(0.5)),
        ]
    )
    world.fold()
    answer = api("/v1/overview", days=7)["json"]
    days = {each["day"]: each for each in answer["days"]}
    assert len(days) == 7
    first = days[ago(5)[:10]]
    assert {name: first[name] for name in ("sent", "delivered", "human_opened", "bounced")} == {
        "sent": 2,
        "delivered": 1,
        "human_opened": 1,
        "bounced": 1,
    }
    assert (first["human_clicked"], first["hard_bounced"]) == (1, 1)
    last = days[ago(1)[:10]]
    assert (last["sent"], last["human_opened"], last["spammed"]) == (1, 0, 1)
    assert answer["total"]["sent"] == 3
    assert sum(each["sent"] for each in answer["days"]) == 3


def test_until_shows_last_spring(world: World, api: Api) -> None:
    """Any day there was; what is wrong now is told all the same."""
    old = mail(1, 200)
    world.ingest([old.send()])
    world.fold()
    answer = api("/v1/overview", days=7, until=ago(198)[:10])["json"]
    assert answer["total"]["sent"] == 1
    assert answer["until"] == ago(198)[:10]
    assert api("/v1/overview", days=90)["json"]["total"]["sent"] == 0
    assert api("/v1/overview", until="9999-12-31")["json"]["until"] == now()[:10]


@pytest.mark.parametrize(
    "query",
    [
        {"days": 8},
        {"days": "x"},
        {"until": "yesterday"},
        {"until": "2026-13-01"},
        {"until": "2010-12-31"},
        {"until": "2026-W48-1"},
        {"until": "20261124"},
        {"until": ""},
    ],
)
def test_what_is_no_day_is_refused_in_words(api: Api, query: dict[str, Any]) -> None:
    """With what is allowed."""
    answer = api("/v1/overview", **query)
    assert answer["statusCode"] == 422, answer["json"]


def test_rates_are_of_the_providers_that_count(world: World, api: Api) -> None:
    """Gmail tells of no complaint, and mail to the simulator is in no rate."""
    sent = [mail(number, 3, "outlook.com") for number in range(8)]
    sent += [mail(number, 3, "gmail.com") for number in range(10, 12)]
    sent += [mail(number, 3, "simulator.amazonses.com") for number in range(20, 25)]
    world.ingest(each.send() for each in sent)
    world.ingest([sent[0].bounce(ago(2.9)), sent[1].complaint(ago(2)), sent[-1].bounce(ago(2))])
    world.fold()
    answer = api("/v1/overview")["json"]
    bounces, complaints = answer["rates"]["bounces"], answer["rates"]["complaints"]
    assert (bounces["count"], bounces["sent"], bounces["standing"]) == (1, 10, "pause")
    assert (complaints["count"], complaints["sent"], complaints["standing"]) == (1, 8, "pause")
    assert answer["total"]["hard_bounced"] == 2
    providers = {each["provider"]: each for each in answer["providers"]}
    assert list(providers) == ["microsoft", "ses-simulator", "gmail"]
    assert providers["gmail"]["spammed"] is None
    assert providers["gmail"]["complaint_rate"] is None
    assert providers["gmail"]["bounce_rate"] == 0
    assert providers["microsoft"]["complaint_rate"] == 0.125
    assert concerns(answer) == [
        ("bounce_rate", "note", None),
        ("complaint_rate", "note", None),
    ]  # of so few that it says little


@pytest.mark.parametrize(
    "queue",
    [name for name in QueueName if name.value.endswith("Dlq")],
)
def test_dead_letters_are_wrong(world: World, api: Api, queue: QueueName) -> None:
    """Each of the queues, with how many there are."""
    send_to(world, queue)
    send_to(world, queue)
    answer = api("/v1/overview")["json"]
    assert concerns(answer) == [("dead_letters", "wrong", queue.value)]
    assert answer["findings"][0]["count"] == 2


def test_events_that_nobody_takes_are_told(world: World, api: Api) -> None:
    """They wait, and none has been taken for ten minutes; and hits that could not be written. Few
    may have just come.
    """
    send_to(world, QueueName.INGEST)
    send_to(world, QueueName.HITS)
    assert concerns(api("/v1/overview")["json"]) == [
        ("ingest_behind", "note", "IngestQueue"),
        ("hits_behind", "note", "HitsQueue"),
    ]
    world.ingest([mail(1, 0).send()])
    world.fold()
    answer = api("/v1/overview")["json"]
    assert concerns(answer) == [("hits_behind", "note", "HitsQueue")]
    assert abs(epoch_ms(answer["last_event_at"]) - epoch_ms(now())) < 600_000


def test_a_queue_that_is_gone_is_unknown_and_takes_nothing_down(world: World, api: Api) -> None:
    """The rest is told."""
    sqs = world.backend.endpoints.client("sqs")
    for name in (QueueName.INGEST, QueueName.SWEEP_DLQ, QueueName.DIRECT, QueueName.HITS):
        sqs.delete_queue(QueueUrl=queue_url(world, name))
    answer = api("/v1/overview")
    assert answer["statusCode"] == 200
    assert set(concerns(answer["json"])) == {
        ("dead_letters", "unknown", "SweepDlq"),
        ("ingest_behind", "unknown", "IngestQueue"),
        ("hits_behind", "unknown", "HitsQueue"),
        ("waiting_mail", "unknown", "DirectQueue"),
    }
    lengths = {each["queue"]: each["waiting"] for each in answer["json"]["queues"]}
    assert lengths["IngestQueue"] is None
    assert lengths["DispatchQueue"] == 0


def test_mail_that_waits_is_told_and_so_is_why(world: World, api: Api) -> None:
    """It was accepted, and nothing took it."""
    post = Post(world)
    post.send(recipients=people("a@gmail.com", "success@simulator.amazonses.com"), **NEWS)
    fan_out = post.jobs()
    world.call("dispatch", {"Records": fan_out})
    world.fold()
    answer = api("/v1/overview")["json"]
    assert (answer["total"]["waiting"], answer["total"]["sent"]) == (2, 0)
    assert concerns(answer) == []  # it is on its way
    jobs = post.jobs()
    answer = api("/v1/overview")["json"]
    assert concerns(answer) == [("waiting_mail", "note", None)]
    assert answer["findings"][0]["count"] == 2
    world.call("dispatch", {"Records": jobs})
    post.answer()
    answer = api("/v1/overview")["json"]
    assert (answer["total"]["waiting"], answer["total"]["sent"]) == (0, 2)
    assert concerns(answer) == []


def test_a_hold_is_wrong(world: World, api: Api) -> None:
    """With the reason."""
    world.wiring.holds.note("sending_paused", now())
    answer = api("/v1/overview")["json"]
    assert concerns(answer) == [("held", "wrong", None)]
    assert answer["findings"][0]["reason"] == "sending_paused" == answer["held"]["reason"]


def called(world: World, minutes_ago: float) -> None:
    """SES was last called so long ago."""
    at = int((time.time() - minutes_ago * 60) * 1_000_000)
    table = world.wiring.settings.idempotency_table
    world.wiring.database.put_all(table, [{"id": "#rate", "next": at}])


def test_silence_after_ses_was_called_is_wrong(world: World, api: Api) -> None:
    """Not at once, nor while SES takes no mail, nor once it has told of something."""
    called(world, 5)
    assert concerns(api("/v1/overview")["json"]) == []
    called(world, 20)
    assert concerns(api("/v1/overview")["json"]) == [("silence", "wrong", None)]
    world.wiring.holds.note("sending_paused", now())
    assert concerns(api("/v1/overview")["json"]) == [("held", "wrong", None)]


def test_ses_told_of_something_so_there_is_no_silence(world: World, api: Api) -> None:
    """Its event was written after it was called."""
    world.ingest([mail(1, 0).send()])
    world.fold()
    called(world, 20)
    assert concerns(api("/v1/overview")["json"]) == []


def test_the_price_does_not_depend_on_how_much_there_is(world: World, api: Api) -> None:
    """Two requests for days, and two for holds and slots."""
    api("/v1/overview")
    for count in (1, 60):
        world.ingest(mail(number, number % 80).send() for number in range(count))
        world.fold()
        with Reads() as reads:
            assert api("/v1/overview", days=90)["statusCode"] == 200
        assert reads.requests <= 4


@pytest.mark.parametrize(("scope", "status"), [("read", 200), (None, 403), ("nothing", 403)])
def test_it_needs_a_key_that_may_read(world: World, scope: str | None, status: int) -> None:
    """Any."""
    assert Api(world, scope)("/v1/overview")["statusCode"] == status
