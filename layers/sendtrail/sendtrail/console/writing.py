"""What somebody is writing: the form of a mailing, and the draft that is kept of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sendtrail.console.draft_form import (
    FIELDS,
    Drafted,
    Fault,
    KeptFile,
    drafted,
    entered,
    kept_files,
    with_files,
)
from sendtrail.console.earlier_recipients import EarlierRecipients, table_of
from sendtrail.console.labels import AUDIENCES
from sendtrail.console.request_context import RequestContext
from sendtrail.domain.ids import is_communication_id
from sendtrail.domain.times import now
from sendtrail.errors import InvalidInputError, NotFoundError, Problems, ThrottledError
from sendtrail.language import gettext
from sendtrail.mail.attachments import (
    MAX_ATTACHMENTS,
    MAX_TOTAL_BYTES,
    Attachment,
    check_attachments,
    size_label,
)
from sendtrail.reading import queries
from sendtrail.reading.audience import Audience, recipients_of
from sendtrail.sending.draft_store import (
    Conflict,
    DraftRow,
    DraftStore,
    is_draft_id,
    new_draft_id,
)
from sendtrail.sending.plan_store import PlanStore
from sendtrail.sending.submission import Request, Submission

__all__ = ["DraftEditor", "Writing", "number_of", "request_of"]

_ATTACH: Final = "attach"
_TYPE_UNKNOWN: Final = "application/octet-stream"
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Writing:
    """What somebody is writing.

    Attributes:
        draft_id: also of one that was not saved yet.
        revision: of the draft that they have seen; 0 if it was not saved yet.
        fields: of the form.
        found: what is wrong with it, as far as that is known.
        said: what is to be known of how its recipients were read; empty if nothing.
        saved: the draft as it is kept, where that is known.
    """

    draft_id: str
    revision: int
    fields: Mapping[str, str]
    found: Sequence[Fault] = ()
    said: str = ""
    saved: DraftRow | None = None


class DraftEditor:
    """Reads forms, and keeps and opens drafts."""

    def __init__(self, submission: Submission, drafts: DraftStore, plans: PlanStore) -> None:
        """Takes what it works with."""
        self._submission = submission
        self._drafts = drafts
        self._plans = plans

    def received(self, context: RequestContext) -> Writing:
        """The form that was sent; its attachments are kept with this."""
        form = entered(context)
        draft_id = context.form.get("draft", "")
        revision = number_of(context, "over" if "over" in context.form else "revision")
        if not is_draft_id(draft_id):
            draft_id, revision = new_draft_id(now()), 0
        writing = Writing(draft_id, revision, form.fields, form.found, form.said)
        apart = context.form.get("apart", "")
        if is_draft_id(apart):
            writing = self.as_another(writing, apart)
        files = kept_files(writing.fields)
        files = [each for each in files if each.digest != context.form.get("remove")]
        added, found = _uploaded(context, files)
        for each in added:
            self._drafts.keep(writing.draft_id, each.content)
            size = len(each.content)
            files.append(KeptFile(each.name, each.content_type, size, each.digest))
        fields = with_files(writing.fields, files)
        return replace(writing, fields=fields, found=[*writing.found, *found])

    def as_another(self, writing: Writing, draft_id: str) -> Writing:
        """The same as a draft of its own, with its attachments."""
        for each in kept_files(writing.fields):
            content = self._drafts.file(writing.draft_id, each.digest)
            if content is not None:
                self._drafts.keep(draft_id, content)
        return replace(writing, draft_id=draft_id, revision=0, saved=None)

    def keep(self, writing: Writing, context: RequestContext) -> Writing | Conflict:
        """Saves it. The version that a template had when somebody looked is none of the draft's."""
        outcome = self._drafts.save(
            writing.draft_id,
            {**writing.fields, "template_version": ""},
            [each.digest for each in kept_files(writing.fields)],
            revision=writing.revision,
            by=context.actor,
            at=now(),
        )
        if isinstance(outcome, Conflict):
            return outcome
        return replace(writing, revision=outcome.revision, saved=outcome)

    def opened(self, draft_id: str) -> Writing:
        """A draft as it is kept.

        Raises:
            NotFoundError: there is none.
        """
        for _ in range(_TRIES):  # somebody may save it between the two reads
            row = self._drafts.row(draft_id) if is_draft_id(draft_id) else None
            if row is None:
                said = gettext("there is no such draft: it was sent, deleted, or never saved")
                raise NotFoundError(said)
            content = self._drafts.content(row)
            if content is not None:
                fields = FIELDS | {name: content.get(name, "") for name in FIELDS}
                return Writing(draft_id, row.revision, fields, saved=row)
        raise NotFoundError(gettext("what this draft said is not kept any more"))

    def kept_of_lapsed(self, context: RequestContext) -> Writing:
        """Saves what came of a session that has ended, beside what others saved meanwhile."""
        writing = self.received(context)
        kept = self.keep(writing, context)
        if isinstance(kept, Conflict):
            kept = self.keep(self.as_another(writing, new_draft_id(now())), context)
        if isinstance(kept, Conflict):
            raise ThrottledError("Contention", "a new draft is being saved by somebody else")
        return kept

    def taken(self, writing: Writing) -> Writing:
        """With the recipients of the earlier mailing that it names, if it names one."""
        if not writing.fields["same_as"]:
            return writing
        try:
            table, said = self._earlier(writing.fields["same_as"], writing.fields["same_who"])
        except InvalidInputError as error:
            found = Fault("same_as", f"{str(error)[:1].upper()}{str(error)[1:]}.")
            return replace(writing, found=[*writing.found, found])
        fields = {**writing.fields, "recipients": table.text, "same_as": "", "same_who": ""}
        return replace(writing, fields=fields, said=said)

    def _earlier(self, communication_id: str, who: str) -> tuple[EarlierRecipients, str]:
        """The recipients of an earlier mailing, and what is to be known of them.

        Raises:
            InvalidInputError: there are none, or more than a mailing may have.
        """
        known = None
        if is_communication_id(communication_id):
            known = queries.communication(communication_id)
        if known is None:
            raise InvalidInputError(gettext("there is no such mailing; choose one of the list"))
        audience, most = _audience(who), self._submission.max_recipients
        messages = recipients_of(communication_id, audience, most=most)
        if not messages:
            said = gettext("nobody: that mailing has none of those recipients now")
            raise InvalidInputError(said)
        table = table_of(messages, self._plans.find(communication_id))
        return table, _taken_in_words(table, known.definition.name, gettext(AUDIENCES[audience]))

    def checked(self, writing: Writing, context: RequestContext) -> Drafted:
        """The draft; where the form has faults, with those that sending the rest would have."""
        made = drafted(
            writing.fields,
            writing.found,
            most=self._submission.max_recipients,
            content_of=lambda file: self._drafts.file(writing.draft_id, file.digest),
        )
        if made.found:
            try:
                self._submission.preview(made.draft, request_of(context))
            except (InvalidInputError, NotFoundError) as error:
                return made.refused(error)
        return made


