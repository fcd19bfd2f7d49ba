"""The routes of webhooks: who is told of what, how it fares, and what became of each delivery."""

from __future__ import annotations

from typing import Any, Final

import pytest

from sendtrail.domain.webhooks import EVENT_TYPES, MAX_ENDPOINTS, MAX_URL
from tests.functional.conftest import Backend
from tests.functional.test_webhooks import Society, mail
from tests.functional.world import Api, World
from tests.receiver import receiver

HOOKS: Final = "/v1/webhooks"
URL: Final = "https://crm.example.org/hooks/mail"
BY: Final = {"kind": "key", "id": "0f3a", "name": "Front office"}


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


@pytest.fixture
def api(world: World) -> Api:
    """Somebody with an admin key."""
    return Api(world)


def add(api: Api, **more: Any) -> dict[str, Any]:
    """A webhook, as adding it answers."""
    answer = api(HOOKS, "POST", {"url": URL} | more)
    assert answer["statusCode"] == 201, answer
    made: dict[str, Any] = answer["json"]
    return made


def test_a_webhook_is_added_and_its_secret_told_once(api: Api) -> None:
    """With what it is told of and by whom it was made; no other answer has the secret."""
    types = ["participant.unsubscribed", "message.bounced"]
    made = add(api, event_types=types, description="CRM")
    assert made["secret"].startswith("whsec_")
    expected = {
        "url": URL,
        "event_types": sorted(types),
        "full": False,
        "description": "CRM",
        "state": "delivering",
        "by": BY,
        "last_success_at": None,
        "failing_since": None,
        "retry_at": None,
        "disabled_at": None,
        "disabled_reason": None,
    }
    assert {name: made[name] for name in expected} == expected
    secret = made.pop("secret")
    path = f"{HOOKS}/{made['webhook_id']}"
    assert api(path)["json"] == made
    listed = api(HOOKS)
    assert listed["json"]["items"] == [made]
    assert listed["json"]["switched_on"] is True
    assert {each["type"] for each in listed["json"]["event_types"]} == {*EVENT_TYPES}
    assert secret not in listed["body"] + api(path)["body"] + api("/v1/staff/acts")["body"]


def test_a_webhook_is_changed_as_a_whole(api: Api) -> None:
    """What is left out gets its default; secret and state stay."""
    made = add(api, event_types=["message.bounced"], description="CRM", full=True)
    path = f"{HOOKS}/{made['webhook_id']}"
    changed = api(path, "PUT", {"url": f"{URL}/new"})["json"]
    del made["secret"]
    assert changed == made | {
        "url": f"{URL}/new", "event_types": [], "description": None, "full": False,
    }  # fmt: skip
    assert api(path)["json"] == changed


def test_a_webhook_is_removed(api: Api) -> None:
    """And is not there any more."""
    path = f"{HOOKS}/{add(api)['webhook_id']}"
    assert api(path, "DELETE")["statusCode"] == 200
    assert api(HOOKS)["json"]["items"] == []
    asked: list[tuple[str, str, Any]] = [
        (path, "GET", None), (path, "PUT", {"url": URL}), (path, "DELETE", None),
        (f"{path}/rotate", "POST", None), (f"{path}/enable", "POST", None),
        (f"{path}/test", "POST", None), (f"{path}/deliveries", "GET", None),
        (f"{path}/replay", "POST", {"from": "2026-11-24T00:00:00Z", "to": "2026-11-25T00:00:00Z"}),
    ]  # fmt: skip
    for where, method, body in asked:
        assert api(where, method, body)["statusCode"] == 404, (where, method)


def test_a_secret_is_replaced(api: Api) -> None:
    """By another, told once; when it was made is told."""
    made = add(api)
    path = f"{HOOKS}/{made['webhook_id']}"
    rotated = api(f"{path}/rotate", "POST")["json"]
    assert rotated["secret"].startswith("whsec_")
    assert rotated["secret"] != made["secret"]
    assert rotated["secret_made_at"] > made["secret_made_at"]
    del rotated["secret"]
    assert api(path)["json"] == rotated


@pytest.mark.parametrize(
    "body",
    [
        {"url": "ftp://crm.example.org/"},
        {"url": "http://crm.example.org/"},
        {"url": "https://user:word@crm.example.org/"},
        {"url": "https://10.0.0.1/"},
        {"url": "https://[::1]/"},
        {"url": "https:///nowhere"},
        {"url": "not a url"},
        {"url": ""},
        {"url": f"{URL}/{'u' * MAX_URL}"},
        {"url": URL, "event_types": ["message.eaten"]},
        {"url": URL, "event_types": "message.sent"},
        {"url": URL, "description": "d" * 10_000},
        {"url": URL, "full": "yes"},
        {"url": URL, "secret": "whsec_mine"},
        {},
    ],
    ids=lambda body: str(body)[:50],
)
def test_what_is_not_allowed_is_refused_in_words(api: Api, body: dict[str, Any]) -> None:
    """At adding and at changing; nothing is kept of it."""
    assert api(HOOKS, "POST", body)["statusCode"] == 422
    assert api(HOOKS)["json"]["items"] == []
    made = add(api)
    path = f"{HOOKS}/{made.pop('webhook_id')}"
    answer = api(path, "PUT", body)
    assert answer["statusCode"] == 422
    assert answer["json"]["detail"]
    assert api(path)["json"]["url"] == URL


