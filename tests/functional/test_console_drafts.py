"""Drafts: kept, shared, and saved by a session that has ended; and what a mailing is made of."""

from __future__ import annotations

import html
import json
import re
import time
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from xlsxwriter import Workbook

from local.notifications import Mail
from sendtrail.auth.api_keys import Scope, fingerprint
from sendtrail.auth.audit import StaffAction
from sendtrail.auth.sessions import LAPSED_SECONDS, LIFETIME_SECONDS, Session, Sessions
from sendtrail.console.draft_form import FIELDS
from sendtrail.domain.actors import Actor
from sendtrail.domain.times import from_epoch_ms, now
from sendtrail.reading.audience import Audience
from sendtrail.sending.draft_store import Conflict, DraftRow, DraftStore, new_draft_id
from tests.functional.conftest import Backend
from tests.functional.reader import Reader
from tests.functional.sending import NEWS, Post, outbox
from tests.functional.test_console import COOKIE, signed_in, text_of
from tests.functional.test_console_compose import (
    DRAFT,
    GOOD,
    OWN,
    PAGE,
    SPAM,
    TABLE,
    faults,
    hidden,
    told,
)
from tests.functional.visitor import Reads, Visitor, make_key, make_keys, revoke_keys
from tests.functional.world import Api, World

LIST = "/console/drafts"
ANN = Actor("key", "a" * 16, "Ann")
BEN = Actor("key", "b" * 16, "Ben")


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


@pytest.fixture
def post(world: World) -> Post:
    """Everything behind who sends, with a template."""
    made = Post(world)
    assert made.api("/v1/templates/news", "PUT", NEWS)["statusCode"] == 200
    return made


@pytest.fixture
def sender(world: World, post: Post) -> Visitor:
    """Somebody who may send."""
    return signed_in(world, Scope.SEND)


@pytest.fixture
def store(world: World) -> DraftStore:
    """The store behind the pages."""
    return world.wiring.drafts


def saved(sender: Visitor, **fields: str) -> str:
    """Saves a draft; where it is."""
    answer = sender.post(f"{PAGE}/save", **DRAFT | fields)
    assert answer["statusCode"] == 303, text_of(answer)
    location: str = answer["headers"]["Location"]
    return location


def together(world: World, **scopes: Scope) -> list[Visitor]:
    """Several who are signed in at once, by keys of these names."""
    visitors = []
    for key in make_keys(world, *scopes.items()):
        visitor = Visitor(world)
        assert visitor.sign_in(key)["statusCode"] == 303
        visitors.append(visitor)
    return visitors


def draft_of(location: str) -> str:
    """The id of a draft, of where it is."""
    return parse_qs(urlsplit(location).query)["draft"][0]


def form_of(page: dict[str, Any]) -> dict[str, str]:
    """The fields of the form, as a browser would send them again."""
    fields = hidden(page)
    for name, value in re.findall(
        r'<input (?:class="long" )?id="(\w+)" name="\1"[^>]* value="([^"]*)"', page["body"]
    ):
        fields[name] = html.unescape(value)
    for name, value in re.findall(
        r'<textarea id="(\w+)"[^>]*>\n(.*?)</textarea>', page["body"], re.S
    ):
        fields[name] = html.unescape(value)
    for name in re.findall(r'name="(\w+)" value="yes" checked', page["body"]):
        fields[name] = "yes"
    return fields


def objects(world: World) -> list[str]:
    """The keys of what is kept of drafts."""
    found = world.backend.endpoints.client("s3").list_objects_v2(
        Bucket=world.backend.resources.physical["PlansBucket", ""], Prefix="drafts/"
    )
    return [each["Key"] for each in found.get("Contents", ())]


def workbook(*rows: list[Any], sheets: int = 1) -> bytes:
    """A workbook with these rows in its first sheet."""
    content = BytesIO()
    with Workbook(content, {"in_memory": True}) as made:
        sheet = made.add_worksheet("Members")
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
        for number in range(1, sheets):
            made.add_worksheet(f"Other {number}").write(0, 0, "x")
    return content.getvalue()


# --- drafts that are kept --------------------------------------------------------------------


def test_a_draft_is_saved_listed_opened_and_deleted(world: World) -> None:
    """By anybody who may send; after signing out, too; with who saved it and when."""
    sender, other = together(world, send=Scope.SEND, admin=Scope.ADMIN)
    location = saved(sender, subject="", html="", recipients=TABLE)
    page = sender.get(location)
    assert f"by {Scope.SEND.value}" in text_of(page)
    assert form_of(page)["name"] == "Spring"
    assert form_of(page)["recipients"] == TABLE
    sender.post("/console/sign-out")
    page = other.get(LIST)
    assert "Spring" in text_of(page)
    assert f'href="{location}"' in page["body"]
    assert form_of(other.get(location))["template_id"] == "news"
    gone = other.post(f"{LIST}/{draft_of(location)}/delete")
    assert (gone["statusCode"], gone["headers"]["Location"]) == (303, LIST)
    assert "There are none" in text_of(other.get(LIST))
    assert other.get(location)["statusCode"] == 404
    assert objects(world) == []


