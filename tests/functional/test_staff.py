"""Keys and people: who may do what, when they were last seen, and what they did."""

from __future__ import annotations

import html
import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.iam import policies
from sendtrail.auth.api_keys import Scope, fingerprint, key_id, new_key
from sendtrail.auth.audit import OBJECTS, StaffAction
from sendtrail.auth.last_seen import PRECISION_SECONDS, KeysSeen
from sendtrail.auth.staff_acts import OF_PROGRAMS, ActRecorder
from sendtrail.auth.staff_store import StaffStore
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.aws.service import RetryPolicy
from sendtrail.domain.actors import Actor
from sendtrail.domain.times import epoch_ms, from_epoch_ms, now
from tests.functional.amended import amended
from tests.functional.conftest import Backend
from tests.functional.sending import NEWS
from tests.functional.visitor import Visitor, make_key, make_keys
from tests.functional.world import Api, World

STAFF = "/console/staff"
ACTS = f"{STAFF}/acts"
BY = Actor("key", "0f3a", "Front office")
LETTER = {"participant_id": "bob", "address": "bob@example.com", "subject": "s", "text": "t"}
NOON = "2026-11-20T12:00:00.000Z"


class Log:
    """A function's log, which notes its errors."""

    def __init__(self) -> None:
        self.errors: list[tuple[object, Any]] = []

    def info(self, msg: object, *, extra: Any) -> None:
        """Takes a line, and forgets it."""

    def error(self, msg: object, *, extra: Any) -> None:
        """Takes an error."""
        self.errors.append((msg, extra))


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


@pytest.fixture
def store(world: World) -> StaffStore:
    """The table of staff."""
    return StaffStore(world.backend.database(), world.backend.table("Staff"))


@pytest.fixture
def api(world: World) -> Api:
    """A program, or somebody at a script, with an admin key."""
    return Api(world, actor=BY.text)


def signed_in(world: World, scope: Scope = Scope.ADMIN, name: str | None = None) -> Visitor:
    """Somebody signed in with a key of that scope."""
    visitor = Visitor(world)
    assert visitor.sign_in(make_key(world, scope, name))["statusCode"] == 303
    return visitor


def down(backend: Backend) -> DynamoDB:
    """A database that does not answer, given up on at once."""
    policy = RetryPolicy(attempts=1, timeout=0.1, within=0.1)
    nowhere = backend.environment | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    return DynamoDB(nowhere, retry_policy=policy)


