"""Pages about webhooks: what they show, refuse and do, and what the home page says of them."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from sendtrail.auth.api_keys import Scope, new_key
from sendtrail.console.webhook_labels import GROUPS
from sendtrail.domain.times import now
from sendtrail.domain.webhooks import (
    EVENT_TYPES,
    MAX_DESCRIPTION,
    MAX_URL,
    PERSON_ERASED,
    Delivery,
    DeliveryStatus,
)
from tests.functional.conftest import Backend
from tests.functional.test_webhooks import Society, mail
from tests.functional.visitor import Reads, Visitor, make_key, make_keys
from tests.functional.world import Api, World
from tests.receiver import receiver

LIST: Final = "/console/webhooks"
NEW: Final = "/console/webhook"
URL: Final = "https://crm.example.org/hooks/mail"
MARKUP: Final = "<script>alert(1)</script> & \u202eSöhne 🎉"


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


@pytest.fixture
def society(world: World, monkeypatch: pytest.MonkeyPatch) -> Society:
    """Who has webhooks, whose receivers may be on this machine."""
    return Society(world, monkeypatch)


@pytest.fixture
def admin(world: World) -> Visitor:
    """Somebody signed in with a key that may do everything."""
    visitor = Visitor(world)
    assert visitor.sign_in(make_key(world, Scope.ADMIN, "Front office"))["statusCode"] == 303
    return visitor


def text_of(page: dict[str, Any]) -> str:
    """What a page says, without marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page["body"])).split())


def add(admin: Visitor, **fields: str) -> tuple[str, str]:
    """Adds a webhook; the path of its page, and its secret."""
    page = admin.post(NEW, **{"url": URL, "which": "all", "full": "no"} | fields)
    assert page["statusCode"] == 200, text_of(page)
    [secret] = re.findall(r'value="(whsec_[^"]+)"', page["body"])
    [path] = re.findall(rf'href="({LIST}/[^"/]+)"', page["body"])
    return path, html.unescape(secret)


def test_every_type_of_event_can_be_chosen_and_has_its_words() -> None:
    """In the groups of the form; a new one is not forgotten."""
    assert {name for _, types in GROUPS for name in types} == {*EVENT_TYPES}


def test_there_is_none_at_first(admin: Visitor) -> None:
    """The list says what they are for, and keys lead to it."""
    assert "There is no webhook." in text_of(admin.get(LIST))
    assert f'href="{LIST}"' in admin.get("/console/staff")["body"]


def test_a_webhook_is_added_and_its_secret_is_shown_once(world: World, admin: Visitor) -> None:
    """On the answer to the form alone; then it is in the list, and in what staff did."""
    path, secret = add(
        admin,
        description="CRM",
        which="some",
        full="yes",
        **{"type:message.bounced": "yes", "type:message.clicked": "yes"},
    )
    assert Api(world)(path.replace("/console", "/v1"))["json"] | {"created_at": ""} == {
        **Api(world)("/v1/webhooks")["json"]["items"][0],
        "created_at": "",
        "url": URL,
        "event_types": ["message.bounced", "message.clicked"],
        "full": True,
        "description": "CRM",
    }
    page, listed = admin.get(path), admin.get(LIST)
    assert secret not in page["body"] + listed["body"]
    assert "CRM" in text_of(listed)
    assert "2 types of events full: with addresses" in text_of(listed)
    assert "Delivering" in text_of(page)
    assert "<code>message.clicked</code>" in page["body"]
    assert "Nothing was delivered yet." in text_of(page)
    assert "Added a webhook" in text_of(admin.get("/console/staff/acts"))


def test_all_events_are_all_whatever_is_ticked(world: World, admin: Visitor) -> None:
    """The boxes are hidden then."""
    add(admin, which="all", **{"type:message.bounced": "yes"})
    assert Api(world)("/v1/webhooks")["json"]["items"][0]["event_types"] == []


