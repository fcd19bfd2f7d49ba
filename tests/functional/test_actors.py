"""Who did it: what staff do is said to be theirs in the log, by the API, on pages and in lines."""

from __future__ import annotations

import html
import json
import re
from io import StringIO
from typing import Any

import pytest
from markupsafe import escape

from sendtrail.auth.api_keys import Scope, fingerprint
from sendtrail.auth.audit import StaffAction
from sendtrail.aws.dynamodb import from_attributes
from sendtrail.domain.actors import Actor
from sendtrail.domain.ids import participant_of_address
from sendtrail.domain.times import epoch_ms, from_epoch_ms, now
from tests.functional.conftest import Backend
from tests.functional.sending import NEWS, Post, people
from tests.functional.visitor import Visitor, make_key
from tests.functional.world import Api, World

DESK = {"kind": "key", "id": "0f3a", "name": "Front office"}
EDITORS = {"kind": "key", "id": "ab12", "name": "Editors"}
ADDRESS = "ann@example.com"
HOOK = {"url": "https://crm.example.org/mail"}
OF_WEBHOOKS = (
    StaffAction.ADD_WEBHOOK,
    StaffAction.CHANGE_WEBHOOK,
    StaffAction.ROTATE_WEBHOOK_SECRET,
    StaffAction.TEST_WEBHOOK,
    StaffAction.REPLAY_WEBHOOK,
    StaffAction.ENABLE_WEBHOOK,
    StaffAction.REMOVE_WEBHOOK,
)
MARKUP = '<b>O\'Neil & "Söhne"</b>'


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


@pytest.fixture
def desk(world: World) -> Api:
    """The front office, at the API."""
    return Api(world, actor="key:0f3a Front office")


@pytest.fixture
def editors(world: World) -> Api:
    """Others, at the API."""
    return Api(world, actor="key:ab12 Editors")


class Lines:
    """What a function writes into its log about staff."""

    def __init__(self, world: World, function: str) -> None:
        self._log = StringIO()
        # Not by `setStream`, which flushes the one before: an earlier test's, that is closed.
        world.function(function).logger.registered_handler.stream = self._log

    @property
    def text(self) -> str:
        """All of it."""
        return self._log.getvalue()

    def __call__(self) -> list[tuple[str, str | None, str | None]]:
        """Action, actor and object of each line since the last call."""
        lines = [json.loads(line) for line in self.text.splitlines()]
        self._log.truncate(0)
        self._log.seek(0)
        return [
            (line["action"], line.get("by"), line.get("object"))
            for line in lines
            if line["message"] == "staff"
        ]


def signed_in(world: World, name: str, scope: Scope = Scope.ADMIN) -> tuple[Visitor, Actor]:
    """Somebody with a key of that name, at the console."""
    key = make_key(world, scope, name)
    visitor = Visitor(world)
    assert visitor.sign_in(key)["statusCode"] == 303
    return visitor, Actor("key", fingerprint(key)[:16], name)


def shown(page: dict[str, Any]) -> list[tuple[str, str]]:
    """Whom a page names: what it says, and the title."""
    found = re.findall(r'<span class="by" title="([^"]*)">([^<]*)</span>', page["body"])
    return [(html.unescape(said), html.unescape(title)) for title, said in found]


# --- the API -----------------------------------------------------------------------------------


def test_the_api_says_who_recorded_what_of_a_participant(desk: Api, editors: Api) -> None:
    """Who registered the address, made the choice and the last transaction, each apart."""
    path = "/v1/participants/ann"
    registered = desk(f"{path}/addresses/{ADDRESS}", "PUT")["json"]
    assert registered["registered_by"] == DESK
    chosen = editors(f"{path}/subscription", "PUT", {"subscribed": False})["json"]
    assert chosen["subscription_recorded_by"] == EDITORS
    assert chosen["subscription_changed_by"] == "ann"
    person = desk(f"{path}/interactions", "POST", {"kind": "gift"})["json"]
    assert person == desk(path)["json"]
    assert person["address_registered_by"] == DESK
    assert person["subscription_recorded_by"] == EDITORS
    assert person["last_interaction_recorded_by"] == DESK
    (address,) = desk(f"{path}/addresses")["json"]["items"]
    assert address["registered_by"] == DESK


