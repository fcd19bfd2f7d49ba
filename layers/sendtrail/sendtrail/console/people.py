"""A page that lists and finds people."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import Scope
from sendtrail.console.pager import Pager
from sendtrail.console.request_context import ROOT, AccessControl, RequestContext, redirect
from sendtrail.console.templating import render
from sendtrail.errors import InvalidInputError
from sendtrail.language import gettext
from sendtrail.reading.people import MAX_WORD, PeopleFilter, PeopleState
from sendtrail.wiring import Wiring

__all__ = ["PEOPLE", "add_pages", "link_to_people"]

PEOPLE: Final = f"{ROOT}/people"
_PAGE: Final = 25


def add_pages(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds the page."""

    @app.get(PEOPLE)
    @access.needs(Scope.READ)
    def several(context: RequestContext) -> Response[Any]:
        state = _state(context)
        word = context.query_value("q", max_length=MAX_WORD)
        if word and "@" in word:
            return redirect(link_to_people(context, word, state))
        word = context.address_in_url() or word
        pager = Pager.of(context, wiring.cursors, "people", word, state)
        wanted = PeopleFilter(word, state)
        items, place = wiring.people.page(wanted, place=pager.place, limit=_PAGE)
        return render(
            "people",
            context,
            items=items,
            word=word,
            state=state,
            tabs=[(each, link_to_people(context, word, each)) for each in (None, *PeopleState)],
            pager=pager,
            following=pager.following(place),
        )


def link_to_people(
    context: RequestContext, word: str | None, state: PeopleState | None = None
) -> str:
    """The link to those whom a word finds; an address does not stand in it."""
    query = {"state": state.value} if state else {}
    if word:
        query |= {"which": context.for_url(word)} if "@" in word else {"q": word}
    return PEOPLE + (f"?{urlencode(query)}" if query else "")


def _state(context: RequestContext) -> PeopleState | None:
    state = context.query_value("state", max_length=32)
    try:
        return PeopleState(state) if state else None
    except ValueError:
        said = gettext("%(field)s: %(given)s is none; there are %(all)s")
        said %= {"field": "state", "given": repr(state), "all": ", ".join(PeopleState)}
        raise InvalidInputError(said) from None
