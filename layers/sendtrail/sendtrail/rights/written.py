"""What was written to people and of them, in the bucket of plans: plans, their files, and
drafts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sendtrail.aws.s3 import Bucket
from sendtrail.domain.ids import normal_address
from sendtrail.domain.plan import Content, Plan, PlannedMessage
from sendtrail.domain.providers import provider_of
from sendtrail.errors import AwsError
from sendtrail.sending.draft_store import DraftStore
from sendtrail.sending.plan_store import ATTACHMENTS, PREFIX

__all__ = ["Keys", "RewrittenPlan", "WrittenContent", "keys_in"]

_JSON: Final = ".json"


Keys = Callable[[str, str], Iterator[str]]
"""The keys of a bucket that begin with a text, in order, after one of them."""


def keys_in(client: Any, bucket: str) -> Keys:
    """The keys in a bucket.

    Args:
        client: of S3, of boto3.
    """

    def keys(prefix: str, after: str) -> Iterator[str]:
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, StartAfter=after
        )
        yield from (each["Key"] for page in pages for each in page.get("Contents", ()))

    return keys


@dataclass(frozen=True, slots=True)
class RewrittenPlan:
    """A plan that was looked at.

    Attributes:
        message_ids: of its messages to the person.
        is_theirs: whether nobody else is written to by it.
        attachments: the digests of its files.
        copies: senders' copies whose subject was rendered for the person: participant and id.
    """

    changed: bool
    message_ids: frozenset[str]
    is_theirs: bool
    attachments: tuple[str, ...]
    copies: tuple[tuple[str, str], ...] = ()


class WrittenContent:
    """Rewrites plans and drafts."""

    def __init__(
        self,
        bucket: Bucket,
        drafts: DraftStore,
        keys: Keys,
    ) -> None:
        """Rewrites what is in `bucket`.

        Args:
            keys: the keys of the bucket that begin with a text, in order, after one of them.
        """
        self._bucket = bucket
        self._drafts = drafts
        self._keys = keys

    def plans(
        self, pseudonyms: Mapping[str, str], addresses: Collection[str], *, after: str
    ) -> Iterator[tuple[str, RewrittenPlan | None]]:
        """Goes through all plans; each key, and what was found of the person there.

        A plan expires so long after it was written last: who is in it has it kept for longer, and
        nothing of them in it.

        Args:
            pseudonyms: whose messages are rewritten → for whom they are then.
            addresses: normalised, to which nobody else is written.

        Raises:
            AwsError: some may have been rewritten; it may be repeated.
        """
        for key in self._keys(PREFIX, after):
            if key.startswith(ATTACHMENTS) or not key.endswith(_JSON):
                continue
            yield key, self._plan(key, pseudonyms, addresses)

    def _plan(
        self, key: str, pseudonyms: Mapping[str, str], addresses: Collection[str]
    ) -> RewrittenPlan | None:
        try:
            plan = Plan.from_json(json.loads(self._bucket.get(key)))
        except AwsError as error:
            if error.code == "NoSuchKey":  # it has just expired
                return None
            raise
        left = set(pseudonyms.values())

        def name_of(message: PlannedMessage) -> str | None:
            if message.participant_id in pseudonyms:
                return pseudonyms[message.participant_id]
            return min(left) if normal_address(message.address) in addresses else None

        def rewritten(message: PlannedMessage) -> PlannedMessage:
            name = name_of(message)
            return _blank(message, name) if name else message

        theirs = [
            each for each in plan.all_messages if name_of(each) or each.participant_id in left
        ]
        ids = frozenset(each.message_id for each in theirs)
        alone = len(theirs) == len(plan.all_messages)
        changed = replace(
            plan,
            messages=tuple(map(rewritten, plan.messages)),
            copies=tuple(map(rewritten, plan.copies)),
        )
        copies: tuple[tuple[str, str], ...] = ()
        if plan.messages and plan.messages[0].message_id in ids:
            # A copy has the merge data of the first recipient.
            copies = tuple((each.participant_id, each.message_id) for each in plan.copies)
            named = plan.name or ""
            changed = replace(
                changed,
                copies=tuple(replace(each, data={}, subject=named) for each in changed.copies),
            )
        if alone and plan.communication_id is None:
            changed = _emptied(changed)
        body, before = _body(changed), _body(plan)
        differs = body != before
        if differs:
            self._bucket.put(key, body, "application/json", replace=True)
        digests = tuple(each.digest for each in plan.attachments)
        return RewrittenPlan(differs, ids, alone, digests, copies)

    def delete_attachment(self, digest: str) -> None:
        """Deletes the content of a file."""
        self._bucket.delete(f"{ATTACHMENTS}{digest}")

    def drafts(self, words: Sequence[str]) -> int:
        """Takes from drafts the lines, and elsewhere the words, that name a person; returns from
        how many.

        Args:
            words: the person's id and addresses.
        """
        return self._drafts.rewrite_all(lambda text: _without(text, words))


def _blank(message: PlannedMessage, pseudonym: str) -> PlannedMessage:
    """A planned message in its place, to nobody."""
    return PlannedMessage(
        message_id=message.message_id,
        participant_id=pseudonym,
        address="",
        subject="",
        provider=message.provider or (provider_of(message.address) if message.address else None),
    )


def _emptied(plan: Plan) -> Plan:
    """A plan of nothing but messages to somebody who was erased. It stays, so that a request that
    is repeated meets it, and is not sent.
    """
    content = plan.content
    if content.template_id is None:
        content = Content(subject="", html=None, text="")
    return replace(
        plan,
        name=None,
        content=content,
        spam=replace(plan.spam, findings=()),
        attachments=tuple(replace(each, name="") for each in plan.attachments),
    )


def _body(plan: Plan) -> bytes:
    return json.dumps(plan.to_json(), separators=(",", ":")).encode()


def _without(text: str, words: Sequence[str]) -> str:
    """A text without the lines that have one of some words, in capitals or small letters; of a text
    of one line, without the words. What only begins or ends as a word does is another.
    """
    parts = sorted(map(re.escape, words), key=len, reverse=True)
    found = re.compile(rf"(?<![\w.+@-])(?:{'|'.join(parts)})(?![\w@-]|\.\w)", re.IGNORECASE)
    lines = text.split("\n")
    if len(lines) > 1:
        return "\n".join(line for line in lines if not found.search(line))
    return found.sub("", text)
