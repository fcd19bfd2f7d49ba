"""The store of attachments in S3: beside the plans, each content once, under its digest.

A plan expires so many days after it was written, and the bucket counts an object's days from when
it was written last; so what a plan needs is written anew with the plan, and expires no earlier.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from sendtrail.aws.s3 import Bucket
from sendtrail.domain.plan import PlannedAttachment
from sendtrail.mail.attachments import Attachment
from sendtrail.sending.plan_store import ATTACHMENTS

__all__ = ["AttachmentStore"]

_MAX_KEPT: Final = 10
"""As many as a mail may have: jobs of one plan come one after another."""


class AttachmentStore:
    """Reads and writes the contents of attachments; caches the last few that were read."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._content = lru_cache(maxsize=_MAX_KEPT)(self._get)

    def put(self, attachments: Iterable[Attachment]) -> None:
        """Stores the contents of attachments; idempotent.

        Raises:
            AwsError: some may not have been stored.
        """
        for digest, content in {each.digest: each.content for each in attachments}.items():
            self._bucket.put(_key(digest), content, "application/octet-stream", replace=True)

    def get(self, planned: Sequence[PlannedAttachment]) -> list[Attachment]:
        """The attachments that a plan names, with their content.

        Raises:
            AwsError: with the code ``NoSuchKey``, one is not kept; with another, it cannot be read.
        """
        return [
            Attachment(each.name, each.content_type, self._content(each.digest)) for each in planned
        ]

    def _get(self, digest: str) -> bytes:
        return self._bucket.get(_key(digest))


def _key(digest: str) -> str:
    return f"{ATTACHMENTS}{digest}"