def text_of(page: dict[str, Any]) -> str:
    """What a page says, without marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page["body"])).split())


def secret_of(world: World) -> dict[str, Any]:
    """What the secret of further keys holds."""
    client = world.backend.endpoints.client("secretsmanager")
    arn = world.backend.resources.physical["ApiKeys", ""]
    found: dict[str, Any] = json.loads(client.get_secret_value(SecretId=arn)["SecretString"])
    return found


def in_days(days: int) -> str:
    """A day from today on, of UTC."""
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"


# --- what was done -----------------------------------------------------------------------------


def test_what_staff_do_in_the_console_is_listed_one_by_one(world: World, store: StaffStore) -> None:
    """Newest first, with who and what; the page leads to each thing, and names no address."""
    visitor = signed_in(world, name="Front office")
    visitor.post("/console/participants/ann/addresses", address="ann@example.com")
    for choice in ("no", "yes", "no"):
        visitor.post("/console/participants/ann/subscription", subscribed=choice)
    visitor.post("/console/suppressions", address="bob@example.com", note="by phone")
    acts, following = store.acts()
    assert following is None
    assert [act.action for act in acts] == [
        "suppress", "unsubscribe", "subscribe", "unsubscribe", "register_address", "sign_in",
    ]  # fmt: skip
    assert {act.count for act in acts} == {None}
    assert {Actor.parse(act.by).name for act in acts} == {"Front office"}  # type: ignore[union-attr]
    assert [act.at for act in acts] == sorted((act.at for act in acts), reverse=True)
    visitor.get("/console/suppressions")  # which tells once what was done, and of whom
    page = visitor.get(ACTS)
    assert page["statusCode"] == 200
    assert '<a href="/console/participants/ann">ann</a>' in page["body"]
    assert "Unsubscribed somebody" in page["body"]
    assert "@example.com" not in page["body"]
    theirs = visitor.follow(page, "<bdi>Front office</bdi>")
    assert "What they did: Front office" in text_of(theirs)
    assert visitor.get(f"{ACTS}?by=Front")["statusCode"] == 422
    rows = world.backend.endpoints.client("dynamodb").scan(TableName=world.backend.table("Staff"))
    assert "@example.com" not in json.dumps(rows["Items"], default=str)


def test_the_api_lists_what_was_done(api: Api) -> None:
    """By its cursors; of one key alone, who may have been renamed; to admins alone."""
    for name in ("a", "b", "c"):
        assert api(f"/v1/templates/{name}", "PUT", NEWS)["statusCode"] == 200
    Api(api.world, actor="key:ab12 Editors")("/v1/templates/d", "PUT", NEWS)
    Api(api.world, actor="key:0f3a Reception")("/v1/templates/e", "PUT", NEWS)
    whole = api.everything("/v1/staff/acts", limit=2)
    assert [act["object_id"] for act in whole] == ["e", "d", "c", "b", "a"]
    assert whole[1] | {"at": ""} == {
        "at": "",
        "action": "save_template",
        "by": {"kind": "key", "id": "ab12", "name": "Editors"},
        "object_kind": "template",
        "object_id": "d",
        "count": None,
    }
    theirs = api.everything("/v1/staff/acts", limit=2, by="key:0f3a")
    assert [act["object_id"] for act in theirs] == ["e", "c", "b", "a"]
    assert api.everything("/v1/staff/acts", by="person:nobody") == []
    assert api("/v1/staff/acts", by="Front office")["statusCode"] == 422
    cursor = api("/v1/staff/acts", limit=2)["json"]["next_cursor"]
    assert api("/v1/staff/acts", limit=2, by="key:0f3a", cursor=cursor)["statusCode"] == 400
    assert Api(api.world, scope="send")("/v1/staff/acts")["statusCode"] == 403


@pytest.mark.parametrize("scope", Scope)
def test_a_key_is_told_whose_it_is_and_what_it_may(api: Api, scope: Scope) -> None:
    """Whatever its scope; who has none is told nothing."""
    told = Api(api.world, scope=scope.value, actor="key:ab12 Editors")("/v1/me")
    by = {"kind": "key", "id": "ab12", "name": "Editors"}
    assert told["json"] == {"by": by, "scope": scope.value}
    assert Api(api.world, scope=None)("/v1/me")["statusCode"] == 403
    assert Api(api.world, scope="all", actor="key:ab12")("/v1/me")["statusCode"] == 403


def test_what_programs_do_by_the_thousand_is_a_row_an_hour(api: Api, store: StaffStore) -> None:
    """With about how often; each key has its own."""
    for _ in range(6):
        answer = api("/v1/participants/bob/interactions", "POST", {})
        assert answer["statusCode"] == 200
    other = Api(api.world, actor="key:ab12 Invoices")
    other("/v1/participants/bob/interactions", "POST", {})
    assert api("/v1/messages", "POST", LETTER)["statusCode"] == 202
    acts, _ = store.acts()
    counted = {(act.by, act.action): act.count for act in acts}
    assert counted == {
        ("key:0f3a Front office", "record_interaction"): 4,
        ("key:ab12 Invoices", "record_interaction"): 1,
        ("key:0f3a Front office", "send_message"): 1,
    }
    assert {act.at[13:] for act in acts} == {":00:00.000Z"}
    assert {act.object_id for act in acts} == {None}


def test_a_thousand_acts_of_a_program_are_eleven_writes(world: World, store: StaffStore) -> None:
    """So machine mail is not dearer; and what was counted is written when the hour is over."""
    db = world.backend.database(count_capacity=True)
    times = [NOON] * 1000
    recorder = ActRecorder(
        db,
        world.backend.table("Staff"),
        Log(),
        retention_days=60_000,
        for_programs=True,
        clock=times.pop,
    )
    for _ in range(1000):
        recorder.record(BY, StaffAction.SEND_MESSAGE, "bob")
    assert db.calls == {"UpdateItem": 10}
    assert [act.count for act in store.acts()[0]] == [512]
    times.append(from_epoch_ms(epoch_ms(NOON) + 3_600_000))
    recorder.record(BY, StaffAction.SAVE_TEMPLATE, "news")
    assert {act.action: act.count for act in store.acts()[0]} == {
        "save_template": None,
        "send_message": 1000,
    }
    assert db.calls == {"UpdateItem": 11, "PutItem": 1}


def test_who_tries_keys_fills_no_list(world: World, store: StaffStore) -> None:
    """A row an hour says how often, by nobody; in the console, too."""
    admin = signed_in(world)
    visitor = Visitor(world)
    for number in range(9):
        assert visitor.sign_in(f"st_{number}")["statusCode"] == 403
    (act,) = (act for act in store.acts()[0] if act.action == "sign_in_refused")
    assert (act.by, act.count) == (None, 8)
    page = admin.get(ACTS)
    assert "about 8 times in this hour" in text_of(page)
    assert "nobody who was recognised" in text_of(page)


def test_rows_of_acts_expire_with_messages(world: World) -> None:
    """By `RetentionDays`, from when it was done."""
    recorder = ActRecorder(
        world.backend.database(),
        world.backend.table("Staff"),
        Log(),
        retention_days=60,
        for_programs=True,
        clock=lambda: NOON,
    )
    recorder.record(BY, StaffAction.SEND_MESSAGE, "bob")
    recorder.record(BY, StaffAction.SAVE_TEMPLATE, "news")
    rows = world.backend.database().query(world.backend.table("Staff"), ("part", "acts"))[0]
    ends = epoch_ms(NOON) // 1000 + 60 * 86_400
    assert [row["expires_at"] for row in rows] == [ends, ends]


def test_an_act_that_cannot_be_kept_is_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its line stands in the log, an error beside it; and nobody waits for long."""
    log = Log()
    recorder = ActRecorder(down(world.backend), "Staff", log, retention_days=60, for_programs=True)
    begun = time.monotonic()
    recorder.record(BY, StaffAction.SAVE_TEMPLATE, "news")
    for _ in range(100):
        recorder.record(BY, StaffAction.SEND_MESSAGE, "bob")
    assert time.monotonic() - begun < 2
    assert log.errors[0] == (
        "act of staff not kept",
        {"action": "save_template", "reason": "NoAnswer"},
    )
    assert len(log.errors) == 1 + 7  # by 1, 2, 4, … 64
    monkeypatch.setenv("STAFF_TABLE", "no-such-table")
    api = Api(world, actor=BY.text)
    assert api("/v1/templates/news", "PUT", NEWS)["statusCode"] == 200
    assert api("/v1/templates/news")["statusCode"] == 200
    assert Visitor(world).sign_in(make_key(world, Scope.READ))["statusCode"] == 303


