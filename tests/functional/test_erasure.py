"""Erasing a person: no trace of them is left in any table, object or queue, and all figures stay."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from local.notifications import Mail
from sendtrail.auth.api_keys import Scope
from sendtrail.domain.actors import Actor
from sendtrail.domain.erasure import is_erased
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.domain.ids import derived_message_id
from sendtrail.domain.times import epoch_ms, from_epoch_ms, now
from sendtrail.errors import NotFoundError
from sendtrail.log.fallback import UNSAVED
from sendtrail.log.serialization import serialize
from sendtrail.rights.erasing import Erasure, ErasureState
from sendtrail.sending.plan_store import ATTACHMENTS
from sendtrail_cli.main import main
from sendtrail_cli.rebuild import rebuild
from sendtrail_cli.target import Target
from tests.functional.conftest import Backend
from tests.functional.reader import FIREFOX, Reader
from tests.functional.sending import NEWS, Post, outbox
from tests.functional.test_console import signed_in
from tests.functional.test_console_compose import PAGE
from tests.functional.test_later_and_stopped import comes_due, plan_job
from tests.functional.visitor import Visitor
from tests.functional.world import World, sqs_event
from tests.traces import forms_of, held, traces

BY = Actor("key", "0f3a", "Front office")
JANE = "Jane.Quibbleworth@quibble.example"


class Quibbles:
    """A stack in which Jane was written to, and did what people do; and Bo, beside her."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.post = Post(world)
        self.api = self.post.api
        self.messages: list[str] = []

    def live(self) -> None:
        """What happens before she is erased."""
        api = self.api
        jane = {"participant_id": "jane-q7", "address": JANE, "data": {"name": "Jane Quibbleworth"}}
        bo = {"participant_id": "bo", "address": "bo@else.example", "data": {"name": "Bo"}}
        api("/v1/templates/news", "PUT", NEWS)
        for name in ("First", "Second"):
            draft = {"name": name, "template_id": "news", "kind": "newsletter"}
            self.post.send(**draft, recipients=[jane, bo], copy_to=["staff@society.example"])
        file = {
            "name": "bill.txt",
            "content_type": "text/plain",
            "content": base64.b64encode(b"A bill for Jane Quibbleworth").decode(),
        }
        direct = {
            **jane,
            "kind": "invoice",
            "subject": "Your bill, Jane Quibbleworth",
            "html": "<p>Dear Jane Quibbleworth, here is your bill.</p>",
            "attachments": [file],
        }
        direct.pop("data")
        answer = api("/v1/messages", "POST", direct)
        assert answer["statusCode"] == 202, answer
        self.post.run()
        api("/v1/participants/jane-q7", "PUT", {"name": "Jane Quibbleworth"})
        api(f"/v1/participants/jane-q7/addresses/{JANE}", "PUT")
        api("/v1/participants/jane-q7/subscription", "PUT", {"subscribed": False})
        self.world.fold()

    def erase(self, who: str = "jane-q7") -> Erasure:
        """Has her erased, to the end."""
        asked = self.world.wiring.erasing.request(who, by=BY)
        for _ in range(100):
            for record in self.post.received(self.queue):
                self.world.call("erase", {"Records": [record]})
            self.world.fold()
            found = self.world.wiring.erasing.status(asked.erasure_id)
            if found.state is ErasureState.DONE:
                return found
            # The next pass comes a quarter of an hour later.
            self.world.wiring.send_to(self.queue)(asked.erasure_id)
        raise AssertionError(f"it does not end: {found}")

    @property
    def queue(self) -> str:
        """The URL of the queue of erasures."""
        return self.world.backend.resources.physical["EraseQueue", ""]

    def figures(self) -> dict[str, Any]:
        """All that is counted."""
        listed = self.api.everything("/v1/communications")
        mailings = {
            each["communication_id"]: self.api(f"/v1/communications/{each['communication_id']}")[
                "json"
            ]
            for each in listed
        }
        return {"mailings": mailings, "overview": self.api("/v1/overview")["json"]["days"]}


@pytest.fixture
def quibbles(world: World) -> Quibbles:
    """Everything has happened."""
    made = Quibbles(world)
    made.live()
    return made