def test_there_is_room_for_twenty(api: Api) -> None:
    """And the next is refused, in words."""
    for number in range(MAX_ENDPOINTS):
        add(api, url=f"{URL}/{number}")
    answer = api(HOOKS, "POST", {"url": URL})
    assert answer["statusCode"] == 422
    assert str(MAX_ENDPOINTS) in answer["json"]["detail"]
    assert len(api(HOOKS)["json"]["items"]) == MAX_ENDPOINTS


def test_who_may_not_sees_none(world: World, api: Api) -> None:
    """A URL may be a secret by itself."""
    path = f"{HOOKS}/{add(api)['webhook_id']}"
    for scope in ("read", "send"):
        other = Api(world, scope=scope)
        for where in (HOOKS, path, f"{path}/deliveries"):
            assert other(where)["statusCode"] == 403
        assert other(HOOKS, "POST", {"url": URL})["statusCode"] == 403


@pytest.mark.parametrize(
    "span",
    [
        {"from": "2026-11-25T00:00:00Z", "to": "2026-11-24T00:00:00Z"},
        {"from": "2026-11-24", "to": "2026-11-25T00:00:00"},
        {"from": "yesterday", "to": "today"},
        {"from": "2026-11-24T00:00:00Z"},
        {"from": "1970-01-01T00:00:00Z", "to": "2026-11-25T00:00:00Z"},
    ],
    ids=str,
)
def test_a_span_that_is_none_is_refused(api: Api, span: dict[str, str]) -> None:
    """In words."""
    path = f"{HOOKS}/{add(api)['webhook_id']}/replay"
    assert api(path, "POST", span)["statusCode"] == 422


def test_a_test_and_a_replay_are_deliveries_like_any_other(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """202, and then in the list: by its cursors each once, with what the receiver answered."""
    society = Society(world, monkeypatch)
    world.restart("api")
    with receiver() as there:
        made = add(api, url=there.url, event_types=["message.sent", "message.delivered"])
        path = f"{HOOKS}/{made['webhook_id']}"
        there.secrets.append(made["secret"])
        one = mail()
        world.ingest([one.send(), one.delivery("2026-11-20T09:30:04.000Z")])
        span = {"from": "2026-11-20T00:00:00Z", "to": "2026-11-20T10:30:04+01:00"}
        assert api(f"{path}/replay", "POST", span)["statusCode"] == 202
        assert api(f"{path}/test", "POST")["statusCode"] == 202
        while world.deliver():
            pass
        assert sorted(there.types) == ["message.sent", "webhook.test"]
        assert there.forged == 0
    listed = api.everything(f"{path}/deliveries", limit=1)
    assert [each["type"] for each in listed] == ["webhook.test", "message.sent"]
    sent = listed[1]
    assert sent["delivery_id"] in there.ids
    assert {name: sent[name] for name in ("status", "attempts", "http_status", "error")} == {
        "status": "delivered", "attempts": 1, "http_status": 204, "error": None,
    }  # fmt: skip
    assert (sent["at"], sent["replayed"], listed[0]["replayed"]) == (one.sent_at, True, False)
    assert society.state(society.store.endpoint(made["webhook_id"])).last_success_at
    other = f"{HOOKS}/{add(api)['webhook_id']}/deliveries"
    cursor = api(f"{path}/deliveries", limit=1)["json"]["next_cursor"]
    assert api(other, cursor=cursor)["statusCode"] == 400


def test_one_that_is_switched_off_says_why_and_is_enabled(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replay has to wait for that."""
    Society(world, monkeypatch)
    world.restart("api")
    with receiver(answering=lambda _: 410) as there:
        path = f"{HOOKS}/{add(api, url=there.url)['webhook_id']}"
        world.ingest([mail().send()])
        world.publish()
        world.deliver()
        found = api(path)["json"]
        assert (found["state"], found["disabled_reason"]) == ("switched_off", "gone")
        span = {"from": "2026-11-20T00:00:00Z", "to": "2026-11-21T00:00:00Z"}
        assert api(f"{path}/replay", "POST", span)["statusCode"] == 409
        enabled = api(f"{path}/enable", "POST")["json"]
        assert (enabled["state"], enabled["disabled_at"]) == ("delivering", None)
        assert api(f"{path}/replay", "POST", span)["statusCode"] == 202


def test_where_webhooks_are_off_nothing_is_sent_and_it_says_how_to_switch_them_on(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What there is can be seen, changed and removed."""
    path = f"{HOOKS}/{add(api)['webhook_id']}"
    monkeypatch.setenv("WEBHOOKS", "no")
    world.restart("api")
    span = {"from": "2026-11-20T00:00:00Z", "to": "2026-11-21T00:00:00Z"}
    for where, body in ((HOOKS, {"url": URL}), (f"{path}/test", None), (f"{path}/replay", span)):
        answer = api(where, "POST", body)
        assert answer["statusCode"] == 409
        assert "Webhooks=yes" in answer["json"]["detail"]
    listed = api(HOOKS)["json"]
    assert (listed["switched_on"], len(listed["items"])) == (False, 1)
    assert api(path, "DELETE")["statusCode"] == 200
