"""Pages about a person's rights: a file of what is kept of them, and having them erased."""

from __future__ import annotations

import json
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from sendtrail.auth.api_keys import Scope
from sendtrail.auth.audit import StaffAction
from sendtrail.console.downloads import FileFormat, download
from sendtrail.console.pager import Pager
from sendtrail.console.request_context import ROOT, AccessControl, RequestContext, redirect
from sendtrail.console.templating import render
from sendtrail.domain.erasure import is_erased
from sendtrail.domain.ids import is_participant_id, participant_of_address
from sendtrail.domain.times import epoch_ms, now
from sendtrail.errors import NotFoundError
from sendtrail.language import gettext, mark
from sendtrail.rights.erasing import Keeps
from sendtrail.rights.views import erasure_view
from sendtrail.wiring import Wiring

__all__ = ["add_pages"]

_PERSON: Final = f"{ROOT}/participants/<participant_id>"
_ERASURES: Final = f"{ROOT}/erasures"
_MAX_FILE: Final = 20_000_000
"""From how many bytes on a file takes no further part: compressed, it is far below the 6 MB that
Lambda answers with at most, also in base64."""
_OVERDUE_MS: Final = 24 * 3_600_000
"""After how long an erasure should have come to its end; passes are a quarter of an hour apart."""

_COUNTS: Final = {
    "messages": mark("Messages put under the pseudonym"),
    "records": mark("Events of the person and their addresses, deleted"),
    "rows": mark("Rows of profile, addresses and name, deleted"),
    "suppressions": mark("Suppressions, deleted"),
    "refusals": mark("Refusals of mail that became keyed hashes"),
    "plans": mark("Plans of mailings and messages, rewritten"),
    "attachments": mark("Attached files that went to nobody else, deleted"),
    "drafts": mark("Drafts from which they were taken out"),
    "acts": mark("Entries of what staff did, put under the pseudonym"),
    "mentions": mark("Mentions in others’ messages, put under the pseudonym"),
}
"""What was counted of an erasure → what that is; in the order of a report."""
_TRACES: Final = {
    Keeps.STREAM.value: mark("The stream of changes of the log"),
    Keeps.QUEUES.value: mark("Queues, if something in them failed and was kept"),
    Keeps.LOGS.value: mark("Logs of functions and of requests"),
    Keeps.BACKUPS.value: mark("Backups of the tables (point-in-time recovery)"),
}
"""What may still hold a trace → what that is."""


def add_pages(app: APIGatewayHttpResolver, access: AccessControl, wiring: Wiring) -> None:
    """Adds the pages."""

    @app.get(f"{_PERSON}/export.json", compress=True)
    @access.needs(Scope.ADMIN)
    def export(context: RequestContext, participant_id: str) -> Response[Any]:
        _check(participant_id)
        pager = Pager.of(context, wiring.cursors, "export", participant_id)
        found, place = wiring.person_export.page(participant_id, pager.place)
        if pager.is_first:
            wiring.audit(context.actor, StaffAction.EXPORT_PERSON, participant_id)
        size = len(json.dumps(found))
        while place is not None and size < _MAX_FILE:
            more, place = wiring.person_export.page(participant_id, place)
            found["messages"] += more["messages"]
            size += len(json.dumps(more))
        following = pager.following(place)
        found["next"] = f"{context.origin}{following}" if following else None
        text = json.dumps(found, indent=1, ensure_ascii=False)
        name = f"{participant_id} {found['exported_at'][:10]}"
        return download(text, name, FileFormat.JSON, following)

    @app.get(f"{_PERSON}/erase")
    @access.needs(Scope.ADMIN)
    def confirm(context: RequestContext, participant_id: str) -> Response[Any]:
        try:
            _check(participant_id)
            return _confirmation(context, participant_id)
        except NotFoundError:
            return render("nobody", context, status=404, participant_id=participant_id)

    @app.post(f"{_PERSON}/erase")
    @access.needs(Scope.ADMIN)
    def erase(context: RequestContext, participant_id: str) -> Response[Any]:
        _check(participant_id)
        written = context.form.get("confirmation", "").strip()
        if written != participant_id:
            return _confirmation(context, participant_id, written=written, status=422)
        asked = wiring.erasing.request(participant_id, by=context.actor)
        return redirect(f"{_ERASURES}/{asked.erasure_id}")

    @app.get(f"{_ERASURES}/<erasure_id>")
    @access.needs(Scope.ADMIN)
    def erasure(context: RequestContext, erasure_id: str) -> Response[Any]:
        if not is_erased(erasure_id):
            raise NotFoundError(gettext("there is no erasure %(id)s") % {"id": erasure_id})
        found = erasure_view(wiring.erasing.status(erasure_id))
        age = epoch_ms(now()) - epoch_ms(found["asked_at"])
        counts = found["counts"]
        known = [(label, counts[each]) for each, label in _COUNTS.items() if each in counts]
        others = [(each, number) for each, number in counts.items() if each not in _COUNTS]
        return render(
            "erasure",
            context,
            erasure=found,
            counts=[*known, *others],
            traces=[(_TRACES[each["where"]], each["until"]) for each in found["traces"]],
            is_overdue=found["done_at"] is None and age > _OVERDUE_MS,
        )

    def _confirmation(
        context: RequestContext, participant_id: str, *, written: str = "", status: int = 200
    ) -> Response[Any]:
        """What would be done, with whom each of their addresses is shared."""
        person, uses = wiring.history.addresses(participant_id)
        addresses = [use["address"] for use in uses]
        owners = wiring.directory.ids_at(addresses, 3)
        return render(
            "erase",
            context,
            status=status,
            person=person,
            addresses=[
                (address, bool({*ids} - {participant_id, participant_of_address(address)}))
                for address, ids in zip(addresses, owners, strict=True)
            ],
            log_days=wiring.settings.log_retention_days,
            written=written,
            is_wrong=status != 200,
        )


def _check(participant_id: str) -> None:
    if not is_participant_id(participant_id) or is_erased(participant_id):
        said = gettext("nothing is known of %(id)s that could be exported or erased")
        raise NotFoundError(said % {"id": participant_id})