def test_nothing_of_a_person_is_left_but_hashes(quibbles: Quibbles, backend: Backend) -> None:
    """In any table, object or queue; and each figure is what it was."""
    forms = forms_of("jane-q7", "Quibbleworth", "quibble.example", addresses=[JANE])
    before = quibbles.figures()
    assert len(traces(held(backend.resources, backend.endpoints), forms)) > 20

    done = quibbles.erase()

    assert traces(held(backend.resources, backend.endpoints), forms) == []
    assert quibbles.figures() == before
    assert is_erased(done.erasure_id)
    assert done.counts["messages"] == 3
    assert done.counts["plans"] == 3
    assert done.counts["attachments"] == 1
    assert {trace.where.value for trace in done.traces} == {"stream", "queues", "logs", "backups"}


def test_figures_stay_after_a_rebuild(quibbles: Quibbles, here: Any) -> None:
    """They are counted anew from what is left."""
    before = quibbles.figures()
    quibbles.erase()
    rebuild(Target.of(None), wait=0)
    quibbles.world.restart("project")
    quibbles.world.fold()
    assert quibbles.figures() == before


def test_what_comes_late_leaves_no_trace_and_a_refusal_holds(
    quibbles: Quibbles, backend: Backend
) -> None:
    """SES says it again, a link in her mail is followed, her address is written to once more."""
    before = quibbles.figures()
    mail = next(each for each in outbox(quibbles.world) if "/u/" in (each.get("html") or ""))
    quibbles.erase()
    for name in ("project", "dispatch", "preferences", "api"):  # as a minute later
        quibbles.world.restart(name)
    reader = Reader(quibbles.world, mail["html"])
    assert reader("u")["statusCode"] == 200
    assert reader("u", method="POST", body="List-Unsubscribe=One-Click")["statusCode"] == 200
    assert reader("o")["statusCode"] == 200
    quibbles.world.fold()
    forms = forms_of("jane-q7", "Quibbleworth", "quibble.example", addresses=[JANE])
    assert traces(held(backend.resources, backend.endpoints), forms) == []
    assert quibbles.figures()["overview"][0]["sent"] == before["overview"][0]["sent"]
    again = {"participant_id": "new", "address": JANE, "data": {"name": "J"}}
    said = quibbles.post.send(name="Third", template_id="news", kind="news", recipients=[again])
    quibbles.post.run()
    path = f"/v1/communications/{said['communication_id']}"
    assert quibbles.api(path)["json"]["dropped_by_reason"] == {"unsubscribed": 1}


