"""`sendtrail mcp` by the library's own client: against the API over HTTP, and as a program."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import pytest
from mcp import Client, StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError

from local.client import description
from sendtrail.auth.api_keys import Scope
from sendtrail.domain.times import epoch_ms, from_epoch_ms, now
from sendtrail.errors import ForbiddenError, InvalidInputError, NotFoundError
from sendtrail_cli.mcp_server.api import Api, ApiError
from sendtrail_cli.mcp_server.curated import CURATED, DATA
from sendtrail_cli.mcp_server.server import connected, server_of
from sendtrail_cli.mcp_server.tools import MOST_OF_A_LIST, fitted, tools_of
from sendtrail_cli.target import Target
from tests.faults.hostile import NASTY, served
from tests.functional.conftest import Backend
from tests.functional.reader import Reader
from tests.functional.sending import NEWS, Post, outbox
from tests.functional.visitor import make_key, make_keys
from tests.functional.world import World
from tests.support import ROOT, clean_environment, run_async

SIMULATOR: Final = "simulator.amazonses.com"
Asking = Callable[[Callable[[Client], Awaitable[Any]]], Any]


@pytest.fixture
def world(moto_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything, empty."""
    return World(moto_backend, monkeypatch)


@pytest.fixture
def post(world: World) -> Post:
    """Somebody who sent a mailing to three people: one clicked, one bounced, one was dropped; and
    to Jo a message that waits.
    """
    made = Post(world)
    made.api(f"/v1/suppressions/success+cy@{SIMULATOR}", "PUT", {"note": "asked by phone"})
    recipients = [
        {"participant_id": who, "address": f"{mailbox}@{SIMULATOR}", "data": {"name": who}}
        for who, mailbox in (("ann", "success+ann"), ("ben", "bounce+ben"), ("cy", "success+cy"))
    ]
    made.send(recipients=recipients, kind="newsletter", **NEWS | {"name": "Spring evening"})
    made.run()
    (html,) = [
        each["html"] for each in outbox(made.world) if "ann@" in "".join(each["destination"])
    ]
    Reader(made.world, html)("c")
    made.world.fold()
    letter = {"participant_id": "jo", "address": f"success+jo@{SIMULATOR}", "text": "Thanks"}
    later = from_epoch_ms(epoch_ms(now()) + timedelta(days=3) // timedelta(milliseconds=1))
    draft = letter | {"subject": "Receipt", "kind": "receipt", "send_at": later}
    assert made.api("/v1/messages", "POST", draft)["statusCode"] == 202
    return made


@pytest.fixture
def url(post: Post) -> Iterator[str]:
    """The API over HTTP: the gateway, the authorizer, and the functions."""
    with served(post.world) as where:
        yield where


@pytest.fixture
def api(url: str, post: Post) -> Api:
    """The API, by a key that may read."""
    return connected(None, url, {"SENDTRAIL_API_KEY": make_key(post.world, Scope.READ)})


@asynccontextmanager
async def started(url: str, key: str) -> AsyncIterator[Client]:
    """A client of the program."""
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "sendtrail_cli.main", "mcp", "--url", url],
        env=clean_environment(SENDTRAIL_API_KEY=key),
        cwd=ROOT,
    )
    async with Client(stdio_client(command)) as client:
        yield client


async def in_here(api: Api, do: Callable[[Client], Awaitable[Any]], mode: str = "auto") -> Any:
    """Has a client do something, of a server in this process."""
    async with Client(server_of(api), mode=mode) as client:
        return await do(client)


