"""Preferences: a reader's own choice whether to get communications."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum

from sendtrail.aws.dynamodb import DynamoDB
from sendtrail.domain.events import Event, EventType, Recipient
from sendtrail.errors import AwsError
from sendtrail.services.fold_participants import FoldParticipants
from sendtrail.services.keeping import Keeper, Kept
from sendtrail.services.tracking import Hit
from sendtrail.storage.items import PROFILE, participant_from_item

__all__ = ["By", "Preferences"]


class By(StrEnum):
    """How a choice was made."""

    ONE_CLICK = "one-click"
    """By the button that a mail program shows (RFC 8058)."""
    PAGE = "page"


class Preferences:
    """Reads and records choices."""

    def __init__(
        self, db: DynamoDB, participants: str, keeper: Keeper, fold: FoldParticipants
    ) -> None:
        self._db = db
        self._participants = participants
        self._keeper = keeper
        self._fold = fold

    def subscribed(self, recipient: Recipient) -> bool | None:
        """Whether the reader gets communications; None if that cannot be read just now."""
        key = {"participant_id": recipient.participant_id, "part": PROFILE}
        try:
            item = self._db.get(self._participants, key)
        except AwsError:
            return None
        return participant_from_item(item).subscribed if item else True

    def choose(self, recipient: Recipient, hit: Hit, *, subscribed: bool, by: By) -> Kept:
        """Keeps a choice, whatever happens; and folds it at once, if that is possible."""
        detail = {"subscribed": subscribed, "by": by.value}
        event = Event.of_request(EventType.SUBSCRIPTION, recipient, hit.at, hit.request_id, detail)
        kept = self._keeper.keep(event)
        if kept is Kept.LOG:
            with suppress(AwsError):  # the stream brings it in any case
                self._fold.take([event])
        return kept