def test_lists_cost_the_same_however_much_was_done(world: World, api: Api) -> None:
    """One query of a page's items, of all or of one."""
    db = world.backend.database(count_capacity=True)
    recorder = ActRecorder(
        world.backend.database(),
        world.backend.table("Staff"),
        Log(),
        retention_days=1096,
        for_programs=False,
    )
    costs = []
    for many in (30, 120):
        for _ in range(many):
            recorder.record(BY, StaffAction.SAVE_TEMPLATE, "news")
        db.consumed.clear()
        for actor in (None, "key:0f3a"):
            acts, place = StaffStore(db, world.backend.table("Staff")).acts(actor=actor)
            assert (len(acts), bool(place)) == (25, True)
        costs.append(dict(db.consumed))
    assert costs[0] == costs[1]
    assert db.calls == {"Query": 4}


def test_pages_go_on_across_months(world: World, store: StaffStore) -> None:
    """However long nothing was done."""
    times = [f"{year}-0{month}-15T12:00:00.000Z" for year in (2027, 2031) for month in (1, 2, 9)]
    waiting = list(times)
    recorder = ActRecorder(
        world.backend.database(),
        world.backend.table("Staff"),
        Log(),
        retention_days=3650,
        for_programs=False,
        clock=lambda: waiting.pop(0),
    )
    for _ in times:
        recorder.record(BY, StaffAction.SAVE_TEMPLATE, "news")
    for actor in (None, "key:0f3a"):
        found: list[str] = []
        place: str | None = None
        for _ in range(5):
            acts, place = store.acts(actor=actor, place=place, limit=2)
            found += [act.at for act in acts]
            if place is None:
                break
        assert found == sorted(times, reverse=True)