def test_a_draft_may_be_longer_than_an_item(sender: Visitor) -> None:
    """Of DynamoDB, which holds 400 KB."""
    table = "participant_id,address\n" + "\n".join(f"p{n:06},{'x' * 40}" for n in range(15_000))
    location = saved(sender, recipients=table)
    assert form_of(sender.get(location))["recipients"] == table


def test_a_preview_saves_the_draft_and_sending_takes_it_away(
    world: World, post: Post, sender: Visitor
) -> None:
    """What is loaded again is saved once; a second click still finds the same mailing."""
    page = sender.post(f"{PAGE}/look", **DRAFT)
    assert hidden(page)["revision"] == "1"
    page = sender.post(f"{PAGE}/look", **hidden(page) | {"to": "1"})
    assert hidden(page)["revision"] == "1"
    assert len(objects(world)) == 1
    assert "Spring" in text_of(sender.get(LIST))
    first, second = (sender.post(f"{PAGE}/send", **hidden(page)) for _ in range(2))
    assert first["headers"]["Location"] == second["headers"]["Location"]
    assert "There are none" in text_of(sender.get(LIST))
    assert objects(world) == []
    post.run()
    assert len(outbox(world)) == 2


def test_a_draft_that_cannot_be_sent_yet_is_kept_all_the_same(sender: Visitor) -> None:
    """At the preview that says why."""
    page = sender.post(f"{PAGE}/look", **DRAFT | {"name": "", "recipients": ""})
    assert list(faults(page)) == ["name", "recipients"]
    assert "Without a name" in text_of(sender.get(LIST))


def test_of_two_who_write_one_draft_the_second_is_told(world: World, post: Post) -> None:
    """Who saved it meanwhile, by button, preview and script; they keep their text and choose."""
    sender, ben = together(world, ann=Scope.SEND, ben=Scope.ADMIN)
    location = saved(sender)
    mine, theirs = form_of(sender.get(location)), form_of(ben.get(location))
    assert ben.post(f"{PAGE}/save", **theirs | {"name": "Ben's"})["statusCode"] == 303
    for step in ("save", "look"):
        page = sender.post(f"{PAGE}/{step}", **mine | {"name": "Mine"})
        assert page["statusCode"] == 409
        assert "ben saved this draft after you opened it" in text_of(page)
        assert form_of(page)["name"] == "Mine"
    script = sender.post(f"{PAGE}/save", **mine | {"name": "Mine", "auto": "yes"})
    assert script["statusCode"] == 409
    assert "ben saved this draft" in json.loads(script["body"])["said"]
    assert form_of(ben.get(location))["name"] == "Ben's"
    (apart,) = re.findall(r'name="apart" value="(\w+)"', page["body"])
    (over,) = re.findall(r'name="over" value="(\d+)"', page["body"])
    written = mine | {"name": "Mine"}
    own = sender.post(f"{PAGE}/save", **written, apart=apart)["headers"]["Location"]
    assert own != location
    assert form_of(sender.get(own))["name"] == "Mine"
    assert sender.post(f"{PAGE}/save", **written, over=over)["headers"]["Location"] == location
    assert form_of(ben.get(location))["name"] == "Mine"


def test_who_goes_back_may_save_over_what_they_saved_themselves(sender: Visitor) -> None:
    """The form before the preview is of an older revision."""
    first = form_of(sender.get(PAGE)) | DRAFT
    assert sender.post(f"{PAGE}/look", **first)["statusCode"] == 200
    page = sender.post(f"{PAGE}/look", **first | {"name": "Changed"})
    assert page["statusCode"] == 200
    assert hidden(page)["revision"] == "2"


def test_a_draft_that_is_gone_is_not_written_anew(sender: Visitor) -> None:
    """It was sent, perhaps: whoever has it open is told, and may keep theirs."""
    location = saved(sender)
    mine = form_of(sender.get(location)) | {"name": "Mine"}
    sender.post(f"{LIST}/{draft_of(location)}/delete")
    page = sender.post(f"{PAGE}/save", **mine)
    assert page["statusCode"] == 409
    assert "was sent or deleted meanwhile" in text_of(page)
    assert 'name="over"' not in page["body"]
    (apart,) = re.findall(r'name="apart" value="(\w+)"', page["body"])
    assert sender.post(f"{PAGE}/save", **mine, apart=apart)["statusCode"] == 303


