"""The store of templates: immutable versions, one item each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.times import Timestamp
from sendtrail.errors import ConditionFailedError, ThrottledError
from sendtrail.projections.items import TEMPLATES_ID

__all__ = ["TemplateVersion", "TemplateStore"]

_TRIES: Final = 5
_NAMES_KEY: Final = {"template_id": TEMPLATES_ID, "version": 0}
_MAX_NAMED: Final = 500
"""That many ids, of at most 128 bytes, are well within an item's 400 KB."""


@dataclass(frozen=True, slots=True)
class TemplateVersion:
    """One version of a template; subject, html and text are sources in Liquid.

    Attributes:
        fields: the merge fields that each recipient's data must have, sorted.
    """

    template_id: str
    version: int
    subject: str
    html: str | None
    text: str | None
    fields: tuple[str, ...]
    created_at: Timestamp


class TemplateStore:
    """Reads and adds versions of templates."""

    def __init__(self, db: DynamoDB, table: str) -> None:
        self._db = db
        self._table = table

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
    ) -> TemplateVersion:
        """Adds the next version, under optimistic locking.

        Raises:
            ThrottledError: another version was added concurrently at each of 5 attempts.
        """
        for _ in range(_TRIES):
            newest = self.get(template_id)
            number = newest.version + 1 if newest else 1
            made = TemplateVersion(
                template_id, number, subject, html, text, tuple(sorted(fields)), at
            )
            try:
                self._db.put(
                    self._table,
                    _to_item(made),
                    condition="attribute_not_exists(#key)",
                    names={"#key": "template_id"},
                )
            except ConditionFailedError:
                continue
            self._name(template_id)
            return made
        raise ThrottledError("Contention", f"template {template_id} keeps changing")

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
    parts = {"html": template.html, "text": template.text}
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
    )