def test_the_api_says_who_suppressed_an_address(desk: Api, editors: Api) -> None:
    """In the list, alone, and with the participant; and who did so again."""
    path = f"/v1/suppressions/{ADDRESS}"
    assert desk(path, "PUT", {"note": "by phone"})["json"]["by"] == DESK
    editors(f"/v1/participants/ann/addresses/{ADDRESS}", "PUT")
    assert desk(path)["json"]["by"] == DESK
    assert desk("/v1/suppressions")["json"]["items"][0]["by"] == DESK
    assert desk("/v1/participants/ann")["json"]["suppression"]["by"] == DESK
    assert editors(path, "PUT", {"note": "by letter"})["json"]["by"] == EDITORS
    assert desk(path, "DELETE")["statusCode"] == 200


def test_the_api_says_who_saved_each_version_of_a_template(desk: Api, editors: Api) -> None:
    """Each its own."""
    assert desk("/v1/templates/news", "PUT", NEWS)["json"]["by"] == DESK
    assert editors("/v1/templates/news", "PUT", NEWS)["json"]["by"] == EDITORS
    assert desk("/v1/templates/news", version=1)["json"]["by"] == DESK
    assert desk("/v1/templates/news")["json"]["by"] == EDITORS


def test_the_api_says_who_sent_what(world: World, desk: Api) -> None:
    """A mailing and each of its messages, a direct message, and their trails."""
    post = Post(world)
    post.api = desk
    sent = post.send(recipients=people(ADDRESS), **NEWS)
    letter = {"participant_id": "bob", "address": "bob@example.com", "subject": "s", "text": "t"}
    direct = desk("/v1/messages", "POST", letter)["json"]
    post.run()
    assert desk(f"/v1/communications/{sent['communication_id']}")["json"]["by"] == DESK
    assert desk("/v1/communications")["json"]["items"][0]["by"] == DESK
    (message,) = desk("/v1/participants/p0/messages")["json"]["items"]
    for who, message_id in (("p0", message["message_id"]), ("bob", direct["message_id"])):
        found = desk(f"/v1/participants/{who}/messages/{message_id}")["json"]
        assert found["by"] == DESK
        by = {event["type"]: event["by"] for event in found["events"]}
        assert by.pop("Accepted") == DESK
        assert set(by.values()) == {None}


def test_a_request_that_is_repeated_is_the_firsts(desk: Api) -> None:
    """Its plan is written once; another's key of the same name is another request."""
    body = {"name": "News", "recipients": people(ADDRESS), **NEWS}
    keyed = {"Idempotency-Key": "once"}
    renamed = Api(desk.world, actor="key:0f3a Reception")
    other = Api(desk.world, actor="key:ab12 Editors")
    sent = [
        each("/v1/communications", "POST", body, headers=keyed)["json"]["communication_id"]
        for each in (desk, renamed, other)
    ]
    assert sent[0] == sent[1] != sent[2]
    assert desk(f"/v1/communications/{sent[0]}")["json"]["by"] == DESK
    assert desk(f"/v1/communications/{sent[2]}")["json"]["by"] == EDITORS


def test_the_log_says_who_did_each_thing(desk: Api) -> None:
    """As text; and one transaction that two record is one event."""
    everything(desk)
    gift = {"kind": "gift", "reference": "7", "at": "2026-11-20T09:30:00Z"}
    for actor in ("key:ff00 Second", "key:0f3a Front office"):
        Api(desk.world, actor=actor)("/v1/participants/ann/interactions", "POST", gift)
    logged = desk.world.backend.logged()
    theirs = [event for event in logged if event.type != "Accepted"]
    assert {event.type.value for event in theirs} == {
        "AddressRegistered",
        "CommunicationPosted",
        "CommunicationStopped",
        "Dropped",
        "Interaction",
        "Named",
        "Subscription",
        "Suppressed",
        "SuppressionLifted",
    }
    assert {event.detail["by"] for event in theirs} == {"key:0f3a Front office"}
    gifts = [event for event in theirs if event.detail.get("reference") == "7"]
    assert len(gifts) == 1