def test_the_script_saves_and_is_told_the_revision(sender: Visitor) -> None:
    """Again and again, under one id."""
    fields = form_of(sender.get(PAGE)) | DRAFT | {"auto": "yes"}
    for revision, name in enumerate(("A", "AB", "ABC"), 1):
        answer = sender.post(f"{PAGE}/save", **fields | {"name": name})
        assert answer["statusCode"] == 200
        said = json.loads(answer["body"])
        assert (said["draft"], said["revision"]) == (fields["draft"], revision)
        assert not said["signed_out"]
        fields["revision"] = str(said["revision"])
    assert text_of(sender.get(LIST)).count("ABC") == 2  # its link, and what deletes it


def test_saving_twice_at_once_makes_one_draft(sender: Visitor) -> None:
    """A double click on a form that was never saved."""
    fields = form_of(sender.get(PAGE)) | DRAFT
    answers = [sender.post(f"{PAGE}/save", **fields) for _ in range(2)]
    assert len({answer["headers"]["Location"] for answer in answers}) == 1
    assert "revision=" not in answers[0]["headers"]["Location"]


@pytest.mark.parametrize("draft", ["x", "../plans/x", "0" * 25, "01M8F79V974RN1PS2RD8BA5N2T/x"])
def test_a_draft_has_an_id_of_ours(world: World, sender: Visitor, draft: str) -> None:
    """Another is replaced by a new one, and leads nowhere."""
    location = saved(sender, draft=draft, revision="7")
    assert draft_of(location) != draft
    assert sender.get(f"{PAGE}?draft={draft}")["statusCode"] == 404
    assert all(key.startswith(f"drafts/{draft_of(location)}/") for key in objects(world))


def test_who_may_only_read_sees_no_drafts(world: World) -> None:
    """Nor deletes one."""
    sender, reader = together(world, ann=Scope.SEND, ben=Scope.READ)
    location = saved(sender)
    for answer in (
        reader.get(LIST),
        reader.get(location),
        reader.post(f"{PAGE}/save", **DRAFT),
        reader.post(f"{LIST}/{draft_of(location)}/delete"),
    ):
        assert answer["statusCode"] == 403
    assert sender.post(f"{LIST}/{draft_of(location)}/delete", secret="x")["statusCode"] == 403
    assert sender.get(location)["statusCode"] == 200


def test_drafts_are_a_list_of_pages_at_a_flat_price(world: World, store: DraftStore) -> None:
    """One request, however many there are; names are only text."""
    sender = signed_in(world, Scope.SEND)
    for number in range(30):
        fields = {"name": f'"><script>alert({number})</script>'}
        store.save(new_draft_id(now()), fields, [], revision=0, by=ANN, at=now())
    with Reads() as cost:
        page = sender.get(LIST)
    assert cost.requests == 1
    assert "<script>alert" not in page["body"]
    assert page["body"].count("?draft=") == 25
    following = sender.follow(page, "Next")
    assert following["body"].count("?draft=") == 5


def test_composing_costs_a_few_requests(world: World, post: Post, sender: Visitor) -> None:
    """The templates, and the latest mailings."""
    sender.get(PAGE)
    with Reads() as cost:
        sender.get(PAGE)
    assert cost.requests <= 3


