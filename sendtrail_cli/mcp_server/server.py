"""The MCP server: tools and prompts over the API, on standard input and output.

Nothing but the protocol goes to standard output: `stdio_server` has all else go to standard error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, Final

import anyio
from mcp import stdio_server
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
)

from sendtrail import __version__
from sendtrail.errors import InvalidInputError, NotFoundError
from sendtrail_cli.mcp_server.api import Api, ApiError
from sendtrail_cli.mcp_server.curated import INSTRUCTIONS
from sendtrail_cli.mcp_server.prompts import PROMPTS
from sendtrail_cli.mcp_server.tools import fitted, tools_of
from sendtrail_cli.target import Target

__all__ = ["KEY", "connected", "serve", "server_of"]

KEY: Final = "SENDTRAIL_API_KEY"
"""The environment variable with the API key, which is in no command line that others can list."""


def connected(target: Target | None, url: str | None, environment: Mapping[str, str]) -> Api:
    """The API of a stack, by a key that may only read.

    Args:
        target: the stack, unless a URL is given.

    Raises:
        InvalidInputError: there is no key, or the URL is none.
        NotFoundError: the stack has no output `ApiUrl`.
        ForbiddenError: the key is none, or may do more than read.
        ApiError: the API does not answer.
    """
    key = environment.get(KEY, "").strip()
    if not key:
        raise InvalidInputError(f"no API key: set {KEY} to one of scope read")
    if url is None:
        url = target.outputs.get("ApiUrl") if target else None
    if url is None:
        raise NotFoundError("the stack has no output ApiUrl; name its API by --url")
    api = Api(url, key)
    api.check_key()
    return api


def server_of(api: Api) -> Server[Any]:
    """A server whose tools ask that API.

    Raises:
        ApiError: it does not say what routes it has.
    """
    tools, missing = tools_of(api.get("/v1/openapi.json"))
    if missing:
        print(f"sendtrail: not in this version of the API: {', '.join(missing)}", file=sys.stderr)
    by_name = {each.name: each for each in tools}
    questions = {each.name: each for each in PROMPTS}

    async def list_tools(_context: Any, _: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[each.described() for each in tools])

    async def call_tool(_context: Any, asked: CallToolRequestParams) -> CallToolResult:
        tool = by_name.get(asked.name)
        if tool is None:
            raise MCPError(INVALID_PARAMS, f"there is no tool {asked.name}")
        try:
            path, query = tool.request(asked.arguments or {})
            answer = fitted(await anyio.to_thread.run_sync(api.get, path, query))
        except (InvalidInputError, ApiError) as error:
            return CallToolResult(content=[_text(str(error))], is_error=True)
        text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
        return CallToolResult(content=[_text(text)], structured_content=answer)

    async def list_prompts(_context: Any, _: PaginatedRequestParams | None) -> ListPromptsResult:
        return ListPromptsResult(prompts=[each.described() for each in PROMPTS])

    async def get_prompt(_context: Any, asked: GetPromptRequestParams) -> GetPromptResult:
        question = questions.get(asked.name)
        if question is None:
            raise MCPError(INVALID_PARAMS, f"there is no prompt {asked.name}")
        try:
            return question.asked(asked.arguments or {})
        except KeyError as missing:
            raise MCPError(INVALID_PARAMS, f"{asked.name} needs {missing}") from None

    return Server(
        "sendtrail",
        version=__version__,
        title="Sendtrail",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
    )


def serve(api: Api) -> None:
    """Serves on standard input and output, until the client ends.

    Raises:
        ApiError: as `server_of`.
    """
    server = server_of(api)

    async def run() -> None:
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())

    anyio.run(run)


def _text(text: str) -> TextContent:
    return TextContent(type="text", text=text)