def test_a_request_of_nobody_records_nothing(world: World) -> None:
    """What the authorizer says nothing of, or says in no way that is known, does nothing."""
    for actor in (None, "", "one-click", "page"):
        nobody = Api(world, actor=actor)
        answer = nobody("/v1/participants/ann/subscription", "PUT", {"subscribed": False})
        assert answer["statusCode"] == 403
    assert world.backend.logged() == []


def test_every_route_that_changes_something_leaves_a_line(desk: Api) -> None:
    """One each, by whom, and to what that is no participant; none where nothing was done, and none of
    reading.
    """
    lines = Lines(desk.world, "api")
    ids = everything(desk)
    by = "key:0f3a Front office"
    text = lines.text
    assert lines() == [
        (StaffAction.REGISTER_ADDRESS, by, None),
        (StaffAction.NAME, by, None),
        (StaffAction.UNSUBSCRIBE, by, None),
        (StaffAction.SUBSCRIBE, by, None),
        (StaffAction.RECORD_INTERACTION, by, None),
        (StaffAction.SUPPRESS, by, None),
        (StaffAction.LIFT_SUPPRESSION, by, None),
        (StaffAction.SAVE_TEMPLATE, by, "news"),
        (StaffAction.SEND_COMMUNICATION, by, ids["communication_id"]),
        (StaffAction.SEND_MESSAGE, by, None),
        (StaffAction.STOP_MESSAGE, by, None),
        (StaffAction.STOP_COMMUNICATION, by, ids["communication_id"]),
        (StaffAction.ERASE, by, ids["erasure_id"]),
        *((action, by, ids["webhook_id"]) for action in OF_WEBHOOKS),
    ]
    for word in ("@example.com", '"ann"', '"bob"', participant_of_address(ADDRESS)):
        assert word not in text, word
    routes = [
        (method, path)
        for path, methods in desk("/v1/openapi.json")["json"]["paths"].items()
        for method, operation in methods.items()
        if method != "get"
        and not path.endswith("/preview")
        # … which are the same commands, with the address in the query.
        and not operation["operationId"].endswith("InQuery")
    ]
    assert len(routes) + 1 == 20  # a subscription is changed in two ways
    desk("/v1/participants/ann", "PUT", {"name": "Ann\nDoe"})
    desk("/v1/participants/ann/interactions", "POST", {"kind": ""})
    desk("/v1/suppressions/nobody@example.com", "DELETE")
    desk("/v1/templates/news", "PUT", {"subject": "{{", "text": "x"})
    desk("/v1/communications", "POST", {"name": "News", "recipients": [], **NEWS})
    for path in ("participants/ann", "suppressions", "communications", "templates/news"):
        desk(f"/v1/{path}")
    assert lines() == []