def test_who_saved_and_deleted_is_a_line_of_the_log(
    sender: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    """By the draft's id; nothing is said of what was not changed."""
    location = saved(sender)
    sender.post(f"{PAGE}/save", **form_of(sender.get(location)))
    sender.post(f"{LIST}/{draft_of(location)}/delete")
    lines = [
        (record.action, record.object)
        for record in caplog.records
        if getattr(record, "object", None) == draft_of(location)
    ]
    assert lines == [
        (StaffAction.SAVE_DRAFT, draft_of(location)),
        (StaffAction.DELETE_DRAFT, draft_of(location)),
    ]


# --- the store -------------------------------------------------------------------------------


def kept(outcome: DraftRow | Conflict) -> DraftRow:
    """A draft that was saved."""
    assert isinstance(outcome, DraftRow)
    return outcome


def test_the_store_tells_the_latest_of_others(store: DraftStore) -> None:
    """And nothing of what the writer has seen."""
    draft_id = new_draft_id(now())

    def save(name: str, revision: int, by: Actor) -> DraftRow | Conflict:
        return store.save(draft_id, {"name": name}, [], revision=revision, by=by, at=now())

    assert kept(save("a", 0, ANN)).revision == 1
    assert kept(save("b", 1, BEN)).revision == 2
    stale = save("c", 1, ANN)
    assert isinstance(stale, Conflict)
    assert (stale.by, stale.row and stale.row.revision) == (BEN.text, 2)
    assert kept(save("b", 1, ANN)).revision == 2  # it is what she would save
    assert kept(save("c", 2, ANN)).revision == 3
    assert kept(save("d", 2, ANN)).revision == 4  # her own, in another window
    assert isinstance(save("e", 1, ANN), Conflict)  # a window that has not seen what Ben saved
    content = store.content(kept(save("d", 4, BEN)))
    assert content == {"name": "d"}


def test_a_write_that_fails_half_way_leaves_the_draft_as_it_was(
    world: World, store: DraftStore
) -> None:
    """Content is written before the row that leads to it."""
    draft_id = new_draft_id(now())
    row = kept(store.save(draft_id, {"name": "a"}, [], revision=0, by=ANN, at=now()))
    bucket = world.backend.resources.physical["PlansBucket", ""]
    s3 = world.backend.endpoints.client("s3")
    s3.put_object(Bucket=bucket, Key=f"drafts/{draft_id}/2-orphan.json", Body=b"{}")
    assert store.content(kept_row(store, draft_id)) == {"name": "a"}
    assert kept(store.save(draft_id, {"name": "b"}, [], revision=1, by=ANN, at=now())).revision == 2
    assert store.content(row) is None  # the one before is gone


def kept_row(store: DraftStore, draft_id: str) -> DraftRow:
    """A draft that is there."""
    row = store.row(draft_id)
    assert row
    return row


def test_what_was_saved_since_it_was_sent_stays(store: DraftStore) -> None:
    """Somebody else had gone on writing."""
    draft_id = new_draft_id(now())
    store.save(draft_id, {"name": "a"}, [], revision=0, by=ANN, at=now())
    store.save(draft_id, {"name": "b"}, [], revision=1, by=BEN, at=now())
    store.finish(draft_id, 1)
    assert kept_row(store, draft_id).name == "b"
    store.finish(draft_id, 2)
    assert store.row(draft_id) is None
    store.finish(draft_id, 2)


def test_a_row_expires_and_so_does_what_it_leads_to(world: World, store: DraftStore) -> None:
    """90 days after it was saved; what is in the bucket a while later."""
    draft_id = new_draft_id(now())
    at = "2026-11-27T10:00:00.000Z"
    store.save(draft_id, {"name": "a"}, [], revision=0, by=ANN, at=at)
    table = world.backend.table("Communications")
    item = world.backend.database().get(table, {"communication_id": "#drafts", "part": draft_id})
    assert item
    expires = datetime.fromtimestamp(item["expires_at"], UTC)
    assert expires == datetime(2026, 11, 27, 10, tzinfo=UTC) + timedelta(days=90)
    rules = world.backend.resources.all["PlansBucket"]["Properties"]["LifecycleConfiguration"]
    (rule,) = [each for each in rules["Rules"] if each.get("Prefix") == "drafts/"]
    assert rule["ExpirationInDays"] == 180


# --- a session that has ended ----------------------------------------------------------------


STEPS = ["", "/save", "/recipients", "/look", "/send"]


def lapsed(
    world: World, key: str, *, ago: float = 3600, named: str | None = None
) -> tuple[Visitor, Session]:
    """Somebody whose session ended so many seconds ago."""
    ring = world.wiring.session_keys
    sessions = Sessions(ring, clock=lambda: time.time() - LIFETIME_SECONDS - ago)
    session = sessions.begin(fingerprint(key) if named is None else named)
    visitor = Visitor(world)
    visitor.cookies[COOKIE] = sessions.write(session)
    return visitor, session


@pytest.mark.parametrize("step", STEPS)
def test_a_form_of_a_session_that_has_ended_is_saved_and_nothing_else(
    world: World, post: Post, step: str
) -> None:
    """It leads to sign-in and back to the draft; nothing is sent, shown or read otherwise."""
    key = make_key(world, Scope.SEND)
    visitor, session = lapsed(world, key)
    answer = visitor.post(
        f"{PAGE}{step}", secret=session.form_secret, **DRAFT, once="x" * 32, same_as="news"
    )
    to = answer["headers"]["Location"]
    assert answer["statusCode"] == 303
    assert to.startswith("/console/sign-in?next=")
    assert not answer.get("body")
    post.run()
    assert outbox(world) == []
    page = visitor.get(to)
    assert "Your session has ended" in text_of(page)
    assert "Your session has ended" not in text_of(visitor.get(to))
    back = visitor.sign_in(key, parse_qs(urlsplit(to).query)["next"][0])["headers"]["Location"]
    assert back.startswith(f"{PAGE}?draft=")
    assert form_of(visitor.get(back))["recipients"] == TABLE


def test_a_files_content_is_kept_by_a_session_that_has_ended(world: World, post: Post) -> None:
    """Also what was attached."""
    key = make_key(world, Scope.SEND)
    visitor, session = lapsed(world, key)
    visitor.secret = lambda: session.form_secret  # type: ignore[method-assign]
    files = {"attach": ("plan.pdf", b"%PDF"), "file": ("a.csv", TABLE.encode())}
    to = visitor.upload(f"{PAGE}/look", DRAFT | {"recipients": ""}, files)["headers"]["Location"]
    again = Visitor(world)
    back = again.sign_in(key, parse_qs(urlsplit(to).query)["next"][0])["headers"]["Location"]
    page = again.get(back)
    assert form_of(page)["recipients"] == TABLE
    assert "plan.pdf" in text_of(page)


def test_the_script_is_told_that_the_session_has_ended(world: World) -> None:
    """And what it sent is saved, under the id that it has."""
    visitor, session = lapsed(world, make_key(world, Scope.SEND))
    fields = DRAFT | {"draft": new_draft_id(now()), "revision": "0", "auto": "yes"}
    for name in ("a", "b"):
        fields["name"] = name
        answer = visitor.post(f"{PAGE}/save", secret=session.form_secret, **fields)
        said = json.loads(answer["body"])
        assert (answer["statusCode"], said["signed_out"]) == (200, True)
        assert said["draft"] == fields["draft"]
        fields["revision"] = str(said["revision"])


def test_a_session_that_has_ended_takes_nobodys_draft(world: World) -> None:
    """What others saved meanwhile stays, and theirs is beside it."""
    keys = make_keys(world, ("ann", Scope.SEND), ("ben", Scope.SEND))
    ann, ben = Visitor(world), Visitor(world)
    ann.sign_in(keys[0])
    ben.sign_in(keys[1])
    location = saved(ann)
    mine = form_of(ann.get(location))
    ben.post(f"{PAGE}/save", **mine | {"name": "Ben"})
    visitor, session = lapsed(world, keys[0])
    fields = mine | {"name": "Ann"}
    to = visitor.post(f"{PAGE}/save", secret=session.form_secret, **fields)["headers"]["Location"]
    own = draft_of(parse_qs(urlsplit(to).query)["next"][0])
    assert own != draft_of(location)
    assert form_of(ben.get(location))["name"] == "Ben"
    assert form_of(ben.get(f"{PAGE}?draft={own}"))["name"] == "Ann"


@pytest.mark.parametrize("step", ["/save", "/send"])
@pytest.mark.parametrize(
    "what", ["no secret", "other secret", "too old", "spoilt", "removed", "reader", "nobody's"]
)
def test_no_other_session_that_has_ended_saves_anything(
    world: World, post: Post, what: str, step: str
) -> None:
    """One too long ago, of a key that is gone or may not send, spoilt; or without its secret."""
    key = make_key(world, Scope.READ if what == "reader" else Scope.SEND)
    ago = LAPSED_SECONDS + 60 if what == "too old" else 3600
    visitor, session = lapsed(world, key, ago=ago, named="" if what == "nobody's" else None)
    secret = session.form_secret
    if what == "removed":
        revoke_keys(world)
    if what == "spoilt":
        whole = visitor.cookies[COOKIE]
        visitor.cookies[COOKIE] = ("y" if whole[0] == "x" else "x") + whole[1:]
    if what.endswith("secret"):
        secret = "" if what == "no secret" else secret[::-1]
    answer = visitor.post(f"{PAGE}{step}", secret=secret, **DRAFT, once="x" * 32)
    if what.endswith("secret"):
        assert answer["statusCode"] == 403
    else:
        assert (answer["statusCode"], answer["headers"]["Location"]) == (303, "/console/sign-in")
    assert objects(world) == []


def test_a_session_that_has_ended_does_and_shows_nothing_else(world: World) -> None:
    """Neither a page nor any other form."""
    key = make_key(world, Scope.ADMIN)
    visitor, session = lapsed(world, key)
    cookie = visitor.cookies[COOKIE]
    for path in ("/console/communications", LIST, PAGE, "/console/suppressions"):
        assert "sign-in" in visitor.get(path)["headers"]["Location"]
    draft = new_draft_id(now())
    for path in (
        "/console/suppressions",
        f"{LIST}/{draft}/delete",
        f"{PAGE}/preview",
        "/console/sign-out",
        "/console/participants/ann/subscription",
    ):
        visitor.cookies[COOKIE] = cookie
        answer = visitor.post(path, secret=session.form_secret, **DRAFT, address="a@example.com")
        assert answer["statusCode"] in (303, 404)
        assert answer.get("headers", {}).get("Location", "/console/sign-in") == "/console/sign-in"
    assert Api(world)("/v1/suppressions")["json"]["items"] == []
    assert objects(world) == []


def test_a_form_is_read_only_once_it_is_known_whose_it_is(world: World) -> None:
    """One that is far too large is refused to whoever may send one, and not looked at otherwise."""
    large = "x" * 5_500_000
    visitor, _ = lapsed(world, make_key(world, Scope.SEND))
    kind = "application/x-www-form-urlencoded"
    assert visitor.send(f"{PAGE}/save", large, kind)["statusCode"] == 422
    for other in (Visitor(world), lapsed(world, make_key(world, Scope.READ))[0]):
        assert other.send(f"{PAGE}/save", large, kind)["statusCode"] == 303


# --- what a mailing is made of -----------------------------------------------------------------


def test_a_workbook_takes_the_place_of_the_table(sender: Visitor) -> None:
    """Its first sheet, which is said; on the preview, too."""
    rows = [["participant_id", "address", "name"], ["007", GOOD, "Zoë"]]
    page = sender.upload(f"{PAGE}/look", DRAFT, {"file": ("a.xlsx", workbook(*rows, sheets=3))})
    assert "As 007 reads it" in text_of(page)
    assert "News for Zoë" in text_of(page)
    assert "The first sheet, “Members”, was read; 2 other sheets were not." in text_of(page)
    broken = workbook(*rows)[:-60]
    page = sender.upload(f"{PAGE}/save", DRAFT, {"file": ("a.xlsx", broken)})
    assert page["statusCode"] == 422
    assert form_of(page)["recipients"] == TABLE
    assert list(faults(page)) == ["recipients"]


def earlier(world: World, post: Post) -> str:
    """A mailing to four: one opens it, one clicks too, one bounces, one does nothing."""
    said = post.send(
        name="Last month",
        template_id="news",
        kind="news",
        recipients=[
            {
                "participant_id": person,
                "address": address,
                "data": {"name": person, "n": 7, "l": [1]},
            }
            for person, address in (
                ("ann", "success+ann@simulator.amazonses.com"),
                ("ben", "success+ben@simulator.amazonses.com"),
                ("cleo", "bounce+cleo@simulator.amazonses.com"),
                ("dan", "success+dan@simulator.amazonses.com"),
            )
        ],
    )
    post.run()
    communication_id: str = said["communication_id"]
    return communication_id


def test_recipients_are_taken_by_what_happened_to_them(
    world: World, post: Post, sender: Visitor
) -> None:
    """Ann opened it, Ben opened it and clicked, to Cleo it bounced, and Dan did nothing."""
    communication_id = earlier(world, post)
    for mail in outbox(world):
        reader = Reader(world, mail["html"])
        (to,) = mail["destination"]
        if "+ann" in to or "+ben" in to:
            reader("o")
        if "+ben" in to:
            reader("c")
    post.answer()
    wanted = {
        "opened": ["ann", "ben"],
        "not_opened": ["dan"],
        "clicked": ["ben"],
        "opened_not_clicked": ["ann"],
        "not_bounced": ["ann", "ben", "dan"],
        "not_reached": ["cleo"],
        "everybody": ["ann", "ben", "cleo", "dan"],
    }
    assert set(wanted) == set(Audience)
    found = {}
    for who in wanted:
        source = {"same_as": communication_id, "same_who": who}
        page = sender.post(f"{PAGE}/recipients", **DRAFT | source)
        found[who] = [line.split(",")[0] for line in form_of(page)["recipients"].split()[1:]]
    assert found == wanted


def test_recipients_are_read_in_pages_of_a_hundred_at_a_flat_price(
    world: World, post: Post, sender: Visitor
) -> None:
    """Two requests each; of a mailing that others sent, whoever that went to, as far as 150."""
    world.ingest([mail_to(number).send() for number in range(151)])
    world.fold()
    source = {"same_as": "elsewhere", "recipients": ""}
    page = sender.post(f"{PAGE}/recipients", **DRAFT | source)
    assert "More than 150 recipients" in faults(page)["same_as"]
    with Reads() as without:
        sender.post(PAGE, **DRAFT)
    with Reads() as cost:
        page = sender.post(f"{PAGE}/recipients", **DRAFT | source | {"same_who": "not_reached"})
    assert faults(page)["same_as"].startswith("Nobody")
    assert cost.requests - without.requests <= 2 * 2 + 2  # and what the mailing is
    world.ingest([mail_to(number).bounce(from_epoch_ms(1_795_170_700_000)) for number in (3, 120)])
    world.fold()
    page = sender.post(f"{PAGE}/recipients", **DRAFT | source | {"same_who": "not_reached"})
    assert form_of(page)["recipients"] == "participant_id\np3\np120\n"
    assert "What was merged into their mail is not kept here" in text_of(page)


def mail_to(number: int) -> Mail:
    """A mail that somebody else sent."""
    tags = {"participant_id": f"p{number}", "communication_id": "elsewhere"}
    at = from_epoch_ms(1_795_170_600_000 + number)
    return Mail(f"ses-{number}", at, [f"p{number}@example.com"], tags=tags)


def test_the_same_recipients_are_taken_with_their_fields(
    world: World, post: Post, sender: Visitor
) -> None:
    """At the preview, or into the form by a button; what no table holds is said."""
    communication_id = earlier(world, post)
    assert f'<option value="{communication_id}"' in sender.get(PAGE)["body"]
    assert (
        f'value="{communication_id}" selected'
        in (sender.get(f"{PAGE}?same_as={communication_id}")["body"])
    )
    source = {"recipients": "", "same_as": communication_id, "same_who": "everybody"}
    page = sender.post(f"{PAGE}/recipients", **DRAFT | source)
    assert form_of(page)["recipients"].split("\n")[:2] == ["participant_id,name,n", "ann,ann,7"]
    assert "4 of “Last month”, all of its recipients, as of now." in text_of(page)
    assert "Not in a table, and left out: l." in text_of(page)
    page = sender.post(f"{PAGE}/look", **DRAFT | source | {"same_who": "not_bounced"})
    assert page["statusCode"] == 200
    assert "3 of “Last month”, those to whom it was sent and did not bounce" in text_of(page)
    assert "News for ann" in text_of(page)
    assert "cleo" not in hidden(page)["recipients"]
    page = sender.post(f"{PAGE}/look", **DRAFT | source | {"same_who": "not_reached"})
    assert "cleo" in hidden(page)["recipients"]
    assert "Nobody would get it" in text_of(page)  # she is suppressed


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"same_as": "none"}, "There is no such mailing"),
        ({"same_as": "../x y"}, "There is no such mailing"),
        ({"same_as": "#drafts"}, "There is no such mailing"),
        ({"same_who": "best"}, "&#39;best&#39; is none"),
        ({"same_who": "clicked"}, "Nobody: that mailing has none of those"),
    ],
)
def test_what_cannot_be_taken_is_said_and_the_table_stays(
    world: World, post: Post, sender: Visitor, source: dict[str, str], said: str
) -> None:
    """At the field, with the choice as it was."""
    communication_id = earlier(world, post)
    page = sender.post(f"{PAGE}/look", **DRAFT | {"same_as": communication_id} | source)
    assert page["statusCode"] == 422
    assert said in page["body"]
    assert list(faults(page)) == ["same_as"]
    assert form_of(page)["recipients"] == TABLE