def test_an_answer_that_is_loaded_again_makes_no_other(world: World, admin: Visitor) -> None:
    """Of the same URL, by the same key, within a minute."""
    add(admin)
    again = admin.post(NEW, url=URL, which="all", full="no")
    assert again["statusCode"] == 422
    assert "a moment ago" in text_of(again)
    add(admin, url=f"{URL}/other")
    assert len(Api(world)("/v1/webhooks")["json"]["items"]) == 2


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"url": ""}, "url"),
        ({"url": "http://crm.example.org"}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": f"{URL}/{'u' * MAX_URL}"}, "url"),
        ({"url": MARKUP}, "url"),
        ({"which": "some"}, "types"),
        ({"which": "some", "type:message.eaten": "yes"}, "types"),
        ({"description": "d" * (MAX_DESCRIPTION + 1)}, "description"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_wrong_stands_beside_its_field(
    world: World, admin: Visitor, fields: dict[str, str], name: str
) -> None:
    """And what was written stays; at adding and at changing."""
    form = {"url": URL, "which": "all", "full": "yes", "description": "CRM"} | fields
    path, _ = add(admin, url=f"{URL}/first")
    for where in (NEW, f"{path}/edit"):
        page = admin.post(where, **form)
        assert page["statusCode"] == 422
        assert f'id="fault-{name}"' in page["body"]
        assert f'href="#{name}"' in page["body"]
        assert f'value="{html.escape(form["url"])}"'.replace("&#x27;", "&#39;") in page["body"]
        assert "<script>alert" not in page["body"]
    assert [each["url"] for each in Api(world)("/v1/webhooks")["json"]["items"]] == [f"{URL}/first"]


def test_a_webhook_is_changed(admin: Visitor) -> None:
    """The form begins with what stands."""
    path, _ = add(admin, description=MARKUP, which="some", **{"type:message.bounced": "yes"})
    form = admin.get(f"{path}/edit")
    assert re.search(r'name="type:message.bounced" value="yes" checked', form["body"])
    assert not re.search(r'name="type:message.clicked" value="yes" checked', form["body"])
    assert "<script>alert" not in form["body"]
    done = admin.post(f"{path}/edit", url=f"{URL}/new", which="all", full="yes", description="Ours")
    assert done["headers"]["Location"] == path
    page = text_of(admin.get(path))
    assert "Ours is changed." in page
    assert f"{URL}/new" in page
    assert "all events" in page


def test_a_secret_is_replaced_once_by_one_form(world: World, admin: Visitor) -> None:
    """The answer that is loaded again replaces nothing: the receiver may know the one before."""
    path, first = add(admin)
    form = admin.get(f"{path}/secret")
    [made_at] = re.findall(r'name="made_at" value="([^"]+)"', form["body"])
    page = admin.post(f"{path}/secret", made_at=made_at)
    [second] = re.findall(r'value="(whsec_[^"]+)"', page["body"])
    assert second != first
    assert "signed by the old secret, too" in text_of(page)
    again = admin.post(f"{path}/secret", made_at=made_at)
    assert again["statusCode"] == 409
    assert "whsec_" not in again["body"]
    assert "replaced already" in text_of(again)
    api = Api(world)(path.replace("/console", "/v1"))
    assert api["json"]["secret_made_at"] > made_at


def test_a_webhook_is_removed_after_asking(world: World, admin: Visitor) -> None:
    """And its pages are not there any more."""
    path, _ = add(admin, description=MARKUP)
    assert "Remove" in text_of(admin.get(f"{path}/remove"))
    assert admin.post(f"{path}/remove")["headers"]["Location"] == LIST
    assert "is removed." in text_of(admin.get(LIST))
    assert Api(world)("/v1/webhooks")["json"]["items"] == []
    for where in (path, f"{path}/edit", f"{path}/secret", f"{path}/remove"):
        assert admin.get(where)["statusCode"] == 404
    for where in ("test", "enable", "replay", "secret", "remove", "edit"):
        assert admin.post(f"{path}/{where}")["statusCode"] == 404, where


def test_who_may_not_sees_no_page_of_them(world: World) -> None:
    """Nor does a form of theirs do anything."""
    admin, sender = Visitor(world), Visitor(world)
    keys = make_keys(world, ("Front office", Scope.ADMIN), ("Editors", Scope.SEND))
    for visitor, key in zip((admin, sender), keys, strict=True):
        assert visitor.sign_in(key)["statusCode"] == 303
    path, _ = add(admin)
    for where in (LIST, NEW, path, f"{path}/edit", f"{path}/secret", f"{path}/remove"):
        assert sender.get(where)["statusCode"] == 403
    for where in (NEW, f"{path}/edit", f"{path}/test", f"{path}/secret", f"{path}/remove"):
        assert sender.post(where, url=URL)["statusCode"] == 403
    assert len(Api(world)("/v1/webhooks")["json"]["items"]) == 1


def test_a_long_url_and_markup_break_no_page(admin: Visitor) -> None:
    """The list shows as much as there is room for; its page shows all of it."""
    long = f"https://h.example.org/{'u' * 1_978}"
    path, _ = add(admin, url=long, description=MARKUP)
    listed, page = admin.get(LIST)["body"], admin.get(path)["body"]
    assert long not in listed
    assert f"<bdi>{long}</bdi>" in page
    for body in (listed, page):
        assert "<script>alert" not in body
        assert "&lt;script&gt;alert(1)" in body


# --- the home page ---------------------------------------------------------------------------


def test_the_home_page_tells_admins_of_keys_that_expire_soon(world: World) -> None:
    """Within fourteen days, and no other; and nobody else."""

    def key(name: str, days: float, scope: Scope = Scope.READ) -> tuple[str, dict[str, Any]]:
        ends = f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT%H:%M:%S}.000Z"
        return new_key(scope, name, now(), expires_at=ends)

    made = [key("Volunteers <b>", 3), key("Later", 15), key("Gone", -1), key("Board", 13.9)]
    admin_key, admin_entry = new_key(Scope.ADMIN, "Desk", now())
    entries = [admin_entry, *(entry for _, entry in made)]
    _keep(world, entries)
    admin, reader = Visitor(world), Visitor(world)
    admin.sign_in(admin_key)
    reader.sign_in(made[0][0])
    page = admin.get("/console")
    said = text_of(page)
    assert "What needs attention 2 API keys expire soon. Volunteers <b> :" in said
    assert said.index("Volunteers <b>") < said.index("Board")
    assert "Later" not in said
    assert "Gone" not in said
    assert "Volunteers &lt;b&gt;" in page["body"]
    assert "expire soon" not in text_of(reader.get("/console"))


# --- how they fare ----------------------------------------------------------------------------


def test_a_webhook_that_fails_says_so_and_so_does_the_home_page(
    society: Society, admin: Visitor
) -> None:
    """Since when, and when it is tried again; what became of each delivery stands below."""
    with receiver(answering=lambda _: 500) as there:
        endpoint = society.hook(there)
        assert "Delivering" in text_of(admin.get(LIST))
        society.happens(mail().send())
        society.world.deliver()
        path = f"{LIST}/{endpoint.endpoint_id}"
        page = text_of(admin.get(path))
        assert re.search(r"Failing Nothing was taken since .{17} \. It is tried again at", page)
        assert re.search(
            r"message\.sent Message \w{26} Is tried again HTTP 500 at .{17} or later", page
        )
        home = admin.get("/console")
        said = text_of(home)
        assert f"The webhook {there.url.split('/')[2]} takes nothing." in said
        assert "All is well" not in said
        assert f'href="{path}"' in home["body"]
        there.answering = lambda _: 204
        society.is_due(endpoint)
        assert admin.post(f"{path}/test")["headers"]["Location"] == path
        society.world.deliver()
        page = text_of(admin.get(path))
        assert "A test is on its way." in page
        assert re.search(r"Test webhook\.test Taken HTTP 204 1 last: [\d,]+ ms", page)
        assert "takes nothing" not in text_of(admin.get("/console"))


def test_one_that_is_gone_is_switched_off_and_on_again(society: Society, admin: Visitor) -> None:
    """Why it was, and that what it missed is told only when it is sent again."""
    with receiver(answering=lambda _: 410) as there:
        endpoint = society.hook(there)
        society.happens(mail().send())
        society.world.deliver()
        path = f"{LIST}/{endpoint.endpoint_id}"
        page = text_of(admin.get(path))
        assert "Switched off The receiver answered that it is gone (410)." in page
        assert "is switched off." in text_of(admin.get("/console"))
        span = {"from": "2026-11-20T00:00", "to": "2026-11-21T00:00"}
        assert admin.post(f"{path}/replay", **span)["statusCode"] == 409
        there.answering = lambda _: 204
        assert admin.post(f"{path}/enable")["headers"]["Location"] == path
        assert "is switched on." in text_of(admin.get(path))
        assert admin.post(f"{path}/replay", **span)["headers"]["Location"] == path
        society.world.deliver()
        assert there.types == ["message.sent"]
        page = text_of(admin.get(path))
        assert "Delivering" in page
        assert re.search(r"message\.sent Message \w{26} Taken HTTP 204 sent again", page)


def test_deliveries_come_in_pages_at_the_price_of_one(society: Society, admin: Visitor) -> None:
    """Each once, the latest event first, in two requests, however many there are."""
    with receiver() as there:
        endpoint = society.hook(there)
    society.world.wiring.webhooks.note(
        Delivery(
            endpoint.endpoint_id, f"msg_{number:03}", "message.sent",
            f"2026-11-20T09:30:00.{number:03}Z", "e", None, DeliveryStatus.DELIVERED, number,
        )
        for number in range(1, 61)
    )  # fmt: skip
    path = f"{LIST}/{endpoint.endpoint_id}"
    with Reads() as cost:
        page = admin.get(path)
    assert cost.requests <= 2
    seen = []
    for _ in range(3):
        seen += [
            int(each) for each in re.findall(r'"Attempts"><span class="cell">(\d+)', page["body"])
        ]
        following = re.search(r'<a href="([^"]+)" rel="next"', page["body"])
        if following:
            page = admin.get(html.unescape(following[1]))
    assert seen == list(range(60, 0, -1))
    assert following is None
    assert admin.get(f"{path}?at=spoilt")["statusCode"] == 400


def test_what_was_not_sent_says_why(society: Society, admin: Visitor) -> None:
    """Since it was switched off, or the person erased."""
    with receiver() as there:
        endpoint = society.hook(there)
    society.world.wiring.webhooks.note(
        Delivery(
            endpoint.endpoint_id, f"msg_{number}", "message.sent",
            f"2026-11-20T09:30:00.{number:03}Z", "e", None, DeliveryStatus.DROPPED, 1, error=why,
        )
        for number, why in enumerate(("the webhook is switched off", PERSON_ERASED))
    )  # fmt: skip
    said = text_of(admin.get(f"{LIST}/{endpoint.endpoint_id}"))
    assert said.count("Not sent: it was switched off") == 1
    assert said.count("Not sent: the person was erased") == 1


def test_where_webhooks_are_switched_off_the_pages_say_so(
    society: Society, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And how to switch them on; nothing is added, sent or tested."""
    with receiver() as there:
        endpoint = society.hook(there)
    monkeypatch.setenv("WEBHOOKS", "no")
    society.world.restart("console")
    admin = Visitor(society.world)
    admin.sign_in(make_key(society.world, Scope.ADMIN))
    path = f"{LIST}/{endpoint.endpoint_id}"
    for where in (LIST, NEW, path):
        assert "Webhooks=yes" in text_of(admin.get(where))
    for where in (NEW, f"{path}/test", f"{path}/replay"):
        refused = admin.post(where, url=URL, which="all")
        assert refused["statusCode"] == 409
        assert "Webhooks=yes" in text_of(refused)
    assert admin.post(f"{path}/remove")["headers"]["Location"] == LIST
    assert "There is no webhook." in text_of(admin.get(LIST))
    assert admin.get("/console")["statusCode"] == 200


def test_a_table_that_does_not_answer_takes_no_home_page_down(
    society: Society, admin: Visitor
) -> None:
    """It says that it could not be told."""
    dynamodb = society.world.backend.endpoints.client("dynamodb")
    table = society.world.backend.table("Webhooks")
    dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName=table)
    page = admin.get("/console")
    assert page["statusCode"] == 200
    assert "It could not be told how webhooks fare." in text_of(page)


def _keep(world: World, entries: list[dict[str, Any]]) -> None:
    world.backend.endpoints.client("secretsmanager").put_secret_value(
        SecretId=world.backend.resources.physical["ApiKeys", ""],
        SecretString=json.dumps({"keys": entries}),
    )
