"""Pages about webhooks: the endpoints that are told of events, how they fare, and what became of
each delivery.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import Scope
from sendtrail.console.pager import Pager
from sendtrail.console.request_context import ROOT, AccessControl, RequestContext
from sendtrail.console.templating import render
from sendtrail.console.webhook_labels import GROUPS, webhook_name
from sendtrail.domain.times import Timestamp, epoch_ms, now, parse
from sendtrail.domain.webhooks import EVENT_TYPES, MAX_DESCRIPTION, MAX_ENDPOINTS, MAX_URL, Endpoint
from sendtrail.errors import ConditionFailedError, ConflictError, InvalidInputError, NotFoundError
from sendtrail.language import gettext
from sendtrail.reading.webhooks import delivery_view, webhook_view
from sendtrail.wiring import Wiring

__all__ = ["add_pages"]

_LIST: Final = f"{ROOT}/webhooks"
_ONE: Final = f"{_LIST}/<webhook_id>"
_NEW: Final = f"{ROOT}/webhook"
_DELIVERIES_ON_A_PAGE: Final = 25
_TWIN_MS: Final = 60_000
_TYPE: Final = "type:"
"""What the name of a type's box begins with."""


@dataclass(frozen=True, slots=True)
class _Form:
    """A form for a webhook, as it was sent, and what is wrong with each field.

    Attributes:
        all: whether it is told of everything, whatever boxes are ticked.
    """

    url: str = ""
    description: str = ""
    full: bool = False
    all: bool = True
    types: frozenset[str] = frozenset()
    faults: Mapping[str, str] = field(default_factory=dict)

    @property
    def wanted(self) -> dict[str, Any]:
        """What the store takes."""
        return {
            "url": self.url,
            "event_types": frozenset() if self.all else self.types,
            "full": self.full,
            "description": self.description,
        }