def request_of(context: RequestContext, idempotency_key: str | None = None) -> Request:
    """Who asks, and that it is now."""
    return Request(context.actor, now(), idempotency_key)


def number_of(context: RequestContext, name: str) -> int:
    """A number of the form; 0 if it is none."""
    given = context.form.get(name, "")
    return int(given) if given.isdecimal() and given.isascii() and len(given) < 10 else 0


def _audience(given: str) -> Audience:
    try:
        return Audience(given) if given else Audience.EVERYBODY
    except ValueError:
        said = gettext("%(given)s is none; there are %(all)s")
        said %= {"given": f"{given!r:.40}", "all": ", ".join(Audience)}
        raise InvalidInputError(said) from None


def _taken_in_words(table: EarlierRecipients, name: str, audience: str) -> str:
    """What is to be known of recipients who were taken from an earlier mailing."""
    taken = gettext("%(count)s of “%(mailing)s”, %(audience)s, as of now.")
    said = [taken % {"count": table.count, "mailing": f"{name:.80}", "audience": audience}]
    if not table.is_kept:
        said += [
            gettext(
                "What was merged into their mail is not kept here; add a column for each field."
            )
        ]
    elif table.fields:
        fields = gettext("With the fields %(names)s as they were then.")
        said += [fields % {"names": ", ".join(table.fields)}]
    if table.left_out:
        left_out = gettext("Not in a table, and left out: %(names)s.")
        said += [left_out % {"names": ", ".join(table.left_out)}]
    return " ".join(said)


def _uploaded(
    context: RequestContext, kept: Sequence[KeptFile]
) -> tuple[list[Attachment], list[Fault]]:
    """The attachments that were sent and may be kept, and why others may not.

    Args:
        kept: those that are kept already.
    """
    digests, names = {each.digest for each in kept}, {each.name.casefold() for each in kept}
    total, count = sum(each.size for each in kept), len(kept)
    found: list[Fault] = []
    added: list[Attachment] = []
    for upload in context.uploads:
        if upload.field != _ATTACH:
            continue
        kind = upload.content_type or _TYPE_UNKNOWN
        each = Attachment(upload.name, kind, upload.content)
        if each.digest in digests and each.name.casefold() in names:
            continue  # the same form again
        problems = Problems()
        check_attachments([each], problems)
        said = [problem.message for problem in problems.told]
        if each.name.casefold() in names:
            said.append(gettext("there is an attachment of this name already; remove that first"))
        if count + 1 > MAX_ATTACHMENTS:
            most = gettext("at most %(most)s attachments are allowed")
            said.append(most % {"most": MAX_ATTACHMENTS})
        if total + len(each.content) > MAX_TOTAL_BYTES and not said:
            size, most_size = size_label(total + len(each.content)), size_label(MAX_TOTAL_BYTES)
            together = gettext("%(size)s together; at most %(most)s are allowed")
            said.append(together % {"size": size, "most": most_size})
        if said:
            faults = {"name": f"{each.name:.80}", "why": "; ".join(said).rstrip(".")}
            not_added = gettext("“%(name)s” was not added: %(why)s.") % faults
            found.append(Fault("attachments", not_added))
            continue
        added.append(each)
        digests.add(each.digest)
        names.add(each.name.casefold())
        total, count = total + len(each.content), count + 1
    return added, found
