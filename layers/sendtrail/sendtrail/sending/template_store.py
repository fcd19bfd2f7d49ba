"""The store of templates: immutable versions, one item each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sendtrail.auth.audit import Audit, StaffAction
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.actors import Actor
from sendtrail.domain.times import Timestamp
from sendtrail.errors import ConditionFailedError, ThrottledError
from sendtrail.projections.items import TEMPLATES_ID

__all__ = ["PutBackVersion", "TemplateVersion", "TemplateStore"]

_TRIES: Final = 5
_NAMES_KEY: Final = {"template_id": TEMPLATES_ID, "version": 0}
_MAX_NAMED: Final = 500
"""That many ids, of at most 128 bytes, are well within an item's 400 KB."""


@dataclass(frozen=True, slots=True)
class TemplateVersion:
    """One version of a template; subject, html and text are sources in Liquid.

    Attributes:
        fields: the merge fields that each recipient's data must have, sorted.
        by: who saved it, as an `Actor`'s text; None in versions that do not say.
    """

    template_id: str
    version: int
    subject: str
    html: str | None
    text: str | None
    fields: tuple[str, ...]
    created_at: Timestamp
    by: str | None = None


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
            item = self._db.get(self._table, {"template_id": template_id, "version": version})
            return _from_item(item) if item else None
        items, _ = self._db.query(
            self._table, ("template_id", template_id), limit=1, newest_first=True
        )
        return _from_item(items[0]) if items else None

    def names(self) -> list[str]:
        """The ids of the templates, sorted; one read, however many versions there are.

        Only the first 500 templates that were added are listed.
        """
        item = self._db.get(self._table, _NAMES_KEY)
        return sorted(item["names"]) if item else []

    def add(
        self,
        template_id: str,
        *,
        subject: str,
        html: str | None,
        text: str | None,
        fields: Iterable[str],
        at: Timestamp,
        by: Actor,
    ) -> TemplateVersion:
        """Adds the next version, under optimistic locking.

        Raises:
            ThrottledError: another version was added concurrently at each of 5 attempts.
        """
        for _ in range(_TRIES):
            newest = self.get(template_id)
            number = newest.version + 1 if newest else 1
            made = TemplateVersion(
                template_id, number, subject, html, text, tuple(sorted(fields)), at, by.text
            )
            try:
                self._put(made)
            except ConditionFailedError:
                continue
            self._name(template_id)
            if self._audit:
                self._audit(by, StaffAction.SAVE_TEMPLATE, template_id)
            return made
        raise ThrottledError("Contention", f"template {template_id} keeps changing")

    def put_back(self, items: Iterable[Mapping[str, Any]]) -> Counter[PutBackVersion]:
        """Puts versions of a copy back that are not there; idempotent. One that is there stays.

        Args:
            items: of the copy; its list of names among them, which is made anew.

        Returns:
            how many came to what.

        Raises:
            AwsError: some may have been put back; all of it may be repeated.
        """
        found: Counter[PutBackVersion] = Counter()
        names: set[str] = set()
        for item in items:
            if item["template_id"] == TEMPLATES_ID:
                continue
            try:
                version = _from_item(item)
            except (KeyError, ValueError, TypeError):
                found[PutBackVersion.UNREADABLE] += 1
                continue
            names.add(version.template_id)
            found[self._put_back(version)] += 1
        for name in sorted(names):
            self._name(name)
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

    def _name(self, template_id: str) -> None:
        """Adds the id to the list of names, unless it is there or the list is full.

        This follows the write of the version, so that every listed template exists, and is done for
        each version, so that an id that was left out by a failure is added with the next.
        """
        names = self.names()
        if template_id in names or len(names) >= _MAX_NAMED:
            return
        self._db.update(
            self._table,
            _NAMES_KEY,
            update="ADD #names :name",
            names={"#names": "names"},
            values={":name": {template_id}},
        )


def _to_item(template: TemplateVersion) -> dict[str, Any]:
    item: dict[str, Any] = {
        "template_id": template.template_id,
        "version": template.version,
        "subject": template.subject,
        "fields": list(template.fields),
        "created_at": template.created_at,
    }
    parts = {"html": template.html, "text": template.text, "by": template.by}
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
    )
