"""Pages about staff: API keys and people, what each may do, and what they did."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import EXPIRES_SOON_DAYS, Scope
from sendtrail.auth.audit import StaffAction
from sendtrail.auth.key_secret import StoredKey, check_new_key, end_of_day
from sendtrail.console.act_labels import object_path
from sendtrail.console.pager import Pager
from sendtrail.console.request_context import ROOT, AccessControl, RequestContext
from sendtrail.console.templating import render
from sendtrail.domain.actors import KEY, MAX_NAME
from sendtrail.domain.times import Timestamp, epoch_ms, now
from sendtrail.errors import (
    BusyError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    ThrottledError,
)
from sendtrail.language import gettext
from sendtrail.reading.views import act_view, actor_view
from sendtrail.wiring import Wiring

__all__ = ["add_pages"]

_PATH: Final = f"{ROOT}/staff"
_ACTS: Final = f"{_PATH}/acts"
_PEOPLE_ON_A_PAGE: Final = 25
_ACTS_ON_A_PAGE: Final = 50
_ACTOR: Final = re.compile(r"[a-z]{1,16}:[!-~]{1,64}")
_DAY_MS: Final = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class _Form:
    """A form for a new key, as it was sent, and what is wrong with each field."""

    name: str = ""
    scope: str = Scope.READ.value
    expires: str = ""
    faults: dict[str, str] | None = None
    expires_at: Timestamp | None = None


def add_pages(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds the pages."""

    @app.get(_PATH)
    @access.needs(Scope.ADMIN)
    def keys_and_people(context: RequestContext) -> Response[Any]:
        return _page(context, _Form())

    @app.post(f"{_PATH}/keys")
    @access.needs(Scope.ADMIN)
    def add(context: RequestContext) -> Response[Any]:
        form = _read(context)
        if form.faults:
            return _page(context, form, status=422)
        try:
            key, stored = wiring.key_secret.add(
                Scope(form.scope), form.name, by=context.actor, expires_at=form.expires_at
            )
        except (InvalidInputError, BusyError, ThrottledError) as error:
            return _page(context, replace(form, faults={"": _sentence(error)}), status=422)
        wiring.audit(context.actor, StaffAction.ADD_KEY, stored.key_id)
        return render("staff_key", context, key=key, stored=stored)

    @app.get(f"{_PATH}/keys/<key_id>/remove")
    @access.needs(Scope.ADMIN)
    def confirm(context: RequestContext, key_id: str) -> Response[Any]:
        stored = _removable(key_id)
        seen = wiring.staff_store.keys_seen().get(key_id)
        return render(
            "staff_remove",
            context,
            key=stored,
            by=actor_view(stored.created_by),
            seen_at=seen,
            is_own=_is_own(context, key_id),
        )

    @app.post(f"{_PATH}/keys/<key_id>/remove")
    @access.needs(Scope.ADMIN)
    def remove(context: RequestContext, key_id: str) -> Response[Any]:
        stored = _removable(key_id)
        wiring.key_secret.remove(key_id)
        wiring.audit(context.actor, StaffAction.REMOVE_KEY, key_id)
        said = gettext("The key %(name)s is removed. It stops working within two minutes.")
        return context.done(_PATH, said % {"name": stored.name or key_id})

    @app.post(f"{_PATH}/sign-out")
    @access.needs(Scope.ADMIN)
    def sign_out(context: RequestContext) -> Response[Any]:
        person = wiring.staff_store.person(context.field("person", max_length=128))
        if person is None:
            raise NotFoundError("nobody of this id has signed in")
        wiring.staff_sessions.end_all(person.person_id)
        wiring.audit(context.actor, StaffAction.END_SESSIONS, person.person_id)
        said = gettext("%(name)s is signed out everywhere.")
        return context.done(_PATH, said % {"name": person.name or person.person_id})

    @app.get(_ACTS)
    @access.needs(Scope.ADMIN)
    def acts(context: RequestContext) -> Response[Any]:
        by = context.query_value("by")
        if by and not _ACTOR.fullmatch(by):
            raise InvalidInputError("by: the kind and id of a key or a person are allowed")
        pager = Pager.of(context, wiring.cursors, "acts", by)
        found, following = wiring.staff_store.acts(
            actor=by, place=pager.place, limit=_ACTS_ON_A_PAGE
        )
        items = [{**view, "path": object_path(view)} for view in map(act_view, found)]
        return render(
            "staff_acts",
            context,
            items=items,
            by=by,
            who=next((item["by"] for item in items if item["by"]), None) if by else None,
            pager=pager,
            following=pager.following(following),
        )

    def _page(context: RequestContext, form: _Form, *, status: int = 200) -> Response[Any]:
        at = now()
        pager = Pager.of(replace(context, path=_PATH), wiring.cursors, "staff")
        people, following = wiring.staff_store.people(start=pager.place, limit=_PEOPLE_ON_A_PAGE)
        seen = wiring.staff_store.keys_seen()
        first = wiring.first_key()
        return render(
            "staff",
            context,
            status=status,
            first=first,
            first_seen_at=first and seen.get(first.key_id),
            keys=[_key_view(key, seen, at) for key in wiring.key_secret.listed()],
            people=people,
            sessions=wiring.staff_sessions.count([person.person_id for person in people]),
            own_key=context.caller.key_id if context.caller else None,
            form=form,
            faults=form.faults or {},
            scopes=list(Scope),
            today=at[:10],
            max_name=MAX_NAME,
            pager=pager,
            following=pager.following(following),
        )

    def _removable(key_id: str) -> StoredKey:
        """The key of this id.

        Raises:
            ForbiddenError: it is the first key.
            NotFoundError: there is none.
        """
        first = wiring.first_key()
        if first and first.key_id == key_id:
            raise ForbiddenError(
                "the first key is the stack's own, and is not removed here; an operator changes "
                "`key` in the secret FirstApiKey"
            )
        for stored in wiring.key_secret.listed():
            if stored.key_id == key_id:
                return stored
        raise NotFoundError(f"no key has the id {key_id}")