def everything(api: Api) -> dict[str, Any]:
    """Calls each route that changes something; what is named of what was sent."""
    ann, suppression = "/v1/participants/ann", f"/v1/suppressions/{ADDRESS}"
    letter = {"participant_id": "bob", "address": "bob@example.com", "subject": "s", "text": "t"}
    letter["send_at"] = from_epoch_ms(epoch_ms(now()) + 24 * 3_600_000)
    mailing = {"name": "News", "recipients": people(ADDRESS), "template_id": "news"}
    answers = [
        api(f"{ann}/addresses/{ADDRESS}", "PUT"),
        api(ann, "PUT", {"name": "Ann Doe"}),
        api(f"{ann}/subscription", "PUT", {"subscribed": False}),
        api(f"{ann}/subscription", "PUT", {"subscribed": True}),
        api(f"{ann}/interactions", "POST", {}),
        api(suppression, "PUT", {"note": "Ann called"}),
        api(suppression, "DELETE"),
        api("/v1/templates/news", "PUT", NEWS),
        api("/v1/communications", "POST", mailing),
        api("/v1/messages", "POST", letter),
    ]
    mailing_id, message_id = (
        answers[-2]["json"]["communication_id"],
        answers[-1]["json"]["message_id"],
    )
    answers += [
        api(f"/v1/participants/bob/messages/{message_id}/stop", "POST"),
        api(f"/v1/communications/{mailing_id}/stop", "POST"),
        api(ann, "DELETE"),
        api("/v1/webhooks", "POST", HOOK),
    ]
    hook = f"/v1/webhooks/{answers[-1]['json']['webhook_id']}"
    span = {"from": "2026-11-20T09:30:00Z", "to": "2026-11-21T09:30:00Z"}
    answers += [
        api(hook, "PUT", HOOK | {"full": True}),
        api(f"{hook}/rotate", "POST"),
        api(f"{hook}/test", "POST"),
        api(f"{hook}/replay", "POST", span),
        api(f"{hook}/enable", "POST"),
        api(hook, "DELETE"),
    ]
    assert {answer["statusCode"] for answer in answers} <= {200, 201, 202}, answers
    return {name: value for answer in answers for name, value in answer["json"].items()}


# --- the console -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Front office", "", "x" * 60, MARKUP])
def test_pages_say_who_did_what(world: World, name: str) -> None:
    """Beside each thing; a key without a name by its id, and a name's marks as letters."""
    visitor, actor = signed_in(world, name)
    said, title = f"by {name or f'key {actor.id}'}", f"API key {actor.id}"
    visitor.post("/console/participants/ann/addresses", address=ADDRESS)
    visitor.post("/console/participants/ann/subscription", subscribed="no")
    visitor.post("/console/participants/ann/interactions", kind="gift")
    assert shown(visitor.get("/console/participants/ann")) == [
        (f"registered {said}", title),
        (f"recorded {said}", title),
        (f"recorded {said}", title),
    ]
    assert (said, title) in shown(visitor.get("/console/participants/ann/addresses"))
    visitor.post("/console/suppressions", address=ADDRESS, note="by phone")
    listed = visitor.get("/console/suppressions")
    (lift,) = re.findall(r'href="(/console/suppressions/lift[^"]+)"', listed["body"])
    for page in (listed, visitor.get(lift)):
        assert shown(page) == [(said, title)]
    assert (f"suppressed {said}", title) in shown(visitor.get("/console/participants/ann"))
    assert (said, title) in shown(visitor.get("/console/participants/ann/addresses"))
    header = visitor.get("/console/communications")["body"]
    whole = f"{escape(name)}, {title}" if name else title
    assert f' title="{whole}">{escape(name or actor.id)}</a>' in header
    assert "<b>O" not in visitor.get("/console/participants/ann")["body"]


def test_pages_of_mailings_and_messages_say_who_sent_them(world: World) -> None:
    """And the preview who saved the template; what something else sent says nothing."""
    visitor, actor = signed_in(world, "Front office")
    editors = Api(world, actor="key:ab12 Editors")
    editors("/v1/templates/news", "PUT", NEWS)
    by = ("by Front office", f"API key {actor.id}")
    form = {
        "name": "News",
        "kind": "news",
        "template_id": "news",
        "recipients": f"participant_id,address,name\nann,{ADDRESS},Ann",
    }
    page = visitor.post("/console/compose/look", **form)
    assert shown(page) == [("saved by Editors", "API key ab12")]
    once = re.search(r'name="once" value="([^"]+)"', page["body"])
    assert once
    sent = visitor.post("/console/compose/send", once=once[1], template_version="1", **form)
    Post(world).run()
    assert shown(visitor.get(sent["headers"]["Location"])) == [by]
    (message,) = editors("/v1/participants/ann/messages")["json"]["items"]
    assert message["by"]["name"] == "Front office"
    page = visitor.get(f"/console/participants/ann/messages/{message['message_id']}")
    assert shown(page) == [by, by]
    assert shown(visitor.get("/console/participants/ann")) == []


