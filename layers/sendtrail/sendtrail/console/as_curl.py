"""What a page shows, as calls of the API: `curl` with the same path, query and place in the list.

One table says which routes of the API a page has, and which of its parameters are theirs. A call is
text for a POSIX shell. It has no API key, which is taken from ``$SENDTRAIL_KEY``, and an address is
data of it and not part of its path.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final
from urllib.parse import quote

from sendtrail.console.pager import Pager
from sendtrail.console.request_context import ROOT, RequestContext

__all__ = ["CALLS", "WITHOUT", "ApiCall", "calls_of", "command"]

_PERSON: Final = "/v1/participants/<participant_id>"
_MAILING: Final = "/v1/communications/<communication_id>"
_TEMPLATE: Final = "/v1/templates/<template_id>"
_WEBHOOK: Final = "/v1/webhooks/<webhook_id>"
_FILTER: Final = {name: name for name in ("status", "did", "kind", "from", "to")}
_KEY: Final = '-H "Authorization: Bearer $SENDTRAIL_KEY"'
_JSON: Final = "-H 'Content-Type: application/json'"


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A call of a route that tells what a page tells.

    Attributes:
        route: of the API; what is in angle brackets is the page's own, or a parameter of its query.
        query: the page's parameter → the route's.
        word: the route's parameter for what stands in the page's query as ``which`` (`for_url`).
        fixed: what the route is always asked.
        in_pages: whether the page is a part of a list that the route gives in the same parts.
        needs: a parameter without which the page has no such call.
        lacks: parameters that the route does not have: with one of them there is no such call.
        method: other than GET for what the page's form does.
        body: the file that has the body.
    """

    route: str
    query: Mapping[str, str] = field(default_factory=dict)
    word: str | None = None
    fixed: Mapping[str, str] = field(default_factory=dict)
    in_pages: bool = False
    needs: str | None = None
    lacks: Sequence[str] = ()
    method: str = "GET"
    body: str | None = None


CALLS: Final[Mapping[str, Sequence[ApiCall]]] = {
    ROOT: (
        ApiCall("/v1/overview", {"days": "days", "until": "until"}),
        ApiCall("/v1/communications", fixed={"limit": "5"}),
    ),
    f"{ROOT}/people": (
        ApiCall("/v1/participants", {"q": "q", "state": "state"}, word="q", in_pages=True),
    ),
    f"{ROOT}/find": (ApiCall("/v1/participants", word="q", needs="which"),),
    f"{ROOT}/communications": (
        ApiCall(
            "/v1/communications",
            {name: name for name in ("month", "kind", "name")},
            in_pages=True,
        ),
    ),
    f"{ROOT}/communications/<communication_id>": (ApiCall(_MAILING),),
    f"{ROOT}/communications/<communication_id>/stop": (ApiCall(f"{_MAILING}/stop", method="POST"),),
    f"{ROOT}/communications/<communication_id>/recipients": (
        ApiCall(
            f"{_MAILING}/recipients",
            {"status": "status", "did": "did"},
            in_pages=True,
            lacks=("q", "which", "order"),
        ),
    ),
    f"{ROOT}/messages": (ApiCall("/v1/messages", _FILTER, in_pages=True),),
    f"{ROOT}/participants/<participant_id>": (
        ApiCall(f"{_PERSON}/messages", _FILTER, in_pages=True),
        ApiCall(_PERSON),
        ApiCall(f"{_PERSON}/messages/<open>", needs="open"),
    ),
    f"{ROOT}/participants/<participant_id>/timeline": (
        ApiCall(f"{_PERSON}/timeline", in_pages=True),
        ApiCall(_PERSON),
    ),
    f"{ROOT}/participants/<participant_id>/addresses": (
        ApiCall(f"{_PERSON}/addresses"),
        ApiCall(_PERSON),
    ),
    f"{ROOT}/participants/<participant_id>/messages/<message_id>": (
        ApiCall(f"{_PERSON}/messages/<message_id>"),
        ApiCall(f"{_PERSON}/messages/<message_id>/preview"),
    ),
    f"{ROOT}/participants/<participant_id>/messages/<message_id>/stop": (
        ApiCall(f"{_PERSON}/messages/<message_id>/stop", method="POST"),
    ),
    f"{ROOT}/participants/<participant_id>/erase": (
        ApiCall(f"{_PERSON}/export"),
        ApiCall(_PERSON, method="DELETE"),
    ),
    f"{ROOT}/erasures/<erasure_id>": (ApiCall("/v1/erasures/<erasure_id>"),),
    f"{ROOT}/suppressions": (ApiCall("/v1/suppressions", {"reason": "reason"}, in_pages=True),),
    f"{ROOT}/suppressions/lift": (ApiCall("/v1/suppressions", word="address", needs="which"),),
    f"{ROOT}/templates": (ApiCall("/v1/templates", lacks=("name",)),),
    f"{ROOT}/templates/<template_id>": (ApiCall(_TEMPLATE, {"version": "version"}),),
    f"{ROOT}/templates/<template_id>/edit": (ApiCall(_TEMPLATE),),
    f"{ROOT}/templates/<template_id>/compare": (
        ApiCall(_TEMPLATE, {"from": "version"}),
        ApiCall(_TEMPLATE, {"to": "version"}),
    ),
    f"{ROOT}/staff/acts": (ApiCall("/v1/staff/acts", {"by": "by"}, in_pages=True),),
    f"{ROOT}/webhooks": (ApiCall("/v1/webhooks"),),
    f"{ROOT}/webhook": (ApiCall("/v1/webhooks", method="POST", body="webhook.json"),),
    f"{ROOT}/webhooks/<webhook_id>": (
        ApiCall(f"{_WEBHOOK}/deliveries", in_pages=True),
        ApiCall(_WEBHOOK),
    ),
    f"{ROOT}/webhooks/<webhook_id>/edit": (ApiCall(_WEBHOOK, method="PUT", body="webhook.json"),),
    f"{ROOT}/webhooks/<webhook_id>/secret": (ApiCall(f"{_WEBHOOK}/rotate", method="POST"),),
    f"{ROOT}/webhooks/<webhook_id>/remove": (ApiCall(_WEBHOOK, method="DELETE"),),
    f"{ROOT}/compose": (
        ApiCall("/v1/communications/preview", method="POST", body="mailing.json"),
        ApiCall("/v1/communications", method="POST", body="mailing.json"),
    ),
}
"""The console's page → its calls."""

