"""The store of templates: immutable versions, one item each, and lists of them.

Beside its versions a template has a row of version 0, which sums up the newest. The index
``by_list`` lists those rows by their ids, and each template's versions by their numbers, without
their sources: so a page of a list costs the same however large templates are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sendtrail.auth.audit import Audit, StaffAction
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.actors import Actor
from sendtrail.domain.times import Timestamp
from sendtrail.errors import ConditionFailedError, ThrottledError
from sendtrail.mail.templates import Body
from sendtrail.projections.items import TEMPLATES_ID

__all__ = [
    "PutBackVersion",
    "Saved",
    "Saving",
    "Summaries",
    "TemplateStore",
    "TemplateSummary",
    "TemplateVersion",
]

_TRIES: Final = 5
_MAX_NAMED: Final = 500
"""How many ids are read at once."""
_SUMMARY: Final = 0
"""The number of the row that is no version."""
_INDEX: Final = "by_list"


@dataclass(frozen=True, slots=True)
class TemplateSummary:
    """A version of a template without its sources.

    Attributes:
        fields: the merge fields that each recipient's data must have, sorted.
        by: who saved it, as an `Actor`'s text; None in versions that do not say.
        description: what it is for, in its authors' words; None in versions that do not say.
    """

    template_id: str
    version: int
    subject: str
    fields: tuple[str, ...]
    created_at: Timestamp
    by: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class TemplateVersion:
    """One version of a template; subject, html and text are sources in Liquid.

    Attributes:
        fields, by, description: as of `TemplateSummary`.
    """

    template_id: str
    version: int
    subject: str
    html: str | None
    text: str | None
    fields: tuple[str, ...]
    created_at: Timestamp
    by: str | None = None
    description: str | None = None

    @property
    def body(self) -> Body:
        """Its sources."""
        return Body(self.subject, self.html, self.text)


class Summaries(NamedTuple):
    """A page of a list, and where the next one begins; None at the end."""

    items: list[TemplateSummary]
    place: Any


class Saving(StrEnum):
    """What came of saving what somebody had made of a version."""

    SAVED = "saved"
    UNCHANGED = "unchanged"
    """The newest version says the same: no other was made."""
    OVERTAKEN = "overtaken"
    """Another version was saved meanwhile: nothing was."""


class Saved(NamedTuple):
    """What came of saving, and the version that is now the newest; None if there is none."""

    what: Saving
    newest: TemplateVersion | None


class PutBackVersion(StrEnum):
    """What came of a version in a copy that was to be put back."""

    VERSIONS = "versions"
    THERE = "there already"
    DIFFERENT = "there already, but with another content"
    UNREADABLE = "unreadable"


class TemplateStore:
    """Reads and adds versions of templates."""

    def __init__(self, db: DynamoDB, table: str, audit: Audit | None = None) -> None:
        """Writes to `table`, and tells `audit`, if there is one, of each version that was added."""
        self._db = db
        self._table = table
        self._audit = audit

    def get(self, template_id: str, version: int | None = None) -> TemplateVersion | None:
        """A version of a template, by default the newest; None if there is none."""
        if version is not None:
            if version <= _SUMMARY:
                return None
            item = self._db.get(self._table, {"template_id": template_id, "version": version})
            return _from_item(item) if item else None
        items, _ = self._db.query(
            self._table, ("template_id", template_id), limit=1, newest_first=True
        )
        return _from_item(items[0]) if items and items[0]["version"] > _SUMMARY else None

    def names(self) -> list[str]:
        """The ids of the first 500 templates, sorted; one request."""
        return [each.template_id for each in self.newest(limit=_MAX_NAMED).items]

    def newest(self, *, limit: int, begins: str = "", place: Any = None) -> Summaries:
        """The newest version of each template, in order of their ids; one request, which sees what
        was saved a moment later.

        Args:
            begins: with what the ids begin.
            place: where the page begins, as another says; None for the first.
        """
        start = _list_keys(place, _SUMMARY, TEMPLATES_ID, place) if place else None
        return self._listed(TEMPLATES_ID, limit, start, begins=begins)

    def versions(self, template_id: str, *, limit: int, place: Any = None) -> Summaries:
        """The versions of a template, newest first; one request, as `newest`."""
        start = _list_keys(template_id, place, template_id, _padded(place)) if place else None
        return self._listed(template_id, limit, start, newest_first=True)

    def _listed(
        self,
        list_name: str,
        limit: int,
        start: Mapping[str, Any] | None,
        *,
        begins: str = "",
        newest_first: bool = False,
    ) -> Summaries:
        items, last = self._db.query(
            self._table,
            ("listed_in", list_name),
            index=_INDEX,
            begins=("listed_as", begins) if begins else None,
            start=dict(start) if start else None,
            limit=limit + 1,  # one more than wanted, so that the last page is known to be the last
            newest_first=newest_first,
        )
        found = [_summary(item) for item in items[:limit]]
        more = found and (len(items) > limit or last is not None)
        of_templates = list_name == TEMPLATES_ID
        key = (found[-1].template_id if of_templates else found[-1].version) if more else None
        return Summaries(found, key)

    def add(
        self,
        template_id: str,
        body: Body,
        *,
        fields: Iterable[str],
        at: Timestamp,
        by: Actor,
        description: str | None = None,
    ) -> TemplateVersion:
        """Adds the next version, under optimistic locking.

        Raises:
            ThrottledError: another version was added concurrently at each of 5 attempts.
        """
        fields = tuple(sorted(fields))
        for _ in range(_TRIES):
            newest = self.get(template_id)
            number = newest.version if newest else 0
            made = _version(template_id, number + 1, body, fields, at, by, description)
            if self._add(made, by):
                return made
        raise ThrottledError("Contention", f"template {template_id} keeps changing")

    def add_after(
        self,
        template_id: str,
        version: int,
        body: Body,
        *,
        fields: Iterable[str],
        at: Timestamp,
        by: Actor,
        description: str | None = None,
    ) -> Saved:
        """Adds the version that follows one which somebody has read, if none has yet.

        Saving the same again is done already, whoever did it: so a second click makes no version.

        Args:
            version: the number of that one; 0 for a template that is new.
        """
        made = _version(template_id, version + 1, body, tuple(sorted(fields)), at, by, description)
        newest = self.get(template_id)
        if (newest.version if newest else 0) == version and not _same(newest, made):
            if self._add(made, by):
                return Saved(Saving.SAVED, made)
            newest = self.get(template_id)
        if newest is None or not _same(newest, made):
            return Saved(Saving.OVERTAKEN, newest)
        self._list(newest)
        return Saved(Saving.UNCHANGED, newest)

    def _add(self, made: TemplateVersion, by: Actor) -> bool:
        """Writes a version and tells of it; False if there is one of that number."""
        try:
            self._put(made)
        except ConditionFailedError:
            return False
        self._list(made)
        if self._audit:
            self._audit(by, StaffAction.SAVE_TEMPLATE, made.template_id)
        return True

    def put_back(self, items: Iterable[Mapping[str, Any]]) -> Counter[PutBackVersion]:
        """Puts versions of a copy back that are not there; idempotent. One that is there stays.

        Args:
            items: of the copy; the rows that sum up a template among them, which are made anew.

        Returns:
            how many came to what.

        Raises:
            AwsError: some may have been put back; all of it may be repeated.
        """
        found: Counter[PutBackVersion] = Counter()
        newest: dict[str, TemplateVersion] = {}
        for item in items:
            if item["version"] == _SUMMARY:
                continue
            try:
                version = _from_item(item)
            except (KeyError, ValueError, TypeError):
                found[PutBackVersion.UNREADABLE] += 1
                continue
            known = newest.setdefault(version.template_id, version)
            if version.version > known.version:
                newest[version.template_id] = version
            found[self._put_back(version)] += 1
        for version in newest.values():
            self._list(version)
        return found

    def _put_back(self, version: TemplateVersion) -> PutBackVersion:
        try:
            self._put(version)
        except ConditionFailedError:
            same = self.get(version.template_id, version.version) == version
            return PutBackVersion.THERE if same else PutBackVersion.DIFFERENT
        return PutBackVersion.VERSIONS

    def _put(self, version: TemplateVersion) -> None:
        """Writes a version.

        Raises:
            ConditionFailedError: there is one of that number.
        """
        self._db.put(
            self._table,
            _to_item(version),
            condition="attribute_not_exists(#key)",
            names={"#key": "template_id"},
        )

    def _list(self, version: TemplateVersion) -> None:
        """Sums a template up by this version, unless a newer one does already.

        This follows the write of the version, so that every listed template exists; what a failure
        leaves out comes with the next version, or when the same is saved again.
        """
        summary = _to_item(version) | {
            "version": _SUMMARY,
            "newest": version.version,
            "listed_in": TEMPLATES_ID,
            "listed_as": version.template_id,
        }
        try:
            self._db.put(
                self._table,
                {name: value for name, value in summary.items() if name not in ("html", "text")},
                condition="attribute_not_exists(#newest) OR #newest < :newest",
                names={"#newest": "newest"},
                values={":newest": version.version},
            )
        except ConditionFailedError:
            return


def _to_item(template: TemplateVersion) -> dict[str, Any]:
    item: dict[str, Any] = {
        "template_id": template.template_id,
        "version": template.version,
        "subject": template.subject,
        "fields": list(template.fields),
        "created_at": template.created_at,
        "listed_in": template.template_id,
        "listed_as": _padded(template.version),
    }
    parts = {"html": template.html, "text": template.text}
    parts |= {"by": template.by, "description": template.description}
    return item | {name: value for name, value in parts.items() if value is not None}


def _from_item(item: Mapping[str, Any]) -> TemplateVersion:
    return TemplateVersion(
        template_id=item["template_id"],
        version=int(item["version"]),
        subject=item["subject"],
        html=item.get("html"),
        text=item.get("text"),
        fields=tuple(item["fields"]),
        created_at=item["created_at"],
        by=item.get("by"),
        description=item.get("description"),
    )


def _summary(item: Mapping[str, Any]) -> TemplateSummary:
    """The version that a row of the index is about."""
    return TemplateSummary(
        template_id=item["template_id"],
        version=int(item.get("newest") or item["version"]),
        subject=item["subject"],
        fields=tuple(item["fields"]),
        created_at=item["created_at"],
        by=item.get("by"),
        description=item.get("description"),
    )


def _version(
    template_id: str,
    number: int,
    body: Body,
    fields: tuple[str, ...],
    at: Timestamp,
    by: Actor,
    description: str | None,
) -> TemplateVersion:
    return TemplateVersion(
        template_id,
        number,
        *(body.subject, body.html or None, body.text or None),
        fields,
        at,
        by.text,
        description or None,
    )


def _same(one: TemplateVersion | None, other: TemplateVersion) -> bool:
    """Whether two versions say the same, whoever saved them and when."""
    return one is not None and (one.body, one.description) == (other.body, other.description)


def _padded(number: int) -> str:
    """A number in an order of texts."""
    return f"{number:012}"


def _list_keys(template_id: str, version: int, list_name: str, name: str) -> dict[str, Any]:
    return {
        "template_id": template_id,
        "version": version,
        "listed_in": list_name,
        "listed_as": name,
    }