def test_rows_of_before_name_nobody(world: World) -> None:
    """What was recorded without `by`: pages and answers are as they were."""
    desk = Api(world)
    ids = everything(desk)
    desk("/v1/suppressions/old@example.com", "PUT", {"note": "n"})
    database = world.backend.database()
    for table in ("Participants", "Suppressions", "Communications", "Templates"):
        client = world.backend.endpoints.client("dynamodb")
        for item in client.scan(TableName=world.backend.table(table))["Items"]:
            plain = without_by(from_attributes(item))
            database.put_all(world.backend.table(table), [plain])
    person = desk("/v1/participants/ann")["json"]
    assert {name: person[name] for name in person if name.endswith("recorded_by")} == {
        "subscription_recorded_by": None,
        "last_interaction_recorded_by": None,
    }
    assert desk("/v1/suppressions/old@example.com")["json"]["by"] is None
    assert desk(f"/v1/communications/{ids['communication_id']}")["json"]["by"] is None
    assert desk("/v1/templates/news")["json"]["by"] is None
    visitor, _ = signed_in(world, "Front office")
    for path in (
        "participants/ann",
        "participants/ann/addresses",
        "suppressions",
        f"communications/{ids['communication_id']}",
    ):
        page = visitor.get(f"/console/{path}")
        assert page["statusCode"] == 200
        assert shown(page) == []


def without_by(value: Any) -> Any:
    """An item without all that says by whom."""
    if not isinstance(value, dict):
        return value
    return {
        name: without_by(each)
        for name, each in value.items()
        if name not in ("by", "registered_by", "last_interaction_by", "stopped_by")
    }


def test_signing_in_and_out_and_what_is_done_between_leave_a_line_each(world: World) -> None:
    """A wrong key leaves one, too, which has nothing of the key."""
    lines = Lines(world, "console")
    visitor, actor = signed_in(world, "Front office")
    wrong = "st_a-key-that-was-mistyped"
    assert Visitor(world).sign_in(wrong)["statusCode"] == 403
    text = lines.text
    assert wrong not in text
    assert fingerprint(wrong)[:16] not in text
    assert lines() == [
        (StaffAction.SIGN_IN, actor.text, None),
        (StaffAction.SIGN_IN_REFUSED, None, None),
    ]
    ann = "/console/participants/ann"
    visitor.post(f"{ann}/addresses", address=ADDRESS)
    visitor.post(f"{ann}/name", name="Ann Doe")
    visitor.post(f"{ann}/subscription", subscribed="no")
    visitor.post(f"{ann}/subscription", subscribed="yes")
    visitor.post(f"{ann}/interactions", kind="gift")
    visitor.post("/console/suppressions", address=ADDRESS, note="Ann called")
    visitor.post("/console/suppressions/lift", address=ADDRESS)
    visitor.post("/console/suppressions/lift", address=ADDRESS)  # it is on no list any more
    visitor.post(f"{ann}/subscription", secret="forged", subscribed="no")
    visitor.post("/console/sign-out")
    text = lines.text
    assert ADDRESS not in text
    assert "Ann called" not in text
    assert "Ann Doe" not in text
    assert '"ann"' not in text
    assert participant_of_address(ADDRESS) not in text
    assert lines() == [
        (StaffAction.REGISTER_ADDRESS, actor.text, None),
        (StaffAction.NAME, actor.text, None),
        (StaffAction.UNSUBSCRIBE, actor.text, None),
        (StaffAction.SUBSCRIBE, actor.text, None),
        (StaffAction.RECORD_INTERACTION, actor.text, None),
        (StaffAction.SUPPRESS, actor.text, None),
        (StaffAction.LIFT_SUPPRESSION, actor.text, None),
        (StaffAction.SIGN_OUT, actor.text, None),
    ]
    visitor.post("/console/sign-out", secret="forged")
    assert lines() == []