def test_what_an_action_is_done_to_is_known() -> None:
    """Of each that is done to something; the rest is signing in and out."""
    assert set(StaffAction) - OBJECTS.keys() == {
        StaffAction.SIGN_IN,
        StaffAction.SIGN_IN_REFUSED,
        StaffAction.SIGN_OUT,
    }
    assert OBJECTS.keys() >= OF_PROGRAMS


# --- when they were last seen --------------------------------------------------------------------


def test_a_key_is_seen_at_the_api_and_in_the_console(world: World, store: StaffStore) -> None:
    """Whatever it is answered; who has none is not."""
    begun = now()
    visitor = signed_in(world, Scope.READ, "Report")
    visitor.get("/console")
    assert Api(world, scope="read", actor=BY.text)("/v1/staff/acts")["statusCode"] == 403
    Api(world, scope=None)("/v1/openapi.json")
    seen = store.keys_seen()
    (report,) = (each for each in secret_of(world)["keys"] if each["name"] == "Report")
    assert seen.keys() == {key_id(report["sha256"]), "0f3a"}
    assert all(begun <= at <= now() for at in seen.values())


def test_a_busy_key_is_written_of_once_in_five_minutes(world: World) -> None:
    """By a process, and by all together."""
    db = world.backend.database(count_capacity=True)
    at = [1000.0]

    def process() -> KeysSeen:
        return KeysSeen(
            db, world.backend.table("Staff"), Log(), retention_days=60, clock=lambda: at[0]
        )

    one, another = process(), process()
    for _ in range(50):
        one.note(BY)
    one.note(Actor("person", "p1", "Ann"))
    one.note(None)
    assert db.calls == {"UpdateItem": 1}
    (before,) = StaffStore(db, world.backend.table("Staff")).keys_seen().values()
    another.note(BY)  # which is refused by its condition
    assert list(StaffStore(db, world.backend.table("Staff")).keys_seen().values()) == [before]
    at[0] += PRECISION_SECONDS - 1
    one.note(BY)
    at[0] += 1
    calls = db.calls["UpdateItem"]
    one.note(BY)
    assert db.calls["UpdateItem"] <= calls + 1


def test_a_key_that_comes_again_after_five_minutes_is_seen_again(world: World) -> None:
    """The row tells the later time."""
    db, table = world.backend.database(), world.backend.table("Staff")
    long_ago = from_epoch_ms(epoch_ms(now()) - PRECISION_SECONDS * 1000)
    db.put_all(table, [{"part": "keys", "sort": "0f3a", "last_seen_at": long_ago}])
    KeysSeen(db, table, Log(), retention_days=60).note(BY)
    assert StaffStore(db, table).keys_seen()["0f3a"] > long_ago


