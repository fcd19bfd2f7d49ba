"""The store of drafts: what staff are writing, kept until it is sent or deleted, or for 90 days.

A draft is a row of the table Communications, by which it is listed and which has its revision; what
was written is an object in the plans bucket, since it may be longer than a row, and so is each of
its files. The row is written last: whatever fails before, it leads to content that is whole.

All drafts are in one partition: they are few, and a page of them is one request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

from sendtrail.auth.audit import Audit, StaffAction
from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.aws.s3 import Bucket
from sendtrail.domain.actors import Actor
from sendtrail.domain.ids import is_message_id, new_message_id
from sendtrail.domain.times import Timestamp, epoch_ms
from sendtrail.errors import AwsError, ConditionFailedError, ThrottledError
from sendtrail.projections.items import DRAFTS_ID

__all__ = [
    "KEPT_DAYS",
    "PREFIX",
    "Conflict",
    "DraftPage",
    "DraftRow",
    "DraftStore",
    "is_draft_id",
    "new_draft_id",
]

PREFIX: Final = "drafts/"
"""What the keys of drafts begin with."""
KEPT_DAYS: Final = 90
"""For how many days a draft is kept after it was saved last."""
_KEPT_SECONDS: Final = int(timedelta(days=KEPT_DAYS).total_seconds())
_TRIES: Final = 5
_AT_ONCE: Final = 25
_MAX_SAVERS: Final = 20
_MAX_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class DraftRow:
    """A draft without its content.

    Attributes:
        revision: 1 when it was saved first, and one more each time.
        at, by: when it was saved last, and by whom, as an `Actor`'s text.
        digest: of its content.
        files: the digests of its files.
        savers: whoever saved it lately, as ``<kind>:<id>`` → the last revision that was theirs.
        names: the same → their text as an `Actor`.
    """

    draft_id: str
    name: str
    revision: int
    at: Timestamp
    by: str
    digest: str
    files: Sequence[str] = ()
    savers: Mapping[str, int] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why a draft was not saved: it is not what it was when they began.

    Attributes:
        row: as it is now; None if it was sent or deleted meanwhile.
        by: who else saved it, as an `Actor`'s text.
    """

    row: DraftRow | None
    by: str | None = None


class DraftPage(NamedTuple):
    """Drafts, those begun last first, and the place to go on from; None at the end."""

    rows: list[DraftRow]
    place: str | None


