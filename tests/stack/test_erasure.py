"""A person who is erased in the running stack: what is left of them in all that it holds, its
functions' logs among it.

A pass follows another after some seconds here, by the setting `ERASURE_PASS_SECONDS`, and processes
go by what they have read for less than that (`ERASURES_CACHE_SECONDS`). The outbox is not searched:
it is the recipients' own mailboxes, and no part of Sendtrail. Nor is the stream, which keeps what
changed for a day.
"""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Iterator
from functools import partial
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from local.paths import LOGS, ROOT
from local.template import Resources, load
from sendtrail.auth.audit import STAFF
from sendtrail.domain.actors import Actor
from sendtrail.domain.erasure import is_erased
from sendtrail.domain.times import now
from sendtrail.sending.draft_store import new_draft_id
from sendtrail.wiring import Wiring
from tests.stack.conftest import Stack
from tests.stack.test_sending import HTML, mails_of, paths
from tests.traces import forms_of, held, traces

PERSON = "jane-q7"
NAME = "Jane Quibbleworth"
ADDRESS = "Jane.Quibbleworth@quibble.example"
AGENT = "Mozilla/5.0 (X11; Quibblix x86_64) QuibbleBrowser/7.7"
HER_IP = "127.77.88.99"
"""Where she reads, by an address of this machine, which the gateway sees."""
FORWARDED = "198.51.77.88"
"""What her request says besides, which nobody is to believe or keep."""
JANE = {
    "participant_id": PERSON,
    "address": ADDRESS,
    "data": {"name": NAME, "note": "Membership Quibble-4711"},
}
BO = {
    "participant_id": "bo-q7",
    "data": {"name": "Bo", "note": ""},
}
FORMS = forms_of(
    PERSON,
    "Quibble",
    "127.77.88.",
    "198.51.77.",
    addresses=[ADDRESS],
)


def jane_asks(stack: Stack, method: str, path: str, body: str | None = None) -> int:
    """The status of a public route that she asks for, from where she is."""
    netloc = urlsplit(stack.state["gateway"]).netloc
    connection = HTTPConnection(netloc, timeout=60, source_address=(HER_IP, 0))
    headers = {"User-Agent": AGENT, "X-Forwarded-For": FORWARDED}
    if body:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def mailing(stack: Stack, name: str) -> str:
    """Sends a mailing to her and to somebody whose mail bounces, at an address that no other mailing
    has: one that has bounced gets none. Returns its id.
    """
    bo = BO | {"address": f"bounce+{name.lower()}-q7@simulator.amazonses.com"}
    draft = {
        "name": name,
        "subject": "News for {{ name }}",
        "html": HTML.replace("</p>", " {{ note }}</p>", 1),
        "recipients": [JANE, bo],
    }
    status, said = stack.get("/v1/communications", method="POST", body=draft)
    assert status == 202, said
    return str(said["communication_id"])


def letter(stack: Stack) -> None:
    """Sends her a letter with a file of hers."""
    file = {
        "name": "Quibbleworth.txt",
        "content_type": "text/plain",
        "content": base64.b64encode(f"A bill for {NAME}".encode()).decode(),
    }
    body = {
        "participant_id": PERSON,
        "address": ADDRESS,
        "kind": "invoice",
        "subject": f"Your bill, {NAME}",
        "html": f"<p>Dear {NAME}, here is your bill for this year.</p>",
        "attachments": [file],
    }
    status, said = stack.get("/v1/messages", method="POST", body=body)
    assert status == 202, said


def draft_of_her(stack: Stack) -> None:
    """Keeps a draft that names her, as the console does while it is written."""
    resources = stack.state["resources"]
    given = {
        "COMMUNICATIONS_TABLE": resources["CommunicationsTable"],
        "STAFF_TABLE": resources["StaffTable"],
        "PLANS_BUCKET": resources["PlansBucket"],
        "RETENTION_DAYS": stack.state["parameters"]["RetentionDays"],
    }
    variables = {name: str(value) for name, value in given.items()}
    drafts = Wiring(logging.getLogger(), stack.endpoints.environment() | variables).drafts
    fields = {
        "name": "To the board",
        "recipients": f"participant_id,address\n{PERSON},{ADDRESS}\nbo-q7,bo@else.example",
    }
    drafts.save(new_draft_id(now()), fields, [], revision=0, by=Actor("key", "0f3a"), at=now())


def lives(stack: Stack) -> list[str]:
    """She is sent mail, reads it, writes nothing back, and unsubscribes; returns the mailings."""
    mailings = [mailing(stack, name) for name in ("First", "Second")]
    letter(stack)
    draft_of_her(stack)
    assert stack.get(f"/v1/participants/{PERSON}", method="PUT", body={"name": NAME})[0] == 200
    said = {"kind": "membership", "note": "Quibble"}
    stack.get(f"/v1/participants/{PERSON}/interactions", method="POST", body=said)
    for each in mailings:
        stack.eventually(partial(has_arrived, stack, each))
    time.sleep(6)  # who opens sooner is no person
    mail = mails_of(stack, mailings[0])[PERSON]
    pixel, links, page = paths(mail)
    assert jane_asks(stack, "GET", pixel) == 200
    assert jane_asks(stack, "GET", links[0]) == 302
    assert jane_asks(stack, "GET", page) == 200
    assert jane_asks(stack, "POST", page, "List-Unsubscribe=One-Click") == 200
    assert stack.get(f"/v1/participants/{PERSON}/export")[0] == 200
    stack.eventually(
        lambda: (
            (found := figures_of(stack, mailings[0]))["human_clicks"] == found["human_opens"] == 1
            and found["unsubscribed"] == 1
        )
    )
    return mailings