def test_a_fault_of_the_table_locks_nobody_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does anybody wait for it more than once in five minutes."""
    log = Log()
    seen = KeysSeen(down(world.backend), "Staff", log, retention_days=60)
    begun = time.monotonic()
    for _ in range(1000):
        seen.note(BY)
    assert time.monotonic() - begun < 1
    assert log.errors == [("use of a key not noted", {"reason": "NoAnswer"})]
    monkeypatch.setenv("STAFF_TABLE", "no-such-table")
    assert Api(world, actor=BY.text)("/v1/templates")["statusCode"] == 200
    visitor = signed_in(world)
    assert visitor.get("/console/templates")["statusCode"] == 200


def test_the_authorizer_knows_nothing_of_it(world: World) -> None:
    """It has neither the right to write nor the code: who calls is noted by what is called."""
    granted = {
        statement.resource
        for statement in policies(world.backend.resources)
        if statement.function == "AuthorizeFunction"
    }
    assert not [resource for resource in granted if ":table/" in resource]
    key = make_key(world, Scope.READ)
    event = {"headers": {"authorization": f"Bearer {key}"}}
    assert world.call("authorize", event)["isAuthorized"] is True
    assert world.wiring.staff_store.keys_seen() == {}


# --- keys ------------------------------------------------------------------------------------


def test_an_admin_sees_who_may_do_what(world: World) -> None:
    """Each key with its scope, when it was seen, made and expires; the stack's own first."""
    soon, over = in_days(5), from_epoch_ms(epoch_ms(now()) - 1)
    made = [
        new_key(scope, name, now(), by=by, expires_at=expires)
        for scope, name, by, expires in (
            (Scope.ADMIN, "Desk", None, None),
            (Scope.SEND, "<b>Soon</b>", BY, f"{soon}T00:00:00.000Z"),
            (Scope.READ, "שלום", None, over),
        )
    ]
    _put(world, [*(entry for _, entry in made), {"name": "spoilt"}])
    visitor = Visitor(world)
    visitor.sign_in(made[0][0])
    page = visitor.get(STAFF)
    said = text_of(page)
    assert page["statusCode"] == 200
    for words in (
        "first", "with the stack", "Desk yours", "may read and send", "by Front office",
        "soon", "has expired", "entry 4 of the secret is malformed", "Nobody has signed in by name",
    ):  # fmt: skip
        assert words in said, words
    assert "&lt;b&gt;Soon" in page["body"]
    assert "<b>Soon" not in page["body"]
    assert page["body"].count("/remove") == 3
    assert Visitor(world).sign_in(made[2][0])["statusCode"] == 403


@pytest.mark.parametrize("scope", [Scope.READ, Scope.SEND])
def test_only_admins_see_keys_and_change_them(world: World, scope: Scope) -> None:
    """No link, no page, no form."""
    visitor = signed_in(world, scope)
    assert "/console/staff" not in visitor.get("/console/templates")["body"]
    before = secret_of(world)
    for path in (STAFF, ACTS, f"{STAFF}/keys/ab/remove"):
        assert visitor.get(path)["statusCode"] == 403
    for path in (f"{STAFF}/keys", f"{STAFF}/keys/ab/remove", f"{STAFF}/sign-out"):
        assert visitor.post(path, name="x", scope="read", person="p")["statusCode"] == 403
    assert secret_of(world) == before
    nobody = Visitor(world)
    assert nobody.get(STAFF)["headers"]["Location"].startswith("/console/sign-in")


def test_a_form_of_another_site_makes_and_removes_nothing(world: World) -> None:
    """It lacks the session's secret."""
    visitor = signed_in(world)
    before = secret_of(world)
    (entry,) = before["keys"]
    unwanted = key_id(entry["sha256"])
    for secret in ("", "x"):
        for path in (f"{STAFF}/keys", f"{STAFF}/keys/{unwanted}/remove", f"{STAFF}/sign-out"):
            answer = visitor.post(path, secret=secret, name="x", scope="admin", person="p")
            assert answer["statusCode"] == 403
    assert secret_of(world) == before