def test_attachments_are_kept_with_the_draft(world: World, sender: Visitor) -> None:
    """Added, shown before sending, removed; the form need not bring them again."""
    page = sender.upload(f"{PAGE}/look", DRAFT, {"attach": ("Plan für März.pdf", b"%PDF-1")})
    assert "Plan für März.pdf 6 bytes" in text_of(page)
    assert "1 attachment" in text_of(page)
    form = sender.post(PAGE, **hidden(page))
    assert "Plan für März.pdf" in text_of(form)
    again = sender.post(f"{PAGE}/look", **form_of(form))
    assert "Plan für März.pdf" in text_of(again)
    files = [key for key in objects(world) if "/files/" in key]
    assert len(files) == 1
    (digest,) = re.findall(r'name="remove" value="(\w+)"', form["body"])
    gone = sender.post(f"{PAGE}/save", **form_of(form), remove=digest)
    assert "Plan für März.pdf" not in text_of(sender.get(gone["headers"]["Location"]))
    assert not [key for key in objects(world) if "/files/" in key]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("run.exe", b"x", "end in .exe"),
        ("empty.pdf", b"", "the file is empty"),
        ("none", b"x", "has no extension"),
        ("large.pdf", b"x" * (3 * 1024 * 1024 + 1), "at most 3 MB"),
    ],
)
def test_an_attachment_that_may_not_be_sent_is_not_kept(
    world: World, sender: Visitor, name: str, content: bytes, said: str
) -> None:
    """And the page says why, beside everything else that is wrong."""
    page = sender.upload(f"{PAGE}/look", DRAFT | {"name": ""}, {"attach": (name, content)})
    assert page["statusCode"] == 422
    assert list(faults(page)) == ["name", "attachments"]
    assert said in faults(page)["attachments"]
    assert not [key for key in objects(world) if "/files/" in key]


