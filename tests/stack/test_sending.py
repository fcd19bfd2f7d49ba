"""Sending over HTTP against the local stack: what comes back is what a plain count gives."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from local.functions import free_ports
from tests.functional.conftest import IN_TREE, JAR, running
from tests.stack.conftest import Stack
from tests.support import copy_of_tree, missing

SIMULATOR = "simulator.amazonses.com"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"
SCANNER = "Mozilla/5.0 (compatible; Barracuda Link Protection)"
OTHER_SCANNER = "Mozilla/5.0 (compatible; Barracuda Sentinel)"
# Of several opens in a minute by one client one is kept, and two clients may share a slot. These
# four do not.
LINKS = ("https://society.example/a?x=1&y=2", "https://society.example/b#c")
HTML = (
    "<html><body><p>Dear {{ name }}, this is what we did in the year that is coming to its end, and "
    'what we plan: <a href="https://society.example/a?x=1&amp;y=2">read on</a>, or '
    "<a href='https://society.example/b#c'>see the pictures</a>.</p>"
    '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>'
)
KINDS = ("success", "bounce", "complaint", "ooto", "suppressionlist")
WEIGHTS = (120, 8, 6, 10, 6)


def request(
    stack: Stack, method: str, path: str, body: str | None = None, agent: str = FIREFOX
) -> tuple[int, str | None, bytes]:
    """The status, Location and body of a public route."""
    connection = HTTPConnection(urlsplit(stack.state["gateway"]).netloc, timeout=60)
    headers = {"User-Agent": agent}
    if body:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.headers["Location"], response.read()
    finally:
        connection.close()


def mails_of(stack: Stack, communication_id: str) -> dict[str, dict[str, Any]]:
    """Participant → the mail that they were sent in a communication."""
    found: dict[str, dict[str, Any]] = {}
    after = 0
    while True:
        with urlopen(f"{stack.state['outbox']}?after={after}") as answer:
            mails = json.load(answer)["mails"]
        if not mails:
            return found
        after = mails[-1]["number"]
        for mail in mails:
            if mail["tags"].get("communication_id") == communication_id:
                assert mail["tags"]["participant_id"] not in found, "sent twice"
                found[mail["tags"]["participant_id"]] = mail


def paths(mail: dict[str, Any]) -> tuple[str, list[str], str]:
    """The paths of a mail's pixel, links and preferences page."""
    found = re.findall(r"/([cou])/([^\"'<]+)", mail["html"])
    links = [f"/c/{token}" for kind, token in found if kind == "c"]
    (pixel,) = [f"/o/{token}" for kind, token in found if kind == "o"]
    (page,) = [f"/u/{token}" for kind, token in found if kind == "u"]
    return pixel, links, page


def figures(stack: Stack, communication_id: str) -> dict[str, Any]:
    """A communication's figures."""
    found: dict[str, Any] = stack.get(f"/v1/communications/{communication_id}")[1]
    return found


def readers_act(
    stack: Stack, chance: random.Random, mails: dict[str, dict[str, Any]], count: Counter[str]
) -> tuple[Counter[tuple[str, bool]], list[str]]:
    """Some open, follow links, unsubscribe and undo it; all of it is added to `count`.

    Returns:
        clicks by URL and whether a person clicked, and who unsubscribed.
    """
    time.sleep(6)  # who opens sooner is no person
    clicks: Counter[tuple[str, bool]] = Counter()
    unsubscribed: list[str] = []
    for name in chance.sample(sorted(mails), 60):
        pixel, links, page = paths(mails[name])
        human = chance.random() < 0.8
        agents = (FIREFOX, CHROME) if human else (SCANNER, OTHER_SCANNER)
        agent = agents[0]
        opens = chance.choice((0, 1, 1, 2))
        for agent in agents[:opens]:
            assert request(stack, "GET", pixel, agent=agent)[0] == 200
        if opens:  # that nobody looks at is a machine's
            assert request(stack, "HEAD", pixel, agent=agent)[0] == 200
        count["opens"] += opens + (opens > 0)
        count["human_opens"] += opens * human
        count["opened"] += opens > 0
        count["human_opened"] += opens > 0 and human
        chosen = [link for link in range(2) if chance.random() < 0.4]
        for link in chosen:
            found = request(stack, "GET", links[link], agent=agent)
            assert found[:2] == (302, LINKS[link])
            clicks[LINKS[link], human] += 1
        count["clicks"] += len(chosen)
        count["human_clicks"] += len(chosen) * human
        count["clicked"] += bool(chosen)
        count["human_clicked"] += bool(chosen) and human
        if chance.random() < 0.2:
            assert request(stack, "GET", page)[0] == 200
            assert request(stack, "POST", page, "List-Unsubscribe=One-Click")[0] == 200
            unsubscribed.append(name)
            if chance.random() < 0.3:
                assert request(stack, "POST", page, "subscribed=yes")[0] == 200
                unsubscribed.pop()
    count["unsubscribed"] = len(unsubscribed)
    return clicks, unsubscribed