def test_what_commands_bring_back_late_leaves_no_trace_and_a_refusal_holds(
    quibbles: Quibbles, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An open that was in a log alone, and a complaint and a hit among dead letters."""
    world, backend = quibbles.world, quibbles.world.backend
    before = quibbles.figures()
    listed = quibbles.api("/v1/participants/jane-q7/messages")["json"]["items"]
    message = next(each for each in listed if each["communication_id"])
    logged = next(
        event
        for event in backend.logged()
        if event.message_id == message["message_id"] and event.type is EventType.SEND
    )
    recipient = Recipient(
        logged.message_id, logged.participant_id, logged.communication_id, logged.address
    )
    told = {"user_agent": FIREFOX, "ip": "192.0.2.0", "sent_at": message["sent_at"]}
    opens = [
        serialize(Event.of_request(EventType.OPEN, recipient, now(), f"request-{number}", told))
        for number in range(2)
    ]
    mail = Mail(
        "ses-late",
        message["sent_at"],
        [JANE],
        tags={
            "participant_id": "jane-q7",
            "message_id": message["message_id"],
            "communication_id": message["communication_id"],
        },
    )
    quibbles.erase()
    for name in ("project", "ingest", "dispatch", "api"):  # as a minute later
        world.restart(name)

    sqs, physical = backend.endpoints.client("sqs"), backend.resources.physical
    for body in (opens[0], json.dumps(mail.complaint(now()))):
        sqs.send_message(QueueUrl=physical["IngestDlq", ""], MessageBody=body)
    log = here / "track.log"
    log.write_text(json.dumps({"message": UNSAVED, "event": opens[1]}) + "\n")
    capsys.readouterr()
    assert main(["redrive"]) == 0
    assert main(["recover", str(log)]) == 0
    assert "2 brought back\n" in capsys.readouterr().out
    log.unlink()
    for queue in ("IngestQueue", "HitsQueue"):
        bodies = [each["body"] for each in quibbles.post.received(physical[queue, ""])]
        assert world.call("ingest", sqs_event(bodies)) == {"batchItemFailures": []}
    for _ in range(3):  # what is moved is in the stream, too
        world.fold()

    forms = forms_of("jane-q7", "Quibbleworth", "quibble.example", addresses=[JANE])
    assert traces(held(backend.resources, backend.endpoints), forms) == []
    name = message["communication_id"]
    after = quibbles.figures()["mailings"][name]
    assert after["spammed"] == before["mailings"][name]["spammed"] + 1
    assert after["opened"] == before["mailings"][name]["opened"] + 1
    again = {"participant_id": "new", "address": JANE, "data": {"name": "J"}}
    said = quibbles.post.send(name="Third", template_id="news", kind="news", recipients=[again])
    quibbles.post.run()
    dropped = quibbles.api(f"/v1/communications/{said['communication_id']}")["json"]
    assert dropped["dropped_by_reason"] == {"previously_spammed": 1}


def test_an_export_has_everything(quibbles: Quibbles) -> None:
    """Profile, addresses, messages with what was merged into them, and what staff did."""
    found = quibbles.world.wiring.person_export.whole("jane-q7")
    assert found["profile"]["name_change"]["name"] == "Jane Quibbleworth"
    assert found["addresses"][0]["address"] == JANE
    assert len(found["messages"]) == 3
    assert {m["planned"]["subject"] for m in found["messages"]} == {
        "News for Jane Quibbleworth",
        "Your bill, Jane Quibbleworth",
    }
    assert found["events"]
    json.dumps(found)


def test_nobody_is_not_erased(world: World) -> None:
    """Of whom nothing is known."""
    with pytest.raises(NotFoundError):
        world.wiring.erasing.request("nobody", by=BY)
    with pytest.raises(NotFoundError):
        world.wiring.person_export.page("nobody")


# --- a person who did more -----------------------------------------------------------------------

BOUNCES = "bounce+quibbleworth@simulator.amazonses.com"
HOME = "complaint+home@simulator.amazonses.com"
"""The address that Jane shares with Kim, who complains there."""
MERGED = {
    "subject": "For {{ name }}",
    "html": (
        "<html><body><p>Dear {{ name }},</p><p>here is "
        '<a href="https://society.example/of?reader={{ name }}">what is yours alone</a>, and there '
        "is a lot more to tell, which we hope to do at one of our evenings.</p>"
        '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>'
    ),
}
JANES = "/console/participants/jane-q7"
TEXT = {"subject": "For all", "text": "This is for all of you, whoever you are."}
WORDS = forms_of("jane-q7", "Quibbleworth", "quibble.example", addresses=[JANE, BOUNCES])


def file_of(name: str, content: bytes) -> dict[str, str]:
    """A text file, as a message has it attached."""
    encoded = base64.b64encode(content).decode()
    return {"name": name, "content_type": "text/plain", "content": encoded}


def refuse_and_share(quibbles: Quibbles) -> dict[str, str]:
    """Jane bounces, reads a link of her own, and has an address, a file and a draft with others;
    one more mailing waits for its time. Returns the ids of the mailings, by their names.
    """
    api, post, world = quibbles.api, quibbles.post, quibbles.world
    jane = {"participant_id": "jane-q7", "data": {"name": "Jane Quibbleworth"}}
    bo = {"participant_id": "bo", "address": "bo@else.example", "data": {"name": "Bo"}}
    kim = {"participant_id": "kim", "address": HOME, "data": {"name": "Kim"}}
    api("/v1/templates/merged", "PUT", MERGED)
    lists: dict[str, list[dict[str, Any]]] = {
        "Bounced": [jane | {"address": BOUNCES}, bo],
        "Read": [jane | {"address": "jane@quibble.example"}, bo],
        "Shared": [jane | {"address": HOME}, bo],
        "After": [kim, bo],
    }
    # Whoever is registered at an address has all that happens there.
    for who in ("jane-q7", "kim"):
        assert api(f"/v1/participants/{who}/addresses/{HOME}", "PUT")["statusCode"] < 300
    api("/v1/participants/jane-q7/subscription", "PUT", {"subscribed": True})
    ids = {}
    for name, recipients in lists.items():
        draft = {"name": name, "template_id": "merged", "kind": "newsletter"}
        ids[name] = post.send(**draft, recipients=recipients)["communication_id"]
        post.run()
    shown = next(each for each in outbox(world) if "jane@quibble" in str(each["destination"]))
    assert Reader(world, shown["html"])("c")["statusCode"] == 302
    shared = next(each for each in outbox(world) if HOME in str(each["destination"]))
    reader = Reader(world, shared["html"])
    assert reader("u", method="POST", body="List-Unsubscribe=One-Click")["statusCode"] == 200
    for to in (jane | {"address": JANE}, bo):
        both = file_of("terms.txt", b"The terms, which are for all")
        own = file_of("own.txt", f"For {to['participant_id']} alone".encode())
        letter = {**to, "kind": "letter", **TEXT, "attachments": [both, own]}
        letter.pop("data")
        assert api("/v1/messages", "POST", letter)["statusCode"] == 202
    post.run()
    read_elsewhere(world)
    later = from_epoch_ms(epoch_ms(now()) + 3 * 86_400_000)
    waits = {"template_id": "merged", "kind": "newsletter", "send_at": later}
    people = [jane | {"address": JANE}, bo]
    ids["Later"] = post.send(name="Later", **waits, recipients=people)["communication_id"]
    post.run()
    return ids


def read_elsewhere(world: World) -> None:
    """A mailing of others' is read, of which each reader's link is another; by SES's own counting."""
    for number, (who, address) in enumerate((("jane-q7", JANE), ("bo", "bo@else.example"))):
        at = now()
        tags = {
            "participant_id": who,
            "message_id": derived_message_id(at, f"ses-{who}", address),
            "communication_id": "others",
            "kind": "newsletter",
        }
        mail = Mail(f"ses-{who}", at, [address], "Of others", tags=tags)
        link = f"https://others.example/read?of={who}"
        read_at = from_epoch_ms(epoch_ms(at) + 300_000 * (number + 1))
        world.ingest([mail.send(), mail.delivery(at), mail.click(read_at, link, FIREFOX)])
    world.fold()


def attachments(quibbles: Quibbles) -> list[bytes]:
    """The content of all files of messages."""
    s3 = quibbles.world.backend.endpoints.client("s3")
    bucket = quibbles.world.backend.resources.physical["PlansBucket", ""]
    found = s3.list_objects_v2(Bucket=bucket, Prefix=ATTACHMENTS).get("Contents", ())
    return [s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in found]


def bare(figures: dict[str, Any]) -> Any:
    """Figures without the part of links that tells of one reader; links of like figures are in the
    order of their URLs.
    """
    found = json.loads(re.sub(r"\?of=jane-q7", "", json.dumps(figures)))
    for mailing in found["mailings"].values():
        mailing["links"].sort(key=lambda link: link["url"])
    return found


def save_draft(quibbles: Quibbles) -> Visitor:
    """Somebody of staff saves a draft for Jane and others, who come by a file, and notes that she
    called; their visit.
    """
    sender = signed_in(quibbles.world, Scope.ADMIN)
    assert sender.post(f"{JANES}/interactions", kind="call")["statusCode"] == 303
    assert sender.post("/console/suppressions", address=BOUNCES, note="x")["statusCode"] == 303
    quibbles.world.fold()
    table = (
        f"participant_id,address,name\njane-q7,{JANE},Jane Quibbleworth\n"
        "bo,bo@else.example,Bo\nq7,q7@else.example,Another\n"
    )
    form = {
        "name": "For jane-q7",
        "kind": "newsletter",
        "subject": "For all",
        "text": f"For all but one.\nAsk <{JANE}>, or jane-q7.\nThank you.",
    }
    page = sender.upload(f"{PAGE}/save", form, {"file": ("people.csv", table.encode())})
    assert page["statusCode"] == 303
    return sender


def test_refusals_shares_drafts_and_what_waits_are_erased(
    quibbles: Quibbles, backend: Backend
) -> None:
    """No trace of any is left, each figure is what it was, and what is others' stays theirs."""
    ids = refuse_and_share(quibbles)
    sender = save_draft(quibbles)
    api = quibbles.api
    acts = api("/v1/staff/acts", limit=100)["json"]["items"]
    before = quibbles.figures()
    assert any(each["object_id"] == "jane-q7" for each in acts)
    bounced = f"/v1/communications/{ids['Bounced']}/recipients"
    assert [each["participant_id"] for each in api(bounced, status="bounced")["json"]["items"]] == [
        "jane-q7"
    ]
    assert api(f"/v1/suppressions/{BOUNCES}")["json"]["reason"] == "bounced"
    files = attachments(quibbles)
    assert any(b"For jane-q7 alone" in each for each in files)

    done = quibbles.erase()

    assert traces(held(backend.resources, backend.endpoints), WORDS) == []
    assert bare(quibbles.figures()) == bare(before)
    assert done.shared == 1
    # She unsubscribed at each of three; one bounces, and staff suppressed it, too.
    assert done.counts["refusals"] == 5
    assert (done.counts["suppressions"], done.counts["drafts"]) == (1, 1)
    assert done.counts["acts"] == 2
    # The lists lead to where her messages are, and staff's acts to whom they are of now.
    (listed,) = api(bounced, status="bounced")["json"]["items"]
    assert is_erased(listed["participant_id"])
    told = api("/v1/staff/acts", limit=100)["json"]["items"]
    of = {each["action"]: each["object_id"] for each in told}
    assert of["record_interaction"] == done.erasure_id
    assert is_erased(of["suppress"])
    # Of the files, those stay that went to others too.
    left = attachments(quibbles)
    assert sorted(set(files) - set(left)) == [b"A bill for Jane Quibbleworth", b"For jane-q7 alone"]
    # Bo's links and Kim's refusal stay.
    assert api(f"/v1/suppressions/{HOME}")["json"]["reason"] == "spammed"
    assert api("/v1/participants/kim")["json"]["address"] == HOME
    # Of the draft, the lines of her are gone, and nobody else's.
    page = sender.follow(sender.get("/console/drafts"), "For ?")["body"]
    assert "bo,bo@else.example,Bo" in page
    assert "q7,q7@else.example,Another" in page
    assert "For all but one.\nThank you." in page


def test_what_waits_is_sent_to_all_others(quibbles: Quibbles) -> None:
    """At its time; to whom was erased it is dropped, as what was stopped is."""
    ids = refuse_and_share(quibbles)
    quibbles.erase()
    sent = len(outbox(quibbles.world))
    comes_due(quibbles.post, ids["Later"])
    plan_job(quibbles.post, ids["Later"])
    quibbles.post.run()
    found = quibbles.api(f"/v1/communications/{ids['Later']}")["json"]
    assert (found["recipients"], found["sent"]) == (2, 1)
    assert found["dropped_by_reason"] == {"stopped": 1}
    assert [each["destination"] for each in outbox(quibbles.world)[sent:]] == [["bo@else.example"]]


def test_a_refusal_holds_for_whoever_comes_and_is_lifted(quibbles: Quibbles) -> None:
    """The address is dropped by its hash, for the reason that it was refused for, until staff lift
    it; whoever comes with it is somebody new.
    """
    refuse_and_share(quibbles)
    quibbles.erase()
    api, world = quibbles.api, quibbles.world
    for name in ("api", "dispatch", "project"):  # as a minute later
        world.restart(name)
    assert api("/v1/participants/jane-q7", "PUT", {"name": "Jane II"})["statusCode"] < 300
    assert api(f"/v1/participants/jane-q7/addresses/{BOUNCES}", "PUT")["statusCode"] < 300
    world.fold()
    again = {"participant_id": "jane-q7", "address": BOUNCES, "data": {"name": "Jane II"}}
    draft = {"template_id": "news", "kind": "newsletter", "recipients": [again]}

    def outcome(name: str) -> dict[str, Any]:
        said = quibbles.post.send(name=name, **draft)
        quibbles.post.run()
        found: dict[str, Any] = api(f"/v1/communications/{said['communication_id']}")["json"]
        return found

    assert outcome("Again")["dropped_by_reason"] == {"previously_bounced": 1}
    lifted = api(f"/v1/suppressions/{BOUNCES}", "DELETE")
    assert lifted["json"]["lifted"] is True
    assert outcome("Lifted")["sent"] == 1
    (known,) = api("/v1/participants/jane-q7/addresses")["json"]["items"]
    assert known["address"] == BOUNCES
    assert [each["subject"] for each in api.everything("/v1/participants/jane-q7/messages")] == [
        "News for Jane II",
        "News for Jane II",
    ]