def _read(context: RequestContext) -> _Form:
    """The form for a new key, with everything that is wrong with it."""
    name, scope, expires = (
        context.form.get(field, "").strip() for field in ("name", "scope", "expires")
    )
    faults: dict[str, str] = {}
    expires_at: Timestamp | None = None
    if not name:
        faults["name"] = gettext("Say whose it is.")
    try:
        check_new_key(name, None)
    except InvalidInputError as error:
        faults["name"] = _sentence(error)
    if scope not in list(Scope) or not context.may(scope):
        faults["scope"] = gettext("Choose what it may do; no more than you may yourself.")
    if expires:
        try:
            expires_at = end_of_day(expires)
            check_new_key("", expires_at)
        except ValueError:
            faults["expires"] = gettext("Write a day as 2027-01-31, or nothing.")
        except InvalidInputError:
            faults["expires"] = gettext("This day has passed; a later one is allowed.")
    return _Form(name, scope, expires, faults, expires_at)


def _sentence(error: Exception) -> str:
    """What an error says, without its code or the name of its field."""
    said = str(error).partition(": ")[2] or str(error)
    return f"{said[:1].upper()}{said[1:]}."


def _key_view(key: StoredKey, seen: dict[str, Timestamp], at: Timestamp) -> dict[str, Any]:
    """A key as the page shows it."""
    left = epoch_ms(key.expires_at) - epoch_ms(at) if key.expires_at else None
    state = None
    if left is not None:
        state = "expired" if left <= 0 else "soon" if left <= EXPIRES_SOON_DAYS * _DAY_MS else None
    return {
        "key_id": key.key_id,
        "actor": f"{KEY}:{key.key_id}",
        "name": key.name,
        "scope": key.scope,
        "created_at": key.created_at,
        "by": actor_view(key.created_by),
        "expires_at": key.expires_at,
        "state": state,
        "seen_at": seen.get(key.key_id),
    }


def _is_own(context: RequestContext, key_id: str) -> bool:
    return context.caller is not None and context.caller.key_id == key_id