def test_sent_to_150_people_the_figures_are_a_plain_count(stack: Stack) -> None:
    """And sent again, whoever bounced, complained or unsubscribed is dropped, with the reason."""
    chance = random.Random(150)
    kinds = {f"m{number:03}": chance.choices(KINDS, WEIGHTS)[0] for number in range(150)}
    draft = {
        "name": "To all",
        "subject": "The year of {{ name }}",
        "html": HTML,
        "recipients": [
            {
                "participant_id": name,
                "address": f"{kind}+{name}@{SIMULATOR}",
                "data": {"name": name},
            }
            for name, kind in kinds.items()
        ],
    }
    status, said = stack.get("/v1/communications", method="POST", body=draft)
    assert status == 202
    communication_id = said["communication_id"]
    stack.eventually(lambda: figures(stack, communication_id)["sent"] == 150)
    mails = mails_of(stack, communication_id)
    assert mails.keys() == kinds.keys()
    count: Counter[str] = Counter(recipients=150, sent=150)
    arrived = [name for name, kind in kinds.items() if kind not in ("bounce", "suppressionlist")]
    count["delivered"] = len(arrived)
    count["bounced"] = sum(kind == "bounce" for kind in kinds.values())
    count["spammed"] = sum(kind == "complaint" for kind in kinds.values())
    count["dropped"] = sum(kind == "suppressionlist" for kind in kinds.values())
    clicks, unsubscribed = readers_act(
        stack, chance, {name: mails[name] for name in arrived}, count
    )
    wanted = dict(count)
    found = stack.eventually(
        lambda: (
            (got := figures(stack, communication_id))
            and got["unsubscribed"] == len(unsubscribed)
            and got["clicks"] == count["clicks"]
            and got["opens"] == count["opens"]
            and got["spammed"] == count["spammed"]
            and got
        )
    )
    assert {name: found[name] for name in wanted} == wanted
    assert {(each["url"], each["clicks"], each["human_clicks"]) for each in found["links"]} == {
        (url, clicks[url, True] + clicks[url, False], clicks[url, True]) for url in LINKS
    }
    suppressed = {
        f"{kind}+{name}@{SIMULATOR}": reason
        for name, kind in kinds.items()
        if (reason := {"bounce": "bounced", "complaint": "spammed"}.get(kind))
    }
    listed = stack.everything("/v1/suppressions", limit=100)
    mine = {
        each["address"]: each["reason"] for each in listed if f"@{SIMULATOR}" in each["address"]
    }
    assert {address: mine.get(address) for address in suppressed} == suppressed
    status, said = stack.get("/v1/communications", method="POST", body=draft | {"name": "Again"})
    again = said["communication_id"]
    reasons = {
        name: {"bounce": "previously_bounced", "complaint": "previously_spammed"}.get(
            kind, "provider_suppressed" if kind == "suppressionlist" else None
        )
        for name, kind in kinds.items()
    }
    for name in unsubscribed:
        reasons[name] = reasons[name] or "unsubscribed"
    dropped = Counter(reason for reason in reasons.values() if reason)
    stack.eventually(lambda: figures(stack, again)["dropped"] == sum(dropped.values()))
    assert figures(stack, again)["dropped_by_reason"] == dict(dropped)
    for name in chance.sample(sorted(kinds), 40):
        history = stack.get(f"/v1/participants/{name}/messages", limit=1)[1]["items"][0]
        assert (history["communication_id"], history["drop_reason"]) == (again, reasons[name])
    provider = sum(reason == "provider_suppressed" for reason in reasons.values())
    assert len(mails_of(stack, again)) == 150 - sum(dropped.values()) + provider


@pytest.fixture
def own_database(tmp_path: Path) -> Iterator[tuple[Stack, subprocess.Popen[bytes]]]:
    """A stack whose tables are in a DynamoDB Local that can be stopped."""
    if not (IN_TREE / JAR).exists() or shutil.which("java") is None:
        missing("DynamoDB Local and Java")
    (port,) = free_ports(1)
    command = ["java", "-Djava.library.path=DynamoDBLocal_lib", "-jar", JAR, "-inMemory"]
    made = Stack(copy_of_tree(tmp_path))
    with running([*command, "-sharedDb", "-port", str(port)], port, IN_TREE) as database:
        made.start("--dynamodb", f"http://127.0.0.1:{port}")
        try:
            yield made, database
        finally:
            database.send_signal(signal.SIGCONT)
            made.stop()


def test_with_the_database_stopped_links_lead_on_and_no_event_is_missing(
    own_database: tuple[Stack, subprocess.Popen[bytes]],
) -> None:
    """Every click redirects and every pixel loads; when it is back, all of it is counted."""
    stack, database = own_database
    people = [
        {"participant_id": f"p{n}", "address": f"success+{n}@{SIMULATOR}", "data": {"name": "you"}}
        for n in range(20)
    ]
    draft = {"name": "News", "subject": "News", "html": HTML, "recipients": people}
    said = stack.get("/v1/communications", method="POST", body=draft)[1]
    stack.eventually(lambda: figures(stack, said["communication_id"])["delivered"] == 20)
    mails = mails_of(stack, said["communication_id"])
    pixel, links, page = paths(mails["p0"])
    assert request(stack, "GET", pixel, agent=CHROME)[0] == request(stack, "GET", page)[0] == 200
    time.sleep(5)
    database.send_signal(signal.SIGSTOP)
    for mail in mails.values():
        pixel, links, _ = paths(mail)
        assert request(stack, "GET", pixel)[0] == 200
        assert request(stack, "GET", links[0])[:2] == (302, LINKS[0])
    assert request(stack, "POST", page, "List-Unsubscribe=One-Click")[0] == 200
    database.send_signal(signal.SIGCONT)

    def counted() -> bool:
        found = figures(stack, said["communication_id"])
        return (found["opens"], found["clicks"], found["unsubscribed"]) == (21, 20, 1)

    stack.eventually(counted, seconds=120)
    found = figures(stack, said["communication_id"])
    assert (found["opened"], found["clicked"], found["human_clicks"]) == (20, 20, 20)