class DraftStore:
    """Keeps drafts under optimistic locking."""

    def __init__(self, db: DynamoDB, table: str, bucket: Bucket, audit: Audit) -> None:
        """Keeps rows in `table`, content in `bucket`; tells `audit` what was saved or deleted."""
        self._db = db
        self._table = table
        self._bucket = bucket
        self._audit = audit

    def page(self, place: str | None, limit: int) -> DraftPage:
        """A page of the list, in one request."""
        start = {"communication_id": DRAFTS_ID, "part": place} if place else None
        items, last = self._db.query(
            self._table,
            ("communication_id", DRAFTS_ID),
            start=start,
            limit=limit,
            newest_first=True,
        )
        return DraftPage([_from_item(item) for item in items], last["part"] if last else None)

    def row(self, draft_id: str) -> DraftRow | None:
        """A draft without its content; None if there is none."""
        found = self._db.get_all(self._table, [_key(draft_id)])
        return _from_item(found[0]) if found else None

    def content(self, row: DraftRow) -> dict[str, str] | None:
        """The fields of a draft; None if another revision has taken their place.

        Raises:
            AwsError: they cannot be read.
        """
        found = self._get(_content_key(row))
        if found is None:
            return None
        content: dict[str, str] = json.loads(found)
        return content

    def save(
        self,
        draft_id: str,
        fields: Mapping[str, str],
        files: Sequence[str],
        *,
        revision: int,
        by: Actor,
        at: Timestamp,
    ) -> DraftRow | Conflict:
        """Saves a draft, unless somebody else did since `revision`; what is saved already is not
        written again.

        Args:
            fields: what was written, ``name`` among it.
            files: the digests of its files, which are kept already (`keep`).
            revision: that the writer has seen; 0 for a new draft. What they saved themselves since
                then, in another window or before they went back, they may save over.

        Raises:
            ThrottledError: it changed at each of 5 attempts.
            AwsError: it may not have been saved.
        """
        content = _written(fields)
        who = f"{by.kind}:{by.id}"
        for _ in range(_TRIES):
            row = self.row(draft_id)
            if row is None and revision:
                return Conflict(None)
            digest = _digest_of(content)
            if row and row.digest == digest:
                return row
            others = {
                saver: saved
                for saver, saved in (row.savers if row else {}).items()
                if saver != who and saved > revision
            }
            if row and others:
                latest = max(others, key=lambda saver: others[saver])
                return Conflict(row, row.names.get(latest, latest))
            made = _next(row, draft_id, fields, files, digest, who, by, at)
            with suppress(ConditionFailedError):  # the same content, by a request beside this one
                self._bucket.put(_content_key(made), content, "application/json")
            try:
                self._put(made, row)
            except ConditionFailedError:
                continue
            self._audit(by, StaffAction.SAVE_DRAFT, draft_id)
            if row:
                gone = [_file_key(draft_id, each) for each in row.files if each not in files]
                self._forget([_content_key(row), *gone])
            return made
        raise ThrottledError("Contention", f"draft {draft_id} keeps changing")

    def keep(self, draft_id: str, content: bytes) -> str:
        """Keeps a file of a draft; returns its digest.

        Raises:
            AwsError: it may not be kept.
        """
        digest = sha256(content).hexdigest()
        with suppress(ConditionFailedError):
            self._bucket.put(_file_key(draft_id, digest), content, "application/octet-stream")
        return digest

    def file(self, draft_id: str, digest: str) -> bytes | None:
        """A file of a draft; None if it is not kept any more.

        Raises:
            AwsError: it cannot be read.
        """
        return self._get(_file_key(draft_id, digest))

    def delete(self, draft_id: str, by: Actor) -> None:
        """Deletes a draft and its files, if it is there.

        Raises:
            AwsError: it may not be deleted.
        """
        row = self.row(draft_id)
        if row is None or not self._take_away(row):
            return
        self._audit(by, StaffAction.DELETE_DRAFT, draft_id)
        self._forget([_content_key(row), *(_file_key(draft_id, each) for each in row.files)])

    def finish(self, draft_id: str, revision: int) -> None:
        """Takes a draft away that was sent, unless it was saved again since `revision`.

        Its files stay for a while: who sends the same form again is sent to the same mailing.

        Raises:
            AwsError: it may still be there.
        """
        row = self.row(draft_id)
        if row and row.revision == revision and self._take_away(row):
            self._forget([_content_key(row)])

    def rewrite_all(self, rewritten: Callable[[str], str]) -> int:
        """Rewrites the fields of all drafts; whoever is at one is told that it has changed.

        Args:
            rewritten: from the text of a field to what it is to be.

        Returns:
            how many were rewritten. One that is saved meanwhile is not.

        Raises:
            AwsError: some may have been rewritten; it may be repeated.
        """
        count, place = 0, None
        while True:
            page = self.page(place, _AT_ONCE)
            count += sum(self._rewrite(row, rewritten) for row in page.rows)
            place = page.place
            if place is None:
                return count

    def _rewrite(self, row: DraftRow, rewritten: Callable[[str], str]) -> bool:
        fields = self.content(row)
        if fields is None:
            return False
        changed = {name: rewritten(value) for name, value in fields.items()}
        if changed == fields and rewritten(row.name) == row.name:
            return False
        content = _written(changed)
        made = replace(
            row,
            name=changed.get("name", "")[:_MAX_NAME],
            revision=row.revision + 1,
            digest=_digest_of(content),
        )
        with suppress(ConditionFailedError):
            self._bucket.put(_content_key(made), content, "application/json")
        with suppress(ConditionFailedError):
            self._put(made, row)
            self._bucket.delete(_content_key(row))
        return True

    def _take_away(self, row: DraftRow) -> bool:
        try:
            self._db.delete(
                self._table,
                _key(row.draft_id),
                condition="#revision = :read",
                names={"#revision": "revision"},
                values={":read": row.revision},
            )
        except ConditionFailedError:
            return False
        return True

    def _put(self, made: DraftRow, row: DraftRow | None) -> None:
        """Writes a row in another's place.

        Raises:
            ConditionFailedError: the other is not there, or was written since.
        """
        if row is None:
            self._db.put(
                self._table,
                _to_item(made),
                condition="attribute_not_exists(#part)",
                names={"#part": "part"},
            )
        else:
            self._db.put(
                self._table,
                _to_item(made),
                condition="#revision = :read",
                names={"#revision": "revision"},
                values={":read": row.revision},
            )

    def _get(self, key: str) -> bytes | None:
        try:
            return self._bucket.get(key)
        except AwsError as error:
            if error.code == "NoSuchKey":
                return None
            raise

    def _forget(self, keys: Sequence[str]) -> None:
        """Deletes objects. What fails is left to the bucket's lifecycle."""
        for key in keys:
            with suppress(AwsError):
                self._bucket.delete(key)