@pytest.mark.parametrize(
    "given",
    ["x", "[1]", '[["a"]]', "{}", '[["a","b",1,"../../plans/x"]]', "[" * 5000, '[["a","b",1,2]]'],
)
def test_a_list_of_attachments_that_is_none_is_refused(sender: Visitor, given: str) -> None:
    """It is read in one form alone."""
    for step in STEPS:
        page = sender.post(f"{PAGE}{step}", **DRAFT, attachments=given, once="x" * 32)
        assert page["statusCode"] == 422
        assert "This form is not whole" in text_of(page)


def test_an_attachment_that_is_not_kept_any_more_is_told(sender: Visitor) -> None:
    """Nothing is sent without it."""
    gone = json.dumps([["a.pdf", "application/pdf", 1, "0" * 64]])
    page = sender.post(f"{PAGE}/look", **DRAFT, attachments=gone)
    assert faults(page) == {
        "attachments": "“a.pdf” is not kept any more; remove it, and add it again."
    }


def test_a_time_to_send_is_said_in_words(sender: Visitor) -> None:
    """In its own zone and in UTC."""
    on = datetime.now(UTC) + timedelta(days=5)
    when = {"send_on": f"{on:%Y-%m-%d}", "send_time": "09:00", "zone": "Asia/Kolkata"}
    page = sender.post(f"{PAGE}/look", **DRAFT | when)
    day = f"{on:%A} {on.day} {on:%B} {on.year}"
    assert f"To be sent {day}, 09:00 Asia/Kolkata (03:30 UTC)" in text_of(page)
    assert "Schedule for 2" in text_of(page)
    assert form_of(sender.post(PAGE, **hidden(page)))["zone"] == "Asia/Kolkata"