def test_a_key_is_made_and_shown_once(world: World, store: StaffStore) -> None:
    """On the answer itself: in no URL, no cookie, no row and no cache; it works, and expires."""
    visitor = signed_in(world, name="Desk")
    page = visitor.post(f"{STAFF}/keys", name="Invoices", scope="send", expires=in_days(30))
    assert page["statusCode"] == 200
    assert page["headers"]["Cache-Control"] == "no-store"
    found = re.search(r'value="(st_[^"]+)"', page["body"])
    assert found
    key = found[1]
    assert key not in json.dumps([page.get("cookies"), page["headers"], secret_of(world)])
    assert key not in visitor.get(STAFF)["body"]
    entry = secret_of(world)["keys"][-1]
    assert entry["expires_at"] == f"{in_days(31)}T00:00:00.000Z"
    assert Actor.parse(entry["created_by"]).name == "Desk"  # type: ignore[union-attr]
    time.sleep(2.1)  # keys are read anew for one that is not known, at most so often
    assert Visitor(world).sign_in(key)["statusCode"] == 303
    (act,) = (act for act in store.acts()[0] if act.action == "add_key")
    assert act.object_id == key_id(fingerprint(key))
    again = visitor.post(f"{STAFF}/keys", name="Invoices", scope="send", expires="")
    assert again["statusCode"] == 422  # the page was loaded anew
    assert "a moment ago" in text_of(again)
    assert len(secret_of(world)["keys"]) == 2


def test_everything_that_is_wrong_with_a_key_is_told_at_once(world: World) -> None:
    """And what was written stays in the form."""
    visitor = signed_in(world)
    before = secret_of(world)
    page = visitor.post(f"{STAFF}/keys", name="x" * 61, scope="root", expires="2020-01-01")
    assert page["statusCode"] == 422
    said = text_of(page)
    for words in ("at most 60", "no more than you may yourself", "has passed"):
        assert said.count(words) == 2, words
    assert f'value="{"x" * 61}"' in page["body"]
    assert 'value="2020-01-01"' in page["body"]
    for name, expires in (("", ""), ("a\nb", ""), ("ok", "tomorrow"), ("ok", "2027-02-30")):
        page = visitor.post(f"{STAFF}/keys", name=name, scope="read", expires=expires)
        assert page["statusCode"] == 422
    assert secret_of(world) == before


def test_a_key_is_removed_after_a_question(world: World, store: StaffStore) -> None:
    """It is said whose it is, and louder of one's own; the first key stays."""
    own, other = make_keys(world, ("Desk", Scope.ADMIN), ("Invoices", Scope.SEND))
    visitor = Visitor(world)
    visitor.sign_in(own)
    other_id, own_id = (key_id(fingerprint(key)) for key in (other, own))
    asked = visitor.get(f"{STAFF}/keys/{other_id}/remove")
    assert "Invoices" in asked["body"]
    assert "This is your own key" not in asked["body"]
    assert "This is your own key" in visitor.get(f"{STAFF}/keys/{own_id}/remove")["body"]
    done = visitor.post(f"{STAFF}/keys/{other_id}/remove")
    assert (done["statusCode"], done["headers"]["Location"]) == (303, STAFF)
    assert "The key Invoices is removed" in text_of(visitor.get(STAFF))
    assert [each["name"] for each in secret_of(world)["keys"]] == ["Desk"]
    (act,) = (act for act in store.acts()[0] if act.action == "remove_key")
    assert act.object_id == other_id
    for path in (f"{STAFF}/keys/{other_id}/remove", f"{STAFF}/keys/nothing/remove"):
        assert visitor.get(path)["statusCode"] == 404
        assert visitor.post(path)["statusCode"] == 404
    first = world.wiring.first_key()
    assert first
    refused = visitor.post(f"{STAFF}/keys/{first.key_id}/remove")
    assert refused["statusCode"] == 403
    assert "The first key is the stack" in text_of(refused)