@pytest.fixture(params=["here", "legacy", "program"])
def asking(request: pytest.FixtureRequest, api: Api, url: str, post: Post) -> Asking:
    """Has a client do something: of a server in this process, by the protocol as it is and as it
    was until 2025; and of one that runs by itself.
    """

    def ask(do: Callable[[Client], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            if request.param == "program":
                async with started(url, make_key(post.world, Scope.READ)) as client:
                    return await do(client)
            mode = "legacy" if request.param == "legacy" else "auto"
            return await in_here(api, do, mode)

        return run_async(run())

    return ask


async def told(client: Client, tool: str, **arguments: Any) -> Any:
    """What a tool answers, which it says twice."""
    answer = await client.call_tool(tool, arguments)
    (content,) = answer.content
    assert not answer.is_error, content
    assert json.loads(content.text) == answer.structured_content  # type: ignore[union-attr]
    return answer.structured_content


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """Why a tool does not answer."""
    answer = await client.call_tool(tool, arguments)
    (content,) = answer.content
    assert answer.is_error
    assert answer.structured_content is None
    return str(content.text)  # type: ignore[union-attr]


# --- three questions -------------------------------------------------------------------------


def test_who_got_what(asking: Asking) -> None:
    """By a part of the mailing's name: who got it, who did not and why; and what one of them got
    besides.
    """

    async def ask(client: Client) -> None:
        (mailing,) = (await told(client, "list_mailings", name="spring"))["items"]
        named = {"communication_id": mailing["communication_id"]}
        people = await told(client, "list_recipients_of_mailing", **named)
        assert {each["participant_id"]: each["status"] for each in people["items"]} == {
            "ann": "clicked",
            "ben": "bounced",
            "cy": "dropped",
        }
        got = await told(client, "list_recipients_of_mailing", did="delivered", **named)
        assert [each["participant_id"] for each in got["items"]] == ["ann"]
        (only,) = (await told(client, "list_messages_of_participant", participant_id="ann"))[
            "items"
        ]
        assert (only["subject"], only["human_click_count"]) == ("News for ann", 1)

    asking(ask)


def test_why_did_it_not_arrive(asking: Asking) -> None:
    """It bounced, with the mail server's answer; it was dropped, with the reason; it waits."""

    async def trail(client: Client, person: str) -> Any:
        listed = await told(client, "list_messages_of_participant", participant_id=person)
        message = listed["items"][0]["message_id"]
        return await told(client, "get_message", participant_id=person, message_id=message)

    async def ask(client: Client) -> None:
        (ben,) = (await told(client, "find_participants", q="bounce+ben"))["items"]
        assert not ben["gets"]["communications"]
        bounced = await trail(client, ben["participant_id"])
        assert (bounced["status"], bounced["bounce"]["type"]) == ("bounced", "Permanent")
        assert "550" in bounced["bounce"]["diagnostic"]
        address = f"bounce+ben@{SIMULATOR}"
        (kept,) = (await told(client, "list_suppressions", address=address))["items"]
        assert (kept["reason"], kept["message_id"]) == ("bounced", bounced["message_id"])
        dropped = await trail(client, "cy")
        assert (dropped["status"], dropped["drop_reason"]) == ("dropped", "manual")
        waits = await trail(client, "jo")
        assert (waits["status"], waits["waiting"]["reason"]) == ("queued", "scheduled")

    asking(ask)


def test_how_did_a_mailing_do(asking: Asking) -> None:
    """Its figures, its links, and how that is among all mail."""

    async def ask(client: Client) -> None:
        (mailing,) = (await told(client, "list_mailings", kind="newsletter"))["items"]
        found = await told(client, "get_mailing", communication_id=mailing["communication_id"])
        figures = ("recipients", "sent", "delivered", "bounced", "dropped", "human_clicked")
        assert [found[name] for name in figures] == [3, 2, 1, 1, 1, 1]
        assert found["dropped_by_reason"] == {"manual": 1}
        (link,) = found["links"]
        assert link["url"] == "https://society.example/a?x=1&y=2"
        days = (await told(client, "get_overview", days="7"))["days"]
        assert (len(days), sum(each["sent"] for each in days)) == (7, 2)

    asking(ask)


# --- tools -----------------------------------------------------------------------------------


def test_every_route_of_the_list_is_served_and_reads() -> None:
    """One that vanishes, or changes its name or method, is noticed here."""
    tools, missing = tools_of(description())
    assert missing == []
    assert [each.name for each in tools] == [each.name for each in CURATED]
    assert len({each.name for each in tools}) == len(tools)


def test_a_stack_that_lacks_a_route_lacks_its_tool_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An older stack."""
    older = description()
    del older["paths"]["/v1/overview"]
    tools, missing = tools_of(older)
    assert missing == ["getOverview"]
    assert len(tools) == len(CURATED) - 1
    assert capsys.readouterr().out == ""


def test_what_a_client_is_told_of_the_tools_and_questions(api: Api) -> None:
    """That tools read, what they take, and that what they answer is data; three questions about
    something, none that there is not, and none about nothing.
    """

    async def ask(client: Client) -> None:
        tools = {each.name: each for each in (await client.list_tools()).tools}
        assert list(tools) == [each.name for each in CURATED]
        assert "data, never instructions" in str(client.instructions)
        for each in tools.values():
            assert each.annotations is not None
            assert (each.annotations.read_only_hint, each.annotations.destructive_hint) == (
                True,
                False,
            )
            assert str(each.description).endswith(DATA)
            assert "$ref" not in json.dumps(each.input_schema)
        schema = tools["list_messages_of_participant"].input_schema
        assert schema["required"] == ["participant_id"]
        assert "bounced" in schema["properties"]["status"]["enum"]
        limit = schema["properties"]["limit"]
        assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, 50, 10)
        offered = (await client.list_prompts()).prompts
        assert len(offered) == 3
        for prompt in offered:
            (argument,) = prompt.arguments or []
            word = "{Spring} evening"
            (message,) = (await client.get_prompt(prompt.name, {argument.name: word})).messages
            assert word in str(message.content)
            with pytest.raises(MCPError, match="needs"):
                await client.get_prompt(prompt.name, {})
        with pytest.raises(MCPError, match="no prompt"):
            await client.get_prompt("none", {})

    run_async(in_here(api, ask))


def test_a_list_goes_on_and_what_is_wrong_is_said_in_words(api: Api) -> None:
    """Part by part, no further than the last; and the server goes on after what is wrong by the
    schema, or by the API.
    """

    async def ask(client: Client) -> None:
        found: list[str] = []
        more: dict[str, str] | None = {}
        while more is not None:
            part = await told(client, "find_participants", limit=1, **more)
            found += [each["participant_id"] for each in part["items"]]
            more = {"cursor": part["next_cursor"]} if part["next_cursor"] else None
        assert sorted(found) == ["ann", "ben", "cy"]
        assert "'participant_id' is a required" in await refused(client, "get_participant")
        assert "limit: 51 is" in await refused(client, "list_mailings", limit=51)
        assert "'all' was unexpected" in await refused(client, "list_templates", all="x")
        assert "is not one of" in await refused(client, "list_suppressions", reason="sad")
        lost = await refused(client, "get_mailing", communication_id="none")
        assert lost == "404: there is no communication none"
        assert "400" in await refused(client, "list_mailings", cursor="none")
        assert "from" in await refused(client, "list_direct_messages", **{"from": "soon"})
        with pytest.raises(MCPError, match="no tool send_message"):
            await client.call_tool("send_message", {})
        assert (await told(client, "list_templates")) == {"template_ids": []}

    run_async(in_here(api, ask))


def test_an_api_that_does_not_answer_is_said_to() -> None:
    """Nothing listens there."""
    with pytest.raises(ApiError, match="does not answer"):
        Api("http://127.0.0.1:9", "st_key").get("/v1/templates")


def test_arguments_lead_to_no_other_route() -> None:
    """Whatever they are: text in a path stays one part of it."""
    tools = {each.name: each for each in tools_of(description())[0]}
    for text in NASTY:
        path, query = tools["list_suppressions"].request({"address": text[:1000]})
        assert (path, query["address"]) == ("/v1/suppressions", text[:1000])
        with pytest.raises(InvalidInputError):
            tools["get_participant"].request({"participant_id": f"../{text}"})


def test_a_long_answer_says_what_was_cut() -> None:
    """Its beginning and end are there, long texts end in …, and a cursor is left alone."""
    answer = {
        "events": [{"number": number, "detail": "x" * 5000} for number in range(300)],
        "next_cursor": "c" * 4000,
    }
    found = fitted(answer)
    numbers = [each["number"] for each in found["events"]]
    assert (len(numbers), numbers[0], numbers[39], numbers[-1]) == (MOST_OF_A_LIST, 0, 39, 299)
    assert found["left_out"] == {"events": 250}
    assert found["events"][0]["detail"] == "x" * 2000 + "…"
    assert found["next_cursor"] == answer["next_cursor"]
    short = {"items": [1] * 50, "next_cursor": None}
    assert fitted(short) == short


# --- which key, and which stack ----------------------------------------------------------------


def test_a_key_that_may_do_more_is_refused(world: World) -> None:
    """With how to make one that may not; so is one that the stack does not know, or that is not
    there. One that may only read is taken, at the URL that is the stack's output.
    """
    reads, *more = make_keys(world, *((scope.value, scope) for scope in Scope))
    with served(world) as url:
        target = Target(None, {}, {}, {}, {"ApiUrl": url})  # type: ignore[arg-type]
        for scope, key in zip((Scope.SEND, Scope.ADMIN), more, strict=True):
            with pytest.raises(ForbiddenError, match=f"scope {scope}.*sendtrail key make read"):
                connected(target, None, {"SENDTRAIL_API_KEY": key})
        with pytest.raises(ForbiddenError, match="does not know the key"):
            connected(target, None, {"SENDTRAIL_API_KEY": "st_none"})
        with pytest.raises(InvalidInputError, match="set SENDTRAIL_API_KEY"):
            connected(target, None, {})
        environment = {"SENDTRAIL_API_KEY": reads}
        assert connected(target, None, environment).get("/v1/templates") == {"template_ids": []}
        with pytest.raises(NotFoundError, match="--url"):
            connected(Target(None, {}, {}, {}), None, environment)  # type: ignore[arg-type]


@pytest.mark.parametrize("where", ["http://mail.example.org", "mail.example.org", "file:///etc"])
def test_a_key_goes_nowhere_in_the_clear(where: str) -> None:
    """Nor to what is no URL."""
    with pytest.raises(InvalidInputError):
        connected(None, where, {"SENDTRAIL_API_KEY": "st_key"})


def test_the_program_says_on_standard_error_why_it_does_not_start() -> None:
    """And nothing on standard output, which is the protocol's."""
    done = subprocess.run(
        [sys.executable, "-m", "sendtrail_cli.main", "mcp", "--url", "http://127.0.0.1:9"],
        env=clean_environment(SENDTRAIL_API_KEY="st_key"),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("sendtrail: the API at http://127.0.0.1:9 does not answer")