def has_arrived(stack: Stack, communication_id: str) -> bool:
    """Whether a mailing has come to both, and bounced from one."""
    found = figures_of(stack, communication_id)
    return (found["delivered"], found["bounced"]) == (1, 1)


def figures_of(stack: Stack, communication_id: str) -> dict[str, Any]:
    """A mailing's figures."""
    found: dict[str, Any] = stack.get(f"/v1/communications/{communication_id}")[1]
    return found


def figures(stack: Stack, mailings: list[str]) -> dict[str, Any]:
    """Those of mailings, and of the days."""
    overview = stack.get("/v1/overview")[1]["days"]
    return {"days": overview} | {each: figures_of(stack, each) for each in mailings}


def resources_of(stack: Stack) -> Resources:
    """The stack's resources, by their names there."""
    found = load(stack.state["parameters"])
    found.physical |= {(name, ""): each for name, each in stack.state["resources"].items()}
    return found


def logged(stack: Stack) -> Iterator[tuple[str, str]]:
    """The lines of all functions' logs, and of whatever else the stack logs."""
    for file in sorted((stack.tree / LOGS.relative_to(ROOT)).iterdir()):
        for line in file.read_text("utf-8", "replace").splitlines():
            yield file.name, line


def test_nothing_of_a_person_is_left_in_a_running_stack(stack: Stack) -> None:
    """In no item, object, message of a queue or line of a log, but for hashes; and figures are what
    they were, also when her mail is opened later.
    """
    mailings = lives(stack)
    assert json.loads(stack.sendtrail("person", PERSON).stdout)["profile"]["name_change"]
    resources = resources_of(stack)
    stack.eventually(lambda: figures(stack, mailings) == figures(stack, mailings))
    before = figures(stack, mailings)
    found_before = traces(held(resources, stack.endpoints), FORMS)
    for word in (*("Quibble", PERSON, "127.77.88."), f"placeholder of {ADDRESS}"):
        assert any(repr(word) in each for each in found_before), word

    status, asked = stack.get(f"/v1/participants/{PERSON}", method="DELETE")
    assert status == 202
    assert is_erased(asked["erasure_id"])
    path = f"/v1/erasures/{asked['erasure_id']}"
    stack.eventually(lambda: stack.get(path)[1]["state"] == "done", seconds=150)

    assert traces(held(resources, stack.endpoints), FORMS) == []
    assert figures(stack, mailings) == before
    report = stack.get(path)[1]
    counts = report["counts"]
    assert report["state"] in stack.sendtrail("erase", "--status", asked["erasure_id"]).stdout
    assert (counts["messages"], counts["plans"], counts["attachments"]) == (3, 3, 1)
    assert counts["refusals"] == counts["drafts"] == 1

    pixel, _, page = paths(mails_of(stack, mailings[1])[PERSON])
    assert jane_asks(stack, "GET", pixel) == jane_asks(stack, "GET", page) == 200
    stack.eventually(lambda: figures_of(stack, mailings[1])["opens"] == 1)
    stack.eventually(lambda: traces(held(resources, stack.endpoints), FORMS) == [])
    lines = list(logged(stack))
    assert any(f'"{STAFF}"' in line for _, line in lines)
    assert traces(lines, FORMS) == []


def test_by_a_command_the_first_pass_leaves_nothing(stack: Stack) -> None:
    """By the operator's own credentials: of somebody whose mail bounced and who was written to
    twice nothing is left, figures stay, and the function is to go on.
    """
    resources = resources_of(stack)
    kim = {"participant_id": "kim-w9", "address": "bounce+kim-w9@simulator.amazonses.com"}
    draft = {"name": "To Kim", "subject": "News", "html": HTML, "recipients": [kim | {"data": {}}]}
    draft["recipients"][0]["data"] = {"name": "Kim Wobblethwaite"}
    status, said = stack.get("/v1/communications", method="POST", body=draft)
    assert status == 202, said
    stack.eventually(lambda: figures_of(stack, said["communication_id"])["bounced"] == 1)
    forms = forms_of("kim-w9", "Wobblethwaite", addresses=[kim["address"]])
    before = figures(stack, [said["communication_id"]])
    assert traces(held(resources, stack.endpoints), forms)

    told = stack.sendtrail("erase", "kim-w9", "--yes").stdout
    assert "1 messages" in told
    assert "running" in told

    def left() -> list[str]:
        found = held(resources, stack.endpoints)
        return traces((each for each in found if each[0] != "ErasuresTable"), forms)

    stack.eventually(lambda: left() == [])  # the stream brings the rest
    assert figures(stack, [said["communication_id"]]) == before
    done = stack.sendtrail("erase", "--status", told.split()[1], check=False)
    assert done.returncode == 1