def new_draft_id(at: Timestamp) -> str:
    """An id for a draft that is begun at that time: a ULID."""
    return new_message_id(at)


def is_draft_id(value: object) -> bool:
    """Whether `value` can be a draft's id."""
    return is_message_id(value)


def _written(fields: Mapping[str, str]) -> bytes:
    return json.dumps(dict(fields), sort_keys=True, separators=(",", ":")).encode()


def _digest_of(content: bytes) -> str:
    return sha256(content).hexdigest()[:32]


def _next(
    row: DraftRow | None,
    draft_id: str,
    fields: Mapping[str, str],
    files: Sequence[str],
    digest: str,
    who: str,
    by: Actor,
    at: Timestamp,
) -> DraftRow:
    """The row that follows on another, or begins a draft."""
    revision = row.revision + 1 if row else 1
    savers = {**(row.savers if row else {}), who: revision}
    newest = sorted(savers, key=lambda saver: savers[saver])[-_MAX_SAVERS:]
    names = {**(row.names if row else {}), who: by.text}
    return DraftRow(
        draft_id=draft_id,
        name=fields.get("name", "")[:_MAX_NAME],
        revision=revision,
        at=at,
        by=by.text,
        digest=digest,
        files=tuple(files),
        savers={saver: savers[saver] for saver in newest},
        names={saver: names[saver] for saver in newest},
    )


def _key(draft_id: str) -> dict[str, Any]:
    return {"communication_id": DRAFTS_ID, "part": draft_id}


def _content_key(row: DraftRow) -> str:
    return f"{PREFIX}{row.draft_id}/{row.revision}-{row.digest}.json"


def _file_key(draft_id: str, digest: str) -> str:
    return f"{PREFIX}{draft_id}/files/{digest}"


def _to_item(row: DraftRow) -> dict[str, Any]:
    return {
        **_key(row.draft_id),
        "name": row.name,
        "revision": row.revision,
        "at": row.at,
        "by": row.by,
        "digest": row.digest,
        "files": list(row.files),
        "savers": dict(row.savers),
        "names": dict(row.names),
        "expires_at": epoch_ms(row.at) // 1000 + _KEPT_SECONDS,
    }


def _from_item(item: Mapping[str, Any]) -> DraftRow:
    return DraftRow(
        draft_id=item["part"],
        name=item["name"],
        revision=int(item["revision"]),
        at=item["at"],
        by=item["by"],
        digest=item["digest"],
        files=tuple(item["files"]),
        savers=item["savers"],
        names=item["names"],
    )
