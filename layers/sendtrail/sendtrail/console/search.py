"""The page that finds what somebody has at hand: a person, an address, a message, a mailing."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import Scope
from sendtrail.console.people import link_to_people
from sendtrail.console.request_context import ROOT, AccessControl, RequestContext, redirect
from sendtrail.console.templating import render
from sendtrail.reading.people import PeopleFilter
from sendtrail.reading.search import MAX_NAMES, SearchResult, search
from sendtrail.wiring import Wiring

__all__ = ["add_pages"]

_MAX: Final = 330
_PEOPLE: Final = 10
_PATH: Final = f"{ROOT}/find"


def add_pages(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds the page."""

    @app.post(_PATH)
    @access.needs(Scope.READ)
    def ask(context: RequestContext) -> Response[Any]:
        return asked(context, context.field("q", max_length=_MAX))

    @app.get(_PATH)
    @access.needs(Scope.READ)
    def find(context: RequestContext) -> Response[Any]:
        typed = context.query_value("q", max_length=_MAX)  # by hand, into the URL
        if typed:
            return asked(context, typed)
        word = context.address_in_url()
        if word is None:
            return render("find", context, word="", answer=None, names=MAX_NAMES)
        answer = search(wiring.directory, word)
        people, more = ([], False) if _is_exact(answer) else who_begin_so(word)
        to = _only(answer, people)
        if to:
            return redirect(to)
        return render(
            "find",
            context,
            status=200 if answer.is_something or people or more else 404,
            word=word,
            answer=answer,
            people=people,
            more_people=link_to_people(context, word) if more else None,
            names=MAX_NAMES,
        )

    def asked(context: RequestContext, word: str) -> Response[Any]:
        """To the one thing that a word finds; else to what it finds, by a URL that does not have
        the word, since it may be an address.
        """
        if not word:
            return redirect(_PATH)
        answer = search(wiring.directory, word)
        to = _only(answer, [] if _is_exact(answer) else who_begin_so(word)[0])
        return redirect(to or f"{_PATH}?{urlencode({'which': context.for_url(word)})}")

    def who_begin_so(word: str) -> tuple[list[dict[str, Any]], bool]:
        """The first people whose id, name or address begins so, and whether there may be more."""
        items, place = wiring.people.page(PeopleFilter(word), place=None, limit=_PEOPLE)
        return items, place is not None


def _is_exact(answer: SearchResult) -> bool:
    return bool(answer.participant_id or answer.communication_id or answer.owners)


def _only(answer: SearchResult, people: list[dict[str, Any]]) -> str | None:
    """The page of the one thing that was found; None if it is not one."""
    if answer.participant_id and answer.communication_id:
        return None
    if answer.communication_id:
        return f"{ROOT}/communications/{answer.communication_id}"
    if answer.participant_id:
        message = f"/messages/{answer.message_id}" if answer.message_id else ""
        return f"{ROOT}/participants/{answer.participant_id}{message}"
    if len(people) == 1 and not answer.is_something:
        return f"{ROOT}/participants/{people[0]['participant_id']}"
    return None