def add_pages(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds the pages."""
    admin = access.needs(Scope.ADMIN)

    @app.get(_LIST)
    @admin
    def several(context: RequestContext) -> Response[Any]:
        hooks = [webhook_view(each) for each in wiring.webhooks.endpoints()]
        return render("webhooks", context, hooks=hooks, is_on=wiring.webhooks.is_on)

    @app.get(_NEW)
    @admin
    def new(context: RequestContext) -> Response[Any]:
        return _form(context, wiring, _Form())

    @app.post(_NEW)
    @admin
    def add(context: RequestContext) -> Response[Any]:
        _check_on(wiring)
        form = _read(context)
        if not form.faults and _is_twin(context, wiring, form):
            said = gettext(
                "You made a webhook of this URL a moment ago; remove that first, or wait for a "
                "minute."
            )
            form = replace(form, faults={"": said})
        if form.faults:
            return _form(context, wiring, form, status=422)
        try:
            made, secret = wiring.webhooks.create(**form.wanted, by=context.actor)
        except InvalidInputError as error:
            return _form(context, wiring, replace(form, faults=_faults(error)), status=422)
        return _secret(context, made, secret)

    @app.get(_ONE)
    @admin
    def one(context: RequestContext, webhook_id: str) -> Response[Any]:
        return _page(context, wiring, _known(wiring, webhook_id))

    @app.get(f"{_ONE}/edit")
    @admin
    def edit(context: RequestContext, webhook_id: str) -> Response[Any]:
        found = _known(wiring, webhook_id)
        form = _Form(
            found.url, found.description, found.full, not found.event_types, found.event_types
        )
        return _form(context, wiring, form, found)

    @app.post(f"{_ONE}/edit")
    @admin
    def change(context: RequestContext, webhook_id: str) -> Response[Any]:
        found = _known(wiring, webhook_id)
        form = _read(context)
        if form.faults:
            return _form(context, wiring, form, found, status=422)
        try:
            changed = wiring.webhooks.change(webhook_id, **form.wanted, by=context.actor)
        except InvalidInputError as error:
            return _form(context, wiring, replace(form, faults=_faults(error)), found, status=422)
        return _done(context, changed, gettext("%(name)s is changed."))

    _add_actions(app, access, wiring)


def _add_actions(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds what is done with a webhook that there is, and asking before."""
    admin = access.needs(Scope.ADMIN)

    @app.post(f"{_ONE}/enable")
    @admin
    def enable(context: RequestContext, webhook_id: str) -> Response[Any]:
        _known(wiring, webhook_id)
        enabled = wiring.webhooks.enable(webhook_id, by=context.actor)
        said = gettext(
            "%(name)s is switched on. What happened while it was off is not told unless you send "
            "it again."
        )
        return _done(context, enabled, said)

    @app.post(f"{_ONE}/test")
    @admin
    def test(context: RequestContext, webhook_id: str) -> Response[Any]:
        _check_on(wiring)
        found = _known(wiring, webhook_id)
        wiring.webhooks.test(webhook_id, by=context.actor)
        said = gettext("A test is on its way. Load the page again in a few seconds to see it.")
        return _done(context, found, said)

    @app.post(f"{_ONE}/replay")
    @admin
    def send_again(context: RequestContext, webhook_id: str) -> Response[Any]:
        _check_on(wiring)
        found = _known(wiring, webhook_id)
        faults: dict[str, str] = {}
        if not found.is_enabled:
            raise ConflictError(gettext("it is switched off; switch it on first"))
        first, last = (_moment(context, name, faults) for name in ("from", "to"))
        if not faults:
            try:
                wiring.webhooks.replay(webhook_id, first, last, by=context.actor)
            except InvalidInputError:
                said = gettext(
                    "Write a span of time that begins before it ends, and within the %(days)s days "
                    "for which messages are kept."
                )
                faults["from"] = said % {"days": wiring.settings.retention_days}
        if faults:
            return _page(context, wiring, found, faults=faults, status=422)
        said = gettext("What happened in that time is sent again; new events go before.")
        return _done(context, found, said)

    @app.get(f"{_ONE}/secret")
    @admin
    def confirm_secret(context: RequestContext, webhook_id: str) -> Response[Any]:
        hook = webhook_view(_known(wiring, webhook_id))
        return render("webhook_replace", context, hook=hook, is_stale=False)

    @app.post(f"{_ONE}/secret")
    @admin
    def replace_secret(context: RequestContext, webhook_id: str) -> Response[Any]:
        found = _known(wiring, webhook_id)
        secret = None
        if context.field("made_at") == found.secret_made_at:  # else it is loaded again
            with suppress(ConditionFailedError):
                secret = wiring.webhooks.rotate(webhook_id, by=context.actor)
        if secret is None:
            hook = webhook_view(_known(wiring, webhook_id))
            return render("webhook_replace", context, status=409, hook=hook, is_stale=True)
        return _secret(context, found, secret, replaced=True)

    @app.get(f"{_ONE}/remove")
    @admin
    def confirm_removal(context: RequestContext, webhook_id: str) -> Response[Any]:
        return render("webhook_remove", context, hook=webhook_view(_known(wiring, webhook_id)))

    @app.post(f"{_ONE}/remove")
    @admin
    def remove(context: RequestContext, webhook_id: str) -> Response[Any]:
        found = _known(wiring, webhook_id)
        wiring.webhooks.delete(webhook_id, by=context.actor)
        said = gettext("%(name)s is removed.") % {"name": webhook_name(webhook_view(found))}
        return context.done(_LIST, said)


def _page(
    context: RequestContext,
    wiring: Wiring,
    found: Endpoint,
    *,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response[Any]:
    """A webhook's page."""
    path = f"{_LIST}/{found.endpoint_id}"
    name = ("webhook-deliveries", found.endpoint_id)
    pager = Pager.of(replace(context, path=path), wiring.cursors, *name)
    items, following = wiring.webhooks.deliveries(
        found.endpoint_id, pager.place, _DELIVERIES_ON_A_PAGE
    )
    missed = found.disabled_at or found.failing_since
    span = {"from": _local(missed), "to": _local(now()) if missed else ""}
    return render(
        "webhook",
        context,
        status=status,
        hook=webhook_view(found),
        is_on=wiring.webhooks.is_on,
        items=[delivery_view(each) for each in items],
        span={name: context.form.get(name, span[name]) for name in span},
        faults=faults or {},
        pager=pager,
        following=pager.following(following),
    )


def _form(
    context: RequestContext,
    wiring: Wiring,
    form: _Form,
    found: Endpoint | None = None,
    *,
    status: int = 200,
) -> Response[Any]:
    """The form for a webhook, a new one or one that stands."""
    return render(
        "webhook_edit",
        context,
        status=status,
        hook=webhook_view(found) if found else None,
        is_on=wiring.webhooks.is_on,
        form=form,
        faults=form.faults,
        groups=[(label, list(types.items())) for label, types in GROUPS],
        max_url=MAX_URL,
        max_description=MAX_DESCRIPTION,
    )


def _known(wiring: Wiring, webhook_id: str) -> Endpoint:
    try:
        return wiring.webhooks.endpoint(webhook_id)
    except NotFoundError:
        raise NotFoundError(gettext("there is no such webhook")) from None


def _check_on(wiring: Wiring) -> None:
    if not wiring.webhooks.is_on:
        raise ConflictError(
            gettext(
                "webhooks are switched off in this stack; an operator switches them on by "
                "deploying it with the parameter %(setting)s"
            )
            % {"setting": "Webhooks=yes"}
        )


def _is_twin(context: RequestContext, wiring: Wiring, form: _Form) -> bool:
    """Whether they made one of this URL a moment before: to load the answer again sends the
    form again, and must not make another.
    """
    at = epoch_ms(now())
    return any(
        each.url == form.url
        and each.by == context.actor.text
        and at - epoch_ms(each.created_at) < _TWIN_MS
        for each in wiring.webhooks.endpoints()
    )


def _read(context: RequestContext) -> _Form:
    """The form, with what is wrong with it that the store does not say."""
    url, description = (context.form.get(name, "").strip() for name in ("url", "description"))
    types = {name.removeprefix(_TYPE) for name in context.form if name.startswith(_TYPE)}
    is_all = context.form.get("which") != "some"
    faults: dict[str, str] = {}
    if not url:
        faults["url"] = gettext("Say where events are to be sent.")
    if not is_all and not types & {*EVENT_TYPES}:
        faults["types"] = gettext("Choose at least one type of event.")
    return _Form(
        url,
        description,
        context.form.get("full") == "yes",
        is_all,
        frozenset(types & {*EVENT_TYPES}),
        faults,
    )


def _moment(context: RequestContext, name: str, faults: dict[str, str]) -> Timestamp:
    """A time of UTC as browsers send it, ``2026-11-24T09:30``; where it is none, a fault."""
    given = context.form.get(name, "").strip()
    try:
        return parse(given if given[-1:] == "Z" else f"{given}Z")
    except ValueError:
        faults[name] = gettext("Write a time as %(example)s.") % {"example": "2026-11-24T09:30"}
        return ""


def _local(at: Timestamp | None) -> str:
    """A time as a field takes it."""
    return at[:16] if at else ""


def _faults(error: InvalidInputError) -> dict[str, str]:
    """What the store minds, by the field of the form."""
    said = {
        "url": gettext(
            "Allowed is an https URL of at most %(most)s characters at a public host, without a "
            "name or password in it."
        )
        % {"most": MAX_URL},
        "description": gettext("Allowed are up to %(most)s characters, on one line.")
        % {"most": MAX_DESCRIPTION},
        "": gettext("There are %(most)s webhooks already, and no more are allowed.")
        % {"most": MAX_ENDPOINTS},
    }
    fields = [problem.field if problem.field in said else "" for problem in error.problems]
    return {name or "": said[name or ""] for name in fields}


def _secret(
    context: RequestContext, found: Endpoint, secret: str, *, replaced: bool = False
) -> Response[Any]:
    """The page that shows a secret, this once."""
    hook = webhook_view(found)
    return render("webhook_secret", context, hook=hook, secret=secret, replaced=replaced)


def _done(context: RequestContext, found: Endpoint, said: str) -> Response[Any]:
    name = {"name": webhook_name(webhook_view(found))}
    return context.done(f"{_LIST}/{found.endpoint_id}", said % name)