def test_a_key_that_is_removed_or_expires_ends_its_session(world: World) -> None:
    """At the next page, in a process that has just started or has read the secret."""
    ends = from_epoch_ms(epoch_ms(now()) + 1500)
    key, entry = new_key(Scope.ADMIN, "Desk", now(), expires_at=ends)
    _put(world, [entry])
    visitor = Visitor(world)
    assert visitor.sign_in(key)["statusCode"] == 303
    assert visitor.get("/console/templates")["statusCode"] == 200
    event = {"headers": {"authorization": f"Bearer {key}"}}
    assert world.call("authorize", event)["isAuthorized"] is True
    time.sleep(1.6)
    assert visitor.get("/console/templates")["statusCode"] == 303
    assert world.call("authorize", event) == {"isAuthorized": False}


def test_a_secret_that_was_changed_too_often_is_told_of(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words, on the form, with what was written; nothing was made."""
    visitor = signed_in(world)
    before = secret_of(world)
    with amended(world.backend.endpoints.aws) as state:
        state.errors["secretsmanager.PutSecretValue"] = "LimitExceededException"
        monkeypatch.setenv("AWS_ENDPOINT_URL", state.url)
        world.restart("console")
        page = visitor.post(f"{STAFF}/keys", name="Invoices", scope="read")
    assert page["statusCode"] == 422
    assert "The secret was changed too often" in text_of(page)
    assert 'value="Invoices"' in page["body"]
    assert secret_of(world) == before


# --- people ----------------------------------------------------------------------------------


def test_people_are_listed_and_signed_out_everywhere(world: World, store: StaffStore) -> None:
    """With their sessions that have not ended; and somebody else's stay."""
    db, table = world.backend.database(), world.backend.table("Staff")
    later, earlier = (epoch_ms(now()) // 1000 + seconds for seconds in (3600, -3600))
    for who, name in (("p1", "<i>Ann</i>"), ("p2", "שלום" * 15)):
        row = {"part": "people", "sort": who, "name": name, "email": f"{who}@staff.example"}
        db.put_all(table, [row | {"scope": "send", "first_seen_at": NOON, "last_seen_at": NOON}])
        for number, ends in enumerate((later, later, earlier)):
            session = {"part": f"person#{who}", "sort": f"session#{number}", "until": ends}
            db.put_all(table, [session])
    visitor = signed_in(world)
    page = visitor.get(STAFF)
    assert "&lt;i&gt;Ann" in page["body"]
    assert page["body"].count("Sign out everywhere<") == 2
    assert world.wiring.staff_sessions.count(["p1", "p2"]) == {"p1": 2, "p2": 2}
    done = visitor.post(f"{STAFF}/sign-out", person="p1")
    assert done["statusCode"] == 303
    assert world.wiring.staff_sessions.count(["p1", "p2"]) == {"p1": 0, "p2": 2}
    (act,) = (act for act in store.acts()[0] if act.action == "end_sessions")
    assert act.object_id == "p1"
    assert visitor.post(f"{STAFF}/sign-out", person="nobody")["statusCode"] == 404


def test_people_come_in_parts(world: World) -> None:
    """Of twenty-five."""
    db, table = world.backend.database(), world.backend.table("Staff")
    for number in range(30):
        db.put_all(table, [{"part": "people", "sort": f"p{number:02}", "name": f"N{number:02}"}])
    visitor = signed_in(world)
    first = visitor.get(STAFF)
    assert "N24" in first["body"]
    assert "N25" not in first["body"]
    assert "N29" in visitor.follow(first, "Next")["body"]


def _put(world: World, entries: list[dict[str, Any]]) -> None:
    world.backend.endpoints.client("secretsmanager").put_secret_value(
        SecretId=world.backend.resources.physical["ApiKeys", ""],
        SecretString=json.dumps({"keys": entries}),
    )