@pytest.mark.parametrize(
    ("when", "field", "said"),
    [
        ({"send_on": "2099-01-01"}, "send_time", "A day and a time are needed"),
        ({"send_time": "09:00"}, "send_on", "A day and a time are needed"),
        ({"send_on": "x", "send_time": "09:00"}, "send_on", "is no day"),
        ({"send_on": "2099-01-01", "send_time": "9"}, "send_time", "is no time"),
        ({"send_on": "2020-01-01", "send_time": "09:00"}, "send_on", "past"),
        ({"send_on": "2099-01-01", "send_time": "09:00"}, "send_on", "days ahead"),
        (
            {"send_on": "2099-01-01", "send_time": "09:00", "zone": "../../etc/passwd"},
            "zone",
            "no time zone",
        ),
    ],
)
def test_a_time_that_cannot_be_is_said_at_its_field(
    sender: Visitor, when: dict[str, str], field: str, said: str
) -> None:
    """With everything as it was filled in."""
    page = sender.post(f"{PAGE}/look", **DRAFT | {"zone": "UTC"} | when)
    assert page["statusCode"] == 422
    assert list(faults(page)) == [field]
    assert said in faults(page)[field]
    assert f'href="#{field}"' in page["body"]


def test_all_that_is_wrong_with_every_part_is_one_list(sender: Visitor) -> None:
    """In the order of the form, each a link to its field; the input stays."""
    draft = OWN | {
        "name": "",
        "subject": "{{ x",
        "text": "x",
        "recipients": "participant_id\nno id",
        "send_on": "2020-01-01",
        "send_time": "09:00",
        "zone": "UTC",
        "reply_to": "nobody",
    }
    page = sender.upload(f"{PAGE}/look", draft, {"attach": ("a.exe", b"x")})
    fields = ["name", "subject", "recipients", "attachments", "send_on", "reply_to"]
    (alert,) = re.findall(r'<div class="error" role="alert">(.*?)</div>', page["body"], re.S)
    assert re.findall(r'href="#(\w+)"', alert) == fields
    assert sorted(told(page)) == sorted(fields)
    for field in fields:
        assert f'id="{field}"' in page["body"]
    assert form_of(page)["reply_to"] == "nobody"