WITHOUT: Final = {
    f"{ROOT}/sign-in": "nobody is signed in yet",
    f"{ROOT}/account": "the API knows keys, and no sessions",
    f"{ROOT}/drafts": "drafts are the console's own",
    f"{ROOT}/inactive": "the API tells who is inactive, and not who is about to be",
    f"{ROOT}/staff": "a key that reads lists no keys: they are made here, or by `sendtrail key`",
    f"{ROOT}/staff/keys/<key_id>/remove": "as of keys and people",
    f"{ROOT}/template": "it shows nothing: it is a form",
    f"{ROOT}/templates/<template_id>/versions": "the API gives a version by its number",
}
"""The console's pages that have none, and why."""


def calls_of(context: RequestContext, pager: Pager | None = None) -> list[str]:
    """The commands that tell what a page tells; none where the API has no such route.

    Args:
        pager: the page's, if it shows a list.
    """
    for pattern, calls in CALLS.items():
        found = _pattern(pattern).fullmatch(context.path)
        if found:
            return [
                command(context.origin, call.method, path, query, call.body)
                for call in calls
                for path, query in _filled(call, context, found.groupdict(), pager)
            ]
    return []


def command(
    origin: str,
    method: str,
    path: str,
    query: Sequence[tuple[str, str]] = (),
    body: str | None = None,
) -> str:
    """A call as text for a POSIX shell, a line for each of its arguments.

    Args:
        origin: scheme and host.
        path: encoded, as it stands in a URL.
        query: names and values, not encoded; with GET alone.
        body: the file that has it, if there is one.
    """
    lines = ["curl --get" if query else "curl" if method == "GET" else f"curl --request {method}"]
    lines[0] += f" {shlex.quote(origin + path)}"
    lines.append(_KEY)
    lines += [_argument(name, value) for name, value in query]
    if body:
        lines += [_JSON, f"--data {shlex.quote(f'@{body}')}"]
    return " \\\n  ".join(lines)


def _argument(name: str, value: str) -> str:
    """A parameter. curl encodes it, unless it has characters that a terminal would act upon."""
    if value.isprintable():
        return f"--data-urlencode {shlex.quote(f'{name}={value}')}"
    encoded = quote(value, safe="")
    return f"--data {shlex.quote(f'{name}={encoded}')}"


def _filled(
    call: ApiCall, context: RequestContext, path: Mapping[str, str], pager: Pager | None
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The path and query of a call; nothing where the page has no such call."""
    given = {name: value for name, raw in context.query.items() if (value := raw.strip())}
    if (call.needs and call.needs not in given) or any(name in given for name in call.lacks):
        return
    named = {**given, **path}
    segments = re.sub(r"<(\w+)>", lambda each: quote(named[each[1]], safe=""), call.route)
    query = [(its, given[ours]) for ours, its in call.query.items() if ours in given]
    word = context.address_in_url() if call.word else None
    if call.word and word:
        query = [(name, value) for name, value in query if name != call.word]
        query.insert(0, (call.word, word))
    query += call.fixed.items()
    cursor = pager.api_cursor() if pager and call.in_pages else None
    if cursor:
        query.append(("cursor", cursor))
    yield segments, query


@cache
def _pattern(route: str) -> re.Pattern[str]:
    parts = re.split(r"<(\w+)>", route)
    return re.compile(
        "".join(
            f"(?P<{part}>[^/]+)" if number % 2 else re.escape(part)
            for number, part in enumerate(parts)
        )
    )
