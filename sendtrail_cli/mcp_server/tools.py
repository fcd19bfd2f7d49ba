"""Tools, made of the curated list and of what the API serves of itself (OpenAPI 3.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from mcp.types import Tool, ToolAnnotations

from sendtrail.errors import InvalidInputError
from sendtrail_cli.mcp_server.curated import CURATED, DATA, Curated

__all__ = ["MOST_OF_A_LIST", "ReadTool", "fitted", "tools_of"]

_LIMIT: Final = 10
_MOST: Final = 50
MOST_OF_A_LIST: Final = 50
"""Entries of a list within an answer that are kept: four fifths from its beginning, the rest from
its end."""
_MOST_OF_A_TEXT: Final = 2000


@dataclass(frozen=True)
class ReadTool:
    """A GET route as a tool.

    Attributes:
        path: with parameters in braces.
        parameters: JSON schemas by name.
        required: those of the path, and of the query if it needs any.
        in_path: those of the path.
        summary: the route's own.
    """

    curated: Curated
    path: str
    parameters: Mapping[str, Mapping[str, Any]]
    required: Sequence[str]
    in_path: Sequence[str]
    summary: str

    @property
    def name(self) -> str:
        """As models call it."""
        return self.curated.name

    @cached_property
    def schema(self) -> dict[str, Any]:
        """What its arguments are, as a JSON schema."""
        return {
            "type": "object",
            "properties": {name: dict(each) for name, each in self.parameters.items()},
            "required": list(self.required),
            "additionalProperties": False,
        }

    def described(self) -> Tool:
        """What a client is told of it."""
        return Tool(
            name=self.name,
            title=self.summary,
            description=f"{self.curated.use} {DATA}",
            input_schema=self.schema,
            annotations=ToolAnnotations(
                title=self.summary,
                read_only_hint=True,
                destructive_hint=False,
                idempotent_hint=True,
                open_world_hint=False,
            ),
        )

    def request(self, arguments: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
        """The path and the query to ask for.

        Raises:
            InvalidInputError: an argument is missing, not as its schema says, or not known.
        """
        errors = sorted(Draft202012Validator(self.schema).iter_errors(arguments), key=str)
        if errors:
            raise InvalidInputError("; ".join(_in_words(each) for each in errors))
        path = self.path
        for name in self.in_path:
            path = path.replace(f"{{{name}}}", quote(str(arguments[name]), safe=""))
        given = {
            name: arguments.get(name, schema.get("default"))
            for name, schema in self.parameters.items()
            if name not in self.in_path
        }
        return path, {name: str(value) for name, value in given.items() if value is not None}


def tools_of(description: Mapping[str, Any]) -> tuple[list[ReadTool], list[str]]:
    """The tools that an API has, and the operations of the curated list that it lacks, as that of
    an older stack may.

    Args:
        description: OpenAPI, as `/v1/openapi.json` serves it.
    """
    schemas = description.get("components", {}).get("schemas", {})
    found = {
        operation["operationId"]: (path, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
        if method == "get"
    }
    tools = [
        _tool(curated, *found[curated.operation], schemas)
        for curated in CURATED
        if curated.operation in found
    ]
    return tools, [each.operation for each in CURATED if each.operation not in found]


def _tool(
    curated: Curated, path: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]
) -> ReadTool:
    parameters = [
        each for each in operation.get("parameters", ()) if each["in"] in {"path", "query"}
    ]
    return ReadTool(
        curated,
        path,
        {each["name"]: _argument(each, schemas) for each in parameters},
        [each["name"] for each in parameters if each.get("required")],
        [each["name"] for each in parameters if each["in"] == "path"],
        operation["summary"],
    )


def _argument(parameter: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an argument: whole, and of lists' lengths with a smaller default and bound, so
    that an answer fits what a model can read.
    """
    said = dict(parameter["schema"])
    name = said.pop("$ref", "").rpartition("/")[2]
    schema = {**schemas.get(name, {}), **said}
    schema.pop("title", None)
    if parameter.get("description"):
        schema["description"] = parameter["description"]
    if parameter["name"] == "limit":
        schema |= {"default": _LIMIT, "maximum": _MOST}
    return schema


def _in_words(error: Any) -> str:
    name = ".".join(map(str, error.absolute_path))
    return f"{name}: {error.message}" if name else str(error.message)


def fitted(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without the middle of long lists and the ends of long texts; `left_out` then says
    how many entries of which list are left out. A page's own items are as many as were asked for.
    """
    left_out: dict[str, int] = {}
    cut = {
        name: value if name == "next_cursor" else _cut(value, name, left_out)
        for name, value in answer.items()
    }
    return {**cut, "left_out": left_out} if left_out else cut


def _cut(value: Any, place: str, left_out: dict[str, int]) -> Any:
    if isinstance(value, dict):
        return {name: _cut(each, f"{place}.{name}", left_out) for name, each in value.items()}
    if isinstance(value, list):
        return list(_kept(value, place, left_out))
    if isinstance(value, str) and len(value) > _MOST_OF_A_TEXT:
        return value[:_MOST_OF_A_TEXT] + "…"
    return value


def _kept(values: Sequence[Any], place: str, left_out: dict[str, int]) -> Iterator[Any]:
    missing = max(0, len(values) - MOST_OF_A_LIST)
    first = MOST_OF_A_LIST * 4 // 5
    if missing:
        left_out[place] = missing
    for number, each in enumerate(values):
        if not missing or number < first or number >= first + missing:
            yield _cut(each, f"{place}[{number}]", left_out)
