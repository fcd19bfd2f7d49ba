"""Pages about templates: all, one, its versions, and what differs between them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import Scope
from sendtrail.console import template_form
from sendtrail.console.line_diff import MAX_LINES, Row, compare
from sendtrail.console.pager import Pager
from sendtrail.console.previews import framed, nothing_to_show
from sendtrail.console.request_context import ROOT, AccessControl, RequestContext
from sendtrail.console.template_form import LABELS, Written
from sendtrail.console.templating import render
from sendtrail.domain.ids import is_participant_id
from sendtrail.domain.times import now
from sendtrail.errors import InvalidInputError, NotFoundError
from sendtrail.language import gettext
from sendtrail.reading import template_uses
from sendtrail.reading.views import actor_view
from sendtrail.sending.template_store import TemplateStore, TemplateSummary, TemplateVersion
from sendtrail.wiring import Wiring

__all__ = [
    "PATH",
    "Difference",
    "add_pages",
    "differences_between",
    "in_frame",
    "version_of",
]

PATH: Final = f"{ROOT}/templates"
_PAGE: Final = 25
_USES: Final = 15
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_PARTS: Final = ("description", "subject", "html", "text")


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs in a part of two versions.

    Attributes:
        rows: None if the part has too many lines to be compared.
    """

    part: str
    rows: Sequence[Row] | None


def add_pages(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds the pages."""
    store = wiring.templates

    @app.get(PATH)
    @access.needs(Scope.READ)
    def several(context: RequestContext) -> Response[Any]:
        begins = context.query_value("name") or ""
        pager = Pager.of(context, wiring.cursors, "templates", begins)
        found = store.newest(limit=_PAGE, begins=begins, place=pager.place)
        return render(
            "templates",
            context,
            items=[_summary_view(each) for each in found.items],
            begins=begins,
            pager=pager,
            following=pager.following(found.place),
        )

    @app.get(f"{PATH}/<template_id>")
    @access.needs(Scope.READ)
    def one(context: RequestContext, template_id: str) -> Response[Any]:
        chosen = _chosen(context, "version")
        newest = version_of(store, template_id)
        version = newest if chosen is None else version_of(store, template_id, chosen)
        return render(
            "template",
            context,
            version=version,
            by_whom=actor_view(version.by),
            newest=newest.version,
            labels=LABELS,
            mailings=template_uses.mailings_of(
                wiring.database, wiring.settings.communications_table, template_id, limit=_USES
            ),
            messages=template_uses.direct_messages_of(template_id, now(), limit=_USES),
            looked_at=template_uses.LOOKED_AT,
        )

    @app.get(f"{PATH}/<template_id>/preview")
    @access.needs(Scope.READ)
    def preview_of_version(context: RequestContext, template_id: str) -> Response[Any]:
        chosen = _chosen(context, "version")
        version = version_of(store, template_id, chosen)
        return in_frame(context, template_form.of_version(version))

    @app.get(f"{PATH}/<template_id>/versions")
    @access.needs(Scope.READ)
    def versions(context: RequestContext, template_id: str) -> Response[Any]:
        _check(template_id)
        pager = Pager.of(context, wiring.cursors, "versions", template_id)
        found = store.versions(template_id, limit=_PAGE, place=pager.place)
        if not found.items:
            raise NotFoundError(gettext("there is no template %(id)s") % {"id": template_id})
        return render(
            "template_versions",
            context,
            template_id=template_id,
            items=[_summary_view(each) for each in found.items],
            newest=found.items[0].version if pager.is_first else 0,
            pager=pager,
            following=pager.following(found.place),
        )

    @app.get(f"{PATH}/<template_id>/compare")
    @access.needs(Scope.READ)
    def differences(context: RequestContext, template_id: str) -> Response[Any]:
        numbers = [_chosen(context, name) for name in ("from", "to")]
        if None in numbers:
            raise InvalidInputError(gettext("choose two versions to compare"))
        old, new = (version_of(store, template_id, number) for number in numbers)
        return render(
            "template_compare",
            context,
            old=old,
            new=new,
            old_by=actor_view(old.by),
            new_by=actor_view(new.by),
            labels=LABELS,
            differences=differences_between(old, new),
            most=MAX_LINES,
        )

    @app.post(f"{PATH}/<template_id>/restore")
    @access.needs(Scope.SEND)
    def restore(context: RequestContext, template_id: str) -> Response[Any]:
        number = context.form.get("version", "")
        if not _NUMBER.fullmatch(number):
            said = gettext("this form is not whole; go back, and load the page again")
            raise InvalidInputError(said)
        old = version_of(store, template_id, int(number))
        made = store.add(
            template_id,
            old.body,
            fields=old.fields,
            at=now(),
            by=context.actor,
            description=old.description,
        )
        said = gettext("Version %(old)s is restored: it is version %(new)s now.")
        said %= {"old": old.version, "new": made.version}
        return context.done(f"{PATH}/{template_id}", said)


def version_of(
    store: TemplateStore, template_id: str, number: int | None = None
) -> TemplateVersion:
    """A version of a template, by default the newest.

    Raises:
        NotFoundError: there is none.
    """
    _check(template_id)
    found = store.get(template_id, number)
    if found is None:
        said = gettext("there is no template %(id)s")
        if number:
            said = gettext("there is no template %(id)s version %(number)s")
        raise NotFoundError(said % {"id": template_id, "number": number})
    return found


def in_frame(context: RequestContext, made: Written) -> Response[Any]:
    """The mail, for the frame; or why there is none."""
    if made.tried and made.tried.rendered:
        return framed(made.tried.rendered.html, made.tried.rendered.text)
    found = made.all_found
    said = [f"{gettext(LABELS[each.field])}: {each.said}" for each in found]
    return nothing_to_show(context, " ".join(said).rstrip("."))


def differences_between(old: TemplateVersion, new: TemplateVersion | Written) -> list[Difference]:
    """What differs, in the parts in which something does."""
    return [
        Difference(part, compare(before, after))
        for part in _PARTS
        if (before := _part(old, part)) != (after := _part(new, part))
    ]


def _part(of: TemplateVersion | Written, part: str) -> str:
    if part == "description":
        return of.description or ""
    body = of.body
    return {"subject": body.subject, "html": body.html, "text": body.text}[part] or ""


def _summary_view(summary: TemplateSummary) -> dict[str, Any]:
    return {"version": summary, "by": actor_view(summary.by)}


def _chosen(context: RequestContext, name: str) -> int | None:
    """A version that the query names; None if it names none.

    Raises:
        InvalidInputError: it is no number of a version.
    """
    given = context.query_value(name)
    if given is None:
        return None
    if not _NUMBER.fullmatch(given):
        said = gettext("%(field)s: %(given)s is no version; they are numbers from 1 on")
        raise InvalidInputError(said % {"field": name, "given": repr(given)})
    return int(given)


def _check(template_id: str) -> None:
    if not is_participant_id(template_id):
        raise NotFoundError(gettext("there is no template %(id)s") % {"id": template_id})