def test_enter_previews_whatever_field_it_is_pressed_in(sender: Visitor) -> None:
    """The first button of a form is what browsers press: that of no half-finished step."""
    body = sender.get(PAGE)["body"]
    form = body[body.index('<form class="compose"') :]
    first = re.search(r"<button[^>]*>([^<]*)", form)
    assert first
    assert first[1] == "Preview"
    assert "formaction" not in first[0]
    assert "novalidate" in form


def test_the_safe_thing_is_the_main_one_for_what_looks_like_spam(sender: Visitor) -> None:
    """To edit it; to allow it is the other."""
    page = sender.post(f"{PAGE}/look", **OWN | SPAM)
    (main,) = re.findall(r'<button class="main"[^>]*>([^<]*)', page["body"])
    assert main == "Edit"
    assert "Allow it, and preview again" in page["body"]


def test_a_hostile_form_is_only_text(sender: Visitor) -> None:
    """In every field, in the form, the list and the page before sending."""
    bad = "\u202e\U0001f4a3\"'><script>alert(1)</script>" + "x" * 150
    fields = dict.fromkeys(FIELDS, bad) | {"attachments": ""}
    page = sender.upload(f"{PAGE}/look", fields, {"attach": (f"{bad[:60]}.pdf", b"x")})
    assert page["statusCode"] == 422
    for each in (page, sender.get(LIST)):
        assert "<script>alert" not in each["body"]
